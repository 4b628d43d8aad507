"""The durable journal: SQLite in WAL mode with synchronous FULL, one writer thread, one process at a time."""

import os
import stat
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType

import apsw
import msgspec

from bot.journal import chain, schema
from bot.journal.lock import FileLock
from bot.journal.reader import BUSY_TIMEOUT_MS, Rereading, SqliteReader
from bot.journal.store import (
    STATE_BYTES_MAX,
    Entry,
    Head,
    JournalClosed,
    JournalCorrupt,
    JournalError,
    JournalFailed,
    Stamp,
    require_same_owner,
)
from bot.journal.waiters import Promises, Wake
from bot.journal.writer import QUEUE_RECORDS_MAX, Writer, acknowledge

CLOSE_TIMEOUT_S = 10.0
CHECKPOINTS_KEPT = 8
"""The newest ones. Of the older ones one is kept every `checkpoint_spacing_ns`, so that what is kept can be replayed
from where it begins, and pruning finds a place to cut."""
CHECKPOINT_SPACING_NS = 24 * 3_600 * 1_000_000_000
SWEEP_RECORDS = 2_000
WAL_KEPT_BYTES_MAX = 64 * 1024 * 1024


class SqliteJournal(Rereading, Promises):
    """A journal in one SQLite file with a lock file beside it; implements `bot.journal.store.Journal`.

    Its methods may be called from any thread and never wait for the disk, except `open`, `records`,
    `latest_checkpoint`, `prunable` and `close`. It is a context manager that closes itself.
    """

    def __init__(
        self,
        path: Path,
        lock: FileLock,
        stamp: Stamp,
        writer: Writer,
        clock_ns: Callable[[], int],
        checkpoint_spacing_ns: int = CHECKPOINT_SPACING_NS,
    ) -> None:
        self._path = path
        self._checkpoint_spacing_ns = checkpoint_spacing_ns
        self._lock = lock
        self.stamp = stamp
        self._writer = writer
        self._clock_ns = clock_ns
        self._sweep()

    @classmethod
    def open(
        cls,
        path: Path | str,
        stamp: Stamp,
        clock_ns: Callable[[], int],
        on_failure: Callable[[JournalError], None],
        *,
        from_checkpoint: bool = False,
        queue_records_max: int = QUEUE_RECORDS_MAX,
        checkpoint_spacing_ns: int = CHECKPOINT_SPACING_NS,
        vfs: str | None = None,
    ) -> "SqliteJournal":
        """Open the journal at `path`, or create it with `stamp`; the chain is verified before anything is written.

        `clock_ns` (Unix time) dates the stamp, checkpoints and prunings. `on_failure` is called once, on the
        writer's thread, when a write fails. `from_checkpoint` verifies only what follows the newest checkpoint, so that
        opening takes the same time however old the journal is. `checkpoint_spacing_ns` is how far apart old
        checkpoints are kept.
        Raises JournalBusy, JournalMismatch, JournalCorrupt or JournalFailed.
        """
        path = Path(path)
        lock = _locked(path)
        try:
            connection = connect(path, vfs)
            try:
                stored = _stored_stamp(connection, stamp, clock_ns, str(path))
                head = _verified_head(connection, str(path), from_checkpoint)
            except BaseException:
                connection.close()
                raise
            writer = Writer(connection, head, str(path), on_failure, queue_records_max)
        except (apsw.Error, OSError) as error:
            lock.release()
            raise schema.explained(error, str(path)) from error
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, stored, writer, clock_ns, checkpoint_spacing_ns)

    def __enter__(self) -> "SqliteJournal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def head(self) -> Head:
        """The last durable record's sequence number and digest."""
        return self._writer.head

    @property
    def last_seq(self) -> int:
        """The last sequence number given out, durable or not."""
        return self._writer.last_seq

    @property
    def failed(self) -> JournalError | None:
        """The failure that stopped the journal, or None; once set it stays."""
        return self._writer.failed

    @property
    def lag_ns(self) -> int:
        """Age of the oldest record that is not yet durable; 0 when none waits."""
        return self._writer.lag_ns

    @property
    def size_bytes(self) -> int:
        """The size of the database and its log on disk."""
        files = (self._path, Path(f"{self._path}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def append(self, kind: str, payload: bytes, at_ns: int) -> int:
        """Queue one entry and return its sequence number."""
        return self._writer.append((Entry(kind, payload, at_ns),))

    def append_many(self, entries: Iterable[Entry]) -> int:
        """Queue entries next to each other, all or none, and return the last sequence number given out."""
        return self._writer.append(tuple(entries))

    def checkpoint(self, seq: int, state: bytes) -> Future[None]:
        """Store the state after the record `seq`; the newest few checkpoints are kept, and older ones further apart."""
        if len(state) > STATE_BYTES_MAX:
            raise ValueError(f"a state has at most {STATE_BYTES_MAX} bytes, this one {len(state)}")
        created_ns, spacing_ns = self._clock_ns(), self._checkpoint_spacing_ns
        return self._writer.submit(lambda connection: _store_checkpoint(connection, seq, state, created_ns, spacing_ns))

    def prune(self, before_seq: int) -> Future[int]:
        """Give up the records below `before_seq` behind a checkpoint; they leave the file in the background.

        The pages they free are used again, the file does not shrink.
        """
        now_ns = self._clock_ns()
        pruned = self._writer.submit(lambda connection: _keep_segment(connection, before_seq, now_ns))
        self._sweep()
        return pruned

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Write what is queued, stop the writer and release the lock; a second call does nothing.

        Raises JournalFailed when the journal has failed, or when the disk takes longer than `timeout_s`: then the
        lock stays with this process until it ends.
        """
        self._writer.stop(timeout_s)
        self._lock.release()
        if self._writer.failed is not None:
            raise JournalFailed(str(self._writer.failed)) from self._writer.failed

    def _wait(self, seq: int, wake: Wake) -> None:
        self._writer.wait(seq, wake)

    def _sweep(self) -> None:
        """Delete pruned records a few at a time, so that no commit waits long behind a deletion."""

        def again(done: Future[bool]) -> None:
            if done.exception() is None and done.result():
                self._sweep()

        try:
            self._writer.submit(_delete_pruned).add_done_callback(again)
        except (JournalClosed, JournalFailed):
            # The head of the segment is stored: the next opening sweeps the rest.
            return


def free_bytes(path: Path | str) -> int:
    """Return the space that is left for an unprivileged process on the disk of the journal at `path`."""
    disk = os.statvfs(Path(path).parent)
    return disk.f_bavail * disk.f_frsize


def connect(path: Path, vfs: str | None = None) -> apsw.Connection:
    """Open the database for writing, creating it for its owner alone; the caller holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o600:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.pragma("synchronous", "full")
        connection.pragma("journal_size_limit", WAL_KEPT_BYTES_MAX)
    except BaseException:
        connection.close()
        raise
    return connection


def _locked(path: Path) -> FileLock:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLock.acquire(lock_path(path))
    except OSError as error:
        raise schema.explained(error, str(path)) from error


def lock_path(path: Path) -> Path:
    """Return the name of the lock file of the journal at `path`."""
    return Path(f"{path}.lock")


def sync_directory(directory: Path) -> None:
    """A new file is durable only once its name is."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stored_stamp(connection: apsw.Connection, wanted: Stamp, clock_ns: Callable[[], int], where: str) -> Stamp:
    if schema.is_blank(connection):
        schema.create(connection, msgspec.structs.replace(wanted, created_ns=clock_ns()))
    stored = schema.read_stamp(connection, where)
    require_same_owner(stored, wanted, where)
    connection.pragma("journal_mode", "wal")
    return stored


def _verified_head(connection: apsw.Connection, where: str, from_checkpoint: bool) -> Head:
    reader = SqliteReader(connection, where)
    found = reader.check(from_checkpoint)
    if not found.ok:
        place = f" at seq {found.broken_at}" if found.broken_at is not None else ""
        raise JournalCorrupt(f"journal {where} does not verify{place}: {found.reason}")
    head = reader.head
    with connection:
        acknowledge(connection, head.seq)
    return head


def _store_checkpoint(connection: apsw.Connection, seq: int, state: bytes, created_ns: int, spacing_ns: int) -> None:
    digest = _digest_at(connection, seq)
    sealed = chain.seal(seq, digest, state, created_ns)
    connection.execute(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)", (seq, digest, state, created_ns, sealed)
    )
    _thin(connection, spacing_ns)


def _thin(connection: apsw.Connection, spacing_ns: int) -> None:
    """Delete the checkpoints between the newest few and those that are kept for good, until they are pruned."""
    rows = schema.fetch(connection, "SELECT seq, created_ns FROM checkpoints ORDER BY seq")
    kept_ns: int | None = None
    for seq, created_ns in rows[:-CHECKPOINTS_KEPT]:
        if kept_ns is None or created_ns - kept_ns >= spacing_ns:
            kept_ns = created_ns
        else:
            connection.execute("DELETE FROM checkpoints WHERE seq = ?", (seq,))


def _digest_at(connection: apsw.Connection, seq: int) -> bytes:
    rows = schema.fetch(
        connection,
        "SELECT digest FROM records WHERE seq = ? UNION SELECT digest FROM segments WHERE last_seq = ?",
        (seq, seq),
    )
    if not rows:
        raise JournalError(f"no record with seq {seq} is kept, so no checkpoint can be taken there")
    digest: bytes = rows[0][0]
    return digest


def _keep_segment(connection: apsw.Connection, before_seq: int, now_ns: int) -> int:
    last = before_seq - 1
    floor, covered = schema.fetch(
        connection,
        "SELECT (SELECT coalesce(max(last_seq), 0) FROM segments), (SELECT coalesce(max(seq), 0) FROM checkpoints)",
    )[0]
    if last <= floor:
        return 0
    if covered < last:
        raise JournalError(f"records up to seq {last} cannot be pruned: the newest checkpoint is at {covered}")
    connection.execute("INSERT INTO segments SELECT seq, digest, ? FROM records WHERE seq = ?", (now_ns, last))
    connection.execute("DELETE FROM checkpoints WHERE seq < ?", (last,))
    return last - int(floor)


def _delete_pruned(connection: apsw.Connection) -> bool:
    """Delete some of the records below the newest segment's head; True when some are left."""
    floor, first = schema.fetch(
        connection,
        "SELECT (SELECT coalesce(max(last_seq), 0) FROM segments), (SELECT coalesce(min(seq), 0) FROM records)",
    )[0]
    if not 0 < first <= floor:
        return False
    last = min(floor, first + SWEEP_RECORDS - 1)
    connection.execute("DELETE FROM records WHERE seq <= ?", (last,))
    return bool(last < floor)
