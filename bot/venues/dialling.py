"""Who may open a connection to a venue, and when: sans-IO, shared by all of a venue's streams.

A venue bans an address that connects too often, and five streams that each retry by themselves are a storm. So:
connections are tokens of one bucket, at most `CONNECTS_MAX` in any `WINDOW_S`, and a try that never reached the venue
gives its token back. While a host fails, one stream at a time tries it; hosts that fail together take turns within
one backoff, so that an outage of all of them costs no more than the outage of one. The first host that answers again
frees the others, and the last `RESERVE` tokens are kept for hosts that work: what ends an outage brings every stream
back at once instead of one by one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from bot.domain.units import SECOND_NS

CONNECTS_MAX = 30
WINDOW_S = 300
BURST = 20
"""Tokens of a full bucket; the other `CONNECTS_MAX - BURST` of a window come back one by one."""
RESERVE = 5
REFILL_NS = WINDOW_S * SECOND_NS // (CONNECTS_MAX - BURST)

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 10.0
ATTEMPT_NS = 6 * SECOND_NS
"""A try that has said neither success nor failure for so long no longer keeps the others waiting."""
TURN_NS = 1 * SECOND_NS
"""How long a failing host whose turn it is keeps its turn without being tried."""


def backoff_s(failures: int, rng: random.Random, longest_s: float = BACKOFF_MAX_S) -> float:
    """How long to wait after this many failures in a row: doubling up to `longest_s`, 75 to 100 % of it at random."""
    full = min(longest_s, BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 32))
    return full * rng.uniform(0.75, 1.0)


@dataclass(slots=True)
class _Host:
    failing: bool = False
    tried: bool = False
    """Since it began to fail, one stream is trying again."""
    tried_ns: int = 0


class Dialling:
    """The connections of one venue. Times are of the caller's clock, which never steps back."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._hosts: dict[str, _Host] = {}
        self._failures = 0
        """Tries that failed since a host last began to fail."""
        self._next_ns = 0
        self._tokens = BURST
        self._refilled_ns: int | None = None

    def ask(self, host: str, now_ns: int) -> int:
        """0: connect now, a token is taken. Otherwise how many nanoseconds to wait at most before asking again."""
        self._refill(now_ns)
        state = self._hosts.setdefault(host, _Host())
        if state.failing and now_ns < (due_ns := self._due_ns(state)):
            return due_ns - now_ns
        if self._tokens <= (RESERVE if state.failing else 0):
            assert self._refilled_ns is not None
            return self._refilled_ns + REFILL_NS - now_ns
        self._tokens -= 1
        if state.failing:
            state.tried, state.tried_ns = True, now_ns
            self._back_off(now_ns)
        return 0

    def failed(self, host: str, now_ns: int, *, reached: bool = True) -> None:
        """A connection that was asked for did not come about; unless it `reached` the venue, it costs no token."""
        if not reached:
            self._tokens = min(BURST, self._tokens + 1)
        state = self._hosts.setdefault(host, _Host())
        if state.failing and not state.tried:
            return  # Several streams found out at the same time: that is one failure.
        # A host that begins to fail is news, however long another one has been failing.
        self._failures = self._failures + 1 if state.failing else 0
        state.failing, state.tried = True, False
        self._back_off(now_ns)

    def succeeded(self, host: str) -> None:
        """The host answers: whoever waits for it may go, and after an outage whoever waits for any other host too."""
        if self._hosts.setdefault(host, _Host()).failing:
            self._hosts.clear()

    def _due_ns(self, state: _Host) -> int:
        """When a failing host may be tried: whichever was not tried for longest comes first."""
        first = all(state.tried_ns <= other.tried_ns for other in self._hosts.values() if other.failing)
        due_ns = self._next_ns if first else self._next_ns + TURN_NS
        return max(due_ns, state.tried_ns + ATTEMPT_NS) if state.tried else due_ns

    def _back_off(self, now_ns: int) -> None:
        self._next_ns = now_ns + int(backoff_s(self._failures + 1, self._rng) * SECOND_NS)

    def _refill(self, now_ns: int) -> None:
        if self._refilled_ns is None or self._tokens >= BURST:
            self._refilled_ns = now_ns
        came = (now_ns - self._refilled_ns) // REFILL_NS
        if came > 0:
            self._tokens = min(BURST, self._tokens + came)
            self._refilled_ns += came * REFILL_NS
