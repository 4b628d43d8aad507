"""Whether a million updates leave anything behind, and how long the event loop ever stood still meanwhile.

The process is as the daemon is: ccxt loaded, its exchanges made, a journal on disk, garbage frozen and collected on
schedule, ten ticks a second, both accounts read every second. Memory is what the system counts as resident, before and
after, following a warm-up. A stall is how much later than asked a timer of a millisecond fires.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator, Awaitable
from decimal import Decimal
from pathlib import Path

from bot.domain.events import Ticked
from bot.lab.bench import desk
from bot.lab.bench.figures import AtMost, Counts, Figure, quantile
from bot.lab.bench.flood import secure
from bot.lab.bench.near_end import Far, far_end
from bot.runtime import gc_policy
from bot.runtime.clock import SystemClock
from bot.runtime.loop import Loop
from bot.venues.client import Client
from bot.venues.net import open_session
from bot.venues.signing import Credentials
from bot.venues.transport import SessionTransport

GROWTH_MIB_MAX = 1.0
"""A byte an update; what a leak would cost is a hundred times as much."""
STALL_MS_MAX = 20.0
LOOK_EVERY_S = 0.001
TICK_EVERY_S = 0.1
TICKS_PER_READ = 10
WARM_UP_SHARE = 5
"""A fifth as many updates come first, and are not counted."""
SLICE = 20_000
_MIB = 1 << 20


def resident_mib() -> float:
    """Resident memory of this process; where the system does not tell, the most it ever was."""
    told = Path("/proc/self/statm")
    if told.exists():
        return int(told.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / _MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB


class Watchdog:
    """Notes how late a timer fires, in milliseconds, every time, and the CPU time that went by on this thread."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.busy_ms: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._spent = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        self._again()

    def stop(self) -> None:
        """End."""
        if self._handle is not None:
            self._handle.cancel()

    def _again(self) -> None:
        self._due = time.perf_counter() + LOOK_EVERY_S
        self._spent = time.thread_time()
        self._handle = self._loop.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self.late_ms.append((time.perf_counter() - self._due) * 1_000)
        self.busy_ms.append((time.thread_time() - self._spent) * 1_000)
        self._again()


async def _tick(loop: Loop, clock: SystemClock) -> None:
    turns = 0
    while True:
        await clock.sleep(TICK_EVERY_S)
        turns += 1
        loop.step(Ticked(clock.now_ns()))
        if turns % TICKS_PER_READ == 0:
            for seen in desk.accounts(clock.now_ns(), Decimal(0)):
                loop.put(seen)


@contextlib.asynccontextmanager
async def _beside(*children: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(child) for child in children]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def measure(counts: Counts, directory: Path) -> list[Figure]:
    """The row."""
    clock = SystemClock()
    with far_end(directory) as far, desk.open_journal(directory, clock) as journal:
        async with open_session(far.pin, far.context()) as session:
            transport = SessionTransport(session)
            Client(credentials=Credentials("k", "s"), orders=transport, reads=transport, clock=clock.wall_ns).warm()
            loop = desk.loop_in_band(journal, clock)
            gc_policy.settle()
            collector = gc_policy.Collector(clock.sleep)
            async with _beside(_tick(loop, clock), collector.run()):
                return await _updates(counts.updates, far, loop, clock, collector)


async def _updates(
    count: int, far: Far, loop: Loop, clock: SystemClock, collector: gc_policy.Collector
) -> list[Figure]:
    async with secure(far, "mixture", loop.put, clock) as tap:
        await tap.draw(count // WARM_UP_SHARE)
        before, watchdog = resident_mib(), Watchdog()
        watchdog.start()
        for start in range(0, count, SLICE):
            await tap.draw(min(SLICE, count - start))
        watchdog.stop()
        after = resident_mib()
    assert loop.broken is None, "the loop broke while it was measured"
    return [
        Figure(name="resident memory before", value=before, unit="MiB", note="ccxt loaded, after warm-up"),
        Figure(name=f"resident memory after {count:,} updates", value=after, unit="MiB"),
        Figure(
            name="growth",
            value=after - before,
            unit="MiB",
            target=AtMost(GROWTH_MIB_MAX),
            note="TLS stream, one book in 51 frames, ticks, account reads, journal",
        ),
        Figure(
            name="longest stall of the event loop",
            value=max(watchdog.late_ms),
            unit="ms",
            target=AtMost(STALL_MS_MAX),
            note="a 1 ms timer's lateness, during the flood",
        ),
        Figure(
            name="  most CPU of our own between two turns",
            value=max(watchdog.busy_ms),
            unit="ms",
            note="the rest of a stall is other processes' turn on the cores",
        ),
        Figure(name="stall, p99", value=quantile(watchdog.late_ms, 0.99), unit="ms"),
        Figure(name="longest collection of garbage", value=collector.longest_ns / 1e6, unit="ms"),
    ]
