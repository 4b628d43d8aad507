"""One HTTP exchange as values: what a dialect is given and what it gives back.

A dialect never sees a socket. The server hands it a `Request` holding the bytes as they arrived (a signature is taken
over those bytes, so nothing may be re-quoted on the way) and writes the `Response` it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

JSON = "application/json"
HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received; `headers` has lower-case names, `query` and `body` are untouched.

    `address` is the client's end of the connection. A venue may see its clients elsewhere: see the egress of a lever.
    """

    host: str
    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = HERE


@dataclass(frozen=True, slots=True)
class Trace:
    """What the dialect found out about a request, for the request log: never a secret, never a signature."""

    params: Mapping[str, str] = field(default_factory=dict)
    key_name: str | None = None
    account: str | None = None
    signed: bool = False
    verdict: str = "unsigned"
    code: int | None = None
    order_id: int | None = None
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer ready to be written."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    trace: Trace = field(default_factory=Trace)


class Session(Protocol):
    """What a dialect makes of one websocket connection: it answers text with text and is told nothing of sockets."""

    @property
    def kind(self) -> str:
        """One of "market", "user" or "api"; it selects connections for faults."""
        ...

    def receive(self, text: str) -> list[str]:
        """The replies to one message."""
        ...

    def closed(self) -> None:
        """The connection is gone."""
        ...


@dataclass(frozen=True, slots=True)
class SocketRules:
    """A host's rules for its websockets: its own pings, how long a pong may take, how much a client may send.

    `ping_every_s` 0: this venue never pings, the client does. `connects_per_5_min` 0: attempts are not counted.
    `api_reply_ms`: how long the reply to a message takes on a connection for orders.
    """

    ping_every_s: float
    pong_within_s: float
    messages_per_s: int
    connects_per_5_min: int = 0
    api_reply_ms: int = 0


class Dialect(Protocol):
    """A venue's protocol, without sockets. It never raises for anything that a client sends."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names it answers under."""
        ...

    def respond(self, request: Request) -> Response:
        """Answer an HTTP request."""
        ...

    def describe(self, request: Request) -> Trace:
        """What a request says of itself, for one that a fault keeps from being carried out."""
        ...

    def refusal(self, name: str, request: Request) -> Response:
        """What this venue says when its front refuses: "too_large", "too_long", "malformed", or a variant of a 503."""
        ...

    def error(self, status: int, code: int, text: str) -> Response:
        """An answer with a code of this venue."""
        ...

    def rules(self, host: str) -> SocketRules:
        """The websocket rules of a host."""
        ...

    def connect(
        self,
        host: str,
        path: str,
        query: str,
        push: Callable[[str], None],
        hang_up: Callable[[], None],
        address: str,
    ) -> Session | None:
        """The session of a new websocket connection, or None where there is no such endpoint.

        `push` sends a frame, `hang_up` closes the connection, whose other end is at `address`.
        """
        ...
