"""A stalled stream, account or journal is named by /readyz within seconds, while /livez goes on saying yes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.journal.sqlite import SqliteJournal
from bot.ops.exits import Exit
from bot.ops.web import Web
from bot.runtime.fields import Address
from bot.runtime.settings_load import Loaded, load
from bot.runtime.surroundings import Surroundings
from bot.simex.serve import Simex
from tests.e2e.kit import Story, config, exchange, running, written
from tests.journal.helpers import Disk
from tests.ops.desk import trimtab

NAMED_WITHIN_S = 15.0
"""The stall that is set is 2 s; this leaves room for a machine under load."""
PATIENCE_S = 30.0
LOOK_S = 0.05
STALLED_MS = 60_000


class Probe:
    """Asks a running daemon over HTTP, as a service manager or a container would."""

    def __init__(self, address: Address, session: aiohttp.ClientSession) -> None:
        self._address = address
        self._session = session

    async def get(self, path: str) -> tuple[int, Any]:
        """One question."""
        async with self._session.get(f"http://{self._address}{path}") as answer:
            return answer.status, await answer.json()

    async def text(self, path: str) -> str:
        """One page."""
        async with self._session.get(f"http://{self._address}{path}") as answer:
            return await answer.text()

    async def unready(self) -> list[str]:
        """What keeps it from being ready; it must live meanwhile."""
        assert 200 == (await self.get("/livez"))[0]
        status, body = await self.get("/readyz")
        assert (status == 200) == body["ready"]
        assert body["ready"] == (not body["reasons"])
        return [reason["subject"] for reason in body["reasons"]]

    async def until(self, holds: Callable[[list[str]], bool], within_s: float) -> float:
        """Ask until what keeps it from being ready is as hoped; how long that took."""
        began = time.monotonic()
        while not holds(subjects := await self.unready()):
            assert time.monotonic() - began < within_s, subjects
            await asyncio.sleep(LOOK_S)
        return time.monotonic() - began

    async def until_ready(self) -> None:
        """Everything is fresh."""
        await self.until(lambda subjects: not subjects, PATIENCE_S)

    async def named_after(self, stall: Awaitable[object], subject: str) -> None:
        """Once this stalls, the subject is named; says how long it took."""
        await stall
        took_s = await self.until(lambda subjects: subject in subjects, NAMED_WITHIN_S)
        sys.stdout.write(f"{subject} was named after {took_s:.2f} s\n")


def quick(simex: Simex, directory: Path) -> Loaded:
    """A config that takes two seconds' silence for a stall."""
    config(simex, directory)
    path = written(directory)
    path.write_text(path.read_text() + "health: {stall: 2 s}\n")
    return load(path, {})


@asynccontextmanager
async def probed(tmp_path: Path) -> AsyncIterator[tuple[Probe, Story]]:
    """A daemon that hedges at an exchange and serves its health."""
    web = Web(Address("127.0.0.1", 0))
    async with (
        Simex.start(exchange()) as simex,
        running(simex, quick(simex, tmp_path), around=Surroundings(companions=(web,))) as story,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session,
    ):
        await story.until_hedged()
        assert web.address is not None
        probe = Probe(web.address, session)
        await probe.until_ready()
        yield probe, story


async def test_a_stalled_market_stream_is_named(tmp_path: Path) -> None:
    """It stays open and falls silent: the stream is named, and no longer once it delivers again."""
    async with probed(tmp_path) as (probe, story):
        stall = story.control("fault", kind="stall", variant="market", duration_ms=STALLED_MS)
        await probe.named_after(stall, "binance.usdm.book")
        await probe.until({"binance.usdm.mark", "binance.spot.book"}.issubset, NAMED_WITHIN_S)

        await story.control("clear_faults")
        await probe.until_ready()


@pytest.mark.parametrize(
    ("account", "path"), [("binance.usdm", "/fapi/v3/*"), ("binance.spot", "/api/v3/account")], ids=["usdm", "spot"]
)
async def test_a_stalled_account_is_named(tmp_path: Path, account: str, path: str) -> None:
    """Its reads hang: that account is named and the other one is not."""
    async with probed(tmp_path) as (probe, story):
        hang = {"kind": "delay", "variant": "before", "delay_ms": STALLED_MS, "count": 1_000}
        await probe.named_after(story.control("fault", **hang, method="GET", path=path), account)

        others = {"binance.usdm", "binance.spot"} - {account}
        assert not others & set(await probe.unready())


async def test_a_stalled_journal_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes a record and does not give it back: the journal is named, until the disk goes on."""
    disk = Disk("stalling")
    monkeypatch.setattr(SqliteJournal, "open", staticmethod(partial(SqliteJournal.open, vfs=disk.name)))
    async with probed(tmp_path) as (probe, story):
        disk.may_sync.clear()
        try:
            await probe.named_after(story.command("pause", reason="so that something is written"), "journal")
            code, _, said = await asyncio.to_thread(trimtab, "health", "-d", story.loaded.settings.state_dir)
            assert Exit.NOT_READY == code
            assert "journal: a record has waited" in said
        finally:
            disk.may_sync.set()
        await probe.until_ready()
        assert "HALT" == (await probe.get("/readyz"))[1]["mode"]


async def test_a_scrape_of_a_running_daemon_has_true_numbers(tmp_path: Path) -> None:
    """Hedged positions, orders with latency and slippage, streams, clocks, rate budgets and the journal."""
    async with probed(tmp_path) as (probe, _):
        text = await probe.text("/metrics")
    found = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}

    assert -1 == found['trimtab_position_contracts{instrument="binance.usdm:BTCUSDT"}']
    assert 0 == found['trimtab_delta_coins{asset="BTC",group="neutral:BTC"}']
    assert 2 == found['trimtab_orders_total{status="filled"}']
    assert 1 == found['trimtab_order_latency_seconds_count{instrument="binance.usdm:BTCUSDT"}']
    assert 1 == found['trimtab_slippage_bps_count{instrument="binance.usdm:BTCUSDT"}']
    assert 0 < found["trimtab_margin_ratio"] < 1
    assert 0 < found["trimtab_margin_stress_distance_ratio"]
    assert 0 < found['trimtab_rate_budget_used_ratio{host="fapi.binance.com"}'] < 1
    assert 1 == found['trimtab_stream_up{stream="binance.usdm.user"}']
    assert found["trimtab_journal_bytes"] > 0 < found["trimtab_disk_free_bytes"]
