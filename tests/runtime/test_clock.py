"""The promises of the clocks: never backwards, and in tests only when cranked."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.domain.units import SECOND_NS, Nanos
from bot.runtime import clock as module
from bot.runtime.clock import Clock, ManualClock, SystemClock, settle


def test_the_system_clock_says_the_time() -> None:
    """It agrees with the wall clock when nothing was set."""
    clock: Clock = SystemClock()

    assert abs(clock.now_ns() - time.time_ns()) < SECOND_NS
    assert abs(clock.wall_ns() - time.time_ns()) < SECOND_NS


def test_a_wall_clock_set_back_does_not_turn_time_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """`now_ns` goes on steadily while `wall_ns` follows whoever sets the wall clock."""
    steady, wall = [10], [1_000 * SECOND_NS]
    monkeypatch.setattr(module, "_steady_ns", lambda: steady[0])
    monkeypatch.setattr(time, "time_ns", lambda: wall[0])
    clock = SystemClock()
    before = clock.now_ns()
    steady[0], wall[0] = steady[0] + 5, 3 * SECOND_NS

    assert before + 5 == clock.now_ns()
    assert 3 * SECOND_NS == clock.wall_ns()


def test_time_does_not_run_backwards_in_a_journal() -> None:
    """A clock started after a journal written under a later one goes on from there."""
    later = Nanos(time.time_ns() + 3_600 * SECOND_NS)
    started, told = SystemClock(later), SystemClock()
    told.not_before(later)

    assert started.now_ns() >= later
    assert told.now_ns() >= later
    told.not_before(Nanos(1))
    assert told.now_ns() >= later


async def test_a_manual_clock_wakes_in_order() -> None:
    """Sleepers wake by deadline, ties in the order in which they lay down, each at its own moment."""
    clock = ManualClock(0)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now_ns()))

    tasks = [asyncio.create_task(sleeper(*args)) for args in (("late", 3), ("a", 1), ("b", 1), ("never", 9))]
    await clock.advance(4 * SECOND_NS)

    assert [("a", SECOND_NS), ("b", SECOND_NS), ("late", 3 * SECOND_NS)] == woken
    assert (4 * SECOND_NS, 1) == (clock.now_ns(), clock.sleeping())
    tasks[3].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert 0 == clock.sleeping()


async def test_advancing_runs_a_loop_of_sleeps() -> None:
    """Whoever sleeps again after waking is woken again within one advance, at the right moments."""
    clock = ManualClock(0)
    moments: list[int] = []

    async def ticking() -> None:
        while True:
            await clock.sleep(0.1)
            moments.append(clock.now_ns())

    task = asyncio.create_task(ticking())
    await clock.advance(SECOND_NS)
    task.cancel()

    assert [number * SECOND_NS // 10 for number in range(1, 11)] == moments


async def test_moving_wakes_at_the_next_turn() -> None:
    """`move` is for synchronous tests: nobody runs before the loop turns."""
    clock = ManualClock(0)
    task = asyncio.create_task(clock.sleep(1))
    await settle()
    clock.move(SECOND_NS)

    assert not task.done()
    await settle()
    assert task.done()


async def test_a_sleep_of_nothing_only_yields() -> None:
    """Nobody has to crank the clock for a sleep of zero."""
    await asyncio.wait_for(ManualClock().sleep(0), 5)


def test_a_manual_clock_is_never_set_back() -> None:
    """A test that turns time back is wrong itself."""
    with pytest.raises(ValueError, match="never set back"):
        ManualClock().move(-1)


def test_the_wall_may_be_off() -> None:
    """Skew between our wall clock and steady time can be shown to whoever compares."""
    clock = ManualClock(100, wall_offset_ns=-40)

    assert (100, 60) == (clock.now_ns(), clock.wall_ns())
