"""Everything that can happen to the engine, as one tagged union.

Market data (`Quote`, `Depth`, `Mark`) conflates: only the latest counts. Everything else is a fact: facts queue in
order, are journaled and are never dropped. `received_ns` is the moment on our clock that never steps back.
"""

from enum import Enum

import msgspec

from bot.domain.account import AccountSnapshot, Balance, MarginState, Position
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import OrderReport
from bot.domain.rules import Rules
from bot.domain.snapshot import Bars, FundingTerms, Returns
from bot.domain.units import AccountId, Asset, ClientOrderId, Contracts, InstrumentId, Nanos, Notional, Qty


class RunMode(Enum):
    """The three ways to run."""

    OBSERVE = "observe"
    DRY_RUN = "dry-run"
    LIVE = "live"


class Started(msgspec.Struct, frozen=True, tag=True):
    """The process is up: orders that were on their way are now unknown, accounts must be confirmed anew."""

    mode: RunMode
    epoch: int
    """Milliseconds since the Unix epoch at this start, strictly above every earlier start's: it seeds client ids."""
    rules: Rules
    received_ns: Nanos


class Ticked(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The engine's clock: what is due with time alone is looked at now; every other event says its moment, too."""

    now_ns: Nanos


class StreamChanged(msgspec.Struct, frozen=True, tag=True):
    """A websocket came up or went down. `account` is set for a private stream."""

    stream: str
    up: bool
    reason: str
    received_ns: Nanos
    account: AccountId | None = None


class AccountSeen(msgspec.Struct, frozen=True, tag=True):
    """A schema-valid snapshot over REST."""

    snapshot: AccountSnapshot
    received_ns: Nanos


class AccountConfirmed(msgspec.Struct, frozen=True, tag=True):
    """A snapshot that agreed with everything known: the short form in which the loop journals it."""

    account: AccountId
    margin: MarginState | None
    received_ns: Nanos
    requested_ns: Nanos = Nanos(0)


class AccountUnreadable(msgspec.Struct, frozen=True, tag=True):
    """A snapshot that failed: no answer, or one that does not pass its schema. It changes nothing."""

    account: AccountId
    reason: str
    received_ns: Nanos


class BalancesChanged(msgspec.Struct, frozen=True, tag=True):
    """The private stream says that these balances are now so (absolute totals)."""

    account: AccountId
    balances: tuple[Balance, ...]
    cause: str
    event_ns: Nanos
    received_ns: Nanos


class PositionsChanged(msgspec.Struct, frozen=True, tag=True):
    """The private stream says that these positions are now so (absolute)."""

    account: AccountId
    positions: tuple[Position, ...]
    cause: str
    event_ns: Nanos
    received_ns: Nanos


class Source(Enum):
    """How a report on an order reached us."""

    ANSWER = "answer"
    STREAM = "stream"
    QUERY = "query"


class OrderReported(msgspec.Struct, frozen=True, tag=True):
    """The venue says where an order is: positive evidence, whatever the way it came."""

    report: OrderReport
    source: Source
    received_ns: Nanos


HELD_BACK = "held-back"
"""The code of a refusal that is our own (the rate budget's, a halt's): the order never left us."""


class OrderRejected(msgspec.Struct, frozen=True, tag=True):
    """The venue answered that it did not take the order (a documented refusal, never a guess)."""

    client_id: ClientOrderId
    code: str
    message: str
    received_ns: Nanos


class OrderUnanswered(msgspec.Struct, frozen=True, tag=True):
    """Timeout, reset, 5xx or an answer that cannot be read: the order may or may not be in the book."""

    client_id: ClientOrderId
    reason: str
    received_ns: Nanos


class Endpoint(Enum):
    """Where an order was looked for."""

    ORDER = "order"
    TRADES = "trades"


class OrderNotFound(msgspec.Struct, frozen=True, tag=True):
    """The venue answered that it knows no such order; asked at `asked_ns`."""

    client_id: ClientOrderId
    endpoint: Endpoint
    asked_ns: Nanos
    received_ns: Nanos


class CancelFailed(msgspec.Struct, frozen=True, tag=True):
    """A cancel was refused or not answered; the order is looked up instead."""

    client_id: ClientOrderId
    reason: str
    received_ns: Nanos


class ForeignOrderSeen(msgspec.Struct, frozen=True, tag=True):
    """An order or fill on the account that is not ours: by hand, by another program, or by the venue itself."""

    instrument: InstrumentId
    order: str
    cause: str
    contracts: Contracts
    received_ns: Nanos


class FundingPaid(msgspec.Struct, frozen=True, tag=True):
    """Funding settled on an instrument, from the venue's own ledger. `amount` > 0 was received."""

    account: AccountId
    instrument: InstrumentId
    asset: Asset
    amount: Notional
    transaction: str
    settled_ns: Nanos
    received_ns: Nanos


class ClockSampled(msgspec.Struct, frozen=True, tag=True):
    """How far an account's venue clock is ahead of ours, and the round trip that measured it."""

    account: AccountId
    offset_ns: int
    round_trip_ns: int
    received_ns: Nanos


class Action(Enum):
    """What an operator can ask for. FLATTEN has passed its second step before it gets here."""

    KILL = "kill"
    PAUSE = "pause"
    """Send nothing new, as kill does, but let working orders end by themselves."""
    ARM = "arm"
    UNWIND = "unwind"
    FLATTEN = "flatten"


class OperatorAsked(msgspec.Struct, frozen=True, tag=True):
    """An operator's command."""

    action: Action
    reason: str
    by: str
    received_ns: Nanos


class RulesChanged(msgspec.Struct, frozen=True, tag=True):
    """The owner's targets or limits, or what the venue says of an instrument, shall be others from here on.

    The shells ask for it at a moment of rest, when no order is live. Asked at another moment, or for more than may
    change while the engine runs, the old rules stay and a notice says why. `changes` says in words what differs, each
    as ``path: before -> after``, and `why` where the change comes from.
    """

    rules: Rules
    why: str
    changes: tuple[str, ...]
    received_ns: Nanos


class Remarked(msgspec.Struct, frozen=True, tag=True):
    """The shells found something that a person should know; it changes nothing. `subject` is what it is about."""

    topic: str
    subject: str
    text: str
    received_ns: Nanos
    warning: bool = True


class Sampled(msgspec.Struct, frozen=True, tag=True):
    """All mids at one moment of the statistics' grid: the fact from which volatilities and betas are made."""

    mids: dict[Asset, float]
    sampled_ns: Nanos
    received_ns: Nanos


class HistorySeen(msgspec.Struct, frozen=True, tag=True):
    """Past returns from the venue's candles: statistics that know less than this begin with it."""

    returns: Returns
    received_ns: Nanos


class BarsSeen(msgspec.Struct, frozen=True, tag=True):
    """An asset's latest candles, for signal gates."""

    asset: Asset
    bars: Bars
    received_ns: Nanos


class OpenInterestSeen(msgspec.Struct, frozen=True, tag=True):
    """An instrument's open interest lately (time, contracts), oldest first, for signal gates."""

    instrument: InstrumentId
    series: tuple[tuple[Nanos, Contracts], ...]
    received_ns: Nanos


class FundingSeen(msgspec.Struct, frozen=True, tag=True):
    """A perpetual's funding terms and settled rates, from the venue."""

    instrument: InstrumentId
    terms: FundingTerms
    received_ns: Nanos


class CalendarStruck(msgspec.Struct, frozen=True, tag=True):
    """A target's calendar struck at `struck_ns` (which may lie a while back, if nothing ran then)."""

    target: str
    struck_ns: Nanos
    received_ns: Nanos


class HoldingsDeclared(msgspec.Struct, frozen=True, tag=True):
    """An off-venue source (a file, an endpoint) was read: these coins are held there, as of `as_of_ns`."""

    source: str
    holdings: dict[Asset, Qty]
    as_of_ns: Nanos
    received_ns: Nanos


class Stopping(msgspec.Struct, frozen=True, tag=True):
    """The process is going down: hedges stay, no new order is decided, what is in flight is still resolved."""

    received_ns: Nanos


class FaultRaised(msgspec.Struct, frozen=True, tag=True):
    """Something of ours broke (journal, invariant, task): nothing new may be sent."""

    what: str
    received_ns: Nanos


Market = Quote | Depth | Mark
Fact = (
    Started
    | StreamChanged
    | AccountSeen
    | AccountConfirmed
    | AccountUnreadable
    | BalancesChanged
    | PositionsChanged
    | OrderReported
    | OrderRejected
    | OrderUnanswered
    | OrderNotFound
    | CancelFailed
    | ForeignOrderSeen
    | FundingPaid
    | ClockSampled
    | OperatorAsked
    | RulesChanged
    | Remarked
    | Sampled
    | HistorySeen
    | BarsSeen
    | OpenInterestSeen
    | FundingSeen
    | CalendarStruck
    | HoldingsDeclared
    | Stopping
    | FaultRaised
)
Event = Market | Ticked | Fact
