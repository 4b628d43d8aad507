"""When garbage is collected: on a schedule, never by itself, so never in the middle of a decision.

Python collects whenever enough objects have been made, wherever that happens to be, and looks through everything that
is alive when the oldest generation is due. With an exchange library loaded that is a million objects and a standstill
of 175 ms. Therefore:

- what start-up made is frozen. It lives as long as the process does, and no collection looks at it again;
- automatic collection is off. The way of a quote makes no cycles, so reference counting frees what it makes;
- the cycles that connections, tasks and exceptions leave behind are few and young: a collection of the two young
  generations every second finds most of them in well under a millisecond. What survives that is looked at in a full
  collection every few minutes, which is short too, because everything large is frozen.
"""

import gc
import time
from collections.abc import Awaitable, Callable

YOUNG_EVERY_S = 1.0
YOUNG_PER_FULL = 300
"""A full collection takes the place of every so many young ones."""
_YOUNG = 1
_FULL = 2


def settle() -> None:
    """Freeze what start-up made and stop collecting by chance. Call it once, when the daemon is ready to work."""
    gc.collect()
    gc.freeze()
    gc.disable()


def restore() -> None:
    """Collect as usual again: the daemon has ended, the process may go on with something else."""
    gc.unfreeze()
    gc.enable()


class Collector:
    """Collects on a schedule. `longest_ns` is the longest standstill that it caused so far."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.longest_ns = 0
        self._sleep = sleep
        self._turns = 0

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self._sleep(YOUNG_EVERY_S)
            self.collect()

    def collect(self) -> int:
        """Collect what is due, and say how many unreachable objects were found."""
        self._turns += 1
        began_ns = time.monotonic_ns()
        found = gc.collect(_FULL if self._turns % YOUNG_PER_FULL == 0 else _YOUNG)
        self.longest_ns = max(self.longest_ns, time.monotonic_ns() - began_ns)
        return found
