"""The daemon: what runs beside the loop, what an operator may ask of it, and how it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from bot.domain.events import (
    AccountConfirmed,
    AccountSeen,
    ClockSampled,
    Event,
    FaultRaised,
    FundingPaid,
    Started,
    Stopping,
    StreamChanged,
)
from bot.domain.units import SECOND_NS, AccountId, Nanos
from bot.engine.engine import Engine
from bot.engine.modes import Mode
from bot.runtime import daemon
from bot.runtime.plans import plan
from bot.runtime.steps import replay
from bot.runtime.supervise import RESTARTS_MAX, BudgetSpent
from bot.runtime.venue import VenueFeed
from tests.kit import BTC, SPOT, START_NS, USDM, USDT, d, hedge
from tests.runtime.stage import CALM, INTERVALS, Stage, facts_of, forever, steps_of

WHO = {"reason": "fat finger", "by": "ann"}


def mode(stage: Stage) -> Mode:
    """The portfolio's mode."""
    return stage.engine.state.modes.overall


# ------------------------------------------------------------------------------------------------------ the main job
async def test_a_book_is_hedged_and_stays_so(tmp_path: Path) -> None:
    """Streams, reads and ticks lead to the hedge, once; the next minute sends nothing."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.advance(60)

        assert {hedge("BTC"), hedge("ETH")} == {request.instrument for request in stage.exchange.sent}
        assert 2 == len(stage.exchange.sent)
        assert [] == facts_of(stage.journal, FaultRaised)


async def test_the_first_step_is_the_start(tmp_path: Path) -> None:
    """Nothing is decided before the journal knows which process decides."""
    async with Stage(tmp_path) as stage:
        first = steps_of(stage.journal)[0].event

        assert stage.started == first
        assert isinstance(first, Started)


async def test_accounts_are_read_by_the_clock(tmp_path: Path) -> None:
    """Whatever the streams say, every account is read once an interval."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.advance(11)
        before = len(stage.exchange.reads)
        await stage.advance(30)

        assert sorted([SPOT, USDM] * 3) == sorted(stage.exchange.reads[before:])


async def test_a_stream_that_comes_up_leads_to_a_read_of_every_account(tmp_path: Path) -> None:
    """What happened while it was down is looked up at once; one that goes down leads to none."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.advance(2)
        before = len(stage.exchange.reads)
        for up in (False, True):
            stage.daemon.loop.put(StreamChanged("market", up, "", stage.clock.now_ns()))
            await asyncio.sleep(0)
        await stage.advance(0.05)

        assert sorted([SPOT, USDM]) == sorted(stage.exchange.reads[before:])


async def test_the_venues_clock_is_sampled_by_the_clock(tmp_path: Path) -> None:
    """A sample of each account's venue, at once and then once an interval."""
    async with Stage(tmp_path) as stage:
        await stage.advance(1)
        first = len(facts_of(stage.journal, ClockSampled))
        await stage.advance(INTERVALS.clock / SECOND_NS)
        stage.daemon.loop.checkpoint()

        assert (2, 4) == (first, len(facts_of(stage.journal, ClockSampled)))


async def test_a_checkpoint_is_taken_by_the_clock_and_at_the_end(tmp_path: Path) -> None:
    """A start reads the journal's tail only, after a crash as after a stop."""
    async with Stage(tmp_path, intervals=CALM) as stage:
        stage.exchange.feeding = False
        await stage.advance(INTERVALS.checkpoint / SECOND_NS + 1)
        timed = stage.journal.latest_checkpoint()
        stage.stop.set()
        await stage.advance(1)
        last = stage.journal.latest_checkpoint()

    assert timed is not None
    assert last is not None
    assert timed.seq < last.seq == stage.journal.last_seq


# ---------------------------------------------------------------------------------------------------------- funding
def paid(transaction: str, at: int, amount: str = "1") -> FundingPaid:
    """A funding settlement of the venue's ledger."""
    return FundingPaid(USDM, hedge("BTC"), USDT, d(amount), transaction, Nanos(at), Nanos(at))


async def test_funding_is_told_once_a_transaction(tmp_path: Path) -> None:
    """The ledger is asked again and again, and further back than its last entry: each settlement is one fact."""
    async with Stage(tmp_path, intervals=CALM) as stage:
        stage.exchange.feeding = False
        stage.exchange.ledger.append(paid("a", START_NS + SECOND_NS))
        await stage.advance(61)
        stage.exchange.ledger.append(paid("b", START_NS + SECOND_NS))
        await stage.advance(240)

        assert ["a", "b"] == [event.transaction for event in facts_of(stage.journal, FundingPaid)]
        assert d(2) == stage.daemon.status().totals.funding


async def test_funding_of_before_the_start_is_not_this_starts(tmp_path: Path) -> None:
    """The ledger is asked from this start on, and no further back than a day."""
    async with Stage(tmp_path, intervals=CALM) as stage:
        stage.exchange.feeding = False
        stage.exchange.ledger.append(paid("old", START_NS - SECOND_NS))
        await stage.advance(61)

        assert [] == facts_of(stage.journal, FundingPaid)
        assert {START_NS} == set(stage.exchange.looked_since)


async def test_a_ledger_that_cannot_be_read_is_asked_again(tmp_path: Path) -> None:
    """What a failed look missed comes with the next one."""
    async with Stage(tmp_path, intervals=CALM) as stage:
        stage.exchange.feeding = False
        look = stage.exchange.funding

        async def nothing(*_: object) -> tuple[FundingPaid, ...]:
            return ()

        stage.exchange.funding = nothing  # type: ignore[method-assign, assignment]
        stage.exchange.ledger.append(paid("a", START_NS + SECOND_NS))
        await stage.advance(130)
        stage.exchange.funding = look  # type: ignore[method-assign]
        await stage.advance(61)

        assert ["a"] == [event.transaction for event in facts_of(stage.journal, FundingPaid)]


# ------------------------------------------------------------------------------------------------------------ the end
async def test_a_stop_with_nothing_in_flight_ends_at_once(tmp_path: Path) -> None:
    """Hedges stay, the last step says that it stopped, and no time passes."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        before = stage.clock.now_ns()
        stage.stop.set()
        assert stage.running is not None
        await asyncio.wait_for(stage.running, 5)

        assert before == stage.clock.now_ns()
        assert isinstance(steps_of(stage.journal)[-1].event, Stopping)
        assert [{"level": "info", "unresolved": [], "event": "stopped"}] == stage.said("stopped")
        assert not (tmp_path / "control.sock").exists()


async def test_an_operator_can_stop_it(tmp_path: Path) -> None:
    """`stop` over the socket ends it like a signal."""
    async with Stage(tmp_path) as stage:
        answer = await stage.ask("stop")
        assert stage.running is not None
        await asyncio.wait_for(stage.running, 5)

        assert {"state": "stopping"} == answer


async def test_a_stop_waits_for_what_is_in_flight(tmp_path: Path) -> None:
    """An order that is answered within the bound is resolved before the end, and nothing new is sent meanwhile."""
    async with Stage(tmp_path) as stage:
        stage.exchange.answering = False
        await stage.until(lambda: len(stage.exchange.sent) == 2)
        stage.stop.set()
        await stage.advance(0.1)
        assert stage.running is not None
        waiting = not stage.running.done()
        for request in stage.exchange.sent:
            for event in stage.exchange.truth.submit(request, stage.clock.now_ns()):
                stage.daemon.loop.put(event)
        stage.exchange.truth.coins["BTC"] += d("0.1")
        await stage.advance(0.1)

        assert waiting
        assert stage.running.done()
        assert 2 == len(stage.exchange.sent)


async def test_a_stop_waits_for_an_unresolved_order_no_longer_than_its_bound(tmp_path: Path) -> None:
    """What stays unknown is left to the next start, by name; the end is in good order all the same."""
    async with Stage(tmp_path) as stage:
        stage.exchange.answering = False
        await stage.until(lambda: len(stage.exchange.sent) == 2)
        began = stage.clock.now_ns()
        stage.stop.set()
        await stage.advance(daemon.IN_FLIGHT_GRACE_NS / SECOND_NS - 0.1)
        assert stage.running is not None
        before = stage.running.done()
        await stage.advance(0.2)
        await stage.running

        assert not before
        assert stage.clock.now_ns() - began < 10 * SECOND_NS
        (said,) = stage.said("stopped")
        assert [request.client_id for request in stage.exchange.sent] == said["unresolved"]


async def test_the_next_start_takes_over_what_was_left(tmp_path: Path) -> None:
    """Out of the journal the unknown orders are known: they are looked for, and none is sent again."""
    async with Stage(tmp_path) as stage:
        stage.exchange.answering = False
        await stage.until(lambda: len(stage.exchange.sent) == 2)
        stage.stop.set()
        await stage.advance(9)
    engine, result = replay(((r.seq, r.payload) for r in stage.journal.records()), None)
    assert result.ok
    assert engine is not None

    assert {request.client_id for request in stage.exchange.sent} == {
        record.request.client_id for record in engine.state.orders.live()
    }


# ----------------------------------------------------------------------------------------------------------- children
class Feed:
    """A feed that fails as often as it is told, then stays."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.runs = 0

    async def run(self) -> None:
        """One run."""
        self.runs += 1
        if self.runs <= self.failures:
            raise ZeroDivisionError("a defect")
        await asyncio.Event().wait()

    def feed(self) -> VenueFeed:
        """As the daemon takes it."""
        return VenueFeed("shaky", self.run, ())


async def test_a_child_that_fails_halts_and_is_started_again(tmp_path: Path) -> None:
    """A defect in a feed is logged, becomes a fault in the journal, and the feed comes back."""
    feed = Feed(1)
    async with Stage(tmp_path, None, feed.feed()) as stage:
        await stage.advance(2)

        assert 2 == feed.runs
        assert Mode.HALT is mode(stage)
        assert ["shaky failed: ZeroDivisionError: a defect"] == [f.what for f in facts_of(stage.journal, FaultRaised)]
        assert [("error", "shaky")] == [(entry["level"], entry["name"]) for entry in stage.said("child")]


async def test_a_child_that_cannot_be_kept_ends_the_process(tmp_path: Path) -> None:
    """Beyond its budget the failure goes up by its own name, nothing is left running, and the socket is gone."""
    stage = Stage(tmp_path, None, Feed(100).feed())
    async with stage:
        assert stage.running is not None
        await stage.advance(RESTARTS_MAX + 2)
        with pytest.raises(BudgetSpent, match="shaky failed"):
            await stage.running
        stage.running = asyncio.create_task(asyncio.sleep(0))

    assert not (tmp_path / "control.sock").exists()
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_a_defect_in_the_engine_is_logged_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody will have to find it: the exception itself is in the log, and the portfolio is halted."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        handle = Engine.handle

        def broken(self: Engine, event: Event) -> object:
            if isinstance(event, AccountSeen | AccountConfirmed):
                raise ZeroDivisionError("a defect")
            return handle(self, event)

        monkeypatch.setattr(Engine, "handle", broken)
        await stage.advance(11)

        assert Mode.HALT is mode(stage)
        entry = stage.said("engine")[0]
        assert ("error", ZeroDivisionError) == (entry["level"], type(entry["exc_info"]))


async def test_a_defect_on_a_tick_halts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick is a child like any other: its failure is told, and the fault halts although deciding is broken."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()

        def broken(self: Engine, event: Event) -> object:
            raise ZeroDivisionError("a defect")

        monkeypatch.setattr(Engine, "handle", broken)
        await stage.advance(1)

        assert Mode.HALT is mode(stage)
        assert facts_of(stage.journal, FaultRaised)


# ------------------------------------------------------------------------------------------------- what people see
async def test_the_status_shows_what_is(tmp_path: Path) -> None:
    """Assets, positions, totals and the journal's head, in a form that can be sent."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.advance(1)
        status = await stage.ask("status")

        assert (True, "RUN", 2) == (status.ready, status.mode, status.totals.orders)
        assert (stage.journal.head.seq, stage.journal.head.digest.hex()) == (
            status.journal_sequence,
            status.journal_head,
        )
        assert msgspec.json.encode(status)


async def test_time_outside_the_band_is_sampled(tmp_path: Path) -> None:
    """From the deposit that breaches a band, which a halt keeps from being hedged, to the look at it."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.ask("kill", **WHO)
        stage.exchange.truth.coins["BTC"] += d("0.5")
        await stage.until(lambda: stage.daemon.monitor.deviations[BTC].outside)
        began = stage.daemon.monitor.deviations[BTC].outside_ns
        await stage.advance(10)
        (row,) = [row for row in stage.daemon.status().assets if row.asset == "BTC"]

        assert abs(row.outside_ns - began - 10 * SECOND_NS) <= daemon.SAMPLE_EVERY_NS
        assert d("0.5005") == row.deviation


async def test_a_stream_is_shown_with_the_age_of_its_last_frame(tmp_path: Path) -> None:
    """Nanoseconds since it was heard of; unknown before its first frame."""

    class View:
        """A websocket."""

        def __init__(self, name: str, last_frame_ns: int) -> None:
            self.name, self.up, self.connects, self.last_frame_ns = name, True, 3, last_frame_ns
            self.account: AccountId | None = None

    feed = VenueFeed("views", forever, (View("heard", START_NS), View("silent", 0)))
    async with Stage(tmp_path, None, feed) as stage:
        await stage.advance(2)
        heard, silent = stage.daemon.status().streams

        assert (2 * SECOND_NS, 3, None) == (heard.age_ns, heard.connects, silent.age_ns)


async def test_the_log_tells_decisions_and_never_quotes(tmp_path: Path) -> None:
    """A hedge is logged when it is decided and when it is done, with orders and reason."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.advance(5)

        assert ["neutral:BTC", "neutral:ETH"] == [entry["group"] for entry in stage.said("hedge")]
        assert ["neutral:BTC", "neutral:ETH"] == [entry["group"] for entry in stage.said("hedged")]
        assert {"started", "stream", "hedge", "hedged", "notice"} == {entry["event"] for entry in stage.log}


async def test_every_step_is_shown_to_the_venue(tmp_path: Path) -> None:
    """The paper account is kept by what it sees here."""
    async with Stage(tmp_path) as stage:
        await stage.advance(1)

    assert [step.event for step in steps_of(stage.journal)] == stage.exchange.persisted


# ---------------------------------------------------------------------------------------------------- look and leave
async def test_a_look_waits_until_the_book_can_be_judged(tmp_path: Path) -> None:
    """`plan` without a daemon runs just long enough, answers, and leaves nothing behind."""
    stage = Stage(tmp_path)
    looking = asyncio.create_task(stage.daemon.look(stage.started, plan, 20, 0.1))
    await stage.advance(5)
    answer = await looking

    assert [] == answer["refused"]
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_a_look_has_an_end(tmp_path: Path) -> None:
    """When the book cannot be judged within its patience, the answer says what is missing."""
    stage = Stage(tmp_path)
    stage.exchange.feeding = False
    looking = asyncio.create_task(stage.daemon.look(stage.started, plan, 3, 0.1))
    await stage.advance(3.2)
    answer = await looking

    assert answer["refused"]
    assert all("price" in refused["why"] for refused in answer["refused"])


async def test_the_verbs_are_what_the_command_line_asks_for(tmp_path: Path) -> None:
    """Each verb has its handler; none is missing and none is a way around the others."""
    verbs = set(Stage(tmp_path).daemon.operator.handlers())

    assert {"status", "health", "plan", "kill", "pause", "arm", "unwind", "flatten", "mode", "reload", "stop"} == verbs
