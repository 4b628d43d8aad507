"""The main job at Bybit over the real wire: all of it there, or coins at one venue and futures at the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.events import RunMode
from bot.journal.reader import SqliteReader, verify
from bot.runtime.replay import replay
from bot.simex.serve import Simex
from tests.e2e.kit import ACROSS, BYBIT, REVERSED, WEIGHTS, Place, Story, armed, config, exchange, running

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
LOST_AFTER_EXECUTION: list[dict[str, Any]] = [
    {"kind": "drop_answer", "count": 1},
    {"kind": "http_503", "variant": "unknown", "executes": True, "count": 1},
    {"kind": "garbage_200", "variant": "truncated", "executes": True, "count": 1},
]

places = pytest.mark.parametrize("place", [BYBIT, ACROSS], ids=["bybit", "across"])
everywhere = pytest.mark.parametrize("place", [BYBIT, ACROSS, REVERSED], ids=["bybit", "across", "reversed"])


def order(place: Place) -> dict[str, str]:
    """The requests for orders at a place, as the scope of a fault."""
    method, path = place.order_route.split()
    return {"method": method, "path": path}


@asynccontextmanager
async def told(
    place: Place, directory: Path, *faults: dict[str, Any], mode: RunMode = RunMode.LIVE, **changes: Any
) -> AsyncIterator[Story]:
    """A bot at a place with a calm market; faults are armed before it comes."""
    async with Simex.start(exchange(place, is_calm=True)) as simex:
        for fault in faults:
            await armed(simex, **fault)
        async with running(simex, config(simex, directory, place=place, **changes), mode, place) as story:
            yield story


@everywhere
async def test_hedges_a_book_and_follows_a_deposit_and_a_withdrawal(tmp_path: Path, place: Place) -> None:
    """An unhedged book is hedged; coins that come and go are followed both ways; the journal replays to the same."""
    async with told(place, tmp_path) as story:
        await story.until_hedged()
        await story.coins("deposit", "BTC", "0.5")
        await story.until_position("BTCUSDT", "-1.5")
        await story.coins("withdraw", "BTC", "1")
        await story.until_position("BTCUSDT", "-0.5")
        assert await story.position("ETHUSDT") == Decimal(-10)
    journal = story.loaded.settings.state_dir / "journal-live.sqlite3"
    assert verify(journal).ok
    assert replay(journal).ok


@places
async def test_a_restart_of_a_hedged_book_sends_nothing(tmp_path: Path, place: Place) -> None:
    """A second run over the same state finds the book in band and leaves it alone."""
    async with Simex.start(exchange(place, is_calm=True)) as simex:
        loaded = config(simex, tmp_path, place=place)
        async with running(simex, loaded, place=place) as story:
            await story.until_hedged()
        async with running(simex, loaded, place=place) as story:
            await story.until_hedged()
            await story.stays("BTCUSDT", "-1")
    assert replay(loaded.settings.state_dir / "journal-live.sqlite3").ok


@places
async def test_weights_are_rebalanced_by_one_short_and_one_long(tmp_path: Path, place: Place) -> None:
    """After a shock that lifts bitcoin's weight, one order sells bitcoin and one buys ether, and that is all."""
    async with told(place, tmp_path, targets=WEIGHTS) as story:
        before, shorts, longs = await _in_band(story)
        await story.control("shock", asset="BTC", factor="1.3")

        async def rebalanced() -> bool:
            return await story.order_requests() == before + 2

        await story.until("one short and one long order", rebalanced)
        await _in_band(story)
        assert await story.position("BTCUSDT") < shorts
        assert await story.position("ETHUSDT") > longs
        await story.stays("BTCUSDT", str(await story.position("BTCUSDT")))
        assert await story.order_requests() == before + 2


async def _in_band(story: Story) -> tuple[int, Decimal, Decimal]:
    """Wait until the weights are judged kept; hands out orders sent, bitcoin's and ether's position."""

    async def kept() -> bool:
        status = await story.command("status")
        settled = all(row["settled"] for row in status["positions"])
        return settled and all(row["breached"] is False and row["held_because"] is None for row in status["assets"])

    await story.until("weights in band", kept)
    return await story.order_requests(), await story.position("BTCUSDT"), await story.position("ETHUSDT")


@everywhere
async def test_kill_holds_arm_resumes_and_unwind_closes(tmp_path: Path, place: Place) -> None:
    """After a kill nothing is sent though the book is pushed out of band; armed it hedges again; unwound it is flat."""
    async with told(place, tmp_path) as story:
        await story.until_hedged()
        await story.command("kill", reason="test", by="tester")
        await story.coins("deposit", "BTC", "0.5")
        await story.stays("BTCUSDT", "-1", seconds=2.5)
        await story.command("arm", reason="test", by="tester")
        await story.until_position("BTCUSDT", "-1.5")
        await story.command("unwind", reason="test", by="tester")
        await story.until_position("BTCUSDT", "0")
        await story.until_position("ETHUSDT", "0")
        await story.stays("BTCUSDT", "0")


@everywhere
async def test_streams_that_break_are_survived(tmp_path: Path, place: Place) -> None:
    """With every stream cut nothing is sent blindly; back again, what happened meanwhile is hedged."""
    async with told(place, tmp_path) as story:
        await story.until_hedged()
        sent = await story.order_requests()
        await story.control("disconnect", kind="all", refuse_ms=1000)
        await story.coins("deposit", "ETH", "5")
        await story.until_position("ETHUSDT", "-15")
        assert await story.order_requests() == sent + 1


@places
@pytest.mark.parametrize("fault", LOST_AFTER_EXECUTION, ids=lambda f: f["kind"])
async def test_an_executed_order_without_an_answer_is_found_not_repeated(
    tmp_path: Path, place: Place, fault: dict[str, Any]
) -> None:
    """The exchange executes and the answer is lost: one order request in all, and the hedge is known."""
    async with told(place, tmp_path, fault | order(place), targets=ONLY_BTC) as story:
        await story.until_position("BTCUSDT", "-1")
        await story.stays("BTCUSDT", "-1")
        assert await story.order_requests() == 1


@places
async def test_an_order_that_never_landed_is_proven_absent_before_the_next(tmp_path: Path, place: Place) -> None:
    """503 unknown, not executed: the instrument is locked until two endpoints deny the order, then one more is sent."""
    fault = {"kind": "http_503", "variant": "unknown", "executes": False, "count": 1, **order(place)}
    async with told(place, tmp_path, fault, targets=ONLY_BTC) as story:
        await story.until_position("BTCUSDT", "-1")
        assert await story.order_requests() == 2
        statuses = [row["status"] for row in (await story.command("status"))["orders"]]
        assert statuses == ["not_placed", "filled"]


@everywhere
async def test_a_dry_run_sends_no_signed_request_that_changes_anything(tmp_path: Path, place: Place) -> None:
    """Dry, the same decisions are filled on paper, and no venue sees a signed POST, PUT or DELETE."""
    async with told(place, tmp_path, mode=RunMode.DRY_RUN) as story:

        async def hedged() -> bool:
            rows = (await story.command("status"))["positions"]
            held = {row["instrument"].rpartition(":")[2]: Decimal(row["contracts"]) for row in rows}
            return held == {"BTCUSDT": Decimal(-1), "ETHUSDT": Decimal(-10)}

        await story.until("hedged on paper", hedged)
        assert await story.position("BTCUSDT") == 0
        assert story.simex.requests.summary()["signed_mutating_total"] == 0


@places
async def test_observe_proposes_and_sends_nothing(tmp_path: Path, place: Place) -> None:
    """Looking on, each coin's hedge is proposed once and journaled, and nothing leaves that changes anything."""
    async with told(place, tmp_path, mode=RunMode.OBSERVE) as story:

        async def proposed() -> bool:
            return proposals() == 2

        def proposals() -> int:
            with SqliteReader.open(story.loaded.settings.state_dir / "journal-observe.sqlite3") as reader:
                return sum(record.payload.count(b'{"type":"ProposeIntent"') for record in reader.records())

        await story.until("a hedge of each is proposed", proposed)
        assert story.simex.requests.summary()["signed_mutating_total"] == 0
    assert proposals() == 2


@places
async def test_a_receipt_whose_fill_nobody_tells_is_looked_after(tmp_path: Path, place: Place) -> None:
    """Bybit acknowledges before it matches and its private stream stays silent: a look finds the fill, sent once."""
    silence = {"kind": "stall", "variant": "user", "duration_ms": 60_000}
    async with told(place, tmp_path, silence, targets=ONLY_BTC) as story:
        await story.until_position("BTCUSDT", "-1")
        await story.stays("BTCUSDT", "-1")
        assert await story.order_requests() == 1
