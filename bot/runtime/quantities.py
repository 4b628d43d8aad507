"""Quantities as people write them: a number and its unit, "15 bps", "2 s", "25000 USDT", "0.01 BTC".

Pure functions from what a config file holds to exact values; `bot.runtime.fields` puts them into the models.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.runtime.problems import closest

DIGITS_MAX = 30
MAGNITUDE_MAX = 18

PERCENT = "%"
POINTS = "pp"
BASIS_POINTS = "bps"
COINS = "coins"

DURATIONS_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": MILLISECOND_NS,
    "s": SECOND_NS,
    "min": 60 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
}
SHARES = {PERCENT: Decimal("0.01"), BASIS_POINTS: Decimal("0.0001"), "": Decimal(1)}

_SYNONYMS = {
    "m": "min", "mins": "min", "minute": "min", "minutes": "min", "hour": "h", "hours": "h", "day": "d", "days": "d",
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "millis": "ms", "msec": "ms",
    "bp": "bps", "bip": "bps", "bips": "bps", "percent": "%", "pct": "%", "pc": "%", "points": "pp", "coin": "coins",
}  # fmt: skip
_QUANTITY = re.compile(
    r"\s*([+-]?(?:\d[\d_]*)?\.?\d+(?:[eE][+-]?\d{1,2})?)\s*([A-Za-z%][A-Za-z0-9%]*(?: [a-z]+)?)?\s*", re.ASCII
)


@dataclass(frozen=True)
class Misread(Exception):
    """A text that is not what was asked for: what is wrong, what is allowed, and what was probably meant."""

    what: str
    allowed: str
    meant: str | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of coins, of currency or of parts. The unit is as written; empty stands for the quote currency."""

    value: Decimal
    unit: str = ""

    def __str__(self) -> str:
        """As it is written in a config."""
        return f"{plain(self.value)} {self.unit}".rstrip()


def plain(value: Decimal) -> str:
    """A decimal without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(text: str, allowed: str) -> Decimal:
    """An exact number of bounded size."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Misread("not a number", allowed) from None
    if len(value.as_tuple().digits) > DIGITS_MAX or (value and abs(value.adjusted()) > MAGNITUDE_MAX):
        raise Misread(f"a number of more than {DIGITS_MAX} digits or beyond 10^{MAGNITUDE_MAX}", allowed)
    return value


def quantity(raw: object, allowed: str) -> Amount:
    """A number with its unit; the unit is empty where none stands."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal):
        raise Misread("not a number with a unit", allowed)
    found = _QUANTITY.fullmatch(str(raw)) if isinstance(raw, str) else None
    if isinstance(raw, str) and found is None:
        comma = "; write it without commas" if re.search(r"\d,\d", raw) else ""
        raise Misread(f"not a number with a unit{comma}", allowed)
    text, unit = (found.group(1), found.group(2) or "") if found else (str(raw), "")
    return Amount(number(text.replace("_", ""), allowed), unit)


def _wrong_unit(given: Amount, units: tuple[str, ...], allowed: str) -> Misread:
    if not given.unit:
        return Misread("a number without a unit", allowed)
    meant = _SYNONYMS.get(given.unit.lower()) or closest(given.unit, units)
    proposal = f"{plain(given.value)} {meant}" if meant in units else None
    return Misread(f"'{given.unit}' is not a unit of this", allowed, proposal)


def duration_ns(raw: object, allowed: str = "a number with ns, us, ms, s, min, h or d") -> int:
    """A duration in whole nanoseconds."""
    given = quantity(raw, allowed)
    if given.unit not in DURATIONS_NS:
        raise _wrong_unit(given, tuple(DURATIONS_NS), allowed)
    nanoseconds = given.value * DURATIONS_NS[given.unit]
    if nanoseconds != int(nanoseconds):
        raise Misread("finer than a nanosecond", allowed)
    return int(nanoseconds)


def bps(raw: object, allowed: str = "a number with bps or %") -> Decimal:
    """Hundredths of a per cent."""
    given = quantity(raw, allowed)
    if given.unit not in (BASIS_POINTS, PERCENT):
        raise _wrong_unit(given, (BASIS_POINTS, PERCENT), allowed)
    return given.value if given.unit == BASIS_POINTS else given.value * 100


def share(raw: object, allowed: str = "a number, or one with %") -> Decimal:
    """A plain ratio: 0.5, or 50 %."""
    given = quantity(raw, allowed)
    if given.unit not in ("", PERCENT):
        raise _wrong_unit(given, (PERCENT,), allowed)
    return given.value * SHARES[given.unit]


def count(raw: object, allowed: str = "a whole number") -> int:
    """A whole number."""
    given = quantity(raw, allowed)
    if given.unit or given.value != int(given.value):
        raise Misread("not a whole number", allowed)
    return int(given.value)


def with_unit(raw: object, allowed: str) -> Amount:
    """A number that must carry a unit, whichever: the unit is judged where the portfolio's own units are known."""
    given = quantity(raw, allowed)
    if not given.unit:
        raise _wrong_unit(given, (), allowed)
    return Amount(given.value, _spelt(given.unit))


def _spelt(unit: str) -> str:
    return unit.lower() if unit.lower() in (POINTS, COINS, BASIS_POINTS) else unit


def written_duration(nanoseconds: int) -> str:
    """A duration in the largest unit that holds it as a whole number: 2 s, 100 ms."""
    for unit, size in reversed(DURATIONS_NS.items()):
        if nanoseconds % size == 0 and nanoseconds:
            return f"{nanoseconds // size} {unit}"
    return "0 s"
