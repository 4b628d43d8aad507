"""Another way to run without a new process: gone over to, refused, and stopped on its way."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bot.domain.events import RunMode
from bot.runtime.ask import Refused
from bot.simex.serve import Simex
from tests.e2e.kit import config, exchange, written
from tests.e2e.served import Served, served
from tests.ops.alerts.receiver import Receiver, await_true

LIVE, DRY_RUN, OBSERVE = RunMode.LIVE, RunMode.DRY_RUN, RunMode.OBSERVE
SLOW_MS = 60_000
SOON_S = 20.0


def written_with(simex: Simex, directory: Path, sink: Receiver) -> None:
    """A bot's config with a sink and without a web."""
    config(simex, directory)
    path = written(directory)
    sinks = f"alerts: {{sinks: {{phone: {{url: '{sink.url}', per_minute: 600}}}}}}\nweb: {{enabled: false}}\n"
    path.write_text(path.read_text() + sinks)


async def go(story: Served, mode: RunMode) -> None:
    """Ask for another way to run."""
    answer = await story.command("mode", mode=mode.value, by="ann")
    assert {"state": "stopping", "next": mode.value} == answer


async def test_dry_run_to_observe_and_back(tmp_path: Path) -> None:
    """Each has a journal of its own; the owner hears of both ends of each, and nothing is sent to the venue."""
    with Receiver() as phone:
        async with Simex.start(exchange()) as simex:
            written_with(simex, tmp_path, phone)
            async with served(simex, tmp_path, DRY_RUN) as story:
                await go(story, OBSERVE)
                await story.until_runs_in(OBSERVE)
                await go(story, DRY_RUN)
                await story.until_runs_in(DRY_RUN)
                assert 0 == await story.order_requests()
        ends = [title for title in phone.titles() if title.startswith(("started:", "stopped"))]

    assert ["dry-run", "dry-run", "observe", "observe", "dry-run", "dry-run"] == [
        title.rpartition(", ")[2].removesuffix("]") for title in ends
    ]
    journals = {path.name for path in (tmp_path / "state").glob("journal-*.sqlite3")}
    assert {"journal-dry-run.sqlite3", "journal-observe.sqlite3"} == journals


async def test_live_without_its_confirmation_at_the_start_is_denied(tmp_path: Path) -> None:
    """Who holds the socket or the chat cannot make a dry-run live; the daemon goes on as if nothing had been asked."""
    with Receiver() as phone:
        async with Simex.start(exchange()) as simex:
            written_with(simex, tmp_path, phone)
            async with served(simex, tmp_path, DRY_RUN) as story:
                before = await story.until_runs_in(DRY_RUN)
                with pytest.raises(Refused, match="live needs a start with --live"):
                    await story.command("mode", mode="live", by="ann")
                after = await story.until_runs_in(DRY_RUN)
                assert before["started_ns"] == after["started_ns"]


async def test_live_whose_preflight_fails_goes_on_as_before_and_tells(tmp_path: Path) -> None:
    """The key may withdraw by now: live is refused with the reason, dry-run goes on, and the alert names it."""
    with Receiver() as phone:
        async with Simex.start(exchange()) as simex:
            written_with(simex, tmp_path, phone)
            async with served(simex, tmp_path, LIVE) as story:
                await story.until_hedged()
                await go(story, DRY_RUN)
                await story.until_runs_in(DRY_RUN)
                await story.control("key", name="default", withdraw=True)
                sent = await story.order_requests()
                await go(story, LIVE)
                refused = "WARNING: live was refused: going on in dry-run [story, dry-run]"
                await asyncio.to_thread(await_true, lambda: refused in phone.titles(), lambda: str(phone.titles()))
                await story.until_runs_in(DRY_RUN)
                assert sent == await story.order_requests()
                assert -1 == await story.position("BTCUSDT")
        assert "withdraw" in phone.texts()[phone.titles().index(refused)]


async def test_a_sigterm_on_the_way_to_another_mode_ends_it_at_once(tmp_path: Path) -> None:
    """The venue keeps the start waiting for a minute: the process ends in good order all the same, and soon."""
    with Receiver() as phone:
        async with Simex.start(exchange()) as simex:
            written_with(simex, tmp_path, phone)
            async with served(simex, tmp_path, DRY_RUN) as story:
                slow = {"kind": "delay", "variant": "before", "delay_ms": SLOW_MS, "path": "/fapi/v1/exchangeInfo"}
                await story.control("fault", **slow)
                await go(story, OBSERVE)
                await asyncio.to_thread(await_true, lambda: any(t.startswith("stopped") for t in phone.titles()))
                await asyncio.sleep(0.5)  # it is on its way, and waits
                os.kill(os.getpid(), signal.SIGTERM)
                assert story.daemon is not None
                assert 0 == await asyncio.wait_for(asyncio.shield(story.daemon), SOON_S)
                await story.control("clear_faults")
        assert not any("failure" in title for title in phone.titles())
