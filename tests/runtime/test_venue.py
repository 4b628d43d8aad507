"""A wired venue: feeds are built before the loop that takes their events, and the paper account looks on."""

from __future__ import annotations

import pytest

from bot.domain.events import Event
from bot.domain.units import AccountId
from bot.runtime.clock import ManualClock
from bot.runtime.venue import Relay, VenueFeed
from tests.kit import SPOT, hedge, quote, rules
from tests.runtime.stage import Exchange, forever

NEWS = quote(hedge("BTC"), 60_000)


class View:
    """A websocket as people see it."""

    def __init__(self, name: str) -> None:
        self.name, self.up, self.connects, self.last_frame_ns = name, True, 1, 0
        self.account: AccountId | None = None


def test_taps_see_every_event_before_the_loop() -> None:
    """The paper account knows a book before an order that was decided on it arrives."""
    seen: list[tuple[str, Event]] = []
    relay = Relay(sink=lambda event: seen.append(("loop", event)))
    relay.taps.append(lambda event: seen.append(("tap", event)))
    relay.put(NEWS)

    assert [("tap", NEWS), ("loop", NEWS)] == seen


def test_a_relay_that_nobody_bound_is_a_bug() -> None:
    """An event that would be lost stops everything instead."""
    relay = Relay()

    with pytest.raises(AssertionError, match="before the loop was bound"):
        relay.put(NEWS)
    with pytest.raises(AssertionError, match="before the loop was bound"):
        relay.wants_refresh(SPOT, "x")


def test_bound_feeds_reach_the_loop() -> None:
    """Events go to its sink, wishes for a read to its carrier."""
    venue = Exchange(ManualClock(), rules()).venue()
    events: list[Event] = []
    wishes: list[AccountId] = []
    venue.bind(events.append, wishes.append)
    venue.relay.put(NEWS)
    venue.relay.wants_refresh(SPOT, "a deposit")
    venue.persist(NEWS)

    assert ([NEWS], [SPOT]) == (events, wishes)


def test_every_websocket_of_every_feed_is_shown() -> None:
    """In the order of the feeds; a feed may have several or none."""
    venue = Exchange(ManualClock(), rules()).venue(
        VenueFeed("one", forever, (View("a"), View("b"))), VenueFeed("two", forever, ())
    )

    assert ["a", "b"] == [stream.name for stream in venue.streams]
