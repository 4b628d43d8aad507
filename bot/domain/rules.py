"""What the owner declared: targets, bands and limits, as data that the engine reads and the journal keeps."""

from decimal import Decimal
from enum import Enum

import msgspec

from bot.domain.instrument import Instrument
from bot.domain.units import ZERO, AccountId, Asset, Bps, InstrumentId, Notional, Qty


class Unit(Enum):
    """What a band's width is measured in."""

    COINS = "coins"
    QUOTE = "quote"
    RELATIVE = "relative"
    """A fraction of the hedged holding, or of a weight's own size."""
    POINTS = "points"
    """A fraction of the base of a weights target (0.05 is five percentage points)."""


class Width(msgspec.Struct, frozen=True):
    """A non-negative distance from the target."""

    value: Decimal
    unit: Unit


class Band(msgspec.Struct, frozen=True):
    """A hedge starts when the deviation is strictly beyond `trigger`, and brings it back to `destination`."""

    trigger: Width
    destination: Width


class RatioTarget(msgspec.Struct, frozen=True, tag="ratio"):
    """Hedge `ratio` of each asset's holding: 1 is delta-neutral, 0.5 half hedged, above 1 over-hedged."""

    name: str
    assets: tuple[Asset, ...]
    ratio: Decimal
    band: Band


class WeightsMode(Enum):
    """Whether a rebalance may buy as well as sell."""

    FULL_REBALANCE = "full_rebalance"
    TRIM_ONLY = "trim_only"


class Base(Enum):
    """What the weights are fractions of."""

    NAV_LESS_RESERVE = "nav_less_reserve"
    OWNED = "owned"
    FIXED = "fixed"


class WeightsTarget(msgspec.Struct, frozen=True, kw_only=True, tag="weights"):
    """Keep each asset's exposure at its weight of the base.

    `reserve` is quote currency that does not count (collateral); `fixed` is the base itself where `base` is FIXED.
    """

    name: str
    weights: dict[Asset, Decimal]
    mode: WeightsMode
    base: Base
    band: Band
    reserve: Notional = ZERO
    fixed: Notional = ZERO


TargetSpec = RatioTarget | WeightsTarget

UNWIND = "unwind"
"""What closing every hedge is called where a target's name stands: no target may have it."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Every bound that an order must keep. Ages and durations in nanoseconds, money in quote currency."""

    slippage_bps_max: Bps
    flatten_slippage_bps_max: Bps
    collar_mid_bps_max: Bps
    collar_mark_bps_max: Bps
    price_deviation_bps_max: Bps
    order_notional_max: Notional
    position_notional_max: Notional
    margin_ratio_max: Decimal
    quote_age_ns_max: int
    mark_age_ns_max: int
    account_age_ns_max: int
    reducing_quote_age_ns_max: int
    clock_offset_ns_max: int
    orders_per_minute_max: int
    rejects_in_row_max: int
    ack_timeout_ns: int
    order_deadline_ns: int
    """How long after an order was sent it may still reach the book: recvWindow, clock skew and the venue's delay."""
    evidence_gap_ns: int
    """How far apart two agreeing reads must be to count as two (faults E1)."""
    replica_lag_ns_max: int
    """How long after a fill of ours a venue's read may still show the position before it."""
    balance_step_max: Decimal
    """A balance that the stream changes by more than this fraction of itself waits for a read that agrees."""
    unknown_alert_ns: int
    unknown_halt_ns: int
    naked_notional_seconds_max: Decimal


class AssetRule(msgspec.Struct, frozen=True):
    """How one asset is priced and hedged: `pricing` gives its mid, `hedge` is the future that is traded."""

    asset: Asset
    pricing: InstrumentId
    hedge: InstrumentId
    declared: Qty = ZERO


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The whole portfolio as the engine sees it. `quote` is the reporting currency and every hedge's settlement."""

    portfolio: str
    quote: Asset
    accounts: tuple[AccountId, ...]
    instruments: tuple[Instrument, ...]
    assets: tuple[AssetRule, ...]
    targets: tuple[TargetSpec, ...]
    limits: Limits
