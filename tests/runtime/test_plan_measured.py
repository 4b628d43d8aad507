"""Plans that rest on the returns of a snapshot: hedges within caps, and bands that set their own width."""

import math
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.runtime.plan_answer import Answer
from tests.runtime.planning import NOW, config, d, perp, planned, snapshot

COUNT = 400
PRICES = {"BTC": "60000", "ETH": "3000", "ALT": "10"}
FUTURES = [perp("BTC", "60000"), perp("ETH", "3000")]


def returns(**series: list[float]) -> dict[str, Any]:
    """Hourly returns up to the snapshot's moment."""
    told = {coin: [repr(one) for one in found] for coin, found in series.items()}
    return {"interval_hours": "1", "kind": "log", "end": NOW, "series": told}


def correlated() -> dict[str, list[float]]:
    """BTC, ETH that moves with it, and an alt that moves with both."""
    chance = random.Random(7)
    btc = [chance.gauss(0, 0.005) for _ in range(COUNT)]
    eth = [one + chance.gauss(0, 0.003) for one in btc]
    alt = [0.8 * a + 0.7 * b + chance.gauss(0, 0.002) for a, b in zip(btc, eth, strict=True)]
    return {"BTC": btc, "ETH": eth, "ALT": alt}


def hedge_of(tmp_path: Path, keys: str, cash: str = "50000", more: str = "") -> Answer:
    """Hedge 20,000 of the alt through both."""
    target = f"{{name: p, kind: proxy, assets: [ALT], anchors: [BTC, ETH], {keys} band: {{trigger: 0 coins}}}}"
    path = config(tmp_path, target, assets="BTC ETH ALT", more=more)
    moved = returns(**correlated())
    return planned(path, snapshot(PRICES, {"ALT": "2000", "USDT": cash}, instruments=FUTURES, returns=moved))


def left(**coins: Decimal) -> float:
    """How much is left of the alt's moves with these futures, by the returns themselves."""
    worth = {coin: float(coins[coin]) * float(PRICES[coin]) for coin in ("BTC", "ETH")}
    rows = zip(*correlated().values(), strict=True)
    return math.sqrt(sum((20_000 * c + worth["BTC"] * a + worth["ETH"] * b) ** 2 for a, b, c in rows))


def test_what_a_cap_cuts_is_sold_of_the_other_anchor(tmp_path: Path) -> None:
    """BTC at its cap; ETH takes most of what it leaves, less is left than by cutting, and the words say so."""
    free, capped = hedge_of(tmp_path, ""), hedge_of(tmp_path, "anchor_caps: {BTC: 6000 USDT},")
    least, plain = capped.assets["ETH"].hedge, free.assets["ETH"].hedge

    assert d("-0.1") == capped.assets["BTC"].hedge
    assert least < plain * d("1.4")
    assert left(BTC=d("-0.1"), ETH=least) < 0.8 * left(BTC=d("-0.1"), ETH=plain)
    budget = hedge_of(tmp_path, "", more="budgets: {assets: {BTC: 6000 USDT}}\n")
    assert [one.hedge for one in capped.assets.values()] == [one.hedge for one in budget.assets.values()]
    assert "bound by the cap of BTC, the least variance is" in capped.assets["ETH"].why
    assert "no margin row" not in capped.assets["ETH"].why


def test_the_margin_of_a_snapshot_bounds_both_anchors(tmp_path: Path) -> None:
    """100 of cash carry 100 / (0.4 % / 0.5 + 5 bps + 15 bps) = 10,000 in all: no more is wanted, and it is told."""
    answer = hedge_of(tmp_path, "", cash="100")
    worth = [abs(answer.assets[coin].hedge) * d(PRICES[coin]) for coin in ("BTC", "ETH")]

    assert 9_990 < sum(worth) <= 10_000
    assert "bound by margin" in answer.assets["ETH"].why
    assert "bound by" not in hedge_of(tmp_path, "", cash="10000").assets["ETH"].why


def test_an_auto_band_is_seen_in_a_plan(tmp_path: Path) -> None:
    """With 400 returns the width is that of the closed form, and where its drift is from is told."""
    auto = "band: {auto: {risk_aversion: 100, hard: 10 pp}}"
    target = f"{{name: w, kind: weights, weights: {{BTC: 60 %, ETH: 40 %}}, mode: full_rebalance, base: owned, {auto}}}"
    series = correlated()
    told = snapshot(PRICES, {"BTC": "1", "ETH": "13.333"}, instruments=FUTURES, returns=returns(**series))
    answer = planned(config(tmp_path, target), told)
    bitcoin = answer.assets["BTC"]

    assert "drift from returns: BTC, ETH" in bitcoin.why
    assert "hard limit alone" not in bitcoin.why
    assert bitcoin.band is not None
    assert bitcoin.target is not None
    assert 0 < bitcoin.band.upper - bitcoin.target < d("0.05")
    assert "auto band at its hard limit alone" in planned(config(tmp_path, target), _silent(told)).assets["BTC"].why


def _silent(told: dict[str, Any]) -> dict[str, Any]:
    """The same without returns."""
    return {key: value for key, value in told.items() if key != "returns"}
