"""One websocket connection of a client: a bounded queue out, a sans-IO session in.

A client that does not read is dropped, never waited for: its queue has a bound, and past it the connection is aborted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from dataclasses import dataclass

from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web

from bot.simex.wire import Session

QUEUE_FRAMES_MAX = 5_000
MESSAGE_BYTES_MAX = 65_536
PONG_BYTES_MAX = 125
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """End a connection with a TCP reset: no close frame, no TLS farewell, what is buffered is lost."""
    if transport is None:
        return
    # A TLS transport that is closing has given its socket away already; it is only hurried then.
    raw = None if transport.is_closing() else transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    if isinstance(transport, asyncio.WriteTransport):
        # Python 3.11.0 to 3.11.2: a TLS transport whose protocol is gone already fails here, and is gone all the same.
        with contextlib.suppress(AttributeError):
            transport.abort()
    else:
        transport.close()


@dataclass(frozen=True, slots=True)
class SocketRules:
    """A host's rules for its websockets: its own pings, how long a pong may take, how much a client may send."""

    ping_every_s: float
    pong_within_s: float
    messages_per_s: int


SPOT_STREAM_RULES = SocketRules(ping_every_s=20.0, pong_within_s=60.0, messages_per_s=5)
USDM_STREAM_RULES = SocketRules(ping_every_s=180.0, pong_within_s=600.0, messages_per_s=10)
# The websocket API has request weights instead of a message rate.
API_RULES = SocketRules(ping_every_s=20.0, pong_within_s=60.0, messages_per_s=1_000)


class Connection:
    """The socket side of a session."""

    def __init__(self, host: str, rules: SocketRules) -> None:
        self.host = host
        self.session: Session | None = None
        self.dropped_for_slowness = False
        self._rules = rules
        self._queue: deque[str] = deque()
        self._wake = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None
        self._last_pong = 0.0
        self._second = 0
        self._received = 0

    @property
    def kind(self) -> str:
        """The kind of the session."""
        return self.session.kind if self.session is not None else ""

    def push(self, text: str) -> None:
        """Queue a frame; a client whose queue is full is dropped."""
        if len(self._queue) >= QUEUE_FRAMES_MAX:
            self.dropped_for_slowness = True
            self.abort()
            return
        self._queue.append(text)
        self._wake.set()

    def abort(self) -> None:
        """End the connection abruptly."""
        self._queue.clear()
        reset(self._transport)

    async def serve(self, request: web.BaseRequest, session: Session) -> web.WebSocketResponse:
        """Run the connection until either side ends it."""
        self.session = session
        ws = web.WebSocketResponse(autoping=False, max_msg_size=MESSAGE_BYTES_MAX, compress=False)
        await ws.prepare(request)
        self._transport = request.transport
        self._last_pong = asyncio.get_running_loop().time()
        helpers = [asyncio.ensure_future(self._write(ws)), asyncio.ensure_future(self._keep_alive(ws))]
        try:
            await self._read(ws, session)
        finally:
            session.closed()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return ws

    async def _read(self, ws: web.WebSocketResponse, session: Session) -> None:
        async for message in ws:
            if self._is_flooding():
                await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                return
            if message.type == WSMsgType.TEXT:
                for reply in session.receive(message.data):
                    self.push(reply)
            elif message.type == WSMsgType.PING:
                await ws.pong(message.data[:PONG_BYTES_MAX])
            elif message.type == WSMsgType.PONG:
                self._last_pong = asyncio.get_running_loop().time()
            elif message.type in (WSMsgType.BINARY, WSMsgType.ERROR):
                return

    def _is_flooding(self) -> bool:
        """Count a message that came in; pings and pongs count too, as documented."""
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._received = second, 0
        self._received += 1
        return self._received > self._rules.messages_per_s

    async def _write(self, ws: web.WebSocketResponse) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await ws.send_str(self._queue.popleft())
        except (ClientConnectionResetError, ConnectionError):
            self.abort()

    async def _keep_alive(self, ws: web.WebSocketResponse) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                await asyncio.sleep(self._rules.ping_every_s)
                if clock() - self._last_pong > self._rules.pong_within_s + self._rules.ping_every_s:
                    self.abort()
                    return
                await ws.ping(str(round(clock() * 1000)).encode())
        except (ClientConnectionResetError, ConnectionError):
            self.abort()
