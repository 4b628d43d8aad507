"""What every journal promises, asked of each implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.journal import chain
from bot.journal.store import (
    KIND_CHARACTERS_MAX,
    PAYLOAD_BYTES_MAX,
    Entry,
    Head,
    Journal,
    JournalClosed,
    JournalError,
)
from tests.journal.helpers import LIVE, NOW_NS, WAIT_S, entries, memory_journal, sqlite_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """An empty open journal of each kind."""
    opened: Journal = memory_journal() if request.param == "memory" else sqlite_journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def filled(journal: Journal, count: int) -> None:
    """Append entries and wait until they are durable."""
    journal.durable(journal.append_many(entries(count, journal.last_seq + 1))).result(WAIT_S)


def numbers(journal: Journal, after: int = 0) -> list[int]:
    """The sequence numbers that a reader sees."""
    return [record.seq for record in journal.records(after)]


def test_sequence_numbers_count_from_one(journal: Journal) -> None:
    """Entries are numbered 1, 2, 3 ... in the order in which they were appended."""
    first = journal.append("intent", b"{}", NOW_NS)
    last = journal.append_many(entries(3))

    assert (1, 4, 4) == (first, last, journal.last_seq)


def test_what_was_appended_is_read_back(journal: Journal) -> None:
    """A record is the entry, byte for byte, with its time."""
    journal.durable(journal.append("märz", b'\x00"\xff', -5)).result(WAIT_S)
    (record,) = journal.records()

    assert ("märz", b'\x00"\xff', -5, 1) == (record.kind, record.payload, record.at_ns, record.seq)


def test_records_after_a_number_are_the_tail(journal: Journal) -> None:
    """Reading after a checkpoint's number gives exactly what happened since, over page bounds too."""
    filled(journal, 700)

    assert list(range(301, 701)) == numbers(journal, after=300)
    assert [] == numbers(journal, after=700)


def test_the_chain_hangs_on_the_stamp_and_ends_in_the_head(journal: Journal) -> None:
    """Every record follows the genesis of the stamp, and the head is the last record's digest."""
    empty = journal.head
    filled(journal, 5)
    walked = chain.walk(Head(0, chain.genesis(journal.stamp)), journal.records(), {})

    assert (Head(0, chain.genesis(journal.stamp)), None, journal.head) == (empty, walked.broken_at, walked.head)
    assert 5 == walked.head.seq


def test_the_stamp_keeps_its_owner_and_its_birth(journal: Journal) -> None:
    """The stored stamp is the one asked for, dated by the given clock."""
    assert (LIVE.mode, LIVE.account, LIVE.venues, NOW_NS) == (
        journal.stamp.mode,
        journal.stamp.account,
        journal.stamp.venues,
        journal.stamp.created_ns,
    )


async def test_flushed_is_awaited_on_the_loop(journal: Journal) -> None:
    """After `await flushed(seq)` every record up to it is readable."""
    seq = journal.append_many(entries(3))
    await journal.flushed(seq)

    assert [1, 2, 3] == numbers(journal)


def test_waiting_for_what_was_never_appended_is_a_mistake(journal: Journal) -> None:
    """Nobody can wait for ever on a sequence number that was not given out."""
    with pytest.raises(ValueError, match="never appended"):
        journal.durable(1)


def test_nothing_appended_is_durable_already(journal: Journal) -> None:
    """Sequence number zero, the state of an empty journal, needs no waiting."""
    assert 0 == journal.append_many([])
    assert journal.durable(0).result(WAIT_S) is None


@pytest.mark.parametrize(
    "entry",
    [
        Entry("", b"", 0),
        Entry("k" * (KIND_CHARACTERS_MAX + 1), b"", 0),
        Entry("kind", bytes(PAYLOAD_BYTES_MAX + 1), 0),
    ],
)
def test_an_entry_beyond_its_bounds_is_refused_with_its_company(journal: Journal, entry: Entry) -> None:
    """One bad entry in a group appends nothing of the group."""
    with pytest.raises(ValueError, match="has"):
        journal.append_many([*entries(1), entry])

    assert 0 == journal.last_seq


def test_the_latest_checkpoint_is_the_newest_by_number(journal: Journal) -> None:
    """A checkpoint carries the state, its place and the chain's digest there."""
    filled(journal, 6)
    journal.checkpoint(3, b"three").result(WAIT_S)
    journal.checkpoint(6, b"six").result(WAIT_S)
    newest = journal.latest_checkpoint()

    assert newest is not None
    assert (6, b"six", journal.head.digest, NOW_NS) == (newest.seq, newest.state, newest.digest, newest.created_ns)


def test_a_checkpoint_waits_for_the_records_before_it(journal: Journal) -> None:
    """A checkpoint asked for right after an append covers that append."""
    seq = journal.append_many(entries(3))
    journal.checkpoint(seq, b"state").result(WAIT_S)

    assert seq == journal.head.seq


@pytest.mark.parametrize("seq", [0, 4, -1])
def test_no_checkpoint_without_its_record(journal: Journal, seq: int) -> None:
    """A state at a number without a record is refused, and nothing else suffers."""
    filled(journal, 3)
    with pytest.raises(JournalError, match="no record"):
        journal.checkpoint(seq, b"").result(WAIT_S)

    filled(journal, 1)
    assert (None, None, 4) == (journal.latest_checkpoint(), journal.failed, journal.head.seq)


def test_without_a_checkpoint_nothing_is_pruned(journal: Journal) -> None:
    """Records that no checkpoint replaces cannot be given up."""
    filled(journal, 5)
    with pytest.raises(JournalError, match="newest checkpoint"):
        journal.prune(4).result(WAIT_S)

    assert [1, 2, 3, 4, 5] == numbers(journal)


def test_pruning_keeps_the_head_and_the_tail(journal: Journal) -> None:
    """After pruning the chain goes on from the kept head, and reading what is gone is an error, not silence."""
    filled(journal, 5)
    journal.checkpoint(4, b"state").result(WAIT_S)

    assert (3, 0) == (journal.prune(4).result(WAIT_S), journal.prune(4).result(WAIT_S))
    filled(journal, 1)
    assert [4, 5, 6] == numbers(journal) == numbers(journal, after=3)
    with pytest.raises(JournalError, match="pruned"):
        numbers(journal, after=2)


def test_everything_up_to_a_checkpoint_can_be_pruned(journal: Journal) -> None:
    """A journal whose every record was pruned still knows its head and its next number."""
    filled(journal, 3)
    journal.checkpoint(3, b"state").result(WAIT_S)
    head = journal.head
    journal.prune(4).result(WAIT_S)

    assert ([], head, 4) == (numbers(journal), journal.head, journal.append("fact", b"1", NOW_NS))


def test_closed_means_closed(journal: Journal) -> None:
    """After close nothing is appended any more, and closing again is harmless."""
    journal.close()
    journal.close()

    with pytest.raises(JournalClosed):
        journal.append("fact", b"{}", NOW_NS)


def test_size_grows_with_what_is_kept(journal: Journal) -> None:
    """The size follows the payloads."""
    before = journal.size_bytes
    journal.durable(journal.append("fact", bytes(100_000), NOW_NS)).result(WAIT_S)

    assert journal.size_bytes >= before + 100_000
