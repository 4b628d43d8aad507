"""A dollar's peg: how far off counts, and what several prices of it come to.

Source: formulas.md 2.9 (|price - 1| beyond 50 bps warns, beyond 150 bps stops new risk). Prices are in dollars.
"""

from collections.abc import Iterable

from bot.domain.units import BPS_PER_UNIT, ONE, Bps, Price

WARN_BPS = Bps("50")
STOP_BPS = Bps("150")
BACK_BPS = Bps("30")
"""Inside this it is back."""


def off_peg(price: Price) -> Bps:
    """How far a price is from one dollar, >= 0."""
    return abs(price - ONE) * BPS_PER_UNIT


def consensus(prices: Iterable[Price]) -> Price:
    """The middle one; of two in the middle the one that is further off, for which of them is right is not known.

    Raises:
        ValueError: there is no price.
    """
    ordered = sorted(prices)
    if not ordered:
        msg = "without a price there is no consensus"
        raise ValueError(msg)
    return max(ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2], key=off_peg)
