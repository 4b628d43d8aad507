"""What a live start refuses, with one line that says what, where and what to do; nothing is sent."""

import asyncio
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.events import RunMode
from bot.journal.store import JournalMismatch
from bot.runtime.app import run_daemon
from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded, load
from bot.simex.serve import Simex
from tests.e2e.kit import NEUTRAL, config, exchange, running, written

START_S = 45.0


async def _refusal(loaded: Loaded, mode: RunMode = RunMode.LIVE) -> StartRefused:
    with pytest.raises(StartRefused) as caught:
        await asyncio.wait_for(run_daemon(loaded, mode), START_S)
    return caught.value


async def test_a_key_that_can_withdraw_is_refused(tmp_path: Path) -> None:
    """A key with the withdrawal right never goes live, and there is no override."""
    async with Simex.start(exchange()) as simex:
        refusal = await _refusal(config(simex, tmp_path, key="withdrawer"))
        assert refusal.kind == "refused"
        assert "withdraw" in refusal.lines[0]
        assert simex.requests.summary()["signed_mutating_total"] == 0


async def test_a_wrong_key_is_one_line(tmp_path: Path) -> None:
    """A key that the venue does not know is named as such, once."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        (tmp_path / "key").write_text("x" * 64)
        refusal = await _refusal(loaded)
        assert len(refusal.lines) == 1
        assert "credentials.api_key_file" in refusal.lines[0]
        assert "x" * 64 not in refusal.lines[0]


async def test_a_clock_twenty_seconds_off_is_named_with_its_skew(tmp_path: Path) -> None:
    """The skew and what is allowed stand in the line."""
    async with Simex.start(exchange()) as simex:
        simex.set_clock(20_000)
        refusal = await _refusal(config(simex, tmp_path))
        # Two clocks are read a moment apart, so the last digits of the skew are not ours to fix.
        skews = [int(skew) for line in refusal.lines for skew in re.findall(r"is (\d+) ms ahead", line)]
        assert skews, refusal.lines
        assert all(abs(skew - 20_000) < 2_000 for skew in skews), skews
        assert all("at most 500 ms is allowed" in line for line in refusal.lines), refusal.lines


async def test_an_unreachable_host_is_named(tmp_path: Path) -> None:
    """Nobody listens: the line names the host, and the start ends."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        kept = shutil.copy(simex.ca_file, tmp_path / "ca.pem")
    settings = loaded.settings
    exchange_settings = settings.exchange.model_copy(update={"ca_file": kept})
    refusal = await _refusal(replace(loaded, settings=settings.model_copy(update={"exchange": exchange_settings})))
    assert refusal.kind == "venue"
    assert "api.binance.com" in refusal.lines[0]


CONFIG_ERRORS: list[tuple[str, Callable[[str], str], str]] = [
    ("a symbol that does not exist", lambda t: t.replace("BTC: {}", "BTC: {hedge: usdm:BTCUSDTX}"), "BTCUSDTX"),
    ("a band below a lot", lambda t: t.replace("trigger: 1 %", "trigger: 0.0001 coins"), "lot"),
]


@pytest.mark.parametrize(("what", "change", "word"), CONFIG_ERRORS, ids=lambda v: v if isinstance(v, str) else "")
async def test_what_the_venue_cannot_do_is_refused_with_its_line(
    tmp_path: Path, what: str, change: Callable[[str], str], word: str
) -> None:
    """The file and the line stand before what is wrong."""
    async with Simex.start(exchange()) as simex:
        config(simex, tmp_path)
        path = written(tmp_path)
        path.write_text(change(path.read_text()))
        refusal = await _refusal(load(path, {}))
        assert word in refusal.lines[0], refusal.lines
        assert re.search(r"story\.yaml:\d+", refusal.lines[0]) or "BTCUSDTX" in refusal.lines[0], refusal.lines


async def test_another_accounts_journal_is_refused(tmp_path: Path) -> None:
    """A journal belongs to one mode and one account; live over a dry-run's is told apart by both."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=NEUTRAL)
        async with running(simex, loaded) as story:
            await story.until_hedged()
        state = loaded.settings.state_dir
        (state / "journal-live.sqlite3").rename(state / "journal-dry-run.sqlite3")
        with pytest.raises(JournalMismatch, match="live"):
            await run_daemon(loaded, RunMode.DRY_RUN)
