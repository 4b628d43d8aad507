"""Looking at a running daemon again and again: the live view, or plain lines where nobody watches."""

import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.live import Live

from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.ops.view import draw, glyphs_for, progress_line
from bot.runtime.ask import TIMEOUT_S, ask
from bot.runtime.status import Status


def status_of(state_dir: Path, timeout_s: float = TIMEOUT_S) -> Status:
    """The running daemon's Status; raises the kinds of AskError, and Stop when the daemon speaks another version."""
    answer = ask(state_dir, "status", timeout_s=timeout_s)
    try:
        return msgspec.convert(answer, Status)
    except msgspec.ValidationError as error:
        raise Stop(Exit.INTERNAL, f"the daemon's status is not what this version reads: {error}") from error


def watch_status(state_dir: Path, interval_s: float, timeout_s: float) -> None:
    """Show the status until Ctrl-C; raises AskError when the daemon goes away."""
    console = Console(highlight=False)
    if console.is_terminal:
        _watch_live(console, state_dir, interval_s, timeout_s)
    else:
        _watch_lines(state_dir, interval_s, timeout_s)


def _watch_live(console: Console, state_dir: Path, interval_s: float, timeout_s: float) -> None:
    glyphs = glyphs_for(console)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(draw(status_of(state_dir, timeout_s), console.height, console.width, glyphs), refresh=True)
            time.sleep(interval_s)


def _watch_lines(state_dir: Path, interval_s: float, timeout_s: float) -> None:
    last = ""
    while True:
        status = status_of(state_dir, timeout_s)
        line = progress_line(status)
        if line != last:
            print(f"{_stamp(status)} {line}", flush=True)
            last = line
        time.sleep(interval_s)


def _stamp(status: Status) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(status.now_ns // 1_000_000_000))
