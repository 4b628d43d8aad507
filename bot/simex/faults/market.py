"""A market source that a fault can bend: books that are empty, one-sided, thin or elsewhere, and an index that is off.

The source under it goes on undisturbed; what it says of a bent book is remembered, so that the book is as it should be
as soon as the bend is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from bot.simex.core.flow import Aggression, Flow, IndexPrice, Level, Levels, MarketSource, Print, Top
from bot.simex.core.instrument import Key
from bot.simex.core.order import BUY, SELL, Side
from bot.simex.sources.index import Constituent, Constituted, constituents_of

THIN_SHARE: Final = 20
Pair = tuple[int, int]


@dataclass(slots=True)
class _Bend:
    """How a book is bent, and what it would be without."""

    variant: str
    factor: float
    tick: int
    lot: int
    sides: dict[Side, dict[int, int]] = field(default_factory=lambda: {BUY: {}, SELL: {}})

    def price(self, price: int) -> int:
        """Where a price is now."""
        if self.variant != "factor" or not price:
            return price
        return max(round(price * self.factor / self.tick), 1) * self.tick

    def quantity(self, side: Side, quantity: int) -> int:
        """How much of a quantity is left."""
        if self.variant == "empty" or (side == BUY and self.variant == "no_bids"):
            return 0
        if side == SELL and self.variant == "no_asks":
            return 0
        if self.variant == "thin" and quantity:
            return max(quantity // THIN_SHARE // self.lot, 1) * self.lot
        return quantity

    def pairs(self, side: Side, pairs: Iterable[Pair]) -> tuple[Pair, ...]:
        """Levels as they are now; two that come to lie at one price are one."""
        found: dict[int, int] = {}
        for price, quantity in pairs:
            left = self.quantity(side, quantity)
            if left:
                found[self.price(price)] = found.get(self.price(price), 0) + left
        return tuple(found.items())

    def remember(self, flow: Flow) -> None:
        """Keep the book as the source has it."""
        if isinstance(flow, Level):
            _set(self.sides[flow.side], flow.price, flow.quantity)
        elif isinstance(flow, Levels):
            self.sides = {BUY: dict(flow.bids), SELL: dict(flow.asks)}
        elif isinstance(flow, Top):
            self._top(BUY, flow.bid, flow.bid_quantity)
            self._top(SELL, flow.ask, flow.ask_quantity)

    def _top(self, side: Side, price: int, quantity: int) -> None:
        levels = self.sides[side]
        for one in [one for one in levels if not price or (one - price) * side > 0]:
            del levels[one]
        if price:
            _set(levels, price, quantity)

    def whole(self, key: Key, now_ms: int, *, bent: bool) -> Levels:
        """The book, bent or as it should be."""
        bids, asks = (tuple(self.sides[side].items()) for side in (BUY, SELL))
        if bent:
            bids, asks = self.pairs(BUY, bids), self.pairs(SELL, asks)
        return Levels(key, now_ms, bids, asks)


class Bent:
    """A MarketSource around another one."""

    def __init__(self, source: MarketSource) -> None:
        self._source = source
        self._bends: dict[Key, _Bend] = {}
        self._factors: dict[str, float] = {}
        self._indices: dict[str, int] = {}

    @property
    def keys(self) -> frozenset[Key]:
        """The instruments it has books for."""
        return self._source.keys

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._source.ended

    @property
    def position(self) -> int:
        """The place of the source."""
        return self._source.position

    def next_ms(self) -> int | None:
        """When the next change is due."""
        return self._source.next_ms()

    def opening(self) -> Iterator[Flow]:
        """The first books and index prices."""
        return self._passed(self._source.opening())

    def until(self, now_ms: int) -> Iterator[Flow]:
        """Every change up to and including `now_ms`."""
        return self._passed(self._source.until(now_ms))

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        """Move every price of an asset now and for good."""
        return self._passed(self._source.shock(base, factor, now_ms))

    # ------------------------------------------------------------------------------------------------------- bending
    def bend(self, book: Levels, variant: str, factor: float, *, tick: int, lot: int) -> Levels:
        """Bend a book from now on; `book` is what strangers offer in it. Answers what they offer then."""
        bend = self._bends.get(book.key)
        new = _Bend(variant, factor, tick, lot)
        new.sides = {BUY: dict(book.bids), SELL: dict(book.asks)} if bend is None else bend.sides
        self._bends[book.key] = new
        return new.whole(book.key, book.time_ms, bent=True)

    def straighten(self, key: Key, now_ms: int) -> list[Flow]:
        """The book is as the source has it again; answers the change."""
        bend = self._bends.pop(key, None)
        return [] if bend is None else [bend.whole(key, now_ms, bent=False)]

    def bend_index(self, name: str, factor: float, now_ms: int) -> list[Flow]:
        """An index of the source is off by a factor (1: no longer). ValueError when the source has no such index."""
        if name not in self._indices:
            raise ValueError(f"the market gives no index {name!r}; allowed are {', '.join(sorted(self._indices))}")
        self._factors[name] = factor
        return [IndexPrice(name, now_ms, round(self._indices[name] * factor))]

    def constituents(self, index: str) -> tuple[Constituent, ...]:
        """What an index is made of; nothing when the source does not know."""
        return constituents_of(self._source, index)

    def break_constituent(self, index: str, constituent: str, factor: float | None, *, frozen: bool = False) -> None:
        """A constituent is wrong by a factor or missing (None), or its price stands still; 1.0 mends it.

        ValueError when there is none such.
        """
        known = [one.name for one in self.constituents(index)]
        if not known or not isinstance(self._source, Constituted):
            raise ValueError(f"index {index!r}: the market does not know what it is made of")
        if constituent not in known:
            raise ValueError(f"constituent {constituent!r} of {index}: allowed are {', '.join(known)}")
        self._source.break_constituent(index, constituent, factor, frozen=frozen)

    def _passed(self, flows: Iterable[Flow]) -> Iterator[Flow]:
        for flow in flows:
            if isinstance(flow, IndexPrice):
                self._indices[flow.index] = flow.price
                factor = self._factors.get(flow.index)
                yield flow if factor is None else IndexPrice(flow.index, flow.time_ms, round(flow.price * factor))
            elif not self._bends:
                yield flow
            else:
                bend = self._bends.get(flow.key)
                yield from (flow,) if bend is None else _bent(bend, flow)


def _bent(bend: _Bend, flow: Flow) -> Iterator[Flow]:
    """What becomes of a change of a bent book."""
    bend.remember(flow)
    if isinstance(flow, Level):
        price = bend.price(flow.price)
        there = (size for at, size in bend.sides[flow.side].items() if bend.price(at) == price)
        quantity = sum(bend.quantity(flow.side, size) for size in there)
        yield Level(flow.key, flow.time_ms, flow.side, price, quantity)
    elif isinstance(flow, Levels | Top):
        yield bend.whole(flow.key, flow.time_ms, bent=True)
    elif isinstance(flow, Aggression | Print):
        yield msgspec.structs.replace(flow, price=bend.price(flow.price))
    else:
        yield flow


def _set(levels: dict[int, int], price: int, quantity: int) -> None:
    if quantity:
        levels[price] = quantity
    else:
        levels.pop(price, None)
