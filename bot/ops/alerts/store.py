"""Alerts on disk until they are delivered: a small SQLite database beside the journal, owned by one thread.

`synchronous` is FULL: an alert that was accepted survives a power cut too, and only the thread that sends alerts waits
for the disk. The file is locked for as long as it is open, so that a second daemon on the same state directory can
neither send the first one's alerts nor lose them.

Alerting goes on without a disk. A file that is no alert store of ours is moved aside; one that cannot be opened or
written leaves the alerts in memory, which is said once, and is tried again from time to time.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import msgspec

from bot.domain.commands import Severity
from bot.ops.alerts.backlog import Accepted, Change, Done, Remembered, Stored
from bot.ops.alerts.kinds import Alert
from bot.ops.alerts.repeats import Memory

FILE = "alerts.sqlite3"
APPLICATION_ID = 0x7474616C  # "ttal"
SCHEMA_VERSION = 1
FILE_MODE = 0o600
LOADED_MAX = 10_000
ASIDE_MAX = 5
"""Damaged files that are kept; a disk that breaks them again and again must not be filled by them."""

_TABLES = """
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY, accepted_ns INTEGER NOT NULL, told TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE owed (
    alert INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE, sink TEXT NOT NULL, PRIMARY KEY (alert, sink)
) STRICT, WITHOUT ROWID;
CREATE TABLE memory (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""


class StoreError(Exception):
    """The file cannot be used; one line that says why."""


class StoreDamaged(StoreError):
    """What stands there is no alert store, or a broken one: it may be moved aside."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store holds: what is still to be delivered, and what is remembered of each key."""

    waiting: tuple[Stored, ...] = ()
    memories: dict[str, Memory] | None = None


class Store:
    """An open database. Every method raises StoreError where the disk says no."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE))
            path.chmod(FILE_MODE)
            self._connection = apsw.Connection(str(path))
        except (OSError, apsw.Error) as error:
            raise _explained(error, path) from None
        try:
            self._prepare()
        except (StoreError, apsw.Error) as error:
            self._connection.close(True)
            raise _explained(error, path) from None

    def load(self) -> Kept:
        """Everything that outlived the last run, in the order in which it was accepted."""
        try:
            waiting = [self._stored(*row) for row in self._rows("SELECT * FROM alerts ORDER BY id LIMIT ?", LOADED_MAX)]
            rows = self._rows("SELECT key, body FROM memory")
            return Kept(tuple(waiting), {key: msgspec.json.decode(body, type=Memory) for key, body in rows})
        except apsw.Error as error:
            raise _explained(error, self.path) from None
        except (msgspec.MsgspecError, ValueError) as error:
            raise StoreDamaged(f"{self.path} holds what is no alert: {error}") from None

    def apply(self, changes: Sequence[Change]) -> None:
        """Store some changes; all of them are on the disk when it returns, or none is."""
        if changes:
            self._write(changes, afresh=False)

    def rewrite(self, changes: Sequence[Change]) -> None:
        """Replace everything by what these changes make: after a time in memory alone."""
        self._write(changes, afresh=True)

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        try:
            self._connection.close()
        except apsw.Error as error:
            raise _explained(error, self.path) from None

    def _prepare(self) -> None:
        connection = self._connection
        connection.pragma("locking_mode", "exclusive")
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("foreign_keys", True)
        with connection:  # the first write takes the lock, and it is kept
            if not self._rows("SELECT 1 FROM sqlite_schema LIMIT 1"):
                connection.execute(_TABLES)
                connection.pragma("application_id", APPLICATION_ID)
                connection.pragma("user_version", SCHEMA_VERSION)
        stamp = (connection.pragma("application_id"), connection.pragma("user_version"))
        if stamp != (APPLICATION_ID, SCHEMA_VERSION):
            raise StoreDamaged(f"{self.path} is no alert store of this version")
        connection.execute("DELETE FROM alerts WHERE id NOT IN (SELECT alert FROM owed)")

    def _write(self, changes: Iterable[Change], *, afresh: bool) -> None:
        try:
            with self._connection:
                if afresh:
                    self._connection.execute("DELETE FROM alerts; DELETE FROM memory")
                for change in changes:
                    self._apply(change)
        except apsw.Error as error:
            raise _explained(error, self.path) from None

    def _apply(self, change: Change) -> None:
        execute = self._connection.execute
        match change:
            case Accepted(stored):
                row = (stored.id, stored.accepted_ns, stored.told.value, msgspec.json.encode(stored.alert))
                execute("INSERT INTO alerts VALUES (?, ?, ?, ?)", row)
                self._connection.executemany("INSERT INTO owed VALUES (?, ?)", [(stored.id, s) for s in stored.owed])
            case Done(number, root):
                execute("DELETE FROM owed WHERE alert = ? AND sink = ?", (number, root))
                execute("DELETE FROM alerts WHERE id = ? AND id NOT IN (SELECT alert FROM owed)", (number,))
            case Remembered(key, None):
                execute("DELETE FROM memory WHERE key = ?", (key,))
            case Remembered(key, memory):
                execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (key, msgspec.json.encode(memory)))

    def _stored(self, number: int, accepted_ns: int, told: str, body: bytes) -> Stored:
        owed = [sink for (sink,) in self._rows("SELECT sink FROM owed WHERE alert = ? ORDER BY sink", number)]
        alert = msgspec.json.decode(body, type=Alert)
        return Stored(id=number, accepted_ns=accepted_ns, alert=alert, told=Severity(told), owed=owed)

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()


def open_or_replace(path: Path, now_ns: int) -> tuple[Store, Kept, str | None]:
    """A store with what it holds. One that is damaged is moved aside first, which is what the text says.

    Raises:
        StoreError: where no file can be had here at all.
    """
    try:
        return *_open(path), None
    except StoreDamaged as error:
        aside = _move_aside(path, now_ns)
        said = f"{error}; it was moved to {aside.name}, and a new one was begun: alerts that waited in it are not sent"
        return *_open(path), said


def _open(path: Path) -> tuple[Store, Kept]:
    store = Store(path)
    try:
        return store, store.load()
    except StoreError:
        store.close()
        raise


def _move_aside(path: Path, now_ns: int) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{now_ns}")
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        for old in sorted(path.parent.glob(f"{path.name}.damaged-*"))[:-ASIDE_MAX]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise _explained(error, path) from None
    return aside


def _explained(error: Exception, path: Path) -> StoreError:
    if isinstance(error, StoreError):
        return error
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreDamaged(f"{path} is damaged or no database")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreError(f"{path} is in use by another process")
    return StoreError(f"{path}: {getattr(error, 'strerror', None) or error}")
