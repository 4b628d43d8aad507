"""The journal as JSON lines, for reading, searching and keeping elsewhere."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from bot.journal.reader import SqliteReader
from bot.journal.store import Record

_NANOS = 1_000_000_000


def export(path: Path | str, out: BinaryIO, after: int = 0) -> int:
    """Write the records above `after` of the journal at `path`, which may be in use; return their number.

    The chain is not checked on the way: `bot.journal.reader.verify` does that. Raises JournalError and its kinds.
    """
    with SqliteReader.open(path) as reader:
        return write_lines(reader.records(after), out)


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
