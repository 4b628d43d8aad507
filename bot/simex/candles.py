"""Hourly candles and open interest: what was before the exchange opened is made up, what comes after is observed.

The made-up past is a random walk that ends at the first price seen, with the same volatilities and correlations as the
synthetic market, so that a client which warms up on it meets the market it will trade. It depends on the names and the
hours only: two starts in the same hour tell the same past, up to the price that it ends at.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from bot.simex.market.synthetic import DEFAULT_ASSETS, OTHER_ASSET, SECONDS_PER_YEAR
from bot.simex.model import Symbol, SymbolKey

HOUR_MS = 3_600_000
LIVE_HOURS_MAX = 2_000
PAST_HOURS_MAX = 40_000
WICK = 0.25
OPEN_INTEREST_DAYS_OF_VOLUME = 0.5
OPEN_INTEREST_HOURLY = 0.01


@dataclass(slots=True)
class Candle:
    """One bar: when it opens (milliseconds), its prices, and the volume in base coins."""

    opened_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    def see(self, price: float) -> None:
        """Take in a price of this bar's time."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price

    def join(self, later: Candle) -> None:
        """Take in the bar that follows."""
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close
        self.volume += later.volume


class Candles:
    """Owner of every symbol's bars, by (market, name)."""

    def __init__(self) -> None:
        self._live: dict[SymbolKey, deque[Candle]] = {}

    def see(self, symbol: Symbol, price: float, time_ms: int) -> None:
        """A mid price at a moment of the wire's clock."""
        bars = self._live.setdefault(symbol.key, deque(maxlen=LIVE_HOURS_MAX))
        hour_ms = time_ms - time_ms % HOUR_MS
        if not bars or bars[-1].opened_ms < hour_ms:
            bars.append(Candle(hour_ms, price, price, price, price, _volume(symbol, price, hour_ms)))
        bars[-1].see(price)

    def rows(self, symbol: Symbol, hours: int, first_ms: int, until_ms: int) -> list[Candle]:
        """Bars of so many hours that open from `first_ms` to before `until_ms`, oldest first; none before a price."""
        width = hours * HOUR_MS
        out: list[Candle] = []
        for bar in self._hourly(symbol, first_ms - first_ms % width, until_ms):
            opens = bar.opened_ms - bar.opened_ms % width
            if out and out[-1].opened_ms == opens:
                out[-1].join(bar)
            else:
                out.append(Candle(opens, bar.open, bar.high, bar.low, bar.close, bar.volume))
        return [bar for bar in out if bar.opened_ms >= first_ms]

    def open_interest(self, symbol: Symbol, price: float, hour_ms: int) -> float:
        """Contracts open at an hour: about half a day of volume, wandering slowly."""
        level = sum(_normal(f"oi:{symbol.name}", hour_ms // HOUR_MS - back) for back in range(24))
        daily = 24 * _volume(symbol, price, 0)
        return daily * OPEN_INTEREST_DAYS_OF_VOLUME * math.exp(OPEN_INTEREST_HOURLY * level)

    def _hourly(self, symbol: Symbol, first_ms: int, until_ms: int) -> Iterator[Candle]:
        bars = self._live.get(symbol.key)
        if not bars:
            return
        began_ms = bars[0].opened_ms
        earliest_ms = max(first_ms, began_ms - PAST_HOURS_MAX * HOUR_MS)
        for bar in (*self._past(symbol, bars[0].open, began_ms, earliest_ms), *bars):
            if first_ms <= bar.opened_ms < until_ms:
                yield bar

    def _past(self, symbol: Symbol, price: float, began_ms: int, first_ms: int) -> list[Candle]:
        out: list[Candle] = []
        close, opened_ms = price, began_ms - HOUR_MS
        while opened_ms >= first_ms:
            start = close * math.exp(-_hourly_return(symbol, opened_ms))
            reach = WICK * abs(_normal(f"wick:{symbol.name}", opened_ms // HOUR_MS)) * _hourly_sigma(symbol)
            high, low = max(start, close) * (1 + reach), min(start, close) * (1 - reach)
            out.append(Candle(opened_ms, start, high, low, close, _volume(symbol, close, opened_ms)))
            close, opened_ms = start, opened_ms - HOUR_MS
        return out[::-1]


def _normal(name: str, hour: int) -> float:
    return random.Random(f"{name}:{hour}").gauss(0.0, 1.0)


def _hourly_sigma(symbol: Symbol) -> float:
    return DEFAULT_ASSETS.get(symbol.base, OTHER_ASSET).volatility * math.sqrt(3_600 / SECONDS_PER_YEAR)


def _hourly_return(symbol: Symbol, opened_ms: int) -> float:
    model, hour = DEFAULT_ASSETS.get(symbol.base, OTHER_ASSET), opened_ms // HOUR_MS
    common, own = _normal("common", hour), _normal(symbol.base, hour)
    return _hourly_sigma(symbol) * (model.correlation * common + math.sqrt(1 - model.correlation**2) * own)


def _volume(symbol: Symbol, price: float, opened_ms: int) -> float:
    model = DEFAULT_ASSETS.get(symbol.base, OTHER_ASSET)
    busy = math.exp(0.4 * _normal(f"volume:{symbol.name}", opened_ms // HOUR_MS))
    return round(200.0 * model.top_notional / price * busy, 3)
