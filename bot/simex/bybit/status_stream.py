"""The websocket of the system status: maintenance as it is announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bot.simex.bybit.notices import Status
from bot.simex.bybit.sessions import Line, Reply, acknowledged, encoded, parsed, topics_of

TOPIC: Final = "system.status"


@dataclass(eq=False, slots=True)
class StatusSession:
    """One connection."""

    line: Line
    hub: StatusHub
    kind: str = "market"
    topics: dict[str, None] = field(default_factory=dict)

    def receive(self, text: str) -> list[str]:
        """The reply to one message."""
        self.line.alive()
        message = parsed(text)
        return [encoded(self._reply(message or {}))]

    def _reply(self, message: Reply) -> Reply:
        op = message.get("op")
        if op == "ping":
            return acknowledged(self.line, message, "ping", text="pong")
        names = topics_of(message)
        if op not in ("subscribe", "unsubscribe") or names is None or any(name != TOPIC for name in names):
            return acknowledged(self.line, message, str(op)[:30], success=False, text="error:handler not found")
        for name in names:
            if op == "subscribe":
                self.topics[name] = None
            else:
                self.topics.pop(name, None)
        return acknowledged(self.line, message, op)

    def closed(self) -> None:
        """The connection is gone."""
        self.hub.sessions.pop(self, None)


class StatusHub:
    """Who listens."""

    def __init__(self, server_ms: Callable[[], int]) -> None:
        self._server_ms = server_ms
        self.sessions: dict[StatusSession, None] = {}

    def connect(self, line: Line) -> StatusSession:
        """A new connection."""
        session = StatusSession(line, self)
        self.sessions[session] = None
        return session

    def tell(self, status: Status) -> None:
        """Tell everybody of a maintenance."""
        text = encoded({"topic": TOPIC, "ts": self._server_ms(), "data": [status.row()]})
        for session in self.sessions:
            if TOPIC in session.topics:
                session.line.send(text)
