"""Processes of the demo: they end when they should, and say why when they should not have."""

import signal
import time
from pathlib import Path

import pytest

from bot.ops.processes import Process, ProcessError, interrupts_held

pytestmark = pytest.mark.process


def module(folder: Path, code: str) -> tuple[list[str], Path]:
    """A module to run with -m, and its log file."""
    (folder / "told.py").write_text(code, encoding="utf-8")
    return ["told"], folder / "told.log"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules can be run."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_the_first_line_is_waited_for(path: Path) -> None:
    """A line counts once it is complete."""
    child = Process("it", *module(path, "import time\nprint('ready', flush=True)\ntime.sleep(60)"))

    assert "ready" == child.first_line(20)
    assert child.stop() < 0
    assert not child.running


def test_one_that_ends_is_told_with_its_log(path: Path) -> None:
    """The error names the process, its code, and the last it said."""
    child = Process("the exchange", *module(path, "import sys\nsys.stdout.write('out of coins')\nraise SystemExit(1)"))
    with pytest.raises(ProcessError, match=r"the exchange ended with code 1\n.*out of coins"):
        child.first_line(20)


def test_one_that_will_not_end_is_killed(path: Path) -> None:
    """SIGTERM first, SIGKILL after a while."""
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('x', flush=True)\ntime.sleep(60)"
    child = Process("it", *module(path, code))
    child.first_line(20)
    started = time.monotonic()

    assert -9 == child.stop(timeout_s=0.2)
    assert time.monotonic() - started < 10


def test_the_callers_keys_do_not_reach_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of Trimtab in the caller's environment are kept from it; those given to it are set."""
    monkeypatch.setenv("TRIMTAB_API_SECRET", "canary")
    code = "import os\nprint(sorted((n, v) for n, v in os.environ.items() if n.startswith('TRIMTAB_')), flush=True)"
    child = Process("it", *module(path, code), {"TRIMTAB_CONFIRM_LIVE": "hedged"})

    assert "[('TRIMTAB_CONFIRM_LIVE', 'hedged')]" == child.first_line(20)
    child.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_a_start(number: signal.Signals) -> None:
    """A signal in the middle of a start takes effect after it, and the handlers are what they were."""
    before, reached = signal.getsignal(number), []
    with pytest.raises(KeyboardInterrupt), interrupts_held():  # noqa: PT012 - the point is where it is raised
        signal.raise_signal(number)
        reached.append("the end of the start")

    assert ["the end of the start"] == reached
    assert before is signal.getsignal(number)
