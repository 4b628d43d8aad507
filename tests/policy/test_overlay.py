"""Ratio targets: what is hedged, and that a price alone never calls for a trade."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.boxes import Row
from bot.domain.rules import Unit
from bot.policy import overlay
from tests.kit import BTC, band, d, neutral, pricing
from tests.policy.views import book


def hedge_of(held: str, futures: str, ratio: str = "1", price: str = "60000", *, correcting: bool = False) -> Decimal:
    """What a ratio target with a band of 1 % trades."""
    view = book(BTC=(price, held, futures))
    (need,) = overlay.needs(neutral("BTC", ratio=ratio), BTC, view, correcting=correcting)
    return need.hedge


@pytest.mark.parametrize(
    ("held", "futures", "ratio", "trade"),
    [
        ("2", "0", "1", "-2"),
        ("2", "0", "0.5", "-1"),
        ("2", "0", "1.5", "-3"),
        ("10", "-2", "1", "-8"),
        ("1", "-2", "1", "1"),
        ("0", "-2", "1", "2"),
        ("2", "-2", "1", "0"),
    ],
    ids=["neutral", "half", "over", "partly hedged", "withdrawn", "all withdrawn", "hedged"],
)
def test_the_trade_brings_the_futures_to_the_ratio(held: str, futures: str, ratio: str, trade: str) -> None:
    """Short ratio x holding, in both directions: after a withdrawal the short is bought back."""
    assert hedge_of(held, futures, ratio) == d(trade)


@pytest.mark.parametrize(
    ("futures", "trade"), [("-0.99", "0"), ("-0.9899", "-0.0101"), ("-1.01", "0"), ("-1.0101", "0.0101")]
)
def test_a_relative_band_is_a_fraction_of_the_hedged_coins(futures: str, trade: str) -> None:
    """1 % of 1 BTC: exactly at the edge nothing, a ten-thousandth beyond it all of it."""
    assert hedge_of("1", futures) == d(trade)


@given(st.decimals(-100, 100, places=4), st.decimals(-100, 100, places=4), st.decimals(0, 2, places=2))
def test_negating_the_book_negates_the_trade(held: Decimal, futures: Decimal, ratio: Decimal) -> None:
    """A short book is hedged by the mirrored long."""
    assert hedge_of(str(held), str(futures), str(ratio)) == -hedge_of(str(-held), str(-futures), str(ratio))


@given(st.decimals("0.01", 99_999, places=2))
def test_a_coin_matched_hedge_needs_no_trade_at_any_price(price: Decimal) -> None:
    """A short of as many coins as are held is right whatever the coin costs, and its rows say so."""
    view = book(BTC=(str(price), "1.2345", "-1.2345"))

    assert hedge_of("1.2345", "-1.2345", price=str(price)) == 0
    assert overlay.rows(neutral("BTC"), BTC, pricing("BTC"), view) == []


def test_only_a_band_in_quote_currency_depends_on_the_price() -> None:
    """0.01 coins beyond the target are inside 500 dollars until the coin costs 50,000."""
    target = neutral("BTC", within=band("500", unit=Unit.QUOTE))
    view = book(BTC=("40000", "1", "-0.99"))

    assert overlay.rows(target, BTC, pricing("BTC"), view) == [Row(500.0, {pricing("BTC"): -0.01})]
