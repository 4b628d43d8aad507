"""The main job over the real wire: TLS websockets and signed REST to an exchange under Binance's host names."""

from decimal import Decimal
from pathlib import Path

from bot.domain.events import RunMode
from bot.journal.reader import SqliteReader, verify
from bot.runtime.replay import replay
from bot.simex.serve import Simex
from tests.e2e.kit import WEIGHTS, config, exchange, running


async def test_hedges_a_book_and_follows_a_deposit_and_a_withdrawal(tmp_path: Path) -> None:
    """An unhedged book is hedged; coins that come and go are followed both ways; the journal replays to the same."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with running(simex, loaded) as story:
            await story.until_hedged()
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.until_position("BTCUSDT", "-1.5")
            await story.control("withdraw", account="default", wallet="spot", asset="BTC", amount="1")
            await story.until_position("BTCUSDT", "-0.5")
            assert await story.position("ETHUSDT") == Decimal(-10)
    journal = loaded.settings.state_dir / "journal-live.sqlite3"
    assert verify(journal).ok
    assert replay(journal).ok


async def test_a_restart_of_a_hedged_book_sends_nothing(tmp_path: Path) -> None:
    """A second run over the same state finds the book in band and leaves it alone."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with running(simex, loaded) as story:
            await story.until_hedged()
        async with running(simex, loaded) as story:
            await story.until_hedged()
            await story.stays("BTCUSDT", "-1")
    assert replay(loaded.settings.state_dir / "journal-live.sqlite3").ok


async def test_weights_are_rebalanced_by_one_short_and_one_long(tmp_path: Path) -> None:
    """After a shock that lifts bitcoin's weight, one order sells bitcoin and one buys ether, and that is all."""
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path, targets=WEIGHTS)) as story:
        await story.until_position("ETHUSDT", str(await _settled_ether(story)))
        before = await story.order_requests()
        await story.control("shock", asset="BTC", factor="1.3")

        async def rebalanced() -> bool:
            return await story.order_requests() == before + 2

        await story.until("one short and one long order", rebalanced)
        assert await story.position("BTCUSDT") < 0


async def _settled_ether(story: object) -> Decimal:
    """What the weights make of the first prices, read once the bot has acted on them."""
    from tests.e2e.kit import Story

    assert isinstance(story, Story)

    async def acted() -> bool:
        rows = (await story.command("status"))["assets"]
        return all(row["breached"] is False and row["held_because"] is None for row in rows)

    await story.until("weights in band", acted)
    return await story.position("ETHUSDT")


async def test_kill_holds_arm_resumes_and_unwind_closes(tmp_path: Path) -> None:
    """After a kill nothing is sent though the book is pushed out of band; armed it hedges again; unwound it is flat."""
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path)) as story:
        await story.until_hedged()
        await story.command("kill", reason="test", by="tester")
        await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
        await story.stays("BTCUSDT", "-1", seconds=2.5)
        await story.command("arm", reason="test", by="tester")
        await story.until_position("BTCUSDT", "-1.5")
        await story.command("unwind", reason="test", by="tester")
        await story.until_position("BTCUSDT", "0")
        await story.until_position("ETHUSDT", "0")
        await story.stays("BTCUSDT", "0")


async def test_streams_that_break_are_survived(tmp_path: Path) -> None:
    """With every stream cut nothing is sent blindly; back again, what happened meanwhile is hedged."""
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path)) as story:
        await story.until_hedged()
        await story.control("disconnect", kind="all", refuse_ms=1000)
        await story.control("deposit", account="default", wallet="spot", asset="ETH", amount="5")
        await story.until_position("ETHUSDT", "-15")


async def test_a_dry_run_sends_no_signed_request_that_changes_anything(tmp_path: Path) -> None:
    """Dry, the same decisions are filled on paper, and the exchange sees no signed POST, PUT or DELETE."""
    async with Simex.start(exchange()) as simex:
        async with running(simex, config(simex, tmp_path), RunMode.DRY_RUN) as story:

            async def hedged() -> bool:
                rows = (await story.command("status"))["positions"]
                return {row["instrument"]: Decimal(row["contracts"]) for row in rows} == {
                    "binance.usdm:BTCUSDT": Decimal(-1),
                    "binance.usdm:ETHUSDT": Decimal(-10),
                }

            await story.until("hedged on paper", hedged)
            assert await story.position("BTCUSDT") == 0
        assert simex.requests.summary()["signed_mutating_total"] == 0


async def test_observe_proposes_and_sends_nothing(tmp_path: Path) -> None:
    """Looking on, the hedge is proposed once and journaled, and no order leaves, neither signed nor on paper."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with running(simex, loaded, RunMode.OBSERVE) as story:

            async def judged() -> bool:
                rows = (await story.command("status"))["assets"]
                return all(row["breached"] is True for row in rows)

            async def proposed() -> bool:
                return proposals() == 2

            def proposals() -> int:
                with SqliteReader.open(loaded.settings.state_dir / "journal-observe.sqlite3") as reader:
                    return sum(record.payload.count(b'{"type":"ProposeIntent"') for record in reader.records())

            await story.until("both coins are seen out of band", judged)
            await story.until("a hedge of each is proposed", proposed)
            assert (await story.command("status"))["orders"] == []
        assert simex.requests.summary()["signed_mutating_total"] == 0
        assert proposals() == 2
