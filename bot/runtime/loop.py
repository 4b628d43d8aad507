"""The loop: one event at a time through the engine, its step into the journal, and only then its commands out.

`step` is synchronous and does no waiting: the intent's step is appended before its orders are handed to the carrier,
and the carrier sends an order only when that step is durable.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from bot.domain.commands import CancelOrder, Command, Notice, Severity
from bot.domain.events import AccountConfirmed, AccountSeen, Event, FaultRaised
from bot.domain.units import Nanos
from bot.engine.engine import NOTHING, Engine
from bot.engine.modes import GLOBAL, Mode
from bot.journal.store import Journal, JournalError
from bot.runtime.clock import Clock
from bot.runtime.inbox import Inbox, InboxOverflow
from bot.runtime.keeper import Keeper
from bot.runtime.steps import TRANSIENT, encode_state, encode_step
from bot.runtime.supervise import attempt

Carrier = Callable[[Sequence[Command], int], None]
"""Carries commands out; the number is the sequence of the step that must be durable first."""
OnBroken = Callable[[str, Exception], None]
Observer = Callable[[Event, Sequence[Command]], None]

CHECKPOINT_EVERY_STEPS = 20_000
FACTS_PER_TURN_MAX = 1_000
"""So that a flood of facts cannot keep the event loop from its sockets."""


class Loop:
    """Owns the order in which things happen."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        clock: Clock,
        *,
        carrier: Carrier,
        observer: Observer,
        on_broken: OnBroken,
    ) -> None:
        self.engine = engine
        self.inbox = Inbox()
        self.sequence = journal.last_seq
        self._journal = journal
        self._keeper = Keeper(journal, clock)
        self._clock = clock
        self._carrier = carrier
        self._observer = observer
        self._on_broken = on_broken
        self.broken: Exception | None = None
        self._lost: JournalError | None = None
        self._wake: asyncio.Handle | None = None
        self._steps = 0

    @property
    def lost(self) -> bool:
        """Whether a step could not be kept: it is halted until it is started anew."""
        return self._lost is not None

    def put(self, event: Event) -> None:
        """Take an event from a shell; it is handled on this turn of the event loop or the next."""
        try:
            self.inbox.put(event)
        except InboxOverflow as error:
            self.fault(str(error))
            return
        if self._wake is None:
            self._wake = asyncio.get_running_loop().call_soon(self.drain)

    def drain(self) -> None:
        """Handle what waits: facts first, in order, then the market as it now is.

        While a fact waits no quote is looked at: nothing may be decided against what is already known.
        """
        self._wake = None
        for _ in range(FACTS_PER_TURN_MAX):
            fact = self.inbox.take_fact()
            if fact is None:
                break
            self._guarded(fact)
        if not self.inbox.waiting:
            for event in self.inbox.take_market():
                self._guarded(event)
        elif self._wake is None:
            self._wake = asyncio.get_running_loop().call_soon(self.drain)

    def step(self, event: Event) -> Sequence[Command]:
        """One event through the engine; what follows from it is journaled first and carried out second."""
        if type(event) is AccountSeen and self.engine.state.accounts.agrees(event.snapshot):
            seen = event.snapshot
            event = AccountConfirmed(seen.account, seen.margin, event.received_ns, seen.requested_ns)
        now = self.engine.state.now
        commands = self.engine.handle(event)
        if not commands and isinstance(event, TRANSIENT):
            return NOTHING
        return self._carried_out(event, now, commands)

    def fault(self, what: str) -> None:
        """Something of ours broke: nothing new may be decided. The fact goes past every queue.

        Where deciding is what broke, the halt is folded and journaled without it. What broke may have been folded and
        not journaled, so the state is kept as it is: the next start goes on from there, halted.
        """
        event, state = FaultRaised(what, Nanos(self._clock.now_ns())), self.engine.state
        before, now = state.modes.overall, state.now
        if attempt(lambda: self.step(event)) is not None:
            self.engine.fold(event)
            self._carried_out(event, now, NOTHING)
        if before is not Mode.HALT:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Keep the state as it is now, so that a start need not read the journal from its beginning."""
        self._steps = 0
        if not self.sequence or self._journal.failed is not None or self._lost is not None:
            return
        try:
            self.sequence = self._keeper.settle()
            kept = self._journal.checkpoint(self.sequence, encode_state(self.engine.state))
        except JournalError:
            return  # the journal has just stopped: the next step finds out, and halts
        kept.add_done_callback(self._checkpointed)

    def _checkpointed(self, kept: Future[None]) -> None:
        """Called on the journal's thread. Without a checkpoint nothing is lost but time at the next start."""
        error = None if kept.cancelled() else kept.exception()
        if isinstance(error, Exception) and self._journal.failed is None:
            self._on_broken(f"no checkpoint was kept, the next start reads more of the journal: {error}", error)

    def _guarded(self, event: Event) -> None:
        """A step whose failure (a broken invariant, a defect) halts instead of vanishing with its callback."""
        error = attempt(lambda: self.step(event))
        if error is None:
            return
        self.broken = self.broken or error
        what = f"the engine failed on {type(event).__name__}: {type(error).__name__}: {error}"
        self._on_broken(what, error)
        self.fault(what)

    def _carried_out(self, event: Event, now: Nanos, commands: Sequence[Command]) -> Sequence[Command]:
        """Journal a step, hand its commands over and show it; of all that only cancels when it could not be kept."""
        reads = self.engine.state.books.take_unreported() if commands else ()
        if not self._kept(event, encode_step(event, now, reads, commands), commands):
            # A cancel rests on no record, and it is what an operator wants of a daemon that has lost its journal.
            if cancels := [command for command in commands if isinstance(command, CancelOrder)]:
                self._carrier(cancels, self.sequence)
            return NOTHING
        if commands:
            self._carrier(commands, self.sequence)
        self._steps += 1
        if self._steps >= CHECKPOINT_EVERY_STEPS:
            self.checkpoint()
        self._observer(event, commands)
        return commands

    def _kept(self, event: Event, payload: bytes, commands: Sequence[Command]) -> bool:
        """Append a step. Once one was lost none follows it, though the journal may be well again: there is a hole."""
        error = self._lost
        try:
            if error is None:
                self.sequence = self._keeper.keep(event, payload, commands)
                return True
        except JournalError as refused:
            error = refused
        self._without_journal(error)
        return False

    def _without_journal(self, error: JournalError) -> None:
        """The step could not be kept, so none of its commands is carried out, and nothing follows it."""
        fault = FaultRaised(f"journal: {error}", Nanos(self._clock.now_ns()))
        self.engine.fold(fault)
        if self._lost is None:
            self._lost = error
            notice = Notice(Severity.CRITICAL, "fault", GLOBAL, f"{fault.what}: halted until restarted")
            self._observer(fault, (notice,))
