"""The hash chain: pure functions over digests and records.

Every record's digest is SHA-256 over the digest before it, its sequence number, time, kind and payload.
All but the payload have a fixed or a stated length, so that no two different records encode to the same bytes.
The first link hangs on the genesis, a digest of the journal's stamp: a chain cannot be moved to another account.
"""

import struct
from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec

from bot.journal.store import Head, Record, Stamp

_CHAIN_FORMAT = "trimtab journal chain 1"
_HEADER = struct.Struct(">QqI")
_SEAL = struct.Struct(">Qq")


class Walk(msgspec.Struct, frozen=True):
    """How far a chain holds: its head there, the records passed, and the first break if there is one."""

    head: Head
    records: int
    broken_at: int | None = None
    reason: str = ""


def genesis(stamp: Stamp) -> bytes:
    """Return the digest that stands before the first record; the schema version may change and is left out."""
    fields = (_CHAIN_FORMAT, stamp.mode, stamp.account, stamp.venues, stamp.created_ns)
    return sha256(msgspec.json.encode(fields)).digest()


def link(previous: bytes, seq: int, at_ns: int, kind: str, payload: bytes) -> bytes:
    """Return the digest of a record that follows the digest `previous`."""
    name = kind.encode()
    return sha256(previous + _HEADER.pack(seq, at_ns, len(name)) + name + payload).digest()


def seal(seq: int, digest: bytes, state: bytes, created_ns: int) -> bytes:
    """Return the digest that protects a checkpoint's state against silent corruption."""
    return sha256(digest + _SEAL.pack(seq, created_ns) + state).digest()


def walk(start: Head, records: Iterable[Record], anchors: Mapping[int, bytes]) -> Walk:
    """Follow the chain from `start` and stop at the first record that does not hold.

    `anchors` are digests known from elsewhere (checkpoints) by sequence number; the chain must pass through them.
    """
    head, count = start, 0
    for record in records:
        reason = objection(head, record, anchors)
        if reason:
            # A missing record is named by its own number, not by that of the one found in its place.
            return Walk(head, count, head.seq + 1, reason)
        head, count = Head(record.seq, record.digest), count + 1
    return Walk(head, count)


def objection(head: Head, record: Record, anchors: Mapping[int, bytes]) -> str:
    """Return why a record does not follow the head, or nothing when it does."""
    if record.seq != head.seq + 1:
        return f"expected seq {head.seq + 1}, found {record.seq}"
    if record.digest != link(head.digest, record.seq, record.at_ns, record.kind, record.payload):
        return f"the digest of seq {record.seq} does not fit its content and the record before it"
    if anchors.get(record.seq, record.digest) != record.digest:
        return f"the digest of seq {record.seq} differs from the one kept by a checkpoint"
    return ""
