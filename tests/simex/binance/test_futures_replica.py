"""Queries that are behind: orders, fills and positions as they were some time ago, while orders act at once."""

from __future__ import annotations

import pytest

from tests.simex.binance.futures_stage import Stage

LAG_MS = 1_000


@pytest.fixture
def stage() -> Stage:
    """An exchange whose queries are a second behind."""
    return Stage(lag_ms=LAG_MS)


def test_a_new_order_is_not_seen_yet(stage: Stage) -> None:
    """Placed now, it is found when the lag is over; the answer to placing it knew it at once."""
    order_id = stage.order()["orderId"]
    unseen = stage.refusal("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)[1]
    nothing = stage.get("/fapi/v1/openOrders")
    stage.leap(LAG_MS)

    assert (-2013, []) == (unseen, nothing)
    assert "NEW" == stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)["status"]
    assert [order_id] == [row["orderId"] for row in stage.get("/fapi/v1/openOrders", symbol="BTCUSDT")]
    assert [order_id] == [row["orderId"] for row in stage.get("/fapi/v1/allOrders", symbol="BTCUSDT")]


def test_a_cancelled_order_looks_open_for_a_while(stage: Stage) -> None:
    """The cancellation acts at once; the queries learn of it later."""
    order_id = stage.order()["orderId"]
    stage.leap(LAG_MS)
    stage.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)
    before = stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)["status"]
    open_before = len(stage.get("/fapi/v1/openOrders"))
    stage.leap(LAG_MS)
    after = stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)["status"]

    assert ("NEW", 1, "CANCELED") == (before, open_before, after)
    assert [] == stage.get("/fapi/v1/openOrders")
    assert -2011 == stage.refusal("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)[1]


def test_every_state_is_seen_in_its_turn(stage: Stage) -> None:
    """An order that is amended twice is seen as it was a second ago at each moment."""
    order_id = stage.order()["orderId"]
    named = {"symbol": "BTCUSDT", "orderId": order_id, "side": "BUY", "quantity": "0.1"}
    seen = []
    for price in ("58900", "58800", None, None):
        stage.leap(LAG_MS // 2)
        if price:
            stage.put("/fapi/v1/order", **named, price=price)
        if price is None or price == "58800":
            seen.append(stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)["price"])

    assert ["59000.0", "58900.0", "58800.0"] == seen


def test_fills_and_positions_come_later(stage: Stage) -> None:
    """A market order is filled at once; userTrades and positionRisk tell of it a second later."""
    stage.buy("0.1")
    fills, position = stage.get("/fapi/v1/userTrades", symbol="BTCUSDT"), stage.position()
    stage.leap(LAG_MS)

    assert ([], "0.000", "0.0") == (fills, position["positionAmt"], position["entryPrice"])
    assert 1 == len(stage.get("/fapi/v1/userTrades", symbol="BTCUSDT"))
    assert "0.100" == stage.position()["positionAmt"]


def test_a_position_that_grows_is_seen_as_it_was(stage: Stage) -> None:
    """Between two fills the first is seen alone."""
    stage.buy("0.1")
    stage.leap(LAG_MS)
    stage.buy("0.1")
    before = stage.position()["positionAmt"]
    stage.leap(LAG_MS)

    assert ("0.100", "0.200") == (before, stage.position()["positionAmt"])


def test_algo_orders_lag_as_well(stage: Stage) -> None:
    """They are orders of the same replicas."""
    algo_id = stage.algo()["algoId"]
    unseen = stage.refusal("GET", "/fapi/v1/algoOrder", algoId=algo_id)[1]
    stage.leap(LAG_MS)

    assert -2013 == unseen
    assert "NEW" == stage.get("/fapi/v1/algoOrder", algoId=algo_id)["algoStatus"]


def test_nothing_is_kept_of_what_everybody_has_seen(stage: Stage) -> None:
    """Closed orders leave the replica's memory once they are seen as they are."""
    for _ in range(50):
        order_id = stage.order()["orderId"]
        stage.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)
        stage.leap(LAG_MS)
    stage.order()

    assert len(stage.markets["usdm"].desk.replica._orders) <= 2


def test_without_a_lag_nothing_is_kept() -> None:
    """The usual exchange answers from the engine's own state."""
    stage = Stage()
    order_id = stage.order()["orderId"]

    assert "NEW" == stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)["status"]
    assert {} == stage.markets["usdm"].desk.replica._orders
