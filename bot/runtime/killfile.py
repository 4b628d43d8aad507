"""The kill switch that needs nobody's answer: a file in the state directory.

`trimtab kill` writes it before it asks the daemon. The daemon looks for it on every tick and treats it as an operator's
kill; a daemon that starts while it lies there starts killed. Only `arm`, and a confirmed flatten, remove it. A file
that cannot be read is a kill as well: `touch KILL` in the state directory is enough.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bot.runtime import durable

NAME = "KILL"
BYTES_MAX = 4096
REASON_CHARACTERS_MAX = 500


class KillOrder(NamedTuple):
    """What the file says: why, by whom, and when (Unix seconds; 0 when it does not say)."""

    reason: str
    by: str
    at_s: float


def place(state_dir: Path) -> Path:
    """Where the file lies."""
    return state_dir / NAME


def write(state_dir: Path, reason: str, by: str) -> Path:
    """Put the file there, durably and in one piece; raises OSError when that fails.

    A file that is already there is replaced: the newest reason is the one that counts.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = place(state_dir)
    said = {"reason": reason[:REASON_CHARACTERS_MAX], "by": by[:REASON_CHARACTERS_MAX], "at_s": time.time()}
    try:
        durable.replace(target, json.dumps(said, ensure_ascii=False).encode() + b"\n")
    except OSError:
        # A full disk mostly has room for one more name, and a bare file is a kill as well.
        target.touch(mode=0o600)
        durable.sync_directory(state_dir)
    return target


def read(state_dir: Path) -> KillOrder | None:
    """The order that lies there, or None when there is no file. Cheap when there is none: one look-up."""
    path = place(state_dir)
    try:
        with path.open("rb") as file:
            text = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return KillOrder(f"{path} cannot be read ({error.strerror})", "unknown", 0.0)
    return _parsed(text)


def remove(state_dir: Path) -> bool:
    """Remove the file; says whether there was one. Raises OSError when it cannot be removed."""
    try:
        place(state_dir).unlink()
    except FileNotFoundError:
        return False
    durable.sync_directory(state_dir)
    return True


class Watch:
    """Looks for the file again and again, and tells of each kill once.

    A file that lies there at the first look counts. One that was told of does not count again until it is written
    anew: an operator who flattens after a kill must not be stopped by the file of that same kill.
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._told: tuple[int, int] | None = None
        self._lifts = 0
        self._writing = threading.Lock()

    def news(self) -> KillOrder | None:
        """The order of a file that is new since the last look, or None."""
        try:
            found = place(self._state_dir).stat()
        except FileNotFoundError:
            self._told = None
            return None
        except OSError:
            return read(self._state_dir)
        mark = _mark(found)
        if mark == self._told:
            return None
        self._told = mark
        return read(self._state_dir)

    def lift(self) -> None:
        """Remove the file, and take back one that is still on its way to the disk. Raises OSError."""
        self._lifts += 1
        remove(self._state_dir)

    def leaving(self, reason: str, by: str) -> Callable[[], None]:
        """What writes the file for a kill that is obeyed already, so it is no news here; made for a thread.

        A disk may keep it for long: where it is lifted meanwhile it leaves no file that would halt the next start. What
        it returns raises OSError.
        """
        return partial(self._leave, reason, by, self._lifts)

    def _leave(self, reason: str, by: str, lifts: int) -> None:
        with self._writing:
            if self._lifts != lifts:
                return
            written = write(self._state_dir, reason, by)
            try:
                mark = self._told = _mark(written.stat())
                if self._lifts != lifts and _mark(written.stat()) == mark:
                    remove(self._state_dir)
            except FileNotFoundError:
                if self._lifts == lifts:
                    raise


def _mark(found: os.stat_result) -> tuple[int, int]:
    return found.st_ino, found.st_mtime_ns


def _parsed(text: bytes) -> KillOrder:
    try:
        said = json.loads(text)
        return KillOrder(str(said["reason"]), str(said["by"]), float(said["at_s"]))
    except (ValueError, KeyError, TypeError):
        words = " ".join(text.decode(errors="replace").split())
        return KillOrder(words or f"a file named {NAME}", "unknown", 0.0)
