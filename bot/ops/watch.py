"""Looking at a running daemon again and again: the live view, or plain lines where nobody watches."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.live import Live

from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.ops.view import draw, glyphs_for, progress_line
from bot.runtime.ask import TIMEOUT_S, NotRunning, Refused, ask
from bot.runtime.status import Status

AWAY_S_MAX = 15.0
"""How long a daemon that was there is waited for: one that goes over to another way to run is back within seconds."""
AWAY = "the daemon is away; waiting for it"


def status_of(state_dir: Path, timeout_s: float = TIMEOUT_S) -> Status:
    """The running daemon's Status; raises the kinds of AskError, and Stop when the daemon speaks another version."""
    answer = ask(state_dir, "status", timeout_s=timeout_s)
    try:
        return msgspec.convert(answer, Status)
    except msgspec.ValidationError as error:
        raise Stop(Exit.INTERNAL, f"the daemon's status is not what this version reads: {error}") from error


def watch_status(state_dir: Path, interval_s: float, timeout_s: float) -> None:
    """Show the status until Ctrl-C. A daemon that changes its way to run, or is started anew, is waited for.

    Raises:
        AskError: when there is none from the beginning, or none for AWAY_S_MAX.
    """
    looks = _looks(state_dir, interval_s, timeout_s)
    console = Console(highlight=False)
    if console.is_terminal:
        _watch_live(console, looks)
    else:
        _watch_lines(looks)


def _looks(state_dir: Path, interval_s: float, timeout_s: float) -> Iterator[Status | None]:
    """A status for each look, None while a daemon that was there is away."""
    yield status_of(state_dir, timeout_s)
    away_s = 0.0
    while True:
        time.sleep(interval_s)
        try:
            status = status_of(state_dir, timeout_s)
        except (NotRunning, Refused):
            # One that winds down refuses, one that is down does not listen; either may be back in a moment.
            if away_s >= AWAY_S_MAX:
                raise
            away_s += interval_s
            yield None
        else:
            away_s = 0.0
            yield status


def _watch_live(console: Console, looks: Iterator[Status | None]) -> None:
    glyphs = glyphs_for(console)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for status in looks:
            shown = AWAY if status is None else draw(status, console.height, console.width, glyphs)
            live.update(shown, refresh=True)


def _watch_lines(looks: Iterator[Status | None]) -> None:
    last = ""
    for status in looks:
        line = AWAY if status is None else progress_line(status)
        if line != last:
            print(AWAY if status is None else f"{_stamp(status)} {line}", flush=True)
            last = line


def _stamp(status: Status) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(status.now_ns // 1_000_000_000))
