"""Faults over real sockets: a running simulated exchange of both venues, and clients that verify certificates."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientError,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    WSMsgType,
    WSServerHandshakeError,
)

from bot.simex.config import SimexConfig
from bot.simex.faults.scenario import Scenario, of
from bot.simex.serve import Simex
from tests.simex.pinned import Pinned, until

BYBIT = "https://api.bybit.com"
FAPI = "https://fapi.binance.com"
TIME = f"{BYBIT}/v5/market/time"
PING = f"{FAPI}/fapi/v1/ping"
PUBLIC = "wss://stream.bybit.com/v5/public/linear"
BOOK = "orderbook.50.BTCUSDT"


def scenario(*faults: dict[str, Any], steps: tuple[dict[str, Any], ...] = ()) -> Scenario:
    """A scenario of these faults."""
    return of({"faults": list(faults), "steps": list(steps)}, Path())


@asynccontextmanager
async def running(faults: Scenario | None = None) -> AsyncIterator[tuple[Simex, ClientSession]]:
    """A simulated exchange with faults and a client that reaches it by name, a new connection a request."""
    config = SimexConfig(tick_ms=5, faults=faults or Scenario())
    async with Simex.start(config) as simex:
        context = ssl.create_default_context(cafile=str(simex.ca_file))
        connector = TCPConnector(ssl=context, resolver=Pinned(simex.pin), use_dns_cache=False, force_close=True)
        timeout = ClientTimeout(total=5)
        async with ClientSession(connector=connector, trust_env=False, timeout=timeout) as session:
            yield simex, session


async def status(session: ClientSession, url: str) -> int:
    """The status of a GET."""
    async with session.get(url) as response:
        await response.read()
        return response.status


def kinds(simex: Simex) -> list[str]:
    """What has fired."""
    return [one.kind for one in simex.injections.log]


async def test_a_venues_fault_leaves_the_other_alone() -> None:
    """A status of the front reaches the venue in its scope, with Retry-After, and nobody else."""
    fault = {"kind": "http_status", "variant": "429", "scope": {"venue": "binance"}, "count": 1}
    async with running(scenario(fault)) as (simex, session):
        assert 200 == await status(session, TIME)
        async with session.get(PING) as response:
            assert (429, "30", -1003) == (
                response.status,
                response.headers["Retry-After"],
                (await response.json())["code"],
            )
        assert 200 == await status(session, PING)
        (firing,) = simex.injections.log

    assert ("/fapi/v1/ping", "GET", "binance") == (firing.path, firing.method, firing.touch["venue"])


async def test_refused_connections_come_back() -> None:
    """While everybody is refused nobody is let in; afterwards the same port serves again."""
    async with running(scenario({"kind": "refuse", "for": "400ms"})) as (_, session):
        await asyncio.sleep(0.1)
        with pytest.raises(ClientConnectionError):
            await session.get(TIME)
        await asyncio.sleep(0.5)

        assert 200 == await status(session, TIME)


async def test_a_refusal_of_one_venue() -> None:
    """Refused with a scope: that venue's connections are reset, the other's are served."""
    fault = {"kind": "refuse", "for": "1h", "scope": {"venue": "bybit"}}
    async with running(scenario(fault)) as (_, session):
        with pytest.raises(ClientConnectionError):
            await session.get(TIME)

        assert 200 == await status(session, PING)


@pytest.mark.parametrize("scope", [{}, {"host": "api.bybit.com"}])
async def test_a_hang_answers_nothing(scope: dict[str, str]) -> None:
    """A connection is accepted, and nothing comes."""
    async with running(scenario({"kind": "hang", "for": "1h", "scope": scope})) as (_, session):
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            await session.get(TIME, timeout=ClientTimeout(total=0.3))


@pytest.mark.parametrize(
    ("variant", "says"),
    [("expired", "expired"), ("wrong_name", "mismatch"), ("unknown_ca", "unable to get local issuer")],
)
async def test_a_certificate_that_is_wrong(variant: str, says: str) -> None:
    """A client that verifies refuses the host in the scope for the right reason, and no other host."""
    fault = {"kind": "certificate", "variant": variant, "for": "1h", "scope": {"host": "api.bybit.com"}}
    async with running(scenario(fault)) as (_, session):
        with pytest.raises(ClientConnectionError, match=says) as caught:
            await session.get(TIME)

        assert isinstance(caught.value, ClientConnectorCertificateError)
        assert 200 == await status(session, PING)


async def test_names_behind_the_proxy() -> None:
    """A name that does not resolve, one that leads nowhere, and one that is untouched."""
    faults = scenario(
        {"kind": "no_address", "for": "1h", "scope": {"host": "fapi.binance.com"}},
        {"kind": "wrong_address", "for": "1h", "scope": {"host": "dapi.binance.com"}},
    )
    async with running(faults) as (simex, _):
        context = ssl.create_default_context(cafile=str(simex.ca_file))
        async with ClientSession(connector=TCPConnector(ssl=context), proxy=simex.proxy_url) as session:
            for host in ("fapi", "dapi"):
                with pytest.raises(ClientError):
                    await session.get(f"https://{host}.binance.com/")
            assert 200 == await status(session, TIME)


async def test_a_slow_body() -> None:
    """The answer's head comes at once, its body byte by byte."""
    faults = scenario({"kind": "slow_body", "params": {"bytes_per_s": 50}})
    async with running(faults) as (_, session), session.get(TIME) as response:
        assert 200 == response.status
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.read(), 0.3)


async def test_an_answer_that_is_held() -> None:
    """The request is executed and logged; the client hears nothing and keeps its connection."""
    async with running(scenario({"kind": "hold_answer"})) as (simex, session):
        with pytest.raises(TimeoutError):
            await session.get(TIME, timeout=ClientTimeout(total=0.2))
        (entry,) = simex.requests

        assert ("dropped", 0, ("hold_answer",)) == (entry.fate, entry.status, entry.faults)
        assert 200 == await status(session, TIME)


@pytest.mark.parametrize("code", [1000, 1001, 1008])
async def test_websockets_are_closed_with_a_code(code: int) -> None:
    """The client sees that close code."""
    fault = {"kind": "close", "params": {"code": code}, "scope": {"venue": "bybit"}}
    async with running() as (simex, session), session.ws_connect(PUBLIC) as socket:
        await until(lambda: simex.status()["connections"])
        simex.injections.arm(of({"steps": [{"do": "close", "with": fault["params"]}]}, Path()).faults[0])
        message = await socket.receive(timeout=3)

        assert (WSMsgType.CLOSE, code) == (message.type, message.data)


async def test_a_reset_within_a_frame() -> None:
    """A connection that ends within a fragmented frame gives its client no message."""
    async with running() as (simex, session), session.ws_connect(PUBLIC) as socket:
        await until(lambda: simex.status()["connections"])
        simex.injections.arm(of({"steps": [{"do": "reset_mid_frame"}]}, Path()).faults[0])
        message = await socket.receive(timeout=3)

        assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSING)


async def test_a_handshake_that_is_refused_and_a_short_life() -> None:
    """The first handshake gets a status; the next connection is closed at its age."""
    faults = scenario(
        {"kind": "handshake_refused", "variant": "429", "scope": {"venue": "bybit"}},
        {"kind": "lifetime", "params": {"lifetime_ms": 50}, "when": {"after": 1}},
    )
    async with running(faults) as (_, session):
        with pytest.raises(WSServerHandshakeError) as caught:
            await session.ws_connect(PUBLIC)
        async with session.ws_connect(PUBLIC) as socket:
            message = await socket.receive(timeout=3)

        assert (429, WSMsgType.CLOSE, 1001) == (caught.value.status, message.type, message.data)


async def test_a_blackhole_is_silent_and_ends_in_a_reset() -> None:
    """A subscribed stream stops without a close; when it is over the old connection is dead and a new one works."""
    async with running() as (simex, session), session.ws_connect(PUBLIC) as socket:
        await socket.send_json({"op": "subscribe", "args": [BOOK]})
        assert BOOK == (await _frames(socket, 2))[-1].get("topic")
        simex.injections.arm(scenario({"kind": "blackhole", "for": "400ms"}).faults[0])
        await asyncio.sleep(0.05)
        while not socket._reader.is_eof() and socket._reader._buffer:  # what was on its way before
            await socket.receive()
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.2)
        ending = await socket.receive(timeout=3)

        assert ending.type in (WSMsgType.CLOSED, WSMsgType.ERROR)
        assert 200 == await status(session, TIME)


async def test_a_gap_in_the_differences() -> None:
    """One dropped frame of a book stream is a gap of one in its numbers, and all others arrive."""
    fault = {"kind": "frame_drop", "scope": {"channel": BOOK}, "when": {"after": 3}}
    async with running(scenario(fault)) as (simex, session), session.ws_connect(PUBLIC) as socket:
        await socket.send_json({"op": "subscribe", "args": [BOOK]})
        numbers = [one["data"]["u"] for one in await _frames(socket, 8) if one.get("topic") == BOOK]
        steps = [after - before for before, after in pairwise(numbers)]

        assert [1, 1, 2, 1] == steps[:4]
        assert ["frame_drop"] == kinds(simex)


async def test_maintenance_is_announced_and_ends() -> None:
    """The status endpoint tells of it and answers throughout; nothing else does; the other venue is untouched."""
    step = {
        "do": "maintenance",
        "variant": "announced",
        "scope": {"venue": "bybit"},
        "with": {"lead_ms": 300, "title": "Upgrade"},
        "for": "500ms",
    }
    async with running(scenario(steps=(step,))) as (simex, session):
        await asyncio.sleep(0.1)
        before = await _state(session), await status(session, TIME)
        await until(lambda: simex.exchanges["bybit"].instruments["linear", "BTCUSDT"].status == "halted")
        during = await _state(session), await status(session, TIME), await status(session, PING)
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(PUBLIC)
        await until(lambda: simex.exchanges["bybit"].instruments["linear", "BTCUSDT"].status == "trading")

        assert (("scheduled", 200), ("ongoing", 503, 200)) == (before, during)
        assert ("completed", 200) == (await _state(session), await status(session, TIME))


async def test_clocks_differ_by_venue() -> None:
    """A step of one venue's clock is seen there and nowhere else."""
    step = {"do": "clock_step", "scope": {"venue": "bybit"}, "with": {"step_ms": -7_000}}
    async with running(scenario(steps=(step,))) as (simex, session):
        await until(lambda: kinds(simex))
        async with session.get(TIME) as one, session.get(f"{FAPI}/fapi/v1/time") as other:
            apart = (await other.json())["serverTime"] - (await one.json())["time"]

        assert 6_500 < apart < 8_000


async def test_the_control_api_takes_both_forms() -> None:
    """A full fault, a scenario as YAML, the short form; bad ones are refused with what is allowed."""
    async with running() as (simex, session):

        async def post(name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            async with session.post(f"{simex.control_url}/control/{name}", json=body) as response:
                return response.status, await response.json()

        full = {"kind": "venue_error", "variant": "timeout", "scope": {"venue": "bybit"}, "params": {"executes": 0.5}}
        assert (200, {"id": 1}) == await post("fault", full)
        assert (200, {"id": 2}) == await post("fault", {"kind": "http_503", "variant": "unknown", "path": "/none"})
        text = "steps: [{do: shock, at: 1h, with: {asset: BTC, factor: 0.9}}]"
        assert (200, {"ids": [3]}) == await post("scenario", {"yaml": text})
        refused = await post("fault", {"kind": "venue_error", "variant": "nonsense"})
        assert (400, True) == (refused[0], "duplicate_id" in refused[1]["error"])
        assert 400 == (await post("scenario", {"yaml": "replay: /etc/passwd"}))[0]
        async with session.get(TIME) as response:
            assert 10000 == (await response.json())["retCode"]
        assert (200, {"disarmed": 2}) == await post("clear_faults", {})


async def test_an_action_that_cannot_be_done_stops_nothing() -> None:
    """It is logged with its reason, and the exchange lives on."""
    step = {"do": "adl", "scope": {"symbol": "BTCUSDT", "account": "nobody"}}
    async with running(scenario(steps=(step,))) as (simex, session):
        await until(lambda: simex.conductor.failures)

        assert "nobody" in simex.conductor.failures[0]["error"]
        assert 200 == await status(session, TIME)


async def _frames(socket: Any, count: int) -> list[dict[str, Any]]:
    return [await socket.receive_json(timeout=3) for _ in range(count)]


async def _state(session: ClientSession) -> str:
    async with session.get(f"{BYBIT}/v5/system/status") as response:
        found: str = (await response.json())["result"]["list"][0]["state"]
        return found
