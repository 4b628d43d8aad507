"""A running daemon looks after its journal by itself."""

import asyncio
from pathlib import Path

import pytest

from bot.journal.reader import verify
from bot.runtime import upkeep
from bot.simex.serve import Simex
from tests.e2e.kit import Story, config, exchange, running
from tests.journal.helpers import tampered

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"


async def _halted(story: Story) -> bool:
    return bool((await story.command("status"))["mode"] == "HALT")


async def test_a_disk_that_changes_old_records_pauses_new_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk over the chain finds it while the daemon runs: the hedge stays, nothing is sent, a person is told."""
    monkeypatch.setattr(upkeep, "AUDIT_FIRST_NS", 0)
    monkeypatch.setattr(upkeep, "AUDIT_EVERY_NS", 0)
    monkeypatch.setattr(upkeep, "LOOK_S", 0.1)
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=ONLY_BTC)
        journal = loaded.settings.state_dir / "journal-live.sqlite3"
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            assert not await _halted(story)
            await asyncio.to_thread(tampered, journal, "UPDATE records SET at_ns = at_ns + 1 WHERE seq = 2")
            await story.until("paused", lambda: _halted(story))
            notices = (await story.command("status"))["notices"]
            assert any("does not hold at record 2" in notice for notice in notices), notices
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.stays("BTCUSDT", "-1")
    assert 2 == verify(journal).broken_at
