"""Reading a SQLite journal on a connection of its own, also while another process writes it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple
from urllib.parse import quote

import apsw

from bot.journal import chain, schema
from bot.journal.store import (
    Checkpoint,
    Head,
    JournalCorrupt,
    JournalError,
    JournalFailed,
    Record,
    Stamp,
    VerifyResult,
)

BUSY_TIMEOUT_MS = 5_000
PAGE_RECORDS = 256

# A damaged kind must surface as a digest that does not fit, not as a text that does not decode: hence the cast.
_PAGE = "SELECT seq, at_ns, CAST(kind AS BLOB), payload, digest FROM records WHERE seq > ? ORDER BY seq LIMIT ?"
_NEWEST_CHECKPOINT = "SELECT seq, digest, state, created_ns, seal FROM checkpoints ORDER BY seq DESC LIMIT 1"
_OLDEST_CHECKPOINT = "SELECT seq, digest, state, created_ns, seal FROM checkpoints ORDER BY seq LIMIT 1"
# No index on the time is needed: the scan ends at the first record that is young enough, behind those to be pruned.
_FIRST_SINCE = "SELECT seq FROM records WHERE at_ns >= ? ORDER BY seq LIMIT 1"
_CHECKPOINT_BELOW = "SELECT coalesce(max(seq), 0) FROM checkpoints WHERE seq < ?"
_PROMISED = "SELECT max(seq) FROM (SELECT seq FROM acknowledged UNION ALL SELECT max(seq) FROM checkpoints)"


class Basis(NamedTuple):
    """Where a chain begins, the digests that it must pass through, and how far it was promised to go at least."""

    head: Head
    anchors: dict[int, bytes]
    promised: int


def _hurry() -> None:
    """Go on at once."""


class SqliteReader:
    """A read-only view of a journal's durable records; it is a context manager that closes its connection."""

    def __init__(self, connection: apsw.Connection, where: str) -> None:
        self._connection = connection
        self._where = where
        self.stamp: Stamp = schema.read_stamp(connection, where)

    @classmethod
    def open(cls, path: Path | str, vfs: str | None = None) -> "SqliteReader":
        """Open an existing journal for reading; raises JournalError and its kinds."""
        path = Path(path)
        if not path.is_file():
            raise JournalError(f"there is no journal at {path}")
        try:
            connection = connect_read_only(path, vfs)
            try:
                return cls(connection, str(path))
            except BaseException:
                connection.close()
                raise
        except apsw.Error as error:
            raise schema.explained(error, str(path)) from error

    def __enter__(self) -> "SqliteReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @property
    def floor(self) -> Head:
        """The head of what was pruned, or the genesis: the oldest kept record follows it."""
        rows = schema.fetch(self._connection, "SELECT last_seq, digest FROM segments ORDER BY last_seq DESC LIMIT 1")
        return Head(*rows[0]) if rows else Head(0, chain.genesis(self.stamp))

    @property
    def head(self) -> Head:
        """The last durable record's sequence number and digest."""
        rows = schema.fetch(self._connection, "SELECT seq, digest FROM records ORDER BY seq DESC LIMIT 1")
        floor = self.floor
        return Head(*rows[0]) if rows and rows[0][0] > floor.seq else floor

    def basis(self, after: int = 0) -> Basis:
        """What a walk over the records above `after` hangs on; raises JournalError when `after` is not kept."""
        return Basis(self._head_at(after), self._anchors(), self._promised())

    def _head_at(self, after: int) -> Head:
        floor = self.floor
        if after in (0, floor.seq):
            return floor
        rows = schema.fetch(self._connection, "SELECT seq, digest FROM records WHERE seq = ?", (after,))
        if not rows or after < floor.seq:
            raise JournalError(
                f"journal {self._where} keeps the records {floor.seq + 1} to {self.head.seq}, not {after}"
            )
        return Head(*rows[0])

    def _anchors(self) -> dict[int, bytes]:
        return dict(schema.fetch(self._connection, "SELECT seq, digest FROM checkpoints"))

    def records(self, after: int = 0) -> Iterator[Record]:
        """Yield the records above `after` a page at a time, so that no long read holds the log file back."""
        if after:
            self._require_kept(after)
        return self._pages(max(after, self.floor.seq))

    def _pages(self, after: int) -> Iterator[Record]:
        while page := self._page(after):
            for record in page:
                if record.seq != after + 1:
                    self._require_kept(after)
                    raise JournalCorrupt(f"journal {self._where}: seq {after + 1} is missing")
                yield record
                after = record.seq
        self._require_kept(after)

    def _require_kept(self, after: int) -> None:
        floor = self.floor.seq
        if after < floor:
            raise JournalError(f"journal {self._where} is pruned up to seq {floor}; not all after {after} is kept")

    def _page(self, after: int) -> list[Record]:
        try:
            rows = schema.fetch(self._connection, _PAGE, (after, PAGE_RECORDS))
        except apsw.Error as error:
            raise schema.explained(error, self._where) from error
        return [
            Record(seq, at_ns, kind.decode(errors="replace"), payload, digest)
            for seq, at_ns, kind, payload, digest in rows
        ]

    def latest_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint, or None; raises JournalCorrupt when its seal does not hold."""
        return self._checkpoint(_NEWEST_CHECKPOINT)

    def oldest_checkpoint(self) -> Checkpoint | None:
        """Return the oldest checkpoint that is kept, at or above the floor; raises as `latest_checkpoint` does."""
        return self._checkpoint(_OLDEST_CHECKPOINT)

    def prunable(self, before_ns: int) -> int:
        """Return the highest checkpoint up to which every record is older than `before_ns` (Unix time), or 0.

        Pruning up to there leaves a journal that replays from its first kept record on.
        """
        try:
            rows = schema.fetch(self._connection, _FIRST_SINCE, (before_ns,))
            young = int(rows[0][0]) if rows else self.head.seq + 1
            last = int(schema.fetch(self._connection, _CHECKPOINT_BELOW, (young,))[0][0])
        except apsw.Error as error:
            raise schema.explained(error, self._where) from error
        return last if last > self.floor.seq else 0

    def _checkpoint(self, query: str) -> Checkpoint | None:
        try:
            rows = schema.fetch(self._connection, query)
        except apsw.Error as error:
            raise schema.explained(error, self._where) from error
        if not rows:
            return None
        seq, digest, state, created_ns, seal = rows[0]
        if seal != chain.seal(seq, digest, state, created_ns):
            raise JournalCorrupt(f"journal {self._where}: the checkpoint at seq {seq} is damaged")
        return Checkpoint(seq, digest, state, created_ns)

    def check(self, from_checkpoint: bool = False, breathe: Callable[[], None] = _hurry) -> VerifyResult:
        """Walk the chain on one consistent snapshot; from the newest checkpoint on, or over everything kept.

        `breathe` is called after every page of records, for a walk beside something that has to stay quick.
        """
        try:
            with self._connection:
                found = self._check(from_checkpoint, breathe)
        except (JournalError, apsw.Error) as error:
            return VerifyResult(False, 0, 0, 0, "", None, str(schema.explained(error, self._where)))
        return found

    def _check(self, from_checkpoint: bool, breathe: Callable[[], None]) -> VerifyResult:
        newest = self.latest_checkpoint()
        start = self.floor
        if from_checkpoint and newest is not None:
            start = Head(newest.seq, newest.digest)
        walked = chain.walk(start, self.raw_records(start.seq, breathe), self._anchors())
        last = schema.fetch(self._connection, "SELECT coalesce(max(seq), 0) FROM records")[0][0]
        broken_at, reason, promised = walked.broken_at, walked.reason, self._promised()
        if broken_at is None and promised > walked.head.seq:
            broken_at = walked.head.seq + 1
            reason = f"the records end at seq {walked.head.seq}, but {promised} was durable once"
        return VerifyResult(
            ok=broken_at is None,
            records=walked.records,
            first_seq=start.seq + 1 if last > start.seq else 0,
            last_seq=last if last > start.seq else 0,
            head=walked.head.digest.hex(),
            broken_at=broken_at,
            reason=reason,
        )

    def raw_records(self, after: int, breathe: Callable[[], None] = _hurry) -> Iterator[Record]:
        """Yield whatever is stored above `after`, whether its sequence holds or not."""
        while page := self._page(after):
            yield from page
            after = page[-1].seq
            breathe()

    def _promised(self) -> int:
        rows = schema.fetch(self._connection, _PROMISED)
        return int(rows[0][0] or 0)

    def acknowledged_seq(self) -> int:
        """The highest sequence number that is known to have been promised to somebody as durable."""
        rows = schema.fetch(self._connection, "SELECT max(acknowledged) FROM records WHERE acknowledged < seq")
        return max(int(rows[0][0] or 0), self._promised(), self.floor.seq)


class Rereading:
    """The reading half of an open journal in a file: each question on a connection of its own, beside the writer's."""

    _path: Path

    def records(self, after: int = 0) -> Iterator[Record]:
        """Yield the durable records above `after`."""
        with SqliteReader.open(self._path) as reader:
            yield from reader.records(after)

    def latest_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint, or None."""
        with SqliteReader.open(self._path) as reader:
            return reader.latest_checkpoint()

    def prunable(self, before_ns: int) -> int:
        """Return the highest checkpoint up to which every record is older than `before_ns`, or 0; may take a second."""
        with SqliteReader.open(self._path) as reader:
            return reader.prunable(before_ns)


def verify(path: Path | str, breathe: Callable[[], None] = _hurry) -> VerifyResult:
    """Check every kept record of the journal at `path`, which may be in use; damage is a result, not an exception.

    `breathe` is called after every page of records.
    Raises JournalError when there is no journal to look at, JournalMismatch when its schema is a newer one.
    """
    if not Path(path).is_file():
        raise JournalError(f"there is no journal at {path}")
    try:
        with SqliteReader.open(path) as reader:
            return reader.check(breathe=breathe)
    except (JournalCorrupt, JournalFailed) as error:
        return VerifyResult(False, 0, 0, 0, "", None, str(error))


def connect_read_only(path: Path, vfs: str | None = None) -> apsw.Connection:
    """Open a journal's database for reading, on read-only media too. Raises apsw.Error."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    uri = "file:" + quote(str(path.absolute()))
    # Reading a write-ahead log needs a shared-memory file beside it, which read-only media cannot have; without a
    # log the file alone is the whole journal.
    immutable = not Path(f"{path}-wal").exists() and not _writable(path.parent)
    connection = apsw.Connection(uri + "?immutable=1" * immutable, flags=flags, vfs=vfs)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    return connection


def _writable(directory: Path) -> bool:
    return os.access(directory, os.W_OK)
