"""Candles of three markets: of trades, of a pair's contracts in a row, of index, mark and premium."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bot.simex.bars import HOUR_MS, INTERVALS, MINUTE_MS, PAST_HOURS_MAX, Bar, closing_ms
from bot.simex.binance.contracts import contract_type, of_pair
from bot.simex.binance.errors import BAD_SYMBOL, VenueError, illegal, venue_error
from bot.simex.binance.figures import fixed, price, quantity
from bot.simex.binance.gate import Call, Route
from bot.simex.binance.marketplace import Marketplace
from bot.simex.binance.params import Params
from bot.simex.binance.tape import Kind
from bot.simex.binance.tickers import turnover
from bot.simex.core.instrument import Instrument

ROWS_DEFAULT: Final = 500
ROWS_MAX: Final = {"spot": 1_000, "usdm": 1_500, "coinm": 1_500}
SPOT_WEIGHT: Final = 2
_ZONE: Final = re.compile(r"([+-]?)(\d{1,2})(?::([0-5]\d))?")
ZONE_LEAST_MS: Final = -12 * HOUR_MS
ZONE_MOST_MS: Final = 14 * HOUR_MS
ZONES: Final = "-12:00 to +14:00"
# What is asked for from before the made-up past is answered from its beginning.
PAST_MS: Final = (PAST_HOURS_MAX - 1) * HOUR_MS
# The number of values behind a candle that is not of trades: one a second.
BASIC_MS: Final = 1_000


def futures_weight(params: Params) -> int:
    """The weight of a futures candle request by its limit."""
    limit = params.integer("limit") or ROWS_DEFAULT
    return next((weight for most, weight in ((99, 1), (499, 2), (1_000, 5)) if limit <= most), 10)


class CandleRest:
    """The handlers of one market."""

    def __init__(self, market: Marketplace) -> None:
        self._market = market
        self._desk = market.desk

    def routes(self) -> list[Route]:
        """Every endpoint with its weight."""
        if self._desk.is_spot:
            return [
                Route("GET", "/api/v3/klines", self._klines, SPOT_WEIGHT),
                Route("GET", "/api/v3/uiKlines", self._klines, SPOT_WEIGHT),
            ]
        prefix = "/fapi/v1" if self._desk.market == "usdm" else "/dapi/v1"
        named: dict[str, Callable[[Call], list[list[Any]]]] = {
            "klines": self._klines,
            "continuousKlines": self._continuous,
            "indexPriceKlines": self._index,
            "markPriceKlines": partial(self._valued, kind="mark"),
            "premiumIndexKlines": partial(self._valued, kind="premium"),
        }
        return [Route("GET", f"{prefix}/{name}", handler, futures_weight) for name, handler in named.items()]

    def _klines(self, call: Call) -> list[list[Any]]:
        """Candles of trades."""
        return self._traded(self._desk.symbol(call.params), call.params)

    def _continuous(self, call: Call) -> list[list[Any]]:
        """Candles of the contract of a pair that has a type now."""
        params = call.params
        pair, kind = params.need("pair"), params.need("contractType")
        chosen = of_pair(self._desk.symbols(), pair)
        found = [one for one in chosen if contract_type(one, self._desk.server_ms) == kind]
        if not found:
            raise VenueError(-1121, "Invalid symbol.") if not chosen else VenueError(-1120, "Invalid contractType.")
        return self._traded(found[0], params)

    def _index(self, call: Call) -> list[list[Any]]:
        """Candles of the index of a pair."""
        found = of_pair(self._desk.symbols(), call.params.need("pair"))
        if not found:
            raise venue_error(BAD_SYMBOL)
        return self._plain(found[0], call.params, "index")

    def _valued(self, call: Call, kind: Kind) -> list[list[Any]]:
        return self._plain(self._desk.symbol(call.params), call.params, kind)

    def _traded(self, instrument: Instrument, params: Params) -> list[list[Any]]:
        interval, zone_ms = self._interval(params), self._zone_ms(params)
        bars = self._bars(instrument, "trade", interval, params, zone_ms)
        return [candle(instrument, bar, interval, zone_ms) for bar in bars]

    def _plain(self, instrument: Instrument, params: Params, kind: Kind) -> list[list[Any]]:
        interval = self._interval(params)
        bars = self._bars(instrument, kind, interval, params)
        return [value_candle(bar, interval) for bar in bars]

    def _interval(self, params: Params) -> str:
        interval = params.need("interval")
        if interval not in INTERVALS or (interval == "1s" and not self._desk.is_spot):
            raise VenueError(-1120, "Invalid interval.")
        return interval

    def _zone_ms(self, params: Params) -> int:
        """How far east of UTC the zone is that candles are asked for in; futures have UTC alone."""
        return zone_ms_of(params.text("timeZone", "0")) if self._desk.is_spot else 0

    def _bars(self, instrument: Instrument, kind: Kind, interval: str, params: Params, zone_ms: int = 0) -> list[Bar]:
        """The newest of a time, or with a start and no end the oldest from there."""
        self._desk.catch_up()
        limit = params.limit("limit", ROWS_DEFAULT, ROWS_MAX[self._desk.market])
        start, end = params.integer("startTime"), params.integer("endTime")
        now_ms = self._desk.server_ms
        last_ms = min(now_ms if end is None else end, now_ms)
        first_ms = 0 if start is None else start
        rows = self._market.line(instrument).bars[kind].rows
        if start is not None and self._desk.market != "coinm":
            # From a start the rows are the oldest, which are not older than the past reaches; COIN-M tells the newest.
            first_ms = max(first_ms, self._market.tape.start_ms - PAST_MS)
            last_ms = min(last_ms, first_ms + limit * INTERVALS[interval])
            return rows(interval, first_ms, last_ms, limit + 1, zone_ms)[:limit]
        return rows(interval, first_ms, last_ms, limit, zone_ms)


def zone_ms_of(text: str) -> int:
    """How far east of UTC a zone lies: hours, or hours and minutes. VenueError beyond what the venue takes."""
    found = _ZONE.fullmatch(text)
    if found is None:
        raise illegal("timeZone", ZONES)
    sign, hours, minutes = found.groups()
    away = int(hours) * HOUR_MS + int(minutes or 0) * MINUTE_MS
    zone_ms = -away if sign == "-" else away
    if not ZONE_LEAST_MS <= zone_ms <= ZONE_MOST_MS:
        raise illegal("timeZone", ZONES)
    return zone_ms


def candle(instrument: Instrument, bar: Bar, interval: str, zone_ms: int = 0) -> list[Any]:
    """A candle of trades."""
    return [
        bar.opened_ms,
        *(price(instrument, one) for one in (bar.open, bar.high, bar.low, bar.close)),
        quantity(instrument, bar.volume),
        closing_ms(bar.opened_ms, interval, zone_ms) - 1,
        turnover(instrument, bar.turnover),
        bar.trades,
        quantity(instrument, bar.bought),
        turnover(instrument, bar.bought_worth),
        "0",
    ]


def value_candle(bar: Bar, interval: str) -> list[Any]:
    """A candle of a price that is not traded: index, mark, premium."""
    closes_ms = closing_ms(bar.opened_ms, interval)
    prices = [fixed(one, 8) for one in (bar.open, bar.high, bar.low, bar.close)]
    count = (closes_ms - bar.opened_ms) // BASIC_MS
    return [bar.opened_ms, *prices, "0", closes_ms - 1, "0", count, "0", "0", "0"]
