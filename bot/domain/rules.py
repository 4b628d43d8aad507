"""What the owner declared: targets, bands and limits, as data that the engine reads and the journal keeps."""

from decimal import Decimal

import msgspec

from bot.domain.instrument import Instrument
from bot.domain.targets import Budgets, StatisticsRule, TargetSpec
from bot.domain.units import ZERO, AccountId, Asset, Bps, InstrumentId, Notional, Qty


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
    stress_distance_min: Decimal = ZERO
    """The move of all prices together, as a fraction, that the account must survive after an order; 0: none is asked
    for, as before there was this limit."""


class AssetRule(msgspec.Struct, frozen=True):
    """How one asset is priced and hedged: `pricing` gives its mid, `hedge` is the future that is traded.

    `hedge` is None for a coin that has no future of its own. `alternatives` are further futures on the coin that may
    carry its hedge: of the same settlement, at any venue. `composition` (asset -> share, adding up to 1) is that
    of an index; its hedge moves the exposure to each of them.
    """

    asset: Asset
    pricing: InstrumentId
    hedge: InstrumentId | None
    declared: Qty = ZERO
    composition: dict[Asset, Decimal] = {}
    alternatives: tuple[InstrumentId, ...] = ()

    @property
    def candidates(self) -> tuple[InstrumentId, ...]:
        """Every future that may carry the hedge, the preferred one first."""
        return () if self.hedge is None else (self.hedge, *self.alternatives)


class HoldingSource(msgspec.Struct, frozen=True):
    """An off-venue source of holdings: a reading of it counts until it is `age_ns_max` old, then it is unknown."""

    name: str
    assets: tuple[Asset, ...]
    age_ns_max: int


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The whole portfolio as the engine sees it. `quote` is its unit of account and every hedge's settlement."""

    portfolio: str
    quote: Asset
    accounts: tuple[AccountId, ...]
    instruments: tuple[Instrument, ...]
    assets: tuple[AssetRule, ...]
    targets: tuple[TargetSpec, ...]
    limits: Limits
    budgets: Budgets = Budgets()
    statistics: StatisticsRule = StatisticsRule()
    sources: tuple[HoldingSource, ...] = ()
    pegs: tuple[InstrumentId, ...] = ()
    """Spot pairs of the quote currency with other dollars, from which its own price follows; none: nobody watches."""
