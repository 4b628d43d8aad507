"""The names of markets, accounts and instruments."""

import pytest

from bot.domain.units import InstrumentId
from bot.domain.venues import (
    BINANCE,
    BYBIT,
    BYBIT_UNIFIED,
    NAMES,
    instrument_named,
    split,
    venue_of,
    written,
)


@pytest.mark.parametrize(
    ("venue", "market", "name", "config"),
    [
        (BINANCE, "spot", "binance.spot:BTCUSDT", "spot:BTCUSDT"),
        (BINANCE, "usdm", "binance.usdm:BTCUSDT", "usdm:BTCUSDT"),
        (BINANCE, "linear", "binance.usdm:BTCUSDT", "usdm:BTCUSDT"),
        (BYBIT, "spot", "bybit.unified:spot:BTCUSDT", "spot:BTCUSDT"),
        (BYBIT, "linear", "bybit.unified:linear:BTCUSDT", "linear:BTCUSDT"),
        (BYBIT, "usdm", "bybit.unified:linear:BTCUSDT", "linear:BTCUSDT"),
    ],
)
def test_an_instrument_has_one_name_in_the_house_and_one_in_a_config(
    venue: str, market: str, name: str, config: str
) -> None:
    """Both words for contracts mean the same, and a name leads back to what a config would say."""
    assert name == instrument_named(venue, market, "BTCUSDT")
    assert config == written(InstrumentId(name))
    assert venue == venue_of(InstrumentId(name))


@pytest.mark.parametrize(
    ("market", "found"),
    [("spot", ("binance", "spot")), ("bybit.linear", ("bybit", "linear")), ("binance.usdm", ("binance", "usdm"))],
)
def test_a_market_names_its_venue_where_it_is_another(market: str, found: tuple[str, str]) -> None:
    """Without a venue it is the config's own."""
    assert found == split(market, "binance")


def test_a_pair_and_a_contract_of_one_symbol_are_two_instruments_of_one_account() -> None:
    """At Bybit they share the wallet, and are told apart."""
    pair, contract = (instrument_named(BYBIT, market, "BTCUSDT") for market in ("spot", "linear"))

    assert pair != contract
    assert (BYBIT_UNIFIED,) == NAMES[BYBIT].accounts
    assert BYBIT_UNIFIED == NAMES[BYBIT].futures
