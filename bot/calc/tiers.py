"""Maintenance-margin brackets: what a notional needs, and the deduction that makes the brackets meet.

Source: formulas.md 2.10. The notional is in quote currency for a linear contract and in coins for an inverse one;
the margin is in the same unit.
"""

from collections.abc import Iterable
from decimal import Decimal

from bot.domain.instrument import Tier
from bot.domain.units import ONE, ZERO, Notional

INFINITE = Decimal("Infinity")


def bracketed(rows: Iterable[tuple[Notional, Decimal]]) -> tuple[Tier, ...]:
    """Brackets from (floor, rate) rows, lowest first, each with its derived deduction.

    cum_k = cum_(k-1) + floor_k (rate_k - rate_(k-1)): at a floor both brackets ask for the same margin.

    Raises:
        ValueError: floors that do not rise, or rates that fall or are not above 0 and at most 1.
    """
    made: list[Tier] = []
    for floor, rate in rows:
        below = made[-1] if made else Tier(-ONE, ZERO, ZERO)
        if not below.floor < floor < INFINITE or not max(below.rate, ZERO) <= rate <= ONE or rate == 0:
            msg = f"a margin bracket from {floor} at {rate} does not fit above one from {below.floor} at {below.rate}"
            raise ValueError(msg)
        made.append(Tier(floor, rate, below.deduction + floor * (rate - below.rate) if made else ZERO))
    return tuple(made)


def tier_of(notional: Notional, tiers: tuple[Tier, ...]) -> Tier:
    """The bracket of a notional >= 0; one below the first bracket is in it.

    Raises:
        ValueError: there are no tiers. Unknown tiers are not zero margin.
    """
    if not tiers:
        msg = "maintenance margin needs the instrument's tiers"
        raise ValueError(msg)
    return max((t for t in tiers if t.floor <= notional), key=lambda t: t.floor, default=tiers[0])


def maintenance(notional: Notional, tiers: tuple[Tier, ...]) -> Notional:
    """Maintenance margin of a position of `notional` >= 0; unknown tiers are a programming error.

    Raises:
        ValueError: the instrument has no tiers.
    """
    tier = tier_of(notional, tiers)
    return notional * tier.rate - tier.deduction


def ratio(maintenance_margin: Notional, margin_balance: Notional) -> Decimal:
    """Maintenance margin over margin balance: liquidation at 1; infinite when nothing is left to margin with."""
    if maintenance_margin == 0:
        return ZERO
    return INFINITE if margin_balance <= 0 else maintenance_margin / margin_balance
