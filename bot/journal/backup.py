"""Backups: a copy of a journal that is in use, proven before it gets its name; and the way back.

The copy is one snapshot: a read transaction is held over it, so that nothing written meanwhile makes it begin anew, and
a writer is never waited for nor made to wait (the log only grows by what is written meanwhile). It is made in bounded
steps under another name, walked from its first record to its last, and only then linked to the name that was asked for,
which must not exist. A backup is one file without a log beside it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from bot.journal import schema
from bot.journal.lock import FileLock
from bot.journal.reader import SqliteReader, connect_read_only
from bot.journal.sqlite import connect, lock_path, sync_directory
from bot.journal.store import JournalCorrupt, JournalError, JournalFailed, Stamp, require_same_owner

STEP_PAGES = 256
"""A mebibyte: what is copied at a time before others get their turn on the disk."""
STEP_PAUSE_S = 0.002
_SIDE_FILES = ("-wal", "-shm", "-journal")


class Backup(msgspec.Struct, frozen=True):
    """A proven copy: where it is, whose journal it is, what it holds, and the digest up to its last record."""

    path: str
    stamp: Stamp
    records: int
    last_seq: int
    head: str
    bytes: int


class Restored(msgspec.Struct, frozen=True):
    """A journal that was put back, and the file that keeps what stood in its place ("" when nothing did)."""

    path: str
    records: int
    last_seq: int
    kept_in: str


def backup(source: Path, target: Path, breathe: Callable[[], None] = lambda: time.sleep(STEP_PAUSE_S)) -> Backup:
    """Copy the journal at `source`, which may be in use, to `target`, which must not exist, mode 0600.

    Nothing is at `target` until the copy has been verified. `breathe` is called between two steps. Raises JournalError
    and its kinds: JournalCorrupt when the copy does not verify, which means that the journal does not either.
    """
    if target.exists() or target.is_symlink():
        raise JournalError(f"{target} exists: a backup replaces nothing, choose another name")
    with _draft(target) as draft:
        _copied(source, draft, breathe)
        found = _proven(draft)
        _sync(draft)
        _named(draft, target)
    return msgspec.structs.replace(found, path=str(target))


def restore(source: Path, state_dir: Path, now_ns: int) -> Restored:
    """Put a backup back as the journal of its mode in a state directory; no daemon may be running there.

    The backup is verified first and stays as it is. A journal that stands there is kept under another name beside it.
    Raises JournalBusy while a daemon runs, JournalCorrupt for a backup that does not verify, JournalMismatch where the
    journal that stands there is of another account, and JournalError.
    """
    with SqliteReader.open(source) as reader:
        stamp = reader.stamp
    place = state_dir / journal_name(stamp.mode)
    _require_the_same(place, stamp)
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock.acquire(lock_path(place))
    except OSError as error:
        raise schema.explained(error, str(place)) from error
    try:
        with _draft(place) as draft:
            _copied(source, draft, lambda: None)
            found = _proven(draft)
            _sync(draft)
            kept_in = _set_aside(place, now_ns)
            _named(draft, place)
    finally:
        lock.release()
    return Restored(str(place), found.records, found.last_seq, kept_in)


def _require_the_same(place: Path, wanted: Stamp) -> None:
    """A journal that can still say whose it is must be the same account's; one that is past reading cannot object."""
    try:
        with SqliteReader.open(place) as reader:
            standing = reader.stamp
    except JournalError:
        return
    require_same_owner(standing, wanted, str(place))


def journal_name(mode: str) -> str:
    """The file name of a mode's journal inside a state directory."""
    return f"journal-{mode}.sqlite3"


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A new file for the owner alone beside the target; whatever is left under its name is removed at the end."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise JournalFailed(f"no backup can be written at {target}: {error.strerror}") from error
    try:
        yield draft
    except (apsw.Error, OSError) as error:
        raise schema.explained(error, str(target)) from error
    finally:
        for suffix in ("", *_SIDE_FILES):
            Path(f"{draft}{suffix}").unlink(missing_ok=True)


def _copied(source: Path, draft: Path, breathe: Callable[[], None]) -> None:
    if not source.is_file():
        raise JournalError(f"there is no journal at {source}")
    try:
        reading = connect_read_only(source)
    except apsw.Error as error:
        raise schema.explained(error, str(source)) from error
    writing = apsw.Connection(str(draft), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        schema.read_stamp(reading, str(source))
        with reading:
            schema.fetch(reading, "SELECT 1 FROM stamp")
            with writing.backup("main", reading, "main") as copying:
                while not copying.done:
                    copying.step(STEP_PAGES)
                    breathe()
        # The log is a matter of the journal in use; without it the backup is a single file that can be copied about.
        writing.pragma("journal_mode", "delete")
    finally:
        writing.close()
        reading.close()


def _proven(draft: Path) -> Backup:
    with SqliteReader.open(draft) as reader:
        found, stamp = reader.check(), reader.stamp
        newest = reader.latest_checkpoint()
    if not found.ok:
        place = f" at record {found.broken_at}" if found.broken_at is not None else ""
        raise JournalCorrupt(f"the journal does not verify{place}: {found.reason}; nothing was written")
    last = found.last_seq or (newest.seq if newest else 0)
    return Backup(str(draft), stamp, found.records, last, found.head, draft.stat().st_size)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _named(draft: Path, target: Path) -> None:
    """Give the file its name without ever replacing another one."""
    try:
        os.link(draft, target)
    except FileExistsError:
        raise JournalError(f"{target} exists: a backup replaces nothing, choose another name") from None
    except OSError:
        # A disk without links (FAT, some network mounts): a rename replaces, so one looks first.
        if target.exists():
            raise JournalError(f"{target} exists: a backup replaces nothing, choose another name") from None
        draft.rename(target)
    sync_directory(target.parent)


def _set_aside(place: Path, now_ns: int) -> str:
    """Rename the journal that stands at a place, after what is still in its log was moved into it."""
    if not place.exists():
        return ""
    kept = Path(f"{place}.replaced-{now_ns}")
    try:
        connection = connect(place)
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            connection.close()
    except (apsw.Error, OSError):
        pass  # too damaged to be opened: its log goes along as it is
    for suffix in _SIDE_FILES:
        side = Path(f"{place}{suffix}")
        if side.exists():
            side.rename(f"{kept}{suffix}")
    place.rename(kept)
    return str(kept)
