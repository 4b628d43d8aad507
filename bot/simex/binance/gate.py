"""Who may call what: routes with their weights, API keys with their scopes, timestamps and signatures.

The order of the checks is the venue's: weight, key, mandatory parameters, window, signature, timestamp, address and
permission. The timestamp is looked at twice: here, and when the request is handed to the matching engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

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
RECV_WINDOW_DECIMALS_MAX = 3
DIGITS_MAX = 18
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
    TRANSFER = "transfer"


# By what a wallet request (sapi) is limited; "" for every other.
SapiKind = Literal["", "ip", "uid"]


@dataclass(slots=True)
class Call:
    """An admitted request on its way through a handler; the handler notes the order it made or cancelled.

    `late_after_ms` is the moment of the server's clock after which the matching engine does not take it any more; None
    for a request without a signature.
    """

    params: Params
    key: ApiKey | None
    order_id: int | None = None
    client_order_id: str | None = None
    late_after_ms: Decimal | None = None

    @property
    def account(self) -> str:
        """The account of the caller's key."""
        assert self.key is not None
        return self.key.account


Handler = Callable[[Call], Any]
Weight = int | Callable[[Params], int]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `is_order`: it counts as a new order, in the limits and for the system's protection.

    `order_counts` says by the letter of a window ("10S") how many orders it counts as there, where it is not one.
    """

    method: str
    path: str
    handler: Handler
    weight: Weight = 1
    security: Security = Security.NONE
    scope: Scope = Scope.READ
    is_order: bool = False
    sapi: SapiKind = ""
    order_counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether it goes to the matching engine."""
        return self.security is Security.SIGNED and self.scope in (Scope.SPOT, Scope.FUTURES)

    def cost(self, params: Params) -> int:
        """The request weight of a call with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


@dataclass(slots=True)
class KeyRing:
    """The API keys of the exchange, found by their public half.

    `client_ip` is the address from which the venue sees its clients come; empty: their own end of the connection.
    """

    _by_key: dict[str, ApiKey] = field(default_factory=dict)
    client_ip: str = ""

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

    def add(self, key: ApiKey) -> bool:
        """Take in a new key; whether this venue has keys of its kind."""
        self._by_key[key.key] = key
        return True

    def change(self, name: str, **changes: bool | int | tuple[str, ...] | None) -> bool:
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
    digits = whole + fraction
    fits = 0 < len(whole) <= DIGITS_MAX and len(fraction) <= RECV_WINDOW_DECIMALS_MAX
    if not (fits and digits.isascii() and digits.isdigit()):
        raise missing("recvWindow")
    window = Decimal(text)
    if window > RECV_WINDOW_MS_MAX:
        raise venue_error(RECV_WINDOW_TOO_LARGE)
    return window


def _timestamp_ms(text: str) -> Decimal:
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise missing("timestamp")
    stamp = Decimal(text)
    return stamp / 1000 if stamp >= _MICROSECONDS_FROM else stamp


def check_signed(key: ApiKey, values: Mapping[str, str], payload: str, server_ms: int) -> Decimal:
    """Refuse a signed request whose signature is wrong or whose timestamp lies outside its window.

    The rule is the documented one: timestamp < server + 1000 and server - timestamp <= recvWindow. Answers the last
    moment at which it still holds.
    """
    for name in ("timestamp", "signature"):
        if not values.get(name):
            raise missing(name)
    window, stamp = _window(values)
    if not is_valid(key, payload, values["signature"]):
        raise venue_error(BAD_SIGNATURE)
    return _in_time(stamp, window, server_ms)


def check_timed(values: Mapping[str, str], server_ms: int) -> Decimal:
    """The same for a request of a session that has logged on, which needs no signature."""
    if not values.get("timestamp"):
        raise missing("timestamp")
    window, stamp = _window(values)
    return _in_time(stamp, window, server_ms)


def _window(values: Mapping[str, str]) -> tuple[Decimal, Decimal]:
    window = _recv_window_ms(values.get("recvWindow") or str(RECV_WINDOW_MS_DEFAULT))
    return window, _timestamp_ms(values["timestamp"])


def _in_time(stamp: Decimal, window: Decimal, server_ms: int) -> Decimal:
    if stamp >= server_ms + AHEAD_MS_MAX:
        raise venue_error(AHEAD_OF_SERVER)
    if server_ms - stamp > window:
        raise venue_error(OUTSIDE_RECV_WINDOW)
    return stamp + window


def check_address(key: ApiKey, client_ip: str) -> None:
    """Refuse a key that may not be used from an address."""
    if key.ips and client_ip not in key.ips:
        raise venue_error(REJECTED_API_KEY)


def check_scope(key: ApiKey, scope: Scope, server_ms: int = 0) -> None:
    """Refuse a key that lacks the permission; what expires is the permission to trade and transfer, not to read."""
    allowed = {
        Scope.READ: key.read,
        Scope.SPOT: key.spot,
        Scope.FUTURES: key.futures,
        Scope.TRANSFER: key.transfer,
    }
    expired = scope is not Scope.READ and key.expires_ms is not None and server_ms >= key.expires_ms
    if expired or not allowed[scope]:
        raise venue_error(REJECTED_API_KEY)


def verdict(error: VenueError) -> str:
    """One word for the request log on how the signature check went."""
    words = {-1022: "bad_signature", -1021: "bad_timestamp", -2014: "bad_key", -2015: "rejected_key"}
    return words.get(error.code, "")
