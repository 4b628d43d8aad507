"""Feeds the service manager's watchdog while the daemon turns, and tells it in a line how it goes.

Theory of operation. Three times within the service manager's patience the watchdog looks at the daemon's health, from
the event loop, and feeds unless something is stuck: the clock does not strike, the journal does not write, or nothing
was heard of the venue for long (`bot.runtime.health`). A loop that is blocked feeds nothing by itself. When the
patience runs out the service manager ends the process and starts it anew, which is the one recovery path there is.

Between two ways to run (`trimtab mode`) and while a failed watchdog waits to be started again nobody looks. For
`BRIDGE_S_MAX` after the last look it is fed all the same, as long as the event loop turns: a start may have to wait out
a rate window. A watchdog that fails at every look is none, and its bridge comes to an end like any other.
"""

import asyncio
from collections.abc import Sequence

from bot.domain.commands import Command
from bot.domain.events import Event
from bot.domain.units import SECOND_NS
from bot.engine.state import State
from bot.runtime.companion import House
from bot.runtime.health import Health
from bot.runtime.sdnotify import Notifier

FEEDS_PER_PATIENCE = 3
TELL_EVERY_S = 5.0
"""How often the line is looked at where no watchdog waits."""
BRIDGE_S_MAX = 150.0


class Watchdog:
    """A companion: READY once the daemon has begun, then STATUS whenever it changes and WATCHDOG while all turns."""

    name = "watchdog"

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        patience_ns = notifier.watchdog_ns
        self._every_s = TELL_EVERY_S if patience_ns is None else patience_ns / SECOND_NS / FEEDS_PER_PATIENCE
        self._said = ""
        self._is_ready_told = False
        self._looked_s: float | None = None
        self._bridge: asyncio.Task[None] | None = None

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """Nothing: it looks by the clock."""

    async def run(self, house: House) -> None:
        """Tell and feed until cancelled. It runs once the control socket is open: the daemon is ready to be asked."""
        loop = asyncio.get_running_loop()
        if self._bridge is not None:
            self._bridge.cancel()
        self._is_ready_told = False
        try:
            while True:
                self._look(house)
                self._looked_s = loop.time()
                await asyncio.sleep(self._every_s)
        finally:
            if self._notifier.watchdog_ns is not None and self._looked_s is not None:
                self._bridge = loop.create_task(self._feed_until(self._looked_s + BRIDGE_S_MAX))

    def _look(self, house: House) -> None:
        # A service manager whose queue is full hears it later: without it, it would end what is well.
        self._is_ready_told = self._is_ready_told or self._notifier.ready()
        health = house.health()
        if self._notifier.watchdog_ns is not None and not health.stuck:
            self._notifier.feed()
        line = line_of(house.state.modes.run_mode.value, health)
        if line != self._said and self._notifier.status(line):
            self._said = line

    async def _feed_until(self, end_s: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end_s:
            self._notifier.feed()
            await asyncio.sleep(self._every_s)


def line_of(run_mode: str, health: Health) -> str:
    """How it goes, in a line: the way to run, the mode, and the first of what keeps it from being ready."""
    if health.ready:
        return f"{run_mode}, {health.mode}: ready"
    first, more = health.reasons[0], len(health.reasons) - 1
    return f"{run_mode}, {health.mode}: not ready: {first.subject}: {first.text}{f' (and {more} more)' if more else ''}"
