"""A book lives through a history under one rule: how far it strays from what it should be, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import mul, sub

import msgspec

from bot.lab.bands.history import DAY_HOURS, WARM_UP_HOURS, YEAR_HOURS, Book, History, Row, steps
from bot.lab.bands.rules import Rule, Trades


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A year of a rule.

    `tracking_error` is sqrt(365) times the uncentred RMS of the daily sums of (P&L - sum w NAV r) / NAV, before fees
    and funding; `cost` the sum of k |trade| / NAV a year; `trades` how many orders a year, one for each asset.
    """

    tracking_error: float
    cost: float
    trades: float


class _Account:
    """The coins held and the futures beside them. NAV is in units of what it began with."""

    def __init__(self, history: History, book: Book) -> None:
        self._weights = book.weights
        self._coins = [w / p for w, p in zip(book.weights, history.spot[0], strict=True)]
        self._futures = [0.0] * len(book.weights)
        self._exposure = list(self._coins)
        self._nav = 1.0

    def pass_hour(self, change: Row, basis: Row) -> float:
        """The hour's P&L as a fraction of the NAV before it. `basis` is what the futures gain more than the spot."""
        gain: float = sum(map(mul, self._exposure, change)) + sum(map(mul, self._futures, basis))
        before = self._nav
        self._nav += gain
        return gain / before

    def deviations(self, prices: Row) -> list[float]:
        """Exposure over NAV, less the weight."""
        nav = self._nav
        return [q * p / nav - w for q, p, w in zip(self._exposure, prices, self._weights, strict=True)]

    def trade(self, trades: Sequence[float], prices: Row) -> None:
        """Buy and sell futures, in fractions of NAV."""
        moved = [t * self._nav / p for t, p in zip(trades, prices, strict=True)]
        self._futures = [f + m for f, m in zip(self._futures, moved, strict=True)]
        self._exposure = [q + m for q, m in zip(self._exposure, moved, strict=True)]


def _hours(history: History, book: Book) -> Iterator[tuple[Row, Row, Row, float]]:
    """Of each hour: prices at its end, their change, the basis' change, and the return that was wanted."""
    basis = [tuple(map(sub, f, s)) for f, s in zip(history.futures, history.spot, strict=True)]
    changes = steps(history.spot)
    for now, change, more, before in zip(history.spot[1:], changes, steps(basis), history.spot, strict=False):
        yield now, change, more, sum(w * c / p for w, c, p in zip(book.weights, change, before, strict=True))


def lived(history: History, book: Book, rule: Rule) -> Outcome:
    """Live through it. While warming up, every hour ends on target and nothing counts."""
    account = _Account(history, book)
    last = [0.0] * len(book.weights)
    errors = [0.0] * (history.hours // DAY_HOURS)
    cost, count = 0.0, 0
    for hour, (prices, change, basis, wanted) in enumerate(_hours(history, book), start=1):
        error = account.pass_hour(change, basis) - wanted
        now = account.deviations(prices)
        rule.moved(list(map(sub, now, last)))
        last = now
        if hour <= WARM_UP_HOURS:
            trades: Trades = [-x for x in now]
        else:
            errors[(hour - 1 - WARM_UP_HOURS) // DAY_HOURS] += error
            trades = rule.trades(hour, now)
        if trades is None or not any(trades):
            continue
        account.trade(trades, prices)
        last = [x + t for x, t in zip(now, trades, strict=True)]
        if hour > WARM_UP_HOURS:
            cost += sum(map(mul, book.costs, map(abs, trades)))
            count += sum(1 for t in trades if t)
    years = history.hours / YEAR_HOURS
    square = sum(map(mul, errors, errors)) / len(errors)
    return Outcome(tracking_error=math.sqrt(365 * square), cost=cost / years, trades=count / years)
