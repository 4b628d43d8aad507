"""Going on from steps that another version decided: nothing is forgotten that was sent, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.commands import Command, QueryOrder, SubmitOrder
from bot.domain.events import Action, OperatorAsked, Ticked
from bot.domain.order import Status
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.engine import Engine
from bot.engine.modes import Mode
from bot.journal.reader import verify
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import JournalBusy, JournalCorrupt, Stamp
from bot.runtime.accept import accept
from bot.runtime.restored import restored
from tests.kit import d, hedge
from tests.runtime.stage import Bench, market, started

STAMP = Stamp("live", "test")
WAIT_S = 20.0


def journal_at(path: Path) -> SqliteJournal:
    """The journal, as a start opens it."""
    return SqliteJournal.open(path, STAMP, lambda: 1, lambda _: None, from_checkpoint=True)


def forged(payload: bytes) -> bytes:
    """A step as a version decided it that sold a little more."""
    return payload.replace(b'"contracts":"1.234"', b'"contracts":"1.235"')


def written(path: Path, bench: Bench, changed: Callable[[bytes], bytes] = forged, *, checkpoint_at: int = 0) -> None:
    """What a killed daemon left: the bench's records, some of them of another version."""
    with journal_at(path) as journal:
        seq = 0
        for record in bench.journal.records():
            seq = journal.append(record.kind, changed(record.payload), record.at_ns)
            kept = bench.journal.latest_checkpoint()
            if kept is not None and record.seq == checkpoint_at:
                journal.checkpoint(seq, kept.state).result(WAIT_S)
        journal.durable(seq).result(WAIT_S)


def breached(*, answered: bool) -> tuple[Bench, int]:
    """A book that was sold short, its orders answered or not, and where its checkpoint lies."""
    bench = Bench().ready()
    bench.loop.checkpoint()
    kept = bench.journal.latest_checkpoint()
    assert kept is not None
    bench.breach()
    if answered:
        bench.answer()
    return bench, kept.seq


def sent_by(engine: Engine, bench: Bench, seconds: int = 20) -> list[Command]:
    """What the engine asks for in the seconds after a start, with the market there and no account read."""
    out: list[Command] = [*engine.handle(started(bench.clock))]
    for _ in range(seconds):
        bench.clock.move(SECOND_NS)
        for event in market(bench.exchange.truth, bench.clock.now_ns()):
            out += engine.handle(event)
        out += engine.handle(Ticked(bench.clock.now_ns()))
    return out


def test_a_start_refuses_such_a_journal_and_names_the_way_out(tmp_path: Path) -> None:
    """The record is named, and the verb."""
    path = tmp_path / "journal.sqlite3"
    bench, at = breached(answered=False)
    written(path, bench, checkpoint_at=at)
    with journal_at(path) as journal, pytest.raises(JournalCorrupt, match=r"record \d+ replays .*journal accept"):
        restored(journal)


@pytest.mark.parametrize("with_checkpoint", [True, False])
def test_what_was_sent_is_known_and_nothing_is_sent(tmp_path: Path, *, with_checkpoint: bool) -> None:
    """After it the start goes on, halted: the orders of before are looked up at the venue, and none is sent."""
    path = tmp_path / "journal.sqlite3"
    bench, at = breached(answered=False)
    written(path, bench, checkpoint_at=at if with_checkpoint else 0)
    found = accept(path, "ann")
    with journal_at(path) as journal:
        engine = restored(journal)
    assert found is not None
    assert engine is not None
    commands = sent_by(engine, bench)
    ids = {order.client_id for order in bench.orders}

    assert ids == set(found.unresolved)
    assert ids == {command.client_id for command in commands if isinstance(command, QueryOrder)}
    assert not [command for command in commands if isinstance(command, SubmitOrder)]
    assert (Mode.HALT, True) == (engine.state.modes.overall, verify(path).ok)
    assert "accepted by ann" in engine.state.modes.latches["global"].reason


def test_what_was_filled_counts(tmp_path: Path) -> None:
    """Reports behind the difference are folded on the orders they are about: the position is what was sold."""
    path = tmp_path / "journal.sqlite3"
    bench, at = breached(answered=True)
    written(path, bench, checkpoint_at=at)
    found = accept(path, "ann")
    with journal_at(path) as journal:
        engine = restored(journal)

    assert found is not None
    assert engine is not None
    held = {name: belief.position.contracts for name, belief in engine.state.accounts.positions.items()}
    assert {hedge("BTC"): d("-1.235"), hedge("ETH"): d(-10)} == held
    assert {Status.FILLED} == {record.status for record in engine.state.orders.records.values()}


def test_an_operator_arms_and_it_goes_on(tmp_path: Path) -> None:
    """Armed, with its orders resolved and its accounts read, it has nothing more to sell."""
    path = tmp_path / "journal.sqlite3"
    bench, at = breached(answered=True)
    written(path, bench, checkpoint_at=at)
    accept(path, "ann")
    with journal_at(path) as journal:
        engine = restored(journal)
    assert engine is not None
    commands = sent_by(engine, bench, 1)
    for _ in range(2):
        bench.clock.move(2 * SECOND_NS)
        for account in bench.rules.accounts:
            commands += engine.handle(bench.exchange.seen(account))
    now = bench.clock.now_ns()
    commands += engine.handle(OperatorAsked(Action.ARM, "looked", "ann", Nanos(now)))
    for event in market(bench.exchange.truth, now):
        commands += engine.handle(event)
    commands += engine.handle(Ticked(Nanos(now)))

    assert Mode.RUN is engine.state.modes.overall
    assert not [command for command in commands if isinstance(command, SubmitOrder)]


def test_a_journal_that_replays_needs_nothing(tmp_path: Path) -> None:
    """It is left as it is, to the byte of its head."""
    path = tmp_path / "journal.sqlite3"
    bench, at = breached(answered=True)
    written(path, bench, lambda payload: payload, checkpoint_at=at)
    before = verify(path).head

    assert accept(path, "ann") is None
    assert before == verify(path).head


def test_a_journal_in_use_or_unreadable_is_refused(tmp_path: Path) -> None:
    """A running daemon keeps its journal, and what this version cannot read it does not guess at."""
    path, other = tmp_path / "journal.sqlite3", tmp_path / "other.sqlite3"
    bench, at = breached(answered=True)
    written(path, bench, checkpoint_at=at)
    written(other, bench, lambda payload: payload.replace(b'"now_ns"', b'"when_ns"'), checkpoint_at=at)
    with journal_at(path), pytest.raises(JournalBusy):
        accept(path, "ann")
    with pytest.raises(JournalCorrupt, match="cannot be read"):
        accept(other, "ann")
