"""Written quantities that only targets and what belongs to them need: moments, calendars, sleeves, measured betas."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.domain.units import SECOND_NS, Nanos
from bot.runtime.calendars import ALLOWED as CALENDAR_ALLOWED
from bot.runtime.calendars import BadCalendar, checked
from bot.runtime.fields import NUMBER_PATTERN, Coins, Market, Share, Symbol, Written
from bot.runtime.quantities import Amount, Misread, plain, quantity, with_unit

MEASURED = "measured"
NONE = "none"
NO_HEDGE = Symbol(NONE, "")
"""What stands for "this coin has no future of its own"."""
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|\+00:00))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Hedge(Market):
    """A future as `market:SYMBOL`, or the word none."""

    def __init__(self, *markets: str) -> None:
        super().__init__(*markets)
        self.allowed = f"{self.allowed}, or none (it has no future)"

    def read(self, raw: object) -> Symbol:
        """The market and symbol, or `NO_HEDGE`."""
        return NO_HEDGE if raw == NONE else super().read(raw)

    def show(self, value: Symbol) -> str:
        """As it is written."""
        return NONE if value == NO_HEDGE else str(value)

    def schema(self) -> dict[str, Any]:
        """The form of a symbol, or the word."""
        return {"anyOf": [{"const": NONE}, {"type": "string", "pattern": f"^{self.pattern}$"}]}


class Moment(Written):
    """A moment, in UTC; the value is in nanoseconds since 1970."""

    allowed = "a date or a time in UTC, as 2027-06-30 or 2027-06-30T08:00:00Z"
    pattern = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|\+00:00))?"

    def read(self, raw: object) -> Nanos:
        """The moment; a date alone is its first instant."""
        text = raw if isinstance(raw, str) else ""
        found = _MOMENT.fullmatch(text)
        if found is None:
            zoned = f"{text}Z" if _MOMENT.fullmatch(f"{text}Z") else None
            raise Misread("not a moment in UTC", self.allowed, zoned)
        try:
            at = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}+00:00")
        except ValueError:
            raise Misread("no such day or time", self.allowed) from None
        passed = at - _EPOCH
        return Nanos((passed.days * 86_400 + passed.seconds) * SECOND_NS)

    def show(self, value: int) -> str:
        """In RFC 3339."""
        return written_moment(value)


def written_moment(at_ns: int) -> str:
    """A moment in RFC 3339, to the second."""
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Calendar(Written):
    """A cron line, in UTC."""

    allowed = CALENDAR_ALLOWED

    def read(self, raw: object) -> str:
        """The line, if it ever strikes."""
        if not isinstance(raw, str):
            raise Misread("not a cron line", self.allowed)
        try:
            return checked(raw)
        except BadCalendar as error:
            raise Misread(str(error).removeprefix(f"'{raw}' "), self.allowed) from None


class Owned(Coins):
    """A number of coins that are held: 0 or more."""

    allowed = "a number of coins, 0 or more, as 1.5 or '1.5 BTC'"

    def read(self, raw: object) -> Amount:
        """The number and its unit, empty where none stands."""
        given = super().read(raw)
        if given.value < 0:
            raise Misread("negative", self.allowed)
        return given


class PriceLevel(Coins):
    """A price above 0 of one coin, with or without its currency."""

    allowed = "a price above 0, as 60000 or '60000 USDT'"

    def read(self, raw: object) -> Amount:
        """The number and its unit, empty where none stands."""
        given = super().read(raw)
        if given.value <= 0:
            raise Misread("not above 0", self.allowed)
        return given


class Beta(Share):
    """A beta, or the word measured; the value is None where it is measured."""

    def __init__(self, low: str, high: str) -> None:
        super().__init__(low, high)
        self.allowed = f"{low} to {high}, or measured"

    def read(self, raw: object) -> Decimal | None:
        """The number; None where it is measured."""
        if raw == MEASURED:
            return None
        value: Decimal = super().read(raw)
        return value

    def show(self, value: Decimal | None) -> str:
        """As it is written."""
        return MEASURED if value is None else plain(value)

    def schema(self) -> dict[str, Any]:
        """A number or the word."""
        return {
            "anyOf": [{"type": "number"}, {"type": "string", "pattern": rf"^({MEASURED}|\s*{NUMBER_PATTERN}\s*%?\s*)$"}]
        }


class Reserve(Written):
    """Amounts that do not count: one with its unit, or a number for each asset."""

    allowed = "an amount with its asset, as 20000 USDT, or a section, as {USDT: 20000, USDC: 5000}"
    assets = re.compile(r"[A-Z0-9]{1,15}", re.ASCII)

    def read(self, raw: object) -> tuple[Amount, ...]:
        """Every amount with its asset, 0 or more."""
        amounts = (
            [self._named(raw, asset) for asset in raw] if isinstance(raw, dict) else [with_unit(raw, self.allowed)]
        )
        if any(amount.value < 0 for amount in amounts):
            raise Misread("negative", self.allowed)
        return tuple(amounts)

    def _named(self, raw: dict[Any, object], asset: Any) -> Amount:
        if not isinstance(asset, str) or self.assets.fullmatch(asset) is None:
            raise Misread(f"'{asset}' is not an asset", self.allowed)
        given = quantity(raw[asset], self.allowed)
        if given.unit not in ("", asset):
            raise Misread(f"'{given.unit}' stands beside {asset}", self.allowed)
        return Amount(given.value, asset)

    def show(self, value: tuple[Amount, ...]) -> str:
        """One after the other."""
        return ", ".join(map(str, value)) or "nothing"

    def schema(self) -> dict[str, Any]:
        """A text or a section."""
        text = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*[A-Za-z0-9]+\s*$"}
        return {"anyOf": [text, {"type": "object"}]}
