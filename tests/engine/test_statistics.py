"""What is measured moves with facts alone, and a replay measures the same."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest

from bot.domain.bands import Auto, Unit, Width
from bot.domain.events import FundingSeen, HistorySeen, RulesChanged, Sampled
from bot.domain.snapshot import FundingTerms, Returns
from bot.domain.targets import Base, ParityTarget, RatioTarget, StatisticsRule, TargetSpec, WeightsTarget
from bot.domain.units import DAY_NS, HOUR_NS, Asset, Nanos
from bot.engine import drift
from bot.engine.state import State
from bot.engine.statistics import SETTLEMENTS_MAX, Seen, Statistics
from tests.engine.kit import World
from tests.engine.test_marks import same_again
from tests.kit import BTC, ETH, PRICES, START_NS, band, d, hedge, neutral, weights

AUTO = Auto(hard=Width(d("0.2"), Unit.POINTS), risk_aversion=d(100))


def auto() -> WeightsTarget:
    """60/40 by an auto band."""
    made = weights(base=Base.OWNED)
    return msgspec.structs.replace(made, band=AUTO)


def sample(world: World, **mids: float) -> None:
    """An hour later all mids are sampled."""
    world.now = Nanos(world.now + HOUR_NS)
    found = {Asset(coin): mid for coin, mid in {**PRICES, **mids}.items()}
    world.handle(Sampled(found, world.now, world.now))


def sampled(world: World, hours: int, seed: int = 3) -> None:
    """Hours of a market that goes up and down."""
    chance = random.Random(seed)
    prices = dict(PRICES)
    for _ in range(hours):
        prices = {coin: price * (1 + chance.gauss(0, 0.01)) for coin, price in prices.items()}
        sample(world, **prices)


# ---------------------------------------------------------------------------------------------------------- moments
def test_moments_are_worked_out_where_a_target_looks_at_them() -> None:
    """A neutral book has no use for them, and spends nothing on them; samples are kept all the same."""
    plain, measured = World.neutral(), World.neutral(ParityTarget(name="even", assets=(BTC, ETH), band=band("0.1")))
    for world in (plain, measured):
        sampled(world, 3)

    assert plain.engine.state.statistics.moments is None
    found = measured.engine.state.statistics.moments
    assert found is not None
    assert (2, 2) == found.samples
    assert plain.engine.state.statistics.accumulator == measured.engine.state.statistics.accumulator


def test_a_target_that_looks_at_them_has_them_from_its_first_moment() -> None:
    """The samples that were taken before it count."""
    world = World.neutral()
    sampled(world, 3)
    parity = ParityTarget(name="even", assets=(BTC, ETH), band=band("0.1"))
    world.handle(RulesChanged(msgspec.structs.replace(world.rules, targets=(parity,)), "reload", (), world.now))

    assert world.engine.state.statistics.moments is not None


def test_history_comes_before_samples() -> None:
    """Past returns are begun with."""
    world = World.neutral(ParityTarget(name="even", assets=(BTC, ETH), band=band("0.1")))
    series: dict[Asset, tuple[float | None, ...]] = {BTC: (0.01, -0.01) * 50, ETH: (0.02, -0.01) * 50}
    past = Returns(interval_ns=HOUR_NS, end_ns=world.now, logarithmic=True, series=series)
    world.handle(HistorySeen(past, world.now))
    sampled(world, 2)
    found = world.engine.state.statistics.moments

    assert found is not None
    assert (101, 101) == found.samples
    same_again(world)


def test_statistics_of_another_rule_begin_anew() -> None:
    """Returns of another interval are no returns of this one; a coin that is gone is forgotten, the others stay."""
    rule, other = StatisticsRule(), StatisticsRule(sample_ns=2 * HOUR_NS)
    statistics = Statistics()
    statistics.begin(rule, (BTC, ETH), (hedge("BTC"),))
    for hour in (1, 2, 3):
        statistics.on_sample(Sampled({BTC: 100.0 + hour, ETH: 10.0}, Nanos(hour * HOUR_NS), START_NS))
    statistics.begin(rule, (BTC,), ())
    assert statistics.accumulator is not None
    assert [2] == list(statistics.accumulator.samples)
    statistics.begin(other, (BTC,), ())

    assert [] == list(statistics.accumulator.samples)


def test_before_a_start_nothing_is_measured() -> None:
    """There is no rule to measure by."""
    statistics = Statistics()
    statistics.on_sample(Sampled({BTC: 1.0}, START_NS, START_NS))
    series: dict[Asset, tuple[float | None, ...]] = {BTC: (0.1,)}
    past = Returns(interval_ns=HOUR_NS, end_ns=START_NS, logarithmic=True, series=series)
    statistics.on_history(HistorySeen(past, START_NS), StatisticsRule())
    statistics.digest(wanted=True)

    assert (None, None) == (statistics.accumulator, statistics.moments)


# ---------------------------------------------------------------------------------------------------------- funding
def rates(*found: tuple[int, str]) -> FundingSeen:
    """Settlements at these hours."""
    history = tuple((Nanos(START_NS + hour * HOUR_NS), d(rate)) for hour, rate in found)
    return FundingSeen(hedge("BTC"), FundingTerms(interval_ns=8 * HOUR_NS, history=history), START_NS)


def test_settled_rates_add_up_to_a_forecast() -> None:
    """A constant rate is what is expected: 0.01 % three times a day are 10.95 % a year, whatever comes twice."""
    statistics = Statistics()
    statistics.on_funding(rates((0, "0.0001"), (8, "0.0001")))
    statistics.on_funding(rates((16, "0.0001"), (8, "0.0001")))

    assert 3 == len(statistics.settled[hedge("BTC")])
    assert pytest.approx(0.1095) == statistics.funding_apr[hedge("BTC")]


def test_without_a_settlement_nothing_is_expected() -> None:
    """Unknown is not zero."""
    statistics = Statistics()
    statistics.on_funding(rates())

    assert {} == statistics.funding_apr


def test_settlements_are_bounded_and_forgotten_with_their_instrument() -> None:
    """The latest are kept."""
    statistics = Statistics()
    statistics.on_funding(rates(*((8 * k, "0.0001") for k in range(SETTLEMENTS_MAX + 5))))
    assert SETTLEMENTS_MAX == len(statistics.settled[hedge("BTC")])
    statistics.begin(StatisticsRule(), (), ())

    assert ({}, {}) == (statistics.settled, statistics.funding_apr)


# ------------------------------------------------------------------------------------------------------ restlessness
def test_our_own_trades_are_no_restlessness() -> None:
    """A deviation that we traded away has not moved by itself; one that moved has."""
    statistics = Statistics()
    for hour, (deviation, traded) in enumerate([(0.0, 0.0), (0.1, 0.0), (0.0, -1.0), (0.0, -1.0)]):
        at = Nanos(START_NS + hour * HOUR_NS)
        statistics.stray("group", {BTC: Seen(deviation, traded, 0.1)}, at, 10 * DAY_NS)
    years = 3 * HOUR_NS / (365 * DAY_NS)

    assert pytest.approx(0.01 / years, rel=0.01) == statistics.variances("group")[BTC]
    assert {} == statistics.variances("other")


@pytest.mark.parametrize(("hours", "brief"), [(1, {BTC}), (23, {BTC}), (30, set())])
def test_a_short_look_is_known_as_one(hours: int, brief: set[Asset]) -> None:
    """A drift that was watched for less than a day is measured, and said to be brief; one of no group is not."""
    statistics = Statistics()
    for hour in range(hours + 1):
        at = Nanos(START_NS + hour * HOUR_NS)
        statistics.stray("group", {BTC: Seen(0.001 * hour, 0.0, 0.1)}, at, 10 * DAY_NS)

    assert statistics.variances("group")[BTC] > 0
    assert (brief, frozenset()) == (set(statistics.brief("group")), statistics.brief("other"))


def test_what_was_seen_once_has_no_variance() -> None:
    """Nor has what is seen again at the same moment."""
    statistics = Statistics()
    for _ in range(2):
        statistics.stray("group", {BTC: Seen(0.1, 0.0, 0.1)}, START_NS, DAY_NS)

    assert {} == statistics.variances("group")


def test_an_auto_bands_width_follows_what_was_sampled() -> None:
    """Without a sample it is unknown and nothing is traded; with hours of them it trades, and a replay measures it."""
    world = World.weighted(auto(), price_deviation_bps_max=d(9_999), orders_per_minute_max=99)
    world.run(3)
    assert [] == world.sent
    sampled(world, 48)
    seen = world.engine.state.statistics.variances("weights")
    assert {BTC, ETH} == seen.keys()
    assert all(variance > 0 for variance in seen.values())
    world.venue.coins["BTC"] = d("1.6")
    world.run(30)

    assert world.sent
    same_again(world)
    kept = msgspec.json.decode(msgspec.json.encode(world.engine.state), type=State)
    assert world.engine.state.statistics == kept.statistics


@pytest.mark.parametrize("target", [neutral("BTC"), auto()])
def test_only_auto_bands_are_measured_and_only_with_all_their_prices(target: RatioTarget | WeightsTarget) -> None:
    """A sample without one of a group's coins is left out."""
    world = World.weighted(target).run(3)
    world.handle(Sampled({BTC: 60_000.0}, world.now, world.now))

    assert {} == world.engine.state.statistics.strayed


def test_futures_count_at_the_sampled_mids() -> None:
    """A short of one bitcoin at 60,000 has lost 600 when the sample says 60,600, whatever the books show."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    entry = world.engine.state.accounts.positions[hedge("BTC")].position.entry_price
    found = drift._profit(world.engine.state, {BTC: Decimal(60_600)})

    assert entry - 60_600 == found
    assert 0 == drift._profit(world.engine.state, {ETH: Decimal(1)})


def test_without_a_net_asset_value_nothing_is_measured() -> None:
    """A deviation is a fraction of it."""
    world = World.weighted(auto()).run(3)
    world.venue.wallet = d(-900_000)
    world.run(30)
    sample(world)

    assert {} == world.engine.state.statistics.strayed


def test_the_other_half_of_a_book_may_have_a_fixed_band() -> None:
    """Groups are measured one by one."""
    others: tuple[TargetSpec, ...] = (neutral("BTC"), msgspec.structs.replace(neutral("ETH"), name="wide", band=AUTO))
    world = World.neutral(*others).run(3)
    sampled(world, 3)

    assert ["wide:ETH"] == list(world.engine.state.statistics.strayed)
    world.handle(RulesChanged(msgspec.structs.replace(world.rules, targets=others[:1]), "reload", (), world.now))
    assert {} == world.engine.state.statistics.strayed
