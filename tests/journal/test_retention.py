"""What is given up, and what stays so that the rest can be replayed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import apsw
import pytest

from bot.journal.reader import SqliteReader, verify
from bot.journal.sqlite import CHECKPOINTS_KEPT, SqliteJournal
from bot.journal.store import Entry, Journal
from tests.journal.helpers import LIVE, NOW_NS, WAIT_S, ignore, memory_journal, tampered

HOUR_NS = 3_600 * 1_000_000_000


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW_NS

    def __call__(self) -> int:
        return self.now


@pytest.fixture(params=["sqlite", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """Both journals."""
    if request.param == "memory":
        yield memory_journal()
        return
    with SqliteJournal.open(tmp_path / "journal.db", LIVE, Clock(), ignore) as opened:
        yield opened


def hour(journal: Journal, number: int, records: int = 10) -> int:
    """Records of one hour, and a checkpoint at its end."""
    for offset in range(records):
        journal.append("fact", b"{}", NOW_NS + number * HOUR_NS + offset)
    journal.checkpoint(journal.last_seq, b"state").result(WAIT_S)
    return journal.last_seq


def test_what_is_old_enough_is_prunable_up_to_a_checkpoint(journal: Journal) -> None:
    """The cut is the newest checkpoint that has nothing young at or below it."""
    ends = [hour(journal, number) for number in range(4)]
    journal.durable(journal.append("fact", b"{}", NOW_NS + 4 * HOUR_NS)).result(WAIT_S)

    assert 0 == journal.prunable(NOW_NS)
    assert ends[0] == journal.prunable(NOW_NS + HOUR_NS)
    assert ends[0] == journal.prunable(NOW_NS + HOUR_NS + 5)
    assert ends[3] == journal.prunable(NOW_NS + 100 * HOUR_NS)


def test_a_young_record_protects_what_follows_it(journal: Journal) -> None:
    """A wall clock that was set back for a while cannot make young records look old."""
    first = hour(journal, 0)
    journal.append("fact", b"{}", NOW_NS + 50 * HOUR_NS)
    hour(journal, 1)

    assert first == journal.prunable(NOW_NS + 10 * HOUR_NS)


def test_pruning_leaves_the_checkpoint_at_the_cut(journal: Journal) -> None:
    """So the first record that is kept follows a known state, and what was cut once is not cut again."""
    ends = [hour(journal, number) for number in range(4)]
    cut = journal.prunable(NOW_NS + 2 * HOUR_NS)

    assert ends[1] == cut
    assert cut == journal.prune(cut + 1).result(WAIT_S)
    assert 0 == journal.prunable(NOW_NS + 2 * HOUR_NS)
    assert ends[3] == journal.prunable(NOW_NS + 100 * HOUR_NS)
    assert cut + 1 == next(iter(journal.records())).seq


def test_old_checkpoints_stay_one_a_spacing(tmp_path: Path) -> None:
    """Hourly checkpoints become daily ones behind the newest few, however many were taken."""
    path, clock = tmp_path / "journal.db", Clock()
    with SqliteJournal.open(path, LIVE, clock, ignore, checkpoint_spacing_ns=24 * HOUR_NS) as journal:
        for number in range(100):
            clock.now = NOW_NS + number * HOUR_NS
            hour(journal, number, records=1)
    rows = apsw.Connection(str(path)).execute("SELECT (created_ns - ?) / ? FROM checkpoints", (NOW_NS, HOUR_NS))

    assert [0, 24, 48, 72, *range(100 - CHECKPOINTS_KEPT, 100)] == [number for (number,) in rows.fetchall()]


def test_a_clock_that_is_set_back_loses_no_checkpoint_but_the_surplus(tmp_path: Path) -> None:
    """The newest few stay by number, whatever their time says."""
    path, clock = tmp_path / "journal.db", Clock()
    with SqliteJournal.open(path, LIVE, clock, ignore, checkpoint_spacing_ns=HOUR_NS) as journal:
        for number in range(20):
            clock.now = NOW_NS - number * HOUR_NS
            hour(journal, number, records=1)
        newest = journal.latest_checkpoint()
    with SqliteReader.open(path) as reader:
        oldest = reader.oldest_checkpoint()

    assert newest is not None
    assert oldest is not None
    assert (20, 1) == (newest.seq, oldest.seq)
    assert verify(path).ok


def test_the_file_of_a_pruned_journal_stops_growing(tmp_path: Path) -> None:
    """Freed pages are used again: a hundred hours with a retention of ten take what fifteen take."""
    path, clock, sizes = tmp_path / "journal.db", Clock(), []
    with SqliteJournal.open(path, LIVE, clock, ignore, checkpoint_spacing_ns=HOUR_NS) as journal:
        for number in range(100):
            clock.now = NOW_NS + number * HOUR_NS
            journal.append_many(Entry("fact", b"x" * 2_000, clock.now) for _ in range(100))
            journal.checkpoint(journal.last_seq, b"s" * 10_000).result(WAIT_S)
            cut = journal.prunable(clock.now - 10 * HOUR_NS)
            if cut:
                journal.prune(cut + 1).result(WAIT_S)
            sizes.append(journal.size_bytes)

    assert sizes[-1] <= sizes[20] * 1.1
    found = verify(path)
    assert (True, 1_200) >= (found.ok, found.records)


def test_a_start_from_the_checkpoint_does_not_read_what_lies_before_it(tmp_path: Path) -> None:
    """Damage that the walk finds does not keep a start from the newest checkpoint: a start takes a fixed time."""
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path, LIVE, Clock(), ignore) as journal:
        hour(journal, 0)
    tampered(path, "UPDATE records SET payload = x'00' WHERE seq = 3")
    with SqliteJournal.open(path, LIVE, Clock(), ignore, from_checkpoint=True) as journal:
        waiting: Future[None] = journal.durable(journal.append("fact", b"{}", NOW_NS))
        waiting.result(WAIT_S)

    assert 3 == verify(path).broken_at
