"""What the rest of the house may expect of a venue.

A shell never interprets: it returns or hands on events, and the engine folds them.
Nothing here raises for what a venue or a network does; that is an event. A programming error raises.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from bot.domain.commands import CancelOrder, QueryOrder
from bot.domain.events import ClockSampled, Event, Fact, FundingPaid
from bot.domain.instrument import Instrument
from bot.domain.order import Approved
from bot.domain.snapshot import Bars, FundingTerms
from bot.domain.units import AccountId, Contracts, InstrumentId, Nanos
from bot.venues.translate.errors import Trouble

Sink = Callable[[Event], None]
"""Takes an event on the event loop's thread and returns at once; never blocks, never raises for a full queue."""


class Feed(Protocol):
    """A long-lived source of events: it runs until cancelled, reconnecting by itself."""

    name: str

    async def run(self) -> None:
        """Connect, subscribe, hand events to the sink, reconnect with backoff."""
        ...


class Gateway(Protocol):
    """The way out for orders."""

    async def submit(self, order: Approved, durable: Awaitable[None]) -> tuple[Fact, ...]:
        """Send the order once, after `durable` is done; say what the answer proves.

        OrderReported, OrderRejected or OrderUnanswered for this client id. If `durable` raises, nothing is sent and
        the exception goes through. Never sends twice, whatever happens.
        """
        ...

    async def cancel(self, command: CancelOrder) -> tuple[Fact, ...]:
        """Cancel an order: OrderReported or CancelFailed."""
        ...

    async def query(self, command: QueryOrder) -> tuple[Fact, ...]:
        """Look for an order: OrderReported, OrderNotFound, or nothing when the venue could not be asked."""
        ...


class Snapshots(Protocol):
    """Reads of an account."""

    async def account(self, account: AccountId) -> tuple[Fact, ...]:
        """One read: AccountSeen (with OrderReported for each open order of ours) or AccountUnreadable."""
        ...

    async def funding(self, account: AccountId, since_ns: Nanos) -> tuple[FundingPaid, ...]:
        """Funding settlements since `since_ns`, from the venue's ledger."""
        ...

    async def clock(self) -> tuple[ClockSampled, ...]:
        """One sample of each venue clock."""
        ...


class History(Protocol):
    """The past, as a venue tells it: what statistics are warmed up with. Nobody needs it to hedge a coin by itself."""

    async def bars(self, instrument: Instrument, hours: int) -> Bars | Trouble:
        """The last full hours' candles, oldest first."""
        ...

    async def funding(self, instrument: Instrument) -> FundingTerms | Trouble:
        """Funding terms and settled rates."""
        ...

    async def open_interest(self, instrument: Instrument, hours: int) -> tuple[tuple[Nanos, Contracts], ...] | Trouble:
        """Open contracts at the last full hours, oldest first."""
        ...


class Listing(msgspec.Struct, frozen=True):
    """What the venue trades: the instruments that were asked for, as far as they exist, and the names of all."""

    instruments: tuple[Instrument, ...]
    known: frozenset[InstrumentId]


class Catalogue(Protocol):
    """What the venue trades."""

    async def listing(self, symbols: frozenset[str]) -> Listing:
        """Spot and USD-M instruments of these venue symbols, with filters, fees and margin tiers."""
        ...


class Finding(msgspec.Struct, frozen=True):
    """One line of a pre-flight: what was looked at, whether it passed, and what to do."""

    subject: str
    ok: bool
    text: str
    blocking: bool = True
