"""An index from the prices of its constituents, by the rule that Binance publishes for its price indices.

The price is the weighted average of the constituents, with three protections: one that has no price counts nothing;
one that is more than 5 % from the median of all is left out; when two or more are that far away, the median itself is
the price. A single broken constituent therefore moves the index only where there are too few others to say so: two,
or one alone. That is how a manipulated index comes about, and how to make one.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import Protocol, runtime_checkable

import msgspec

from bot.simex.core.numbers import SCALE, divided

DEVIATION_MAX = 5_000_000
"""Of 1e-8 of the median."""


class Constituent(msgspec.Struct, frozen=True):
    """A market that an index is made of: its price, None when it has none, and its share of the index, of 1e-8 each."""

    name: str
    price: int | None
    share: int


@runtime_checkable
class Constituted(Protocol):
    """A market source that knows what its indices are made of."""

    def constituents(self, index: str) -> tuple[Constituent, ...]:
        """What an index is made of, as it counted in the last price; nothing when that is not known."""
        ...

    def break_constituent(self, index: str, constituent: str, factor: float | None, *, frozen: bool = False) -> None:
        """A constituent is wrong by a factor or missing (None), or its price stands still; 1.0 mends it. KeyError."""
        ...


def constituents_of(source: object, index: str) -> tuple[Constituent, ...]:
    """What an index of a market source is made of; nothing when the source does not know."""
    return source.constituents(index) if isinstance(source, Constituted) else ()


def shares(prices: Sequence[int | None], weights: Sequence[int]) -> list[int]:
    """The share of each constituent in the index, of 1e-8: none of what has no price or is left out.

    When two or more are left out the median is the index; their shares are shown as if none were.
    """
    known = [price for price in prices if price is not None]
    middle = median(known) if known else 0
    far = [price is not None and abs(price - middle) * SCALE > DEVIATION_MAX * middle for price in prices]
    is_left_out = sum(far) == 1
    counted = [
        0 if price is None or (is_left_out and is_far) else weight
        for price, weight, is_far in zip(prices, weights, far, strict=True)
    ]
    total = sum(counted)
    return [divided(weight * SCALE, total) if total else 0 for weight in counted]


def index_price(prices: Sequence[int | None], weights: Sequence[int]) -> int | None:
    """The index of prices of 1e-8, None for a constituent without one; None when none has. Weights in any unit.

    ValueError unless there is a weight above zero for each.
    """
    if len(prices) != len(weights) or min(weights, default=1) <= 0:
        raise ValueError("each constituent needs a weight above zero")
    known = [(price, weight) for price, weight in zip(prices, weights, strict=True) if price is not None]
    if not known:
        return None
    agreed = agreed_price([price for price, _ in known], [weight for _, weight in known])
    if agreed is not None:
        return agreed
    middle = median([price for price, _ in known])
    near = [(price, weight) for price, weight in known if abs(price - middle) * SCALE <= DEVIATION_MAX * middle]
    if len(near) < len(known) - 1:
        return middle
    return average(near)


def agreed_price(prices: Sequence[int], weights: Sequence[int]) -> int | None:
    """The weighted average of prices so near to each other that nobody is far from the median, wherever it is.

    None when they are not. There is one price at least, and a weight for each.
    """
    lowest = min(prices)
    if (max(prices) - lowest) * SCALE > DEVIATION_MAX * lowest:
        return None
    return divided(sum(map(mul, prices, weights)), sum(weights))


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
