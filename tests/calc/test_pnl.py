"""Delta, notional, P&L and cash of one contract of each kind."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc import pnl
from bot.domain.instrument import Instrument
from bot.domain.units import MINUTE_NS, Nanos
from tests.calc.book import ETH, PEPE, START_NS, Greeks, Kind, contract, d

CONTRACTS = st.decimals(-1_000, 1_000, places=3)
PRICE = st.decimals(1, 100_000, places=2)
RATE = st.decimals("-0.01", "0.01", places=6)
SCALE = st.integers(-1_000, 1_000)
KINDS = st.sampled_from(
    [contract(), contract(Kind.INVERSE, contract_size=d(100)), contract(Kind.QUANTO, base=ETH, contract_size=d("1e-6"))]
)


def near(one: Decimal, other: Decimal) -> bool:
    """Whether two figures agree up to the last digits of a division."""
    return abs(one - other) <= d("1e-20") * max(abs(one), abs(other), d(1))


@pytest.mark.parametrize(
    ("kind", "size", "delta", "notional", "settled", "unrealized"),
    [
        (Kind.LINEAR, "0.01", "-0.2", "-10000", "-10000", "-2000"),
        (Kind.INDEX, "0.01", "-0.2", "-10000", "-10000", "-2000"),
        (Kind.SPOT, "0.01", "-0.2", "-10000", "-10000", "-2000"),
        (Kind.INVERSE, "100", "-0.04", "-2000", "-0.04", "-0.01"),
        (Kind.QUANTO, "0.000001", "-1", "-1", "-1", "-0.2"),
    ],
)
def test_a_short_of_twenty_contracts(
    kind: Kind, size: str, delta: str, notional: str, settled: str, unrealized: str
) -> None:
    """-20 contracts from 40,000 at a mark of 50,000, as every kind counts them; a quanto pays in coins of 50,000."""
    made, short, mark = contract(kind, contract_size=d(size)), d(-20), d(50_000)

    assert pnl.delta(made, short, mark, payout=d(50_000)) == d(delta)
    assert pnl.notional(made, short, mark) == d(notional)
    assert pnl.settled_notional(made, short, mark) == d(settled)
    assert pnl.unrealized(made, short, d(40_000), mark) == d(unrealized)


def test_a_quanto_moves_with_the_coin_it_pays() -> None:
    """A quanto's cross-delta is its P&L in settlement coins: 500 contracts of 1e-6 up by 400 points are 0.2 BTC."""
    made = contract(Kind.QUANTO, base=ETH, contract_size=d("0.000001"))

    assert pnl.cross_delta(made, d(500), d(2_300), d(2_700)) == d("0.2")


def test_multiplied_units_are_units_of_the_asset() -> None:
    """-3 contracts of ten 1000PEPE are a delta of -30,000 PEPE, and a notional at the price of 1000 PEPE."""
    made = contract(base=PEPE, base_units=d(1_000), contract_size=d(10))

    assert pnl.base_units(made, d(-3)) == -30_000
    assert pnl.delta(made, d(-3), d("0.01")) == -30_000
    assert pnl.notional(made, d(-3), d("0.01")) == d("-0.3")


def test_the_delta_of_an_option_is_not_its_contracts() -> None:
    """An option asked for a delta without greeks is a programming error."""
    with pytest.raises(ValueError, match="greeks"):
        pnl.delta(contract(Kind.OPTION), d(1), d(60_000))


def test_an_option_is_coin_premium_where_it_settles_in_its_base() -> None:
    """A premium in the coin, a premium in money, and a future that settles in coins."""
    assert pnl.is_coin_premium(contract(Kind.OPTION))
    assert not pnl.is_coin_premium(contract(Kind.OPTION, settle=ETH))
    assert not pnl.is_coin_premium(contract(Kind.INVERSE))


@pytest.mark.parametrize(
    ("coin_premium", "adjusted", "mark", "delta"),
    [
        (True, False, "0.05", "0.55"),
        (True, True, "0.05", "0.6"),
        (True, True, None, "0.6"),
        (True, False, None, None),
        (False, False, None, "0.6"),
        (False, True, "0.05", "0.65"),
        (False, True, None, None),
    ],
)
def test_the_premium_is_taken_off_once(coin_premium: bool, adjusted: bool, mark: str | None, delta: str | None) -> None:
    """A coin premium is taken off a Black-Scholes delta, never off an adjusted one, and put back where it is money."""
    greeks = Greeks(delta=d("0.6"), mark_coin=d(mark) if mark else None, premium_adjusted=adjusted)

    assert (d(delta) if delta else None) == pnl.option_delta(greeks, coin_premium=coin_premium)


def test_dated_futures_pay_no_funding() -> None:
    """Whatever rate is handed in: a contract that expires has none."""
    dated = contract(expiry_ns=1)

    assert pnl.funding_cash(dated, d(-5), d(60_000), d("0.001")) == 0


@given(KINDS, CONTRACTS, PRICE, RATE)
def test_funding_is_paid_by_one_side_to_the_other(
    made: Instrument, contracts: Decimal, mark: Decimal, rate: Decimal
) -> None:
    """What the long pays the short receives; the sign turns with the rate; a flat position pays nothing."""
    paid = pnl.funding_cash(made, contracts, mark, rate)

    assert paid + pnl.funding_cash(made, -contracts, mark, rate) == 0
    assert paid + pnl.funding_cash(made, contracts, mark, -rate) == 0
    assert pnl.funding_cash(made, d(0), mark, rate) == 0
    assert paid * contracts * rate <= 0


@given(KINDS, CONTRACTS, PRICE, RATE, st.integers(1, 8))
def test_funding_is_linear_in_notional_and_in_the_rate(
    made: Instrument, contracts: Decimal, mark: Decimal, rate: Decimal, parts: int
) -> None:
    """Twice the position pays twice; an interval cut in n at an n-th of the rate pays as much at the same mark."""
    paid = pnl.funding_cash(made, contracts, mark, rate)
    cut = sum((pnl.funding_cash(made, contracts, mark, rate / parts) for _ in range(parts)), d(0))

    assert near(2 * paid, pnl.funding_cash(made, 2 * contracts, mark, rate))
    assert near(paid, cut)


@given(KINDS, CONTRACTS, PRICE, PRICE, SCALE)
def test_figures_scale_with_the_position(
    made: Instrument, contracts: Decimal, entry: Decimal, mark: Decimal, scale: int
) -> None:
    """c times the contracts have c times the delta, the notional and the P&L."""
    many = contracts * scale

    assert near(pnl.delta(made, many, mark), scale * pnl.delta(made, contracts, mark))
    assert near(pnl.notional(made, many, mark), scale * pnl.notional(made, contracts, mark))
    assert near(pnl.unrealized(made, many, entry, mark), scale * pnl.unrealized(made, contracts, entry, mark))


@given(st.integers(-10_000, 10_000), st.sampled_from(["0.001", "0.01", "1", "10", "100"]))
def test_contracts_to_coins_and_back(lots: int, size: str) -> None:
    """Whole lots of contracts are the same contracts again after a journey through coins."""
    made = contract(contract_size=d(size))
    contracts = lots * made.lot

    assert made.contracts(made.coins(contracts)) == contracts


@given(PRICE, PRICE, PRICE, PRICE, st.decimals(0, 100, places=4))
def test_a_hedged_pair_earns_the_fall_of_its_basis(
    spot: Decimal, future: Decimal, spot_after: Decimal, future_after: Decimal, quantity: Decimal
) -> None:
    """Whatever both prices do, coins against as many sold futures make -(b1 - b0) q, exactly."""
    pair = pnl.Pair(quantity, -quantity, spot, future)

    assert pair.profit(spot_after, future_after) == pnl.basis_profit(future - spot, future_after - spot_after, quantity)


@given(PRICE, PRICE, PRICE, st.decimals(0, 10, places=4), st.decimals(-10, 0, places=4))
def test_a_pair_s_profit_at_expiry_slopes_with_the_coins_that_are_open(
    spot: Decimal, future: Decimal, price: Decimal, held: Decimal, sold: Decimal
) -> None:
    """d profit / d price = coins held + futures: nothing where they match, the difference where they do not."""
    pair = pnl.Pair(held, sold, spot, future)

    assert pair.profit_at_expiry(price + 1) - pair.profit_at_expiry(price) == held + sold


@given(PRICE, PRICE, st.decimals(0, 100, places=4), st.integers(-100_000, 100_000))
def test_the_two_forms_of_an_inverse_account_agree(entry: Decimal, mark: Decimal, wallet: Decimal, face: int) -> None:
    """Equity coins + N/M = wallet coins + N/E at every mark."""
    equity = pnl.inverse_equity(wallet, d(face), entry, mark)

    assert near(pnl.inverse_account_delta(wallet, d(face), entry), equity + face / mark)
    assert near(equity, wallet + pnl.unrealized(contract(Kind.INVERSE), d(face), entry, mark))


def test_a_pair_of_coins_says_what_it_is_made_of() -> None:
    """The three ways to carry: as many coins, as much value, and borrowed coins with their interest."""
    amount, spot, future = d(1_000), d(100), d(125)

    assert pnl.Pair(d(10), d(-10), spot, future) == pnl.carry_pair(amount, spot, future)
    assert pnl.Pair(d(10), d(-8), spot, future) == pnl.value_matched_pair(amount, spot, future)
    assert pnl.Pair(d(-10), d("10.2"), spot, future) == pnl.reverse_pair(amount, spot, future, d("0.02"))


@pytest.mark.parametrize(
    ("left_minutes", "window", "share"),
    [
        (31, "30", "1"),
        (30, "30", "1"),
        (15, "30", "0.5"),
        (0, "30", "0"),
        (-1, "30", "0"),
        (1, "0", "1"),
        (0, "0", "0"),
    ],
)
def test_the_delta_of_a_dated_contract_runs_out_while_it_settles(left_minutes: int, window: str, share: str) -> None:
    """It settles at the average over the last minutes: half of them gone, half of it is open."""
    dated = contract(expiry_ns=START_NS)

    assert pnl.unsettled(dated, Nanos(START_NS - left_minutes * MINUTE_NS), d(window)) == d(share)


def test_a_perpetual_does_not_settle() -> None:
    """Without an expiry all of it stays open."""
    assert pnl.unsettled(contract(), START_NS, d(30)) == 1
