"""Who may call what: routes with their weights, API keys with their scopes, timestamps and signatures.

The order of the checks is the venue's: weight, key, mandatory parameters, window, signature, timestamp, permission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Any

from bot.simex.binance.errors import (
    AHEAD_OF_SERVER,
    BAD_API_KEY_FORMAT,
    BAD_SIGNATURE,
    OUTSIDE_RECV_WINDOW,
    RECV_WINDOW_TOO_LARGE,
    REJECTED_API_KEY,
    VenueError,
    missing,
    venue_error,
)
from bot.simex.binance.params import Params
from bot.simex.binance.signature import is_valid
from bot.simex.config import ApiKey

RECV_WINDOW_MS_DEFAULT = 5_000
RECV_WINDOW_MS_MAX = 60_000
AHEAD_MS_MAX = 1_000
_KEY_CHARACTERS_LEAST = 16
_MICROSECONDS_FROM = 10**15


class Security(Enum):
    """What a route asks of its caller."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


class Scope(Enum):
    """The permission that a key needs for a route."""

    READ = "read"
    SPOT = "spot"
    FUTURES = "futures"


@dataclass(slots=True)
class Call:
    """An admitted request on its way through a handler; the handler notes the order it made or cancelled."""

    params: Params
    key: ApiKey | None
    order_id: int | None = None
    client_order_id: str | None = None

    @property
    def account(self) -> str:
        """The account of the caller's key."""
        assert self.key is not None
        return self.key.account


Handler = Callable[[Call], Any]
Weight = int | Callable[[Params], int]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint."""

    method: str
    path: str
    handler: Handler
    weight: Weight = 1
    security: Security = Security.NONE
    scope: Scope = Scope.READ
    is_order: bool = False

    def cost(self, params: Params) -> int:
        """The request weight of a call with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


@dataclass(slots=True)
class KeyRing:
    """The API keys of the exchange, found by their public half."""

    _by_key: dict[str, ApiKey] = field(default_factory=dict)

    @classmethod
    def of(cls, keys: Iterable[ApiKey]) -> KeyRing:
        """A ring of keys."""
        return cls({key.key: key for key in keys})

    def find(self, public: str) -> ApiKey:
        """The key with this public half, or the venue's refusal."""
        if len(public) < _KEY_CHARACTERS_LEAST or not (public.isascii() and public.isalnum()):
            raise venue_error(BAD_API_KEY_FORMAT)
        found = self._by_key.get(public)
        if found is None:
            raise venue_error(REJECTED_API_KEY)
        return found

    def change(self, name: str, **changes: bool | int | None) -> bool:
        """Change what the key of that name may do (fields of ApiKey); whether there is one."""
        for public, key in self._by_key.items():
            if key.name == name:
                self._by_key[public] = replace(key, **changes)  # type: ignore[arg-type]  # fields of their own types
                return True
        return False

    def revoke(self, name: str) -> bool:
        """Delete the key of that name; whether there was one."""
        for public, key in list(self._by_key.items()):
            if key.name == name:
                del self._by_key[public]
                return True
        return False


def _recv_window_ms(text: str) -> Decimal:
    whole, _, fraction = text.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 18) or (fraction and not fraction.isdigit()):
        raise missing("recvWindow")
    window = Decimal(text)
    if window > RECV_WINDOW_MS_MAX:
        raise venue_error(RECV_WINDOW_TOO_LARGE)
    return window


def _timestamp_ms(text: str) -> Decimal:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise missing("timestamp")
    stamp = Decimal(text)
    return stamp / 1000 if stamp >= _MICROSECONDS_FROM else stamp


def check_signed(key: ApiKey, values: Mapping[str, str], payload: str, server_ms: int) -> None:
    """Refuse a signed request whose signature is wrong or whose timestamp lies outside its window.

    The rule is the documented one: timestamp < server + 1000 and server - timestamp <= recvWindow.
    """
    for name in ("timestamp", "signature"):
        if not values.get(name):
            raise missing(name)
    window = _recv_window_ms(values.get("recvWindow") or str(RECV_WINDOW_MS_DEFAULT))
    stamp = _timestamp_ms(values["timestamp"])
    if not is_valid(key.secret, payload, values["signature"]):
        raise venue_error(BAD_SIGNATURE)
    if stamp >= server_ms + AHEAD_MS_MAX:
        raise venue_error(AHEAD_OF_SERVER)
    if server_ms - stamp > window:
        raise venue_error(OUTSIDE_RECV_WINDOW)


def check_scope(key: ApiKey, scope: Scope) -> None:
    """Refuse a key that lacks the permission."""
    allowed = {Scope.READ: key.read, Scope.SPOT: key.spot, Scope.FUTURES: key.futures}
    if not allowed[scope]:
        raise venue_error(REJECTED_API_KEY)


def verdict(error: VenueError) -> str:
    """One word for the request log on how the signature check went."""
    words = {-1022: "bad_signature", -1021: "bad_timestamp", -2014: "bad_key", -2015: "rejected_key"}
    return words.get(error.code, "")
