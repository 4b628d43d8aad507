"""Price-time matching of account orders against background liquidity and against each other.

A symbol's book is the background of its market source plus the resting orders of accounts. At one price the background
counts as the earlier order (its queue position is not known, so a resting order waits behind all of it); resting orders
follow in the order of their arrival. `plan` only looks: it lists what an incoming order would take, so that post-only,
fill-or-kill and margin checks and the execution itself all work from the same list.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from bot.simex.market.book import Book, Ladder
from bot.simex.model import ZERO, Level, Order, Side


class Take(msgspec.Struct, frozen=True):
    """A step of a match: quantity at a price, out of a background level (`raw`) or a resting order (`maker_id`).

    `prevented`: the resting order is the taker's own, so it expires instead of trading.
    """

    price: Decimal
    quantity: Decimal
    raw: Decimal | None = None
    maker_id: int | None = None
    prevented: bool = False


class Resting(msgspec.Struct):
    """A resting order as the queue knows it."""

    order_id: int
    account_id: str
    price: Decimal
    remaining: Decimal


class OrderQueue:
    """The resting account orders of one side, by price and time."""

    def __init__(self, is_bid: bool) -> None:
        self._is_bid = is_bid
        self._prices: list[Decimal] = []
        self._at: dict[Decimal, dict[int, Resting]] = {}
        self._by_id: dict[int, Resting] = {}

    def __bool__(self) -> bool:
        return bool(self._by_id)

    def holds(self, order_id: int) -> bool:
        """Whether an order rests here."""
        return order_id in self._by_id

    def add(self, order: Order) -> None:
        """Append an order's remainder at the end of its price's queue."""
        resting = Resting(order.order_id, order.account_id, order.price, order.remaining)
        if order.price not in self._at:
            insort(self._prices, order.price)
            self._at[order.price] = {}
        self._at[order.price][order.order_id] = resting
        self._by_id[order.order_id] = resting

    def reduce(self, order_id: int, quantity: Decimal) -> None:
        """Take filled quantity off an order; one that is filled leaves the queue."""
        resting = self._by_id[order_id]
        resting.remaining -= quantity
        if resting.remaining <= 0:
            self.remove(order_id)

    def remove(self, order_id: int) -> None:
        """Take an order out of the queue."""
        resting = self._by_id.pop(order_id)
        level = self._at[resting.price]
        del level[order_id]
        if not level:
            del self._at[resting.price]
            del self._prices[bisect_left(self._prices, resting.price)]

    def best(self) -> Decimal | None:
        """The best resting price."""
        if not self._prices:
            return None
        return self._prices[-1] if self._is_bid else self._prices[0]

    def first(self) -> Resting:
        """The order that is filled next. IndexError when nothing rests."""
        price = self._prices[-1] if self._is_bid else self._prices[0]
        return next(iter(self._at[price].values()))

    def quantity_at(self, price: Decimal) -> Decimal:
        """All quantity resting at a price."""
        return sum((r.remaining for r in self._at.get(price, {}).values()), ZERO)

    def best_first(self) -> Iterator[Resting]:
        """Every resting order in the order of filling."""
        for price in reversed(self._prices) if self._is_bid else self._prices:
            yield from self._at[price].values()


class BookSide:
    """One side as everybody sees it: background and resting account orders together."""

    def __init__(self, background: Ladder) -> None:
        self.is_bid = background.is_bid
        self.background = background
        self.queue = OrderQueue(background.is_bid)

    def better(self, one: Decimal, other: Decimal) -> bool:
        """Whether `one` is a strictly better price on this side."""
        return one > other if self.is_bid else one < other

    def steps(self) -> Iterator[tuple[Decimal, Decimal, Decimal | None, Resting | None]]:
        """(price, quantity, raw level, resting order) best first, background before orders at one price."""
        levels, orders = self.background.best_first(), self.queue.best_first()
        level, order = next(levels, None), next(orders, None)
        while level is not None or order is not None:
            if level is not None and (order is None or not self.better(order.price, level[0])):
                yield level[0], level[2], level[1], None
                level = next(levels, None)
            elif order is not None:
                yield order.price, order.remaining, None, order
                order = next(orders, None)

    def levels(self) -> Iterator[Level]:
        """The aggregated levels, best first."""
        price, total = ZERO, ZERO
        for step_price, quantity, _, _ in self.steps():
            if step_price != price and total:
                yield Level(price, total)
                total = ZERO
            price, total = step_price, total + quantity
        if total:
            yield Level(price, total)

    def best(self) -> Level | None:
        """The best level with all its quantity, or None when the side is empty."""
        raw, queued = self.background.best_raw(), self.queue.best()
        shown = None if raw is None else self.background.shown(raw)
        if shown is None or (queued is not None and self.better(queued, shown)):
            shown = queued
        return None if shown is None else Level(shown, self.quantity_at(shown))

    def quantity_at(self, price: Decimal) -> Decimal:
        """All quantity at a shown price."""
        found = self.background.quantity_at(price)
        return found + self.queue.quantity_at(price) if self.queue else found

    def take_changes(self) -> tuple[Level, ...]:
        """The levels that changed since the last call, by price, with what they hold now."""
        prices = sorted(self.background.changed)
        self.background.changed.clear()
        return tuple(Level(price, self.quantity_at(price)) for price in prices)


class SymbolBook:
    """The visible book of one symbol and its matching."""

    def __init__(self, background: Book) -> None:
        self.background = background
        self.bids = BookSide(background.bids)
        self.asks = BookSide(background.asks)
        self.update_id = 1

    def side(self, side: Side) -> BookSide:
        """The side on which an order of this side rests."""
        return self.bids if side == "BUY" else self.asks

    def opposite(self, side: Side) -> BookSide:
        """The side from which an order of this side takes."""
        return self.asks if side == "BUY" else self.bids

    def mid(self) -> Decimal | None:
        """The middle of the best prices, or None when a side is empty."""
        bid, ask = self.bids.best(), self.asks.best()
        return None if bid is None or ask is None else (bid.price + ask.price) / 2

    def plan(self, account_id: str, side: Side, limit: Decimal | None, quantity: Decimal) -> list[Take]:
        """What an incoming order takes, best price first, at most `quantity` and no price worse than `limit`."""
        opposite = self.opposite(side)
        takes: list[Take] = []
        left = quantity
        for price, offered, raw, resting in opposite.steps():
            if left <= 0 or (limit is not None and opposite.better(limit, price)):
                break
            if resting is not None and resting.account_id == account_id:
                takes.append(Take(price, ZERO, None, resting.order_id, prevented=True))
                continue
            size = min(left, offered)
            takes.append(Take(price, size, raw, None if resting is None else resting.order_id))
            left -= size
        return takes

    def consume(self, side: Side, take: Take) -> None:
        """Remove what an order of this side took (or what was prevented) from the book."""
        opposite = self.opposite(side)
        if take.raw is not None:
            opposite.background.take(take.raw, take.quantity)
        elif take.maker_id is not None and not take.prevented:
            opposite.queue.reduce(take.maker_id, take.quantity)
            opposite.background.changed.add(take.price)

    def consume_crossed(self, side: Side, take: Take) -> None:
        """Remove what `crossed` found: the background's quantity and the resting order's."""
        own, other = self.side(side), self.opposite(side)
        if take.raw is None or take.maker_id is None:
            raise ValueError("not a meeting of a resting order with the background")
        other.background.take(take.raw, take.quantity)
        own.queue.reduce(take.maker_id, take.quantity)
        own.background.changed.add(take.price)

    def rest(self, order: Order) -> None:
        """Put an order's remainder into the book."""
        self.side(order.side).queue.add(order)
        self.side(order.side).background.changed.add(order.price)

    def withdraw(self, order: Order) -> None:
        """Take a resting order out of the book."""
        self.side(order.side).queue.remove(order.order_id)
        self.side(order.side).background.changed.add(order.price)

    def crossed(self) -> tuple[Resting, Side, Take] | None:
        """The resting order that the background now meets, its side and what fills it at its own price; or None."""
        sides: tuple[Side, Side] = ("BUY", "SELL")
        for side in sides:
            own, other = self.side(side), self.opposite(side).background
            raw = other.best_raw()
            if not own.queue or raw is None:
                continue
            resting = own.queue.first()
            if not own.better(other.shown(raw), resting.price):
                size = min(resting.remaining, other.levels[raw])
                return resting, side, Take(resting.price, size, raw, resting.order_id)
        return None
