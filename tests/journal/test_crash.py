"""The journal under kill -9: what was promised is there, and nothing is left locked."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.journal.reader import SqliteReader, verify
from bot.journal.store import JournalBusy
from tests.journal.helpers import WAIT_S, sqlite_journal

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 12


def started(path: Path) -> subprocess.Popen[bytes]:
    """A process that appends to the journal until it is killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.journal.crasher", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def promised_until_killed(path: Path, promises: int) -> int:
    """Let a process append, kill it after so many promises, and return the last number that it was promised."""
    with started(path) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(promises)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        assert -signal.SIGKILL == process.wait(WAIT_S)
    return int([line for line in lines if line.endswith(b"\n")][-1])


@pytest.mark.process
def test_no_promised_record_is_lost_to_kill_9(tmp_path: Path) -> None:
    """After each of a dozen kills every promised record is there, the chain verifies, and the next start goes on."""
    path, chance = tmp_path / "journal.db", random.Random(20)
    for _ in range(ROUNDS):
        promised = promised_until_killed(path, chance.randint(1, 300))
        found = verify(path)
        assert (True, True) == (found.ok, found.last_seq >= promised), found

    with sqlite_journal(path) as journal, SqliteReader.open(path) as reader:
        contents = [record.payload for record in reader.records()]
        assert [b'{"n":%d}' % seq for seq in range(1, journal.last_seq + 1)] == contents


@pytest.mark.process
def test_a_journal_in_use_names_its_holder_until_it_dies(tmp_path: Path) -> None:
    """Another process's journal can be verified but not opened; kill -9 releases it."""
    path = tmp_path / "journal.db"
    with started(path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(JournalBusy) as busy:
            sqlite_journal(path)
        live = verify(path)
        process.kill()

    assert (process.pid, True) == (busy.value.pid, live.ok)
    sqlite_journal(path).close()
