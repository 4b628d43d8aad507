"""What a wide portfolio costs the event loop: the status that people are shown, and the tick that decides."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from bot.domain.events import ClockSampled, Fact, FundingPaid, Ticked
from bot.domain.units import MILLISECOND_NS, SECOND_NS, AccountId, Nanos
from bot.journal.memory import MemoryJournal
from bot.journal.store import JournalError, Stamp
from bot.lab.bench import desk, wide
from bot.lab.bench.figures import AtMost, Counts, Figure
from bot.runtime.carrier import NoGateway
from bot.runtime.chores import Intervals
from bot.runtime.clock import ManualClock
from bot.runtime.daemon import Daemon
from bot.runtime.surroundings import Surroundings
from bot.runtime.venue import Relay, Venue

START_NS = 1_700_000_000 * SECOND_NS
STATUS_MS_MAX = {20: 3.0, 100: 10.0}
"""What a status of so many assets may take, in milliseconds: it is drawn between two turns of the loop."""
INTERVALS = Intervals(tick=SECOND_NS, reconcile=SECOND_NS, clock=SECOND_NS, funding=SECOND_NS, checkpoint=SECOND_NS)


class _Unread:
    """Accounts that nobody reads: a status is drawn of what is known."""

    async def account(self, account: AccountId) -> tuple[Fact, ...]:
        raise AssertionError(account)

    async def funding(self, account: AccountId, since_ns: Nanos) -> tuple[FundingPaid, ...]:
        raise AssertionError(account)

    async def clock(self) -> tuple[ClockSampled, ...]:
        raise AssertionError("no clock is sampled here")


def daemon(directory: Path, count: int) -> Daemon:
    """A daemon with so many assets in band, not running: what it says of itself can be asked all the same."""

    def failed(error: JournalError) -> None:
        raise error

    clock = ManualClock(START_NS)
    return Daemon(
        wide.engine(START_NS, count),
        MemoryJournal(Stamp("live", "wide"), clock.wall_ns, failed),
        clock,
        Venue(NoGateway(), _Unread(), (), Relay(), directory / "journal.sqlite3", (desk.USDM,)),
        directory,
        INTERVALS,
        structlog.get_logger(),
        Surroundings(),
    )


def milliseconds(run: Callable[[], object], counts: Counts) -> float:
    """CPU of one call, in milliseconds: the mean of `statuses` calls, and of such means the best."""
    best = float("inf")
    for _ in range(counts.repeats):
        began = time.process_time_ns()
        for _ in range(counts.statuses):
            run()
        best = min(best, (time.process_time_ns() - began) / counts.statuses / MILLISECOND_NS)
    return best


def measure(counts: Counts, directory: Path) -> list[Figure]:
    """The row."""
    return [figure for count in STATUS_MS_MAX for figure in _of(count, counts, directory)]


def _of(count: int, counts: Counts, directory: Path) -> list[Figure]:
    made, engine = daemon(directory, count), wide.engine(START_NS, count)
    assert len(made.status().assets) == count, "an asset is missing from the status"
    return [
        Figure(
            name=f"status of {count} assets",
            value=milliseconds(made.status, counts),
            unit="ms",
            target=AtMost(STATUS_MS_MAX[count]),
            note="health, every group assessed, margin, positions, orders; each asset a group",
        ),
        Figure(name=f"  its health, {count} assets", value=milliseconds(made.health, counts), unit="ms"),
        Figure(
            name=f"a tick over {count} assets",
            value=milliseconds(lambda: engine.handle(Ticked(Nanos(START_NS))), counts),
            unit="ms",
            note="every group decided on, nothing to be done",
        ),
    ]
