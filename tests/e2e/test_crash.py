"""`kill -9` between any two journal writes of a hedge never leads to a second hedge."""

import asyncio
import signal
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from bot.runtime.replay import replay
from bot.simex.serve import Simex
from tests.e2e.kit import config, exchange, running, written

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
DEATH_S = 30.0
WRITES = 6
"""The intent, the order's report by stream and by answer, position, balances, and the correction's close."""


@pytest.mark.process
@pytest.mark.parametrize("when", ["before", "durable"])
@pytest.mark.parametrize("number", range(WRITES))
async def test_a_crash_at_any_write_of_a_hedge_leads_to_one_hedge(tmp_path: Path, number: int, when: str) -> None:
    """Killed there and started again, the bot ends hedged, having sold exactly what the hedge needs, once."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=ONLY_BTC)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.e2e.crasher", str(written(tmp_path)), str(number), when
        )
        assert await asyncio.wait_for(child.wait(), DEATH_S) == -signal.SIGKILL
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            await story.stays("BTCUSDT", "-1")
            sold = [Decimal(trade["quantity"]) for trade in (await story.truth())["trades"]]
            assert sum(sold) == Decimal(1)
    assert replay(loaded.settings.state_dir / "journal-live.sqlite3").ok
