"""What looks on may fail as often as it will: nothing halts, the log is not flooded, and a person is told once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bot.domain.commands import Command
from bot.domain.events import Event, FaultRaised, Remarked
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.runtime.companion import House, Paced, cause_of
from bot.runtime.redact import Redactor
from bot.runtime.surroundings import Surroundings
from tests.runtime.stage import Stage, facts_of

SECRET = "k7Qz-pL0_wXyV9aBcD3eF6gH"


class Shaky:
    """A companion that fails where it is told to: in every step, in every run, or both."""

    name = "shaky"

    def __init__(self, *, steps: bool = False, runs: bool = False, ends: bool = False) -> None:
        self._steps, self._runs, self._ends = steps, runs, ends
        self.seen = self.begun = 0

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """Look on."""
        self.seen += 1
        if self._steps:
            raise ValueError(f"https://example.org/{SECRET}")

    async def run(self, house: House) -> None:
        """Live."""
        self.begun += 1
        if self._runs:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._break())
        if not self._ends:
            await asyncio.Event().wait()

    async def _break(self) -> None:
        raise ValueError(f"https://example.org/{SECRET}")


def beside(shaky: Shaky) -> Surroundings:
    """It, and a redactor that knows what its errors quote."""
    return Surroundings((shaky,), redactor=Redactor([SECRET]))


async def test_one_that_fails_at_every_step_is_logged_once_a_minute_and_told_once(tmp_path: Path) -> None:
    """A thousand failures are a line a minute with their number, and one remark; hedging goes on."""
    shaky = Shaky(steps=True)
    async with Stage(tmp_path, around=beside(shaky)) as stage:
        await stage.hedged()
        for number in range(1_000):
            stage.daemon.loop.step(Remarked("test", str(number), "", stage.clock.now_ns()))
        seconds = 180
        await stage.advance(seconds)

        assert shaky.seen > 1_000
        assert len(stage.said("companion")) <= 2 + seconds // 60
        assert sum(entry["held_back"] for entry in stage.said("companion")) >= 990
        assert ["shaky"] == [one.subject for one in facts_of(stage.journal, Remarked) if one.topic == "component"]
        assert Mode.RUN is stage.engine.state.modes.overall
        assert [] == facts_of(stage.journal, FaultRaised)


async def test_one_whose_run_fails_at_once_for_ever_is_told_once_by_its_cause(tmp_path: Path) -> None:
    """It is begun again and again, told once in hours, by what failed in its group, without the secret it quotes."""
    shaky = Shaky(runs=True)
    async with Stage(tmp_path, around=beside(shaky)) as stage:
        await stage.advance(120)
        told = [one for one in facts_of(stage.journal, Remarked) if one.topic == "component"]

        assert shaky.begun >= 10
        assert len(stage.said("companion")) <= 3
        assert ["it failed and is started again: ValueError: https://example.org/[redacted]"] == [o.text for o in told]
        assert SECRET not in str([entry["what"] for entry in stage.said("companion")])


async def test_one_that_ends_is_told_too(tmp_path: Path) -> None:
    """Without an error it is no less gone."""
    async with Stage(tmp_path, around=beside(Shaky(ends=True))) as stage:
        await stage.advance(1)

        assert ["it ended"] == [one.text for one in facts_of(stage.journal, Remarked)]


def test_what_is_paced_counts_what_it_held_back() -> None:
    """One passes in a time, for each name; a clock that was set back holds nothing back for longer."""
    paced = Paced(10)

    assert (0, None, None) == (paced.take("a", 100), paced.take("a", 105), paced.take("a", 109))
    assert (0, 2, 0) == (paced.take("b", 109), paced.take("a", 110), paced.take("a", 50))


def test_the_cause_of_a_group_is_its_first_leaf() -> None:
    """Groups within groups say nothing of what happened."""
    leaf = OSError("disk")

    assert leaf is cause_of(ExceptionGroup("a", [ExceptionGroup("b", [leaf]), ValueError()]))
    assert leaf is cause_of(leaf)
