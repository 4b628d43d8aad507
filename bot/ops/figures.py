"""Figures as a person reads them. What is not known is shown as `?`, never as zero."""

from datetime import UTC, datetime
from decimal import Decimal

UNKNOWN = "?"
_COIN_DIGITS = 6
_NS = 1_000_000_000


def coins(amount: Decimal | None, signed: bool = False) -> str:
    """Coins or contracts with up to six decimals, trailing zeros removed."""
    if amount is None:
        return UNKNOWN
    text = f"{amount:{_sign(signed)},.{_COIN_DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "+0", "") else text


def price(value: Decimal | None) -> str:
    """A price, with more decimals the smaller it is."""
    if value is None:
        return UNKNOWN
    magnitude = abs(value)
    decimals = 2 if magnitude >= 100 or magnitude == 0 else 4 if magnitude >= 1 else 8
    return f"{value:,.{decimals}f}"


def money(amount: Decimal | None, signed: bool = False) -> str:
    """Quote currency with two decimals."""
    if amount is None:
        return UNKNOWN
    text = f"{amount:{_sign(signed)},.2f}"
    return "0.00" if text in ("-0.00", "+0.00") else text


def bps(value: Decimal | None, signed: bool = True) -> str:
    """Basis points with one decimal."""
    return UNKNOWN if value is None else f"{value:{_sign(signed)},.1f}"


def percent(ratio: Decimal | None, decimals: int = 2, signed: bool = False) -> str:
    """A ratio as a percentage."""
    return UNKNOWN if ratio is None else f"{ratio * 100:{_sign(signed)},.{decimals}f} %"


def age(nanos: int | None) -> str:
    """A short duration: tenths of a second first, then minutes, hours, days."""
    if nanos is None:
        return UNKNOWN
    seconds = nanos / _NS
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} m {int(seconds % 60):02d} s"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} m"
    return f"{int(seconds // 86400)} d {int(seconds % 86400 // 3600)} h"


def countdown(until_ns: int | None, now_ns: int) -> str:
    """How long until a moment; `due` once it is past."""
    if until_ns is None:
        return UNKNOWN
    return age(until_ns - now_ns) if until_ns > now_ns else "due"


def clock(at_ns: int) -> str:
    """The time of day in UTC."""
    return f"{datetime.fromtimestamp(at_ns / _NS, UTC):%H:%M:%S}"


def _sign(signed: bool) -> str:
    return "+" if signed else "-"
