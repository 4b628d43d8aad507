"""A book that follows flow as the seam defines it, and the things that must hold of it whatever the source."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from bot.simex.core.flow import Aggression, Flow, FundingRate, IndexPrice, Level, Levels, Print, Top
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY

START_MS = 1_723_161_600_000


class Background:
    """Both sides of one instrument's background, from flow alone; best prices are found by keeping prices sorted."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self._bids: list[int] = []
        self._asks: list[int] = []

    def apply(self, flow: Flow) -> None:
        """Fold one change in."""
        match flow:
            case Level():
                self._set(flow.side == BUY, flow.price, flow.quantity)
            case Top():
                while self._bids and self._bids[-1] > flow.bid:
                    del self.bids[self._bids.pop()]
                while self._asks and self._asks[0] < flow.ask:
                    del self.asks[self._asks.pop(0)]
                self._set(True, flow.bid, flow.bid_quantity)
                self._set(False, flow.ask, flow.ask_quantity)
            case Levels():
                self.bids, self.asks = dict(flow.bids), dict(flow.asks)
                self._bids, self._asks = sorted(self.bids), sorted(self.asks)
            case _:
                pass

    def _set(self, is_bid: bool, price: int, quantity: int) -> None:
        levels, prices = (self.bids, self._bids) if is_bid else (self.asks, self._asks)
        if quantity and price not in levels:
            insort(prices, price)
        if quantity:
            levels[price] = quantity
        elif levels.pop(price, 0):
            prices.remove(price)

    @property
    def bid(self) -> int:
        """The best bid."""
        return self._bids[-1]

    @property
    def ask(self) -> int:
        """The best ask."""
        return self._asks[0]

    @property
    def mid(self) -> float:
        """The middle, in quote."""
        return (self.bid + self.ask) / 2 / SCALE


class Stage:
    """The backgrounds of a whole source, checked after every change."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.instruments = {one.key: one for one in instruments}
        self.books: dict[Key, Background] = {key: Background() for key in self.instruments}
        self.indices: dict[str, int] = {}
        self.rates: list[FundingRate] = []
        self.takes: list[Aggression | Print] = []
        self.now_ms = 0

    def play(self, flows: Iterable[Flow]) -> list[Flow]:
        """Apply flows in order, checking each; what was applied."""
        played = list(flows)
        for flow in played:
            self._apply(flow)
        return played

    def _apply(self, flow: Flow) -> None:
        assert flow.time_ms >= self.now_ms, "time went back"
        self.now_ms = flow.time_ms
        if isinstance(flow, IndexPrice):
            assert flow.price > 0
            self.indices[flow.index] = flow.price
            return
        if isinstance(flow, FundingRate):
            self.rates.append(flow)
            return
        if isinstance(flow, Aggression | Print):
            self.takes.append(flow)
        self._keeps_the_grid(flow)
        self.books[flow.key].apply(flow)
        book = self.books[flow.key]
        assert book.bids, "no bids"
        assert book.asks, "no asks"
        assert book.bid < book.ask, f"crossed: {book.bid} >= {book.ask}"

    def _keeps_the_grid(self, flow: Level | Top | Levels | Aggression | Print) -> None:
        filters = self.instruments[flow.key].filters
        for price, quantity in written(flow):
            assert price > 0
            assert price % filters.tick == 0, f"{price} is off the tick"
            assert quantity >= (not isinstance(flow, Level)), "only a level may be empty"
            assert quantity % filters.lot == 0, f"{quantity} is off the lot"


def written(flow: Level | Top | Levels | Aggression | Print) -> tuple[tuple[int, int], ...]:
    """Every (price, quantity) that a change names."""
    match flow:
        case Top():
            return (flow.bid, flow.bid_quantity), (flow.ask, flow.ask_quantity)
        case Levels():
            return flow.bids + flow.asks
        case _:
            return ((flow.price, flow.quantity),)
