"""How long a websocket lives: the venue ends every connection after 24 hours, and spot announces it shortly before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bot.simex.wire import Session

DAY_MS: Final = 86_400_000
NOTICE_MS: Final = 60_000


@dataclass(slots=True)
class _Life:
    ends_ms: int
    hang_up: Callable[[], None]
    announce: Callable[[int], None] | None


class Lifetimes:
    """Owner of the connections' ends; `length_ms` is how long one lives."""

    def __init__(self, length_ms: int = DAY_MS) -> None:
        self.length_ms = length_ms
        self._lives: dict[Session, _Life] = {}

    def begin(
        self,
        session: Session,
        now_ms: int,
        hang_up: Callable[[], None],
        announce: Callable[[int], None] | None = None,
    ) -> None:
        """A connection has begun; `announce` tells its client at that time of the server that it will end."""
        self._lives[session] = _Life(now_ms + self.length_ms, hang_up, announce)

    def forget(self, session: Session) -> None:
        """A connection is gone."""
        self._lives.pop(session, None)

    def tick(self, now_ms: int) -> None:
        """End the connections whose time is over, and announce the ends to come."""
        for session, life in list(self._lives.items()):
            if now_ms >= life.ends_ms:
                del self._lives[session]
                life.hang_up()
            elif life.announce is not None and now_ms >= life.ends_ms - NOTICE_MS:
                announce, life.announce = life.announce, None
                announce(now_ms)
