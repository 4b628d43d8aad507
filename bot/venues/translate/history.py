"""Binance's tales of the past -> domain values: candles, settled funding rates, open interest.

Candles and open interest are statistics, so their numbers become floats; rates are money and stay exact.
"""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from typing import Any

import msgspec

from bot.domain.snapshot import Bar
from bot.domain.units import HOUR_NS, MILLISECOND_NS, Nanos

DEFAULT_INTERVAL_NS = 8 * HOUR_NS
"""What the venue does not list among its exceptions settles every eight hours."""


class _Rate(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    funding_time: int
    funding_rate: Decimal


class _Exception(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    funding_interval_hours: Decimal
    adjusted_funding_rate_cap: Decimal
    adjusted_funding_rate_floor: Decimal


class _Interest(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    sum_open_interest: Decimal
    timestamp: int


class FundingRule(msgspec.Struct, frozen=True):
    """How a symbol's funding differs from the venue's default."""

    interval_ns: int
    cap: Decimal
    floor: Decimal


_KLINES = msgspec.json.Decoder(list[list[Any]])
_RATES = msgspec.json.Decoder(list[_Rate])
_EXCEPTIONS = msgspec.json.Decoder(list[_Exception])
_INTEREST = msgspec.json.Decoder(list[_Interest])


def klines(body: bytes) -> tuple[Bar, ...]:
    """Candles, oldest first. Raises ValueError for one that cannot be: not positive, or out of order."""
    bars = tuple(_bar(row) for row in _KLINES.decode(body))
    if any(later.opened_ns <= bar.opened_ns for bar, later in itertools.pairwise(bars)):
        raise ValueError("candles are not in the order of their time")
    return bars


def _bar(row: list[Any]) -> Bar:
    if len(row) < 6 or not isinstance(row[0], int):
        raise ValueError("a candle without its time, prices and volume")
    first, high, low, last, volume = (float(one) for one in row[1:6])
    finite = all(math.isfinite(one) for one in (first, high, low, last, volume))
    if not (finite and 0 < low <= min(first, last) and max(first, last) <= high and volume >= 0):
        raise ValueError("a candle whose prices cannot be")
    return Bar(Nanos(row[0] * MILLISECOND_NS), first, high, low, last, volume)


def funding_rates(body: bytes) -> tuple[tuple[Nanos, Decimal], ...]:
    """Settled rates (time, rate), oldest first. Raises ValueError for one that is no number."""
    rows = sorted(_RATES.decode(body), key=lambda row: row.funding_time)
    if any(not row.funding_rate.is_finite() for row in rows):
        raise ValueError("a funding rate is no number")
    return tuple((Nanos(row.funding_time * MILLISECOND_NS), row.funding_rate) for row in rows)


def funding_rules(body: bytes) -> dict[str, FundingRule]:
    """What differs from the default, by symbol. Raises ValueError for an interval that cannot be."""
    rules = {}
    for row in _EXCEPTIONS.decode(body):
        interval_ns = int(row.funding_interval_hours * HOUR_NS) if row.funding_interval_hours.is_finite() else 0
        if interval_ns <= 0:
            raise ValueError(f"{row.symbol}: no funding interval")
        rules[row.symbol] = FundingRule(interval_ns, row.adjusted_funding_rate_cap, row.adjusted_funding_rate_floor)
    return rules


def open_interest(body: bytes) -> tuple[tuple[Nanos, Decimal], ...]:
    """Open contracts (time, contracts), oldest first. Raises ValueError for what is no number."""
    rows = sorted(_INTEREST.decode(body), key=lambda row: row.timestamp)
    if any(not row.sum_open_interest.is_finite() or row.sum_open_interest < 0 for row in rows):
        raise ValueError("open interest is no number")
    return tuple((Nanos(row.timestamp * MILLISECOND_NS), row.sum_open_interest) for row in rows)
