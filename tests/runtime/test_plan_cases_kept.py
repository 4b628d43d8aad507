"""Worked cases whose answer is what stays: exposures that are told, hedges that leverage does not size, both ways."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.planning import config, d, hedges, perp, planned, sent, snapshot, values

FINE = {"lot_size": "0.00000001", "min_contracts": "0.00000001", "min_notional": "0", "tick_size": "0.01"}


def short(contracts: str, entry: str, coin: str = "BTC", **changes: Any) -> dict[str, Any]:
    """A short in a coin's perpetual."""
    name = f"binance.usdm:{coin}USDT"
    return {"account": "main", "instrument": name, "contracts": contracts, "entry_price": entry, **changes}


def test_a_drift_of_fifteen_points_is_brought_back(tmp_path: Path) -> None:
    """BTC has doubled against ETH: 75/25 against 60/40 is 15 points, and 15,000 of 100,000 each way."""
    target = "{name: w, kind: weights, weights: {BTC: 60 %, ETH: 40 %}, mode: full_rebalance, band: {trigger: 5 pp}}"
    prices = {"BTC": "100000", "ETH": "2500"}
    futures = [perp(coin, price, **FINE) for coin, price in prices.items()]
    before = {**prices, "BTC": "50000"}
    holdings = {"BTC": "0.75", "ETH": "10"}
    answer = planned(config(tmp_path, target), snapshot(prices, holdings, instruments=futures))
    at_rest = planned(config(tmp_path, target), snapshot(before, holdings))

    assert {"BTC": d(-15_000), "ETH": d(15_000)} == values(answer, prices)
    assert d(15_000) == answer.assets["BTC"].deviation_value
    assert {} == hedges(at_rest)


def test_a_coin_moves_with_its_price(tmp_path: Path) -> None:
    """One BTC has a delta of one: 100 dollars more are 100 dollars of net asset value."""
    target = "{name: r, kind: ratio, assets: [BTC], ratio: 0.5, band: {trigger: 99 %}}"
    path = config(tmp_path, target, assets="BTC")
    before, after = (planned(path, snapshot({"BTC": price}, {"BTC": "1"})) for price in ("60000", "60100"))

    assert (d(1), d(1)) == (before.assets["BTC"].exposure, before.assets["BTC"].parts.spot)
    assert (d(60_000), d(60_100)) == (before.nav, after.nav)


@pytest.mark.parametrize(("ratio", "expected"), [("0.2", {}), ("1", {"BTC": d(-8)})])
def test_ten_coins_less_a_short_of_two_are_eight(tmp_path: Path, ratio: str, expected: dict[str, Decimal]) -> None:
    """The short is a fifth of a hedge: all of it at a ratio of 0.2, and eight more are wanted for a whole one."""
    target = f"{{name: r, kind: ratio, assets: [BTC], ratio: {ratio}, band: {{trigger: 0 coins}}}}"
    book = snapshot(
        {"BTC": "60000"}, {"BTC": "10"}, instruments=[perp("BTC", "60000")], positions=[short("-2", "60000")]
    )
    answer = planned(config(tmp_path, target, assets="BTC"), book)

    assert (d(8), expected) == (answer.assets["BTC"].exposure, hedges(answer))


@pytest.mark.parametrize(("price", "loss"), [("2250", -5_000), ("2750", 5_000), ("2500", 0)])
def test_fifty_thousand_of_ether_are_offset_both_ways(tmp_path: Path, price: str, loss: int) -> None:
    """20 ETH against 20 short: ten per cent down or up the coins make 5,000 and the short as much the other way."""
    target = "{name: n, kind: neutral, assets: [ETH], band: {trigger: 1 %}}"
    coins = {"ETH": "20", "USDT": "50000"}
    future, positions = perp("ETH", price, tick_size="0.01"), [short("-20", "2500", "ETH")]
    path = config(tmp_path, target, assets="ETH")
    hedged = planned(path, snapshot({"ETH": price}, coins, instruments=[future], positions=positions))
    bare = planned(path, snapshot({"ETH": price}, coins, instruments=[future]))

    assert (d(100_000), d(100_000 + loss)) == (hedged.nav, bare.nav)
    assert ({}, d(0)) == (hedges(hedged), hedged.assets["ETH"].exposure)


@pytest.mark.parametrize(("leverage", "margin"), [("1", 10_000), ("2", 5_000), ("5", 2_000)])
def test_leverage_does_not_size_a_hedge(tmp_path: Path, leverage: str, margin: int) -> None:
    """10,000 hedged is 10,000 short, whatever the leverage; only the wallet behind it and its liquidation differ."""
    target = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 1 %}}"
    isolated = short("-0.2", "50000", margin_mode="isolated", leverage=leverage, isolated_wallet=str(margin))
    future = perp("BTC", "50000", tiers=[{"floor": "0", "mmr": "0.004"}])
    path = config(tmp_path, target, assets="BTC")
    held = planned(path, snapshot({"BTC": "50000"}, {"BTC": "0.2"}, instruments=[future], positions=[isolated]))
    opened = planned(path, snapshot({"BTC": "50000"}, {"BTC": "0.2"}, instruments=[future]))
    gone = (d(margin) + 10_000) / (d("0.2") * d("1.004"))

    assert {"binance.usdm:BTCUSDT": d("-0.2")} == sent(opened)
    assert (d(0), d("-0.2")) == (held.assets["BTC"].exposure, held.assets["BTC"].parts.linear)
    assert round(gone, 6) == round(held.margin["main"].liquidation["binance.usdm:BTCUSDT"] or d(0), 6)
