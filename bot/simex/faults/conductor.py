"""Carries out what happens by the clock: actions when they are due, and the end of what they changed.

It is asked at every tick of the exchange, after the exchange has lived up to now. An action that cannot be done (there
is no position to deleverage, say) changes nothing; the fault log says that it fired, `failures` why it came to nothing.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from bot.simex.asked import NotAllowed
from bot.simex.core.events import AccountChanged, Event, MarginCalled, OrderChanged, StatusChanged
from bot.simex.core.refusal import Refused
from bot.simex.faults.acts_accounts import ACCOUNTS
from bot.simex.faults.acts_market import MARKET
from bot.simex.faults.acts_service import SERVICE
from bot.simex.faults.armed import Hit, Injections
from bot.simex.faults.model import Touch
from bot.simex.faults.world import Undo, World

FAILURES_MAX: Final = 1_000
ACTS: Final = {**MARKET, **ACCOUNTS, **SERVICE}
_EXECUTIONS: Final = {"new": "new", "canceled": "cancel", "expired": "expire", "amended": "amend"}
_ORIGINS: Final = {
    "liquidation": "liquidation",
    "takeover": "liquidation",
    "adl": "adl",
    "settlement": "settlement",
    "delivery": "settlement",
}


class Conductor:
    """The actions of one running simulated exchange."""

    def __init__(self, world: World, injections: Injections) -> None:
        self._world = world
        self._injections = injections
        self._later: list[tuple[int, int, Undo]] = []
        self._number = 0
        self._base_ms = 0
        self.failures: deque[dict[str, Any]] = deque(maxlen=FAILURES_MAX)

    def tick(self) -> None:
        """Do what is due."""
        now_ms = self._injections.now_ms()
        for hit in self._injections.due():
            self._base_ms = now_ms
            self._try(hit)
        while self._later and self._later[0][0] <= now_ms:
            _, _, act = heapq.heappop(self._later)
            act()

    def see(self, venue: str, events: Iterable[Event]) -> None:
        """Take note of what happened in an exchange: faults may wait for it."""
        for event in events:
            name, touch = _told(venue, event)
            if name:
                self._injections.happened(name, touch)

    def _try(self, hit: Hit) -> None:
        try:
            undo = ACTS[hit.kind](self._world, hit, self._at)
        except (NotAllowed, Refused, ValueError) as error:
            self.failures.append(
                {"fault_id": hit.fault_id, "kind": hit.kind, "time_ms": hit.time_ms, "error": str(error)}
            )
            return
        if undo is not None and hit.fault.duration_ms:
            self._at(hit.fault.duration_ms, undo)

    def _at(self, delay_ms: int, act: Undo) -> None:
        self._number += 1
        heapq.heappush(self._later, (self._base_ms + delay_ms, self._number, act))


def _told(venue: str, event: Event) -> tuple[str, Touch]:
    """What an event is called in `on_event`, and whom it is about."""
    if isinstance(event, OrderChanged):
        order, trade = event.order, event.trade
        touch = Touch(venue=venue, symbol=order.instrument.name, account=order.account_id)
        if trade is not None:
            return _ORIGINS.get(trade.origin, "fill"), touch
        return _EXECUTIONS.get(event.execution, ""), touch
    if isinstance(event, AccountChanged):
        is_known = event.reason in ("funding", "deposit", "withdraw", "transfer")
        return (event.reason if is_known else ""), Touch(venue=venue, account=event.account_id)
    if isinstance(event, MarginCalled):
        return "margin_call", Touch(venue=venue, account=event.account_id)
    if isinstance(event, StatusChanged):
        return "status", Touch(venue=venue, symbol=event.instrument.name)
    return "", Touch()
