"""Remembers that an operator took a process out of live, so that a restart does not put it back.

A service that is set up with ``--live`` is started with it again after a crash or a reboot, though the last thing that
somebody said was to go on without trading. So while such a process runs in another way a file in the state directory
names that way; a start for live begins in it, and only ``trimtab mode live`` goes back. In live there is no such file.
"""

import os
from pathlib import Path

from bot.domain.events import RunMode

NAME = "MODE"
CHARACTERS_MAX = 20


def keep(state_dir: Path, mode: RunMode) -> None:
    """Note the way that a process runs in from now on which may go live. Raises OSError."""
    target, draft = state_dir / NAME, state_dir / f".{NAME}.{os.getpid()}"
    if mode is RunMode.LIVE:
        target.unlink(missing_ok=True)
        return
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, mode.value.encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(target)


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
