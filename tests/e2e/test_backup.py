"""A daemon started on an older journal than the venue's truth: it believes the venue, and sends nothing twice."""

import asyncio
import shutil
from decimal import Decimal
from pathlib import Path

from bot.journal.backup import Backup, backup, restore
from bot.journal.reader import verify
from bot.runtime.replay import replay
from bot.simex.serve import Simex
from tests.e2e.kit import Story, config, exchange, running

NOW_NS = 1
ORDER = "/fapi/v1/order"


def journal(story: Story) -> Path:
    """The live journal."""
    return story.loaded.settings.state_dir / "journal-live.sqlite3"


async def backed_up(story: Story, target: Path) -> Backup:
    """A backup while the daemon runs."""
    return await asyncio.to_thread(backup, journal(story), target)


async def spot(story: Story, asset: str, amount: str) -> None:
    """Coins arrive or leave."""
    await story.control("deposit", account="default", wallet="spot", asset=asset, amount=amount)


async def test_an_older_journal_hedges_nothing_twice(tmp_path: Path) -> None:
    """Backed up, hedged further, stopped, put back: the positions are taken as they are, and told.

    Once armed, what is needed next is the difference and no more, under ids that were never used.
    """
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with running(simex, loaded) as story:
            await story.until_hedged()
            made = await backed_up(story, tmp_path / "backup")
            await spot(story, "BTC", "0.5")
            await story.until_position("BTCUSDT", "-1.5")
        back = restore(tmp_path / "backup", loaded.settings.state_dir, NOW_NS)
        assert (made.head, True) == (verify(back.path).head, verify(back.kept_in).ok)

        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1.5")
            await story.stays("BTCUSDT", "-1.5")
            notices = [text for text in (await story.command("status"))["notices"] if "external_change" in text]
            assert any("from -1.000 to -1.500 contracts: changed while not running" in n for n in notices), notices
            await story.command("arm", reason="the journal is an older one")
            await story.stays("BTCUSDT", "-1.5")
            await spot(story, "BTC", "0.25")
            await story.until_position("BTCUSDT", "-1.75")
            await story.stays("BTCUSDT", "-1.75")
            trades = (await story.truth())["trades"]
        sold = [Decimal(trade["quantity"]) for trade in trades if trade["symbol"] == "BTCUSDT"]
        assert sum(sold) == Decimal("1.75")
        ids = [entry.client_order_id for entry in simex.requests if entry.path == ORDER and entry.method == "POST"]
        assert len(ids) == len(set(ids)) == 4, ids
    assert replay(Path(back.path)).ok
    assert verify(back.path).ok


async def test_a_journal_that_is_gone_hedges_nothing_twice(tmp_path: Path) -> None:
    """Without any journal the positions are the venue's, and a hedged book stays as it is."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        async with running(simex, loaded) as story:
            await story.until_hedged()
        shutil.rmtree(loaded.settings.state_dir)
        async with running(simex, loaded) as story:
            await story.until_hedged()
            await story.stays("BTCUSDT", "-1")
            trades = (await story.truth())["trades"]
            assert 1 == len({trade["order_id"] for trade in trades if trade["symbol"] == "BTCUSDT"})
