"""The background book of one symbol: levels that belong to nobody on this exchange.

A source writes levels at the prices it knows ("raw"). After a price shock the exchange shows every raw price times a
factor, rounded away from the mid to the tick; a source keeps writing raw prices and never learns of it. Two raw levels
may then show at one price, so quantities at a shown price are added up.

What an account order takes out of a level is gone until the source writes that level again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bot.simex.model import ZERO

ONE = Decimal(1)
Pair = tuple[Decimal, Decimal]


class Ladder:
    """One side of a book: quantities by raw price, and the raw prices in ascending order."""

    __slots__ = ("_prices", "_rounding", "_tick", "changed", "factor", "is_bid", "levels")

    def __init__(self, is_bid: bool, tick: Decimal) -> None:
        self.is_bid = is_bid
        self.levels: dict[Decimal, Decimal] = {}
        self.factor = ONE
        self.changed: set[Decimal] = set()
        self._prices: list[Decimal] = []
        self._tick = tick
        self._rounding = ROUND_FLOOR if is_bid else ROUND_CEILING

    def shown(self, raw: Decimal) -> Decimal:
        """The price at which a raw level shows."""
        if self.factor == ONE:
            return raw
        return (raw * self.factor / self._tick).to_integral_value(self._rounding) * self._tick

    def set(self, raw: Decimal, quantity: Decimal) -> None:
        """Write a level; zero removes it."""
        if quantity:
            if raw not in self.levels:
                insort(self._prices, raw)
            elif self.levels[raw] == quantity:
                return
            self.levels[raw] = quantity
        elif raw in self.levels:
            del self.levels[raw]
            del self._prices[bisect_left(self._prices, raw)]
        else:
            return
        self.changed.add(self.shown(raw))

    def take(self, raw: Decimal, quantity: Decimal) -> None:
        """Remove quantity that an order consumed. KeyError when the level is gone."""
        left = self.levels[raw] - quantity
        if left < 0:
            raise ValueError(f"{quantity} taken out of {self.levels[raw]} at {raw}")
        self.set(raw, left)

    def drop_better(self, raw: Decimal) -> None:
        """Remove every level that is better than a raw price: the source says that this is the best one."""
        prices = self._prices
        while prices and (prices[-1] > raw if self.is_bid else prices[0] < raw):
            self.set(prices[-1] if self.is_bid else prices[0], ZERO)

    def replace(self, levels: Iterable[Pair]) -> None:
        """Write a whole side, best or worst first; what is not in it is gone."""
        fresh = {raw: quantity for raw, quantity in levels if quantity}
        old = self.levels
        touched = [raw for raw, quantity in fresh.items() if old.get(raw) != quantity]
        touched += [raw for raw in old if raw not in fresh]
        self.levels = fresh
        self._prices = sorted(fresh)
        self.changed.update(self.shown(raw) for raw in touched)

    def rescale(self, factor: Decimal) -> None:
        """Show every level, now and from now on, at its price times the factor."""
        self.changed.update(self.shown(raw) for raw in self._prices)
        self.factor *= factor
        self.changed.update(self.shown(raw) for raw in self._prices)

    def best_raw(self) -> Decimal | None:
        """The best raw price, or None when the side is empty."""
        if not self._prices:
            return None
        return self._prices[-1] if self.is_bid else self._prices[0]

    def best_first(self) -> Iterator[tuple[Decimal, Decimal, Decimal]]:
        """(shown price, raw price, quantity) of every level, best first. The side must not change meanwhile."""
        prices = reversed(self._prices) if self.is_bid else iter(self._prices)
        return ((self.shown(raw), raw, self.levels[raw]) for raw in prices)

    def quantity_at(self, shown: Decimal) -> Decimal:
        """All quantity that shows at a price."""
        if self.factor == ONE:
            return self.levels.get(shown, ZERO)
        margin = self._tick / self.factor + self._tick
        start, centre = bisect_left(self._prices, shown / self.factor - margin), shown / self.factor
        total = ZERO
        for raw in self._prices[start:]:
            if raw > centre + margin:
                break
            if self.shown(raw) == shown:
                total += self.levels[raw]
        return total


class Book:
    """Both sides of a symbol's background liquidity."""

    __slots__ = ("asks", "bids")

    def __init__(self, tick: Decimal) -> None:
        self.bids = Ladder(True, tick)
        self.asks = Ladder(False, tick)

    def set_top(self, bid: Pair, ask: Pair) -> None:
        """What a best-bid-and-offer feed says: these are the best levels and nothing is better."""
        self.bids.drop_better(bid[0])
        self.asks.drop_better(ask[0])
        self.bids.set(*bid)
        self.asks.set(*ask)

    def rescale(self, factor: Decimal) -> None:
        """Shock both sides."""
        self.bids.rescale(factor)
        self.asks.rescale(factor)
