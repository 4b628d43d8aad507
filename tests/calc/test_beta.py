"""Betas, how well they are known, and when they no longer hold."""

import csv
import gzip
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.beta import (
    LAGS_MAX,
    SPREAD_DEFAULT,
    beta,
    decoupling,
    dimson,
    overlapping,
    residual_volatility,
    shrunk,
    spread,
    volatility,
)
from bot.calc.moments import moments, of_returns
from bot.domain.snapshot import Returns
from bot.domain.statistics import Beta, Moments
from bot.domain.targets import StatisticsRule
from bot.domain.units import DAY_NS, HOUR_NS, Asset, Nanos

ALT, BTC = Asset("ALT"), Asset("BTC")
FLAT = StatisticsRule(half_life_ns=100_000 * DAY_NS, fast_half_life_ns=3 * DAY_NS, slow_half_life_ns=30 * DAY_NS)
"""A half-life so long that every return weighs the same, for what is compared with a textbook."""

RETURN = st.floats(-0.2, 0.2).filter(lambda r: abs(r) > 1e-3)
PAIRS = st.lists(st.tuples(RETURN, RETURN), min_size=4, max_size=30)


def history(pairs: Sequence[tuple[float | None, float | None]], *, log: bool = True) -> Returns:
    """Hourly returns of ALT and BTC."""
    series = {ALT: tuple(a for a, _ in pairs), BTC: tuple(b for _, b in pairs)}
    return Returns(interval_ns=HOUR_NS, end_ns=Nanos(DAY_NS), logarithmic=log, series=series)


def measured(pairs: Sequence[tuple[float | None, float | None]], rule: StatisticsRule = FLAT) -> Moments:
    """The moments of such returns."""
    return moments(of_returns(history(pairs), rule))


def known(value: Beta | None) -> Beta:
    """A beta that must be known."""
    assert value is not None
    return value


def noise(count: int, seed: int = 1) -> list[float]:
    """Returns of about 1 % that look random, the same on every machine."""
    found = []
    for _ in range(count):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        found.append((seed / 2**64 - 0.5) * 0.03)
    return found


@given(PAIRS)
def test_an_asset_hedges_itself_completely(pairs: list[tuple[float, float]]) -> None:
    """Its beta on itself is 1, without error, and takes away all of the variance."""
    own = known(beta(measured(pairs), ALT, ALT))

    assert (1.0, 0.0, 1.0, 1.0) == (own.value, own.error, own.correlation, own.effectiveness)
    assert 0.0 == residual_volatility(measured(pairs), ALT, ALT)


@given(PAIRS, st.floats(-3.0, 3.0).filter(lambda c: abs(c) > 0.1))
def test_beta_is_in_proportion_to_what_is_hedged(pairs: list[tuple[float, float]], c: float) -> None:
    """beta(c a) = c beta(a), and as much of its variance is taken away."""
    one = known(beta(measured(pairs), ALT, BTC))
    other = known(beta(measured([(c * a, b) for a, b in pairs]), ALT, BTC))

    assert math.isclose(c * one.value, other.value, rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(one.effectiveness, other.effectiveness, rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(abs(c) * one.error, other.error, rel_tol=1e-6, abs_tol=1e-8)


@given(PAIRS)
def test_effectiveness_is_a_share(pairs: list[tuple[float, float]]) -> None:
    """In sample it lies between 0 and 1, and is the square of the correlation."""
    found = known(beta(measured(pairs), ALT, BTC))

    assert 0.0 <= found.effectiveness <= 1.0
    assert math.isclose(found.correlation**2, found.effectiveness, abs_tol=1e-15)


@given(PAIRS)
def test_what_is_left_is_uncorrelated_with_the_hedge(pairs: list[tuple[float, float]]) -> None:
    """The sum of residual times hedge is 0: no other ratio leaves less."""
    slope = known(beta(measured(pairs), ALT, BTC)).value

    assert abs(math.fsum((a - slope * b) * b for a, b in pairs)) < 1e-6
    assert all(
        math.fsum((a - slope * b) ** 2 for a, b in pairs)
        <= math.fsum((a - (slope + off) * b) ** 2 for a, b in pairs) + 1e-9
        for off in (-0.1, 0.1)
    )


def test_the_standard_error_is_that_of_the_textbook() -> None:
    """sqrt(residual sum of squares / (n - 1) / sum of squares of the hedge) for returns of equal weight."""
    pairs = [(0.02, 0.01), (-0.01, -0.01), (0.03, 0.02), (0.0, 0.01), (-0.03, -0.02)]
    slope = sum(a * b for a, b in pairs) / sum(b * b for _, b in pairs)
    rest = sum((a - slope * b) ** 2 for a, b in pairs)
    found = known(beta(measured(pairs), ALT, BTC))

    assert math.isclose(slope, found.value, rel_tol=1e-6)
    assert math.isclose(math.sqrt(rest / 4 / sum(b * b for _, b in pairs)), found.error, rel_tol=1e-6)
    assert 5 == found.samples


def test_the_standard_error_covers_the_true_beta() -> None:
    """Of many histories with a beta of 1.2, about nineteen in twenty lie within two standard errors of it."""
    hits = 0
    for seed in range(100):
        market, own = noise(200, seed), noise(200, seed + 1_000_000)
        found = known(beta(measured([(1.2 * b + a, b) for a, b in zip(own, market, strict=True)]), ALT, BTC))
        hits += abs(found.value - 1.2) < 2 * found.error

    assert 88 <= hits <= 100


def test_a_beta_of_one_point_two_makes_the_beta_neutral_leg() -> None:
    """The worked tilt: 5,000 of an asset with beta 1.2 are balanced by 6,000 of the market."""
    found = known(beta(measured([(1.2 * b, b) for b in noise(100)]), ALT, BTC))

    assert math.isclose(6_000.0, found.value * 5_000.0)


@pytest.mark.parametrize(
    "pairs",
    [
        [(0.01, 0.01), (0.02, 0.01)],
        [(None, 0.01), (0.01, None)] * 10,
        [(0.0, 0.01), (0.0, -0.01)] * 10,
        [(0.01, 0.0), (-0.01, 0.0)] * 10,
    ],
    ids=["too few", "never together", "stands still", "anchor stands still"],
)
def test_a_beta_that_cannot_be_measured_is_unknown(pairs: list[tuple[float | None, float | None]]) -> None:
    """Unknown is neither 0 nor 1, for all that rests on it."""
    found = measured(pairs)

    assert beta(found, ALT, BTC) is None
    assert residual_volatility(found, ALT, BTC) is None
    assert decoupling(found, ALT, BTC, 0.5) is None


def test_a_beta_that_rests_on_too_few_returns_is_unknown() -> None:
    """The caller says how many returns it wants."""
    found = measured([(b, b) for b in noise(50)])

    assert 50 == known(beta(found, ALT, BTC, samples_min=50)).samples
    assert beta(found, ALT, BTC, samples_min=51) is None
    assert beta(found, ALT, Asset("DOT")) is None
    assert volatility(found, Asset("DOT")) is None


def test_volatility_is_a_years() -> None:
    """1 % an hour is sqrt(8760) % a year; hedged at a correlation of 0.6, four fifths of it are left."""
    found = measured([(0.01, 0.01)] * 4 + [(0.01, -0.01)])

    assert math.isclose(0.01 * math.sqrt(8760), volatility(found, ALT) or 0.0, rel_tol=1e-9)
    assert math.isclose(0.8 * 0.01 * math.sqrt(8760), residual_volatility(found, ALT, BTC) or 0.0, rel_tol=1e-6)


def of(value: float, error: float) -> Beta:
    """A beta as known as this."""
    return Beta(value=value, error=error, correlation=0.7, effectiveness=0.49, samples=100)


@given(st.floats(-3, 3), st.floats(0, 2), st.floats(-3, 3), st.floats(0.01, 2), st.floats(0, 1))
def test_a_shrunk_beta_lies_between_itself_and_its_prior(
    value: float, error: float, prior: float, across: float, least: float
) -> None:
    """It never leaves that interval, and is never less certain than the beta and the prior were."""
    found = shrunk(of(value, error), prior, across, least)

    assert min(value, prior) - 1e-12 <= found.value <= max(value, prior) + 1e-12
    assert found.error <= max(error, across) + 1e-12


def test_shrinkage_follows_vasicek() -> None:
    """An error as large as the spread across coins moves a beta halfway; none moves it nowhere."""
    assert math.isclose(1.5, shrunk(of(2.0, 0.4), 1.0, 0.4).value)
    assert math.isclose(0.4 / math.sqrt(2), shrunk(of(2.0, 0.4), 1.0, 0.4).error)
    assert of(2.0, 0.0) == shrunk(of(2.0, 0.0), 1.0, 0.0)
    assert math.isclose(1.75, shrunk(of(2.0, 0.0), 1.0, 0.4, weight_min=0.25).value)


def test_the_spread_of_betas_is_measured_once_there_are_enough() -> None:
    """Four coins make a cross-section; of fewer the usual spread is taken."""
    assert SPREAD_DEFAULT == spread([of(1.0, 0.1)] * 3)
    assert math.isclose(math.sqrt(1 / 3), spread([of(one, 0.1) for one in (0.5, 0.5, 1.5, 1.5)]))


def test_a_broken_correlation_is_seen() -> None:
    """A coin that followed its anchor for a month and has gone its own way for three days has decoupled."""
    market, own = noise(720), noise(720, 7)
    follows = [(b + 0.1 * a, b) for a, b in zip(own, market, strict=True)]
    leaves = [*follows[:-72], *zip(own[-72:], market[-72:], strict=True)]
    calm, broken = (decoupling(measured(pairs), ALT, BTC, 0.5) for pairs in (follows, leaves))

    assert calm is not None
    assert broken is not None
    assert not calm.broken
    assert calm.z is not None
    assert calm.z < 1.0
    assert broken.broken
    assert broken.z is not None
    assert broken.z > 4.0
    assert broken.fast < broken.slow
    assert "standard errors" in broken.why


def test_a_hedge_that_takes_too_little_away_is_seen() -> None:
    """Below the effectiveness asked for it counts as decoupled, however steady it is."""
    found = decoupling(measured([(0.01, 0.01)] * 4 + [(0.01, -0.01)]), ALT, BTC, 0.5)

    assert found is not None
    assert found.broken
    assert "0.360 is below 0.500" in found.why


def test_without_fast_weights_no_change_is_tested_for() -> None:
    """Moments made by hand have an effectiveness to judge and nothing else; assets that stand still have no z."""
    one = ((1.0, 0.9), (0.9, 1.0))
    still = ((0.0, 0.0), (0.0, 0.0))
    by_hand = Moments(
        assets=(ALT, BTC), interval_ns=HOUR_NS, at_ns=Nanos(0), samples=(50, 50), effective=30.0,
        covariance=one, fast=still, slow=one,
    )  # fmt: skip
    found = decoupling(by_hand, ALT, BTC, 0.5)

    assert found is not None
    assert found.z is None
    assert not found.broken
    assert 0.0 == found.fast


def test_fishers_z_counts_standard_errors() -> None:
    """|atanh 0.5 - atanh 0.8| sqrt(200 / 2)."""
    one, half, eight = (((1.0, r), (r, 1.0)) for r in (1.0, 0.5, 0.8))
    made = Moments(
        assets=(ALT, BTC), interval_ns=HOUR_NS, at_ns=Nanos(0), samples=(500, 500), effective=300.0,
        covariance=eight, fast=half, slow=eight, known=((300.0, 300.0),) * 2, known_fast=((200.0, 200.0),) * 2,
    )  # fmt: skip
    found = decoupling(made, ALT, BTC, 0.5)

    assert found is not None
    assert found.z is not None
    assert math.isclose((math.atanh(0.8) - math.atanh(0.5)) * 10.0, found.z)
    same = decoupling(msgspec.structs.replace(made, fast=one, slow=one), ALT, BTC, 0.5)
    assert same is not None
    assert 0.0 == same.z


@given(PAIRS)
def test_windows_of_one_interval_are_the_returns_themselves(pairs: list[tuple[float, float]]) -> None:
    """Overlapping returns over one interval, and Dimson without a lag, are the plain beta."""
    plain, rule = known(beta(measured(pairs), ALT, BTC)), FLAT

    for other in (overlapping(history(pairs), rule, ALT, BTC, 1), dimson(history(pairs), rule, ALT, BTC, 0)):
        assert math.isclose(plain.value, known(other).value, rel_tol=1e-9, abs_tol=1e-12)
        assert math.isclose(plain.error, known(other).error, rel_tol=1e-4, abs_tol=1e-7)
        assert math.isclose(plain.correlation, known(other).correlation, rel_tol=1e-6, abs_tol=1e-6)


def test_a_delayed_coin_has_its_whole_beta_over_several_hours() -> None:
    """A coin that follows an hour later has no beta on the same hour, and its whole beta with lags or windows."""
    market = noise(2000)
    pairs = [(1.5 * market[n - 1], market[n]) for n in range(1, 2000)]

    assert abs(known(beta(measured(pairs), ALT, BTC)).value) < 0.1
    assert math.isclose(1.5, known(dimson(history(pairs), FLAT, ALT, BTC, 1)).value, rel_tol=1e-9)
    assert math.isclose(1.0, known(dimson(history(pairs), FLAT, ALT, BTC, 1)).effectiveness, rel_tol=1e-9)
    assert 1.25 < known(overlapping(history(pairs), FLAT, ALT, BTC, 12)).value < 1.5


def test_overlapping_windows_are_worth_less_than_their_number() -> None:
    """The error of windows of eight hours is no smaller than that of hours, though they are as many."""
    pairs = [(b + a, b) for a, b in zip(noise(1000, 3), noise(1000), strict=True)]
    hours, windows = known(beta(measured(pairs), ALT, BTC)), known(overlapping(history(pairs), FLAT, ALT, BTC, 8))

    assert windows.samples == 993
    assert 1.5 * hours.error < windows.error < 3.0 * hours.error


def test_what_is_missing_is_left_out_of_windows_and_lags() -> None:
    """A window or a lag with a hole does not count; simple returns are made logarithmic first."""
    pairs: list[tuple[float | None, float | None]] = [(1.5 * b, b) for b in noise(40)]
    pairs[10], pairs[20] = (None, 0.01), (0.01, None)

    assert 39 - 4 == known(overlapping(history(pairs), FLAT, ALT, BTC, 2)).samples
    assert 39 - 3 == known(dimson(history(pairs), FLAT, ALT, BTC, 1)).samples
    simple = history([(math.expm1(1.5 * b), math.expm1(b)) for b in noise(40)], log=False)
    assert math.isclose(1.5, known(overlapping(simple, FLAT, ALT, BTC, 4)).value, rel_tol=1e-9)


@pytest.mark.parametrize(
    "pairs", [[], [(0.01, 0.02)] * 3, [(None, None)] * 30, [(0.0, 0.01), (0.0, 0.02), (0.0, -0.01)] * 5]
)
def test_windows_and_lags_of_too_little_say_nothing(pairs: list[tuple[float | None, float | None]]) -> None:
    """Too few returns, none at all, or a coin that stands still."""
    assert overlapping(history(pairs), FLAT, ALT, BTC, 2) is None
    assert dimson(history(pairs), FLAT, ALT, BTC, 1) is None
    assert dimson(history([(b, 0.01) for b in noise(30)]), FLAT, ALT, BTC, 1) is None, "lags that cannot be told apart"


def test_windows_and_lags_have_bounds() -> None:
    """A window of no interval, or a delay of days, is a mistake."""
    for lags in (-1, LAGS_MAX + 1):
        with pytest.raises(ValueError, match="lags"):
            dimson(history([]), FLAT, ALT, BTC, lags)
    for intervals in (0, LAGS_MAX + 1):
        with pytest.raises(ValueError, match="intervals"):
            overlapping(history([]), FLAT, ALT, BTC, intervals)


def closes(prices_dir: Path, coin: str) -> list[float]:
    """Hourly closes of 2024."""
    path = prices_dir / f"binance-spot-{coin}USDT-1h-2024.csv.gz"
    if not path.exists():
        pytest.skip(f"no recorded prices at {path}")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [float(row["close"]) for row in csv.DictReader(lines)]


def test_real_coins_have_betas_about_one(data_dir: Path) -> None:
    """ETH against BTC over 2024: a beta near 1 with an error of a few hundredths, and most of its variance shared."""
    folder = data_dir / "prices"
    prices = list(zip(closes(folder, "ETH"), closes(folder, "BTC"), strict=True))
    steps = itertools.pairwise(prices)
    pairs = [(math.log(e1 / e0), math.log(b1 / b0)) for (e0, b0), (e1, b1) in steps]
    found = known(beta(measured(pairs, StatisticsRule()), ALT, BTC))

    assert 0.8 < found.value < 1.6
    assert 0.005 < found.error < 0.05
    assert found.effectiveness > 0.5
