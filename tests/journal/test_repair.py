"""Cutting off a damaged end: only what was never promised, only on request, and never without a trace."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import apsw
import pytest

from bot.journal.reader import verify
from bot.journal.repair import repair
from bot.journal.store import JournalBusy, JournalCorrupt, JournalError
from tests.journal.helpers import NOW_NS, WAIT_S, clock, entries, sqlite_journal, tampered, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


def crashed(path: Path, groups: list[int]) -> None:
    """Leave a journal as a crash leaves it: each group one transaction, and no clean closing."""
    copy = path.with_name("running.db")
    with sqlite_journal(copy) as journal:
        for count in groups:
            journal.durable(journal.append_many(entries(count, journal.last_seq + 1))).result(WAIT_S)
        for name in ("", "-wal"):
            Path(f"{path}{name}").write_bytes(Path(f"{copy}{name}").read_bytes())


def damaged(path: Path, seq: int) -> None:
    """Overwrite the payload of a record, leaving the rules of the database in place."""
    connection = apsw.Connection(str(path))
    sql = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'records_no_update'").fetchall()[0][0]
    connection.execute("DROP TRIGGER records_no_update")
    connection.execute("UPDATE records SET payload = x'ff00' WHERE seq = ?", (seq,))
    connection.execute(str(sql))
    connection.close()


def test_a_sound_journal_needs_no_repair(path: Path) -> None:
    """Repairing what is whole changes nothing."""
    written(path, 3)

    assert repair(path, clock) is None
    assert 3 == verify(path).records


def test_a_damaged_last_record_is_cut_off_and_kept_aside(path: Path) -> None:
    """The damaged end leaves the journal, stays readable beside it, and the next start goes on."""
    crashed(path, [4, 1])
    damaged(path, 5)
    with pytest.raises(JournalCorrupt, match="at seq 5"):
        sqlite_journal(path)
    done = repair(path, clock)

    assert done is not None
    assert (5, 5) == (done.first_seq, done.last_seq)
    assert "ff00" == json.loads(Path(done.kept_in).read_bytes())["payload_hex"]
    assert 0o600 == stat.S_IMODE(Path(done.kept_in).stat().st_mode)
    with sqlite_journal(path) as journal:
        assert 5 == journal.append("fact", b"{}", NOW_NS)


def test_the_whole_rest_of_the_last_transaction_goes(path: Path) -> None:
    """What follows a damaged record cannot be trusted either."""
    crashed(path, [4, 3])
    damaged(path, 6)
    done = repair(path, clock)

    assert done is not None
    assert (6, 7, 5) == (done.first_seq, done.last_seq, verify(path).records)


def test_a_repair_leaves_the_rules_in_place(path: Path) -> None:
    """After a repair records can be deleted as little as before, and the repair itself is on record."""
    crashed(path, [4, 1])
    damaged(path, 5)
    repair(path, clock)
    connection = apsw.Connection(str(path))
    with pytest.raises(apsw.ConstraintError):
        connection.execute("DELETE FROM records WHERE seq = 2")

    assert [(NOW_NS, 5, 5)] == connection.execute("SELECT at_ns, first_seq, last_seq FROM repairs").fetchall()
    connection.close()


def test_a_later_transaction_proves_that_a_record_was_promised(path: Path) -> None:
    """Damage before the last transaction is not cut off: history that was acted on is restored, not shortened."""
    crashed(path, [4, 1, 1])
    damaged(path, 4)
    with pytest.raises(JournalCorrupt, match="broken at seq 4, but records up to 5 were acknowledged"):
        repair(path, clock)

    assert 4 == verify(path).broken_at


def test_a_clean_closing_proves_that_everything_was_promised(path: Path) -> None:
    """After a clean closing nothing can be cut off."""
    written(path, 5)
    damaged(path, 5)
    with pytest.raises(JournalCorrupt, match="acknowledged"):
        repair(path, clock)


def test_a_checkpoint_proves_that_its_record_was_promised(path: Path) -> None:
    """A record under a checkpoint is not cut off."""
    copy = path.with_name("running.db")
    with sqlite_journal(copy) as journal:
        journal.checkpoint(journal.append_many(entries(3)), b"").result(WAIT_S)
        for name in ("", "-wal"):
            Path(f"{path}{name}").write_bytes(Path(f"{copy}{name}").read_bytes())
    damaged(path, 3)
    with pytest.raises(JournalCorrupt, match="acknowledged"):
        repair(path, clock)


def test_a_lost_tail_cannot_be_repaired(path: Path) -> None:
    """Records that were promised and are gone are not made good by shortening the journal further."""
    written(path, 5)
    tampered(path, "DELETE FROM records WHERE seq > 3")
    with pytest.raises(JournalCorrupt, match="acknowledged"):
        repair(path, clock)


def test_a_damaged_file_is_beyond_repair(path: Path) -> None:
    """Where the file itself is broken, only a backup helps."""
    path.write_bytes(b"not a database at all, but long enough to look at " * 20)
    with pytest.raises(JournalCorrupt):
        repair(path, clock)


def test_a_journal_in_use_is_not_repaired(path: Path) -> None:
    """Repair needs the journal for itself."""
    with sqlite_journal(path), pytest.raises(JournalBusy):
        repair(path, clock)


def test_a_repair_creates_nothing(path: Path) -> None:
    """Where no journal is, repair makes none."""
    with pytest.raises(JournalError, match="no journal at"):
        repair(path, clock)

    assert [] == list(path.parent.iterdir())
