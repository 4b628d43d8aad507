"""The sockets: hosts over TLS and plain HTTP, injected faults, and websockets seen by independent clients."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, WSMsgType, WSServerHandshakeError
from websockets.asyncio.client import connect

from bot.simex.config import ApiKey
from bot.simex.hosts import BINANCE
from bot.simex.serve import Simex
from bot.simex.server import BODY_BYTES_MAX
from tests.simex.looks import PERPETUAL, binance
from tests.simex.pinned import control, running, told, until

FAPI = "https://fapi.binance.com"
ORDER = "/fapi/v1/order"
SELL = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.01", "newOrderRespType": "RESULT"}


def signed(key: ApiKey, **params: Any) -> str:
    """Parameters with a fresh timestamp and their signature."""
    query = urlencode(params | {"timestamp": time.time_ns() // 1_000_000})
    return f"{query}&signature={hmac.new(key.secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"


async def ask(session: ClientSession, key: ApiKey, method: str, path: str, **params: Any) -> tuple[int, bytes]:
    """The status and body of a signed request."""
    headers = {"X-MBX-APIKEY": key.key}
    query = signed(key, **params)
    sent = {"params": query} if method == "GET" else {"data": query.encode()}
    async with session.request(method, FAPI + path, headers=headers, **sent) as response:
        return response.status, await response.read()


async def place(simex: Simex, session: ClientSession, **more: Any) -> tuple[int, bytes]:
    """A market sale by the default key."""
    return await ask(session, simex.keys["default"], "POST", ORDER, **(SELL | more))


def made(simex: Simex) -> int:
    """How many orders the exchange really has."""
    return len(binance(simex).orders.history("default", "usdm", PERPETUAL))


async def test_every_host_answers_over_tls_and_plain() -> None:
    """Each REST host answers its own paths under its own name, and the plain port of a host does the same."""
    paths = {"api": "/api/v3/ping", "fapi": "/fapi/v1/ping", "dapi": "/dapi/v1/ping"}
    async with running() as (simex, session):
        for host in BINANCE:
            path = paths.get(host.partition(".")[0].rstrip("1234").removesuffix("-gcp"))
            for url in (f"https://{host}{path}", f"http://127.0.0.1:{simex.plain[host]}{path}") if path else ():
                async with session.get(url) as response:
                    assert (200, {}) == (response.status, await response.json()), url
        with pytest.raises(ClientConnectionError):
            await session.get("https://elsewhere.example/")


async def test_only_loopback_is_bound() -> None:
    """Every listening socket is on 127.0.0.1."""
    async with running() as (simex, _):
        ports = {port for _, port in simex.pin.values()} | set(simex.plain.values())
        for port in ports:
            with socket.socket() as other, pytest.raises(OSError, match="refused"):
                other.connect(("127.0.0.2", port))


async def test_bodies_are_bounded() -> None:
    """A body beyond the bound is refused with 413 in the venue's shape and the server lives on."""
    async with running() as (simex, session):
        async with session.post(FAPI + ORDER, data=io.BytesIO(b"a" * (BODY_BYTES_MAX + 1))) as response:
            assert (413, -1000) == (response.status, (await response.json())["code"])

        assert 200 == (await place(simex, session))[0]


@pytest.mark.parametrize(
    ("fault", "status", "text", "orders"),
    [
        ({"kind": "http_503", "variant": "unknown", "executes": True}, 503, "Unknown error, please check", 1),
        ({"kind": "http_503", "variant": "unknown", "executes": False}, 503, "Unknown error, please check", 0),
        ({"kind": "http_503", "variant": "unavailable"}, 503, "Service Unavailable.", 0),
        ({"kind": "http_503", "variant": "internal"}, 503, "-1001", 0),
        ({"kind": "http_503", "variant": "throttled"}, 503, "-1008", 0),
        ({"kind": "garbage_200", "variant": "html"}, 200, "<html>", 1),
        ({"kind": "garbage_200", "variant": "empty"}, 200, "", 1),
        ({"kind": "garbage_200", "variant": "{}"}, 200, "{}", 1),
        ({"kind": "error", "code": -9999, "msg": "New here", "status": 400}, 400, "-9999", 0),
        ({"kind": "delay", "variant": "after", "delay_ms": 30}, 200, "FILLED", 1),
        ({"kind": "delay", "variant": "before", "delay_ms": 30}, 200, "FILLED", 1),
    ],
)
async def test_an_order_under_a_fault(fault: dict[str, Any], status: int, text: str, orders: int) -> None:
    """The client sees the fault once, the exchange has or has not the order, and the log knows both."""
    async with running() as (simex, session):
        await control(simex, session, "fault", path=ORDER, method="POST", **fault)
        answer = await place(simex, session)
        (entry,) = simex.requests
        after = await place(simex, session)
        fired = (await told(simex, session, "faults"))["fired"]

        assert status == answer[0]
        assert text in answer[1].decode()
        assert (orders + 1, 200) == (made(simex), after[0])
        assert [fault["kind"]] == [one["kind"] for one in fired]
        assert (status, orders == 1) == (entry.status, entry.order_id is not None)
        assert entry.faults[0].startswith(fault["kind"])
        assert ("default", "default", "BTCUSDT", True) == (
            entry.account,
            entry.key_name,
            entry.params["symbol"],
            entry.signed,
        )
        assert not {"signature"} & set(entry.params)


async def test_a_dropped_answer_leaves_an_executed_order() -> None:
    """The connection is reset after execution: the client knows nothing, exchange and log know the order."""
    async with running() as (simex, session):
        await control(simex, session, "fault", kind="drop_answer", path=ORDER)
        with pytest.raises(ClientConnectionError):
            await place(simex, session, newClientOrderId="tt1")
        (entry,) = simex.requests

        assert ("dropped", 0, "tt1") == (entry.fate, entry.status, entry.client_order_id)
        assert "filled" == binance(simex).orders.find("default", PERPETUAL, client_id="tt1").status
        assert 200 == (await place(simex, session))[0]


async def test_an_answer_later_than_the_client_waits() -> None:
    """A request delayed before execution is carried out although its sender has gone."""
    async with running() as (simex, session):
        await control(simex, session, "fault", kind="delay", variant="before", delay_ms=150, path=ORDER)
        impatient = ClientTimeout(total=0.05)
        key = simex.keys["default"]
        headers = {"X-MBX-APIKEY": key.key}
        with pytest.raises(asyncio.TimeoutError):
            await session.post(FAPI + ORDER, headers=headers, data=signed(key, **SELL).encode(), timeout=impatient)
        await until(lambda: made(simex) == 1)
        await until(lambda: simex.requests.total == 1)

        assert ["client_gone"] == [entry.fate for entry in simex.requests]


async def test_empty_account_answers() -> None:
    """Positions and balances can be emptied although they are there; the next answer is true again."""
    async with running() as (simex, session):
        await place(simex, session)
        key = simex.keys["default"]
        for kind, path in (("empty_list", "/fapi/v3/positionRisk"), ("empty_balances", "/fapi/v3/account")):
            await control(simex, session, "fault", kind=kind, path=path)
        answers = [await ask(session, key, "GET", "/fapi/v3/positionRisk") for _ in range(2)]
        accounts = [json.loads((await ask(session, key, "GET", "/fapi/v3/account"))[1]) for _ in range(2)]

        assert b"[]" == answers[0][1] != answers[1][1]
        assert ([], [], 1) == (accounts[0]["assets"], accounts[0]["positions"], len(accounts[1]["positions"]))


async def test_streams_for_a_websockets_client() -> None:
    """The websockets library connects over TLS, subscribes with a string id and gets frames; port 9443 is a header."""
    async with running() as (simex, _):
        address = simex.pin["stream.binance.com"]
        context = ssl.create_default_context(cafile=str(simex.ca_file))
        url = "wss://stream.binance.com:9443/ws"
        with socket.create_connection(address) as sock:
            async with connect(url, sock=sock, ssl=context, server_hostname="stream.binance.com") as ws:
                await ws.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@depth5@100ms"], "id": "one"}))
                reply, frame = json.loads(await ws.recv()), json.loads(await ws.recv())
                await ws.ping()

        assert {"result": None, "id": "one"} == reply
        assert {"lastUpdateId", "bids", "asks"} == set(frame)


async def test_too_many_messages_end_a_connection() -> None:
    """More than five messages a second on the spot stream close it with 1008."""
    async with running() as (_, session), session.ws_connect("wss://stream.binance.com:9443/ws") as ws:
        for number in range(12):
            await ws.send_str(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        kinds = [message.type async for message in ws]

        assert len(kinds) < 12
        assert 1008 == ws.close_code


async def test_disconnecting_by_kind() -> None:
    """Market streams can be cut without user streams; while refused, new handshakes are reset, others pass."""
    async with running() as (simex, session):
        key = simex.keys["default"]
        async with session.post(f"{FAPI}/fapi/v1/listenKey", headers={"X-MBX-APIKEY": key.key}) as response:
            listen_key = (await response.json())["listenKey"]
        market = await session.ws_connect("wss://fstream.binance.com/ws/btcusdt@markPrice@1s")
        user = await session.ws_connect(f"wss://fstream.binance.com/private/ws/{listen_key}")
        cut = await control(simex, session, "disconnect", kind="market", refuse_ms=60_000)
        ended = [message.type async for message in market if message.type != WSMsgType.TEXT]
        with pytest.raises(ClientConnectionError):
            await session.ws_connect("wss://fstream.binance.com/ws/btcusdt@bookTicker")
        await place(simex, session)
        event = json.loads((await user.receive(timeout=5)).data)
        await user.close()

        assert {"disconnected": 1} == cut
        assert not [kind for kind in ended if kind is WSMsgType.CLOSE], "no close frame: it is an abrupt end"
        assert "ORDER_TRADE_UPDATE" == event["e"]


async def test_wrong_websocket_addresses() -> None:
    """A path without an endpoint is 404, as is a REST host."""
    async with running() as (_, session):
        for url in ("wss://fstream.binance.com/nothing", "wss://api.binance.com/ws"):
            with pytest.raises(WSServerHandshakeError, match="404"):
                await session.ws_connect(url)


async def test_a_client_that_does_not_read_is_dropped() -> None:
    """A connection whose queue is full is aborted and counted; the exchange does not wait for it."""
    async with running() as (simex, session):
        ws = await session.ws_connect("wss://fstream.binance.com/ws")
        (connection,) = simex._server.connections
        for _ in range(6_000):
            connection.push("x")
        await until(lambda: simex.status()["slow_clients_dropped"] == 1)

        assert not simex.status()["connections"]
        await ws.close()


async def test_a_defect_of_simex_is_a_500_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Should a handler raise, that request is answered 500 and logged, and the next one is served."""
    async with running() as (simex, session):
        with monkeypatch.context() as patched:
            patched.setattr(simex.dialects["binance"], "respond", lambda request: 1 / 0)
            status, _ = await place(simex, session)
        after, _ = await place(simex, session)

        assert (500, 200) == (status, after)
        assert ["simex_defect", "ok"] == [entry.verdict for entry in simex.requests]
        assert "ZeroDivisionError" in caplog.text


async def test_the_clock_of_the_server() -> None:
    """The server's clock can be set apart from the wall clock, and requests are judged by it."""
    async with running() as (simex, session):
        await control(simex, session, "clock", offset_ms=20_000)
        status, body = await place(simex, session)

        assert (400, -1021) == (status, json.loads(body)["code"])
        await control(simex, session, "clock", offset_ms=0)
        assert 200 == (await place(simex, session))[0]
