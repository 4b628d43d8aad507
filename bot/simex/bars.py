"""Bars of one price: what came before the exchange opened is made up, what comes after is observed.

The made-up past is a random walk that ends at the first price seen. It depends on the name and on the time only, so two
starts in the same hour tell the same past, up to the price that it ends at. Prices are integers of 1e-8. Observed bars
are kept by the minute, and for a while by the second.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
LIVE_SECONDS_MAX: Final = 3_600
LIVE_MINUTES_MAX: Final = 10_000
PAST_HOURS_MAX: Final = 30_000
HOURLY_SIGMA: Final = 0.006
BUSY_SIGMA: Final = 0.4
TRADES_AN_HOUR: Final = 1_200
MINUTES: Final = 60
# 1970-01-01 was a Thursday, and weeks begin on Monday.
_MONDAY_MS: Final = 4 * DAY_MS
MONTH: Final = "1M"
_UNITS: Final = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
INTERVALS: Final = {
    **{name: int(name[:-1]) * _UNITS[name[-1]] for name in "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d".split()},
    "1w": WEEK_MS,
    MONTH: 31 * DAY_MS,
}
# The volume and the worth of an average hour at a price.
Usual = Callable[[int], tuple[int, int]]


@dataclass(slots=True)
class Bar:
    """When it opens (ms), its prices of 1e-8, what was traded: volume of 1e-8, turnover as money, number of trades.

    `bought` and `bought_worth` are the part in which the buyer was the taker; the ids are those of the first and the
    last trade, 0 without one.
    """

    opened_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0
    trades: int = 0
    bought: int = 0
    bought_worth: int = 0
    first_id: int = 0
    last_id: int = 0

    def see(self, price: int) -> None:
        """Take in a price of this bar's time."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price

    def trade(self, volume: int, worth: int, trade_id: int, *, bought: bool) -> None:
        """Take in what was traded at the price seen last."""
        self.volume += volume
        self.turnover += worth
        self.trades += 1
        if bought:
            self.bought += volume
            self.bought_worth += worth
        self.first_id = self.first_id or trade_id
        self.last_id = trade_id

    def join(self, later: Bar) -> None:
        """Take in the bar that follows."""
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close
        self.volume += later.volume
        self.turnover += later.turnover
        self.trades += later.trades
        self.bought += later.bought
        self.bought_worth += later.bought_worth
        self.first_id = self.first_id or later.first_id
        self.last_id = later.last_id or self.last_id


def opening_ms(time_ms: int, interval: str, zone_ms: int = 0) -> int:
    """When the bar of an interval that holds a moment opened; days begin at midnight of a zone so far east of UTC."""
    if interval == MONTH:
        moment = datetime.fromtimestamp((time_ms + zone_ms) / 1000, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * 1000 - zone_ms
    width = INTERVALS[interval]
    shift = (_MONDAY_MS if width == WEEK_MS else 0) - zone_ms
    return (time_ms - shift) // width * width + shift


def closing_ms(opened_ms: int, interval: str, zone_ms: int = 0) -> int:
    """When the next bar opens."""
    return opening_ms(opened_ms + INTERVALS[interval] + (DAY_MS if interval == MONTH else 0), interval, zone_ms)


class Bars:
    """The bars of one price.

    `signed` prices may cross zero (a premium): their past is flat. `usual` gives the made-up past its volumes; without
    it nothing was traded then. Made-up prices lie on the grid of `tick` (of 1e-8).
    """

    def __init__(self, name: str, *, signed: bool = False, usual: Usual | None = None, tick: int = 1) -> None:
        self._name = name
        self._tick = tick
        self._signed = signed
        self._usual = usual
        self._seconds: deque[Bar] = deque(maxlen=LIVE_SECONDS_MAX)
        self._live: deque[Bar] = deque(maxlen=LIVE_MINUTES_MAX)
        self._first: Bar | None = None
        self._hours: list[Bar] = []

    @property
    def last(self) -> int:
        """The price seen last; 0 before any."""
        return self._live[-1].close if self._live else 0

    def see(self, time_ms: int, price: int) -> None:
        """A price at a moment."""
        _bar(self._seconds, time_ms, SECOND_MS, price).see(price)
        _bar(self._live, time_ms, MINUTE_MS, price).see(price)
        if self._first is None:
            self._first = replace(self._live[0])

    def trade(self, time_ms: int, price: int, volume: int, worth: int, trade_id: int, *, bought: bool) -> None:
        """A trade at a moment."""
        self.see(time_ms, price)
        self._seconds[-1].trade(volume, worth, trade_id, bought=bought)
        self._live[-1].trade(volume, worth, trade_id, bought=bought)

    def rows(self, interval: str, first_ms: int, last_ms: int, limit: int, zone_ms: int = 0) -> list[Bar]:
        """The newest `limit` bars that open from `first_ms` to `last_ms`, oldest first; none before any price.

        They are aligned to a zone so far east of UTC, in whole minutes.
        """
        width = INTERVALS[interval]
        first_ms = opening_ms(max(first_ms, last_ms - (limit + 1) * width, 0), interval, zone_ms)
        end_ms = closing_ms(opening_ms(last_ms, interval, zone_ms), interval, zone_ms)
        # Bars of a zone that is not whole hours away are put together from minutes.
        fine = min(width, MINUTE_MS) if zone_ms % HOUR_MS else width
        out: list[Bar] = []
        for bar in self._between(first_ms, end_ms, fine):
            opened_ms = opening_ms(bar.opened_ms, interval, zone_ms)
            if out and out[-1].opened_ms == opened_ms:
                out[-1].join(bar)
            else:
                _fill(out, opened_ms, interval, zone_ms)
                out.append(replace(bar, opened_ms=opened_ms))
        if out:
            _fill(out, end_ms, interval, zone_ms)
        return [bar for bar in out if first_ms <= bar.opened_ms <= last_ms][-limit:]

    def span(self, now_ms: int, span_ms: int) -> Bar | None:
        """One bar over the time up to now, or None before any price."""
        whole: Bar | None = None
        for bar in self._between(now_ms - span_ms, now_ms + MINUTE_MS, min(span_ms, HOUR_MS)):
            if whole is None:
                whole = replace(bar)
            else:
                whole.join(bar)
        return whole

    def _between(self, first_ms: int, end_ms: int, width_ms: int) -> Iterator[Bar]:
        """Bars no wider than `width_ms` that open within the time, oldest first: made up, then seen."""
        first = self._first
        if first is None:
            return
        if width_ms < MINUTE_MS:
            yield from (bar for bar in self._seconds if first_ms <= bar.opened_ms < end_ms)
            return
        if first_ms < first.opened_ms:
            for bar in self._past(first, first_ms, end_ms, fine=width_ms < HOUR_MS):
                if first_ms <= bar.opened_ms < min(end_ms, first.opened_ms):
                    yield bar
        for bar in self._live:
            if first_ms <= bar.opened_ms < end_ms:
                yield bar

    def _past(self, first: Bar, first_ms: int, end_ms: int, *, fine: bool) -> Iterator[Bar]:
        self._extend(first, first_ms)
        # Hours are kept newest first: those are needed that hold `first_ms` up to before `end_ms`.
        newest_ms = self._hours[0].opened_ms
        newest = max(0, (newest_ms - end_ms) // HOUR_MS + 1)
        oldest = max(0, (newest_ms - first_ms) // HOUR_MS + 2)
        for hour in reversed(self._hours[newest:oldest]):
            if fine or hour.opened_ms + HOUR_MS > first.opened_ms:
                yield from self._minutes(hour, first.opened_ms)
            else:
                yield replace(hour)

    def _extend(self, first: Bar, first_ms: int) -> None:
        """Make up hours, newest first, back to a moment."""
        opened_ms = self._hours[-1].opened_ms if self._hours else -(-first.opened_ms // HOUR_MS) * HOUR_MS
        close = self._hours[-1].open if self._hours else first.open
        while not self._hours or (opened_ms > first_ms and len(self._hours) < PAST_HOURS_MAX):
            opened_ms -= HOUR_MS
            draw = random.Random(f"{self._name}:{opened_ms}")
            move, reach = draw.gauss(0.0, HOURLY_SIGMA), abs(draw.gauss(0.0, HOURLY_SIGMA)) / 4
            start = close if self._signed else self._on_grid(close * math.exp(-move))
            high, low = max(start, close), min(start, close)
            if not self._signed:
                high, low = max(self._on_grid(high * (1 + reach)), high), min(self._on_grid(low * (1 - reach)), low)
            bar = Bar(opened_ms, start, high, low, close)
            self._make_trades(bar, math.exp(draw.gauss(0.0, BUSY_SIGMA)))
            self._hours.append(bar)
            close = start

    def _on_grid(self, price: float) -> int:
        return max(round(price / self._tick), 1) * self._tick

    def _make_trades(self, bar: Bar, busy: float) -> None:
        if self._usual is None:
            return
        volume, worth = self._usual(bar.close)
        bar.volume, bar.turnover = round(volume * busy), round(worth * busy)
        bar.bought, bar.bought_worth = bar.volume // 2, bar.turnover // 2
        bar.trades = max(round(TRADES_AN_HOUR * busy), 1)

    def _minutes(self, hour: Bar, end_ms: int) -> Iterator[Bar]:
        """An hour in sixty steps that begin and end where it does."""
        count = min(MINUTES, (end_ms - hour.opened_ms) // MINUTE_MS)
        price = hour.open
        for minute in range(count):
            aim = hour.open + (hour.close - hour.open) * (minute + 1) // count
            draw = random.Random(f"{self._name}:{hour.opened_ms}:{minute}").gauss(0.0, 0.1)
            away = 0 if self._signed or minute == count - 1 else round(draw * (hour.high - hour.low))
            close = max(min((aim + away) // self._tick * self._tick, hour.high), hour.low)
            if minute == count - 1:
                close = hour.close
            yield Bar(
                hour.opened_ms + minute * MINUTE_MS,
                price,
                max(price, close),
                min(price, close),
                close,
                hour.volume // MINUTES,
                hour.turnover // MINUTES,
                hour.trades // MINUTES,
                hour.bought // MINUTES,
                hour.bought_worth // MINUTES,
            )
            price = close


def _bar(bars: deque[Bar], time_ms: int, width_ms: int, price: int) -> Bar:
    """The bar of a moment; a new one opens where the last one closed."""
    opened_ms = time_ms - time_ms % width_ms
    if not bars or bars[-1].opened_ms < opened_ms:
        before = bars[-1].close if bars else price
        bars.append(Bar(opened_ms, before, before, before, before))
    return bars[-1]


def _fill(bars: list[Bar], until_ms: int, interval: str, zone_ms: int) -> None:
    """Add the bars in which nothing happened, up to where the next one opens."""
    while bars and (opens_ms := closing_ms(bars[-1].opened_ms, interval, zone_ms)) < until_ms:
        close = bars[-1].close
        bars.append(Bar(opens_ms, close, close, close, close))
