"""Another way to run, asked for at the worst moments: an order in flight, a kill, a stop, a journal that is lost."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from pathlib import Path

import pytest

from bot.domain.events import RunMode
from bot.engine.modes import Mode
from bot.runtime import durable, killfile
from bot.runtime.clock import ManualClock, settle
from bot.runtime.control import Denied
from tests.kit import START_NS, d
from tests.runtime.stage import INTERVALS, Stage, journal_of

WHO = {"reason": "fat finger", "by": "ann"}
DRY, LIVE, OBSERVE = (mode.value for mode in (RunMode.DRY_RUN, RunMode.LIVE, RunMode.OBSERVE))


def next_mode(stage: Stage) -> RunMode | None:
    """What the process would go on in."""
    return stage.daemon.operator.next_mode


def overall(stage: Stage) -> Mode:
    """The portfolio's mode."""
    return stage.engine.state.modes.overall


async def in_flight(stage: Stage) -> None:
    """Two orders that the venue took and does not answer: a daemon that winds down waits for them."""
    stage.exchange.answering = False
    await stage.until(lambda: len(stage.exchange.sent) == 2)


async def switching(stage: Stage, mode: str = DRY) -> None:
    """A switch was asked for, and waits for the orders in flight."""
    await in_flight(stage)
    await stage.ask("mode", mode=mode, **WHO)
    await stage.advance(1)
    assert stage.running is not None
    assert not stage.running.done()


async def test_a_stop_asked_for_during_a_switch_ends_the_process(tmp_path: Path) -> None:
    """Who asks for an end last gets one, and not a daemon that comes up in the other way."""
    async with Stage(tmp_path) as stage:
        await switching(stage)
        await stage.ask("stop")
        await stage.advance(10)

        assert stage.running is not None
        assert stage.running.done()
        assert next_mode(stage) is None


@pytest.mark.parametrize("verb", ["kill", "pause", "unwind"])
async def test_what_holds_back_during_a_switch_calls_it_off(tmp_path: Path, verb: str) -> None:
    """A latch counts in the way to run that it was asked of: the process goes on in that one, and it holds there."""
    async with Stage(tmp_path) as stage:
        await switching(stage)
        await stage.ask(verb, **WHO)
        await stage.advance(10)

        assert RunMode.LIVE is next_mode(stage)
        assert overall(stage) in (Mode.HALT, Mode.UNWIND)


async def test_a_flatten_during_a_switch_calls_it_off(tmp_path: Path) -> None:
    """Else the positions would stand, and be closed by surprise when somebody goes back weeks later."""
    async with Stage(tmp_path) as stage:
        await switching(stage)
        first = await stage.ask("flatten")
        assert RunMode.LIVE is next_mode(stage)
        await stage.ask("flatten", confirm=first["confirm"], **WHO)
        await stage.advance(10)

        assert (RunMode.LIVE, Mode.FLATTEN) == (next_mode(stage), overall(stage))


async def test_a_kill_during_a_stop_starts_nothing_anew(tmp_path: Path) -> None:
    """Where the end was asked for it comes, halted or not."""
    async with Stage(tmp_path) as stage:
        await in_flight(stage)
        await stage.ask("stop")
        await stage.advance(1)
        await stage.ask("kill", **WHO)
        await stage.advance(10)

        assert stage.running is not None
        assert (True, None) == (stage.running.done(), next_mode(stage))


async def test_two_switches_in_a_row_go_to_the_last_one_asked_for(tmp_path: Path) -> None:
    """The way it runs in counts as one, too: asking for it calls the switch off."""
    async with Stage(tmp_path) as stage:
        with pytest.raises(Denied, match="already"):
            await stage.ask("mode", mode=LIVE, **WHO)
        await switching(stage)
        await stage.ask("mode", mode=OBSERVE, **WHO)
        second = next_mode(stage)
        await stage.ask("mode", mode=LIVE, **WHO)

        assert (RunMode.OBSERVE, RunMode.LIVE) == (second, next_mode(stage))


async def test_a_kill_by_socket_or_chat_leaves_the_file_like_one_by_hand(tmp_path: Path) -> None:
    """So it holds in whatever way the process, or the next one, goes on; and it stops no flatten that follows it."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.ask("kill", **WHO)
        order = killfile.read(tmp_path)
        first = await stage.ask("flatten")
        await stage.ask("flatten", confirm=first["confirm"], **WHO)
        await stage.until(lambda: stage.position("BTC") == 0)
        flat = overall(stage)
        await stage.ask("arm", **WHO)

        assert order is not None
        assert ("fat finger", "ann") == (order.reason, order.by)
        assert Mode.FLATTEN is flat
        assert killfile.read(tmp_path) is None


@pytest.mark.parametrize("verb", ["kill", "pause"])
async def test_a_halt_that_the_journal_could_not_keep_outlives_the_process(tmp_path: Path, verb: str) -> None:
    """The disk is full, an operator halts, the process is started anew: it comes up halted."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        stage.journal.fail("disk full")
        await stage.ask(verb, **WHO)
        assert Mode.HALT is overall(stage)

    async with Stage(tmp_path) as again:
        again.exchange.truth.coins["BTC"] += d("0.5")
        await again.advance(10)

        assert (Mode.HALT, []) == (overall(again), again.exchange.sent)


@pytest.mark.parametrize("verb", ["kill", "pause"])
async def test_a_full_disk_has_room_for_a_bare_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """Not a byte can be written, to the journal or to the file: its name alone is a kill."""
    monkeypatch.setattr(durable, "replace", full)
    async with Stage(tmp_path) as stage:
        stage.journal.fail("disk full")
        await stage.ask(verb, **WHO)

    assert killfile.read(tmp_path) is not None
    assert [killfile.NAME] == [path.name for path in tmp_path.iterdir() if killfile.NAME in path.name]


async def test_a_halt_that_nothing_keeps_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts now, and whoever asked hears that the next start will not know of it."""
    monkeypatch.setattr(killfile, "write", full)
    async with Stage(tmp_path) as stage:
        assert {"mode": "HALT"} == await stage.ask("kill", **WHO)
        await stage.ask("arm", **WHO)
        stage.journal.fail("disk full")
        for _ in range(2):
            with pytest.raises(Denied, match="the next start runs"):
                await stage.ask("kill", **WHO)

        assert Mode.HALT is overall(stage)


def full(*_: object) -> None:
    """A disk without space."""
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_an_arm_takes_back_a_kill_file_that_a_slow_disk_still_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Armed is armed: no file that comes late halts the next start, and a kill that follows has its own."""
    goes_on, write = threading.Event(), killfile.write

    def slow(state_dir: Path, reason: str, by: str) -> Path:
        assert goes_on.wait(20)
        return write(state_dir, reason, by)

    monkeypatch.setattr(killfile, "write", slow)
    async with Stage(tmp_path) as stage:
        kill = asyncio.ensure_future(stage.ask("kill", **WHO))
        await settle()
        armed = await stage.ask("arm", **WHO)
        goes_on.set()
        await asyncio.wait_for(kill, 20)
        left = killfile.read(tmp_path)
        await stage.advance(1)

        assert ("RUN", None, Mode.RUN) == (armed["mode"], left, overall(stage))
        await stage.ask("kill", **WHO)
        assert killfile.read(tmp_path) is not None


async def test_an_arm_that_cannot_remove_the_file_is_denied_and_says_why(tmp_path: Path) -> None:
    """It stays halted, and is armed once the file is out of the way."""
    async with Stage(tmp_path) as stage:
        killfile.place(tmp_path).mkdir()
        await stage.advance(1)
        with pytest.raises(Denied, match="KILL cannot be removed"):
            await stage.ask("arm", **WHO)
        assert Mode.HALT is overall(stage)
        killfile.place(tmp_path).rmdir()

        assert {"mode": "RUN"} == await stage.ask("arm", **WHO)


async def test_a_pause_that_the_journal_kept_leaves_no_file(tmp_path: Path) -> None:
    """It is the journal of its own way to run that has it."""
    async with Stage(tmp_path) as stage:
        await stage.ask("pause", **WHO)

        assert killfile.read(tmp_path) is None


async def test_a_kill_file_after_a_pause_still_cancels(tmp_path: Path) -> None:
    """A pause cancels nothing, so a kill that comes on top of it has work to do."""
    async with Stage(tmp_path) as stage:
        await in_flight(stage)
        await stage.ask("pause", **WHO)
        killfile.write(tmp_path, "now really", "bob")
        await stage.advance(INTERVALS.tick * 2e-9)

        assert {request.client_id for request in stage.exchange.sent} == set(stage.exchange.cancelled)
        assert "now really" in stage.engine.state.modes.latches["global"].reason


async def test_a_kill_file_that_cannot_be_looked_at_kills_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state directory that went away under a halted daemon with orders in flight: no flood of cancels."""

    def unreadable(_: Path) -> killfile.KillOrder:
        return killfile.KillOrder("cannot be read", "unknown", 0.0)

    async with Stage(tmp_path) as stage:
        await in_flight(stage)
        monkeypatch.setattr(killfile.Watch, "news", lambda _: unreadable(tmp_path))
        await stage.advance(10)

        assert {request.client_id for request in stage.exchange.sent} == set(stage.exchange.cancelled)
        assert 2 == len(stage.exchange.cancelled)


async def test_a_pause_that_was_on_its_way_to_a_disk_that_failed_outlives_the_process(tmp_path: Path) -> None:
    """Taken by the journal and then lost with it: the file that is left in its place keeps why."""
    async with Stage(tmp_path, journal_of(ManualClock(START_NS), held=True)) as stage:
        await stage.ask("pause", **WHO)
        kept = killfile.read(tmp_path)
        stage.journal.fail("disk full")
        await stage.advance(2)
        order = await asyncio.to_thread(written_file, tmp_path)

    assert kept is None
    assert ("fat finger", "ann") == (order.reason, order.by)


async def test_a_journal_that_fails_by_itself_asks_for_no_arm(tmp_path: Path) -> None:
    """Once there is space again a new start goes on: nobody had halted anything."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        stage.journal.fail("disk full")
        stage.exchange.truth.coins["BTC"] += d("0.5")
        await stage.advance(20)

        assert Mode.HALT is overall(stage)
    assert killfile.read(tmp_path) is None


def written_file(state_dir: Path) -> killfile.KillOrder:
    """The kill file, once it is there; it is written by another thread."""
    for _ in range(2_000):
        if (order := killfile.read(state_dir)) is not None:
            return order
        time.sleep(0.01)
    raise AssertionError("it was never written")
