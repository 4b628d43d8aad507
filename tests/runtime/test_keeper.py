"""What is written at once, what waits, and that nothing is decided on what is not written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.account import Balance
from bot.domain.events import AccountConfirmed, BalancesChanged, ClockSampled
from bot.domain.units import MILLISECOND_NS, SECOND_NS, Asset
from bot.engine.engine import Engine
from bot.journal.store import JournalError
from bot.runtime.keeper import KEPT_EVERY_NS
from bot.runtime.steps import replay
from tests.kit import SPOT, USDM, d
from tests.runtime.stage import Bench, facts_of, steps_of

TURN_NS = 10 * SECOND_NS


def quiet(bench: Bench, turns: int) -> None:
    """Reads that confirm, every ten seconds, and clocks that agree."""
    for _ in range(turns):
        bench.clock.move(TURN_NS)
        for account in (SPOT, USDM):
            bench.loop.step(ClockSampled(account, MILLISECOND_NS, MILLISECOND_NS, bench.clock.now_ns()))
        bench.read()
        bench.market()


def test_a_quiet_hour_takes_a_record_a_minute_of_each_word() -> None:
    """Of 1,440 confirmations and samples at most 61 of each account's are written."""
    bench = Bench().hedged()
    bench.loop.checkpoint()
    before = bench.journal.last_seq
    quiet(bench, 360)

    minutes = 360 * TURN_NS // KEPT_EVERY_NS
    assert 4 * (minutes - 1) <= bench.journal.last_seq - before <= 4 * (minutes + 1)


def test_what_waits_comes_right_before_the_step_that_may_rest_on_it() -> None:
    """A deposit after the last read: the journal has that read, and the clocks, and then the deposit."""
    bench = Bench().hedged()
    quiet(bench, 8)
    last = {account: bench.engine.state.accounts.accounts[account].seen_ns for account in (SPOT, USDM)}
    before = bench.journal.last_seq
    bench.clock.move(SECOND_NS)
    now = bench.clock.now_ns()
    coins = Balance(Asset("BTC"), bench.exchange.truth.coins["BTC"] + d("0.1"))
    bench.loop.step(BalancesChanged(SPOT, (coins,), "DEPOSIT", now, now))
    events = [step.event for step in steps_of(bench.journal)[before:]]

    assert isinstance(events[-1], BalancesChanged)
    assert last == {one.account: one.requested_ns for one in events if isinstance(one, AccountConfirmed)}
    assert {SPOT, USDM} == {one.account for one in events if isinstance(one, ClockSampled)}


def test_an_order_that_only_a_waiting_word_allows_replays() -> None:
    """By the journal alone the accounts would be too old for it; the replay must have what the engine knew."""
    bench = Bench().hedged()
    quiet(bench, 6)
    while max(one.requested_ns for one in facts_of(bench.journal, AccountConfirmed)) > _too_old(bench):
        quiet(bench, 1)
    sent, now = len(bench.orders), bench.clock.now_ns()
    coins = Balance(Asset("BTC"), bench.exchange.truth.coins["BTC"] + d("0.1"))
    bench.loop.step(BalancesChanged(SPOT, (coins,), "DEPOSIT", now, now))
    _, found = replay([(record.seq, record.payload) for record in bench.journal.records()], None)

    assert sent + 1 == len(bench.orders)
    assert (True, sent + 1) == (found.ok, found.commands)


def _too_old(bench: Bench) -> int:
    return bench.clock.now_ns() - bench.rules.limits.account_age_ns_max


def test_a_checkpoint_has_nothing_waiting_behind_it() -> None:
    """The state of a checkpoint is the state after its record, to the last word."""
    bench = Bench().hedged()
    quiet(bench, 3)
    bench.loop.checkpoint()
    kept = bench.journal.latest_checkpoint()

    assert kept is not None
    assert kept.seq == bench.journal.last_seq == bench.loop.sequence
    assert bench.clock.now_ns() == max(one.requested_ns for one in facts_of(bench.journal, AccountConfirmed))


def test_a_word_that_leads_to_something_is_written_at_once() -> None:
    """A step with commands never waits, whatever its event."""
    bench = Bench().ready()
    bench.market()
    before = bench.journal.last_seq
    bench.clock.move(SECOND_NS)
    bench.loop.step(ClockSampled(USDM, 0, 0, bench.clock.now_ns()))
    step = steps_of(bench.journal)[-1]

    assert bench.journal.last_seq > before
    assert isinstance(step.event, ClockSampled)
    assert b"SubmitOrder" in bytes(step.commands)


def test_a_waiting_word_is_not_lost_when_the_journal_refuses_it() -> None:
    """All or nothing: a step that cannot be kept halts, and what waited before it is not in the journal alone."""
    bench = Bench().hedged()
    quiet(bench, 3)
    before = bench.journal.last_seq
    bench.journal.fail("disk full")
    now = bench.clock.now_ns()
    bench.loop.step(BalancesChanged(SPOT, (Balance(Asset("BTC"), Decimal(9)),), "X", now, now))

    assert before == bench.journal.last_seq
    assert bench.engine.state.modes.overall.name == "HALT"


def test_a_restart_between_two_words_goes_on() -> None:
    """What waited when the process died is missing, and nothing that was decided depends on it."""
    bench = Bench().hedged()
    quiet(bench, 3)
    engine, found = replay([(record.seq, record.payload) for record in bench.journal.records()], None)

    assert isinstance(engine, Engine)
    assert found.ok
    accounts, mine = engine.state.accounts, bench.engine.state.accounts
    assert accounts.balances == mine.balances
    assert {n: b.position for n, b in accounts.positions.items()} == {n: b.position for n, b in mine.positions.items()}
    assert engine.state.accounts.accounts[USDM].seen_ns < mine.accounts[USDM].seen_ns


def test_a_checkpoint_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts next would otherwise wonder why it takes so long."""
    bench = Bench().hedged()
    refused = bench.journal.checkpoint(10**9, b"")
    monkeypatch.setattr(bench.journal, "checkpoint", lambda *_: refused)
    bench.loop.checkpoint()

    assert isinstance(refused.exception(), JournalError)
    assert 1 == len(bench.broken)
    assert bench.broken[0].startswith("no checkpoint was kept")
