"""Bybit's tales of the past -> domain values: candles, settled funding rates, open interest. All come newest first."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from bot.domain.snapshot import Bar
from bot.domain.units import MILLISECOND_NS, MINUTE_NS, Nanos


class _Klines(msgspec.Struct, frozen=True):
    list: tuple[tuple[str, ...], ...]


class _Rate(msgspec.Struct, frozen=True, rename="camel"):
    funding_rate: Decimal
    funding_rate_timestamp: str


class _Rates(msgspec.Struct, frozen=True):
    list: tuple[_Rate, ...]


class _Interest(msgspec.Struct, frozen=True, rename="camel"):
    open_interest: Decimal
    timestamp: str


class _Interests(msgspec.Struct, frozen=True):
    list: tuple[_Interest, ...]


class _Terms(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    funding_interval: int = 0
    upper_funding_rate: str = ""
    lower_funding_rate: str = ""


class _TermsPage(msgspec.Struct, frozen=True):
    list: tuple[_Terms, ...]


class FundingRule(msgspec.Struct, frozen=True):
    """A contract's funding interval, with cap and floor where the venue states them."""

    interval_ns: int
    cap: Decimal | None
    floor: Decimal | None


def klines(body: bytes) -> tuple[Bar, ...]:
    """Candles, oldest first. Raises ValueError for one that cannot be."""
    bars = sorted((_bar(row) for row in msgspec.json.decode(body, type=_Klines).list), key=lambda bar: bar.opened_ns)
    if len({bar.opened_ns for bar in bars}) != len(bars):
        raise ValueError("two candles of one moment")
    return tuple(bars)


def _bar(row: tuple[str, ...]) -> Bar:
    if len(row) < 6 or not row[0].isdigit():
        raise ValueError("a candle without its time, prices and volume")
    first, high, low, last, volume = (float(one) for one in row[1:6])
    finite = all(math.isfinite(one) for one in (first, high, low, last, volume))
    if not (finite and 0 < low <= min(first, last) and max(first, last) <= high and volume >= 0):
        raise ValueError("a candle whose prices cannot be")
    return Bar(Nanos(int(row[0]) * MILLISECOND_NS), first, high, low, last, volume)


def funding_rates(body: bytes) -> tuple[tuple[Nanos, Decimal], ...]:
    """Settled rates (time, rate), oldest first. Raises ValueError for one that is no number."""
    rows = msgspec.json.decode(body, type=_Rates).list
    if any(not row.funding_rate.is_finite() for row in rows):
        raise ValueError("a funding rate is no number")
    return tuple(sorted((Nanos(int(row.funding_rate_timestamp) * MILLISECOND_NS), row.funding_rate) for row in rows))


def funding_rule(body: bytes, symbol: str) -> FundingRule:
    """A contract's funding terms out of instruments-info, whose interval is in minutes. Raises ValueError."""
    for row in msgspec.json.decode(body, type=_TermsPage).list:
        if row.symbol == symbol and row.funding_interval > 0:
            interval_ns = row.funding_interval * MINUTE_NS
            return FundingRule(interval_ns, _rate(row.upper_funding_rate), _rate(row.lower_funding_rate))
    raise ValueError(f"{symbol}: no funding interval")


def _rate(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def open_interest(body: bytes) -> tuple[tuple[Nanos, Decimal], ...]:
    """Open contracts (time, contracts), oldest first. Raises ValueError for what is no number."""
    rows = msgspec.json.decode(body, type=_Interests).list
    if any(not row.open_interest.is_finite() or row.open_interest < 0 for row in rows):
        raise ValueError("open interest is no number")
    return tuple(sorted((Nanos(int(row.timestamp) * MILLISECOND_NS), row.open_interest) for row in rows))
