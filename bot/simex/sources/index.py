"""An index from the prices of its constituents, by the rule that Binance publishes for its price indices.

The price is the weighted average of the constituents, with three protections: one that has no price counts nothing;
one that is more than 5 % from the median of all is left out; when two or more are that far away, the median itself is
the price. A single broken constituent therefore moves the index only where there are too few others to say so: two,
or one alone. That is how a manipulated index comes about, and how to make one.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.simex.core.numbers import SCALE, divided

DEVIATION_MAX = 5_000_000
"""Of 1e-8 of the median."""


def index_price(prices: Sequence[int | None], weights: Sequence[int]) -> int | None:
    """The index of prices of 1e-8, None for a constituent without one; None when none has. Weights in any unit.

    ValueError unless there is a weight above zero for each.
    """
    if len(prices) != len(weights) or min(weights, default=1) <= 0:
        raise ValueError("each constituent needs a weight above zero")
    known = [(price, weight) for price, weight in zip(prices, weights, strict=True) if price is not None]
    if not known:
        return None
    lowest, highest = min(known)[0], max(known)[0]
    if (highest - lowest) * SCALE <= DEVIATION_MAX * lowest:
        return average(known)  # Wherever the median is, nobody is far from it.
    middle = median([price for price, _ in known])
    near = [(price, weight) for price, weight in known if abs(price - middle) * SCALE <= DEVIATION_MAX * middle]
    if len(near) < len(known) - 1:
        return middle
    return average(near)


def average(prices: Sequence[tuple[int, int]]) -> int:
    """The mean of (price, weight) pairs, rounded half to even; there is at least one."""
    worth = total = 0
    for price, weight in prices:
        worth += price * weight
        total += weight
    return divided(worth, total)


def median(prices: Sequence[int]) -> int:
    """The middle price, or the mean of the middle two rounded half to even; there is at least one."""
    ordered, half = sorted(prices), len(prices) // 2
    if len(ordered) % 2:
        return ordered[half]
    return divided(ordered[half - 1] + ordered[half], 2)
