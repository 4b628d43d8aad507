"""What the owner declared: targets, bands and limits, as data that the engine reads and the journal keeps."""

from decimal import Decimal

import msgspec

from bot.domain.instrument import Instrument
from bot.domain.targets import Budgets, StatisticsRule, TargetSpec
from bot.domain.units import ZERO, AccountId, Asset, Bps, InstrumentId, Notional, Qty
from bot.domain.venues import venue_of


class VenueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue needs longer for than the others, in nanoseconds: see the limits of the same names."""

    quote_age_ns_max: int
    order_deadline_ns: int


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
    venues: dict[str, VenueLimits] = {}
    """Of a portfolio across venues: those that have limits of their own, by name."""

    def quote_age_ns_max_of(self, name: InstrumentId) -> int:
        """How old a quote of an instrument may be: by its venue."""
        if not self.venues:
            return self.quote_age_ns_max
        own = self.venues.get(venue_of(name))
        return self.quote_age_ns_max if own is None else own.quote_age_ns_max

    @property
    def venue_deadlines_ns(self) -> dict[str, int]:
        """The deadlines of orders at venues that have their own."""
        return {name: own.order_deadline_ns for name, own in self.venues.items()}

    def order_deadline_ns_of(self, name: InstrumentId) -> int:
        """How long after an order on an instrument was sent it may still reach the book: by its venue."""
        own = self.venues.get(venue_of(name))
        return self.order_deadline_ns if own is None else own.order_deadline_ns


class AssetRule(msgspec.Struct, frozen=True):
    """How one asset is priced and hedged: `pricing` gives its mid, `hedge` is the future that is traded.

    `hedge` is None for a coin that has no future of its own. `alternatives` are further futures on the coin that may
    carry its hedge: of the same settlement, at any venue. `composition` (asset -> share, adding up to 1) is that
    of an index; its hedge moves the exposure to each of them. `held_as` are other coins that are counted as this one
    (staked, lent or wrapped ones), each with the units of it that one of them stands for.
    """

    asset: Asset
    pricing: InstrumentId
    hedge: InstrumentId | None
    declared: Qty = ZERO
    composition: dict[Asset, Decimal] = {}
    alternatives: tuple[InstrumentId, ...] = ()
    held_as: dict[Asset, Decimal] = {}

    @property
    def candidates(self) -> tuple[InstrumentId, ...]:
        """Every future that may carry the hedge, the preferred one first."""
        return () if self.hedge is None else (self.hedge, *self.alternatives)


class HoldingSource(msgspec.Struct, frozen=True):
    """An off-venue source of holdings: a reading of it counts until it is `age_ns_max` old, then it is unknown."""

    name: str
    assets: tuple[Asset, ...]
    age_ns_max: int


class RoutingRule(msgspec.Struct, frozen=True, kw_only=True):
    """What futures are compared by beside their market, as yearly fractions.

    `capital_apr` is what the capital that margins a hedge would earn elsewhere; `adverse_basis` what a perpetual's
    price, which nothing brings back to spot on a day, is expected to cost beyond its funding.
    """

    capital_apr: Decimal = ZERO
    adverse_basis: Decimal = ZERO


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
    routing: RoutingRule = RoutingRule()
