"""One process per journal: an advisory lock that the kernel releases whichever way its holder dies."""

import fcntl
import os
from pathlib import Path

from bot.journal.store import JournalBusy

_PID_BYTES_MAX = 32


class FileLock:
    """An exclusive `flock` on a file that names its holder.

    The file is never removed: unlinking it would let two processes lock two different files of one name.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, path: Path) -> "FileLock":
        """Take the lock without waiting; raises JournalBusy with the holder's pid."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = _holder(descriptor)
            os.close(descriptor)
            raise JournalBusy(f"journal lock {path} is held by process {pid or 'unknown'}", pid) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, _PID_BYTES_MAX, 0).strip()
    return int(text) if text.isdigit() else None
