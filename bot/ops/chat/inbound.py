"""Messages on their way in: each update is handed on once, and only when the server has been told to forget it.

The Bot API forgets an update when a later offset is asked from. That is done before anything follows from it: a process
that dies over a command finds no trace of it at its next start. What was handed on is remembered by number, too, for a
server that delivers twice. Numbers are no order: after a week of silence Telegram goes on from a random one, which may
be smaller, so the offset is always made of what came last.
"""

from collections import deque
from collections.abc import Sequence

from bot.domain.units import SECOND_NS
from bot.ops.chat.api import BotApi, Unreachable
from bot.ops.chat.updates import Update

REMEMBERED_MAX = 1_024
OFFSET_FORGOTTEN_NS = 24 * 3_600 * SECOND_NS
"""Telegram keeps nothing for longer; an offset from before may lie above the numbers that come next."""


class Inbound:
    """Owner of the offset, and of what was received and is not confirmed yet."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._received_ns = 0
        self._remembered: deque[int] = deque(maxlen=REMEMBERED_MAX)
        self._unconfirmed: tuple[Update, ...] = ()

    async def next(self, api: BotApi, now_ns: int) -> Sequence[Update]:
        """Wait for updates or confirm those that came; what is confirmed now, each once. Raises BotApiError."""
        if not self._unconfirmed:
            await self._wait(api, now_ns)
        if not self._unconfirmed:
            return ()
        later = await api.updates(self._offset, wait=False)
        confirmed, self._unconfirmed = self._unconfirmed, ()
        self._take(later, now_ns)
        return confirmed

    async def _wait(self, api: BotApi, now_ns: int) -> None:
        if now_ns - self._received_ns > OFFSET_FORGOTTEN_NS:
            self._offset = None
        found = await api.updates(self._offset, wait=True)
        self._take(found, now_ns)
        if found and not self._unconfirmed:
            raise Unreachable("getUpdates: updates that were confirmed come again")

    def _take(self, updates: Sequence[Update], now_ns: int) -> None:
        if not updates:
            return
        self._received_ns = now_ns
        self._offset = max(update.update_id for update in updates) + 1
        fresh = {update.update_id: update for update in updates if update.update_id not in self._remembered}
        self._remembered.extend(fresh)
        self._unconfirmed = tuple(fresh.values())
