"""A position by hand that the config does not name, in the account that the bot reads: it says so, over the wire."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.simex.serve import Simex
from tests.e2e.kit import BINANCE, BYBIT, FAST, Place, Story, config, exchange, running

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"


def by_hand(venue: str, market: str, symbol: str, quantity: str) -> dict[str, Any]:
    """A short that somebody else sells."""
    scope = {"venue": venue, "symbol": symbol}
    return {"do": "foreign_order", "scope": scope, "with": {"market": market, "side": "SELL", "quantity": quantity}}


async def control(simex: Simex, path: str, body: dict[str, Any]) -> None:
    """Move the exchange's world before the bot is there."""
    url = f"{simex.control_url}/control/{path}"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        assert answer.status == 200, await answer.text()


async def told(story: Story) -> list[str]:
    """What the status says of such positions."""
    found: list[str] = (await story.command("status"))["uncounted"]
    return found


@pytest.mark.parametrize(
    ("place", "hedge", "step", "line"),
    [
        (
            BINANCE,
            "-1",
            by_hand("binance", "usdm", "ETHUSDT", "2"),
            "ETHUSDT at binance.usdm: a position of -2 contracts",
        ),
        (
            BYBIT,
            "-1",
            by_hand("bybit", "linear", "ETHUSDT", "2"),
            "ETHUSDT at bybit.unified: a position of -2 contracts",
        ),
        (
            BYBIT,
            "-0.999",
            by_hand("bybit", "inverse", "BTCUSD", "100"),
            "BTCUSD at bybit.unified: a position of -100 contracts",
        ),
    ],
    ids=["binance", "bybit", "inverse"],
)
async def test_a_position_that_the_config_does_not_name_is_told(
    tmp_path: Path, place: Place, hedge: str, step: dict[str, Any], line: str
) -> None:
    """It stands before the start: the coin is hedged by what is counted, and status, plan and a notice name it.

    The fee of the inverse one was paid in coins: with it a lot less is to be hedged.
    """
    place = replace(place, assets="{BTC: {}}")
    async with Simex.start(exchange(place, is_calm=True)) as simex:
        await control(simex, "scenario", {"steps": [step]})
        loaded = config(simex, tmp_path, place=place, targets=ONLY_BTC, limits=FAST)
        async with running(simex, loaded, place=place) as story:
            await story.until_position("BTCUSDT", hedge)
            (found,) = await told(story)
            assert found.startswith(line)
            status, plan = await story.command("status"), await story.command("plan")
            assert found in plan["unknown"]
            assert 1 == sum(line in notice for notice in status["notices"])
