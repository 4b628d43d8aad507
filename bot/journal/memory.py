"""A journal in memory with the same promises, for tests and for simulations under virtual time.

With `held=True` nothing becomes durable until `commit` is called, so that a test decides what a crash would keep;
`fail` stands for a disk that refuses.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future

import msgspec

from bot.journal import chain
from bot.journal.store import (
    Checkpoint,
    Entry,
    Head,
    JournalClosed,
    JournalError,
    JournalFailed,
    Record,
    Stamp,
    checked,
)
from bot.journal.waiters import Promises, Waiters, Wake


class MemoryRecords:
    """What is kept, and the reading half of the journal: implements `bot.journal.store.Reader`."""

    def __init__(self, stamp: Stamp) -> None:
        self.stamp = stamp
        self._floor = Head(0, chain.genesis(stamp))
        self._records: list[Record] = []
        self._durable_count = 0
        self._checkpoints: list[Checkpoint] = []

    @property
    def head(self) -> Head:
        """The last durable record's sequence number and digest."""
        if not self._durable_count:
            return self._floor
        record = self._records[self._durable_count - 1]
        return Head(record.seq, record.digest)

    @property
    def size_bytes(self) -> int:
        """The bytes of all payloads kept."""
        return sum(len(record.payload) for record in self._records)

    def records(self, after: int = 0) -> Iterator[Record]:
        """Yield the durable records above `after`."""
        if 0 < after < self._floor.seq:
            raise JournalError(f"the journal is pruned up to seq {self._floor.seq}; nothing is kept after {after}")
        yield from self._records[max(after - self._floor.seq, 0) : self._durable_count]

    def latest_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint, or None."""
        return self._checkpoints[-1] if self._checkpoints else None

    def prunable(self, before_ns: int) -> int:
        """Return the highest checkpoint up to which every record is older than `before_ns`, or 0."""
        kept = self._records[: self._durable_count]
        young = next((record.seq for record in kept if record.at_ns >= before_ns), self.head.seq + 1)
        covered = [one.seq for one in self._checkpoints if self._floor.seq < one.seq < young]
        return max(covered, default=0)


class MemoryJournal(MemoryRecords, Promises):
    """A journal that keeps its records in a list; implements `bot.journal.store.Journal`. Not thread-safe."""

    def __init__(
        self,
        stamp: Stamp,
        clock_ns: Callable[[], int],
        on_failure: Callable[[JournalError], None],
        *,
        held: bool = False,
    ) -> None:
        super().__init__(msgspec.structs.replace(stamp, created_ns=clock_ns()))
        self._clock_ns = clock_ns
        self._on_failure = on_failure
        self._held = held
        self._held_since_ns = 0
        self._waiters = Waiters()
        self._closed = False
        self.failed: JournalError | None = None

    @property
    def last_seq(self) -> int:
        """The last sequence number given out, durable or not."""
        return self._records[-1].seq if self._records else self._floor.seq

    @property
    def lag_ns(self) -> int:
        """Age of the oldest record that is not yet durable, by the clock it was given; 0 when none waits."""
        waits = self.failed is None and self._durable_count < len(self._records)
        return max(self._clock_ns() - self._held_since_ns, 0) if waits else 0

    def append(self, kind: str, payload: bytes, at_ns: int) -> int:
        """Append one entry and return its sequence number."""
        return self.append_many((Entry(kind, payload, at_ns),))

    def append_many(self, entries: Iterable[Entry]) -> int:
        """Append entries, all or none, and return the last sequence number given out."""
        self._require_open()
        if self._durable_count == len(self._records):
            self._held_since_ns = self._clock_ns()
        for entry in [checked(entry) for entry in entries]:
            self._records.append(self._linked(entry))
        if not self._held:
            self.commit()
        return self.last_seq

    def _linked(self, entry: Entry) -> Record:
        previous = self._records[-1].digest if self._records else self._floor.digest
        seq = self.last_seq + 1
        digest = chain.link(previous, seq, entry.at_ns, entry.kind, entry.payload)
        return Record(seq, entry.at_ns, entry.kind, entry.payload, digest)

    def commit(self) -> None:
        """Make everything appended so far durable and wake whoever waits for it."""
        self._require_open()
        self._durable_count = len(self._records)
        for wake in self._waiters.take(self.last_seq):
            wake(None)

    def fail(self, reason: str) -> None:
        """Behave as after a failed write: what is not durable never will be."""
        self.failed = JournalFailed(reason)
        for wake in self._waiters.take_all():
            wake(self.failed)
        self._on_failure(self.failed)

    def _wait(self, seq: int, wake: Wake) -> None:
        if not 0 <= seq <= self.last_seq:
            raise ValueError(f"seq {seq} was never appended, the last one is {self.last_seq}")
        if seq <= self.head.seq:
            wake(None)
        elif self.failed is not None:
            wake(self.failed)
        else:
            self._waiters.add(seq, wake)

    def checkpoint(self, seq: int, state: bytes) -> Future[None]:
        """Store the state after the record `seq`; whatever is held becomes durable with it."""
        self.commit()
        future: Future[None] = Future()
        digest = self._digest_at(seq)
        if digest is None:
            future.set_exception(JournalError(f"no record with seq {seq} is kept, so no checkpoint can be taken there"))
            return future
        kept = [checkpoint for checkpoint in self._checkpoints if checkpoint.seq != seq]
        taken = Checkpoint(seq, digest, state, self._clock_ns())
        self._checkpoints = sorted([*kept, taken], key=lambda checkpoint: checkpoint.seq)
        future.set_result(None)
        return future

    def _digest_at(self, seq: int) -> bytes | None:
        if seq == self._floor.seq and seq > 0:
            return self._floor.digest
        index = seq - self._floor.seq - 1
        return self._records[index].digest if 0 <= index < self._durable_count else None

    def prune(self, before_seq: int) -> Future[int]:
        """Give up the records below `before_seq` behind a checkpoint."""
        self.commit()
        future: Future[int] = Future()
        count = before_seq - 1 - self._floor.seq
        covered = self._checkpoints[-1].seq if self._checkpoints else 0
        if count > 0 and covered < before_seq - 1:
            reason = f"records up to seq {before_seq - 1} cannot be pruned: the newest checkpoint is at {covered}"
            future.set_exception(JournalError(reason))
            return future
        if count > 0:
            self._cut(count)
        future.set_result(max(count, 0))
        return future

    def _cut(self, count: int) -> None:
        last = self._records[count - 1]
        self._floor = Head(last.seq, last.digest)
        self._records = self._records[count:]
        self._durable_count -= count
        self._checkpoints = [checkpoint for checkpoint in self._checkpoints if checkpoint.seq >= last.seq]

    def close(self) -> None:
        """Make everything durable and refuse whatever follows; a second call does nothing."""
        if self._closed:
            return
        if self.failed is not None:
            raise JournalFailed(str(self.failed)) from self.failed
        self.commit()
        self._closed = True

    def _require_open(self) -> None:
        if self.failed is not None:
            raise JournalFailed(f"the journal has stopped: {self.failed}") from self.failed
        if self._closed:
            raise JournalClosed("the journal is closed")
