"""What hedges wait for, and what ends targets: each mark is told once, and a replay makes it again."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from bot.domain.commands import Severity
from bot.domain.events import (
    BarsSeen,
    CalendarStruck,
    FundingSeen,
    HistorySeen,
    Market,
    OpenInterestSeen,
    RulesChanged,
)
from bot.domain.market import Quote
from bot.domain.snapshot import Bar, Bars, FundingTerms, Returns
from bot.domain.targets import (
    Base,
    Basis,
    CashTarget,
    ConvertTarget,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    UnwindTarget,
)
from bot.domain.triggers import Gate, PriceEnd, Signal, Slices, Start, Until, When
from bot.domain.units import HOUR_NS, SECOND_NS, Asset, Nanos
from bot.engine.engine import Engine
from bot.engine.state import State
from tests.engine.kit import World
from tests.engine.test_replay import replayed
from tests.kit import BTC, ETH, band, d, hedge, neutral, pricing, quote, rules

FIXED = Basis(base=Base.FIXED, fixed=d(100_000))


def waiting(**changes: Any) -> RatioTarget:
    """A neutral target of one bitcoin with something to wait for."""
    return msgspec.structs.replace(neutral("BTC"), when=When(**changes))


def of_one(*targets: TargetSpec, **changes: Any) -> World:
    """One bitcoin under these targets."""
    return World.neutral(*targets, coins={"BTC": "1"}, orders_per_minute_max=99, **changes)


def same_again(world: World) -> None:
    """A fresh engine gives the same commands for what was recorded, and comes to the same marks."""
    engine = Engine(world.started())
    told = replayed(engine, world.steps)

    assert [bytes(step.commands) for step in world.steps] == told
    state = world.engine.state
    for part in ("triggers", "sleeves", "statistics", "declared"):
        assert msgspec.json.encode(getattr(state, part)) == msgspec.json.encode(getattr(engine.state, part)), part


def texts(world: World, topic: str) -> list[str]:
    """What was said on a topic."""
    return [notice.text for notice in world.notices(topic)]


# ------------------------------------------------------------------------------------------------------- durations
def test_a_breach_has_to_last() -> None:
    """Nothing goes out before its time, which a person is told of once; then the hedge goes."""
    world = of_one(waiting(persist_ns=5 * SECOND_NS)).run(4)
    assert [] == world.sent
    assert 1 == len(texts(world, "waiting"))
    world.run(4)

    assert d(-1) == world.position("BTC")
    assert {} == world.engine.state.triggers.outside
    same_again(world)


def test_a_breach_that_heals_starts_anew() -> None:
    """Back inside the time is forgotten, and that is told, too."""
    world = of_one(waiting(persist_ns=4 * SECOND_NS)).run(8)
    world.deposit("BTC", "0.02")
    world.run(2)
    assert {"neutral:BTC": {BTC: world.engine.state.triggers.outside["neutral:BTC"][BTC]}} == (
        world.engine.state.triggers.outside
    )
    world.deposit("BTC", "-0.02")
    world.run(8)

    assert ["BTC back inside the band"] == texts(world, "released")
    assert 1 == len(world.sent)
    same_again(world)


def test_beyond_the_instant_size_nothing_is_waited_for() -> None:
    """What would be too late in four hours goes now."""
    within = msgspec.structs.replace(band("0.01"), instant=band("0.5").trigger)
    world = of_one(msgspec.structs.replace(waiting(persist_ns=HOUR_NS), band=within)).run(4)

    assert d(-1) == world.position("BTC")


def test_a_wait_keeps_a_correction_that_is_under_way() -> None:
    """Slices go on: only the beginning of a hedge waits."""
    world = of_one(waiting(persist_ns=3 * SECOND_NS), order_notional_max=d(25_000)).run(20)

    assert d(-1) == world.position("BTC")
    assert 3 == len(world.sent)
    same_again(world)


# ------------------------------------------------------------------------------------------------------- calendars
def struck(world: World, name: str = "neutral", ago: int = 0) -> None:
    """A calendar strikes."""
    world.handle(CalendarStruck(name, Nanos(world.now - ago), world.now))


def test_a_calendar_alone_trades_at_its_strikes() -> None:
    """Between them nothing; at one, to the destination, however small the deviation."""
    world = of_one(waiting(calendar="0 0 * * *", start=Start.CALENDAR)).run(4)
    assert [] == world.sent
    struck(world)
    world.run(4)
    assert d(-1) == world.position("BTC")
    world.deposit("BTC", "0.005")
    world.run(4)
    assert 1 == len(world.sent)
    struck(world)
    world.run(4)

    assert d("-1.005") == world.position("BTC")
    same_again(world)


def test_a_strike_with_nothing_to_do_is_used_up() -> None:
    """It is told, and a deviation that comes later waits for the next one; the same strike again is none."""
    world = of_one(waiting(calendar="0 0 * * *", start=Start.CALENDAR)).run(3)
    struck(world)
    world.run(4)
    struck(world)
    at = world.now
    assert ["the calendar of neutral struck: nothing is to be done"] == texts(world, "calendar")
    world.deposit("BTC", "0.5")
    world.run(4)
    world.handle(CalendarStruck("neutral", at, world.now))
    world.run(4)

    assert 1 == len(world.sent)
    assert at == world.engine.state.triggers.last_run["neutral"]
    same_again(world)


def test_a_strike_that_finds_only_dust_is_used_up() -> None:
    """What is below the venue's minimum is not traded later, either."""
    world = of_one(waiting(calendar="0 0 * * *", start=Start.CALENDAR)).run(3)
    struck(world)
    world.run(4)
    world.deposit("BTC", "0.0015")
    world.run(4)
    struck(world)
    world.run(2)

    assert texts(world, "calendar")[-1].endswith("below the venue's minimum order")
    assert {} == world.engine.state.triggers.struck


def test_a_strike_of_several_coins_serves_each() -> None:
    """One that is done first does not use it up for the others."""
    target = msgspec.structs.replace(neutral(), when=When(calendar="0 0 * * *", start=Start.CALENDAR))
    world = World.neutral(target).run(4)
    struck(world)
    world.run(4)

    assert (d("-1.234"), d(-10)) == (world.position("BTC"), world.position("ETH"))
    same_again(world)


# ----------------------------------------------------------------------------------------------------------- gates
def rising(world: World, hours: int = 60) -> BarsSeen:
    """Closes that rise hour by hour."""
    first = world.now // HOUR_NS * HOUR_NS - hours * HOUR_NS
    bars = tuple(Bar(Nanos(first + k * HOUR_NS), 100.0 + k, 101.0 + k, 99.0 + k, 100.5 + k, 5.0) for k in range(hours))
    return BarsSeen(BTC, Bars(HOUR_NS, bars), world.now)


def test_a_gate_delays_and_never_forbids() -> None:
    """While the market rises a sale waits, at most as long as it may."""
    gate = Gate(signal=Signal.TREND, fast=3, slow=12)
    world = of_one(waiting(gates=(gate,), gate_delay_ns_max=6 * SECOND_NS))
    world.handle(rising(world))
    world.handle(OpenInterestSeen(hedge("BTC"), ((Nanos(world.now - HOUR_NS), d(5)), (world.now, d(6))), world.now))
    world.run(5)
    assert [] == world.sent
    assert 1 == len(texts(world, "waiting"))
    world.run(6)

    assert d(-1) == world.position("BTC")
    same_again(world)


def test_a_gate_that_is_open_delays_nothing() -> None:
    """Where the signal agrees the hedge goes at once."""
    gate = Gate(signal=Signal.BASIS)
    world = of_one(waiting(gates=(gate,), gate_delay_ns_max=HOUR_NS))

    def dearer(event: Market) -> Market:
        future = isinstance(event, Quote) and event.instrument == hedge("BTC")
        return quote(hedge("BTC"), event.mid + 5, event.received_ns) if future and isinstance(event, Quote) else event

    world.bent = dearer
    world.run(5)

    assert 1 == len(world.sent)


# ------------------------------------------------------------------------------------------------------------ ends
def until(**changes: Any) -> RatioTarget:
    """A neutral target of one bitcoin that ends by itself."""
    return msgspec.structs.replace(neutral("BTC"), until=Until(**changes))


def test_a_target_ends_when_its_time_has_come() -> None:
    """Its hedge is closed, a person is told, and a restart does not begin it again."""
    world = of_one()
    world.rules = rules(until(at_ns=Nanos(world.now + 6 * SECOND_NS)), limits=world.rules.limits)
    world.restart().run(4)
    assert d(-1) == world.position("BTC")
    world.run(6)
    assert ["its time has come: the target has ended and its hedges are closed"] == texts(world, "ended")
    assert 0 == world.position("BTC")
    world.restart().run(15)

    assert 1 == len(world.notices("ended"))
    assert 0 == world.position("BTC")


def test_a_target_that_is_changed_begins_again() -> None:
    """The one that ended is another one."""
    world = of_one(until(price=PriceEnd(asset=BTC, above=d(60_500)))).run(4)
    assert d(-1) == world.position("BTC")
    world.price("BTC", 60_510.0)
    world.run(4)
    assert 0 == world.position("BTC")
    world.price("BTC", 60_000.0)
    world.run(4)
    assert 0 == world.position("BTC"), "it stays ended though the price is back"
    same_again(world)
    owned = msgspec.structs.replace(world.rules, targets=(until(price=PriceEnd(asset=BTC, above=d(70_000))),))
    world.handle(RulesChanged(owned, "reload", (), world.now))
    world.run(4)

    assert d(-1) == world.position("BTC")


def test_the_same_rules_again_do_not_begin_what_has_ended() -> None:
    """A reload that changes nothing of a target leaves it ended."""
    world = of_one(until(price=PriceEnd(asset=BTC, above=d(59_000)))).run(4)
    world.handle(RulesChanged(world.rules, "reload", (), world.now))
    world.run(2)

    assert ["neutral"] == list(world.engine.state.triggers.ended)
    assert [] == world.sent


# ------------------------------------------------------------------------------------------------- funding and caps
def settled(world: World, rate: str) -> None:
    """Twenty settlements of a rate, the last just now."""
    at = [Nanos(world.now - k * 8 * HOUR_NS) for k in range(20, -1, -1)]
    terms = FundingTerms(interval_ns=8 * HOUR_NS, history=tuple((one, d(rate)) for one in at))
    world.handle(FundingSeen(hedge("BTC"), terms, world.now))


def test_a_hedge_whose_funding_is_too_dear_is_closed_and_comes_back() -> None:
    """A short pays while the rate is negative: closed above the limit, hedged again well below it."""
    world = of_one(waiting(funding_cost_max=d("0.10"))).run(4)
    settled(world, "-0.0005")
    world.run(4)
    assert 0 == world.position("BTC")
    world.now = Nanos(world.now + 30 * 24 * HOUR_NS)
    settled(world, "0.0001")
    world.run(15)

    assert d(-1) == world.position("BTC")
    assert [Severity.WARNING, Severity.INFO] == [notice.severity for notice in world.notices("closed_early")]


def test_a_cap_that_binds_is_told_once() -> None:
    """However often the price crosses the place where it begins to bind."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}, orders_per_minute_max=99)
    budgets = msgspec.structs.replace(world.rules.budgets, assets={BTC: d(60_100)})
    world.rules = msgspec.structs.replace(world.rules, budgets=budgets)
    world.restart()
    for price in (60_000.0, 60_400.0, 60_000.0, 60_400.0):
        world.price("BTC", price)
        world.run(3)

    assert 1 == len(world.notices("capped"))


def series(seed: int, count: int = 600) -> dict[Asset, tuple[float | None, ...]]:
    """Hourly returns of two coins that have nothing to do with each other."""
    chance = random.Random(seed)
    return {coin: tuple(chance.gauss(0, 0.01) for _ in range(count)) for coin in (BTC, ETH)}


def returns(world: World, found: dict[Asset, tuple[float | None, ...]]) -> Returns:
    """Hourly returns up to now."""
    return Returns(interval_ns=HOUR_NS, end_ns=world.now, logarithmic=True, series=found)


def test_a_proxy_that_has_decoupled_is_told_and_told_when_it_is_over() -> None:
    """Once, whatever else happens; and its hedge is what its owner chose for that case."""
    target = ProxyTarget(name="proxy", assets=(ETH,), anchors=(BTC,), band=band("0.05"))
    world = World.neutral(target, coins={"ETH": "10"}).run(3)
    assert "missing" in texts(world, "held")[-1]
    loose = series(1)
    world.handle(HistorySeen(returns(world, loose), world.now))
    world.run(3)
    assert 1 == len(world.notices("decoupled"))
    assert "decoupled" in texts(world, "decoupled")[0]
    close = {BTC: loose[BTC], ETH: tuple(1.1 * (one or 0.0) for one in loose[BTC])}
    world.engine.state.statistics.accumulator = None
    world.restart()
    world.handle(HistorySeen(returns(world, close), world.now))
    world.run(15)

    assert [Severity.WARNING, Severity.INFO] == [notice.severity for notice in world.notices("decoupled")]
    assert world.position("BTC") < 0


# ---------------------------------------------------------------------------------------------- unwind and convert
def test_an_unwind_goes_slice_by_slice() -> None:
    """No more than a slice at a time, and none before its time."""
    world = of_one(neutral("BTC")).run(4)
    slices = Slices(notional_max=d(30_000), every_ns=5 * SECOND_NS)
    target = UnwindTarget(name="down", assets=(BTC,), slices=slices, band=band("0.001"))
    world.handle(RulesChanged(msgspec.structs.replace(world.rules, targets=(target,)), "reload", (), world.now))
    world.run(3)
    assert d("-0.5") == world.position("BTC")
    world.run(4)

    assert 0 == world.position("BTC")
    assert all(request.reduce_only for request in world.sent[1:])


def test_a_conversion_is_refused_in_words_and_stops_nothing_else() -> None:
    """One that asks for more than is carried out is planned only; the hedge of the same coin goes on."""
    convert = ConvertTarget(
        name="sell", asset=BTC, amount=d("0.2"), slices=Slices(notional_max=d(9), every_ns=1), band=band("0.01")
    )
    convert = msgspec.structs.replace(convert, when=When(persist_ns=1))
    world = of_one(neutral("BTC"), convert).run(4)

    assert d(-1) == world.position("BTC")
    assert "convert_to_spot is planned but not carried out" in texts(world, "held")[0]
    assert "sell" == world.notices("held")[0].subject


def test_a_change_of_rules_that_is_barred_says_nothing_of_what_is_planned() -> None:
    """What stays as it was has been told."""
    convert = ConvertTarget(
        name="sell", asset=BTC, amount=d("0.2"), slices=Slices(notional_max=d(9), every_ns=1), band=band("0.01")
    )
    convert = msgspec.structs.replace(convert, when=When(persist_ns=1))
    world = of_one(neutral("BTC"), convert).run(4)
    world.forget()
    owned = msgspec.structs.replace(world.rules, portfolio="other")
    world.handle(RulesChanged(owned, "reload", (), world.now))
    assert [] == texts(world, "held")
    world.handle(RulesChanged(world.rules, "reload", (), world.now))

    assert 1 == len(texts(world, "held"))


def test_marks_of_a_target_that_is_changed_are_forgotten() -> None:
    """The new one has waited for nothing yet."""
    world = of_one(waiting(persist_ns=HOUR_NS)).run(4)
    assert world.engine.state.triggers.outside
    longer = msgspec.structs.replace(world.rules, targets=(waiting(persist_ns=2 * HOUR_NS),))
    world.handle(RulesChanged(longer, "reload", (), world.now))

    assert [] == world.sent
    assert 2 == len(texts(world, "waiting"))


# ----------------------------------------------------------------------------------------------------- checkpoints
@pytest.mark.parametrize("seconds", [2, 8])
def test_marks_outlive_a_checkpoint(seconds: int) -> None:
    """Whatever is waited for is waited for by the next process."""
    cash = CashTarget(name="cash", share=d("0.2"), anchor=ETH, band=band("0.02"), basis=FIXED)
    world = World.neutral(waiting(persist_ns=5 * SECOND_NS), cash).run(seconds)
    kept = msgspec.json.decode(msgspec.json.encode(world.engine.state), type=State)

    assert world.engine.state.triggers == kept.triggers
    assert world.engine.state.statistics == kept.statistics
    assert pricing("ETH") in world.engine._boxes
