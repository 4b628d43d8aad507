"""An order of unknown fate while the venue itself moves the position: the one may not wait for the other for ever."""

from __future__ import annotations

from bot.domain.account import Position
from bot.domain.events import Action, ForeignOrderSeen, OperatorAsked
from bot.domain.order import Status
from bot.engine.modes import Mode
from tests.engine.kit import World
from tests.engine.test_watch import lost
from tests.kit import d, hedge


def deleveraged(*, told: bool) -> World:
    """An order never arrives, and meanwhile the venue takes a piece of the position; the stream tells of it or not."""
    world = lost(places=False)
    world.venue.places = world.venue.answers = world.venue.streams = True
    world.venue.positions[hedge("BTC")] = Position(hedge("BTC"), d("0.3"), d(60_000))
    if told:
        world.handle(ForeignOrderSeen(hedge("BTC"), "adl_autoclose", "auto-deleveraging", d(0), world.now))
    return world


def test_halted_it_is_settled_and_armed_it_hedges_from_where_the_venue_is() -> None:
    """Denied by both endpoints the order is absent, the position is adopted; once armed one order closes the gap."""
    world = deleveraged(told=True).run(30)
    record = world.records("BTC")[0]

    assert record.status is Status.NOT_PLACED
    assert (world.position("BTC"), world.settled("BTC")) == (d("0.3"), True)
    assert len(world.sent) == 1
    assert world.engine.state.modes.of(hedge("BTC")) is Mode.HALT
    world.handle(OperatorAsked(Action.ARM, "seen", "tester", world.now))
    world.run(10)
    assert world.venue.position(hedge("BTC")).contracts == d("-1.234")
    assert len(world.sent) == 2


def test_not_halted_it_waits() -> None:
    """Nobody said what moved the position: it may have been the order, so it stays unknown and nothing is sent."""
    world = deleveraged(told=False).run(30)

    assert world.records("BTC")[0].status is Status.UNKNOWN
    assert len(world.sent) == 1
