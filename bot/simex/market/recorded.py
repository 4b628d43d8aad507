"""A market replayed from recorded frames: the recorded book of every moment is what orders fill against.

Theory of operation. Each symbol's book starts from the snapshot in its capture and follows the diffs by Binance's rules
(spot: a diff must begin at or before the local id + 1; usdm: the first diff must straddle the snapshot's id, every
later one must name its predecessor). Between diffs the bookTicker leads: nothing is better than its prices, and its
sizes stand at the top. Update ids say which of the two is newer: an older ticker is ignored, and after a diff that is
older than the last ticker the ticker's word is put back where the diff touched it. After a gap the book holds only
what tickers say until the next snapshot.

Time: the frame with which every book is complete is at `start_ms`; others follow at their recorded distance divided by
the speed. What came before it only builds the books.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from bot.simex.market import MarketUpdate, PublicTrade
from bot.simex.market.book import Book, Ladder, Pair
from bot.simex.market.frames import Diff, Line, RecordedTrade, Snapshot, Ticker, captures, decode, lines
from bot.simex.model import Symbol, SymbolKey

NANOS_PER_MS = 1_000_000
# Diffs that may wait for a snapshot; a capture that begins with more is not one.
PENDING_DIFFS_MAX = 10_000


class RecordedBook:
    """One symbol's book and its place in the sequence of update ids.

    `last_id` is the id of the last update in the levels; None before the first snapshot and after a gap.
    """

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol
        self.book = Book(symbol.tick)
        self.gaps = 0
        self.last_id: int | None = None
        self._chained = False
        self._pending: list[Diff] = []
        self._ticker: Ticker | None = None

    @property
    def is_synced(self) -> bool:
        """Whether the book has a snapshot and no gap since."""
        return self.last_id is not None

    def reset(self) -> None:
        """Forget everything: a new capture begins."""
        self._load((), ())
        self.last_id, self._chained, self._ticker = None, False, None
        self._pending.clear()

    def apply(self, message: Ticker | Diff | Snapshot) -> bool:
        """Fold a message in; answers whether the book may have changed."""
        match message:
            case Ticker():
                return self._apply_ticker(message)
            case Diff():
                return self._apply_diff(message)
            case Snapshot():
                self._apply_snapshot(message)
                return True

    def _apply_ticker(self, ticker: Ticker) -> bool:
        newest = max(self.last_id or 0, self._ticker.u if self._ticker else 0)
        if ticker.u <= newest:
            return False
        self._ticker = ticker
        # A book that lost its sequence knows nothing but its top.
        if not self.is_synced:
            self._load((), ())
        self.book.set_top((ticker.b, ticker.B), (ticker.a, ticker.A))
        return True

    def _apply_snapshot(self, snapshot: Snapshot) -> None:
        self._load(snapshot.bids, snapshot.asks)
        self.last_id, self._chained = snapshot.last_update_id, False
        pending, self._pending = self._pending, []
        for diff in pending:
            self._apply_diff(diff)
        self._restore_ticker(None)

    def _apply_diff(self, diff: Diff) -> bool:
        if self.last_id is None:
            if len(self._pending) >= PENDING_DIFFS_MAX:
                raise ValueError(f"{self.symbol.key}: {PENDING_DIFFS_MAX} depth diffs and no snapshot")
            self._pending.append(diff)
            return False
        if self._is_old(diff, self.last_id):
            return False
        if not self._follows(diff, self.last_id):
            self.gaps += 1
            self.last_id = None
            self._load((), ())
            self._restore_ticker(None)
            return True
        self.last_id, self._chained = diff.u, True
        for price, quantity in diff.b:
            self.book.bids.set(price, quantity)
        for price, quantity in diff.a:
            self.book.asks.set(price, quantity)
        self._restore_ticker(diff)
        return True

    def _is_old(self, diff: Diff, last_id: int) -> bool:
        return diff.u <= last_id if diff.pu is None else diff.u < last_id

    def _follows(self, diff: Diff, last_id: int) -> bool:
        if diff.pu is None:
            return last_id + 1 >= diff.U
        return diff.pu == last_id if self._chained else diff.U <= last_id <= diff.u

    def _restore_ticker(self, diff: Diff | None) -> None:
        """The last ticker is newer than the diff just applied: it still says what is best.

        A level that the diff did not touch is left alone, so that what orders took from it stays taken.
        """
        ticker = self._ticker
        if ticker is None or ticker.u <= (self.last_id or 0):
            return
        self._restore(self.book.bids, (ticker.b, ticker.B), None if diff is None else diff.b)
        self._restore(self.book.asks, (ticker.a, ticker.A), None if diff is None else diff.a)

    @staticmethod
    def _restore(ladder: Ladder, best: Pair, touched: list[Pair] | None) -> None:
        ladder.drop_better(best[0])
        if touched is None or any(price == best[0] for price, _ in touched):
            ladder.set(*best)

    def _load(self, bids: Sequence[Pair], asks: Sequence[Pair]) -> None:
        self.book.bids.replace(bids)
        self.book.asks.replace(asks)


class RecordedMarket:
    """A MarketSource that replays captures. Only symbols that have a capture have a book."""

    def __init__(
        self,
        directory: Path,
        symbols: Sequence[Symbol],
        start_ms: int,
        *,
        speed: float = 1.0,
        funding_rate: Decimal | None = None,
        loop: bool = False,
    ) -> None:
        """Read up to the first complete books. `speed` is recorded seconds per exchange second.

        ValueError when the speed is not positive, FileNotFoundError when the directory has no capture of any symbol,
        ValueError when a capture has no snapshot.
        """
        if speed <= 0:
            raise ValueError(f"speed {speed}: allowed is more than zero")
        self._files = captures(directory, [s.key for s in symbols])
        if not self._files:
            raise FileNotFoundError(f"no capture <market>_<symbol>_*.gz of a known symbol in {directory}")
        self._books = {s.key: RecordedBook(s) for s in symbols if s.key in self._files}
        self._speed = speed
        self._funding_rate = funding_rate
        self._loop = loop
        self._now_ns = 0
        self._next: Line | None = None
        self._open(start_ms)

    @property
    def keys(self) -> frozenset[SymbolKey]:
        """The (market, symbol) pairs it has books for."""
        return frozenset(self._books)

    @property
    def ended(self) -> bool:
        """Whether the last frame was replayed and it does not loop."""
        return self._next is None

    @property
    def source_time(self) -> int:
        """Receive nanoseconds of the last frame that was applied."""
        return self._now_ns

    @property
    def gaps(self) -> int:
        """Sequence gaps so far, of all symbols."""
        return sum(book.gaps for book in self._books.values())

    def book(self, key: SymbolKey) -> Book:
        """The live book. KeyError when there is none."""
        return self._books[key].book

    def funding_rate(self, symbol: str) -> Decimal | None:
        """The constant rate it was given, for every perpetual; None leaves it to the premium."""
        del symbol
        return self._funding_rate

    def shock(self, base: str, factor: Decimal) -> None:
        """Show an asset's recorded prices, now and from now on, times the factor."""
        for recorded in self._books.values():
            if recorded.symbol.base == base:
                recorded.book.rescale(factor)

    def advance(self, now_ms: int) -> Iterator[MarketUpdate]:
        """Apply every frame that is due."""
        while self._next is not None and (time_ms := self._time_ms(self._next)) <= now_ms:
            update = self._apply(self._next, time_ms)
            if update is not None:
                yield update
            self._next = next(self._lines, None)
            if self._next is None and self._loop:
                self._open(time_ms)
                yield from (MarketUpdate(key=key, time_ms=time_ms) for key in self._books)

    def _open(self, at_ms: int) -> None:
        """Begin the captures anew; the frame that completes the books is at `at_ms`."""
        self._lines = lines(self._files)
        for recorded in self._books.values():
            recorded.reset()
        for line in self._lines:
            self._apply(line, at_ms)
            if all(recorded.is_synced for recorded in self._books.values()):
                break
        else:
            unsynced = sorted("_".join(key) for key, recorded in self._books.items() if not recorded.is_synced)
            raise ValueError(f"no depth snapshot in the capture of {', '.join(unsynced)}")
        self._origin_ns, self._origin_ms = self._now_ns, at_ms
        self._next = next(self._lines, None)

    def _time_ms(self, line: Line) -> int:
        elapsed_ns = line.received_ns - self._origin_ns
        return self._origin_ms + (elapsed_ns if self._speed == 1.0 else round(elapsed_ns / self._speed)) // NANOS_PER_MS

    def _apply(self, line: Line, time_ms: int) -> MarketUpdate | None:
        self._now_ns = line.received_ns
        recorded, message = self._books[line.key], decode(line.payload)
        if message is None:
            return None
        if isinstance(message, RecordedTrade):
            return MarketUpdate(key=line.key, time_ms=time_ms, trade=_shown_trade(recorded, message))
        return MarketUpdate(key=line.key, time_ms=time_ms) if recorded.apply(message) else None


def _shown_trade(recorded: RecordedBook, trade: RecordedTrade) -> PublicTrade:
    factor, tick = recorded.book.bids.factor, recorded.symbol.tick
    price = trade.p if factor == 1 else (trade.p * factor / tick).to_integral_value(ROUND_HALF_EVEN) * tick
    return PublicTrade(price=price, quantity=trade.q, buyer_is_maker=trade.m)
