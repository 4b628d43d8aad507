"""Health and metrics over HTTP: `/livez`, `/readyz` and `/metrics`, for this machine.

Theory of operation. A companion: it answers out of the daemon's status and health, on the event loop, and can ask for
nothing else. Only GET is answered, nothing is read of a body, a connection serves one request and lives
`CONNECTION_S_MAX` at most, and no more than `CONNECTIONS_MAX` are open at a time. A browser that a strange page has
pointed at this machine names that page's host, so on a loopback address any other host than this machine is refused.
A port that is taken is said once and tried again: observing must not keep a hedge from running.
"""

import asyncio
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.domain.commands import Command
from bot.domain.events import Event
from bot.domain.units import SECOND_NS
from bot.engine.state import State
from bot.ops.exporter import Exporter, Scrape, SinkCounts
from bot.runtime import log
from bot.runtime.companion import House
from bot.runtime.fields import Address
from bot.runtime.fields_service import ANYWHERE
from bot.runtime.upkeep import known_free_bytes

CONNECTIONS_MAX = 16
CONNECTION_S_MAX = 10.0
REQUEST_S_MAX = 5.0
"""How long a client may take to send its request."""
BACKLOG = 16
RETRY_S_MIN, RETRY_S_MAX = 1.0, 60.0
LAG_LOOK_S = 0.1
DISK_EVERY_S = 10.0
JSON = "application/json"
_THIS_MACHINE = re.compile(r"(localhost|127(\.\d{1,3}){3})(:\d+)?", re.IGNORECASE)

Sinks = Callable[[], Iterable[SinkCounts]]


def no_sinks() -> Iterable[SinkCounts]:
    """Where no alerts are sent."""
    return ()


class LagMeter:
    """The longest stall of the event loop since it was last asked."""

    def __init__(self) -> None:
        self._worst_s = 0.0
        self._due: float | None = None

    async def run(self) -> None:
        """Look again and again whether waking up takes longer than asked for."""
        time = asyncio.get_running_loop().time
        try:
            while True:
                self._due = time() + LAG_LOOK_S
                await asyncio.sleep(LAG_LOOK_S)
                self._worst_s = max(self._worst_s, time() - self._due)
        finally:
            self._due = None

    def take_ns(self) -> int:
        """The longest stall, one that has not been noticed yet among them; from now on it counts anew."""
        now = asyncio.get_running_loop().time()
        worst_s = max(self._worst_s, now - self._due if self._due is not None else 0.0)
        self._worst_s = 0.0
        return int(worst_s * SECOND_NS)


class Web:
    """A companion that serves health and metrics at `listen`; port 0 takes any free one. `sinks` tells of alerts."""

    name = "web"

    def __init__(self, listen: Address, sinks: Sinks = no_sinks) -> None:
        self.address: Address | None = None
        """Where it listens; None while it does not."""
        self._listen = listen
        self._sinks = sinks
        self._exporter = Exporter()
        self._lag = LagMeter()
        self._disk_free: int | None = None

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """Count what a status does not show."""
        self._exporter.counts.on_step(event, commands, state)

    async def run(self, house: House) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lag.run(), name="web.lag")
            group.create_task(self._look_at_disk(house), name="web.disk")
            group.create_task(self._serve(house), name="web.serve")

    async def _look_at_disk(self, house: House) -> None:
        """In a thread: a disk that hangs must not keep the event loop. Its last word stands until there is another."""
        while True:
            self._disk_free = await asyncio.to_thread(known_free_bytes, Path(house.status().journal_path))
            await asyncio.sleep(DISK_EVERY_S)

    async def _serve(self, house: House) -> None:
        loop, listening = asyncio.get_running_loop(), await self._bound(house)
        http = web.Server(
            partial(self._answer, house), keepalive_timeout=REQUEST_S_MAX, lingering_time=0.0, access_log=None
        )
        server = await loop.create_server(partial(_connection, http), sock=listening, backlog=BACKLOG)
        host, port = listening.getsockname()
        self.address = Address(host, port)
        log.logger("bot.web").info("web", listens=str(self.address))
        try:
            await asyncio.Event().wait()
        finally:
            self.address = None
            server.close()
            for handler in http.connections:
                _cut(handler)

    async def _bound(self, house: House) -> socket.socket:
        """The listening socket, as soon as the address is free."""
        told, pause_s = False, RETRY_S_MIN
        while True:
            try:
                return _listening(self._listen)
            except OSError as error:
                if not told:
                    what = f"no health and metrics at {self._listen} yet: {error.strerror or error}; trying again"
                    log.logger("bot.web").warning("web", what=what)
                told = True
            await house.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_S_MAX)

    async def _answer(self, house: House, request: web.BaseRequest) -> web.StreamResponse:
        response = self._respond(house, request)
        response.headers["Cache-Control"] = "no-store"
        response.force_close()
        return response

    def _respond(self, house: House, request: web.BaseRequest) -> web.Response:
        if self._listen.host != ANYWHERE and not _THIS_MACHINE.fullmatch(request.host):
            return _said(403, "ask this machine by its own name")
        if request.method != "GET":
            return _said(405, "only GET", Allow="GET")
        if request.body_exists:
            return _said(400, "no body is taken")
        match request.path:
            case "/livez":
                return _health(house, ready=False)
            case "/readyz":
                return _health(house, ready=True)
            case "/metrics":
                text = self._exporter.text(self._scrape(house))
                return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
            case _:
                return _said(404, "there are /livez, /readyz and /metrics")

    def _scrape(self, house: House) -> Scrape:
        status = house.status()
        return Scrape(
            status=status,
            loop_lag_ns=self._lag.take_ns(),
            disk_free_bytes=self._disk_free,
            sinks=tuple(self._sinks()),
        )


def _health(house: House, *, ready: bool) -> web.Response:
    """What the daemon says of itself; `ready` asks whether it could hedge, otherwise whether it lives."""
    health = house.health()
    shown = {name: getattr(health, name) for name in ("live", "ready", "mode", "reasons")}
    well = health.ready if ready else health.live
    return web.Response(status=200 if well else 503, body=msgspec.json.encode(shown), content_type=JSON)


def _said(status: int, text: str, **headers: str) -> web.Response:
    body = msgspec.json.encode({"error": text})
    return web.Response(status=status, body=body, headers={"Content-Type": JSON, **headers})


def _listening(address: Address) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setblocking(False)
        made.bind((address.host, address.port))
        # Two sockets can be bound to one address as long as none of them listens.
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


class _Refusal(asyncio.Protocol):
    """Hangs up on a client that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


def _connection(http: web.Server) -> asyncio.Protocol:
    if len(http.connections) >= CONNECTIONS_MAX:
        return _Refusal()
    handler = http()
    asyncio.get_running_loop().call_later(CONNECTION_S_MAX, _cut, handler)
    return handler


def _cut(handler: web.RequestHandler) -> None:
    """End a connection, whatever of its answer was not taken yet."""
    if isinstance(transport := handler.transport, asyncio.Transport):
        handler.force_close()
        transport.abort()
