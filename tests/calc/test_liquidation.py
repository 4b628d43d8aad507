"""Liquidation prices: equity is maintenance margin there, and nowhere nearer."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.liquidation import (
    apart,
    cross_wallet,
    disagreement,
    inverse,
    isolated_inverse,
    isolated_linear,
    linear,
)
from bot.calc.tiers import INFINITE, bracketed, maintenance
from bot.domain.units import ZERO
from tests.kit import d

if TYPE_CHECKING:
    from pathlib import Path

TIERS = bracketed([(d(0), d("0.004")), (d(50_000), d("0.005")), (d(250_000), d("0.01")), (d(1_000_000), d("0.1"))])
COIN_TIERS = bracketed([(d(0), d("0.004")), (d(5), d("0.01")), (d(50), d("0.025")), (d(200), d("0.5"))])
FLAT = bracketed([(d(0), d("0.005"))])
COINS = st.decimals("-40", 40, places=3).filter(bool)
ENTRY = st.decimals(100, 90_000, places=1)
LEVERAGE = st.decimals("0.5", 60, places=1)


def linear_slack(coins: Decimal, entry: Decimal, wallet: Decimal, price: Decimal, own: Decimal = ZERO) -> Decimal:
    """Equity less maintenance margin of a linear position at a price."""
    return wallet + own * price + coins * (price - entry) - maintenance(abs(coins) * price, TIERS)


def inverse_slack(face: Decimal, entry: Decimal, wallet: Decimal, price: Decimal) -> Decimal:
    """Equity less maintenance margin of an inverse position at a price, in coins."""
    return wallet + face / entry - face / price - maintenance(abs(face) / price, COIN_TIERS)


@given(COINS, ENTRY, LEVERAGE)
def test_a_linear_position_has_its_maintenance_margin_left_at_its_price(
    coins: Decimal, entry: Decimal, leverage: Decimal
) -> None:
    """equity(P) = MM(P) to 1e-8 in the bracket of P itself; a move less far leaves more, one further leaves less."""
    wallet = isolated_linear(coins, entry, leverage)
    price = linear(coins=coins, entry=entry, wallet=wallet, tiers=TIERS)

    if price is None:
        assert coins > 0
        assert wallet >= coins * entry
        return
    assert abs(linear_slack(coins, entry, wallet, price)) < d("1e-8")
    beyond = price * (d("0.99") if coins > 0 else d("1.01"))
    assert linear_slack(coins, entry, wallet, beyond) < 0


@given(COINS, ENTRY, st.decimals("1.1", 20, places=1))
def test_the_mark_lies_on_the_solvent_side(coins: Decimal, entry: Decimal, leverage: Decimal) -> None:
    """A short is liquidated above the mark and a long below it, wherever the account is solvent at the mark."""
    wallet = isolated_linear(coins, entry, leverage)
    price = linear(coins=coins, entry=entry, wallet=wallet, tiers=TIERS)

    if price is not None and linear_slack(coins, entry, wallet, entry) > 0:
        assert (price > entry) is (coins < 0)


@given(COINS, ENTRY, st.decimals("1.1", 20, places=1), st.decimals(1, 10_000, places=2))
def test_added_margin_moves_liquidation_away(coins: Decimal, entry: Decimal, leverage: Decimal, added: Decimal) -> None:
    """A short's price rises, a long's falls or is gone."""
    before = linear(coins=coins, entry=entry, wallet=isolated_linear(coins, entry, leverage), tiers=TIERS)
    after = linear(coins=coins, entry=entry, wallet=isolated_linear(coins, entry, leverage, added), tiers=TIERS)

    assert before is not None
    assert after is None or (after > before if coins < 0 else after < before)


@given(COINS, ENTRY, LEVERAGE)
def test_an_inverse_position_has_its_maintenance_margin_left_at_its_price(
    coins: Decimal, entry: Decimal, leverage: Decimal
) -> None:
    """Equity and margin agree in coins to 1e-8; a short that its coins cover has no such price."""
    face = coins * entry
    wallet = isolated_inverse(face, entry, leverage)
    price = inverse(face=face, entry=entry, wallet=wallet, tiers=COIN_TIERS)

    if price is None:
        assert face < 0
        assert wallet + face / entry >= 0
        return
    assert abs(inverse_slack(face, entry, wallet, price)) < d("1e-8")
    beyond = price * (d("0.99") if face > 0 else d("1.01"))
    assert inverse_slack(face, entry, wallet, beyond) < 0


@given(ENTRY, st.decimals("0.01", 30, places=2))
def test_a_short_covered_by_its_own_coins_outlives_every_rise(entry: Decimal, coins: Decimal) -> None:
    """1x short of an inverse contract; and a linear one whose collateral is worth Q (1 + top rate)."""
    covered = coins * (1 + TIERS[-1].rate)

    assert inverse(face=-coins * entry, entry=entry, wallet=coins, tiers=COIN_TIERS) is None
    assert linear(coins=-coins, entry=entry, wallet=d(0), tiers=TIERS, collateral=covered) is None


def test_a_little_less_collateral_is_liquidated_by_a_rise() -> None:
    """One short coin and as many as collateral: no profit or loss, but margin rises with the price."""
    price = linear(coins=d(-1), entry=d(60_000), wallet=d(0), tiers=TIERS, collateral=d(1))

    assert price is not None
    assert price > 1_000_000
    assert abs(linear_slack(d(-1), d(60_000), d(0), price, d(1))) < d("1e-8")


def test_an_owed_wallet_behind_coin_collateral_is_liquidated_by_a_fall() -> None:
    """2 coins of collateral, 1 short at 60,000, 70,000 owed: the coins no longer cover the debt below 10,040."""
    price = linear(coins=d(-1), entry=d(60_000), wallet=d(-70_000), tiers=FLAT, collateral=d(2))

    assert price == d(10_000) / d("0.995")


@pytest.mark.parametrize(("coins", "owed", "price"), [("-1", "-100", "0"), ("1", "-200", "inf")])
def test_where_every_price_liquidates_the_answer_is_an_end(coins: str, owed: str, price: str) -> None:
    """A short without equity even at 0 says 0; a long whose collateral is short of its margin says infinite."""
    full = bracketed([(d(0), d(1))])

    assert linear(coins=d(coins), entry=d(50), wallet=d(owed), tiers=full) == d(price)


def test_a_covered_short_that_owes_too_much_is_due_at_every_price() -> None:
    """Collateral of 1.05 gains on a rise until the top bracket takes it back: never enough for what is owed."""
    price = linear(coins=d(-1), entry=d(60_000), wallet=d(-10_000_000), tiers=TIERS, collateral=d("1.05"))

    assert price == 0


def test_an_isolated_wallet_is_initial_margin_and_what_was_added() -> None:
    """3 coins' worth at 3x is one coin's worth, in quote currency or in coins."""
    assert isolated_linear(d(-3), d(60_000), d(3), d(500)) == 60_500
    assert isolated_inverse(d(-180_000), d(60_000), d(3), d("0.1")) == d("1.1")


def test_an_inverse_long_without_equity_is_due_at_every_price() -> None:
    """What is owed in coins beyond the position's own worth cannot be won back by a rise."""
    assert inverse(face=d(60_000), entry=d(60_000), wallet=d(-2), tiers=COIN_TIERS) == INFINITE


def test_flat_positions_have_no_price() -> None:
    """Nothing held, nothing liquidated."""
    assert linear(coins=d(0), entry=d(0), wallet=d(0), tiers=()) is None
    assert inverse(face=d(0), entry=d(0), wallet=d(0), tiers=()) is None


def test_unknown_tiers_are_refused() -> None:
    """No brackets means that the price is unknown, not that there is none."""
    with pytest.raises(ValueError, match="tiers"):
        linear(coins=d(1), entry=d(1), wallet=d(1), tiers=())
    with pytest.raises(ValueError, match="tiers"):
        inverse(face=d(1), entry=d(1), wallet=d(1), tiers=())


def test_real_brackets_have_a_price_for_every_position(data_dir: Path) -> None:
    """For every symbol of a venue and positions up to its largest, long and short: equity is margin to 1e-8."""
    place = data_dir / "brackets" / "binance_leverage_tiers_freqtrade2026.9.json.gz"
    if not place.is_file():
        pytest.skip(f"no recorded brackets in {place.parent}; TRIMTAB_DATA names a folder that holds brackets/")
    symbols = json.loads(gzip.decompress(place.read_bytes()), parse_float=Decimal)
    for rows in symbols.values():
        tiers = bracketed((row["minNotional"], row["maintenanceMarginRate"]) for row in rows)
        for tier in tiers:
            for coins in (-(tier.floor + 1), tier.floor + 1):
                wallet = isolated_linear(coins, d(1), d("1.25"))
                price = linear(coins=coins, entry=d(1), wallet=wallet, tiers=tiers)
                assert price is not None
                left = wallet + coins * (price - 1) - maintenance(abs(coins) * price, tiers)
                assert abs(left) < d("1e-8")
                assert (price > 1) is (coins < 0)


def test_the_others_of_a_cross_account_count_at_their_marks() -> None:
    """Their UPnL is added and their maintenance margin is not there any more."""
    assert cross_wallet(d(1_000), [(d(50), d(10)), (d(-200), d(5))]) == 835


@pytest.mark.parametrize(
    ("own", "venue", "how_far"),
    [
        ("102", "100", "0.02"),
        ("97", "100", "0.03"),
        (None, None, "0"),
        (None, "0", "0"),
        ("inf", "0", "0"),
        (None, "100", "inf"),
        ("100", None, "inf"),
    ],
)
def test_prices_are_compared_as_fractions_of_the_venues(own: str | None, venue: str | None, how_far: str) -> None:
    """A venue's 0 is no price; one that only we or only the venue have is infinitely far."""
    assert apart(d(own) if own else None, d(venue) if venue else None) == d(how_far)


def test_a_disagreement_is_said_beyond_two_per_cent() -> None:
    """Two per cent is tolerated, more is a sentence with both figures."""
    assert disagreement(d(102), d(100)) == ""
    assert disagreement(d("102.1"), d(100)) == ("the venue's liquidation price is 100, ours 102.1: more than 2% apart")
    assert disagreement(None, d(100)) == "the venue's liquidation price is 100, ours none: more than 2% apart"
