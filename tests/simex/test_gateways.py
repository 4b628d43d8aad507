"""What the control API does to the venues' gateways: each verb, seen by a client."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from bot.simex.binance.signature import sign as hmac_of
from bot.simex.binance.signature import ws_payload
from bot.simex.bybit.dialect import Bybit
from bot.simex.bybit.signature import rest_text, sign, socket_text
from bot.simex.config import ENGINE_DELAY_MS, AccountSpec, SimexConfig
from bot.simex.serve import Simex
from tests.simex.pinned import CONFIG, control, running, until

ELSEWHERE = "203.0.113.7"
FUNDED = (AccountSpec(unified={"USDT": Decimal(50_000)}), AccountSpec("other"))
BINANCE_KEY, BYBIT_KEY = "/sapi/v1/account/apiRestrictions", "/v5/user/query-api"


async def bybit(simex: Simex, session: ClientSession, path: str = BYBIT_KEY, query: str = "") -> tuple[int, int]:
    """Status and code of a signed GET at Bybit."""
    key, stamp = simex.keys["default"], str(simex.timeline.server_ms())
    signature = sign(key, rest_text(stamp, key.key, "", query))
    headers = {"X-BAPI-API-KEY": key.key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-SIGN": signature}
    async with session.get(f"https://api.bybit.com{path}?{query}", headers=headers) as response:
        return response.status, (await response.json())["retCode"]


async def binance(simex: Simex, session: ClientSession, path: str = "/fapi/v1/listenKey") -> tuple[int, int]:
    """Status and code of a POST at Binance that needs a key."""
    headers = {"X-MBX-APIKEY": simex.keys["default"].key}
    async with session.post(f"https://fapi.binance.com{path}", headers=headers) as response:
        return response.status, (await response.json()).get("code", 0)


async def refusal(simex: Simex, session: ClientSession, verb: str, **body: Any) -> int:
    """The status of a control request."""
    async with session.post(f"{simex.control_url}/control/{verb}", json=body) as response:
        return response.status


async def test_an_address_that_is_not_on_a_keys_list() -> None:
    """A key is bound to an address; clients that come from another are refused, until they come from it."""
    async with running() as (simex, session):
        await control(simex, session, "key", name="default", ips=[ELSEWHERE])
        outside = [await bybit(simex, session), await binance(simex, session)]
        await control(simex, session, "egress", address=ELSEWHERE)
        inside = [await bybit(simex, session), await binance(simex, session)]
        await control(simex, session, "egress", address="", venue="bybit")
        again = [await bybit(simex, session), await binance(simex, session)]
        await control(simex, session, "key", name="default", ips=[])

        assert [(200, 10010), (401, -2015)] == outside
        assert [(200, 0), (200, 0)] == inside
        assert [(200, 10010), (200, 0)] == again
        assert (200, 0) == await bybit(simex, session)


async def at(simex: Simex, address: str) -> list[int]:
    """Codes that a client at an address gets: of both venues over HTTP, of Bybit's and of Binance's websockets."""
    key, stamp = simex.keys["default"], str(simex.timeline.server_ms())
    signed = {"apiKey": key.key, "timestamp": int(stamp)}
    signed |= {"signature": hmac_of(key, ws_payload(signed))}
    ends = str(simex.timeline.server_ms() + 5_000)
    auth = {"op": "auth", "args": [key.key, int(ends), sign(key, socket_text(ends))]}
    headers = {"X-BAPI-API-KEY": key.key, "X-BAPI-TIMESTAMP": stamp}
    headers |= {"X-BAPI-SIGN": sign(key, rest_text(stamp, key.key, "", ""))}
    found = []
    async with ClientSession(connector=TCPConnector(local_addr=(address, 0)), trust_env=False) as session:
        async with session.get(plain(simex, "api.bybit.com") + BYBIT_KEY, headers=headers) as response:
            found.append((await response.json())["retCode"])
        url = plain(simex, "fapi.binance.com") + "/fapi/v1/listenKey"
        async with session.post(url, headers={"X-MBX-APIKEY": key.key}) as response:
            found.append((await response.json()).get("code", 0))
        async with session.ws_connect(plain(simex, "stream.bybit.com") + "/v5/private") as socket:
            await socket.send_json(auth)
            found.append((await socket.receive_json()).get("retCode", 0))
        async with session.ws_connect(plain(simex, "ws-api.binance.com") + "/ws-api/v3") as socket:
            await socket.send_json({"id": 1, "method": "account.status", "params": signed})
            found.append((await socket.receive_json()).get("error", {}).get("code", 0))
    return found


def plain(simex: Simex, host: str) -> str:
    """The plain address of a host."""
    return f"http://127.0.0.1:{simex.plain[host]}"


async def test_each_client_is_seen_where_it_is() -> None:
    """A key that is bound to one end of the loopback works from there, over HTTP and websockets, and from no other."""
    async with running() as (simex, session):
        await control(simex, session, "key", name="default", ips=["127.0.0.2"])
        mine, theirs = await at(simex, "127.0.0.2"), await at(simex, "127.0.0.3")
        await control(simex, session, "egress", address="127.0.0.2")

        assert ([0, 0, 0, 0], [10010, -2015, 10010, -2015]) == (mine, theirs)
        assert [0, 0, 0, 0] == await at(simex, "127.0.0.3")


async def test_a_banned_address() -> None:
    """Binance answers 418 and Bybit 403 until the ban is over; another address is not concerned."""
    async with running() as (simex, session):
        await control(simex, session, "ban", for_ms=60_000)
        assert (418, -1003) == await binance(simex, session)
        assert (403, 10006) == await bybit(simex, session)
        await control(simex, session, "egress", address=ELSEWHERE)
        assert [(200, 0), (200, 0)] == [await binance(simex, session), await bybit(simex, session)]
        await control(simex, session, "ban", address=ELSEWHERE, market="spot", venue="binance")
        assert (200, 0) == await binance(simex, session)


async def test_a_banned_account() -> None:
    """Bybit takes none of its orders."""
    async with running() as (simex, session):
        await control(simex, session, "ban", account="default", for_ms=60_000)
        dialect = simex.dialects["bybit"]
        assert isinstance(dialect, Bybit)

        with pytest.raises(Exception, match="10027"):
            dialect.limits.check_user("default", simex.timeline.server_ms())
        assert 400 == await refusal(simex, session, "ban", account="default", venue="binance")


async def test_tighter_limits() -> None:
    """Fewer requests and orders are let through from now on, by venue, market and endpoint."""
    async with running() as (simex, session):
        await control(simex, session, "limits", venue="binance", market="usdm", weight=0, orders=[5, 50])
        await control(simex, session, "limits", venue="bybit", path=BYBIT_KEY, calls=0)
        dialect = simex.dialects["binance"]

        assert (429, -1003) == await binance(simex, session)
        assert (200, 10006) == await bybit(simex, session)
        assert [5, 50] == [one.limit for one in dialect.limiters["usdm"].limits.orders]  # type: ignore[union-attr]
        await control(simex, session, "limits", venue="bybit", path=BYBIT_KEY)
        assert (200, 0) == await bybit(simex, session)


async def test_protection() -> None:
    """Every gateway protects itself, or one market's does; then none."""
    async with running() as (simex, session):
        await control(simex, session, "protection")
        await control(simex, session, "protection", on=False, venue="binance", market="spot")
        routers = simex.dialects["binance"].routers  # type: ignore[union-attr]

        assert (False, True, True) == tuple(routers[name].is_protected for name in ("spot", "usdm", "coinm"))
        assert simex.dialects["bybit"].router.is_protected  # type: ignore[union-attr]
        await control(simex, session, "protection", on=False)
        assert not simex.dialects["bybit"].router.is_protected  # type: ignore[union-attr]


async def test_lag() -> None:
    """Queries fall behind on every venue, the engine of Bybit takes its time; both from the start, if so configured."""
    async with running(replace(CONFIG, query_lag_ms=700, engine_delay_ms=30, limits_factor=2)) as (simex, session):
        bybit_one, binance_one = simex.dialects["bybit"], simex.dialects["binance"]
        assert isinstance(bybit_one, Bybit)
        assert (700, 30, 2) == (bybit_one.desk.replica.lag_ms, bybit_one.entry.delay_ms, bybit_one.limits.factor)
        await control(simex, session, "lag", query_ms=100, engine_ms=5)

        assert (100, 5) == (bybit_one.desk.replica.lag_ms, bybit_one.entry.delay_ms)
        assert 100 == binance_one.spot.desk.replica.lag_ms  # type: ignore[union-attr]


async def test_restarts() -> None:
    """The trade connections of Bybit take no new request, or its books begin again with u = 1."""
    async with running() as (simex, session):
        await control(simex, session, "restart")
        await control(simex, session, "restart", what="trade")

        assert simex.dialects["bybit"].desk.replica.cleared_ms > 0  # type: ignore[union-attr]
    async with running(replace(CONFIG, venues=("binance",))) as (simex, session):
        assert 400 == await refusal(simex, session, "restart")


async def test_a_maintenance_window() -> None:
    """It is announced, begins after its lead time, and nothing but the status endpoint answers until its end."""
    async with running() as (simex, session):
        await control(simex, session, "maintenance", venue="bybit", in_ms=0, for_ms=60_000, title="Upgrade")
        simex.conductor.tick()
        status, code = await bybit(simex, session)
        async with session.get("https://api.bybit.com/v5/system/status") as response:
            (row,) = (await response.json())["result"]["list"]

        assert (503, 10016) == (status, code)
        assert ("Upgrade", "ongoing") == (row["title"], row["state"])
        assert (200, 0) == await binance(simex, session)


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("egress", {"address": "nowhere"}),
        ("egress", {"address": ELSEWHERE, "venue": "kraken"}),
        ("ban", {"for_ms": -1}),
        ("ban", {"address": 5}),
        ("ban", {"market": "options"}),
        ("limits", {"venue": "binance"}),
        ("limits", {"venue": "binance", "orders": 5}),
        ("limits", {"venue": "binance", "weight": "many"}),
        ("limits", {"venue": "bybit", "path": "/v5/nothing", "calls": 1}),
        ("protection", {"on": "yes"}),
        ("lag", {"query_ms": 60_001}),
        ("restart", {"what": "world"}),
        ("maintenance", {"for_ms": 0}),
        ("maintenance", {"announced": 1}),
        ("key", {"name": "default", "ips": "127.0.0.1"}),
        ("key", {"name": "default", "ips": ["here"]}),
    ],
)
async def test_what_makes_no_sense(verb: str, body: dict[str, Any]) -> None:
    """A 400 with a reason."""
    async with running() as (simex, session):
        assert 400 == await refusal(simex, session, verb, **body)


@pytest.mark.parametrize("wrong", [{"query_lag_ms": -1}, {"engine_delay_ms": 60_001}, {"limits_factor": 0}])
def test_how_far_behind_is_bounded(wrong: dict[str, int]) -> None:
    """As everything else."""
    with pytest.raises(ValueError, match="allowed"):
        SimexConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("delay_ms", "known"), [(40, 0), (0, 1)])
async def test_bybits_engine_takes_its_time_unless_told_otherwise(delay_ms: int, known: int) -> None:
    """By default an order is acknowledged and then carried out, at its time and not at a tick; with 0 at once."""
    assert (ENGINE_DELAY_MS, 5) == (SimexConfig().engine_delay_ms, ENGINE_DELAY_MS)
    async with running(replace(CONFIG, engine_delay_ms=delay_ms, tick_ms=1_000, accounts=FUNDED)) as (simex, session):
        exchange = simex.exchanges["bybit"]
        order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit"}
        price = exchange.top(("linear", "BTCUSDT"))[0] * 99 // 100 // 10**8
        body = json.dumps({**order, "qty": "0.01", "price": str(price)})
        key, stamp = simex.keys["default"], str(simex.timeline.server_ms())
        headers = {"X-BAPI-API-KEY": key.key, "X-BAPI-TIMESTAMP": stamp}
        headers["X-BAPI-SIGN"] = sign(key, rest_text(stamp, key.key, "", body))
        async with session.post("https://api.bybit.com/v5/order/create", data=body, headers=headers) as response:
            answer = await response.json()
        orders = exchange.state.account("default").orders

        assert (0, known) == (answer["retCode"], len(orders)), answer
        await until(lambda: orders, 0.5)
