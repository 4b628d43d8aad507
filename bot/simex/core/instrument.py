"""What is traded: its kind, its grid, its filters, its fees, its margin tiers; and the sign rule that covers them all.

The worth of a signed quantity q at a price P, in the asset that settles it, is

    linear and spot     q P             (a long is worth more when the price rises)
    inverse           - q face / P      (a long owes fewer coins when the price rises)

so that for both kinds: cost = sum of the worths at which it was traded, unrealized profit = worth(mark) - cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.simex.core.numbers import MONEY, SCALE, divided

Kind = Literal["spot", "linear", "inverse"]
# How a venue files its instruments: Binance spot, usdm, coinm; Bybit spot, linear, inverse.
Category = str
Key = tuple[Category, str]
Status = Literal["trading", "halted", "cancel_only", "reduce_only", "settling", "closed"]
# Where orders meet; elsewhere books may change and nothing trades.
MATCHES: frozenset[Status] = frozenset({"trading", "reduce_only"})

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Tier:
    """A maintenance-margin tier: floor < notional <= cap; maintenance = notional x rate - deduction.

    `cap`, `floor`, `deduction` are money in the settle asset; `rate` is of 1e-8.
    """

    floor: int
    cap: int
    rate: int
    deduction: int
    leverage_max: int


def tier_of(tiers: Sequence[Tier], notional: int) -> Tier:
    """The tier of a notional that is not negative; the last one beyond every cap."""
    for tier in tiers:
        if notional <= tier.cap:
            return tier
    return tiers[-1]


def maintenance(tiers: Sequence[Tier], notional: int) -> int:
    """The maintenance margin of a notional that is not negative."""
    tier = tier_of(tiers, notional)
    return divided(notional * tier.rate, SCALE) - tier.deduction


@dataclass(frozen=True, slots=True)
class Filters:
    """What an order must keep. Prices and quantities of 1e-8; `notional_min` money; multipliers of 1e-8, 0 for none.

    The multipliers bound an order's price by the mark (futures) or the mid (spot).
    """

    tick: int
    lot: int
    quantity_min: int
    quantity_max: int
    market_quantity_max: int
    notional_min: int
    price_min: int
    price_max: int
    multiplier_up: int
    multiplier_down: int
    orders_max: int = 200
    algo_orders_max: int = 10


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """A perpetual's funding: the interval and the bounds of a rate (of 1e-8) for one interval."""

    interval_ms: int = 8 * HOUR_MS
    cap: int = 2_000_000
    floor: int = -2_000_000
    interest_per_8h: int = 10_000


@dataclass(slots=True)
class Instrument:
    """One instrument as it is now: a control call may change its filters, funding, status while it trades.

    `settle` is the asset of profit and margin (spot: the quote). `face` is an inverse contract's value in quote, of
    1e-8, and 0 otherwise. Fees are of 1e-8 of the notional. `expiry_ms` is that of a dated future, `index` the name of
    what its mark follows ("BTCUSDT", "BTCUSD"); `price_places` and `quantity_places` are for display.
    """

    category: Category
    name: str
    kind: Kind
    base: str
    quote: str
    settle: str
    index: str
    filters: Filters
    price_places: int
    quantity_places: int
    maker_fee: int
    taker_fee: int
    face: int = 0
    tiers: tuple[Tier, ...] = ()
    funding: FundingTerms | None = None
    expiry_ms: int | None = None
    listed_ms: int = 0
    status: Status = "trading"
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        self.key = (self.category, self.name)
        if (self.kind == "inverse") != (self.face > 0):
            raise ValueError(f"{self.name}: a face value goes with an inverse contract and with no other")

    @property
    def is_future(self) -> bool:
        """Whether it has positions and margin."""
        return self.kind != "spot"

    def worth(self, quantity: int, price: int) -> int:
        """The worth of a signed quantity at a price, as money in the settle asset (see the module's first lines)."""
        if self.kind != "inverse":
            return quantity * price
        return -divided(quantity * self.face * MONEY, price * SCALE)

    def notional(self, quantity: int, price: int) -> int:
        """The size of a position or an order as money in the settle asset: never negative."""
        return abs(self.worth(quantity, price))
