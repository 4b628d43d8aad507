"""Steps: what the journal keeps of each, and how it gives the engine back."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.commands import QueryOrder
from bot.domain.events import (
    Action,
    ClockSampled,
    Event,
    FaultRaised,
    OperatorAsked,
    OrderNotFound,
    RunMode,
    Started,
    StreamChanged,
    Ticked,
)
from bot.domain.units import MILLISECOND_NS, SECOND_NS, Nanos
from bot.engine.engine import Engine
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.journal.memory import MemoryJournal
from bot.runtime import steps
from bot.runtime.steps import Unreplayable, decode_state, encode_state, encode_step, replay
from tests.kit import START_NS, d, rules
from tests.runtime.stage import Bench, market, started, steps_of


def records(journal: MemoryJournal, after: int = 0) -> list[tuple[int, bytes]]:
    """The journal's records as a replay takes them."""
    return [(record.seq, record.payload) for record in journal.records(after)]


def restored(journal: MemoryJournal, after: int = 0, state: bytes | None = None) -> Engine:
    """The engine that a journal gives back."""
    engine, result = replay(records(journal, after), Engine.of(decode_state(state)) if state else None)
    assert result.ok, result.difference
    assert engine is not None
    return engine


def without_market(state: State) -> bytes:
    """A state but for prices: quotes that nothing followed from are not kept, and a start forgets them all."""
    kept = msgspec.json.decode(encode_state(state))
    return msgspec.json.encode({**kept, "books": None, "now": None})


def lived() -> Bench:
    """A book that was hedged, followed a deposit, was killed and armed, and lost an order's answer."""
    bench = Bench().hedged()
    bench.exchange.truth.coins["BTC"] += d("0.5")
    for _ in range(2):
        bench.clock.move(2 * SECOND_NS)
        bench.read()
    bench.breach()
    for action in (Action.KILL, Action.ARM):
        bench.loop.step(OperatorAsked(action, "why not", "ann", bench.clock.now_ns()))
    for _ in range(30):
        bench.market()
        bench.tick()
    return bench


def test_a_whole_journal_gives_the_state_back() -> None:
    """Replayed from its first record, the journal leads to what the engine knew, but for prices nobody acted on."""
    bench = lived()

    assert without_market(bench.engine.state) == without_market(restored(bench.journal).state)


def test_a_checkpoint_and_its_tail_give_the_same_as_the_whole() -> None:
    """Wherever the checkpoint was taken, what follows it leads to the same state, byte for byte after a start."""
    bench = Bench().hedged()
    bench.loop.checkpoint()
    kept = bench.journal.latest_checkpoint()
    assert kept is not None
    bench.exchange.truth.coins["BTC"] += d("0.5")
    for _ in range(2):
        bench.clock.move(2 * SECOND_NS)
        bench.read()
    bench.breach()
    ends = [restored(bench.journal), restored(bench.journal, kept.seq, kept.state)]
    bench.clock.move(SECOND_NS)
    for engine in ends:
        engine.handle(started(bench.clock))

    assert 0 < kept.seq < bench.journal.last_seq
    assert encode_state(ends[0].state) == encode_state(ends[1].state)


def test_what_was_restored_goes_on_with_the_same_commands() -> None:
    """An engine out of the whole journal, one out of a checkpoint and the one that lived ask for the same."""
    bench = lived()
    bench.loop.checkpoint()
    kept = bench.journal.latest_checkpoint()
    assert kept is not None
    engines = [bench.engine, restored(bench.journal), restored(bench.journal, kept.seq, kept.state)]
    bench.clock.move(3 * SECOND_NS)
    now = bench.clock.now_ns()
    events: list[Event] = [started(bench.clock), Ticked(Nanos(now)), Ticked(Nanos(now + SECOND_NS))]
    said = [[steps.encode_commands(engine.handle(event)) for event in events] for engine in engines]

    assert said[0] == said[1] == said[2]
    assert any(b"QueryOrder" in commands for commands in said[0])


ACTS = ["market", "tick", "read", "clocks", "deposit", "answer", "kill", "arm", "long", "minute"]


@given(st.lists(st.sampled_from(ACTS), max_size=25))
def test_any_life_replays(story: list[str]) -> None:
    """Whatever happened in whatever order, the journal replays to the same commands and gives the state back."""
    bench = Bench().ready()
    now = bench.clock.now_ns
    acts: dict[str, Callable[[], object]] = {
        "market": bench.market,
        "tick": bench.tick,
        "read": bench.read,
        "answer": bench.answer,
        "deposit": lambda: bench.exchange.truth.coins.update(BTC=bench.exchange.truth.coins["BTC"] + d("0.1")),
        "kill": lambda: bench.loop.step(OperatorAsked(Action.KILL, "x", "ann", now())),
        "arm": lambda: bench.loop.step(OperatorAsked(Action.ARM, "x", "ann", now())),
        "long": lambda: bench.clock.move(3 * SECOND_NS),
        "minute": lambda: bench.clock.move(60 * SECOND_NS),
        "clocks": lambda: [
            bench.loop.step(ClockSampled(account, now() % 7, MILLISECOND_NS, now())) for account in bench.rules.accounts
        ],
    }
    for act in story:
        acts[act]()
    bench.loop.checkpoint()

    assert without_market(bench.engine.state) == without_market(restored(bench.journal).state)


def test_an_order_that_grows_silent_between_two_ticks_replays() -> None:
    """A fact may come between the moment at which an order's answer is overdue and the tick that says so.

    What the tick notes must be in the journal, or the deadline for "not found" counts from another moment there.
    """
    bench = Bench().ready()
    bench.breach()
    order = bench.orders[0]
    bench.clock.move(bench.rules.limits.ack_timeout_ns + 10 * MILLISECOND_NS)
    bench.loop.step(StreamChanged("between", True, "", bench.clock.now_ns()))
    for _ in range(80):
        before = len(bench.carried)
        bench.tick()
        now = bench.clock.now_ns()
        for command, _ in bench.carried[before:]:
            if isinstance(command, QueryOrder) and command.client_id == order.client_id:
                bench.loop.step(OrderNotFound(order.client_id, command.endpoint, now, now))

    assert without_market(bench.engine.state) == without_market(restored(bench.journal).state)


def test_a_fact_that_nothing_followed_from_is_not_decided_on_again() -> None:
    """That it led to nothing may have rested on prices that were not kept: a replay takes it over and no more."""
    bench = Bench().ready()
    fact = StreamChanged("x", True, "", bench.clock.now_ns())
    reads = tuple(
        event for event in market(bench.exchange.truth, bench.clock.now_ns()) if not isinstance(event, Ticked)
    )
    quiet = encode_step(fact, bench.clock.now_ns(), reads, ())  # type: ignore[arg-type]  # market data, all of it
    engine, result = replay([*records(bench.journal), (bench.journal.last_seq + 1, quiet)], None)

    assert engine is not None
    assert (True, {}) == (result.ok, engine.state.orders.records)
    assert engine.state.streams["x"]
    assert b"SubmitOrder" in steps.encode_commands(engine.handle(fact))


def test_a_replay_counts_steps_and_orders() -> None:
    """What it came to is said: records read, orders asked for again."""
    bench = Bench().ready()
    bench.breach()
    _, result = replay(records(bench.journal), None)

    assert (True, bench.journal.last_seq, 2, None) == (result.ok, result.steps, result.commands, result.difference)


def test_the_first_difference_is_named() -> None:
    """A replay that says something else stops there, and shows what was recorded and what comes out now."""
    bench = Bench().ready()
    bench.breach()
    (seq,) = [seq for seq, payload in records(bench.journal) if b"OpenIntent" in payload]
    forged = [
        (number, payload.replace(b'"contracts":"1.234"', b'"contracts":"1.235"'))
        for number, payload in records(bench.journal)
    ]
    _, result = replay(forged, None)

    assert not result.ok
    assert result.difference is not None
    assert (seq, seq) == (result.difference.seq, result.steps)
    assert '"contracts":"1.235"' in result.difference.recorded
    assert '"contracts":"1.234"' in result.difference.replayed


def test_a_replay_compares_bytes_not_meaning() -> None:
    """Even another spelling of the same number is a difference."""
    bench = Bench().ready()
    bench.breach()
    respelt = [
        (n, payload.replace(b'"contracts":"10"', b'"contracts":"10.0"')) for n, payload in records(bench.journal)
    ]

    assert not replay(respelt, None)[1].ok


def test_a_journal_without_a_beginning_says_so() -> None:
    """Without a checkpoint the first record must be a start, else nobody knows what was known."""
    bench = Bench()
    bench.loop.step(FaultRaised("x", START_NS))

    with pytest.raises(Unreplayable, match="record 2 is the first that is kept"):
        replay(records(bench.journal, 1), None)


def test_an_empty_journal_gives_no_engine() -> None:
    """A new journal has nothing to go on from, and that is no fault."""
    engine, result = replay([], None)

    assert engine is None
    assert (True, 0) == (result.ok, result.steps)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"now":1}', b'{"layout":3,"now":1}'])
def test_a_checkpoint_of_another_version_is_an_error_of_its_own(content: bytes) -> None:
    """What does not decode as this version's state is refused, not guessed at."""
    with pytest.raises(msgspec.MsgspecError):
        decode_state(content)


def test_a_record_that_is_no_step_is_an_error() -> None:
    """Bytes of something else are refused."""
    with pytest.raises(msgspec.MsgspecError):
        replay([(1, b'{"now_ns":1}')], None)


def test_a_step_keeps_its_commands_byte_for_byte() -> None:
    """They are stored as they were written, not decoded and written anew."""
    bench = Bench().ready()
    commands = bench.breach()
    step = encode_step(Ticked(START_NS), START_NS, (), commands)

    assert steps.encode_commands(commands) in step
    assert steps.encode_commands(commands) == bytes(steps_of(bench.journal)[-1].commands)


def test_an_event_may_be_amended_on_the_way() -> None:
    """A live journal can be replayed under a dry start: the same commands up to the gateway."""
    bench = Bench().ready()
    bench.breach()

    def dry(event: Event) -> Event:
        return msgspec.structs.replace(event, mode=RunMode.DRY_RUN) if isinstance(event, Started) else event

    engine, result = replay(records(bench.journal), None, dry)

    assert result.ok
    assert engine is not None
    assert "dry-run" == engine.state.modes.run_mode.value


def test_a_latch_outlives_the_process() -> None:
    """A halt that was journaled is there after a restart, until somebody arms."""
    bench = Bench()
    bench.loop.fault("a pipe burst")
    engine = restored(bench.journal)
    engine.handle(started(bench.clock, rules()))

    assert Mode.HALT is engine.state.modes.overall
