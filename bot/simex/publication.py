"""The public side of the books: best bid and offer, and depth diffs, as events with contiguous update ids."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bot.simex.context import Context
from bot.simex.events import BookTopChanged, DepthChanged
from bot.simex.matching import SymbolBook
from bot.simex.model import ZERO, Level, SymbolKey

_EMPTY = Level(ZERO, ZERO)
Top = tuple[Decimal, Decimal, Decimal, Decimal]


class Publication:
    """Compares books with what was last published and emits the difference."""

    def __init__(self, context: Context, books: Mapping[SymbolKey, SymbolBook]) -> None:
        self._context = context
        self._books = books
        self._tops: dict[SymbolKey, Top] = {}
        self._last_depth_id = {key: book.update_id for key, book in books.items()}
        for book in books.values():
            book.bids.take_changes()
            book.asks.take_changes()

    def tops(self) -> None:
        """Publish every top that changed."""
        for key in self._books:
            self.top(key)

    def top(self, key: SymbolKey) -> None:
        """A book was touched: count the update and publish its top if that changed."""
        book = self._books[key]
        book.update_id += 1
        bid, ask = book.bids.best() or _EMPTY, book.asks.best() or _EMPTY
        top = (bid.price, bid.quantity, ask.price, ask.quantity)
        if self._tops.get(key) == top:
            return
        self._tops[key] = top
        symbol, now = self._context.symbols[key], self._context.now_ms
        self._context.emit(
            BookTopChanged(
                event_ms=now,
                transaction_ms=now,
                market=symbol.market,
                symbol=symbol.name,
                update_id=book.update_id,
                bid=top[0],
                bid_quantity=top[1],
                ask=top[2],
                ask_quantity=top[3],
            )
        )

    def depths(self) -> None:
        """Publish what changed in every book since the last time."""
        for key, book in self._books.items():
            if book.background.bids.changed or book.background.asks.changed:
                self._depth(key, book)

    def _depth(self, key: SymbolKey, book: SymbolBook) -> None:
        symbol, now, previous = self._context.symbols[key], self._context.now_ms, self._last_depth_id[key]
        last = max(book.update_id, previous + 1)
        book.update_id = self._last_depth_id[key] = last
        self._context.emit(
            DepthChanged(
                event_ms=now,
                transaction_ms=now,
                market=symbol.market,
                symbol=symbol.name,
                first_update_id=previous + 1,
                last_update_id=last,
                previous_update_id=previous,
                bids=book.bids.take_changes(),
                asks=book.asks.take_changes(),
            )
        )
