"""Start-up: no verb but those that talk to a venue may load what talks to venues."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Stamp

HEAVY = ("ccxt", "aiohttp", "picows", "bot.venues", "bot.engine", "bot.simex")
EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "neutral.yaml"
PROBE = """
import sys
from bot.ops.cli import app
try:
    app(prog_name="trimtab")
except SystemExit as end:
    print("exit", end.code, file=sys.stderr)
print("loaded", *sorted(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


def loaded(*words: object) -> tuple[int, set[str]]:
    """Run a verb in a process of its own: its exit code, and which heavy modules it loaded."""
    command = [sys.executable, "-c", PROBE.format(heavy=HEAVY), *map(str, words)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
    said = done.stderr.splitlines()
    return int(said[-2].split()[1]), set(said[-1].split()[1:])


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal of one record."""
    path = tmp_path / "journal-live.sqlite3"
    with SqliteJournal.open(path, Stamp("live", "me"), lambda: 1, lambda _: None) as opened:
        opened.append("Note", b"{}", 1)
    return path


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--help"), ("demo", "--help")])
def test_help_is_light(words: tuple[str, ...]) -> None:
    """Asking for help loads neither an exchange library nor the engine."""
    assert (0, set()) == loaded(*words)


@pytest.mark.parametrize("words", [("status",), ("kill", "x"), ("arm", "x"), ("flatten",)])
def test_asking_a_daemon_is_light(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A kill must not wait for imports, and no other question to a daemon does."""
    assert (3, set()) == loaded(*words, "--state-dir", tmp_path)


def test_checking_a_config_offline_is_light() -> None:
    """Where nobody is asked, nothing that could ask is loaded."""
    assert (0, set()) == loaded("check", "--offline", "--config", EXAMPLE)


def test_planning_for_a_snapshot_is_light(tmp_path: Path) -> None:
    """A plan from two files loads nothing that could ask a venue, nor the engine."""
    snapshot = tmp_path / "snapshot.json"
    snapshot.write_text('{"now": "2024-08-09T00:00:00Z", "prices": {"BTC": "60000"}, "holdings": {"BTC": "1"}}')

    assert (0, set()) == loaded("plan", "--config", EXAMPLE, "--snapshot", snapshot, "--json")


def test_reading_a_journal_is_light(journal: Path) -> None:
    """Verifying and exporting need the journal and nothing of the venues."""
    assert (0, set()) == loaded("journal", "verify", journal)
    assert (0, set()) == loaded("journal", "export", journal)


def test_the_schema_is_light() -> None:
    """An editor's schema needs the settings only."""
    assert (0, set()) == loaded("schema")


def test_replaying_needs_the_engine_only(journal: Path) -> None:
    """A replay loads the engine but no exchange library."""
    assert (6, {"bot.engine"}) == loaded("journal", "replay", journal)
