"""Orders of both futures markets: what is accepted, what becomes of it, and the documented shape of every answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.simex.binance.futures_records import Tag
from bot.simex.core.order import BUY, SELL, Ticket
from tests.simex.binance.documented_futures import FIELDS
from tests.simex.binance.futures_stage import COIN, KEY, PERP, Stage, symbol_of, wanted

BOTH = pytest.mark.parametrize("prefix", ["/fapi", "/dapi"])


@pytest.fixture
def stage() -> Stage:
    """A small exchange at a funding time, with quiet books around 60,000 dollars."""
    return Stage()


def parts(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some values of a row."""
    return tuple(row[name] for name in names)


# -------------------------------------------------------------------------------------------------------- one order
@BOTH
def test_a_limit_order_rests(stage: Stage, prefix: str) -> None:
    """The answer has the documented fields, numbers as strings with the symbol's places, and the client's own id."""
    row = stage.order(prefix, newClientOrderId="mine/1:a.b_c-d")

    assert FIELDS[f"{prefix} new order"] == set(row)
    assert ("NEW", "mine/1:a.b_c-d", "59000.0", "GTC", "LIMIT", "LIMIT", "BUY", "BOTH") == parts(
        row, "status", "clientOrderId", "price", "timeInForce", "type", "origType", "side", "positionSide"
    )
    assert (False, False, "NONE", "EXPIRE_MAKER", "CONTRACT_PRICE") == parts(
        row, "reduceOnly", "closePosition", "priceMatch", "selfTradePreventionMode", "workingType"
    )
    assert stage.now_ms == row["updateTime"]


def test_numbers_are_written_as_the_markets_write_them(stage: Stage) -> None:
    """USD-M has the places of the symbol and counts in quote; COIN-M has whole contracts and counts in base coins."""
    linear, inverse = stage.buy("0.1"), stage.buy("10", "/dapi")

    assert ("0.100", "0.100", "60001.00000", "6000.1000") == parts(
        linear, "origQty", "executedQty", "avgPrice", "cumQuote"
    )
    assert ("10", "10", "60001.0", "0.01666639", "BTCUSD") == parts(
        inverse, "origQty", "executedQty", "avgPrice", "cumBase", "pair"
    )


@BOTH
def test_a_query_finds_an_order_by_either_id(stage: Stage, prefix: str) -> None:
    """Both ids name it, the exchange's before the client's; the fields are the documented ones."""
    placed, symbol = stage.order(prefix, newClientOrderId="mine"), symbol_of(prefix)
    by_id = stage.get(f"{prefix}/v1/order", symbol=symbol, orderId=placed["orderId"], origClientOrderId="another")

    assert FIELDS[f"{prefix} query"] == set(by_id)
    assert by_id == stage.get(f"{prefix}/v1/order", symbol=symbol, origClientOrderId="mine")
    assert by_id == stage.get(f"{prefix}/v1/openOrder", symbol=symbol, origClientOrderId="mine")
    assert [by_id] == stage.get(f"{prefix}/v1/openOrders", symbol=symbol) == stage.get(f"{prefix}/v1/openOrders")


@BOTH
def test_a_cancelled_order_is_open_no_more(stage: Stage, prefix: str) -> None:
    """The answer says CANCELED; the order is found as such, but not among the open ones; twice is -2011."""
    order_id, symbol = stage.order(prefix)["orderId"], symbol_of(prefix)
    row = stage.delete(f"{prefix}/v1/order", symbol=symbol, orderId=order_id)

    assert ("CANCELED", order_id) == parts(row, "status", "orderId")
    assert FIELDS[f"{prefix} new order"] == set(row)
    assert "CANCELED" == stage.get(f"{prefix}/v1/order", symbol=symbol, orderId=order_id)["status"]
    assert [] == stage.get(f"{prefix}/v1/openOrders")
    assert -2013 == stage.refusal("GET", f"{prefix}/v1/openOrder", symbol=symbol, orderId=order_id)[1]
    assert -2011 == stage.refusal("DELETE", f"{prefix}/v1/order", symbol=symbol, orderId=order_id)[1]


@pytest.mark.parametrize(
    ("changes", "status", "filled"),
    [
        ({"timeInForce": "IOC"}, "EXPIRED", "0.000"),
        ({"timeInForce": "IOC", "price": "60001", "quantity": "1.5"}, "EXPIRED", "1.000"),
        ({"timeInForce": "FOK", "price": "60001"}, "FILLED", "0.100"),
        ({"timeInForce": "GTC", "price": "60001", "quantity": "1.5"}, "PARTIALLY_FILLED", "1.000"),
        ({"timeInForce": "GTX"}, "NEW", "0.000"),
        ({"type": "MARKET", "price": None, "timeInForce": None}, "FILLED", "0.100"),
    ],
)
def test_result_tells_what_became_of_an_order_and_ack_that_it_was_accepted(
    stage: Stage, changes: dict[str, Any], status: str, filled: str
) -> None:
    """RESULT has the final status; the default, ACK, says NEW and nothing filled, whatever follows."""
    told = stage.order(**changes, newOrderRespType="RESULT")
    accepted = Stage().order(**changes)

    assert (status, filled) == parts(told, "status", "executedQty")
    assert ("NEW", "0.000", "0.00000") == parts(accepted, "status", "executedQty", "avgPrice")


@pytest.mark.parametrize(
    ("changes", "status"), [({"timeInForce": "GTX"}, "EXPIRED"), ({"timeInForce": "FOK"}, "EXPIRED")]
)
def test_coinm_lets_post_only_and_fok_orders_expire(stage: Stage, changes: dict[str, Any], status: str) -> None:
    """It has no code to refuse them with: they are accepted and end without a fill."""
    row = stage.order("/dapi", price="60001", quantity="5000", newOrderRespType="RESULT", **changes)

    assert (status, "0") == parts(row, "status", "executedQty")


@pytest.mark.parametrize(
    ("mode", "taker", "maker"),
    [
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "NEW"),
        ("EXPIRE_MAKER", "FILLED", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
        ("NONE", "FILLED", "FILLED"),
    ],
)
def test_self_trade_prevention(stage: Stage, mode: str, taker: str, maker: str) -> None:
    """The taker's mode says which of two orders of one account expires."""
    resting = stage.order(price="60000")
    crossing = stage.order(
        side="SELL", price="59999", timeInForce="IOC", newOrderRespType="RESULT", selfTradePreventionMode=mode
    )

    assert (taker, mode) == parts(crossing, "status", "selfTradePreventionMode")
    assert maker == stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=resting["orderId"])["status"]


@pytest.mark.parametrize(
    ("side", "match", "price"),
    [
        ("BUY", "OPPONENT", "60001.0"),
        ("BUY", "OPPONENT_5", "60005.0"),
        ("BUY", "QUEUE", "59999.0"),
        ("BUY", "QUEUE_20", "59980.0"),
        ("SELL", "OPPONENT_10", "59990.0"),
        ("SELL", "QUEUE_5", "60005.0"),
    ],
)
@BOTH
def test_price_match_takes_the_price_from_the_book(
    stage: Stage, prefix: str, side: str, match: str, price: str
) -> None:
    """OPPONENT is the other side's level, QUEUE the own side's; the order remembers it."""
    row = stage.order(prefix, side=side, priceMatch=match, price=None)

    assert (price, match) == parts(row, "price", "priceMatch")


def test_an_order_good_till_a_date_expires_then(stage: Stage) -> None:
    """It rests as GTD with whole seconds, and has expired when its date has come."""
    until_ms = stage.now_ms + 700_000
    row = stage.order(timeInForce="GTD", goodTillDate=until_ms)
    stage.leap(699_000)
    before = stage.get("/fapi/v1/openOrders")
    stage.leap(1_001)

    assert ("GTD", until_ms // 1000 * 1000) == parts(row, "timeInForce", "goodTillDate")
    assert [row["orderId"]] == [one["orderId"] for one in before]
    assert "EXPIRED" == stage.get("/fapi/v1/order", symbol="BTCUSDT", orderId=row["orderId"])["status"]


def test_a_test_order_changes_nothing(stage: Stage) -> None:
    """It is read and answered in the shape of an order, and no order exists afterwards."""
    row = stage.post("/fapi/v1/order/test", **wanted())

    assert FIELDS["/fapi new order"] == set(row)
    assert [] == stage.get("/fapi/v1/allOrders", symbol="BTCUSDT")
    assert -1116 == stage.refusal("POST", "/fapi/v1/order/test", **wanted(type="LIMITED"))[1]


# ------------------------------------------------------------------------------------------ reduce-only and hedge
def test_reduce_only_closes_no_more_than_there_is(stage: Stage) -> None:
    """A reduce-only order is cut to the position, and one that would open is refused."""
    stage.buy("0.1")
    row = stage.sell("0.5", reduceOnly="true")

    assert ("FILLED", "0.100", True) == parts(row, "status", "executedQty", "reduceOnly")
    assert "0.000" == stage.position()["positionAmt"]
    assert -2022 == stage.refusal("POST", "/fapi/v1/order", **wanted(side="SELL", price="61000", reduceOnly="true"))[1]


@BOTH
def test_hedge_mode_holds_two_positions(stage: Stage, prefix: str) -> None:
    """LONG and SHORT live side by side and are closed by their position side."""
    quantity = "0.2" if prefix == "/fapi" else "20"
    stage.post(f"{prefix}/v1/positionSide/dual", dualSidePosition="true")
    stage.buy(quantity, prefix, positionSide="LONG")
    stage.sell(quantity, prefix, positionSide="SHORT")
    stage.sell(quantity, prefix, positionSide="LONG")
    version = "v2" if prefix == "/fapi" else "v1"
    rows = {row["positionSide"]: row for row in stage.get(f"{prefix}/{version}/positionRisk") if "BTC" in row["symbol"]}

    assert 0 == float(rows["LONG"]["positionAmt"])
    assert -float(quantity) == float(rows["SHORT"]["positionAmt"])
    assert ({"LONG", "SHORT"} if prefix == "/fapi" else {"BOTH", "LONG", "SHORT"}) == set(rows)


# --------------------------------------------------------------------------------------------------------- change
@BOTH
def test_an_order_is_modified_and_the_history_says_how(stage: Stage, prefix: str) -> None:
    """PUT changes price and quantity; orderAmendment tells each change, newest first."""
    symbol, quantity = symbol_of(prefix), ("0.2" if prefix == "/fapi" else "20")
    order_id = stage.order(prefix)["orderId"]
    named = {"symbol": symbol, "orderId": order_id, "side": "BUY"}
    stage.put(f"{prefix}/v1/order", **named, quantity=quantity, price="58000")
    row = stage.put(f"{prefix}/v1/order", **named, quantity=quantity, price="58500")
    history = stage.get(f"{prefix}/v1/orderAmendment", symbol=symbol, orderId=order_id)

    assert FIELDS[f"{prefix} modify"] <= set(row)
    assert ("58500.0", float(quantity)) == (row["price"], float(row["origQty"]))
    assert [("58000.0", "58500.0", 2), ("59000.0", "58000.0", 1)] == [
        (*parts(one["amendment"]["price"], "before", "after"), one["amendment"]["count"]) for one in history
    ]
    assert {"amendmentId", "symbol", "pair", "orderId", "clientOrderId", "time", "amendment"} == set(history[0])


def test_coinm_changes_one_of_price_and_quantity(stage: Stage) -> None:
    """What is not sent stays; USD-M wants both, COIN-M one of them."""
    inverse = {"symbol": "BTCUSD_PERP", "side": "BUY", "orderId": stage.order("/dapi")["orderId"]}
    linear = {"symbol": "BTCUSDT", "side": "BUY", "orderId": stage.order()["orderId"]}

    assert ("59000.0", "7") == parts(stage.put("/dapi/v1/order", **inverse, quantity="7"), "price", "origQty")
    assert -1102 == stage.refusal("PUT", "/dapi/v1/order", **inverse)[1]
    assert -1102 == stage.refusal("PUT", "/fapi/v1/order", **linear, price="58000")[1]


def test_amending_to_what_is_filled_cancels(stage: Stage) -> None:
    """A quantity no larger than what is executed ends a partly filled order."""
    row = stage.order(price="60001", quantity="1.5", newOrderRespType="RESULT")
    named = {"symbol": "BTCUSDT", "orderId": row["orderId"], "side": "BUY", "price": "60001"}
    ended = stage.put("/fapi/v1/order", **named, quantity="1")

    assert ("CANCELED", "1.000") == parts(ended, "status", "executedQty")
    assert [] == stage.get("/fapi/v1/orderAmendment", symbol="BTCUSDT", orderId=row["orderId"])


# ---------------------------------------------------------------------------------------------------------- several
@BOTH
def test_a_batch_answers_each_order_by_itself(stage: Stage, prefix: str) -> None:
    """Good orders are answered in order, a bad one with its code and message among them."""
    orders = [wanted(prefix, newClientOrderId="one"), wanted(prefix, side="UP"), wanted(prefix, price=58000.5)]
    rows = stage.post(f"{prefix}/v1/batchOrders", batchOrders=json.dumps(orders))

    assert ["one", "58000.5"] == [rows[0]["clientOrderId"], rows[2]["price"]]
    assert {"code": -1117, "msg": "Invalid side."} == rows[1]


@BOTH
def test_batches_of_changes_and_cancellations(stage: Stage, prefix: str) -> None:
    """PUT and DELETE batchOrders treat each order by itself, by id or by client id."""
    symbol = symbol_of(prefix)
    ids = [stage.order(prefix, newClientOrderId=name)["orderId"] for name in ("a", "b", "c")]
    changes = [{"symbol": symbol, "orderId": ids[0], "side": "BUY", "price": "58000", "quantity": 1}]
    changed = stage.put(f"{prefix}/v1/batchOrders", batchOrders=json.dumps([*changes, {**changes[0], "orderId": 1}]))
    by_id = stage.delete(f"{prefix}/v1/batchOrders", symbol=symbol, orderIdList=json.dumps([ids[0], 5]))
    by_client = stage.delete(f"{prefix}/v1/batchOrders", symbol=symbol, origClientOrderIdList='["b","c"]')

    assert ["58000.0", -2013] == [changed[0]["price"], changed[1]["code"]]
    assert ["CANCELED", {"code": -2011, "msg": "Unknown order sent."}] == [by_id[0]["status"], by_id[1]]
    assert ["CANCELED", "CANCELED"] == [row["status"] for row in by_client]


def test_cancel_all_leaves_other_symbols_and_algo_orders(stage: Stage) -> None:
    """Only the symbol's orders end; what waits in the algo service stays."""
    stage.order()
    other = stage.order(symbol="ETHUSDT", price="2900", quantity="1")
    algo = stage.algo()
    answer = stage.delete("/fapi/v1/allOpenOrders", symbol="BTCUSDT")

    assert {"code": 200, "msg": "The operation of cancel all open order is done."} == answer
    assert [other["orderId"]] == [one["orderId"] for one in stage.get("/fapi/v1/openOrders")]
    assert [algo["algoId"]] == [one["algoId"] for one in stage.get("/fapi/v1/openAlgoOrders")]


@BOTH
def test_the_countdown_cancels_unless_it_is_renewed(stage: Stage, prefix: str) -> None:
    """Renewed in time nothing happens; when it runs out the symbol's orders are gone; zero stops it."""
    symbol = symbol_of(prefix)
    stage.order(prefix)
    answer = stage.post(f"{prefix}/v1/countdownCancelAll", symbol=symbol, countdownTime=120_000)
    stage.leap(90_000)
    stage.post(f"{prefix}/v1/countdownCancelAll", symbol=symbol, countdownTime=120_000)
    stage.leap(90_000)
    kept = stage.get(f"{prefix}/v1/openOrders")
    stage.leap(31_000)

    assert {"symbol": symbol, "countdownTime": "120000"} == answer
    assert 1 == len(kept)
    assert [] == stage.get(f"{prefix}/v1/openOrders")


# ------------------------------------------------------------------------------------------ conditional, COIN-M
def test_coinm_conditional_orders_are_orders(stage: Stage) -> None:
    """They wait among the open orders with their own type, and once triggered are market orders of the same id."""
    stage.buy("10", "/dapi")
    placed = stage.order(
        "/dapi", side="SELL", type="STOP_MARKET", stopPrice="59000", price=None, timeInForce=None, reduceOnly="true"
    )
    (waiting,) = stage.get("/dapi/v1/openOrders")
    stage.move("58900")
    stage.strangers(COIN, SELL, "1")
    done = stage.get("/dapi/v1/order", symbol="BTCUSD_PERP", orderId=placed["orderId"])

    assert ("NEW", "STOP_MARKET", "STOP_MARKET", "59000.0") == parts(waiting, "status", "type", "origType", "stopPrice")
    assert ("FILLED", "MARKET", "STOP_MARKET", "59000.0") == parts(done, "status", "type", "origType", "stopPrice")


def test_coinm_close_position_takes_the_whole(stage: Stage) -> None:
    """A take-profit with closePosition closes what there is when it is triggered, here by the mark price."""
    stage.buy("10", "/dapi")
    stage.post(
        "/dapi/v1/order",
        symbol="BTCUSD_PERP",
        side="SELL",
        type="TAKE_PROFIT_MARKET",
        stopPrice="61000",
        workingType="MARK_PRICE",
        closePosition="true",
    )
    stage.buy("5", "/dapi")
    stage.move("61100")
    stage.leap(200_000)
    (row,) = [one for one in stage.get("/dapi/v1/positionRisk") if one["symbol"] == "BTCUSD_PERP"]

    assert "0" == row["positionAmt"]


def test_a_key_without_permission_may_read_and_not_trade(stage: Stage) -> None:
    """Reading takes the read permission, orders the futures permission: -2015 and 401 otherwise."""
    read = stage.send("GET", "/fapi/v1/openOrders", {}, key="r" * 64)
    trade = stage.send("POST", "/fapi/v1/order", wanted(), key="r" * 64)

    assert KEY != "r" * 64
    assert (200, 401) == (read.status, trade.status)
    assert -2015 == json.loads(trade.body)["code"]


def test_orders_of_others_are_unknown(stage: Stage) -> None:
    """Another account's order is neither found nor cancelled."""
    stage.bob(PERP, BUY, "0.1", "59000")
    bobs = stage.exchange.orders.open("bob", "usdm")[0].order_id

    assert -2013 == stage.refusal("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=bobs)[1]
    assert -2011 == stage.refusal("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=bobs)[1]


def test_a_change_carries_its_owners_mark(stage: Stage) -> None:
    """`modifyId` comes back as it was sent, and only then."""
    named = wanted() | {"orderId": stage.order()["orderId"]}

    assert 77 == stage.put("/fapi/v1/order", **(named | {"price": "58000"}), modifyId=77)["modifyId"]
    assert "modifyId" not in stage.put("/fapi/v1/order", **(named | {"price": "58100"}))


def test_orders_that_ended_before_their_date_are_forgotten(stage: Stage) -> None:
    """However many are sent and cancelled, only few are remembered until then."""
    desk, until_ms = stage.markets["usdm"].desk, stage.now_ms + 800_000
    for _ in range(1_010):
        order = stage.exchange.place("alice", _resting(stage))
        desk.records.keep(order, Tag(good_till_ms=until_ms))
        stage.exchange.cancel("alice", order)

    assert len(desk.records._deadlines) < 20


def _resting(stage: Stage) -> Ticket:
    """A limit buy that rests."""
    price, quantity = 59_000 * 10**8, 10**7
    return Ticket(instrument=stage.instrument(PERP), side=BUY, type="limit", quantity=quantity, price=price)
