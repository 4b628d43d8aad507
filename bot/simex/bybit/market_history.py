"""The public market endpoints of the past: klines of four prices, settled funding, open interest, deliveries."""

from __future__ import annotations

from typing import Any, Final

from bot.simex.bars import DAY_MS, Bar, closing_ms
from bot.simex.bars import INTERVALS as WIDTHS_MS
from bot.simex.bybit.desk import DERIVATIVES, Desk, category_of, page
from bot.simex.bybit.figures import fixed, money, plain, price, quantity
from bot.simex.bybit.gate import Call, Route
from bot.simex.bybit.intervals import INTERVALS
from bot.simex.bybit.params import Params
from bot.simex.bybit.tape import Kind, open_interest
from bot.simex.core.instrument import Instrument

Row = dict[str, Any]
_INTEREST_STEPS: Final = {
    "5min": 300_000,
    "15min": 900_000,
    "30min": 1_800_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": DAY_MS,
}
FUNDING_ROWS_MAX: Final = 200


class MarketHistory:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("GET", "/v5/market/kline", lambda call: self._klines(call, "trade")),
            Route("GET", "/v5/market/mark-price-kline", lambda call: self._klines(call, "mark")),
            Route("GET", "/v5/market/index-price-kline", lambda call: self._klines(call, "index")),
            Route("GET", "/v5/market/premium-index-price-kline", lambda call: self._klines(call, "premium")),
            Route("GET", "/v5/market/funding/history", self.funding),
            Route("GET", "/v5/market/open-interest", self.open_interest),
            Route("GET", "/v5/market/delivery-price", self.deliveries, msg="success"),
        ]

    def _klines(self, call: Call, kind: Kind) -> Row:
        params = call.params
        allowed = ("linear",) if kind == "premium" else DERIVATIVES if kind != "trade" else (*DERIVATIVES, "spot")
        category = category_of(params, allowed, "linear")
        instrument = self._desk.instrument(category, params)
        interval = INTERVALS[params.one_of("interval", INTERVALS)]
        limit = params.limit(200, 1_000)
        self._desk.catch_up()
        bars = self._bars(instrument, kind, interval, params, limit)
        rows = [kline_row(instrument, bar, kind) for bar in reversed(bars)]
        return {"symbol": instrument.name, "category": category, "list": rows}

    def _bars(self, instrument: Instrument, kind: Kind, interval: str, params: Params, limit: int) -> list[Bar]:
        start, end = params.integer("start"), params.integer("end")
        now_ms = self._desk.server_ms
        last_ms = min(now_ms if end is None else end, now_ms)
        if start is not None and end is None:
            last_ms = min(start + (limit - 1) * WIDTHS_MS[interval], now_ms)
        series = self._desk.tape.bars(instrument, kind)
        return series.rows(interval, start or 0, last_ms, limit)

    def funding(self, call: Call) -> Row:
        """Settled rates, newest first; before the exchange opened every one was the interest rate."""
        params = call.params
        category = category_of(params, DERIVATIVES)
        instrument, limit = self._desk.instrument(category, params), params.limit(FUNDING_ROWS_MAX, FUNDING_ROWS_MAX)
        start, end = params.integer("startTime"), params.integer("endTime")
        now_ms = self._desk.server_ms
        last_ms = now_ms if end is None else end
        rows: list[Row] = []
        for time_ms, rate in self._settled(instrument, min(last_ms, now_ms)):
            if (start is not None and time_ms < start) or len(rows) == limit:
                break
            rows.append({"symbol": instrument.name, "fundingRate": plain(rate), "fundingRateTimestamp": str(time_ms)})
        return {"category": category, "list": rows}

    def _end(self, instrument: Instrument) -> tuple[int, int] | None:
        return self._desk.tape.ends.get(instrument.key) if instrument.status == "closed" else None

    def _settled(self, instrument: Instrument, last_ms: int) -> list[tuple[int, int]]:
        """Wire time and rate of settlements up to a moment, newest first, as many as a page may hold."""
        terms = instrument.funding
        if terms is None:
            return []
        known = [(self._desk.wire(at), rate) for at, rate in self._desk.tape.line(instrument).fundings]
        opened_ms = min([self._desk.tape.start_ms, *(at for at, _ in known)])
        usual = terms.interest_per_8h * terms.interval_ms // 28_800_000
        at = min(opened_ms, last_ms) // terms.interval_ms * terms.interval_ms
        past = [(at - n * terms.interval_ms, usual) for n in range(FUNDING_ROWS_MAX)]
        listed = [row for row in past if row[0] >= instrument.listed_ms]
        return [row for row in reversed(known) if row[0] <= last_ms] + [row for row in listed if row[0] < opened_ms]

    def open_interest(self, call: Call) -> Row:
        """Open interest at the ends of intervals, newest first; the past is as the present."""
        params = call.params
        category = category_of(params, DERIVATIVES)
        instrument, limit = self._desk.instrument(category, params), params.limit(50, 200)
        step = _INTEREST_STEPS[params.one_of("intervalTime", _INTEREST_STEPS)]
        start, end = params.integer("startTime"), params.integer("endTime")
        now_ms = self._desk.server_ms
        last_ms = min(now_ms if end is None else end, now_ms) // step * step
        mark = self._desk.exchange.marks.mark(instrument.key)
        single = open_interest(instrument, mark, 0)
        times = range(last_ms, max(start or 0, last_ms - 2 * 365 * DAY_MS), -step)
        taken, cursor = page(times, lambda at: at, params, limit)
        rows = [
            {
                "openInterest": fixed(2 * single, 8),
                "singleOpenInterest": quantity(instrument, single),
                "timestamp": str(at),
            }
            for at in taken
        ]
        return {"symbol": instrument.name, "category": category, "list": rows, "nextPageCursor": cursor}

    def deliveries(self, call: Call) -> Row:
        """Prices at which dated futures were delivered, newest first."""
        params = call.params
        category = category_of(params, DERIVATIVES)
        ends = [(one, *found) for one in self._desk.chosen(category, params) if (found := self._end(one))]
        rows = [
            {"symbol": one.name, "deliveryPrice": fixed(at, 8), "deliveryTime": str(time_ms)}
            for one, time_ms, at in sorted(ends, key=lambda end: -end[1])
        ]
        return {"category": category, "nextPageCursor": "", "list": rows[: params.limit(50, 200)]}


def kline_row(instrument: Instrument, bar: Bar, kind: Kind) -> list[str]:
    """A bar as a row: opening time, open, high, low, close, and for trades volume and turnover."""
    prices = (bar.open, bar.high, bar.low, bar.close)
    shown = [fixed(one, 6) if kind == "premium" else price(instrument, one) for one in prices]
    row = [str(bar.opened_ms), *shown]
    return [*row, quantity(instrument, bar.volume), money(bar.turnover)] if kind == "trade" else row


def bar_end_ms(bar: Bar, interval: str) -> int:
    """The last millisecond of a bar."""
    return closing_ms(bar.opened_ms, interval) - 1
