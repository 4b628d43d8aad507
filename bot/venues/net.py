"""The way out: which hosts this process may reach, and how.

One mapping, the `Pin`, names every host. A host maps to None when it is resolved as usual (production), or to an
address and port when it is served elsewhere (a simulated exchange that answers under the real names over TLS).
Whatever the pin does not name is refused before a byte leaves: by the resolver, and by a guard in front of every
request, because a resolver is never asked about an IP literal and a redirect to one would carry the API key away.
Redirects and plain http are refused outright, certificates are always verified, proxies of the environment ignored.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import aiohappyeyeballs
from aiohttp import (
    ClientConnectionError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from picows.url import WSParsedURL

Address = tuple[str, int]
"""An IP address and a port."""

Pin = Mapping[str, Address | None]
"""Host name -> None (resolve as usual) or the address that serves it."""

REQUEST_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
IDLE_KEPT_S = 75.0
CONNECTIONS_MAX = 20
FALLBACK_DELAY_S = 0.25
"""How long one address of a host is tried before the next one is tried beside it (RFC 8305)."""


class NotPinned(OSError):
    """A host that the pin does not name, or a scheme other than https and wss."""


def ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that verifies host and certificate: against `ca_file` alone, or the system's authorities.

    Raises OSError or ssl.SSLError when the file is missing or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _pinned(pin: Pin, host: str) -> Address | None:
    if host not in pin:
        raise NotPinned(f"{host} is not pinned")
    return pin[host]


class PinnedResolver(AbstractResolver):
    """Resolves the pin's hosts and no other. aiohttp honours the port of the answer."""

    def __init__(self, pin: Pin) -> None:
        self._pin = dict(pin)
        self._usual = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises NotPinned."""
        address = _pinned(self._pin, host)
        if address is None:
            return await self._usual.resolve(host, port, family)
        ip, served_port = address
        answer = ResolveResult(hostname=host, host=ip, port=served_port, family=_family(ip), proto=0, flags=0)
        return [answer]

    async def close(self) -> None:
        """Nothing is held."""
        await self._usual.close()


def _family(ip: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def guard(pin: Pin) -> ClientMiddlewareType:
    """A middleware that lets https and wss requests to pinned hosts pass, and nothing else; redirects are refused."""
    hosts = frozenset(pin)

    async def refuse_strangers(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if request.url.scheme not in ("https", "wss"):
            raise ClientConnectionError(f"{request.url.host}: plain {request.url.scheme} is refused")
        if request.url.host not in hosts:
            raise ClientConnectionError(f"{request.url.host} is not pinned")
        response = await handler(request)
        if 300 <= response.status < 400:
            response.close()
            raise ClientConnectionError(f"{request.url.host} answered with a redirect ({response.status}): refused")
        return response

    return refuse_strangers


def open_session(pin: Pin, context: ssl.SSLContext, *, total_timeout_s: float = REQUEST_TIMEOUT_S) -> ClientSession:
    """A client session that can reach the pin's hosts only. The caller closes it."""
    connector = TCPConnector(
        ssl=context,
        resolver=PinnedResolver(pin),
        use_dns_cache=False,
        keepalive_timeout=IDLE_KEPT_S,
        limit=CONNECTIONS_MAX,
    )
    return ClientSession(
        connector=connector,
        middlewares=(guard(pin),),
        trust_env=False,
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=total_timeout_s, sock_connect=CONNECT_TIMEOUT_S),
    )


def socket_factory(pin: Pin) -> Callable[[WSParsedURL], Awaitable[socket.socket]]:
    """A picows socket factory: a connected, non-blocking socket to a pinned host. It raises NotPinned or OSError."""
    hosts = dict(pin)

    async def connect(url: WSParsedURL) -> socket.socket:
        if not url.is_secure:
            raise NotPinned(f"{url.host}: a plain websocket is refused")
        ip, port = _pinned(hosts, url.host) or (url.host, url.port)
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(ip, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        return await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=FALLBACK_DELAY_S, loop=loop)

    return connect
