"""Market-stream frames of one market: events and the passing of time in, JSON texts out to a hub.

Book tickers, trades and changes of contracts go out as they happen; everything else by the clock, each stream at its
interval. Nothing is built for a stream that nobody listens to, and what is built is built once for all listeners.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Final

from bot.simex.bars import HOUR_MS, INTERVALS
from bot.simex.binance.contracts import contract_status, contract_type, of_pair, pair_of
from bot.simex.binance.depth_streams import Difference, Feed, Partial
from bot.simex.binance.exchange_info import NEVER_DELIVERED_MS
from bot.simex.binance.figures import fixed, price, quantity
from bot.simex.binance.marketplace import Marketplace
from bot.simex.binance.subscriptions import ZONE, Hub
from bot.simex.binance.tape import Aggregate
from bot.simex.binance.ticker_streams import WINDOWS, Each, Every, Klines, TickerRows, text_of
from bot.simex.binance.words import side_of
from bot.simex.core.events import DepthChanged, ForceOrder, StatusChanged, TopChanged, Traded
from bot.simex.core.instrument import Instrument, Key

BOOK_TICKERS: Final = "!bookTicker"
FORCE_ORDERS: Final = "!forceOrder@arr"
CONTRACTS: Final = "!contractInfo"
DEPTH_MS: Final = {"spot": 1_000, "usdm": 250, "coinm": 250}
KLINE_MS: Final = {"spot": 2_000, "usdm": 250, "coinm": 250}
TICKER_MS: Final = {"spot": 1_000, "usdm": 500, "coinm": 500}
ALL_TICKERS_MS: Final = 1_000
MARK_MS: Final = 3_000
FAST_MS: Final = 1_000
BOOK_TICKERS_MS: Final = 5_000
FORCE_MS: Final = 1_000
ZONE_MS: Final = 8 * HOUR_MS
_NAME = re.compile(r"^(?P<symbol>[a-z0-9_]+)@(?P<rest>.+)$")
_DEPTH = re.compile(r"^depth(?P<levels>5|10|20)?(?:@(?P<ms>0|100|250|500|1000)ms)?$")
_CONTINUOUS = re.compile(r"^(?P<pair>[a-z0-9]+)_(?P<type>perpetual|current_quarter|next_quarter)$")


@dataclass(slots=True)
class _Timed:
    """A stream by the clock: how often, when next, and what it makes."""

    interval_ms: int
    feed: Feed
    due_ms: int = 0


class MarketFrames:
    """The market streams of one market."""

    def __init__(self, market: Marketplace, hub: Hub) -> None:
        self._market = market
        self._desk = market.desk
        self._hub = hub
        self._rows = TickerRows(market)
        self._timed: dict[str, _Timed] = {}
        self._differences: dict[Key, dict[str, Difference]] = {}
        self._tops: dict[str, str] = {}
        self._tops_due_ms = 0
        self._forced: dict[str, str] = {}
        self._forced_due_ms = 0

    # ------------------------------------------------------------------------------------------------- subscriptions
    def follow(self, stream: str, wanted: bool) -> None:
        """A stream got a listener or lost one; those that go by the clock are scheduled here."""
        if wanted:
            if stream not in self._timed and (found := self._parse(stream)) is not None:
                self._timed[stream] = found
        elif not self._hub.wanted(stream):
            self._timed.pop(stream, None)
            for feeds in self._differences.values():
                feeds.pop(stream, None)

    def _parse(self, stream: str) -> _Timed | None:
        if stream.startswith("!"):
            return self._parse_all(stream)
        found = _NAME.match(stream)
        if found is None:
            return None
        name, rest = found["symbol"], found["rest"]
        instrument = self._desk.exchange.instruments.get((self._desk.market, name.upper()))
        if instrument is None:
            return self._parse_pair(name, rest)
        depth = _DEPTH.match(rest)
        if depth is not None:
            interval_ms = int(depth["ms"]) if depth["ms"] else DEPTH_MS[self._desk.market]
            return _Timed(interval_ms, self._depth(stream, instrument, int(depth["levels"] or 0)))
        return self._parse_symbol(instrument, rest)

    def _depth(self, stream: str, instrument: Instrument, levels: int) -> Feed:
        if levels:
            return Partial(self._desk, instrument, levels)
        feed = Difference(self._desk, instrument)
        self._differences.setdefault(instrument.key, {})[stream] = feed
        return feed

    def _parse_symbol(self, instrument: Instrument, rest: str) -> _Timed | None:
        rows, category = self._rows, self._desk.market
        kind, _, detail = rest.partition("_")
        if kind == "kline":
            return self._klines(instrument, detail)
        if rest in ("miniTicker", "ticker"):
            return _Timed(TICKER_MS[category], Each(instrument, rows.mini if rest == "miniTicker" else rows.day))
        if self._desk.is_spot:
            if kind == "ticker" and detail in WINDOWS:
                return _Timed(FAST_MS, Each(instrument, partial(rows.rolling, name=detail)))
            return _Timed(FAST_MS, Each(instrument, rows.average)) if rest == "avgPrice" else None
        if rest in ("markPrice", "markPrice@1s"):
            return _Timed(FAST_MS if rest.endswith("@1s") else MARK_MS, Each(instrument, rows.mark, is_always=True))
        if kind == "markPriceKline" and detail in INTERVALS and category == "coinm":
            named = {"ps": pair_of(instrument)}
            return _Timed(
                KLINE_MS[category], Klines(self._market, instrument, detail, "markPrice_kline", "mark", named)
            )
        return None

    def _klines(self, instrument: Instrument, detail: str) -> _Timed | None:
        """Candles of trades, on spot by UTC or by UTC+8."""
        is_spot = self._desk.is_spot
        interval = detail.removesuffix(ZONE) if is_spot else detail
        if interval not in INTERVALS or (interval == "1s" and not is_spot):
            return None
        interval_ms = FAST_MS if interval == "1s" else KLINE_MS[self._desk.market]
        zone_ms = ZONE_MS if interval != detail else 0
        named = {"s": instrument.name}
        return _Timed(interval_ms, Klines(self._market, instrument, interval, "kline", named=named, zone_ms=zone_ms))

    def _parse_pair(self, name: str, rest: str) -> _Timed | None:
        """Streams of a pair: its contract of a type, or in COIN-M its index and its marks."""
        kind, _, detail = rest.partition("_")
        continuous = _CONTINUOUS.match(name)
        if continuous is not None and kind == "continuousKline" and detail in INTERVALS and not self._desk.is_spot:
            return self._continuous(continuous["pair"].upper(), continuous["type"].upper(), detail)
        contracts = of_pair(self._desk.symbols(), name.upper()) if self._desk.market == "coinm" else []
        if not contracts:
            return None
        is_fast = rest.endswith("@1s")
        base = rest.removesuffix("@1s")
        interval_ms = FAST_MS if is_fast else MARK_MS
        if base == "indexPrice":
            return _Timed(interval_ms, Each(contracts[0], self._rows.index, is_always=True))
        if base == "markPrice":
            return _Timed(interval_ms, Every(contracts, self._rows.mark, is_always=True))
        if kind == "indexPriceKline" and detail in INTERVALS:
            named = {"ps": name.upper()}
            feed = Klines(self._market, contracts[0], detail, "indexPrice_kline", "index", named)
            return _Timed(KLINE_MS["coinm"], feed)
        return None

    def _continuous(self, pair: str, kind: str, interval: str) -> _Timed | None:
        chosen = [
            one for one in of_pair(self._desk.symbols(), pair) if contract_type(one, self._desk.server_ms) == kind
        ]
        if not chosen:
            return None
        named = {"ps": pair, "ct": kind}
        return _Timed(
            KLINE_MS[self._desk.market],
            Klines(self._market, chosen[0], interval, "continuous_kline", named=named),
        )

    def _parse_all(self, stream: str) -> _Timed | None:
        rows, instruments = self._rows, self._desk.symbols()
        if stream == "!miniTicker@arr":
            return _Timed(ALL_TICKERS_MS, Every(instruments, rows.mini))
        if self._desk.is_spot:
            name = stream.removeprefix("!ticker_").removesuffix("@arr")
            if stream == f"!ticker_{name}@arr" and name in WINDOWS:
                return _Timed(ALL_TICKERS_MS, Every(instruments, partial(rows.rolling, name=name)))
            return None
        if stream == "!ticker@arr":
            return _Timed(ALL_TICKERS_MS, Every(instruments, rows.day))
        if stream in ("!markPrice@arr", "!markPrice@arr@1s"):
            interval_ms = FAST_MS if stream.endswith("@1s") else MARK_MS
            return _Timed(interval_ms, Every(instruments, rows.mark, is_always=True))
        return None

    # -------------------------------------------------------------------------------------------------------- events
    def top(self, event: TopChanged) -> None:
        """The best prices changed."""
        instrument, hub = event.instrument, self._hub
        stream = f"{instrument.name.lower()}@bookTicker"
        wants_all = hub.wanted(BOOK_TICKERS) and not self._desk.is_spot
        if not wants_all and not hub.wanted(stream):
            return
        payload = self._book_ticker(event)
        hub.publish(stream, payload)
        if wants_all:
            if not self._tops:
                self._tops_due_ms = self._next_ms(BOOK_TICKERS_MS)
            self._tops[instrument.name] = payload

    def _book_ticker(self, event: TopChanged) -> str:
        one = event.instrument
        places, decimals = one.price_places, one.quantity_places
        sides = (
            f'"b":"{fixed(event.bid, places)}","B":"{fixed(event.bid_quantity, decimals)}",'
            f'"a":"{fixed(event.ask, places)}","A":"{fixed(event.ask_quantity, decimals)}"'
        )
        if self._desk.is_spot:
            return f'{{"u":{event.update_id},"s":"{one.name}",{sides}}}'
        moment = self._desk.wire(event.time_ms)
        return (
            f'{{"e":"bookTicker","u":{event.update_id},"s":"{one.name}","ps":"{pair_of(one)}",{sides},'
            f'"T":{moment},"E":{moment}}}'
        )

    def depth(self, event: DepthChanged, *, is_lost: bool = False) -> None:
        """Levels of a book changed. A lost one takes with it what was gathered before: no frame may cover it."""
        for feed in self._differences.get(event.instrument.key, {}).values():
            if is_lost:
                feed.gathered.clear()
            else:
                feed.add(event)

    def trade(self, event: Traded) -> None:
        """A public trade."""
        one = event.instrument
        stream = f"{one.name.lower()}@trade"
        if not self._hub.wanted(stream):
            return
        moment = self._desk.wire(event.time_ms)
        tail = ',"M":true' if self._desk.is_spot else ',"X":"MARKET"'
        self._hub.publish(
            stream,
            f'{{"e":"trade","E":{moment},"T":{moment},"s":"{one.name}","t":{event.trade_id},'
            f'"p":"{price(one, event.price)}","q":"{quantity(one, event.quantity)}",'
            f'"m":{"true" if event.buyer_is_maker else "false"}{tail}}}',
        )

    def aggregate(self, instrument: Instrument, one: Aggregate) -> None:
        """An aggregate of trades is complete."""
        stream = f"{instrument.name.lower()}@aggTrade"
        if not self._hub.wanted(stream):
            return
        size = quantity(instrument, one.quantity)
        # `nq` leaves out retail price improvement orders, which do not exist here.
        tail = ',"M":true' if self._desk.is_spot else f',"nq":"{size}"' if self._desk.market == "usdm" else ""
        self._hub.publish(
            stream,
            f'{{"e":"aggTrade","E":{max(self._desk.server_ms, one.time_ms)},"s":"{instrument.name}","a":{one.number},'
            f'"p":"{price(instrument, one.price)}","q":"{size}","f":{one.first},"l":{one.last},"T":{one.time_ms},'
            f'"m":{"true" if one.buyer_is_maker else "false"}{tail}}}',
        )

    def forced(self, event: ForceOrder) -> None:
        """A liquidation order; of those of one second and symbol the last is told."""
        one, moment = event.instrument, self._desk.wire(event.time_ms)
        if not self._forced:
            self._forced_due_ms = self._next_ms(FORCE_MS)
        body = {
            "s": one.name,
            **({"ps": pair_of(one)} if self._desk.market == "coinm" else {}),
            "S": side_of(event.side),
            "o": "LIMIT",
            "f": "IOC",
            "q": quantity(one, event.quantity),
            "p": price(one, event.price),
            "ap": price(one, event.average_price),
            "X": "FILLED" if event.filled == event.quantity else "PARTIALLY_FILLED" if event.filled else "NEW",
            "l": quantity(one, event.filled),
            "z": quantity(one, event.filled),
            "T": moment,
        }
        self._forced[one.name.lower()] = text_of({"e": "forceOrder", "E": moment, "o": body})

    def changed(self, event: StatusChanged) -> None:
        """An instrument's status or terms changed."""
        if self._desk.is_spot or not self._hub.wanted(CONTRACTS):
            return
        one = event.instrument
        row = {
            "e": "contractInfo",
            "E": self._desk.wire(event.time_ms),
            "s": one.name,
            "ps": pair_of(one),
            "ct": contract_type(one, event.time_ms),
            "dt": one.expiry_ms or NEVER_DELIVERED_MS,
            "ot": one.listed_ms,
            "cs": contract_status(one),
        }
        self._hub.publish(CONTRACTS, text_of(row))

    # ------------------------------------------------------------------------------------------------------ the clock
    def tick(self) -> None:
        """Send what is due now."""
        now_ms = self._desk.server_ms
        for stream, one in list(self._timed.items()):
            if now_ms >= one.due_ms:
                # Never more than one frame to catch up with, however late the tick is.
                interval_ms = max(one.interval_ms, 1)
                one.due_ms = now_ms - now_ms % interval_ms + interval_ms
                for payload in one.feed.frames(now_ms):
                    self._hub.publish(stream, payload)
        if self._tops and now_ms >= self._tops_due_ms:
            tops, self._tops = self._tops, {}
            for payload in tops.values():
                self._hub.publish(BOOK_TICKERS, payload)
        if self._forced and now_ms >= self._forced_due_ms:
            forced, self._forced = self._forced, {}
            for name, payload in forced.items():
                self._hub.publish(f"{name}@forceOrder", payload)
                self._hub.publish(FORCE_ORDERS, payload)

    def _next_ms(self, interval_ms: int) -> int:
        """The next multiple of an interval on the server's clock."""
        return (self._desk.server_ms // interval_ms + 1) * interval_ms
