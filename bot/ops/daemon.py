"""Running the daemon's parts in this process: settings, confirmation, signals, and its errors as exit codes."""

import asyncio
import resource
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from bot.domain.commands import Command
from bot.domain.events import Event, RunMode
from bot.engine.state import State
from bot.journal.store import JournalBusy, JournalError
from bot.ops.configs import hushed, loaded_from, read_again
from bot.ops.confirm import confirm_live
from bot.ops.exits import Exit
from bot.ops.service import Service, opened
from bot.ops.speak import Stop, warn
from bot.runtime import left_live, log
from bot.runtime.companion import House
from bot.runtime.control import ControlBusy, ControlError
from bot.runtime.refusal import Kind, StartRefused
from bot.runtime.reload import ConfigFile
from bot.runtime.supervise import BudgetSpent
from bot.runtime.surroundings import Surroundings
from bot.runtime.wiring import journal_path

REFUSALS: dict[Kind, Exit] = {
    "config": Exit.USAGE,
    "credentials": Exit.USAGE,
    "key": Exit.VENUE,
    "refused": Exit.REFUSED,
    "venue": Exit.VENUE,
}


@contextmanager
def refusals_told() -> Iterator[None]:
    """Turn whatever is expected to keep a daemon from starting into its exit code."""
    try:
        yield
    except StartRefused as error:
        raise Stop(REFUSALS[error.kind], "not started, nothing was sent", error.kind, error.lines) from error
    except (JournalBusy, ControlBusy) as error:
        raise Stop(Exit.BUSY, str(error)) from error
    except JournalError as error:
        raise Stop(Exit.JOURNAL, str(error)) from error
    except ControlError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except BudgetSpent as error:
        raise Stop(Exit.INTERNAL, f"{error}; hedges stay as they are, start it again") from error


def run_until_stopped(config: Path, way: str, state_dir: Path | None) -> int:
    """Run until a signal or `stop`; returns the exit code, raises Stop for what is expected to go wrong."""
    loaded = loaded_from(config, state_dir)
    mode = RunMode(way)
    _leave_no_core()
    if mode is RunMode.LIVE:
        confirm_live(loaded.settings.portfolio)
    with refusals_told(), opened(loaded, mode) as service:
        if mode is RunMode.LIVE and not journal_path(loaded.settings, mode).exists():
            for line in service.require_a_sink(loaded):
                warn(line)
        again = partial(service.routes.read, partial(read_again, config, state_dir))
        return uvloop.run(_daemon(ConfigFile(loaded, again, service.on_settings), mode, service))


def _leave_no_core() -> None:
    """A core file of this process would hold the keys; what one would be wanted for is in the journal and the log."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def plan_without_daemon(config: Path, state_dir: Path | None) -> dict[str, Any]:
    """Look once, as `observe` does, and say what would be done; raises Stop for what is expected to go wrong."""
    from bot.runtime.app import plan_once

    loaded = loaded_from(config, state_dir)
    with refusals_told():
        return uvloop.run(plan_once(hushed(loaded)))


async def _daemon(config: ConfigFile, mode: RunMode, service: Service) -> int:
    """Run, and go on in another way where an operator asks for one; live only where this start was confirmed.

    Where the other way cannot be started, the one that ran goes on: somebody who asks for live and is refused has not
    asked for an end.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, partial(_hung_up, sys.stdin.isatty(), config, stop))
    # Nobody waits for this thread: a sink that hangs delays neither the start nor an end.
    threading.Thread(target=service.prove_the_silent, args=(config.current,), name="sink-test", daemon=True).start()
    beginning = _Beginning()
    around = Surroundings((beginning, *service.companions), config, service.redactor, _ways(mode))
    running = following = _first_way(config.current.settings.state_dir, mode)
    while not stop.is_set():
        service.runs_in(following)
        try:
            wanted = await _run(config, following, stop, around, beginning)
        except (StartRefused, JournalError, ControlError) as error:
            if following is running or beginning.over:
                raise
            service.runs_in(running)
            service.not_switched(following, running, error)
            config.waiting = None  # the way that ran goes on by the config that it ran by
            following = running
            continue
        if wanted is None:
            break
        if mode is RunMode.LIVE and wanted is not RunMode.LIVE:
            _note_left(config.current.settings.state_dir, wanted)
        running, following = following, wanted
    return 0


def _first_way(state_dir: Path, asked: RunMode) -> RunMode:
    """The way to begin in; where it is not the one that was asked for, the terminal says why and what undoes it."""
    way = left_live.begins_in(state_dir, asked)
    if way is not asked:
        why = f"{state_dir / left_live.NAME} says that an operator had gone over to {way.value}"
        warn(f"{why}, so it goes on in that; `trimtab mode live` goes back")
    return way


def _note_left(state_dir: Path, wanted: RunMode) -> None:
    """Note it before the other way is composed: a crash in that minute must not bring live back."""
    with suppress(OSError):  # the start of that way notes it again, and says so where that fails
        left_live.keep(state_dir, wanted)


class _Beginning:
    """A companion that knows whether the beginning is over. Until then nothing was decided or sent."""

    name = "beginning"

    def __init__(self) -> None:
        self.over = False

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """The first step of all is the start."""
        self.over = True

    async def run(self, house: House) -> None:
        """Nothing more to see."""
        await asyncio.Event().wait()


async def _run(
    config: ConfigFile, mode: RunMode, stop: asyncio.Event, around: Surroundings, beginning: _Beginning
) -> RunMode | None:
    """Run the daemon; a stop that comes while it still begins (a venue may keep it for a minute) ends it there."""
    from bot.runtime.app import run_daemon

    beginning.over = False
    daemon = asyncio.ensure_future(run_daemon(config.newest, mode, stop=stop, around=around))
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({daemon, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not beginning.over:
            daemon.cancel()  # it is done already, or told to stop before it had begun
        await asyncio.wait({daemon})
    finally:
        stopped.cancel()
        daemon.cancel()
    return None if daemon.cancelled() else daemon.result()


def _ways(mode: RunMode) -> frozenset[RunMode]:
    """The ways to run that an operator may go over to: live only where this start was confirmed for it."""
    return frozenset({RunMode.OBSERVE, RunMode.DRY_RUN, mode})


def _hung_up(at_a_terminal: bool, config: ConfigFile, stop: asyncio.Event) -> None:
    """SIGHUP: load the config anew, unless it came because the terminal that this runs in was closed."""
    if at_a_terminal and not _terminal_is_there():
        stop.set()
    else:
        log.reopen()
        config.asked.set()


def _terminal_is_there() -> bool:
    try:
        with Path("/dev/tty").open("rb"):
            return True
    except OSError:
        return False
