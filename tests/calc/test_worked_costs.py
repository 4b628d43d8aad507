"""The worked cases of funding, carry, margin and rounding, number by number."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.calc.carry import (
    Use,
    annualised,
    basis,
    basis_share,
    cheaper,
    implied_carry,
    interest,
    legs_pnl,
    pair_pnl,
    reverse,
)
from bot.calc.funding import apr, cash_flow, rate_of_apr, rate_of_apy
from bot.calc.liquidation import inverse, isolated_linear, linear
from bot.calc.sizing import Sized, SizeLimits, limit_price, size
from bot.calc.tiers import bracketed
from bot.domain.order import Side
from bot.domain.units import HOUR_NS
from tests.kit import d, depth, hedge, perpetual, quote

COINS = d(10_000) / d(70_000)
CENT = d("0.005")
ONE_TIER = bracketed([(d(0), d("0.005"))])


@pytest.mark.parametrize(
    ("hours", "rate", "cash", "yearly"),
    [(8, "0.0001", "6", "0.1095"), (4, "0.0001", "6", "0.219"), (1, "-0.00005", "-3", "-0.438")],
)
def test_funding_intervals(hours: int, rate: str, cash: str, yearly: str) -> None:
    """Short 1 coin at 60,000 receives 6, 6 and pays 3; the same rate is worth more a year the more often it settles."""
    assert cash_flow(d(-1), d(1), d(60_000), d(rate)) == d(cash)
    assert apr(d(rate), hours * HOUR_NS) == d(yearly)


def test_funding_sign_of_a_short() -> None:
    """Short 10,000 at +0.01 % receives 1.00; at -0.01 % it pays 1.00."""
    assert cash_flow(d("-0.2"), d(1), d(50_000), d("0.0001")) == 1
    assert cash_flow(d("-0.2"), d(1), d(50_000), d("-0.0001")) == -1


def test_harvest_threshold_of_fifty_per_cent() -> None:
    """0.045662 % every 8 h as an APR, 0.037036 % as an APY, which is an APR of 40.55 %."""
    compounded = rate_of_apy(d("0.5"), 8 * HOUR_NS)

    assert round(rate_of_apr(d("0.5"), 8 * HOUR_NS), 9) == d("0.000456621")
    assert round(compounded, 9) == d("0.000370356")
    assert round(apr(compounded, 8 * HOUR_NS), 5) == d("0.40554")


def test_harvest_basis_risk() -> None:
    """Long spot, short perpetual: spot 100 to 100, future 101 to 99 is a gain of 2."""
    assert pair_pnl(d(1), basis(d(101), d(100)), basis(d(99), d(100))) == 2
    assert legs_pnl(d(1), d(-1), d(100), d(101), d(100)) == 1


def test_leverage_of_three() -> None:
    """10,000 at 3x: +20 % is 6,000; bankrupt at -33.33 %, liquidated at -33.0656 % with 0.4 % of maintenance margin."""
    coins, entry = d(3), d(10_000)
    wallet = isolated_linear(coins, entry, d(3))
    price = linear(coins=coins, entry=entry, wallet=wallet, tiers=bracketed([(d(0), d("0.004"))]))

    assert wallet == 10_000
    assert coins * entry * d("0.2") == 6_000
    assert price is not None
    assert round(price / entry - 1, 6) == d("-0.330656")
    assert round(-wallet / (coins * entry), 6) == d("-0.333333")


def test_inverse_short_liquidation() -> None:
    """0.5 BTC behind a short of 60,000 of face at 60,000: liquidated at 119,400 on the way up."""
    assert inverse(face=d(-60_000), entry=d(60_000), wallet=d("0.5"), tiers=ONE_TIER) == 119_400


def test_inverse_short_of_its_own_coins_has_no_liquidation() -> None:
    """1 BTC behind the same short: no price."""
    assert inverse(face=d(-60_000), entry=d(60_000), wallet=d(1), tiers=ONE_TIER) is None


def test_cash_and_carry_figures() -> None:
    """70,000 and 72,100 a quarter away: 2,100, 3 %, 12 % simple, 12.5509 % compounded, 11.8235 % continuous."""
    found = annualised(d(72_100), d(70_000), d("91.25"))

    assert basis(d(72_100), d(70_000)) == 2_100
    assert basis_share(d(72_100), d(70_000)) == d("0.03")
    assert found is not None
    assert [round(x, 6) for x in (found.simple, found.compounded, found.continuous)] == [
        d("0.12"),
        d("0.125509"),
        d("0.118235"),
    ]


@pytest.mark.parametrize("at_expiry", [1, 65_000, 70_000, 80_000, 1_000_000])
def test_cash_and_carry_matched_in_coins_is_locked(at_expiry: int) -> None:
    """10,000 of spot against 0.142857 coins short, 10,300 of notional: 300 at any settlement price."""
    assert round(COINS, 6) == d("0.142857")
    assert abs(COINS * 72_100 - 10_300) < d("1e-20")
    assert abs(implied_carry(COINS, d(70_000), d(72_100)) - 300) < d("1e-20")
    assert abs(legs_pnl(COINS, -COINS, d(70_000), d(72_100), d(at_expiry)) - 300) < d("1e-18")


def test_cash_and_carry_legs() -> None:
    """At 65,000 the spot loses 714.29 and the future earns 1,014.29: the legs offset."""
    assert round(legs_pnl(COINS, d(0), d(70_000), d(72_100), d(65_000)), 2) == d("-714.29")
    assert round(legs_pnl(d(0), -COINS, d(70_000), d(72_100), d(65_000)), 2) == d("1014.29")


@pytest.mark.parametrize(("at_expiry", "pnl"), [(65_000, "270.46"), (70_000, "291.26"), (80_000, "332.87")])
def test_cash_and_carry_matched_in_dollars_is_not_locked(at_expiry: int, pnl: str) -> None:
    """0.138696 coins of the future leave a long of the difference."""
    short = d(10_000) / d(72_100)

    assert round(short, 6) == d("0.138696")
    assert round(legs_pnl(COINS, -short, d(70_000), d(72_100), d(at_expiry)), 2) == d(pnl)


def test_reverse_carry_with_interest_in_dollars() -> None:
    """68,600 under 70,000: 200 gross, 125 of interest at 5 %, 75 net."""
    owed = interest(d("0.05"), d("91.25"))
    gross = implied_carry(-COINS, d(70_000), d(68_600))

    assert round(gross, 9) == 200
    assert round(owed * 10_000, 9) == 125
    assert round(implied_carry(-COINS, d(70_000), d(68_600), borrow=owed * 10_000), 9) == 75


@pytest.mark.parametrize(("at_expiry", "with_q"), [(50_000, "110.71"), (140_000, "-50")])
def test_reverse_carry_with_interest_in_the_coin(at_expiry: int, with_q: str) -> None:
    """Owed in coins, it takes q (1 + i) of the future: +77.50 at any price; with q alone +110.71 or -50."""
    made = reverse(COINS, d(70_000), d(68_600), interest(d("0.05"), d("91.25")))
    debt = COINS * d("1.0125")

    def pnl(future_coins: Decimal) -> Decimal:
        return COINS * 70_000 - debt * at_expiry + future_coins * (at_expiry - 68_600)

    assert abs(made.locked - d("77.5")) < d("1e-20")
    assert abs(pnl(made.future_coins) - made.locked) < d("1e-18")
    assert abs(pnl(COINS) - d(with_q)) < CENT


def test_rounding() -> None:
    """-1.2345 coins by lots of 0.01 is an order of 1.23; 10 bps around 60,000.05 are 59,940.1 and 60,060.0."""
    instrument = perpetual(lot=d("0.01"), contracts_min=d("0.01"))
    limits = SizeLimits(slippage_bps_max=d(10), order_notional_max=d(1_000_000))
    name = hedge("BTC")
    made = size(instrument, d("-1.2345"), d(0), quote(name, 60_000.05, half=0.05), depth(name, 60_000.05), limits)

    assert isinstance(made, Sized)
    assert (made.side, made.contracts, made.limit_price) == (Side.SELL, d("1.23"), d("59940.1"))
    assert made.residual == d("-0.0045")
    assert limit_price(instrument, Side.SELL, d("60000.05"), d(10)) == d("59940.1")
    assert limit_price(instrument, Side.BUY, d("60000.05"), d(10)) == d("60060.0")


@pytest.mark.parametrize(
    ("future", "side", "use"),
    [
        ("101", Side.BUY, Use.SPOT),
        ("99", Side.BUY, Use.FUTURE),
        ("101", Side.SELL, Use.FUTURE),
        ("99", Side.SELL, Use.SPOT),
    ],
)
def test_basis_rebalance(future: str, side: Side, use: Use) -> None:
    """Add in contango: spot; in backwardation: futures. Reduce in contango: futures; in backwardation: spot."""
    assert cheaper(side, d(future), d(100)) is use
