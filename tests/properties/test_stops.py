"""After a stop nothing adds risk, whatever happens next; and what is sent adds up to what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.commands import Command, RefreshAccount
from bot.domain.events import Action, CalendarStruck, ClockSampled, Event, StreamChanged
from bot.domain.market import Depth, Mark, Quote
from bot.domain.units import SECOND_NS
from tests.engine.kit import World
from tests.kit import SPOT, USDM, d, hedge, neutral

BLIND: dict[str, tuple[type, ...]] = {"market": (Quote, Depth, Mark), "books": (Quote, Depth), "marks": (Mark,)}
LOT = d("0.001")


class Silent(World):
    """A world that may lose its sight: of a kind of market data, of its accounts, of its stream or of the time."""

    lost = ""

    def lose(self, what: str) -> None:
        """From now on this is gone, over restarts too."""
        self.lost = what
        blind = BLIND.get(what, ())
        self.bent = lambda event: None if isinstance(event, blind) else event
        if what == "stream":
            self.handle(StreamChanged(f"{USDM}.user", False, "gone", self.now, USDM))
        if what == "clock":
            self.handle(ClockSampled(USDM, 2 * SECOND_NS, SECOND_NS // 1000, self.now))

    def start(self, *args: object, **how: object) -> Silent:
        """Come up as blind as before."""
        super().start()
        if self.lost:
            self.lose(self.lost)
        return self

    def _carried(self, command: Command) -> list[Event]:
        if self.lost == "accounts" and isinstance(command, RefreshAccount):
            return []
        return super()._carried(command)


CHAPTERS = st.sampled_from(["deposit", "withdraw", "dear", "cheap", "restart", "arm", "strike", "read", "wait"])


def happen(world: Silent, chapter: str) -> None:
    """One of the things that may happen to a portfolio."""
    match chapter:
        case "deposit":
            world.deposit("BTC", "0.15")
        case "withdraw" if world.venue.coins["BTC"] > d("0.2"):
            world.deposit("BTC", "-0.15")
        case "dear" | "cheap":
            world.price("BTC", 60_900.0 if chapter == "dear" else 59_100.0)
        case "restart":
            world.restart()
        case "arm":
            world.ask(Action.ARM)
        case "strike":
            world.handle(CalendarStruck("neutral", world.now, world.now))
        case "read" if world.lost != "accounts":
            world.read(SPOT)
            world.read(USDM)
        case _:
            pass


@settings(max_examples=25)
@given(st.sampled_from(["market", "books", "marks", "stream", "clock", "accounts"]), st.lists(CHAPTERS, max_size=8))
def test_while_anything_is_stale_no_position_grows(what: str, story: Sequence[str]) -> None:
    """Books, marks, accounts, the private stream or the clock gone: for any events after it, only what reduces."""
    world = Silent.neutral(neutral("BTC"), coins={"BTC": "1"}, orders_per_minute_max=99).run(3)
    assert isinstance(world, Silent)
    assert world.position("BTC") == d(-1)
    world.lose(what)
    world.run(31 if what == "accounts" else 6)
    before, size = len(world.sent), abs(world.venue.position(hedge("BTC")).contracts)

    for chapter in story:
        happen(world, chapter)
        world.run(3)
        now = abs(world.venue.position(hedge("BTC")).contracts)
        assert all(request.reduce_only for request in world.sent[before:])
        assert now <= size
        size = now
    if what in ("market", "books"):
        world.run(11)
        after = len(world.sent)
        world.deposit("BTC", "-0.1")
        assert len(world.run(5).sent) == after


@pytest.mark.parametrize("what", ["market", "books", "marks", "stream", "clock", "accounts"])
def test_what_is_seen_again_is_hedged_again(what: str) -> None:
    """The stop is not for ever, or the test above would pass of a dead engine."""
    world = Silent.neutral(neutral("BTC"), coins={"BTC": "1"}, orders_per_minute_max=99).run(3)
    assert isinstance(world, Silent)
    world.lose(what)
    world.run(31 if what == "accounts" else 6)
    world.deposit("BTC", "0.15")
    assert world.run(6).position("BTC") == d(-1)

    world.lose("")
    world.handle(StreamChanged(f"{USDM}.user", True, "", world.now, USDM))
    world.handle(ClockSampled(USDM, SECOND_NS // 1000, SECOND_NS // 1000, world.now))
    assert world.run(30).position("BTC") == d("-1.15")


@settings(max_examples=12)
@given(
    st.decimals("0.05", 3, places=4), st.floats(0.01, 0.2).map(lambda x: round(x, 3)), st.sampled_from([20, 60, 250])
)
def test_the_children_of_a_hedge_add_up_to_it(held: Decimal, deep: float, thousands: int) -> None:
    """However thin the book and small the largest order: the slices come to the need in whole lots, to the last one."""
    most = d(thousands * 1_000)
    bounds = {"order_notional_max": most, "orders_per_minute_max": 999}
    world = World.neutral(neutral("BTC"), coins={"BTC": str(held)}, **bounds)
    world.depth_size = deep
    world.run(30)
    need = held - held % LOT

    assert sum((request.contracts for request in world.sent), d(0)) == need == -world.position("BTC")
    assert all(request.contracts * d("59999.9") <= most for request in world.sent)
    assert all(request.contracts <= d(str(deep)) * 20 for request in world.sent)
