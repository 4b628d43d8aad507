"""One process, several ways to run: what is refused, stopped or killed on the way from one to the other."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.domain.events import RunMode, Stopping
from bot.domain.units import Nanos
from bot.journal.reader import SqliteReader
from bot.journal.store import JournalCorrupt, JournalError, JournalFailed
from bot.ops import daemon
from bot.ops.service import Service
from bot.runtime import app, killfile, left_live
from bot.runtime.clock import settle
from bot.runtime.redact import Redactor
from bot.runtime.refusal import StartRefused
from bot.runtime.reload import ConfigFile
from bot.runtime.replay import replay
from bot.runtime.settings_load import Loaded
from bot.runtime.surroundings import Surroundings
from bot.simex.serve import Simex
from tests.e2e.kit import FAST, PATIENCE_S, Story, config, exchange
from tests.runtime.amending import ONLY_BTC
from tests.runtime.configs import loaded as small
from tests.runtime.stage import Bench

OBSERVE, DRY, LIVE = RunMode.OBSERVE, RunMode.DRY_RUN, RunMode.LIVE


class Beginning:
    """What a daemon does as it begins: it takes its config over, and its first step is seen."""

    def __init__(self, around: Surroundings) -> None:
        assert around.config is not None
        self.file = around.config
        self._companions = around.companions

    def begin(self, loaded: Loaded) -> None:
        """The first step."""
        self.file.begin(loaded)
        for one in self._companions:
            if one.name == "beginning":
                one.on_step(Stopping(Nanos(0)), (), Bench().engine.state)


Run = Callable[[asyncio.Event, Beginning, Loaded], RunMode | None]


class Runs:
    """Daemons that end as a test says, in the order in which they are started."""

    def __init__(self, *runs: Run) -> None:
        self.begun: list[tuple[RunMode, Loaded]] = []
        self._runs = list(runs)

    async def __call__(
        self, loaded: Loaded, mode: RunMode, *, stop: asyncio.Event, around: Surroundings
    ) -> RunMode | None:
        """Stands for `run_daemon`."""
        await settle()  # a venue is asked first
        self.begun.append((mode, loaded))
        return self._runs.pop(0)(stop, Beginning(around), loaded)

    @property
    def modes(self) -> list[RunMode]:
        """The ways that were started, in order."""
        return [mode for mode, _ in self.begun]


def goes_on_in(mode: RunMode | None, then: Callable[[asyncio.Event, ConfigFile], None] = lambda *_: None) -> Run:
    """A daemon that ran, and was asked for this."""

    def run(stop: asyncio.Event, daemon: Beginning, loaded: Loaded) -> RunMode | None:
        daemon.begin(loaded)
        then(stop, daemon.file)
        return mode

    return run


def refused(error: Exception) -> Run:
    """A daemon that does not come up."""

    def run(*_: object) -> RunMode | None:
        raise error

    return run


def broke(error: Exception) -> Run:
    """A daemon that came up, and ended so."""

    def run(stop: asyncio.Event, daemon: Beginning, loaded: Loaded) -> RunMode | None:
        daemon.begin(loaded)
        raise error

    return run


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunMode, RunMode, str]]:
    """The switches that an owner is told did not happen."""
    said: list[tuple[RunMode, RunMode, str]] = []

    def not_switched(_: Service, wanted: RunMode, stays: RunMode, error: Exception) -> None:
        said.append((wanted, stays, str(error)))

    monkeypatch.setattr(Service, "not_switched", not_switched)
    return said


async def process(
    monkeypatch: pytest.MonkeyPatch, runs: Runs, mode: RunMode = LIVE, file: ConfigFile | None = None
) -> int:
    """The whole process around such daemons."""
    monkeypatch.setattr(app, "run_daemon", runs)
    first = small(ONLY_BTC)
    return await daemon._daemon(file or ConfigFile(first, lambda: first), mode, Service(first, mode, Redactor()))


Told = list[tuple[RunMode, RunMode, str]]


async def test_a_signal_during_a_switch_is_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM while the old way winds down: the other one is not even composed."""
    runs = Runs(goes_on_in(LIVE, lambda stop, _: stop.set()))

    assert 0 == await process(monkeypatch, runs, DRY)
    assert [DRY] == runs.modes


@pytest.mark.parametrize(("asked", "begins"), [(LIVE, DRY), (DRY, DRY), (OBSERVE, OBSERVE)])
async def test_a_process_that_ends_on_its_way_out_of_live_does_not_begin_in_live_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: RunMode, begins: RunMode
) -> None:
    """The other way waits for the venue for a minute; a crash or a reboot in it must not undo what was asked for."""
    config = small(f"{ONLY_BTC}state_dir: {tmp_path}\n")
    runs = Runs(goes_on_in(DRY), goes_on_in(asked, lambda stop, _: stop.set()))

    assert 0 == await process(monkeypatch, runs, LIVE, ConfigFile(config, lambda: config))
    assert begins is left_live.begins_in(tmp_path, LIVE)


async def test_a_signal_while_the_other_way_is_refused_is_an_end(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    """Nothing is started again only to be stopped."""

    def refuse(stop: asyncio.Event, *_: object) -> RunMode | None:
        stop.set()
        raise StartRefused("venue", "does not answer")

    runs = Runs(goes_on_in(DRY), refuse)

    assert 0 == await process(monkeypatch, runs)
    assert [LIVE, DRY] == runs.modes


@pytest.mark.parametrize(
    "error", [StartRefused("refused", "no"), JournalCorrupt("damaged"), JournalFailed("disk full")]
)
async def test_where_the_other_way_does_not_come_up_the_old_one_goes_on(
    monkeypatch: pytest.MonkeyPatch, told: Told, error: Exception
) -> None:
    """A damaged paper journal must not leave a live book unattended; the owner is told."""
    runs = Runs(goes_on_in(DRY), refused(error), goes_on_in(None))

    assert 0 == await process(monkeypatch, runs)
    assert [LIVE, DRY, LIVE] == runs.modes
    assert [(DRY, LIVE)] == [(wanted, stays) for wanted, stays, _ in told]


async def test_a_journal_that_fails_under_a_running_dry_run_never_starts_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asked for live again: the process ends, as it does wherever a journal fails."""
    runs = Runs(goes_on_in(DRY), broke(JournalFailed("disk full")))

    with pytest.raises(JournalError):
        await process(monkeypatch, runs)
    assert [LIVE, DRY] == runs.modes


async def test_a_config_that_waited_and_is_refused_does_not_end_the_old_way(
    monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    """The way that ran goes on by the config that it ran by, not by the one that could not be started."""
    first, second = small(ONLY_BTC), small(ONLY_BTC)
    file = ConfigFile(first, lambda: second)

    def waits(_: asyncio.Event, config: ConfigFile) -> None:
        config.waiting = second

    runs = Runs(goes_on_in(DRY, waits), refused(StartRefused("config", "unfit")), goes_on_in(None))

    assert 0 == await process(monkeypatch, runs, LIVE, file)
    assert [id(first), id(second), id(first)] == [id(loaded) for _, loaded in runs.begun]


# ------------------------------------------------------------------------------------------------- over the wire
@asynccontextmanager
async def process_at(simex: Simex, loaded: Loaded, begins: RunMode = LIVE) -> AsyncIterator[Story]:
    """A process at an exchange that was started for live; ended by a signal."""
    service = Service(loaded, LIVE, Redactor())
    service.routes.open()
    running = asyncio.create_task(daemon._daemon(ConfigFile(loaded, lambda: loaded), LIVE, service))
    try:
        async with aiohttp.ClientSession() as session:
            story = Story(simex, loaded, session)
            await runs_in(story, begins, running)
            yield story
        os.kill(os.getpid(), signal.SIGTERM)
        assert 0 == await asyncio.wait_for(running, PATIENCE_S)
    finally:
        running.cancel()
        await asyncio.to_thread(service.routes.close)


async def runs_in(story: Story, mode: RunMode, running: asyncio.Task[int] | None = None) -> None:
    """Wait until the daemon answers in this way to run."""

    async def holds() -> bool:
        if running is not None and running.done():
            running.result()
        return bool((await status(story)).get("run_mode") == mode.value)

    await patiently(holds)


async def patiently(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait, within bounds."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not await holds():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


async def status(story: Story) -> dict[str, Any]:
    """The daemon's answer; empty while none answers."""
    try:
        found: dict[str, Any] = await story.command("status")
    except Exception:  # noqa: BLE001 - between two daemons there is no socket, or it is just closing
        return {}
    return found


async def test_live_to_dry_run_and_back_keeps_each_ways_halt_to_itself(tmp_path: Path) -> None:
    """A pause of live holds after a dry-run that traded on; no paper order reaches the venue, none live goes out."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with process_at(simex, loaded) as story:
            await story.until_hedged()
            await story.command("pause", reason="going to look")
            sent = await story.order_requests()
            await story.command("mode", mode="dry-run")
            await runs_in(story, DRY)
            assert "RUN" == (await status(story))["mode"]
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.command("pause", reason="paper, too")
            await story.command("arm", reason="paper only")
            await story.command("mode", mode="live")
            await runs_in(story, LIVE)
            assert "HALT" == (await status(story))["mode"]
            await story.stays("BTCUSDT", "-1")
            assert sent == await story.order_requests()
            await story.command("arm", reason="looked")
            await story.until_position("BTCUSDT", "-1.5")
        ids = [one.client_order_id for one in simex.requests if one.path == "/fapi/v1/order" and one.method == "POST"]
        assert len(ids) == len(set(ids))


async def test_a_kill_in_a_dry_run_holds_when_it_goes_live(tmp_path: Path) -> None:
    """Whoever kills means the machine, not one of its journals."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with process_at(simex, loaded) as story:
            await story.until_hedged()
            await story.command("mode", mode="dry-run")
            await runs_in(story, DRY)
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.command("kill", reason="everything", by="ann")
            await story.command("mode", mode="live")
            await runs_in(story, LIVE)
            assert "HALT" == (await status(story))["mode"]
            await story.stays("BTCUSDT", "-1")
            assert killfile.read(loaded.settings.state_dir) is not None


async def test_a_damaged_paper_journal_leaves_live_running(tmp_path: Path) -> None:
    """Asked for a dry-run that cannot start, the book is looked after as before."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        (loaded.settings.state_dir).mkdir(mode=0o700)
        (loaded.settings.state_dir / "journal-dry-run.sqlite3").write_bytes(b"no journal" * 1_000)
        async with process_at(simex, loaded) as story:
            await story.until_hedged()
            await story.command("mode", mode="dry-run")
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await runs_in(story, LIVE)
            await story.until("-1.5 live", lambda: at(story, "-1.5"))
    with SqliteReader.open(loaded.settings.state_dir / "journal-live.sqlite3") as reader:
        assert reader.check().ok


@pytest.mark.parametrize("unanswered_ms", [4_000, 20_000])
async def test_an_order_in_flight_when_live_is_left_is_counted_once_when_it_comes_back(
    tmp_path: Path, unanswered_ms: int
) -> None:
    """It fills while nobody listens, answered in time or not at all; the hedge is whole afterwards, and made once."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, limits=FAST.replace("{", "{ack_timeout: 30 s, "))
        async with process_at(simex, loaded) as story:
            await story.until_hedged()
            post = {"method": "POST", "path": "/fapi/v1/order"}
            await story.control("fault", kind="stall", variant="user", duration_ms=unanswered_ms)
            await story.control("fault", kind="delay", variant="after", delay_ms=unanswered_ms, **post)
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.until("filled, and not answered", lambda: at(story, "-1.5"))
            await story.command("mode", mode="dry-run")
            await runs_in(story, DRY)
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.25")
            await story.command("mode", mode="live")
            await runs_in(story, LIVE)
            await story.until_position("BTCUSDT", "-1.75")
            await story.stays("BTCUSDT", "-1.75")
            sold = [trade for trade in (await story.truth())["trades"] if trade["symbol"] == "BTCUSDT"]
            assert Decimal("1.75") == sum(Decimal(trade["quantity"]) for trade in sold)
    for name in ("live", "dry-run"):
        assert replay(loaded.settings.state_dir / f"journal-{name}.sqlite3").ok


async def test_a_restart_does_not_go_live_by_itself_after_somebody_left_it(tmp_path: Path) -> None:
    """A service that is set up for live crashes in the dry-run it was told to go on in: it comes up in the dry-run."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with process_at(simex, loaded) as story:
            await story.until_hedged()
            await story.command("mode", mode="dry-run")
            await runs_in(story, DRY)
        async with process_at(simex, loaded, begins=DRY) as story:
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.stays("BTCUSDT", "-1")
            await story.command("mode", mode="live")
            await runs_in(story, LIVE)
            await story.until_position("BTCUSDT", "-1.5")
        async with process_at(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1.5")


async def at(story: Story, coins: str) -> bool:
    """Whether the venue has this bitcoin position."""
    return str((await story.position("BTCUSDT")).normalize()) == coins
