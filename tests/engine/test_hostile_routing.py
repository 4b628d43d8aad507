"""Routes and moves against a market and a venue that mean harm: what costs again and again, and what is not to be seen.

Each of these was a way to lose money or to stay unhedged in silence.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.domain.events import HELD_BACK, FundingSeen, OrderRejected, OrderReported, Source
from bot.domain.hedge import Need, Parts
from bot.domain.market import Depth, Mark
from bot.domain.snapshot import FundingTerms
from bot.domain.targets import Budgets
from bot.domain.units import DAY_NS, HOUR_NS, ZERO, InstrumentId, Nanos
from bot.engine import routing, slices
from bot.engine.modes import Latch, Mode
from bot.engine.pegs import Level
from bot.engine.routes import group_of
from bot.engine.trust import Beliefs
from tests.engine.routed import FIRST, SECOND, Choosy, RoutedWorld, routed_rules, second
from tests.kit import BTC, ETH, START_NS, band, d, hedge, limits, neutral, perpetual, pricing

GROUP = group_of(BTC)


def hedged(*targets: Any, **parts: Any) -> RoutedWorld:
    """One BTC hedged on the second perpetual, the cheaper one."""
    world = RoutedWorld.routed(*targets, **parts).run(5)
    assert world.units("BTC2") == -d(parts.get("coins", {"BTC": "1"})["BTC"])
    return world


def moved(world: RoutedWorld) -> list[Any]:
    """The intents of moves."""
    return [one.intent for one in world.intents if one.intent.group == GROUP]


# --------------------------------------------------------------------------------------------------------- flapping
@pytest.mark.parametrize("within", ["0.01", "0.99"])
def test_a_move_whose_other_half_is_never_filled_is_tried_once(within: str) -> None:
    """The new future's book is a mirage: what was closed is opened again where it was, once, and not every minute."""
    world = hedged(neutral("BTC", within=band(within)))
    world.flip("BTC2", "-0.20")
    assert isinstance(world.venue, Choosy)
    world.venue.most = {FIRST: ZERO}
    world.run(240)

    assert world.net == -1
    assert sum(one.filled for one in world.records("BTC2")) == 3, "the hedge, and one way there and back"
    assert not world.engine.state.routes.moves


# ----------------------------------------------------------------------------------------------------------- limits
def need_of(asset: Any, hedge_coins: str, price: str) -> Need:
    """A need as a target would have it."""
    nothing = Parts(ZERO, ZERO, ZERO, ZERO)
    coins = d(hedge_coins)
    return Need(
        asset=asset,
        price=d(price),
        parts=nothing,
        target=ZERO,
        deviation=-coins,
        trigger=ZERO,
        destination=ZERO,
        breached=True,
        hedge=coins,
        why="because",
    )


def test_a_venues_budget_counts_what_is_on_its_way_there() -> None:
    """Another coin's order has not ended: until it has, the venue's budget has no room for both."""
    world = RoutedWorld.routed(
        neutral("BTC", "ETH"),
        coins={"BTC": "0", "ETH": "0"},
        budgets=Budgets(venues={"binance": d(90_000)}),
    ).run(3)
    world.venue.answers = world.venue.streams = world.venue.places = False
    world.deposit("ETH", "20")
    world.until(lambda one: bool(one.sent))

    found = routing.shared_out(Beliefs(world.engine.state), BTC, d(-1))
    assert world.sent[0].instrument == hedge("ETH")
    assert {SECOND: d("-0.666")} == dict(found.pieces)


def test_a_venues_budget_is_not_used_twice_by_one_basket() -> None:
    """Two coins of one decision share what a venue's budget leaves: the second takes what the first has left."""
    other = InstrumentId("binance.usdm:ETH2USDT")
    owned = routed_rules(neutral("BTC", "ETH"), budgets=Budgets(venues={"binance": d(90_000)}))
    more = perpetual("ETH", id=other, symbol="ETH2USDT")
    assets = tuple(
        msgspec.structs.replace(one, alternatives=(other,)) if one.asset == ETH else one for one in owned.assets
    )
    world = RoutedWorld(
        msgspec.structs.replace(owned, assets=assets, instruments=(*owned.instruments, more)),
        {"BTC": ZERO, "ETH": ZERO},
    )
    world.venue.prices = {"BTC": 60_000.0, "BTC2": 60_000.0, "ETH": 2_500.0, "ETH2": 2_500.0}
    world.start().run(3)
    for coin in ("BTC", "BTC2", "ETH", "ETH2"):
        world.fund(coin, "0.1")

    cut = slices.cut(Beliefs(world.engine.state), [need_of(BTC, "-1", "60000"), need_of(ETH, "-24", "2500")])
    instruments = world.engine.state.layout.instruments
    prices = {BTC: d(60_000), ETH: d(2_500)}
    worth = sum(instruments[one.instrument].coins(one.figures.contracts) * prices[one.need.asset] for one in cut.slices)
    assert {BTC, ETH} == {one.need.asset for one in cut.slices}
    assert worth <= 90_000


# ---------------------------------------------------------------------------------------------------------- silence
def test_a_future_whose_book_fell_silent_does_not_hold_the_coin() -> None:
    """After a partial fill no newer book of it ever comes: the rest is hedged on the other future."""
    world = RoutedWorld.routed()
    assert isinstance(world.venue, Choosy)
    world.venue.most = {SECOND: d("0.4")}
    world.until(lambda one: bool(one.sent))
    world.bent = lambda event: None if type(event) is Depth and event.instrument == SECOND else event
    world.run(25)

    assert world.net == -1
    assert world.units("BTC") < 0


def test_a_move_leaves_the_coins_own_hedge_room_to_trade() -> None:
    """A move in many slices is under way when coins arrive: the pace is not used up by what only saves funding."""
    small = limits(order_notional_max=d(2_400), orders_per_minute_max=10)
    world = hedged(limits=limits(orders_per_minute_max=10))
    world.engine.state.layout.rules = msgspec.structs.replace(world.rules, limits=small)
    world.flip("BTC2", "-0.20")
    world.until(lambda one: len(moved(one)) >= 3)
    world.run(20)
    world.deposit("BTC", "0.03")
    world.run(6)

    assert abs(world.net + d("1.03")) <= d("0.0103")


# ------------------------------------------------------------------------------------------------------ bad markets
def test_a_future_whose_index_is_not_the_coins_is_not_opened_on() -> None:
    """The second perpetual's index, mark and book are 5 % below the coin: nothing is sold there."""
    world = RoutedWorld.routed()
    world.venue.prices["BTC2"] = 57_000.0
    world.run(5)

    assert (d(-1), ZERO) == (world.units("BTC"), world.units("BTC2"))


def test_nothing_is_moved_off_or_onto_a_future_whose_index_is_not_the_coins() -> None:
    """Its price went away: what is there stays, whatever it is said to cost."""
    world = hedged()
    world.flip("BTC2", "-0.20")
    world.venue.prices["BTC2"] = 57_000.0
    world.run(30)

    assert not moved(world)


def test_a_book_far_from_its_own_mark_is_never_cheap() -> None:
    """Levels of the second perpetual are garbage at a thousandth of its mark: the first takes what is bought."""
    world = RoutedWorld.routed(coins={"BTC": "0", "ETH": "0"}, rates={"BTC": "0.05", "BTC2": "0.05"}).run(3)
    depths = world.engine.state.books.depths
    depths[SECOND] = Depth(SECOND, ((59.9, 50.0),), ((60.0, 50.0),), 1, world.now)
    quotes = world.engine.state.books.quotes
    quotes[SECOND] = msgspec.structs.replace(quotes[SECOND], received_ns=world.now)

    assert {FIRST: d(1)} == dict(routing.shared_out(Beliefs(world.engine.state), BTC, d(1)).pieces)


@pytest.mark.parametrize("rate", ["NaN", "1e400", "-1e400"])
def test_a_funding_rate_that_is_no_number_is_unknown(rate: str) -> None:
    """A venue says nonsense: its forecast is unknown, and the engine goes on."""
    world = hedged()
    terms = FundingTerms(interval_ns=8 * HOUR_NS, history=((Nanos(world.now), d(rate)),))
    world.handle(FundingSeen(FIRST, terms, world.now))
    world.deposit("BTC", "0.2")
    world.run(15)

    assert world.units("BTC2") == d("-1.2")


# ------------------------------------------------------------------------------------------------------------ pairs
@pytest.mark.parametrize("what", ["peg", "halt"])
def test_half_a_move_does_not_leave_when_the_other_half_may_not(what: str) -> None:
    """Between the decision and the wire new risk is stopped: the half that only reduces stays too."""
    world = hedged()
    world.flip("BTC2", "-0.20")
    world.until(lambda one: bool(moved(one)))
    closing, opening = (leg.request for leg in moved(world)[0].legs)
    assert (world.engine.withholds(closing), world.engine.withholds(opening)) == ("", "")
    if what == "peg":
        world.engine.state.pegs.level = Level.STOPPED
    else:
        world.engine.state.modes.latch(FIRST, Latch(Mode.HALT, "why", "ann", world.now))

    assert world.engine.withholds(opening)
    assert "the other half" in world.engine.withholds(closing)


def test_half_a_move_leaves_when_the_other_half_has_filled() -> None:
    """What has filled is not to be withheld any more: its other half follows."""
    world = hedged()
    world.flip("BTC2", "-0.20")
    world.until(lambda one: bool(moved(one)))
    closing, opening = (leg.request for leg in moved(world)[0].legs)
    state = world.engine.state
    report = world.venue.orders[opening.client_id].report(world.now)
    state.apply(OrderReported(report, Source.STREAM, world.now))
    state.modes.latch(FIRST, Latch(Mode.HALT, "why", "ann", world.now))

    assert world.engine.withholds(closing) == ""


AFAR = InstrumentId("bybit.linear:BTC2USDT")


def two_venues(**parts: Any) -> RoutedWorld:
    """BTC may be hedged at two venues, one of which has no market; ETH at one of them only."""
    return RoutedWorld.routed(
        neutral("BTC", "ETH"),
        others=(msgspec.structs.replace(second(), id=AFAR),),
        rates={"BTC": "0.1"},
        budgets=Budgets(venues={"binance": d(90_000)}),
        **parts,
    )


def test_a_venues_budget_counts_coins_that_may_be_elsewhere_too() -> None:
    """60,000 of BTC are at a venue whose budget is 90,000: a coin that has futures nowhere else has what is left."""
    world = two_venues().run(5)
    assert world.units("BTC") == -1
    world.deposit("ETH", "20")
    world.run(10)

    assert world.units("ETH") == d(-12)


def test_a_venues_budget_counts_their_orders_too() -> None:
    """Both coins arrive at once, and the order of the one that has a choice has not ended: the other one waits."""
    world = two_venues(coins={"BTC": "0", "ETH": "0"}).run(3)
    world.venue.answers = world.venue.streams = world.venue.places = False
    world.deposit("BTC", "1")
    world.until(lambda one: bool(one.sent))

    caps = {venue: cap for venue, _, cap in routing.ceilings(world.engine.state).venues}
    assert d(29_900) < caps["binance"] < d(30_200)


def test_what_is_on_its_way_to_another_venue_uses_nothing_of_a_budget() -> None:
    """An order that adds to a position elsewhere leaves the room as it is."""
    world = two_venues(coins={"BTC": "0", "ETH": "0"}).run(3)

    found = routing.shared_out(Beliefs(world.engine.state), BTC, d(-2), (), [(AFAR, d(1))])
    assert {FIRST: d("-1.5")} == dict(found.pieces)


def test_a_future_is_not_compared_without_the_coins_price() -> None:
    """Nothing says what the coin is worth: no future's index can be held against it."""
    world = hedged()
    quotes = world.engine.state.books.quotes
    quotes[pricing("BTC")] = msgspec.structs.replace(quotes[pricing("BTC")], bid=0.0)

    found = routing.shared_out(Beliefs(world.engine.state), BTC, d(-1))
    assert not found.pieces
    assert "no price of BTC" in found.why


def test_half_a_move_does_not_leave_when_the_other_half_was_held_back() -> None:
    """Our own rate budget held one half back: the other one stays, and the pair is decided anew."""
    world = hedged()
    world.flip("BTC2", "-0.20")
    world.until(lambda one: bool(moved(one)))
    closing, opening = (leg.request for leg in moved(world)[0].legs)
    world.engine.state.apply(OrderRejected(opening.client_id, HELD_BACK, "no room", world.now))

    assert world.engine.withholds(closing) == f"the other half of its pair does not leave: {HELD_BACK}: no room"


@pytest.mark.parametrize(("days", "there"), [("1.5", False), ("2.9", False), ("40", True)])
def test_a_future_that_is_soon_to_be_left_is_not_opened_on(days: str, there: bool) -> None:
    """A basis of half a per cent, as if it were to be had anew every other day, is not believed."""
    expiry = Nanos(START_NS + int(d(days) * DAY_NS))
    world = RoutedWorld.routed(others=(second(expiry_ns=expiry),), rates={"BTC": "0.01"})
    world.venue.prices["BTC2"] = 60_300.0
    world.bent = lambda event: (
        msgspec.structs.replace(event, index=60_000.0) if type(event) is Mark and event.instrument == SECOND else event
    )
    world.run(5)

    assert (world.units("BTC2") == -1) is there
    assert world.net == -1
