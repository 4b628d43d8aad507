"""Order lists of spot: one cancels the other, by REST and in the user stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.binance.wsapi import ApiSession, Subscription
from bot.simex.core.order import BUY, SELL
from tests.simex.binance.market_stage import SPOT, MarketStage
from tests.simex.binance.spot_stage import GONE, SpotStage, wanted

OCO, OLD, LIST = "/api/v3/orderList/oco", "/api/v3/order/oco", "/api/v3/orderList"


@pytest.fixture
def stage() -> SpotStage:
    """Quiet books around 60,000 dollars; alice has two bitcoin and 100,000 dollars."""
    return SpotStage()


def oco(**changes: Any) -> dict[str, Any]:
    """The parameters of a sell of one bitcoin: at 61,000, or when 59,000 is traded, at 58,900."""
    usual = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "61000"}
    stop = {"belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "59000", "belowPrice": "58900"}
    return {**usual, **stop, "belowTimeInForce": "GTC", **changes}


def buying(**changes: Any) -> dict[str, Any]:
    """A buy of one bitcoin at 59,000, or at the market when 61,000 is traded."""
    usual = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1", "belowType": "LIMIT_MAKER", "belowPrice": "59000"}
    return {**usual, "aboveType": "STOP_LOSS", "aboveStopPrice": "61000", **changes}


def states(stage: SpotStage, row: dict[str, Any]) -> tuple[str, str]:
    """The statuses of stop and limit, as queried."""
    stop, limit = (stage.query(one["orderId"])["status"] for one in row["orders"])
    return stop, limit


def to(stage: SpotStage, price: int) -> None:
    """The market goes to a price and trades there."""
    stage.move(str(price))
    stage.flush()
    stage.flush()


def test_both_legs_are_answered_and_found(stage: SpotStage) -> None:
    """Stop first; one number for both; they are open, and the funds are held once."""
    row = stage.post(OCO, **oco(listClientOrderId="pair", belowClientOrderId="down", aboveClientOrderId="up"))
    stop, limit = row["orderReports"]
    listed = stage.get("/api/v3/openOrders", symbol="BTCUSDT")

    assert ("OCO", "EXEC_STARTED", "EXECUTING", "pair", "BTCUSDT") == tuple(
        row[name] for name in ("contingencyType", "listStatusType", "listOrderStatus", "listClientOrderId", "symbol")
    )
    assert ("STOP_LOSS_LIMIT", "59000.00000000", -1, "down", "NEW") == tuple(
        stop[name] for name in ("type", "stopPrice", "workingTime", "clientOrderId", "status")
    )
    assert ("LIMIT_MAKER", "61000.00000000", "up", "NEW") == tuple(
        limit[name] for name in ("type", "price", "clientOrderId", "status")
    )
    assert {row["orderListId"]} == {one["orderListId"] for one in (*row["orderReports"], *listed)}
    assert [one["orderId"] for one in row["orders"]] == [one["orderId"] for one in listed]
    assert [False, True] == [one["isWorking"] for one in listed]
    assert ("1.00000000", "1.00000000") == stage.balance("BTC")
    assert "down" == stage.get("/api/v3/order", symbol="BTCUSDT", origClientOrderId="down")["clientOrderId"]


def test_a_fill_of_the_limit_ends_the_stop(stage: SpotStage) -> None:
    """Even a partial one; the list goes on until the limit is filled."""
    row = stage.post(OCO, **oco())
    number = row["orderListId"]
    to(stage, 60_995)
    stage.strangers(BUY, "2.6")
    partly, going = states(stage, row), stage.get(LIST, orderListId=number)
    stage.strangers(BUY, "5")
    whole, over = states(stage, row), stage.get(LIST, orderListId=number)

    assert ("EXPIRED", "PARTIALLY_FILLED") == partly
    assert ("EXPIRED", "FILLED") == whole
    assert "OCO_TRIGGER" == stage.query(row["orders"][0]["orderId"])["expiryReason"]
    assert [("EXEC_STARTED", "EXECUTING"), ("ALL_DONE", "ALL_DONE")] == [
        (one["listStatusType"], one["listOrderStatus"]) for one in (going, over)
    ]
    assert [] == stage.get("/api/v3/openOrderList")


def test_the_stop_price_ends_the_limit(stage: SpotStage) -> None:
    """The stop leg comes into the book under its own number, with the limit leg's funds, and keeps its type."""
    row = stage.post(OCO, **oco(belowPrice="59900", belowStopPrice="59950"))
    stage.bob(BUY, "0.5", "59950")
    stage.strangers(SELL, "30")
    stage.flush()
    stop = stage.query(row["orders"][0]["orderId"])

    assert ("NEW", "EXPIRED") == states(stage, row) or "FILLED" == stop["status"]
    assert ("STOP_LOSS_LIMIT", "59950.00000000", True) == tuple(stop[x] for x in ("type", "stopPrice", "isWorking"))
    assert row["orderListId"] == stop["orderListId"]
    assert stop["workingTime"] > row["transactionTime"]
    assert "OCO_TRIGGER" == stage.query(row["orders"][1]["orderId"])["expiryReason"]


def test_a_buy_stops_at_the_market(stage: SpotStage) -> None:
    """STOP_LOSS is a market order; its fills name the list."""
    row = stage.post(OCO, **buying())
    to(stage, 61_010)
    stop = stage.query(row["orders"][0]["orderId"])
    trades = stage.get("/api/v3/myTrades", symbol="BTCUSDT")

    assert ("STOP_LOSS", "FILLED") == (stop["type"], stop["status"])
    assert {row["orderListId"]} == {one["orderListId"] for one in trades} != set()
    assert ("3.00000000", "0.00000000") == _rounded(stage.balance("BTC"))
    assert "ALL_DONE" == stage.get(LIST, orderListId=row["orderListId"])["listOrderStatus"]


def _rounded(pair: tuple[str, str]) -> tuple[str, str]:
    """A balance without the fee of a thousandth."""
    return f"{round(float(pair[0]), 1):.8f}", pair[1]


def test_a_stop_that_cannot_be_paid_expires(stage: SpotStage) -> None:
    """Its funds are held for the limit price alone; what has left the account since is missing."""
    row = stage.post(OCO, **buying(quantity="1.6"))
    stage.order(quantity="0.08", price="60000", type="LIMIT")
    to(stage, 62_900)

    assert ("EXPIRED", "EXPIRED") == states(stage, row)
    assert "REJECTED" == stage.query(row["orders"][0]["orderId"])["expiryReason"]


def test_cancelling(stage: SpotStage) -> None:
    """A list, one leg of it, or everything of the symbol: always both legs end, and nothing is held."""
    lists = [stage.post(OCO, **oco(quantity="0.2", listClientOrderId=name)) for name in ("a", "b", "c")]
    whole = stage.delete(LIST, symbol="BTCUSDT", listClientOrderId="a", newClientOrderId="bye")
    leg = stage.delete("/api/v3/order", symbol="BTCUSDT", orderId=lists[1]["orders"][0]["orderId"])
    single = stage.order()
    rest = stage.delete("/api/v3/openOrders", symbol="BTCUSDT")

    assert ("ALL_DONE", ["CANCELED", "CANCELED"], {"bye"}) == (
        whole["listStatusType"],
        [one["status"] for one in whole["orderReports"]],
        {one["clientOrderId"] for one in whole["orderReports"]},
    )
    assert ("CANCELED", "STOP_LOSS_LIMIT") == (leg["status"], leg["type"])
    assert [single["orderId"], "c"] == [rest[0]["orderId"], rest[1]["listClientOrderId"]]
    assert [("CANCELED", "CANCELED")] * 3 == [states(stage, one) for one in lists]
    assert ("2.00000000", "0.00000000") == stage.balance("BTC")
    assert (400, -2011, "Unknown order sent.") == stage.refusal("DELETE", LIST, symbol="BTCUSDT", orderListId=1)


def test_queries(stage: SpotStage) -> None:
    """By number, by client id, all of them, those that go on; another account has none."""
    first = stage.post(OCO, **oco(quantity="0.2", listClientOrderId="a"))
    second = stage.post(OLD, symbol="BTCUSDT", side="SELL", quantity="0.2", price="61000", stopPrice="59000")
    stage.delete(LIST, symbol="BTCUSDT", orderListId=first["orderListId"])
    numbers = [first["orderListId"], second["orderListId"]]

    assert numbers[:1] == [stage.get(LIST, origClientOrderId="a")["orderListId"]]
    assert numbers == [one["orderListId"] for one in stage.get("/api/v3/allOrderList")]
    assert numbers[1:] == [one["orderListId"] for one in stage.get("/api/v3/allOrderList", fromId=numbers[1])]
    assert numbers[1:] == [one["orderListId"] for one in stage.get("/api/v3/openOrderList")]
    assert 4 == len(stage.get("/api/v3/allOrders", symbol="BTCUSDT"))
    assert [] == stage.ask("GET", "/api/v3/allOrderList", "bob")
    assert (400, -2018, "Order list does not exist.") == stage.refusal("GET", LIST, "bob", orderListId=numbers[0])


RELATION = (400, -2010, "The relationship of the prices for the orders is not correct.")


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        (oco(symbol=GONE), (400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")),
        (
            oco(abovePrice=GONE),
            (400, -1102, "Mandatory parameter 'abovePrice' was not sent, was empty/null, or malformed."),
        ),
        (oco(aboveStopPrice="61000"), (400, -1106, "Parameter 'aboveStopPrice' sent when not required.")),
        (oco(aboveType="LIMIT"), (400, -1158, "Order type not supported in OCO.")),
        (oco(belowType="LIMIT_MAKER"), (400, -1168, "At least one OCO order must be contingent.")),
        (oco(aboveType="STOP_LOSS"), (400, -1197, "A stop loss order in a sell OCO must be below.")),
        (oco(belowType="TAKE_PROFIT"), (400, -1199, "A take profit order in a sell OCO must be above.")),
        (
            oco(aboveType="STOP_LOSS_LIMIT", belowType="LIMIT_MAKER"),
            (400, -1197, "A stop loss order in a sell OCO must be below."),
        ),
        (
            oco(aboveType="TAKE_PROFIT", belowType="LIMIT_MAKER"),
            (400, -1166, "A limit order in a sell OCO must be above."),
        ),
        (buying(belowType="STOP_LOSS"), (400, -1196, "A stop loss order in a buy OCO must be above.")),
        (
            buying(aboveType="LIMIT_MAKER", belowType="TAKE_PROFIT"),
            (400, -1165, "A limit order in a buy OCO must be below."),
        ),
        (buying(aboveType="TAKE_PROFIT"), (400, -1198, "A take profit order in a buy OCO must be below.")),
        (
            oco(aboveType="TAKE_PROFIT_LIMIT", aboveStopPrice="61000", aboveTimeInForce="GTC"),
            (400, -1014, "Unsupported order combination."),
        ),
        (oco(belowStopPrice="60500"), RELATION),
        (buying(aboveStopPrice="59500"), RELATION),
        (oco(abovePrice="58000"), RELATION),
        (oco(belowStopPrice="59000.001"), (400, -1013, "Filter failure: PRICE_FILTER")),
        (oco(quantity="0.000001"), (400, -1013, "Filter failure: LOT_SIZE")),
        (oco(quantity="0.00001"), (400, -1013, "Filter failure: NOTIONAL")),
        (oco(quantity="3"), (400, -2010, "Account has insufficient balance for requested action.")),
        (buying(quantity="1.65"), (400, -2010, "Account has insufficient balance for requested action.")),
        (oco(belowTrailingDelta="100"), (400, -1013, "Trailing stop orders are not supported for this symbol.")),
        (oco(aboveClientOrderId="x", belowClientOrderId="x"), (400, -2010, "Duplicate order sent.")),
        (oco(newOrderRespType="ALL"), (400, -1130, "Data sent for parameter 'newOrderRespType' is not valid.")),
    ],
)
def test_a_bad_list_is_refused(stage: SpotStage, params: dict[str, Any], refused: tuple[int, int, str]) -> None:
    """With the documented code and message, and nothing has happened."""
    sent = {name: value for name, value in params.items() if value is not GONE}

    assert refused == stage.refusal("POST", OCO, **sent)
    assert [] == stage.get("/api/v3/allOrders", symbol="BTCUSDT") == stage.get("/api/v3/allOrderList")


def test_ids_and_numbers_are_bounded(stage: SpotStage) -> None:
    """A client id of an open order or list is taken; at most twenty lists are open at a symbol."""
    stage.order(newClientOrderId="taken", price="59000")
    stage.post(OCO, **oco(quantity="0.01", listClientOrderId="list"))
    twice = [stage.refusal("POST", OCO, **oco(quantity="0.01", **one)) for one in (
        {"belowClientOrderId": "taken"}, {"listClientOrderId": "list"}
    )]  # fmt: skip
    for _ in range(19):
        stage.post(OCO, **oco(quantity="0.01"))

    assert [(400, -2010, "Duplicate order sent.")] * 2 == twice
    assert (400, -1013, "Filter failure: MAX_NUM_ORDER_LISTS") == stage.refusal("POST", OCO, **oco(quantity="0.01"))


def test_a_list_counts_as_two_orders(stage: SpotStage) -> None:
    """In the order limits; it weighs 1."""
    told = stage.send("POST", OCO, oco()).headers

    assert ("2", "2", "1") == tuple(
        told[name] for name in ("X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1D", "X-MBX-USED-WEIGHT-1M")
    )


def test_a_leg_is_not_amended(stage: SpotStage) -> None:
    """Neither of them: -2038."""
    row = stage.post(OCO, **oco())
    for one in row["orders"]:
        found = stage.refusal(
            "PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId=one["orderId"], newQty="0.5"
        )

        assert (400, -2038) == found[:2]


def test_the_other_kinds_are_refused(stage: SpotStage) -> None:
    """OTO and its kin, in the words for a symbol that does not take them."""
    for name in ("OTO", "OTOCO", "OPO", "OPOCO"):
        found = stage.refusal("POST", f"{LIST}/{name.lower()}", **wanted())

        assert (400, -1013, f"{name} orders are not supported for this symbol") == found


def test_the_user_stream_tells_of_lists() -> None:
    """listStatus at the beginning and at the end; of each leg an executionReport with the list's number."""
    stage = MarketStage()
    frames: list[Any] = []
    session = stage.dialect.connect(
        "ws-api.binance.com", "/ws-api/v3", "", lambda text: frames.append(json.loads(text))
    )
    assert isinstance(session, ApiSession)
    session.streams[0] = Subscription("alice", by_logon=False)
    response = stage.raw("POST", OCO, signed=True, **oco(quantity="0.1", belowStopPrice="59990", belowPrice="59900"))
    assert 200 == response.status, response.body
    begun = [one["event"] for one in frames]
    frames.clear()
    stage.strangers(SPOT, SELL, "6")
    stage.flush()
    ended = [one["event"] for one in frames]

    number = json.loads(response.body)["orderListId"]
    status = [one for one in begun if one["e"] == "listStatus"]
    assert [["OCO", "EXEC_STARTED", "EXECUTING", number]] == [[one[x] for x in "clLg"] for one in status]
    assert {("STOP_LOSS_LIMIT", "NEW", number), ("LIMIT_MAKER", "NEW", number)} == {
        (one["o"], one["x"], one["g"]) for one in begun if one["e"] == "executionReport"
    }
    reports = [(one["o"], one["x"], one.get("eR")) for one in ended if one["e"] == "executionReport"]
    assert ("LIMIT_MAKER", "EXPIRED", "OCO_TRIGGER") == reports[0]
    assert ("STOP_LOSS_LIMIT", "NEW", None) == reports[1]
    assert ("STOP_LOSS_LIMIT", "TRADE", None) == reports[-1]
    assert ["ALL_DONE"] == [one["l"] for one in ended if one["e"] == "listStatus"]


@given(
    st.lists(st.tuples(st.integers(-350, 350), st.sampled_from(["0.05", "0.7", "4"]), st.booleans()), max_size=20),
    st.sampled_from(["SELL", "BUY"]),
)
def test_never_both_legs_trade(steps: list[tuple[int, str, bool]], side: str) -> None:
    """However the market goes: one leg trades at most, the other has ended by then, and an ended list holds nothing."""
    stage = SpotStage()
    row = stage.post(OCO, **(oco(abovePrice="60300", belowStopPrice="59700", belowPrice="59600") if side == "SELL"
                             else buying(belowPrice="59700", aboveStopPrice="60300")))  # fmt: skip
    mid = 60_000
    for step, size, is_buy in steps:
        mid += step
        stage.move(str(mid))
        stage.strangers(BUY if is_buy else SELL, size)
        stage.flush()
        stop, limit = (stage.query(one["orderId"]) for one in row["orders"])
        filled = [float(one["executedQty"]) > 0 for one in (stop, limit)]

        assert not all(filled)
        assert not filled[0] or limit["status"] == "EXPIRED"
        assert not filled[1] or stop["status"] == "EXPIRED"
    if "ALL_DONE" == stage.get(LIST, orderListId=row["orderListId"])["listOrderStatus"]:
        assert {"0.00000000"} == {stage.balance("BTC")[1], stage.balance("USDT")[1]}
    stage.exchange.check()
