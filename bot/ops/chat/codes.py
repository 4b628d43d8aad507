"""One-time codes: what a risky command waits for.

A code guards against a slip of the thumb and against a message that comes twice or late. It does not guard against
somebody who holds the owner's unlocked phone: it is sent into the same chat that asks for it.
"""

import hmac
import secrets
from collections.abc import Callable
from enum import Enum

import msgspec

from bot.domain.units import SECOND_NS

DIGITS = 6
WRONG_TRIES_MAX = 3

Draw = Callable[[], str]


def draw() -> str:
    """Six digits that nobody can guess."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"


class Risky(msgspec.Struct, frozen=True):
    """A command that waits for its code. `seen` is what it was shown for: where that has changed, it is not done."""

    verb: str
    arguments: tuple[tuple[str, str], ...]
    seen: tuple[msgspec.Struct, ...] = ()


class No(Enum):
    """Why a code opens nothing."""

    NOTHING_WAITS = "nothing waits"
    EXPIRED = "expired"
    WRONG = "wrong"
    VOID = "void"


class _Pending(msgspec.Struct):
    code: str
    chat: int
    risky: Risky
    until_ns: int
    wrong: int = 0


class Codes:
    """Owner of the codes that are waited for: one a user, gone once used, expired or mistyped too often."""

    def __init__(self, valid_ns: int, draw: Draw = draw) -> None:
        self._valid_ns = valid_ns
        self._draw = draw
        self._pending: dict[int, _Pending] = {}

    @property
    def valid_s(self) -> int:
        """How long a code is good, in seconds."""
        return self._valid_ns // SECOND_NS

    def issue(self, user: int, chat: int, risky: Risky, now_ns: int) -> str:
        """A code for a command; an earlier one of this user is void from now on."""
        code = self._draw()
        self._pending[user] = _Pending(code, chat, risky, now_ns + self._valid_ns)
        return code

    def redeem(self, user: int, chat: int, given: str, now_ns: int) -> Risky | No:
        """The command that a code opens, once; or why it opens none."""
        pending = self._pending.get(user)
        if pending is None:
            return No.NOTHING_WAITS
        if now_ns > pending.until_ns:
            del self._pending[user]
            return No.EXPIRED
        right = hmac.compare_digest(given.encode(), pending.code.encode())
        if right and chat == pending.chat:
            del self._pending[user]
            return pending.risky
        pending.wrong += 1
        if pending.wrong < WRONG_TRIES_MAX:
            return No.WRONG
        del self._pending[user]
        return No.VOID

    def void(self) -> None:
        """No code opens anything any more."""
        self._pending.clear()

    def tries_left(self, user: int) -> int:
        """How many more wrong codes a user may send before the right one is void."""
        pending = self._pending.get(user)
        return WRONG_TRIES_MAX - pending.wrong if pending else 0
