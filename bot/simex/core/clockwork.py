"""Time: moves the exchange from one due moment to the next, so that the result does not depend on who asks how often.

What happens at one moment happens in this order:

    1  the market's flow, in its own order
    2  the tops of the books it touched, and the triggers that its trades set off
    3  depth differences, at multiples of their interval, of books that changed
    4  marks, at multiples of theirs, and the triggers that watch mark or index
    5  funding
    6  countdowns that ran out
    7  liquidation and auto-deleveraging, after marks or funding have moved
    8  delivery and delisting

A moment is processed whole and once. Calls of accounts come between moments: after everything that is due at `now_ms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.simex.core.desk import Desk
from bot.simex.core.flow import MarketSource
from bot.simex.core.marks import Marks
from bot.simex.core.publication import Publication
from bot.simex.core.state import State
from bot.simex.core.strangers import Strangers

NEVER_MS = 1 << 62


class Timer(Protocol):
    """Something that happens at times of its own."""

    @property
    def due_ms(self) -> int | None:
        """When it happens next; None: not as things are."""
        ...

    def run(self) -> None:
        """Let it happen; afterwards `due_ms` lies after the state's time."""
        ...


class MarkTimer:
    """Samples the marks at multiples of an interval."""

    def __init__(self, state: State, marks: Marks, desk: Desk, interval_ms: int) -> None:
        self._state = state
        self._marks = marks
        self._desk = desk
        self._interval_ms = interval_ms
        self.due_ms: int | None = (state.now_ms // interval_ms + 1) * interval_ms

    def run(self) -> None:
        """Sample, tell, and fire what watches mark or index."""
        self.due_ms = (self._state.now_ms // self._interval_ms + 1) * self._interval_ms
        self._marks.sample()
        self._desk.marked()


class Clockwork:
    """Runs market and timers. `timers` are in the order of one moment, after the depth differences."""

    def __init__(
        self,
        state: State,
        source: MarketSource,
        strangers: Strangers,
        desk: Desk,
        publication: Publication,
        timers: Sequence[Timer],
    ) -> None:
        self._state = state
        self._source = source
        self._strangers = strangers
        self._desk = desk
        self._publication = publication
        self._timers = tuple(timers)

    def advance(self, now_ms: int) -> None:
        """Let everything happen that is due up to and including `now_ms`; a time that has passed does nothing."""
        state, source, publication = self._state, self._source, self._publication
        timer_ms = self._next_timer_ms()
        while True:
            flow_ms, depth_ms = source.next_ms(), publication.due_ms
            due_ms = timer_ms if flow_ms is None or flow_ms > timer_ms else flow_ms
            if depth_ms is not None and depth_ms < due_ms:
                due_ms = depth_ms
            if due_ms > now_ms:
                break
            state.now_ms = max(state.now_ms, due_ms)
            if flow_ms == due_ms:
                self.flow(due_ms)
                depth_ms = publication.flowed(due_ms)
            if depth_ms is not None and depth_ms <= due_ms:
                publication.run()
            if timer_ms <= due_ms:
                self._run_timers(due_ms)
                timer_ms = self._next_timer_ms()
        state.now_ms = max(state.now_ms, now_ms)

    def _next_timer_ms(self) -> int:
        """When the next timer is due. Flow does not change it: only timers and calls from outside do."""
        return min((due for timer in self._timers if (due := timer.due_ms) is not None), default=NEVER_MS)

    def _run_timers(self, due_ms: int) -> None:
        for timer in self._timers:
            timer_ms = timer.due_ms
            if timer_ms is not None and timer_ms <= due_ms:
                timer.run()

    def flow(self, now_ms: int) -> None:
        """The market's changes of one moment."""
        apply = self._strangers.apply
        for change in self._source.until(now_ms):
            apply(change)
        self.settle()

    def settle(self) -> None:
        """Publish the books that flow has touched and fire what it set off."""
        touched, settle = self._strangers.touched, self._desk.settle
        for book in touched:
            settle(book)
        touched.clear()
