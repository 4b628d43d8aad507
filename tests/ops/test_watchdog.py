"""The service manager's watchdog on a real notify socket: fed while all turns, and only then."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.ops import watchdog
from bot.ops.watchdog import Watchdog, line_of
from bot.runtime.health import Health, Reason
from bot.runtime.sdnotify import Notifier
from tests.ops.house import UNREADY, WELL, House

PATIENCE_NS = 150 * MILLISECOND_NS
EVERY_S = 0.05
WAIT_S = 20.0


class Manager:
    """A service manager that reads what it was told when it is asked."""

    def __init__(self, path: Path) -> None:
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def count(self, word: str) -> int:
        """How often a message came so far."""
        with suppress(BlockingIOError):
            while True:
                self.heard.append(self._socket.recv(4_096).decode())
        return sum(text == word for text in self.heard)

    def hears_nothing_for(self, seconds: float) -> bool:
        """Block the event loop, listening: whether nothing at all came meanwhile."""
        self._socket.settimeout(seconds)
        try:
            self.heard.append(self._socket.recv(4_096).decode())
        except TimeoutError:
            return True
        finally:
            self._socket.setblocking(False)
        return False

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a message."""
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < deadline, self.heard
            await asyncio.sleep(0.005)

    async def fed_again(self) -> None:
        """Wait for the next feed."""
        before = self.count("WATCHDOG=1")
        await self.until(lambda: self.count("WATCHDOG=1") > before)

    async def is_not_fed(self) -> None:
        """The loop turns for as long as it takes to be fed several times, and no food comes."""
        before = self.count("WATCHDOG=1")
        await asyncio.sleep(5 * EVERY_S)
        assert before == self.count("WATCHDOG=1")


@asynccontextmanager
async def watched(tmp_path: Path, house: House, patience_ns: int | None = PATIENCE_NS) -> AsyncIterator[Manager]:
    """A watchdog at work on a socket."""
    manager = Manager(tmp_path / "notify")
    task = asyncio.create_task(Watchdog(Notifier(str(tmp_path / "notify"), patience_ns)).run(house))
    try:
        yield manager
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for bridge in asyncio.all_tasks() - {asyncio.current_task()}:
            bridge.cancel()
        manager.close()


async def test_it_says_that_it_is_ready_first_and_then_feeds(tmp_path: Path) -> None:
    """READY once, a line for people, and food again and again."""
    async with watched(tmp_path, House()) as manager:
        await manager.until(lambda: manager.count("WATCHDOG=1") >= 3)

        assert "READY=1" == manager.heard[0]
        assert (1, 1) == (manager.count("READY=1"), manager.count("STATUS=live, RUN: ready"))


async def test_it_feeds_three_times_within_the_patience(tmp_path: Path) -> None:
    """A third of the patience lies between two feeds: one that comes late is not the end."""
    assert abs(Watchdog(Notifier("", 30_000_000_000))._every_s - 10) < 1e-9


async def test_a_blocked_loop_feeds_nothing_and_one_that_turns_again_does(tmp_path: Path) -> None:
    """While the event loop stands still no food comes; what follows after it turns again is fed."""
    async with watched(tmp_path, House()) as manager:
        await manager.fed_again()
        assert manager.hears_nothing_for(3 * PATIENCE_NS / SECOND_NS)

        await manager.fed_again()


async def test_what_is_stuck_is_not_fed_and_what_is_cured_is(tmp_path: Path) -> None:
    """With a journal that stalls no food comes, though the loop turns; once it writes again it does."""
    house = House()
    async with watched(tmp_path, house) as manager:
        await manager.fed_again()
        house.stuck("journal")
        await manager.is_not_fed()

        house.answer = WELL
        await manager.fed_again()


async def test_one_that_is_only_not_ready_is_fed_and_says_why(tmp_path: Path) -> None:
    """A stream that is silent is no reason for a restart; the line for people names it."""
    house = House()
    house.answer = UNREADY
    async with watched(tmp_path, house) as manager:
        await manager.fed_again()

        assert 1 == manager.count("STATUS=live, HALT: not ready: binance.usdm.book: silent for 5.0 s")


async def test_without_a_watchdog_it_only_tells(tmp_path: Path) -> None:
    """A service manager that does not watch is told that it is ready, and how it goes."""
    async with watched(tmp_path, House(), None) as manager:
        await manager.until(lambda: manager.count("STATUS=live, RUN: ready") == 1)

        assert ["READY=1", "STATUS=live, RUN: ready"] == manager.heard


async def test_between_two_ways_to_run_it_is_fed_and_then_looked_after_again(tmp_path: Path) -> None:
    """While the daemon starts anew in another way the patience does not run out; the next run takes over."""
    manager, house = Manager(tmp_path / "notify"), House()
    watchdog = Watchdog(Notifier(str(tmp_path / "notify"), PATIENCE_NS))
    try:
        first = asyncio.create_task(watchdog.run(house))
        await manager.until(lambda: manager.count("READY=1") == 1)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        await manager.fed_again()

        house.stuck("loop")
        second = asyncio.create_task(watchdog.run(house))
        await manager.until(lambda: manager.count("READY=1") == 2)
        await manager.is_not_fed()
        second.cancel()
        with suppress(asyncio.CancelledError):
            await second
    finally:
        for bridge in asyncio.all_tasks() - {asyncio.current_task()}:
            bridge.cancel()
        manager.close()


class Deaf(Notifier):
    """A service manager whose queue is full for a while: it takes nothing."""

    full = True

    def _send(self, message: str) -> bool:
        return not self.full and super()._send(message)


async def test_a_ready_that_did_not_arrive_is_said_again(tmp_path: Path) -> None:
    """Without it the service manager would end, at the end of its patience, what is well."""
    manager, notifier = Manager(tmp_path / "notify"), Deaf(str(tmp_path / "notify"), PATIENCE_NS)
    task = asyncio.create_task(Watchdog(notifier).run(House()))
    try:
        await asyncio.sleep(2 * EVERY_S)
        assert 0 == manager.count("READY=1")
        notifier.full = False
        await manager.until(lambda: manager.count("READY=1") == 1)
        await manager.fed_again()
        assert 1 == manager.count("READY=1")
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for bridge in asyncio.all_tasks() - {asyncio.current_task()}:
            bridge.cancel()
        manager.close()


async def test_a_watchdog_that_fails_at_every_look_is_not_fed_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is begun again and again, and its bridge ends so long after the last look that went well all the same."""
    monkeypatch.setattr(watchdog, "BRIDGE_S_MAX", 5 * EVERY_S)
    manager, house = Manager(tmp_path / "notify"), House()
    dog = Watchdog(Notifier(str(tmp_path / "notify"), PATIENCE_NS))
    try:
        well = asyncio.create_task(dog.run(house))
        await manager.fed_again()
        well.cancel()
        with suppress(asyncio.CancelledError):
            await well
        monkeypatch.setattr(house, "health", broken)
        until_s = time.monotonic() + 10 * EVERY_S
        while time.monotonic() < until_s:
            with suppress(ValueError):
                await dog.run(house)
            await asyncio.sleep(EVERY_S / 2)
        await manager.is_not_fed()
    finally:
        for bridge in asyncio.all_tasks() - {asyncio.current_task()}:
            bridge.cancel()
        manager.close()


def broken() -> Health:
    """A defect."""
    raise ValueError("health cannot be judged")


def test_the_line_names_the_first_reason_and_counts_the_others() -> None:
    """What a person reads in `systemctl status`."""
    many = msgspec.structs.replace(UNREADY, reasons=(Reason("BTC", "no quote"), Reason("ETH", "no quote")))

    assert "live, RUN: ready" == line_of("live", WELL)
    assert "live, HALT: not ready: BTC: no quote (and 1 more)" == line_of("live", many)
