"""The unit of spot's moments: milliseconds, or microseconds for a client that asks for them.

REST asks by the header X-MBX-TIME-UNIT, websockets by `timeUnit` in their address. The exchange's own moments are whole
milliseconds; a kline ends a microsecond, not a millisecond, before the next one begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from bot.simex.binance.errors import VenueError

HEADER: Final = "x-mbx-time-unit"
PARAMETER: Final = "timeUnit"
_UNITS: Final = {"": False, "MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}
# What is a moment is known by its name, and by its size: `u` and `t` are numbers of other things too.
_MOMENTS: Final = frozenset(
    {
        *("E", "T", "O", "C", "W", "u", "t", "w"),
        *("serverTime", "time", "updateTime", "transactTime", "transactionTime", "workingTime", "openTime"),
        *("closeTime", "retryAfter", "connectedSince", "authorizedSince"),
    }
)
_LEAST_MS: Final = 10**12
_MOST_MS: Final = 10**13
_KLINE_COLUMNS: Final = 12
_KLINE_MOMENTS: Final = (0, 6)


def asks_micros(word: str) -> bool:
    """Whether a unit is the microsecond; -1194 for a word that is no unit."""
    found = _UNITS.get(word)
    if found is None:
        raise VenueError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return found


def unit_of(query: str) -> bool:
    """Whether the address of a websocket asks for microseconds. VenueError -1194."""
    return asks_micros(parse_qs(query).get(PARAMETER, [""])[0])


def in_micros(value: Any) -> Any:
    """A JSON value with its moments in microseconds; what is no moment is as it was."""
    if isinstance(value, Mapping):
        return _closing({name: _named(name, one) for name, one in value.items()})
    if isinstance(value, (list, tuple)):
        return _kline(value) if _is_kline(value) else [in_micros(one) for one in value]
    return value


def text_in_micros(text: str) -> str:
    """The same for a JSON text."""
    return msgspec.json.encode(in_micros(msgspec.json.decode(text))).decode()


def _named(name: str, value: Any) -> Any:
    if type(value) is int:
        return value * 1_000 if name in _MOMENTS and _LEAST_MS <= value < _MOST_MS else value
    return in_micros(value)


def _closing(row: dict[str, Any]) -> dict[str, Any]:
    """A kline of a stream (it has a start `t` and an interval `i`) lasts to the end of its last microsecond."""
    if {"t", "T", "i", "x"} <= row.keys():
        row["T"] += 999
    return row


def _is_kline(row: Any) -> bool:
    return len(row) == _KLINE_COLUMNS and type(row[0]) is int and row[0] >= _LEAST_MS


def _kline(row: Any) -> list[Any]:
    opens, closes = (row[place] * 1_000 for place in _KLINE_MOMENTS)
    return [opens, *row[1:6], closes + 999, *row[7:]]
