"""The one way to cut a damaged end off a journal, and only by an explicit request.

A crash cannot leave half a record: the log's own checksums drop what was not committed. What is left is a disk that
lies. A damaged record is removed only when nothing shows that it was ever promised as durable, which can be true of
the last transaction alone; everything earlier needs a backup, not a repair.
"""

import os
from collections.abc import Callable
from pathlib import Path

import apsw
import msgspec

from bot.journal import schema
from bot.journal.export import write_lines
from bot.journal.lock import FileLock
from bot.journal.reader import SqliteReader
from bot.journal.sqlite import connect, lock_path
from bot.journal.store import JournalCorrupt, JournalError, VerifyResult


class Repair(msgspec.Struct, frozen=True):
    """What was cut off, and the file that keeps it."""

    first_seq: int
    last_seq: int
    kept_in: str
    reason: str


def repair(path: Path | str, clock_ns: Callable[[], int]) -> Repair | None:
    """Cut a damaged, never acknowledged end off the journal at `path`; None when there is nothing to repair.

    The removed records are kept beside the journal as JSON lines. Their sequence numbers will be given out again.
    Raises JournalBusy while the journal is in use, and JournalCorrupt when the damage is not at an
    unacknowledged end.
    """
    path = Path(path)
    if not path.is_file():
        raise JournalError(f"there is no journal at {path}")
    lock = FileLock.acquire(lock_path(path))
    try:
        connection = connect(path)
        try:
            return _repair(connection, path, clock_ns)
        finally:
            connection.close()
    except (apsw.Error, OSError) as error:
        raise schema.explained(error, str(path)) from error
    finally:
        lock.release()


def _repair(connection: apsw.Connection, path: Path, clock_ns: Callable[[], int]) -> Repair | None:
    reader = SqliteReader(connection, str(path))
    found = reader.check()
    if found.ok:
        return None
    first = _first_removable(reader, found, path)
    kept_in = Path(f"{path}.removed-{first}-{clock_ns()}.jsonl")
    _keep(reader, first, kept_in)
    with connection:
        connection.execute("DROP TRIGGER records_no_delete")
        connection.execute("DELETE FROM records WHERE seq >= ?", (first,))
        connection.execute(schema.NO_DELETE)
        connection.execute(
            "INSERT INTO repairs(at_ns, first_seq, last_seq, reason) VALUES (?, ?, ?, ?)",
            (clock_ns(), first, found.last_seq, found.reason),
        )
    return Repair(first, found.last_seq, str(kept_in), found.reason)


def _first_removable(reader: SqliteReader, found: VerifyResult, path: Path) -> int:
    if found.broken_at is None:
        raise JournalCorrupt(f"journal {path} cannot be repaired: {found.reason}")
    promised = reader.acknowledged_seq()
    if found.broken_at <= promised:
        raise JournalCorrupt(
            f"journal {path} is broken at seq {found.broken_at}, but records up to {promised} were acknowledged: "
            f"restore a backup ({found.reason})"
        )
    return found.broken_at


def _keep(reader: SqliteReader, first: int, kept_in: Path) -> None:
    descriptor = os.open(kept_in, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        write_lines(reader.raw_records(first - 1), out)
        out.flush()
        os.fsync(out.fileno())
