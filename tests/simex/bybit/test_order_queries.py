"""What was ordered and filled: pages, filters, ages, and the lag of the replicas."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.bybit.dialect import Behaviour
from bot.simex.core.instrument import HOUR_MS
from tests.simex.bybit.stage import PERP, START_MS, Stage

DAY_MS = 24 * HOUR_MS


def history(stage: Stage, **params: Any) -> list[dict[str, Any]]:
    """Rows of the order history."""
    rows: list[dict[str, Any]] = stage.result(stage.get("/v5/order/history", **{"category": "linear", **params}))[
        "list"
    ]
    return rows


def executions(stage: Stage, **params: Any) -> list[dict[str, Any]]:
    """Rows of the execution list."""
    rows: list[dict[str, Any]] = stage.result(stage.get("/v5/execution/list", **{"category": "linear", **params}))[
        "list"
    ]
    return rows


def cancel(stage: Stage, order_id: str) -> None:
    """Cancel an order."""
    stage.result(stage.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=order_id))


def test_open_orders_are_newest_first_in_pages(stage: Stage) -> None:
    """The cursor leads from page to page until it is empty, and no order is shown twice."""
    placed = [stage.placed(price=str(59_000 - number)) for number in range(5)]
    cursor, found = "", []
    for _ in range(3):
        answer = stage.result(
            stage.get("/v5/order/realtime", category="linear", symbol="BTCUSDT", limit=2, cursor=cursor)
        )
        found += [row["orderId"] for row in answer["list"]]
        cursor = answer["nextPageCursor"]

    assert placed[::-1] == found
    assert "" == cursor


@pytest.mark.parametrize("cursor", ["x", "page_token%3D-1%26", "1" * 30])
def test_a_cursor_that_is_none(stage: Stage, cursor: str) -> None:
    """Cursors are not guessed."""
    assert 10001 == stage.get("/v5/order/realtime", category="linear", symbol="BTCUSDT", cursor=cursor)["retCode"]


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"symbol": "BTCUSDT"}, 2),
        ({"baseCoin": "ETH"}, 1),
        ({"settleCoin": "USDT"}, 3),
        ({"symbol": "BTCUSDT", "baseCoin": "ETH"}, 2),
        ({"symbol": "BTCUSDT", "orderFilter": "StopOrder"}, 1),
        ({"symbol": "BTCUSDT", "orderFilter": "Order"}, 1),
        ({"orderLinkId": "named"}, 1),
        ({"orderLinkId": "other"}, 0),
    ],
)
def test_filters(stage: Stage, params: dict[str, str], count: int) -> None:
    """By id, symbol, base or settle coin, in this order of precedence."""
    stage.placed(orderLinkId="named")
    stage.placed(triggerPrice="61000", triggerDirection=1)
    stage.placed(symbol="ETHUSDT", price="2900", qty="1")

    assert count == len(stage.result(stage.get("/v5/order/realtime", category="linear", **params))["list"])


def test_linear_needs_a_scope(stage: Stage) -> None:
    """Of linear orders a symbol or a coin is required, of inverse and spot none."""
    assert 10001 == stage.get("/v5/order/realtime", category="linear")["retCode"]
    assert 0 == stage.get("/v5/order/realtime", category="inverse")["retCode"]
    assert 0 == stage.get("/v5/order/realtime", category="spot")["retCode"]


def test_recently_closed_orders(stage: Stage) -> None:
    """They are found with openOnly or by id, until the service is restarted; the history keeps them."""
    order_id = stage.placed()
    cancel(stage, order_id)

    assert [] == stage.realtime()
    assert [order_id] == [row["orderId"] for row in stage.realtime(openOnly=1)]
    stage.leap(1)
    stage.dialect.restart()
    assert [] == stage.realtime(openOnly=1)
    assert [order_id] == [row["orderId"] for row in history(stage)]


def test_at_most_500_recently_closed(stage: Stage) -> None:
    """The oldest of them are left to the history."""
    recorder = stage.desk_records(501)
    found = list(stage.dialect.desk.replica.open_and_recent("alice", "linear", stage.now_ms, closed=True))

    assert 500 == len(found)
    assert recorder[0] not in {record.tag.venue_id for record in found}


def test_the_history_forgets() -> None:
    """Orders without a fill are forgotten after a day, filled ones are found by their time."""
    stage = Stage(mark_interval_ms=HOUR_MS)
    cancelled, filled = stage.placed(), stage.placed(orderType="Market")
    cancel(stage, cancelled)
    assert {cancelled, filled} == {row["orderId"] for row in history(stage)}
    assert [filled] == [row["orderId"] for row in history(stage, orderStatus="Filled")]
    stage.leap(DAY_MS + 1)

    assert [filled] == [row["orderId"] for row in history(stage)]
    stage.leap(7 * DAY_MS)
    assert [] == history(stage)
    assert [filled] == [row["orderId"] for row in history(stage, startTime=START_MS, endTime=START_MS + DAY_MS)]
    assert [filled] == [row["orderId"] for row in history(stage, orderId=filled)]


def test_executions(stage: Stage) -> None:
    """Every level that is taken is a fill, newest first; ids and sequence are unique."""
    order_id = stage.placed(orderType="Market", qty="2.5", orderLinkId="three")
    stage.placed(category="spot", qty="0.01", orderType="Market", marketUnit="baseCoin")
    rows = executions(stage, symbol="BTCUSDT")

    assert ["60003.0", "60002.0", "60001.0"] == [row["execPrice"] for row in rows]
    assert 3 == len({row["execId"] for row in rows}) == len({row["seq"] for row in rows})
    assert {("Trade", "Buy", order_id, False, "USDT", "0.00055")} == {
        tuple(row[name] for name in ("execType", "side", "orderId", "isMaker", "feeCurrency", "feeRate"))
        for row in rows
    }
    assert 3 == len(executions(stage, orderLinkId="three")) == len(executions(stage, orderId=order_id))
    (spot,) = executions(stage, category="spot")
    assert ("BTC", "0.00001", "0.001") == (spot["feeCurrency"], spot["execFee"], spot["feeRate"])


def test_funding_is_an_execution() -> None:
    """A short receives a positive rate: the fee is negative; the list can be asked for funding alone."""
    stage = Stage(mark_interval_ms=HOUR_MS)
    socket = stage.private("execution")
    stage.exchange.set_rate(PERP, 10_000)
    stage.placed(side="Sell", orderType="Market", qty="1")
    socket.taken()
    stage.leap(8 * HOUR_MS)
    (row,) = executions(stage, execType="Funding")
    (told,) = socket.rows("execution")

    assert ("Funding", "UNKNOWN", "Sell", "1.000", "0.0001") == tuple(
        row[name] for name in ("execType", "orderType", "side", "execQty", "feeRate")
    )
    assert float(row["execFee"]) == pytest.approx(-0.0001 * float(row["execValue"]), abs=1e-8)
    assert float(row["execValue"]) == pytest.approx(60_000, abs=1)
    assert row["execId"] == told["execId"]


def test_closed_profit(stage: Stage) -> None:
    """An order that closes tells entry, exit, both values, the profit after its fee."""
    stage.placed(side="Sell", orderType="Market", qty="1")
    stage.move("59000")
    order_id = stage.placed(orderType="Market", qty="0.4")
    (row,) = stage.result(stage.get("/v5/position/closed-pnl", category="linear"))["list"]

    # 0.4 x (59999 - 59001) less a fee of 0.055 % of 23600.4.
    assert (order_id, "Buy", "0.400", "59999", "59001") == (
        row["orderId"],
        row["side"],
        row["closedSize"],
        row["avgEntryPrice"].rstrip("0").rstrip("."),
        row["avgExitPrice"].rstrip("0").rstrip("."),
    )
    assert ("23999.6", "23600.4", "386.21978", "1") == (
        row["cumEntryValue"],
        row["cumExitValue"],
        row["closedPnl"],
        row["fillCount"],
    )
    (fill,) = executions(stage, orderId=order_id)
    assert "0.400" == fill["closedSize"]


def test_replicas_lag() -> None:
    """Queries know of an order, a fill and a position only so much later; the stream knows at once."""
    stage = Stage(Behaviour(query_lag_ms=1_500))
    socket = stage.private("order", "position")
    stage.placed(orderType="Market")
    resting = stage.placed()

    assert ["New", "Filled", "New"] == [row["orderStatus"] for row in socket.rows("order")]
    assert "0.100" == socket.rows("position")[-1]["size"]
    assert ([], [], []) == (stage.realtime(), stage.realtime(openOnly=1), executions(stage))
    assert ("", "0") == (stage.position()["side"], stage.position()["size"])
    stage.leap(1_500)
    assert [resting] == [row["orderId"] for row in stage.realtime()]
    assert 1 == len(executions(stage))
    assert ("Buy", "0.100") == (stage.position()["side"], stage.position()["size"])


def test_a_lagging_position_is_the_one_before(stage: Stage) -> None:
    """Within the lag the query shows what the position was, not what it is."""
    stage = Stage(Behaviour(query_lag_ms=1_000))
    stage.placed(orderType="Market", qty="0.1")
    stage.leap(2_000)
    stage.placed(orderType="Market", qty="0.2")

    assert "0.100" == stage.position()["size"]
    stage.leap(1_000)
    assert "0.300" == stage.position()["size"]
