"""Alerts of a running daemon: the right ones, once, with true numbers, whatever its sinks do, and never in its way."""

from __future__ import annotations

import asyncio
import re
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bot.domain.events import RunMode
from bot.ops.alerts.store import FILE, Store
from bot.ops.demo_alerts import Told
from bot.ops.demo_told import Event, mismatch, sums
from bot.simex.serve import Simex
from tests.e2e.kit import config, exchange, written
from tests.e2e.served import Served, served
from tests.ops.alerts.delivering import alert
from tests.ops.alerts.receiver import Mood, Receiver, await_true

LAG_S_MAX = 0.05
LOOK_S = 0.01
WINDOW_S = 1.0
FLOOD = 1_000
CENT = Decimal("0.01")
STORY: tuple[tuple[Event, ...], ...] = (
    (("start", "started: live"),),
    (("hedge", "BTC hedged: sold 1 BTC"), ("hedge", "ETH hedged: sold 10 ETH")),
    (("hedge", "BTC hedged: sold 0.5 BTC"),),
    (("operator", "killed by ann: enough"),),
    (("operator", "armed by ann: fine"),),
    (("hedge", "BTC hedged: sold 0.3 BTC"),),
    (("operator", "unwinding by ann: home"),),
    (("hedge", "BTC hedge closed: bought 1.8 BTC"), ("hedge", "ETH hedge closed: bought 10 ETH")),
    (("unwound", "every hedge is closed"),),
)
ALERTS = sum(map(len, STORY))


@dataclass(frozen=True, slots=True)
class Sinks:
    """One that is down, one that stands in for it, one that takes ten seconds, one that says 429 for ever."""

    down: Receiver
    mail: Receiver
    slow: Receiver
    limited: Receiver

    def write(self, simex: Simex, directory: Path) -> None:
        """A bot's config with all of them."""
        config(simex, directory)
        urls = {"down": self.down, "mail": self.mail, "slow": self.slow, "limited": self.limited}
        more = {"mail": ", standby_for: down"}
        lines = [f"    {name}: {{url: '{at.url}', per_minute: 200{more.get(name, '')}}}" for name, at in urls.items()]
        path = written(directory)
        path.write_text("\n".join([path.read_text() + "web: {enabled: false}\nalerts:\n  sinks:", *lines, ""]))


class Lag:
    """How much later than asked for the loop calls back: the p99 of every second."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._late: list[float] = []
        self._began_s = self._loop.time()
        self.windows: list[float] = []
        self._next = self._look_again()

    def _look_again(self) -> asyncio.TimerHandle:
        due = self._loop.time() + LOOK_S
        return self._loop.call_at(due, self._take, due)

    def _take(self, due: float) -> None:
        self._late.append(self._loop.time() - due)
        if self._loop.time() - self._began_s >= WINDOW_S and len(self._late) > 2:
            self.windows.append(statistics.quantiles(self._late, n=100)[-1])
            self._late, self._began_s = [], self._loop.time()
        self._next = self._look_again()

    def stop(self) -> None:
        """Look no more."""
        self._next.cancel()

    @property
    def p99_s(self) -> float:
        """In the usual second: a loaded machine stalls any loop now and then, a sink that is waited for every time."""
        return statistics.median(self.windows)


@asynccontextmanager
async def everything(directory: Path) -> AsyncIterator[tuple[Served, Sinks]]:
    """A live daemon with its sinks, each in its mood."""
    with Receiver() as down, Receiver() as mail, Receiver() as slow, Receiver() as limited:
        sinks = Sinks(down, mail, slow, limited)
        down.mood, slow.mood = Mood(down=True), Mood(delay_s=10.0)
        limited.mood = Mood(status=429, headers={"Retry-After": "5"})
        async with Simex.start(exchange()) as simex:
            sinks.write(simex, directory)
            async with served(simex, directory, RunMode.LIVE) as story:
                yield story, sinks


async def play(story: Served) -> None:
    """Hedge, deposit, kill, arm, unwind."""
    await story.until_hedged()
    await story.control("deposit", wallet="spot", asset="BTC", amount="0.5")
    await story.until_position("BTCUSDT", "-1.5")
    await story.command("kill", reason="enough", by="ann")
    await story.control("deposit", wallet="spot", asset="BTC", amount="0.3")
    await story.stays("BTCUSDT", "-1.5")
    await story.command("arm", reason="fine", by="ann")
    await story.until_position("BTCUSDT", "-1.8")
    await story.command("unwind", reason="home", by="ann")
    await story.until_position("BTCUSDT", "0")
    await story.until_position("ETHUSDT", "0")


def told(receiver: Receiver) -> list[Told]:
    """What a sink has, but for news of sinks, notes to them and tests of them."""
    heard = [Told("story", one.title, one.text) for one in list(receiver.received)]
    return [one for one in heard if one.kind() not in ("sink_down", "")]


def waiting(directory: Path) -> list[str]:
    """The titles that are still owed to the sink that says 429."""
    store = Store(directory / "state" / FILE)
    try:
        return [one.alert.title for one in store.load().waiting if "limited" in one.owed]
    finally:
        store.close()


async def test_the_story_is_told_once_in_order_with_true_numbers_whatever_the_sinks_do(tmp_path: Path) -> None:
    """The stand-in of the one that is down has it all, so has the slow one; for the third it is kept; no loop waits."""
    async with everything(tmp_path) as (story, sinks):
        lag = Lag()
        await play(story)
        await told_whole(sinks.mail)
        truth = await story.truth()
        sinks.slow.mood = Mood()  # what it has been taking since the start still takes its ten seconds
        await told_whole(sinks.slow)
        lag.stop()

    assert lag.p99_s < LAG_S_MAX, lag.windows
    coins, fees = sums(told(sinks.mail))
    charged = sum((Decimal(trade["commission"]) for trade in truth["trades"]), Decimal(0))
    assert {"BTC": 0, "ETH": 0} == coins
    assert abs(fees - charged) <= CENT * ALERTS
    assert charged > 0
    assert sinks.down.titles() == sinks.limited.titles() == []
    assert len(sinks.limited.asked) >= 1
    kept = waiting(tmp_path)
    assert all(any(words in title for title in kept) for moment in STORY for _, words in moment), kept


async def told_whole(receiver: Receiver) -> None:
    """Wait until a sink has the story: each thing once, in order."""

    def wrong() -> str:
        return mismatch(told(receiver), STORY)

    await asyncio.to_thread(await_true, lambda: not wrong(), wrong)


async def test_a_thousand_events_become_a_digest(tmp_path: Path) -> None:
    """Nothing of them is lost, and a person gets a few messages; the loop turns meanwhile."""
    async with everything(tmp_path) as (story, sinks):
        await story.until_hedged()
        await asyncio.to_thread(sinks.mail.await_titles, 3)
        before, lag = len(sinks.mail.titles()), Lag()
        for number in range(FLOOD):
            story.service.routes.post(alert(f"flood {number}"))
        await asyncio.to_thread(await_true, lambda: counted(sinks.mail.titles()[before:]) >= FLOOD)
        await asyncio.sleep(3 * WINDOW_S)
        lag.stop()
        sent = [title for title in sinks.mail.titles()[before:] if "flood" in title or _DIGEST.search(title)]

    assert len(sent) <= 10
    assert lag.p99_s < LAG_S_MAX, lag.windows


_DIGEST = re.compile(r"(\d+) alerts \[")


def counted(titles: Sequence[str]) -> int:
    """How many of the flood's alerts these messages tell of."""
    tally = Counter[str]()
    for title in titles:
        found = _DIGEST.search(title)
        tally["flood"] += int(found.group(1)) if found else "flood" in title
    return tally["flood"]
