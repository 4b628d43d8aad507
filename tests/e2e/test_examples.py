"""The promises of the example portfolios: what each strategy's config plans for its snapshot, to the last figure."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.ops.check import check_config
from tests.e2e.examples import CONFIG, NAMES, config_of, expected, plan_file_of, snapshot_of
from tests.ops.desk import trimtab

STRATEGIES = frozenset(
    "delta-neutral-overlay 60-40-futures-rebalance synthetic-sell-and-buy cash-hedge leveraged-long "
    "btc-anchored-alt-hedge two-instrument-minimum-variance index-hedge relative-tilt pair-trade concentration-cut "
    "risk-parity options-book convert-to-spot unwind composed".split()
)

THIRD = Decimal(1) / 3

# What the comments of each config work out by hand: coins to trade before lots, by the asset whose future it is.
BY_HAND: dict[str, dict[str, Decimal]] = {
    "delta-neutral-overlay": {"BTC": Decimal("-0.3"), "ETH": Decimal(-20)},
    "60-40-futures-rebalance": {"BTC": Decimal("-0.4"), "ETH": Decimal(6)},
    "synthetic-sell-and-buy": {"BTC": Decimal("0.2"), "SOL": Decimal(-200) / 3},
    "cash-hedge": {"BTC": -THIRD},
    "leveraged-long": {"BTC": Decimal("0.5")},
    "btc-anchored-alt-hedge": {"BTC": Decimal("-0.4")},
    "two-instrument-minimum-variance": {"BTC": Decimal("-0.8") / 3, "ETH": Decimal("-2.5")},
    "index-hedge": {"DEFI": Decimal(-20)},
    "relative-tilt": {"BTC": Decimal("-0.1"), "ETH": Decimal(2)},
    "pair-trade": {"ETH": Decimal("-3.125"), "UNI": Decimal(1250)},
    "concentration-cut": {"BTC": Decimal("-0.025")},
    "risk-parity": {"BTC": Decimal("0.5"), "SOL": Decimal(-200)},
    "options-book": {"BTC": Decimal("0.5")},
    "convert-to-spot": {},  # the exposure stays: its pair of orders has a test of its own
    "unwind": {"BTC": Decimal("0.5"), "ETH": Decimal(10)},
    "composed": {"BTC": Decimal("-1.45") / 3, "ETH": Decimal(6), "SOL": Decimal(100) / 3},
}
NEAR = Decimal("1e-15")


def planned(name: str) -> Any:
    """What `trimtab plan` prints for an example."""
    code, out, err = trimtab("plan", "--config", config_of(name), "--snapshot", snapshot_of(name), "--json")
    assert (0, "") == (code, err)
    return json.loads(out)


def test_every_strategy_has_an_example() -> None:
    """Whoever looks for a strategy by its name finds a config, a portfolio to see it on, and the plan of it."""
    assert STRATEGIES == set(NAMES) == set(BY_HAND)
    assert [] == [name for name in NAMES if not (config_of(name).is_file() and plan_file_of(name).is_file())]


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_the_plan_is_the_expected_one(name: str) -> None:
    """Every figure of the plan, from net asset value to the last order's fee, is what it was when it was checked."""
    assert expected(name) == planned(name)


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_hedges_are_what_arithmetic_on_paper_gives(name: str) -> None:
    """The expected plans themselves hold the figures that the configs' comments work out by hand."""
    assets = expected(name)["assets"]
    hedged = {asset: Decimal(one["hedge"]) for asset, one in assets.items() if one["hedge"] != "0"}

    assert BY_HAND[name].keys() == hedged.keys()
    assert [] == [asset for asset, coins in BY_HAND[name].items() if abs(coins - hedged[asset]) > NEAR]


@pytest.mark.parametrize("name", sorted(STRATEGIES - {"convert-to-spot"}))
def test_orders_are_the_hedges_down_to_the_lot(name: str) -> None:
    """What is ordered is what is to be hedged, less what lots do not let through, and never more."""
    plan = expected(name)
    for asset, one in plan["assets"].items():
        orders = [
            each for each in plan["orders"] if f":{asset}USDT" in each["instrument"] and "usdm" in each["account"]
        ]
        ordered = sum((Decimal(each["quantity"]) * (1 if each["side"] == "buy" else -1) for each in orders), Decimal(0))
        hedge, left = Decimal(one["hedge"]), Decimal(one["residual_after_rounding"])

        assert abs(hedge - ordered - left) < NEAR
        assert abs(ordered) <= abs(hedge)


def test_a_conversion_sells_coins_and_buys_back_as_many_of_their_short() -> None:
    """15,000 at 60,000 are a quarter of a coin: sold on the spot market, bought of the future, as one pair."""
    spot, future = sorted(expected("convert-to-spot")["orders"], key=lambda order: order["instrument"])

    assert ("binance.spot:BTCUSDT", "sell", "0.25") == (spot["instrument"], spot["side"], spot["quantity"])
    assert ("binance.usdm:BTCUSDT", "buy", "0.25") == (future["instrument"], future["side"], future["quantity"])
    assert (spot["pair"], True) == (future["pair"], future["reduce_only"])


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_is_right(path: Any) -> None:
    """Every config that we hand out can be used as it is."""
    report, _ = check_config(path, {})

    assert () == report.problems


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize(("at", "code"), [((), 2), (("--at", "2036-07-01T00:00:00Z"), 0)])
def test_a_target_whose_time_was_over_is_not_planned_on(tmp_path: Path, at: tuple[str, ...], code: int) -> None:
    """An expiry that lies before the snapshot is refused with one line; at a later moment the plan shows the end."""
    config = tmp_path / "c.yaml"
    text = config_of("pair-trade").read_text(encoding="utf-8")
    config.write_text(text if at else text.replace("2036-06-30", "2024-06-30"), encoding="utf-8")
    found, out, _ = trimtab("plan", "--config", config, "--snapshot", snapshot_of("pair-trade"), "--json", *at)

    assert code == found
    assert ("its time has come" in out) is (code == 0)
    assert ('"what": "over already: it is 2026-03-02T08:00:30Z"' in out) is (code == 2)
