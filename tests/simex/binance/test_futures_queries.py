"""The queries of futures orders: what is remembered how long, fills that add up, forced orders."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.core.order import SELL
from tests.simex.binance.documented_futures import FIELDS
from tests.simex.binance.futures_stage import COIN, PERP, Stage, symbol_of

BOTH = pytest.mark.parametrize("prefix", ["/fapi", "/dapi"])


@pytest.fixture
def stage() -> Stage:
    """A small exchange at a funding time, with quiet books around 60,000 dollars."""
    return Stage()


def parts(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some values of a row."""
    return tuple(row[name] for name in names)


def test_all_orders_by_id_and_by_time(stage: Stage) -> None:
    """From an id on, or within a time, the oldest first; by default the newest of the last week."""
    first = stage.order()["orderId"]
    stage.leap(1_000)
    second = stage.order()["orderId"]
    found = {
        name: [row["orderId"] for row in stage.get("/fapi/v1/allOrders", symbol="BTCUSDT", **params)]
        for name, params in {
            "all": {},
            "newest": {"limit": 1},
            "from": {"orderId": second},
            "oldest": {"orderId": first, "limit": 1},
            "early": {"startTime": stage.now_ms - 5_000, "endTime": stage.now_ms - 500},
        }.items()
    }

    assert {"all": [first, second], "newest": [second], "from": [second], "oldest": [first], "early": [first]} == found


def test_orders_that_never_filled_are_forgotten_after_three_days() -> None:
    """Cancelled without a fill: found for three days; filled: for ninety."""
    stage = Stage(mark_interval_ms=3_600_000)
    cancelled, filled = stage.order()["orderId"], stage.buy()["orderId"]
    stage.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=cancelled)
    stage.leap(3 * 86_400_000 + 1)

    assert -2013 == stage.refusal("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=cancelled)[1]
    assert "FILLED" == stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=filled)["status"]


@BOTH
def test_trades_have_the_documented_fields(stage: Stage, prefix: str) -> None:
    """One row a fill: price, quantity, worth, fee, profit and who made it."""
    quantity = "1.5" if prefix == "/fapi" else "600"
    order_id = stage.buy(quantity, prefix)["orderId"]
    rows = stage.get(f"{prefix}/v1/userTrades", symbol=symbol_of(prefix), orderId=order_id)

    assert FIELDS[f"{prefix} trade"] == set(rows[0])
    assert ["60001.0", "60002.0"] == [row["price"] for row in rows]
    assert float(quantity) == sum(float(row["qty"]) for row in rows)
    assert [(True, False)] * 2 == [parts(row, "buyer", "maker") for row in rows]


def test_trades_of_a_linear_contract_add_up(stage: Stage) -> None:
    """Worth, fee and profit by hand: 0.1 bought at 60,001 and sold at 59,999, each for 0.05 %."""
    stage.buy("0.1")
    stage.sell("0.1")
    bought, sold = stage.get("/fapi/v1/userTrades", symbol="BTCUSDT")

    assert ("6000.1000", "3.00005000", "USDT", "0.00000000") == parts(
        bought, "quoteQty", "commission", "commissionAsset", "realizedPnl"
    )
    assert ("5999.9000", "2.99995000", "-0.20000000") == parts(sold, "quoteQty", "commission", "realizedPnl")
    assert [sold] == stage.get("/fapi/v1/userTrades", symbol="BTCUSDT", fromId=sold["id"])


def test_trades_of_an_inverse_contract_add_up(stage: Stage) -> None:
    """Worth, fee and profit in coins: 60 contracts of 100 dollars bought at 60,001 and sold at 59,999."""
    stage.buy("60", "/dapi")
    stage.sell("60", "/dapi")
    bought, sold = stage.get("/dapi/v1/userTrades", pair="BTCUSD")

    # 6000 / 60001 = 0.09999833; 6000 / 59999 = 0.10000167; the difference is lost.
    assert ("0.09999833", "0.00005000", "BTC") == parts(bought, "baseQty", "commission", "commissionAsset")
    assert ("0.10000167", "-0.00000333") == parts(sold, "baseQty", "realizedPnl")


@BOTH
def test_a_maker_is_told_so(stage: Stage, prefix: str) -> None:
    """An order that a stranger fills is a maker's, with the maker's fee."""
    key, quantity = (PERP, "0.1") if prefix == "/fapi" else (COIN, "10")
    stage.order(prefix, price="60000")
    stage.strangers(key, SELL, quantity)
    (row,) = stage.get(f"{prefix}/v1/userTrades", symbol=symbol_of(prefix))

    assert (True, "60000.0") == parts(row, "maker", "price")
    assert {"/fapi": "1.20000000", "/dapi": "0.00000333"}[prefix] == row["commission"]


@BOTH
def test_liquidation_orders_are_listed(stage: Stage, prefix: str) -> None:
    """forceOrders has what the exchange closed, under its own client id."""
    quantity = "20" if prefix == "/fapi" else "10000"
    stage.buy(quantity, prefix)
    stage.move("55300" if prefix == "/fapi" else "52000")
    for _ in range(60):
        stage.leap(1_000)
    rows = stage.get(f"{prefix}/v1/forceOrders", symbol=symbol_of(prefix), autoCloseType="LIQUIDATION")

    assert FIELDS[f"{prefix} forced"] == set(rows[0])
    assert rows[0]["clientOrderId"].startswith("autoclose-")
    assert [] == stage.get(f"{prefix}/v1/forceOrders", autoCloseType="ADL")


def test_deleveraging_is_listed(stage: Stage) -> None:
    """An ADL order carries its own marker and is told apart from liquidations."""
    stage.buy("1")
    stage.exchange.adl.reduce(stage.exchange.state.account("alice"), PERP, "both", 50_000_000)
    stage.flush()
    (row,) = stage.get("/fapi/v1/forceOrders", autoCloseType="ADL")

    assert ("adl_autoclose", "SELL", "FILLED", "0.500") == parts(row, "clientOrderId", "side", "status", "executedQty")
    assert [] == stage.get("/fapi/v1/forceOrders", autoCloseType="LIQUIDATION")
