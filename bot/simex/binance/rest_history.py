"""What Binance tells of the past: candles of both markets, open interest of the futures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.simex.binance.desk import Desk
from bot.simex.binance.errors import VenueError
from bot.simex.binance.gate import Call, Route
from bot.simex.binance.params import Params
from bot.simex.binance.shapes import places
from bot.simex.candles import HOUR_MS, Candle, Candles
from bot.simex.model import Market, Symbol

INTERVALS_H = {"1h": 1, "2h": 2, "4h": 4, "6h": 6, "8h": 8, "12h": 12, "1d": 24}
ROWS_DEFAULT = 500
ROWS_MAX: dict[Market, int] = {"spot": 1_000, "usdm": 1_500}
INTEREST_ROWS_DEFAULT, INTEREST_ROWS_MAX = 30, 500
INTEREST_DAYS_MAX = 30
SPOT_KLINES_WEIGHT = 2


def usdm_klines_weight(params: Params) -> int:
    """The weight of a futures candle request by its limit."""
    limit = params.integer("limit") or ROWS_DEFAULT
    return next((weight for most, weight in ((99, 1), (499, 2), (1_000, 5)) if limit <= most), 10)


class HistoryRest:
    """The handlers of one market's history."""

    def __init__(self, desk: Desk, candles: Candles) -> None:
        self._desk = desk
        self._candles = candles

    def routes(self) -> list[Route]:
        """Every endpoint with its weight."""
        if self._desk.market == "spot":
            return [Route("GET", "/api/v3/klines", self._klines, SPOT_KLINES_WEIGHT)]
        return [
            Route("GET", "/fapi/v1/klines", self._klines, usdm_klines_weight),
            Route("GET", "/fapi/v1/openInterest", self._open_interest),
            Route("GET", "/futures/data/openInterestHist", self._open_interest_history, 0),
        ]

    def _klines(self, call: Call) -> list[list[Any]]:
        """Bars of an interval; the newest of them, or those from a start."""
        params, symbol = call.params, self._desk.symbol(call.params)
        hours = INTERVALS_H.get(params.need("interval"))
        if hours is None:
            raise VenueError(-1120, "Invalid interval.")
        limit = params.limit("limit", ROWS_DEFAULT, ROWS_MAX[self._desk.market])
        width, now_ms = hours * HOUR_MS, self._desk.timeline.server_ms()
        start_ms, end_ms = params.integer("startTime"), params.integer("endTime") or now_ms
        if start_ms is None:
            start_ms = end_ms - end_ms % width - (limit - 1) * width
        rows = self._candles.rows(symbol, hours, start_ms, min(end_ms, now_ms) + 1)
        return [_row(bar, width, symbol) for bar in rows[:limit]]

    def _open_interest(self, call: Call) -> dict[str, Any]:
        """Contracts open now."""
        symbol, now_ms = self._desk.symbol(call.params), self._desk.timeline.server_ms()
        contracts = self._candles.open_interest(symbol, self._price(symbol), now_ms)
        return {"symbol": symbol.name, "openInterest": f"{contracts:.3f}", "time": now_ms}

    def _open_interest_history(self, call: Call) -> list[dict[str, Any]]:
        """Contracts open at the end of each period, the newest of the last days."""
        params, symbol = call.params, self._desk.symbol(call.params)
        hours = INTERVALS_H.get(params.need("period"))
        if hours is None:
            raise VenueError(-1120, "Invalid interval.")
        limit = params.limit("limit", INTEREST_ROWS_DEFAULT, INTEREST_ROWS_MAX)
        width, now_ms = hours * HOUR_MS, self._desk.timeline.server_ms()
        last_ms = now_ms - now_ms % width
        count = min(limit, INTEREST_DAYS_MAX * 24 // hours)
        return [self._interest(symbol, last_ms - back * width) for back in range(count - 1, -1, -1)]

    def _interest(self, symbol: Symbol, time_ms: int) -> dict[str, Any]:
        price = self._price(symbol)
        contracts = self._candles.open_interest(symbol, price, time_ms)
        return {
            "symbol": symbol.name,
            "sumOpenInterest": f"{contracts:.8f}",
            "sumOpenInterestValue": f"{contracts * price:.8f}",
            "timestamp": time_ms,
        }

    def _price(self, symbol: Symbol) -> float:
        return float(self._desk.exchange.mark(symbol.name).mark)


def _row(bar: Candle, width_ms: int, symbol: Symbol) -> list[Any]:
    prices = [places(Decimal(repr(one)), symbol.price_precision) for one in (bar.open, bar.high, bar.low, bar.close)]
    quote = bar.volume * bar.close
    volumes = [f"{one:.8f}" for one in (bar.volume, quote, bar.volume / 2, quote / 2)]
    closes_ms = bar.opened_ms + width_ms - 1
    return [bar.opened_ms, *prices, volumes[0], closes_ms, volumes[1], 1_000, volumes[2], volumes[3], "0"]
