"""The engine: events in, commands out. It reads no clock, draws no random number, writes no log.

`handle` folds an event first and decides second. A quote inside its price box cannot change a decision and costs next
to nothing; everything else is evaluated exactly. Whatever a decision marks in the state it marks together with a
command, so that a step without commands needs no place in the journal (unless its event is a fact) and a replay of the
journal gives the same commands byte for byte.
"""

from collections.abc import Iterable, Sequence

from bot.calc.boxes import EMPTY
from bot.domain.commands import Command, Notice, OpenIntent, ProposeIntent, Severity, SubmitOrder
from bot.domain.events import Event, Market, RulesChanged, RunMode, Sampled, Started, Ticked
from bot.domain.hedge import ROUTE
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import OrderRequest, Refused, Status
from bot.domain.targets import ConvertTarget
from bot.domain.units import SECOND_NS, ZERO, Asset, Nanos
from bot.engine import convert, decide, drift, moves
from bot.engine.converted import noted, told
from bot.engine.decide import Assessment, Draft
from bot.engine.layout import Hedge, Layout
from bot.engine.legs import naked_seconds
from bot.engine.marks import is_noteworthy, left_alone, marks, struck_for_nothing, use_up
from bot.engine.modes import Mode
from bot.engine.orders import OrderRecord
from bot.engine.pegs import Level
from bot.engine.results import close
from bot.engine.routes import group_of
from bot.engine.skipping import Skipping
from bot.engine.state import State
from bot.engine.triggers import DECOUPLED
from bot.engine.trust import Beliefs
from bot.engine.watch import watch
from bot.policy.members import Member

NOTHING: Sequence[Command] = ()
QUIET_GUARDS = frozenset({"lock"})
"""Holding for these is the ordinary course of an order, not news."""
UNWOUND = "unwound"


class Engine:
    """One portfolio's decisions."""

    def __init__(self, started: Started) -> None:
        """Make an engine with an empty state; hand `started` to `handle` to begin."""
        self.state = State(Layout.of(started.rules), started.received_ns)
        self._quotes = self.state.books.quotes
        self._skipping = Skipping(self.state)
        self._boxes = self._skipping.boxes

    @classmethod
    def of(cls, state: State) -> "Engine":
        """Go on from a state that a checkpoint kept."""
        engine = cls.__new__(cls)
        engine.state = state
        engine._quotes = state.books.quotes
        engine._skipping = Skipping(state)
        engine._boxes = engine._skipping.boxes
        return engine

    def handle(self, event: Event) -> Sequence[Command]:
        """Fold an event and say what is to be done about it."""
        if type(event) is Quote:
            box = self._boxes.get(event.instrument, EMPTY)
            if box.lo <= event.bid < event.ask <= box.hi:
                self._quotes[event.instrument] = event
                return NOTHING
            if self._skipping.is_proven(event):
                self._quotes[event.instrument] = event
                return NOTHING
            self.state.apply(event)
            return self._evaluate(self.state.layout.touching(event.instrument), scheduled=False)
        if type(event) is Mark and self._skipping.is_quiet(event):
            self.state.books.put(event)
            return NOTHING
        self._take(event)
        if type(event) is Depth:
            return NOTHING
        if type(event) is Mark:
            return self._evaluate(self.state.layout.touching(event.instrument), scheduled=False)
        if type(event) is RulesChanged:
            self._skipping.forget()
        commands = watch(self.state, event)
        if commands or type(event) is not Ticked or self.state.orders.live():
            self._skipping.learned()
        return [*commands, *self._evaluate(self.state.layout.groups, scheduled=True)]

    def observe(self, reads: Iterable[Market], now: Nanos) -> None:
        """Fold market data without deciding: how a replay puts back what a decision saw."""
        for event in reads:
            self.state.books.put(event)
        self.state.now = now
        self._skipping.forget()

    def fold(self, event: Event) -> None:
        """Fold an event without deciding: how a replay takes over a fact that nothing followed from."""
        self._take(event)
        self._skipping.forget()

    def _take(self, event: Event) -> None:
        """Hand an event to its owner; with a sample of mids, measure what `auto` bands follow from."""
        self.state.apply(event)
        if type(event) is Sampled:
            drift.sample(self.state, event)

    def assess(self) -> list[Assessment]:
        """What every group needs now, for people. Changes nothing."""
        beliefs = Beliefs(self.state)
        if self.state.modes.overall in (Mode.UNWIND, Mode.FLATTEN):
            return [decide.assess_unwind(beliefs, rule) for rule in self.state.layout.carriers()]
        return [decide.assess(beliefs, group, explain=True) for group in self.state.layout.groups]

    def draft(self, assessment: Assessment) -> Draft:
        """Which orders an assessment would lead to now, for people. Changes nothing."""
        return decide.draft(Beliefs(self.state), assessment)

    def withholds(self, request: OrderRequest) -> str:
        """Why an approved order may not leave any more: it was given up, or its mode came, while it waited to leave.

        Empty when it may. The shell asks at the last moment, for the step of an order may be long on its way to a disk.
        """
        record = self.state.orders.records.get(request.client_id)
        if record is None or record.status is not Status.PENDING_NEW:
            return "it was given up before it left"
        return self._barred(request) or self._torn(record)

    def _torn(self, record: OrderRecord) -> str:
        """Why an order of a pair may not leave alone: its other half will not.

        Half a move is a hedge less or more, and so is half a conversion.
        """
        if not (record.group.startswith(f"{ROUTE}:") or record.group in self.state.layout.movers):
            return ""
        for other in self.state.orders.records.values():
            if other.request.intent != record.request.intent or other.group != record.group or other is record:
                continue
            why = other.refusal if other.status in (Status.REJECTED, Status.NOT_PLACED) else ""
            if other.status is Status.PENDING_NEW:
                why = self._barred(other.request)
            if why:
                return f"the other half of its pair does not leave: {why}"
        return ""

    def _barred(self, request: OrderRequest) -> str:
        """Why an order may not leave by what came since it was approved."""
        mode = self.state.modes.of(request.instrument)
        if mode is Mode.HALT or (mode is not Mode.RUN and not request.reduce_only):
            return f"{mode.name} came before it left"
        if self.state.pegs.level is Level.STOPPED and not request.reduce_only:
            return "the quote currency lost its peg before it left"
        return ""

    def _evaluate(self, groups: Sequence[Member], *, scheduled: bool) -> Sequence[Command]:
        commands: list[Command] = []
        if self.state.stopping:
            return NOTHING
        beliefs = Beliefs(self.state)
        if self.state.modes.overall in (Mode.UNWIND, Mode.FLATTEN):
            if scheduled:
                for rule in self.state.layout.carriers():
                    beliefs = self._act(beliefs, None, decide.assess_unwind(beliefs, rule), commands)
                commands += self._report_unwound(beliefs, self.state.layout.carriers())
            self._skipping.rest()
            return commands
        for group in groups:
            assessment = decide.assess(beliefs, group)
            if assessment.derived is not None and is_noteworthy(self.state, group, assessment.derived):
                commands += marks(self.state, group, assessment, assessment.derived)
            if assessment.held is not None and assessment.held.guard == DECOUPLED:
                commands += left_alone(self.state, group, assessment.held)
            beliefs = self._act(beliefs, group, assessment, commands)
            self._skipping.draw(group, assessment, moved=not scheduled)
        if scheduled:
            self._pair(beliefs, commands)
        if commands:
            self._skipping.learned()
        return commands

    def _pair(self, beliefs: Beliefs, commands: list[Command]) -> None:
        """Add what follows from conversions and moves, whose orders go out in pairs."""
        for target in self.state.layout.conversions:
            beliefs = self._convert(beliefs, target, commands)
        for asset in self.state.layout.routed:
            beliefs = self._reroute(beliefs, asset, commands)

    def _convert(self, beliefs: Beliefs, target: ConvertTarget, commands: list[Command]) -> Beliefs:
        """Add what follows from a conversion to the commands, and say what is believed from then on."""
        before = len(commands)
        outcome = convert.consider(beliefs, self.state.layout.movers[target.name], target)
        if isinstance(outcome, Refused):
            commands += self._hold(target.name, outcome, called_for=True)
        elif not isinstance(outcome, Draft):
            commands += told(self.state, target, outcome)
        elif self.state.modes.run_mode is RunMode.OBSERVE:
            commands += self._propose(outcome)
        else:
            noted(self.state, target, outcome)
            commands += self._open(outcome)
        return beliefs if len(commands) == before else Beliefs(self.state)

    def _reroute(self, beliefs: Beliefs, asset: Asset, commands: list[Command]) -> Beliefs:
        """Add what follows from a coin's moves to the commands, and say what is believed from then on."""
        before, outcome = len(commands), moves.consider(beliefs, asset)
        if isinstance(outcome, Refused):
            commands += self._hold(group_of(asset), outcome, called_for=True)
        elif isinstance(outcome, moves.Ended):
            commands += moves.told(self.state, asset, outcome)
        elif outcome is not None and self.state.modes.run_mode is RunMode.OBSERVE:
            commands += self._propose(outcome.draft)
        elif outcome is not None:
            if asset not in self.state.routes.moves:
                self.state.routes.begin(asset, outcome.move)
            commands += self._open(outcome.draft)
        return beliefs if len(commands) == before else Beliefs(self.state)

    def _act(self, beliefs: Beliefs, group: Member | None, assessment: Assessment, commands: list[Command]) -> Beliefs:
        """Add what follows from an assessment to the commands, and say what is believed from then on."""
        before = len(commands)
        commands += self._consequence(beliefs, group, assessment)
        return beliefs if len(commands) == before else Beliefs(self.state)

    def _consequence(self, beliefs: Beliefs, group: Member | None, assessment: Assessment) -> Iterable[Command]:
        """One assessment's consequence: an intent, a hold, or the end of a correction."""
        if assessment.waiting:
            return NOTHING
        if assessment.held is not None:
            return self._hold(assessment.group, assessment.held, called_for=assessment.called_for)
        if not assessment.called_for:
            return self._rest(assessment)
        draft = decide.draft(beliefs, assessment)
        if draft.refused is not None:
            return [*self._naked(assessment), *self._hold(assessment.group, draft.refused, called_for=True)]
        if draft.intent is None:
            return self._leave_dust(group, assessment)
        if self.state.modes.run_mode is RunMode.OBSERVE:
            return self._propose(draft)
        if group is not None:
            use_up(self.state, group, tuple(need.asset for need in assessment.needs if need.hedge != 0))
        return [*self._naked(assessment), *self._open(draft)]

    def _open(self, draft: Draft) -> Iterable[Command]:
        """Record the orders as in flight, then ask for them: the step is durable before any is sent."""
        intent = draft.intent
        assert intent is not None
        state = self.state
        state.orders.prune(state.now)
        state.legs.forget(intent.group, state.orders.records)
        state.orders.intents = intent.number
        for leg in intent.legs:
            state.orders.open(leg, intent.group, state.now)
        ids = tuple(leg.request.client_id for leg in intent.legs)
        state.legs.open(intent.group, intent.reason, ids, state.now)
        state.legs.held.pop(intent.group, None)
        state.routes.on_intent(intent, state.layout.detours)
        return [OpenIntent(intent), *(SubmitOrder(order) for order in draft.orders)]

    def _propose(self, draft: Draft) -> Iterable[Command]:
        intent = draft.intent
        assert intent is not None
        if intent.group in self.state.legs.proposed:
            return NOTHING
        self.state.legs.proposed[intent.group] = True
        self.state.orders.intents = intent.number
        return [ProposeIntent(intent)]

    def _rest(self, assessment: Assessment) -> Iterable[Command]:
        """Nothing is called for: close a correction, and say that a hold or a proposal is over."""
        name, legs = assessment.group, self.state.legs
        commands: list[Command] = []
        if name in legs.corrections:
            commands.append(close(self.state, assessment))
            del legs.corrections[name]
        if name in legs.held or name in legs.proposed:
            legs.held.pop(name, None)
            legs.proposed.pop(name, None)
            commands.append(Notice(Severity.INFO, "released", name, "back inside its band"))
        return commands

    def _leave_dust(self, group: Member | None, assessment: Assessment) -> Iterable[Command]:
        """What is left is below the venue's minimum: a correction or a strike ends with it, else it is said once."""
        if group is not None and group.name in self.state.triggers.struck:
            return struck_for_nothing(self.state, group, "what is to be done is below the venue's minimum order")
        if assessment.group in self.state.legs.corrections:
            command = close(self.state, assessment)
            del self.state.legs.corrections[assessment.group]
            return [command]
        names = ", ".join(need.asset for need in assessment.needs if need.hedge != 0)
        dust = Refused("minimum", assessment.group, f"what {names} needs is below the venue's minimum order")
        return self._hold(assessment.group, dust, called_for=True)

    def _hold(self, group: str, refused: Refused, *, called_for: bool) -> Iterable[Command]:
        """Say why nothing is sent, once per reason."""
        key = f"{refused.guard}:{refused.subject}"
        if refused.guard in QUIET_GUARDS or self.state.legs.held.get(group) == key:
            return NOTHING
        self.state.legs.held[group] = key
        severity = Severity.WARNING if called_for else Severity.INFO
        return [Notice(severity, "held", group, f"{refused.guard} ({refused.subject}): {refused.why}")]

    def _naked(self, assessment: Assessment) -> Iterable[Command]:
        """Tell a person when a basket's legs have been uneven for longer than the budget allows."""
        correction = self.state.legs.corrections.get(assessment.group)
        if correction is None or correction.alerted or len(assessment.needs) < 2:
            return NOTHING
        ended = [self.state.orders.records[i].done_ns for i in correction.orders if i in self.state.orders.records]
        naked = sum((need.hedge * need.price for need in assessment.needs), ZERO)
        spent = naked_seconds(naked, max(ended, default=Nanos(0)), self.state.now)
        if spent <= self.state.layout.limits.naked_notional_seconds_max:
            return NOTHING
        self.state.legs.note_alerted(assessment.group)
        text = f"legs are uneven by {abs(naked):.2f} since {(self.state.now - max(ended)) / SECOND_NS:.0f} s"
        return [Notice(Severity.CRITICAL, "naked", assessment.group, text)]

    def _report_unwound(self, beliefs: Beliefs, rules: Sequence[Hedge]) -> Iterable[Command]:
        flat = all(self.state.accounts.positions[r.hedge].position.contracts == 0 for r in rules)
        locked = decide.locked(beliefs, tuple(rule.asset for rule in rules))
        if not flat or locked is not None or UNWOUND in self.state.legs.proposed:
            return NOTHING
        self.state.legs.proposed[UNWOUND] = True
        return [Notice(Severity.INFO, UNWOUND, "global", "every hedge is closed; nothing is hedged until armed")]
