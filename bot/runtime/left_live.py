"""Remembers that an operator took a process out of live, so that a restart does not put it back.

A service that is set up with ``--live`` is started with it again after a crash or a reboot, though the last thing that
somebody said was to go on without trading. So while such a process runs in another way a file in the state directory
names that way; a start for live begins in it, and only ``trimtab mode live`` goes back. In live there is no such file.
"""

from pathlib import Path

from bot.domain.events import RunMode
from bot.runtime import durable

NAME = "MODE"
CHARACTERS_MAX = 20


def keep(state_dir: Path, mode: RunMode) -> None:
    """Note the way that a process runs in from now on which may go live. Raises OSError."""
    target = state_dir / NAME
    if mode is RunMode.LIVE:
        target.unlink(missing_ok=True)
    else:
        durable.replace(target, mode.value.encode() + b"\n")


def begins_in(state_dir: Path, asked: RunMode) -> RunMode:
    """The way that a start begins in: the one that was asked for, unless that is live and somebody had left it.

    A file that says nothing of use was put there for something: then it is a dry-run.
    """
    if asked is not RunMode.LIVE:
        return asked
    try:
        with (state_dir / NAME).open("rb") as file:
            word = file.read(CHARACTERS_MAX).decode(errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return asked
    except OSError:
        return RunMode.DRY_RUN
    ways = {mode.value: mode for mode in (RunMode.OBSERVE, RunMode.DRY_RUN)}
    return ways.get(word, RunMode.DRY_RUN)
