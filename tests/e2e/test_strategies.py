"""Every overlay strategy live over the real wire: to its target, through a shock and a deposit, and unwound.

What each should hold is worked out here, from the exchange's prices and wallets alone, by the formula that the owner
would use; nothing of it is taken from the bot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from bot.journal.reader import verify
from bot.runtime.replay import replay
from bot.simex.config import AccountSpec
from bot.simex.serve import Simex
from tests.e2e.kit import Story, config, exchange, running

HELD = {"BTC": Decimal(1), "ETH": Decimal(10), "SOL": Decimal(200), "USDT": Decimal(1_000)}
MARGIN = Decimal(100_000)
ASSETS = "{BTC: {}, ETH: {}, SOL: {}}"
NEAR = Decimal("0.03")
"""How far a position may be from what the formula says, as a share of NAV: the bands below, and what prices moved."""
BAND = "band: {trigger: 1 pp, destination: 0 pp}"
HALF = Decimal("0.5")


@dataclass(frozen=True)
class Book:
    """What an owner sees: prices, and coins in the wallets. `cash` is the currency of both, futures P&L included."""

    prices: dict[str, Decimal]
    coins: dict[str, Decimal]
    cash: Decimal

    def value(self, coin: str) -> Decimal:
        return self.coins.get(coin, Decimal(0)) * self.prices[coin]

    @property
    def nav(self) -> Decimal:
        return sum((self.value(coin) for coin in self.coins), self.cash)


Futures = dict[str, Decimal]
"""Value of each coin's future, > 0 long."""


@dataclass(frozen=True)
class Strategy:
    """A target of the config, and the futures that it means."""

    target: str
    futures: Callable[[Book], Futures]
    assets: str = ASSETS


def weights(shares: dict[str, Decimal], base: Callable[[Book], Decimal]) -> Callable[[Book], Futures]:
    """Each coin brought to its share of a base."""
    return lambda book: {coin: share * base(book) - book.value(coin) for coin, share in shares.items()}


def owned(*coins: str) -> Callable[[Book], Decimal]:
    """What these coins are worth."""
    return lambda book: sum((book.value(coin) for coin in coins), Decimal(0))


def over(book: Book) -> Futures:
    """A short of what bitcoin is over half of bitcoin and ether, and nothing bought."""
    half = (book.value("BTC") + book.value("ETH")) / 2
    return {"BTC": min(half - book.value("BTC"), Decimal(0)), "ETH": min(half - book.value("ETH"), Decimal(0))}


def composed(book: Book) -> Futures:
    """Five ether neutral, bitcoin and the other ether at even weights, and a fixed tilt to solana."""
    rest = book.value("ETH") - 5 * book.prices["ETH"]
    even, lean = (book.value("BTC") + rest) / 2, Decimal(2_000)
    return {"BTC": even - book.value("BTC") - lean, "ETH": even - rest - 5 * book.prices["ETH"], "SOL": lean}


STRATEGIES = {
    "delta-neutral overlay": Strategy(
        "[{name: s, kind: neutral, assets: [BTC, ETH, SOL], band: {trigger: 1 %, destination: 0 %}}]",
        lambda book: {coin: -book.value(coin) for coin in ("BTC", "ETH", "SOL")},
    ),
    "half hedge": Strategy(
        "[{name: s, kind: ratio, ratio: 0.5, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]",
        lambda book: {"BTC": -HALF * book.value("BTC")},
    ),
    "60/40 rebalance by futures": Strategy(
        f"[{{name: s, kind: weights, weights: {{BTC: 0.6, ETH: 0.4}}, mode: full_rebalance, base: owned, {BAND}}}]",
        weights({"BTC": Decimal("0.6"), "ETH": Decimal("0.4")}, owned("BTC", "ETH")),
    ),
    "synthetic sell and buy": Strategy(
        f"[{{name: s, kind: weights, weights: {{BTC: 0.5, SOL: 0.5}}, mode: full_rebalance, base: owned, {BAND}}}]",
        weights({"BTC": HALF, "SOL": HALF}, owned("BTC", "SOL")),
    ),
    "concentration cut": Strategy(
        f"[{{name: s, kind: weights, weights: {{BTC: 0.5, ETH: 0.5}}, mode: trim_only, base: owned, {BAND}}}]",
        over,
    ),
    "cash hedge": Strategy(
        f"[{{name: s, kind: cash_hedge, share: 20 %, anchor: BTC, beta: 1, reserve: 50000 USDT, {BAND}}}]",
        lambda book: {"BTC": -Decimal("0.2") * (book.nav - 50_000)},
    ),
    "leveraged long": Strategy(
        "[{name: s, kind: leverage, weights: {BTC: 1}, leverage: 1.5, leverage_max: 2, base: owned, "
        "band: {trigger: 2 pp, destination: 0 pp}}]",
        lambda book: {"BTC": HALF * book.value("BTC")},
    ),
    "anchored alt hedge": Strategy(
        "[{name: s, kind: proxy, assets: [SOL], anchors: [BTC], betas: {SOL: {BTC: 1.2}}, "
        "band: {trigger: 2 %, destination: 0 %}}]",
        lambda book: {"BTC": -Decimal("1.2") * book.value("SOL")},
        "{BTC: {}, SOL: {hedge: none}}",
    ),
    "two-instrument minimum variance, betas given": Strategy(
        "[{name: s, kind: proxy, assets: [SOL], anchors: [BTC, ETH], betas: {SOL: {BTC: 0.7, ETH: 0.6}}, "
        "band: {trigger: 2 %, destination: 0 %}}]",
        lambda book: {
            "BTC": -Decimal("0.7") * book.value("SOL"),
            "ETH": -Decimal("0.6") * book.value("SOL"),
        },
        "{BTC: {}, ETH: {}, SOL: {hedge: none}}",
    ),
    "two-instrument minimum variance, one of them capped": Strategy(
        "[{name: s, kind: proxy, assets: [SOL], anchors: [BTC, ETH], betas: {SOL: {BTC: 0.7, ETH: 0.6}}, "
        "anchor_caps: {BTC: 5000 USDT}, band: {trigger: 2 %, destination: 0 %}}]",
        lambda book: {
            "BTC": -min(Decimal("0.7") * book.value("SOL"), Decimal(5_000)),
            "ETH": -Decimal("0.6") * book.value("SOL"),
        },
        "{BTC: {}, ETH: {}, SOL: {hedge: none}}",
    ),
    "index hedge": Strategy(
        f"[{{name: s, kind: index, assets: [SOL, ETH], indices: [DEFI], weight: 20 %, beta: 1, base: owned, {BAND}}}]",
        lambda book: {"DEFI": -Decimal("0.8") * (book.value("SOL") + book.value("ETH"))},
        "{BTC: {}, ETH: {}, SOL: {}, DEFI: {composition: {SOL: 0.6, ETH: 0.4}}}",
    ),
    "relative tilt": Strategy(
        f"[{{name: s, kind: tilt, long: {{ETH: 1}}, short: {{BTC: 1}}, size: 5 %, reserve: 50000 USDT, {BAND}}}]",
        lambda book: {side: sign * (book.nav - 50_000) / 20 for side, sign in (("ETH", 1), ("BTC", -1))},
    ),
    "pair trade": Strategy(
        "[{name: s, kind: tilt, long: {SOL: 1}, short: {ETH: 1}, size: 10 %, neutral: beta, "
        f"betas: {{SOL: 1.5, ETH: 1.2}}, reserve: 50000 USDT, {BAND}}}]",
        lambda book: {
            "SOL": (book.nav - 50_000) / 10,
            "ETH": -(book.nav - 50_000) / 10 * Decimal("1.5") / Decimal("1.2"),
        },
    ),
    "risk parity": Strategy(
        "[{name: s, kind: risk_parity, assets: [BTC, SOL], volatilities: {BTC: 0.5, SOL: 1.5}, base: owned, "
        f"{BAND}}}]",
        weights({"BTC": Decimal("0.75"), "SOL": Decimal("0.25")}, owned("BTC", "SOL")),
    ),
    "composed of three, with sleeves": Strategy(
        "[{name: core, kind: neutral, assets: [ETH], owns: {ETH: 5}, band: {trigger: 1 %, destination: 0 %}}, "
        f"{{name: even, kind: weights, weights: {{BTC: 0.5, ETH: 0.5}}, mode: full_rebalance, base: owned, {BAND}}}, "
        "{name: lean, kind: tilt, long: {SOL: 1}, short: {BTC: 1}, size: 2 %, base: fixed, fixed: 100000 USDT, "
        "band: {trigger: 0.2 pp, destination: 0 pp}}]",
        composed,
    ),
}


async def seen(story: Story) -> tuple[Book, Futures]:
    """The exchange's prices and wallets, and the value of every position."""
    truth = await story.truth()
    prices = {row["symbol"].removesuffix("USDT"): Decimal(row["index"]) for row in truth["marks"]}
    coins = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in truth["spot"]}
    wallet = sum(Decimal(row["wallet_balance"]) + Decimal(row["unrealized_pnl"]) for row in truth["usdm"]["assets"])
    rows = truth["usdm"]["positions"]
    futures = {
        row["symbol"].removesuffix("USDT"): Decimal(row["quantity"]) * Decimal(row["mark_price"]) for row in rows
    }
    return Book(prices, coins, coins.pop("USDT") + wallet), futures


async def on_target(story: Story, strategy: Strategy) -> None:
    """Wait until every position is what the formula says, and the bot says that it is content."""

    async def holds() -> bool:
        status = await story.command("status")
        if any(row["breached"] is not False or row["held_because"] for row in status["assets"]):
            return False
        book, futures = await seen(story)
        wanted = strategy.futures(book)
        off = {c: abs(futures.get(c, Decimal(0)) - wanted.get(c, Decimal(0))) for c in {*futures, *wanted}}
        return all(one <= NEAR * book.nav for one in off.values())

    await story.until("on target", holds)


@pytest.mark.parametrize("name", STRATEGIES)
async def test_a_strategy_reaches_its_target_holds_and_unwinds(tmp_path: Path, name: str) -> None:
    """To the target; back to it after a shock of a tenth and after a deposit; flat after an unwind; replayed alike."""
    strategy = STRATEGIES[name]
    accounts = (AccountSpec(spot=dict(HELD), usdm={"USDT": MARGIN}),)
    async with Simex.start(exchange(accounts=accounts)) as simex:
        loaded = config(simex, tmp_path, targets=strategy.target, assets=strategy.assets)
        async with running(simex, loaded) as story:
            await on_target(story, strategy)
            await story.control("shock", asset="BTC", factor="1.1")
            await on_target(story, strategy)
            await story.control("deposit", account="default", wallet="spot", asset="SOL", amount="40")
            await on_target(story, strategy)
            await story.command("unwind", reason="test", by="tester")

            async def flat() -> bool:
                return not any((await seen(story))[1].values())

            await story.until("flat", flat)
    journal = loaded.settings.state_dir / "journal-live.sqlite3"
    assert verify(journal).ok
    assert replay(journal).ok
