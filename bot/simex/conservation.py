"""Conservation checked while the exchange runs: after steps in which something happened, within a budget of CPU time.

Positions of every contract add up to zero and every coin that was deposited is somewhere, at any moment between two
steps (see core/ledger.py). What breaks that is a defect of simex, and everything it says from then on may be wrong: the
first finding of a venue is kept for good, told on stderr and by the control API, and ends the run with an error.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.simex.core.exchange import Exchange

EVERY_S: Final = 1.0
# Of the time that passes at most this share is spent on checks: the next one waits until the last one is paid for.
CPU_SHARE_MAX: Final = 0.01


class NotConserved(Exception):
    """Money or positions came from nowhere or went there; the text says where, when and how much."""


@dataclass(slots=True)
class _Venue:
    """What is known of one venue: whether something happened since it was checked, and what was wrong first."""

    exchange: Exchange
    is_due: bool = True
    checks: int = 0
    checked_ms: int = 0
    cpu_s: float = 0.0
    error: str = ""


class Conservation:
    """The checks of every venue. `now_s` is a clock that never goes back; `say` is told of what is found."""

    def __init__(
        self,
        exchanges: Mapping[str, Exchange],
        now_s: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._venues = {name: _Venue(exchange) for name, exchange in exchanges.items()}
        self._now_s = now_s
        self._say = say or _to_stderr
        self._due_s = 0.0

    def happened(self, venue: str) -> None:
        """Something happened in an exchange since the last call."""
        self._venues[venue].is_due = True

    def tick(self) -> None:
        """Check what is due, once a second at most and within the budget."""
        if self._now_s() < self._due_s or not any(one.is_due for one in self._venues.values()):
            return
        began_s = time.process_time()
        for name, one in self._venues.items():
            if one.is_due:
                self._check(name, one)
        self._due_s = self._now_s() + max(EVERY_S, (time.process_time() - began_s) / CPU_SHARE_MAX)

    def finish(self) -> None:
        """Check every venue once more. NotConserved when one of them does not balance, or did not before."""
        for name, one in self._venues.items():
            self._check(name, one)
        if self.error:
            raise NotConserved(self.error)

    @property
    def error(self) -> str:
        """What was found first, at each venue; empty as long as everything balances."""
        return "; ".join(one.error for one in self._venues.values() if one.error)

    def of(self, venue: str) -> dict[str, Any]:
        """How a venue stands, as JSON-ready values."""
        one = self._venues[venue]
        return {
            "holds": not one.error,
            "error": one.error,
            "checks": one.checks,
            "checked_ms": one.checked_ms,
            "cpu_ms": round(one.cpu_s * 1000, 3),
        }

    def _check(self, name: str, one: _Venue) -> None:
        if one.error:
            return
        began_s = time.process_time()
        one.is_due = False
        one.checks += 1
        one.checked_ms = one.exchange.now_ms
        try:
            one.exchange.check()
        except AssertionError as broken:
            one.error = f"{name} at {one.checked_ms}: {broken}"
            self._say(f"simex: NOT CONSERVED: {one.error}. This is a defect of simex; trust nothing it says from here.")
        one.cpu_s += time.process_time() - began_s


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
