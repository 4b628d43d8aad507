"""Heads of requests that no venue takes: refused in that venue's own words, and the server lives on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bot.simex.heads import HEADER_BYTES_MAX, HEADERS_MAX, READ_BYTES_MAX, READ_HEADERS_MAX, TARGET_BYTES_MAX
from tests.simex.pinned import running

PATHS = {
    "api.binance.com": "/api/v3/time",
    "fapi.binance.com": "/fapi/v1/time",
    "dapi.binance.com": "/dapi/v1/time",
    "api.bybit.com": "/v5/market/time",
    "stream.bybit.com": "/v5/private",
}
TOO_LONG = "?a=" + "x" * TARGET_BYTES_MAX
MANY = {f"X-Header-{number}": "x" for number in range(HEADERS_MAX)}


def code_of(host: str, body: bytes) -> int:
    """The venue's code, in the field where this venue has it."""
    code: int = json.loads(body)["retCode" if "bybit" in host else "code"]
    return code


def expected_of(host: str) -> int:
    """What this venue calls a request that is wrong as such."""
    return 10001 if "bybit" in host else -1000


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        (TOO_LONG, {}, 414),
        (TOO_LONG, {"Upgrade": "websocket", "Connection": "Upgrade"}, 414),
        ("", {"X-Large": "x" * HEADER_BYTES_MAX}, 400),
        ("", MANY, 400),
    ],
    ids=["target", "handshake", "header", "headers"],
)
@pytest.mark.parametrize("host", PATHS)
async def test_a_head_beyond_the_bounds(host: str, query: str, headers: dict[str, str], status: int) -> None:
    """A head that is too long is refused in the words of the venue that it was sent to, and the next one is taken."""
    async with running() as (_, session):
        async with session.get(f"https://{host}{PATHS[host]}{query}", headers=headers) as response:
            assert status == response.status
            assert expected_of(host) == code_of(host, await response.read())
        async with session.get(f"https://{host}{PATHS[host]}") as response:
            assert (404 if host.startswith("stream") else 200) == response.status


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /" + b"x" * (READ_BYTES_MAX + 1) + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * (READ_BYTES_MAX + 1) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * (READ_HEADERS_MAX + 1) + b"\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["header", "tls", "target", "large header", "headers", "length"],
)
@pytest.mark.parametrize("host", ["fapi.binance.com", "api.bybit.com"])
async def test_what_is_no_request(host: str, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read is refused in the words of the port's venue, the connection ends, and nothing is logged."""
    async with running() as (simex, session):
        status, body = await _answered(simex.plain[host], sent)

        assert (b"400", expected_of(host)) == (status, code_of(host, body))
        async with session.get(f"https://{host}{PATHS[host]}") as response:
            assert 200 == response.status
    assert not caplog.records


async def _answered(port: int, sent: bytes) -> tuple[bytes, Any]:
    """The status and body of the answer to raw bytes, read until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(5):
            answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split()[1], body
