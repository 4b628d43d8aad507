"""A decision and its reasons: exposure, target, band and the orders that follow from them."""

from decimal import Decimal

import msgspec

from bot.domain.order import OrderRequest
from bot.domain.units import ZERO, Asset, Contracts, Notional, Price, Qty

ROUTE = "route"
"""What a hedge that moves to another future is named after; no target may be named so."""


class Parts(msgspec.Struct, frozen=True):
    """Where an asset's exposure comes from, in coins; the exposure is their sum.

    `linear`, `inverse` and `quanto` are the futures on it. `collateral` is the equity of a coin-margined account
    (those coins are not in `spot`), `quote_leg` what linear futures owe or are owed of a quote currency (-n m M),
    `borrowed` is negative, `index` what futures on an index hold of it.
    """

    spot: Qty
    declared: Qty
    linear: Qty
    working: Qty
    inverse: Qty = ZERO
    quanto: Qty = ZERO
    collateral: Qty = ZERO
    options: Qty = ZERO
    quote_leg: Qty = ZERO
    borrowed: Qty = ZERO
    index: Qty = ZERO

    @property
    def wallet(self) -> Qty:
        """Coins that are owned, debts taken off: what net asset value counts."""
        return self.spot + self.declared + self.collateral + self.borrowed

    @property
    def holding(self) -> Qty:
        """Exposure that is held in any form but futures: what a hedge protects."""
        return self.spot + self.declared + self.collateral + self.borrowed + self.options + self.quote_leg

    @property
    def futures(self) -> Qty:
        """Coins of the futures that a hedge is made of."""
        return self.linear + self.inverse + self.quanto

    @property
    def exposure(self) -> Qty:
        """Net coins, working hedge orders at their remaining quantity included."""
        return self.holding + self.futures + self.working + self.index


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """One asset's derivation. deviation = exposure - target; hedge = coins to trade to the destination (sell < 0).

    `trigger` and `destination` are distances in coins above the target; `trigger_below` and `destination_below` those
    below it, None where they are the same. `shares` says which target wants how many coins of futures.
    """

    asset: Asset
    price: Decimal
    parts: Parts
    target: Qty
    deviation: Qty
    trigger: Qty
    destination: Qty
    breached: bool
    hedge: Qty
    why: str
    trigger_below: Qty | None = None
    destination_below: Qty | None = None
    shares: dict[str, Qty] = {}
    cause: Asset | None = None
    """The asset that is hedged, where it is another one (a proxy)."""

    @property
    def value(self) -> Notional:
        """The deviation in quote currency."""
        return self.deviation * self.price


class Leg(msgspec.Struct, frozen=True):
    """An order of an intent, with what it was decided on."""

    request: OrderRequest
    asset: Asset
    mid: Decimal
    expected_vwap: Decimal
    residual: Qty
    """Coins of the need that this order leaves: rounding, caps and what the book cannot give within the limit."""
    wants: dict[str, Contracts] = {}
    """What each target wants of this order, in signed contracts: its fills are booked to them pro rata."""
    spot: Price = ZERO
    """The spot price of a contract's coin that it was decided on; 0 where none is known."""


class HedgeIntent(msgspec.Struct, frozen=True, kw_only=True):
    """A numbered decision of one target: every leg is reviewed before the first is sent."""

    number: int
    group: str
    reason: str
    needs: tuple[Need, ...]
    legs: tuple[Leg, ...]
    decided_ns: int
