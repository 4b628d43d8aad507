"""Everything that the engine can ask for, as one tagged union. The shells around it carry commands out."""

from decimal import Decimal
from enum import Enum

import msgspec

from bot.domain.events import Endpoint
from bot.domain.hedge import HedgeIntent
from bot.domain.order import Approved
from bot.domain.units import AccountId, ClientOrderId, Contracts, InstrumentId, Nanos, Notional, Price, Qty


class OpenIntent(msgspec.Struct, frozen=True, tag=True):
    """A hedge was decided; its orders follow in the same step."""

    intent: HedgeIntent


class ProposeIntent(msgspec.Struct, frozen=True, tag=True):
    """A hedge that would be opened if this were not `observe`."""

    intent: HedgeIntent


class SubmitOrder(msgspec.Struct, frozen=True, tag=True):
    """Send this order once its step is durable, and never again."""

    order: Approved


class CancelOrder(msgspec.Struct, frozen=True, tag=True):
    """Cancel a working order."""

    instrument: InstrumentId
    client_id: ClientOrderId


class QueryOrder(msgspec.Struct, frozen=True, tag=True):
    """Look for an order whose fate, or whose fills, are not known."""

    instrument: InstrumentId
    client_id: ClientOrderId
    endpoint: Endpoint
    since_ns: Nanos


class RefreshAccount(msgspec.Struct, frozen=True, tag=True):
    """Read an account over REST now."""

    account: AccountId
    why: str


class LegResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one order of a correction came to. `slippage_bps` > 0 is worse than the mid at decision."""

    client_id: ClientOrderId
    instrument: InstrumentId
    signed_contracts: Contracts
    filled: Contracts
    average_price: Price | None
    slippage_bps: Decimal | None
    fee: Notional
    status: str


class CloseCorrection(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A target is back at its destination (or as near as lots and minimums let it): what it took.

    Where its target was changed under way the `reason` says so and `residuals` is empty: it ended unfinished.
    """

    group: str
    reason: str
    intents: int
    results: tuple[LegResult, ...]
    residuals: dict[str, Qty]
    opened_ns: Nanos
    closed_ns: Nanos


class Severity(Enum):
    """How loud a notice is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Notice(msgspec.Struct, frozen=True, tag=True):
    """Something that a person should know: `subject` is what it is about, `text` one line."""

    severity: Severity
    topic: str
    subject: str
    text: str


Command = (
    OpenIntent | ProposeIntent | SubmitOrder | CancelOrder | QueryOrder | RefreshAccount | CloseCorrection | Notice
)
