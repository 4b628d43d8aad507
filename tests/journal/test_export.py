"""The journal as JSON lines."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.journal.export import Exported, export, line
from bot.journal.store import JournalError, Record
from tests.journal.helpers import WAIT_S, entries, sqlite_journal, tampered, written

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Buffer

    from bot.journal.sqlite import SqliteJournal

DIGEST = bytes(range(32))


def test_a_line_holds_the_whole_record() -> None:
    """Every field of a record is on its line, the time both readable and exact."""
    made = line(Record(7, 1_700_000_000_123_456_789, "fill", b'{"price":"1.10"}', DIGEST))

    assert (
        '{"seq":7,"at":"2023-11-14T22:13:20.123456789Z","at_ns":1700000000123456789,"kind":"fill",'
        f'"payload":{{"price":"1.10"}},"hash":"{DIGEST.hex()}"}}'
    ) == made.decode()


def test_numbers_keep_their_digits() -> None:
    """A payload is copied, not decoded and written anew: no digit of a number is lost."""
    payload = b'{"x":0.10000000000000000000000001,\n "y": 12345678901234567890123}'

    made = line(Record(1, 0, "fact", payload, DIGEST))
    assert b'{"x":0.10000000000000000000000001,"y":12345678901234567890123}' in made


@given(st.binary(max_size=40))
def test_any_payload_makes_one_json_line(payload: bytes) -> None:
    """Whatever bytes a damaged record holds, its line is one line of valid JSON that keeps them."""
    made = line(Record(1, 2**63 - 1, "fact", payload, DIGEST))
    fields = json.loads(made)

    assert b"\n" not in made
    assert ("payload" in fields) != ("payload_hex" in fields)
    assert payload == bytes.fromhex(fields.get("payload_hex", payload.hex()))


def test_a_journal_in_use_can_be_exported(tmp_path: Path) -> None:
    """Exporting reads beside the writer, from a given number on."""
    path, out = tmp_path / "journal.db", io.BytesIO()
    written(path, 5)
    with sqlite_journal(path):
        assert Exported(3) == export(path, out, after=2)

    assert [3, 4, 5] == [json.loads(row)["seq"] for row in out.getvalue().splitlines()]


def test_nothing_is_exported_from_nowhere(tmp_path: Path) -> None:
    """A missing journal is an error, not an empty export."""
    with pytest.raises(JournalError, match="no journal at"):
        export(tmp_path / "journal.db", io.BytesIO())


def test_a_broken_journal_is_exported_whole_and_its_break_named(tmp_path: Path) -> None:
    """What stands behind a damaged record is written too, and the damage is in the result."""
    path, out = tmp_path / "journal.db", io.BytesIO()
    written(path, 5)
    tampered(path, "UPDATE records SET payload = x'00' WHERE seq = 3")
    found = export(path, out)

    assert (5, 3) == (found.records, found.broken_at)
    assert "does not fit" in found.reason
    assert 5 == len(out.getvalue().splitlines())


def test_a_journal_that_lost_its_end_says_so_when_it_is_exported(tmp_path: Path) -> None:
    """Records that were promised once and are gone are a break, though nothing that is left is damaged."""
    path = tmp_path / "journal.db"
    written(path, 5)
    tampered(path, "DELETE FROM records WHERE seq > 3")

    assert 4 == export(path, io.BytesIO()).broken_at


def test_an_export_from_a_number_that_is_not_kept_is_refused(tmp_path: Path) -> None:
    """Beginning in the middle needs the record in the middle."""
    path = tmp_path / "journal.db"
    written(path, 5)
    with pytest.raises(JournalError, match="keeps the records 1 to 5, not 9"):
        export(path, io.BytesIO(), after=9)


def test_an_export_of_a_pruned_journal_begins_at_its_first_kept_record(tmp_path: Path) -> None:
    """What was given up but not swept from the file yet is no part of it, and no break."""
    path, out = tmp_path / "journal.db", io.BytesIO()
    with sqlite_journal(path) as journal:
        journal.append_many(entries(5_000))
        journal.checkpoint(4_990, b"state").result(WAIT_S)
        journal.prune(4_991)
        journal.durable(journal.last_seq).result(WAIT_S)
        journal.prune(1).result(WAIT_S)
        found = export(path, out)

    assert Exported(10) == found
    assert 4_991 == json.loads(out.getvalue().splitlines()[0])["seq"]


class Slow(io.BytesIO):
    """A reader at the other end of a pipe who lets the journal be pruned meanwhile."""

    def __init__(self, journal: SqliteJournal, path: Path) -> None:
        super().__init__()
        self.journal = journal
        self.looking = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)

    def write(self, data: Buffer) -> int:
        """Take a line; with the first one everything up to the checkpoint is given up and swept."""
        if not self.tell():
            self.journal.prune(4_991).result(WAIT_S)
            while self.looking.execute("SELECT 1 FROM records WHERE seq < 4991 LIMIT 1").fetchall():
                self.journal.prune(1).result(WAIT_S)
        return super().write(data)


def test_an_export_that_is_overtaken_by_a_pruning_says_so(tmp_path: Path) -> None:
    """The gap is no damage: it is told apart from a broken journal."""
    path = tmp_path / "journal.db"
    with sqlite_journal(path) as journal:
        journal.append_many(entries(5_000))
        journal.checkpoint(4_990, b"state").result(WAIT_S)
        with pytest.raises(JournalError, match="was pruned up to seq 4990 meanwhile"):
            export(path, Slow(journal, path))
