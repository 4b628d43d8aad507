"""When a target may act, beside its band: durations, calendars, gates, and what ends a target by itself."""

from decimal import Decimal
from enum import Enum

import msgspec

from bot.domain.units import HOUR_NS, Asset, InstrumentId, Nanos, Price


class Start(Enum):
    """What starts a hedge of a target that has a calendar."""

    EITHER = "either"
    """A breach of the band, or the calendar."""
    BOTH = "both"
    """The calendar, if the band is breached when it strikes."""
    CALENDAR = "calendar"
    """The calendar alone: at every strike each asset goes to its destination."""


class Signal(Enum):
    """What a gate looks at."""

    TREND = "trend"
    """Fast over slow moving average of the closes: a hedge that goes against the trend waits."""
    CHAIKIN = "chaikin"
    """Chaikin oscillator: a hedge that goes against the flow of money waits."""
    OPEN_INTEREST = "open_interest"
    """The change of open interest: while it rises by more than the threshold in the hedge's favour, it waits."""
    BASIS = "basis"
    """Contango or backwardation of the hedge: selling waits in backwardation, buying in contango."""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A signal that may delay a hedge. `fast` and `slow` are bars of an hour; `threshold` is a fraction.

    `asset` is whose bars are looked at; None: the hedged asset's own.
    """

    signal: Signal
    fast: int = 12
    slow: int = 48
    threshold: Decimal = Decimal(0)
    asset: Asset | None = None


class When(msgspec.Struct, frozen=True, kw_only=True):
    """What a hedge waits for once its band is breached. The defaults wait for nothing.

    `persist_ns`: how long the deviation must have been outside. `calendar`: a cron line, in UTC; "" for none.
    `gates` may hold a hedge for at most `gate_delay_ns_max` after the breach, and never one beyond `Band.instant`.
    `cost_to_risk_max`: a hedge is skipped while its cost is more than this many times the risk that it removes in a
    day (one standard deviation); None: it is not asked. `funding_cost_max`: a hedge that is expected to pay more than
    this a year (a fraction of its notional) is closed early; None: it is not asked.
    """

    persist_ns: int = 0
    calendar: str = ""
    start: Start = Start.EITHER
    gates: tuple[Gate, ...] = ()
    gate_delay_ns_max: int = 4 * HOUR_NS
    cost_to_risk_max: Decimal | None = None
    funding_cost_max: Decimal | None = None


class PriceEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A price that ends a target: at or above `above`, at or below `below`, in the unit of account."""

    asset: Asset
    above: Price | None = None
    below: Price | None = None


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """What ends a target by itself: the first of these that comes true. Its hedge is then closed, and it stays ended.

    `funding_cost_max`: the hedges' expected funding cost, as a fraction of their notional a year, is above this.
    `drift_healed`: without any hedge every asset would be inside the target's band (for weights targets).
    """

    at_ns: Nanos | None = None
    price: PriceEnd | None = None
    funding_cost_max: Decimal | None = None
    drift_healed: bool = False


class Slices(msgspec.Struct, frozen=True, kw_only=True):
    """How a large move is cut: at most `notional_max` (unit of account) an asset every `every_ns`."""

    notional_max: Decimal
    every_ns: int


CALENDAR_MISSED_NS_MAX = 24 * HOUR_NS
"""A strike that was missed by no more than this, because nothing ran, is made up for; an older one is let go."""

NO_INSTRUMENT = InstrumentId("")
