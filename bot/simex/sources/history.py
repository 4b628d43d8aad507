"""A market of recorded flow: bars, best prices, trades, funding and index prices of any number of files, by time.

Theory of operation. Each stream of flow is in order of time; they are merged as they are read, so that memory holds
one change of each stream and the books. What is emitted is the stream's flow, moved in time so that the moment at which
every instrument has a book is at `start_ms`, and moved in price by what shocks made of it: a mirror of every book
remembers the recorded levels, so that levels that show at one price add up (ladder.py).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bot.simex.core.flow import Aggression, Flow, FundingRate, IndexPrice, Level, Levels, Print, Top
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import BUY
from bot.simex.sources.ladder import Ladder
from bot.simex.sources.listings import underlying


class Mirror:
    """The recorded book of one instrument, and how what happens to it shows."""

    def __init__(self, instrument: Instrument) -> None:
        self.key = instrument.key
        self.asset = underlying(instrument.base)[0]
        self.has_book = False
        self._bids = Ladder(is_bid=True, tick=instrument.filters.tick)
        self._asks = Ladder(is_bid=False, tick=instrument.filters.tick)

    def rescale(self, factor: float) -> None:
        """Show everything, from now on, at this times where it showed."""
        self._bids.rescale(factor)
        self._asks.rescale(factor)

    def levels(self, time_ms: int) -> Levels:
        """The whole book as it shows."""
        return Levels(self.key, time_ms, tuple(self._bids.show()), tuple(self._asks.show()))

    def shown(self, flow: Level | Top | Levels | Aggression | Print, time_ms: int) -> Flow:
        """Fold a recorded change in; the change as it shows."""
        match flow:
            case Level():
                ladder = self._bids if flow.side == BUY else self._asks
                ladder.set(flow.price, flow.quantity)
                at = ladder.shown(flow.price)
                return Level(self.key, time_ms, flow.side, at, ladder.quantity_at(at))
            case Top():
                return self._top(flow, time_ms)
            case Levels():
                self.has_book = True
                self._bids.replace(flow.bids)
                self._asks.replace(flow.asks)
                return self.levels(time_ms)
            case _:
                # Who buys meets the asks, and shows where they show; no limit stays no limit.
                hit = (
                    self._asks if (flow.side if isinstance(flow, Aggression) else flow.aggressor) == BUY else self._bids
                )
                price = hit.shown(flow.price) if flow.price else 0
                return msgspec.structs.replace(flow, price=price, time_ms=time_ms)

    def _top(self, top: Top, time_ms: int) -> Top:
        for ladder, price, quantity in (
            (self._bids, top.bid, top.bid_quantity),
            (self._asks, top.ask, top.ask_quantity),
        ):
            ladder.drop_better(price)
            ladder.set(price, quantity)
        bid, ask = self._bids.shown(top.bid), self._asks.shown(top.ask)
        return Top(self.key, time_ms, bid, self._bids.quantity_at(bid), ask, self._asks.quantity_at(ask))


class HistoryMarket:
    """A MarketSource of streams of recorded flow (bars.py, ticks.py). Prices before the opening are its books."""

    def __init__(
        self, instruments: Sequence[Instrument], streams: Iterable[Iterable[Flow]], start_ms: int | None = None
    ) -> None:
        """Read up to the first moment at which every instrument has a book, which is `start_ms`, or its own time.

        ValueError when there is no such moment, or for flow of an instrument that is not among them.
        """
        self._mirrors = {one.key: Mirror(one) for one in instruments}
        self._assets = {one.index: underlying(one.base)[0] for one in instruments}
        self._factors: dict[str, float] = {}
        self._indices: dict[str, int] = {}
        self._merged = heapq.merge(*streams, key=lambda flow: flow.time_ms)
        self._next: Flow | None = next(self._merged, None)
        self._position = self._shift_ms = 0
        opened_ms = self._read_books()
        self._shift_ms = 0 if start_ms is None else start_ms - opened_ms
        self.start_ms = opened_ms + self._shift_ms
        self._opening = self._whole(self._mirrors.values(), self._indices, self.start_ms)

    @property
    def keys(self) -> frozenset[Key]:
        """The instruments it has books for."""
        return frozenset(self._mirrors)

    @property
    def ended(self) -> bool:
        """Whether the last change was given."""
        return self._next is None

    @property
    def position(self) -> int:
        """The recorded time in ms of the last change that was given."""
        return self._position

    def opening(self) -> Iterator[Flow]:
        """The books and index prices at the start."""
        return iter(self._opening)

    def next_ms(self) -> int | None:
        """When the next change is due; None after the last."""
        return None if self._next is None else self._next.time_ms + self._shift_ms

    def until(self, now_ms: int) -> Iterator[Flow]:
        """Every change up to and including `now_ms`."""
        while self._next is not None and self._next.time_ms + self._shift_ms <= now_ms:
            flow = self._shown(self._next)
            self._next = next(self._merged, None)
            yield flow

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        """Show an asset's recorded prices, now and for good, times a factor. ValueError unless it is above zero."""
        asset = underlying(base)[0]
        mirrors = [mirror for mirror in self._mirrors.values() if mirror.asset == asset]
        for mirror in mirrors:
            mirror.rescale(factor)
        self._factors[asset] = self._factors.get(asset, 1.0) * factor
        indices = {name: price for name, price in self._indices.items() if self._assets.get(name) == asset}
        return iter(self._whole(mirrors, indices, now_ms))

    def _read_books(self) -> int:
        """Read to the end of the first ms at which every instrument has a book; that ms."""
        while self._next is not None:
            time_ms = self._next.time_ms
            while self._next is not None and self._next.time_ms == time_ms:
                self._shown(self._next)
                self._next = next(self._merged, None)
            if all(mirror.has_book for mirror in self._mirrors.values()):
                return time_ms
        missing = sorted("_".join(key) for key, mirror in self._mirrors.items() if not mirror.has_book)
        raise ValueError(f"no book of {', '.join(missing)} in the records")

    def _shown(self, flow: Flow) -> Flow:
        self._position = flow.time_ms
        time_ms = flow.time_ms + self._shift_ms
        match flow:
            case IndexPrice():
                self._indices[flow.index] = flow.price
                return IndexPrice(flow.index, time_ms, self._moved(flow.index, flow.price))
            case FundingRate():
                return FundingRate(flow.key, time_ms, flow.rate)
            case _:
                if flow.key not in self._mirrors:
                    raise ValueError(f"flow of {'_'.join(flow.key)}, which is not an instrument of this market")
                return self._mirrors[flow.key].shown(flow, time_ms)

    def _whole(self, mirrors: Iterable[Mirror], indices: dict[str, int], now_ms: int) -> list[Flow]:
        books: list[Flow] = [mirror.levels(now_ms) for mirror in mirrors]
        return books + [IndexPrice(name, now_ms, self._moved(name, price)) for name, price in indices.items()]

    def _moved(self, index: str, price: int) -> int:
        factor = self._factors.get(self._assets.get(index, ""), 1.0)
        return price if factor == 1.0 else max(1, round(price * factor))
