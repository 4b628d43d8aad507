"""Guards that need the venue's own world: a quote currency that loses its peg, an account too near to liquidation."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.journal.reader import verify
from bot.runtime.replay import replay
from bot.runtime.settings_load import Loaded, load
from bot.simex.config import AccountSpec
from bot.simex.serve import Simex
from tests.e2e.kit import FAST, SPOT, Story, config, exchange, running, written

NEUTRAL = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
PEG = "peg: {references: [spot:USDCUSDT, spot:FDUSDUSDT]}\n"


def judged(loaded: Loaded) -> None:
    """The journal's chain holds, and its decisions are made again byte for byte."""
    path = loaded.settings.state_dir / "journal-live.sqlite3"
    assert verify(path).ok
    assert replay(path).ok


async def until_peg(story: Story, level: str) -> dict[str, Any]:
    """Wait until the peg is at a level, and hand out what is told of it."""

    async def holds() -> bool:
        return bool((await story.command("status"))["peg"]["level"] == level)

    await story.until(f"peg {level}", holds)
    found: dict[str, Any] = (await story.command("status"))["peg"]
    return found


async def until_refused(story: Story, guard: str) -> str:
    """Wait until a plan is refused by a guard, and hand out why."""

    async def holds() -> bool:
        return any(line["why"].startswith(f"{guard}: ") for line in (await story.command("plan"))["refused"])

    await story.until(f"refused by {guard}", holds)
    lines = (await story.command("plan"))["refused"]
    return next(str(line["why"]) for line in lines if line["why"].startswith(guard))


async def test_a_lost_peg_stops_new_risk_and_lets_hedges_shrink(tmp_path: Path) -> None:
    """USDT at 0.98 in every pair: coins that come are not hedged, coins that go give their hedge back; it latches."""
    async with Simex.start(exchange()) as simex:
        config(simex, tmp_path, targets=NEUTRAL, assets="{BTC: {}}")
        written(tmp_path).write_text(written(tmp_path).read_text() + PEG)
        loaded = load(written(tmp_path), {})
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            assert Decimal((await until_peg(story, "steady"))["price"]) == 1

            for dollar in ("USDC", "FDUSD"):
                await story.control("shock", asset=dollar, factor="1.0204")
            lost = await until_peg(story, "stopped")
            assert "USDT is at 0.98" in lost["told"]
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            assert "off its peg" in await until_refused(story, "peg")
            await story.stays("BTCUSDT", "-1")

            await story.control("withdraw", account="default", wallet="spot", asset="BTC", amount="0.9")
            await story.until_position("BTCUSDT", "-0.6")

            for dollar in ("USDC", "FDUSD"):
                await story.control("shock", asset=dollar, factor="0.98")
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            assert "until it was inside 30 bps for 30 min" in await until_refused(story, "peg")
            await story.stays("BTCUSDT", "-0.6")
            assert any("no order adds risk until" in text for text in (await story.command("status"))["notices"])
        judged(loaded)


async def test_a_hedge_too_near_to_liquidation_is_not_opened(tmp_path: Path) -> None:
    """A move of 20 % would liquidate what is wanted and 30 % must be survived: nothing is sent until collateral comes.

    When it is gone again, what reduces still goes out.
    """
    thin = (AccountSpec(spot=dict(SPOT), usdm={"USDT": Decimal(12_000)}),)
    limits = FAST.replace("{", "{stress_distance: 30 %, ")
    async with Simex.start(exchange(accounts=thin)) as simex:
        loaded = config(simex, tmp_path, targets=NEUTRAL, assets="{BTC: {}}", limits=limits)
        async with running(simex, loaded) as story:
            why = await until_refused(story, "stress")
            assert "would liquidate the account, it must survive 30.0%" in why
            await story.stays("BTCUSDT", "0")

            await story.control("deposit", account="default", wallet="usdm", asset="USDT", amount="20000")
            await story.until_position("BTCUSDT", "-1")

            await story.control("withdraw", account="default", wallet="usdm", asset="USDT", amount="20000")
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.1")
            await until_refused(story, "stress")
            await story.control("withdraw", account="default", wallet="spot", asset="BTC", amount="0.6")
            await story.until_position("BTCUSDT", "-0.5")
        judged(loaded)
