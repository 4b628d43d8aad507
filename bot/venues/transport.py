"""How one HTTP request travels: once, without redirects, bounded in time and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import aiohttp
import msgspec
import yarl

from bot.venues.translate.errors import Cause, Trouble, clean

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_TIMEOUT_S = 4.0
BODY_BYTES_MAX = 64 * 1024 * 1024

# Everything that a connection, a TLS stack or a decoder raises while an order may be on its way. `OSError` covers
# timeouts, resets, name resolution and TLS; `RuntimeError` a session that was closed under us.
TRANSPORT_RAISES = (
    aiohttp.ClientError,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


class Wire(msgspec.Struct, frozen=True):
    """An HTTP answer as it came: `headers` has lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transport(Protocol):
    """Carries one request: the only thing that a simulation under virtual time replaces."""

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Wire:
        """Send once and read the whole answer; raises one of `TRANSPORT_RAISES`."""
        ...


class SessionTransport:
    """A transport over an aiohttp session: one attempt, no redirects, a bounded answer, one timeout for all of it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Wire:
        """Send once. aiohttp repeats a GET whose kept-alive connection had gone, a POST never."""
        limits = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_TIMEOUT_S, timeout_s))
        async with self._session.request(
            method, yarl.URL(url, encoded=True), headers=headers, data=body, timeout=limits, allow_redirects=False
        ) as response:
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > BODY_BYTES_MAX:
                    raise ValueError("an answer beyond every bound")
            return Wire(response.status, {k.lower(): v for k, v in response.headers.items()}, bytes(content))


def lost(host: str, error: BaseException) -> Trouble:
    """A transport's exception as a trouble: its class and the system's words, nothing of the request."""
    if isinstance(error, TimeoutError):
        return Trouble(cause=Cause.TIMEOUT, host=host, message="no answer in time")
    words = error.strerror if isinstance(error, OSError) else None
    name = type(error).__name__
    return Trouble(cause=Cause.CONNECTION, host=host, message=clean(f"{name}: {words}" if words else name))
