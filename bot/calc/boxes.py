"""Price boxes: how far prices may move before a decision could change.

With quantities fixed, every condition "no hedge is called for" is linear in prices: constant + sum of a_k p_k >= 0.
At prices p the row has a slack s; while every price stays within the relative distance s / sum |a_k| p_k of where it
was, the row still holds, whatever the others do (the worst corner of the box loses exactly s). So an instrument's box
is the smallest such distance over the rows that name it, and a quote inside its box needs no evaluation.
Floats may only prove "inside": slack is shrunk by SHRINK of the row's terms first, and a quote outside its box is
evaluated exactly.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bot.domain.units import InstrumentId

SHRINK = 1e-9
INFINITY = float("inf")


class Box(msgspec.Struct, frozen=True, gc=False):
    """While lo <= bid < ask <= hi nothing can turn. An empty box (lo > hi) sends every quote to full evaluation."""

    lo: float
    hi: float


EMPTY = Box(INFINITY, -INFINITY)
EVERYWHERE = Box(5e-324, 1.7976931348623157e308)
"""From the smallest positive float to the largest: what is not a price is never inside."""


class Row(msgspec.Struct, frozen=True):
    """constant + sum of coefficient x price >= 0 as long as nothing is to be done."""

    constant: float
    coefficients: Mapping[InstrumentId, float]

    def slack(self, prices: Mapping[InstrumentId, float]) -> float:
        """What is left at these prices, less the float's own doubt."""
        terms = [self.constant, *(a * prices[i] for i, a in self.coefficients.items())]
        return sum(terms) - SHRINK * sum(map(abs, terms))

    def radius(self, prices: Mapping[InstrumentId, float]) -> float:
        """The relative move that every price may make at once; negative when the row does not hold."""
        weight = sum(abs(a) * prices[i] for i, a in self.coefficients.items())
        slack = self.slack(prices)
        if weight == 0:
            return INFINITY if slack >= 0 else -1.0
        return slack / weight


def boxes(
    instruments: Iterable[InstrumentId], rows: Sequence[Row], prices: Mapping[InstrumentId, float]
) -> dict[InstrumentId, Box]:
    """A box for each instrument such that no row can fail while every price stays inside its own."""
    out: dict[InstrumentId, Box] = {}
    for instrument in instruments:
        radius = min((r.radius(prices) for r in rows if instrument in r.coefficients), default=INFINITY)
        out[instrument] = _around(prices[instrument], radius)
    return out


def _around(price: float, radius: float) -> Box:
    if radius <= 0:
        return EMPTY
    return Box(max(price * (1 - radius), 0.0), price * (1 + radius))
