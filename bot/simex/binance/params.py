"""Reading a request's parameters the way Binance does, refusals included.

The query string wins over the body when both carry a parameter; a parameter repeated inside one of them is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote_plus

from bot.simex.binance.errors import DUPLICATE_PARAMETER, VenueError, illegal, missing, venue_error

PARAMETERS_MAX = 100
DIGITS_MAX = 40
MICROSECONDS_FROM = 10**15
_DECIMAL_LEGAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER_LEGAL = r"^[0-9]{1,20}$"


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        name = unquote_plus(name)
        if name in found:
            raise venue_error(DUPLICATE_PARAMETER)
        found[name] = unquote_plus(value)
        if len(found) > PARAMETERS_MAX:
            raise VenueError(-1101, f"Too many parameters; expected '{PARAMETERS_MAX}' and received more.")
    return found


class Params:
    """The parameters of one request, read by name and type; what does not fit raises the venue's refusal."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    @classmethod
    def of(cls, query: str, body: str) -> Params:
        """Parse a query string and a form body."""
        return cls({**_pairs(body), **_pairs(query)})

    def __contains__(self, name: str) -> bool:
        return bool(self.values.get(name))

    def text(self, name: str, default: str = "") -> str:
        """An optional string."""
        return self.values.get(name) or default

    def need(self, name: str) -> str:
        """A mandatory string."""
        value = self.values.get(name)
        if not value:
            raise missing(name)
        return value

    def one_of(self, name: str, allowed: Iterable[str], error: VenueError, default: str | None = None) -> str:
        """A string out of a set; absent without a default is a missing parameter."""
        value = self.need(name) if default is None else self.text(name, default)
        if value not in allowed:
            raise error
        return value

    def integer(self, name: str) -> int | None:
        """An optional unsigned integer."""
        value = self.values.get(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= DIGITS_MAX):
            raise illegal(name, _INTEGER_LEGAL)
        return int(value)

    def moment(self, name: str) -> int | None:
        """An optional moment in milliseconds; one that is sent in microseconds is cut."""
        found = self.integer(name)
        return found // 1_000 if found is not None and found >= MICROSECONDS_FROM else found

    def need_integer(self, name: str) -> int:
        """A mandatory unsigned integer."""
        found = self.integer(name)
        if found is None:
            raise missing(name)
        return found

    def limit(self, name: str, default: int, most: int) -> int:
        """A row limit, capped as the venue caps it; zero and absence mean the default."""
        return min(self.integer(name) or default, most)

    def decimal(self, name: str) -> Decimal | None:
        """An optional non-negative decimal number in plain notation."""
        value = self.values.get(name)
        if not value:
            return None
        whole, _, fraction = value.partition(".")
        digits = whole + fraction
        if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX):
            raise illegal(name, _DECIMAL_LEGAL)
        try:
            return Decimal(value)
        except InvalidOperation:
            raise illegal(name, _DECIMAL_LEGAL) from None

    def need_decimal(self, name: str) -> Decimal:
        """A mandatory decimal number."""
        found = self.decimal(name)
        if found is None:
            raise missing(name)
        return found

    def boolean(self, name: str, default: bool = False) -> bool:
        """An optional "true" or "false"."""
        value = self.text(name, "true" if default else "false").lower()
        if value not in ("true", "false"):
            raise illegal(name, "^(true|false)$")
        return value == "true"
