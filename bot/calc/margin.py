"""Maintenance margin and the margin ratio, before and after an order.

Linear contracts only. Source: formulas.md 2.10 (MM = notional x rate - deduction by bracket; liquidation at ratio 1).
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from bot.domain.account import MarginState, Position
from bot.domain.instrument import Instrument, Tier
from bot.domain.units import ZERO, Notional, Price

INFINITE = Decimal("Infinity")


class Holding(msgspec.Struct, frozen=True):
    """A position with what its margin is computed from."""

    instrument: Instrument
    position: Position
    mark: Price


def maintenance(notional: Notional, tiers: tuple[Tier, ...]) -> Notional:
    """Maintenance margin of a position of `notional` >= 0; unknown tiers are a programming error.

    Raises:
        ValueError: the instrument has no tiers.
    """
    if not tiers:
        msg = "maintenance margin needs the instrument's tiers"
        raise ValueError(msg)
    tier = max((t for t in tiers if t.floor <= notional), key=lambda t: t.floor, default=tiers[0])
    return notional * tier.rate - tier.deduction


def unrealized(holding: Holding) -> Notional:
    """UPnL = coins x (mark - entry), in the settlement currency."""
    coins = holding.instrument.coins(holding.position.contracts)
    return coins * (holding.mark - holding.position.entry_price)


def required(holdings: Iterable[Holding]) -> Notional:
    """Maintenance margin of all positions together (cross margin)."""
    total = ZERO
    for holding in holdings:
        notional = abs(holding.instrument.coins(holding.position.contracts)) * holding.mark
        if notional > 0:
            total += maintenance(notional, holding.instrument.tiers)
    return total


def ratio(maintenance_margin: Notional, margin_balance: Notional) -> Decimal:
    """Maintenance margin over margin balance: liquidation at 1; infinite when nothing is left to margin with."""
    if maintenance_margin == 0:
        return ZERO
    return INFINITE if margin_balance <= 0 else maintenance_margin / margin_balance


def ratio_after(
    wallet: Notional, before: tuple[Holding, ...], after: tuple[Holding, ...], cost: Notional, venue: MarginState | None
) -> Decimal:
    """The margin ratio once an order is filled at its limit and its `cost` (fee and slippage) paid.

    The venue's own figures are authoritative for what we do not track (other positions of the account), ours for
    what has moved since they were read: the higher ratio counts.
    """
    equity = wallet + sum((unrealized(h) for h in before), ZERO) - cost
    needed = required(after)
    ours = ratio(needed, equity)
    if venue is None:
        return ours
    added = needed - required(before)
    return max(ours, ratio(venue.maintenance_margin + max(added, ZERO), venue.margin_balance - cost))
