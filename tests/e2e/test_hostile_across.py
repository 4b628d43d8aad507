"""A book hedged at two venues at once, over the real wire: what one venue, or its wire, does to the other's hedges."""

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
from tests.e2e.kit import SPOT, USDM, Place, Story, armed, config, exchange, running

BTC, ETH = "BTCUSDT", "ETHUSDT"
EVER = 10_000
BOTH = Place(
    venues=("binance", "bybit"),
    funds=AccountSpec(spot=SPOT, usdm=USDM, unified=USDM),
    assets="{BTC: {hedge: 'bybit.linear:BTCUSDT'}, ETH: {hedge: 'binance.usdm:ETHUSDT'}}",
    coins=("binance", "spot"),
    contracts=("bybit", "unified"),
    order_route="POST /v5/order/create",
)
"""All coins lie at Binance; bitcoin is hedged at Bybit and ether at Binance."""
EACH = (
    "[{name: btc, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}},"
    " {name: eth, kind: neutral, assets: [ETH], band: {trigger: 1 %, destination: 0 %}}]"
)
ORDERS = {"binance": "/fapi/v1/order", "bybit": "/v5/order/create"}


async def hedges(story: Story) -> tuple[Decimal, Decimal]:
    """Bitcoin's hedge at Bybit and ether's at Binance, as the venues have them."""
    far = (await story.truth("bybit"))["unified"]["positions"]
    near = (await story.truth("binance"))["usdm"]["positions"]
    return _sum(far, BTC), _sum(near, ETH)


def _sum(rows: list[dict[str, Any]], symbol: str) -> Decimal:
    return sum((Decimal(row["quantity"]) for row in rows if row["symbol"] == symbol), Decimal(0))


async def until(story: Story, btc: str, eth: str) -> None:
    """Wait until both hedges are so."""

    async def holds() -> bool:
        return await hedges(story) == (Decimal(btc), Decimal(eth))

    await story.until(f"BTC at {btc}, ETH at {eth}", holds)


async def orders(story: Story) -> dict[str, int]:
    """Order requests that reached each venue."""
    found = dict.fromkeys(ORDERS, 0)
    for row in story.simex.requests:
        for venue, path in ORDERS.items():
            found[venue] += row.method == "POST" and row.path == path
    return found


async def refused(story: Story) -> bool:
    """Whether the outage has begun: somebody asked and heard of it."""
    return any(row.status == 503 for row in story.simex.requests)


@asynccontextmanager
async def told(directory: Path, *faults: dict[str, Any]) -> AsyncIterator[Story]:
    """A bot that hedges at both venues; faults are armed before it comes."""
    async with Simex.start(exchange(BOTH, is_calm=True)) as simex:
        for fault in faults:
            await armed(simex, **fault)
        async with running(simex, config(simex, directory, place=BOTH, targets=EACH), place=BOTH) as story:
            yield story


def outage(venue: str, lasting: str = "8s") -> dict[str, Any]:
    """A venue that answers nothing for a while, and does not say so."""
    return {"do": "maintenance", "variant": "unannounced", "scope": {"venue": venue}, "for": lasting}


async def test_kill_and_unwind_reach_both_venues(tmp_path: Path) -> None:
    """Killed, neither venue hears of an order; unwound, both are flat; the journal says the same again."""
    async with told(tmp_path) as story:
        await until(story, "-1", "-10")
        await story.command("kill", reason="test", by="tester")
        await story.coins("deposit", "BTC", "1")
        await story.coins("deposit", "ETH", "10")
        before = await orders(story)
        await story.stays(BTC, "-1", seconds=2)
        assert before == await orders(story)
        await story.command("arm", reason="test", by="tester")
        await until(story, "-2", "-20")
        await story.command("unwind", reason="test", by="tester")
        await until(story, "0", "0")
    journal = story.loaded.settings.state_dir / "journal-live.sqlite3"
    assert verify(journal).ok
    assert replay(journal).ok


@pytest.mark.parametrize("away", ["binance", "bybit"])
async def test_an_unwind_does_not_wait_for_a_venue_that_is_away(tmp_path: Path, away: str) -> None:
    """One venue is out: the other's hedge is closed at once, and its own when it is back."""
    async with told(tmp_path) as story:
        await until(story, "-1", "-10")
        await story.control("scenario", steps=[outage(away)])
        await story.until("it is away", lambda: refused(story))
        await story.command("unwind", reason="test", by="tester")
        await until(story, *(("-1", "0") if away == "bybit" else ("0", "-10")))
        await until(story, "0", "0")


async def test_executed_orders_of_both_that_nobody_heard_of_survive_a_restart(tmp_path: Path) -> None:
    """Answers and private frames are lost at both venues and the process ends: the next run repeats neither order."""
    lost = [
        {"kind": "drop_answer", "scope": {"method": "POST", "endpoint": path}, "count": 1, "params": {"executes": True}}
        for path in ORDERS.values()
    ]
    topics = ("order", "execution", "position", "wallet", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE")
    blind = [{"kind": "frame_drop", "scope": {"channel": topic}, "count": EVER} for topic in topics]
    async with Simex.start(exchange(BOTH, is_calm=True)) as simex:
        for fault in (*lost, *blind):
            await armed(simex, **fault)
        loaded = config(simex, tmp_path, place=BOTH, targets=EACH)
        async with running(simex, loaded, place=BOTH) as story:

            async def both_sent() -> bool:
                return min((await orders(story)).values()) == 1

            await story.until("both sent", both_sent)
            await story.control("clear_faults")
        async with running(simex, loaded, place=BOTH) as story:
            await until(story, "-1", "-10")
            await story.until_position(BTC, "-1")
            await story.stays(BTC, "-1", seconds=3)
            assert {"binance": 1, "bybit": 1} == await orders(story)
    assert replay(loaded.settings.state_dir / "journal-live.sqlite3").ok


@pytest.mark.parametrize("venue", list(ORDERS))
async def test_a_venue_that_refuses_orders_halts_its_own_contract_only(tmp_path: Path, venue: str) -> None:
    """Not enough margin there, again and again: its contract halts, and the other venue's hedge goes on."""
    fault = {
        "kind": "venue_error",
        "variant": "insufficient_margin",
        "scope": {"method": "POST", "endpoint": ORDERS[venue]},
        "count": EVER,
    }
    async with told(tmp_path, fault) as story:
        await until(story, *(("0", "-10") if venue == "bybit" else ("-1", "0")))

        async def halted() -> bool:
            return any("refused" in one["reason"] for one in (await story.command("status"))["latches"])

        await story.until("halted", halted)
        before = (await orders(story))[venue]
        await story.coins("deposit", "ETH" if venue == "bybit" else "BTC", "1")
        await until(story, *(("0", "-11") if venue == "bybit" else ("-2", "0")))
        assert before == (await orders(story))[venue] <= 4


async def test_no_order_ever_goes_to_the_other_venue(tmp_path: Path) -> None:
    """Each contract's orders reach its own venue alone, whatever comes and goes."""
    async with told(tmp_path) as story:
        await until(story, "-1", "-10")
        for coin in ("BTC", "ETH", "BTC", "ETH"):
            await story.coins("deposit", coin, "1")
        await until(story, "-3", "-12")
        far = (await story.truth("bybit"))["unified"]["positions"]
        near = (await story.truth("binance"))["usdm"]["positions"]
        assert Decimal(0) == _sum(far, ETH) == _sum(near, BTC)


async def test_a_rate_limit_of_one_venue_is_not_the_others(tmp_path: Path) -> None:
    """Bybit says 10006 to every order for a while: Binance's hedge follows, and Bybit's once it may."""
    fault = {"kind": "error", "count": 2, "params": {"status": 200, "code": 10006, "msg": "Too many visits!"}}
    async with told(tmp_path, fault | {"scope": {"method": "POST", "endpoint": ORDERS["bybit"]}}) as story:
        await until(story, "-1", "-10")
        assert 3 == (await orders(story))["bybit"]
