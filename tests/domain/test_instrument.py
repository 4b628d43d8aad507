"""Contracts and coins, ticks and lots."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.instrument import account_of, instrument_id
from tests.kit import USDM, d, perpetual

COINS = st.decimals(min_value=Decimal(-10_000), max_value=Decimal(10_000), places=8)
SIZES = st.sampled_from([d("1"), d("0.001"), d("0.01"), d("10"), d("1000")])
LOTS = st.sampled_from([d("1"), d("0.001"), d("0.1"), d("5")])


def test_an_instrument_is_named_by_its_account_and_symbol() -> None:
    """The name begins with the account's, which is how an account's futures are told from another's."""
    assert instrument_id(USDM, "BTCUSDT") == "binance.usdm:BTCUSDT"
    assert account_of(instrument_id(USDM, "BTCUSDT")) == USDM


@pytest.mark.parametrize(("coins", "contracts"), [("1.2345", "1.234"), ("-1.2345", "-1.234"), ("0.0009", "0")])
def test_contracts_are_rounded_toward_no_trade(coins: str, contracts: str) -> None:
    """Long or short, a rounded order is never larger than what was asked for."""
    assert perpetual().contracts(d(coins)) == d(contracts)


@given(COINS, SIZES, LOTS)
def test_rounding_to_lots_leaves_less_than_a_lot(coins: Decimal, size: Decimal, lot: Decimal) -> None:
    """Contracts and coins convert back and forth, lose less than one lot, and never change their sign."""
    instrument = perpetual(contract_size=size, lot=lot)
    contracts = instrument.contracts(coins)

    assert contracts % lot == 0
    assert 0 <= (abs(coins) - abs(instrument.coins(contracts))) < lot * size
    assert contracts * coins >= 0
    assert instrument.contracts(instrument.coins(contracts)) == contracts


@given(st.decimals(min_value=Decimal("0.01"), max_value=Decimal(100_000), places=6))
def test_a_price_is_rounded_to_the_tick_on_the_safe_side(price: Decimal) -> None:
    """A buy limit is never above, a sell limit never below what was allowed, by less than a tick."""
    instrument = perpetual()

    assert instrument.floor_price(price) <= price < instrument.floor_price(price) + instrument.tick
    assert instrument.ceil_price(price) - instrument.tick < price <= instrument.ceil_price(price)
