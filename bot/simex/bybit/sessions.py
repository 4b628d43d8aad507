"""What Bybit's websocket connections share: ids, heartbeat, the time they may be silent, the shape of replies.

A connection that neither sends anything nor is sent anything for its active time (ten minutes unless `max_active_time`
says otherwise) is cut; the venue looks every thirty seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from bot.simex.bybit.encoding import encode
from bot.simex.wire import HERE

ACTIVE_MS: Final = 600_000
ACTIVE_MS_LEAST: Final = 30_000
SCAN_MS: Final = 30_000
REQUEST_ID_MAX: Final = 100
Reply = dict[str, Any]
Session = TypeVar("Session")


def encoded(message: Any) -> str:
    """A message as text."""
    return encode(message).decode()


def parsed(text: str) -> dict[str, Any] | None:
    """A message of a client; None when it is no JSON object."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def active_ms(query: str) -> int:
    """The active time that `max_active_time` asks for, such as 45s or 2m; out of bounds it is the usual one."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        number, unit = value[:-1], value[-1:]
        if (
            name == "max_active_time"
            and unit in ("s", "m")
            and number.isascii()
            and number.isdigit()
            and len(number) < 5
        ):
            asked = int(number) * (1_000 if unit == "s" else 60_000)
            return asked if ACTIVE_MS_LEAST <= asked <= ACTIVE_MS else ACTIVE_MS
    return ACTIVE_MS


@dataclass(slots=True)
class Line:
    """The socket side of a session, as far as the dialect knows it; `address` is the other end, `hang_up` ends it."""

    number: int
    push: Callable[[str], None]
    hang_up: Callable[[], None]
    server_ms: Callable[[], int]
    active_ms: int = ACTIVE_MS
    address: str = HERE
    last_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self.last_ms = self.server_ms()

    @property
    def conn_id(self) -> str:
        """The id of the connection, as every reply carries it."""
        return hashlib.sha256(f"connection:{self.number}".encode()).hexdigest()[:20] + f"-{self.number}"

    def alive(self) -> None:
        """Something was sent or received."""
        self.last_ms = self.server_ms()

    def send(self, text: str) -> None:
        """Send a frame."""
        self.alive()
        self.push(text)

    def is_overdue(self) -> bool:
        """Whether nothing has passed for longer than the active time, as the venue's scan would find."""
        now_ms = self.server_ms()
        return now_ms // SCAN_MS * SCAN_MS - self.last_ms > self.active_ms


def request_id(message: dict[str, Any]) -> str:
    """The `req_id` of a request; empty when it has none."""
    found = message.get("req_id", "")
    return found[:REQUEST_ID_MAX] if isinstance(found, str) else str(found)[:REQUEST_ID_MAX]


def topics_of(message: dict[str, Any]) -> list[str] | None:
    """The `args` of a subscription, or None when they are not a list of texts."""
    args = message.get("args")
    if not isinstance(args, list) or not all(isinstance(one, str) for one in args):
        return None
    return list(dict.fromkeys(args))


def acknowledged(line: Line, message: dict[str, Any], op: str, *, success: bool = True, text: str = "") -> Reply:
    """The reply to a subscription or an authentication."""
    return {"success": success, "ret_msg": text, "conn_id": line.conn_id, "req_id": request_id(message), "op": op}


class Hub(Generic[Session]):
    """Which sessions listen to which topic."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Session, None]] = {}

    def add(self, topic: str, session: Session) -> None:
        """The session listens from now on."""
        self._listeners.setdefault(topic, {})[session] = None

    def remove(self, topic: str, session: Session) -> None:
        """The session listens no longer."""
        listeners = self._listeners.get(topic)
        if listeners is not None:
            listeners.pop(session, None)
            if not listeners:
                del self._listeners[topic]

    def listeners(self, topic: str) -> list[Session]:
        """Who listens, in the order in which they began."""
        return list(self._listeners.get(topic, ()))

    def wanted(self, topic: str) -> bool:
        """Whether anybody listens."""
        return topic in self._listeners
