"""Conditions that last: raised once, escalated as they get worse, resolved once, however much they flap.

Theory of operation
-------------------
Every second each condition is given a reading: how bad it looks now, as a level from 0 (well), and the level it may
still have without being better than before (`easing`, at or above the level: hysteresis, and the way to say that
nothing is known).

A condition has steps. A step asks for a level that lasts: it comes on when the level has been reached again and again
for `after_ns` (a pause of SETTLED_NS begins it anew), and goes off when the level was below for `clear_ns` without a
break. A reading between level and easing
counts for neither: a step that is on stays on, one that is not makes no way. So what comes and goes with every reading
is on once and stays on, and what is not known changes nothing.

A condition's stage is the highest of the stages of its steps that are on. From 0 upwards it is raised, to a higher one
it escalates, back to 0 it is resolved; that it eases to a lower stage is kept and not told, so that it may escalate
again. A condition that is no longer read at all (its stream or asset is gone) counts as well.

Nothing here knows the time, a stream or an asset: `look` is handed the moment and the readings.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

import msgspec

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.kinds import Kind

CONDITIONS_MAX = 4_096
"""Conditions that are followed at a time; readings of further ones are not taken."""
SETTLED_NS = 5 * SECOND_NS
"""A step that is not on yet begins anew once its level was below for this long."""
LEVEL_MAX = 9
"""Above every level; an easing of this means that nothing is known."""


class Step(msgspec.Struct, frozen=True):
    """A level that lasts for `after_ns` makes the stage."""

    level: int
    after_ns: int
    stage: int


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How a condition goes: its steps, how long well means over, and how loud each stage is, from the first."""

    kind: Kind
    steps: tuple[Step, ...]
    clear_ns: int
    severities: tuple[Severity, ...]

    def severity(self, stage: int) -> Severity:
        """How loud a stage is."""
        return self.severities[min(stage, len(self.severities)) - 1]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one condition, with the words that it would be told in. `key` is what it is about."""

    key: str
    course: Course
    subject: str
    level: int
    easing: int = 0
    title: str
    lines: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    over: str = ""
    """The title once it is over."""


class Turn(Enum):
    """What became of a condition."""

    RAISED = "raised"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that changed. `lasted_ns` since it began; `severity` is the loudest it had when it is resolved."""

    turn: Turn
    stage: int
    before: int
    severity: Severity
    lasted_ns: int
    reading: Reading


@dataclass(slots=True)
class _Latch:
    """One step of one condition: since when it was reached, and since when it has not been."""

    on: bool = False
    reached_ns: int | None = None
    below_ns: int | None = None

    def take(self, step: Step, clear_ns: int, reading: Reading, now_ns: int) -> None:
        if reading.level >= step.level:
            self.below_ns = None
            if self.reached_ns is None:
                self.reached_ns = now_ns
            self.on = self.on or now_ns - self.reached_ns >= step.after_ns
        elif reading.easing >= step.level:
            self.below_ns = None
        elif self.reached_ns is not None:
            if self.below_ns is None:
                self.below_ns = now_ns
            if now_ns - self.below_ns >= (clear_ns if self.on else min(clear_ns, SETTLED_NS)):
                self.on, self.reached_ns = False, None


@dataclass(slots=True)
class _Condition:
    latches: list[_Latch]
    reading: Reading
    stage: int = 0
    loudest: int = 0
    began_ns: int = 0
    ended_ns: int = 0
    seen: bool = field(default=True)


class Conditions:
    """Every condition that is under way."""

    def __init__(self) -> None:
        self._known: dict[str, _Condition] = {}

    @property
    def raised(self) -> tuple[str, ...]:
        """The keys of the conditions that are on now."""
        return tuple(sorted(key for key, one in self._known.items() if one.stage))

    def look(self, now_ns: int, readings: Iterable[Reading]) -> list[Change]:
        """Take a round of readings; what changed, in their order, and then what is no longer read, by key."""
        for one in self._known.values():
            one.seen = False
        changes = [self._take(reading, now_ns) for reading in readings]
        for key in sorted(key for key, one in self._known.items() if not one.seen):
            gone = msgspec.structs.replace(self._known[key].reading, level=0, easing=0)
            changes.append(self._take(gone, now_ns))
        return [change for change in changes if change is not None]

    def _take(self, reading: Reading, now_ns: int) -> Change | None:
        one = self._known.get(reading.key)
        if one is None:
            if reading.level == 0 or len(self._known) >= CONDITIONS_MAX:
                return None
            latches = [_Latch() for _ in reading.course.steps]
            one = self._known[reading.key] = _Condition(latches, reading, began_ns=now_ns)
        one.seen = True
        _note_times(one, reading, now_ns)
        for latch, step in zip(one.latches, reading.course.steps, strict=True):
            latch.take(step, reading.course.clear_ns, reading, now_ns)
        change = _turn(one, reading, now_ns)
        if not any(latch.reached_ns is not None for latch in one.latches):
            del self._known[reading.key]
        return change


def _note_times(one: _Condition, reading: Reading, now_ns: int) -> None:
    if reading.level or reading.easing:
        one.ended_ns = 0
    elif not one.ended_ns:
        one.ended_ns = now_ns


def _turn(one: _Condition, reading: Reading, now_ns: int) -> Change | None:
    """Move to the stage that the latches say, and say so where it is news."""
    pairs = zip(one.latches, reading.course.steps, strict=True)
    stage, before = max((step.stage for latch, step in pairs if latch.on), default=0), one.stage
    one.stage = stage
    if reading.level:
        one.reading = reading
    if stage == before or (stage < before and stage):
        return None
    turn = Turn.RESOLVED if not stage else Turn.ESCALATED if before else Turn.RAISED
    one.loudest = max(one.loudest, stage)
    until = one.ended_ns or now_ns
    told = reading if stage else msgspec.structs.replace(reading, lines=(), facts=())
    severity = reading.course.severity(stage or one.loudest)
    if not stage:
        one.loudest = 0
    return Change(
        turn=turn, stage=stage, before=before, severity=severity, lasted_ns=until - one.began_ns, reading=told
    )
