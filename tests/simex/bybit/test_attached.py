"""Take profit and stop loss that come with an order, from its acknowledgement to the end of the position."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.bybit.dialect import Behaviour
from bot.simex.core.order import BUY, SELL
from tests.simex.bybit.stage import PERP, Stage

BOTH = {"takeProfit": "62000", "stopLoss": "58000"}
PARTIAL = {**BOTH, "tpslMode": "Partial"}


def stops(stage: Stage) -> list[tuple[str, str, str]]:
    """Kind, trigger price and quantity of the stops that wait."""
    rows = stage.realtime(orderFilter="StopOrder")
    return sorted((row["stopOrderType"], row["triggerPrice"], row["qty"]) for row in rows)


def amend(stage: Stage, order_id: str, **changes: Any) -> dict[str, Any]:
    """The answer to an amendment."""
    return stage.post("/v5/order/amend", category="linear", symbol="BTCUSDT", orderId=order_id, **changes)


def test_the_order_says_what_is_attached(stage: Stage) -> None:
    """Until it fills there is no stop, only the words of the order."""
    stage.placed(**PARTIAL, slTriggerBy="MarkPrice", tpOrderType="Limit", tpLimitPrice="62100")
    (row,) = stage.realtime()

    assert ("62000.0", "58000.0", "Partial", "62100.0", "", "LastPrice", "MarkPrice") == tuple(
        row[name]
        for name in ("takeProfit", "stopLoss", "tpslMode", "tpLimitPrice", "slLimitPrice", "tpTriggerBy", "slTriggerBy")
    )
    assert [] == stops(stage)


def test_a_filled_order_sets_the_stops_of_its_position(stage: Stage) -> None:
    """Full ones close the whole position; the position shows them, the streams tell them as Untriggered."""
    socket = stage.private("order")
    stage.placed(orderType="Market", **BOTH)
    shown = stage.position()

    assert [("StopLoss", "58000.0", "0.000"), ("TakeProfit", "62000.0", "0.000")] == stops(stage)
    assert ("62000.0", "58000.0") == (shown["takeProfit"], shown["stopLoss"])
    told = [(row["orderStatus"], row["createType"], row["tpslMode"]) for row in socket.rows("order")]
    assert [("Untriggered", f"CreateBy{kind}", "Full") for kind in ("TakeProfit", "StopLoss")] == told[-2:]


def test_a_stop_that_fires_ends_the_other(stage: Stage) -> None:
    """The stop loss closes the position, which takes the take profit away."""
    stage.placed(orderType="Market", **BOTH)
    stage.move("57900")
    stage.strangers(PERP, SELL, "0.1")
    ends = {
        row["stopOrderType"]: (row["orderStatus"], row["cancelType"])
        for row in stage.result(stage.get("/v5/order/history", category="linear"))["list"]
    }

    assert ("", "0.000") == (stage.position()["side"], stage.position()["size"])
    assert ("Filled", "UNKNOWN") == ends["StopLoss"]
    assert ("Deactivated", "CancelByTpSlTsClear") == ends["TakeProfit"]
    assert [] == stops(stage)


def test_partial_stops_are_for_what_was_filled(stage: Stage) -> None:
    """They come with the first fill and grow with the next ones; another order adds its own."""
    stage.placed(price="59999.5", qty="0.3", **PARTIAL)
    stage.strangers(PERP, SELL, "0.1")
    assert {"0.100"} == {row[2] for row in stops(stage)}
    stage.strangers(PERP, SELL, "0.2")
    stage.placed(orderType="Market", qty="0.1", **PARTIAL)

    assert ["0.100", "0.300"] * 2 == [row[2] for row in stops(stage)]
    assert {"PartialStopLoss", "PartialTakeProfit"} == {row[0] for row in stops(stage)}


def test_two_that_were_set_together_are_bound(stage: Stage) -> None:
    """Cancelling one cancels the other, and so does its firing; the rest of the position stays."""
    for _ in range(2):
        stage.placed(orderType="Market", qty="0.1", **PARTIAL)
    loss = next(row for row in stage.realtime() if row["stopOrderType"] == "PartialStopLoss")
    stage.result(stage.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=loss["orderId"]))
    assert 2 == len(stops(stage))
    stage.move("62100")
    stage.strangers(PERP, BUY, "0.1")

    assert ([], "0.100") == (stops(stage), stage.position()["size"])


def test_the_newest_full_stop_counts(stage: Stage) -> None:
    """A second order's stops replace those of the first, and leave alone what it does not name."""
    stage.placed(orderType="Market", **BOTH)
    stage.placed(orderType="Market", stopLoss="58500")

    assert [("StopLoss", "58500.0", "0.000"), ("TakeProfit", "62000.0", "0.000")] == stops(stage)


def test_a_position_that_turns_around_loses_its_stops(stage: Stage) -> None:
    """What closes the long is nothing to the short, which has those of the order that made it."""
    stage.placed(orderType="Market", **BOTH)
    stage.placed(side="Sell", orderType="Market", qty="0.3", stopLoss="61000")

    assert [("StopLoss", "61000.0", "0.000")] == stops(stage)
    assert ("", "61000.0") == tuple(stage.position()[name] for name in ("takeProfit", "stopLoss"))


def test_an_order_that_closes_attaches_nothing(stage: Stage) -> None:
    """There is no position left to stop, or not one of its direction."""
    stage.placed(orderType="Market", qty="0.3")
    stage.placed(side="Sell", orderType="Market", qty="0.1", stopLoss="61000")

    assert [] == stops(stage)


def test_a_stop_that_is_reached_already_fires_at_once(stage: Stage) -> None:
    """A limit order that fills at a better price than its own stop is closed again."""
    stage.placed(price="61000", qty="0.1", stopLoss="60500")
    rows = stage.result(stage.get("/v5/order/history", category="linear"))["list"]

    assert [("StopLoss", "Filled"), ("", "Filled")] == [(row["stopOrderType"], row["orderStatus"]) for row in rows]
    assert "0.000" == stage.position()["size"]


def test_amending_what_is_attached(stage: Stage) -> None:
    """A new price counts, 0 takes it away, what is not named stays; the stream tells it."""
    order_id = stage.placed(**BOTH)
    socket = stage.private("order")
    stage.result(amend(stage, order_id, takeProfit="63000", slTriggerBy="MarkPrice"))
    (told,) = socket.rows("order")
    assert ("63000.0", "58000.0", "MarkPrice") == tuple(
        told[name] for name in ("takeProfit", "stopLoss", "slTriggerBy")
    )
    stage.result(amend(stage, order_id, stopLoss="0", price="59500"))
    (row,) = stage.realtime()

    assert ("63000.0", "", "59500.0") == tuple(row[name] for name in ("takeProfit", "stopLoss", "price"))
    stage.result(amend(stage, order_id, takeProfit="0"))
    assert ("", "") == tuple(stage.realtime()[0][name] for name in ("takeProfit", "tpslMode"))


def test_what_cannot_be_amended(stage: Stage) -> None:
    """The wrong side, a limit without Partial, an order that is partly filled."""
    order_id = stage.placed(price="59999.5", qty="0.3", **BOTH)
    codes = [
        amend(stage, order_id, **changes)["retCode"]
        for changes in ({"stopLoss": "60500"}, {"tpLimitPrice": "62000"}, {"tpTriggerBy": "Nothing"})
    ]
    stage.strangers(PERP, SELL, "0.1")

    assert [10001] * 3 == codes
    assert 110059 == amend(stage, order_id, stopLoss="58500")["retCode"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"takeProfit": "58000"}, 10001),
        ({"stopLoss": "59500"}, 10001),
        ({"side": "Sell", "price": "61000", "stopLoss": "60500"}, 10001),
        ({"takeProfit": "62000.05"}, 10001),
        ({"stopLoss": "58000", "reduceOnly": True}, 10001),
        ({"stopLoss": "58000", "slTriggerBy": "Nothing"}, 10001),
        ({"stopLoss": "58000", "tpslMode": "Half"}, 10001),
        ({"stopLoss": "58000", "slOrderType": "Limit"}, 10001),
        ({"stopLoss": "58000", "slLimitPrice": "57900"}, 10001),
        ({**PARTIAL, "tpLimitPrice": "62000.05"}, 10001),
        ({**PARTIAL, "tpLimitPrice": "62000", "tpOrderType": "Market"}, 10001),
        ({"category": "spot", "qty": "0.01", "stopLoss": "58000"}, 170227),
        ({"stopLoss": "0", "takeProfit": ""}, 0),
    ],
)
def test_what_cannot_be_attached(stage: Stage, changes: dict[str, Any], code: int) -> None:
    """What would fire at once, is off the grid or is not simulated is refused with the order."""
    assert code == stage.order(**changes)["retCode"]


def test_spot_orders_have_nothing_to_amend_there(stage: Stage) -> None:
    """The feature is not there for spot."""
    order_id = stage.placed(category="spot", qty="0.01")
    answer = stage.post("/v5/order/amend", category="spot", symbol="BTCUSDT", orderId=order_id, stopLoss="58000")

    assert 170227 == answer["retCode"]


def test_partial_stops_have_one_size_and_are_twenty_at_most(stage: Stage) -> None:
    """Two sizes in one request are refused; so is the twenty-first."""
    stage.placed(orderType="Market", qty="0.5")

    def stop(**params: Any) -> int:
        usual = {"category": "linear", "symbol": "BTCUSDT", "tpslMode": "Partial"}
        code: int = stage.post("/v5/position/trading-stop", **{**usual, **params})["retCode"]
        return code

    assert 10001 == stop(**BOTH, tpSize="0.1", slSize="0.2")
    assert 34040 == stop(stopLoss="0")
    codes = []
    for _ in range(11):
        codes.append(stop(**BOTH, tpSize="0.01", slSize="0.01"))
        stage.leap(250)
    assert [0] * 10 + [110061] == codes


def test_a_conditional_order_brings_them_along() -> None:
    """Its trigger is what they are compared with; they become stops when it has fired and filled, late as it may be."""
    stage = Stage(Behaviour(engine_delay_ms=50))
    waits = {"orderType": "Market", "triggerPrice": "61000", "triggerDirection": 1}
    assert 10001 == stage.order(**waits, takeProfit="60500")["retCode"]
    stage.placed(**waits, takeProfit="62000", stopLoss="60500")
    stage.leap(50)
    assert ["Stop"] == [row[0] for row in stops(stage)]
    stage.move("61100")
    stage.strangers(PERP, BUY, "0.1")

    assert [("StopLoss", "60500.0", "0.000"), ("TakeProfit", "62000.0", "0.000")] == stops(stage)


def test_a_batch_and_the_trade_socket_attach_as_well(stage: Stage) -> None:
    """Order entry is one, whichever way it is reached."""
    row = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1"}
    stage.result(stage.post("/v5/order/create-batch", category="linear", request=[row | {"stopLoss": "58000"}]))
    trade = stage.connect("/v5/trade")
    trade.auth()
    values = row | {"category": "linear", "takeProfit": "62000"}
    trade.ask(op="order.create", header={"X-BAPI-TIMESTAMP": str(stage.now_ms)}, args=[values])

    assert [("StopLoss", "58000.0", "0.000"), ("TakeProfit", "62000.0", "0.000")] == stops(stage)


@pytest.mark.parametrize(
    ("sold", "side", "size"), [("0.01", "", "0.000"), ("0.4", "", "0.000"), ("0.7", "Sell", "0.200")]
)
def test_what_fires_never_opens(stage: Stage, sold: str, side: str, size: str) -> None:
    """However large a partial stop is, it takes no more than the position has; it is gone with the position."""
    stage.placed(orderType="Market", qty="0.5", **PARTIAL)
    stage.placed(side="Sell", orderType="Market", qty=sold)
    stage.move("57900")
    stage.strangers(PERP, SELL, "0.1")

    assert (side, size) == (stage.position()["side"], stage.position()["size"])
    stage.exchange.check()
