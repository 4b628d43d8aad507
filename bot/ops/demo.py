"""`trimtab demo`: a simulated exchange and two live daemons as processes, and a story with assertions.

The daemons are the ones that trade real money: same binary, same way to run, same checks. Only the addresses differ.
"""

import json
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from bot.journal.reader import verify
from bot.ops.demo_alerts import Receiver
from bot.ops.demo_books import Book
from bot.ops.demo_exchange import HEDGED, WEIGHTS
from bot.ops.demo_screen import Screen
from bot.ops.demo_stage import Stage, StepFailed
from bot.ops.demo_story import STORY, Step
from bot.ops.exits import Exit
from bot.ops.journals import difference_told, replayed
from bot.ops.processes import Process, ProcessError, interrupts_held
from bot.ops.report import Report, draw_report, report_of
from bot.ops.simex_client import SimexClient, SimexError
from bot.ops.speak import Stop, print_json, say
from bot.ops.view import console_for_results

EXCHANGE_START_S = 15.0
PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asked for. `state_dir` None: a new temporary folder, which is kept."""

    seed: int
    fast: bool
    state_dir: Path | None
    as_json: bool


class StepDone(msgspec.Struct, frozen=True):
    """A step that passed: what it saw, and how long it took."""

    name: str
    saw: str
    seconds: float


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo came to."""

    ok: bool
    seconds: float
    steps: tuple[StepDone, ...]
    report: Report
    folder: str


def run_demo(wishes: Wishes) -> Exit:
    """Tell the whole story; raises Stop with the step's name when one fails."""
    folder = _folder(wishes.state_dir)
    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(_sigterm_like_ctrl_c())
        screen = stack.enter_context(Screen([step.title for step in STORY], quiet=wishes.as_json))
        stage = _staged(wishes, folder, screen, stack)
        steps = [_played(step, stage, folder) for step in STORY]
        report = _closed(stage)
    result = DemoResult(
        ok=True, seconds=round(time.monotonic() - started, 1), steps=tuple(steps), report=report, folder=str(folder)
    )
    _tell(result, wishes.as_json)
    return Exit.OK


def _folder(wanted: Path | None) -> Path:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="trimtab-demo-"))
    wanted = wanted.absolute()
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(wanted.iterdir()):
        raise Stop(Exit.USAGE, f"{wanted} is not empty; the demo wants a folder of its own")
    return wanted


def _staged(wishes: Wishes, folder: Path, screen: Screen, stack: ExitStack) -> Stage:
    """Start the exchange and both daemons; whatever was started is stopped with the stack."""
    exchange_dir = folder / "exchange"
    exchange_dir.mkdir()
    command = ["bot.ops.demo_exchange", str(wishes.seed), str(exchange_dir)]
    try:
        with interrupts_held():
            exchange = Process("the simulated exchange", command, folder / "exchange.log")
            stack.callback(exchange.stop)
        said: dict[str, Any] = json.loads(exchange.first_line(EXCHANGE_START_S))
    except (ProcessError, ValueError) as error:
        raise Stop(Exit.FAILED_CHECK, f"the simulated exchange did not start: {error}", "start") from error
    books = [Book(name, folder / name) for name in (HEDGED, WEIGHTS)]
    alerts = stack.enter_context(Receiver())
    for book in books:
        book.prepare(said, alerts.url(book.name))
        with interrupts_held():
            book.start()
            stack.callback(book.stop)
    pause_s = 0.0 if wishes.fast else PAUSE_S
    return Stage(SimexClient(said["control_url"]), books[0], books[1], screen, pause_s, alerts)


def _played(step: Step, stage: Stage, folder: Path) -> StepDone:
    started = time.monotonic()
    try:
        saw = step.act(stage)
        seconds = time.monotonic() - started
        stage.screen.done(saw, seconds)
        stage.pause(stage.weights if step.name == "weights" else stage.hedged)
    except (StepFailed, ProcessError, SimexError) as error:
        message = f"step {step.name!r} failed: {error}\nlogs and journals: {folder}"
        raise Stop(Exit.FAILED_CHECK, message, step.name) from error
    return StepDone(step.name, saw, round(seconds, 1))


def _closed(stage: Stage) -> Report:
    """Take the last pictures, stop both daemons, and check that they ended well and that their journals hold."""
    books = (stage.hedged, stage.weights)
    for book in books:
        stage.look(book)
    statuses = [book.status for book in books if book.status is not None]
    for book in books:
        code = book.stop()
        if code != 0:
            raise Stop(Exit.FAILED_CHECK, f"the daemon of {book.name} ended with {code}: {book.folder}", "stop")
    for status in statuses:
        found = verify(status.journal_path)
        if not found.ok:
            raise Stop(Exit.FAILED_CHECK, f"journal {status.journal_path} is broken: {found.reason}", "journal")
        again = replayed(Path(status.journal_path))
        if not again.ok:
            raise Stop(Exit.FAILED_CHECK, f"{status.journal_path}: {difference_told(again)}", "replay")
    return report_of(statuses)


def _tell(result: DemoResult, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    say()
    console_for_results().print(draw_report(result.report))
    say(f"logs     {result.folder}")
    say(f"\nAll {len(result.steps)} steps passed in {result.seconds:g} s.")
    say("Both journals are whole and replay to the same commands.")


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that no process is left behind."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
