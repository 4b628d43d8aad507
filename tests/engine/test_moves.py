"""A hedge moves to another future where that pays, as pairs; what a pair leaves uneven is completed or undone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.calc.sizing import common_step
from bot.domain.commands import Notice, OpenIntent, Severity
from bot.domain.events import Action, RunMode
from bot.domain.order import Refused, Side
from bot.domain.units import DAY_NS, HOUR_NS, SECOND_NS, ZERO, Nanos
from bot.engine import moves
from bot.engine.modes import Latch, Mode
from bot.engine.moves import MOVE_EVERY_NS, MOVE_NS_MAX, Step
from bot.engine.routes import Move, group_of
from bot.engine.state import State
from bot.engine.trust import Beliefs
from tests.engine.routed import CHEAP, FIRST, SECOND, RoutedWorld, second
from tests.kit import BTC, ETH, START_NS, band, d, hedge, limits, neutral

GROUP = group_of(BTC)
LATER_NS = MOVE_EVERY_NS + 20 * SECOND_NS


def hedged(*targets: Any, **parts: Any) -> RoutedWorld:
    """One BTC hedged on the second perpetual, the cheaper one."""
    world = RoutedWorld.routed(*targets, **parts)
    world.run(5)
    assert world.units("BTC2") == -d(parts.get("coins", {"BTC": "1"})["BTC"])
    return world


def calm(**parts: Any) -> RoutedWorld:
    """The same inside a band so wide that the target leaves an uneven pair to the move."""
    return hedged(neutral("BTC", within=band("0.99")), **parts)


def flipped(world: RoutedWorld, **of_venue: Any) -> RoutedWorld:
    """From now on the second perpetual costs a short 20 % a year."""
    world.flip("BTC2", "-0.20")
    for name, value in of_venue.items():
        setattr(world.venue, name, value)
    return world


def moved(world: RoutedWorld) -> list[OpenIntent]:
    """The intents of moves."""
    return [one for one in world.intents if one.intent.group == GROUP]


def told(world: RoutedWorld, topic: str) -> list[Notice]:
    """Notices of a topic."""
    return [one for one in world.log if isinstance(one, Notice) and one.topic == topic]


def test_a_hedge_opens_on_the_cheapest_and_moves_as_a_pair_when_funding_flips() -> None:
    """The whole story: opened where a short receives the most, moved by one pair when that pays, and told."""
    world = flipped(hedged()).run(15)

    assert (d(-1), ZERO) == (world.units("BTC"), world.units("BTC2"))
    (pair,) = moved(world)
    assert pair.intent.reason == f"move 1 BTC: moving from {SECOND} to {FIRST} saves 205.48 bps for 15.03 bps"
    assert [(SECOND, Side.BUY, True), (FIRST, Side.SELL, False)] == [
        (leg.request.instrument, leg.request.side, leg.request.reduce_only) for leg in pair.intent.legs
    ]
    (notice,) = told(world, "route")
    assert notice.text == f"the move from {SECOND} to {FIRST} is over: all of it is there ({pair.intent.reason[12:]})"
    assert [GROUP] == [one.group for one in world.closed[1:]]
    assert not world.engine.state.routes.moves
    assert world.engine.state.routes.chosen == {BTC: FIRST}


def test_the_books_move_with_the_position() -> None:
    """What was booked to the target on one future is booked to it on the other; both add up to the venue's."""
    world = flipped(hedged()).run(15)

    sleeves = world.engine.state.sleeves
    assert ({"neutral": d(-1)}, {"neutral": ZERO}) == (sleeves.booked(FIRST), sleeves.booked(SECOND))


def test_what_saves_no_more_than_it_costs_stays() -> None:
    """A difference of 1.5 % a year is 12 bps in 30 days: two trades take 10, the buffer 5."""
    world = hedged(rates={"BTC": "0.10", "BTC2": "0.11"})
    world.flip("BTC2", "0.085")

    assert not moved(world.run(25))
    world.flip("BTC2", "0.08")
    assert moved(world.run(25))


def test_one_move_begins_in_eight_hours() -> None:
    """Funding flips back at once: the hedge stays until the pause is over, and then moves back."""
    world = flipped(hedged()).run(15)
    world.flip("BTC2", CHEAP)
    world.run(30)
    assert len(moved(world)) == 1

    world.reconciling = True
    world.now = Nanos(world.now + LATER_NS)
    for coin, rate in (("BTC", "0.05"), ("BTC2", CHEAP)):
        world.flip(coin, rate)
    world.run(60)
    assert d(-1) == world.units("BTC2")


def test_a_large_position_moves_slice_by_slice() -> None:
    """No order is larger than the owner allows: five pairs of 12,000, evenly, and it is told once."""
    cap = limits(order_notional_max=d(12_000), orders_per_minute_max=60)
    world = flipped(hedged(limits=cap, coins={"BTC": "1", "ETH": "0"})).run(40)

    assert (d(-1), ZERO) == (world.units("BTC"), world.units("BTC2"))
    assert len(moved(world)) >= 5
    assert all(len(one.intent.legs) == 2 for one in moved(world))
    assert len(told(world, "route")) == 1


@pytest.mark.parametrize("most", ["0.3", "0.7"])
def test_a_leg_that_filled_in_part_is_completed(most: str) -> None:
    """The new future gives less than was asked for: the rest of the sale follows until the pair is even."""
    world = flipped(calm(), most={FIRST: d(most)}).run(20)

    assert (d(-1), ZERO) == (world.units("BTC"), world.units("BTC2"))
    assert moved(world)[1].intent.reason == f"sell {d(1) - d(most)} BTC: the other half of the last pair"


def test_a_closing_leg_that_filled_in_part_is_completed() -> None:
    """More was sold than bought back: as much is bought back, reduce-only."""
    world = flipped(calm(), most={SECOND: d("0.4")}).run(20)

    second_try = moved(world)[1].intent
    assert second_try.reason == "buy 0.6 BTC: the other half of the last pair"
    assert [(SECOND, True)] == [(leg.request.instrument, leg.request.reduce_only) for leg in second_try.legs]
    assert (d(-1), ZERO) == (world.units("BTC"), world.units("BTC2"))


def test_a_leg_that_is_refused_is_undone_when_it_cannot_be_completed() -> None:
    """The new future refuses three times and is halted: what was bought back is sold again where it was."""
    world = flipped(calm(), refused_on=FIRST, most={SECOND: d("0.9")}).run(25)

    assert (ZERO, d(-1)) == (world.units("BTC"), world.units("BTC2"))
    assert [SECOND] == [leg.request.instrument for leg in moved(world)[-1].intent.legs]
    assert told(world, "rejects")
    assert told(world, "route")[-1].text.endswith("a pair was undone; the rest stays where it is")
    (closed,) = [one for one in world.closed if one.group == GROUP]
    assert closed.reason.endswith("a pair was undone; the rest stays where it is")


def test_a_closing_leg_that_is_refused_is_undone_on_the_other_side() -> None:
    """The old future refuses to be bought back: what was sold on the new one is bought back there, reduce-only."""
    world = flipped(calm(), refused_on=SECOND, most={FIRST: d("0.9")}).run(25)

    last = moved(world)[-1].intent.legs[0].request
    assert (ZERO, d(-1)) == (world.units("BTC"), world.units("BTC2"))
    assert (FIRST, Side.BUY, True) == (last.instrument, last.side, last.reduce_only)


def test_a_pair_that_cannot_be_evened_out_is_told_when_its_budget_is_spent() -> None:
    """54,000 are naked: beyond the budget the move ends, a person is told, and the targets go on."""
    tight = limits(naked_notional_seconds_max=d(100_000), rejects_in_row_max=1)
    world = calm(limits=tight)
    flipped(world, refused_on=FIRST, most={SECOND: d("0.9")})
    world.until(lambda one: bool(moved(one)))
    world.engine.state.modes.latch(SECOND, Latch(Mode.HALT, "somebody looks into it", "ann", world.now))
    world.run(25)

    (naked,) = told(world, "naked")
    assert naked.severity is Severity.CRITICAL
    assert "0.9 BTC are uneven and cannot be evened out" in naked.text
    assert not world.engine.state.routes.moves


def test_a_restart_goes_on_with_what_a_pair_owes() -> None:
    """The process dies between the halves of a pair: the next one looks the orders up and evens the pair out."""
    world = flipped(calm(limits=limits(naked_notional_seconds_max=d(10**8))), most={FIRST: d("0.4")})
    world.until(lambda one: bool(moved(one)))
    world.heal()
    world.restart()
    world.run(30)

    assert world.net == d(-1)
    assert not world.engine.state.routes.moves


def test_an_operator_ends_a_move() -> None:
    """After a kill and an arm the coin's targets alone decide: inside their band what a pair owed is owed no more."""
    world = flipped(calm(), most={FIRST: d("0.4")})
    world.until(lambda one: bool(moved(one)))
    world.ask(Action.KILL)
    assert not world.engine.state.routes.moves
    world.ask(Action.ARM)
    world.run(30)

    assert (d("-0.4"), 1) == (world.net, len(moved(world)))


def test_the_coins_own_hedge_takes_over_what_a_move_owes() -> None:
    """A deposit between the halves: the target's order covers both, and nothing is evened out a second time."""
    world = flipped(hedged(), most={FIRST: d("0.4")})
    world.until(lambda one: bool(moved(one)))
    world.heal()
    world.deposit("BTC", "0.1")
    world.run(40)

    assert world.net == d("-1.1")


def test_a_position_that_something_else_moved_owes_nothing() -> None:
    """Somebody trades by hand in the middle of a move: its debt means nothing any more."""
    world = flipped(calm(), refused_on=FIRST)
    world.until(lambda one: bool(one.engine.state.routes.moves and one.engine.state.routes.moves[BTC].debt))
    state = world.engine.state
    assert state.routes.moves[BTC].debt == 1
    state.routes.disturb(SECOND)
    assert state.routes.moves[BTC].debt == 0


def test_unwinding_closes_every_future_of_a_coin() -> None:
    """Positions on two futures are closed each on its own, and that all is closed is told once."""
    world = RoutedWorld.routed(limits=limits(position_notional_max=d(36_000))).run(5)
    assert (d("-0.4"), d("-0.6")) == (world.units("BTC"), world.units("BTC2"))
    world.ask(Action.UNWIND)
    world.run(10)

    assert (ZERO, ZERO) == (world.units("BTC"), world.units("BTC2"))
    assert {"unwind:BTC", "unwind:BTC2USDT:BTC"} == {
        one.intent.group for one in world.intents if "unwind" in one.intent.group
    }
    assert len(told(world, "unwound")) == 1


def test_observing_proposes_a_move_once() -> None:
    """Nothing is sent."""
    world = hedged()
    world.restart(RunMode.OBSERVE)
    for coin, rate in (("BTC", "0.05"), ("BTC2", "-0.2")):
        world.flip(coin, rate)
    world.run(40)

    assert [GROUP] == [one.intent.group for one in world.proposals]
    assert world.units("BTC2") == -1


def test_a_future_that_expires_is_left_in_time() -> None:
    """A day before its expiry what it holds goes to another, whatever that costs; it takes nothing new before."""
    expiry = Nanos(START_NS + 40 * DAY_NS)
    world = RoutedWorld.routed(others=(second(expiry_ns=expiry),), rates={"BTC": "-0.5"})
    world.venue.prices["BTC2"] = 60_300.0
    world.run(5)
    assert world.units("BTC2") == -1

    world.now = Nanos(expiry - DAY_NS + HOUR_NS)
    world.fund("BTC", "-0.5")
    world.run(90)
    assert (d(-1), ZERO) == (world.units("BTC"), world.units("BTC2"))
    assert "expires within a day" in moved(world)[0].intent.reason


def test_a_long_and_a_short_of_one_coin_close_each_other() -> None:
    """Whatever made them, they cost twice: both are made smaller, by as much, reduce-only."""
    world = hedged(coins={"BTC": "1", "ETH": "0"})
    for name, contracts in ((FIRST, d("0.3")), (SECOND, d("-1.3"))):
        world.put(name, contracts)
    world.run(20)

    assert (ZERO, d(-1)) == (world.units("BTC"), world.units("BTC2"))
    assert all(leg.request.reduce_only for leg in moved(world)[0].intent.legs)


@pytest.mark.parametrize("guard", ["busy", "held", "doubt", "paused", "untargeted"])
def test_no_move_begins_while_anything_else_goes_on(guard: str) -> None:
    """A correction under way, a hold, a doubt, another mode, or no target at all: the question is not asked."""
    world = flipped(hedged())
    state = world.engine.state
    match guard:
        case "busy":
            state.legs.open("neutral:BTC", "because", (), world.now)
        case "held":
            state.legs.held["neutral:BTC"] = "quote:BTC"
        case "doubt":
            world.now = Nanos(world.now + 60 * SECOND_NS)
        case "paused":
            world.ask(Action.PAUSE)
        case _:
            state.layout.groups = ()
    state.now = Nanos((world.now // (10 * SECOND_NS) + 1) * 10 * SECOND_NS)

    assert moves.consider(Beliefs(state), BTC) is None


def started(world: RoutedWorld) -> RoutedWorld:
    """A move has begun, and both of its legs have filled a fifth."""
    flipped(world, most={FIRST: d("0.2"), SECOND: d("0.2")})
    world.until(lambda one: bool(moved(one)))
    return world.run(0.5)


def test_a_move_ends_when_it_would_not_pay_any_more() -> None:
    """Funding flips back between two slices: what has moved stays, and so does the rest."""
    world = started(hedged())
    world.flip("BTC2", CHEAP)
    world.run(5)

    assert world.net == -1
    assert told(world, "route")[-1].text.endswith("moving the rest would not pay any more")


def test_a_move_waits_for_a_book_and_ends_when_it_waited_too_long() -> None:
    """Without a fresh book of what it leaves it is held, and after an hour it ends; without a quote, too."""
    world = started(hedged())
    world.bent = lambda event: None if getattr(event, "instrument", "") == SECOND else event
    world.run(6)
    assert [GROUP] == [one.subject for one in told(world, "held") if one.subject == GROUP]
    world.now = Nanos(world.now + MOVE_NS_MAX)
    world.fund("BTC", "0.05")
    world.run(40)

    assert told(world, "route")[-1].text.endswith("it found no way on for too long; the rest stays where it is")


def test_lots_that_differ_move_what_they_share() -> None:
    """A lot of 0.001 to one of 0.01: what is no whole number of both stays behind, and the move ends with it."""
    coarse = second(lot=d("0.01"), contracts_min=d("0.01"))
    world = RoutedWorld.routed(
        coins={"BTC": "1.234", "ETH": "0"}, others=(coarse,), rates={"BTC": CHEAP, "BTC2": "0.05"}
    )
    world.run(5)
    assert world.units("BTC") == d("-1.234")
    world.flip("BTC", "-0.2")
    world.run(20)

    assert (d("-0.004"), d("-1.23")) == (world.units("BTC"), world.units("BTC2"))
    assert told(world, "route")[-1].text.endswith("what is left is too little for a pair")


def under_way(world: RoutedWorld, **changes: Any) -> State:
    """A move from the second to the first perpetual has begun, and no order is in flight."""
    state = world.engine.state
    made = Move(source=SECOND, target=FIRST, coins=d(-1), why="it pays", begun_ns=world.now, filled_ns=world.now)
    state.routes.begin(BTC, msgspec.structs.replace(made, **changes))
    return state


def sides(state: State) -> list[str]:
    """What is next for the move of a world: the name of the outcome's type, and its words."""
    outcome = moves.consider(Beliefs(state), BTC)
    if isinstance(outcome, Step):
        assert outcome.draft.intent is not None
        return [f"{leg.request.instrument} {leg.request.contracts}" for leg in outcome.draft.intent.legs]
    return [type(outcome).__name__, getattr(outcome, "why", "")]


def test_a_move_that_nobody_can_price_waits() -> None:
    """No sane quote of what it leaves: it is held, not ended."""
    state = under_way(flipped(hedged()))
    state.books.quotes[SECOND] = msgspec.structs.replace(state.books.quotes[SECOND], bid=0.0)

    assert sides(state) == ["Refused", "there is no sane best bid and ask"]


def test_a_move_with_nowhere_to_go_waits() -> None:
    """All others are halted; or the only ones that could take it have no known cost and the old one expires."""
    halted, unpriced = under_way(flipped(hedged())), under_way(flipped(hedged()))
    halted.modes.latch(FIRST, Latch(Mode.HALT, "why", "ann", halted.now))
    instruments = unpriced.layout.instruments
    instruments[SECOND] = msgspec.structs.replace(instruments[SECOND], expiry_ns=Nanos(unpriced.now + HOUR_NS))
    del unpriced.statistics.funding_apr[FIRST]

    assert sides(halted) == ["Refused", f"no other future can take what {SECOND} holds"]
    assert sides(unpriced) == ["Refused", f"{FIRST}: its funding is unknown"]


def test_dust_that_a_pair_owes_is_no_order() -> None:
    """Less than a lot cannot be evened out: the next pair follows."""
    state = under_way(flipped(hedged()), debt=d("0.0001"))

    assert sides(state) == [f"{SECOND} 1", f"{FIRST} 1"]


def test_what_is_owed_waits_for_a_book() -> None:
    """Neither future's book is known: it is held; with one of them the pair is undone there."""
    state = under_way(flipped(hedged()), debt=d("0.5"))
    depths = dict(state.books.depths)
    del state.books.depths[FIRST]
    assert sides(state) == [f"{SECOND} 0.5"]
    del state.books.depths[SECOND]
    assert sides(state) == ["Refused", "there is no sane quote and depth of the hedge"]
    state.books.depths.update(depths)
    assert sides(state) == [f"{FIRST} 0.5"]


def test_nothing_is_bought_back_beyond_a_position() -> None:
    """The old future is flat already: what was sold too much is bought back where it was sold, reduce-only."""
    state = under_way(flipped(hedged()), debt=d("-0.5"), source=FIRST, target=SECOND)

    assert sides(state) == [f"{SECOND} 0.5"]


def test_what_is_below_the_minimum_ends_a_move() -> None:
    """What is left is worth less than an order may be."""
    world = flipped(hedged())
    world.put(SECOND, d("-0.001"))

    assert sides(under_way(world)) == ["Ended", "what is left is too little for a pair"]


def test_a_thin_book_cuts_both_legs_alike() -> None:
    """The old future's asks hold a fifth: both orders are that much, to the lot."""
    world = flipped(hedged())
    depths = world.engine.state.books.depths
    asks = tuple((price, 0.01) for price, _ in depths[SECOND].asks)
    depths[SECOND] = msgspec.structs.replace(depths[SECOND], asks=asks)

    assert sides(under_way(world)) == [f"{SECOND} 0.20", f"{FIRST} 0.20"]


def test_a_book_that_holds_less_than_the_position_takes_what_it_holds() -> None:
    """The new future's bids hold a fifth: the move begins with that much."""
    world = flipped(hedged())
    depths = world.engine.state.books.depths
    bids = tuple((price, 0.01) for price, _ in depths[FIRST].bids)
    depths[FIRST] = msgspec.structs.replace(depths[FIRST], bids=bids)

    assert sides(under_way(world)) == [f"{SECOND} 0.20", f"{FIRST} 0.20"]


def test_a_pair_that_shares_no_lot_or_lacks_a_book_is_none() -> None:
    """Less than both lots share, or a book that is gone: no order is made."""
    world = hedged(others=(second(lot=d("0.01"), contracts_min=d("0.01")),))
    state, wish = world.engine.state, moves.Wish(SECOND, FIRST, d("-0.004"), "because")
    small = moves.pair(Beliefs(state), BTC, wish, d("0.004"))
    del state.books.depths[SECOND]
    blind = moves.pair(Beliefs(state), BTC, wish, d("0.04"))

    assert isinstance(small, Refused)
    assert isinstance(blind, Refused)
    assert (small.guard, blind.guard) == ("minimum", "quote")


def test_a_pair_that_a_guard_refuses_does_not_begin() -> None:
    """The new future is so far off its mark that a limit is too far from it: it pays, and is not done."""
    world = flipped(hedged())
    world.bent = lambda event: (
        msgspec.structs.replace(event, mark=60_550.0) if hasattr(event, "mark") and event.instrument == FIRST else event
    )

    assert not moved(world.run(15))


def test_a_restart_after_both_halves_ends_the_move() -> None:
    """The pair has filled, and nobody lived to say so: the next start looks, and says it is over."""
    world = flipped(hedged()).until(lambda one: bool(moved(one))).restart()
    world.run(40)

    assert (d(-1), ZERO) == (world.units("BTC"), world.units("BTC2"))
    assert len(told(world, "route")) == 1


def test_other_coins_owe_nothing() -> None:
    """A coin with one future has no move to be settled, and an instrument that no move is of disturbs none."""
    world = flipped(calm(), refused_on=FIRST, most={SECOND: d("0.9")})
    world.until(lambda one: bool(one.engine.state.routes.moves and one.engine.state.routes.moves[BTC].debt))
    routes = world.engine.state.routes
    routes.disturb(hedge("ETH"))
    routes.settle(ETH)

    assert d("0.9") == routes.moves[BTC].debt


def test_the_step_that_two_lots_share() -> None:
    """The least common multiple, exactly."""
    assert common_step(d("0.001"), d("0.01")) == d("0.01")
    assert common_step(d("0.006"), d("0.004")) == d("0.012")
