"""The SQLite journal as a file: who may open it, what it refuses, what it keeps."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import apsw
import msgspec
import pytest

from bot.journal.reader import SqliteReader, verify
from bot.journal.sqlite import CHECKPOINTS_KEPT, free_bytes
from bot.journal.store import JournalBusy, JournalCorrupt, JournalError, JournalMismatch
from tests.journal.helpers import LIVE, NOW_NS, WAIT_S, entries, sqlite_journal, tampered, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal will be."""
    return tmp_path / "state" / "journal.db"


def mode_of(file: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(file.stat().st_mode)


def test_only_the_owner_may_look(path: Path) -> None:
    """The directory is created 0700 and every file in it 0600, whatever the umask says."""
    before = os.umask(0)
    try:
        with sqlite_journal(path) as journal:
            journal.durable(journal.append("fact", b"{}", NOW_NS)).result(WAIT_S)
            modes = {mode_of(file) for file in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert (0o700, {0o600}) == (mode_of(path.parent), modes)


def test_a_journal_that_others_could_read_is_closed_to_them(path: Path) -> None:
    """Opening tightens the mode of an existing file."""
    written(path, 1)
    path.chmod(0o644)
    written(path, 1)

    assert 0o600 == mode_of(path)


def test_a_reopened_journal_goes_on_where_it_ended(path: Path) -> None:
    """Closing writes everything queued; reopening continues numbers, chain and stamp."""
    written(path, 3)
    with sqlite_journal(path, msgspec.structs.replace(LIVE, created_ns=5, venues=("bybit",))) as journal:
        assert (3, NOW_NS, ("binance",)) == (journal.last_seq, journal.stamp.created_ns, journal.stamp.venues)
        journal.append_many(entries(2, first=4))

    found = verify(path)
    assert (True, 5, 1, 5) == (found.ok, found.records, found.first_seq, found.last_seq)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"mode": "dry-run"}, "belongs to mode live, account account-1; this run is mode dry-run, account account-1"),
        ({"account": "other"}, "belongs to mode live, account account-1; this run is mode live, account other"),
    ],
)
def test_another_mode_or_account_is_refused(path: Path, change: dict[str, str], line: str) -> None:
    """A journal opened for somebody else says in one line whose it is and who asked; nothing is written."""
    written(path, 1)
    with pytest.raises(JournalMismatch, match=line) as refused:
        sqlite_journal(path, msgspec.structs.replace(LIVE, **change))

    assert "\n" not in str(refused.value)
    with sqlite_journal(path) as journal:
        assert LIVE.mode == journal.stamp.mode


@pytest.mark.parametrize(
    ("version", "line"), [(2, "schema 2, written by a newer Trimtab"), (0, "no schema of Trimtab")]
)
def test_an_unknown_schema_is_refused(path: Path, version: int, line: str) -> None:
    """A downgrade or a foreign version never guesses at the tables, neither to write nor to verify."""
    written(path, 1)
    tampered(path, f"PRAGMA user_version = {version}")

    with pytest.raises(JournalMismatch, match=line):
        sqlite_journal(path)
    with pytest.raises(JournalMismatch, match=line):
        verify(path)


def test_a_second_opener_learns_the_first_ones_pid(path: Path) -> None:
    """One process per journal: the second is told who holds it, and gets it once it is released."""
    with sqlite_journal(path):
        with pytest.raises(JournalBusy, match=f"process {os.getpid()}") as busy:
            sqlite_journal(path)
        assert os.getpid() == busy.value.pid

    sqlite_journal(path).close()


def test_a_refused_opening_releases_the_lock(path: Path) -> None:
    """After a mismatch the rightful owner can open the journal at once."""
    written(path, 1)
    with pytest.raises(JournalMismatch):
        sqlite_journal(path, msgspec.structs.replace(LIVE, mode="observe"))

    sqlite_journal(path).close()


def test_what_is_no_journal_is_left_alone(path: Path) -> None:
    """A text file or another program's database is refused and not changed by a byte."""
    path.parent.mkdir()
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE t(x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match="not a Trimtab journal"):
        sqlite_journal(path)
    assert before == path.read_bytes()

    path.write_bytes(b"a text of more than some hundred bytes " * 40)
    with pytest.raises(JournalCorrupt, match="not a database"):
        sqlite_journal(path)
    assert not verify(path).ok


def test_an_empty_file_is_a_journal_not_yet_made(path: Path) -> None:
    """A crash during creation leaves an empty file, which the next start fills."""
    path.parent.mkdir()
    path.touch()
    written(path, 1)

    assert verify(path).ok


def test_there_is_nothing_to_verify_where_nothing_is(path: Path) -> None:
    """Looking at a journal never creates one."""
    with pytest.raises(JournalError, match="no journal at"):
        verify(path)
    with pytest.raises(JournalError, match="no journal at"):
        SqliteReader.open(path)

    assert not path.exists()


def test_an_impossible_place_is_one_line(tmp_path: Path) -> None:
    """A path below a file is refused as a journal error, not as a traceback of the system."""
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"NotADirectoryError|FileExistsError"):
        sqlite_journal(tmp_path / "file" / "journal.db")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET payload = x'00' WHERE seq = 2",
        "DELETE FROM records WHERE seq = 3",
        "INSERT OR REPLACE INTO records SELECT seq, 0, kind, payload, digest, acknowledged FROM records WHERE seq = 2",
        "INSERT INTO records VALUES (9, 0, 'fact', x'00', x'00', 0)",
        "UPDATE stamp SET body = x'00'",
        "DELETE FROM stamp",
        "INSERT INTO segments VALUES (2, x'00', 0)",
        "INSERT INTO segments VALUES (9, x'00', 0)",
    ],
)
def test_the_database_itself_is_append_only(path: Path, statement: str) -> None:
    """A program that changes records through SQL is stopped by the triggers."""
    written(path, 3)
    connection = apsw.Connection(str(path))
    with pytest.raises(apsw.ConstraintError):
        connection.execute(statement)
    connection.close()

    assert (True, 3) == (verify(path).ok, verify(path).records)


def test_heads_of_segments_stay(path: Path) -> None:
    """The kept head of a pruned segment can be neither changed nor deleted."""
    with sqlite_journal(path) as journal:
        journal.checkpoint(journal.append_many(entries(3)), b"").result(WAIT_S)
        journal.prune(3).result(WAIT_S)
    connection = apsw.Connection(str(path))
    for statement in ("DELETE FROM segments", "UPDATE segments SET digest = x'00'"):
        with pytest.raises(apsw.ConstraintError):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("seq", [1, 4, 9])
def test_a_changed_record_stops_the_start_and_is_named(path: Path, seq: int) -> None:
    """Somebody who edits a record is found by number, by verify and at the next start."""
    written(path, 9)
    tampered(path, f"UPDATE records SET payload = x'7b7d' WHERE seq = {seq}")

    assert (False, seq, seq - 1) == (verify(path).ok, verify(path).broken_at, verify(path).records)
    with pytest.raises(JournalCorrupt, match=f"at seq {seq}"):
        sqlite_journal(path)


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("DELETE FROM records WHERE seq = 4", 4),
        ("DELETE FROM records WHERE seq > 6", 7),
        ("DELETE FROM records", 1),
        ("UPDATE records SET kind = CAST(x'ff' AS TEXT) WHERE seq = 5", 5),
        ("UPDATE stamp SET body = replace(CAST(body AS TEXT), 'account-1', 'account-2')", 1),
    ],
)
def test_removed_or_moved_records_are_named(path: Path, statement: str, seq: int) -> None:
    """A hole, a lost tail, a damaged kind and a chain moved to another account are all breaks."""
    written(path, 9)
    tampered(
        path,
        statement.replace("replace(CAST(body AS TEXT)", "CAST(replace(CAST(body AS TEXT)").replace(
            "'account-2')", "'account-2') AS BLOB)"
        ),
    )

    assert (False, seq) == (verify(path).ok, verify(path).broken_at)


def test_a_damaged_checkpoint_is_refused(path: Path) -> None:
    """A state whose bytes changed is never started from."""
    with sqlite_journal(path) as journal:
        journal.checkpoint(journal.append_many(entries(3)), b"state").result(WAIT_S)
    tampered(path, "UPDATE checkpoints SET state = x'00'")

    assert "checkpoint at seq 3 is damaged" in verify(path).reason
    with pytest.raises(JournalCorrupt, match="checkpoint at seq 3"):
        sqlite_journal(path)


def test_damaged_pages_are_a_result(path: Path) -> None:
    """Bytes overwritten by a failing disk are reported, not raised as SQLite's errors."""
    written(path, 200)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))

    assert not verify(path).ok
    with pytest.raises(JournalError):
        sqlite_journal(path)


def test_a_start_from_the_checkpoint_looks_at_the_tail_only(path: Path) -> None:
    """Verifying from the checkpoint passes over older damage, which the full start refuses."""
    with sqlite_journal(path) as journal:
        journal.checkpoint(journal.append_many(entries(5)), b"").result(WAIT_S)
        journal.append_many(entries(3, first=6))
    tampered(path, "UPDATE records SET payload = x'7b7d' WHERE seq = 2")
    sqlite_journal(path, from_checkpoint=True).close()
    with pytest.raises(JournalCorrupt, match="at seq 2"):
        sqlite_journal(path)

    tampered(path, "UPDATE records SET payload = x'7b7d' WHERE seq = 7")
    with pytest.raises(JournalCorrupt, match="at seq 7"):
        sqlite_journal(path, from_checkpoint=True)


def test_readers_do_not_disturb_the_writer(path: Path) -> None:
    """A journal in use can be read and verified, and what is appended meanwhile is not lost."""
    with sqlite_journal(path) as journal, SqliteReader.open(path) as reader:
        journal.durable(journal.append_many(entries(600))).result(WAIT_S)
        reading = reader.records()
        assert 1 == next(reading).seq
        journal.durable(journal.append_many(entries(100, first=601))).result(WAIT_S)

        assert (699, 700, journal.head) == (len(list(reading)), verify(path).records, reader.head)


def test_reading_across_a_pruning_is_an_error(path: Path) -> None:
    """A reader whose next page was pruned away is told, instead of being shown a shorter history."""
    with sqlite_journal(path) as journal:
        journal.checkpoint(journal.append_many(entries(600)), b"").result(WAIT_S)
        reading = journal.records()
        next(reading)
        journal.prune(600).result(WAIT_S)
        journal.checkpoint(600, b"").result(WAIT_S)  # behind the sweeping
        with pytest.raises(JournalError, match="pruned up to seq 599"):
            list(reading)


def test_a_pruned_journal_verifies_from_its_kept_head(path: Path) -> None:
    """Pruned records are gone from the file, and the rest verifies and goes on after reopening."""
    with sqlite_journal(path) as journal:
        journal.checkpoint(journal.append_many(entries(5_000)), b"").result(WAIT_S)
        assert 4_500 == journal.prune(4_501).result(WAIT_S)
        assert 4_501 == next(journal.records()).seq
    with sqlite_journal(path) as journal:
        assert 5_001 == journal.append("fact", b"{}", NOW_NS)
        for _ in range(3):  # the sweeping goes on between other jobs
            journal.checkpoint(5_001, b"").result(WAIT_S)
    left = apsw.Connection(str(path)).execute("SELECT count(*) FROM records").fetchall()

    assert [(501,)] == left
    assert (True, 501, 4_501) == (verify(path).ok, verify(path).records, verify(path).first_seq)


def test_old_checkpoints_make_room(path: Path) -> None:
    """The newest few states and the first are kept, so that the journal does not grow by its states."""
    with sqlite_journal(path) as journal:
        for _ in range(CHECKPOINTS_KEPT + 3):
            journal.checkpoint(journal.append_many(entries(1)), b"state").result(WAIT_S)
    kept = apsw.Connection(str(path)).execute("SELECT count(*), max(seq) FROM checkpoints").fetchall()

    assert [(CHECKPOINTS_KEPT + 1, CHECKPOINTS_KEPT + 3)] == kept


def test_a_copy_on_read_only_media_verifies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed journal can be examined where nothing can be written beside it."""
    written(path, 3)
    for beside in path.parent.glob("journal.db-*"):
        beside.unlink()
    monkeypatch.setattr("bot.journal.reader.os.access", lambda *_: False)

    assert (True, 3) == (verify(path).ok, verify(path).records)
    assert [] == list(path.parent.glob("journal.db-*"))


def test_the_free_space_is_that_of_its_disk(path: Path) -> None:
    """The guard on disk space asks the disk where the journal lies."""
    written(path, 1)

    assert 0 < free_bytes(path) <= shutil.disk_usage(path.parent).total
