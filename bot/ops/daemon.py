"""Running the daemon's parts in this process: settings, confirmation, signals, and its errors as exit codes."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from bot.domain.events import RunMode
from bot.journal.store import JournalBusy, JournalError
from bot.ops.configs import hushed, loaded_from
from bot.ops.confirm import confirm_live
from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.runtime.control import ControlBusy, ControlError
from bot.runtime.refusal import Kind, StartRefused
from bot.runtime.settings_load import Loaded
from bot.runtime.supervise import BudgetSpent

REFUSALS: dict[Kind, Exit] = {
    "config": Exit.USAGE,
    "credentials": Exit.USAGE,
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
    with refusals_told():
        return uvloop.run(_daemon(loaded, mode, confirmed=mode is RunMode.LIVE))


def plan_without_daemon(config: Path, state_dir: Path | None) -> dict[str, Any]:
    """Look once, as `observe` does, and say what would be done; raises Stop for what is expected to go wrong."""
    from bot.runtime.app import plan_once

    loaded = loaded_from(config, state_dir)
    with refusals_told():
        return uvloop.run(plan_once(hushed(loaded)))


async def _daemon(loaded: Loaded, mode: RunMode, *, confirmed: bool) -> int:
    """Run, and go on in another way where an operator asks for one; live only where this start was confirmed."""
    from bot.runtime.app import run_daemon

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    following: RunMode | None = mode
    while following is not None:
        following = await run_daemon(loaded, following, stop=stop)
        if following is RunMode.LIVE and not confirmed:
            raise Stop(Exit.REFUSED, "live needs a start with --live and its confirmation")
    return 0
