"""Written quantities that only the service's sections need: sizes, time zones, where to listen."""

import re
import zoneinfo
from typing import Any

from bot.runtime.fields import NUMBER_PATTERN, Address, HostPort, Written
from bot.runtime.problems import closest
from bot.runtime.quantities import Misread, with_unit

UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
ANYWHERE = "0.0.0.0"  # noqa: S104 - a container's own namespace; its host decides what is published


def _size(raw: object, allowed: str) -> int:
    amount = with_unit(raw, allowed)
    scale = UNITS.get(amount.unit)
    if scale is None:
        raise Misread("not a size", allowed, closest(amount.unit, UNITS))
    return int(amount.value * scale)


class ByteSize(Written):
    """A size in bytes, KiB, MiB, GiB or TiB."""

    def __init__(self, low: str, high: str) -> None:
        self.allowed = f"{low} to {high}"
        self.pattern = rf"\s*{NUMBER_PATTERN}\s*(B|KiB|MiB|GiB|TiB)\s*"
        self.low, self.high = _size(low, self.allowed), _size(high, self.allowed)

    def read(self, raw: object) -> int:
        """The size in bytes."""
        value = _size(raw, self.allowed)
        if not self.low <= value <= self.high:
            raise Misread("out of range", self.allowed)
        return value

    def show(self, value: Any) -> str:
        """In the largest unit that fits."""
        unit = next(unit for unit in reversed(UNITS) if value % UNITS[unit] == 0)
        return f"{value // UNITS[unit]} {unit}"


class Zone(Written):
    """A time zone of the IANA database."""

    allowed = "a time zone, as Europe/Berlin or UTC"

    def read(self, raw: object) -> str:
        """Its name."""
        if not isinstance(raw, str):
            raise Misread("not a time zone", self.allowed)
        try:
            zoneinfo.ZoneInfo(raw)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            known = sorted(zoneinfo.available_timezones())
            raise Misread("not a time zone", self.allowed, closest(raw, known)) from None
        return raw


class Loopback(HostPort):
    """An address that only this machine reaches, or any inside a container."""

    allowed = "a loopback address and a port, as 127.0.0.1:9464 (or 0.0.0.0:PORT inside a container)"

    def read(self, raw: object) -> Address:
        """The address, if nobody outside can reach it."""
        found = super().read(raw)
        if not re.match(r"127\.", found.host) and found.host != ANYWHERE:
            raise Misread("reachable from other machines", self.allowed)
        return found
