"""The promises of turning settings into the engine's rules."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.rules import Base, RatioTarget, Unit, WeightsMode, WeightsTarget, Width
from bot.domain.units import SECOND_NS
from bot.runtime.portfolio import UnknownInstruments, instruments_wanted, symbols_wanted, to_rules
from tests.runtime.configs import RIGHT, WEIGHTS, catalogue, changed, instrument, loaded, with_limit


def test_instruments_follow_from_the_quote() -> None:
    """A coin without further words is priced by its spot market and hedged with its perpetual, both in the quote."""
    assert {
        "binance.spot:BTCUSDT",
        "binance.usdm:BTCUSDT",
        "binance.spot:ETHUSDT",
        "binance.usdm:ETHUSDT",
    } == instruments_wanted(loaded().settings)
    assert {"BTCUSDC", "ETHUSDC"} == symbols_wanted(loaded(RIGHT + "quote: USDC\n").settings)


def test_the_rules_are_the_whole_portfolio() -> None:
    """Accounts, instruments, coins and targets are all there, in an order that does not depend on the file's."""
    rules = to_rules(loaded().settings, [instrument("spot", "XRPUSDT", "XRP"), *reversed(catalogue())])

    assert ("binance.spot", "binance.usdm") == rules.accounts
    assert sorted(i.id for i in catalogue()) == [i.id for i in rules.instruments]
    assert ["BTC", "ETH"] == [rule.asset for rule in rules.assets]
    assert "binance.usdm:BTCUSDT" == rules.assets[0].hedge


def test_neutral_is_a_ratio_of_one() -> None:
    """Delta-neutral is no case of its own: the whole holding is hedged."""
    target = to_rules(loaded().settings, catalogue()).targets[0]

    assert isinstance(target, RatioTarget)
    assert (Decimal(1), ("BTC", "ETH")) == (target.ratio, target.assets)


@pytest.mark.parametrize(
    ("written", "width"),
    [
        ("1 %", Width(Decimal("0.01"), Unit.RELATIVE)),
        ("500 USDT", Width(Decimal(500), Unit.QUOTE)),
        ("0.02 coins", Width(Decimal("0.02"), Unit.COINS)),
        ("0.02 BTC", Width(Decimal("0.02"), Unit.COINS)),
    ],
)
def test_widths_keep_their_meaning(written: str, width: Width) -> None:
    """A width is a fraction, an amount of quote currency or a number of coins, exactly as written."""
    text = changed("assets: [BTC, ETH]", "assets: [BTC]").replace("trigger: 1 %", f"trigger: {written}")
    target = to_rules(loaded(text).settings, catalogue()).targets[0]

    assert width == target.band.trigger


def test_weights_keep_their_base() -> None:
    """Weights, mode, base, reserve and points reach the engine as written."""
    target = to_rules(loaded(WEIGHTS).settings, catalogue()).targets[0]

    assert isinstance(target, WeightsTarget)
    assert {"BTC": Decimal("0.6"), "ETH": Decimal("0.4")} == target.weights
    assert (WeightsMode.FULL_REBALANCE, Base.NAV_LESS_RESERVE) == (target.mode, target.base)
    assert (Decimal(20_000), Decimal(0)) == (target.reserve, target.fixed)
    assert Width(Decimal("0.05"), Unit.POINTS) == target.band.trigger


def test_limits_carry_their_units() -> None:
    """Basis points, nanoseconds and currency arrive as such."""
    limits = to_rules(loaded(with_limit("slippage: 0.1 %")).settings, catalogue()).limits

    assert (Decimal(10), 2 * SECOND_NS, Decimal(25_000)) == (
        limits.slippage_bps_max,
        limits.quote_age_ns_max,
        limits.order_notional_max,
    )


def test_an_orders_deadline_is_the_sum_of_its_delays() -> None:
    """Nobody can shorten the time in which an order may still land without shortening what it is made of."""
    text = with_limit("recv_window: 3 s") + "  clock_offset: 200 ms\n  venue_delay: 2 s\n"

    assert 5_200_000_000 == to_rules(loaded(text).settings, catalogue()).limits.order_deadline_ns


def test_a_missing_instrument_makes_no_rules() -> None:
    """A target without an instrument never reaches the engine."""
    with pytest.raises(UnknownInstruments, match=r"binance\.usdm:ETHUSDT"):
        to_rules(loaded().settings, catalogue()[:3])
