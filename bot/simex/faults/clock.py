"""A venue's own clock: the common time line, and what its server's clock is off by, which may grow."""

from __future__ import annotations

from typing import Final

from bot.simex.timeline import Timeline

MINUTE_MS: Final = 60_000


class VenueClock(Timeline):
    """The time line of one venue: exchange time is common, the server's clock has an offset and a drift of its own."""

    def __init__(self, base: Timeline) -> None:
        self._base = base
        self._off_ms = 0.0
        self._drift = 0.0
        self._since_ms = 0
        self.start_ms = base.start_ms

    @property
    def speed(self) -> float:  # type: ignore[override]  # the base class keeps it, this one asks for it
        """Exchange seconds a wall second."""
        return self._base.speed

    @property
    def slipped_ms(self) -> int:  # type: ignore[override]  # as above
        """Exchange time that was not lived through."""
        return self._base.slipped_ms

    @property
    def offset_ms(self) -> int:  # type: ignore[override]  # as above
        """How far the server's clock is ahead of the wall clock."""
        return self._base.offset_ms + self.own_ms()

    def own_ms(self) -> int:
        """The part of the offset that is this venue's alone."""
        elapsed_ms = self._base.exchange_ms() - self._since_ms
        return round(self._off_ms + self._drift * elapsed_ms / MINUTE_MS)

    def step(self, step_ms: int) -> None:
        """The server's clock jumps."""
        self._off_ms += step_ms

    def drift(self, ms_per_min: float) -> None:
        """The server's clock runs fast by so much from now on; 0 ends it and what has grown stays."""
        self._off_ms, self._since_ms = float(self.own_ms()), self._base.exchange_ms()
        self._drift = ms_per_min

    def slip(self, missed_ms: int) -> None:
        """Take exchange time out of the common time line."""
        self._base.slip(missed_ms)

    def exchange_ms(self) -> int:
        """Exchange time now."""
        return self._base.exchange_ms()

    def server_ms(self) -> int:
        """The server's clock."""
        return self._base.server_ms() + self.own_ms()

    def wire_ms(self, exchange_ms: int) -> int:
        """An exchange moment as this venue's clients are told it."""
        return self._base.wire_ms(exchange_ms) + self.own_ms()
