"""`python -m bot.lab.months`: months of running in minutes, and what a start, a backup and the disk make of them.

Prints one JSON document; exit code 0 if a start from the journal stays inside its bound, the journal's size is bounded
by its retention, the chain and the replay hold, and a backup restores and verifies.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import structlog

from bot.domain.units import SECOND_NS
from bot.engine.engine import Engine
from bot.journal.backup import backup, restore
from bot.journal.reader import SqliteReader, verify
from bot.journal.sqlite import SqliteJournal
from bot.lab.bench.memory import resident_mib
from bot.lab.bench.rows import STANDARD_TEMPORARY
from bot.lab.months_world import DAY_TURNS, HOUR_TURNS, STAMP, Life
from bot.runtime.replay import replay
from bot.runtime.restored import restored

START_S_MAX = 2.0
SLACK = 1.25
"""How much larger than what a retention holds the file may become: places to cut are apart, and states are kept."""
LOG_BYTES = 8 << 20
"""Beside the records: SQLite's own log up to where it begins anew, and the states of the checkpoints."""
GROWTH_MIB_MAX = 24.0
"""What the process may grow by after its first day: SQLite's cache and fragments, and nothing that time adds to."""
_DAY_NS = 24 * 3_600 * SECOND_NS


class Figures(msgspec.Struct, kw_only=True):
    """What was found; sizes in bytes."""

    days: float
    retention_days: float
    seed: int
    orders: int
    records: int
    records_a_day: int
    bytes_a_day: int
    journal_bytes: list[int]
    """At the end of each day."""
    journal_bytes_bound: int
    records_kept: int
    checkpoint_bytes: int
    start_ms: float
    """Opening and restoring after a crash, the tail since the last checkpoint almost an hour long."""
    verify_ms: float
    """Walking everything that is kept, as `journal verify` does."""
    replay_ms: float
    backup_ms: float
    backup_bytes: int
    restored_start_ms: float
    memory_growth_mib: float
    head: str
    checks: dict[str, bool]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(self.checks.values())


async def measure(directory: Path, days: float, retention_days: float, seed: int = 7) -> Figures:
    """Live through the days and judge what is left of them on disk."""
    began = time.monotonic()
    life = Life(directory / "state", round(retention_days * _DAY_NS), _quiet(), seed)
    sizes, growth = await _lived(life, days)
    found = _judged(life, directory, days, retention_days, sizes)
    growing = found.memory_growth_mib = growth
    found.checks["memory_bounded"] = growing <= GROWTH_MIB_MAX
    found.seed, found.seconds = seed, round(time.monotonic() - began, 1)
    return found


async def _lived(life: Life, days: float) -> tuple[list[int], float]:
    """Live, noting the journal's size every day; the last hour has no checkpoint at its end."""
    sizes: list[int] = []
    resident = 0.0
    turns = round(days * DAY_TURNS)
    while turns > 0:
        await life.run(min(turns, DAY_TURNS))
        turns -= DAY_TURNS
        sizes.append(life.journal.size_bytes)
        resident = resident or resident_mib()
    grown = resident_mib() - resident
    await life.run(HOUR_TURNS - 1)
    life.journal.durable(life.journal.last_seq).result()
    return sizes, round(grown, 1)


def _judged(life: Life, directory: Path, days: float, retention_days: float, sizes: list[int]) -> Figures:
    records, per_day, bytes_a_day = life.journal.last_seq, *_daily(life)
    bound = round(bytes_a_day * min(retention_days, days) * SLACK) + LOG_BYTES
    backup_ms, made = _timed(lambda: backup(life.path, directory / "backup.sqlite3"))
    life.journal.close()
    verify_ms, walked = _timed(lambda: verify(life.path))
    replay_ms, replayed = _timed(lambda: replay(life.path))
    start_ms, engine = _timed(lambda: _start(life.path))
    back = restore(Path(made.path), directory / "restored", life.clock.now_ns())
    again_ms, again = _timed(lambda: _start(Path(back.path)))
    with SqliteReader.open(life.path) as reader:
        kept = reader.latest_checkpoint()
    checks = {
        "chain": walked.ok,
        "replay": replayed.ok,
        "start_in_time": max(start_ms, again_ms) <= START_S_MAX * 1_000,
        "size_bounded": max(sizes) <= bound,
        "pruned": days <= retention_days or walked.first_seq > 1,
        "backup_verifies": verify(made.path).ok and made.head == walked.head,
        "backup_restores": _knows(again) == _knows(engine) and _holds(again) == _holds(life.engine),
        "nothing_alarmed": not life.asked,
    }
    return Figures(
        days=days,
        retention_days=retention_days,
        seed=0,
        orders=life.exchange.fills,
        records=records,
        records_a_day=per_day,
        bytes_a_day=bytes_a_day,
        journal_bytes=sizes,
        journal_bytes_bound=bound,
        records_kept=walked.records,
        checkpoint_bytes=len(kept.state) if kept else 0,
        start_ms=start_ms,
        verify_ms=verify_ms,
        replay_ms=replay_ms,
        backup_ms=backup_ms,
        backup_bytes=made.bytes,
        restored_start_ms=again_ms,
        memory_growth_mib=0.0,
        head=walked.head,
        checks=checks,
        seconds=0.0,
    )


def _start(path: Path) -> Engine:
    """What a start does with its journal."""
    with SqliteJournal.open(path, STAMP, time.time_ns, _ignore, from_checkpoint=True) as journal:
        engine = restored(journal)
    assert engine is not None
    return engine


def _knows(engine: Engine) -> bytes:
    """Everything of a state but the market and the moment, which a journal keeps only where they mattered."""
    state = engine.state
    return msgspec.json.encode((state.accounts, state.orders, state.legs, state.modes, state.streams, state.epoch))


def _holds(engine: Engine) -> tuple[Any, Any]:
    """What it believes to hold; a confirmation of that may still have waited for company when it was killed."""
    accounts = engine.state.accounts
    held = {account: accounts.totals(account) for account in accounts.accounts}
    return held, {name: belief.position for name, belief in accounts.positions.items()}


def _daily(life: Life) -> tuple[int, int]:
    """Records a day, and bytes a day on disk, of what is kept."""
    count, size, first_ns = 0, 0, int(life.clock.now_ns())
    with SqliteReader.open(life.path) as reader:
        for record in reader.records():
            first_ns = min(first_ns, record.at_ns)
            count, size = count + 1, size + len(record.payload) + len(record.kind) + _ROW_BYTES
    per_day = _DAY_NS / max(life.clock.now_ns() - first_ns, 1)
    return round(count * per_day), round(size * per_day)


_ROW_BYTES = 64
"""Digest, numbers and the row's own head."""


def _disk() -> str | None:
    """A directory on a disk; the usual one for temporary files is often in memory."""
    return str(STANDARD_TEMPORARY) if STANDARD_TEMPORARY.is_dir() else None


def _timed(call: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = call()
    return round((time.perf_counter() - began) * 1_000, 1), found


def _quiet() -> Any:
    return structlog.wrap_logger(None, processors=[_drop])


def _drop(*_: object) -> Any:
    raise structlog.DropEvent


def _ignore(_: object) -> None:
    """Nothing is written here."""


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="months", description="Months of running, under virtual time.")
    parser.add_argument("--days", type=float, default=30, help="how long (default: %(default)s)")
    parser.add_argument("--retention", type=float, default=10, metavar="DAYS", help="journal.retention (default: 10)")
    parser.add_argument("--seed", type=int, default=7, help="one seed repeats one life (default: %(default)s)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="months-", dir=_disk()) as directory:
        found = asyncio.run(measure(Path(directory), chosen.days, chosen.retention, chosen.seed))
    print(msgspec.json.format(msgspec.json.encode({"ok": found.ok, **msgspec.structs.asdict(found)})).decode())
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
