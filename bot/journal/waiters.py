"""Whoever waits for a sequence number to become durable, and how they are woken."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future

from bot.journal.store import JournalError

Wake = Callable[[JournalError | None], None]


class Waiters:
    """The callbacks that wait for a sequence number; not thread-safe, the owner holds its lock."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Wake]] = []

    def add(self, seq: int, wake: Wake) -> None:
        """Keep a callback until `take` is asked for its sequence number."""
        self._waiting.append((seq, wake))

    def take(self, durable_seq: int) -> list[Wake]:
        """Remove and return the callbacks that wait for `durable_seq` or less."""
        if not self._waiting:
            return []
        due = [wake for seq, wake in self._waiting if seq <= durable_seq]
        self._waiting = [(seq, wake) for seq, wake in self._waiting if seq > durable_seq]
        return due

    def take_all(self) -> list[Wake]:
        """Remove and return every callback."""
        due = [wake for _, wake in self._waiting]
        self._waiting = []
        return due


def future_waker() -> tuple[Future[None], Wake]:
    """Return a thread-safe future and the callback that settles it."""
    future: Future[None] = Future()

    def wake(error: JournalError | None) -> None:
        if not future.set_running_or_notify_cancel():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    return future, wake


def loop_waker(loop: asyncio.AbstractEventLoop) -> tuple["asyncio.Future[None]", Wake]:
    """Return a future of the event loop and a callback that settles it from any thread."""
    future: asyncio.Future[None] = loop.create_future()

    def settle(error: JournalError | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    def wake(error: JournalError | None) -> None:
        try:
            loop.call_soon_threadsafe(settle, error)
        except RuntimeError:
            # The loop was closed: whoever waited is gone, and the record is settled all the same.
            return

    return future, wake


class Promises(ABC):
    """The two ways to wait for a sequence number, for every journal that can call back when it is durable."""

    @abstractmethod
    def _wait(self, seq: int, wake: Wake) -> None:
        """Call `wake`, from any thread, once `seq` is durable or will never be; ValueError if never appended."""

    def durable(self, seq: int) -> Future[None]:
        """Return a future that resolves once `seq` is durable, and fails with JournalFailed when it will not be."""
        future, wake = future_waker()
        self._wait(seq, wake)
        return future

    async def flushed(self, seq: int) -> None:
        """Wait on the running event loop until `seq` is durable; raises JournalFailed when it will not be."""
        future, wake = loop_waker(asyncio.get_running_loop())
        self._wait(seq, wake)
        await future
