"""The listen keys of the USD-M user stream: 60 minutes each, extended by PUT, one active key an account."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

from bot.simex.binance.errors import INVALID_LISTEN_KEY, venue_error

LIFETIME_MS = 60 * 60_000
KEY_CHARACTERS = 64
_ALPHABET = string.ascii_letters + string.digits


@dataclass(slots=True)
class _Lease:
    account: str
    until_ms: int


class ListenKeys:
    """Who holds which key and until when, in the server's milliseconds."""

    def __init__(self) -> None:
        self._leases: dict[str, _Lease] = {}
        self._by_account: dict[str, str] = {}

    def start(self, account: str, now_ms: int) -> str:
        """The account's active key, made if there is none, valid for another 60 minutes."""
        key = self._by_account.get(account)
        if key is None:
            key = "".join(secrets.choice(_ALPHABET) for _ in range(KEY_CHARACTERS))
            self._by_account[account] = key
        self._leases[key] = _Lease(account, now_ms + LIFETIME_MS)
        return key

    def extend(self, account: str, now_ms: int) -> str:
        """Extend the account's key; -1125 when it has none."""
        key = self._by_account.get(account)
        if key is None:
            raise venue_error(INVALID_LISTEN_KEY)
        self._leases[key].until_ms = now_ms + LIFETIME_MS
        return key

    def close(self, account: str) -> None:
        """Invalidate the account's key; -1125 when it has none."""
        key = self._by_account.pop(account, None)
        if key is None:
            raise venue_error(INVALID_LISTEN_KEY)
        del self._leases[key]

    def key_of(self, account: str) -> str | None:
        """The account's active key."""
        return self._by_account.get(account)

    def expire(self, now_ms: int, everything: bool = False) -> list[str]:
        """Drop and return the keys whose time is over, or all of them."""
        due = [key for key, lease in self._leases.items() if everything or lease.until_ms <= now_ms]
        for key in due:
            self._by_account.pop(self._leases.pop(key).account, None)
        return due


def looks_like_listen_key(stream: str) -> bool:
    """Whether a stream name has the form of a listen key."""
    return len(stream) == KEY_CHARACTERS and stream.isascii() and stream.isalnum()
