"""What a journal needs in order to be written for years: old records pruned, the disk watched, the chain walked.

None of it is on the order path. It runs beside the daemon as a companion does; what fails is logged and tried again.
A journal whose old records do not hold any more stands on a disk that lies: new orders are paused, and a person looks.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from structlog.typing import FilteringBoundLogger

from bot.domain.commands import Command
from bot.domain.events import Event
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.journal import sqlite
from bot.journal.reader import verify
from bot.journal.store import Journal, JournalError, VerifyResult
from bot.runtime.control import Arguments

LOOK_S = 60.0
PRUNE_EVERY_NS = 3_600 * SECOND_NS
AUDIT_FIRST_NS = 600 * SECOND_NS
AUDIT_EVERY_NS = 24 * 3_600 * SECOND_NS
AUDIT_AGAIN_S = 10.0
AUDIT_PAUSE_S = 0.005
"""After every page of records: the walk has all day, the loop has not."""
SPACINGS_PER_RETENTION = 24
"""How many places to cut there are within a retention: what is kept is at most this part longer."""
_MIB = 1 << 20


class Home(Protocol):
    """What upkeep needs of the house that it works in."""

    @property
    def state(self) -> State:
        """The engine's state."""
        ...

    def now_ns(self) -> Nanos:
        """The daemon's clock."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait by that clock."""
        ...

    async def ask(self, verb: str, arguments: Arguments) -> Any:
        """What the control socket's verb of that name does."""
        ...


class Interrupted(Exception):
    """The daemon ends: the walk over the chain is given up."""


def free_bytes(path: Path) -> int:
    """Return the space that is left on the disk of a file or directory. Raises OSError."""
    return sqlite.free_bytes(path / "journal" if path.is_dir() else path)


def known_free_bytes(path: Path) -> int | None:
    """The same, or None where it cannot be told."""
    try:
        return free_bytes(path)
    except OSError:
        return None


def spacing_ns(retention_ns: int) -> int:
    """How far apart old checkpoints are kept, so that pruning finds a place to cut soon enough."""
    return retention_ns // SPACINGS_PER_RETENTION


def too_full(path: Path, floor_bytes: int) -> str:
    """Why a disk has too little space, in a line for a person; empty when it has enough, or when nobody knows."""
    free = known_free_bytes(path)
    if free is None or free >= floor_bytes:
        return ""
    return f"{path}: its disk has {free // _MIB} MiB left, journal.disk_free asks for {floor_bytes // _MIB} MiB"


class Upkeep:
    """Prunes, watches and audits one journal; implements `bot.runtime.companion.Companion`."""

    name = "upkeep"

    def __init__(
        self,
        journal: Journal,
        path: Path,
        retention_ns: int,
        disk_free_bytes: int,
        log: FilteringBoundLogger,
        *,
        audit: Callable[[Path, Callable[[], None]], VerifyResult] = verify,
    ) -> None:
        """`path` is the journal's own; where there is no file at it (a journal in memory) only pruning is done."""
        self._journal = journal
        self._path = path
        self._retention_ns = retention_ns
        self._disk_free_bytes = disk_free_bytes
        self._log = log
        self._audit = audit
        self._ended = threading.Event()
        self._pruned_ns = 0
        self._audit_due_ns = 0
        self._low = False

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """Nothing here depends on single steps."""

    async def run(self, house: Home) -> None:
        """Look after the journal until cancelled."""
        self._ended.clear()
        try:
            while True:
                await self.turn(house)
                await house.sleep(LOOK_S)
        finally:
            self._ended.set()

    async def turn(self, house: Home) -> None:
        """Do what is due now."""
        now = house.now_ns()
        self._audit_due_ns = self._audit_due_ns or now + AUDIT_FIRST_NS
        await self._look_at_disk()
        # Under a wrong clock everything may look old; a minute later it may be known to be right.
        if now - self._pruned_ns >= PRUNE_EVERY_NS and _clock_is_trusted(house.state):
            self._pruned_ns = now
            await self._prune(house)
        if now >= self._audit_due_ns:
            self._audit_due_ns = now + AUDIT_EVERY_NS
            await self._walk(house)

    async def _look_at_disk(self) -> None:
        why = await asyncio.to_thread(too_full, self._path, self._disk_free_bytes)
        if why and not self._low:
            self._log.warning("disk", what=f"{why}; a full one halts")
        elif self._low and not why:
            self._log.info("disk", what="there is enough space again")
        self._low = bool(why)

    async def _prune(self, house: Home) -> None:
        """Give up what is older than the retention, as far as a checkpoint stands behind it."""
        began = time.monotonic()
        try:
            last = await asyncio.to_thread(self._journal.prunable, house.now_ns() - self._retention_ns)
            if not last:
                return
            count = await asyncio.wrap_future(self._journal.prune(last + 1))
        except JournalError as error:
            self._log.error("journal", what=f"old records were not pruned: {error}")
            return
        took_ms = round((time.monotonic() - began) * 1_000)
        self._log.info("journal pruned", records=count, up_to=last, took_ms=took_ms)

    async def _walk(self, house: Home) -> None:
        """Walk the whole chain, page by page; a start looks at its end only."""
        if not self._path.is_file():
            return
        try:
            found = await self._audited(house)
        except (Interrupted, JournalError) as error:
            self._log.warning("journal", what=f"the chain was not walked: {error}")
            return
        if found.ok:
            self._log.info("journal verified", records=found.records, head=found.head[:16])
            return
        why = f"journal {self._path} does not hold at record {found.broken_at}: {found.reason}"
        self._log.error("journal", what=f"{why}; restore a backup")
        if house.state.modes.overall in (Mode.UNWIND, Mode.FLATTEN):
            # A pause would leave half of the hedges open that somebody is closing. It is looked at again until then.
            self._audit_due_ns = house.now_ns()
            return
        arguments: dict[str, Any] = {"reason": why, "by": "trimtab"}
        await house.ask("pause", arguments)

    async def _audited(self, house: Home) -> VerifyResult:
        """Walk; and once more where no record was named, for that may be a file that could not be read just then."""
        found = await asyncio.to_thread(self._audit, self._path, self._breathe)
        if found.ok or found.broken_at is not None:
            return found
        await house.sleep(AUDIT_AGAIN_S)
        return await asyncio.to_thread(self._audit, self._path, self._breathe)

    def _breathe(self) -> None:
        if self._ended.wait(AUDIT_PAUSE_S):
            raise Interrupted("the daemon ends")


def _clock_is_trusted(state: State) -> bool:
    """Whether the venue's clock was seen, and agrees with ours."""
    offsets = state.clock_offsets.values()
    return bool(offsets) and all(abs(off) <= state.layout.limits.clock_offset_ns_max for off in offsets)
