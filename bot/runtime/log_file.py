"""A log file of our own: appended to, turned over by size, opened anew when somebody else moved it.

It is written by the log's own thread and nobody else, so it needs no lock; `reopen` alone may be called from any
thread. A disk that is full or gone costs lines, which are counted and told once on standard error, and never more: the
next line tries again.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from bot.runtime.settings_service import LogFileSettings

_MODE = 0o600
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK
"""Without O_NONBLOCK a pipe that nobody reads would hold up the start; a file does not care."""


def _tell(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody is left to tell


class LogFile:
    """Lines in a file, and the files that were turned over beside it: `name.1` is the youngest of them."""

    def __init__(self, settings: LogFileSettings, tell: Callable[[str], None] = _tell) -> None:
        """Open the file. Raises OSError when it cannot be opened: at a start that is a mistake to be told."""
        self._path = settings.path
        self._size_max = settings.size
        self._keep = settings.keep
        self._tell = tell
        self._descriptor: int | None = None
        self._inode: tuple[int, int] = (0, 0)
        self._size = 0
        self._untold = 0
        self._reopen = False
        self.lost = 0
        """Lines that could not be written since the start."""
        self._open()

    def reopen(self) -> None:
        """Open the file anew with the next line: an outside logrotate has moved it. From any thread or signal."""
        self._reopen = True

    def write(self, line: str) -> None:
        """Append a line (its newline is added). What cannot be written is lost, and counted."""
        data = line.encode(errors="replace") + b"\n"
        try:
            self._make_ready(len(data))
            if self._untold:
                self._append(f"{self._untold} log lines were lost: the file could not be written\n".encode())
            self._append(data)
        except OSError as error:
            self._lose(error)
            return
        self._untold = 0

    def flush(self) -> None:
        """Every line is with the system already."""

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        self.close()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, _FLAGS, _MODE)
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise OSError(errno.EINVAL, "it is no regular file")
        if found.st_mode & 0o077:
            os.fchmod(self._descriptor, _MODE)
        self._inode, self._size = (found.st_dev, found.st_ino), found.st_size

    def _make_ready(self, more: int) -> None:
        if self._descriptor is None or self._reopen or self._was_moved():
            self._reopen = False
            self._open()
        if self._size and self._size + more > self._size_max:
            self._turn_over()

    def _was_moved(self) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return True
        # Somebody may have cut it short where it lies (copytruncate); what is appended goes to its end all the same.
        self._size = min(self._size, found.st_size)
        return (found.st_dev, found.st_ino) != self._inode

    def _turn_over(self) -> None:
        """Each file takes the name of the next older one, the oldest is replaced; a new one takes the name."""
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _append(self, data: bytes) -> None:
        """Write all of it or, as far as the disk lets us, nothing: a torn line would hide the next one."""
        assert self._descriptor is not None
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            if written:
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += written

    def _lose(self, error: OSError) -> None:
        self.lost += 1
        self._untold += 1
        if self._untold == 1:
            self._tell(
                f"the log file {self._path} cannot be written ({error.strerror}): its lines are lost until it can"
            )
