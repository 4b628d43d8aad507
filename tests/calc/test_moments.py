"""Exponentially weighted covariances: the same samples, the same bits, and nothing made of what is missing."""

import math
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc import linear
from bot.calc.moments import (
    SPAN_MAX,
    Accumulator,
    advance,
    begin,
    covariance,
    is_for,
    kept,
    log_return,
    moments,
    of_returns,
    seeded,
    unmeasured,
    weight,
)
from bot.domain.snapshot import Returns
from bot.domain.statistics import Matrix, Moments
from bot.domain.targets import StatisticsRule
from bot.domain.units import DAY_NS, HOUR_NS, Asset, Nanos

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
RULE = StatisticsRule()
START = 1_700_000 * HOUR_NS
LEFT = 0.5 ** (1 / 336)
"""What an hour leaves of a weight at the default half-life of 14 days."""

RETURN = st.floats(-0.2, 0.2).filter(lambda r: r == 0.0 or abs(r) > 1e-9)
SERIES = st.lists(st.tuples(RETURN, RETURN, RETURN), min_size=2, max_size=12)
GAPPY = st.lists(st.tuples(*(st.none() | RETURN for _ in range(3))), min_size=2, max_size=12)


def past(columns: Sequence[Sequence[float | None]], *, interval_ns: int = HOUR_NS, log: bool = True) -> Returns:
    """Returns of BTC, ETH and SOL, row by row."""
    series = {asset: tuple(row[i] for row in columns) for i, asset in enumerate((BTC, ETH, SOL)[: len(columns[0])])}
    return Returns(interval_ns=interval_ns, end_ns=Nanos(START), logarithmic=log, series=series)


def sampled(rows: Sequence[Sequence[float | None]], accumulator: Accumulator | None = None) -> Accumulator:
    """Mids sampled every hour; None is a mid that is missing."""
    accumulator = accumulator or begin(RULE)
    first = accumulator.at_ns + HOUR_NS if accumulator.at_ns else START
    for hour, row in enumerate(rows):
        mids = {asset: mid for asset, mid in zip((BTC, ETH, SOL), row, strict=False) if mid is not None}
        accumulator = advance(accumulator, mids, Nanos(first + hour * HOUR_NS))
    return accumulator


def prices(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    """The mids that have these log returns, from 100 on."""
    found = [[100.0] * len(rows[0])]
    for row in rows:
        found.append([mid * math.exp(r) for mid, r in zip(found[-1], row, strict=True)])
    return found


def assert_close(one: Matrix, other: Matrix) -> None:
    """Two matrices are the same but for rounding."""
    for row, there in zip(one, other, strict=True):
        for a, b in zip(row, there, strict=True):
            assert math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)


def expected(rows: Sequence[Sequence[float | None]], i: int, j: int, left: float) -> float:
    """The weighted mean of products, over the rows that have both, by its definition."""
    pairs = [(left ** (len(rows) - 1 - n), row[i], row[j]) for n, row in enumerate(rows)]
    both = [(w, a, b) for w, a, b in pairs if a is not None and b is not None]
    total = sum(w for w, _, _ in both)
    return sum(w * a * b for w, a, b in both) / total if both else 0.0


@given(SERIES)
def test_sampling_prices_and_reading_their_returns_agree(rows: list[tuple[float, float, float]]) -> None:
    """Statistics from live mids are those of the same returns read from candles."""
    live, read = moments(sampled(prices(rows))), moments(of_returns(past(rows), RULE))

    assert live.samples == read.samples == (len(rows),) * 3
    assert_close(live.covariance, read.covariance)
    assert_close(live.fast, read.fast)
    assert_close(live.slow, read.slow)
    assert_close(live.known, read.known)


@given(SERIES)
def test_moments_are_weighted_means_of_products(rows: list[tuple[float, float, float]]) -> None:
    """However short the history, the weights that went in add up to 1."""
    found = moments(of_returns(past(rows), RULE))

    for i in range(3):
        for j in range(3):
            assert math.isclose(expected(rows, i, j, LEFT), found.covariance[i][j], rel_tol=1e-9, abs_tol=1e-15)
            assert math.isclose(expected(rows, i, j, 0.5 ** (1 / 72)), found.fast[i][j], rel_tol=1e-9, abs_tol=1e-15)
            assert math.isclose(expected(rows, i, j, 0.5 ** (1 / 720)), found.slow[i][j], rel_tol=1e-9, abs_tol=1e-15)


@given(GAPPY)
def test_a_missing_return_is_left_out_and_never_zero(
    rows: list[tuple[float | None, float | None, float | None]],
) -> None:
    """Variances are means over the returns that were seen; a pair that was never seen together weighs nothing."""
    found = moments(of_returns(past(rows), RULE))

    for i in range(3):
        assert sum(row[i] is not None for row in rows) == found.samples[i]
        assert math.isclose(expected(rows, i, i, LEFT), found.covariance[i][i], rel_tol=1e-9, abs_tol=1e-15)
        for j in range(3):
            together = any(row[i] is not None and row[j] is not None for row in rows)
            assert together is (found.known[i][j] > 0.0)


@given(GAPPY)
def test_covariances_with_gaps_still_belong_together(
    rows: list[tuple[float | None, float | None, float | None]],
) -> None:
    """No portfolio has a negative variance, whatever is missing."""
    assert linear.is_semidefinite(moments(of_returns(past(rows), RULE)).covariance)


def test_contradicting_covariances_are_pulled_towards_none() -> None:
    """A = B and B = C while A = -C, each seen at other times, cannot all be: what is known least gives way."""
    up, down = 0.01, -0.01
    found = moments(of_returns(past([(up, up, None), (None, up, up), (up, None, down)] * 20), RULE))

    assert linear.is_semidefinite(found.covariance)
    assert math.isclose(1e-4, found.covariance[0][2] * -1, rel_tol=1e-9), "known best, by the newest returns"
    assert abs(found.covariance[0][1]) < 0.99e-4


def test_a_coin_that_is_hardly_known_does_not_spoil_the_others() -> None:
    """Three wild returns of a new coin change no covariance of the coins that are known well."""
    rows: list[tuple[float, float, float | None]] = [(0.01, 0.008, None), (-0.01, -0.012, None)] * 50
    without = moments(of_returns(past(rows), RULE))
    wild = moments(of_returns(past([*rows[:-2], (0.01, 0.008, 0.3), (-0.01, -0.012, -0.2)]), RULE))

    assert without.covariance[0][1] == wild.covariance[0][1]
    assert abs(wild.covariance[0][2]) <= math.sqrt(wild.covariance[0][0] * wild.covariance[2][2])


@given(SERIES, st.integers(1, 10))
def test_a_replay_from_a_checkpoint_gives_the_same_bits(rows: list[tuple[float, float, float]], at: int) -> None:
    """Stored as JSON between two samples and read back, the statistics go on as if nothing had been."""
    mids = prices(rows)
    straight = sampled(mids)
    stored = msgspec.json.encode(sampled(mids[:at]))
    resumed = sampled(mids[at:], msgspec.json.decode(stored, type=Accumulator))

    assert straight == resumed
    assert msgspec.json.encode(moments(straight)) == msgspec.json.encode(moments(resumed))


@given(SERIES)
def test_the_order_in_which_assets_are_named_does_not_matter(rows: list[tuple[float, float, float]]) -> None:
    """Statistics are by asset, to the bit."""
    returns = past(rows)
    turned = msgspec.structs.replace(returns, series=dict(reversed(returns.series.items())))

    assert of_returns(returns, RULE) == of_returns(turned, RULE)


def test_a_missing_mid_leaves_out_the_return_before_and_after() -> None:
    """ETH without a mid at one sample has no return to it and none from it; BTC goes on."""
    found = moments(sampled([(100, 10), (101, 11), (102, None), (103, 12), (104, 13)]))

    assert (4, 2) == found.samples
    assert math.isclose(
        (LEFT**3 * math.log(1.1) ** 2 + math.log(13 / 12) ** 2) / (LEFT**3 + 1), found.covariance[1][1], rel_tol=1e-9
    )


@pytest.mark.parametrize("mid", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_price_is_a_missing_mid(mid: float) -> None:
    """A zero, negative or broken mid makes no return."""
    assert sampled([(100, 10), (101, None), (102, 12)]) == sampled([(100, 10), (101, mid), (102, 12)])


def test_a_return_that_no_float_can_hold_is_missing() -> None:
    """A mid that jumps beyond every measure makes no return."""
    assert (1, 0) == moments(sampled([(100, 1e-300), (101, 1e300)])).samples


def test_a_gap_counts_as_one_return_of_its_length() -> None:
    """Four hours in which the price moved 2 % are an hourly variance of (2 %)^2 / 4, seen once."""
    one = advance(begin(RULE), {BTC: 100.0}, Nanos(START))
    gone = advance(one, {BTC: 102.0}, Nanos(START + 4 * HOUR_NS))
    found = moments(gone)

    assert (1,) == found.samples
    assert math.isclose(math.log(1.02) ** 2 / 4, found.covariance[0][0], rel_tol=1e-12)
    assert 1.0 == gone.weights[0][0][0]


def test_old_returns_fade_with_the_time_that_passed() -> None:
    """After a gap of a half-life the returns before it count half."""
    rule = StatisticsRule(half_life_ns=4 * HOUR_NS)
    first = advance(advance(begin(rule), {BTC: 100.0}, Nanos(START)), {BTC: 101.0}, Nanos(START + HOUR_NS))
    later = advance(first, {BTC: 101.0}, Nanos(START + 5 * HOUR_NS))

    assert math.isclose(1.5, later.weights[0][0][0])
    assert math.isclose(0.5 * math.log(1.01) ** 2, later.sums[0][0][0])


def test_a_gap_that_is_too_long_makes_no_return() -> None:
    """Mids a fortnight apart start anew: the coin's very unit may have changed between them."""
    one = advance(begin(RULE), {BTC: 100.0}, Nanos(START))
    far = Nanos(START + int(SPAN_MAX + 1) * HOUR_NS)

    assert (0,) == advance(one, {BTC: 10.0}, far).samples
    assert {BTC: 10.0} == advance(one, {BTC: 10.0}, far).mids


@pytest.mark.parametrize("offset_ns", [-HOUR_NS, 0, HOUR_NS // 3])
def test_a_sample_too_soon_or_from_the_past_changes_nothing(offset_ns: int) -> None:
    """The same sample twice counts once."""
    one = sampled([(100, 10), (101, 11)])

    assert one is advance(one, {BTC: 999.0}, Nanos(one.at_ns + offset_ns))


def test_a_new_asset_joins_and_a_forgotten_one_leaves() -> None:
    """A coin that is bought begins at nothing; one that is no longer named is dropped, the others stay as they are."""
    two = sampled([(100, 10), (101, 11)])
    three = sampled([(102, 12, 5.0), (103, 13, 6.0)], two)

    assert (3, 3, 1) == three.samples
    assert 0.0 < moments(three).known[2][2] <= 1.0
    assert three.sums[0][0] == kept(three, [BTC, SOL]).sums[0][0]
    assert (BTC, SOL) == kept(three, [BTC, SOL]).assets
    assert {BTC: 103, SOL: 6.0} == kept(three, [BTC, SOL]).mids


def test_simple_returns_are_made_logarithmic() -> None:
    """A rise of 10 % is a log return of log 1.1; a loss of everything is no return."""
    rows = [(0.1,), (-1.0,), (math.nan,), (0.05,)]
    found = moments(of_returns(past(rows, log=False), RULE))

    assert (2,) == found.samples
    assert math.isclose(math.log(1.1), log_return(0.1, logarithmic=False) or 0.0)
    assert log_return(-1.0, logarithmic=False) is None


def test_past_returns_of_another_interval_become_the_rules() -> None:
    """Returns over four hours have a quarter of their variance per hour, over a quarter of an hour four times."""
    long = of_returns(past([(0.02,), (-0.02,)], interval_ns=4 * HOUR_NS), RULE)
    short = of_returns(past([(0.005,), (-0.005,)] * 4, interval_ns=HOUR_NS // 4), RULE)

    assert math.isclose(0.0001, moments(long).covariance[0][0], rel_tol=1e-12)
    assert math.isclose(0.0001, moments(short).covariance[0][0], rel_tol=1e-12)
    assert HOUR_NS == moments(long).interval_ns
    assert math.isclose(2.0, moments(short).effective, rel_tol=1e-2), "eight quarters of an hour are worth two hours"


def test_a_short_series_lacks_the_oldest_returns() -> None:
    """A coin listed lately has its returns at the end of the window, and an empty history none at all."""
    returns = msgspec.structs.replace(past([(0.01,), (0.02,), (0.03,)]), series={BTC: (0.01, 0.02, 0.03), ETH: (0.05,)})
    found = moments(of_returns(returns, RULE))

    assert (3, 1) == found.samples
    assert math.isclose(0.05**2, found.covariance[1][1], rel_tol=1e-12)
    assert () == of_returns(msgspec.structs.replace(returns, series={}), RULE).assets


def test_a_history_beyond_ten_half_lives_is_left_out() -> None:
    """What weighs less than a thousandth is not worth reading."""
    rule = StatisticsRule(half_life_ns=DAY_NS, fast_half_life_ns=DAY_NS, slow_half_life_ns=DAY_NS)

    assert (240,) == of_returns(past([(0.01,)] * 500), rule).samples


@given(SERIES)
def test_statistics_that_know_nothing_begin_with_the_history(rows: list[tuple[float, float, float]]) -> None:
    """Seeded with past returns, they are those, and go on from there."""
    history = of_returns(past(rows), RULE)

    assert history == seeded(begin(RULE), history)
    assert history == seeded(history, begin(RULE))


def test_of_two_statistics_the_one_that_knows_more_is_kept_by_pair() -> None:
    """A history of a new coin adds it and leaves alone what is known better."""
    own = sampled([(100 + n, 10 + n) for n in range(5)])
    short = msgspec.structs.replace(past([(0.5, 0.5), (0.5, 0.5)]), end_ns=own.at_ns, series={BTC: (0.5,), SOL: (0.5,)})
    both = seeded(own, of_returns(short, RULE))

    assert (4, 4, 1) == both.samples
    assert moments(own).covariance[0][1] == moments(both).covariance[0][1]
    assert math.isclose(0.25, moments(both).covariance[2][2], rel_tol=1e-12)
    assert own.mids == both.mids


def test_no_return_counts_twice_after_a_history_that_ends_later() -> None:
    """The sample after it starts anew instead of spanning what the history has already."""
    own = sampled([(100,), (101,)])
    later = msgspec.structs.replace(past([(0.01,)] * 9), end_ns=Nanos(own.at_ns + HOUR_NS // 2))
    both = seeded(own, of_returns(later, RULE))

    assert {} == both.mids
    assert 9 == advance(both, {BTC: 102.0}, Nanos(own.at_ns + HOUR_NS)).samples[0]


def test_statistics_of_two_rules_are_not_mixed() -> None:
    """Other half-lives make other numbers."""
    other = StatisticsRule(half_life_ns=DAY_NS)

    assert is_for(begin(RULE), RULE)
    assert not is_for(begin(RULE), other)
    with pytest.raises(ValueError, match="one interval"):
        seeded(begin(RULE), begin(other))


def test_the_effective_number_of_returns_is_kishs() -> None:
    """(sum w)^2 / sum w^2: one return is one, a long history no more than (1 + r) / (1 - r)."""
    for count in (1, 10, 500):
        weights = [LEFT**n for n in range(count)]
        kish = sum(weights) ** 2 / sum(w * w for w in weights)
        assert math.isclose(kish, moments(of_returns(past([(0.01,)] * count), RULE)).effective, rel_tol=1e-9)
    assert 0.0 == moments(begin(RULE)).effective


def test_what_was_not_measured_is_named() -> None:
    """Too few returns, an asset nobody knows, or two that were never seen together."""
    found = moments(of_returns(past([(0.01, 0.02, None)] * 3 + [(None, None, 0.01)]), RULE))

    assert () == unmeasured(found, (BTC, ETH))
    assert (BTC, ETH) == unmeasured(found, (BTC, ETH), samples_min=4)
    assert (Asset("DOT"),) == unmeasured(found, (BTC, Asset("DOT")))
    assert (BTC, SOL) == unmeasured(found, (BTC, SOL))
    assert covariance(found, (BTC, SOL)) is None
    assert covariance(found, (ETH, BTC)) == linear.submatrix(found.covariance, (1, 0), (1, 0))


def test_moments_made_by_hand_are_known_as_their_samples_say() -> None:
    """Without a weight of each pair, it is the smaller of the samples and the effective number."""
    one = ((1.0, 0.5), (0.5, 1.0))
    by_hand = Moments(
        assets=(BTC, ETH), interval_ns=HOUR_NS, at_ns=Nanos(0), samples=(50, 9), effective=30.0,
        covariance=one, fast=one, slow=one,
    )  # fmt: skip

    assert 30.0 == weight(by_hand, BTC, BTC)
    assert 9.0 == weight(by_hand, BTC, ETH)
    assert 0.0 == weight(by_hand, BTC, SOL)
