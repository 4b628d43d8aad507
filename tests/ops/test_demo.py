"""The demo: its steps judge by the exchange's own truth, and a step that fails is named."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bot.ops import demo
from bot.ops.demo import Wishes, run_demo
from bot.ops.demo_stage import StepFailed
from bot.ops.demo_story import STORY, Step
from bot.ops.exits import Exit
from bot.ops.speak import Stop

NAMES = ["hedge", "deposit", "weights", "streams", "answer", "kill", "arm", "unwind", "ledger", "alerts"]
START_TO_END_S = 90


def trimtab(*words: object, stop_when: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a process; stop it as a service manager would once a file is there."""
    command = [sys.executable, "-m", "bot.ops.cli", *map(str, words)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if stop_when is not None:
        while child.poll() is None and not stop_when.exists():
            time.sleep(0.01)
        child.terminate()
    out, err = child.communicate(timeout=150)
    return subprocess.CompletedProcess(command, child.returncode, out, err)


def running(folder: Path) -> list[str]:
    """The processes whose command line names a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and str(os.getpid()) != entry.parent.name:
            found.append(line)
    return found


@pytest.mark.process
@pytest.mark.slow
def test_the_whole_story_is_told(tmp_path: Path) -> None:
    """Every step passes within a minute, the books agree with the exchange, and nothing is left running."""
    done = trimtab("demo", "--fast", "--json", "--state-dir", tmp_path / "demo")
    said: dict[str, Any] = json.loads(done.stdout)

    assert (0, True, NAMES) == (done.returncode, said.get("ok"), [step["name"] for step in said.get("steps", ())]), said
    assert said["seconds"] < START_TO_END_S
    assert 2 == len(said["report"]["journals"])
    assert all(Path(path).is_file() for path in said["report"]["journals"])
    for path in said["report"]["journals"]:
        assert 0 == trimtab("journal", "replay", path).returncode
    assert [] == running(tmp_path)


@pytest.mark.process
@pytest.mark.slow
def test_a_demo_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM in the middle ends the exchange and both daemons as well."""
    folder = tmp_path / "demo"
    done = trimtab("demo", "--fast", "--state-dir", folder, stop_when=folder / "weights" / "daemon.log")

    assert Exit.INTERRUPTED == done.returncode, done.stderr
    assert [] == running(tmp_path)


def test_the_story_has_every_step() -> None:
    """The steps are the ones that a stranger is promised, in order."""
    assert NAMES == [step.name for step in STORY]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """The demo works in a folder of its own: one that holds anything is refused."""
    (tmp_path / "mine").touch()
    with pytest.raises(Stop, match="not empty") as stopped:
        run_demo(Wishes(seed=1, fast=True, state_dir=tmp_path, as_json=True))

    assert Exit.USAGE is stopped.value.exit


class Silent:
    """A stage on which nothing is shown."""

    class screen:  # noqa: N801
        """Shows nothing."""

        @staticmethod
        def done(saw: str, seconds: float) -> None:
            """Show nothing."""


def test_a_step_that_fails_is_named(tmp_path: Path) -> None:
    """The message holds the step's name, what was seen, and where to look; the code says that a check failed."""

    def act(_: object) -> str:
        raise StepFailed("two orders, one expected")

    with pytest.raises(Stop, match=r"step 'answer' failed: two orders") as stopped:
        demo._played(Step("answer", "lost answer", act), Silent(), tmp_path)  # type: ignore[arg-type]

    assert (Exit.FAILED_CHECK, "answer") == (stopped.value.exit, stopped.value.word)
    assert str(tmp_path) in stopped.value.message
