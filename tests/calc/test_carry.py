"""Basis, carry that is locked at any price, rolling, and which leg to trade."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.carry import (
    EXPIRY_FLOOR_NS,
    Use,
    annualised,
    basis,
    basis_share,
    break_even_hours,
    cheaper,
    dated_carry,
    days_to,
    implied_carry,
    interest,
    inverse_match,
    legs_pnl,
    pair_pnl,
    perpetual_carry,
    reverse,
    roll,
    roll_yield,
    tailed_coins,
)
from bot.domain.order import Side
from bot.domain.units import DAY_NS, HOUR_NS, Nanos
from tests.kit import START_NS, d

PRICE = st.decimals(1, 100_000, places=1)
COINS = st.decimals("0.01", 50, places=2)
DAYS = st.decimals(1, 400, places=1)


def test_days_run_to_the_exact_expiry() -> None:
    """A day and a half is 1.5; nearer than an hour, past, or without an expiry there are none."""
    assert days_to(Nanos(START_NS + 36 * HOUR_NS), START_NS) == d("1.5")
    assert days_to(Nanos(START_NS + EXPIRY_FLOOR_NS), START_NS) == d(1) / 24
    assert days_to(Nanos(START_NS + EXPIRY_FLOOR_NS - 1), START_NS) is None
    assert days_to(Nanos(START_NS - DAY_NS), START_NS) is None
    assert days_to(None, START_NS) is None


@given(PRICE, PRICE, DAYS)
def test_the_three_yearly_figures_say_the_same_basis(future: Decimal, spot: Decimal, days: Decimal) -> None:
    """Each of them leads back to F over S, and continuous <= compounded."""
    found = annualised(future, spot, days)
    years = days / 365

    assert found is not None
    assert abs(found.simple * years + 1 - future / spot) < d("1e-18")
    assert abs((found.continuous * years).exp() / (future / spot) - 1) < d("1e-18")
    assert found.continuous <= found.compounded
    if abs(found.continuous) < 20:
        assert abs((found.compounded + 1).ln() - found.continuous) < d("1e-9") * max(abs(found.continuous), d(1))


def test_near_its_expiry_a_basis_has_no_yearly_figure() -> None:
    """No days, no figure."""
    assert annualised(d(101), d(100), None) is None


@given(COINS, PRICE, PRICE, PRICE)
def test_legs_matched_in_coins_earn_the_basis_at_any_price(
    coins: Decimal, spot: Decimal, future: Decimal, at_expiry: Decimal
) -> None:
    """P&L is exactly q (F - S), whatever the settlement price; so is minus the fall of the basis to zero."""
    locked = implied_carry(coins, spot, future)

    assert legs_pnl(coins, -coins, spot, future, at_expiry) == locked
    assert pair_pnl(coins, basis(future, spot), d(0)) == locked


@given(COINS, COINS, PRICE, PRICE, PRICE)
def test_legs_matched_otherwise_have_the_slope_of_their_difference(
    coins: Decimal, other: Decimal, spot: Decimal, future: Decimal, at_expiry: Decimal
) -> None:
    """A unit of the settlement price changes P&L by q_spot - q_future: what is matched in dollars is not locked."""
    rise = legs_pnl(coins, -other, spot, future, at_expiry + 1) - legs_pnl(coins, -other, spot, future, at_expiry)

    assert rise == coins - other


@given(COINS, PRICE, PRICE, PRICE, PRICE)
def test_a_pairs_pnl_is_the_change_of_its_basis(
    coins: Decimal, spot: Decimal, future: Decimal, spot_after: Decimal, future_after: Decimal
) -> None:
    """-(b1 - b0) q is the sum of both legs before funding and fees, which are added and taken off."""
    legs = coins * (spot_after - spot) - coins * (future_after - future)

    assert pair_pnl(coins, future - spot, future_after - spot_after) == legs
    assert pair_pnl(coins, d(1), d(1), funding=d(7), fees=d(2)) == 5


@given(COINS, PRICE, PRICE, PRICE)
def test_an_inverse_future_locks_coins_at_its_own_price(
    coins: Decimal, future: Decimal, at_expiry: Decimal, spot: Decimal
) -> None:
    """With N = -coins x F0 of face the coins are worth coins x F0 at any settlement price; with S0 they are not."""
    face = inverse_match(coins, future)
    worth = (coins + face / future - face / at_expiry) * at_expiry

    assert abs(worth - coins * future) < d("1e-14")
    if abs(spot - future) > 1 and abs(at_expiry - future) > 1:
        wrong = -coins * spot
        assert abs((coins + wrong / future - wrong / at_expiry) * at_expiry - coins * future) > d("1e-9")


@given(COINS, PRICE, PRICE, st.decimals("-0.5", "0.5", places=3))
def test_a_tailed_hedge_is_neutral_to_a_proportional_basis(
    coins: Decimal, spot: Decimal, future: Decimal, move: Decimal
) -> None:
    """When F moves by the same share as S, q S and the tailed short move by the same money."""
    hedged = coins * spot * move + tailed_coins(coins, spot, future) * future * move

    assert abs(hedged) < d("1e-15")


@given(COINS, PRICE, PRICE, st.decimals(0, "0.2", places=4), PRICE, st.decimals(0, 100, places=2))
def test_a_reverse_carry_with_its_interest_in_the_future_is_locked(
    coins: Decimal, spot: Decimal, future: Decimal, owed: Decimal, at_expiry: Decimal, fees: Decimal
) -> None:
    """q S received, q (1 + i) coins bought back at F: the same at any settlement price."""
    made = reverse(coins, spot, future, owed, fees)
    debt = coins * (1 + owed)
    pnl = coins * spot - debt * at_expiry + made.future_coins * (at_expiry - future) - fees

    assert made.future_coins == debt
    assert abs(pnl - made.locked) < d("1e-14")


def test_interest_is_simple() -> None:
    """5 % a year over a quarter."""
    assert interest(d("0.05"), d("91.25")) == d("0.0125")


@given(PRICE, DAYS, st.decimals("-0.2", "0.2", places=4))
def test_a_roll_yield_is_the_compounded_basis_of_one_contract_over_the_other(
    near: Decimal, days: Decimal, premium: Decimal
) -> None:
    """The far contract over the near one, over the days between them."""
    far = near * (1 + premium)
    found = annualised(far, near, days)

    assert found is not None
    assert abs(roll_yield(near, far, days) - found.compounded) < d("1e-15") * max(d(1), found.compounded)


def test_a_short_rolls_where_the_premium_beats_closing_by_the_buffer() -> None:
    """2 % more for 91.25 days, less 0.1 % of cost, is 7.6 % a year; a long would pay that premium."""
    short = roll(d(100), d(102), d("91.25"), cost=d("0.001"), closing=d("0.05"), buffer=d("0.02"))
    long = roll(d(100), d(102), d("91.25"), side=Side.BUY, cost=d("0.001"))

    assert (short.roll, short.yearly, short.hurdle) == (True, d("0.076"), d("0.07"))
    assert short.why == "rolling yields 0.0760 a year, which beats closing at 0.0700"
    assert (long.roll, long.yearly) == (False, d("-0.084"))
    assert long.why == "rolling yields -0.0840 a year, which does not beat closing at 0.0000"
    assert not roll(d(100), d(102), d("91.25"), cost=d("0.001"), closing=d("0.076")).roll
    assert roll(d(100), d(102), d("91.25"), cost=d("0.001")).hurdle == 0


def test_expected_carry_over_a_horizon() -> None:
    """Funding by time; a basis by its share of the time to expiry, all of it when held to the end."""
    assert perpetual_carry(d("0.1095"), d(30), d("0.001")) == d("0.008")
    assert dated_carry(d(103), d(100), d(80), d(20)) == d("0.0075")
    assert dated_carry(d(103), d(100), d(80), d(20), d("0.002"), d("0.5")) == d("0.00175")
    assert dated_carry(d(103), d(100), d(80), d(80), reversion=d("0.5")) == d("0.03")
    assert dated_carry(d(103), d(100), d(80), d(400)) == d("0.03")


def test_break_even_is_when_carry_has_paid_the_round_trip() -> None:
    """22 bps at 10.95 % a year take 176 hours; carry that pays nothing never gets there."""
    assert break_even_hours(d("0.0022"), d("0.1095")) == 176
    assert break_even_hours(d("0.0022"), d(0)) is None
    assert break_even_hours(d("0.0022"), d("-0.1")) is None


@pytest.mark.parametrize(
    ("side", "future", "use"),
    [
        (Side.BUY, "101", Use.SPOT),
        (Side.SELL, "101", Use.FUTURE),
        (Side.BUY, "99", Use.FUTURE),
        (Side.SELL, "99", Use.SPOT),
        (Side.BUY, "100", Use.FUTURE),
        (Side.SELL, "100", Use.FUTURE),
    ],
)
def test_what_is_cheap_is_bought_and_what_is_rich_is_sold(side: Side, future: str, use: Use) -> None:
    """Contango and backwardation, adding and reducing; at no basis the coins stay where they are."""
    assert cheaper(side, d(future), d(100)) is use


def test_the_basis_as_a_share() -> None:
    """2,100 on 70,000 are three per cent."""
    assert basis_share(d(72_100), d(70_000)) == d("0.03")
