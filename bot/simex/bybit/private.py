"""The private websocket: authentication, topics of one account, and the messages that go to them.

A topic is for everything (`order`) or for one category (`order.linear`); the two kinds may not come in one request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from bot.simex.bybit.dcp import TOPICS as DCP_TOPICS
from bot.simex.bybit.dcp import Dcp
from bot.simex.bybit.errors import VenueError
from bot.simex.bybit.gate import KeyRing, authenticate_socket
from bot.simex.bybit.order_shapes import execution_event, execution_type, fast_execution_event, order_event
from bot.simex.bybit.records import ClosedPnl, Execution, Row, order_uuid
from bot.simex.bybit.sessions import Hub, Line, Reply, acknowledged, encoded, parsed, request_id, topics_of
from bot.simex.config import ApiKey
from bot.simex.wire import Request, Response, Trace

Data = dict[str, Any]
Logger = Callable[[Request, Response], None]
PRIVATE: Final = ("order", "execution", "execution.fast", "position")
WHOLE: Final = (*PRIVATE, "wallet", "greeks")
CATEGORISED: Final = tuple(
    f"{one}.{category}" for one in PRIVATE for category in ("spot", "linear", "inverse", "option")
)
SOCKET_PATH: Final = "/v5/private"


@dataclass(eq=False, slots=True)
class PrivateSession:
    """One connection of the private websocket."""

    line: Line
    hub: PrivateHub
    kind: str = "user"
    key: ApiKey | None = None
    topics: dict[str, None] = field(default_factory=dict)

    def receive(self, text: str) -> list[str]:
        """The reply to one message."""
        self.line.alive()
        message = parsed(text)
        if message is None:
            return [encoded(acknowledged(self.line, {}, "", success=False, text="Invalid JSON"))]
        return [encoded(self._reply(message))]

    def _reply(self, message: Data) -> Reply:
        op = message.get("op")
        if op == "ping":
            now_ms = str(self.line.server_ms())
            return {"req_id": request_id(message), "op": "pong", "args": [now_ms], "conn_id": self.line.conn_id}
        if op == "auth":
            return self._authenticate(message)
        if op not in ("subscribe", "unsubscribe"):
            return acknowledged(self.line, message, str(op)[:30], success=False, text="error:unknown op")
        fault = self._fault(message)
        if fault:
            return acknowledged(self.line, message, op, success=False, text=fault)
        for name in topics_of(message) or ():
            if op == "subscribe":
                self._follow(name)
            else:
                self._leave(name, lost=False)
        return acknowledged(self.line, message, op)

    def _authenticate(self, message: Data) -> Reply:
        if self.key is not None:
            return acknowledged(self.line, message, "auth", success=False, text="Repeat auth")
        try:
            self.key = self.hub.authenticate(message.get("args"), self.line.address)
        except VenueError as error:
            self.hub.log_auth(None, error.code)
            return acknowledged(self.line, message, "auth", success=False, text=error.msg) | {"retCode": error.code}
        self.hub.log_auth(self.key, None)
        return acknowledged(self.line, message, "auth")

    def _fault(self, message: Data) -> str:
        names = topics_of(message)
        if names is None:
            return "error:args invalid"
        if self.key is None:
            return "error:Request not authorized"
        unknown = next((name for name in names if name not in (*WHOLE, *CATEGORISED, *DCP_TOPICS)), None)
        if unknown is not None:
            return f"error:handler not found,topic:{unknown}"
        for whole in PRIVATE:
            if whole in names and any(f"{whole}." in name for name in names if name in CATEGORISED):
                return "error:All-In-One topic and Categorised topic cannot be in the same subscription request"
        return ""

    def _follow(self, name: str) -> None:
        if name in self.topics or self.key is None:
            return
        self.topics[name] = None
        self.hub.follow(self.key.account, name, self)

    def _leave(self, name: str, *, lost: bool) -> None:
        if name in self.topics and self.key is not None:
            del self.topics[name]
            self.hub.leave(self.key.account, name, self, lost=lost)

    def closed(self) -> None:
        """The connection is gone."""
        for name in list(self.topics):
            self._leave(name, lost=True)
        self.hub.forget(self)


class PrivateHub:
    """Who listens to which account, and the messages."""

    def __init__(self, keys: KeyRing, dcp: Dcp, server_ms: Callable[[], int], log: Logger, host: str) -> None:
        self._keys = keys
        self._dcp = dcp
        self._server_ms = server_ms
        self._log = log
        self._host = host
        self._hub: Hub[PrivateSession] = Hub()
        self._messages = 0
        self.sessions: dict[PrivateSession, None] = {}

    # ------------------------------------------------------------------------------------------------------ sessions
    def connect(self, line: Line) -> PrivateSession:
        """A new connection."""
        session = PrivateSession(line, self)
        self.sessions[session] = None
        return session

    def forget(self, session: PrivateSession) -> None:
        """A connection is gone."""
        self.sessions.pop(session, None)

    def authenticate(self, args: object, address: str) -> ApiKey:
        """The key of an `auth` from an address, which must be allowed to read."""
        key = authenticate_socket(self._keys, args, self._server_ms(), address)
        if not key.read:
            raise VenueError(10005)
        return key

    def log_auth(self, key: ApiKey | None, code: int | None) -> None:
        """Note an `auth` in the request log."""
        trace = Trace(
            key_name=key.name if key else None,
            account=key.account if key else None,
            signed=True,
            verdict="ok" if key else "refused",
            code=code,
        )
        self._log(Request(self._host, "AUTH", SOCKET_PATH), Response(200, b"", trace=trace))

    def follow(self, account: str, name: str, session: PrivateSession) -> None:
        """A session listens to a topic of an account."""
        self._hub.add(f"{account}:{name}", session)
        if name in DCP_TOPICS:
            self._dcp.watched(account, name)

    def leave(self, account: str, name: str, session: PrivateSession, *, lost: bool) -> None:
        """A session listens no longer; `lost`: because its connection is gone."""
        self._hub.remove(f"{account}:{name}", session)
        if name in DCP_TOPICS:
            self._dcp.unwatched(account, name, lost=lost)

    # ------------------------------------------------------------------------------------------------------ messages
    def rows(self, account: str, rows: list[Row]) -> None:
        """Tell an account of its orders and fills."""
        for row in rows:
            if isinstance(row, Execution):
                self._execution(account, row)
            elif not isinstance(row, ClosedPnl):
                self._send(account, "order", row.order.instrument.category, partial(order_event, row))

    def _execution(self, account: str, one: Execution) -> None:
        category = one.instrument.category
        self._send(account, "execution", category, partial(execution_event, one))
        if one.trade is not None and execution_type(one.trade.origin, inverse=category == "inverse") == "Trade":
            self._send(account, "execution.fast", category, partial(fast_execution_event, one), named=False)

    def position(self, account: str, category: str, row: Callable[[], Data]) -> None:
        """Tell an account of one of its positions."""
        self._send(account, "position", category, row)

    def wallet(self, account: str, row: Callable[[], Data]) -> None:
        """Tell an account what its wallet holds."""
        self._send(account, "wallet", "", row)

    def wants(self, account: str, topic: str, category: str) -> bool:
        """Whether anybody listens to the topic, for everything or for the category."""
        return self._hub.wanted(f"{account}:{topic}") or self._hub.wanted(f"{account}:{topic}.{category}")

    def _send(self, account: str, topic: str, category: str, row: Callable[[], Data], *, named: bool = True) -> None:
        """Build a row once and send it to the topic and to its category's."""
        if not self.wants(account, topic, category):
            return
        data = row()
        for name in (topic, f"{topic}.{category}"):
            listeners = self._hub.listeners(f"{account}:{name}")
            if not listeners:
                continue
            message: Data = {"topic": name, "creationTime": self._server_ms(), "data": [data]}
            if named:
                self._messages += 1
                message = {"id": order_uuid(f"message:{self._messages}"), **message}
            text = encoded(message)
            for session in listeners:
                session.line.send(text)
