"""The sockets of simex: one TLS listener for every venue host, a plain HTTP port a host, loopback only.

The server knows HTTP, TLS and the injected faults; what an answer says is the dialect's business. Which host a request
is for is told by its Host header on the TLS listener and by the port on the plain ones; the host tells the dialect. A
`Dialect` never raises for anything a client sends; should it do so all the same, that request is logged, answered 500,
and the server lives on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import ClientConnectionResetError, WSCloseCode, web

from bot.simex.config import LOOPBACK
from bot.simex.faults.armed import Injections
from bot.simex.faults.front import HOLD, RESET, Front, Outcome
from bot.simex.faults.model import Scope, Touch
from bot.simex.faults.network import Ports, touch_of
from bot.simex.faults.places import venue_of
from bot.simex.heads import MALFORMED, TARGET_BYTES_MAX, Reader, refused
from bot.simex.hosts import bare
from bot.simex.requestlog import CLIENT_GONE, REPLACED, RequestLog
from bot.simex.sockets import Connection, reset
from bot.simex.wire import HERE, Dialect, Request, Response, Trace

BODY_BYTES_MAX = 1 << 20
CONNECTIONS_MAX = 2_000
KEEP_ALIVE_S = 75.0
SHUTDOWN_S = 1.0
BACKLOG = 512
# How often a request that a fault holds is looked at, and how long one is held at most.
HELD_LOOK_S = 0.05
HELD_S_MAX = 600.0
SLOW_STEPS_PER_S = 10
ATTEMPTS_WINDOW_S = 300.0
# What answers during a maintenance.
STATUS_PATHS = ("/v5/system/status", "/v5/public/misc/status", "/sapi/v1/system/status")


@dataclass(slots=True)
class Gates:
    """What the server lets through: websocket handshakes are refused until a moment of the loop's clock.

    Attempts to connect are counted by host: all clients come from one address.
    """

    refused_until_s: dict[str, float] = field(default_factory=dict)
    attempts_s: dict[str, deque[float]] = field(default_factory=dict)

    def refuse(self, kind: str, seconds: float) -> None:
        """Refuse handshakes of a kind ("market", "user" or "all") for a while."""
        self.refused_until_s[kind] = asyncio.get_running_loop().time() + seconds

    def is_refused(self, kind: str) -> bool:
        """Whether handshakes of that kind are refused now."""
        now = asyncio.get_running_loop().time()
        # A connection of the websocket API is where a user stream would be subscribed.
        names = (kind, "all", "user") if kind == "api" else (kind, "all")
        return any(now < self.refused_until_s.get(name, 0.0) for name in names)

    def admits(self, host: str, most: int) -> bool:
        """Count an attempt to connect; whether there were at most so many in the last five minutes (0: any number)."""
        if not most:
            return True
        now = asyncio.get_running_loop().time()
        attempts = self.attempts_s.setdefault(host, deque(maxlen=most + 1))
        attempts.append(now)
        return len(attempts) <= most or now - attempts[0] >= ATTEMPTS_WINDOW_S


class Server:
    """Serves the hosts of the dialects until closed."""

    def __init__(
        self,
        dialects: Sequence[Dialect],
        requests: RequestLog,
        injections: Injections,
        now_ms: Callable[[], int],
        after_request: Callable[[], None],
    ) -> None:
        self._dialects = {host: dialect for dialect in dialects for host in dialect.hosts}
        # A request for no host of ours is answered by the first venue, in its words for an unknown path.
        self._first = dialects[0]
        self._requests = requests
        self._injections = injections
        self._now_ms = now_ms
        self._after_request = after_request
        self._front = Front(injections, self._executed, self._note)
        self._ports = Ports(injections, self._stop_listening, self._listen_again)
        self._port_hosts: dict[int, str] = {}
        self._listening: list[tuple[web.SockSite, int, ssl.SSLContext | None]] = []
        self._runner: web.ServerRunner | None = None
        self.gates = Gates()
        self.shut_venues: set[str] = set()
        """Venues of which nothing answers but what is in STATUS_PATHS."""
        self.connections: dict[Connection, None] = {}
        self.slow_clients_dropped = 0

    # ------------------------------------------------------------------------------------------------- life and ports
    async def start(self, context: ssl.SSLContext, tls_port: int, plain: bool) -> tuple[int, Mapping[str, int]]:
        """Listen; answers the TLS port and the plain port of each host."""
        reader = Reader(self._handle, self._unreadable, KEEP_ALIVE_S)
        self._runner = web.ServerRunner(reader, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        bound_port = await self._listen(tls_port, context)
        plain_ports: dict[str, int] = {}
        for host in self._dialects if plain else ():
            plain_ports[host] = await self._listen(0, None)
            self._port_hosts[plain_ports[host]] = host
        return bound_port, plain_ports

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> int:
        assert self._runner is not None
        sock = listener(port)
        site = web.SockSite(self._runner, sock, ssl_context=context, backlog=BACKLOG)
        await site.start()
        bound_port: int = sock.getsockname()[1]
        self._listening.append((site, bound_port, context))
        return bound_port

    async def _stop_listening(self) -> list[int]:
        """Stop accepting; what is connected stays. Answers the ports."""
        for site, _, _ in self._listening:
            await site.stop()
        return [port for _, port, _ in self._listening]

    async def _listen_again(self) -> None:
        before, self._listening = self._listening, []
        for _, port, context in before:
            await self._listen(port, context)

    async def tick(self) -> None:
        """Follow the faults that are states of the listeners."""
        await self._ports.follow()

    async def close(self) -> None:
        """Abort every websocket and stop listening."""
        self.disconnect("all")
        self._ports.close()
        await self._front.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def disconnect(self, kind: str) -> int:
        """Abort the websocket connections of a kind ("market", "user", "api" or "all"); answers how many."""
        chosen = [one for one in self.connections if kind in ("all", one.kind)]
        for connection in chosen:
            connection.abort()
        return len(chosen)

    def hang_up(self, scope: Scope, code: int | None) -> int:
        """Close the websockets in a scope with a code; None resets them within a frame. Answers how many."""
        chosen = [one for one in self.connections if scope.covers(one.line.now())]
        for connection in chosen:
            if code is None:
                connection.break_off()
            else:
                connection.hang_up(code)
        return len(chosen)

    # ------------------------------------------------------------------------------------------------------ requests
    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = self._host_of(request)
        raw_path, _, query = request.raw_path.partition("?")
        if await self._is_cut_off(request, touch_of(host, raw_path)):
            reset(request.transport)
            return web.Response(status=499)
        if reason := refused(request):
            return self._refused(reason, host, request)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request, host, raw_path, query)
        body = await _body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Request(host, request.method, raw_path, query, body or b"", headers, request.remote or HERE)
        dialect = self._dialect_of(host)
        if body is None:
            return _written(dialect.refusal("too_large", received))
        return await self._http(request, received, dialect)

    def _refused(self, reason: str, host: str, request: web.BaseRequest) -> web.Response:
        # Most of what was sent is not looked at: neither is it passed on.
        received = Request(host, request.method, request.path[:TARGET_BYTES_MAX])
        return _written(self._dialect_of(host).refusal(reason, received))

    def _unreadable(self, request: web.BaseRequest) -> web.Response:
        return self._refused(MALFORMED, self._host_of(request), request)

    def _dialect_of(self, host: str) -> Dialect:
        return self._dialects.get(host, self._first)

    def _host_of(self, request: web.BaseRequest) -> str:
        address = request.transport.get_extra_info("sockname") if request.transport else None
        port = address[1] if address else 0
        return self._port_hosts.get(port) or bare(request.headers.get("Host", ""))

    def _is_shut(self, host: str) -> bool:
        return bool(self.shut_venues) and venue_of(host) in self.shut_venues

    async def _is_cut_off(self, request: web.BaseRequest, touch: Touch) -> bool:
        """Whether a fault keeps a request from getting through; one that hangs is held until that is over."""
        if not self._injections.watches("tcp"):
            return False
        if self._injections.in_force("refuse", touch):
            return True
        was_held = False
        while _is_connected(request) and any(self._injections.in_force(one, touch) for one in ("hang", "blackhole")):
            was_held = True
            await asyncio.sleep(HELD_LOOK_S)
        return was_held

    async def _http(self, request: web.BaseRequest, received: Request, dialect: Dialect) -> web.StreamResponse:
        if self._is_shut(received.host) and received.path not in STATUS_PATHS:
            answer = dialect.refusal("unavailable", received)
            shut = Response(answer.status, b"", trace=dialect.describe(received))
            self._note(received, shut, ("maintenance",), REPLACED, answer.status)
            return _written(answer)
        outcome = await self._front.handle(received, dialect)
        # What the request caused is told to the streams first, as a venue's engine does: their writers run now.
        await asyncio.sleep(0)
        if outcome.end in (RESET, HOLD):
            self._note(received, outcome.response, outcome.faults, outcome.fate, 0)
            if outcome.end == HOLD:
                await _held(request)
            reset(request.transport)
            return web.Response(status=499)
        fate = outcome.fate if _is_connected(request) else CLIENT_GONE
        self._note(received, outcome.response, outcome.faults, fate, outcome.answer.status)
        if outcome.bytes_per_s:
            return await _slowly(request, outcome)
        return _written(outcome.answer)

    def _executed(self, received: Request, dialect: Dialect) -> Response:
        try:
            return dialect.respond(received)
        except Exception:
            # A defect of simex: noted, so that no request is lost from the log, and answered 500 by aiohttp.
            defect = Response(500, b"", trace=Trace(verdict="simex_defect"))
            self._note(received, defect, (), REPLACED, 500)
            raise
        finally:
            self._after_request()

    def _note(self, received: Request, response: Response, kinds: tuple[str, ...], fate: str, status: int) -> None:
        self._requests.add(received, response, time_ms=self._now_ms(), fate=fate, status=status, faults=kinds)

    # ---------------------------------------------------------------------------------------------------- websockets
    async def _websocket(self, request: web.BaseRequest, host: str, path: str, query: str) -> web.StreamResponse:
        dialect = self._dialect_of(host)
        if host in self._dialects and not self.gates.admits(host, dialect.rules(host).connects_per_5_min):
            return web.Response(status=429, text="Too many connection attempts")
        connection = Connection(host, dialect.rules(host), self._injections, touch_of(host, path))
        session = dialect.connect(host, path, query, connection.push, connection.hang_up, request.remote or HERE)
        if session is None:
            return web.Response(status=404, text="404 page not found")
        connection.line.opened(session)
        is_full = len(self.connections) >= CONNECTIONS_MAX
        refused = RESET if is_full or self.gates.is_refused(session.kind) else self._handshake(connection)
        refused = "503" if self._is_shut(host) and path not in STATUS_PATHS else refused
        if refused:
            session.closed()
            if refused != RESET:
                return web.Response(status=int(refused), text="refused")
            reset(request.transport)
            return web.Response(status=503)
        self.connections[connection] = None
        try:
            return await connection.serve(request, session)
        finally:
            del self.connections[connection]
            self.slow_clients_dropped += connection.dropped_for_slowness

    def _handshake(self, connection: Connection) -> str:
        """What the faults make of a handshake: an HTTP status, a reset, or nothing; a short life is scheduled."""
        refused = ""
        for hit in self._injections.take("handshake", connection.line.now()):
            if hit.kind == "lifetime":
                loop = asyncio.get_running_loop()
                loop.call_later(hit.params["lifetime_ms"] / 1000, connection.hang_up, WSCloseCode.GOING_AWAY)
            else:
                refused = hit.variant
        return refused


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


def _is_connected(request: web.BaseRequest) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _held(request: web.BaseRequest) -> None:
    """Wait until the client gives up."""
    ends_s = asyncio.get_running_loop().time() + HELD_S_MAX
    while _is_connected(request) and asyncio.get_running_loop().time() < ends_s:  # noqa: ASYNC110 - a peer sets no event
        await asyncio.sleep(HELD_LOOK_S)


async def _slowly(request: web.BaseRequest, outcome: Outcome) -> web.StreamResponse:
    """Write an answer's body so many bytes a second."""
    answer = outcome.answer
    stream = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    stream.content_type = answer.content_type
    stream.content_length = len(answer.body)
    await stream.prepare(request)
    step = max(1, outcome.bytes_per_s // SLOW_STEPS_PER_S)
    # A client that has given up takes no more of it.
    with contextlib.suppress(ClientConnectionResetError, ConnectionError):
        for start in range(0, len(answer.body), step):
            await stream.write(answer.body[start : start + step])
            await asyncio.sleep(step / outcome.bytes_per_s)
    return stream


def _written(answer: Response) -> web.Response:
    return web.Response(
        status=answer.status, body=answer.body, content_type=answer.content_type, headers=dict(answer.headers)
    )
