"""A market that runs faster than the clock on the wall."""

from __future__ import annotations

import asyncio

import pytest

from bot.simex import serve
from bot.simex.config import SimexConfig

TICK_MS = 20
SPEED = 60


async def test_a_fast_market_keeps_up_with_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60 a tick of the wall clock is 1.2 s of the market: nothing of it is passed over, and none is made up for."""
    wall = [1_700_000_000_000]
    monkeypatch.setattr(serve, "wall_ms", lambda: wall[0])
    async with serve.Simex.start(SimexConfig(speed=SPEED, tick_ms=1)) as simex:
        began = simex.now_ms()
        for _ in range(20):
            wall[0] += TICK_MS
            await _lived(simex)
        assert 20 * TICK_MS * SPEED == simex.now_ms() - began
        assert 0 == simex.timeline.slipped_ms


async def test_what_the_machine_missed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute in which it did nothing is passed over but for half a second, and the status says so."""
    wall = [1_700_000_000_000]
    monkeypatch.setattr(serve, "wall_ms", lambda: wall[0])
    async with serve.Simex.start(SimexConfig(speed=2, tick_ms=1)) as simex:
        wall[0] += 60_000
        await _lived(simex)
        assert 119_000 == simex.timeline.slipped_ms == simex.status()["slipped_ms"]


async def _lived(simex: serve.Simex) -> None:
    async with asyncio.timeout(20):
        while min(one.now_ms for one in simex.exchanges.values()) < simex.now_ms():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)
