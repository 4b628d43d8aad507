"""The sockets of simex: one TLS listener for every venue host, a plain HTTP port a host, loopback only.

The server knows HTTP, TLS and the injected faults; what an answer says is the dialect's business. Which host a request
is for is told by its Host header on the TLS listener and by the port on the plain ones. A `Dialect` never raises for
anything a client sends; should it do so all the same, that request is logged, answered 500, and the server lives on.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from aiohttp import web

from bot.simex import injection as faults
from bot.simex.binance.errors import BODY_TOO_LARGE, UNAVAILABLE_VARIANTS, VenueError, venue_error
from bot.simex.config import LOOPBACK
from bot.simex.hosts import SPOT_STREAM, USDM_STREAM, bare
from bot.simex.injection import Fault, Injections
from bot.simex.requestlog import ANSWERED, CLIENT_GONE, DROPPED, REPLACED, RequestLog
from bot.simex.sockets import API_RULES, SPOT_STREAM_RULES, USDM_STREAM_RULES, Connection, reset
from bot.simex.wire import Request, Response, Session, Trace

BODY_BYTES_MAX = 1 << 20
CONNECTIONS_MAX = 2_000
KEEP_ALIVE_S = 75.0
SHUTDOWN_S = 1.0
BACKLOG = 512
_RULES = {SPOT_STREAM: SPOT_STREAM_RULES, USDM_STREAM: USDM_STREAM_RULES}


class Dialect(Protocol):
    """A venue's protocol, without sockets."""

    def respond(self, request: Request) -> Response:
        """Answer an HTTP request."""
        ...

    def describe(self, request: Request) -> Trace:
        """What a request says of itself, for one that a fault keeps from being carried out."""
        ...

    def connect(self, host: str, path: str, query: str, push: Callable[[str], None]) -> Session | None:
        """The session of a new websocket connection, or None where there is no such endpoint."""
        ...


@dataclass(slots=True)
class Gates:
    """What the server lets through: websocket handshakes are refused until a moment of the loop's clock."""

    refused_until_s: dict[str, float] = field(default_factory=dict)

    def refuse(self, kind: str, seconds: float) -> None:
        """Refuse handshakes of a kind ("market", "user" or "all") for a while."""
        self.refused_until_s[kind] = asyncio.get_running_loop().time() + seconds

    def is_refused(self, kind: str) -> bool:
        """Whether handshakes of that kind are refused now."""
        now = asyncio.get_running_loop().time()
        # A connection of the websocket API is where a user stream would be subscribed.
        names = (kind, "all", "user") if kind == "api" else (kind, "all")
        return any(now < self.refused_until_s.get(name, 0.0) for name in names)


class Server:
    """Serves a dialect's hosts until closed."""

    def __init__(
        self,
        dialect: Dialect,
        hosts: tuple[str, ...],
        requests: RequestLog,
        injections: Injections,
        now_ms: Callable[[], int],
        after_request: Callable[[], None],
    ) -> None:
        self._dialect = dialect
        self._hosts = hosts
        self._requests = requests
        self._injections = injections
        self._now_ms = now_ms
        self._after_request = after_request
        self._port_hosts: dict[int, str] = {}
        self._runner: web.ServerRunner | None = None
        self.gates = Gates()
        self.connections: dict[Connection, None] = {}
        self.slow_clients_dropped = 0

    # ------------------------------------------------------------------------------------------------- life and ports
    async def start(self, context: ssl.SSLContext, tls_port: int, plain: bool) -> tuple[int, Mapping[str, int]]:
        """Listen; answers the TLS port and the plain port of each host."""
        server = web.Server(self._handle, access_log=None, keepalive_timeout=KEEP_ALIVE_S)
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        bound_port = await self._listen(tls_port, context)
        plain_ports: dict[str, int] = {}
        for host in self._hosts if plain else ():
            plain_ports[host] = await self._listen(0, None)
            self._port_hosts[plain_ports[host]] = host
        return bound_port, plain_ports

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> int:
        assert self._runner is not None
        sock = listener(port)
        await web.SockSite(self._runner, sock, ssl_context=context, backlog=BACKLOG).start()
        bound_port: int = sock.getsockname()[1]
        return bound_port

    async def close(self) -> None:
        """Abort every websocket and stop listening."""
        self.disconnect("all")
        if self._runner is not None:
            await self._runner.cleanup()

    def disconnect(self, kind: str) -> int:
        """Abort the websocket connections of a kind ("market", "user", "api" or "all"); answers how many."""
        chosen = [one for one in self.connections if kind in ("all", one.kind)]
        for connection in chosen:
            connection.abort()
        return len(chosen)

    # ------------------------------------------------------------------------------------------------------ requests
    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = self._host_of(request)
        raw_path, _, query = request.raw_path.partition("?")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request, host, raw_path, query)
        body = await _body(request)
        if body is None:
            error = venue_error(BODY_TOO_LARGE)
            return web.Response(status=error.status, body=error.body(), content_type="application/json")
        headers = {name.lower(): value for name, value in request.headers.items()}
        return await self._http(request, Request(host, request.method, raw_path, query, body, headers))

    def _host_of(self, request: web.BaseRequest) -> str:
        address = request.transport.get_extra_info("sockname") if request.transport else None
        port = address[1] if address else 0
        return self._port_hosts.get(port) or bare(request.headers.get("Host", ""))

    async def _http(self, request: web.BaseRequest, received: Request) -> web.StreamResponse:
        fired = self._injections.take(received, _symbol(received), self._now_ms())
        kinds = tuple(f"{fault.kind}:{fault.variant}" if fault.variant else fault.kind for fault in fired)
        fault = next((one for one in fired if one.kind != faults.DELAY), None)
        await _delays(fired, "before")
        if fault is None or _is_executed(fault):
            response = self._executed(received)
        else:
            response = Response(503, b"", trace=self._dialect.describe(received))
        await _delays(fired, "after")
        if fault is not None and fault.kind == faults.DROP_ANSWER:
            self._note(received, response, kinds, fate=DROPPED, status=0)
            reset(request.transport)
            return web.Response(status=499)
        answer, fate = response, ANSWERED
        if fault is not None:
            answer, fate = _altered(fault, received, response, self._now_ms()), REPLACED
        if request.transport is None or request.transport.is_closing():
            fate = CLIENT_GONE
        self._note(received, response, kinds, fate=fate, status=answer.status)
        return web.Response(
            status=answer.status, body=answer.body, content_type=answer.content_type, headers=dict(answer.headers)
        )

    def _executed(self, received: Request) -> Response:
        try:
            return self._dialect.respond(received)
        except Exception:
            # A defect of simex: noted, so that no request is lost from the log, and answered 500 by aiohttp.
            defect = Response(500, b"", trace=Trace(verdict="simex_defect"))
            self._note(received, defect, (), fate=REPLACED, status=500)
            raise
        finally:
            self._after_request()

    def _note(self, received: Request, response: Response, kinds: tuple[str, ...], *, fate: str, status: int) -> None:
        self._requests.add(received, response, time_ms=self._now_ms(), fate=fate, status=status, faults=kinds)

    # ---------------------------------------------------------------------------------------------------- websockets
    async def _websocket(self, request: web.BaseRequest, host: str, path: str, query: str) -> web.StreamResponse:
        connection = Connection(host, _RULES.get(host, API_RULES))
        session = self._dialect.connect(host, path, query, connection.push)
        if session is None:
            return web.Response(status=404, text="404 page not found")
        if self.gates.is_refused(session.kind) or len(self.connections) >= CONNECTIONS_MAX:
            session.closed()
            reset(request.transport)
            return web.Response(status=503)
        self.connections[connection] = None
        try:
            return await connection.serve(request, session)
        finally:
            del self.connections[connection]
            self.slow_clients_dropped += connection.dropped_for_slowness


def listener(port: int) -> socket.socket:
    """A socket bound to loopback; port 0 takes a free one."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
    except OSError:
        sock.close()
        raise
    return sock


async def _body(request: web.BaseRequest) -> bytes | None:
    """The whole body, or None when it is larger than allowed."""
    parts = bytearray()
    async for chunk in request.content.iter_any():
        parts += chunk
        if len(parts) > BODY_BYTES_MAX:
            return None
    return bytes(parts)


def _symbol(request: Request) -> str:
    for text in (request.query, request.body.decode("latin-1")):
        for pair in text.split("&"):
            if pair.startswith("symbol="):
                return pair[len("symbol=") :]
    return ""


async def _delays(fired: list[Fault], variant: str) -> None:
    waited_ms = sum(fault.delay_ms for fault in fired if fault.kind == faults.DELAY and fault.variant == variant)
    if waited_ms:
        await asyncio.sleep(waited_ms / 1000)


def _is_executed(fault: Fault) -> bool:
    """An error and the 503s that mean failure are never executed; the others as the fault says."""
    return fault.executes and fault.kind != faults.ERROR and fault.variant not in faults.FAILURES


def _altered(fault: Fault, received: Request, response: Response, now_ms: int) -> Response:
    """The answer that the client gets in place of `response`."""
    if fault.kind == faults.HTTP_503:
        body = dict(UNAVAILABLE_VARIANTS[fault.variant])
        if "code" not in body:
            body = {"timestamp": now_ms, "path": received.path, **body}
        return Response(503, msgspec.json.encode(body))
    if fault.kind == faults.ERROR:
        return Response(fault.status, VenueError(fault.code, fault.msg).body(), response.headers)
    if fault.kind == faults.GARBAGE_200:
        garbage, content_type = faults.garbled(fault.variant, response.body)
        return Response(200, garbage, response.headers, content_type)
    if fault.kind in (faults.EMPTY_LIST, faults.EMPTY_BALANCES) and response.status == 200:
        return Response(200, faults.emptied(response), response.headers)
    return response
