"""What only a book over two venues can suffer: keys for half the work, one venue away, one venue's streams lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.simex.config import KeySpec
from bot.simex.serve import Simex
from tests.e2e.kit import ACROSS, FAST, REVERSED, Place, Story, armed, config, exchange, running

BTC, ETH = "BTCUSDT", "ETHUSDT"
# Soon enough that the venue is still away when its prices are too old.
IMPATIENT = FAST.replace("{", "{quote_age: 2 s, ")
REQUESTS_MAX = 10_000
COINS_KEY = KeySpec("coins", spot=False, futures=False)
"""A key that may only read: enough where only coins lie."""


def venues_by_key(simex: Simex) -> dict[str, set[str]]:
    """Which venues were asked with which key."""
    found: dict[str, set[str]] = {}
    for row in simex.requests:
        if row.key_name is not None:
            found.setdefault(row.key_name, set()).add(row.host.split(".")[-2])
    return found


@asynccontextmanager
async def hedged(directory: Path) -> AsyncIterator[Story]:
    """A bot that has hedged Binance's coins at Bybit, and is impatient of old prices."""
    async with (
        Simex.start(exchange(ACROSS, is_calm=True)) as simex,
        running(simex, config(simex, directory, place=ACROSS, limits=IMPATIENT), place=ACROSS) as story,
    ):
        await story.until_hedged()
        yield story


async def until_held(story: Story, why: str) -> None:
    """Wait until both coins are held back for a reason."""

    async def holds() -> bool:
        rows = (await story.command("status"))["assets"]
        return all(why in (row["held_because"] or "") for row in rows)

    await story.until(f"held because of {why}", holds)


@pytest.mark.parametrize("place", [ACROSS, REVERSED], ids=["across", "reversed"])
async def test_a_venue_where_only_coins_lie_needs_a_key_that_reads(tmp_path: Path, place: Place) -> None:
    """A key that may only read is enough there, each venue is asked with its own, and orders go to the other alone."""
    plain = exchange(place)
    async with Simex.start(exchange(place, is_calm=True, keys=(*plain.keys, COINS_KEY))) as simex:
        async with running(simex, config(simex, tmp_path, place=place, key="coins"), place=place) as story:
            await story.until_hedged()
        coins, contracts = place.venues
        assert venues_by_key(simex) == {"coins": {coins}, contracts: {contracts}}
        assert set(simex.requests.summary()["signed_mutating"]) == {place.order_route}


async def test_a_futures_host_that_nobody_needs_may_be_down(tmp_path: Path) -> None:
    """Binance's futures never answer: the bot starts and hedges at Bybit all the same."""
    async with Simex.start(exchange(ACROSS, is_calm=True)) as simex:
        await armed(simex, kind="http_status", variant="502", scope={"host": "fapi.binance.com"}, count=REQUESTS_MAX)
        async with running(simex, config(simex, tmp_path, place=ACROSS), place=ACROSS) as story:
            await story.until_hedged()


async def test_while_the_futures_venue_is_away_nothing_is_sent(tmp_path: Path) -> None:
    """Bybit is out without a word and coins come: the hedge waits, and follows once when it is back."""
    async with hedged(tmp_path) as story:
        sent = await story.order_requests()
        await story.control("scenario", steps=[outage("bybit")])
        await until_held(story, "bybit")
        await story.coins("deposit", "BTC", "0.5")
        await story.stays(BTC, "-1")
        await story.until_position(BTC, "-1.5")
        assert await story.order_requests() == sent + 1


async def test_while_the_coins_venue_is_away_nothing_is_sent(tmp_path: Path) -> None:
    """Binance is out: the coins are not known, so nothing is sent at Bybit either; back, what left is let go of."""
    async with hedged(tmp_path) as story:
        sent = await story.order_requests()
        await story.control("scenario", steps=[outage("binance")])
        await until_held(story, "binance")
        await story.coins("withdraw", "ETH", "4")
        await story.stays(ETH, "-10")
        await story.until_position(ETH, "-6")
        assert await story.order_requests() == sent + 1
        assert await story.position(BTC) == Decimal(-1)


def outage(venue: str) -> dict[str, Any]:
    """A venue that answers nothing for a while, and does not say so."""
    return {"do": "maintenance", "variant": "unannounced", "scope": {"venue": venue}, "for": "7s"}
