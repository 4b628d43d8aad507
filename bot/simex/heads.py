"""The head of a request: how much of one is read, how much is taken, and what is said to one that is no HTTP.

The HTTP library reads further than a venue takes, so that a head that is too long still tells which host it was for,
and is refused in the words of that venue. What the library itself cannot read tells no host; it is refused too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http import HttpProcessingError

# What a venue takes: its path with the query, one header, and how many of them.
TARGET_BYTES_MAX = 8_190
HEADER_BYTES_MAX = 8_190
HEADERS_MAX = 128
# What is read at all.
READ_BYTES_MAX = 65_536
READ_HEADERS_MAX = 512
# What a dialect is told of it.
TOO_LONG, MALFORMED = "too_long", "malformed"

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Refuse = Callable[[web.BaseRequest], web.Response]


def refused(request: web.BaseRequest) -> str:
    """Why a head is not taken, as a dialect knows it; empty when it is."""
    if len(request.raw_path) > TARGET_BYTES_MAX:
        return TOO_LONG
    headers = request.raw_headers
    is_large = len(headers) > HEADERS_MAX or any(len(name) + len(text) > HEADER_BYTES_MAX for name, text in headers)
    return MALFORMED if is_large else ""


class Reader(web.Server):
    """Reads requests; `unreadable` answers what is not one."""

    def __init__(self, handle: Handle, unreadable: Refuse, keep_alive_s: float) -> None:
        super().__init__(
            handle,
            access_log=None,
            keepalive_timeout=keep_alive_s,
            max_line_size=READ_BYTES_MAX,
            max_field_size=READ_BYTES_MAX,
            max_headers=READ_HEADERS_MAX,
        )
        self.unreadable = unreadable

    def __call__(self) -> web.RequestHandler:
        """The protocol of a new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """A connection whose errors are told in a venue's words."""

    def __init__(self, manager: Reader, **options: object) -> None:
        super().__init__(manager, **options)  # type: ignore[arg-type] # handed through from the library's own server
        self._unreadable = manager.unreadable

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer an error; the connection ends with it."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        answer = self._unreadable(request)
        answer.force_close()
        return answer
