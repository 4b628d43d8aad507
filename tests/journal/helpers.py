"""Journals to test with, a clock that stands still, and a disk that obeys the test."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import apsw

from bot.journal.memory import MemoryJournal
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Entry, JournalError, Stamp

if TYPE_CHECKING:
    from pathlib import Path

NOW_NS = 1_700_000_000_000_000_000
WAIT_S = 20.0
LIVE = Stamp("live", "account-1", ("binance",))


def clock() -> int:
    """The time, which stands still."""
    return NOW_NS


def ignore(_: JournalError) -> None:
    """An `on_failure` for tests in which nothing fails."""


def sqlite_journal(path: Path, stamp: Stamp = LIVE, **options: Any) -> SqliteJournal:
    """The journal at a path, opened with defaults."""
    return SqliteJournal.open(path, stamp, clock, options.pop("on_failure", ignore), **options)


def memory_journal(**options: Any) -> MemoryJournal:
    """A journal in memory, with defaults."""
    return MemoryJournal(LIVE, clock, options.pop("on_failure", ignore), **options)


def entries(count: int, first: int = 1) -> list[Entry]:
    """Distinct entries, numbered from `first`."""
    return [Entry("fact", b'{"n":%d}' % n, NOW_NS + n) for n in range(first, first + count)]


def written(path: Path, count: int) -> None:
    """Create a journal of so many records and close it."""
    with sqlite_journal(path) as journal:
        journal.append_many(entries(count))


def tampered(path: Path, *statements: str) -> None:
    """Change the file as somebody would who knows SQLite and removes the triggers first."""
    connection = apsw.Connection(str(path))
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


class Disk(apsw.VFS):
    """A disk whose log can be made to hang on sync, to fail on sync, or to be full on write.

    Only the write-ahead log is affected: it is what stands between an append and its promise.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sync_fails = False
        self.full = False
        self.syncing = threading.Event()
        self.may_sync = threading.Event()
        self.may_sync.set()
        self.syncs = 0
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._is_log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__("", name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        if self._is_log:
            self._disk.syncs += 1
            self._disk.syncing.set()
            assert self._disk.may_sync.wait(WAIT_S)
            if self._disk.sync_fails:
                raise apsw.IOError("no sync today")
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._is_log and self._disk.full:
            raise apsw.FullError("no space left")
        super().xWrite(data, offset)
