"""Coins are sold and their hedge is bought back over the wire, slice by slice: the exposure stays what it is."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.events import RunMode
from bot.journal.reader import verify
from bot.runtime.replay import replay
from bot.runtime.settings_load import load
from bot.simex.serve import Simex
from tests.e2e.kit import Story, armed, config, exchange, running, written
from tests.simex.looks import SPOT_PAIR, top_of

SALE: dict[str, Any] = {"method": "POST", "path": "/api/v3/order", "count": 1}
PURCHASE: dict[str, Any] = {"method": "POST", "path": "/fapi/v1/order"}
NEUTRAL = "{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}"
PAPER = "paper: {seed: config, balances: {spot: {BTC: 1, USDT: 1000}, usdm: {USDT: 100000}}, latency: 20 ms}\n"


def converting(simex: Simex, directory: Path, extra: str = "") -> Any:
    """A bot that hedges one bitcoin and makes 0.4 of it real, a tenth at a time."""
    mid = top_of(simex, SPOT_PAIR).bid
    slices = f"{{notional: {int(mid * Decimal('0.105'))} USDT, every: 1 s}}"
    move = f"{{name: realise, kind: convert_to_spot, asset: BTC, amount: 0.4 BTC, slices: {slices}}}"
    made = config(simex, directory, targets=f"[{NEUTRAL}, {move}]", assets="{BTC: {}}")
    if not extra:
        return made
    written(directory).write_text(written(directory).read_text() + extra)
    return load(written(directory), {})


async def spot(story: Story, coin: str) -> Decimal:
    """What the exchange holds of a coin for the account."""
    rows = (await story.truth())["spot"]
    return sum((Decimal(row["free"]) + Decimal(row["locked"]) for row in rows if row["asset"] == coin), Decimal(0))


async def sales(story: Story) -> list[dict[str, Any]]:
    """The spot orders as the bot knows them."""
    rows = (await story.command("status"))["orders"]
    return [row for row in rows if row["instrument"] == "binance.spot:BTCUSDT"]


async def until_even(story: Story, coins: str) -> None:
    """Wait until so many coins are left, and the hedge is as much."""

    async def holds() -> bool:
        left = await spot(story, "BTC")
        return abs(left - Decimal(coins)) < Decimal("0.001") and await story.position("BTCUSDT") == -left

    await story.until(f"{coins} BTC left and hedged", holds)


def judged(loaded: Any, mode: str = "live") -> None:
    """The journal's chain holds, and its decisions are made again byte for byte."""
    path = loaded.settings.state_dir / f"journal-{mode}.sqlite3"
    assert verify(path).ok
    assert replay(path).ok


async def test_coins_become_money_and_the_exposure_stays(tmp_path: Path) -> None:
    """1 BTC hedged, 0.4 of it sold in slices: 0.6 and a short of 0.6 are left, and never more than a slice between."""
    async with Simex.start(exchange()) as simex:
        loaded, worst = converting(simex, tmp_path), Decimal(0)
        async with running(simex, loaded) as story:
            money = await spot(story, "USDT")
            await story.until("hedged", lambda: _hedged(story))
            while await spot(story, "BTC") > Decimal("0.601"):
                worst = max(worst, abs(await spot(story, "BTC") + await story.position("BTCUSDT")))
                await asyncio.sleep(0.02)
            await until_even(story, "0.6")
            await asyncio.sleep(2)
            await until_even(story, "0.6")

            assert await spot(story, "USDT") > money
            assert worst <= Decimal("0.11")
        judged(loaded)


async def _hedged(story: Story) -> bool:
    return await story.position("BTCUSDT") <= Decimal("-0.6")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_answer", **SALE},
        {"kind": "http_503", "variant": "unknown", "executes": True, **SALE},
        {"kind": "garbage_200", "variant": "truncated", "executes": True, **SALE},
        {"kind": "error", "status": 400, "code": -2010, "msg": "Account has insufficient balance.", **SALE},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('code', '')}",
)
async def test_a_sale_that_goes_wrong_is_never_sold_twice(tmp_path: Path, fault: dict[str, Any]) -> None:
    """Its answer is lost, or it is refused once: in the end 0.4 were sold, and as much bought back."""
    async with Simex.start(exchange()) as simex:
        await armed(simex, **fault)
        loaded = converting(simex, tmp_path)
        async with running(simex, loaded) as story:
            await until_even(story, "0.6")
            await asyncio.sleep(1.5)
            await until_even(story, "0.6")
        judged(loaded)


async def test_a_purchase_that_is_refused_is_made_up_for(tmp_path: Path) -> None:
    """The future's leg is refused once: the pair is completed by one reduce-only order, and nothing is sold for it."""
    async with Simex.start(exchange()) as simex:
        loaded = converting(simex, tmp_path)
        async with running(simex, loaded) as story:
            await story.until("hedged", lambda: _hedged(story))
            error = {"kind": "error", "status": 400, "code": -2022, "msg": "ReduceOnly Order is rejected.", "count": 1}
            await story.control("fault", **error, **PURCHASE)
            await until_even(story, "0.6")

            assert Decimal("0.4") >= sum(Decimal(row["filled"]) for row in await sales(story))
        judged(loaded)


async def test_a_kill_in_the_middle_stops_it(tmp_path: Path) -> None:
    """After the kill no coin is sold; armed again, it goes on to its end, over a restart as well."""
    async with Simex.start(exchange()) as simex:
        loaded = converting(simex, tmp_path)
        async with running(simex, loaded) as story:
            await story.until("one slice sold", lambda: _sold_some(story))
            await story.command("kill", reason="enough for today")
            await asyncio.sleep(1)
            left = await spot(story, "BTC")
            await asyncio.sleep(2.5)

            assert left == await spot(story, "BTC") > Decimal("0.61")
        async with running(simex, loaded) as story:
            await asyncio.sleep(1)
            assert left == await spot(story, "BTC")
            await story.command("arm", reason="go on")
            await until_even(story, "0.6")
            await asyncio.sleep(1.5)
            await until_even(story, "0.6")
        judged(loaded)


async def _sold_some(story: Story) -> bool:
    return await spot(story, "BTC") < 1


async def test_a_dry_run_does_the_same_on_paper(tmp_path: Path) -> None:
    """The paper account ends with 0.6 BTC and a short of 0.6; the exchange saw no order at all."""
    async with Simex.start(exchange()) as simex:
        loaded = converting(simex, tmp_path, PAPER)
        async with running(simex, loaded, RunMode.DRY_RUN) as story:

            async def holds() -> bool:
                status = await story.command("status")
                row = next(one for one in status["assets"] if one["asset"] == "BTC")
                position = next(one for one in status["positions"] if one["instrument"] == "binance.usdm:BTCUSDT")
                if row["holding"] is None or position["contracts"] is None:
                    return False
                left = Decimal(row["holding"])
                return abs(left - Decimal("0.6")) < Decimal("0.001") and Decimal(position["contracts"]) == -left

            await story.until("0.6 BTC left and hedged", holds)
            assert await spot(story, "BTC") == 1
            assert await story.order_requests() == 0
        judged(loaded, "dry-run")
