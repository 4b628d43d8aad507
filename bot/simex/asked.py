"""Reading what the control API is asked: a value by name and kind, or one line that says what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any


class NotAllowed(Exception):
    """The control API was asked for something it cannot do; the text says what is allowed."""


def text(body: Mapping[str, Any], name: str, default: str | None = None, allowed: tuple[str, ...] = ()) -> str:
    """A string, out of `allowed` where that is given."""
    value = body.get(name, default)
    if not isinstance(value, str) or not value:
        raise NotAllowed(f"{name}: a string is needed")
    if allowed and value not in allowed:
        raise NotAllowed(f"{name} {value!r}: allowed are {', '.join(allowed)}")
    return value


def decimal(body: Mapping[str, Any], name: str) -> Decimal:
    """A finite number."""
    try:
        value = Decimal(str(body[name]))
    except (KeyError, InvalidOperation):
        raise NotAllowed(f"{name}: a number is needed, best as a string") from None
    if not value.is_finite():
        raise NotAllowed(f"{name}: a finite number is needed")
    return value


def positive(body: Mapping[str, Any], name: str) -> Decimal:
    """A number above zero."""
    value = decimal(body, name)
    if value <= 0:
        raise NotAllowed(f"{name} {value}: allowed is more than 0")
    return value


def optional_decimal(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A finite number, or None where there is none."""
    return None if body.get(name) is None else decimal(body, name)


def mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; empty where there is none."""
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise NotAllowed(f"{name}: an object of amounts by asset is needed")
    return value


def integer(body: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    """A whole number between two bounds."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise NotAllowed(f"{name} {value!r}: allowed is {least} to {most}")
    return value


def flag(body: Mapping[str, Any], name: str) -> bool:
    """True or false."""
    value = body[name]
    if not isinstance(value, bool):
        raise NotAllowed(f"{name} {value!r}: true or false is needed")
    return value


def query_integer(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of a query string."""
    value = query.get(name, "")
    if value and not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise NotAllowed(f"{name} {value!r}: a whole number is needed")
    return int(value) if value else default
