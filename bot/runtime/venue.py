"""One venue, wired for one of the three ways to run: what the daemon needs of it and no more."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bot.domain.events import Event
from bot.domain.units import AccountId
from bot.venues.ports import Gateway, Sink, Snapshots


class StreamView(Protocol):
    """A websocket as people see it."""

    name: str
    up: bool
    connects: int

    @property
    def last_frame_ns(self) -> int:
        """When the last frame came; 0 before the first."""
        ...


@dataclass(frozen=True, slots=True)
class VenueFeed:
    """Something that runs until cancelled, and the websockets it keeps."""

    name: str
    run: Callable[[], Awaitable[None]]
    streams: Sequence[StreamView]


@dataclass(slots=True)
class Relay:
    """A sink that is named before it exists: feeds are built before the loop that takes their events.

    `taps` see every event first: the paper account watches the market this way.
    """

    sink: Sink | None = None
    refresh: Callable[[AccountId], None] | None = None
    taps: list[Sink] = field(default_factory=list)

    def put(self, event: Event) -> None:
        """Hand an event on."""
        assert self.sink is not None, "a feed ran before the loop was bound"
        for tap in self.taps:
            tap(event)
        self.sink(event)

    def wants_refresh(self, account: AccountId, why: str) -> None:
        """Hand on a wish for a read."""
        assert self.refresh is not None, "a feed ran before the loop was bound"
        self.refresh(account)


def keep_nothing(_: Event) -> None:
    """Where no paper account trades, a step leaves nothing to keep."""


@dataclass(frozen=True, slots=True)
class Venue:
    """A wired venue."""

    gateway: Gateway
    snapshots: Snapshots
    feeds: tuple[VenueFeed, ...]
    relay: Relay
    journal_path: Path
    margin_accounts: tuple[AccountId, ...]
    persist: Callable[[Event], None] = field(default=keep_nothing)

    def bind(self, sink: Sink, refresh: Callable[[AccountId], None]) -> None:
        """Connect the feeds to the loop."""
        self.relay.sink = sink
        self.relay.refresh = refresh

    @property
    def streams(self) -> tuple[StreamView, ...]:
        """Every websocket."""
        return tuple(stream for feed in self.feeds for stream in feed.streams)
