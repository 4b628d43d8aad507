"""Bybit over the real wire on its worst day: receipts without orders, executions unheard of, hands of the owner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.journal.reader import verify
from bot.runtime.replay import replay
from bot.simex.config import AccountSpec
from bot.simex.serve import Simex
from tests.e2e.kit import BYBIT, UNIFIED, Story, armed, config, exchange, running

BTC, ETH = "BTCUSDT", "ETHUSDT"
ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
ORDER = {"scope": {"method": "POST", "endpoint": "/v5/order/create"}}
EVER = 10_000


@asynccontextmanager
async def told(
    directory: Path, *faults: dict[str, Any], funds: dict[str, Decimal] = UNIFIED, **changes: Any
) -> AsyncIterator[Story]:
    """A bot at Bybit with one bitcoin to hedge and a calm market; faults are armed before it comes."""
    async with Simex.start(exchange(BYBIT, is_calm=True, accounts=(AccountSpec(unified=funds),))) as simex:
        for fault in faults:
            await armed(simex, **fault)
        loaded = config(simex, directory, place=BYBIT, **({"targets": ONLY_BTC} | changes))
        async with running(simex, loaded, place=BYBIT) as story:
            yield story


def lost(channel: str, **more: Any) -> dict[str, Any]:
    """Frames of a private topic never arrive."""
    return {"kind": "frame_drop", "scope": {"channel": channel}, "count": EVER, **more}


@pytest.mark.parametrize("topics", [("order",), ("execution",), ("order", "execution"), ("position", "wallet")])
async def test_topics_that_are_lost_hedge_nothing_twice(tmp_path: Path, topics: tuple[str, ...]) -> None:
    """A receipt, and then silence on some topics: what became of the order is found out, and one order was sent."""
    async with told(tmp_path, *(lost(topic) for topic in topics)) as story:
        await story.until_position(BTC, "-1")
        await story.stays(BTC, "-1")
        assert await story.order_requests() == 1


async def test_an_order_that_lies_long_behind_its_receipt_is_not_sent_again(tmp_path: Path) -> None:
    """The engine takes seconds after the receipt, longer than every list was given: there is one order all the same."""
    async with told(tmp_path) as story:
        await story.until_position(BTC, "-1")
        await story.control("lag", engine_ms=9_000)
        await story.coins("deposit", "BTC", "1")
        await story.until_position(BTC, "-2")
        await story.stays(BTC, "-2", seconds=4)
        assert await story.order_requests() == 2


@pytest.mark.parametrize(
    "fault", [{"kind": "frame_duplicate", "variant": "recent"}, {"kind": "frame_reorder"}], ids=lambda f: f["kind"]
)
async def test_frames_twice_or_out_of_order_count_once(tmp_path: Path, fault: dict[str, Any]) -> None:
    """Order, execution, position and wallet in any order and any number of times come to the same book."""
    often = {"scope": {"channel": "user"}, "when": {"probability": 0.7}, "count": EVER}
    async with told(tmp_path, fault | often) as story:
        await story.until_position(BTC, "-1")
        await story.coins("deposit", "BTC", "0.5")
        await story.until_position(BTC, "-1.5")
        await story.stays(BTC, "-1.5")
        assert await story.order_requests() == 2


async def test_reads_that_say_flat_close_nothing(tmp_path: Path) -> None:
    """Positions and coins vanish from well-formed answers: a hedged book is left alone."""
    async with told(tmp_path) as story:
        await story.until_position(BTC, "-1")
        fault = {"kind": "empty_list", "scope": {"endpoint": "/v5/position/list"}, "count": EVER}
        await armed(story.simex, **fault)
        await story.stays(BTC, "-1", seconds=4)


async def test_a_wallet_that_says_nothing_sells_no_hedge(tmp_path: Path) -> None:
    """All coins and positions vanish from well-formed answers: unknown is not zero."""
    async with told(tmp_path) as story:
        await story.until_position(BTC, "-1")
        await armed(story.simex, kind="empty_balances", scope={"venue": "bybit"}, count=EVER)
        await story.stays(BTC, "-1", seconds=4)


async def test_a_start_into_flat_answers_waits(tmp_path: Path) -> None:
    """The book is hedged, and the first reads of the next run say flat: the venue's own margin says otherwise."""
    async with Simex.start(exchange(BYBIT, is_calm=True)) as simex:
        loaded = config(simex, tmp_path, place=BYBIT, targets=ONLY_BTC)
        async with running(simex, loaded, place=BYBIT) as story:
            await story.until_position(BTC, "-1")
        async with running(simex, loaded, place=BYBIT) as story:
            await armed(simex, kind="empty_list", scope={"endpoint": "/v5/position/list"}, count=EVER)
            await story.stays(BTC, "-1", seconds=4)


async def test_what_the_venue_deleverages_is_not_ours_and_not_hedged_twice(tmp_path: Path) -> None:
    """A part of the hedge is deleveraged: the instrument halts for a person, and armed again it is hedged once."""
    async with told(tmp_path) as story:
        await story.until_position(BTC, "-1")
        step = {"do": "adl", "scope": {"symbol": BTC, "venue": "bybit"}, "with": {"share": 0.3}}
        await story.control("scenario", steps=[step])

        async def halted() -> bool:
            return "auto-deleveraging" in str((await story.command("status"))["latches"])

        await story.until("halted because of it", halted)
        await story.stays(BTC, "-0.7", seconds=2)
        await story.command("arm", reason="seen", by="tester")
        await story.until_position(BTC, "-1")
    journal = story.loaded.settings.state_dir / "journal-live.sqlite3"
    assert verify(journal).ok
    assert replay(journal).ok


async def test_a_switch_to_hedge_mode_by_hand_ends_in_a_halt_and_no_storm(tmp_path: Path) -> None:
    """While flat the owner switches to two sides: orders are refused, and after a few it halts for a person."""
    async with told(tmp_path, funds={"BTC": Decimal(0), "USDT": Decimal(100_000)}) as story:
        await story.until_position(BTC, "0")
        step = {"do": "settings", "scope": {"venue": "bybit"}, "with": {"market": "linear", "dual_side": True}}
        await story.control("scenario", steps=[step])
        await story.coins("deposit", "BTC", "1")

        async def halted() -> bool:
            return bool((await story.command("status"))["latches"])

        await story.until("halted", halted)
        await story.stays(BTC, "0", seconds=2)
        assert await story.order_requests() <= 4


@pytest.mark.parametrize("variant", ["timeout", "duplicate_id", "unknown_code"])
async def test_a_code_that_does_not_say_is_looked_up(tmp_path: Path, variant: str) -> None:
    """A timeout of the venue, an id that was seen before, a code that nobody knows: no second order before proof."""
    async with told(tmp_path, {"kind": "venue_error", "variant": variant, "count": 1, **ORDER}) as story:
        await story.until_position(BTC, "-1")
        await story.stays(BTC, "-1")
        assert await story.order_requests() <= 2


@pytest.mark.parametrize("variant", ["silent", "told"])
async def test_an_order_that_lands_late_is_not_sent_again_before(tmp_path: Path, variant: str) -> None:
    """It is parked for a while inside its window: whatever was heard meanwhile, the book comes to one hedge."""
    fault = {"kind": "late", "variant": variant, "count": 1, "params": {"delay_ms": 450}}
    async with told(tmp_path, fault | ORDER) as story:
        await story.until_position(BTC, "-1")
        await story.stays(BTC, "-1")
        assert await story.position(BTC) == Decimal(-1)


async def test_after_a_gap_of_the_stream_fills_are_caught_up(tmp_path: Path) -> None:
    """The private stream is cut as orders go out, again and again: what it never told is found by reads."""
    async with told(tmp_path) as story:
        for step in range(3):
            await story.control("disconnect", kind="user", refuse_ms=300)
            await story.coins("deposit", "BTC", "0.5")
            await story.until_position(BTC, str(Decimal("-1.5") - step * Decimal("0.5")))
        await story.stays(BTC, "-2.5")


async def test_a_ban_of_the_address_is_waited_out_in_silence(tmp_path: Path) -> None:
    """After a 403 nothing more is asked: every further request would lengthen the ban."""
    async with told(tmp_path) as story:
        await story.until_position(BTC, "-1")
        await armed(story.simex, kind="http_status", variant="403", scope={"host": "api.bybit.com"}, count=EVER)

        async def banned() -> bool:
            return any(row.status == 403 for row in story.simex.requests)

        await story.until("banned", banned)
        before = sum(row.status == 403 for row in story.simex.requests)
        await story.coins("deposit", "BTC", "0.5")
        await story.stays(BTC, "-1", seconds=3)
        after = sum(row.status == 403 for row in story.simex.requests)
        assert after - before <= 5
