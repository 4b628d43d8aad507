"""A hostile reader against the targets: wrong figures, wrong prints, contradictions, and two targets on one coin."""

from __future__ import annotations

import random

import msgspec
import pytest

from bot.domain.bands import Unit
from bot.domain.events import (
    Action,
    CalendarStruck,
    FundingSeen,
    HistorySeen,
    RulesChanged,
)
from bot.domain.snapshot import FundingTerms, Returns
from bot.domain.targets import Base, Basis, Budgets, CashTarget, Decoupled, ProxyTarget, TargetSpec, UnwindTarget
from bot.domain.triggers import Slices, Start, Until, When
from bot.domain.units import HOUR_NS, SECOND_NS, Asset, Nanos
from tests.engine.kit import World
from tests.engine.test_inputs import CASH, LEVER, PROXY, SOURCES, declared, futureless, world_of
from tests.engine.test_marks import FIXED, of_one, returns, same_again, series, struck, texts
from tests.kit import BTC, ETH, START_NS, USDT, band, d, hedge, limits, neutral, rules

SOL = Asset("SOL")
ALL_OF_NAV = Basis(reserve={USDT: d(0)})
SLICES = Slices(notional_max=d(5_000), every_ns=5 * SECOND_NS)


def told(world: World, topic: str) -> str:
    """What was said last on a topic."""
    return texts(world, topic)[-1]


# ------------------------------------------------------------------------------------------- figures that slip
def sourced() -> World:
    """One bitcoin on the venue, two elsewhere, all of them hedged."""
    world = World(rules(neutral("BTC"), sources=SOURCES), {"BTC": d(1)}).start()
    declared(world, "2")
    return world.run(4)


@pytest.mark.parametrize("slip", ["0", "0.2", "20"])
def test_a_reading_that_leaps_unwinds_nothing_before_it_is_said_twice(slip: str) -> None:
    """A 0 by mistake, or a point in the wrong place: held, told, and over with the next reading."""
    world = sourced()
    declared(world, slip)
    world.run(10)
    assert f"declared (BTC): the source cold went from 2 to {slip}; waiting for a second reading that says so" == (
        told(world, "held")
    )
    declared(world, "2")
    world.run(4)

    assert 1 == len(world.sent)
    same_again(world)


def test_a_reading_that_leaps_and_stays_is_believed() -> None:
    """Coins that are really gone need no hedge; what repeats itself at once is no second word."""
    world = sourced()
    declared(world, "0")
    declared(world, "0")
    world.run(2)
    assert d(-3) == world.position("BTC")
    declared(world, "0")
    world.run(4)

    assert d(-1) == world.position("BTC")
    same_again(world)


def test_a_small_change_of_a_reading_counts_at_once() -> None:
    """Nobody waits for a reward."""
    world = sourced()
    declared(world, "2.05")
    world.run(4)

    assert d("-3.05") == world.position("BTC")


# ------------------------------------------------------------------------------------------------- sleeves
def test_a_sleeve_is_never_more_than_what_is_there() -> None:
    """Coins that left are hedged no longer, though the config still gives them to a target; a person is told once."""
    owned = msgspec.structs.replace(neutral("BTC"), owns={BTC: d(2)})
    world = World.neutral(owned, coins={"BTC": "2"}, orders_per_minute_max=99).run(6)
    assert d(-2) == world.position("BTC")
    world.deposit("BTC", "-1.5")
    world.run(15)

    assert d("-0.5") == world.position("BTC")
    assert ["2 BTC are given to sleeves, and 0.5 are there: no more than that is hedged"] == texts(world, "sleeve")
    same_again(world)


def test_the_core_does_not_count_what_a_sleeve_earns() -> None:
    """The short of a sleeve wins 5,000: half of net asset value taken out of the market is still the core's own."""
    core = CashTarget(name="cash", share=d("0.5"), anchor=BTC, band=band("0.001"), basis=ALL_OF_NAV)
    owned = msgspec.structs.replace(neutral("ETH"), owns={ETH: d(10)})
    world = World.neutral(core, owned, coins={"BTC": "1", "ETH": "10"}, orders_per_minute_max=99).run(6)
    before = world.position("BTC")
    world.price("ETH", 2_000.0)
    world.run(6)

    assert d("-0.916") == before == world.position("BTC")
    same_again(world)


# ------------------------------------------------------------------------------------------ contradictions
@pytest.mark.parametrize(
    "other",
    [
        neutral("BTC"),
        msgspec.structs.replace(CASH, basis=FIXED),
        UnwindTarget(name="again", assets=(BTC,), slices=SLICES, band=band("0.02")),
    ],
)
def test_what_is_unwound_is_wanted_by_nobody_else(other: TargetSpec) -> None:
    """An unwinding counts all the futures there are: beside another target it would run after its own orders."""
    gone = UnwindTarget(name="gone", assets=(BTC,), slices=SLICES, band=band("0.02"), owns={BTC: d("0.5")})
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}, orders_per_minute_max=99).run(6)
    world.rules = msgspec.structs.replace(world.rules, targets=(gone, other))
    world.restart().run(30)

    assert d(-1) == world.position("BTC")
    assert "BTC is unwound, and another target wants futures of it" in told(world, "held")
    same_again(world)


def test_what_has_ended_may_be_unwound() -> None:
    """A target that is over wants nothing: its hedge goes slice by slice."""
    ended = msgspec.structs.replace(neutral("BTC"), until=Until(at_ns=Nanos(START_NS + 8 * SECOND_NS)))
    gone = UnwindTarget(
        name="gone", assets=(BTC,), slices=msgspec.structs.replace(SLICES, notional_max=d(30_000)), band=band("0.02")
    )
    world = World.neutral(ended, coins={"BTC": "1"}, orders_per_minute_max=99).run(5)
    assert d(-1) == world.position("BTC")
    world.rules = msgspec.structs.replace(world.rules, targets=(ended, gone))
    world.restart().run(30)

    assert d(0) == world.position("BTC")
    assert 3 == len(world.sent)
    same_again(world)


def test_a_target_of_several_coins_ends_as_a_whole() -> None:
    """One dear hedge among cheap ones ends nothing: what counts is what all of them cost."""
    both = msgspec.structs.replace(neutral("BTC", "ETH"), until=Until(funding_cost_max=d("0.3")))
    world = World.neutral(both, coins={"BTC": "1", "ETH": "10"}, orders_per_minute_max=99).run(6)
    for coin, rate in (("BTC", "0.0001"), ("ETH", "-0.001")):
        past = tuple((Nanos(world.now - i * 8 * HOUR_NS), d(rate)) for i in range(60, 0, -1))
        world.handle(FundingSeen(hedge(coin), FundingTerms(interval_ns=8 * HOUR_NS, history=past), world.now))
    world.run(6)

    assert (d(-1), d(-10)) == (world.position("BTC"), world.position("ETH"))
    assert [] == texts(world, "ended")


# ------------------------------------------------------------------------------------ what a judgement rests on
def moving(world: World) -> HistorySeen:
    """Past returns: SOL moves twice as much as BTC."""
    chance = random.Random(1)
    base = tuple(chance.gauss(0, 0.01) for _ in range(600))
    found: dict[Asset, tuple[float | None, ...]] = {
        BTC: base,
        ETH: tuple(one + chance.gauss(0, 0.001) for one in base),
        SOL: tuple(2 * one + chance.gauss(0, 0.001) for one in base),
    }
    return HistorySeen(Returns(interval_ns=HOUR_NS, end_ns=world.now, logarithmic=True, series=found), world.now)


def test_the_beta_of_a_portfolio_is_that_of_all_that_is_held() -> None:
    """75,000 of SOL at a beta of 2 and 50,000 of cash: with a fixed base the anchor alone is not the portfolio."""
    cash = msgspec.structs.replace(CASH, beta=None, basis=FIXED)
    world = world_of(futureless(cash), SOL="500")
    world.handle(moving(world))
    world.run(6)

    assert d("-0.4") == round(world.position("BTC"), 2)


@pytest.mark.parametrize("other", ["up", "cash"])
def test_a_venues_cap_counts_what_every_target_wants_there(other: str) -> None:
    """A target of net asset value is seen whole by the others, too: together they keep the cap."""
    lever = msgspec.structs.replace(LEVER, leverage=d(1), leverage_max=d(1), basis=ALL_OF_NAV)
    cash = msgspec.structs.replace(CASH, share=d("0.9"), basis=ALL_OF_NAV)
    owned = rules(
        lever if other == "up" else cash,
        neutral("ETH"),
        limits=limits(orders_per_minute_max=99),
        budgets=Budgets(venues={"binance": d(40_000)}),
    )
    world = World(owned, {"BTC": d("0.2"), "ETH": d(10)}).start().run(10)
    gross = abs(world.position("BTC")) * 60_000 + abs(world.position("ETH")) * 2_500

    assert d(38_000) < gross <= d(40_100)


# ------------------------------------------------------------------------------------------- marks and restarts
def test_a_strike_that_comes_twice_over_a_restart_is_one() -> None:
    """In the middle of a correction, and again after the process died: one rebalance."""
    target = msgspec.structs.replace(neutral("BTC"), when=When(calendar="0 0 * * *", start=Start.CALENDAR))
    world = of_one(target, order_notional_max=d(25_000)).run(2)
    at = world.now
    world.handle(CalendarStruck("neutral", Nanos(at), world.now))
    world.until(lambda w: len(w.sent) == 2)
    assert d(-1) < world.position("BTC")
    world.handle(CalendarStruck("neutral", Nanos(at), world.now))
    world.restart().run(6)
    struck(world)
    world.run(6)
    done = len(world.sent)
    world.handle(CalendarStruck("neutral", Nanos(at), world.now))
    world.deposit("BTC", "0.02")
    world.run(6)

    assert d(-1) == world.position("BTC")
    assert done == len(world.sent)
    same_again(world)


def test_a_calendar_that_was_changed_missed_no_strike() -> None:
    """Its last run was the other calendar's: what that would have struck since is nothing to make up for."""
    target = msgspec.structs.replace(neutral("BTC"), when=When(calendar="0 0 * * *", start=Start.CALENDAR))
    world = of_one(target).run(2)
    struck(world)
    world.run(4)
    assert ["neutral"] == list(world.engine.state.triggers.last_run)
    same = msgspec.structs.replace(target, band=band("0.07"))
    other = msgspec.structs.replace(target, when=When(calendar="0 12 * * *", start=Start.CALENDAR))
    for changed, known in ((same, ["neutral"]), (other, [])):
        world.rules = msgspec.structs.replace(world.rules, targets=(changed,))
        world.handle(RulesChanged(world.rules, "edited", (), world.now))
        assert known == list(world.engine.state.triggers.last_run)
    same_again(world)


def test_a_target_that_ends_while_its_order_flies_is_closed_once() -> None:
    """The order fills after the end: what it brought is closed, and nothing is sent twice."""
    ending = msgspec.structs.replace(neutral("BTC"), until=Until(at_ns=Nanos(START_NS + 2 * SECOND_NS)))
    world = of_one(ending)
    world.venue.answers = world.venue.streams = False
    world.until(lambda w: bool(w.sent)).run(3)
    world.venue.answers = world.venue.streams = True
    world.run(60)

    assert 1 == len(texts(world, "ended"))
    assert d(0) == world.venue.position(hedge("BTC")).contracts
    assert 2 == len(world.sent)
    same_again(world)


def test_a_proxy_at_the_edge_of_decoupling_does_not_go_to_and_fro() -> None:
    """What is decoupled recovers by more than it was lost by: an R2 about its bound turns the hedge once."""
    target = ProxyTarget(name="proxy", assets=(ETH,), anchors=(BTC,), band=band("0.02"), betas={}, samples_min=100)
    world = World.neutral(target, coins={"ETH": "10"}, orders_per_minute_max=99).run(3)
    for turn in range(6):
        loose = series(1)
        noise = 1.0 if turn % 2 == 0 else 0.94
        mixed = tuple((a or 0.0) + noise * (b or 0.0) for a, b in zip(loose[BTC], loose[ETH], strict=True))
        world.engine.state.statistics.accumulator = None
        world.restart()
        world.handle(HistorySeen(returns(world, {BTC: loose[BTC], ETH: mixed}), world.now))
        world.run(12)

    assert 1 == len(world.notices("decoupled"))
    assert 1 == len(world.sent)
    assert d("-0.207") == world.position("BTC")


def test_what_is_held_for_a_person_is_held_until_one_arms() -> None:
    """A coin that left its anchors and came back by itself has still to be looked at, where its owner said so."""
    target = ProxyTarget(
        name="proxy", assets=(ETH,), anchors=(BTC,), band=band("0.02"), samples_min=100, decoupled=Decoupled.HOLD
    )
    world = World.neutral(target, coins={"ETH": "10"}, orders_per_minute_max=99).run(3)
    loose = series(1)
    for noise in (1.2, 0.1):
        mixed = tuple((a or 0.0) + noise * (b or 0.0) for a, b in zip(loose[BTC], loose[ETH], strict=True))
        world.engine.state.statistics.accumulator = None
        world.restart()
        world.handle(HistorySeen(returns(world, {BTC: loose[BTC], ETH: mixed}), world.now))
        world.run(12)
    assert [] == world.sent
    assert 1 == len(world.notices("decoupled"))
    assert "ETH had decoupled: held until a person has looked, and arms" in world.engine.assess()[0].held.why  # type: ignore[union-attr]
    world.ask(Action.ARM)
    world.run(6)

    assert d("-0.41") > world.position("BTC")


def test_a_past_that_is_yet_to_come_teaches_nothing() -> None:
    """Statistics that ended in ten years would take no sample before."""
    target = msgspec.structs.replace(PROXY, betas={}, samples_min=10)
    world = world_of(futureless(target), SOL="100")
    told = moving(world)
    later = msgspec.structs.replace(told.returns, end_ns=Nanos(world.now + 10 * 365 * 24 * HOUR_NS))
    world.handle(msgspec.structs.replace(told, returns=later))
    known = world.engine.state.statistics.accumulator

    assert known is not None
    assert (0, ()) == (known.at_ns, known.assets)


def test_nothing_grows_with_the_months() -> None:
    """Strikes, readings, samples of funding, ended corrections: what is remembered stays as it is."""
    target = msgspec.structs.replace(neutral("BTC"), when=When(calendar="0 0 * * *"))
    world = World(rules(target, sources=SOURCES), {"BTC": d(1)}).start()
    declared(world, "2")
    world.run(6)
    sizes = []
    for _ in range(3):
        for _ in range(40):
            world.now = Nanos(world.now + SECOND_NS)
            struck(world)
            declared(world, "2")
            world.tick()
        state = world.engine.state
        sizes.append(len(msgspec.json.encode((state.triggers, state.sleeves, state.declared, state.legs))))

    assert max(sizes) - min(sizes) < 8


def test_the_bases_of_shares_are_no_loop() -> None:
    """Net asset value has the hedge's own profit in it: after each move a correction comes to its end, and rests."""
    cash = CashTarget(name="cash", share=d("0.5"), anchor=BTC, band=band("0.03", unit=Unit.POINTS), basis=ALL_OF_NAV)
    world = World.neutral(cash, coins={"BTC": "2"}, orders_per_minute_max=99).run(6)
    for price in (50_000.0, 40_000.0, 30_000.0, 60_000.0):
        world.price("BTC", price)
        before = len(world.run(6).sent)
        assert before == len(world.run(6).sent)

    nav = d(2) * 60_000 + world.venue.wallet
    assert abs(world.position("BTC") * 60_000 + nav / 2) < nav * d("0.06")
    assert Base.NAV_LESS_RESERVE is cash.basis.base
