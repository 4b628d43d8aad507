"""Spot orders: what is answered, what is kept, and what it does to the balances."""

from __future__ import annotations

import pytest

from tests.simex.binance.spot_stage import GONE, SpotStage, market, wanted

ACK = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
RESULT = ACK | {
    *("price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce"),
    *("type", "side", "workingTime", "selfTradePreventionMode"),
}
QUERY = (RESULT - {"transactTime"}) | {"stopPrice", "icebergQty", "time", "updateTime", "isWorking"}
CANCELLED = (RESULT - {"workingTime"}) | {"origClientOrderId"}


@pytest.fixture
def stage() -> SpotStage:
    return SpotStage()


@pytest.mark.parametrize(("shape", "fields"), [("ACK", ACK), ("RESULT", RESULT), ("FULL", RESULT | {"fills"})])
def test_answer_has_the_documented_fields(stage: SpotStage, shape: str, fields: set[str]) -> None:
    """A new order is answered in the shape that was asked for, with exactly the documented fields."""
    assert fields == set(stage.order(newOrderRespType=shape))


def test_limit_order_rests_and_locks(stage: SpotStage) -> None:
    """A limit buy that rests locks price times quantity, and cancelling it gives that back."""
    order = stage.order(newClientOrderId="mine")

    assert ("NEW", "0.00000000", []) == (order["status"], order["executedQty"], order["fills"])
    assert ("94100.00000000", "5900.00000000") == stage.balance("USDT")
    row = stage.delete("/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="bye")
    assert CANCELLED == set(row)
    assert ("mine", "bye", "CANCELED") == (row["origClientOrderId"], row["clientOrderId"], row["status"])
    assert ("100000.00000000", "0.00000000") == stage.balance("USDT")


def test_market_order_tells_its_fills(stage: SpotStage) -> None:
    """A market buy is filled from the book level by level, pays its fee in what it receives, and says so."""
    order = stage.post("/api/v3/order", **market(quantity="0.7"))

    assert ("FILLED", "0.70000000", "42000.90000000") == (
        order["status"],
        order["executedQty"],
        order["cummulativeQuoteQty"],
    )
    assert [("60001.00000000", "0.50000000"), ("60002.00000000", "0.20000000")] == [
        (fill["price"], fill["qty"]) for fill in order["fills"]
    ]
    assert {"BTC"} == {fill["commissionAsset"] for fill in order["fills"]}
    paid = sum(float(fill["commission"]) for fill in order["fills"])
    assert f"{2.7 - paid:.8f}" == stage.balance("BTC")[0]


def test_quote_quantity_spends_at_most_the_money(stage: SpotStage) -> None:
    """A market order by quote amount buys as many whole lots as the money pays for."""
    order = stage.post("/api/v3/order", **market(quantity=GONE, quoteOrderQty="1000"))

    assert ("FILLED", "1000.00000000") == (order["status"], order["origQuoteOrderQty"])
    assert 999 < float(order["cummulativeQuoteQty"]) <= 1000


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"timeInForce": "IOC", "price": "60001", "quantity": "0.8"}, "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ({"timeInForce": "FOK", "price": "60001", "quantity": "0.8"}, "EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED"),
        ({"timeInForce": "IOC", "price": "60001", "quantity": "0.5"}, "FILLED", None),
        ({"type": "LIMIT_MAKER", "timeInForce": GONE, "newOrderRespType": "FULL"}, "NEW", None),
    ],
)
def test_times_in_force(stage: SpotStage, changes: dict[str, str], status: str, reason: str | None) -> None:
    """What cannot be filled at once expires by its time in force, with the documented reason."""
    order = stage.order(**changes)

    assert (status, reason) == (order["status"], order.get("expiryReason"))
    assert QUERY <= set(stage.query(order["orderId"]))


@pytest.mark.parametrize(
    ("side", "kind", "stop", "to"),
    [
        ("SELL", "STOP_LOSS", "59500", "59400"),
        ("BUY", "STOP_LOSS", "60500", "60600"),
        ("SELL", "TAKE_PROFIT", "60500", "60600"),
        ("BUY", "TAKE_PROFIT", "59500", "59400"),
    ],
)
def test_stop_order_waits_for_its_price(stage: SpotStage, side: str, kind: str, stop: str, to: str) -> None:
    """A stop or take-profit is new and not working until a trade reaches its price; then it is a market order."""
    order = stage.post("/api/v3/order", **market(side=side, type=kind, stopPrice=stop))

    waiting = stage.query(order["orderId"])
    assert ("NEW", kind, False, -1) == tuple(waiting[name] for name in ("status", "type", "isWorking", "workingTime"))
    stage.move(to)
    done = stage.query(order["orderId"])
    assert ("FILLED", True, stage.now_ms) == tuple(done[name] for name in ("status", "isWorking", "workingTime"))


def test_stop_limit_locks_and_rests(stage: SpotStage) -> None:
    """A stop-limit order holds its coins while it waits and rests at its limit when it is triggered."""
    order = stage.order(side="SELL", type="STOP_LOSS_LIMIT", stopPrice="59500", price="59900")

    assert ("1.90000000", "0.10000000") == stage.balance("BTC")
    stage.move("59400")
    assert ("NEW", True) == tuple(stage.query(order["orderId"])[name] for name in ("status", "isWorking"))
    assert ("1.90000000", "0.10000000") == stage.balance("BTC")


@pytest.mark.parametrize(
    ("mode", "taker", "maker"),
    [
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "NEW"),
        ("EXPIRE_MAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
        ("NONE", "FILLED", "FILLED"),
    ],
)
def test_self_trade_prevention(stage: SpotStage, mode: str, taker: str, maker: str) -> None:
    """An order that would meet one of its own account ends as its mode says; the match is told by its own query."""
    resting = stage.order(side="SELL", price="60000.5")
    crossing = stage.order(price="60000.5", selfTradePreventionMode=mode)

    assert (taker, maker) == (crossing["status"], stage.query(resting["orderId"])["status"])
    expired = crossing if taker == "EXPIRED_IN_MATCH" else stage.query(resting["orderId"])
    if mode != "NONE":
        (match, *_) = stage.get(
            "/api/v3/myPreventedMatches", symbol="BTCUSDT", preventedMatchId=expired["preventedMatchId"]
        )
        assert (crossing["orderId"], resting["orderId"], mode, "60000.50000000") == tuple(
            match[name] for name in ("takerOrderId", "makerOrderId", "selfTradePreventionMode", "price")
        )
        sides = {"EXPIRE_TAKER": {"taker"}, "EXPIRE_MAKER": {"maker"}, "EXPIRE_BOTH": {"taker", "maker"}}
        assert sides[mode] == {one for one in ("taker", "maker") if f"{one}PreventedQuantity" in match}


def test_cancel_restrictions(stage: SpotStage) -> None:
    """A cancellation restricted to new orders leaves one that is partly filled, and says so."""
    order = stage.order(side="SELL", price="60000.5", quantity="0.4")
    stage.strangers(1, "0.1")

    named = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    refused = (400, -2011, "Order was not canceled due to cancel restrictions.")
    assert refused == stage.refusal("DELETE", "/api/v3/order", **named, cancelRestrictions="ONLY_NEW")
    row = stage.delete("/api/v3/order", **named, cancelRestrictions="ONLY_PARTIALLY_FILLED")
    assert ("CANCELED", "0.10000000") == (row["status"], row["executedQty"])


def test_cancel_all(stage: SpotStage) -> None:
    """Every open order of the symbol is cancelled, those that wait included; with none open it is an unknown order."""
    stage.order()
    stage.post("/api/v3/order", **market(side="SELL", type="STOP_LOSS", stopPrice="59500"))

    rows = stage.delete("/api/v3/openOrders", symbol="BTCUSDT")
    assert ["CANCELED", "CANCELED"] == [row["status"] for row in rows]
    refused = (400, -2011, "Unknown order sent.")
    assert refused == stage.refusal("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")


def test_queries_of_orders(stage: SpotStage) -> None:
    """Open orders are told of one symbol or all; all orders from an id on, and within a day."""
    first, second = stage.order(), stage.order(price="58000")
    stage.delete("/api/v3/order", symbol="BTCUSDT", orderId=first["orderId"])

    assert [second["orderId"]] == [row["orderId"] for row in stage.get("/api/v3/openOrders")]
    assert 2 == len(stage.get("/api/v3/allOrders", symbol="BTCUSDT"))
    assert 1 == len(stage.get("/api/v3/allOrders", symbol="BTCUSDT", orderId=second["orderId"]))
    assert [] == stage.get("/api/v3/allOrders", symbol="BTCUSDT", startTime=stage.now_ms + 1)
    assert [] == stage.get("/api/v3/openOrders", symbol="ETHUSDT")


def test_amend_keeps_priority(stage: SpotStage) -> None:
    """An order is made smaller in its place, gets a new client id, and the amendment is told."""
    order = stage.order(newClientOrderId="a")

    row = stage.ask(
        "PUT",
        "/api/v3/order/amend/keepPriority",
        symbol="BTCUSDT",
        orderId=order["orderId"],
        newQty="0.04",
        newClientOrderId="b",
    )["amendedOrder"]
    assert ("a", "b", "0.04000000", "NEW") == tuple(
        row[name] for name in ("origClientOrderId", "clientOrderId", "qty", "status")
    )
    assert ("97640.00000000", "2360.00000000") == stage.balance("USDT")
    (told,) = stage.get("/api/v3/order/amendments", symbol="BTCUSDT", orderId=order["orderId"])
    assert ("0.10000000", "0.04000000") == (told["origQty"], told["newQty"])
    assert order["orderId"] == stage.get("/api/v3/order", symbol="BTCUSDT", origClientOrderId="b")["orderId"]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"newQty": "0.1"}, (400, -2038, "The requested action would change no state; rejecting.")),
        ({"newQty": "0.2"}, (400, -2038, "Order amend (quantity increase) is not supported.")),
        ({"newQty": "0.0000001"}, (400, -1013, "Filter failure: LOT_SIZE")),
        ({"newQty": "0.00001"}, (400, -1013, "Filter failure: NOTIONAL")),
        ({"newQty": "0.04", "newClientOrderId": "other"}, (400, -2038, "Duplicate order sent.")),
        ({"newQty": "0.04", "orderId": 1}, (400, -2011, "Unknown order sent.")),
    ],
)
def test_amend_refusals(stage: SpotStage, changes: dict[str, str], refused: tuple[int, int, str]) -> None:
    """An amendment that is not smaller, breaks a filter or takes another order's id changes nothing."""
    stage.order(newClientOrderId="other")
    order = stage.order(newClientOrderId="mine")

    named = {"symbol": "BTCUSDT", "orderId": order["orderId"], **changes}
    assert refused == stage.refusal("PUT", "/api/v3/order/amend/keepPriority", **named)
    row = stage.query(order["orderId"])
    assert ("0.10000000", "mine") == (row["origQty"], row["clientOrderId"])


def test_queries_lag_behind(stage: SpotStage) -> None:
    """With a lag an order is unknown to the queries for a while, though it is in the book."""
    late = SpotStage(lag_ms=500)
    order = late.order()

    assert (400, -2013, "Order does not exist.") == late.refusal(
        "GET", "/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"]
    )
    assert [] == late.get("/api/v3/openOrders")
    late.leap(500)
    assert "NEW" == late.query(order["orderId"])["status"]
    late.delete("/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"])
    assert [order["orderId"]] == [row["orderId"] for row in late.get("/api/v3/openOrders")]
    late.leap(500)
    assert [] == late.get("/api/v3/openOrders")


def test_fills_lag_behind() -> None:
    """With a lag a fill is told to the queries later than it happened."""
    late = SpotStage(lag_ms=500)
    late.post("/api/v3/order", **market())

    assert [] == late.get("/api/v3/myTrades", symbol="BTCUSDT")
    late.leap(500)
    assert 1 == len(late.get("/api/v3/myTrades", symbol="BTCUSDT"))


def test_both_ids_must_name_the_same_order(stage: SpotStage) -> None:
    """An order id with another order's client id names no order, and cancels none."""
    order = stage.order(newClientOrderId="a")
    stage.order(newClientOrderId="b")

    named = {"symbol": "BTCUSDT", "orderId": order["orderId"], "origClientOrderId": "b"}
    assert (400, -2011, "Unknown order sent.") == stage.refusal("DELETE", "/api/v3/order", **named)
    wrong = (400, -2039, "Client order ID is not correct for this order ID.")
    assert wrong == stage.refusal("GET", "/api/v3/order", **named)
    assert 2 == len(stage.get("/api/v3/openOrders"))


def test_strategies_are_told(stage: SpotStage) -> None:
    """A strategy's id and type are shown with its order, wherever it is shown."""
    order = stage.order(strategyId=7, strategyType=1_000_001)

    for row in (order, stage.query(order["orderId"])):
        assert (7, 1_000_001) == (row["strategyId"], row["strategyType"])


def test_name_of_a_closed_order_is_free_to_an_amendment(stage: SpotStage) -> None:
    """An amended order may take a client id that no open order has; after ten amendments there are no more."""
    stage.order(newClientOrderId="gone")
    stage.delete("/api/v3/order", symbol="BTCUSDT", origClientOrderId="gone")
    order = stage.order(quantity="0.5")

    path = "/api/v3/order/amend/keepPriority"
    for number in range(10):
        quantity = f"0.{49 - number}"
        stage.ask("PUT", path, symbol="BTCUSDT", orderId=order["orderId"], newQty=quantity, newClientOrderId="gone")
    refused = stage.refusal("PUT", path, symbol="BTCUSDT", orderId=order["orderId"], newQty="0.1")
    assert (400, -1013, "Filter failure: MAX_NUM_ORDER_AMENDS") == refused
    assert "0.40000000" == stage.get("/api/v3/order", symbol="BTCUSDT", origClientOrderId="gone")["origQty"]


def test_what_an_amendment_says_of_closed_orders(stage: SpotStage) -> None:
    """An order that ended, or was filled beyond the wanted quantity, is not amended."""
    order = stage.order()
    stage.delete("/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"])
    named = {"symbol": "BTCUSDT", "orderId": order["orderId"], "newQty": "0.05"}

    assert (400, -2038, "Unknown order sent.") == stage.refusal("PUT", "/api/v3/order/amend/keepPriority", **named)
    assert order["clientOrderId"] == stage.query(order["orderId"])["clientOrderId"]


def test_old_unfilled_orders_are_archived(stage: SpotStage) -> None:
    """An order that ended without a fill more than ninety days ago has been archived."""
    order = stage.order()
    stage.delete("/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"])
    stage.now_ms += 90 * 86_400_000 + 1

    status, code, _ = stage.refusal("GET", "/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"])
    assert (400, -2026) == (status, code)


def test_test_order_does_nothing(stage: SpotStage) -> None:
    """A test order is read and forgotten; it tells the rates on demand."""
    assert {} == stage.post("/api/v3/order/test", **wanted())
    rates = stage.post("/api/v3/order/test", **wanted(), computeCommissionRates="true")
    assert {"maker", "taker"} == set(rates["standardCommissionForOrder"])
    assert [] == stage.get("/api/v3/openOrders")
