"""Replicas that lag: a fixed lag and one that each query draws, of orders, positions and balances, on both venues."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.binance.signature import sign
from bot.simex.bybit.dialect import Behaviour
from bot.simex.config import SimexConfig
from bot.simex.lag import Lag
from bot.simex.main import config_of, parser
from bot.simex.serve import Simex
from tests.simex.bybit.stage import Stage
from tests.simex.pinned import CONFIG, control, running

SPREAD_MS = 1_000
LAG_MS = 60_000
QUERIES = 60


@pytest.fixture
def stage() -> Stage:
    """Bybit, each of whose queries is up to a second behind."""
    return Stage(Behaviour(replica_lag_ms=SPREAD_MS, limits_factor=20))


@given(lag_ms=st.integers(0, 5_000), spread_ms=st.integers(0, 5_000))
def test_a_lag_is_within_its_bounds(lag_ms: int, spread_ms: int) -> None:
    """Never less than the fixed part, never more than both, and the same draws for the same name."""
    one, other = Lag(lag_ms, "a"), Lag(lag_ms, "a")
    one.spread_ms = other.spread_ms = spread_ms
    for _ in range(5):
        one.draw()
        other.draw()

        assert lag_ms <= one.behind_ms <= one.kept_ms == lag_ms + spread_ms
        assert one.behind_ms == other.behind_ms
    one.spread_ms = 0
    assert lag_ms == one.behind_ms


def test_there_is_none_unless_asked_for() -> None:
    """By default queries are answered by the engine itself."""
    options = parser().parse_args(["--replica-lag-ms", "250"])

    assert (0, 0) == (SimexConfig().replica_lag_ms, SimexConfig().query_lag_ms)
    assert 250 == config_of(options).replica_lag_ms
    with pytest.raises(ValueError, match="replica_lag_ms -1"):
        SimexConfig(replica_lag_ms=-1)


def test_one_query_may_know_less_than_the_one_before(stage: Stage) -> None:
    """Half a lag after an order some queries know of it and some do not, in no order; after all of it each does."""
    stage.placed()
    stage.leap(SPREAD_MS // 2)
    seen = [len(stage.realtime()) for _ in range(QUERIES)]
    stage.leap(SPREAD_MS // 2)

    assert {0, 1} == set(seen)
    assert sorted(seen) != seen
    assert {1} == {len(stage.realtime()) for _ in range(QUERIES)}


def test_a_positions_query_is_drawn_as_well(stage: Stage) -> None:
    """It is flat to some queries and open to others, until the lag is over."""
    stage.placed(orderType="Market")
    stage.leap(SPREAD_MS // 2)
    seen = {stage.position()["size"] for _ in range(QUERIES)}
    stage.leap(SPREAD_MS // 2)

    assert {"0", "0.100"} == seen
    assert {"0.100"} == {stage.position()["size"] for _ in range(QUERIES)}


def test_bybits_wallet_lags() -> None:
    """Balance and equity are those before a fill's fee until the lag is over; the stream knows at once."""
    stage = Stage(Behaviour(query_lag_ms=SPREAD_MS))
    socket = stage.private("wallet")
    stage.leap(2 * SPREAD_MS)
    before = wallet(stage)
    stage.placed(category="spot", symbol="BTCUSDT", orderType="Market", qty="60000")
    told = {one["coin"]: one["walletBalance"] for one in socket.rows("wallet")[-1]["coin"]}
    during = wallet(stage)
    stage.leap(SPREAD_MS)
    after = wallet(stage)

    assert before["coins"] == during["coins"] != after["coins"]
    assert told["USDT"] == after["coins"]["USDT"]
    assert abs(Decimal(during["equity"]) - Decimal(before["equity"])) < 1


def wallet(stage: Stage) -> dict[str, Any]:
    """Balances and equity of the wallet query."""
    row = stage.result(stage.get("/v5/account/wallet-balance", accountType="UNIFIED"))["list"][0]
    return {"coins": {one["coin"]: one["walletBalance"] for one in row["coin"]}, "equity": row["totalEquity"]}


async def asked(simex: Simex, session: ClientSession, host: str, path: str) -> Any:
    """A signed GET at Binance."""
    key, query = simex.keys["default"], f"timestamp={simex.timeline.server_ms()}"
    url = f"https://{host}.binance.com{path}?{query}&signature={sign(key, query)}"
    async with session.get(url, headers={"X-MBX-APIKEY": key.key}) as response:
        return await response.json()


async def free(simex: Simex, session: ClientSession) -> tuple[str, str, str, str]:
    """Free dollars of spot; wallet balance, whole margin balance and available balance of USD-M."""
    spot = await asked(simex, session, "api", "/api/v3/account")
    usdm = await asked(simex, session, "fapi", "/fapi/v3/account")
    coins = {row["asset"]: row["free"] for row in spot["balances"]}
    return coins["USDT"], usdm["totalWalletBalance"], usdm["totalMarginBalance"], usdm["availableBalance"]


@pytest.mark.parametrize("multi", [False, True])
async def test_binances_balances_lag(multi: bool) -> None:
    """What has been withdrawn is still there to a query that is behind, and gone to one that is not."""
    async with running(replace(CONFIG, query_lag_ms=LAG_MS)) as (simex, session):
        if multi:
            await control(simex, session, "settings", market="usdm", multi_assets=True)
        before = await free(simex, session)
        for name in ("spot", "usdm"):
            await control(simex, session, "withdraw", wallet=name, asset="USDT", amount="1000")
        during = await free(simex, session)
        await control(simex, session, "lag", query_ms=0)
        after = await free(simex, session)

        assert [Decimal(one) for one in before] == [Decimal(one) for one in during]
        assert Decimal(1_000) == Decimal(before[0]) - Decimal(after[0]) == Decimal(before[1]) - Decimal(after[1])


async def test_the_drawn_lag_is_set_while_it_runs() -> None:
    """For every replica of every venue, or of the one that is named."""
    async with running(replace(CONFIG, replica_lag_ms=5)) as (simex, session):
        await control(simex, session, "lag", replica_ms=900, venue="bybit")
        binance, bybit = simex.dialects["binance"], simex.dialects["bybit"]

        assert 5 == binance.spot.desk.replica.spread_ms  # type: ignore[union-attr]
        assert 900 == bybit.desk.replica.spread_ms  # type: ignore[union-attr]
