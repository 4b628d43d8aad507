"""The promises of holding a config against what the venue trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.instrument import Kind
from bot.runtime.feasible import check_against, corrections, hedges_needed
from tests.runtime.configs import RIGHT, WEIGHTS, catalogue, changed, instrument, loaded, with_limit

PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3_000)}
HOLDINGS = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(50_000)}


def lines(text: str = RIGHT, **changes: Any) -> list[str]:
    """What is found wrong when the BTC perpetual differs so."""
    return [str(found) for found in check_against(loaded(text), catalogue(**changes), PRICES, HOLDINGS)]


def one_coin(trigger: str, destination: str = "0 coins") -> str:
    """A config of BTC alone with this band."""
    text = changed("assets: [BTC, ETH]", "assets: [BTC]")
    return text.replace("trigger: 1 %", f"trigger: {trigger}").replace(
        "destination: 0 %", f"destination: {destination}"
    )


@pytest.mark.parametrize("text", [RIGHT, WEIGHTS])
def test_what_the_venue_can_do_is_fine(text: str) -> None:
    """A config that fits has no findings."""
    assert [] == lines(text)


def test_a_symbol_that_does_not_exist_is_named_with_a_near_one() -> None:
    """A misspelt symbol is found at its line, and the right one proposed."""
    text = changed("  BTC: {}", "  BTC: {hedge: usdm:BTCUSDTT}")

    assert [
        (
            "c.yaml:3: assets.BTC.hedge: value 'usdm:BTCUSDTT': usdm:BTCUSDTT does not exist on binance; "
            "allowed: a symbol of its usdm market; did you mean 'usdm:BTCUSDT'?"
        )
    ] == lines(text)


def test_what_all_symbols_share_makes_none_of_them_near() -> None:
    """A proposal resembles the symbol that was written, not only its market and its currency."""
    text = changed("  BTC: {}", "  BTC: {hedge: usdm:XYZUSDT}")
    found = check_against(loaded(text), catalogue(), known=["usdm:SOLUSDT", "usdm:ADAUSDT"])

    assert [None] == [problem.meant for problem in found]


def test_a_near_symbol_may_come_from_the_whole_market() -> None:
    """Where the venue's list is at hand, the proposal is taken from it."""
    text = changed("  BTC: {}", "  BTC: {hedge: usdm:BTTCUSDT}")
    found = check_against(loaded(text), catalogue()[:1] + catalogue()[2:], known=["usdm:BTCUSDT", "spot:BTTCUSDT"])

    assert "usdm:BTCUSDT" == found[0].meant


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"kind": Kind.INVERSE}, "usdm:BTCUSDT is inverse; allowed: a linear future"),
        ({"settle": "USDC"}, "usdm:BTCUSDT settles in USDC; allowed: a future that settles in USDT"),
        ({"quote": "USDC"}, "usdm:BTCUSDT is quoted in USDC; allowed: one quoted in USDT, as quote says"),
        ({"base": "BTCDOM"}, "usdm:BTCUSDT is an instrument of BTCDOM; allowed: one of BTC"),
        ({"trading": False}, "usdm:BTCUSDT is not trading"),
        ({"expiry_ns": 1}, "usdm:BTCUSDT expires, and nothing would roll it; allowed: a perpetual"),
    ],
)
def test_a_future_that_is_no_hedge_is_refused(changes: dict[str, Any], part: str) -> None:
    """A hedge is a linear perpetual of the coin that settles in the reporting currency, or there is none."""
    found = lines(**changes)

    assert 1 == len(found)
    assert f"c.yaml:3: assets.BTC.hedge: {part}" in found[0]


def test_a_band_below_one_lot_says_both_numbers() -> None:
    """A band that no order could restore is refused, with the band, the smallest order, and what would do."""
    assert [
        (
            "c.yaml:9: targets[0].band.trigger: value '30 USDT': a trigger of 0.0005 BTC is below the smallest "
            "order of usdm:BTCUSDT, 0.002 BTC (lot 0.001, at 60000 USDT): a breach could not be corrected; "
            "allowed: at least 120 USDT"
        )
    ] == lines(one_coin("30 USDT"))


def test_a_band_in_coins_needs_no_price_to_be_below_one_lot() -> None:
    """What the lot alone says is said even before the first quote."""
    found = check_against(loaded(one_coin("0.0005 BTC")), catalogue())

    assert ["at least 0.001 BTC"] == [problem.allowed for problem in found]


def test_the_smallest_order_counts_its_minimum_notional() -> None:
    """At 60,000 a hundred dollars are two lots: a band of one lot is still too narrow."""
    assert "0.002 BTC (lot 0.001" in lines(one_coin("0.001 BTC"))[0]
    assert [] == lines(one_coin("0.002 BTC"))
    assert [] == lines(one_coin("0.001 BTC"), notional_min=Decimal(0))


def test_a_destination_near_the_trigger_is_too_narrow_as_well() -> None:
    """What is traded at a breach is the distance from trigger to destination, and that must be an order."""
    assert [] == lines(one_coin("0.01 BTC", "0.008 BTC"))
    found = lines(one_coin("0.01 BTC", "0.009 BTC"))

    assert "a trigger of 0.01 BTC less its destination of 0.009 BTC is below" in found[0]
    assert found[0].endswith("allowed: at least 0.011 BTC")


def test_a_relative_band_is_measured_on_what_is_held() -> None:
    """One per cent of 1 BTC is an order; one per cent of a tenth is not; and dust is nobody's problem."""
    for held, findings in (("1", 0), ("0.1", 1), ("0.0001", 0), ("0", 0)):
        holdings = HOLDINGS | {"BTC": Decimal(held)}
        assert findings == len(check_against(loaded(), catalogue(), PRICES, holdings)), held


def test_declared_coins_are_held_too() -> None:
    """A cold wallet counts when a band is measured."""
    text = changed("  BTC: {}", "  BTC: {declared: 0.1}")

    assert "a trigger of 0.001 BTC is below" in str(check_against(loaded(text), catalogue(), PRICES, {})[0])


def test_what_nobody_looked_at_is_not_judged() -> None:
    """Declared coins are a part of the holding, and a part says nothing about a band that is a share of all of it."""
    text = changed("  BTC: {}", "  BTC: {declared: 0.1}")

    assert () == check_against(loaded(text), catalogue(), PRICES)


def test_a_destination_of_nothing_is_nothing_whatever_is_held() -> None:
    """0 % of a holding that is not there yet hides no trigger that is below an order by its own number."""
    found = check_against(loaded(one_coin("0.0001 coins", "0 %")), catalogue(), PRICES, {})

    assert ["at least 0.002 coins"] == [problem.allowed for problem in found]


def test_points_are_measured_on_the_base() -> None:
    """Percentage points of a base of 120,000 are orders down to a tenth of a point, and no further."""
    assert [] == lines(WEIGHTS.replace("5 pp", "0.1 pp"))
    found = lines(WEIGHTS.replace("5 pp", "0.05 pp"))

    assert "value '0.05 pp': a trigger of 0.001 BTC is below the smallest order" in found[0]
    assert 2 == len(found)


def test_an_order_limit_below_the_smallest_order_is_refused() -> None:
    """Orders cut down to a limit that the venue does not take would never be sent."""
    found = lines(with_limit("order_notional: 110 USDT"))

    assert [
        (
            "c.yaml:11: limits.order_notional: value '110 USDT': 110 USDT is below the smallest order of usdm:BTCUSDT, "
            "120 USDT; allowed: at least 120 USDT"
        )
    ] == found


def test_findings_of_every_coin_come_at_once() -> None:
    """The whole config is held against the venue, not up to the first finding."""
    found = check_against(loaded(), (instrument("spot", "BTCUSDT"),), PRICES, HOLDINGS)

    assert ["assets.BTC.hedge", "assets.ETH.pricing", "assets.ETH.hedge"] == [problem.key for problem in found]


def test_a_breachs_least_trade_is_told_in_coins() -> None:
    """The trigger less the destination, beside the smallest order; without holdings a share cannot be told."""
    text = one_coin("1 %", "0.4 %")
    (found,) = corrections(loaded(text), catalogue(), PRICES, HOLDINGS)

    assert ("neutral", "BTC", Decimal("0.006"), Decimal("0.002")) == (
        found.target,
        found.coin,
        found.coins,
        found.smallest,
    )
    assert () == corrections(loaded(text), catalogue(), PRICES, {})
    assert () == corrections(loaded(text), (), PRICES, HOLDINGS)


@pytest.mark.parametrize(
    ("target", "needed"),
    [
        ("kind: neutral, assets: [BTC, ETH]", {"BTC": "-1.5", "ETH": "-10"}),
        ("kind: ratio, ratio: 0.5, assets: [ETH]", {"ETH": "-5"}),
        (
            "kind: weights, weights: {BTC: 0.5, ETH: 0.5}, mode: full_rebalance, base: owned",
            {"BTC": "-0.5", "ETH": "10"},
        ),
        ("kind: weights, weights: {BTC: 0.5, ETH: 0.5}, mode: trim_only, base: owned", {"BTC": "-0.5", "ETH": "0"}),
    ],
)
def test_what_would_put_everything_on_its_target(target: str, needed: dict[str, str]) -> None:
    """Signed coins of futures: shorts for what is over, declared coins counted, longs only where they are wanted."""
    head = "portfolio: p\nassets: {BTC: {declared: 0.5}, ETH: {}}\ntargets:\n"
    text = f"{head}  - {{name: t, {target}, band: {{trigger: 1000 USDT, destination: 0 USDT}}}}\n"

    assert {coin: Decimal(coins) for coin, coins in needed.items()} == hedges_needed(loaded(text), PRICES, HOLDINGS)


def test_a_weight_without_a_price_is_left_out() -> None:
    """What cannot be told is not told as zero."""
    assert {} == hedges_needed(loaded(WEIGHTS), {"BTC": PRICES["BTC"]}, HOLDINGS)
