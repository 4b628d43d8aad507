"""The journal as JSON lines."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.journal.export import export, line
from bot.journal.store import JournalError, Record
from tests.journal.helpers import sqlite_journal, written

if TYPE_CHECKING:
    from pathlib import Path

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
        assert 3 == export(path, out, after=2)

    assert [3, 4, 5] == [json.loads(row)["seq"] for row in out.getvalue().splitlines()]


def test_nothing_is_exported_from_nowhere(tmp_path: Path) -> None:
    """A missing journal is an error, not an empty export."""
    with pytest.raises(JournalError, match="no journal at"):
        export(tmp_path / "journal.db", io.BytesIO())
