"""The algo service of USD-M: where conditional orders wait, what triggers them, what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.core.order import BUY, SELL
from tests.simex.binance.documented_futures import FIELDS, USDM_CODES
from tests.simex.binance.futures_stage import PERP, Stage, conditional


@pytest.fixture
def stage() -> Stage:
    """A small exchange at a funding time, with quiet books around 60,000 dollars."""
    return Stage()


def the_algo(stage: Stage, algo_id: int) -> dict[str, Any]:
    """An algo order by its id."""
    found: dict[str, Any] = stage.get("/fapi/v1/algoOrder", algoId=algo_id)
    return found


def falls(stage: Stage) -> None:
    """The books fall to 58,900 and a trade says so."""
    stage.move("58900")
    stage.strangers(PERP, SELL, "0.01")


def test_an_algo_order_waits(stage: Stage) -> None:
    """It is answered with the documented fields, and is not among the orders."""
    row = stage.algo(clientAlgoId="mine")
    queried = the_algo(stage, row["algoId"])

    assert FIELDS["new algo order"] == set(row)
    assert FIELDS["algo query"] <= set(queried)
    assert ("mine", "NEW", "STOP_MARKET", "59000.0", "0.100", "") == tuple(
        queried[name]
        for name in ("clientAlgoId", "algoStatus", "orderType", "triggerPrice", "quantity", "actualOrderId")
    )
    assert [queried] == stage.get("/fapi/v1/openAlgoOrders", symbol="BTCUSDT") == stage.get("/fapi/v1/openAlgoOrders")
    assert [] == stage.get("/fapi/v1/openOrders") == stage.get("/fapi/v1/allOrders", symbol="BTCUSDT")
    core_id = row["algoId"] - 1_000_000_000_000
    assert -2013 == stage.refusal("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=core_id)[1]
    assert -2011 == stage.refusal("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=core_id)[1]


def test_a_stop_becomes_an_order(stage: Stage) -> None:
    """Triggered, it is FINISHED when its order is filled, and names that order."""
    stage.buy("0.1")
    row = stage.algo(reduceOnly="true")
    falls(stage)
    done = the_algo(stage, row["algoId"])
    order = stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=int(done["actualOrderId"]))

    assert ("FINISHED", "MARKET", "0.100") == tuple(done[name] for name in ("algoStatus", "actualType", "actualQty"))
    assert ("FILLED", "MARKET", "MARKET", done["actualPrice"]) == tuple(
        order[name] for name in ("status", "type", "origType", "avgPrice")
    )
    assert stage.now_ms - 10 < done["triggerTime"] <= stage.now_ms
    assert "0.000" == stage.position()["positionAmt"]


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "to"),
    [
        ("SELL", "STOP", "59000", "58900"),
        ("BUY", "STOP", "61000", "61100"),
        ("SELL", "TAKE_PROFIT", "61000", "61100"),
        ("BUY", "TAKE_PROFIT", "59000", "58900"),
    ],
)
def test_a_conditional_limit_order_rests_when_triggered(
    stage: Stage, side: str, kind: str, trigger: str, to: str
) -> None:
    """Stops wait for the price to get worse for their side, take-profits for it to get better."""
    price = "57000" if side == "BUY" else "62500"
    row = stage.algo(side=side, type=kind, triggerPrice=trigger, price=price, workingType="MARK_PRICE")
    before = the_algo(stage, row["algoId"])["algoStatus"]
    stage.mark(to)
    stage.leap(1_000)
    (order,) = stage.get("/fapi/v1/openOrders", symbol="BTCUSDT")

    assert ("NEW", "TRIGGERED") == (before, the_algo(stage, row["algoId"])["algoStatus"])
    assert ("LIMIT", side, float(price)) == (order["type"], order["side"], float(order["price"]))
    assert row["clientAlgoId"] == order["clientOrderId"]


def test_what_cannot_be_afforded_is_rejected(stage: Stage) -> None:
    """The engine refuses the order that a trigger makes: REJECTED, and no fill."""
    row = stage.algo(quantity="90", side="BUY", triggerPrice="61000", workingType="MARK_PRICE")
    stage.mark("61000")
    stage.leap(1_000)

    assert "REJECTED" == the_algo(stage, row["algoId"])["algoStatus"]


def test_close_position_takes_what_there_is(stage: Stage) -> None:
    """It has no quantity of its own; when triggered it closes the whole."""
    row = stage.algo(closePosition="true", quantity=None)
    stage.buy("0.3")
    falls(stage)

    assert ("0.000", True) == (row["quantity"], row["closePosition"])
    assert "0.300" == the_algo(stage, row["algoId"])["actualQty"]
    assert "0.000" == stage.position()["positionAmt"]


def test_hedge_mode_closes_by_position_side(stage: Stage) -> None:
    """A stop of the long side closes the long and leaves the short."""
    stage.post("/fapi/v1/positionSide/dual", dualSidePosition="true")
    stage.buy("0.2", positionSide="LONG")
    stage.sell("0.2", positionSide="SHORT")
    stage.algo(closePosition="true", quantity=None, positionSide="LONG")
    falls(stage)
    rows = stage.get("/fapi/v2/positionRisk", symbol="BTCUSDT")

    assert {"LONG": "0.000", "SHORT": "-0.200"} == {row["positionSide"]: row["positionAmt"] for row in rows}


def test_an_algo_order_is_cancelled_by_either_id(stage: Stage) -> None:
    """The answer is the documented one; twice is -2011."""
    first, second = stage.algo()["algoId"], stage.algo(clientAlgoId="second")["algoId"]
    answer = stage.delete("/fapi/v1/algoOrder", algoId=first)
    stage.delete("/fapi/v1/algoOrder", clientAlgoId="second")

    assert {"algoId", "clientAlgoId", "code", "msg"} == set(answer)
    assert (first, "200", "success") == (answer["algoId"], answer["code"], answer["msg"])
    assert ["CANCELED", "CANCELED"] == [the_algo(stage, one)["algoStatus"] for one in (first, second)]
    assert [] == stage.get("/fapi/v1/openAlgoOrders")
    assert -2011 == stage.refusal("DELETE", "/fapi/v1/algoOrder", algoId=first)[1]


def test_cancel_all_algo_orders_leaves_orders(stage: Stage) -> None:
    """The symbol's waiting algo orders end; orders and other symbols stay."""
    order_id = stage.order()["orderId"]
    other = stage.algo(symbol="ETHUSDT", triggerPrice="2900", quantity="1")["algoId"]
    stage.algo()
    answer = stage.delete("/fapi/v1/algoOpenOrders", symbol="BTCUSDT")

    assert {"code": 200, "msg": "The operation of cancel all open order is done."} == answer
    assert [other] == [row["algoId"] for row in stage.get("/fapi/v1/openAlgoOrders")]
    assert [order_id] == [row["orderId"] for row in stage.get("/fapi/v1/openOrders")]


def test_all_algo_orders_by_id_and_time(stage: Stage) -> None:
    """From an id on or within a time, oldest first; plain orders are not among them."""
    first = stage.algo()["algoId"]
    stage.order()
    stage.leap(1_000)
    second = stage.algo()["algoId"]
    found = {
        name: [row["algoId"] for row in stage.get("/fapi/v1/allAlgoOrders", symbol="BTCUSDT", **params)]
        for name, params in {
            "all": {},
            "from": {"algoId": second},
            "oldest": {"algoId": first, "limit": 1},
            "newest": {"limit": 1},
            "early": {"endTime": stage.now_ms - 500},
        }.items()
    }

    assert {"all": [first, second], "from": [second], "oldest": [first], "newest": [second], "early": [first]} == found


def test_a_cancelled_margin_order_is_expired_by_the_exchange(stage: Stage) -> None:
    """What the exchange ends while it waits is EXPIRED, not CANCELED."""
    stage.buy("1")
    row = stage.algo()
    stage.exchange.adl.reduce(stage.exchange.state.account("alice"), PERP, "both", 50_000_000)
    stage.flush()

    assert "EXPIRED" == the_algo(stage, row["algoId"])["algoStatus"]


ERRORS: list[tuple[dict[str, Any], int]] = [
    ({"algoType": None}, -1102),
    ({"algoType": "VP"}, -1130),
    ({"symbol": "NOSUCH"}, -1121),
    ({"side": "DOWN"}, -1117),
    ({"type": "LIMIT"}, -1116),
    ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1"}, -1106),
    ({"quantity": None}, -1102),
    ({"quantity": "0.0001"}, -1111),
    ({"triggerPrice": None}, -1102),
    ({"triggerPrice": "0"}, -4006),
    ({"triggerPrice": "61000"}, -2021),
    ({"triggerPrice": "59000.05"}, -1111),
    ({"type": "STOP"}, -1102),
    ({"type": "STOP", "price": "59000", "timeInForce": "DAY"}, -1115),
    ({"price": "59000"}, -1106),
    ({"priceMatch": "QUEUE"}, -4084),
    ({"workingType": "LAST"}, -4031),
    ({"closePosition": "true"}, -4137),
    ({"closePosition": "true", "quantity": None, "reduceOnly": "true"}, -1106),
    ({"positionSide": "LONG"}, -4061),
    ({"clientAlgoId": "with space"}, -4015),
    ({"clientAlgoId": "taken"}, -4116),
    ({"selfTradePreventionMode": "ALL"}, -5039),
]


@pytest.mark.parametrize(("changes", "code"), ERRORS)
def test_a_bad_algo_order_is_refused(stage: Stage, changes: dict[str, Any], code: int) -> None:
    """Status 400 with a documented code, and nothing waits."""
    stage.algo(clientAlgoId="taken", triggerPrice="58000")
    found = stage.refusal("POST", "/fapi/v1/algoOrder", **conditional(**changes))

    assert (400, code) == found[:2]
    assert code in USDM_CODES
    assert ["taken"] == [row["clientAlgoId"] for row in stage.get("/fapi/v1/openAlgoOrders")]


def test_too_many_algo_orders_are_refused(stage: Stage) -> None:
    """A symbol takes only so many."""
    for _ in range(10):
        stage.algo()
    usual = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET"}
    found = stage.refusal("POST", "/fapi/v1/algoOrder", **usual, quantity="0.1", triggerPrice="59000")

    assert (400, -4045, "Reach max stop order limit.") == found


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_algo_order_must_be_named(stage: Stage, method: str) -> None:
    """Neither id is -1102, an unknown one -2013 or -2011, and an order's own id names no algo order."""
    order_id = stage.order()["orderId"]
    unknown = {"GET": -2013, "DELETE": -2011}[method]

    assert -1102 == stage.refusal(method, "/fapi/v1/algoOrder")[1]
    assert unknown == stage.refusal(method, "/fapi/v1/algoOrder", algoId=5)[1]
    assert unknown == stage.refusal(method, "/fapi/v1/algoOrder", algoId=1_000_000_000_000 + order_id)[1]
    assert BUY == stage.exchange.orders.open("alice", "usdm")[0].side
