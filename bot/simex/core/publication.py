"""The public side of the books: best bid and offer as soon as they change, depth differences at every interval."""

from __future__ import annotations

from collections.abc import Mapping

from bot.simex.core.book import Book
from bot.simex.core.events import DepthChanged, TopChanged
from bot.simex.core.instrument import Key
from bot.simex.core.state import State


class Publication:
    """Compares books with what was last published and tells the difference.

    `due_ms` is when the next depth differences are due: a multiple of the interval, None while no book has changed.
    """

    def __init__(self, state: State, books: Mapping[Key, Book], depth_interval_ms: int) -> None:
        self._state = state
        self._books = books
        self._interval_ms = depth_interval_ms
        self._dirty: list[Book] = []
        self.due_ms: int | None = None

    def touched(self, book: Book) -> None:
        """A book may have changed: count the update, tell its new top."""
        bids, asks = book.bids, book.asks
        if not (bids.changed or asks.changed):
            return
        book.update_id += 1
        if not book.is_dirty:
            self._changed(book)
        if bids.stirred or asks.stirred:
            bids.stirred = asks.stirred = False
            top = book.top()
            if top != book.shown:
                book.shown = top
                self._state.emit(TopChanged(self._state.now_ms, book.instrument, book.update_id, *top))

    def flowed(self, now_ms: int) -> int | None:
        """The flow of a moment is over: at a multiple of the interval its changes are told in that moment still.

        Answers `due_ms`.
        """
        if self._dirty and now_ms % self._interval_ms == 0:
            self.due_ms = now_ms
        return self.due_ms

    def opened(self) -> None:
        """The first tops; what stands in the books now is what a snapshot shows, not a difference."""
        for book in self._books.values():
            self.touched(book)
            book.bids.changed.clear()
            book.asks.changed.clear()
            book.published_id = book.update_id
            book.is_dirty = False
        self._dirty.clear()
        self.due_ms = None

    def run(self) -> None:
        """Tell what changed in every touched book since the last time."""
        self.due_ms = None
        dirty, self._dirty = self._dirty, []
        now_ms, emit = self._state.now_ms, self._state.emit
        for book in dirty:
            book.is_dirty = False
            previous, last = book.published_id, book.update_id
            book.published_id = last
            bids, asks = book.bids.taken_changes(), book.asks.taken_changes()
            emit(DepthChanged(now_ms, book.instrument, previous + 1, last, previous, bids, asks))

    def _changed(self, book: Book) -> None:
        """A book's first change since its last difference."""
        book.is_dirty = True
        self._dirty.append(book)
        if self.due_ms is None:
            self.due_ms = (self._state.now_ms // self._interval_ms + 1) * self._interval_ms
