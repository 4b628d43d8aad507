"""Orders: what is asked for, what the venue says of it, and what was filled."""

from decimal import Decimal
from enum import Enum

import msgspec

from bot.domain.units import ZERO, Asset, ClientOrderId, Contracts, InstrumentId, Nanos, Price


class Side(Enum):
    """Which way an order goes."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class TimeInForce(Enum):
    """How long an order may rest."""

    IOC = "IOC"
    GTC = "GTC"
    GTX = "GTX"


class Status(Enum):
    """Where an order is in its life: FIX OrdStatus, and the two states that a network adds.

    PENDING_NEW: its intent is durable and it is, or is about to be, on its way; nobody has answered.
    UNKNOWN: it was sent and no answer says what became of it; it counts at its worst case until proof.
    NOT_PLACED: proven never to have reached the book.
    """

    PENDING_NEW = "pending_new"
    UNKNOWN = "unknown"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    NOT_PLACED = "not_placed"


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it would be sent: always a limit. `contracts` > 0; the side carries the sign."""

    client_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    contracts: Contracts
    limit_price: Price
    time_in_force: TimeInForce
    reduce_only: bool
    intent: int
    leg: int
    decided_ns: Nanos
    """When it was decided. It is signed with this moment, so that the venue refuses it once its window has passed,
    however long it lay on our side."""

    @property
    def signed_contracts(self) -> Contracts:
        """Contracts with the side's sign."""
        return self.contracts * self.side.sign


class Approved(msgspec.Struct, frozen=True):
    """An order that passed every guard. Only `bot.engine.risk.review` makes one; a gateway takes nothing else."""

    request: OrderRequest


class Refused(msgspec.Struct, frozen=True):
    """An order or intent that a guard stopped: which guard, on what, and the figures as one sentence."""

    guard: str
    subject: str
    why: str


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. `contracts` > 0; `fee` > 0 is paid, < 0 a rebate."""

    trade_id: str
    price: Price
    contracts: Contracts
    fee: Decimal = ZERO
    fee_asset: Asset = Asset("")
    maker: bool = False
    at_ns: Nanos = Nanos(0)


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of an order at `updated_ns` of its clock. `filled` is cumulative, in contracts > 0."""

    client_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    status: Status
    contracts: Contracts
    filled: Contracts
    venue_id: str = ""
    average_price: Price | None = None
    reduce_only: bool = False
    updated_ns: Nanos = Nanos(0)
    fills: tuple[Fill, ...] = ()
