"""Attacks over the wire on orders in flight: whatever the wire, the disk or an operator does, each is sold once."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Entry, JournalFull
from bot.journal.writer import Writer
from bot.runtime.replay import replay
from bot.simex.serve import Simex
from tests.e2e.kit import Story, armed, config, exchange, running

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
ORDER = {"method": "POST", "path": "/fapi/v1/order"}
SLOW_DISK_S = 1.5
START_S = 1.5
"""By then the first order has been sent; `delay_ms` later it lands."""


async def _sold(story: Story) -> Decimal:
    """Coins sold on perpetuals, net, by the exchange's own record."""
    trades = (await story.truth())["trades"]
    return sum((Decimal(t["quantity"]) * (1 if t["side"] == "SELL" else -1) for t in trades), Decimal(0))


async def _once(story: Story) -> None:
    """The hedge stands, and it was sold once."""
    await story.until_position("BTCUSDT", "-1")
    await story.stays("BTCUSDT", "-1")
    assert await _sold(story) == Decimal(1)


@pytest.mark.parametrize("delay_ms", [400, 6000], ids=["inside its window", "after everybody gave up"])
async def test_an_order_that_lands_late_without_an_answer_is_sold_once(tmp_path: Path, delay_ms: int) -> None:
    """The POST reaches the exchange late and its answer is lost: what its deadline promised holds."""
    async with Simex.start(exchange()) as simex:
        await armed(simex, kind="delay", variant="before", delay_ms=delay_ms, **ORDER)
        await armed(simex, kind="drop_answer", **ORDER)
        came = asyncio.get_running_loop().time() + START_S
        async with running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:
            await story.until_position("BTCUSDT", "-1")
            await asyncio.sleep(max(0, came + delay_ms / 1000 - asyncio.get_running_loop().time()))
            await _once(story)


async def test_a_silent_private_stream_and_a_lost_answer_still_end_in_one_hedge(tmp_path: Path) -> None:
    """The socket of the user stream lives and says nothing, the answer is lost: reads alone find the fill."""
    async with Simex.start(exchange()) as simex:
        await armed(simex, kind="stall", variant="user", duration_ms=20_000)
        await armed(simex, kind="drop_answer", **ORDER)
        async with running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:
            await _once(story)
            assert await story.order_requests() == 1


async def test_a_kill_overtakes_an_order_whose_step_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decided, not durable yet, killed: the order never leaves, and after arming the hedge is made once."""
    flushed = SqliteJournal.flushed
    slow = True

    async def lazy(self: SqliteJournal, seq: int) -> None:
        await asyncio.sleep(SLOW_DISK_S if slow else 0)
        await flushed(self, seq)

    monkeypatch.setattr(SqliteJournal, "flushed", lazy)
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:

        async def decided() -> bool:
            return bool((await story.command("status"))["orders"])

        await story.until("an order is decided", decided)
        await story.command("kill", reason="test", by="tester")
        await asyncio.sleep(SLOW_DISK_S + 0.3)
        assert await story.order_requests() == 0
        slow = False
        await story.command("arm", reason="test", by="tester")
        await _once(story)


async def test_a_journal_that_is_full_with_an_order_in_flight_stops_everything_and_a_restart_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the moment that a step cannot be kept nothing is sent; the next start knows the hedge and sends nothing."""
    append = Writer.append
    disk = {"full": False}

    def appended(self: Writer, entries: Sequence[Entry]) -> int:
        if disk["full"]:
            raise JournalFull("no room")
        disk["full"] = any(b'"OpenIntent"' in entry.payload for entry in entries)
        return append(self, entries)

    monkeypatch.setattr(Writer, "append", appended)
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=ONLY_BTC)
        async with running(simex, loaded) as story:

            async def halted() -> bool:
                return bool((await story.command("status"))["mode"] == "HALT")

            await story.until("halted", halted)
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="1")
            disk["full"] = False
            await asyncio.sleep(1)
            assert await story.order_requests() <= 1
        monkeypatch.setattr(Writer, "append", append)
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-2")
            await story.stays("BTCUSDT", "-2")
            assert await _sold(story) == Decimal(2)
        assert replay(loaded.settings.state_dir / "journal-live.sqlite3").ok


async def test_refusals_in_a_row_stop_an_instrument_before_they_become_a_storm(tmp_path: Path) -> None:
    """Margin is refused for ever: three orders, then the instrument is halted until somebody looks."""
    async with Simex.start(exchange()) as simex:
        await armed(simex, kind="error", status=400, code=-2019, msg="Margin is insufficient.", count=50, **ORDER)
        async with running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:

            async def halted() -> bool:
                return bool((await story.command("status"))["latches"])

            await story.until("halted", halted)
            await asyncio.sleep(1.5)
            assert await story.order_requests() == 3
            await story.control("clear_faults")
            await story.command("arm", reason="funded", by="tester")
            await _once(story)
