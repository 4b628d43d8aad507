"""A market replayed from recorded frames: at every moment the exchange's background is the recorded book.

Theory of operation. Each instrument's book starts from a snapshot in its capture and follows the diffs by the venue's
rules (Binance spot and Bybit: a diff must begin at or before the local id + 1; Binance futures: the first diff must
straddle the snapshot's id, every later one must name its predecessor). Between diffs the bookTicker leads: nothing is
better than its prices, and its sizes stand at the top. Update ids say which of the two is newer: an older ticker is
ignored, and of a diff that is older than the last ticker nothing is taken that contradicts the ticker. After a gap the
book holds only what tickers say until the next snapshot.

What is emitted is absolute and only what changed, so what accounts took from a level stays taken until the records
change it. Of a diff the levels that end are emitted first: no moment in between is crossed.

Time: the frame with which every book is complete is at `start_ms`; others follow at their recorded distance divided by
the speed. What came before it only builds the books. Receive times count; the exchange's own times in the frames do
not, for their clock is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bot.simex.core.flow import Flow, Level, Levels, Print, Top
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import BUY, SELL, Side
from bot.simex.sources.frames import NANOS_PER_MS, Best, Diff, Line, Message, RecordedTrade, Snapshot, decode, lines
from bot.simex.sources.ladder import Ladder, Pair
from bot.simex.sources.listings import underlying

# Diffs that may wait for a snapshot; a capture that begins with more is not one.
PENDING_DIFFS_MAX = 10_000


class RecordedBook:
    """One instrument's recorded book, its place in the sequence of update ids, and what of it changes.

    `last_id` is the last update in the levels; None before the first snapshot and after a gap. `gaps` counts those.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.key = instrument.key
        self.bids = Ladder(is_bid=True, tick=instrument.filters.tick)
        self.asks = Ladder(is_bid=False, tick=instrument.filters.tick)
        self.gaps = 0
        self.last_id: int | None = None
        self._chained = False
        self._pending: list[Diff] = []
        self._best: Best | None = None

    @property
    def is_synced(self) -> bool:
        """Whether the book has a snapshot and no gap since."""
        return self.last_id is not None

    def reset(self) -> None:
        """Forget everything but the factor: a new capture begins."""
        self._load((), ())
        self.last_id, self._chained, self._best = None, False, None
        self._pending.clear()

    def levels(self, time_ms: int) -> Levels:
        """The whole book as it shows."""
        return Levels(self.key, time_ms, tuple(self.bids.show()), tuple(self.asks.show()))

    def rescale(self, factor: float) -> None:
        """Show everything, from now on, at this times where it showed."""
        self.bids.rescale(factor)
        self.asks.rescale(factor)

    def apply(self, message: Message, time_ms: int) -> list[Flow]:
        """Fold a message in; what changes by it. ValueError when too many diffs wait for a snapshot."""
        match message:
            case Best():
                return self._apply_best(message, time_ms)
            case Diff():
                return self._apply_diff(message, time_ms)
            case Snapshot():
                return [self._apply_snapshot(message, time_ms)]
            case RecordedTrade():
                hit = self.bids if message.aggressor == SELL else self.asks
                return [Print(self.key, time_ms, hit.shown(message.price), message.quantity, message.aggressor)]

    def _apply_best(self, best: Best, time_ms: int) -> list[Flow]:
        if best.update_id <= max(self.last_id or 0, self._best.update_id if self._best else 0):
            return []
        self._best = best
        # A book that lost its sequence knows nothing but its top.
        if not self.is_synced:
            self._load([best.bid], [best.ask])
            return [self.levels(time_ms)]
        for ladder, (price, quantity) in ((self.bids, best.bid), (self.asks, best.ask)):
            ladder.drop_better(price)
            ladder.set(price, quantity)
        bid, ask = self.bids.shown(best.bid[0]), self.asks.shown(best.ask[0])
        return [Top(self.key, time_ms, bid, self.bids.quantity_at(bid), ask, self.asks.quantity_at(ask))]

    def _apply_snapshot(self, snapshot: Snapshot, time_ms: int) -> Levels:
        self._load(snapshot.bids, snapshot.asks)
        self.last_id, self._chained = snapshot.update_id, False
        pending, self._pending = self._pending, []
        for diff in pending:
            self._apply_diff(diff, time_ms)
        if self._best is not None and self._best.update_id > (self.last_id or 0):
            for ladder, (price, quantity) in ((self.bids, self._best.bid), (self.asks, self._best.ask)):
                ladder.drop_better(price)
                ladder.set(price, quantity)
        return self.levels(time_ms)

    def _apply_diff(self, diff: Diff, time_ms: int) -> list[Flow]:
        if self.last_id is None:
            if len(self._pending) >= PENDING_DIFFS_MAX:
                raise ValueError(f"{self.key}: {PENDING_DIFFS_MAX} depth diffs and no snapshot")
            self._pending.append(diff)
            return []
        if diff.last <= self.last_id if diff.previous is None else diff.last < self.last_id:
            return []
        if not self._follows(diff, self.last_id):
            return [self._lose(time_ms)]
        self.last_id, self._chained = diff.last, True
        best = self._best if self._best is not None and self._best.update_id > diff.last else None
        bids = self._change(self.bids, diff.bids, None if best is None else best.bid)
        asks = self._change(self.asks, diff.asks, None if best is None else best.ask)
        shown = [*self._shown(self.bids, BUY, bids, time_ms), *self._shown(self.asks, SELL, asks, time_ms)]
        shown.sort(key=lambda level: level.quantity > 0)
        return list(shown)

    def _follows(self, diff: Diff, last_id: int) -> bool:
        if diff.previous is None:
            return last_id + 1 >= diff.first
        return diff.previous == last_id if self._chained else diff.first <= last_id <= diff.last

    def _lose(self, time_ms: int) -> Levels:
        self.gaps += 1
        self.last_id = None
        best = self._best
        self._load(() if best is None else [best.bid], () if best is None else [best.ask])
        return self.levels(time_ms)

    @staticmethod
    def _change(ladder: Ladder, levels: Iterable[Pair], best: Pair | None) -> list[int]:
        """Write a side of a diff, as far as a newer ticker does not know better; the raw prices that changed."""
        changed = []
        for price, quantity in levels:
            if best is not None and ladder.is_better(price, best[0]):
                continue
            if ladder.set(price, best[1] if best is not None and price == best[0] else quantity):
                changed.append(price)
        return changed

    def _shown(self, ladder: Ladder, side: Side, changed: Iterable[int], time_ms: int) -> list[Level]:
        prices = dict.fromkeys(ladder.shown(price) for price in changed)
        return [Level(self.key, time_ms, side, price, ladder.quantity_at(price)) for price in prices]

    def _load(self, bids: Iterable[Pair], asks: Iterable[Pair]) -> None:
        self.bids.replace(bids)
        self.asks.replace(asks)


class RecordedMarket:
    """A MarketSource that replays captures (frames.captures, frames.archives) of the instruments that have one."""

    def __init__(
        self,
        files: Mapping[Key, Sequence[Path]],
        instruments: Sequence[Instrument],
        start_ms: int,
        *,
        speed: float = 1.0,
        loop: bool = False,
    ) -> None:
        """Read up to the first complete books. `speed` is recorded seconds per exchange second.

        ValueError when the speed is not above zero, when no file is of a known instrument, when a capture has no
        snapshot, and, with file and line, when a line is malformed.
        """
        known = {one.key: one for one in instruments if files.get(one.key)}
        if not known or not 0 < speed < float("inf"):
            raise ValueError(f"needs a capture of a known instrument and a speed above zero, not {speed}")
        self._files = {key: files[key] for key in known}
        self._books = {key: RecordedBook(one) for key, one in known.items()}
        self._assets = {key: underlying(one.base)[0] for key, one in known.items()}
        self._speed, self._loop = speed, loop
        self._ready: Iterator[Flow] = iter(())
        self._lines: Iterator[Line] = iter(())
        self._next: Line | None = None
        self._position = self._origin_ns = 0
        self._now_ms = self._origin_ms = start_ms
        self._open(start_ms)
        self._opening = self._all_levels(start_ms)

    @property
    def keys(self) -> frozenset[Key]:
        """The instruments it has books for."""
        return frozenset(self._books)

    @property
    def ended(self) -> bool:
        """Whether the last frame was replayed and it does not loop."""
        return self._next is None

    @property
    def position(self) -> int:
        """Receive nanoseconds of the last frame that was applied."""
        return self._position

    @property
    def gaps(self) -> int:
        """Sequence gaps so far, of all instruments."""
        return sum(book.gaps for book in self._books.values())

    def opening(self) -> Iterator[Flow]:
        """The first complete books."""
        return iter(self._opening)

    def next_ms(self) -> int | None:
        """When the next frame is due; None after the last."""
        return None if self._next is None else self._time_ms(self._next)

    def until(self, now_ms: int) -> Iterator[Flow]:
        """Every frame up to and including `now_ms`; what a reader leaves of it comes first the next time."""
        yield from self._ready
        while self._next is not None and (time_ms := self._time_ms(self._next)) <= now_ms:
            self._now_ms = time_ms
            flows = self._apply(self._next, time_ms)
            self._next = next(self._lines, None)
            if self._next is None and self._loop:
                # A millisecond on, so that a capture of one moment does not loop for ever within it.
                self._open(time_ms + 1)
                flows += self._all_levels(time_ms)
            self._ready = iter(flows)
            yield from self._ready

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        """Show an asset's recorded prices, now and for good, times a factor. ValueError unless it is above zero."""
        asset = underlying(base)[0]
        books = [book for key, book in self._books.items() if self._assets[key] == asset]
        for book in books:
            book.rescale(factor)
        return iter([book.levels(now_ms) for book in books])

    def _open(self, at_ms: int) -> None:
        """Begin the captures anew; the frame that completes the books is at `at_ms`."""
        self._lines = lines(self._files)
        for book in self._books.values():
            book.reset()
        for line in self._lines:
            self._apply(line, at_ms)
            if all(book.is_synced for book in self._books.values()):
                break
        else:
            missing = sorted("_".join(key) for key, book in self._books.items() if not book.is_synced)
            raise ValueError(f"no depth snapshot in the capture of {', '.join(missing)}")
        self._origin_ns, self._origin_ms = self._position, at_ms
        self._next = next(self._lines, None)

    def _all_levels(self, time_ms: int) -> list[Levels]:
        return [book.levels(time_ms) for book in self._books.values()]

    def _time_ms(self, line: Line) -> int:
        elapsed_ns = line.received_ns - self._origin_ns
        scaled_ns = elapsed_ns if self._speed == 1.0 else round(elapsed_ns / self._speed)
        # Lines of one capture may be a little out of order; time never goes back.
        return max(self._now_ms, self._origin_ms + scaled_ns // NANOS_PER_MS)

    def _apply(self, line: Line, time_ms: int) -> list[Flow]:
        self._position = line.received_ns
        message = decode(line)
        return [] if message is None else self._books[line.key].apply(message, time_ms)
