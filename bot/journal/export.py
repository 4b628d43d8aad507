"""The journal as JSON lines, for reading, searching and keeping elsewhere."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from bot.journal import chain
from bot.journal.reader import Basis, SqliteReader
from bot.journal.store import Head, JournalError, Record

_NANOS = 1_000_000_000


class Exported(msgspec.Struct, frozen=True):
    """How many records were written, and the first that does not hold, if there is one."""

    records: int
    broken_at: int | None = None
    reason: str = ""


def export(path: Path | str, out: BinaryIO, after: int = 0) -> Exported:
    """Write the records above `after` of the journal at `path`, which may be in use.

    The chain is followed on the way. What stands behind a break is written all the same: whoever exports a broken
    journal wants what is left of it. Raises JournalError and its kinds.
    """
    with SqliteReader.open(path) as reader:
        basis = reader.basis(after)
        following = _Following(basis)
        count = write_lines(following.all(reader.raw_records(basis.head.seq)), out)
        following.end()
        if following.broken_at is not None and following.broken_at <= reader.floor.seq:
            raise JournalError(f"journal {path} was pruned up to seq {reader.floor.seq} meanwhile: export it again")
    return Exported(count, following.broken_at, following.reason)


class _Following:
    """Passes records on and remembers where the chain first breaks."""

    def __init__(self, basis: Basis) -> None:
        self._head, self._anchors, self._promised = basis
        self.broken_at: int | None = None
        self.reason = ""

    def all(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records as they are."""
        for record in records:
            if self.broken_at is None:
                self._look(chain.objection(self._head, record, self._anchors))
                self._head = Head(record.seq, record.digest)
            yield record

    def end(self) -> None:
        """There are no more: is that where it may end?"""
        if self.broken_at is None and self._promised > self._head.seq:
            self._look(f"the records end at seq {self._head.seq}, but {self._promised} was durable once")

    def _look(self, reason: str) -> None:
        if reason:
            self.broken_at, self.reason = self._head.seq + 1, reason


def write_lines(records: Iterable[Record], out: BinaryIO) -> int:
    """Write one line a record and return how many were written."""
    count = 0
    for record in records:
        out.write(line(record) + b"\n")
        count += 1
    return count


def line(record: Record) -> bytes:
    """Return a record as one line of JSON: seq, at (ISO 8601, UTC), at_ns, kind, payload, hash.

    A payload that is no JSON document appears as `payload_hex` instead.
    """
    fields: dict[str, Any] = {
        "seq": record.seq,
        "at": _iso(record.at_ns),
        "at_ns": record.at_ns,
        "kind": record.kind,
    }
    try:
        fields["payload"] = _one_line(record.payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        fields["payload_hex"] = record.payload.hex()
    fields["hash"] = record.digest.hex()
    return msgspec.json.encode(fields)


def _one_line(payload: bytes) -> msgspec.Raw:
    """Return a JSON document as it is; numbers keep their digits, only line breaks between tokens are removed."""
    msgspec.json.decode(payload)
    return msgspec.Raw(msgspec.json.format(payload, indent=-1) if b"\n" in payload else payload)


def _iso(at_ns: int) -> str | None:
    seconds, nanos = divmod(at_ns, _NANOS)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"
    except (OverflowError, ValueError, OSError):
        return None
