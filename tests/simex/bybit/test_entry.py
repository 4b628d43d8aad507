"""Order entry: what is accepted, what is refused with which code, and what comes later on the order stream."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.simex.bybit.dialect import Behaviour
from bot.simex.core.instrument import Status
from bot.simex.core.order import SELL
from tests.simex.bybit.stage import PERP, Stage

SPOT_ORDER = {"category": "spot", "symbol": "BTCUSDT", "qty": "0.01"}


def the_order(stage: Stage, order_id: str, **params: Any) -> dict[str, Any]:
    """An order by its id."""
    (row,) = stage.realtime(orderId=order_id, **params)
    return row


def test_a_limit_order_rests(stage: Stage) -> None:
    """The acknowledgement has both ids; the order is New with what was asked for."""
    answer = stage.order(orderLinkId="tt-1", timeInForce="PostOnly")
    row = the_order(stage, answer["result"]["orderId"])

    assert {"orderId", "orderLinkId"} == set(answer["result"])
    assert ("New", "tt-1", "PostOnly", "59000.0", "0.100", "5900") == tuple(
        row[name] for name in ("orderStatus", "orderLinkId", "timeInForce", "price", "leavesQty", "leavesValue")
    )
    assert ("CreateByUser", "UNKNOWN", "EC_NoError", 0) == tuple(
        row[name] for name in ("createType", "cancelType", "rejectReason", "positionIdx")
    )


@pytest.mark.parametrize(
    ("changes", "status", "reason", "filled"),
    [
        ({"timeInForce": "IOC"}, "Cancelled", "EC_NoImmediateQtyToFill", "0.000"),
        ({"timeInForce": "IOC", "price": "60001", "qty": "1.5"}, "Cancelled", "EC_NoImmediateQtyToFill", "1.000"),
        ({"timeInForce": "FOK", "price": "60001", "qty": "1.5"}, "Cancelled", "EC_CancelForNoFullFill", "0.000"),
        ({"timeInForce": "PostOnly", "price": "60001"}, "Cancelled", "EC_PostOnlyWillTakeLiquidity", "0.000"),
        ({"timeInForce": "FOK", "price": "60001"}, "Filled", "EC_NoError", "0.100"),
        ({"orderType": "Market"}, "Filled", "EC_NoError", "0.100"),
    ],
)
def test_orders_that_do_not_rest(stage: Stage, changes: dict[str, str], status: str, reason: str, filled: str) -> None:
    """They are acknowledged, and end with the documented status and reject reason."""
    row = the_order(stage, stage.placed(**changes))

    assert (status, reason, filled) == (row["orderStatus"], row["rejectReason"], row["cumExecQty"])


def test_a_spot_buy_that_is_cancelled_after_a_part(stage: Stage) -> None:
    """Spot has a status of its own for it."""
    order_id = stage.placed(**SPOT_ORDER | {"qty": "0.7", "price": "60001", "timeInForce": "IOC"})
    row = the_order(stage, order_id, category="spot")

    assert ("PartiallyFilledCanceled", "0.500000") == (row["orderStatus"], row["cumExecQty"])
    assert order_id.isdigit()
    assert "createType" not in row


def test_a_market_buy_of_spot_is_by_value(stage: Stage) -> None:
    """The quantity is dollars unless marketUnit says coins."""
    by_value = stage.placed(category="spot", symbol="BTCUSDT", orderType="Market", qty="6000.1")
    by_coins = stage.placed(category="spot", symbol="BTCUSDT", orderType="Market", qty="0.1", marketUnit="baseCoin")
    rows = {one: the_order(stage, one, category="spot") for one in (by_value, by_coins)}

    assert ("6000.1", "quoteCoin", "0.100000") == tuple(
        rows[by_value][name] for name in ("qty", "marketUnit", "cumExecQty")
    )
    assert ("0.100000", "baseCoin", "Filled") == tuple(
        rows[by_coins][name] for name in ("qty", "marketUnit", "orderStatus")
    )


REFUSED = [
    ({"category": "option"}, 10001),
    ({"category": "futures"}, 10001),
    ({"symbol": "NOSUCH"}, 10001),
    ({"side": "buy"}, 10001),
    ({"orderType": "Stop"}, 10001),
    ({"qty": 0.1}, 10001),
    ({"qty": "0"}, 10001),
    ({"qty": "-1"}, 10001),
    ({"qty": "0.0001"}, 10001),
    ({"qty": "5000"}, 10001),
    ({"price": "0"}, 10001),
    ({"price": "59000.05"}, 10001),
    ({"timeInForce": "GTX"}, 10001),
    ({"timeInForce": "RPI"}, 10005),
    ({"orderLinkId": "x" * 37}, 10001),
    ({"orderLinkId": "a b"}, 10001),
    ({"positionIdx": 1}, 10001),
    ({"positionIdx": 7}, 10001),
    ({"smpType": "Nobody"}, 10001),
    ({"takeProfit": "58000"}, 10001),
    ({"price": "70000"}, 110121),
    ({"side": "Sell", "price": "50000"}, 110120),
    ({"reduceOnly": True}, 110017),
    ({"qty": "0", "reduceOnly": True, "closeOnTrigger": True}, 110017),
    ({"qty": "0.001", "price": "1000"}, 110094),
    ({"qty": "600"}, 110007),
    ({"triggerPrice": "61000"}, 10001),
    ({"triggerPrice": "59000", "triggerDirection": 1}, 110092),
    ({"triggerPrice": "61000", "triggerDirection": 2}, 110093),
    ({"bboSideType": "Queue", "bboLevel": "9"}, 10001),
    ({"orderType": "Market", "slippageToleranceType": "Percent", "slippageTolerance": "11"}, 10001),
    ({"orderType": "Market", "slippageToleranceType": "TickSize", "slippageTolerance": "1.5"}, 10001),
    ({**SPOT_ORDER, "symbol": "NOSUCH"}, 170121),
    ({**SPOT_ORDER, "price": "59000.001"}, 170134),
    ({**SPOT_ORDER, "qty": "0.0100001"}, 170137),
    ({**SPOT_ORDER, "qty": "0.00001"}, 170136),
    ({**SPOT_ORDER, "qty": "0"}, 170136),
    ({**SPOT_ORDER, "qty": "100"}, 170124),
    ({**SPOT_ORDER, "qty": "0.00002"}, 170140),
    ({**SPOT_ORDER, "qty": "10"}, 170131),
    ({**SPOT_ORDER, "isLeverage": 1}, 10001),
    ({"category": "spot", "orderType": "Market", "qty": "0.0000000001"}, 170137),
    ({"category": "spot", "orderType": "Market", "qty": "0"}, 170136),
]


@pytest.mark.parametrize(("changes", "code"), REFUSED, ids=[json.dumps(changes) for changes, _ in REFUSED])
def test_refusals(stage: Stage, changes: dict[str, Any], code: int) -> None:
    """A refused order has the documented code with HTTP 200, an empty result, and has done nothing."""
    answer = stage.order(**changes)

    assert (code, {}) == (answer["retCode"], answer["result"]), answer
    assert [] == stage.exchange.orders.history("alice", "linear") + stage.exchange.orders.history("alice", "spot")


@pytest.mark.parametrize(
    ("status", "category", "code"),
    [
        ("halted", "linear", 110074),
        ("halted", "spot", 170151),
        ("cancel_only", "linear", 110066),
        ("reduce_only", "linear", 110023),
        ("settling", "linear", 110063),
    ],
)
def test_instruments_that_do_not_trade(stage: Stage, status: Status, category: str, code: int) -> None:
    """Each status has its code."""
    stage.exchange.set_status((category, "BTCUSDT"), status)

    assert code == stage.order(category=category)["retCode"]


def test_an_id_is_unique_for_ever(stage: Stage) -> None:
    """An orderLinkId may not be used again, not even after its order has ended."""
    stage.placed(orderLinkId="once")
    stage.result(stage.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderLinkId="once"))

    assert 110072 == stage.order(orderLinkId="once")["retCode"]
    stage.placed(category="spot", qty="0.01", orderLinkId="spot-once")
    assert 170141 == stage.order(category="spot", qty="0.01", orderLinkId="spot-once")["retCode"]


def test_amending(stage: Stage) -> None:
    """Price and quantity change; what is unchanged, unknown or filled is refused."""
    order_id = stage.placed(orderLinkId="amend-me")
    usual = {"category": "linear", "symbol": "BTCUSDT"}
    answer = stage.post("/v5/order/amend", **usual, orderLinkId="amend-me", price="58000", qty="0.2")
    row = the_order(stage, order_id)

    assert {"orderId": order_id, "orderLinkId": "amend-me"} == answer["result"]
    assert ("58000.0", "0.200", "New") == (row["price"], row["qty"], row["orderStatus"])
    codes = [
        stage.post("/v5/order/amend", **usual, **changes)["retCode"]
        for changes in (
            {"orderId": order_id, "price": "58000"},
            {"orderId": order_id},
            {"price": "58000"},
            {"orderId": "unknown", "price": "58000"},
            {"orderLinkId": "unknown", "price": "58000"},
        )
    ]
    assert [10001, 10001, 10001, 110001, 110001] == codes


def test_cancelling(stage: Stage) -> None:
    """The order is Cancelled by its user; a second time it is unknown, of spot with another code."""
    order_id, spot_id = stage.placed(), stage.placed(**SPOT_ORDER)
    usual = {"category": "linear", "symbol": "BTCUSDT", "orderId": order_id}
    assert {"orderId": order_id, "orderLinkId": ""} == stage.result(stage.post("/v5/order/cancel", **usual))
    row = the_order(stage, order_id)

    assert ("Cancelled", "CancelByUser", "EC_PerCancelRequest", "0.000") == tuple(
        row[name] for name in ("orderStatus", "cancelType", "rejectReason", "leavesQty")
    )
    assert 110001 == stage.post("/v5/order/cancel", **usual)["retCode"]
    spot = {"category": "spot", "symbol": "BTCUSDT", "orderId": spot_id}
    assert [0, 170213] == [stage.post("/v5/order/cancel", **spot)["retCode"] for _ in range(2)]
    assert 110001 == stage.post("/v5/order/cancel", **{**usual, "orderId": spot_id})["retCode"]


def test_nobody_cancels_anothers_order(stage: Stage) -> None:
    """An order of another account is not there."""
    order_id = stage.placed()
    stage.dialect.keys.change("desk", account="bob")  # type: ignore[arg-type]

    assert 110001 == stage.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=order_id)["retCode"]


@pytest.mark.parametrize(
    ("params", "left"),
    [
        ({"category": "linear", "symbol": "BTCUSDT"}, 2),
        ({"category": "linear", "baseCoin": "ETH"}, 3),
        ({"category": "linear", "settleCoin": "USDT"}, 1),
        ({"category": "linear", "settleCoin": "USDT", "orderFilter": "StopOrder"}, 3),
        ({"category": "linear", "settleCoin": "USDT", "orderFilter": "Order"}, 2),
        ({"category": "spot"}, 3),
    ],
)
def test_cancelling_all(stage: Stage, params: dict[str, str], left: int) -> None:
    """By symbol, base coin or settle coin, and by kind; the answer lists what was cancelled."""
    stage.placed()
    stage.placed(triggerPrice="61000", triggerDirection=1)
    stage.placed(symbol="ETHUSDT", price="2900", qty="1")
    stage.placed(**SPOT_ORDER)
    answer = stage.result(stage.post("/v5/order/cancel-all", **params))
    alive = [one for category in ("linear", "spot") for one in stage.exchange.orders.open("alice", category)]

    assert ("1", 4 - left) == (answer["success"], len(answer["list"]))
    assert left == len(alive)


def test_cancelling_all_needs_a_scope(stage: Stage) -> None:
    """Of derivatives a symbol or a coin is required."""
    assert 10001 == stage.post("/v5/order/cancel-all", category="linear")["retCode"]


def test_a_batch(stage: Stage) -> None:
    """Each order has its own code; the two lists have the same order; what exceeds the limit fails alone."""
    order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "59000"}
    rows = [order, {**order, "qty": "x", "orderLinkId": "bad"}, "nonsense", *[order] * 9]
    answer = stage.post("/v5/order/create-batch", category="linear", request=rows)
    codes = [one["code"] for one in answer["retExtInfo"]["list"]]
    listed = answer["result"]["list"]

    assert [0, 10001, 10001, *[0] * 7, 10006, 10006] == codes
    assert {"category", "symbol", "orderId", "orderLinkId", "createAt"} == set(listed[0])
    assert ("bad", "", "") == (listed[1]["orderLinkId"], listed[1]["orderId"], listed[1]["createAt"])
    ids = [{"symbol": "BTCUSDT", "orderId": one["orderId"]} for one in listed if one["orderId"]]
    assert 8 == len(ids)
    amended = stage.post("/v5/order/amend-batch", category="linear", request=[{**ids[0], "price": "58000"}])
    assert [{"code": 0, "msg": "OK"}] == amended["retExtInfo"]["list"]
    cancelled = stage.post("/v5/order/cancel-batch", category="linear", request=[ids[0], ids[0]])
    assert [0, 110001] == [one["code"] for one in cancelled["retExtInfo"]["list"]]


@pytest.mark.parametrize(
    ("category", "count", "code"), [("linear", 21, 10001), ("spot", 11, 10001), ("linear", 0, 10001)]
)
def test_the_size_of_a_batch(category: str, count: int, code: int) -> None:
    """Twenty orders, ten of spot, one at least."""
    stage = Stage(Behaviour(limits_factor=10))

    assert code == stage.post("/v5/order/create-batch", category=category, request=[{}] * count)["retCode"]


def test_a_reduce_only_order_of_everything(stage: Stage) -> None:
    """A quantity of zero that is reduce-only and closes on trigger closes the position."""
    stage.placed(orderType="Market", qty="0.3")
    order_id = stage.placed(side="Sell", orderType="Market", qty="0", reduceOnly=True, closeOnTrigger=True)

    assert "0.300" == the_order(stage, order_id)["cumExecQty"]
    assert ("", "0.000") == (stage.position()["side"], stage.position()["size"])


def test_a_market_order_with_a_tolerance(stage: Stage) -> None:
    """It takes no further than its tolerance from the best price, and still shows as a market order."""
    order_id = stage.placed(orderType="Market", qty="5", slippageToleranceType="TickSize", slippageTolerance="10")
    row = the_order(stage, order_id)

    assert ("Market", "2.000", "TickSize", "10", "60002.0") == tuple(
        row[name] for name in ("orderType", "cumExecQty", "slippageToleranceType", "slippageTolerance", "price")
    )


@pytest.mark.parametrize(
    ("side", "kind", "price"),
    [("Buy", "Queue", "59998.0"), ("Buy", "Counterparty", "60002.0"), ("Sell", "Queue", "60002.0")],
)
def test_the_best_offer(stage: Stage, side: str, kind: str, price: str) -> None:
    """A price by the book's level, on the own or the other side."""
    order_id = stage.placed(side=side, bboSideType=kind, bboLevel="2", timeInForce="GTC")

    assert price == the_order(stage, order_id)["price"]


def test_a_conditional_order_fires(stage: Stage) -> None:
    """It waits Untriggered, and is a market order once the mark has risen to its price."""
    socket = stage.private("order")
    order_id = stage.placed(
        orderType="Market", triggerPrice="61000", triggerDirection=1, triggerBy="MarkPrice", orderLinkId="stop"
    )
    waiting = the_order(stage, order_id)
    stage.move("61500")
    stage.leap(60_000)

    assert ("Untriggered", "Stop", "61000.0", "MarkPrice", 1) == tuple(
        waiting[name] for name in ("orderStatus", "stopOrderType", "triggerPrice", "triggerBy", "triggerDirection")
    )
    row = the_order(stage, order_id)
    assert ("Filled", "CreateByStopOrder") == (row["orderStatus"], row["createType"])
    assert ["Untriggered", "Triggered", "New", "Filled"] == [one["orderStatus"] for one in socket.rows("order")]


def test_a_conditional_order_is_deactivated(stage: Stage) -> None:
    """A stop that is cancelled before it fires is Deactivated; its trigger may be moved before."""
    order_id = stage.placed(orderType="Market", triggerPrice="61000", triggerDirection=1)
    usual = {"category": "linear", "symbol": "BTCUSDT", "orderId": order_id}
    stage.result(stage.post("/v5/order/amend", **usual, triggerPrice="62000"))

    assert "62000.0" == the_order(stage, order_id)["triggerPrice"]
    stage.result(stage.post("/v5/order/cancel", **usual))
    assert "Deactivated" == the_order(stage, order_id)["orderStatus"]


def test_self_trade_prevention(stage: Stage) -> None:
    """The taker's flag decides: CancelMaker ends the order that rests, with its own cancel type."""
    maker = stage.placed(price="60000.5")
    stage.placed(side="Sell", price="60000.5", smpType="CancelMaker")

    row = the_order(stage, maker)
    assert ("Cancelled", "CancelBySmp") == (row["orderStatus"], row["cancelType"])


def test_strangers_fill_a_resting_order(stage: Stage) -> None:
    """A maker's fill in parts: New, PartiallyFilled, Filled on the stream."""
    socket = stage.private("order.linear", "execution.linear")
    stage.placed(price="60000.5", qty="0.4")
    stage.strangers(PERP, SELL, "0.1")
    stage.strangers(PERP, SELL, "0.5")

    assert ["New", "PartiallyFilled", "Filled"] == [one["orderStatus"] for one in socket.rows("order.linear")]
    fills = socket.rows("execution.linear")
    assert [("0.100", True, "0.300"), ("0.300", True, "0.000")] == [
        (one["execQty"], one["isMaker"], one["leavesQty"]) for one in fills
    ]


# ------------------------------------------------------------------------------------------------- asynchronous orders
@pytest.fixture
def slow() -> Stage:
    """An exchange whose engine is 50 ms behind the gateway."""
    return Stage(Behaviour(engine_delay_ms=50))


def test_the_engine_refuses_after_the_acknowledgement(slow: Stage) -> None:
    """Of two orders that cannot be paid together the later is Rejected on the stream, and the query finds it."""
    socket = slow.private("order")
    rich = slow.placed(qty="50")
    order_id = slow.placed(qty="50", orderLinkId="poor")
    assert [] == socket.rows("order")
    slow.leap(50)

    rows = {one["orderId"]: one for one in socket.rows("order")}
    row = rows[order_id]
    assert (2, "New") == (len(rows), rows[rich]["orderStatus"])
    assert (order_id, "Rejected", "EC_Others", "poor") == tuple(
        row[name] for name in ("orderId", "orderStatus", "rejectReason", "orderLinkId")
    )
    assert "Rejected" == the_order(slow, order_id)["orderStatus"]
    assert [rich] == [one["orderId"] for one in slow.realtime()]


def test_the_gateway_refuses_at_once(slow: Stage) -> None:
    """Malformed parameters, and what cannot be paid as things are, are not acknowledged; nothing is left of them."""
    socket = slow.private("order")
    codes = [slow.order(**wrong)["retCode"] for wrong in ({"qty": "x"}, {"qty": "600"}, {"price": "60000.03"})]
    order_id = slow.placed()
    slow.leap(50)

    assert [10001, 110007, 10001] == codes
    assert [(order_id, "New")] == [(row["orderId"], row["orderStatus"]) for row in socket.rows("order")]


def test_a_delayed_order_lives(slow: Stage) -> None:
    """It has its id before it is in the book; cancelling it before it arrives cancels it after it did."""
    socket = slow.private("order")
    order_id = slow.placed()
    answer = slow.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=order_id)
    slow.leap(50)

    assert order_id == answer["result"]["orderId"]
    assert ["New", "Cancelled"] == [one["orderStatus"] for one in socket.rows("order")]


def test_a_cancel_that_comes_too_late(slow: Stage) -> None:
    """The order is filled meanwhile: the stream tells of it twice, the second time with the failed cancel."""
    socket = slow.private("order")
    order_id = slow.placed(price="60000.5")
    slow.leap(50)
    slow.result(slow.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=order_id))
    slow.strangers(PERP, SELL, "1")
    slow.leap(50)

    assert [("New", "EC_NoError"), ("Filled", "EC_NoError"), ("Filled", "EC_OrigClOrdIDDoesNotExist")] == [
        (one["orderStatus"], one["rejectReason"]) for one in socket.rows("order")
    ]
    assert 110001 == slow.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId="unknown")["retCode"]


def test_an_inverse_order(stage: Stage) -> None:
    """Contracts of a dollar, settled in the coin; the average price is that of the contracts."""
    stage.placed(category="inverse", symbol="BTCUSD", orderType="Market", qty="60000")
    row = stage.position(category="inverse", symbol="BTCUSD")
    (order,) = stage.realtime(category="inverse", symbol="BTCUSD", openOnly=1)

    assert ("Buy", "60000", "20") == (row["side"], row["size"], row["leverage"])
    assert 60_001 < float(order["avgPrice"]) < 60_002
    assert float(row["avgPrice"]) == pytest.approx(float(order["avgPrice"]), abs=1e-6)
