"""The market around the accounts: applies a source's flow to the books, and fills accounts' orders that it meets.

What a source says of the background is put into the book as it is said. Where that crosses orders of accounts, they
are filled at their own prices first, and what filled them is taken from it: a book never stands crossed by an account.
Where nothing trades (halted, closed) books change and no order is filled.
A recorded trade fills what stood in its way: orders of a better price, and at its own price those before which no
background is left; it leaves the background to the records that follow it.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.simex.core.book import Book, BookSide, clear_better, replace_background
from bot.simex.core.execution import Floor
from bot.simex.core.flow import Aggression, Flow, FundingRate, IndexPrice, Level, Levels, Print, Top
from bot.simex.core.instrument import MATCHES, Key
from bot.simex.core.marks import Marks
from bot.simex.core.matching import walk
from bot.simex.core.order import Order
from bot.simex.core.rates import Rates
from bot.simex.core.state import State


class Strangers:
    """Applies flow. `touched` are the books it has touched since they were last settled, in that order."""

    def __init__(self, state: State, books: Mapping[Key, Book], floor: Floor, marks: Marks, rates: Rates) -> None:
        self._state = state
        self._books = books
        self._floor = floor
        self._marks = marks
        self._rates = rates
        self.touched: dict[Book, None] = {}

    def apply(self, flow: Flow) -> None:
        """One change. KeyError for an instrument that is not traded here."""
        if isinstance(flow, Top):  # What there is most of comes first.
            book = self._books[flow.key]
            self.touched[book] = None
            self._top(book, flow)
        elif isinstance(flow, Level):
            self._level(self._touched(flow.key), flow)
        elif isinstance(flow, IndexPrice):
            self._marks.index_price(flow.index, flow.price)
        elif isinstance(flow, Levels):
            self._levels(self._touched(flow.key), flow)
        elif isinstance(flow, FundingRate):
            self._rates.record(flow.key, flow.time_ms, flow.rate)
        else:
            book = self._touched(flow.key)
            if book.instrument.status not in MATCHES:
                return
            if isinstance(flow, Aggression):
                self._aggression(book, flow)
            else:
                self._print(book, flow)

    def background(self, key: Key) -> Levels:
        """What of a book is strangers'."""
        book = self._books[key]
        bids, asks = (
            tuple((level.price, level.background) for level in side.best_first() if level.background)
            for side in (book.bids, book.asks)
        )
        return Levels(key, self._state.now_ms, bids, asks)

    def reopened(self, key: Key) -> None:
        """Trading begins again: what came to cross while nothing traded trades now."""
        self._uncross(self._touched(key))

    def _touched(self, key: Key) -> Book:
        book = self._books[key]
        self.touched[book] = None
        return book

    def _level(self, book: Book, flow: Level) -> None:
        side, other = (book.bids, book.asks) if flow.side > 0 else (book.asks, book.bids)
        side.set_background(flow.price, flow.quantity)
        if flow.quantity and other.reaches(flow.price):
            self._cross(book, side)

    def _top(self, book: Book, flow: Top) -> None:
        bids, asks, bid, ask = book.bids, book.asks, flow.bid, flow.ask
        if bids.first.price > bid:
            clear_better(bids, bid)
        if bid:
            bids.set_background(bid, flow.bid_quantity)
        if not ask or 0 < asks.first.price < ask:
            clear_better(asks, ask)
        if ask:
            asks.set_background(ask, flow.ask_quantity)
        if bids.first.price >= asks.first.price:
            self._uncross(book)

    def _levels(self, book: Book, flow: Levels) -> None:
        replace_background(book.bids, flow.bids)
        replace_background(book.asks, flow.asks)
        self._uncross(book)

    def _uncross(self, book: Book) -> None:
        bids, asks = book.bids.keys, book.asks.keys
        if bids and asks and bids[-1] + asks[-1] >= 0:
            self._cross(book, book.bids)
            self._cross(book, book.asks)

    def _cross(self, book: Book, side: BookSide) -> None:
        """Fill the orders of the other side that the background of this one meets, best first."""
        other = book.opposite(side.sign)
        if book.instrument.status not in MATCHES:
            return
        reach = side.best_price() * other.sign
        for key in tuple(reversed(other.keys)):
            if key < reach:
                return
            level = other.levels.get(key * other.sign)
            for order in tuple(level.orders.values()) if level is not None else ():
                if not self._met(side, other, order):
                    return

    def _met(self, side: BookSide, other: BookSide, order: Order) -> bool:
        """Fill an order from the background that crosses it; answers whether it was filled, or ended before."""
        while order.is_open:
            level = next((level for level in side.best_first() if level.background), None)
            if level is None or level.price * side.sign < order.price * side.sign:
                return False
            size = min(level.background, order.quantity - order.filled)
            side.take_background(level, size)
            other.reduce(order, size)
            self._floor.struck(order, order.price, size, side.sign)
        return True

    def _aggression(self, book: Book, flow: Aggression) -> None:
        floor = self._floor
        for price, size, maker in walk(book.opposite(flow.side), flow.price, flow.quantity):
            if maker is None:
                floor.public_trade(book, self._state.next_trade_id(), price, size, flow.side)
            else:
                floor.struck(maker, price, size, flow.side)

    def _print(self, book: Book, flow: Print) -> None:
        side = book.opposite(flow.aggressor)
        left = self._stood_in_the_way(side, flow) if side.reaches(flow.price) else flow.quantity
        if left:
            self._floor.public_trade(book, self._state.next_trade_id(), flow.price, left, flow.aggressor)

    def _stood_in_the_way(self, side: BookSide, flow: Print) -> int:
        """Fill the orders that a recorded trade met; answers what of it met strangers."""
        left, strangers = flow.quantity, 0
        lowest = flow.price * side.sign
        for key in tuple(reversed(side.keys)):
            if key < lowest or not left:
                break
            level = side.levels.get(key * side.sign)
            for order in tuple(level.orders.values()) if level is not None else ():
                if level is None or order.order_id not in level.orders:
                    continue
                if key == lowest and order.ahead:
                    size = min(order.ahead, left)
                    side.move_forward(level, size)
                    left, strangers = left - size, strangers + size
                if not left:
                    break
                size = min(left, order.quantity - order.filled)
                left -= size
                side.reduce(order, size)
                self._floor.struck(order, order.price, size, flow.aggressor)
        return left + strangers
