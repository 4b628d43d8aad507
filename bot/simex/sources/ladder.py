"""One side of a recorded book: quantities by raw price, and the prices at which they show after a shock.

The records go on at their own prices whatever was shocked; they show at their price times a factor, rounded away from
the middle to the tick. Several raw levels may then show at one price: what shows there is their sum. Nothing here
knows what accounts took.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from fractions import Fraction

Pair = tuple[int, int]
# A factor is kept as a fraction with denominators up to this, so that showing a price is exact.
DENOMINATOR_MAX = 10**9


class Ladder:
    """Raw levels of the bid or of the ask side, prices ascending."""

    __slots__ = ("_down", "_is_bid", "_prices", "_tick", "_up", "levels")

    def __init__(self, *, is_bid: bool, tick: int) -> None:
        self.levels: dict[int, int] = {}
        self._prices: list[int] = []
        self._is_bid = is_bid
        self._tick = tick
        self._up = self._down = 1

    def set(self, price: int, quantity: int) -> bool:
        """Write a level, 0 removes it; whether that changed anything."""
        before = self.levels.get(price, 0)
        if before == quantity:
            return False
        if not quantity:
            del self.levels[price]
            del self._prices[bisect_left(self._prices, price)]
            return True
        if not before:
            insort(self._prices, price)
        self.levels[price] = quantity
        return True

    def drop_better(self, price: int) -> None:
        """Remove every level better than a raw price."""
        prices = self._prices
        if self._is_bid:
            at = bisect_right(prices, price)
            gone, self._prices = prices[at:], prices[:at] if at < len(prices) else prices
        else:
            at = bisect_left(prices, price)
            gone, self._prices = prices[:at], prices[at:] if at else prices
        for each in gone:
            del self.levels[each]

    def replace(self, levels: Iterable[Pair]) -> None:
        """Write the whole side: what is not in it is gone."""
        self.levels = {price: quantity for price, quantity in levels if quantity}
        self._prices = sorted(self.levels)

    def is_better(self, price: int, than: int) -> bool:
        """Whether a raw price is strictly better than another."""
        return price > than if self._is_bid else price < than

    def rescale(self, factor: float) -> None:
        """Show everything, from now on, at this times where it showed. ValueError unless the factor is above zero."""
        if not 0 < factor < float("inf"):
            raise ValueError(f"factor {factor}: allowed is more than zero")
        ratio = (Fraction(self._up, self._down) * Fraction(factor)).limit_denominator(DENOMINATOR_MAX)
        self._up, self._down = ratio.numerator, ratio.denominator

    def shown(self, price: int) -> int:
        """The price at which a raw level shows; however far down, a bid at one tick and an ask above it remain."""
        if self._up == self._down:
            return price
        step = self._down * self._tick
        if self._is_bid:
            return max(1, price * self._up // step) * self._tick
        return max(2, -(-price * self._up // step)) * self._tick

    def quantity_at(self, shown: int) -> int:
        """All that shows at a price."""
        if self._up == self._down:
            return self.levels.get(shown, 0)
        first = bisect_left(self._prices, shown, key=self.shown)
        last = bisect_right(self._prices, shown, key=self.shown)
        return sum(self.levels[price] for price in self._prices[first:last])

    def show(self) -> Iterator[Pair]:
        """(price, quantity) of everything as it shows, prices ascending and each once."""
        if self._up == self._down:
            yield from ((price, self.levels[price]) for price in self._prices)
            return
        totals: dict[int, int] = {}
        for price in self._prices:
            at = self.shown(price)
            totals[at] = totals.get(at, 0) + self.levels[price]
        yield from totals.items()
