"""The loop: one event at a time through the engine, its step into the journal, and only then its commands out.

`step` is synchronous and does no waiting: the intent's step is appended before its orders are handed to the carrier,
and the carrier sends an order only when that step is durable.
"""

import asyncio
from collections.abc import Callable, Sequence

from bot.domain.commands import Command
from bot.domain.events import AccountConfirmed, AccountSeen, Event, FaultRaised
from bot.domain.units import Nanos
from bot.engine.engine import Engine
from bot.journal.store import Journal, JournalError
from bot.runtime.clock import Clock
from bot.runtime.inbox import Inbox, InboxOverflow
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
        self._clock = clock
        self._carrier = carrier
        self._observer = observer
        self._on_broken = on_broken
        self.broken: Exception | None = None
        self._wake: asyncio.Handle | None = None
        self._steps = 0

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
        """Handle what waits: facts first, in order, then the market as it now is."""
        self._wake = None
        for _ in range(FACTS_PER_TURN_MAX):
            fact = self.inbox.take_fact()
            if fact is None:
                break
            self._guarded(fact)
        for event in self.inbox.take_market():
            self._guarded(event)
        if self.inbox.waiting and self._wake is None:
            self._wake = asyncio.get_running_loop().call_soon(self.drain)

    def step(self, event: Event) -> Sequence[Command]:
        """One event through the engine; what follows from it is journaled first and carried out second."""
        if type(event) is AccountSeen and self.engine.state.accounts.agrees(event.snapshot):
            seen = event.snapshot
            event = AccountConfirmed(seen.account, seen.margin, event.received_ns, seen.requested_ns)
        now = self.engine.state.now
        commands = self.engine.handle(event)
        if commands or not isinstance(event, TRANSIENT):
            self._record(event, now, commands)
            self._observer(event, commands)
        return commands

    def fault(self, what: str) -> None:
        """Something of ours broke: nothing new may be decided. The fact goes past every queue."""
        self.step(FaultRaised(what, Nanos(self._clock.now_ns())))

    def checkpoint(self) -> None:
        """Keep the state as it is now, so that a start need not read the journal from its beginning."""
        self._steps = 0
        if self.sequence and self._journal.failed is None:
            self._journal.checkpoint(self.sequence, encode_state(self.engine.state))

    def _guarded(self, event: Event) -> None:
        """A step whose failure (a broken invariant, a defect) halts instead of vanishing with its callback."""
        error = attempt(lambda: self.step(event))
        if error is None:
            return
        self.broken = self.broken or error
        what = f"the engine failed on {type(event).__name__}: {type(error).__name__}: {error}"
        self._on_broken(what, error)
        attempt(lambda: self.fault(what))

    def _record(self, event: Event, now: Nanos, commands: Sequence[Command]) -> None:
        reads = self.engine.state.books.take_unreported() if commands else ()
        payload = encode_step(event, now, reads, commands)
        try:
            self.sequence = self._journal.append(type(event).__name__, payload, self._clock.wall_ns())
        except JournalError as error:
            self._without_journal(error)
            return
        if commands:
            self._carrier(commands, self.sequence)
        self._steps += 1
        if self._steps >= CHECKPOINT_EVERY_STEPS:
            self.checkpoint()

    def _without_journal(self, error: JournalError) -> None:
        """The step could not be kept, so none of its commands is carried out, and nothing follows it."""
        self.engine.handle(FaultRaised(f"journal: {error}", Nanos(self._clock.now_ns())))
        self._observer(FaultRaised(f"journal: {error}", Nanos(self._clock.now_ns())), ())
