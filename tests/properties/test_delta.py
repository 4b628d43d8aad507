"""A delta is what equity moves with, whatever is held: quanto contracts, options, and any account's margin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.snapshot import Account, MarginMode
from bot.domain.units import exact
from tests.calc.book import (
    BTC,
    COINM,
    ETH,
    USD,
    USDM,
    USDT,
    Asset,
    Greeks,
    Kind,
    added,
    coins,
    contract,
    d,
    market,
    position,
)
from tests.calc.test_ledger_delta import BOOKS, COIN_CALL, LINEAR, MONEY_PUT, QUANTO, black_scholes, derivative, world
from tests.calc.test_ledger_delta import PRICES as AT

SIZE = st.decimals(-50, 50, places=3)
COINS = st.decimals(0, 100, places=3)
ASSETS = (BTC, ETH, USDT)


def agree(things: tuple[Any, ...], tolerance: str) -> None:
    """Every asset's exposure is the central difference of the same book's NAV."""
    parts = world(AT, things).parts
    for asset in ASSETS:
        found, expected = parts[asset].exposure if asset in parts else d(0), derivative(asset, things)
        assert abs(found - expected) <= d(tolerance) * max(abs(found), abs(expected), d(1))


@settings(max_examples=40)
@given(COINS, SIZE, st.decimals(1_500, 4_000, places=1), SIZE, st.decimals(20_000, 120_000, places=1))
def test_a_quantos_deltas_are_the_derivatives_of_equity(
    wallet: Decimal, quantos: Decimal, entry: Decimal, faces: Decimal, other: Decimal
) -> None:
    """Any quanto beside any coin-margined position and collateral: both the underlying's and the payout's delta."""
    inverse = contract(Kind.INVERSE, contract_size=d(100))

    agree(
        (coins(BTC, wallet, COINM), position(QUANTO, quantos * 100, entry), position(inverse, faces * 100, other)),
        "1e-6",
    )


@settings(max_examples=40)
@given(COINS, SIZE, SIZE, SIZE)
def test_an_options_book_has_the_derivative_of_its_equity(
    wallet: Decimal, calls: Decimal, puts: Decimal, futures: Decimal
) -> None:
    """Any number of options paid in coins and in money, with collateral and futures, at a fixed volatility."""
    things = (
        coins(BTC, wallet, COINM),
        position(COIN_CALL, calls),
        position(MONEY_PUT, puts),
        position(LINEAR, futures * 100, d(58_000)),
    )

    agree(things, "1e-5")


@given(st.floats(20_000, 200_000), st.floats(0.3, 3.0), SIZE.filter(bool))
def test_an_option_paid_in_coins_is_its_delta_less_its_premium(price: float, moneyness: float, held: Decimal) -> None:
    """At any price and strike: n (BS - mark) beside an equity that has n marks in it, so that n x BS is what counts."""
    value, delta = black_scholes(price, price * moneyness, call=True)
    greeks = Greeks(delta=exact(delta), mark_coin=exact(value / price))
    index = exact(price)
    made = added(
        {BTC: index, USD: d(1)},
        coins(BTC, d(3), COINM),
        market(COIN_CALL, greeks=greeks, index=index),
        position(COIN_CALL, held),
    )

    assert abs(made.parts[BTC].exposure - (3 + held * greeks.delta)) < d("1e-20")


@given(SIZE, st.sampled_from(MarginMode), st.integers(1, 125))
def test_how_an_account_is_margined_changes_no_delta(contracts: Decimal, mode: MarginMode, leverage: int) -> None:
    """Margin mode and leverage decide when it is liquidated, never what it is exposed to."""
    held = {"contracts": contracts * 10, "entry": d(61_000)}
    plain = added(AT, coins(BTC, d(1)), position(LINEAR, **held), market(LINEAR, d(60_000)))
    kept = added(
        AT,
        coins(BTC, d(1)),
        position(LINEAR, **held, leverage=d(leverage), margin_mode=mode),
        market(LINEAR, d(60_000)),
        Account(id=USDM, margin_mode=mode),
    )

    assert {asset: parts.exposure for asset, parts in plain.parts.items()} == {
        asset: parts.exposure for asset, parts in kept.parts.items()
    }


@given(
    st.decimals("0.01", 50, places=3),
    st.decimals(20_000, 120_000, places=1),
    st.decimals(1_000, 500_000, places=1),
)
def test_any_full_inverse_short_is_dollars(wallet: Decimal, entry: Decimal, price: Decimal) -> None:
    """N = -B E is worth B E at every price, whatever B and E are: no delta, and no price that could hurt it."""
    short = contract(Kind.INVERSE)
    made = added({BTC: price}, coins(BTC, wallet, COINM), market(short, price), position(short, -wallet * entry, entry))

    assert made.nav is not None
    assert abs(made.nav - wallet * entry) < d("1e-15")
    assert abs(made.parts[BTC].exposure) < d("1e-20")


@given(
    st.decimals("0.001", 50, places=3),
    st.decimals(1_000, 200_000, places=1),
    st.decimals(1_000, 200_000, places=1),
    st.decimals(-900, 900, places=1),
    st.decimals(-900, 900, places=1),
)
def test_a_matched_pair_earns_the_fall_of_its_basis_and_nothing_else(
    held: Decimal, before: Decimal, after: Decimal, first: Decimal, second: Decimal
) -> None:
    """Through the ledger: NAV changes by -(b1 - b0) q wherever the price goes, and the delta is nothing throughout."""
    dated = contract(id="usdm:BTC-DATED", expiry_ns=2_000_000_000_000_000_000)

    def worth(price: Decimal, basis: Decimal) -> Decimal:
        short = position(dated, -held, before + first)
        made = added({BTC: price, USDT: d(1)}, coins(BTC, held), short, market(dated, price + basis))
        assert made.nav is not None
        assert made.parts[BTC].exposure == 0
        return made.nav

    assert worth(after, second) - worth(before, first) == -(second - first) * held


def test_the_books_that_are_examples_are_all_of_the_kinds() -> None:
    """Linear, dated, multiplied, inverse, quanto and both options: none has dropped out of the numerical check."""
    kinds = {thing.instrument for things in BOOKS.values() for thing in things if hasattr(thing, "contracts")}

    assert len(kinds) == 7
    assert {Asset("BTC"), Asset("PEPE")} <= {
        t.asset for things in BOOKS.values() for t in things if hasattr(t, "asset")
    }
