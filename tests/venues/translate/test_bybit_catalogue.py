"""Bybit's instruments, tiers and fees."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.instrument import Kind, Tier
from bot.venues.translate.binance import Unreadable
from bot.venues.translate.bybit_catalogue import (
    fee_rates,
    instrument_page,
    linear_instrument,
    mark_prices,
    risk_tiers,
    spot_instrument,
)
from bot.venues.translate.bybit_history import funding_rule, klines
from bot.venues.translate.catalogue import Fees

RATES = Fees(Decimal("0.0006"), Decimal("0.0001"))
CONTRACT = {
    "symbol": "BTCUSDT",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "settleCoin": "USDT",
    "deliveryTime": "0",
    "priceFilter": {"tickSize": "0.10"},
    "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001", "minNotionalValue": "5"},
    "fundingInterval": 480,
    "upperFundingRate": "0.00375",
    "lowerFundingRate": "-0.00375",
}
PAIR = {
    "symbol": "BTCUSDT",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "priceFilter": {"tickSize": "0.01"},
    "lotSizeFilter": {"basePrecision": "0.000001", "minOrderAmt": "5", "maxLimitOrderQty": "83", "maxOrderQty": "71"},
}


def listed(*rows: dict[str, Any]) -> bytes:
    """A result with a list."""
    return json.dumps({"list": rows, "nextPageCursor": ""}).encode()


def test_a_contract_is_one_coin() -> None:
    """Filters are exact, and a perpetual never expires."""
    (row,) = instrument_page(listed(CONTRACT, {"symbol": "OTHER"}), frozenset({"BTCUSDT"})).rows
    found = linear_instrument(row, RATES, (Tier(Decimal(0), Decimal("0.005"), Decimal(0)),))

    assert (Kind.LINEAR, Decimal(1), None, True) == (
        found.kind,
        found.contract_size,
        found.expiry_ns,
        found.reduce_only_below_minimum,
    )
    assert (Decimal("0.1"), Decimal("0.001"), Decimal(5), Decimal(1190)) == (
        found.tick,
        found.lot,
        found.notional_min,
        found.contracts_max,
    )


def test_a_contract_that_leaves_says_when() -> None:
    """A dated contract and a perpetual on its way off the list name the moment."""
    (row,) = instrument_page(
        listed({**CONTRACT, "deliveryTime": "1774598400000", "status": "Delivering"}), frozenset({"BTCUSDT"})
    ).rows
    found = linear_instrument(row, RATES, ())

    assert (1_774_598_400_000_000_000, False) == (found.expiry_ns, found.trading)


def test_a_pair_needs_no_smallest_quantity() -> None:
    """The venue no longer checks it: the smallest amount of money counts."""
    (row,) = instrument_page(listed(PAIR), frozenset({"BTCUSDT"})).rows
    found = spot_instrument(row, RATES)

    assert (Decimal(0), Decimal(83), Decimal(5)) == (found.contracts_min, found.contracts_max, found.notional_min)


def test_names_of_all_are_kept() -> None:
    """Only the wanted rows are read; the others' names help who mistyped."""
    page = instrument_page(listed(CONTRACT, {"symbol": "OTHER"}), frozenset({"BTCUSDT"}))

    assert (("BTCUSDT", "OTHER"), 1) == (page.names, len(page.rows))


def risk(limit: str, rate: str, deduction: str = "") -> dict[str, Any]:
    """A row of the risk limits."""
    return {"symbol": "BTCUSDT", "riskLimitValue": limit, "maintenanceMargin": rate, "mmDeduction": deduction}


def test_a_tier_begins_where_another_ends() -> None:
    """Bybit names upper bounds; the deduction keeps the margin continuous where it is not stated."""
    found = risk_tiers(listed(risk("4000000", "0.01"), risk("2000000", "0.005")), "BTCUSDT")

    assert (
        Tier(Decimal(0), Decimal("0.005"), Decimal(0)),
        Tier(Decimal(2_000_000), Decimal("0.01"), Decimal(10_000)),
    ) == found


def test_a_stated_deduction_counts() -> None:
    """The venue's own figure is taken."""
    found = risk_tiers(listed(risk("2000000", "0.005", "0"), risk("4000000", "0.01", "10001")), "BTCUSDT")

    assert Decimal(10_001) == found[1].deduction


@pytest.mark.parametrize("rows", [(), (risk("1", "2"),), (risk("0", "0.01"),), (risk("1", "nan"),)])
def test_impossible_tiers_are_refused(rows: tuple[dict[str, Any], ...]) -> None:
    """Without tiers no order could be margined."""
    with pytest.raises(ValueError, match=r".+"):
        risk_tiers(listed(*rows), "BTCUSDT")


def test_fees_of_the_wanted_symbols() -> None:
    """Impossible rates are refused, the rest passed over."""
    row = {"symbol": "BTCUSDT", "takerFeeRate": "0.0006", "makerFeeRate": "-0.0001"}

    assert {"BTCUSDT": Fees(Decimal("0.0006"), Decimal("-0.0001"))} == fee_rates(listed(row), ["BTCUSDT"])
    with pytest.raises(Unreadable):
        fee_rates(listed({**row, "takerFeeRate": "1"}), ["BTCUSDT"])


def test_what_has_no_mark_is_left_out() -> None:
    """A spot ticker has none; one below zero is refused."""
    rows = ({"symbol": "A", "markPrice": "1.5"}, {"symbol": "B", "markPrice": ""}, {"symbol": "C"})

    assert {"A": Decimal("1.5")} == mark_prices(listed(*rows))
    with pytest.raises(Unreadable):
        mark_prices(listed({"symbol": "A", "markPrice": "-1"}))


def test_funding_intervals_are_in_minutes() -> None:
    """480 minutes are eight hours; no interval is refused."""
    found = funding_rule(listed(CONTRACT), "BTCUSDT")

    assert (8 * 3_600 * 1_000_000_000, Decimal("0.00375")) == (found.interval_ns, found.cap)
    with pytest.raises(ValueError, match="interval"):
        funding_rule(listed({"symbol": "BTCUSDT"}), "BTCUSDT")


def test_candles_come_newest_first() -> None:
    """They are told oldest first; one that cannot be is refused."""
    rows = [["7200000", "2", "3", "1", "2", "5", "10"], ["3600000", "1", "2", "1", "2", "5", "10"]]

    assert [1.0, 2.0] == [bar.open for bar in klines(json.dumps({"list": rows}).encode())]
    with pytest.raises(ValueError, match="cannot be"):
        klines(json.dumps({"list": [["0", "1", "0.5", "1", "1", "1"]]}).encode())


@pytest.mark.parametrize("name", ["http_get_instruments_linear", "http_get_instruments_spot"])
def test_recorded_shapes_are_read(data_dir: Any, name: str) -> None:
    """Answers as other people's adapters have them in their tests become instruments."""
    place = data_dir / "shapes" / "bybit" / f"{name}.json"
    if not place.is_file():
        pytest.skip(f"no {place}")
    body = json.dumps(json.loads(place.read_bytes())["result"]).encode()
    rows = instrument_page(body, frozenset({"BTCUSDT", "ETHUSDT"})).rows

    make = spot_instrument if "spot" in name else lambda row, rates: linear_instrument(row, rates, ())
    assert ["BTC", "ETH"] == [make(row, RATES).base for row in rows]
