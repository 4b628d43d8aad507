"""What the simulated exchange costs when it serves: an order over loopback, and many streams at ten updates a second.

The exchange is a process of its own, started as a user starts it; its CPU is what the system has booked for it. An
order that takes at once and finds nothing goes through everything but the book's queue, and leaves nothing behind. The
bare round trip beside it is a ping of the same server in the same run. Both are asked by a bare socket, so that what
is measured is the server and not its client.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from bot.lab.bench.figures import Counts, Figure, median, quantile

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
# Within the venue's own limit of orders in ten seconds.
ORDERS_MAX = 250
MICROSECOND_NS = 1_000
ANSWER_BYTES_MAX = 65_536
STREAMS = ("btcusdt@depth5@100ms", "btcusdt@depth20@100ms", "ethusdt@depth5@100ms", "ethusdt@depth20@100ms")
CONNECTIONS = 50
WATCHED_S_MIN = 1.0
ORDERS_A_SECOND = 100
"""How long the streams are watched: as many seconds as there are hundreds of orders."""


async def measure(counts: Counts) -> list[Figure]:
    """The row."""
    async with _serving() as (pid, found), ClientSession(trust_env=False) as session:
        orders = _orders(found, min(counts.orders, ORDERS_MAX))
        watched_s = max(counts.orders / ORDERS_A_SECOND, WATCHED_S_MIN)
        return [*orders, *await _streams(session, found, pid, watched_s)]


@contextlib.asynccontextmanager
async def _serving() -> AsyncIterator[tuple[int, dict[str, Any]]]:
    command = [sys.executable, "-m", "bot.simex", "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_TIMEOUT_S):
            line = await process.stdout.readline()
        yield process.pid, json.loads(line)
    finally:
        process.terminate()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()


def _orders(found: dict[str, Any], count: int) -> list[Figure]:
    key, placed, pinged = found["keys"]["default"], list[float](), list[float]()
    with socket.create_connection(("127.0.0.1", found["plain"]["fapi.binance.com"])) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _, body = _asked(connection, "GET", "premiumIndex?symbol=BTCUSDT")
        mark = float(json.loads(body)["markPrice"])
        for _ in range(count):
            pinged.append(_asked(connection, "GET", "ping")[0])
            placed.append(_asked(connection, "POST", _order(mark, key["secret"]), key["api_key"])[0])
    return [
        Figure(
            name="served order, loopback, p50",
            value=median(placed),
            unit="us",
            note="signed, plain HTTP, kept alive, from a bare socket",
        ),
        Figure(name="  p99", value=quantile(placed, 0.99), unit="us"),
        Figure(name="  a ping of the same run, p50", value=median(pinged), unit="us"),
        Figure(name="  order / ping", value=median(placed) / median(pinged), unit="x"),
    ]


def _order(mark: float, secret: str) -> str:
    """The path of an order that takes at once, and finds nothing."""
    asked = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "IOC",
        "quantity": "0.01",
        "price": f"{mark * 0.97:.1f}",
        "timestamp": str(time.time_ns() // 1_000_000),
    }
    query = urlencode(asked)
    return f"order?{query}&signature={hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"


def _asked(connection: socket.socket, method: str, path: str, key: str = "") -> tuple[float, bytes]:
    """Microseconds from the request's first byte to the answer's last, and its body."""
    lines = (
        f"{method} /fapi/v1/{path} HTTP/1.1",
        "Host: fapi.binance.com",
        f"X-MBX-APIKEY: {key}",
        "Content-Length: 0",
    )
    request = "".join(f"{line}\r\n" for line in (*lines, "")).encode()
    began = time.perf_counter_ns()
    connection.sendall(request)
    answer = connection.recv(ANSWER_BYTES_MAX)
    while not (whole := _body_of(answer)):
        answer += connection.recv(ANSWER_BYTES_MAX)
    spent = (time.perf_counter_ns() - began) / MICROSECOND_NS
    assert answer.startswith(b"HTTP/1.1 200 "), answer.decode()
    return spent, whole


def _body_of(answer: bytes) -> bytes:
    """The body of an answer, once all of it is there; nothing until then."""
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"")
    return body if length and len(body) >= int(length.partition(b":")[2]) else b""


async def _streams(session: ClientSession, found: dict[str, Any], pid: int, watched_s: float) -> list[Figure]:
    url = f"http://127.0.0.1:{found['plain']['fstream.binance.com']}/stream?streams={'/'.join(STREAMS)}"
    sockets = [await session.ws_connect(url) for _ in range(CONNECTIONS)]
    before_s, began = _cpu_s(pid), time.perf_counter()
    frames = sum(await asyncio.gather(*(_read(one, began + watched_s) for one in sockets)))
    spent_s, passed_s = _cpu_s(pid) - before_s, time.perf_counter() - began
    for one in sockets:
        await one.close()
    number = CONNECTIONS * len(STREAMS)
    note = f"{frames / passed_s / number:.1f} updates a second each, over {CONNECTIONS} connections; market and all"
    return [
        Figure(name=f"a core's share of {number} streams", value=100 * spent_s / passed_s, unit="%", note=note),
        Figure(name="  CPU of one frame", value=spent_s / frames * 1e6, unit="us"),
    ]


async def _read(watched: ClientWebSocketResponse, until: float) -> int:
    """How many frames come until then; the streams are never silent for long."""
    frames = 0
    while time.perf_counter() < until:
        message = await watched.receive()
        assert message.type is WSMsgType.TEXT, message
        frames += 1
    return frames


def _cpu_s(pid: int) -> float:
    """CPU seconds booked for a process, in user and in kernel mode, as Linux tells them."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
