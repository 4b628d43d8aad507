"""The loop: one event at a time, its step journaled first, and only then its commands carried out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from bot.domain.account import Balance
from bot.domain.commands import CancelOrder, Command, Notice, OpenIntent, SubmitOrder
from bot.domain.events import (
    AccountConfirmed,
    AccountSeen,
    Action,
    BalancesChanged,
    Event,
    FaultRaised,
    OperatorAsked,
    StreamChanged,
    Ticked,
)
from bot.domain.market import Quote
from bot.domain.units import SECOND_NS, Asset, Nanos
from bot.engine.engine import Engine
from bot.engine.modes import Mode
from bot.journal.memory import MemoryJournal
from bot.journal.store import JournalFailed, JournalFull
from bot.runtime import inbox, loop
from bot.runtime.clock import settle
from bot.runtime.keeper import KEPT_EVERY_NS
from bot.runtime.steps import decode_state, encode_state
from tests.kit import SPOT, USDM, d, hedge, pricing, quote
from tests.runtime.stage import Bench, facts_of, orders_in, reads_of, steps_of


def mode(bench: Bench) -> Mode:
    """The portfolio's mode."""
    return bench.engine.state.modes.overall


def stream(number: int) -> StreamChanged:
    """A fact that nothing follows from."""
    return StreamChanged(f"stream {number}", True, "", Nanos(1))


def test_an_order_is_handed_over_with_the_sequence_of_its_own_step() -> None:
    """What the carrier waits for is the record that holds the intent and the order's client id."""
    bench = Bench().ready()
    bench.breach()
    (step, *_) = [step for step in steps_of(bench.journal) if b"SubmitOrder" in bytes(step.commands)]

    assert 2 == len(bench.orders)
    for command, sequence in bench.carried:
        if isinstance(command, SubmitOrder):
            assert steps_of(bench.journal)[sequence - 1] == step
            assert command.order.request.client_id.encode() in bytes(step.commands)


def test_an_order_is_handed_over_only_after_its_step_was_appended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time the carrier hears of an order the journal has given its step a number."""
    bench = Bench().ready()
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(bench.loop, "_carrier", lambda _, seq: seen.append((seq, bench.journal.last_seq)))
    bench.breach()

    assert seen
    assert all(given == appended for given, appended in seen)


def test_a_journal_that_fails_halts_and_hands_nothing_over() -> None:
    """The step that could not be kept is as if it had never been decided, and nothing is decided after it."""
    bench = Bench().ready()
    bench.market()
    bench.journal.fail("disk full")
    bench.carried.clear()
    bench.tick()

    assert [] == bench.carried
    assert Mode.HALT is mode(bench)
    assert [] == orders_in(bench.tick(SECOND_NS))


def test_a_decision_that_was_not_kept_is_not_told_as_one() -> None:
    """Whoever looks on sees the fault, not an intent whose order was never sent."""
    bench = Bench().ready()
    bench.market()
    bench.journal.fail("disk full")
    bench.observed.clear()
    bench.tick()

    told = [command for _, commands in bench.observed for command in commands]
    assert not any(isinstance(command, OpenIntent | SubmitOrder) for command in told)
    assert any(isinstance(event, FaultRaised) and "disk full" in event.what for event, _ in bench.observed)


def test_a_kill_cancels_without_a_journal() -> None:
    """Of what cannot be kept nothing is carried out but cancels: they rest on no record, and they lower the risk."""
    bench = Bench().ready()
    bench.breach()
    sent = {order.client_id for order in bench.orders}
    bench.journal.fail("disk full")
    bench.carried.clear()
    bench.loop.step(OperatorAsked(Action.KILL, "stop", "ann", bench.clock.now_ns()))

    cancelled = {command.client_id for command, _ in bench.carried if isinstance(command, CancelOrder)}
    assert sent == cancelled
    assert len(sent) == len(bench.carried) == 2


def test_an_arm_does_not_go_on_without_a_journal() -> None:
    """Arming is a step like any other: while none can be kept the portfolio stays halted."""
    bench = Bench().ready()
    bench.journal.fail("disk full")
    bench.loop.step(OperatorAsked(Action.ARM, "go on", "ann", bench.clock.now_ns()))

    assert Mode.HALT is mode(bench)


def test_nothing_follows_a_step_that_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that was full for a moment left a hole: what came after it would not replay, so nothing is appended."""
    bench = Bench().ready()
    written = MemoryJournal.append

    def full(self: MemoryJournal, kind: str, payload: bytes, at_ns: int) -> int:
        raise JournalFull("the queue is full")

    monkeypatch.setattr(MemoryJournal, "append", full)
    bench.loop.step(stream(1))
    monkeypatch.setattr(MemoryJournal, "append", written)
    last = bench.journal.last_seq
    bench.loop.step(OperatorAsked(Action.ARM, "go on", "ann", bench.clock.now_ns()))
    bench.breach()
    bench.loop.checkpoint()

    assert (last, []) == (bench.journal.last_seq, bench.orders)
    assert Mode.HALT is mode(bench)
    assert bench.journal.latest_checkpoint() is None


def test_a_quote_or_tick_that_nothing_follows_from_is_not_journaled() -> None:
    """In band the journal does not grow with the market."""
    bench = Bench().hedged()
    before = bench.journal.last_seq
    for _ in range(5):
        bench.market()
        bench.tick()

    assert before == bench.journal.last_seq


def test_a_tick_that_something_follows_from_is_journaled_with_what_it_read() -> None:
    """The step of a decision holds the quotes, depths and marks that it may rest on."""
    bench = Bench().ready()
    bench.breach()
    step = steps_of(bench.journal)[-1]

    assert isinstance(step.event, Ticked)
    assert {hedge("BTC"), pricing("BTC"), hedge("ETH"), pricing("ETH")} == {
        read.instrument for read in step.reads if isinstance(read, Quote)
    }


def test_a_fact_is_journaled_though_nothing_follows_from_it() -> None:
    """Everything that a later decision may rest on is kept."""
    bench = Bench()
    bench.loop.step(stream(7))

    assert stream(7) == steps_of(bench.journal)[-1].event


def test_a_read_that_tells_nothing_new_is_kept_short() -> None:
    """An account that is read every ten seconds costs a line, not a page; one that changed is kept whole."""
    bench = Bench().hedged()
    bench.loop.checkpoint()
    bench.clock.move(KEPT_EVERY_NS)
    before = bench.journal.last_seq
    bench.read()
    bench.loop.checkpoint()
    kept = [type(step.event) for step in steps_of(bench.journal)[before:]]
    bench.exchange.truth.coins["BTC"] += d("0.001")
    bench.clock.move(10 * SECOND_NS)
    bench.read()
    changed = steps_of(bench.journal)[before + 2].event

    assert [AccountConfirmed, AccountConfirmed] == kept
    assert isinstance(changed, AccountSeen)
    assert SPOT == changed.snapshot.account


def test_a_read_kept_short_keeps_the_account_as_fresh_as_the_whole_one() -> None:
    """Confirmed counts from when the read was begun, exactly as the snapshot that it stands for."""
    bench = Bench().hedged()
    whole = Engine.of(decode_state(encode_state(bench.engine.state)))
    bench.clock.move(10 * SECOND_NS)
    read = bench.exchange.seen(USDM)
    assert isinstance(read, AccountSeen)
    begun = Nanos(read.snapshot.requested_ns - SECOND_NS // 2)
    seen = AccountSeen(msgspec.structs.replace(read.snapshot, requested_ns=begun), read.received_ns)
    bench.loop.step(seen)
    whole.handle(seen)

    assert whole.state.accounts == bench.engine.state.accounts
    assert begun == bench.engine.state.accounts.accounts[USDM].seen_ns


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Every event that the engine handles from here on."""
    handled: list[Event] = []
    handle = Engine.handle

    def noted(self: Engine, event: Event) -> Sequence[Command]:
        handled.append(event)
        return handle(self, event)

    monkeypatch.setattr(Engine, "handle", noted)
    return handled


async def test_facts_are_handled_in_order_and_before_the_market(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited in one turn is handled facts first, as they came, then the market as it is by then."""
    bench = Bench()
    bench.observed.clear()
    handled = watched(monkeypatch)
    for event in (quote(hedge("BTC"), 60_000), stream(1), quote(hedge("BTC"), 60_001), stream(2)):
        bench.loop.put(event)
    await settle()

    assert [stream(1), stream(2)] == [event for event, _ in bench.observed]
    assert [stream(1), stream(2), quote(hedge("BTC"), 60_001)] == handled
    assert 60_001 == bench.engine.state.books.quotes[hedge("BTC")].mid


async def test_no_quote_is_decided_on_while_a_fact_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """More facts than one turn takes are handled in the turns that follow, and the market after the last of them."""
    monkeypatch.setattr(loop, "FACTS_PER_TURN_MAX", 2)
    bench = Bench()
    handled = watched(monkeypatch)
    bench.loop.put(quote(hedge("BTC"), 60_000))
    for number in range(5):
        bench.loop.put(stream(number))
    await settle()

    assert [*map(stream, range(5)), quote(hedge("BTC"), 60_000)] == handled


async def test_a_queue_of_facts_that_overflows_halts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not keep up with its account stops deciding; what had waited is still handled."""
    monkeypatch.setattr(inbox, "FACTS_MAX", 2)
    bench = Bench()
    for number in range(3):
        bench.loop.put(stream(number))
    halted = mode(bench)
    await settle()

    assert Mode.HALT is halted
    assert [stream(0), stream(1)] == facts_of(bench.journal, StreamChanged)
    assert "2 facts wait" in facts_of(bench.journal, FaultRaised)[0].what


def failing_on(kind: type[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a defect: the engine raises on every event of a kind, after it was folded."""
    handle = Engine.handle

    def broken(self: Engine, event: Event) -> Sequence[Command]:
        commands = handle(self, event)
        if isinstance(event, kind):
            raise ZeroDivisionError("a defect")
        return commands

    monkeypatch.setattr(Engine, "handle", broken)


async def test_a_defect_in_the_engine_halts_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception does not vanish with its callback: somebody is told, the portfolio halts, the loop goes on."""
    failing_on(BalancesChanged, monkeypatch)
    bench = Bench().ready()
    now = bench.clock.now_ns()
    bench.loop.put(BalancesChanged(SPOT, (Balance(Asset("BTC"), d("1.2345")),), "DEPOSIT", now, now))
    bench.loop.put(stream(1))
    await settle()

    assert ["the engine failed on BalancesChanged: ZeroDivisionError: a defect"] == bench.broken
    assert isinstance(bench.loop.broken, ZeroDivisionError)
    assert Mode.HALT is mode(bench)
    assert bench.broken == [fault.what for fault in facts_of(bench.journal, FaultRaised)]
    assert stream(1) in facts_of(bench.journal, StreamChanged)
    assert [] == orders_in(bench.breach())


async def test_a_defect_in_every_decision_halts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even the fault can be decided on, the halt is folded and journaled: it needs no decision."""
    bench = Bench().ready()

    def broken(self: Engine, event: Event) -> Sequence[Command]:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Engine, "handle", broken)
    bench.loop.put(stream(1))
    await settle()

    assert Mode.HALT is mode(bench)
    assert "ZeroDivisionError" in facts_of(bench.journal, FaultRaised)[0].what
    assert bench.broken


def test_a_fault_is_told_as_a_notice() -> None:
    """Whatever breaks says so in the journal, at the loudest level."""
    bench = Bench()
    bench.loop.fault("a pipe burst")
    (notice,) = [c for c in bench.observed[-1][1] if isinstance(c, Notice)]

    assert ("critical", "fault") == (notice.severity.value, notice.topic)
    assert "a pipe burst" in notice.text


def test_a_checkpoint_is_taken_every_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start never has to read much more than that many steps."""
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 4)
    bench = Bench()
    for number in range(6):
        bench.loop.step(stream(number))
    found = bench.journal.latest_checkpoint()

    assert found is not None
    assert 4 == found.seq


def test_a_checkpoint_holds_the_state_of_its_sequence() -> None:
    """What is kept is the state right after the last step."""
    bench = Bench().hedged()
    bench.loop.checkpoint()
    found = bench.journal.latest_checkpoint()

    assert found is not None
    assert (bench.journal.last_seq, encode_state(bench.engine.state)) == (found.seq, found.state)


def test_no_checkpoint_is_taken_of_nothing_or_on_a_failed_journal() -> None:
    """Before the first step there is nothing to keep, and a journal that failed is left as it is."""
    bench = Bench()
    bench.loop.sequence = 0
    bench.loop.checkpoint()
    bench.loop.sequence = 1
    bench.journal.fail("disk full")
    bench.loop.checkpoint()

    assert bench.journal.latest_checkpoint() is None


def test_a_checkpoint_that_is_refused_leaves_the_halt_to_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that stops between two steps does not break what was on its way; the next step halts."""
    bench = Bench()

    def refused(self: MemoryJournal, seq: int, state: bytes) -> None:
        self.fail("disk full")
        raise JournalFailed("disk full")

    monkeypatch.setattr(MemoryJournal, "checkpoint", refused)
    bench.loop.checkpoint()
    running = mode(bench)
    bench.loop.step(stream(1))

    assert (Mode.RUN, Mode.HALT) == (running, mode(bench))


def test_the_first_reads_are_asked_for_at_the_start() -> None:
    """The very first step hands the wish for a read of every account to the carrier."""
    bench = Bench()

    assert {SPOT, USDM} == set(reads_of([command for command, _ in bench.carried]))


def test_the_journal_gets_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are dated by the clock on the wall, which is what a person compares them with."""
    bench = Bench()
    bench.clock.wall_offset_ns = 5 * SECOND_NS
    bench.loop.step(stream(1))
    (*_, record) = bench.journal.records()

    assert bench.clock.now_ns() + 5 * SECOND_NS == record.at_ns
    assert "StreamChanged" == record.kind
    assert msgspec.json.decode(record.payload)["event"]["type"] == "StreamChanged"
