"""The state directory, looked at before anything else is done: is it there, ours, and can it be written?"""

import os
import stat
from pathlib import Path

from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded

ALLOWED = "a directory of your own (mode 0700) on a disk that can be written"


def prepare(loaded: Loaded) -> None:
    """Make the state directory where it is missing. Raises StartRefused with one line that names it and the key."""
    why = _objection(loaded.settings.state_dir)
    if why:
        raise StartRefused("config", str(loaded.problem(("state_dir",), why, ALLOWED)))


def _objection(path: Path) -> str:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except (FileExistsError, NotADirectoryError):
        return f"{path} is not a directory, or lies below a file"
    except OSError as error:
        return f"{path} cannot be made: {error.strerror}"
    if found.st_uid != os.geteuid():
        return f"{path} belongs to user {found.st_uid}, this process is user {os.geteuid()}"
    if found.st_mode & stat.S_IWOTH:
        return f"{path} can be written by everybody (mode {stat.S_IMODE(found.st_mode):04o})"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return f"{path} cannot be written: {_why_not(path)}"
    return ""


def _why_not(path: Path) -> str:
    readonly = os.statvfs(path).f_flag & os.ST_RDONLY
    return "its disk is mounted read-only" if readonly else f"mode {stat.S_IMODE(path.stat().st_mode):04o}"
