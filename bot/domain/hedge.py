"""A decision and its reasons: exposure, target, band and the orders that follow from them."""

from decimal import Decimal

import msgspec

from bot.domain.order import OrderRequest
from bot.domain.units import Asset, Notional, Qty


class Parts(msgspec.Struct, frozen=True):
    """Where an asset's exposure comes from, in coins; the exposure is their sum."""

    spot: Qty
    declared: Qty
    futures: Qty
    working: Qty

    @property
    def holding(self) -> Qty:
        """Coins that are held, on the venue or declared: what a hedge protects."""
        return self.spot + self.declared

    @property
    def exposure(self) -> Qty:
        """Net coins, working hedge orders at their remaining quantity included."""
        return self.spot + self.declared + self.futures + self.working


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """One asset's derivation. deviation = exposure - target; hedge = coins to trade to the destination (sell < 0)."""

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


class HedgeIntent(msgspec.Struct, frozen=True, kw_only=True):
    """A numbered decision of one target: every leg is reviewed before the first is sent."""

    number: int
    group: str
    reason: str
    needs: tuple[Need, ...]
    legs: tuple[Leg, ...]
    decided_ns: int
