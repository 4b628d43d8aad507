"""The market-data endpoints that the three markets share: time, books, trades, tickers, exchangeInfo.

Spot, USD-M and COIN-M differ in paths, weights and fields; a market's differences stand in one table or one method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bot.simex.bars import DAY_MS, HOUR_MS, MINUTE_MS
from bot.simex.binance.contracts import of_pair, pair_of
from bot.simex.binance.errors import BAD_SYMBOL, VenueError, illegal, missing, venue_error
from bot.simex.binance.exchange_info import coinm_info, futures_info, spot_info, spot_status
from bot.simex.binance.figures import fixed, money, pairs, price, quantity
from bot.simex.binance.gate import Call, Route, Security, Weight
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.marketplace import Marketplace
from bot.simex.binance.params import Params
from bot.simex.binance.symbol_lists import listed_symbols, ticker_shape
from bot.simex.binance.tape import Aggregate, Printed
from bot.simex.binance.tickers import Window, average_price
from bot.simex.binance.words import plain
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import amount

Row = dict[str, Any]
SPOT_DEPTH_DEFAULT: Final = 100
SPOT_DEPTH_MAX: Final = 5_000
FUTURES_DEPTH_DEFAULT: Final = 500
FUTURES_DEPTHS: Final = (5, 10, 20, 50, 100, 500, 1_000)
TRADES_DEFAULT: Final = 500
TRADES_MAX: Final = 1_000
OLD_TRADES: Final = {"spot": (500, 1_000), "usdm": (100, 500), "coinm": (100, 500)}
AVERAGE_MINUTES: Final = 5
ROLLING_WEIGHT_MAX: Final = 200
_UNITS: Final = {"m": (MINUTE_MS, 59), "h": (HOUR_MS, 23), "d": (DAY_MS, 7)}
PREFIXES: Final = {"spot": "/api/v3", "usdm": "/fapi/v1", "coinm": "/dapi/v1"}


def _tiered(default: int, steps: tuple[tuple[int, int], ...], most: int) -> Weight:
    def weight(params: Params) -> int:
        limit = params.integer("limit") or default
        return next((cost for up_to, cost in steps if limit <= up_to), most)

    return weight


def _by_symbol(one: int, every: int) -> Weight:
    return lambda params: one if "symbol" in params else every


def _spot_day_weight(params: Params) -> int:
    if "symbol" in params:
        return 2
    count = params.text("symbols").count(",") + 1 if "symbols" in params else 1_000
    return 2 if count <= 20 else 40 if count <= 100 else 80


def _spot_rolling_weight(params: Params) -> int:
    count = params.text("symbols").count(",") + 1 if "symbols" in params else 1
    return min(4 * count, ROLLING_WEIGHT_MAX)


SPOT_DEPTH_WEIGHT: Final = _tiered(SPOT_DEPTH_DEFAULT, ((100, 5), (500, 25), (1_000, 50)), 250)
FUTURES_DEPTH_WEIGHT: Final = _tiered(FUTURES_DEPTH_DEFAULT, ((50, 2), (100, 5), (500, 10)), 20)


class MarketRest:
    """The handlers of one market."""

    def __init__(self, market: Marketplace, limiter: RateLimiter) -> None:
        self._market = market
        self._desk = market.desk
        self._limiter = limiter
        self._prefix = PREFIXES[market.desk.market]

    def routes(self) -> list[Route]:
        """Every endpoint with its weight."""
        return self._spot_routes() if self._desk.is_spot else self._futures_routes()

    def _get(self, name: str, handler: Callable[[Call], Any], weight: Weight = 1) -> Route:
        return Route("GET", f"{self._prefix}/{name}", handler, weight)

    def _common(self, trades: int, aggregates: int, depth: Weight) -> list[Route]:
        is_spot = self._desk.is_spot
        security = Security.NONE if is_spot else Security.KEY
        return [
            self._get("ping", lambda _: {}),
            self._get("time", self._time),
            self._get("depth", self._depth, depth),
            self._get("trades", self._trades, trades),
            Route("GET", f"{self._prefix}/historicalTrades", self._old_trades, 25 if is_spot else 20, security),
            self._get("aggTrades", self._aggregates, aggregates),
        ]

    def _spot_routes(self) -> list[Route]:
        return [
            *self._common(25, 4, SPOT_DEPTH_WEIGHT),
            self._get("exchangeInfo", self._exchange_info, 20),
            self._get("avgPrice", self._average, 2),
            self._get("ticker/24hr", self._day, _spot_day_weight),
            self._get("ticker/tradingDay", self._trading_day, _spot_rolling_weight),
            self._get("ticker", self._rolling, _spot_rolling_weight),
            self._get("ticker/price", self._price, _by_symbol(2, 4)),
            self._get("ticker/bookTicker", self._book_ticker, _by_symbol(2, 4)),
        ]

    def _futures_routes(self) -> list[Route]:
        is_usdm = self._desk.market == "usdm"
        routes = [
            *self._common(5, 20, FUTURES_DEPTH_WEIGHT),
            self._get("exchangeInfo", self._exchange_info),
            self._get("ticker/24hr", self._day, _by_symbol(1, 40)),
            self._get("ticker/price", self._price, _by_symbol(1, 2)),
            self._get("ticker/bookTicker", self._book_ticker, _by_symbol(2, 5)),
        ]
        if is_usdm:
            routes.append(Route("GET", "/fapi/v2/ticker/price", self._price, _by_symbol(1, 2)))
        return routes

    # ---------------------------------------------------------------------------------------------------- in general
    def _time(self, _: Call) -> Row:
        """The server's clock."""
        return {"serverTime": self._desk.server_ms}

    def _exchange_info(self, call: Call) -> Row:
        """Rules, limits and filters of every symbol; spot: of those asked for."""
        now_ms = self._desk.server_ms
        if self._desk.market == "usdm":
            return futures_info(self._desk.symbols(), self._limiter.limits, now_ms)
        if self._desk.market == "coinm":
            return coinm_info(self._desk.symbols(), self._limiter.limits, now_ms)
        params = call.params
        if "symbolStatus" in params and ("symbol" in params or "symbols" in params):
            raise VenueError(-1128, "Combination of optional parameters invalid.")
        chosen, _ = listed_symbols(self._desk, params)
        status = params.text("symbolStatus")
        wanted = [one for one in chosen if not status or spot_status(one) == status]
        return spot_info(wanted, self._limiter.limits, now_ms, permissions=params.boolean("showPermissionSets", True))

    # --------------------------------------------------------------------------------------------------------- books
    def _depth(self, call: Call) -> Row:
        """A snapshot of the book; futures take the venue's limits only."""
        desk, params = self._desk, call.params
        instrument = desk.symbol(params)
        if desk.is_spot:
            limit = params.limit("limit", SPOT_DEPTH_DEFAULT, SPOT_DEPTH_MAX)
        else:
            limit = params.integer("limit") or FUTURES_DEPTH_DEFAULT
            if limit not in FUTURES_DEPTHS:
                raise VenueError(-4021, f"{limit} is not valid depth limit.")
        desk.catch_up()
        update_id, bids, asks = desk.exchange.depth(instrument.key, limit)
        levels = {"bids": pairs(instrument, bids), "asks": pairs(instrument, asks)}
        if desk.is_spot:
            return {"lastUpdateId": update_id, **levels}
        names = {} if desk.market == "usdm" else {"symbol": instrument.name, "pair": pair_of(instrument)}
        times = {"E": desk.server_ms, "T": desk.wire(desk.exchange.now_ms)}
        return {"lastUpdateId": update_id, **names, **times, **levels}

    def _book_ticker(self, call: Call) -> Any:
        """Best bid and ask."""
        self._desk.catch_up()
        return self._each(call.params, self._book_ticker_row)

    def _book_ticker_row(self, instrument: Instrument) -> Row:
        desk = self._desk
        bid, bid_quantity, ask, ask_quantity = desk.exchange.top(instrument.key)
        row: Row = {
            "symbol": instrument.name,
            "bidPrice": price(instrument, bid),
            "bidQty": quantity(instrument, bid_quantity),
            "askPrice": price(instrument, ask),
            "askQty": quantity(instrument, ask_quantity),
        }
        if desk.is_spot:
            return row
        row["time"] = self._market.line(instrument).quoted_ms or desk.server_ms
        update_id = desk.exchange.depth(instrument.key, 0)[0]
        named = {"lastUpdateId": update_id, "symbol": row.pop("symbol")}
        return {**named, **({} if desk.market == "usdm" else {"pair": pair_of(instrument)}), **row}

    # -------------------------------------------------------------------------------------------------------- trades
    def _trades(self, call: Call) -> list[Row]:
        """The newest trades, oldest first."""
        instrument = self._desk.symbol(call.params)
        limit = call.params.limit("limit", TRADES_DEFAULT, TRADES_MAX)
        return [self._trade_row(instrument, one) for one in list(self._market.line(instrument).trades)[-limit:]]

    def _old_trades(self, call: Call) -> list[Row]:
        """Trades from an id, or the newest."""
        instrument, first = self._desk.symbol(call.params), call.params.integer("fromId")
        limit = call.params.limit("limit", *OLD_TRADES[self._desk.market])
        found = list(self._market.line(instrument).trades)
        if first is None:
            return [self._trade_row(instrument, one) for one in found[-limit:]]
        later = [one for one in found if one.event.trade_id >= first]
        return [self._trade_row(instrument, one) for one in later[:limit]]

    def _trade_row(self, instrument: Instrument, one: Printed) -> Row:
        event, worth = one.event, instrument.notional(one.event.quantity, one.event.price)
        row: Row = {
            "id": event.trade_id,
            "price": price(instrument, event.price),
            "qty": quantity(instrument, event.quantity),
        }
        if self._desk.is_spot:
            row["quoteQty"] = money(worth)
        elif self._desk.market == "usdm":
            row["quoteQty"] = plain(amount(worth))
        else:
            row["baseQty"] = money(worth)
        row |= {"time": one.time_ms, "isBuyerMaker": event.buyer_is_maker}
        if self._desk.is_spot:
            row["isBestMatch"] = True
        elif self._desk.market == "usdm":
            row["isRPITrade"] = False
        return row

    def _aggregates(self, call: Call) -> list[Row]:
        """Trades of one price and taking side together: from an id, within a time, or the newest."""
        params, instrument = call.params, self._desk.symbol(call.params)
        first, start, end = params.integer("fromId"), params.integer("startTime"), params.integer("endTime")
        if not self._desk.is_spot and start is not None and end is not None and end - start > HOUR_MS:
            raise VenueError(-4182, "startTime and endTime must be less than 1 hour.")
        limit = params.limit("limit", TRADES_DEFAULT, TRADES_MAX)
        found = [
            one
            for one in self._market.line(instrument).aggregates
            if one.number >= (first or 0) and one.time_ms >= (start or 0) and (end is None or one.time_ms <= end)
        ]
        is_forward = first is not None or start is not None
        return [self._aggregate_row(instrument, one) for one in (found[:limit] if is_forward else found[-limit:])]

    def _aggregate_row(self, instrument: Instrument, one: Aggregate) -> Row:
        row: Row = {
            "a": one.number,
            "p": price(instrument, one.price),
            "q": quantity(instrument, one.quantity),
            "f": one.first,
            "l": one.last,
            "T": one.time_ms,
            "m": one.buyer_is_maker,
        }
        return {**row, "M": True} if self._desk.is_spot else row

    # ------------------------------------------------------------------------------------------------------- tickers
    def _each(self, params: Params, row: Callable[[Instrument], Row | None]) -> Any:
        """A row of the symbol that was asked for, or rows of a list, of a pair, of all; COIN-M always has a list."""
        instruments, single = self._asked(params)
        rows = [found for one in instruments if (found := row(one)) is not None]
        if single and self._desk.market != "coinm":
            if not rows:
                raise venue_error(BAD_SYMBOL)
            return rows[0]
        return rows

    def _asked(self, params: Params) -> tuple[list[Instrument], bool]:
        if self._desk.is_spot:
            return listed_symbols(self._desk, params)
        if self._desk.market == "coinm" and "pair" in params:
            if "symbol" in params:
                raise VenueError(-1128, "Combination of optional parameters invalid.")
            found = of_pair(self._desk.symbols(), params.text("pair"))
            if not found:
                raise VenueError(-1120, "Invalid pair.")
            return found, False
        return self._desk.some_symbols(params)

    def _price(self, call: Call) -> Any:
        """The last price."""
        return self._each(call.params, self._price_row)

    def _price_row(self, instrument: Instrument) -> Row | None:
        line = self._market.line(instrument)
        if not line.last:
            return None
        row: Row = {"symbol": instrument.name, "price": price(instrument, line.last)}
        if self._desk.market == "coinm":
            row = {"symbol": instrument.name, "ps": pair_of(instrument), "price": row["price"]}
        if not self._desk.is_spot:
            row["time"] = line.trades[-1].time_ms if line.trades else line.quoted_ms
        return row

    def _day(self, call: Call) -> Any:
        """The last 24 hours."""
        is_full = not self._desk.is_spot or ticker_shape(call.params)
        return self._each(call.params, lambda one: self._window_row(one, DAY_MS, is_full=is_full, is_day=True))

    def _rolling(self, call: Call) -> Any:
        """A window of any length up to seven days."""
        self._needs_symbols(call.params)
        span_ms, is_full = window_ms(call.params.text("windowSize", "1d")), ticker_shape(call.params)
        return self._each(call.params, lambda one: self._window_row(one, span_ms, is_full=is_full, is_day=False))

    def _trading_day(self, call: Call) -> Any:
        """The present UTC day."""
        self._needs_symbols(call.params)
        if call.params.text("timeZone", "0") not in ("0", "0:00", "00:00", "+00:00"):
            raise illegal("timeZone", "0")
        is_full, opens_ms = ticker_shape(call.params), self._desk.server_ms // DAY_MS * DAY_MS
        span_ms = max(self._desk.server_ms - opens_ms, MINUTE_MS)

        def row(instrument: Instrument) -> Row | None:
            found = self._window_row(instrument, span_ms, is_full=is_full, is_day=False)
            return None if found is None else {**found, "openTime": opens_ms, "closeTime": opens_ms + DAY_MS - 1}

        return self._each(call.params, row)

    def _needs_symbols(self, params: Params) -> None:
        if "symbol" not in params and "symbols" not in params:
            raise missing("symbol")

    def _window_row(self, instrument: Instrument, span_ms: int, *, is_full: bool, is_day: bool) -> Row | None:
        window = self._market.window(instrument, span_ms)
        if window is None:
            return None
        row: Row = {"symbol": instrument.name}
        if self._desk.market == "coinm":
            row["pair"] = pair_of(instrument)
        if is_full:
            row |= {
                "priceChange": window.change,
                "priceChangePercent": window.change_percent,
                "weightedAvgPrice": window.average,
            }
        return {**row, **self._prices(window, is_full=is_full, is_day=is_day), **self._amounts(window)}

    def _prices(self, window: Window, *, is_full: bool, is_day: bool) -> Row:
        instrument, bar = window.instrument, window.bar
        shown = {
            "openPrice": price(instrument, bar.open),
            "highPrice": price(instrument, bar.high),
            "lowPrice": price(instrument, bar.low),
        }
        last = {"lastPrice": price(instrument, bar.close)}
        if not is_full or not is_day:
            return {**shown, **last}
        last["lastQty"] = quantity(instrument, window.last_quantity)
        if not self._desk.is_spot:
            return {**last, **shown}
        best = self._book_ticker_row(instrument)
        del best["symbol"]
        return {"prevClosePrice": price(instrument, bar.open), **last, **best, **shown}

    def _amounts(self, window: Window) -> Row:
        second = "baseVolume" if self._desk.market == "coinm" else "quoteVolume"
        return {
            "volume": window.volume,
            second: window.turnover,
            "openTime": window.opens_ms,
            "closeTime": window.closes_ms,
            "firstId": window.first_id,
            "lastId": window.last_id,
            "count": window.bar.trades,
        }

    def _average(self, call: Call) -> Row:
        """The average price of the last five minutes."""
        instrument = self._desk.symbol(call.params)
        line = self._market.line(instrument)
        bar = line.bars["trade"].span(self._desk.server_ms, AVERAGE_MINUTES * MINUTE_MS)
        if bar is None:
            raise venue_error(BAD_SYMBOL)
        closed_ms = line.trades[-1].time_ms if line.trades else line.quoted_ms
        return {
            "mins": AVERAGE_MINUTES,
            "price": fixed(average_price(instrument, bar), 8),
            "closeTime": closed_ms,
        }


def window_ms(text: str) -> int:
    """A window like 1m, 4h or 7d in milliseconds; a refusal for any other."""
    unit, most = _UNITS.get(text[-1:], (0, 0))
    number = text[:-1]
    if not (number.isascii() and number.isdigit() and 1 <= int(number[:4]) <= most):
        raise VenueError(-1120, "Invalid interval.")
    return int(number) * unit
