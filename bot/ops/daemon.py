"""Running the daemon in this process: settings, confirmation, signals, and its errors as exit codes."""

import asyncio
import signal
from pathlib import Path

import uvloop

from bot.domain.events import RunMode
from bot.journal.store import JournalBusy, JournalError
from bot.ops.configs import loaded_from
from bot.ops.confirm import confirm_live
from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.runtime.control import ControlBusy, ControlError
from bot.runtime.refusal import Kind, StartRefused
from bot.runtime.settings_load import Loaded

_REFUSALS: dict[Kind, Exit] = {
    "config": Exit.USAGE,
    "credentials": Exit.USAGE,
    "refused": Exit.REFUSED,
    "venue": Exit.VENUE,
}


def run_until_stopped(config: Path, way: str, state_dir: Path | None) -> int:
    """Run until a signal or `stop`; returns the exit code, raises Stop for what is expected to go wrong."""
    loaded = loaded_from(config, state_dir)
    mode = RunMode(way)
    if mode is RunMode.LIVE:
        confirm_live(loaded.settings.portfolio)
    try:
        return uvloop.run(_daemon(loaded, mode))
    except StartRefused as error:
        raise Stop(_REFUSALS[error.kind], f"not started: {error.lines[0]}", error.kind, error.lines[1:]) from error
    except (JournalBusy, ControlBusy) as error:
        raise Stop(Exit.BUSY, str(error)) from error
    except JournalError as error:
        raise Stop(Exit.JOURNAL, str(error)) from error
    except ControlError as error:
        raise Stop(Exit.USAGE, str(error)) from error


async def _daemon(loaded: Loaded, mode: RunMode) -> int:
    from bot.runtime.app import run_daemon

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await run_daemon(loaded, mode, stop=stop)
