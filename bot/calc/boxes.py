"""What must hold for a decision to stay what it is, and the box within which a price may move meanwhile.

With quantities fixed, every condition "no hedge is called for" is linear in prices: constant + sum of a_k p_k >= 0.
Many of them share a sum over a whole portfolio (net asset value), which is kept once: constant + sum of a_k p_k +
share x sum >= 0. `bot.calc.ratchet` draws the boxes: a quote inside its own needs no evaluation.
"""

from collections.abc import Mapping
from math import fsum

import msgspec

from bot.domain.units import InstrumentId

INFINITY = float("inf")


class Box(msgspec.Struct, frozen=True, gc=False):
    """While lo <= bid < ask <= hi nothing can turn. An empty box (lo > hi) lets no quote pass."""

    lo: float
    hi: float


def met(one: Box, other: Box) -> Box:
    """What is inside of both."""
    return Box(max(one.lo, other.lo), min(one.hi, other.hi))


EMPTY = Box(INFINITY, -INFINITY)
EVERYWHERE = Box(5e-324, 1.7976931348623157e308)
"""From the smallest positive float to the largest: what is not a price is never inside."""


class Sum(msgspec.Struct, frozen=True):
    """constant + sum of coefficient x price: what several rows share. One object is one sum."""

    constant: float
    coefficients: Mapping[InstrumentId, float]

    def value(self, prices: Mapping[InstrumentId, float]) -> float:
        """What it comes to."""
        return fsum((self.constant, *(q * prices[i] for i, q in self.coefficients.items())))


class Row(msgspec.Struct, frozen=True):
    """constant + sum of coefficient x price + share x whole >= 0 as long as nothing is to be done."""

    constant: float
    coefficients: Mapping[InstrumentId, float]
    share: float = 0.0
    whole: Sum | None = None

    def slack(self, prices: Mapping[InstrumentId, float]) -> float:
        """What is left at these prices."""
        shared = 0.0 if self.whole is None else self.share * self.whole.value(prices)
        return fsum((self.constant, shared, *(a * prices[i] for i, a in self.coefficients.items())))
