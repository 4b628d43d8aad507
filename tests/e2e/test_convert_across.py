"""Coins become money at one venue while their hedge is bought back at another, or at both: the exposure stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.journal.reader import verify
from bot.runtime.replay import replay
from bot.simex.config import AccountSpec
from bot.simex.serve import Simex
from tests.e2e.kit import ACROSS, REVERSED, Place, Story, armed, config, exchange, running

SLICE = Decimal("0.105")
"""A slice in coins at the price of the start: 0.1 on every grid."""
WORST = Decimal("0.11")
BOTH = Place(
    venues=("binance", "bybit"),
    funds=AccountSpec(spot={"BTC": Decimal(1)}, usdm={"USDT": Decimal(100_000)}, unified={"USDT": Decimal(100_000)}),
    assets="{BTC: {alternatives: ['bybit.linear:BTCUSDT']}}",
    coins=("binance", "spot"),
    contracts=("binance", "usdm"),
    order_route="POST /fapi/v1/order",
)
across = pytest.mark.parametrize("place", [ACROSS, REVERSED], ids=["across", "reversed"])


@asynccontextmanager
async def converting(directory: Path, place: Place, amount: str, *faults: dict[str, Any]) -> AsyncIterator[Story]:
    """A bot that keeps one bitcoin hedged and makes a part of it real, a tenth at a time; its journal is judged."""
    async with Simex.start(exchange(place, is_calm=True)) as simex:
        for fault in faults:
            await armed(simex, **fault)
        if place is BOTH:
            await _open(simex, "binance", "usdm", "0.6")
            await _open(simex, "bybit", "linear", "0.4")
        price = int(_price(simex) * SLICE)
        move = f"{{name: realise, kind: convert_to_spot, asset: BTC, amount: {amount} BTC, "
        move += f"slices: {{notional: {price} USDT, every: 1 s}}}}"
        neutral = "{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}"
        loaded = config(simex, directory, place=place, targets=f"[{neutral}, {move}]")
        async with running(simex, loaded, place=place) as story:
            yield story
        journal = loaded.settings.state_dir / "journal-live.sqlite3"
        assert verify(journal).ok
        assert replay(journal).ok


def _price(simex: Simex) -> Decimal:
    bid, _, _, _ = simex.exchanges["binance"].top(("spot", "BTCUSDT"))
    return Decimal(bid) / 10**8


async def _open(simex: Simex, venue: str, market: str, coins: str) -> None:
    """A short that its owner opened before the bot came."""
    order = {"venue": venue, "market": market, "symbol": "BTCUSDT", "side": "SELL", "type": "MARKET"}
    async with aiohttp.ClientSession() as session:
        url = f"{simex.control_url}/control/place"
        async with session.post(url, json={**order, "quantity": coins}) as answer:
            assert answer.status == 200, await answer.text()


async def coins(story: Story) -> Decimal:
    """Bitcoins that the account has where its coins lie."""
    venue, wallet = story.place.coins
    found = (await story.truth(venue))[wallet]
    rows = found if isinstance(found, list) else found["assets"]
    held = (Decimal(row.get("wallet_balance", row.get("free", 0))) for row in rows if row["asset"] == "BTC")
    locked = (Decimal(row["locked"]) for row in rows if row["asset"] == "BTC" and "free" in row)
    return sum(held, Decimal(0)) + sum(locked, Decimal(0))


async def shorts(story: Story) -> dict[str, Decimal]:
    """Signed coins of the perpetuals, by venue."""
    out = {}
    for venue in story.place.venues:
        wallets = [one for one in (await story.truth(venue)).values() if isinstance(one, dict) and "positions" in one]
        rows = [row for one in wallets for row in one["positions"] if row["market"] != "inverse"]
        out[venue] = sum((Decimal(row["quantity"]) for row in rows if row["symbol"] == "BTCUSDT"), Decimal(0))
    return out


async def until_even(story: Story, left: str) -> None:
    """Wait until so many coins are left, and the shorts are as much."""

    async def holds() -> bool:
        now = await coins(story)
        return abs(now - Decimal(left)) < Decimal("0.001") and sum((await shorts(story)).values()) == -now

    await story.until(f"{left} BTC left and hedged", holds)


async def until_hedged(story: Story) -> None:
    """Wait until the first bitcoin has its hedge, but for what is sold already."""

    async def holds() -> bool:
        return sum((await shorts(story)).values()) <= Decimal("-0.6")

    await story.until("hedged", holds)


@across
async def test_coins_are_sold_here_and_their_hedge_is_bought_back_there(tmp_path: Path, place: Place) -> None:
    """0.4 of 1 BTC in slices: 0.6 and a short of 0.6 are left, and never more than a slice between."""
    async with converting(tmp_path, place, "0.4") as story:
        await until_hedged(story)
        worst = Decimal(0)
        while await coins(story) > Decimal("0.601"):
            worst = max(worst, abs(await coins(story) + sum((await shorts(story)).values())))
            await asyncio.sleep(0.02)
        await until_even(story, "0.6")
        await asyncio.sleep(2)
        await until_even(story, "0.6")
        assert worst <= WORST
        (row,) = (await story.command("status"))["conversions"]
        assert ("done", Decimal(row["sold"])) == (row["state"], Decimal(row["bought"]))


@across
@pytest.mark.parametrize("leg", ["sale", "purchase"])
@pytest.mark.parametrize("kind", ["drop_answer", "error"])
async def test_half_a_pair_that_goes_wrong_is_made_up_for(tmp_path: Path, place: Place, leg: str, kind: str) -> None:
    """An answer is lost, or an order refused, at either venue: in the end 0.4 were sold, and as much bought back."""
    async with converting(tmp_path, place, "0.4") as story:
        await until_hedged(story)
        await story.control("fault", **_fault(place, leg, kind))
        await until_even(story, "0.6")
        await asyncio.sleep(1.5)
        await until_even(story, "0.6")


def _fault(place: Place, leg: str, kind: str) -> dict[str, Any]:
    """One answer of a venue that is lost, or an order that it refuses once."""
    venue = place.coins[0] if leg == "sale" else place.contracts[0]
    path = {"binance": "/api/v3/order" if leg == "sale" else "/fapi/v1/order", "bybit": "/v5/order/create"}[venue]
    scope = {"scope": {"venue": venue, "method": "POST", "endpoint": path}, "count": 1}
    if kind == "drop_answer":
        return {"kind": kind, **scope}
    return {"kind": "venue_error", "variant": "insufficient_balance" if leg == "sale" else "reduce_only", **scope}


async def test_a_hedge_at_both_venues_is_bought_back_at_both(tmp_path: Path) -> None:
    """Shorts of 0.6 and 0.4, 0.8 sold: the dearer one goes first, then the other, and 0.2 of both together are left."""
    async with converting(tmp_path, BOTH, "0.8") as story:
        await until_even(story, "0.2")
        await asyncio.sleep(1.5)
        await until_even(story, "0.2")
        left = await shorts(story)
        assert sorted(left.values()) == [Decimal("-0.2"), Decimal(0)]


async def test_a_venue_that_refuses_leaves_the_purchase_to_the_other(tmp_path: Path) -> None:
    """Bybit takes no order: what was sold is bought back at Binance, and the short at Bybit stays."""
    refusal = {"kind": "venue_error", "variant": "internal", "count": 1_000}
    scope = {"scope": {"venue": "bybit", "method": "POST", "endpoint": "/v5/order/create"}}
    async with converting(tmp_path, BOTH, "0.2", refusal | scope) as story:
        await until_even(story, "0.8")
        await asyncio.sleep(1.5)
        assert (await shorts(story))["bybit"] == Decimal("-0.4")
        await until_even(story, "0.8")
