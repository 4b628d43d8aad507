"""The port of the journal: its values, its errors and what every implementation promises.

The exceptions form one small tree, and each says what has to happen next:

    JournalError               something about the journal; the message is one line for a person
    +-- JournalCorrupt         the stored bytes contradict the chain or the format: refuse to start
    +-- JournalBusy            another process holds the journal
    +-- JournalMismatch        the journal belongs to another mode, account or a newer schema
    +-- JournalFull            the queue in front of the writer is at its bound; nothing was appended
    +-- JournalFailed          a write failed; latched, every later append is refused
    +-- JournalClosed          used after close()
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Literal, NamedTuple, Protocol

import msgspec

Mode = Literal["observe", "dry-run", "live"]

SCHEMA_VERSION = 1
PAYLOAD_BYTES_MAX = 16 * 1024 * 1024
STATE_BYTES_MAX = 256 * 1024 * 1024
KIND_CHARACTERS_MAX = 64


class JournalError(Exception):
    """Base of everything that can go wrong with a journal."""


class JournalCorrupt(JournalError):
    """The stored bytes contradict the hash chain or are not a journal."""


class JournalBusy(JournalError):
    """Another process holds this journal; `pid` is its process id, or None when it could not be read."""

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class JournalMismatch(JournalError):
    """The journal belongs to another mode or account, or was written by a newer schema."""


class JournalFull(JournalError):
    """The queue in front of the writer is at its bound; the refused entries were not appended."""


class JournalFailed(JournalError):
    """A write failed (disk full, read-only, I/O error); nothing after the last durable record is promised.

    What was not promised may still be found after reopening: the outcome of a failed write is unknown.
    """


class JournalClosed(JournalError):
    """The journal was used after it had been closed."""


class Stamp(msgspec.Struct, frozen=True):
    """Whom a journal belongs to; written once, when it is created.

    `account` is an identifier or a hash of one, never a secret. `venues` is information: it may change over a
    journal's life and is not compared. `created_ns` (Unix time) is filled in on creation.
    """

    mode: Mode
    account: str
    venues: tuple[str, ...] = ()
    created_ns: int = 0
    schema_version: int = SCHEMA_VERSION


class Entry(NamedTuple):
    """What a caller appends: a kind, opaque canonical bytes, and the time it happened (Unix, nanoseconds)."""

    kind: str
    payload: bytes
    at_ns: int


class Record(msgspec.Struct, frozen=True):
    """One stored entry with its place in the sequence (1, 2, 3 ... without gaps) and its link of the chain."""

    seq: int
    at_ns: int
    kind: str
    payload: bytes
    digest: bytes


class Head(msgspec.Struct, frozen=True):
    """The end of a chain: the last sequence number (0 when there is none) and the digest up to it."""

    seq: int
    digest: bytes


class Checkpoint(msgspec.Struct, frozen=True):
    """The caller's state after the record `seq`, with the digest of the chain at that record."""

    seq: int
    digest: bytes
    state: bytes
    created_ns: int


class VerifyResult(msgspec.Struct, frozen=True):
    """What a walk over the whole chain found; `broken_at` is the first sequence number that does not hold.

    `first_seq` and `last_seq` are 0 when no record is kept; `head` is the hexadecimal digest up to the last
    record that holds.
    """

    ok: bool
    records: int
    first_seq: int
    last_seq: int
    head: str
    broken_at: int | None = None
    reason: str = ""


class Reader(Protocol):
    """Reading a journal; sees durable records only, and never disturbs the writer."""

    @property
    def stamp(self) -> Stamp:
        """The stamp that was written when the journal was created."""
        ...

    @property
    def head(self) -> Head:
        """The last durable record's sequence number and digest."""
        ...

    def records(self, after: int = 0) -> Iterator[Record]:
        """Yield the durable records with a sequence number above `after`, in order.

        Zero means from the oldest record that is kept; any other number below the pruned range raises
        JournalError, because what follows it is no longer there.
        """
        ...

    def latest_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint, or None; raises JournalCorrupt when its seal does not hold."""
        ...

    def prunable(self, before_ns: int) -> int:
        """Return the highest checkpoint up to which every record is older than `before_ns` (Unix time), or 0.

        Pruning up to there leaves a journal that replays from its first kept record on. It looks at
        every record that is old enough: call it from a thread that may wait.
        """
        ...


class Journal(Reader, Protocol):
    """An open journal with one writer."""

    @property
    def last_seq(self) -> int:
        """The last sequence number given out, durable or not."""
        ...

    @property
    def failed(self) -> JournalError | None:
        """The failure that stopped the journal, or None; once set it stays."""
        ...

    @property
    def lag_ns(self) -> int:
        """Age of the oldest record that is not yet durable, in nanoseconds; 0 when none waits."""
        ...

    @property
    def size_bytes(self) -> int:
        """What the journal occupies."""
        ...

    def append(self, kind: str, payload: bytes, at_ns: int) -> int:
        """Queue one entry without blocking and return its sequence number; durable only once `flushed` says so.

        Raises JournalFull, JournalFailed, JournalClosed, or ValueError for an entry beyond its bounds.
        """
        ...

    def append_many(self, entries: Iterable[Entry]) -> int:
        """Queue entries, all or none, next to each other; return the last sequence number given out."""
        ...

    def durable(self, seq: int) -> Future[None]:
        """Return a future that resolves once `seq` is on disk, and fails with JournalFailed when it will not be."""
        ...

    async def flushed(self, seq: int) -> None:
        """Wait on the running event loop until `seq` is on disk; raises JournalFailed when it will not be."""
        ...

    def checkpoint(self, seq: int, state: bytes) -> Future[None]:
        """Store the caller's state as it is after the record `seq`, which must have been appended."""
        ...

    def prune(self, before_seq: int) -> Future[int]:
        """Give up the records below `before_seq`, keeping their head; resolves to how many were given up.

        A checkpoint at or after `before_seq - 1` must exist, else the state could not be rebuilt: JournalError.
        """
        ...

    def close(self) -> None:
        """Write what is queued and release the journal; raises JournalFailed when that is not possible."""
        ...


def checked(entry: Entry) -> Entry:
    """Return the entry, or raise ValueError when it exceeds a bound of the journal."""
    if not 0 < len(entry.kind) <= KIND_CHARACTERS_MAX:
        raise ValueError(f"a kind has 1 to {KIND_CHARACTERS_MAX} characters, this one {len(entry.kind)}")
    if len(entry.payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"a payload has at most {PAYLOAD_BYTES_MAX} bytes, this one {len(entry.payload)}")
    return entry


def require_same_owner(stored: Stamp, wanted: Stamp, where: str) -> None:
    """Raise JournalMismatch when a journal of one mode or account is opened for another."""
    if (stored.mode, stored.account) != (wanted.mode, wanted.account):
        raise JournalMismatch(
            f"journal {where} belongs to mode {stored.mode}, account {stored.account}; this run is mode "
            f"{wanted.mode}, account {wanted.account}: use another state directory"
        )
