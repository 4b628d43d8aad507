"""The hash chain as pure functions."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.journal import chain
from bot.journal.store import Head, Record, Stamp
from tests.journal.helpers import LIVE, entries

START = Head(0, chain.genesis(LIVE))
I64 = st.integers(-(2**63), 2**63 - 1)
Content = tuple[int, int, str, bytes]
CONTENTS = st.tuples(st.integers(0, 2**63 - 1), I64, st.text(max_size=6), st.binary(max_size=12))


def chained(count: int) -> list[Record]:
    """A valid chain of so many records."""
    records, head = [], START
    for entry in entries(count):
        digest = chain.link(head.digest, head.seq + 1, entry.at_ns, entry.kind, entry.payload)
        head = Head(head.seq + 1, digest)
        records.append(Record(head.seq, entry.at_ns, entry.kind, entry.payload, digest))
    return records


def broken_at(records: list[Record]) -> int | None:
    """Where a chain breaks."""
    return chain.walk(START, records, {}).broken_at


@given(CONTENTS, CONTENTS)
def test_different_records_have_different_digests(
    one: tuple[int, int, str, bytes], two: tuple[int, int, str, bytes]
) -> None:
    """Moving bytes between kind and payload, or changing any field, changes the digest."""
    assert (one == two) == (chain.link(b"", *one) == chain.link(b"", *two))


def test_kind_and_payload_cannot_trade_bytes() -> None:
    """The border between kind and payload is part of what is hashed."""
    assert chain.link(b"", 1, 0, "ab", b"c") != chain.link(b"", 1, 0, "a", b"bc")


def test_the_chain_format_does_not_drift() -> None:
    """A journal written by one version verifies in the next: these digests are fixed for format 1."""
    stamp = Stamp("live", "account-1", ("binance",), 7)

    assert "416b7bab9dca85a141d8df7f79200f22aabcd26e10b65db4aabe66ad3655b07f" == chain.genesis(stamp).hex()
    assert (
        "24365193b10f52eba85bd1d96ee18805849f80d846b4a9cb752af0ecc3d55338"
        == chain.link(bytes(32), 1, 2, "fact", b"{}").hex()
    )


def test_each_owner_has_a_genesis_of_its_own() -> None:
    """Mode, account, venues and birth enter the genesis; the schema version may be migrated and does not."""
    others: list[dict[str, Any]] = [{"mode": "dry-run"}, {"account": "b"}, {"venues": ()}, {"created_ns": 1}]

    assert 5 == len({chain.genesis(msgspec.structs.replace(LIVE, **other)) for other in [{}, *others]})
    assert chain.genesis(LIVE) == chain.genesis(msgspec.structs.replace(LIVE, schema_version=99))


def test_a_whole_chain_holds() -> None:
    """An untouched chain walks to its last record."""
    records = chained(9)

    assert chain.Walk(Head(9, records[-1].digest), 9) == chain.walk(START, records, {})


@given(
    st.integers(0, 8),
    st.sampled_from(["at_ns", "kind", "payload", "digest"]),
)
def test_any_changed_field_is_named_by_its_number(index: int, field: str) -> None:
    """The first record whose content and digest disagree is the one that is reported."""
    records = chained(9)
    changed = {"at_ns": 1, "kind": "other", "payload": b"{}", "digest": bytes(32)}[field]
    records[index] = msgspec.structs.replace(records[index], **{field: changed})

    assert index + 1 == broken_at(records)


@given(st.integers(0, 7))
def test_a_missing_record_is_named(index: int) -> None:
    """A hole is reported at the number that is missing."""
    records = chained(9)
    del records[index]

    assert index + 1 == broken_at(records)


def test_a_repeated_or_negative_number_breaks_the_chain() -> None:
    """A number that is not the next one never passes."""
    records = chained(3)

    assert 2 == broken_at([records[0], records[0]])
    assert 2 == broken_at([records[0], msgspec.structs.replace(records[1], seq=-3)])


def test_the_chain_must_pass_through_its_anchors() -> None:
    """A chain that was rewritten and hashed anew still fails at a digest kept elsewhere."""
    records = chained(5)

    assert chain.walk(START, records, {3: records[2].digest}).broken_at is None
    assert 3 == chain.walk(START, records, {3: bytes(32)}).broken_at


def test_a_seal_covers_the_whole_checkpoint() -> None:
    """Every field of a checkpoint enters its seal."""
    seals = {
        chain.seal(*fields)
        for fields in [
            (1, b"d", b"s", 2),
            (2, b"d", b"s", 2),
            (1, b"e", b"s", 2),
            (1, b"d", b"t", 2),
            (1, b"d", b"s", 3),
        ]
    }

    assert 5 == len(seals)
