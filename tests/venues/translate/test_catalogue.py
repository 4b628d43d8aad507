"""exchangeInfo, brackets and fees as instruments."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.instrument import Kind
from bot.domain.units import MILLISECOND_NS
from bot.venues.budget import USDM_LIMITS
from bot.venues.translate.catalogue import (
    Fees,
    SymbolRow,
    exchange_info,
    fees,
    spot_instrument,
    tiers,
    usdm_instrument,
)

RATES = Fees(Decimal("0.0005"), Decimal("0.0002"))
REFUSED = (msgspec.MsgspecError, ValueError)


def future(**changes: Any) -> dict[str, Any]:
    """A USD-M symbol's row."""
    row = {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "deliveryDate": 4_133_404_800_000,
        "maintMarginPercent": "2.5000",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "120"},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
        ],
    }
    return {**row, **changes}


def read(row: dict[str, Any]) -> SymbolRow:
    """The row through exchangeInfo."""
    return exchange_info(json.dumps({"symbols": [row], "rateLimits": []}).encode()).symbols[0]


def test_a_future_keeps_its_filters() -> None:
    """Tick, lot, bounds and minimum are the limit order's own, exactly."""
    found = usdm_instrument(read(future()), RATES, ())

    assert (Kind.LINEAR, Decimal("0.1"), Decimal("0.001")) == (found.kind, found.tick, found.lot)
    assert (Decimal(1000), Decimal(100)) == (found.contracts_max, found.notional_min)
    assert (True, True, None) == (found.reduce_only_below_minimum, found.trading, found.expiry_ns)


def test_a_flat_maintenance_rate_stands_in_for_brackets() -> None:
    """Without a key the stricter published rate is used, never none at all."""
    assert [Decimal("0.025")] == [tier.rate for tier in usdm_instrument(read(future()), RATES, ()).tiers]


def test_a_delisting_date_is_an_expiry() -> None:
    """A perpetual whose delivery date has come near ends then."""
    found = usdm_instrument(read(future(deliveryDate=1_800_000_000_000, status="SETTLING")), RATES, ())

    assert (1_800_000_000_000 * MILLISECOND_NS, False) == (found.expiry_ns, found.trading)


def test_a_pair_takes_either_name_of_the_notional_filter() -> None:
    """Spot renamed its filter; both names mean the same."""
    for name in ("NOTIONAL", "MIN_NOTIONAL"):
        filters = [*future()["filters"][:2], {"filterType": name, "minNotional": "5.00000000"}]

        assert Decimal(5) == spot_instrument(read(future(filters=filters)), RATES).notional_min


@pytest.mark.parametrize("dropped", ["PRICE_FILTER", "LOT_SIZE", "MIN_NOTIONAL"])
def test_a_symbol_without_a_filter_is_refused(dropped: str) -> None:
    """A missing filter is not a filter of zero."""
    filters = [row for row in future()["filters"] if row["filterType"] != dropped]

    with pytest.raises(ValueError, match="BTCUSDT"):
        usdm_instrument(read(future(filters=filters)), RATES, ())


@pytest.mark.parametrize(
    ("number", "name", "value"), [(0, "tickSize", "0"), (1, "stepSize", "NaN"), (1, "minQty", "-1")]
)
def test_an_impossible_filter_is_refused(number: int, name: str, value: str) -> None:
    """A tick or lot of zero would divide by it."""
    filters = [dict(row) for row in future()["filters"]]
    filters[number][name] = value

    with pytest.raises(ValueError, match="BTCUSDT"):
        usdm_instrument(read(future(filters=filters)), RATES, ())


def test_brackets_are_exact_and_in_order() -> None:
    """JSON numbers become the decimals that they spell, from the lowest floor on."""
    rows = b"""[{"symbol":"BTCUSDT","brackets":[
        {"notionalFloor":300000,"notionalCap":800000,"maintMarginRatio":0.005,"cum":300.0},
        {"notionalFloor":0,"notionalCap":300000,"maintMarginRatio":0.004,"cum":0.0}]}]"""
    first, second = tiers(rows)["BTCUSDT"]

    assert (Decimal("0.004"), Decimal(300_000), Decimal(300)) == (first.rate, second.floor, second.deduction)
    assert tiers(rows.strip()[1:-1]) == tiers(rows)


@pytest.mark.parametrize("ratio", ["0", "1.5", "-0.1"])
def test_an_impossible_bracket_is_refused(ratio: str) -> None:
    """A maintenance rate is above nothing and at most everything."""
    row = f'{{"symbol":"X","brackets":[{{"notionalFloor":0,"notionalCap":1,"maintMarginRatio":{ratio},"cum":0}}]}}'

    with pytest.raises(ValueError, match="impossible"):
        tiers(row.encode())


def test_brackets_that_begin_above_zero_are_refused() -> None:
    """The smallest position has a maintenance margin too."""
    row = b'{"symbol":"X","brackets":[{"notionalFloor":5,"notionalCap":9,"maintMarginRatio":0.1,"cum":0}]}'

    with pytest.raises(ValueError, match="begin at 0"):
        tiers(row)


def test_fees_are_rates() -> None:
    """A maker rebate is negative; a taker fee above the whole is a mistake."""
    assert Fees(Decimal("0.0004"), Decimal("-0.0001")) == fees(
        b'{"symbol":"X","makerCommissionRate":"-0.0001","takerCommissionRate":"0.0004"}'
    )
    with pytest.raises(ValueError, match="impossible"):
        fees(b'{"symbol":"X","makerCommissionRate":"0","takerCommissionRate":"4"}')


def test_the_venues_own_limits_are_taken() -> None:
    """What exchangeInfo states replaces what we believed, and only that."""
    body = {
        "symbols": [future()],
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}],
    }
    found = exchange_info(json.dumps(body).encode()).limits(USDM_LIMITS)

    assert (1_200, USDM_LIMITS.orders_per_10s) == (found.weight_per_minute, found.orders_per_10s)


@pytest.mark.parametrize("body", [b'{"symbols":[],"rateLimits":[]}', b"{}", b"[]"])
def test_an_exchange_without_symbols_is_refused(body: bytes) -> None:
    """An empty catalogue would make every symbol a misspelling."""
    with pytest.raises(REFUSED):
        exchange_info(body)
