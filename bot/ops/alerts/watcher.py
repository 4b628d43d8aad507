"""The companion that says what happens: it composes alerts of steps, and watches the conditions once a second."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.domain.commands import Command
from bot.domain.events import Event, RunMode
from bot.engine.state import State
from bot.ops.alerts import words
from bot.ops.alerts.compose import Composer
from bot.ops.alerts.conditions import Change, Conditions, Turn
from bot.ops.alerts.facts import Delta, gather
from bot.ops.alerts.kinds import Alert
from bot.ops.alerts.readings import Bounds, readings
from bot.ops.alerts.voice import Voice
from bot.runtime.companion import House
from bot.runtime.upkeep import known_free_bytes

SAMPLE_S = 1.0
DISK_EVERY_S = 30.0

Post = Callable[[Alert], None]


class Watcher:
    """Composes and posts. `post` never blocks; `wall_ns` tells Unix time; `redact` cuts secrets out of texts.

    `bounds` is asked at every sample, so that a config that was loaded anew counts from then on.
    """

    name = "alerts"

    def __init__(
        self,
        portfolio: str,
        mode: RunMode,
        bounds: Callable[[], Bounds],
        version: str,
        wall_ns: Callable[[], int],
        post: Post,
        redact: Callable[[str], str],
    ) -> None:
        self._composer = Composer(Voice(portfolio, mode.value, wall_ns, redact), version)
        self._conditions = Conditions()
        self._bounds = bounds
        self._post = post
        self._deltas: dict[str, Delta] = {}
        self._disk_free: int | None = None

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """Compose what a step deserves, and post it."""
        for alert in self._composer.on_step(event, commands, state):
            self._post(alert)

    async def run(self, house: House) -> None:
        """Look once a second, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_at_disk(house), name="alerts.disk")
            group.create_task(self._look_around(house), name="alerts.look")

    async def _look_around(self, house: House) -> None:
        while True:
            await house.sleep(SAMPLE_S)
            self.look(house)

    async def _look_at_disk(self, house: House) -> None:
        """Apart, and in a thread: a disk that hangs must not keep anything else from being seen."""
        while True:
            self._disk_free = await asyncio.to_thread(known_free_bytes, Path(house.status().journal_path))
            await house.sleep(DISK_EVERY_S)

    def look(self, house: House) -> None:
        """Take one sample and post what changed. While the daemon stops nothing is judged: streams end as they must."""
        if house.state.stopping:
            return
        self._composer.note_marks(house.state.books.marks)
        facts = gather(house.state, house.status(), self._composer.why_held, self._deltas, self._disk_free)
        for change in self._conditions.look(house.now_ns(), readings(facts, self._bounds())):
            self._post(told(self._composer.voice, change))


def told(voice: Voice, change: Change) -> Alert:
    """A condition's change as an alert. An escalation that is not louder has a key of its own, so that it is told."""
    reading, kind, over = change.reading, change.reading.course.kind, change.turn is Turn.RESOLVED
    lasted = words.duration(change.lasted_ns)
    course = reading.course
    louder = change.turn is not Turn.ESCALATED or course.severity(change.stage) is not course.severity(change.before)
    return voice.say(
        kind,
        reading.subject,
        reading.over if over else reading.title,
        [f"It lasted {lasted}."] if over else [*reading.lines, f"For {lasted} now." if change.lasted_ns else ""],
        key=reading.key if louder else f"{reading.key}:{change.stage}",
        severity=change.severity,
        facts=[*([("lasted", lasted)] if change.lasted_ns else []), *reading.facts],
        resolved=over,
    )
