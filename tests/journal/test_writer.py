"""The writer thread: group commit, promises kept, promises that cannot be kept."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from bot.journal.memory import MemoryJournal
from bot.journal.reader import verify
from bot.journal.store import Entry, JournalClosed, JournalError, JournalFailed, JournalFull
from bot.journal.writer import BATCH_RECORDS_MAX, STATEMENT_RECORDS_MAX
from tests.journal.helpers import LIVE, NOW_NS, WAIT_S, Disk, entries, ignore, memory_journal, sqlite_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from bot.journal.sqlite import SqliteJournal


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that obeys the test."""
    made = Disk("obedient")
    yield made
    made.may_sync.set()
    made.unregister()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


def hanging(disk: Disk, journal: SqliteJournal) -> int:
    """Append a record whose sync hangs, and return its number once the disk has been asked."""
    disk.syncing.clear()
    disk.may_sync.clear()
    seq = journal.append("first", b"{}", NOW_NS)
    assert disk.syncing.wait(WAIT_S)
    return seq


def test_nothing_is_promised_before_the_disk_has_synced(path: Path, disk: Disk) -> None:
    """A record is not durable while its sync is on the way, and neither head nor readers show it."""
    with sqlite_journal(path, vfs=disk.name) as journal:
        promise = journal.durable(hanging(disk, journal))
        assert (False, 0, 1) == (promise.done(), journal.head.seq, journal.last_seq)
        disk.may_sync.set()

        assert promise.result(WAIT_S) is None
        assert 1 == journal.head.seq


def test_the_lag_is_the_age_of_the_oldest_record_that_waits(path: Path, disk: Disk) -> None:
    """It grows while a sync hangs, with what queues behind it too, and is nothing once the disk has caught up."""
    with sqlite_journal(path, vfs=disk.name) as journal:
        assert 0 == journal.lag_ns
        began_ns = time.monotonic_ns()
        hanging(disk, journal)
        first_ns = journal.lag_ns
        journal.append("second", b"{}", NOW_NS)
        later_ns = journal.lag_ns
        assert 0 < first_ns < later_ns <= time.monotonic_ns() - began_ns

        disk.may_sync.set()
        journal.durable(2).result(WAIT_S)
        assert 0 == journal.lag_ns


def test_what_queues_behind_a_commit_is_as_old_as_itself(path: Path, disk: Disk) -> None:
    """Once the commit before it is done, a record's lag counts from its own append."""
    with sqlite_journal(path, vfs=disk.name) as journal:
        hanging(disk, journal)
        before_ns = journal.lag_ns
        while journal.lag_ns < before_ns + 50_000_000:
            time.sleep(0.01)
        appended_ns = time.monotonic_ns()
        journal.append("second", b"{}", NOW_NS)
        disk.syncing.clear()
        disk.may_sync.set()
        journal.durable(1).result(WAIT_S)

        assert journal.lag_ns <= time.monotonic_ns() - appended_ns


def test_a_journal_that_failed_has_no_lag(path: Path, disk: Disk) -> None:
    """Nothing waits any more: the failure says what there is to say."""
    journal = sqlite_journal(path, vfs=disk.name)
    disk.sync_fails = True
    with pytest.raises(JournalFailed):
        journal.durable(journal.append("first", b"{}", NOW_NS)).result(WAIT_S)

    assert 0 == journal.lag_ns
    with pytest.raises(JournalFailed):
        journal.close()


def test_a_held_memory_journal_lags_by_its_own_clock() -> None:
    """From the first record that is held back to its commit; a failed one lags no more."""
    now = [NOW_NS]
    journal = MemoryJournal(LIVE, lambda: now[0], ignore, held=True)
    journal.append("first", b"{}", NOW_NS)
    now[0] += 5
    journal.append("second", b"{}", NOW_NS)
    now[0] += 2
    assert 7 == journal.lag_ns

    journal.commit()
    assert 0 == journal.lag_ns
    journal.append("third", b"{}", NOW_NS)
    now[0] += 3
    assert 3 == journal.lag_ns
    journal.fail("no disk")
    assert 0 == journal.lag_ns


def test_what_queues_during_a_commit_shares_the_next(path: Path, disk: Disk) -> None:
    """However many records gather while the disk is busy, they cost one more sync."""
    with sqlite_journal(path, vfs=disk.name) as journal:
        hanging(disk, journal)
        before = disk.syncs
        last = [journal.append("more", b"{}", NOW_NS) for _ in range(500)][-1]
        disk.may_sync.set()
        journal.durable(last).result(WAIT_S)

        assert before + 1 == disk.syncs


@pytest.mark.parametrize(
    "count", [1, STATEMENT_RECORDS_MAX, STATEMENT_RECORDS_MAX + 1, BATCH_RECORDS_MAX, BATCH_RECORDS_MAX + 1]
)
def test_every_size_of_batch_chains(path: Path, count: int) -> None:
    """Batches at the bounds of a statement and of a transaction are stored whole and in order."""
    with sqlite_journal(path) as journal:
        journal.durable(journal.append_many(entries(count))).result(WAIT_S)
        stored = [(record.kind, record.payload, record.at_ns) for record in journal.records()]

    assert [tuple(entry) for entry in entries(count)] == stored
    assert verify(path).ok


def test_a_large_log_is_moved_into_the_database(path: Path) -> None:
    """The log is emptied into the database while the journal is open, so that it cannot grow for ever."""
    with sqlite_journal(path) as journal:
        for _ in range(6):
            journal.durable(journal.append_many([Entry("blob", bytes(1_000_000), NOW_NS)] * 4)).result(WAIT_S)
        journal.checkpoint(journal.last_seq, b"").result(WAIT_S)

        assert path.stat().st_size > 20_000_000
        assert path.with_name("journal.db-wal").stat().st_size < 10_000_000


def test_a_full_queue_refuses_and_recovers(path: Path, disk: Disk) -> None:
    """Beyond its bound the queue refuses a group whole; when the disk is back everything accepted is stored."""
    with sqlite_journal(path, vfs=disk.name, queue_records_max=10) as journal:
        hanging(disk, journal)
        journal.append_many(entries(8))
        with pytest.raises(JournalFull, match="8 records wait"):
            journal.append_many(entries(3))
        last = journal.append_many(entries(2))
        disk.may_sync.set()
        journal.durable(last).result(WAIT_S)

        assert (11, None) == (journal.append("fact", b"{}", NOW_NS) - 1, journal.failed)


def sync_fails(disk: Disk) -> None:
    """The disk answers EIO."""
    disk.sync_fails = True


def disk_full(disk: Disk) -> None:
    """The disk has no space left."""
    disk.full = True


@pytest.mark.parametrize(("fault", "name"), [(sync_fails, "IOError"), (disk_full, "FullError")])
def test_a_failed_write_fails_everything_unacknowledged(
    path: Path, disk: Disk, fault: Callable[[Disk], None], name: str
) -> None:
    """Everybody who waits is told, appending stops, the callback comes once, and earlier records stay."""
    told: list[JournalError] = []
    journal = sqlite_journal(path, vfs=disk.name, on_failure=told.append)
    journal.durable(journal.append_many(entries(3))).result(WAIT_S)
    fault(disk)
    lost = journal.durable(journal.append_many(entries(2, first=4)))

    with pytest.raises(JournalFailed, match=name):
        lost.result(WAIT_S)
    with pytest.raises(JournalFailed, match="has stopped"):
        journal.append("fact", b"{}", NOW_NS)
    with pytest.raises(JournalFailed, match=name):
        journal.durable(5).result(WAIT_S)
    assert journal.durable(3).result(WAIT_S) is None
    with pytest.raises(JournalFailed, match=name):
        journal.close()
    assert [journal.failed] == told
    assert (True, True) == (verify(path).ok, verify(path).records >= 3)


def test_after_a_failure_the_journal_can_be_opened_again(path: Path, disk: Disk) -> None:
    """A failure releases file and lock on close: the next start finds what was durable and goes on."""
    journal = sqlite_journal(path, vfs=disk.name)
    journal.durable(journal.append_many(entries(3))).result(WAIT_S)
    disk.full = True
    lost = journal.durable(journal.append("fact", b"{}", NOW_NS))
    with pytest.raises(JournalFailed):
        lost.result(WAIT_S)
    with pytest.raises(JournalFailed):
        journal.close()
    disk.full = False

    with sqlite_journal(path, vfs=disk.name) as again:
        assert 4 == again.append("fact", b"{}", NOW_NS)


def test_a_failure_reaches_jobs_that_wait(path: Path, disk: Disk) -> None:
    """A checkpoint and a pruning behind a failing write fail with it."""
    journal = sqlite_journal(path, vfs=disk.name)
    hanging(disk, journal)
    jobs: list[Future[Any]] = [journal.checkpoint(1, b""), journal.prune(1)]
    disk.sync_fails = True
    disk.may_sync.set()

    assert [True, True] == [isinstance(job.exception(WAIT_S), JournalFailed) for job in jobs]
    with pytest.raises(JournalFailed):
        journal.close()


async def test_a_failure_reaches_the_loop(path: Path, disk: Disk) -> None:
    """Whoever awaits `flushed` gets the failure, not silence."""
    journal = sqlite_journal(path, vfs=disk.name)
    hanging(disk, journal)
    waiting = asyncio.ensure_future(journal.flushed(1))
    await asyncio.sleep(0)
    disk.sync_fails = True
    disk.may_sync.set()

    with pytest.raises(JournalFailed, match="IOError"):
        await waiting
    with pytest.raises(JournalFailed):
        journal.close()


async def test_a_cancelled_wait_disturbs_nobody(path: Path, disk: Disk) -> None:
    """Giving up on one record leaves the others' promises in place."""
    with sqlite_journal(path, vfs=disk.name) as journal:
        hanging(disk, journal)
        given_up, kept = (asyncio.ensure_future(journal.flushed(1)) for _ in range(2))
        cancelled = journal.durable(1)
        await asyncio.sleep(0)
        assert (True, True) == (given_up.cancel(), cancelled.cancel())
        disk.may_sync.set()

        await kept
    assert journal.failed is None


def test_a_closed_loop_does_not_stop_the_writer(path: Path, disk: Disk) -> None:
    """A waiter whose event loop is gone is forgotten; the record is stored all the same."""
    with sqlite_journal(path, vfs=disk.name) as journal:
        hanging(disk, journal)
        loop = asyncio.new_event_loop()
        task = loop.create_task(journal.flushed(1))
        loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        disk.may_sync.set()

        assert journal.durable(1).result(WAIT_S) is None


def test_a_hanging_disk_does_not_hang_close(path: Path, disk: Disk) -> None:
    """Close gives up after its bound and says so; the late write still ends well."""
    journal = sqlite_journal(path, vfs=disk.name)
    promise = journal.durable(hanging(disk, journal))
    with pytest.raises(JournalFailed, match="still writing after"):
        journal.close(timeout_s=0.01)
    with pytest.raises(JournalClosed):
        journal.append("fact", b"{}", NOW_NS)
    disk.may_sync.set()
    journal.close()

    assert promise.result(WAIT_S) is None


def test_a_foreign_write_lock_is_waited_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that holds the database's lock for a moment delays a commit and fails nothing."""
    with sqlite_journal(path) as journal:
        shell = apsw.Connection(str(path))
        shell.execute("BEGIN IMMEDIATE")
        promise = journal.durable(journal.append("fact", b"{}", NOW_NS))
        assert not promise.done()
        shell.execute("ROLLBACK")

        assert promise.result(WAIT_S) is None
        shell.close()


def test_a_foreign_write_lock_held_too_long_is_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the busy timeout the write counts as failed: no order may wait for ever on its intent."""
    monkeypatch.setattr("bot.journal.sqlite.BUSY_TIMEOUT_MS", 1)
    journal = sqlite_journal(path)
    shell = apsw.Connection(str(path))
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalFailed, match="BusyError"):
        journal.durable(journal.append("fact", b"{}", NOW_NS)).result(WAIT_S)
    shell.close()
    with pytest.raises(JournalFailed):
        journal.close()


def test_appends_from_many_threads_make_one_chain(path: Path) -> None:
    """Numbers are given out once each, whoever asks, and the chain verifies."""
    with sqlite_journal(path) as journal:
        given: list[int] = []
        threads = [
            threading.Thread(target=lambda: given.extend(journal.append("fact", b"{}", NOW_NS) for _ in range(200)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)

    assert list(range(1, 801)) == sorted(given)
    assert (True, 800) == (verify(path).ok, verify(path).records)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_the_writer_leaves_nobody_waiting(path: Path) -> None:
    """Even what should be impossible latches the journal and is seen, instead of a silent dead thread."""
    journal = sqlite_journal(path)
    lost = journal.durable(journal.append("fact", "text, not bytes", NOW_NS))  # type: ignore[arg-type]

    with pytest.raises(JournalFailed, match="TypeError"):
        lost.result(WAIT_S)
    with pytest.raises(JournalFailed):
        journal.close()


def test_a_held_memory_journal_waits_for_commit() -> None:
    """In memory a test decides when records become durable."""
    journal = memory_journal(held=True)
    promise = journal.durable(journal.append("intent", b"{}", NOW_NS))
    assert (False, [], 0) == (promise.done(), list(journal.records()), journal.head.seq)
    journal.commit()

    assert (True, 1) == (promise.done(), journal.head.seq)


def test_a_failing_memory_journal_behaves_like_a_failing_disk() -> None:
    """In memory a test decides when the disk fails, with the same consequences."""
    told: list[JournalError] = []
    journal = memory_journal(held=True, on_failure=told.append)
    lost = journal.durable(journal.append("intent", b"{}", NOW_NS))
    journal.fail("disk full")

    with pytest.raises(JournalFailed, match="disk full"):
        lost.result(WAIT_S)
    for use in (lambda: journal.append("intent", b"{}", NOW_NS), journal.commit, journal.close):
        with pytest.raises(JournalFailed):
            use()
    assert [journal.failed] == told
