"""A hedge is moved to a future that has become cheaper, over the wire: as a pair, within limits, whatever fails."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.events import RunMode
from bot.domain.units import SECOND_NS
from bot.journal.reader import SqliteReader, verify
from bot.runtime import learning
from bot.runtime.replay import replay
from bot.runtime.settings_load import Loaded
from bot.simex.config import AccountSpec
from bot.simex.serve import Simex
from bot.simex.sources.listings import quarter_end
from tests.e2e.kit import FAST, Place, Story, config, exchange, running, written
from tests.e2e.served import served
from tests.ops.alerts.receiver import Receiver, await_true

DEAR = "-0.003"
"""A rate at which a short pays three times a day what it earns elsewhere in a month."""
ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
SOURCE_ROUTE, TARGET_ROUTE = "POST /fapi/v1/order", "POST /v5/order/create"
SOURCE, TARGET = ({"method": "POST", "path": route.split()[1]} for route in (SOURCE_ROUTE, TARGET_ROUTE))
AT_BINANCE, AT_BYBIT = ({"scope": {"method": "POST", "endpoint": leg["path"]}} for leg in (SOURCE, TARGET))
NOTICE_MS = 2_500
"""A settlement is told on the mark price stream before it comes: that is once a second."""
SLICES = FAST.replace("order_notional: 200000", "order_notional: 20000")
CLIPPED = Decimal("0.35")
"""The most that one order of 20,000 USDT may be in coins, whatever the price has become."""

CHOICE = "{BTC: {alternatives: ['bybit.linear:BTCUSDT']}}"
EITHER = Place(
    venues=("binance", "bybit"),
    funds=AccountSpec(spot={"BTC": Decimal(1)}, usdm={"USDT": Decimal(100_000)}, unified={"USDT": Decimal(100_000)}),
    assets="{BTC: {}, ETH: {hedge: 'bybit.linear:ETHUSDT'}}",
    coins=("binance", "spot"),
    contracts=("binance", "usdm"),
    order_route="POST /fapi/v1/order",
)

ALONE = Place(
    venues=("binance",),
    funds=EITHER.funds,
    assets="{BTC: {}}",
    coins=EITHER.coins,
    contracts=EITHER.contracts,
    order_route=EITHER.order_route,
)


@pytest.fixture(autouse=True)
def _short_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates are read anew every other second, not every hour."""
    monkeypatch.setattr(learning, "HOUR_NS", 2 * SECOND_NS)
    monkeypatch.setattr(learning, "SETTLE_NS", 0)


async def held(story: Story, venue: str) -> Decimal:
    """Signed coins of the coin's futures at a venue."""
    wallets = (await story.truth(venue)).values()
    rows = [row for wallet in wallets if isinstance(wallet, dict) for row in wallet.get("positions", ())]
    return sum((Decimal(row["quantity"]) for row in rows if row["symbol"].startswith("BTCUSDT")), Decimal(0))


async def split(story: Story) -> tuple[Decimal, Decimal]:
    """The hedge at Binance, and at Bybit."""
    return await held(story, "binance"), await held(story, "bybit")


async def until_split(story: Story, binance: str, bybit: str) -> None:
    """Wait until the hedge lies so, and the daemon knows it."""

    async def holds() -> bool:
        if await split(story) != (Decimal(binance), Decimal(bybit)):
            return False
        return all(row["settled"] for row in (await story.command("status"))["positions"])

    await story.until(f"{binance} at Binance and {bybit} at Bybit", holds)


async def stays_split(story: Story, binance: str, bybit: str, seconds: float = 2.0) -> None:
    """Nothing is sent for a while."""
    sent = orders(story)
    await asyncio.sleep(seconds)
    assert await split(story) == (Decimal(binance), Decimal(bybit))
    assert orders(story) == sent


async def turn_dear(story: Story) -> None:
    """A settlement at Binance that costs a short dearly, soon."""
    next_ms = story.simex.exchanges["binance"].state.now_ms + NOTICE_MS
    await story.control("funding", venue="binance", market="usdm", symbol="BTCUSDT", rate=DEAR, next_ms=next_ms)


def orders(story: Story) -> int:
    """Orders that reached either venue."""
    summary = story.simex.requests.summary()["signed_mutating"]
    return sum(count for route, count in summary.items() if route in (SOURCE_ROUTE, TARGET_ROUTE))


def notices(story: Story, topic: str) -> str:
    """What the journal keeps of a topic, in order."""
    path = story.loaded.settings.state_dir / "journal-live.sqlite3"
    found = (record.payload.decode() for record in SqliteReader.open(path).records())
    return "".join(text for text in found if f'"topic":"{topic}"' in text)


@asynccontextmanager
async def hedged(directory: Path, place: Place = EITHER, **changes: Any) -> AsyncIterator[Story]:
    """A coin that was hedged at Binance before there was a choice; the journal is judged when it is over."""
    async with Simex.start(exchange(place, is_calm=True)) as simex:
        before = config(simex, directory, place=place, targets=ONLY_BTC, assets=place.assets)
        async with running(simex, before, place=place) as story:
            await story.until_position("BTCUSDT", "-1")
        loaded = config(simex, directory, place=place, targets=ONLY_BTC, **{"assets": CHOICE} | changes)
        async with running(simex, loaded, place=place) as story:
            await until_split(story, "-1", "0")
            yield story
        judged(loaded)


def judged(loaded: Loaded) -> None:
    """The journal's chain holds, and its decisions are made again byte for byte."""
    path = loaded.settings.state_dir / "journal-live.sqlite3"
    assert verify(path).ok
    assert replay(path).ok


async def test_a_hedge_goes_to_the_other_venue_when_its_funding_turns(tmp_path: Path) -> None:
    """One order closes at Binance and one opens at Bybit, and nothing comes after."""
    async with hedged(tmp_path) as story:
        sent = orders(story)
        await turn_dear(story)
        await until_split(story, "0", "-1")
        await stays_split(story, "0", "-1")
        assert orders(story) == sent + 2
        assert "is over: all of it is there" in notices(story, "route")


async def test_a_large_move_goes_in_slices_and_never_bares_more_than_one(tmp_path: Path) -> None:
    """With orders of at most 20,000 the hedge wanders in four pairs, and is never off by more than one of them."""
    async with hedged(tmp_path, limits=SLICES) as story:
        await turn_dear(story)
        worst, sent = Decimal(0), orders(story)
        while await held(story, "bybit") > -1:
            worst = max(worst, abs(1 + sum(await split(story), Decimal(0))))
            await asyncio.sleep(0.02)
        await until_split(story, "0", "-1")
        assert worst <= CLIPPED
        assert 2 * 3 <= orders(story) - sent <= 2 * 5


LOST: list[dict[str, Any]] = [
    {"kind": "drop_answer"},
    {"kind": "http_503", "variant": "unknown", "executes": True},
    {"kind": "http_503", "variant": "unknown", "executes": False},
    {"kind": "garbage_200", "variant": "truncated", "executes": True},
]


@pytest.mark.parametrize("leg", [SOURCE, TARGET], ids=["closing", "opening"])
@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one['kind']}-{one.get('executes', True)}")
async def test_a_leg_whose_answer_is_lost_is_found_and_the_pair_completed(
    tmp_path: Path, fault: dict[str, Any], leg: dict[str, str]
) -> None:
    """Executed or not, the leg is looked up, never sent blindly again: all of the hedge ends at Bybit."""
    async with hedged(tmp_path) as story:
        await story.control("fault", **fault, **leg, count=1)
        sent = orders(story)
        await turn_dear(story)
        await until_split(story, "0", "-1")
        await stays_split(story, "0", "-1")
        assert orders(story) == sent + (2 if fault.get("executes", True) else 3)


REFUSED = {"kind": "venue_error", "variant": "insufficient_margin"}


async def test_an_opening_leg_that_is_refused_once_is_completed(tmp_path: Path) -> None:
    """What was closed at Binance is opened at Bybit by one more order."""
    async with hedged(tmp_path) as story:
        await story.control("fault", **REFUSED, **AT_BYBIT, count=1)
        sent = orders(story)
        await turn_dear(story)
        await until_split(story, "0", "-1")
        assert orders(story) == sent + 3


async def test_an_opening_leg_that_is_never_to_be_had_is_undone(tmp_path: Path) -> None:
    """Bybit refuses every order: what was closed is opened again at Binance, the move ends, and none follows."""
    async with hedged(tmp_path) as story:
        await story.control("fault", **REFUSED, **AT_BYBIT, count=1_000)
        await turn_dear(story)
        await story.until("a first order at Bybit", lambda: _asked(story))
        await until_split(story, "-1", "0")
        await stays_split(story, "-1", "0", seconds=12)
        assert "is over: its other half was not to be had" in notices(story, "route")


async def test_a_closing_leg_that_is_refused_once_is_completed(tmp_path: Path) -> None:
    """What was opened at Bybit is closed at Binance by one more order."""
    async with hedged(tmp_path) as story:
        await story.control("fault", kind="venue_error", variant="reduce_only", **AT_BINANCE, count=1)
        sent = orders(story)
        await turn_dear(story)
        await until_split(story, "0", "-1")
        assert orders(story) == sent + 3


async def _asked(story: Story) -> bool:
    return bool(story.simex.requests.summary()["signed_mutating"].get(TARGET_ROUTE))


async def test_a_kill_in_the_middle_leaves_the_coin_hedged(tmp_path: Path) -> None:
    """Between two slices everything stops; the hedge lies at both venues and is whole. Armed, none of it is lost."""
    async with hedged(tmp_path, limits=SLICES) as story:
        await turn_dear(story)
        await story.until("one slice moved", lambda: _begun(story))
        await story.command("kill", reason="enough for today")
        await story.until("the last pair is even", lambda: _even(story))
        left = await split(story)
        await stays_split(story, str(left[0]), str(left[1]), seconds=12)
        await story.command("arm", reason="go on")
        await asyncio.sleep(3)
        assert sum(await split(story), Decimal(0)) == -1


async def _begun(story: Story) -> bool:
    return await held(story, "bybit") < 0


async def _even(story: Story) -> bool:
    return sum(await split(story), Decimal(0)) == -1


async def test_a_hedge_goes_to_a_dated_future_of_the_same_venue(tmp_path: Path) -> None:
    """Its perpetual's funding turns: one order closes it and one opens the quarter's future; the margin is the same."""
    dated = f"BTCUSDT_{quarter_end(int(time.time() * 1000)):%y%m%d}"
    async with hedged(tmp_path, assets=f"{{BTC: {{alternatives: ['usdm:{dated}']}}}}", place=ALONE) as story:
        await turn_dear(story)
        await story.until_position(dated, "-1")
        assert await story.position("BTCUSDT") == 0
        await story.stays(dated, "-1")
        assert orders(story) == 3


async def test_an_alert_says_what_a_move_saves_and_another_that_it_was_undone(tmp_path: Path) -> None:
    """What could not be had at Bybit is a warning with the orders of both ways; the delta is that of before."""
    with Receiver() as phone:
        async with Simex.start(exchange(EITHER, is_calm=True)) as simex:
            before = config(simex, tmp_path, place=EITHER, targets=ONLY_BTC)
            async with running(simex, before, place=EITHER) as story:
                await story.until_position("BTCUSDT", "-1")
            config(simex, tmp_path, place=EITHER, targets=ONLY_BTC, assets=CHOICE)
            sinks = f"web: {{enabled: false}}\nalerts: {{sinks: {{phone: {{url: '{phone.url}', per_minute: 200}}}}}}\n"
            written(tmp_path).write_text(written(tmp_path).read_text() + sinks)
            async with served(simex, tmp_path, RunMode.LIVE) as alerted:
                await alerted.control("fault", **REFUSED, **AT_BYBIT, count=1_000)
                await turn_dear(alerted)
                await asyncio.to_thread(await_true, lambda: _undone(phone), lambda: str(phone.titles()))
                await until_split(alerted, "-1", "0")
        text = next(one.text for one in phone.received if "cut short" in one.title)
        assert "saves" in text
        assert "a pair was undone; the rest stays where it is" in text


def _undone(phone: Receiver) -> bool:
    return any("BTC hedge cut short" in title for title in phone.titles())
