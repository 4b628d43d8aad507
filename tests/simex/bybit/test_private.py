"""The private and the trade websocket, and disconnection protection."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.bybit.dialect import Behaviour
from bot.simex.core.flow import Aggression
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, SELL
from tests.simex.bybit.stage import PERP, SECRET, Socket, Stage, api_key

ORDER = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "59000"}


# ------------------------------------------------------------------------------------------------------ authentication
def test_the_reply_to_an_authentication(stage: Stage) -> None:
    """As documented, and logged without the secret."""
    reply = stage.connect("/v5/private").auth()

    assert (True, "", "auth") == tuple(reply[name] for name in ("success", "ret_msg", "op"))
    (request, response) = stage.logged[-1]
    assert ("AUTH", "/v5/private", "alice", "ok") == (
        request.method,
        request.path,
        response.trace.account,
        response.trace.verdict,
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret": "wrong"}, 10004),
        ({"key": "nobody"}, 10003),
        ({"ahead_ms": 0}, 10004),
        ({"ahead_ms": -(10**15)}, 10001),
    ],
)
def test_who_is_not_authenticated(stage: Stage, changes: dict[str, Any], code: int) -> None:
    """A wrong key, signature or expiry fails on both sockets, and no topic is open afterwards."""
    private, trade = stage.connect("/v5/private"), stage.connect("/v5/trade")

    assert (False, code) == tuple(private.auth(**changes)[name] for name in ("success", "retCode"))
    assert code == trade.auth(**changes)["retCode"]
    assert not private.ask(op="subscribe", args=["order"])[0]["success"]
    assert 10007 == trade.ask(op="order.create", header={}, args=[ORDER])[0]["retCode"]


@pytest.mark.parametrize("args", [None, [], ["k"], ["k", [], "s"], ["k", "soon", "s"], [1, 2, 3], ["k", True, "s"], {}])
def test_arguments_that_are_none(stage: Stage, args: Any) -> None:
    """Malformed authentications are parameter errors."""
    assert 10001 == stage.connect("/v5/private").ask(op="auth", args=args)[0]["retCode"]
    assert 10001 == stage.connect("/v5/trade").ask(op="auth", args=args)[0]["retCode"]


def test_a_key_that_may_not_read() -> None:
    """The private stream needs the permission to read."""
    stage = Stage(keys=(api_key(name="blind", key="blindkey", read=False),))

    assert 10005 == stage.connect("/v5/private").auth("blindkey", SECRET)["retCode"]


def test_once_is_enough(stage: Stage) -> None:
    """A second authentication is refused."""
    private, trade = stage.private(), stage.connect("/v5/trade")
    trade.auth()

    assert not private.auth()["success"]
    assert 20001 == trade.auth()["retCode"]


# ------------------------------------------------------------------------------------------------------------- streams
@pytest.mark.parametrize(
    ("topics", "fits"),
    [
        (["order", "execution", "position", "wallet", "greeks", "execution.fast"], True),
        (["order.linear", "order.spot", "execution.fast.linear"], True),
        (["order", "order.linear"], False),
        (["order", "execution.linear"], True),
        (["dcp.future", "dcp.spot", "dcp.option"], True),
        (["orders"], False),
        (["orderbook.1.BTCUSDT"], False),
    ],
)
def test_topics(stage: Stage, topics: list[str], fits: bool) -> None:
    """All-in-one and categorised topics may not come in one request."""
    assert fits == stage.private().ask(op="subscribe", args=topics)[0]["success"]


def test_the_heartbeat(stage: Stage) -> None:
    """The pong of a private connection has its own shape."""
    reply = stage.private().ask(op="ping", req_id="test")[0]

    assert ("pong", "test", [str(stage.now_ms)]) == (reply["op"], reply["req_id"], reply["args"])


def test_the_messages_of_a_fill(stage: Stage) -> None:
    """Fill, order, position and wallet; the position carries the sequence of the fill."""
    socket = stage.private("order", "execution", "position", "wallet", "execution.fast")
    stage.placed(orderType="Market", orderLinkId="tt")
    topics = [frame["topic"] for frame in socket.frames]
    fill, position = socket.rows("execution")[0], socket.rows("position")[-1]

    assert ["order", "execution", "execution.fast", "order", "position", "wallet"] == topics
    assert (fill["seq"], "linear", "0.100") == (position["seq"], position["category"], position["size"])
    assert "tt" == socket.rows("execution.fast")[0]["orderLinkId"]
    assert ["New", "Filled"] == [row["orderStatus"] for row in socket.rows("order")]


def test_a_makers_fast_fill_has_no_owners_id(stage: Stage) -> None:
    """As documented."""
    socket = stage.private("execution.fast.linear")
    stage.placed(price="60000.5", orderLinkId="maker")
    stage.strangers(PERP, SELL, "0.1")

    assert [(True, "")] == [(row["isMaker"], row["orderLinkId"]) for row in socket.rows("execution.fast.linear")]


def test_an_account_sees_itself_alone() -> None:
    """Nobody is told of another's orders."""
    stage = Stage(keys=(api_key(name="bob", key="bobkey", account="bob"),))
    socket = stage.connect("/v5/private")
    assert socket.auth("bobkey", SECRET)["success"]
    socket.ask(op="subscribe", args=["order", "execution", "position", "wallet"])
    stage.placed(orderType="Market")

    assert [] == socket.frames


def test_a_category_is_asked_for(stage: Stage) -> None:
    """A categorised topic brings its category alone."""
    socket = stage.private("order.spot", "execution.spot")
    stage.placed(orderType="Market")
    stage.placed(category="spot", orderType="Market", qty="100")

    assert {"spot"} == {row["category"] for frame in socket.taken() for row in frame["data"]}


def test_settings_are_told(stage: Stage) -> None:
    """A new leverage is a message of the position."""
    socket = stage.private("position")
    stage.post("/v5/position/set-leverage", category="linear", symbol="BTCUSDT", buyLeverage="7", sellLeverage="7")

    assert ["7"] == [row["leverage"] for row in socket.rows("position")]
    stage.post("/v5/position/switch-mode", category="linear", coin="USDT", mode=3)
    stage.post("/v5/position/set-leverage", category="linear", symbol="BTCUSDT", buyLeverage="8", sellLeverage="8")
    assert [(1, "8"), (2, "8")] == [(row["positionIdx"], row["leverage"]) for row in socket.rows("position")]


def test_messages_have_ids(stage: Stage) -> None:
    """Each its own; the fast fills have none."""
    socket = stage.private("order", "execution.fast")
    stage.placed(orderType="Market")
    ids = [frame["id"] for frame in socket.taken("order")]

    assert 2 == len(ids) == len(set(ids))
    assert all("id" not in frame for frame in socket.taken("execution.fast"))


def test_nothing_after_unsubscribing(stage: Stage) -> None:
    """Nor while the user streams are silenced."""
    socket = stage.private("order", "position")
    socket.ask(op="unsubscribe", args=["order"])
    stage.placed()
    assert [] == socket.frames
    socket.ask(op="subscribe", args=["order"])
    stage.dialect.silence.user_until_ms = stage.now_ms + 1_000
    stage.placed(orderType="Market")
    assert [] == socket.frames
    stage.leap(1_000)
    stage.placed()
    assert ["New"] == [row["orderStatus"] for row in socket.rows("order")]


# ---------------------------------------------------------------------------------------------------- the trade socket
@pytest.fixture
def trade(stage: Stage) -> Socket:
    """A trade websocket, authenticated."""
    socket = stage.connect("/v5/trade")
    assert 0 == socket.auth()["retCode"]
    return socket


def ask(stage: Stage, trade: Socket, op: str, *args: Any, **changes: Any) -> dict[str, Any]:
    """The answer to a request of the trade websocket."""
    header = {"X-BAPI-TIMESTAMP": str(stage.now_ms), "X-BAPI-RECV-WINDOW": "8000"}
    return trade.ask(**{"op": op, "header": header, "args": list(args), "reqId": f"r{len(stage.logged)}", **changes})[0]


def test_orders_over_the_socket(stage: Stage, trade: Socket) -> None:
    """Create, amend, cancel: the data of the REST answers in the socket's envelope, and a line in the log each."""
    made = ask(stage, trade, "order.create", {**ORDER, "orderLinkId": "ws"})
    name = {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "ws"}
    amended = ask(stage, trade, "order.amend", {**name, "price": "58000"})
    cancelled = ask(stage, trade, "order.cancel", name)

    assert {"reqId", "retCode", "retMsg", "op", "data", "retExtInfo", "header", "connId"} == set(made)
    assert {"X-Bapi-Limit", "X-Bapi-Limit-Status", "X-Bapi-Limit-Reset-Timestamp", "Traceid", "Timenow"} == set(
        made["header"]
    )
    assert ("10", "9") == (made["header"]["X-Bapi-Limit"], made["header"]["X-Bapi-Limit-Status"])
    assert [0, 0, 0] == [one["retCode"] for one in (made, amended, cancelled)]
    assert made["data"]["orderId"] == cancelled["data"]["orderId"]
    assert ["/v5/order/create", "/v5/order/amend", "/v5/order/cancel"] == [one.path for one, _ in stage.logged[-3:]]


def test_a_batch_over_the_socket(stage: Stage, trade: Socket) -> None:
    """Codes in retExtInfo, rows in data, as documented."""
    rows = [{**ORDER, "positionIdx": 1}, ORDER]
    answer = ask(stage, trade, "order.create-batch", {"category": "linear", "request": rows})

    assert [10001, 0] == [one["code"] for one in answer["retExtInfo"]["list"]]
    assert "position idx not match position mode" in answer["retExtInfo"]["list"][0]["msg"]
    assert [True, False] == [one["orderId"] == "" for one in answer["data"]["list"]]


@pytest.mark.parametrize(
    ("op", "changes", "code"),
    [
        ("order.replace", {}, 10404),
        ("", {}, 10404),
        ("order.create", {"args": [{**ORDER, "category": "option"}]}, 10404),
        ("order.create", {"args": [{**ORDER, "category": None}]}, 10404),
        ("order.create", {"args": []}, 10001),
        ("order.create", {"args": [ORDER, ORDER]}, 10001),
        ("order.create", {"args": {}}, 10001),
        ("order.create", {"header": None}, 10001),
        ("order.create", {"header": {}}, 10001),
        ("order.create", {"header": {"X-BAPI-TIMESTAMP": "1"}}, 10002),
        ("order.create", {"header": {"X-BAPI-TIMESTAMP": "x"}}, 10001),
        ("order.create", {"reqId": "x" * 37}, 10001),
        ("order.create", {"reqId": 5}, 10001),
        ("order.create", {"args": [{**ORDER, "qty": "x"}]}, 10001),
        ("order.cancel", {"args": [{**ORDER, "orderId": "unknown"}]}, 110001),
        ("order.create-batch", {"args": [{"category": "linear"}]}, 10001),
    ],
)
def test_requests_that_are_refused(stage: Stage, trade: Socket, op: str, changes: dict[str, Any], code: int) -> None:
    """Each with its documented code."""
    assert code == ask(stage, trade, op, ORDER, **changes)["retCode"]


def test_a_request_id_is_used_once(stage: Stage, trade: Socket) -> None:
    """A second time it is a duplicate; without one nothing is sent back."""
    assert [0, 20006] == [ask(stage, trade, "order.create", ORDER, reqId="same")["retCode"] for _ in range(2)]
    assert "reqId" not in ask(stage, trade, "order.create", ORDER, reqId=None)


def test_the_limits_of_the_socket(stage: Stage, trade: Socket) -> None:
    """Order limits are shared with REST; too many messages in a second are 20003."""
    codes = [ask(stage, trade, "order.create", ORDER, reqId=None)["retCode"] for _ in range(200)]
    stage.leap(1_000)

    assert (10, 189, 1) == (codes.count(0), codes.count(10006), codes.count(20003))
    assert 0 == ask(stage, trade, "order.create", ORDER)["retCode"]


def test_the_heartbeat_of_the_trade_socket(stage: Stage, trade: Socket) -> None:
    """The documented pong."""
    reply = trade.ask(op="ping")[0]

    assert (0, "OK", "pong", [str(stage.now_ms)]) == tuple(reply[name] for name in ("retCode", "retMsg", "op", "data"))


def test_a_key_without_the_permission(stage: Stage, trade: Socket) -> None:
    """The permission is looked at with every order."""
    stage.dialect.keys.change("desk", futures=False)

    assert 10005 == ask(stage, trade, "order.create", ORDER)["retCode"]


def test_a_trade_socket_that_restarts(stage: Stage, trade: Socket) -> None:
    """While the service is restarting no order is taken."""
    stage.dialect.restart_trade()

    assert 10019 == ask(stage, trade, "order.create", ORDER)["retCode"]
    fresh = stage.connect("/v5/trade")
    fresh.auth()
    assert 0 == ask(stage, fresh, "order.create", ORDER)["retCode"]


# ----------------------------------------------------------------------------------------------------------- protection
def window(stage: Stage, seconds: object, product: str = "DERIVATIVES") -> int:
    """The code of setting a window."""
    found: int = stage.post("/v5/order/disconnected-cancel-all", product=product, timeWindow=seconds)["retCode"]
    return found


@pytest.mark.parametrize(("seconds", "code"), [(3, 0), (300, 0), (2, 10001), (301, 10001), ("x", 10001), (None, 10001)])
def test_windows(stage: Stage, seconds: object, code: int) -> None:
    """Three to three hundred seconds."""
    assert code == window(stage, seconds)


def test_protection_cancels_orders(stage: Stage) -> None:
    """When the last connection that watches is gone for the window, orders of that product go, positions stay."""
    window(stage, 20)
    first, second, watcher = stage.private("dcp.future"), stage.private("dcp.future"), stage.private("order")
    stage.placed(orderType="Market")
    stage.placed()
    stage.placed(category="spot", qty="0.01")
    first.session.closed()
    stage.leap(60_000)
    assert 1 == len(stage.realtime())
    second.session.closed()
    stage.leap(19_999)
    assert 1 == len(stage.realtime())
    watcher.taken()
    stage.leap(1)

    assert [("Cancelled", "CancelByDCP")] == [(row["orderStatus"], row["cancelType"]) for row in watcher.rows("order")]
    assert 1 == len(stage.realtime(category="spot"))
    assert "0.100" == stage.position()["size"]
    assert "20" == stage.result(stage.get("/v5/account/query-dcp-info"))["dcpInfos"][1]["timeWindow"]


def test_who_comes_back_in_time_keeps_the_orders(stage: Stage) -> None:
    """The window begins anew with the next disconnection; unsubscribing is none."""
    stage.placed()
    stage.private("dcp.future").session.closed()
    stage.leap(9_000)
    again = stage.private("dcp.future")
    stage.leap(60_000)
    assert 1 == len(stage.realtime())
    again.ask(op="unsubscribe", args=["dcp.future"])
    again.session.closed()
    stage.leap(60_000)

    assert 1 == len(stage.realtime())


def test_a_delayed_engine_and_the_streams() -> None:
    """The acknowledgement comes before the order is told."""
    stage = Stage(Behaviour(engine_delay_ms=5))
    socket = stage.private("order", "execution")
    order_id = stage.placed(orderType="Market")
    assert [] == socket.frames
    stage.tape.say(Aggression(PERP, stage.now_ms + 1, BUY, 0, SCALE // 10))
    stage.leap(5)

    assert {order_id} == {row["orderId"] for frame in socket.taken() for row in frame["data"]}
