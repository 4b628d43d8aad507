"""Streams of statistics and derived prices that go by the clock: klines, tickers, marks, indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.simex.bars import DAY_MS, HOUR_MS, MINUTE_MS, Bar, closing_ms
from bot.simex.binance.contracts import pair_of
from bot.simex.binance.figures import fixed, price, quantity
from bot.simex.binance.marketplace import Marketplace
from bot.simex.binance.rest_market import AVERAGE_MINUTES
from bot.simex.binance.tape import Kind
from bot.simex.binance.tickers import average_price, turnover
from bot.simex.core.instrument import Instrument

Row = dict[str, Any]
WINDOWS = {"1h": HOUR_MS, "4h": 4 * HOUR_MS, "1d": DAY_MS}
Build = Callable[[Instrument, int], Row | None]


def text_of(payload: Any) -> str:
    """A payload as text."""
    return msgspec.json.encode(payload).decode()


@dataclass(slots=True)
class Klines:
    """A kline stream: the open bar when it has changed, and once more, closed, when the next one opens."""

    market: Marketplace
    instrument: Instrument
    interval: str
    event: str
    kind: Kind = "trade"
    named: Row = field(default_factory=dict)
    zone_ms: int = 0
    told: Row = field(default_factory=dict)

    def frames(self, now_ms: int) -> list[str]:
        """What changed."""
        out = []
        bars = self.market.line(self.instrument).bars[self.kind].rows(self.interval, 0, now_ms, 2, self.zone_ms)
        for bar in bars:
            closes_ms = closing_ms(bar.opened_ms, self.interval, self.zone_ms)
            is_closed = closes_ms <= now_ms
            if is_closed and (self.told.get("t") != bar.opened_ms or self.told["x"]):
                continue
            row = self._row(bar, closes_ms - 1, is_closed=is_closed)
            if row != self.told:
                self.told = row
                out.append(text_of({"e": self.event, "E": now_ms, **self.named, "k": row}))
        return out

    def _row(self, bar: Bar, ends_ms: int, *, is_closed: bool) -> Row:
        one, is_traded = self.instrument, self.kind == "trade"
        figure: Callable[[int], str] = (
            (lambda value: price(one, value)) if is_traded else (lambda value: fixed(value, 8))
        )
        return {
            "t": bar.opened_ms,
            "T": ends_ms,
            "s": one.name if self.kind != "index" else pair_of(one),
            "i": self.interval,
            "f": bar.first_id or -1,
            "L": bar.last_id or -1,
            "o": figure(bar.open),
            "c": figure(bar.close),
            "h": figure(bar.high),
            "l": figure(bar.low),
            "v": quantity(one, bar.volume) if is_traded else "0",
            "n": bar.trades,
            "x": is_closed,
            "q": turnover(one, bar.turnover) if is_traded else "0",
            "V": quantity(one, bar.bought) if is_traded else "0",
            "Q": turnover(one, bar.bought_worth) if is_traded else "0",
            "B": "0",
        }


@dataclass(slots=True)
class Each:
    """A stream that builds a row of one instrument; it is sent when anything but its times has changed."""

    instrument: Instrument
    build: Build
    is_always: bool = False
    told: Row = field(default_factory=dict)

    def frames(self, now_ms: int) -> list[str]:
        """The row, or nothing."""
        row = self.build(self.instrument, now_ms)
        if row is None or (not self.is_always and _same(row, self.told)):
            return []
        self.told = row
        return [text_of(row)]


@dataclass(slots=True)
class Every:
    """A stream of a list of rows: of those that have changed, or always of all."""

    instruments: Sequence[Instrument]
    build: Build
    is_always: bool = False
    told: dict[str, Row] = field(default_factory=dict)

    def frames(self, now_ms: int) -> list[str]:
        """One list, unless it would be empty."""
        rows = []
        for one in self.instruments:
            row = self.build(one, now_ms)
            if row is not None and (self.is_always or not _same(row, self.told.get(one.name, {}))):
                self.told[one.name] = row
                rows.append(row)
        return [text_of(rows)] if rows else []


def _same(row: Row, before: Row) -> bool:
    return all(before.get(name) == value for name, value in row.items() if name not in _TIMES)


_TIMES = frozenset({"E", "O", "C"})


class TickerRows:
    """Builds the rows of one market's tickers, marks and indices."""

    def __init__(self, market: Marketplace) -> None:
        self._market = market
        self._desk = market.desk
        self._is_coinm = market.desk.market == "coinm"

    def mini(self, instrument: Instrument, now_ms: int) -> Row | None:
        """24hrMiniTicker."""
        window = self._market.window(instrument)
        if window is None:
            return None
        bar = window.bar
        return {
            "e": "24hrMiniTicker",
            "E": now_ms,
            "s": instrument.name,
            **self._pair(instrument),
            "c": price(instrument, bar.close),
            "o": price(instrument, bar.open),
            "h": price(instrument, bar.high),
            "l": price(instrument, bar.low),
            "v": window.volume,
            "q": window.turnover,
        }

    def day(self, instrument: Instrument, now_ms: int) -> Row | None:
        """24hrTicker."""
        row = self._window(instrument, now_ms, DAY_MS, "24hrTicker")
        if row is None or not self._desk.is_spot:
            return row
        bid, bid_quantity, ask, ask_quantity = self._desk.exchange.top(instrument.key)
        return {
            **row,
            "x": row["o"],
            "b": price(instrument, bid),
            "B": quantity(instrument, bid_quantity),
            "a": price(instrument, ask),
            "A": quantity(instrument, ask_quantity),
        }

    def rolling(self, instrument: Instrument, now_ms: int, name: str) -> Row | None:
        """The statistics of a window of 1h, 4h or 1d."""
        row = self._window(instrument, now_ms, WINDOWS[name], f"{name}Ticker")
        if row is not None:
            del row["Q"]
        return row

    def _window(self, instrument: Instrument, now_ms: int, span_ms: int, event: str) -> Row | None:
        window = self._market.window(instrument, span_ms)
        if window is None:
            return None
        bar = window.bar
        return {
            "e": event,
            "E": now_ms,
            "s": instrument.name,
            **self._pair(instrument),
            "p": window.change,
            "P": window.change_percent,
            "w": window.average,
            "c": price(instrument, bar.close),
            "Q": quantity(instrument, window.last_quantity),
            "o": price(instrument, bar.open),
            "h": price(instrument, bar.high),
            "l": price(instrument, bar.low),
            "v": window.volume,
            "q": window.turnover,
            "O": window.opens_ms,
            "C": window.closes_ms,
            "F": window.first_id,
            "L": window.last_id,
            "n": bar.trades,
        }

    def average(self, instrument: Instrument, now_ms: int) -> Row | None:
        """The average price of the last five minutes."""
        line = self._market.line(instrument)
        bar = line.bars["trade"].span(now_ms, AVERAGE_MINUTES * MINUTE_MS)
        if bar is None:
            return None
        return {
            "e": "avgPrice",
            "E": now_ms,
            "s": instrument.name,
            "i": f"{AVERAGE_MINUTES}m",
            "w": fixed(average_price(instrument, bar), 8),
            "T": line.trades[-1].time_ms if line.trades else line.quoted_ms,
        }

    def mark(self, instrument: Instrument, now_ms: int) -> Row | None:
        """markPriceUpdate: for a dated contract without a rate."""
        told = self._market.mark(instrument)
        is_perpetual = instrument.funding is not None
        return {
            "e": "markPriceUpdate",
            "E": now_ms,
            "s": instrument.name,
            "p": fixed(told.mark, 8),
            "P": fixed(told.index, 8),
            "i": fixed(told.index, 8),
            "r": fixed(told.rate, 8) if is_perpetual else "",
            "T": self._desk.wire(told.next_funding_ms) if is_perpetual else 0,
        }

    def index(self, instrument: Instrument, now_ms: int) -> Row | None:
        """The index of a pair."""
        told = self._market.mark(instrument)
        return {"e": "indexPriceUpdate", "E": now_ms, "i": pair_of(instrument), "p": fixed(told.index, 8)}

    def _pair(self, instrument: Instrument) -> Row:
        return {"ps": pair_of(instrument)} if self._is_coinm else {}
