"""What a scenario does to Binance over real sockets: maintenance, lagging replicas, limits and filters that change."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSServerHandshakeError

from bot.simex.binance.dialect import CONNECTS_MAX
from bot.simex.config import SimexConfig
from bot.simex.faults.scenario import of
from bot.simex.serve import Simex
from bot.simex.server import ATTEMPTS_WINDOW_S, Gates
from tests.simex.pinned import control, session_to, until

API, FAPI = "https://api.binance.com", "https://fapi.binance.com"
STATUS = f"{API}/sapi/v1/system/status"
STREAM = "wss://fstream.binance.com/ws/btcusdt@markPrice@1s"
PERP = ("usdm", "BTCUSDT")
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


@asynccontextmanager
async def running(*steps: dict[str, Any]) -> AsyncIterator[tuple[Simex, ClientSession]]:
    """A simulated Binance with steps of a scenario, and a client."""
    config = SimexConfig(venues=("binance",), tick_ms=5, is_calm=True, faults=of({"steps": list(steps)}, Path()))
    async with Simex.start(config) as simex, session_to(simex) as session:
        yield simex, session


async def get(session: ClientSession, url: str) -> tuple[int, Any]:
    """Status and body of an unsigned query."""
    async with session.get(url) as response:
        return response.status, json.loads(await response.read())


async def ask(simex: Simex, session: ClientSession, method: str, path: str, **params: Any) -> tuple[int, Any]:
    """Status and body of a signed request."""
    key = simex.keys["default"]
    query = urlencode(params | {"timestamp": time.time_ns() // 1_000_000})
    query += "&signature=" + hmac.new(key.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    async with session.request(method, f"{FAPI}{path}?{query}", headers={"X-MBX-APIKEY": key.key}) as response:
        return response.status, json.loads(await response.read())


def resting(simex: Simex, **changes: Any) -> dict[str, Any]:
    """A buy well below the market."""
    bid = simex.exchanges["binance"].top(PERP)[0] // 10**8
    return {**ORDER, "price": str(bid * 97 // 100), **changes}


async def closed(socket: ClientWebSocketResponse) -> int | None:
    """The code with which a websocket is closed."""
    async for _ in socket:
        pass
    return socket.close_code


async def test_maintenance_is_told_and_ends() -> None:
    """The status endpoint says so and answers throughout; all else is 503, sockets are closed, and then it is over."""
    step = {"do": "maintenance", "variant": "announced", "with": {"lead_ms": 300}, "for": "500ms"}
    async with running(step) as (simex, session):
        instrument = simex.exchanges["binance"].instruments[PERP]
        before = await get(session, STATUS)
        socket = await session.ws_connect(STREAM)
        reader = asyncio.create_task(closed(socket))
        await until(lambda: instrument.status == "halted")
        during, hosts = await get(session, STATUS), [await get(session, f"{API}/api/v3/time")]
        hosts += [await get(session, f"{FAPI}/fapi/v1/time"), await ask(simex, session, "POST", "/fapi/v1/order")]
        with pytest.raises(WSServerHandshakeError, match="503"):
            await session.ws_connect(STREAM)
        code = await reader
        await until(lambda: instrument.status == "trading")
        after = await get(session, STATUS), await get(session, f"{FAPI}/fapi/v1/ping")

        assert (200, {"status": 0, "msg": "normal"}) == before == after[0]
        assert (200, {"status": 1, "msg": "system maintenance"}) == during
        assert [(503, "Service Unavailable.")] * 3 == [(status, body["msg"]) for status, body in hosts]
        assert (1001, (200, {})) == (code, after[1])


async def test_an_outage_is_not_told() -> None:
    """Unannounced, the status endpoint says that all is well."""
    async with running({"do": "maintenance", "variant": "unannounced", "for": "300ms"}) as (simex, session):
        await until(lambda: simex.exchanges["binance"].instruments[PERP].status == "halted")
        told, asked = await get(session, STATUS), await get(session, f"{FAPI}/fapi/v1/ping")

        assert ((200, {"status": 0, "msg": "normal"}), 503) == (told, asked[0])


async def test_queries_lag_behind_and_catch_up() -> None:
    """An order is not found at first, nor is its fill in trades and positions; later it is."""
    step = {"do": "replica_lag", "with": {"lag_ms": 400}}
    async with running(step) as (simex, session):
        await until(lambda: [one.kind for one in simex.injections.log])
        buy = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        _, row = await ask(simex, session, "POST", "/fapi/v1/order", **buy)
        named = {"symbol": "BTCUSDT", "orderId": row["orderId"]}

        async def seen() -> tuple[Any, ...]:
            order = await ask(simex, session, "GET", "/fapi/v1/order", **named)
            trades = await ask(simex, session, "GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
            positions = await ask(simex, session, "GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
            return order[1].get("code", order[1].get("status")), len(trades[1]), float(positions[1][0]["positionAmt"])

        early = await seen()
        await asyncio.sleep(0.6)
        late = await seen()

        assert (-2013, 0, 0.0) == early
        assert ("FILLED", 1, 0.01) == (late[0], min(late[1], 1), late[2])


async def test_limits_are_lowered_in_mid_flight() -> None:
    """exchangeInfo and rateLimit/order tell the new limits at once; they hold, and are the old ones when it is over."""
    async with running() as (simex, session):
        body = {"kind": "limits", "variant": "usdm", "params": {"factor": 0.01}, "for": "2s"}
        await control(simex, session, "fault", **body)
        await until(lambda: simex.dialects["binance"].limiters["usdm"].limits.weight_per_minute == 24)  # type: ignore[union-attr]
        _, info = await get(session, f"{FAPI}/fapi/v1/exchangeInfo")
        _, orders = await ask(simex, session, "GET", "/fapi/v1/rateLimit/order")
        answers = [await ask(simex, session, "POST", "/fapi/v1/order", **resting(simex)) for _ in range(4)]
        refused = [await get(session, f"{FAPI}/fapi/v1/depth?symbol=BTCUSDT&limit=1000") for _ in range(2)][1]
        await until(lambda: simex.dialects["binance"].limiters["usdm"].limits.weight_per_minute == 2_400)  # type: ignore[union-attr]

        assert [24, 3, 12] == [row["limit"] for row in info["rateLimits"]]
        assert [3, 12] == [row["limit"] for row in orders]
        assert [200, 200, 200, 429] == [status for status, _ in answers]
        assert (-1015, "Too many new orders; current limit is 3 orders per 10 SECOND.") == tuple(answers[3][1].values())
        assert (429, -1003) == (refused[0], refused[1]["code"])


async def test_filters_change_in_mid_flight() -> None:
    """exchangeInfo tells them, what rests stays, and orders of the old grid are refused with the filters' codes."""
    step = {
        "do": "filters",
        "at": "200ms",
        "scope": {"symbol": "BTCUSDT"},
        "with": {"tick": "5", "lot": "0.01", "quantity_min": "0.02", "notional_min": "500", "market": "usdm"},
    }
    async with running(step) as (simex, session):
        price = int(resting(simex)["price"]) // 5 * 5
        old = {**ORDER, "price": str(price + 1), "quantity": "0.015"}
        _, row = await ask(simex, session, "POST", "/fapi/v1/order", **old)
        await until(lambda: [one.kind for one in simex.injections.log])
        _, info = await get(session, f"{FAPI}/fapi/v1/exchangeInfo")
        symbol = next(one for one in info["symbols"] if one["symbol"] == "BTCUSDT")
        told = {one["filterType"]: one for one in symbol["filters"]}
        grid = {**ORDER, "price": str(price)}
        wanted = [old, {**grid, "quantity": "0.025"}, {**grid, "quantity": "0.01"}, {**grid, "quantity": "0.02"}]
        codes = [(await ask(simex, session, "POST", "/fapi/v1/order", **one))[1].get("code", 0) for one in wanted]
        _, kept = await ask(simex, session, "GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=row["orderId"])

        assert ("5.0", "0.01", "0.02") == (
            told["PRICE_FILTER"]["tickSize"],
            told["LOT_SIZE"]["stepSize"],
            told["LOT_SIZE"]["minQty"],
        )
        assert [-4014, -4023, -4004, 0] == codes
        assert "NEW" == kept["status"]


async def test_attempts_to_connect_are_counted() -> None:
    """The 301st websocket in five minutes is refused with 429; what was long ago does not count."""
    async with running() as (simex, session):
        now = asyncio.get_running_loop().time()
        simex._server.gates.attempts_s["fstream.binance.com"] = deque([now] * CONNECTS_MAX, maxlen=CONNECTS_MAX + 1)
        with pytest.raises(WSServerHandshakeError, match="429"):
            await session.ws_connect(STREAM)
        socket = await session.ws_connect("wss://dstream.binance.com/ws")
        await socket.close()

    gates = Gates(attempts_s={"h": deque([now - ATTEMPTS_WINDOW_S] * 2, maxlen=3)})
    assert [True, True, False] == [gates.admits("h", 2) for _ in range(3)]
    assert all(gates.admits("other", 0) for _ in range(9))


@pytest.mark.parametrize(("host", "most"), [("stream.binance.com:9443", 5), ("dstream.binance.com", 10)])
async def test_a_flood_of_messages_ends_a_connection(host: str, most: int) -> None:
    """Spot takes five messages a second and the futures ten; beyond that a connection is closed with 1008."""
    async with running() as (_, session):
        socket = await session.ws_connect(f"wss://{host}/ws")
        for number in range(most):
            await socket.send_str(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        replies = [(await socket.receive_json())["id"] for _ in range(most)]
        for number in range(3 * most):
            await socket.send_str(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        await closed(socket)

        assert list(range(most)) == replies
        assert 1008 == socket.close_code
