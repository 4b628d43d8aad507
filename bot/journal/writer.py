"""The one thread that writes: it owns the connection and turns whatever is queued into group commits.

While a commit is on its way to the disk, new entries gather; the next commit takes all of them. The caller's thread
only takes a sequence number and leaves; hashing, writing and syncing happen here. A write that fails is never
retried under the same promise: the writer latches the failure, tells everybody who waits and stops. A record whose
write failed may nevertheless be found by the next opening (its sync failed, its bytes arrived): not promised is not
the same as not there.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, TypeVar

import apsw

from bot.journal import schema
from bot.journal.chain import link
from bot.journal.store import Entry, Head, JournalClosed, JournalError, JournalFailed, JournalFull, checked
from bot.journal.waiters import Waiters, Wake

QUEUE_RECORDS_MAX = 100_000
QUEUE_BYTES_MAX = 64 * 1024 * 1024
QUEUE_JOBS_MAX = 64
BATCH_RECORDS_MAX = 4_096
STATEMENT_RECORDS_MAX = 16
WAL_CHECKPOINT_PAGES = 1_000

# For `sys.setswitchinterval`, which belongs to the process and so is set by whoever composes it. An event loop under
# load gives the interpreter's lock up for microseconds at a time and takes it back; with Python's default of 5 ms the
# writer then never waits long enough to insist, and a commit of 0.5 ms was measured to take up to 2.5 s.
SWITCH_INTERVAL_S = 0.0001

T = TypeVar("T")
Job = Callable[[apsw.Connection], T]


class Writer:
    """The queue in front of the disk and the thread behind it."""

    def __init__(
        self,
        connection: apsw.Connection,
        head: Head,
        where: str,
        on_failure: Callable[[JournalError], None],
        queue_records_max: int = QUEUE_RECORDS_MAX,
    ) -> None:
        self._connection = connection
        self._where = where
        self._on_failure = on_failure
        self._queue_records_max = queue_records_max
        self._lock = threading.Lock()
        # The writer sleeps in `_bell.get()`; it is rung once a sleep, which costs the caller a fraction of what
        # notifying a Condition does.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._asleep = False
        self._entries: deque[Entry] = deque()
        self._queued_bytes = 0
        self._queued_since_ns = 0
        self._writing_since_ns = 0
        self._jobs: deque[tuple[Job[Any], Future[Any]]] = deque()
        self._waiters = Waiters()
        self._stopping = False
        self._wal_pages = 0
        self.last_seq = head.seq
        self.head = head
        self.failed: JournalError | None = None
        connection.set_wal_hook(self._note_wal)
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def append(self, entries: Sequence[Entry]) -> int:
        """Queue all the entries or none; return the last sequence number."""
        size = sum(len(checked(entry).payload) for entry in entries)
        with self._lock:
            self._require_open()
            if len(self._entries) + len(entries) > self._queue_records_max:
                raise JournalFull(f"journal {self._where}: {len(self._entries)} records wait for the disk")
            if self._queued_bytes + size > QUEUE_BYTES_MAX:
                raise JournalFull(f"journal {self._where}: {self._queued_bytes} bytes wait for the disk")
            if not self._entries:
                self._queued_since_ns = time.monotonic_ns()
            self._entries.extend(entries)
            self._queued_bytes += size
            self.last_seq += len(entries)
            self._ring()
            return self.last_seq

    @property
    def lag_ns(self) -> int:
        """Age of the oldest record that is not yet durable; 0 when none waits. From any thread."""
        with self._lock:
            queued_ns = self._queued_since_ns if self._entries else 0
            oldest_ns = self._writing_since_ns or queued_ns
        return max(time.monotonic_ns() - oldest_ns, 0) if oldest_ns else 0

    def wait(self, seq: int, wake: Wake) -> None:
        """Call `wake` once `seq` is durable, or with the error when it will not be; from any thread."""
        with self._lock:
            if not 0 <= seq <= self.last_seq:
                raise ValueError(f"seq {seq} was never appended, the last one is {self.last_seq}")
            if seq > self.head.seq and self.failed is None:
                self._waiters.add(seq, wake)
                return
            error = None if seq <= self.head.seq else self.failed
        wake(error)

    def submit(self, job: Job[T]) -> Future[T]:
        """Run a job on the writer's thread, in a transaction, after everything queued so far is durable."""
        future: Future[T] = Future()
        with self._lock:
            self._require_open()
            if len(self._jobs) >= QUEUE_JOBS_MAX:
                raise JournalFull(f"journal {self._where}: {len(self._jobs)} jobs wait for the disk")
            self._jobs.append((job, future))
            self._ring()
        return future

    def stop(self, timeout_s: float) -> None:
        """Write what is queued, close the connection and end the thread; JournalFailed when it cannot."""
        with self._lock:
            self._stopping = True
            self._ring()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise JournalFailed(f"journal {self._where}: still writing after {timeout_s} s")

    def _ring(self) -> None:
        """Wake the writer if it sleeps; the caller holds the lock."""
        if self._asleep:
            self._asleep = False
            self._bell.put(None)

    def _require_open(self) -> None:
        if self.failed is not None:
            raise JournalFailed(f"journal {self._where} has stopped: {self.failed}") from self.failed
        if self._stopping:
            raise JournalClosed(f"journal {self._where} is closed")

    # What follows runs on the writer's thread.

    def _run(self) -> None:
        try:
            while self._turn():
                pass
            self._finish()
        except apsw.Error as error:
            self._fail(JournalFailed(str(schema.explained(error, self._where))))
        except BaseException as error:
            # A bug here must not leave anybody waiting for a record that nobody writes any more.
            self._fail(JournalFailed(f"journal {self._where}: {type(error).__name__}: {error}"))
            raise

    def _turn(self) -> bool:
        """Write one batch and the jobs behind it; False once everything is written and the end was asked for."""
        with self._lock:
            batch = [self._entries.popleft() for _ in range(min(len(self._entries), BATCH_RECORDS_MAX))]
            self._queued_bytes -= sum(len(entry.payload) for entry in batch)
            self._writing_since_ns = self._queued_since_ns if batch else 0
            # A job stands behind the entries that were queued before it.
            jobs = 0 if self._entries else len(self._jobs)
            ended = self._stopping and not (batch or jobs)
            sleepy = self._asleep = not (batch or jobs or self._stopping)
        if ended:
            return False
        if sleepy:
            self._bell.get()
            return True
        if batch:
            self._commit(batch)
        for _ in range(jobs):
            self._run_job(*self._jobs.popleft())
        self._checkpoint_wal()
        return True

    def _commit(self, batch: list[Entry]) -> None:
        durable_seq, digest, rows = self.head.seq, self.head.digest, []
        for seq, (kind, payload, at_ns) in enumerate(batch, durable_seq + 1):
            digest = link(digest, seq, at_ns, kind, payload)
            rows.append((seq, at_ns, kind, payload, digest, durable_seq))
        self._insert(rows)
        head = Head(durable_seq + len(batch), digest)
        with self._lock:
            self.head = head
            self._writing_since_ns = 0
            due = self._waiters.take(head.seq)
        for wake in due:
            wake(None)

    def _insert(self, rows: list[tuple[Any, ...]]) -> None:
        if len(rows) <= STATEMENT_RECORDS_MAX:
            # One statement is one transaction and one stay outside the interpreter's lock: on a busy event loop
            # every return from SQLite waits for that lock, up to a switch interval.
            self._connection.execute(_insertion(len(rows)), [value for row in rows for value in row])
            return
        with self._connection:
            self._connection.executemany(_insertion(1), rows)

    def _run_job(self, job: Job[Any], future: Future[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            with self._connection:
                result = job(self._connection)
        except JournalError as error:
            future.set_exception(error)
        except BaseException as error:
            future.set_exception(schema.explained(error, self._where) if isinstance(error, apsw.Error) else error)
            raise
        else:
            future.set_result(result)

    def _note_wal(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint_wal(self) -> None:
        """Move the log into the database, after everybody who waited was told and before the next batch."""
        if self._wal_pages >= WAL_CHECKPOINT_PAGES:
            self._wal_pages = 0
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.BusyError:
                # Somebody else is moving it; what stays in the log is durable, and the next commit looks again.
                return

    def _finish(self) -> None:
        with self._connection:
            acknowledge(self._connection, self.head.seq)
        self._connection.close()

    def _fail(self, error: JournalError) -> None:
        with self._lock:
            self.failed = error
            self._writing_since_ns = 0
            waiting = self._waiters.take_all()
            jobs = list(self._jobs)
            self._jobs.clear()
            self._entries.clear()
        for wake in waiting:
            wake(error)
        for _, future in jobs:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        self._on_failure(error)
        self._abandon()

    def _abandon(self) -> None:
        """Close without touching the files again: what a failing disk holds is looked at by the next opening."""
        try:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self._connection.close(force=True)
        except apsw.Error:
            # The failure is latched and told already; a second one while letting go adds nothing.
            return


def acknowledge(connection: apsw.Connection, seq: int) -> None:
    """Note that everything up to `seq` was found or promised durable."""
    connection.execute("UPDATE acknowledged SET seq = max(seq, ?)", (seq,))


@lru_cache(maxsize=STATEMENT_RECORDS_MAX)
def _insertion(count: int) -> str:
    # Only placeholders are joined here, no value ever enters the text.
    return "INSERT INTO records VALUES " + ", ".join(["(?, ?, ?, ?, ?, ?)"] * count)  # noqa: S608
