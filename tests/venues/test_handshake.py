"""A connection that breaks before it is one, on both event loops: it is noticed at once and costs one try."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from tests.venues.streamkit import HOST, PATIENCE_S, Bench, Recorder, bench, running, until

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(uvloop.new_event_loop, id="uvloop"),
]
on_both_loops = pytest.mark.parametrize("factory", LOOPS)
LONG_S = 10 * PATIENCE_S
"""A connect timeout that no test lives to see."""
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FRAME = b"\x81\x02{}"
_NO_LINGERING = struct.pack("ii", 1, 0)


class Server(asyncio.Protocol):
    """The venue's side of one connection; what happens at which moment is the test's to say."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.request = b""
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self.stand.servers.append(self)
        if self.stand.at_tls is not None:
            asyncio.get_running_loop().call_soon(self.stand.at_tls, self)

    def data_received(self, data: bytes) -> None:
        """The request for a websocket came."""
        self.request += data
        if self.request.endswith(b"\r\n\r\n") and self.stand.at_request is not None:
            self.stand.at_request(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left."""
        self.gone = True

    def accept(self) -> None:
        """Answer the handshake."""
        self.transport.write(_answer(self.request))

    def reset(self) -> None:
        """End by a TCP reset, right behind what was written: the client finds both in the same moment."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.transport.abort()


class Stand:
    """A TLS server that keeps its connections."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.at_tls: Callable[[Server], None] | None = None
        self.at_request: Callable[[Server], None] | None = None


@asynccontextmanager
async def standing(b: Bench) -> AsyncIterator[Stand]:
    """The bench's host is served by a stand, for the streams that are made from now on."""
    stand = Stand()
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(stand), "127.0.0.1", 0, ssl=server_context(b)
    )
    b.pin[HOST] = ("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield stand
    finally:
        for one in stand.servers:
            one.transport.abort()
        server.close()


def run(story: Coroutine[Any, Any, None], factory: LoopFactory) -> None:
    """Run a story on a loop of this kind."""
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(story)


def _cut_after_part(server: Server) -> None:
    server.transport.write(b"HTTP/1.1 101 Switching Proto")
    server.reset()


def _close(server: Server) -> None:
    server.transport.close()


CUTS: dict[str, tuple[Callable[[Server], None] | None, Callable[[Server], None] | None]] = {
    "reset after TLS": (Server.reset, None),
    "reset by the request": (None, Server.reset),
    "reset within the answer": (None, _cut_after_part),
    "closed by the request": (None, _close),
}


@pytest.mark.parametrize("cut", CUTS)
@on_both_loops
def test_a_loss_in_the_handshake_is_noticed_at_once(tmp_path: Path, cut: str, factory: LoopFactory) -> None:
    """A connection that goes before its handshake is answered is a failed try, known long before the timeout."""

    async def story() -> None:
        async with bench(tmp_path) as b, standing(b) as stand:
            stand.at_tls, stand.at_request = CUTS[cut]
            handler = Recorder()
            stream = b.stream(handler, connect_s=LONG_S)
            async with running(stream):
                await until(lambda: b.sink.changes)
                await b.time.advance(0.25)
                await until(lambda: len(b.log) == 2)

            assert [(False, "no connection: lost during the handshake")] == b.sink.changes
            assert (0, []) == (stream.connects, handler.links)

    run(story(), factory)


@on_both_loops
def test_a_reset_that_comes_with_data_is_noticed_at_once(tmp_path: Path, factory: LoopFactory) -> None:
    """A link whose last frame and whose reset arrive together is known to be lost, without waiting for a silence."""

    async def story() -> None:
        async with bench(tmp_path) as b:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                b.pin[HOST] = listener.getsockname()
                handler = Recorder()
                async with running(b.stream(handler, connect_s=LONG_S)):
                    server = await asyncio.to_thread(accepted, listener, server_context(b))
                    await until(lambda: handler.links)
                    # Nothing is awaited in between, so the loop finds both in the same moment.
                    server.sendall(_FRAME)
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
                    server.close()
                    await until(lambda: len(b.sink.changes) == 2)

            assert [(True, "connected"), (False, "connection lost")] == b.sink.changes

    run(story(), factory)


@on_both_loops
def test_a_handshake_that_is_answered_too_late_is_not_listened_to(tmp_path: Path, factory: LoopFactory) -> None:
    """A connection that was given up and then comes about is cut: nobody would watch it."""

    async def story() -> None:
        async with bench(tmp_path) as b, standing(b) as stand:
            handler = Recorder()
            async with running(b.stream(handler, connect_s=0.1)):
                await until(lambda: stand.servers and stand.servers[0].request)
                await until(lambda: b.sink.changes)
                _accept_late(stand.servers[0])
                await until(lambda: stand.servers[0].gone)

            assert ([], []) == (handler.links, handler.frames)

    run(story(), factory)


def _answer(request: bytes) -> bytes:
    (key,) = [line[18:].strip() for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key:")]
    token = base64.b64encode(hashlib.sha1(key + _ACCEPT, usedforsecurity=False).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"


def server_context(b: Bench) -> ssl.SSLContext:
    """The bench's host, as its certificate has it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    b.ca.issue_cert(HOST).configure_cert(context)
    return context


def accepted(listener: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A websocket as the server has it."""
    listener.settimeout(PATIENCE_S)
    raw, _ = listener.accept()
    raw.settimeout(PATIENCE_S)
    server = context.wrap_socket(raw, server_side=True)
    server.sendall(_answer(server.recv(4096)))
    return server


def _accept_late(server: Server) -> None:
    server.accept()
    server.transport.write(_FRAME)
