"""A websocket venue on loopback under real names, and a clock cranked by hand."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import trustme
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from bot.domain.events import Event, StreamChanged
from bot.domain.units import SECOND_NS
from bot.venues.dialling import Dialling
from bot.venues.link import Link, Unreachable
from bot.venues.net import Address, ssl_context
from bot.venues.stream import Limits, Stream, World

HOST = "stream.binance.com"
PATIENCE_S = 20.0
START_NS = 1_700_000_000 * SECOND_NS
SETTLE_ROUNDS = 20


class FakeTime:
    """A clock that moves when `advance` is called, and the sleeps that depend on it."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def clock(self) -> int:
        """Now."""
        return self.now_ns

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was advanced that far."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.now_ns + int(seconds * SECOND_NS), self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass: every sleeper wakes at its own moment, and what it causes on the loop happens then."""
        end_ns = self.now_ns + int(seconds * SECOND_NS)
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end_ns:
            due_ns, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue
            self.now_ns = max(self.now_ns, due_ns)
            future.set_result(None)
            await settle()
        self.now_ns = end_ns

    def jump(self, seconds: float) -> None:
        """Let time pass while nothing runs, as when the machine stands still."""
        self.now_ns += int(seconds * SECOND_NS)


async def settle() -> None:
    """Let the loop do what is ready, sockets included."""
    for _ in range(SETTLE_ROUNDS):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until the condition holds; it never waits longer than `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for comes through a real socket
            await asyncio.sleep(0.001)


@dataclass
class Sink:
    """Keeps every event."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def changes(self) -> list[tuple[bool, str]]:
        """Up or down and why, in order."""
        return [(event.up, event.reason) for event in self.events if isinstance(event, StreamChanged)]


class Venue:
    """A websocket server; `peers` are the connections that it has now, `paths` every path that was asked for."""

    def __init__(self) -> None:
        self.peers: list[ServerConnection] = []
        self.paths: list[str] = []
        self.hosts: list[str] = []
        self.received: list[str | bytes] = []
        self.refuse: HTTPStatus | None = None
        self.redirect_to = ""
        self.port = 0

    def gate(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse or redirect a handshake when told to."""
        self.paths.append(request.path)
        self.hosts.append(request.headers["Host"])
        if self.refuse is None:
            return None
        response = connection.respond(self.refuse, "refused\n")
        if self.redirect_to:
            response.headers["Location"] = self.redirect_to
        return response

    async def serve(self, connection: ServerConnection) -> None:
        """Keep a connection until it goes."""
        self.peers.append(connection)
        with contextlib.suppress(Exception):
            async for message in connection:
                self.received.append(message)
        self.peers.remove(connection)

    async def say(self, text: str | bytes) -> None:
        """Send a frame on every connection."""
        for peer in tuple(self.peers):
            await peer.send(text)
        await settle()


class Recorder:
    """A handler that keeps frames; the first one confirms its link."""

    host = HOST

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.links: list[Link] = []
        self.anew: list[bool] = []
        self.unreachable = ""
        self.bug: Exception | None = None

    async def url(self) -> str:
        """Where the fake venue is."""
        if self.unreachable:
            raise Unreachable(self.unreachable)
        return f"wss://{HOST}/ws?listenKey=SECRETKEY"

    def opened(self, link: Link, *, anew: bool) -> None:
        """Keep the link."""
        self.links.append(link)
        self.anew.append(anew)

    def frame(self, link: Link, payload: bytes, received_ns: int) -> None:
        """Keep the frame; `bad` is bad."""
        if self.bug is not None:
            raise self.bug
        if payload == b"bad":
            link.bad("bad")
            return
        self.frames.append(payload)
        link.confirm()

    def tick(self, link: Link, now_ns: int) -> None:
        """Nothing."""


@dataclass
class Bench:
    """Everything that a stream test needs."""

    venue: Venue
    world: World
    time: FakeTime
    sink: Sink
    log: list[str]
    ca: trustme.CA
    pin: dict[str, Address | None]

    def stream(self, handler: Recorder, **limits: Any) -> Stream:
        """A stream to the venue."""
        return Stream("test", handler, self.sink, self.world, Limits(**limits))

    def told(self) -> str:
        """Every text that left the stream."""
        return "\n".join([*self.log, *(reason for _, reason in self.sink.changes)])


@asynccontextmanager
async def bench(directory: Path, *hosts: str) -> AsyncIterator[Bench]:
    """A venue that serves, and the world as a stream sees it."""
    ca, venue, time, log = trustme.CA(), Venue(), FakeTime(), list[str]()
    names = hosts or (HOST,)
    async with opened(venue, ca, *names):
        ca_file = directory / "ca.pem"
        ca.cert_pem.write_to_path(str(ca_file))
        rng = random.Random(7)
        pin: dict[str, Address | None] = dict.fromkeys(names, ("127.0.0.1", venue.port))
        world = World(
            pin=pin,
            context=ssl_context(ca_file),
            clock=time.clock,
            sleep=time.sleep,
            rng=rng,
            dialling=Dialling(rng),
            log=log.append,
        )
        yield Bench(venue, world, time, Sink(), log, ca, pin)


@asynccontextmanager
async def opened(venue: Venue, ca: trustme.CA, *names: str, port: int = 0) -> AsyncIterator[Server]:
    """Serve the venue with a certificate of this authority; connections are cut at the end."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*names).configure_cert(context)
    server = await serve(
        venue.serve, "127.0.0.1", port, ssl=context, process_request=venue.gate, ping_interval=None, close_timeout=0.1
    )
    venue.port = next(iter(server.sockets)).getsockname()[1]
    try:
        yield server
    finally:
        for peer in tuple(venue.peers):
            peer.transport.abort()
        server.close()
        await server.wait_closed()


class Runs(Protocol):
    """A stream or a feed."""

    async def run(self) -> None:
        """Run until cancelled."""
        ...


@asynccontextmanager
async def running(feed: Runs) -> AsyncIterator[None]:
    """Run a stream or feed for a while; what it raises by itself is raised here."""
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await settle()
