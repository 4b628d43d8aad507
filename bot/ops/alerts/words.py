"""Numbers and moments in words for people, and texts of others made harmless.

Quantities are exact as far as they have eight decimals, prices keep their tick. What is not known is `?`, never zero.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.runtime.problems import one_line

UNKNOWN = "?"
COIN_DECIMALS = 8
PRICE_DECIMALS_MIN = 2
PRICE_DIGITS = 7
"""Significant digits of an average price, unless its tick asks for more decimals."""
TITLE_CHARS_MAX = 120
LINE_CHARS_MAX = 300
CUT = "..."
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400

# What a chat service could take for a tag, a link, a mention, code or a hidden text.
_SUSPECT = frozenset("<>`|(/@")
"""Without one of these there is nothing to look for: most texts are our own."""
_MARKUP = re.compile(r"[<`]|^>|\|\||(?<=\])\(|(?<=:)//|@(?=everyone|here|channel|all)", re.IGNORECASE)


def number(value: Decimal | None, *, signed: bool = False) -> str:
    """A quantity: thousands apart, at most eight decimals, no trailing zeros."""
    if value is None:
        return UNKNOWN
    if not value.is_finite():
        return str(value).lower()
    text = f"{value:{_sign(signed=signed)},.{COIN_DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "+0") else text


def coins(amount: Decimal | None, asset: str, *, signed: bool = False) -> str:
    """Coins with their name: `0.416 BTC`."""
    return f"{number(amount, signed=signed)} {asset}"


def price(value: Decimal | None, tick: Decimal) -> str:
    """A price with its tick's decimals, at least two; an average between ticks keeps up to seven digits."""
    if value is None:
        return UNKNOWN
    exponent = tick.normalize().as_tuple().exponent
    least = max(-exponent if isinstance(exponent, int) else 0, PRICE_DECIMALS_MIN)
    most = max(least, PRICE_DIGITS - 1 - value.adjusted())
    whole, _, decimals = f"{value:,.{most}f}".partition(".")
    return f"{whole}.{decimals[:least]}{decimals[least:].rstrip('0')}"


def money(amount: Decimal | None, quote: str, *, signed: bool = False) -> str:
    """Quote currency: two decimals, more where an amount is smaller than a cent."""
    if amount is None:
        return f"{UNKNOWN} {quote}"
    if 0 < abs(amount) < Decimal("0.01"):
        return f"{number(amount, signed=signed)} {quote}"
    text = f"{amount:{_sign(signed=signed)},.2f}"
    return f"{'0.00' if text in ('-0.00', '+0.00') else text} {quote}"


def bps(value: Decimal | None, decimals: int = 1) -> str:
    """Basis points, signed: > 0 is a cost."""
    if value is None:
        return f"{UNKNOWN} bps"
    text = f"{value:+,.{decimals}f}"
    return f"{text if text.strip('+-0.,') else text.lstrip('+-')} bps"


def percent(ratio: Decimal | None, decimals: int = 2) -> str:
    """A ratio as a percentage."""
    if ratio is None:
        return UNKNOWN
    return f"{ratio * 100:,.{decimals}f} %" if ratio.is_finite() else str(ratio).lower()


def duration(nanos: int) -> str:
    """How long: `40 ms`, `4.2 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`."""
    if nanos < SECOND_NS:
        return f"{max(nanos, 0) // MILLISECOND_NS} ms"
    seconds = nanos // SECOND_NS
    if seconds < MINUTE_S:
        return f"{nanos / SECOND_NS:.1f} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S} min {seconds % MINUTE_S:02d} s"
    if seconds < 2 * DAY_S:
        return f"{seconds // HOUR_S} h {seconds % HOUR_S // MINUTE_S:02d} min"
    return f"{seconds // DAY_S} d {seconds % DAY_S // HOUR_S} h"


def moment(at_ns: int, now_ns: int | None = None) -> str:
    """A time of day in UTC; with the date where it is not today's (`now_ns`)."""
    at = datetime.fromtimestamp(at_ns // SECOND_NS, UTC)
    today = now_ns is not None and at.date() == datetime.fromtimestamp(now_ns // SECOND_NS, UTC).date()
    return f"{at:%H:%M} UTC" if today else f"{at:%Y-%m-%d %H:%M} UTC"


def size(octets: int) -> str:
    """Bytes in binary units."""
    value = Decimal(octets)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def listed(names: Iterable[str]) -> str:
    """Names in a row: `BTC, ETH and SOL`."""
    *first, last = [*names] or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


def harmless(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """One bounded line of which no part is an order to a terminal or markup to a chat service."""
    shown = text if _SUSPECT.isdisjoint(text) else _MARKUP.sub(_escaped, text)
    shown = shown if shown.isprintable() else one_line(shown)
    return shown if len(shown) <= chars_max else shown[: chars_max - len(CUT)] + CUT


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\x{ord(c):02x}" for c in found.group())


def _sign(*, signed: bool) -> str:
    return "+" if signed else "-"
