"""Processes that a demo starts: their logs go to files, and none of them outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import bot

OUR_HOME = Path(bot.__file__).resolve().parents[1]
"""Where this program's packages lie: `python -m` looks in the working directory first, and it must find these."""
STOP_S_MAX = 12.0
"""A daemon may take ten seconds when orders are in flight."""
LOG_LINES_SHOWN = 12
LOG_BYTES_SHOWN = 8_192
_POLL_S = 0.05


class ProcessError(Exception):
    """A process ended, or did not say what was expected; the message ends with the last lines of its log."""


class Process:
    """A Python module running as a process of its own. Its output lies in `log`."""

    def __init__(
        self, name: str, module: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            # A session of its own, so that Ctrl-C reaches the demo alone, which then stops everybody in order.
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, "-m", *module],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**_clean_environment(), **(environment or {})},
                cwd=OUR_HOME,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def require(self) -> None:
        """Raise ProcessError when it has ended."""
        if not self.running:
            raise ProcessError(f"{self.name} ended with code {self._child.returncode}\n{self.tail()}")

    def first_line(self, timeout_s: float) -> str:
        """Wait for the first complete line of its output; raises ProcessError when none comes."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            line, newline, _ = self.log.read_text(errors="replace").partition("\n")
            if newline:
                return line
            self.require()
            time.sleep(_POLL_S)
        raise ProcessError(f"{self.name} said nothing for {timeout_s:g} s")

    def stop(self, timeout_s: float = STOP_S_MAX) -> int:
        """Ask it to end (SIGTERM), insist after a while (SIGKILL); returns its exit code."""
        if self.running:
            self._child.send_signal(signal.SIGTERM)
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()

    def tail(self) -> str:
        """The last lines of its log."""
        with self.log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_BYTES_SHOWN))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(f"  | {line}" for line in lines[-LOG_LINES_SHOWN:])


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block ends: a process that is being started must not be forgotten."""
    pending: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        pending.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if pending:
            raise KeyboardInterrupt


def _clean_environment() -> dict[str, str]:
    """Ours without Trimtab's own variables: a real key or config of the caller has no business here."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
