"""One websocket connection of a client: a bounded queue out, a sans-IO session in, the injected faults between.

A client that does not read is dropped, never waited for: its queue has a bound, and past it the connection is aborted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque

from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web

from bot.simex.faults.armed import Injections
from bot.simex.faults.lines import Frame, Line
from bot.simex.faults.model import Touch
from bot.simex.wire import Session, SocketRules

QUEUE_FRAMES_MAX = 5_000
MESSAGE_BYTES_MAX = 65_536
PONG_BYTES_MAX = 125
ABNORMAL = 1006
STATE_S = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# The first 64 of 1,000 bytes of a text frame that says that more of it follows.
_FRAGMENT = bytes((0x01, 126)) + struct.pack("!H", 1_000) + b'{"e":"' + b"x" * 58


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


class Connection:
    """The socket side of a session. `touch` says which connection it is, for the scopes of faults."""

    def __init__(self, host: str, rules: SocketRules, injections: Injections, touch: Touch) -> None:
        self.host = host
        self.dropped_for_slowness = False
        self.line = Line(injections, touch, self._queued, self._after)
        self._rules = rules
        self._queue: deque[Frame] = deque()
        self._replies: deque[str] = deque()
        self._wake = asyncio.Event()
        self._ws: web.WebSocketResponse | None = None
        self._transport: asyncio.BaseTransport | None = None
        self._last_pong = 0.0
        self._second = 0
        self._received = 0
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def kind(self) -> str:
        """The kind of the session."""
        return self.line.kind

    def push(self, text: str) -> None:
        """A frame for the client; one whose queue is full is dropped."""
        self.line.push(text)

    def _queued(self, frame: Frame) -> None:
        if len(self._queue) >= QUEUE_FRAMES_MAX:
            self.dropped_for_slowness = True
            self.abort()
            return
        self._queue.append(frame)
        self._wake.set()

    def abort(self) -> None:
        """End the connection abruptly."""
        self._queue.clear()
        reset(self._transport)

    def hang_up(self, code: int = WSCloseCode.OK) -> None:
        """Close the connection with a code; 1006 is an abrupt end."""
        if code == ABNORMAL or self._ws is None:
            self.abort()
            return
        task = asyncio.create_task(self._close(self._ws, code))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def break_off(self) -> None:
        """Reset the connection within a frame."""
        transport = self._transport
        if isinstance(transport, asyncio.WriteTransport) and not transport.is_closing():
            transport.write(_FRAGMENT)
        # What was written is on its way before the reset: on loopback the call that writes also delivers.
        self.abort()

    async def serve(self, request: web.BaseRequest, session: Session) -> web.WebSocketResponse:
        """Run the connection until either side ends it."""
        self.line.opened(session)
        self._ws = ws = web.WebSocketResponse(autoping=False, max_msg_size=MESSAGE_BYTES_MAX, compress=True)
        await ws.prepare(request)
        self._transport = request.transport
        self._last_pong = asyncio.get_running_loop().time()
        helpers = [asyncio.ensure_future(self._write(ws))]
        if self._rules.ping_every_s:
            helpers.append(asyncio.ensure_future(self._keep_alive(ws)))
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
            if self.line.is_in("blackhole"):
                continue
            if self._is_flooding():
                await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                return
            if message.type == WSMsgType.TEXT:
                for reply in self.line.receive(session, message.data):
                    self._reply(reply)
            elif message.type == WSMsgType.PING:
                if not self.line.is_in("no_pongs"):
                    await ws.pong(message.data[:PONG_BYTES_MAX])
            elif message.type == WSMsgType.PONG:
                self._last_pong = asyncio.get_running_loop().time()
            elif message.type in (WSMsgType.BINARY, WSMsgType.ERROR):
                return

    def _reply(self, text: str) -> None:
        """Answer a message: at once, or as long after it as a gateway for orders takes, one after the other."""
        if self.kind != "api" or not self._rules.api_reply_ms:
            self.push(text)
            return
        self._replies.append(text)
        self._after(self._rules.api_reply_ms, self._next_reply)

    def _next_reply(self) -> None:
        self.push(self._replies.popleft())

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
                    if self.line.is_in("blackhole"):
                        await self._wait_and_reset()
                        return
                    await _sent(ws, self._queue.popleft())
        except (ClientConnectionResetError, ConnectionError):
            self.abort()

    async def _wait_and_reset(self) -> None:
        """Nothing goes out; when the hole is over, the other side has long forgotten this connection."""
        while self.line.is_in("blackhole"):  # noqa: ASYNC110 - a state ends by the exchange's clock
            await asyncio.sleep(STATE_S)
        self.abort()

    async def _keep_alive(self, ws: web.WebSocketResponse) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                await asyncio.sleep(self._rules.ping_every_s)
                if clock() - self._last_pong > self._rules.pong_within_s + self._rules.ping_every_s:
                    self.abort()
                    return
                if not (self.line.is_in("no_pings") or self.line.is_in("blackhole")):
                    await ws.ping(str(round(clock() * 1000)).encode())
        except (ClientConnectionResetError, ConnectionError):
            self.abort()

    async def _close(self, ws: web.WebSocketResponse, code: int) -> None:
        try:
            await ws.close(code=code)
        except (ClientConnectionResetError, ConnectionError):
            self.abort()

    def _after(self, delay_ms: int, then: object) -> None:
        assert callable(then)
        asyncio.get_running_loop().call_later(delay_ms / 1000, then)


async def _sent(ws: web.WebSocketResponse, frame: Frame) -> None:
    if isinstance(frame, bytes):
        await ws.send_bytes(frame)
    else:
        await ws.send_str(frame)
