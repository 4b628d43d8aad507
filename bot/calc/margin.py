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
    tier = _tier(notional, tiers)
    return notional * tier.rate - tier.deduction


def _tier(notional: Notional, tiers: tuple[Tier, ...]) -> Tier:
    """The bracket of a notional; one below the first bracket is in it."""
    return max((t for t in tiers if t.floor <= notional), key=lambda t: t.floor, default=tiers[0])


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


def stress_distance(holdings: Iterable[Holding], balance: Notional, elsewhere: Notional = ZERO) -> Decimal:
    """How far every price must move together, as a fraction of itself, until the positions are liquidated.

    `balance` is the margin balance now, `elsewhere` the maintenance margin of positions that are not among `holdings`
    and are taken to stay as they are. Both directions are looked at and the nearer one counts; 0 where liquidation is
    due already, infinite where no move of prices above zero leads to it. Source: formulas.md 2.10, stress distance with
    every beta 1.

    With all prices times f the slack, balance less maintenance margin, is concave and piecewise linear in f. A line of
    one of its pieces is nowhere below it, so going from line to line, from beyond, never passes the root.

    Raises:
        ValueError: an open position's instrument has no tiers.
    """
    held = tuple(one for one in holdings if one.position.contracts)
    slack = balance - elsewhere - required(held)
    if not held:
        return INFINITE
    if slack <= 0:
        return ZERO
    free = balance - elsewhere
    return min(_until(held, free, INFINITE) - 1, 1 - _until(held, free, ZERO))


def _until(held: tuple[Holding, ...], free: Notional, beyond: Decimal) -> Decimal:
    """The factor of all prices, between 1 and `beyond` (0 or infinite), at which the slack is used up.

    Where it never is: infinite above, minus infinite below.
    """
    rising = beyond > 1
    slope, rest = line = _line(held, free, beyond)
    if slope >= 0 if rising else rest >= 0:
        return INFINITE if rising else -INFINITE
    factor, seen = -rest / slope, {line}
    while (line := _line(held, free, factor)) not in seen:
        seen.add(line)
        factor = -line[1] / line[0]
    return factor


def _line(held: tuple[Holding, ...], free: Notional, factor: Decimal) -> tuple[Notional, Notional]:
    """The slack's piece around a factor of all prices: its slope, and where it would stand at 0."""
    slope, rest = ZERO, free
    for one in held:
        notional = one.instrument.coins(one.position.contracts) * one.mark
        tier = _tier(abs(notional) * factor, one.instrument.tiers)
        slope += notional - abs(notional) * tier.rate
        rest += tier.deduction - notional
    return slope, rest
