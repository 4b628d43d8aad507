"""Strikes the calendars of targets: the core knows no calendar, so that a strike reaches it as a fact.

A strike that nothing ran for is made up for if it is not older than CALENDAR_MISSED_NS_MAX. Before the first start with
a calendar there was none to miss: a new target waits for its next strike.
"""

from collections.abc import Callable

from bot.domain.events import CalendarStruck, Event
from bot.domain.triggers import CALENDAR_MISSED_NS_MAX
from bot.domain.units import Nanos
from bot.engine.state import State
from bot.runtime.calendars import following, latest
from bot.runtime.clock import Clock

LOOK_S = 1.0


class Striker:
    """Looks at every calendar once a second; one child of the daemon."""

    def __init__(self, state: Callable[[], State], sink: Callable[[Event], None], clock: Clock) -> None:
        self._state = state
        self._sink = sink
        self._clock = clock
        self._next: dict[tuple[str, str], Nanos] = {}

    async def run(self) -> None:
        """Strike what is due, until cancelled."""
        while True:
            self.look()
            await self._clock.sleep(LOOK_S)

    def look(self) -> None:
        """Strike every calendar whose time has come, once."""
        state, now_ns = self._state(), self._clock.now_ns()
        lines = {(one.name, one.when.calendar) for one in state.layout.rules.targets if one.when.calendar}
        self._next = {key: at for key, at in self._next.items() if key in lines}
        for name, line in sorted(lines):
            due_ns = self._next.get((name, line)) or self._first(state, name, line, now_ns)
            if due_ns <= now_ns:
                strike_ns = latest(line, now_ns)
                self._sink(CalendarStruck(name, strike_ns, now_ns))
                due_ns = following(line, strike_ns)
            self._next[name, line] = due_ns

    def _first(self, state: State, name: str, line: str, now_ns: Nanos) -> Nanos:
        """The strike that is due first after a start: one that was missed, if it is known to have been missed."""
        after_ns = state.triggers.last_run.get(name, now_ns)
        return following(line, Nanos(max(after_ns, now_ns - CALENDAR_MISSED_NS_MAX)))
