"""Running the daemon's parts in this process: settings, confirmation, signals, and its errors as exit codes."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from bot.domain.events import RunMode
from bot.journal.store import JournalBusy, JournalError
from bot.ops.configs import hushed, loaded_from, read_again
from bot.ops.confirm import confirm_live
from bot.ops.exits import Exit
from bot.ops.service import Service, opened
from bot.ops.speak import Stop
from bot.runtime import log
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
    if mode is RunMode.LIVE:
        confirm_live(loaded.settings.portfolio)
    with refusals_told(), opened(loaded, mode) as service:
        if mode is RunMode.LIVE and not journal_path(loaded.settings, mode).exists():
            service.require_a_sink(loaded)
        again = partial(service.routes.read, partial(read_again, config, state_dir))
        return uvloop.run(_daemon(ConfigFile(loaded, again, service.on_settings), mode, service))


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
    from bot.runtime.app import run_daemon

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, partial(_hung_up, sys.stdin.isatty(), config, stop))
    around = Surroundings(service.companions, config, service.redactor, _ways(mode))
    running, following = mode, mode
    while True:
        try:
            wanted = await run_daemon(config.newest, following, stop=stop, around=around)
        except StartRefused as error:
            if following is running:
                raise
            service.not_switched(following, running, error)
            following = running
            continue
        if wanted is None:
            return 0
        running, following = following, wanted


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
