"""What the demo shows: its steps as they are done over the live view, or a line each where nobody watches."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from bot.ops import rows
from bot.ops.view import draw, glyphs_for
from bot.runtime.status import Status

FRAMES_PER_SECOND = 8
ABOUT = (
    "\nAn exchange is simulated on this machine. It speaks Binance's protocol: TLS websockets and signed REST under "
    "Binance's host names, with a certificate authority of its own.\n\nTwo daemons trade on it with the program that a "
    "real account would get: one keeps a book delta-neutral, the other keeps one at 60/40.\n\nWhat a step says it saw "
    "is asserted by the exchange's own records, not by the daemon's."
)


class Screen:
    """The demo's face; a context manager. `titles` are the steps in order. With `quiet` lines go to standard error."""

    def __init__(self, titles: Sequence[str], quiet: bool) -> None:
        self._console = Console(highlight=False, stderr=quiet)
        self._glyphs = glyphs_for(self._console)
        self._titles = titles
        self._done: list[tuple[str, float]] = []
        self._doing = "starting the simulated exchange and two daemons"
        self._status: Status | None = None
        self._started_s = time.monotonic()
        live = self._console.is_terminal and not quiet
        self._live = Live(console=self._console, screen=True, auto_refresh=False) if live else None
        self._frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" if self._glyphs is rows.UNICODE else "-\\|/"

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._console.print(self._steps(finished=True))

    def doing(self, what: str) -> None:
        """Say what is going on inside the step."""
        if self._live is None and what != self._doing:
            self._console.print(Text(f"{'':10}{what}", "dim"), soft_wrap=True)
        self._doing = what
        self.refresh()

    def done(self, saw: str, seconds: float) -> None:
        """The current step has passed: what was seen, and how long it took."""
        self._done.append((saw, seconds))
        self._doing = ""
        if self._live is None:
            line = f"{self._elapsed():6.1f} s  {self._titles[len(self._done) - 1]}: {saw}"
            self._console.print(Text(line), soft_wrap=True)
        self.refresh()

    def show(self, status: Status | None) -> None:
        """Show a newer status."""
        self._status = status or self._status
        self.refresh()

    def refresh(self) -> None:
        """Draw."""
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)

    def _elapsed(self) -> float:
        return time.monotonic() - self._started_s

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = [self._steps(finished=False), Rule(style="dim", characters=self._glyphs.inside)]
        if self._status is None:
            parts.append(Text(ABOUT, "dim"))
        else:
            left = self._console.height - len(self._titles) - 2
            parts.append(draw(self._status, left, self._console.width, self._glyphs))
        return Group(*parts)

    def _steps(self, finished: bool) -> RenderableType:
        where = "a simulated exchange on this machine: no key, no network"
        head = Text.assemble(("trimtab demo", "bold cyan"), f"  {where}  ", (f"{self._elapsed():.0f} s", "dim"))
        lines = [self._row(number, title, finished) for number, title in enumerate(self._titles)]
        return Group(rows.one_line(head), *(lines if finished else map(rows.one_line, lines)))

    def _row(self, number: int, title: str, finished: bool) -> Text:
        wide = max(map(len, self._titles)) + 1
        if number < len(self._done):
            saw, seconds = self._done[number]
            took = (f"{seconds:4.1f} s  ", "dim")
            return Text.assemble((f"{self._glyphs.yes:3}", "bold green"), f"{title:{wide}}", took, (saw, "dim"))
        if number > len(self._done):
            return Text(f"   {title}", "dim")
        if finished:
            return Text.assemble((f"{self._glyphs.no:3}{title:{wide}}", "bold red"), self._doing)
        turning = self._frames[int(self._elapsed() * FRAMES_PER_SECOND) % len(self._frames)]
        return Text.assemble((f"{turning:3}{title:{wide}}", "bold"), (self._doing, "yellow"))


def note(line: str) -> None:
    """A line beside the story, on standard error."""
    print(line, file=sys.stderr)
