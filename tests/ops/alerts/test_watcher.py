"""The companion beside a whole daemon: what a story makes it post, in order, each once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.domain.commands import Severity
from bot.domain.events import Action, RunMode, StreamChanged, Ticked
from bot.domain.market import Quote
from bot.domain.units import SECOND_NS, AccountId, Nanos
from bot.ops.alerts import compose
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.readings import Bounds
from bot.ops.alerts.watcher import Watcher
from bot.runtime.companion import Companion
from bot.runtime.daemon import Daemon
from bot.runtime.redact import Redactor
from bot.runtime.surroundings import Surroundings
from bot.runtime.venue import VenueFeed
from tests.kit import USDM, d, quote
from tests.ops.alerts.scribe import facts
from tests.runtime.stage import INTERVALS, Stage, forever
from tests.runtime.test_companion import Shaky

BOUNDS = Bounds(stale_ns=5 * SECOND_NS, unhedged_ns=6 * SECOND_NS, disk_free_bytes=8)
STEP_NS_MAX = 50_000
"""Ten times the budget: what a loaded machine may take for a step that nobody needs to hear of."""


@dataclass
class Socket:
    """A websocket as the daemon shows it."""

    name: str = "binance.usdm.book"
    up: bool = True
    connects: int = 1
    last_frame_ns: int = 1
    account: AccountId | None = None


class Post:
    """A stage with the watcher beside its daemon; `alerts` is what was posted."""

    def __init__(self, tmp_path: Path, mode: RunMode = RunMode.LIVE, beside: Sequence[Companion] = ()) -> None:
        self.socket = Socket()
        self.alerts: list[Alert] = []
        self.stage = Stage(tmp_path, None, VenueFeed("usdm", forever, (self.socket,)))
        self.watcher = Watcher(
            "main", mode, lambda: BOUNDS, "1.2.3", self.stage.clock.wall_ns, self.alerts.append, Redactor().text
        )
        stage = self.stage
        around, logger = Surroundings(companions=(self.watcher, *beside)), stage._logger()
        stage.daemon = Daemon(
            stage.engine, stage.journal, stage.clock, stage.venue, tmp_path, INTERVALS, logger, around
        )

    def told(self, kind: Kind) -> list[Alert]:
        """The alerts of one kind."""
        return [alert for alert in self.alerts if alert.kind is kind]

    async def hedged(self) -> None:
        """A book that is hedged, and nothing told yet."""
        await self.stage.hedged()
        await self.stage.advance(5)
        self.alerts.clear()


@pytest.fixture
def post(tmp_path: Path) -> Post:
    """A daemon that is watched."""
    return Post(tmp_path)


async def test_a_start_and_two_hedges_are_three_alerts(post: Post) -> None:
    """From the start to the hedged book: what happened, in order, and nothing else."""
    async with post.stage:
        await post.stage.hedged()
        await post.stage.advance(40)

    assert [alert.kind for alert in post.alerts] == [Kind.START, Kind.HEDGE, Kind.HEDGE]
    assert [alert.subject for alert in post.alerts] == ["main", "BTC", "ETH"]


async def test_a_stop_is_told_last(post: Post) -> None:
    """The stop names what stays, and ends the story."""
    async with post.stage:
        await post.hedged()
        post.stage.stop.set()
        await post.stage.advance(2)

    assert [alert.kind for alert in post.alerts] == [Kind.STOP]
    assert "hedges stay" in post.alerts[0].title


async def test_a_stream_that_is_down_is_told_once_with_the_unhedged_delta(post: Post) -> None:
    """After its time one alert with the deltas, critical when it lasts, and one when it is over."""
    async with post.stage:
        await post.hedged()
        post.socket.up = False
        await post.stage.advance(4)
        assert post.told(Kind.STREAM_DOWN) == []
        await post.stage.advance(50)
        post.socket.up = True
        await post.stage.advance(40)
    raised, worse, over = post.told(Kind.STREAM_DOWN)

    assert facts(raised)["Unhedged BTC"].startswith("+0.0005 BTC (+30.00 USDT), known")
    assert [a.severity for a in (raised, worse)] == [Severity.WARNING, Severity.CRITICAL]
    assert (raised.resolved, over.resolved) == (False, True)
    assert {a.key for a in (raised, worse, over)} == {"stream_down:binance.usdm.book"}
    assert facts(over)["Lasted"].startswith("5")


async def test_a_market_that_stands_still_is_told_as_stale(post: Post) -> None:
    """Data that nobody may decide on is told with what it holds back, and that it is over."""
    async with post.stage:
        await post.hedged()
        post.stage.exchange.feeding = False
        await post.stage.advance(20)
        assert [a.subject for a in post.told(Kind.STALE)] == ["BTC", "ETH"]
        post.stage.exchange.feeding = True
        await post.stage.advance(35)

    assert [a.resolved for a in post.told(Kind.STALE)] == [False, False, True, True]
    assert "neutral:BTC" in post.told(Kind.STALE)[0].text


async def test_an_asset_outside_its_band_is_told_with_what_holds_it(post: Post) -> None:
    """Paused and then coins arrive: once it lasts one alert that names the pause, and one when it is hedged again."""
    async with post.stage:
        await post.hedged()
        await post.stage.ask("pause", reason="lunch", by="ann")
        post.stage.exchange.truth.coins["BTC"] += d("0.02")
        await post.stage.advance(25)
        (raised,) = post.told(Kind.UNHEDGED)
        await post.stage.ask("arm", reason="back", by="ann")
        await post.stage.advance(30)

    assert raised.title == "BTC outside its band: +0.0205 BTC (+1,230.00 USDT)"
    assert "lunch" in raised.text
    assert [a.resolved for a in post.told(Kind.UNHEDGED)] == [False, True]
    assert len(post.told(Kind.HEDGE)) == 1


async def test_a_stream_that_flaps_all_day_is_one_alert(post: Post) -> None:
    """Down and up with every other second: told once, and over once it stands."""
    async with post.stage:
        await post.hedged()
        for _ in range(40):
            post.socket.up = not post.socket.up
            await post.stage.advance(1)
        post.socket.up = True
        await post.stage.advance(35)

    assert [a.resolved for a in post.told(Kind.STREAM_DOWN)] == [False, True]


async def test_a_stop_resolves_and_raises_nothing(post: Post) -> None:
    """While the daemon stops its streams go down as they must."""
    async with post.stage:
        await post.hedged()
        post.stage.daemon.state.stopping = True
        post.socket.up = False
        await post.stage.advance(20)

    assert post.told(Kind.STREAM_DOWN) == []


async def test_a_full_disk_is_told(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The free space of the journal's disk is looked at, in a thread, and held against the bound."""
    monkeypatch.setattr("bot.ops.alerts.watcher.known_free_bytes", lambda _: 0)
    async with post.stage:
        deadline = time.monotonic() + 20
        while not post.told(Kind.DISK) and time.monotonic() < deadline:
            await post.stage.advance(1)
            await asyncio.sleep(0.01)  # the look at the disk is in a thread, which has its own time

    assert post.told(Kind.DISK)[0].severity is Severity.CRITICAL


async def test_a_part_that_fails_for_ever_is_told_once(tmp_path: Path) -> None:
    """Which part, and why; hedging goes on, and nobody hears of it again every ten seconds."""
    post = Post(tmp_path, beside=(Shaky(runs=True),))
    async with post.stage:
        await post.stage.hedged()
        await post.stage.advance(60)

        (told,) = post.told(Kind.COMPONENT)
        assert ("a part failed: shaky", "component:shaky") == (told.title, told.key)
        assert "ValueError" in told.text


async def test_an_alert_that_cannot_be_composed_is_told_as_that(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in the words of one alert must not be the reason why nobody hears of anything."""

    def defect(*_: object, **__: object) -> Alert:
        raise KeyError("no such word")

    monkeypatch.setattr(compose, "hedged", defect)
    async with post.stage:
        await post.stage.hedged()
        await post.stage.advance(5)

        (told,) = post.told(Kind.COMPONENT)
        assert ("alerts", []) == (told.subject, post.told(Kind.HEDGE))
        assert "KeyError" in told.text


def test_a_step_that_nobody_needs_to_hear_of_costs_next_to_nothing(post: Post) -> None:
    """The loop calls this for every step: it takes microseconds and posts nothing."""
    state = post.stage.engine.state
    events = (
        Ticked(Nanos(1)),
        quote("binance.usdm:BTCUSDT", 60_000.0),  # type: ignore[arg-type]
        StreamChanged("binance.usdm.user", True, "", Nanos(1), USDM),
    )
    assert isinstance(events[1], Quote)
    took = []
    for _ in range(2_000):
        begun = time.perf_counter_ns()
        for event in events:
            post.watcher.on_step(event, (), state)
        took.append((time.perf_counter_ns() - begun) / len(events))

    assert post.alerts == []
    assert min(took) < STEP_NS_MAX


async def test_what_is_posted_is_of_the_wall_clock(post: Post) -> None:
    """Alerts carry Unix time, for people."""
    async with post.stage:
        await post.stage.ask("kill", reason="now", by="ann")

    assert post.told(Kind.OPERATOR)[0].at_ns == post.stage.clock.wall_ns()
    assert Action.KILL.value in post.told(Kind.OPERATOR)[0].key
