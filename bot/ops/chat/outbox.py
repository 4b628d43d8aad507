"""Messages on their way out: sent in order by a task of their own, so that no answer keeps a command waiting."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from structlog.typing import FilteringBoundLogger

from bot.domain.units import SECOND_NS
from bot.ops.chat.api import BotApi, BotApiError, TooMany, Unreachable
from bot.ops.chat.retry import Backoff, Jitter

MESSAGES_MAX = 64
AGE_NS_MAX = 300 * SECOND_NS
"""An answer that comes later is about another moment."""
TRIES_MAX = 6


class _Message(msgspec.Struct, frozen=True):
    chat: int
    text: str
    at_ns: int


class Outbox:
    """A bounded queue: where it is full, the oldest message is lost, and counted in the log."""

    def __init__(self, jitter: Jitter) -> None:
        self._queue: asyncio.Queue[_Message] = asyncio.Queue(MESSAGES_MAX)
        self._jitter = jitter
        self._lost = 0

    def put(self, chat: int, text: str, now_ns: int) -> None:
        """Take a message."""
        if self._queue.full():
            self._queue.get_nowait()
            self._queue.task_done()
            self._lost += 1
        self._queue.put_nowait(_Message(chat, text, now_ns))

    async def idle(self, seconds: float) -> None:
        """Wait until everything is sent or given up, within bounds."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            pass

    async def run(
        self,
        api: BotApi,
        now_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        log: FilteringBoundLogger,
    ) -> None:
        """Send what comes, until cancelled."""
        while True:
            message = await self._queue.get()
            try:
                why = await self._send(api, message, now_ns, sleep)
            finally:
                self._queue.task_done()
            if why:
                log.warning("chat answer lost", why=why)
            if self._lost:
                log.warning("chat answers lost", count=self._lost, why="they came faster than they could be sent")
                self._lost = 0

    async def _send(
        self, api: BotApi, message: _Message, now_ns: Callable[[], int], sleep: Callable[[float], Awaitable[None]]
    ) -> str:
        """Try to send one; why it was given up, or nothing."""
        backoff, why = Backoff(self._jitter), "it waited for too long"
        for _ in range(TRIES_MAX):
            if now_ns() - message.at_ns > AGE_NS_MAX:
                return why
            try:
                await api.send(message.chat, message.text)
            except (TooMany, Unreachable) as error:
                why = str(error)
                await sleep(backoff.pause_s(error))
            except BotApiError as error:
                return str(error)
            else:
                return ""
        return why
