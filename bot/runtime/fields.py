"""How a written quantity becomes a field of a model: each class here is an annotation that reads, bounds and shows it.

A field is declared with its range as text, `Annotated[int, Duration("10 ms", "1 h")]`, and the same text is what a
person sees under "allowed". Errors are `Misread`, carried through pydantic by one error type.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from bot.domain.venues import LINEAR, USDM, VENUES
from bot.runtime.problems import closest
from bot.runtime.quantities import Amount, Misread, bps, count, duration_ns, number, share, with_unit, written_duration

MISREAD = "misread"

NUMBER_PATTERN = r"[+-]?(\d[\d_]*)?\.?\d+([eE][+-]?\d{1,2})?"


class Written:
    """The base: `read` makes the value or raises `Misread`, `show` writes it back, `allowed` says what may stand."""

    allowed: str
    pattern: str = ""
    """The text's form for editors; empty where any text may stand."""

    numeric: bool = False
    """Whether a bare number may stand here too."""

    def read(self, raw: object) -> Any:
        """The value of what the file holds."""
        raise NotImplementedError

    def show(self, value: Any) -> object:
        """The value as a config would hold it."""
        return str(value)

    def schema(self) -> dict[str, Any]:
        """The field's JSON Schema."""
        text: dict[str, Any] = {"type": "string"} | ({"pattern": f"^{self.pattern}$"} if self.pattern else {})
        shape = {"anyOf": [{"type": "number"}, text]} if self.numeric else text
        return shape | {"description": f"Allowed: {self.allowed}."}

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validation is `read`, and nothing else."""
        return core_schema.no_info_plain_validator_function(
            self._validate, serialization=core_schema.plain_serializer_function_ser_schema(self.show)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """What an editor may know of the field."""
        return self.schema()

    def _validate(self, raw: object) -> Any:
        try:
            return self.read(raw)
        except Misread as error:
            raise PydanticCustomError(
                MISREAD, "{what}", {"what": error.what, "allowed": error.allowed, "meant": error.meant}
            ) from None


class _Ranged(Written):
    """A quantity between two others of its kind, both included."""

    numeric = False
    units: str

    def __init__(self, low: str, high: str) -> None:
        self.allowed = f"{low} to {high}"
        self.pattern = rf"\s*{NUMBER_PATTERN}\s*{self.units}\s*"
        self.low, self.high = self.parse(low, self.allowed), self.parse(high, self.allowed)

    def parse(self, raw: object, allowed: str) -> Any:
        """The value without its bounds."""
        raise NotImplementedError

    def read(self, raw: object) -> Any:
        """The value, if it lies in the range."""
        value = self.parse(raw, self.allowed)
        if not self.low <= value <= self.high:
            raise Misread("out of range" if value >= 0 or self.low < 0 else "negative", self.allowed)
        return value


class Duration(_Ranged):
    """A duration; the value is in nanoseconds."""

    units = r"(ns|us|ms|s|min|h|d)"

    def parse(self, raw: object, allowed: str) -> int:
        """Whole nanoseconds."""
        return duration_ns(raw, allowed)

    def show(self, value: int) -> str:
        """In the largest unit that fits."""
        return written_duration(value)


class BasisPoints(_Ranged):
    """A small part of a price; the value is in basis points."""

    units = r"(bps|%)"

    def parse(self, raw: object, allowed: str) -> Decimal:
        """Basis points."""
        return bps(raw, allowed)

    def show(self, value: Decimal) -> str:
        """With its unit."""
        return str(Amount(value, "bps"))


class Share(_Ranged):
    """A part of something, 0.5 or 50 %; the value is the plain ratio."""

    units = r"%?"
    numeric = True

    def parse(self, raw: object, allowed: str) -> Decimal:
        """The plain ratio."""
        return share(raw, allowed)


class Count(_Ranged):
    """A whole number."""

    units = ""
    numeric = True

    def parse(self, raw: object, allowed: str) -> int:
        """The number."""
        return count(raw, allowed)

    def show(self, value: int) -> int:
        """As it is."""
        return value


class Quantity(Written):
    """A number with any unit; which one fits is judged where the portfolio is known whole (`settings_cross`)."""

    def __init__(self, allowed: str, low: str, example_unit: str = "") -> None:
        self.allowed = allowed
        self.low = number(low, allowed)
        self.example_unit = example_unit
        """What a default counts, for an editor, whose config may not name its currency yet."""
        self.pattern = rf"\s*{NUMBER_PATTERN}\s*[A-Za-z%][A-Za-z0-9%]*( [a-z]+)?\s*"

    def read(self, raw: object) -> Amount:
        """The number and its unit."""
        given = with_unit(raw, self.allowed)
        if given.value < self.low:
            raise Misread("negative" if given.value < 0 else "too small", self.allowed)
        return given


class Coins(Written):
    """Coins, with or without the unit, of either sign."""

    allowed = "a number of coins, as 1.5 or '1.5 BTC'; negative for a short"
    pattern = rf"\s*{NUMBER_PATTERN}\s*[A-Za-z0-9]*\s*"
    numeric = True

    def read(self, raw: object) -> Amount:
        """The number and its unit, empty where none stands."""
        try:
            return with_unit(raw, self.allowed)
        except Misread:
            return Amount(share(raw, self.allowed))


class Text(Written):
    """A text of a given form; what is nearly right is proposed."""

    numeric = False

    def __init__(self, pattern: str, allowed: str, mend: Callable[[str], str] = str.lower) -> None:
        self.pattern, self.allowed, self._mend = pattern, allowed, mend
        self._form = re.compile(pattern)

    def read(self, raw: object) -> str:
        """The text, if it has the form."""
        if not isinstance(raw, str):
            raise Misread("not a text; put it in quotes if it is meant as one", self.allowed)
        if self._form.fullmatch(raw) is None:
            mended = self._mend(raw)
            raise Misread("not of the allowed form", self.allowed, mended if self._form.fullmatch(mended) else None)
        return raw


class OneOf(Written):
    """One of a few words; the value is a member of an enum or the word itself."""

    def __init__(self, **choices: object) -> None:
        self.choices = choices
        self.allowed = ", ".join(choices)

    def read(self, raw: object) -> object:
        """The choice of that name."""
        if not isinstance(raw, str) or raw not in self.choices:
            raise Misread("not one of the choices", self.allowed, closest(str(raw), self.choices))
        return self.choices[raw]

    def show(self, value: object) -> str:
        """Its name."""
        return next(word for word, choice in self.choices.items() if choice == value)

    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return {"enum": list(self.choices)}


class FilePath(Written):
    """A path; ~ is the home folder."""

    allowed = "a path; one that is not absolute starts at the config file's folder"

    def read(self, raw: object) -> Path:
        """The path with ~ resolved."""
        if not isinstance(raw, str) or not raw.strip() or "\0" in raw:
            raise Misread("not a path", self.allowed)
        try:
            return Path(raw).expanduser()
        except RuntimeError:
            raise Misread("its home folder is not known", self.allowed) from None


@dataclass(frozen=True, slots=True)
class Symbol:
    """A market of the venue and the symbol it trades there."""

    market: str
    symbol: str

    def __str__(self) -> str:
        """As it is written in a config."""
        return f"{self.market}:{self.symbol}"


class Market(Written):
    """An instrument as `market:SYMBOL`, of one of the given markets; `venue.market:SYMBOL` on another venue.

    What one venue calls usdm another calls linear: where the one is taken, so is the other.
    """

    def __init__(self, *markets: str) -> None:
        self.markets = (*markets, *((LINEAR,) if USDM in markets else ()))
        self.allowed = " or ".join(f"{market}:SYMBOL" for market in markets)
        self.pattern = rf"(({'|'.join(VENUES)})\.)?({'|'.join(self.markets)}):[A-Z0-9]{{2,20}}([_-][A-Z0-9]{{1,12}})?"

    def read(self, raw: object) -> Symbol:
        """The market and symbol."""
        text = str(raw) if isinstance(raw, str) else ""
        if re.fullmatch(self.pattern, text):
            return Symbol(*text.split(":"))
        market, _, symbol = text.rpartition(":")
        venue, dot, bare = market.rpartition(".")
        nearest = (f"{venue}{dot}" if venue in VENUES else "") + (closest(bare, self.markets) or self.markets[0])
        mended = f"{nearest}:{symbol.upper().replace('/', '').replace('-', '')}"
        raise Misread("not an instrument", self.allowed, mended if re.fullmatch(self.pattern, mended) else None)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a pinned host is reached."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it is written in a config."""
        return f"{self.host}:{self.port}"


class HostPort(Written):
    """An IPv4 address and a port."""

    allowed = "an IPv4 address and a port, as 127.0.0.1:8443"
    pattern = r"([0-9]{1,3}\.){3}[0-9]{1,3}:[0-9]{1,5}"

    def read(self, raw: object) -> Address:
        """The address: digits only, so that pinning never asks a name server."""
        text = str(raw)
        host, _, port = text.rpartition(":")
        if not re.fullmatch(self.pattern, text) or max(map(int, host.split("."))) > 255 or not 0 < int(port) < 65_536:
            raise Misread("not an address", self.allowed)
        return Address(host, int(port))
