"""SIGTERM leaves hedges in place and ends the daemon in good order."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.simex.serve import Simex
from tests.e2e.kit import Story, attached, config, exchange, running, written

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
QUIET_S, BUSY_S = 2.0, 10.0
INTERPRETER_S = 0.1
"""What starting a bare interpreter takes at most on a machine that is not overloaded."""


async def _daemon(directory: Path) -> asyncio.subprocess.Process:
    """`trimtab run --live` in a process of its own."""
    command = "from bot.ops.cli import main; main()"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", command, "run", "--live", "--config", str(written(directory))),
        env={**os.environ, "TRIMTAB_CONFIRM_LIVE": "story"},
    )


async def _busyness() -> float:
    """How many times longer than usual a bare interpreter takes on this machine now; at least 1."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await (await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "pass")).wait()
    return max((loop.time() - began) / INTERPRETER_S, 1.0)


async def _ended(process: asyncio.subprocess.Process) -> float:
    """Send SIGTERM; the seconds until it ended with 0."""
    began = asyncio.get_running_loop().time()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 30) == 0
    return asyncio.get_running_loop().time() - began


@pytest.mark.process
async def test_sigterm_with_nothing_in_flight_ends_at_once_and_keeps_the_hedge(tmp_path: Path) -> None:
    """Exit 0 within two seconds; the position stands; the next run sends nothing."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=ONLY_BTC)
        process = await _daemon(tmp_path)
        async with attached(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            assert await _ended(process) < QUIET_S * await _busyness()
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            await story.stays("BTCUSDT", "-1")
            assert await story.order_requests() == 1


@pytest.mark.process
async def test_sigterm_with_an_order_in_flight_ends_within_ten_seconds(tmp_path: Path) -> None:
    """The answer hangs: the daemon still ends in time, with 0, and the next run finds the order and sends none."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=ONLY_BTC)
        async with attached(simex, loaded) as story:
            await story.control(
                "fault", kind="delay", variant="after", delay_ms=9000, method="POST", path="/fapi/v1/order"
            )
            process = await _daemon(tmp_path)
            await story.until("the order arrived", lambda: _arrived(story))
            assert await _ended(process) < BUSY_S * await _busyness()
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            assert len({trade["order_id"] for trade in (await story.truth())["trades"]}) == 1


async def _arrived(story: Story) -> bool:
    return await story.position("BTCUSDT") == -1
