"""Changes of the rules that wait for a moment of rest, and are then taken over by a journaled step.

Two things change the rules of a running engine: the owner's config, loaded anew, and what the venue says of its
instruments. Each waits until no order is live (a live one keeps the rules it was made under) and no correction is under
way; for a correction it waits REST_PATIENCE_NS at most, because one that is held by the very limit that shall be
changed would wait for ever. Of each kind only the newest waits. The engine guards the same by itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from structlog.typing import FilteringBoundLogger

from bot.domain.events import Event, Remarked, RulesChanged
from bot.domain.rules import Rules
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.engine import Engine
from bot.runtime.clock import Clock
from bot.runtime.supervise import attempt

LOOK_S = 0.05
REST_PATIENCE_NS = 60 * SECOND_NS
"""How long a change waits for a correction to end; and after how long of waiting a person is told."""
BARRED = "the engine did not take it over; a notice says why"


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change of the rules. `make` applies it to the rules as they are when its moment comes."""

    make: Callable[[Rules], Rules]
    why: str
    changes: tuple[str, ...]
    done: Callable[[bool], None]
    """Called when it waits no more: whether it is in force, or was barred by the engine."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    amendment: Amendment
    since_ns: Nanos
    told: bool = False


class Amendments:
    """Owner of the changes that wait, by kind."""

    def __init__(
        self,
        engine: Engine,
        step: Callable[[Event], object],
        fault: Callable[[str], None],
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._engine = engine
        self._step = step
        self._fault = fault
        self._clock = clock
        self._log = log
        self._waiting: dict[str, _Waiting] = {}
        self._something = asyncio.Event()

    def propose(self, kind: str, amendment: Amendment) -> str:
        """Take a change over now if it may be, else let it wait in the place of an older one; says why it waits.

        Empty once it is in force.
        """
        self._waiting[kind] = _Waiting(amendment, self._clock.now_ns())
        self._something.set()
        return self._look(kind)

    def withdraw(self, kind: str) -> bool:
        """Let a change go that still waits; says whether one did."""
        return self._waiting.pop(kind, None) is not None

    def remark(self, topic: str, subject: str, text: str) -> None:
        """Tell a person of something that was found on the way; it is journaled and changes nothing."""
        self._guarded(Remarked(topic, subject, text, self._clock.now_ns()))

    async def run(self) -> None:
        """Look for the moment of rest, for as long as something waits for it."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                await self._clock.sleep(LOOK_S)
                for kind in sorted(self._waiting):
                    self._look(kind)

    def _look(self, kind: str) -> str:
        waiting = self._waiting[kind]
        rules = waiting.amendment.make(self._engine.state.layout.rules)
        if why := self._unrest(rules, waiting):
            self._tell_of_waiting(kind, waiting, why)
            return why
        del self._waiting[kind]
        return self._taken_over(waiting.amendment, rules)

    def _unrest(self, rules: Rules, waiting: _Waiting) -> str:
        """Why this is not the moment; empty when it is. What changes no rule needs none."""
        state = self._engine.state
        if state.stopping:
            return "the daemon is stopping"
        if why := state.unrest(rules):
            return why
        patient = rules != state.layout.rules and self._waited_ns(waiting) < REST_PATIENCE_NS
        if patient and state.legs.corrections:
            return f"a correction of {min(state.legs.corrections)} is under way"
        return ""

    def _waited_ns(self, waiting: _Waiting) -> int:
        return self._clock.now_ns() - waiting.since_ns

    def _tell_of_waiting(self, kind: str, waiting: _Waiting, why: str) -> None:
        if waiting.told or self._waited_ns(waiting) < REST_PATIENCE_NS or self._engine.state.stopping:
            return
        self._waiting[kind] = replace(waiting, told=True)
        text = f"{waiting.amendment.why}: still waits to be taken over after {REST_PATIENCE_NS // SECOND_NS} s: {why}"
        self.remark(kind, "waiting", text)

    def _taken_over(self, amendment: Amendment, rules: Rules) -> str:
        self._guarded(RulesChanged(rules, amendment.why, amendment.changes, self._clock.now_ns()))
        taken = self._engine.state.layout.rules == rules
        if taken:
            self._log.info("rules", why=amendment.why, changes=list(amendment.changes))
        amendment.done(taken)
        return "" if taken else BARRED

    def _guarded(self, event: Event) -> None:
        """A step whose failure halts, like every step of the loop."""
        error = attempt(lambda: self._step(event))
        if error is not None:
            what = f"the engine failed on {type(event).__name__}: {type(error).__name__}: {error}"
            self._log.error("engine", what=what, exc_info=error)
            self._fault(what)
