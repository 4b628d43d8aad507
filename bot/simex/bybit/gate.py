"""Who may call what at Bybit: keys, the time window, signatures and permissions.

The order of the checks: authentication headers, key, window, signature, address, expiry of the key, permission. The
window is the documented one: server - recv_window <= timestamp < server + 1000.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from bot.simex.bybit.errors import VenueError, invalid
from bot.simex.bybit.limits import Usage
from bot.simex.bybit.params import Params
from bot.simex.bybit.signature import is_valid, rest_text, socket_text
from bot.simex.config import ApiKey
from bot.simex.wire import Request

KEY_HEADER = "x-bapi-api-key"
TIMESTAMP_HEADER = "x-bapi-timestamp"
SIGNATURE_HEADER = "x-bapi-sign"
WINDOW_HEADER = "x-bapi-recv-window"
RECV_WINDOW_MS_DEFAULT = 5_000
AHEAD_MS_MAX = 1_000
DIGITS_MAX = 18
KINDS = ("hmac", "rsa")
UID_FIRST = 10_000_000
UID_RANGE = 90_000_000


class Scope(Enum):
    """The permission that a call needs; what trades is looked at by its category."""

    ANY = "any"
    READ = "read"
    TRADE = "trade"
    FUTURES = "futures"
    TRANSFER = "transfer"


@dataclass(slots=True)
class Call:
    """An admitted request on its way through a handler, which notes the order that it made or cancelled.

    `granted` is how many orders of a batch the rate limit lets through; `extra` becomes `retExtInfo`.
    """

    params: Params
    key: ApiKey | None = None
    granted: int = 1
    usage: Usage | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    order_id: int | None = None
    client_order_id: str | None = None

    @property
    def account(self) -> str:
        """The account of the caller's key."""
        assert self.key is not None
        return self.key.account


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; without a scope it is public. `is_batch`: its limit counts the orders in `request`."""

    method: str
    path: str
    handler: Callable[[Call], Any]
    scope: Scope | None = None
    msg: str = "OK"
    is_batch: bool = False


@dataclass(slots=True)
class KeyRing:
    """The API keys of the exchange, found by their public half.

    `client_ip` is the address from which the venue sees its clients come; empty: their own end of the connection.
    """

    _by_key: dict[str, ApiKey] = field(default_factory=dict)
    client_ip: str = ""

    @classmethod
    def of(cls, keys: Iterable[ApiKey]) -> KeyRing:
        """A ring of keys: of those that the venue knows, which are HMAC and RSA."""
        return cls({key.key: key for key in keys if key.kind in KINDS})

    def find(self, public: str) -> ApiKey:
        """The key with this public half; VenueError 10003 when there is none."""
        found = self._by_key.get(public)
        if found is None:
            raise VenueError(10003)
        return found

    def check_address(self, key: ApiKey, address: str) -> None:
        """Refuse a key that is bound to other addresses than the one that its caller is seen at."""
        if key.ips and (self.client_ip or address) not in key.ips:
            raise VenueError(10010)

    def add(self, key: ApiKey) -> bool:
        """Take in a new key; whether this venue has keys of its kind."""
        if key.kind not in KINDS:
            return False
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


def uid(account: str) -> int:
    """The user id of an account: eight digits that depend on its name alone."""
    digest = hashlib.sha256(account.encode()).digest()
    return UID_FIRST + int.from_bytes(digest[:8], "big") % UID_RANGE


def check_window(timestamp: str, recv_window: str, server_ms: int) -> None:
    """Refuse a request whose timestamp lies outside its window."""
    for name, text in (("timestamp", timestamp), ("recv_window", recv_window)):
        if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
            raise invalid(f"{name} invalid")
    stamp = int(timestamp)
    if not server_ms - int(recv_window) <= stamp < server_ms + AHEAD_MS_MAX:
        raise VenueError(10002)


def authenticate(keys: KeyRing, request: Request, payload: str, server_ms: int) -> ApiKey:
    """The key that signed a request."""
    headers = request.headers
    public, stamp, signature = (headers.get(one, "") for one in (KEY_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER))
    if not (public and stamp and signature):
        raise VenueError(10007, status=401)
    key = keys.find(public)
    window = headers.get(WINDOW_HEADER, "")
    check_window(stamp, window or str(RECV_WINDOW_MS_DEFAULT), server_ms)
    if not is_valid(key, rest_text(stamp, public, window, payload), signature):
        raise VenueError(10004)
    keys.check_address(key, request.address)
    check_expiry(key, server_ms)
    return key


def authenticate_socket(keys: KeyRing, args: object, server_ms: int, address: str) -> ApiKey:
    """The key of a websocket `auth`: its arguments are the key, an expiry still to come, and the signature.

    `address` is the client's end of the connection.
    """
    if not (isinstance(args, list) and len(args) == 3 and isinstance(args[0], str) and isinstance(args[2], str)):
        raise invalid("args invalid")
    expires = str(args[1])
    if isinstance(args[1], bool) or not (expires.isascii() and expires.isdigit() and len(expires) <= DIGITS_MAX):
        raise invalid("expires invalid")
    key = keys.find(args[0])
    if not is_valid(key, socket_text(expires), args[2]):
        raise VenueError(10004)
    if int(expires) <= server_ms:
        raise VenueError(10004, "Params Error: expires time is before now")
    keys.check_address(key, address)
    check_expiry(key, server_ms)
    return key


def check_expiry(key: ApiKey, server_ms: int) -> None:
    """Refuse a key that has expired."""
    if key.expires_ms is not None and server_ms >= key.expires_ms:
        raise VenueError(33004)


def check_scope(key: ApiKey, scope: Scope, category: object) -> None:
    """Refuse a key that lacks the permission."""
    if scope is Scope.TRADE:
        allowed = key.spot if category == "spot" else key.futures
    else:
        may = {Scope.ANY: True, Scope.READ: key.read, Scope.FUTURES: key.futures, Scope.TRANSFER: key.transfer}
        allowed = may[scope]
    if not allowed:
        raise VenueError(10005)


def verdict(error: VenueError) -> str:
    """One word for the request log on how the signature check went."""
    words = {10002: "bad_timestamp", 10003: "bad_key", 10004: "bad_signature", 10007: "unsigned"}
    words |= dict.fromkeys((10010, 33004), "rejected_key")
    return words.get(error.code, "")
