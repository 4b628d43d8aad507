"""What is done by the clock beside the loop: accounts, clocks and funding read, checkpoints taken."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.domain.units import SECOND_NS, AccountId, Nanos
from bot.engine.engine import Engine
from bot.runtime.clock import Clock
from bot.runtime.health import USUAL, Bounds
from bot.runtime.loop import Loop
from bot.runtime.venue import Venue

CLOCK_AGAIN_NS = 5 * SECOND_NS
FUNDING_LOOK_BACK_NS = 24 * 3600 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often things are done, in nanoseconds."""

    tick: int
    reconcile: int
    clock: int
    funding: int
    checkpoint: int
    metadata: int = 3600 * SECOND_NS
    bounds: Bounds = USUAL
    """How long anything may be silent, overdue or unfinished."""


class Chores:
    """Children that look at the venue and keep the journal short; each runs until cancelled."""

    def __init__(
        self,
        engine: Engine,
        loop: Loop,
        refresh: Callable[[AccountId], None],
        venue: Venue,
        clock: Clock,
        intervals: Intervals,
        started_ns: Nanos,
    ) -> None:
        self._engine = engine
        self._loop = loop
        self._refresh = refresh
        self._venue = venue
        self._clock = clock
        self._intervals = intervals
        self._started_ns = started_ns

    def all(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The children by name."""
        return {
            "reconcile": self._reconcile,
            "clock": self._sample_clock,
            "funding": self._read_funding,
            "checkpoint": self._checkpoint,
        }

    async def _reconcile(self) -> None:
        while True:
            for account in self._engine.state.layout.rules.accounts:
                self._refresh(account)
            await self._clock.sleep(self._intervals.reconcile / SECOND_NS)

    async def _checkpoint(self) -> None:
        """So that a start reads only the journal's tail."""
        while True:
            await self._clock.sleep(self._intervals.checkpoint / SECOND_NS)
            self._loop.checkpoint()

    async def _sample_clock(self) -> None:
        """Compare clocks; sooner again while one of them, whoever found it out, holds new orders back."""
        while True:
            for event in await self._venue.snapshots.clock():
                self._loop.put(event)
            until = self._clock.now_ns() + self._intervals.clock
            while (left := until - self._clock.now_ns()) > 0:
                await self._clock.sleep(min(left, CLOCK_AGAIN_NS) / SECOND_NS)
                if self._clock_is_off():
                    break

    def _clock_is_off(self) -> bool:
        state = self._engine.state
        return any(abs(off) > state.layout.limits.clock_offset_ns_max for off in state.clock_offsets.values())

    async def _read_funding(self) -> None:
        """Funding from the venue's ledger; each settlement is told once."""
        seen: dict[AccountId, frozenset[str]] = {}
        since: dict[AccountId, Nanos] = {}
        while True:
            for account in self._venue.margin_accounts:
                start = since.setdefault(account, Nanos(self._started_ns))
                found = await self._venue.snapshots.funding(account, start)
                for payment in found:
                    if payment.transaction not in seen.get(account, frozenset()):
                        self._loop.put(payment)
                # The next look begins no earlier than this one, so what it can find again is among these.
                seen[account] = frozenset(payment.transaction for payment in found)
                since[account] = Nanos(max(self._started_ns, self._clock.now_ns() - FUNDING_LOOK_BACK_NS))
            await self._clock.sleep(self._intervals.funding / SECOND_NS)
