"""Backups: consistent while the journal is written, proven before they get their name, and put back without loss."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.journal import backup as backups
from bot.journal.backup import backup, restore
from bot.journal.reader import SqliteReader, verify
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import JournalBusy, JournalCorrupt, JournalError, JournalMismatch, Stamp
from tests.journal.helpers import LIVE, NOW_NS, WAIT_S, entries, sqlite_journal, tampered, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of three thousand records, a few hundred pages."""
    made = tmp_path / "state" / "journal-live.sqlite3"
    written(made, 3_000)
    return made


def hold() -> None:
    """Go on at once."""


def appearing(late: Path) -> Callable[[], None]:
    """Somebody else makes a file of that name while the backup is under way."""

    def breathe() -> None:
        late.write_text("mine")

    return breathe


def test_a_backup_is_one_private_file_that_verifies(path: Path, tmp_path: Path) -> None:
    """Mode 0600, no log beside it, the same chain, and what it holds is said."""
    made = backup(path, tmp_path / "backup", hold)
    target = tmp_path / "backup"

    assert (3_000, 3_000, verify(path).head) == (made.records, made.last_seq, made.head)
    assert LIVE.account == made.stamp.account
    assert verify(target).ok
    assert 0o600 == stat.S_IMODE(target.stat().st_mode)
    assert {"state", "backup"} == {file.name for file in tmp_path.iterdir()}


def test_a_backup_is_one_moment_however_much_is_written_meanwhile(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends between any two of its steps are durable at once, are not in it, and do not make it begin anew."""
    monkeypatch.setattr(backups, "STEP_PAGES", 8)
    steps = 0
    with sqlite_journal(path) as journal:

        def append() -> None:
            nonlocal steps
            steps += 1
            journal.durable(journal.append_many(entries(5))).result(WAIT_S)

        made = backup(path, tmp_path / "backup", append)
        last = journal.last_seq

    pages = made.bytes // 4_096
    assert pages // 8 <= steps <= pages // 8 + 1
    assert (3_000, 3_000 + 5 * steps) == (made.last_seq, last)
    assert verify(path).ok


def test_a_backup_beside_a_writer_under_load_verifies(path: Path, tmp_path: Path) -> None:
    """Neither waits for the other: every append made during the backup gets its promise."""
    stop = threading.Event()
    with sqlite_journal(path) as journal:

        def write() -> None:
            while not stop.is_set():
                journal.durable(journal.append_many(entries(20))).result(WAIT_S)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [backup(path, tmp_path / f"backup-{number}") for number in range(3)]
        finally:
            stop.set()
            writer.join(WAIT_S)
        assert journal.failed is None

    assert made[0].last_seq <= made[1].last_seq <= made[2].last_seq
    assert verify(path).ok


def test_a_backup_replaces_nothing(path: Path, tmp_path: Path) -> None:
    """A file of that name, a link of that name, and one that appears meanwhile all stay as they are."""
    target, link = tmp_path / "backup", tmp_path / "link"
    target.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for taken in (target, link):
        with pytest.raises(JournalError, match="replaces nothing"):
            backup(path, taken, hold)

    late = tmp_path / "late"
    with pytest.raises(JournalError, match="replaces nothing"):
        backup(path, late, appearing(late))
    assert ("mine", "mine") == (target.read_text(), late.read_text())
    assert {"state", "backup", "link", "late"} == {file.name for file in tmp_path.iterdir()}


def test_a_broken_journal_gives_no_backup(path: Path, tmp_path: Path) -> None:
    """What does not verify is not handed out as a backup, and the record is named."""
    tampered(path, "UPDATE records SET payload = x'00' WHERE seq = 17")
    with pytest.raises(JournalCorrupt, match="at record 17"):
        backup(path, tmp_path / "backup", hold)

    assert ["state"] == [file.name for file in tmp_path.iterdir()]


def test_a_backup_that_cannot_be_written_is_one_line(path: Path, tmp_path: Path) -> None:
    """The place and the reason, and the journal is as it was."""
    with pytest.raises(JournalError, match=r"no backup can be written at .*/no/backup: No such file") as error:
        backup(path, tmp_path / "no" / "backup", hold)

    assert "\n" not in str(error.value)
    with pytest.raises(JournalError, match="there is no journal"):
        backup(tmp_path / "nothing", tmp_path / "backup", hold)


def test_a_pruned_journal_is_backed_up_and_put_back(path: Path, tmp_path: Path) -> None:
    """The head of what was pruned and the checkpoint behind it come along."""
    with sqlite_journal(path) as journal:
        journal.checkpoint(2_000, b"state").result(WAIT_S)
        journal.prune(2_001).result(WAIT_S)
    made = backup(path, tmp_path / "backup", hold)
    back = restore(tmp_path / "backup", tmp_path / "other", NOW_NS)

    assert (1_000, 3_000) == (made.records, made.last_seq)
    with SqliteReader.open(Path(back.path)) as reader:
        kept = reader.latest_checkpoint()
        assert kept is not None
        assert (2_000, 2_000, b"state") == (reader.floor.seq, kept.seq, kept.state)


def test_a_restored_journal_goes_on_and_what_it_replaced_is_kept(path: Path, tmp_path: Path) -> None:
    """The file of the backup's mode is replaced by name only: the newer journal lies beside it, whole."""
    backup(path, tmp_path / "backup", hold)
    with sqlite_journal(path) as journal:
        journal.append_many(entries(50))
    back = restore(tmp_path / "backup", path.parent, NOW_NS)

    assert (str(path), 3_000, f"{path}.replaced-{NOW_NS}") == (back.path, back.last_seq, back.kept_in)
    assert (True, 3_050) == (verify(back.kept_in).ok, verify(back.kept_in).last_seq)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    with sqlite_journal(path) as journal:
        assert 3_001 == journal.append("fact", b"{}", NOW_NS)
    assert verify(tmp_path / "backup").last_seq == 3_000


def test_a_journal_beyond_reading_is_set_aside_too(path: Path, tmp_path: Path) -> None:
    """The day one restores a backup is the day the journal is broken."""
    backup(path, tmp_path / "backup", hold)
    path.write_bytes(b"x" * 8_192)
    back = restore(tmp_path / "backup", path.parent, NOW_NS)

    assert (True, b"x" * 8_192) == (verify(back.path).ok, Path(back.kept_in).read_bytes())


def test_nothing_is_restored_under_a_running_daemon(path: Path, tmp_path: Path) -> None:
    """The journal in use stays; whoever holds it is named."""
    backup(path, tmp_path / "backup", hold)
    with sqlite_journal(path) as journal:
        with pytest.raises(JournalBusy):
            restore(tmp_path / "backup", path.parent, NOW_NS)
        journal.append("fact", b"{}", NOW_NS)

    assert 3_001 == verify(path).last_seq


def test_another_accounts_backup_is_not_put_in_a_journals_place(path: Path, tmp_path: Path) -> None:
    """A backup of the wrong portfolio is refused before anything is moved; both accounts are named."""
    backup(path, tmp_path / "backup", hold)
    theirs = tmp_path / "theirs" / path.name
    with SqliteJournal.open(theirs, Stamp("live", "somebody-else"), lambda: NOW_NS, print):
        pass

    with pytest.raises(JournalMismatch, match="somebody-else"):
        restore(tmp_path / "backup", theirs.parent, NOW_NS)
    assert verify(theirs).ok


def test_a_damaged_backup_is_not_restored(path: Path, tmp_path: Path) -> None:
    """The journal that stands there is not touched for one that does not verify."""
    target = tmp_path / "backup"
    backup(path, target, hold)
    tampered(target, "UPDATE records SET payload = x'00' WHERE seq = 17")
    with pytest.raises(JournalCorrupt, match="at record 17"):
        restore(target, path.parent, NOW_NS)

    assert [] == [file.name for file in path.parent.iterdir() if "draft" in file.name or "replaced" in file.name]
    assert 3_000 == verify(path).last_seq


def test_on_a_disk_without_links_a_backup_still_replaces_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There a rename gives the name, after a look."""

    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    backup(path, tmp_path / "backup", hold)
    late = tmp_path / "late"

    assert verify(tmp_path / "backup").ok
    with pytest.raises(JournalError, match="replaces nothing"):
        backup(path, late, appearing(late))
    assert "mine" == late.read_text()
