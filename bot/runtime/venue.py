"""One venue, wired for one of the three ways to run: what the daemon needs of it and no more."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bot.domain.events import Event
from bot.domain.instrument import Instrument
from bot.domain.units import AccountId, InstrumentId
from bot.venues.ports import Gateway, History, Sink, Snapshots


class StreamView(Protocol):
    """A websocket as people see it."""

    name: str
    up: bool
    connects: int
    account: AccountId | None
    """Whose private stream it is; None for public data."""

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


def renew_nothing(_: Iterable[Instrument]) -> None:
    """Where nothing is held against instruments."""


async def as_known(known: Iterable[Instrument]) -> dict[InstrumentId, Instrument | None]:
    """Where instruments are not read anew: they are as they were."""
    return {one.id: one for one in known}


def no_budgets() -> Mapping[str, float]:
    """Where nothing counts requests."""
    return {}


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
    instruments: Callable[[Iterable[Instrument]], Awaitable[Mapping[InstrumentId, Instrument | None]]] = field(
        default=as_known
    )
    """Reads instruments anew; None for one that the venue lists no more. Raises CatalogueError."""
    renew: Callable[[Iterable[Instrument]], None] = field(default=renew_nothing)
    """Told of instruments that changed, before an order is held against them."""
    budgets: Callable[[], Mapping[str, float]] = field(default=no_budgets)
    """The used share of each host's tightest rate limit."""
    history: History | None = None
    """Tells the past; None where nothing is learned from it."""

    def bind(self, sink: Sink, refresh: Callable[[AccountId], None]) -> None:
        """Connect the feeds to the loop."""
        self.relay.sink = sink
        self.relay.refresh = refresh

    @property
    def streams(self) -> tuple[StreamView, ...]:
        """Every websocket."""
        return tuple(stream for feed in self.feeds for stream in feed.streams)
