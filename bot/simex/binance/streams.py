"""Market-stream frames of Binance spot and USD-M: events and the passing of time in, JSON texts out to a hub.

Book tickers and trades go out as they happen. Depth and mark price go out by the clock, each stream at its interval.
Nothing is built for a stream that nobody listens to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from bot.simex.binance.desk import Desk
from bot.simex.binance.shapes import money
from bot.simex.binance.subscriptions import Hub
from bot.simex.events import BookTopChanged, DepthChanged, Event, MarketTraded
from bot.simex.model import Level, Symbol

MARK_ALL = "!markPrice@arr"
_DEPTH = re.compile(r"^(?P<symbol>[a-z0-9]+)@depth(?P<levels>5|10|20)?(?:@(?P<ms>0|100|250|500|1000)ms)?$")
_MARK = re.compile(r"^(?P<symbol>[a-z0-9]+)@markPrice(?P<fast>@1s)?$")
_DEPTH_INTERVAL_MS = {"spot": 1_000, "usdm": 250}
MARK_INTERVAL_MS = 3_000
MARK_INTERVAL_FAST_MS = 1_000


@dataclass(slots=True)
class _Clocked:
    """A stream that is sent by the clock: when next, and for depth what was sent last. No symbol: all of them."""

    symbol: Symbol | None
    interval_ms: int
    levels: int = 0
    is_mark: bool = False
    due_ms: int = 0
    last_id: int = 0


@dataclass(slots=True)
class _Difference:
    """Changed levels gathered for one diff stream since it was last sent."""

    first_id: int = 0
    last_id: int = 0
    previous_id: int = 0
    time_ms: int = 0
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)

    def add(self, event: DepthChanged) -> None:
        """Fold one event in."""
        if not self.first_id:
            self.first_id, self.previous_id = event.first_update_id, event.previous_update_id
        self.last_id, self.time_ms = event.last_update_id, event.transaction_ms
        self.bids.update((level.price, level.quantity) for level in event.bids)
        self.asks.update((level.price, level.quantity) for level in event.asks)


def _pairs(levels: dict[Decimal, Decimal], price: int, quantity: int) -> str:
    return ",".join(f'["{one:.{price}f}","{levels[one]:.{quantity}f}"]' for one in sorted(levels))


def _ladder(levels: tuple[Level, ...], price: int, quantity: int) -> str:
    return ",".join(f'["{one.price:.{price}f}","{one.quantity:.{quantity}f}"]' for one in levels)


class MarketFrames:
    """The market streams of one market."""

    def __init__(self, desk: Desk, hub: Hub) -> None:
        self._desk = desk
        self._hub = hub
        self._is_spot = desk.market == "spot"
        self._symbols = {symbol.name.lower(): symbol for symbol in desk.symbols()}
        self._clocked: dict[str, _Clocked] = {}
        self._differences: dict[str, _Difference] = {}

    def handle(self, event: Event) -> None:
        """Turn an event of this market into frames, or note it for a stream that goes by the clock."""
        if isinstance(event, BookTopChanged):
            if event.market == self._desk.market:
                self._book_ticker(event)
        elif isinstance(event, DepthChanged):
            if event.market == self._desk.market:
                self._note_difference(event)
        elif isinstance(event, MarketTraded) and event.market == self._desk.market:
            self._trade(event)

    def follow(self, stream: str, wanted: bool) -> None:
        """A stream got its first or lost a listener; the ones that go by the clock are scheduled here."""
        if not wanted:
            if not self._hub.wanted(stream):
                self._clocked.pop(stream, None)
                self._differences.pop(stream, None)
            return
        if stream in self._clocked:
            return
        found = self._parse(stream)
        if found is not None:
            self._clocked[stream] = found
            if not found.levels and not found.is_mark:
                self._differences[stream] = _Difference()

    def tick(self) -> None:
        """Send what is due now."""
        now_ms = self._desk.timeline.server_ms()
        for stream, one in list(self._clocked.items()):
            if now_ms < one.due_ms:
                continue
            # Never more than one frame to catch up with, however late the tick is.
            one.due_ms = now_ms - now_ms % one.interval_ms + one.interval_ms if one.interval_ms else 0
            if one.is_mark:
                self._hub.publish(stream, self._mark(one.symbol, now_ms) if one.symbol else self._marks(now_ms))
            elif one.symbol and one.levels:
                self._hub.publish(stream, self._partial(one, one.symbol, now_ms))
            elif one.symbol:
                self._difference(stream, one.symbol, now_ms)

    def _parse(self, stream: str) -> _Clocked | None:
        depth, mark = _DEPTH.match(stream), _MARK.match(stream)
        if depth is not None and depth["symbol"] in self._symbols:
            interval = int(depth["ms"]) if depth["ms"] else _DEPTH_INTERVAL_MS[self._desk.market]
            return _Clocked(self._symbols[depth["symbol"]], interval, levels=int(depth["levels"] or 0))
        if mark is not None and mark["symbol"] in self._symbols and not self._is_spot:
            interval = MARK_INTERVAL_FAST_MS if mark["fast"] else MARK_INTERVAL_MS
            return _Clocked(self._symbols[mark["symbol"]], interval, is_mark=True)
        if stream in (MARK_ALL, MARK_ALL + "@1s") and not self._is_spot:
            fast = stream.endswith("@1s")
            return _Clocked(None, MARK_INTERVAL_FAST_MS if fast else MARK_INTERVAL_MS, is_mark=True)
        return None

    # ------------------------------------------------------------------------------------------------------ frames
    def _book_ticker(self, event: BookTopChanged) -> None:
        stream = f"{event.symbol.lower()}@bookTicker"
        if not self._hub.wanted(stream):
            return
        symbol = self._symbols[event.symbol.lower()]
        price, quantity = self._decimals(symbol)
        sides = (
            f'"b":"{event.bid:.{price}f}","B":"{event.bid_quantity:.{quantity}f}",'
            f'"a":"{event.ask:.{price}f}","A":"{event.ask_quantity:.{quantity}f}"'
        )
        if self._is_spot:
            self._hub.publish(stream, f'{{"u":{event.update_id},"s":"{event.symbol}",{sides}}}')
            return
        wire = self._desk.wire
        self._hub.publish(
            stream,
            f'{{"e":"bookTicker","u":{event.update_id},"s":"{event.symbol}","ps":"{event.symbol}",{sides},'
            f'"T":{wire(event.transaction_ms)},"E":{wire(event.event_ms)},"st":1}}',
        )

    def _trade(self, event: MarketTraded) -> None:
        name, wire = event.symbol.lower(), self._desk.wire
        price, quantity = self._decimals(self._symbols[name])
        maker = "true" if event.buyer_is_maker else "false"
        middle = (
            f'"p":"{event.price:.{price}f}","q":"{event.quantity:.{quantity}f}",'
            f'"T":{wire(event.transaction_ms)},"m":{maker}'
        )
        head = f'"E":{wire(event.event_ms)},"s":"{event.symbol}"'
        tail = ',"M":true' if self._is_spot else ""
        if self._hub.wanted(f"{name}@trade"):
            kind = "" if self._is_spot else ',"X":"MARKET"'
            payload = f'{{"e":"trade",{head},"t":{event.trade_id},{middle}{kind}{tail}}}'
            self._hub.publish(f"{name}@trade", payload)
        if self._hub.wanted(f"{name}@aggTrade"):
            ids = f'"a":{event.trade_id},"f":{event.trade_id},"l":{event.trade_id}'
            self._hub.publish(f"{name}@aggTrade", f'{{"e":"aggTrade",{head},{ids},{middle}{tail}}}')

    def _partial(self, one: _Clocked, symbol: Symbol, now_ms: int) -> str:
        depth = self._desk.exchange.depth(self._desk.market, symbol.name, one.levels)
        price, quantity = self._decimals(symbol)
        bids, asks = _ladder(depth.bids, price, quantity), _ladder(depth.asks, price, quantity)
        if self._is_spot:
            return f'{{"lastUpdateId":{depth.update_id},"bids":[{bids}],"asks":[{asks}]}}'
        previous = one.last_id or depth.update_id - 1
        one.last_id = depth.update_id
        return (
            f'{{"e":"depthUpdate","E":{now_ms},"T":{self._desk.wire(depth.time_ms)},"s":"{symbol.name}",'
            f'"ps":"{symbol.name}","U":{min(previous + 1, depth.update_id)},"u":{depth.update_id},"pu":{previous},'
            f'"b":[{bids}],"a":[{asks}],"st":1}}'
        )

    def _note_difference(self, event: DepthChanged) -> None:
        for stream, gathered in self._differences.items():
            symbol = self._clocked[stream].symbol
            if symbol is not None and symbol.name == event.symbol:
                gathered.add(event)

    def _difference(self, stream: str, symbol: Symbol, now_ms: int) -> None:
        gathered = self._differences[stream]
        if not gathered.first_id:
            return
        self._differences[stream] = _Difference()
        name = symbol.name
        price, quantity = self._decimals(symbol)
        ids = f'"U":{gathered.first_id},"u":{gathered.last_id}'
        levels = f'"b":[{_pairs(gathered.bids, price, quantity)}],"a":[{_pairs(gathered.asks, price, quantity)}]'
        if self._is_spot:
            payload = f'{{"e":"depthUpdate","E":{now_ms},"s":"{name}",{ids},{levels}}}'
        else:
            times = f'"E":{now_ms},"T":{self._desk.wire(gathered.time_ms)}'
            previous = f'"pu":{gathered.previous_id}'
            payload = f'{{"e":"depthUpdate",{times},"s":"{name}","ps":"{name}",{ids},{previous},{levels},"st":1}}'
        self._hub.publish(stream, payload)

    def _mark(self, symbol: Symbol, now_ms: int) -> str:
        mark = self._desk.exchange.mark(symbol.name)
        return (
            f'{{"e":"markPriceUpdate","E":{now_ms},"s":"{symbol.name}","p":"{money(mark.mark)}",'
            f'"P":"{money(mark.index)}","i":"{money(mark.index)}","r":"{money(mark.funding_rate)}",'
            f'"T":{self._desk.wire(mark.next_funding_ms)},"st":1}}'
        )

    def _marks(self, now_ms: int) -> str:
        return "[" + ",".join(self._mark(symbol, now_ms) for symbol in self._symbols.values()) + "]"

    def _decimals(self, symbol: Symbol) -> tuple[int, int]:
        return (8, 8) if self._is_spot else (symbol.price_precision, symbol.quantity_precision)
