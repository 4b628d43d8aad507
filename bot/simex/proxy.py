"""A forward proxy for clients that cannot be told a resolver: real host names, so real certificates and real URLs.

`CONNECT fapi.binance.com:443` is joined to the listener that serves that host; any other host is refused, so a client
behind this proxy reaches nothing else. Only loopback is listened on, and only CONNECT is understood.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from bot.simex.config import LOOPBACK

Address = tuple[str, int]

HEAD_BYTES_MAX = 8_192
HEAD_WITHIN_S = 10.0
CHUNK_BYTES = 65_536
TUNNELS_MAX = 2_000
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_NOT_A_TUNNEL = b"HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_UNKNOWN_HOST = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Serves CONNECT until closed. `pin` is host -> address, looked at anew for each tunnel.

    `resolves` is asked before a name is looked up; a fault that breaks name resolution answers False.
    """

    def __init__(self, pin: Callable[[], Mapping[str, Address]], resolves: Callable[[str], bool]) -> None:
        self._pin = pin
        self._resolves = resolves
        self._server: asyncio.Server | None = None
        self._tunnels: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> str:
        """Listen; answers the proxy's URL. OSError when the port is taken."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, port, limit=HEAD_BYTES_MAX)
        return f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening and end every tunnel."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tunnels):
            task.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            # The client left, or sent no request that ends: there is nobody to answer.
            return
        except asyncio.CancelledError:
            # Only `close` cancels a tunnel. The streams' own callback would report a cancelled task as an error.
            return
        finally:
            self._tunnels.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HEAD_WITHIN_S):
            head = await reader.readuntil(b"\r\n\r\n")
        refusal, address = self._judge(head.split(b"\r\n", 1)[0].decode("latin-1"))
        if address is None:
            writer.write(refusal)
            await writer.drain()
            return
        upstream = await asyncio.open_connection(*address)
        try:
            writer.write(ESTABLISHED)
            await _joined((reader, writer), upstream)
        finally:
            upstream[1].close()

    def _judge(self, line: str) -> tuple[bytes, Address | None]:
        """The refusal of a request line, or the address it is for."""
        method, _, rest = line.partition(" ")
        if method != "CONNECT":
            return _NOT_A_TUNNEL, None
        if len(self._tunnels) > TUNNELS_MAX:
            return _FULL, None
        host = rest.partition(" ")[0].rpartition(":")[0].lower()
        address = self._pin().get(host)
        if address is None or not self._resolves(host):
            return _UNKNOWN_HOST, None
        return b"", address


Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _joined(one: Pipe, other: Pipe) -> None:
    """Carry bytes both ways until either side ends."""
    ways = [asyncio.ensure_future(_carried(one[0], other[1])), asyncio.ensure_future(_carried(other[0], one[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
