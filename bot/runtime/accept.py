"""Going on from a journal whose last steps this version of the program would have decided differently.

A start replays what follows the newest checkpoint and refuses where it comes to other commands than were recorded: it
would go on from a state that never was. That happens when a daemon was killed and another version is started, for one
that was stopped leaves no steps behind its checkpoint. The way out decides nothing anew. The facts of those steps are
folded, the orders that they recorded are taken as sent (so each is looked up at the venue before anything is traded on
its instrument), and everything else that a decision marked is given up: it was news already told, and latches. Because
of the latches the whole is halted, by a fact in the journal, until a person has looked and arms.
"""

import time
from pathlib import Path

import msgspec

from bot.domain.commands import Command, OpenIntent
from bot.domain.events import FaultRaised
from bot.domain.units import Nanos
from bot.engine.engine import Engine
from bot.journal.reader import SqliteReader
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Journal, JournalCorrupt, JournalError
from bot.runtime import steps

DURABLE_S_MAX = 30.0
_COMMANDS = msgspec.json.Decoder(tuple[Command, ...])


class Accepted(msgspec.Struct, frozen=True):
    """What was taken over: steps since the checkpoint, and orders of theirs whose end is not known."""

    differs_at: int
    steps: int
    unresolved: tuple[str, ...]


def accept(path: Path, by: str) -> Accepted | None:
    """Make a start possible on the journal at `path`, halted; None where it replays to the same and needs nothing.

    No daemon may be running on it. `by` is who asked. Raises JournalError and its kinds: JournalCorrupt for steps that
    this version cannot even read.
    """
    with SqliteReader.open(path) as reader:
        stamp = reader.stamp
    with SqliteJournal.open(path, stamp, time.time_ns, _told_by_close) as journal:
        try:
            return _accepted(journal, by)
        except (ValueError, steps.Unreplayable) as error:
            raise JournalCorrupt(f"journal {path}: its steps cannot be read: {error}") from error


def _accepted(journal: Journal, by: str) -> Accepted | None:
    engine, after = _from_checkpoint(journal)
    _, found = steps.replay(((record.seq, record.payload) for record in journal.records(after)), engine)
    if found.difference is None:
        return None
    engine, after = _from_checkpoint(journal)
    count = 0
    for record in journal.records(after):
        engine = _taken_over(engine, steps.decode_step(record.payload), record.seq)
        count += 1
    assert engine is not None
    _halt(journal, engine, f"record {found.difference.seq} on was decided by another version; accepted by {by}")
    unresolved = tuple(record.request.client_id for record in engine.state.orders.live())
    return Accepted(found.difference.seq, count, unresolved)


def _from_checkpoint(journal: Journal) -> tuple[Engine | None, int]:
    checkpoint = journal.latest_checkpoint()
    if checkpoint is None:
        return None, 0
    return Engine.of(steps.decode_state(checkpoint.state)), checkpoint.seq


def _taken_over(engine: Engine | None, step: steps.Step, seq: int) -> Engine:
    """Fold a step's fact, and take the orders that it asked for as sent."""
    if engine is None:
        engine = steps.first(step.event, seq)
    engine.observe(step.reads, step.now_ns)
    engine.fold(step.event)
    state = engine.state
    for command in _COMMANDS.decode(step.commands):
        if isinstance(command, OpenIntent):
            intent = command.intent
            state.orders.prune(state.now)
            state.orders.intents = intent.number
            for leg in intent.legs:
                state.orders.open(leg, intent.group, state.now)
    return engine


def _halt(journal: Journal, engine: Engine, what: str) -> None:
    """Latch a halt by a fact, and keep the state behind it: the next start goes on from there."""
    before = engine.state.now
    event = FaultRaised(what, Nanos(max(before + 1, time.time_ns())))
    engine.fold(event)
    payload = steps.encode_step(event, before, (), ())
    seq = journal.append(type(event).__name__, payload, time.time_ns())
    journal.checkpoint(seq, steps.encode_state(engine.state)).result(DURABLE_S_MAX)


def _told_by_close(_: JournalError) -> None:
    """A write that fails is raised by the future that waits for it, and by closing."""
