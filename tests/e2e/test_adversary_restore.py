"""An older journal put in the place of one that was halted: what was halted for must not be forgotten with it."""

import asyncio
import time
from pathlib import Path

import pytest

from bot.journal.backup import backup
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Reader, Stamp
from bot.ops.journals import restored
from bot.runtime import killfile
from bot.runtime import restored as replaying
from bot.runtime.settings_load import Loaded
from bot.simex.serve import Simex
from tests.e2e.kit import config, exchange, running


def journal(loaded: Loaded) -> Path:
    """The live journal."""
    return loaded.settings.state_dir / "journal-live.sqlite3"


@pytest.mark.parametrize("damaged", [False, True])
async def test_a_halt_outlives_the_journal_that_had_it(tmp_path: Path, damaged: bool) -> None:
    """Paused because something was wrong; a backup from before is put back: it starts halted, and says for what."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with running(simex, loaded) as story:
            await story.until_hedged()
            await asyncio.to_thread(backup, journal(loaded), tmp_path / "backup")
            await story.command("pause", reason="the disk lies")
        if damaged:
            journal(loaded).write_bytes(b"no journal" * 1_000)
        await asyncio.to_thread(restored, tmp_path / "backup", loaded.settings.state_dir)
        async with running(simex, loaded) as story:
            status = await story.command("status")
            assert "HALT" == status["mode"]
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.stays("BTCUSDT", "-1")
            await story.command("arm", reason="looked")
            await story.until_position("BTCUSDT", "-1.5")
    assert killfile.read(loaded.settings.state_dir) is None


async def test_a_journal_that_was_not_halted_is_put_back_as_before(tmp_path: Path) -> None:
    """Nothing was latched, so nothing has to be armed."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with running(simex, loaded) as story:
            await story.until_hedged()
            await asyncio.to_thread(backup, journal(loaded), tmp_path / "backup")
        await asyncio.to_thread(restored, tmp_path / "backup", loaded.settings.state_dir)
        async with running(simex, loaded) as story:
            await story.until_hedged()
            assert "RUN" == (await story.command("status"))["mode"]


def test_a_journal_that_breaks_the_engine_may_have_been_halted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that a replay fails on are why somebody takes a backup: what they latched is unknown, so it is a kill."""

    def breaks(_: Reader) -> None:
        raise KeyError("a defect")

    with SqliteJournal.open(tmp_path / "journal-live.sqlite3", Stamp("live", "a"), time.time_ns, lambda _: None):
        pass
    backup(tmp_path / "journal-live.sqlite3", tmp_path / "backup")
    monkeypatch.setattr(replaying, "restored", breaks)
    restored(tmp_path / "backup", tmp_path)
    order = killfile.read(tmp_path)

    assert order is not None
    assert "cannot be read" in order.reason
