"""A lost or unknown peg: no order adds risk for any sequence of events, until it was back for its time; and replays."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from bot.calc.peg import BACK_BPS, STOP_BPS, off_peg
from bot.calc.sizing import mid_price
from bot.domain.commands import Command, SubmitOrder
from bot.domain.events import Action, CalendarStruck, Event, Started, Ticked
from bot.domain.units import MINUTE_NS, ONE, Nanos
from bot.engine.engine import Engine
from bot.engine.peg import AGE_NS_MAX
from bot.engine.pegs import BACK_FOR_NS
from bot.engine.state import State
from tests.engine.pegged import PAIRS, Pegged, reference
from tests.engine.test_replay import replayed
from tests.kit import SPOT, USDM, d

CHAPTERS = st.sampled_from(
    "deposit withdraw dear cheap restart arm strike read wait near off warned edge silent blip long".split()
)
WORTH = {"near": 1.0, "off": 0.97, "warned": 1.008, "edge": 0.9969}


class Recorded(Pegged):
    """A world that keeps its own account of the peg, from what its pairs showed at each event, by the definition.

    `safe_ns` is since when one pair has been seen inside 30 bps without a break, for as long as the stop is on.
    """

    stopped = False
    safe_ns: int | None = None

    def handle(self, event: Event) -> Sequence[Command]:
        """Look at what is sent: by the account kept here it must be allowed."""
        commands = super().handle(event)
        off = self.seen()
        for command in commands:
            if isinstance(command, SubmitOrder) and not command.order.request.reduce_only:
                assert off is not None, "an order adds risk while the peg is not known"
                assert off <= STOP_BPS, "an order adds risk beyond the stop"
                assert not self.stopped or self.returned(), "an order adds risk before the peg was back for its time"
        self.account(event, off)
        return commands

    def account(self, event: Event, off: Decimal | None) -> None:
        """Keep the account; a tick is where the daemon looks too."""
        if isinstance(event, Started):
            self.safe_ns = None
        if self.stopped and self.returned():
            self.stopped = False
        if isinstance(event, Ticked) and off is not None and off > STOP_BPS:
            self.stopped = True
        inside = off is not None and off <= BACK_BPS
        if not inside and isinstance(event, Ticked):
            self.safe_ns = None
        elif inside and self.safe_ns is None:
            self.safe_ns = self.now

    def returned(self) -> bool:
        """Whether it has been inside for half an hour."""
        return self.safe_ns is not None and self.now - self.safe_ns >= BACK_FOR_NS

    def seen(self) -> Decimal | None:
        """How far the one pair says that the peg is off now, None where it says nothing."""
        quote = self.engine.state.books.quotes.get(reference("USDCUSDT"))
        if quote is None or not quote.sane or self.engine.state.now - quote.received_ns > AGE_NS_MAX:
            return None
        return off_peg(ONE / mid_price(quote))


def happen(world: Pegged, chapter: str) -> None:  # noqa: C901 - one branch a chapter
    """One of the things that may happen to a portfolio and to its currency."""
    match chapter:
        case "deposit" | "withdraw":
            world.deposit("BTC", "0.15" if chapter == "deposit" else "-0.1")
        case "dear" | "cheap":
            world.price("BTC", world.venue.prices["BTC"] * (1.01 if chapter == "dear" else 0.99))
        case "restart":
            world.restart()
        case "arm":
            world.ask(Action.ARM)
        case "strike":
            world.handle(CalendarStruck("neutral", world.now, world.now))
        case "read":
            world.read(SPOT)
            world.read(USDM)
        case "silent":
            world.dollars = dict.fromkeys(world.dollars)
            world.run(10)
        case "blip":
            world.see(min(world.dollars), 1.05)
        case "long":
            world.run(2)
            world.now = Nanos(world.now + 8 * MINUTE_NS)
        case "near" | "off" | "warned" | "edge":
            world.worth(WORTH[chapter])
        case _:
            world.run(11)


@settings(max_examples=40, deadline=None)
@given(st.lists(CHAPTERS, min_size=4, max_size=24))
def test_no_order_adds_risk_while_the_peg_is_lost_or_unknown(story: Sequence[str]) -> None:
    """Whatever else happens, orders that add risk go out only while the peg is known and held, by our own account."""
    world = Recorded.watching()
    assert isinstance(world, Recorded)
    grown = len(world.sent)
    for chapter in story:
        happen(world, chapter)
        world.run(2)
    event(f"stopped at the end: {world.stopped}")
    event(f"orders: {min(len(world.sent) - grown, 3)}")


@settings(max_examples=15, deadline=None)
@given(st.lists(CHAPTERS, max_size=6))
def test_what_was_stopped_hedges_again(story: Sequence[str]) -> None:
    """After any story: half an hour at par and what came in meanwhile is hedged, or the test above tells nothing."""
    world = Pegged.watching(*PAIRS)
    for chapter in ("off", *story):
        happen(world, chapter)
        world.run(2)
    world.worth(1.0)
    world.run(62)
    world.venue.prices["BTC"] = 60_000.0
    world.deposit("BTC", "0.05")
    world.run(4)
    world.now = Nanos(world.now + BACK_FOR_NS)
    world.run(30)

    assert world.position("BTC") + world.venue.coins["BTC"] < d("0.02")


@settings(max_examples=20, deadline=None)
@given(st.lists(CHAPTERS, min_size=2, max_size=12), st.integers(0, 12))
def test_a_journal_with_a_lost_peg_replays_to_the_same_commands(story: Sequence[str], cut: int) -> None:
    """Every notice and every order comes again, from the first step and from a checkpoint on the way."""
    world = Pegged.watching(*PAIRS)
    kept, count = msgspec.json.encode(world.engine.state), len(world.steps)
    for place, chapter in enumerate(story):
        happen(world, chapter)
        world.run(2)
        if place == cut:
            kept, count = msgspec.json.encode(world.engine.state), len(world.steps)
    first = world.steps[0].event
    assert isinstance(first, Started)

    assert replayed(Engine(first), world.steps) == [bytes(step.commands) for step in world.steps]
    restored = Engine.of(msgspec.json.decode(kept, type=State))
    assert replayed(restored, world.steps[count:]) == [bytes(step.commands) for step in world.steps[count:]]
