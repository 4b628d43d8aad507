"""The book of one instrument: price levels that hold strangers' quantity and accounts' orders in one queue.

A level's queue is kept as its background quantity and its account orders in the order of their arrival; `Order.ahead`
says how much background stands before an order. From this follow the rules of the queue:

    an order arrives         everything that is there stands before it
    background grows         it joins behind every order
    background is traded     it goes from the front: every order moves forward by as much
    background shrinks       otherwise than by a trade: it is cancelled from behind, so an order moves forward only when
                             nothing else is left (the pessimistic of the two guesses)

A side is a dict of levels and a sorted list of their prices, each times the sign of the side, so that the best price is
the last of the list on both sides. Finding the best costs nothing, adding a price a bisection.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from bot.simex.core.instrument import Filters, Instrument
from bot.simex.core.order import BUY, SELL, Order, Side

# A venue's books begin with some id; differences are contiguous from there on.
UPDATE_ID_FIRST = 1

Levels = tuple[tuple[int, int], ...]
Top = tuple[int, int, int, int]
# A number for each side, found by the side itself: [BUY], which is 1, and [SELL], which is -1 and so the last.
BySide = tuple[int, int, int]


# Of every level without orders: most have none, and a dictionary of its own is what costs most to make of a level.
NO_ORDERS: dict[int, Order] = {}


class PriceLevel:
    """One price of one side. `resting` is the sum of the remaining quantities of `orders`, which are by order id."""

    __slots__ = ("background", "orders", "price", "resting")

    def __init__(self, price: int) -> None:
        self.price = price
        self.background = 0
        self.resting = 0
        self.orders = NO_ORDERS


# The best level of an empty side.
NOTHING = PriceLevel(0)


class BookSide:
    """The bids (`sign` 1) or the asks (`sign` -1). `changed` are the prices touched since they were last published.

    `first` is the best level, NOTHING when the side is empty; `stirred` says that it is another one, or holds another
    quantity, than when that was last looked at.
    """

    __slots__ = ("changed", "first", "keys", "levels", "sign", "stirred")

    def __init__(self, sign: Side) -> None:
        self.sign: Side = sign
        self.levels: dict[int, PriceLevel] = {}
        self.keys: list[int] = []
        self.changed: set[int] = set()
        self.first = NOTHING
        self.stirred = False

    def best_first(self) -> Iterator[PriceLevel]:
        """The levels, best first; the side must not change meanwhile."""
        sign, levels = self.sign, self.levels
        return (levels[key * sign] for key in reversed(self.keys))

    def best_price(self) -> int:
        """The best price, 0 when the side is empty."""
        return self.first.price

    def reaches(self, price: int) -> bool:
        """Whether an order of the other side at this price would trade here."""
        keys = self.keys
        return bool(keys) and keys[-1] >= price * self.sign

    def depth(self, limit: int) -> Levels:
        """The best levels as (price, quantity), best first."""
        sign, levels = self.sign, self.levels
        shown = (levels[key * sign] for key in reversed(self.keys[-limit:])) if limit > 0 else ()
        return tuple([(level.price, level.background + level.resting) for level in shown])

    def taken_changes(self) -> Levels:
        """What the touched prices hold now (0: gone), best first; forgets that they were touched."""
        changed = self.changed
        if not changed:
            return ()
        levels = self.levels
        if len(changed) == 1:
            price = changed.pop()
            level = levels.get(price, NOTHING)
            return ((price, level.background + level.resting),)
        taken = []
        for price in sorted(changed, reverse=self.sign > 0):
            level = levels.get(price, NOTHING)
            taken.append((price, level.background + level.resting))
        changed.clear()
        return tuple(taken)

    # ------------------------------------------------------------------------------------------ background
    def set_background(self, price: int, quantity: int) -> None:
        """Strangers now offer so much at a price: more joins behind, less was cancelled from behind."""
        level = self.levels.get(price)
        if level is None:
            if not quantity:
                return
            level = self._added(price)
        if level.background == quantity:
            return
        level.background = quantity
        self.changed.add(price)
        if level is self.first:
            self.stirred = True
        if level.orders:
            for order in reversed(level.orders.values()):
                if order.ahead <= quantity:
                    break
                order.ahead = quantity
        elif not quantity:
            self._drop(level)

    def take_background(self, level: PriceLevel, quantity: int) -> None:
        """Strangers' quantity was traded: it goes from the front of the queue."""
        level.background -= quantity
        self.changed.add(level.price)
        if level is self.first:
            self.stirred = True
        if level.orders:
            self.move_forward(level, quantity)
        elif not level.background:
            self._drop(level)

    def move_forward(self, level: PriceLevel, quantity: int) -> None:
        """So much of what stood before the orders of a level is no longer before them."""
        for order in level.orders.values():
            ahead = order.ahead
            if ahead:
                order.ahead = ahead - quantity if ahead > quantity else 0

    # ---------------------------------------------------------------------------------------------- orders
    def add(self, order: Order) -> None:
        """Put an order's remainder at the end of its price's queue."""
        price = order.price
        level = self.levels.get(price) or self._added(price)
        order.ahead = level.background
        if level.orders:
            level.orders[order.order_id] = order
        else:
            level.orders = {order.order_id: order}
        level.resting += order.quantity - order.filled
        self.changed.add(price)
        if level is self.first:
            self.stirred = True

    def remove(self, order: Order) -> None:
        """Take a resting order out."""
        price = order.price
        level = self.levels[price]
        del level.orders[order.order_id]
        self.changed.add(price)
        if level is self.first:
            self.stirred = True
        level.resting -= order.quantity - order.filled
        if not level.orders and not level.background:
            self._drop(level)

    def reduce(self, order: Order, quantity: int) -> None:
        """A resting order is about to lose so much of its remainder by a fill or an amendment; it keeps its place."""
        level = self.levels[order.price]
        level.resting -= quantity
        self.changed.add(order.price)
        if level is self.first:
            self.stirred = True
        if order.quantity - order.filled == quantity:
            del level.orders[order.order_id]
            if not level.orders and not level.background:
                self._drop(level)

    # --------------------------------------------------------------------------------------------- private
    def _added(self, price: int) -> PriceLevel:
        level = self.levels[price] = PriceLevel(price)
        keys, key = self.keys, price * self.sign
        if not keys or key > keys[-1]:
            keys.append(key)
            self.first = level
        else:
            insort(keys, key)
        return level

    def _drop(self, level: PriceLevel) -> None:
        levels, keys = self.levels, self.keys
        del levels[level.price]
        if level is self.first:
            keys.pop()
            self.first = levels[keys[-1] * self.sign] if keys else NOTHING
        else:
            del keys[bisect_left(keys, level.price * self.sign)]


def clear_better(side: BookSide, price: int) -> None:
    """Strangers have nothing better than this price (0: nothing at all)."""
    keys, sign = side.keys, side.sign
    if price and keys and keys[-1] <= price * sign:
        return
    first = bisect_left(keys, price * sign + 1) if price else 0
    for key in keys[first:]:
        side.set_background(key * sign, 0)


def replace_background(side: BookSide, rows: Levels) -> None:
    """The whole background of a side: what is not named is gone."""
    named = dict(rows)
    for price in [price for price in side.levels if price not in named]:
        side.set_background(price, 0)
    for price, quantity in rows:
        side.set_background(price, quantity)


class Bounds:
    """What nearly every limit order on a book keeps, in the form in which one look compares it.

    It holds for the marks of a `version` and for these `filters`. Prices by side: [1] for buys, [-1] for sells; where
    every price must be looked at closely (spot, inverse, no mark yet), no price lies between lowest and highest.
    """

    __slots__ = (
        "filters",
        "highest",
        "lot",
        "lowest",
        "notional_min",
        "quantity_max",
        "quantity_min",
        "tick",
        "version",
    )

    def __init__(self, version: int, filters: Filters, lowest: BySide, highest: BySide) -> None:
        self.version = version
        self.filters = filters
        self.lowest = lowest
        self.highest = highest
        self.quantity_min = max(filters.quantity_min, 1)
        self.quantity_max = filters.quantity_max
        self.notional_min = filters.notional_min
        self.tick = filters.tick
        self.lot = filters.lot


class Book:
    """Both sides of one instrument; `last` is the price of the last public trade, 0 before the first.

    `lowest` and `highest` are the extremes of the trades since the triggers were last looked at, 0 without one.
    `update_id` counts what happened to the book, `published_id` is that of the last published difference; `is_dirty`
    says that another is due, and `shown` is the last published top; `bounds` are the admission's.
    """

    __slots__ = (
        "_sides",
        "asks",
        "bids",
        "bounds",
        "highest",
        "instrument",
        "is_dirty",
        "last",
        "lowest",
        "published_id",
        "shown",
        "update_id",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.bids = BookSide(BUY)
        self.asks = BookSide(SELL)
        self._sides = {BUY: self.bids, SELL: self.asks}
        self.last = self.lowest = self.highest = 0
        self.update_id = self.published_id = UPDATE_ID_FIRST
        self.is_dirty = False
        self.shown: Top = (0, 0, 0, 0)
        self.bounds: Bounds | None = None

    def side(self, side: Side) -> BookSide:
        """Where an order of this side rests."""
        return self._sides[side]

    def opposite(self, side: Side) -> BookSide:
        """What an order of this side takes."""
        return self.asks if side == BUY else self.bids

    def mid(self) -> int:
        """The middle of the best prices, rounded down; 0 when a side is empty."""
        bid, ask = self.bids.first.price, self.asks.first.price
        return (bid + ask) // 2 if bid and ask else 0

    def top(self) -> Top:
        """Best bid, its quantity, best ask, its quantity; an empty side has both zero."""
        bid, ask = self.bids.first, self.asks.first
        return bid.price, bid.background + bid.resting, ask.price, ask.background + ask.resting
