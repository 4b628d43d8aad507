"""Public market data: the best bid and ask, the visible book, mark and index price with funding.

Levels and prices are floats here: they are monitored, compared and walked, never sent or added up.
`bot.calc.sizing` is the one boundary where they become exact.
These values are events themselves: a `Quote` that arrives is handed to the engine as it is.
"""

import msgspec

from bot.domain.order import Side
from bot.domain.units import InstrumentId

INFINITY = float("inf")

Level = tuple[float, float]
"""Price and quantity (contracts)."""


class Quote(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The best bid and ask of an instrument. Quantities are contracts."""

    instrument: InstrumentId
    bid: float
    ask: float
    bid_qty: float
    ask_qty: float
    sequence: int
    received_ns: int

    @property
    def mid(self) -> float:
        """The middle of the best bid and ask."""
        return (self.bid + self.ask) / 2

    @property
    def sane(self) -> bool:
        """Whether both sides are there, finite, positive and not crossed (NaN fails every comparison)."""
        return 0 < self.bid < self.ask < INFINITY


class Walk(msgspec.Struct, frozen=True):
    """What a book would give: contracts taken, their volume-weighted price and the worst price touched."""

    contracts: float
    vwap: float
    worst: float


class Depth(msgspec.Struct, frozen=True, tag=True):
    """The visible levels of an instrument, best first."""

    instrument: InstrumentId
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: int
    received_ns: int

    @property
    def sane(self) -> bool:
        """Whether every price and quantity is finite and positive. A side may be empty."""
        levels = (*self.bids, *self.asks)
        return all(0 < price < INFINITY and 0 < size < INFINITY for price, size in levels)

    def against(self, side: Side) -> tuple[Level, ...]:
        """The levels that an order of `side` takes: asks for a buy, bids for a sell."""
        return self.asks if side is Side.BUY else self.bids

    def walk(self, side: Side, contracts: float, limit: float) -> Walk:
        """Take up to `contracts` from the book, no further than `limit`; what is not there is not invented."""
        left, cost, worst = contracts, 0.0, 0.0
        for price, size in self.against(side):
            if left <= 0 or (price > limit if side is Side.BUY else price < limit):
                break
            taken = min(size, left)
            left -= taken
            cost += taken * price
            worst = price
        filled = contracts - left
        return Walk(filled, cost / filled if filled > 0 else 0.0, worst)


class Mark(msgspec.Struct, frozen=True, tag=True):
    """Mark and index price of a perpetual, with the venue's estimate of the next funding rate.

    `funding_rate` is per interval; when it is positive longs pay shorts, so a short hedge receives.
    `next_funding_ns` is the settlement's time on the venue's clock.
    """

    instrument: InstrumentId
    mark: float
    index: float
    funding_rate: float
    next_funding_ns: int
    received_ns: int

    @property
    def sane(self) -> bool:
        """Whether both prices are finite and positive and the rate is a number."""
        return 0 < self.mark < INFINITY and 0 < self.index < INFINITY and abs(self.funding_rate) < INFINITY
