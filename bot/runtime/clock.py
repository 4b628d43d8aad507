"""Time, asked from one place: the daemon's clock, and one that a test cranks by hand."""

import asyncio
import heapq
import sys
import time
from typing import Protocol

from bot.domain.units import SECOND_NS, Nanos

# How often `ManualClock.advance` lets the loop turn after it woke somebody, so that what they start gets done.
SETTLING_TURNS = 20


class Clock(Protocol):
    """What the shells ask for time. The core is told the time by `Ticked` and asks nobody."""

    def now_ns(self) -> Nanos:
        """Nanoseconds since the Unix epoch on a clock that never steps back, not even when the wall clock does."""
        ...

    def wall_ns(self) -> Nanos:
        """The wall clock: what requests are stamped with and venues are compared to."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


if sys.platform == "linux":

    def _steady_ns() -> int:
        # It goes on while the machine is suspended. On CLOCK_MONOTONIC a quote from before a night's sleep would look
        # a second old in the morning.
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

else:
    _steady_ns = time.monotonic_ns


class SystemClock:
    """The machine's time, anchored once to the wall clock and carried on by the steady one.

    A wall clock that steps (NTP, an operator) moves `wall_ns` and leaves `now_ns`. After a restart on a machine whose
    wall clock was set back, `not_before_ns` (the journal's last moment) keeps time from running backwards in it.
    """

    def __init__(self, not_before_ns: int = 0) -> None:
        self._offset_ns = max(time.time_ns(), not_before_ns) - _steady_ns()

    def now_ns(self) -> Nanos:
        """Nanoseconds since the Unix epoch, never less than before."""
        return Nanos(self._offset_ns + _steady_ns())

    def not_before(self, moment_ns: Nanos) -> None:
        """Never again say less than `moment_ns`: the last moment of a journal that was written under another clock."""
        self._offset_ns = max(self._offset_ns, moment_ns - _steady_ns())

    def wall_ns(self) -> Nanos:
        """The wall clock."""
        return Nanos(time.time_ns())

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is moved.

    Sleepers wake in the order of their deadlines, ties in the order in which they lay down. `wall_offset_ns` is how
    far the wall clock is ahead of `now_ns`.
    """

    def __init__(self, now_ns: int = 1_700_000_000 * SECOND_NS, wall_offset_ns: int = 0) -> None:
        self._now_ns = now_ns
        self.wall_offset_ns = wall_offset_ns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._slept = 0

    def now_ns(self) -> Nanos:
        """The moment it was moved to."""
        return Nanos(self._now_ns)

    def wall_ns(self) -> Nanos:
        """The same with the wall clock's offset."""
        return Nanos(self._now_ns + self.wall_offset_ns)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved far enough; a sleep of nothing lets the others run once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._slept += 1
        heapq.heappush(self._sleepers, (self._now_ns + round(seconds * SECOND_NS), self._slept, wake))
        await wake

    def sleeping(self) -> int:
        """How many wait."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    def move(self, nanoseconds: int) -> None:
        """Move on and wake whoever is due; they run when the caller lets the loop turn."""
        if nanoseconds < 0:
            raise ValueError("a clock is never set back")
        until = self._now_ns + nanoseconds
        while self._sleepers and self._sleepers[0][0] <= until:
            _, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
        self._now_ns = until

    async def advance(self, nanoseconds: int) -> None:
        """Move on deadline by deadline, letting what each one wakes run (and sleep again) before the next."""
        await settle()
        until = self._now_ns + nanoseconds
        while self._sleepers and self._sleepers[0][0] <= until:
            self.move(self._sleepers[0][0] - self._now_ns)
            await settle()
        self.move(until - self._now_ns)


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(SETTLING_TURNS):
        await asyncio.sleep(0)
