"""From a step of the engine to the alerts that it deserves: one per hedge, one per notice, and the start and stop.

Pure but for what it remembers of corrections under way (bounded): it reads the engine's state and writes nothing. A
step that nobody needs to hear of costs a few comparisons.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bot.domain.commands import CloseCorrection, Command, Notice, OpenIntent, ProposeIntent, Severity
from bot.domain.events import Event, FundingPaid, OperatorAsked, OrderReported, Started, Stopping
from bot.domain.market import Mark
from bot.domain.units import InstrumentId
from bot.engine.state import State
from bot.ops.alerts.corrections import Corrections
from bot.ops.alerts.hedges import hedged, proposed
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.notices import HELD, RELEASED, changed, noticed
from bot.ops.alerts.outlook import Intervals
from bot.ops.alerts.standing import starting, stopping
from bot.ops.alerts.voice import Voice

NOTHING: tuple[Alert, ...] = ()
LISTENED = frozenset({OrderReported, FundingPaid, OperatorAsked, Started, Stopping})
TELLING = frozenset({OpenIntent, CloseCorrection, ProposeIntent, Notice})


class Composer:
    """Composes alerts of steps. `why_held` has the last reason that each group was given for sending nothing."""

    def __init__(self, voice: Voice, version: str) -> None:
        self.voice = voice
        self.why_held: dict[str, str] = {}
        self._version = version
        self._intervals = Intervals()
        self._corrections = Corrections()
        self._after: list[Alert] = []

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> Sequence[Alert]:
        """The alerts of a step, in the order of what happened; what is urgent overtakes what waits for details."""
        if type(event) not in LISTENED and not any(type(command) in TELLING for command in commands):
            return self._in_turn(self._late(state)) if self._corrections.waiting else NOTHING
        told = list(self._told(state))
        found = [*self._of_event(event, state), *self._of_commands(event, commands, state), *self._late(state)]
        return [*self._in_turn(told), *self._in_turn(found)]

    def _in_turn(self, alerts: list[Alert]) -> list[Alert]:
        """These alerts after those that waited; while a hedge waits for its details, news waits behind it."""
        hedges = [one for one in alerts if one.kind is Kind.HEDGE]
        others = [one for one in alerts if one.kind is not Kind.HEDGE]
        if self._corrections.untold:
            self._after += [one for one in others if one.severity is Severity.INFO]
            return [*hedges, *(one for one in others if one.severity is not Severity.INFO)]
        if self._after:
            after, self._after = self._after, []
            return [*hedges, *after, *others]
        return alerts

    def note_marks(self, marks: Mapping[InstrumentId, Mark]) -> None:
        """Look at the announced settlements, so that funding intervals become known."""
        for name in sorted(marks):
            mark = marks[name]
            self._intervals.note_next(mark.instrument, mark.next_funding_ns)

    def _of_event(self, event: Event, state: State) -> Iterator[Alert]:
        match event:
            case Started():
                if event.mode.value != self.voice.run_mode:
                    yield from self._of_the_former_way(state)
                self.voice = replace(self.voice, run_mode=event.mode.value)
                self.why_held.clear()
                self._corrections.follow(state)
                yield starting(self.voice, state, self._version)
            case Stopping():
                yield from self._told(state, everything=True)
                self._corrections.abandon("the daemon was stopped")
                yield stopping(self.voice, state)
            case OperatorAsked():
                self._corrections.abandon(f"{event.action.value} by {event.by}", kept=state.legs.corrections)
            case OrderReported():
                self._corrections.report(event.report.client_id, state)
            case FundingPaid():
                self._intervals.note_settled(event.instrument, event.settled_ns)
            case _:
                pass

    def _of_the_former_way(self, state: State) -> list[Alert]:
        """What another way to run left, in its own name: this one's journal knows nothing of its orders."""
        told = list(self._told(state, everything=True))
        self._corrections.abandon("it went on in another way to run")
        return [*told, *self._late(state)]

    def _of_commands(self, event: Event, commands: Sequence[Command], state: State) -> Iterator[Alert]:
        for command in commands:
            match command:
                case OpenIntent():
                    self.why_held.pop(command.intent.group, None)
                    self._corrections.begin(command.intent, state)
                case CloseCorrection():
                    self.why_held.pop(command.group, None)
                    self._corrections.close(command, state)
                    yield from self._told(state)
                case ProposeIntent():
                    yield proposed(self.voice, command.intent, state)
                case Notice():
                    yield from self._noticed(command, event, state)
                case _:
                    pass
        yield from changed(self.voice, [one for one in commands if isinstance(one, Notice)], state)

    def _told(self, state: State, *, everything: bool = False) -> Iterator[Alert]:
        for one in self._corrections.told(state, everything=everything):
            yield hedged(self.voice, one.tally, one.command, state, self._intervals)

    def _noticed(self, notice: Notice, event: Event, state: State) -> Iterator[Alert]:
        if notice.topic == HELD:
            self.why_held[notice.subject] = notice.text
        elif notice.topic == RELEASED:
            self.why_held.pop(notice.subject, None)
        alert = noticed(self.voice, notice, event, state)
        if alert is not None:
            yield alert

    def _late(self, state: State) -> list[Alert]:
        """Corrections that closed without their details, and those cut short once their last order has ended."""
        late = [hedged(self.voice, tally, None, state, self._intervals) for tally in self._corrections.ended(state)]
        return [*self._told(state), *late]
