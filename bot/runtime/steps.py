"""A step of the engine as the journal keeps it, and how the journal gives the engine back.

A step is an event, the market data that its decision may have read, the engine's time, and the commands that followed.
Market events and ticks without commands are not steps: they changed nothing that a decision rests on but prices, and
the prices that one did rest on are in its own step. So one journal replays to one command stream. (Facts that only
replace the one before them wait for the next step of another kind, see `bot.runtime.keeper`.)

A fact that nothing followed from is folded in a replay, not decided on again: that it led to nothing may have rested on
prices which, for the same reason, were not kept.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from bot.domain.commands import Command
from bot.domain.events import Event, Market, Started, Ticked
from bot.domain.market import Depth, Mark, Quote
from bot.domain.units import Nanos
from bot.engine.engine import Engine
from bot.engine.state import State

TRANSIENT = (Quote, Depth, Mark, Ticked)
"""Events that are steps only if commands follow; everything else is a fact and always a step."""


class Step(msgspec.Struct, frozen=True):
    """One record of the journal. The commands stay as they were written, byte for byte."""

    now_ns: Nanos
    reads: tuple[Market, ...]
    event: Event
    commands: msgspec.Raw


class Difference(msgspec.Struct, frozen=True):
    """Where a replay first says something else than the journal."""

    seq: int
    recorded: str
    replayed: str


class ReplayResult(msgspec.Struct, frozen=True):
    """What a replay came to."""

    ok: bool
    steps: int
    commands: int
    difference: Difference | None = None


class Unreplayable(Exception):
    """The journal does not begin with a start or a checkpoint; the message is one line for a person."""


_step_decoder = msgspec.json.Decoder(Step)
_state_decoder = msgspec.json.Decoder(State)
_encoder = msgspec.json.Encoder()


NO_COMMANDS = b"[]"


def _as_it_was(event: Event) -> Event:
    return event


def encode_commands(commands: Sequence[Command]) -> bytes:
    """Commands as canonical bytes."""
    return _encoder.encode(tuple(commands))


def encode_step(event: Event, now: Nanos, reads: tuple[Market, ...], commands: Sequence[Command]) -> bytes:
    """A step as the journal keeps it."""
    return _encoder.encode(Step(now, reads, event, msgspec.Raw(encode_commands(commands))))


def decode_step(data: bytes) -> Step:
    """A record's step; raises msgspec.DecodeError for what is none of this version."""
    return _step_decoder.decode(data)


def first(event: Event, seq: int) -> Engine:
    """The engine that begins with the first record that is kept. Raises Unreplayable when that is no start."""
    if not isinstance(event, Started):
        msg = f"record {seq} is the first that is kept, it is not a start, and no checkpoint precedes it"
        raise Unreplayable(msg)
    return Engine(event)


def encode_state(state: State) -> bytes:
    """The engine's state as a checkpoint keeps it."""
    return _encoder.encode(state)


def decode_state(data: bytes) -> State:
    """A checkpoint's state; raises msgspec.ValidationError for one of another version."""
    return _state_decoder.decode(data)


def replay(
    records: Iterable[tuple[int, bytes]], engine: Engine | None, amend: Callable[[Event], Event] = _as_it_was
) -> tuple[Engine | None, ReplayResult]:
    """Feed recorded steps to an engine and compare its commands with the recorded ones, byte for byte.

    `records` are (sequence number, payload). Without an engine (no checkpoint) the first step must be a start.
    `amend` may change an event first: a live journal under a dry start must lead to the same commands.
    Stops at the first difference. Raises Unreplayable and msgspec.DecodeError.
    """
    steps, commands = 0, 0
    for seq, payload in records:
        step = _step_decoder.decode(payload)
        event = amend(step.event)
        if engine is None:
            engine = first(event, seq)
        engine.observe(step.reads, step.now_ns)
        steps += 1
        if bytes(step.commands) == NO_COMMANDS:
            engine.fold(event)
            continue
        replayed = encode_commands(engine.handle(event))
        engine.state.books.take_unreported()
        commands += replayed.count(b'{"type":"SubmitOrder"')
        if replayed != bytes(step.commands):
            difference = Difference(seq, bytes(step.commands).decode(), replayed.decode())
            return engine, ReplayResult(ok=False, steps=steps, commands=commands, difference=difference)
    return engine, ReplayResult(ok=True, steps=steps, commands=commands)
