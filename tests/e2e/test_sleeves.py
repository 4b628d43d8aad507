"""What each target's futures came to is what the exchange's own books say, through fills, funding and an end."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.simex.config import AccountSpec
from bot.simex.serve import Simex
from tests.e2e.kit import Story, config, exchange, running

MARGIN = Decimal(100_000)
EXACT = Decimal("1e-8")
TARGETS = (
    "[{name: base, kind: neutral, assets: [ETH], owns: {ETH: 5}, band: {trigger: 1 %, destination: 0 %}}, "
    "{name: even, kind: weights, weights: {BTC: 0.5, ETH: 0.5}, mode: full_rebalance, base: owned, "
    "band: {trigger: 1 pp, destination: 0 pp}}, "
    "{name: lean, kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 4 %, base: fixed, fixed: 100000 USDT, "
    "band: {trigger: 0.5 pp, destination: 0 pp}}]"
)


class Sums:
    """The sleeves' books, added up."""

    def __init__(self, status: dict[str, Any]) -> None:
        self.rows = status["sleeves"]
        self.realized = self._sum("realized")
        self.funding = self._sum("funding")
        self.fees = sum((Decimal(fee) for row in self.rows for fee in row["fees"].values()), Decimal(0))

    def _sum(self, key: str) -> Decimal:
        return sum((Decimal(row[key]) for row in self.rows), Decimal(0))

    def contracts(self, symbol: str) -> Decimal:
        """What all sleeves together have of an instrument."""
        own = (row for row in self.rows if row["instrument"].endswith(symbol))
        return sum((Decimal(row["contracts"]) for row in own), Decimal(0))


async def settled(story: Story) -> None:
    """Wait until funding was charged on open positions and the bot has read of it."""

    async def told() -> bool:
        received = (await story.truth())["funding_received"]
        booked = Sums(await story.command("status")).funding
        return bool(received) and abs(booked - Decimal(received["USDT"])) <= EXACT

    await story.until("funding booked", told)


async def content(story: Story) -> None:
    """Wait until every target is inside its band."""

    async def holds() -> bool:
        rows = (await story.command("status"))["assets"]
        return all(row["breached"] is False and not row["held_because"] for row in rows)

    await story.until("in band", holds)


async def test_three_targets_on_two_futures_add_up_to_the_exchanges_books(tmp_path: Path) -> None:
    """Contracts, profit, fees and funding of all sleeves are the account's, to the eighth place, before and at the end.

    Each of the three targets has a book of its own on ether, and none of them is empty.
    """
    accounts = (AccountSpec(spot={"BTC": Decimal(1), "ETH": Decimal(15)}, usdm={"USDT": MARGIN}),)
    simulated = exchange(accounts=accounts, funding_interval_s=8, funding_rate=Decimal("0.0003"))
    async with Simex.start(simulated) as simex:
        loaded = config(simex, tmp_path, targets=TARGETS, intervals="{tick: 20 ms, reconcile: 1 s, funding: 10 s}")
        async with running(simex, loaded) as story:
            await content(story)
            await story.control("shock", asset="BTC", factor="1.2")
            await content(story)
            await story.control("deposit", account="default", wallet="spot", asset="ETH", amount="3")
            await content(story)
            await settled(story)
            sums = Sums(await story.command("status"))
            for symbol in ("BTCUSDT", "ETHUSDT"):
                assert sums.contracts(symbol) == await story.position(symbol)
            booked = {row["target"] for row in sums.rows if row["instrument"].endswith("ETHUSDT")}
            assert {"base", "even", "lean"} <= booked
            await story.command("unwind", reason="test", by="tester")
            await story.until_position("BTCUSDT", "0")
            await story.until_position("ETHUSDT", "0")
            await settled(story)
            await _adds_up(story)


async def _adds_up(story: Story) -> None:
    truth, sums = await story.truth(), Sums(await story.command("status"))
    (wallet,) = (Decimal(row["wallet_balance"]) for row in truth["usdm"]["assets"] if row["asset"] == "USDT")
    paid = sum((Decimal(trade["commission"]) for trade in truth["trades"] if trade["market"] == "usdm"), Decimal(0))

    assert abs(sums.fees - paid) <= EXACT
    assert abs(sums.realized - sums.fees + sums.funding - (wallet - MARGIN)) <= EXACT
