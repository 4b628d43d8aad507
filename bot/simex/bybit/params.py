"""Reading a request's parameters the way Bybit does: strings in a query, JSON values in a body.

A number where the documentation has a string is refused, as at the venue; an integer or a boolean may come as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from bot.simex.bybit.errors import invalid
from bot.simex.core.numbers import money, scaled

PARAMETERS_MAX = 200
DIGITS_MAX = 30
TEXT_MAX = 5_000
DAY_MS = 86_400_000


def query_values(query: str) -> dict[str, Any]:
    """The parameters of a query string; the last of a repeated one counts."""
    pairs = [pair for pair in query.split("&") if pair]
    if len(pairs) > PARAMETERS_MAX:
        raise invalid("too many parameters")
    found: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        found[unquote_plus(name)] = unquote_plus(value)
    return found


def body_values(body: bytes) -> dict[str, Any]:
    """The parameters of a JSON body, which must be an object."""
    if not body.strip():
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(found, dict):
        raise invalid("the body is not a JSON object")
    return found


class Params:
    """The parameters of one request, read by name and type; what does not fit raises the venue's refusal."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        """An optional string."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        if not isinstance(value, str) or len(value) > TEXT_MAX:
            raise invalid(f"{name} invalid")
        return value

    def need(self, name: str) -> str:
        """A mandatory string."""
        found = self.text(name)
        if not found:
            raise invalid(f"{name} is required")
        return found

    def one_of(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        """A string out of a set; absent without a default it is missing."""
        value = self.need(name) if default is None else self.text(name, default)
        if value not in allowed:
            raise invalid(f"{name} invalid")
        return value

    def integer(self, name: str) -> int | None:
        """An optional unsigned integer, as a number or as text."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**DIGITS_MAX:
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= DIGITS_MAX:
            return int(value)
        raise invalid(f"{name} invalid")

    def need_integer(self, name: str) -> int:
        """A mandatory unsigned integer."""
        found = self.integer(name)
        if found is None:
            raise invalid(f"{name} is required")
        return found

    def limit(self, default: int, most: int) -> int:
        """The rows of a page: `limit`, from 1 to `most`."""
        found = self.integer("limit")
        if found is None:
            return default
        if not 1 <= found <= most:
            raise invalid(f"limit should be from 1 to {most}")
        return found

    def flag(self, name: str) -> bool:
        """An optional boolean, false when absent."""
        value = self.values.get(name)
        if value in (None, "", False, "false"):
            return False
        if value is True or value == "true":
            return True
        raise invalid(f"{name} invalid")

    def decimal(self, name: str, *, signed: bool = False) -> Decimal | None:
        """An optional plain decimal number, which comes as text."""
        text = self.text(name)
        return plain_decimal(name, text, signed=signed) if text else None

    def quantity(self, name: str) -> int:
        """An optional price or quantity of 1e-8; 0 when absent."""
        found = self.decimal(name)
        return 0 if found is None else _exact(name, found, scaled)

    def money(self, name: str) -> int:
        """An optional amount of an asset, as the core's money; 0 when absent."""
        found = self.decimal(name)
        return 0 if found is None else _exact(name, found, money)


def plain_decimal(name: str, text: str, *, signed: bool = False) -> Decimal:
    """A number in plain notation, without exponent, spaces or signs that are not asked for."""
    digits = text.removeprefix("-") if signed else text
    whole, dot, fraction = digits.partition(".")
    both = whole + fraction
    if not (both.isascii() and both.isdigit() and len(both) <= DIGITS_MAX) or (dot and not (whole and fraction)):
        raise invalid(f"{name} invalid")
    return Decimal(text)


def _exact(name: str, value: Decimal, convert: Any) -> int:
    try:
        whole: int = convert(value)
    except ValueError:
        raise invalid(f"{name} has too many decimals") from None
    return whole


def period(params: Params, now_ms: int, span_ms: int) -> tuple[int, int]:
    """`startTime` and `endTime`, each filled in from the other, or the last `span_ms`; never further apart."""
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is None and end is None:
        return now_ms - span_ms, now_ms
    if start is None:
        assert end is not None
        return end - span_ms, end
    if end is None:
        return start, start + span_ms
    if not 0 <= end - start <= span_ms:
        raise invalid(f"The time range between startTime and endTime cannot exceed {span_ms // DAY_MS} days")
    return start, end
