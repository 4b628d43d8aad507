"""Attacks over the wire from outside the order: other hands, other bots, stepped clocks, blind markets, large flows."""

import asyncio
from pathlib import Path

from bot.simex.serve import Simex
from tests.e2e.kit import FAST, Story, config, exchange, running

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
WATCH_S = 1.5


async def _halted(story: Story) -> list[str]:
    """What is halted."""
    return [latch["scope"] for latch in (await story.command("status"))["latches"]]


async def _spot(story: Story, verb: str, amount: str) -> None:
    await story.control(verb, account="default", wallet="spot", asset="BTC", amount=amount)


async def test_a_trade_by_hand_on_the_hedge_halts_that_hedge_alone(tmp_path: Path) -> None:
    """Somebody else buys bitcoin's short back in part: not fought over; ether goes on; armed it is made good."""
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path)) as story:
        await story.until_hedged()
        await story.control("place", market="usdm", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.4")
        await story.control("deposit", account="default", wallet="spot", asset="ETH", amount="1")
        await story.until_position("ETHUSDT", "-11")
        await story.until_position("BTCUSDT", "-0.6")
        await story.stays("BTCUSDT", "-0.6", WATCH_S)
        assert await _halted(story) == ["binance.usdm:BTCUSDT"]
        await story.command("arm", reason="it was me", by="tester")
        await story.until_position("BTCUSDT", "-1")


async def test_two_bots_do_not_fight(tmp_path: Path) -> None:
    """On two state directories: each may answer a need once before it sees the other's order; then it stops."""
    async with Simex.start(exchange()) as simex:
        one, two = (config(simex, tmp_path / name, targets=ONLY_BTC) for name in ("a", "b"))
        async with running(simex, one) as story, running(simex, two) as other:

            async def both_ready() -> bool:
                pictures = [await story.command("status"), await other.command("status")]
                return all(picture["ready"] for picture in pictures) and await story.position("BTCUSDT") != 0

            async def noticed() -> bool:
                return bool(await _halted(story)) or bool(await _halted(other))

            await story.until("both watch the account", both_ready)
            await _spot(story, "deposit", "0.5")
            await story.until("one of them sees the other", noticed)
            await asyncio.sleep(WATCH_S)
            sent = await story.order_requests()
            assert sent <= 4
            await asyncio.sleep(WATCH_S)
            assert await story.order_requests() == sent


async def test_a_stepped_clock_holds_new_orders_and_does_not_halt(tmp_path: Path) -> None:
    """The venue's clock jumps three seconds: one refusal tells, no further order is wasted, nothing needs arming."""
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:
        await story.until_position("BTCUSDT", "-1")
        await story.control("clock", offset_ms=3_000)
        await _spot(story, "deposit", "0.5")
        await asyncio.sleep(3)
        assert await story.order_requests() == 2
        assert await _halted(story) == []
        await story.control("clock", offset_ms=0)
        await story.until_position("BTCUSDT", "-1.5")


async def test_a_market_that_went_silent_and_away_is_not_shot_at_blindly(tmp_path: Path) -> None:
    """Streams that say nothing while the price falls by a third: a few orders find nothing, none is bought dearly."""
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:
        await story.until_position("BTCUSDT", "-1")
        await story.control("fault", kind="stall", variant="market", duration_ms=4_000)
        await story.control("shock", asset="BTC", factor="0.7")
        await _spot(story, "deposit", "0.5")
        await asyncio.sleep(3)
        assert await story.order_requests() <= 4
        assert await story.position("BTCUSDT") == -1
        await story.until_position("BTCUSDT", "-1.5")


async def test_every_coin_gone_and_nine_times_as_many_come_is_followed_both_ways(tmp_path: Path) -> None:
    """A withdrawal of all leaves no short behind; a deposit far beyond every step is hedged once it is confirmed."""
    limits = FAST.removesuffix("}") + ", position_notional: 2000000 USDT}"
    async with (
        Simex.start(exchange()) as simex,
        running(simex, config(simex, tmp_path, targets=ONLY_BTC, limits=limits)) as story,
    ):
        await story.until_position("BTCUSDT", "-1")
        await _spot(story, "withdraw", "1")
        await story.until_position("BTCUSDT", "0")
        await story.stays("BTCUSDT", "0")
        await _spot(story, "deposit", "9")
        await story.until_position("BTCUSDT", "-9")
        await story.stays("BTCUSDT", "-9")
