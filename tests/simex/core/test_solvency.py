"""Liquidation and bankruptcy prices against cases computed by hand, to 1e-8. The arithmetic stands in each test.

Linear tiers: to 50,000 0.4 %; to 250,000 0.5 %, less 50; to 1,000,000 1 %, less 1,300; to 9,000,000 2.5 %, less 16,300.
Inverse tiers: to 5 coins 0.4 %; to 10 0.5 %, less 0.005; to 200 1 %, less 0.055.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core.account import Position
from bot.simex.core.instrument import maintenance
from bot.simex.core.numbers import MONEY, SCALE, divided
from bot.simex.core.solvency import PRICE_MAX, bankruptcy_price, liquidation_price
from tests.simex.core.money_stage import LINEAR_TIERS, Stage, exact, future, tiers, unified

if TYPE_CHECKING:
    from fractions import Fraction

    from bot.simex.core.account import Account
    from bot.simex.core.instrument import Instrument
    from bot.simex.core.order import PositionSide

BTC, ETH = future("BTCUSDT"), future("ETHUSDT", base="ETH")
COIN = future("BTCUSD_PERP", "inverse", quote="USD", face=100)


def stage(**prices: str) -> Stage:
    """An exchange with these marks."""
    one = Stage(BTC, ETH, COIN)
    one.mark(**prices)
    return one


def price_of(one: Stage, account: Account, instrument: Instrument, side: PositionSide = "both") -> Decimal:
    """The liquidation price that dialects show."""
    return one.valuation.position(account, instrument, side).liquidation_price


def near(expected: str | Decimal) -> Decimal:
    """A hand-computed price to eight decimals."""
    return Decimal(expected).quantize(Decimal("1e-8"))


def test_isolated_long() -> None:
    """6000 + P - 60000 = 0.005 P - 50, so P = 53950 / 0.995."""
    one = stage(BTCUSDT="60000")
    account = one.account(USDT="100000")
    one.isolate(account, BTC, 10)
    one.trade(account, BTC, "1", "60000")

    assert near("54221.10552764") == price_of(one, account, BTC)
    assert near("54000") == one.valuation.position(account, BTC).bankruptcy_price


def test_isolated_short() -> None:
    """6000 - (P - 60000) = 0.005 P - 50, so P = 66050 / 1.005."""
    one = stage(BTCUSDT="60000")
    account = one.account(USDT="100000")
    one.isolate(account, BTC, 10)
    one.trade(account, BTC, "-1", "60000")

    assert near("65721.39303483") == price_of(one, account, BTC)
    assert near("66000") == one.valuation.position(account, BTC).bankruptcy_price


def test_the_tier_is_the_one_of_the_root_not_of_the_mark() -> None:
    """At 60000 five coins lie in the third tier, at the root in the second: 5 P - 240000 = 0.025 P - 50."""
    one = stage(BTCUSDT="60000")
    account = one.account(USDT="100000")
    one.isolate(account, BTC, 5)
    one.trade(account, BTC, "5", "60000")

    assert near(Decimal(239950) / Decimal("4.975")) == price_of(one, account, BTC)


def test_a_short_climbs_into_steeper_tiers() -> None:
    """Four coins short at 60000 with 40000 more: 280000 - 4 P = 0.04 P - 1300, in the third tier from 62500 on."""
    one = stage(BTCUSDT="60000")
    account = one.account(USDT="40000")
    one.trade(account, BTC, "-4", "60000")

    assert near(Decimal(281300) / Decimal("4.04")) == price_of(one, account, BTC)


def test_cross_counts_the_other_positions() -> None:
    """Wallet 10000, ETH short at -1000 needing 124: 10000 - 1000 - 124 + P - 60000 = 0.005 P - 50."""
    one = stage(BTCUSDT="60000", ETHUSDT="3000")
    account = one.account(USDT="10000")
    one.trade(account, BTC, "1", "60000")
    one.trade(account, ETH, "-10", "3000")
    one.mark(BTCUSDT="61000", ETHUSDT="3100")

    assert near(Decimal(51074) / Decimal("0.995")) == price_of(one, account, BTC)


def test_hedge_mode_moves_both_legs() -> None:
    """Long 1 at 60000, short 0.4 at 61000: 2000 + P - 60000 + 24400 - 0.4 P = 0.005 P - 50 + 0.0016 P."""
    one = stage(BTCUSDT="60000")
    account = one.account(USDT="2000")
    one.funds.settings.hedge_mode(account, "usdm", hedge=True)
    one.trade(account, BTC, "1", "60000", side="long")
    one.trade(account, BTC, "-0.4", "61000", side="short")

    expected = near(Decimal(33550) / Decimal("0.5934"))
    assert expected == price_of(one, account, BTC, "long")
    assert expected == price_of(one, account, BTC, "short")


def test_nearly_balanced_legs_are_liquidated_where_their_tiers_outgrow_them() -> None:
    """Long 1, short 0.99 at 60000 with 1000: no fall hurts; in the third tier 400 + 0.01 P = 0.0199 P - 2600."""
    one = stage(BTCUSDT="60000")
    account = one.account(USDT="1000")
    one.funds.settings.hedge_mode(account, "usdm", hedge=True)
    one.trade(account, BTC, "1", "60000", side="long")
    one.trade(account, BTC, "-0.99", "60000", side="short")

    assert near(Decimal(3000) / Decimal("0.0099")) == price_of(one, account, BTC, "long")


def test_inverse_short_and_long() -> None:
    """Short 60000 with 0.5 coins: (-60000 + 240) / (0.5 - 1). Long 60000 with 0.2 coins: (60000 + 240) / 1.2."""
    one = stage(BTCUSD_PERP="60000")
    short, long = one.account("s", "coinm", BTC="0.5"), one.account("l", "coinm", BTC="0.2")
    one.trade(short, COIN, "-600", "60000")
    one.trade(long, COIN, "600", "60000")

    assert near("119520") == price_of(one, short, COIN)
    assert near("50200") == price_of(one, long, COIN)


def test_inverse_across_tiers() -> None:
    """Long 300000 with 0.6 coins: 5 coins at 60000, but below it the second tier: (300000 + 1500) / (0.605 + 5)."""
    one = stage(BTCUSD_PERP="60000")
    account = one.account("l", "coinm", BTC="0.6")
    one.trade(account, COIN, "3000", "60000")

    assert near(Decimal(301500) / Decimal("5.605")) == price_of(one, account, COIN)


def test_a_fully_covered_inverse_short_is_never_liquidated() -> None:
    """One coin against 60000 short at 60000 is worth 60000 dollars at every price."""
    one = stage(BTCUSD_PERP="60000")
    account = one.account("s", "coinm", BTC="1")
    one.trade(account, COIN, "-600", "60000")

    row = one.valuation.position(account, COIN)
    assert exact(0, 0) == exact(row.liquidation_price, row.bankruptcy_price)


def test_inverse_isolated_bankruptcy() -> None:
    """Short 60000 at 60000 with 0.1 coins of its own is bankrupt at 60000 / 0.9, and liquidated at 59760 / 0.9."""
    one = stage(BTCUSD_PERP="60000")
    account = one.account("s", "coinm", BTC="5")
    one.isolate(account, COIN, 10)
    one.trade(account, COIN, "-600", "60000")

    row = one.valuation.position(account, COIN)
    assert near(Decimal(59760) / Decimal("0.9")) == row.liquidation_price
    assert Decimal("66666.66666666") == row.bankruptcy_price


def test_multi_assets_counts_collateral_after_haircut() -> None:
    """1000 + 0.5 x 60000 x 0.95 = 29500 behind long 1 at 60000: 29500 + P - 60000 = 0.004 P."""
    one = stage(BTCUSDT="60000")
    account = one.account(USDT="1000", BTC="0.5")
    one.funds.settings.multi_assets(account, multi=True)
    one.trade(account, BTC, "1", "60000")

    assert near(Decimal(30500) / Decimal("0.996")) == price_of(one, account, BTC)


def test_unified_settles_inverse_in_dollars() -> None:
    """Collateral 0.5 BTC x 60000 x 0.9 + 3000 is 0.5 coins; long 60000 at 60000: (60000 + 240) / (0.5 + 1)."""
    coin = replace(COIN, category="inverse")
    one = Stage(coin, rules=unified(USDT="1", BTC="0.9"))
    one.mark(BTCUSD_PERP="60000")
    account = one.account("u", "unified", BTC="0.5", USDT="3000")
    one.trade(account, coin, "600", "60000")

    assert near("40160") == price_of(one, account, coin)


@given(
    quantity=st.integers(-(10**10), 10**10).filter(bool),
    entry=st.integers(10**9, 10**13),
    share=st.integers(1, 99),
    inverse=st.booleans(),
)
def test_at_the_root_the_balance_is_the_maintenance_margin(
    quantity: int, entry: int, share: int, inverse: bool
) -> None:
    """For any position, what is left at the liquidation price is what must be left, to 1e-8 of the notional."""
    instrument = COIN if inverse else BTC
    quantity *= 1000 if inverse else 1
    held = Position(instrument, "both", quantity, instrument.worth(quantity, entry))
    balance = instrument.notional(quantity, entry) * share // 100

    root = liquidation_price([held], balance, entry)

    if root is None:
        return
    fine = Fine(instrument)
    left = balance + fine.worth(quantity, root) - held.cost
    needed = fine.maintenance(quantity, root)
    assert abs(left - needed) <= max(instrument.notional(quantity, entry) // SCALE, 1000)


class Fine:
    """Worth and maintenance at a price that is a fraction."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument

    def worth(self, quantity: int, price: Fraction) -> Fraction:
        """The exact worth."""
        if self.instrument.kind == "linear":
            return quantity * price
        return -quantity * self.instrument.face * MONEY / (price * SCALE)

    def maintenance(self, quantity: int, price: Fraction) -> int:
        """The maintenance margin of the notional there."""
        return maintenance(self.instrument.tiers, int(abs(self.worth(quantity, price))))


@pytest.mark.parametrize("notional", [50_000, 250_000, 1_000_000])
def test_maintenance_is_continuous_at_the_edges(notional: int) -> None:
    """One unit of money beyond a tier's cap costs no more than its rate."""
    edge = notional * MONEY

    assert 0 <= maintenance(LINEAR_TIERS, edge + 100) - maintenance(LINEAR_TIERS, edge) <= 3
    assert divided(edge * 4, 1000) <= maintenance(LINEAR_TIERS, edge)


def test_a_long_that_nothing_can_ruin_is_bankrupt_at_a_tick() -> None:
    """Equity beyond the whole notional: no price is low enough, and the lowest is answered."""
    held = Position(BTC, "both", SCALE, 60_000 * MONEY)

    assert 1 == bankruptcy_price(held, 70_000 * MONEY, 60_000 * SCALE)
    assert bankruptcy_price(Position(COIN, "both", -600 * SCALE, MONEY), 2 * MONEY, 60_000 * SCALE) == PRICE_MAX


def test_flat_rates_agree_with_the_published_inverse_case() -> None:
    """0.5 coins against 60000 short at 60000 with 0.5 %: liquidated at 119400."""
    flat = replace(COIN, tiers=tiers(("1000", "0.005", 100)))
    held = Position(flat, "both", -600 * SCALE, MONEY)

    assert 119_400 * SCALE == liquidation_price([held], MONEY // 2, 60_000 * SCALE)
