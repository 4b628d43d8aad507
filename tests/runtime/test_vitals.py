"""Gathering the facts of health from a running daemon, by a clock that is cranked by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from bot.domain.events import Action, ClockSampled, Fact, OperatorAsked, Stopping, StreamChanged
from bot.domain.units import SECOND_NS, AccountId
from bot.runtime.health import Reason
from bot.runtime.venue import VenueFeed
from bot.runtime.vitals import doubts
from tests.kit import SPOT, USDM
from tests.runtime.stage import Bench, Stage, forever


class View:
    """A websocket as the daemon sees it."""

    def __init__(self, name: str, account: AccountId | None = None) -> None:
        self.name, self.account = name, account
        self.up, self.connects, self.last_frame_ns = True, 1, 0


def subjects(stage: Stage) -> list[str]:
    """What keeps the daemon from being ready."""
    return [reason.subject for reason in stage.daemon.health().reasons]


async def test_a_hedged_book_is_ready(tmp_path: Path) -> None:
    """With data, accounts and a journal that writes there is nothing to say; the mode stands beside."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        health = stage.daemon.health()

        assert (True, True, (), "RUN", ()) == (health.live, health.ready, health.reasons, health.mode, health.stuck)
        assert stage.daemon.status().ready


async def test_a_market_stream_that_falls_silent_is_named(tmp_path: Path) -> None:
    """Up, but without a frame for longer than the bound; a private stream beside it may be silent."""
    book, user = View("binance.usdm.book"), View("binance.usdm.user", USDM)
    async with Stage(tmp_path, None, VenueFeed("views", forever, (book, user))) as stage:
        await stage.hedged()
        book.last_frame_ns = stage.clock.now_ns()
        await stage.advance(3.9)
        assert [] == subjects(stage)

        await stage.advance(0.3)

        assert ["binance.usdm.book"] == subjects(stage)
        assert ["binance.usdm.book"] == [reason.subject for reason in stage.daemon.status().reasons]


async def test_a_stream_that_is_down_is_named(tmp_path: Path) -> None:
    """A private one too: fills would come late."""
    user = View("binance.usdm.user", USDM)
    async with Stage(tmp_path, None, VenueFeed("views", forever, (user,))) as stage:
        await stage.hedged()
        user.up = False

        assert ["binance.usdm.user"] == subjects(stage)


async def test_an_account_whose_reads_hang_is_named(tmp_path: Path) -> None:
    """A read that nobody answers is named after the bound, long before the account counts as overdue; and recovers."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        answer, asked = stage.exchange.account, asyncio.Event()
        release = asyncio.Event()

        async def hang(account: AccountId) -> tuple[Fact, ...]:
            if account == USDM:
                asked.set()
                await release.wait()
            return await answer(account)

        stage.exchange.account = hang  # type: ignore[method-assign]
        await stage.until(asked.is_set)
        await stage.advance(3.5)
        assert [] == subjects(stage)
        await stage.advance(1)
        assert ["binance.usdm"] == subjects(stage)
        assert "unanswered" in stage.daemon.health().reasons[0].text

        release.set()
        await stage.advance(11)
        assert [] == subjects(stage)


async def test_a_journal_that_does_not_write_is_named(tmp_path: Path) -> None:
    """A record that waits for longer than the bound: not ready, and nothing for the watchdog; and recovers."""
    stage = Stage(tmp_path)
    async with stage:
        await stage.hedged()
        stage.journal._held = True  # the disk holds back what comes from here on
        stage.daemon.loop.step(OperatorAsked(Action.PAUSE, "lunch", "ann", stage.clock.now_ns()))
        await stage.advance(3.9)
        assert "journal" not in subjects(stage)

        await stage.advance(0.3)
        assert "journal" in subjects(stage)
        assert ["journal"] == [reason.subject for reason in stage.daemon.health().stuck]

        stage.journal._held = False
        stage.journal.commit()
        assert "journal" not in subjects(stage)


async def test_a_journal_that_failed_is_named(tmp_path: Path) -> None:
    """The failure is the reason."""
    stage = Stage(tmp_path)
    stage.daemon.begin(stage.started)
    stage.journal.fail("the disk is full")

    assert Reason("journal", "the disk is full") in stage.daemon.health().reasons


async def test_a_clock_that_does_not_strike_is_named(tmp_path: Path) -> None:
    """The loop stood still, or its ticks ended."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        assert "loop" not in subjects(stage)

        stage.clock.move(2 * SECOND_NS)  # time passes and nobody gets to run

        assert "loop" in subjects(stage)
        await stage.advance(0.2)
        assert "loop" not in subjects(stage)


async def test_a_venues_clock_that_is_off_is_named(tmp_path: Path) -> None:
    """Beyond the owner's limit requests would be refused."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        stage.daemon.loop.step(ClockSampled(SPOT, SECOND_NS, SECOND_NS // 100, stage.clock.now_ns()))

        assert ["clock:binance.spot"] == [name for name in subjects(stage) if name.startswith("clock")]


async def test_stopping_is_named_and_a_halt_is_not(tmp_path: Path) -> None:
    """A daemon that winds down takes no new hedge; one that was halted could, and says its mode."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        stage.daemon.loop.step(OperatorAsked(Action.PAUSE, "lunch", "ann", stage.clock.now_ns()))
        assert ([], "HALT") == (subjects(stage), stage.daemon.health().mode)

        stage.daemon.loop.step(Stopping(stage.clock.now_ns()))
        assert ["daemon"] == subjects(stage)


async def test_silence_of_everything_starves_the_watchdog(tmp_path: Path) -> None:
    """No frame and no good read for the watchdog's time; the start itself counts as news."""
    stage = Stage(tmp_path)
    stage.daemon.begin(stage.started)
    stage.clock.move(119 * SECOND_NS)
    assert "data" not in [reason.subject for reason in stage.daemon.health().stuck]

    stage.clock.move(2 * SECOND_NS)

    assert "data" in [reason.subject for reason in stage.daemon.health().stuck]


def test_the_engines_doubts_name_each_subject_once() -> None:
    """Two groups that wait for one account have one reason; two coins without a quote have one each."""
    assert ["binance.spot"] == [reason.subject for reason in doubts(Bench().engine.state)]
    assert ["BTC", "ETH"] == [reason.subject for reason in doubts(Bench().ready().engine.state)]


async def test_the_control_socket_answers_with_the_health(tmp_path: Path) -> None:
    """`health` is a verb, and its answer can be sent."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        sent = msgspec.json.decode(msgspec.json.encode(await stage.ask("health")))

        assert (True, True, [], "RUN") == (sent["live"], sent["ready"], sent["reasons"], sent["mode"])


async def test_a_stream_that_came_up_again_is_no_reason(tmp_path: Path) -> None:
    """What the engine heard of a stream does not linger in the health."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        now = stage.clock.now_ns()
        stage.daemon.loop.step(StreamChanged("binance.usdm.user", False, "lost", now, USDM))
        stage.daemon.loop.step(StreamChanged("binance.usdm.user", True, "connected", now, USDM))

        assert [] == subjects(stage)
