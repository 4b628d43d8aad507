"""An index whose constituents can be seen, and one of which can be broken without the index being wrong."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from bot.simex.faults.scenario import parsed
from bot.simex.serve import Simex
from tests.simex.pinned import CONFIG, control, running, told

NAMES = ["alpha", "beta", "gamma", "delta"]
LIVED_MS = 2_500
CALM = replace(CONFIG, is_calm=True)


async def binance(session: ClientSession, symbol: str = "BTCUSDT", host: str = "fapi") -> dict[str, Any]:
    """What Binance says an index is made of, by constituent."""
    path = f"https://{host}.binance.com/{host}/v1/constituents?symbol={symbol}"
    async with session.get(path) as response:
        answer = await response.json()

        assert 200 == response.status, answer
        return {row["exchange"]: row for row in answer["constituents"]}


async def bybit(session: ClientSession, index: str = "BTCUSDT") -> dict[str, Any]:
    """What Bybit says an index is made of."""
    async with session.get(f"https://api.bybit.com/v5/market/index-price-components?indexName={index}") as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def index(simex: Simex, session: ClientSession, venue: str = "binance") -> Decimal:
    """The index of BTCUSDT as it truly is."""
    rows = (await told(simex, session, "truth", venue=venue))["marks"]
    return next(Decimal(row["index"]) for row in rows if row["symbol"] == "BTCUSDT")


def live(simex: Simex) -> None:
    """Let new index prices come."""
    for exchange in simex.exchanges.values():
        exchange.advance(exchange.now_ms + LIVED_MS)
        exchange.drain()


async def test_both_venues_tell_what_an_index_is_made_of() -> None:
    """Every constituent of the source with its price and share; what they come to is the index."""
    async with running(CALM) as (simex, session):
        live(simex)
        usdm, coinm = await binance(session), await binance(session, "BTCUSD", "dapi")
        theirs = await bybit(session)
        rows = theirs["result"]["components"]

        assert NAMES == list(usdm) == [row["exchange"] for row in rows]
        assert [{"exchange": name, "symbol": "BTCUSD"} for name in NAMES] == list(coinm.values())
        assert {"0.25000000"} == {row["weight"] for row in usdm.values()}
        mean = sum((Decimal(row["price"]) for row in usdm.values()), Decimal(0)) / 4
        assert abs(mean / await index(simex, session) - 1) < Decimal("0.001")
        assert set("indexName lastPrice updateTime components".split()) == set(theirs["result"])
        assert set("exchange spotPair equivalentPrice multiplier price weight".split()) == set(rows[0])
        assert 10001 == (await bybit(session, "NOPE"))["retCode"]


@pytest.mark.parametrize(
    ("variant", "share"), [("factor", "0.00000000"), ("frozen", "0.25000000"), ("missing", "0.00000000")]
)
async def test_one_broken_constituent_leaves_the_index_right(variant: str, share: str) -> None:
    """A fault by control shows in its row, which counts nothing when it strays; the index stays and it is mended."""
    step = {"do": "constituent", "variant": variant, "scope": {"venue": "binance"}, "for": "3s"}
    step["with"] = {"name": "BTCUSDT", "constituent": "beta", "factor": 1.5}
    async with running(replace(CALM, tick_ms=1_000)) as (simex, session):
        live(simex)
        before, first = await index(simex, session), (await binance(session))["beta"]
        await control(simex, session, "scenario", steps=[step])
        simex.conductor.tick()
        live(simex)
        rows, during = await binance(session), await index(simex, session)
        seen = Decimal(rows["beta"]["price"])
        simex.conductor.tick()
        live(simex)
        live(simex)
        simex.conductor.tick()
        live(simex)
        mended = Decimal((await binance(session))["beta"]["price"])

        is_still = seen == Decimal(first["price"])
        assert {"factor": seen > during * Decimal("1.4"), "frozen": is_still, "missing": seen == -1}[variant]
        assert share == rows["beta"]["weight"]
        assert abs(during / before - 1) < Decimal("0.01")
        assert abs(mended / during - 1) < Decimal("0.01")
        assert [] == list(simex.conductor.failures)


async def test_what_is_not_there_cannot_be_broken() -> None:
    """An unknown index or constituent is a failure that says what is allowed; history has no constituents."""
    async with running(replace(CONFIG, tick_ms=1_000)) as (simex, session):
        for name, constituent in (("NOPE", "beta"), ("BTCUSDT", "omega")):
            params = {"name": name, "constituent": constituent}
            await control(simex, session, "fault", kind="constituent", variant="missing", params=params)
        simex.conductor.tick()
        errors = [one["error"] for one in simex.conductor.failures]

        assert errors == [
            "index 'NOPE': the market does not know what it is made of",
            "constituent 'omega' of BTCUSDT: allowed are alpha, beta, gamma, delta",
        ]


def test_a_scenario_file_may_break_one(tmp_path: Path) -> None:
    """It is an action like any other."""
    text = "steps: [{at: 1s, do: constituent, variant: frozen, with: {name: BTCUSDT, constituent: alpha}}]"

    assert 1 == len(parsed(text, "a.yaml", tmp_path).faults)
