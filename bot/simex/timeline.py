"""The two times of a simulated exchange: its own, and what its clients are told.

The exchange lives on its own time line, which runs `speed` times as fast as the wall clock. Clients live on the wall
clock, so every time on the wire is the wall time at which that exchange moment is reached: a replay at ten times the
speed still has honest timestamps and a funding time that really comes. `offset_ms` shifts the server's clock alone,
which is how a test puts client and server apart.

An exchange that cannot keep up goes into slow motion: `slip` takes the missed time out of the time line, so that it is
never made up for by one long stall.
"""

from __future__ import annotations

from collections.abc import Callable


class Timeline:
    """Maps exchange milliseconds to wall milliseconds; both start at the same moment."""

    def __init__(self, wall_ms: Callable[[], int], speed: float = 1.0, offset_ms: int = 0) -> None:
        self._wall_ms = wall_ms
        self.start_ms = wall_ms()
        self._latest_ms = self.start_ms
        self.speed = speed
        self.offset_ms = offset_ms
        self.slipped_ms = 0

    def slip(self, missed_ms: int) -> None:
        """Take exchange time out of the time line that was not lived through."""
        self.slipped_ms += missed_ms
        self._latest_ms -= missed_ms

    def exchange_ms(self) -> int:
        """Exchange time now; it goes back only by a slip, whatever the wall clock does."""
        elapsed = self._wall_ms() - self.start_ms
        now = self.start_ms + (elapsed if self.speed == 1.0 else round(elapsed * self.speed)) - self.slipped_ms
        self._latest_ms = max(self._latest_ms, now)
        return self._latest_ms

    def server_ms(self) -> int:
        """The server's clock, by which requests are judged."""
        return self._wall_ms() + self.offset_ms

    def wire_ms(self, exchange_ms: int) -> int:
        """An exchange moment as clients are told it."""
        lived = exchange_ms - self.start_ms + self.slipped_ms
        return self.start_ms + (lived if self.speed == 1.0 else round(lived / self.speed)) + self.offset_ms
