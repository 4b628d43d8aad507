"""Running the daemon in this process: settings, confirmation, signals, and its errors as exit codes."""

import asyncio
import signal
from pathlib import Path

import uvloop

from bot.domain.events import RunMode
from bot.journal.store import JournalBusy, JournalError
from bot.ops.configs import settings_from
from bot.ops.confirm import confirm_live
from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.runtime.control import ControlBusy, ControlError
from bot.runtime.settings import Settings


def run_until_stopped(config: Path, way: str, state_dir: Path | None) -> int:
    """Run until a signal or `stop`; returns the exit code, raises Stop for what is expected to go wrong."""
    settings = settings_from(config)
    if state_dir is not None:
        settings = settings.model_copy(update={"state_dir": state_dir.expanduser().absolute()})
    mode = RunMode(way)
    if mode is RunMode.LIVE:
        confirm_live(settings.portfolio)
    try:
        return uvloop.run(_daemon(settings, mode))
    except (JournalBusy, ControlBusy) as error:
        raise Stop(Exit.BUSY, str(error)) from error
    except JournalError as error:
        raise Stop(Exit.JOURNAL, str(error)) from error
    except ControlError as error:
        raise Stop(Exit.USAGE, str(error)) from error


async def _daemon(settings: Settings, mode: RunMode) -> int:
    from bot.runtime.app import run_daemon

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await run_daemon(settings, mode, stop=stop)
