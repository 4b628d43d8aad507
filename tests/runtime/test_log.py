"""The promises of the log: every sink redacted, one event a line, libraries included, bounded, never in the way."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
import threading
import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import pytest

from bot.runtime import log
from bot.runtime.redact import Redactor
from bot.runtime.settings import LogSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
QUERY = f"GET https://fapi.binance.com/fapi/v2/balance?timestamp=1&signature=deadbeefdeadbeef {CANARY}"
Level = Literal["debug", "info", "warning", "error"]
FORMATS: tuple[Literal["console", "json"], ...] = ("console", "json")


@pytest.fixture(autouse=True)
def _hooks() -> Iterator[None]:
    """Tracebacks are the process's own again after each test."""
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = before


def begin(stream: io.StringIO, form: Literal["console", "json"] = "json", level: Level = "info") -> log.Log:
    """A log into a buffer that knows the canary."""
    return log.start(LogSettings(format=form, level=level), Redactor([CANARY]), stream)


def assert_no_canary(text: str) -> None:
    """No piece of the canary, and nothing derived from it, stands in the text."""
    assert [] == [CANARY[at : at + 12] for at in range(len(CANARY) - 11) if CANARY[at : at + 12] in text]
    assert "deadbeefdeadbeef" not in text


def fail() -> None:
    """Raise as ccxt does: the signed query in the text, twice over."""
    try:
        raise ValueError(QUERY)
    except ValueError as error:
        raise RuntimeError(f"request failed: {QUERY}") from error


@pytest.mark.parametrize("form", FORMATS)
def test_no_sink_shows_a_secret(form: Literal["console", "json"]) -> None:
    """Events, figures, nested values, exceptions with their causes, libraries and warnings: all redacted."""
    stream = io.StringIO()
    with begin(stream, form):
        ours, theirs = log.logger("bot.test"), logging.getLogger("ccxt.base.exchange")
        deep = {"a": [CANARY, {"api_secret": "unregistered-1"}]}
        ours.info(f"sent {CANARY}", url=QUERY, deep=deep, error=ValueError(CANARY))
        ours.info("headers", headers={"X-MBX-APIKEY": "unregistered-2"}, api_key="unregistered-3")
        theirs.warning("answer %s of %r", QUERY, {"listenKey": "unregistered-4"})
        try:
            fail()
        except RuntimeError as error:
            ours.exception("failed")
            ours.error("failed again", exc_info=error)
            theirs.exception("and there")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(CANARY, UserWarning, stacklevel=1)
    text = stream.getvalue()

    assert_no_canary(text)
    assert "unregistered" not in text
    assert 3 == text.count("RuntimeError: request failed")
    assert 7 == sum("ccxt" in line or "bot.test" in line or "py.warnings" in line for line in text.splitlines())


def test_uncaught_exceptions_are_redacted_everywhere() -> None:
    """The main thread, other threads, forgotten tasks and finalizers: no traceback shows what the log hides."""
    code = f"""
import asyncio, sys, threading
from bot.runtime import log
from bot.runtime.redact import Redactor
from bot.runtime.settings import LogSettings

async def unawaited():
    async def fails():
        raise ValueError("{CANARY}")
    task = asyncio.ensure_future(fails())
    await asyncio.sleep(0.01)
    del task

class Finalized:
    def __del__(self):
        raise ValueError("{CANARY}")

with log.start(LogSettings(), Redactor(["{CANARY}"])):
    asyncio.run(unawaited())
thread = threading.Thread(target=lambda: (_ for _ in ()).throw(ValueError("{CANARY}")), name="worker")
thread.start(); thread.join()
Finalized()
raise ValueError("{CANARY}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert (1, "") == (done.returncode, done.stdout)
    assert_no_canary(done.stderr)
    for where in ("Task exception was never retrieved", "exception in worker", "a finalizer", "the main thread"):
        assert where in done.stderr
    assert 4 == done.stderr.count("ValueError: [redacted]")


@pytest.mark.parametrize("form", FORMATS)
def test_a_line_cannot_fake_another_or_steer_the_terminal(form: Literal["console", "json"]) -> None:
    """Line breaks, escape sequences and direction marks from outside are shown, not obeyed."""
    stream = io.StringIO()
    evil = "ok\n2026-01-01T00:00:00.000Z critical all sold\x1b[2J\x9b31m\u202e\u2028\r"
    with begin(stream, form):
        log.logger("bot.test").info(evil, **{"key\nfake": evil})
        logging.getLogger("aiohttp").error(evil)
        try:
            raise ValueError(evil)
        except ValueError:
            log.logger("bot.test").exception("failed")
    lines = stream.getvalue().split("\n")[:-1]

    assert 3 == sum(line[:1] in "2{" for line in lines)
    assert all(line.startswith("    | ") for line in lines if line[:1] not in "2{")
    assert not {c for line in lines for c in line if not c.isprintable()}


def test_json_lines_are_json() -> None:
    """A program finds time, level, logger, event, the figures and the exception, each under its name."""
    stream = io.StringIO()
    with begin(stream):
        log.logger("bot.test").warning("hedge refused", asset="BTC", need=Decimal("-1.20"), ok=None, many=[1, {2}])
        try:
            fail()
        except RuntimeError:
            log.logger("bot.test").exception("failed")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())

    assert ["time", "level", "logger", "event"] == list(first)[:4]
    assert ("warning", "bot.test", "hedge refused", "BTC", "-1.20", None, [1, [2]]) == tuple(
        first[key] for key in ("level", "logger", "event", "asset", "need", "ok", "many")
    )
    assert second["exception"].startswith("Traceback (most recent call last):")


def test_console_lines_are_for_people() -> None:
    """Time, level, what happened, its figures, and quotes only where a value needs them."""
    stream = io.StringIO()
    with begin(stream, "console"):
        log.logger("bot.test").info("hedge opened", asset="BTC", contracts=Decimal("-1.2"), why="band 1 % breached")

    assert (
        'Z info     hedge opened  asset=BTC  contracts=-1.2  why="band 1 % breached"  [bot.test]\n' in stream.getvalue()
    )


def test_libraries_speak_from_warning_on_and_we_from_our_level() -> None:
    """Our level is ours: a library's chatter, and its debug lines with bodies in them, stay out at every level."""
    stream = io.StringIO()
    with begin(stream, "console", "debug"):
        log.logger("bot.test").debug("ours")
        for name in ("ccxt", "aiohttp.access", "asyncio"):
            logging.getLogger(name).info("theirs")
            logging.getLogger(name).debug("theirs")
    with begin(stream, "console", "warning"):
        log.logger("bot.test").info("too low")

    assert ["ours"] == [line.split()[2] for line in stream.getvalue().splitlines()]


class Stalled(io.StringIO):
    """A terminal that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def write(self, text: str) -> int:
        """Wait for the gate, then write."""
        self.gate.wait(30)
        return super().write(text)


def told_lost(stream: io.StringIO) -> int:
    """How many lines the log itself says were lost, in one line or in several."""
    return sum(int(count) for count in re.findall(r"(\d+) log lines were lost", stream.getvalue()))


def test_a_stalled_terminal_costs_lines_and_never_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is bounded: what does not fit is counted and told, and the caller goes on."""
    monkeypatch.setattr(log, "QUEUE_LINES_MAX", 5)
    stream = Stalled()
    with begin(stream) as running:
        for number in range(50):
            log.logger("bot.test").info("line", number=number)
        lost = running.dropped
        stream.gate.set()
        for _ in range(5_000):
            log.logger("bot.test").info("after")
            threading.Event().wait(0.001)
            if told_lost(stream) == running.dropped:
                break

    assert 44 <= lost <= 45
    assert lost <= told_lost(stream) == running.dropped


def test_closing_waits_for_a_stalled_terminal_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that takes nothing cannot keep the daemon from stopping."""
    monkeypatch.setattr(log, "CLOSING_SECONDS_MAX", 0.05)
    stream = Stalled()
    running = begin(stream)
    log.logger("bot.test").info("line")
    running.close()
    before = stream.getvalue()
    running.close()
    stream.gate.set()

    assert "" == before


def test_a_line_that_cannot_be_made_shows_nothing_of_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """The standard library would print a broken call's arguments to the terminal; here they are only counted."""
    stream = io.StringIO()
    with begin(stream) as running:
        logging.getLogger("ccxt").warning("%d", CANARY)
        dropped = running.dropped
        log.logger("bot.test").info("next")

    assert 1 == dropped
    assert ["1 log lines were lost: they came faster than they could be written, or were no text", "next"] == [
        json.loads(line)["event"] for line in stream.getvalue().splitlines()
    ]
    assert ("", "") == capsys.readouterr()


def test_a_terminal_that_is_gone_breaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Logging goes on when the terminal has been closed."""
    stream = io.StringIO()
    with begin(stream):
        stream.close()
        log.logger("bot.test").error("unheard", secret=CANARY)

    assert ("", "") == capsys.readouterr()


def test_standard_logging_is_given_back() -> None:
    """After the log is closed everything is as it was before."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("bot").level)
    with begin(io.StringIO()):
        assert before[0] != root.handlers

    assert before == (root.handlers, root.level, logging.getLogger("bot").level)


async def test_the_loops_own_complaints_take_the_same_way() -> None:
    """What asyncio says of a failed callback is redacted like everything else."""
    stream = io.StringIO()
    with begin(stream):
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert_no_canary(stream.getvalue())
    assert "asyncio" == json.loads(stream.getvalue())["logger"]


def test_before_the_log_is_there_a_line_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """What is said before the start and after the end reads like the command line; an error is named, not quoted."""
    log.logger("bot.test").warning("sink failed", reason="401\nforged", exc_info=ValueError(CANARY))

    assert ["trimtab: sink failed (reason: 401\\nforged, exc_info: ValueError)"] == caplog.messages
