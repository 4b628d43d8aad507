"""Replaying a journal file: from its start, from its checkpoint where the start was pruned, while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.journal.sqlite import SqliteJournal
from bot.journal.store import JournalError, Stamp
from bot.runtime.replay import replay
from bot.runtime.steps import Unreplayable
from tests.runtime.stage import Bench

WAIT_S = 30.0


def journal_at(path: Path) -> SqliteJournal:
    """A journal on disk."""
    return SqliteJournal.open(path, Stamp("live", "test"), lambda: 1, lambda _: None)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[tuple[Path, SqliteJournal]]:
    """An open journal file."""
    path = tmp_path / "journal.sqlite3"
    with journal_at(path) as journal:
        yield path, journal


def filled(journal: SqliteJournal, *, checkpoint: bool = False) -> Bench:
    """A journal into which a book that was hedged has been written."""
    bench, seq = Bench().hedged(), 0
    bench.loop.checkpoint()
    for record in bench.journal.records():
        seq = journal.append(record.kind, record.payload, record.at_ns)
    journal.durable(seq).result(WAIT_S)
    if checkpoint:
        kept = bench.journal.latest_checkpoint()
        assert kept is not None
        journal.checkpoint(kept.seq, kept.state).result(WAIT_S)
    return bench


def test_a_file_replays_while_it_is_written(file: tuple[Path, SqliteJournal]) -> None:
    """The writer is not disturbed; every durable step is replayed to the same commands."""
    path, journal = file
    bench = filled(journal)
    result = replay(path)

    assert (True, bench.journal.last_seq, 2) == (result.ok, result.steps, result.commands)


def test_a_file_whose_start_is_there_is_replayed_from_it(file: tuple[Path, SqliteJournal]) -> None:
    """A checkpoint does not shorten the proof while every record is kept."""
    path, journal = file
    bench = filled(journal, checkpoint=True)

    assert bench.journal.last_seq == replay(path).steps


def test_a_pruned_file_is_replayed_from_its_checkpoint(file: tuple[Path, SqliteJournal]) -> None:
    """Where the beginning was given up, the checkpoint stands for it and the tail follows."""
    path, journal = file
    bench = filled(journal, checkpoint=True)
    last = bench.journal.last_seq
    journal.prune(last + 1).result(WAIT_S)
    bench.tick()
    bench.loop.fault("after the checkpoint")
    for record in bench.journal.records(last):
        journal.durable(journal.append(record.kind, record.payload, record.at_ns)).result(WAIT_S)

    assert (True, 1) == (replay(path).ok, replay(path).steps)


def test_a_pruned_file_is_replayed_from_the_first_record_that_is_kept(file: tuple[Path, SqliteJournal]) -> None:
    """Later checkpoints shorten a start, not the proof: it begins at the one that pruning left at the cut."""
    path, journal = file
    bench = filled(journal, checkpoint=True)
    cut = bench.journal.last_seq
    journal.prune(cut + 1).result(WAIT_S)
    for number in range(5):
        bench.loop.fault(f"number {number}")
    bench.loop.checkpoint()
    for record in bench.journal.records(cut):
        journal.append(record.kind, record.payload, record.at_ns)
    kept = bench.journal.latest_checkpoint()
    assert kept is not None
    journal.checkpoint(kept.seq, kept.state).result(WAIT_S)

    assert bench.journal.last_seq - cut >= 5
    assert (True, bench.journal.last_seq - cut) == (replay(path).ok, replay(path).steps)


def test_a_file_of_something_else_is_unreplayable(file: tuple[Path, SqliteJournal]) -> None:
    """Records that are no steps, or do not begin with a start, are named and not guessed at."""
    path, journal = file
    bench = Bench()
    bench.loop.fault("x")
    (*_, fault) = bench.journal.records()
    journal.durable(journal.append(fault.kind, fault.payload, 1)).result(WAIT_S)

    with pytest.raises(Unreplayable, match="record 1"):
        replay(path)


def test_no_file_is_an_error_of_the_journal(tmp_path: Path) -> None:
    """A path that holds no journal says so."""
    with pytest.raises(JournalError):
        replay(tmp_path / "nothing.sqlite3")
