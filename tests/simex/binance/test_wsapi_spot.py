"""The websocket API of spot: requests, sessions, user streams, rate limits in answers, and the shapes of errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simex.binance.spot_stage import MADE, SpotSocket, SpotStage, market, wanted

NOT_FOUND = {"code": -1099, "msg": "Not found, unauthenticated, or unauthorized."}
REJECTED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


@pytest.fixture
def stage() -> SpotStage:
    return SpotStage()


@pytest.fixture
def socket(stage: SpotStage) -> SpotSocket:
    return stage.connect()


def test_order_over_the_socket(stage: SpotStage, socket: SpotSocket) -> None:
    """An order is placed, asked for and cancelled as over REST; its answer tells order counts and weight."""
    placed = socket.signed("order.place", **wanted(newClientOrderId="ws"))

    assert (7, 200, "NEW") == (placed["id"], placed["status"], placed["result"]["status"])
    assert ["ORDERS", "ORDERS", "REQUEST_WEIGHT"] == [row["rateLimitType"] for row in placed["rateLimits"]]
    assert [1, 1, 3] == [row["count"] for row in placed["rateLimits"]]
    asked = socket.signed("v3/order.status", symbol="BTCUSDT", origClientOrderId="ws")
    assert stage.query(placed["result"]["orderId"]) == asked["result"]
    assert ["REQUEST_WEIGHT"] == [row["rateLimitType"] for row in asked["rateLimits"]]
    gone = socket.signed("order.cancel", symbol="BTCUSDT", orderId=placed["result"]["orderId"])
    assert "CANCELED" == gone["result"]["status"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("order.test", wanted()),
        ("openOrders.status", {}),
        ("allOrders", {"symbol": "BTCUSDT"}),
        ("myTrades", {"symbol": "BTCUSDT"}),
        ("account.status", {}),
        ("account.commission", {"symbol": "BTCUSDT"}),
        ("account.rateLimits.orders", {}),
    ],
)
def test_signed_methods(socket: SpotSocket, method: str, params: dict[str, Any]) -> None:
    """Every signed method answers its endpoint's result."""
    assert 200 == socket.signed(method, **params)["status"]


def test_rate_limits_may_be_hidden(stage: SpotStage) -> None:
    """Rate limits are shown unless the connection or the request says otherwise; the request has the last word."""
    loud, quiet = stage.connect(), stage.connect("returnRateLimits=false")

    assert "rateLimits" in loud.ask("time")
    assert "rateLimits" not in loud.ask("time", returnRateLimits=False)
    assert "rateLimits" not in quiet.ask("time")
    assert "rateLimits" in quiet.ask("time", returnRateLimits=True)
    assert "rateLimits" not in quiet.ask("nope")


@pytest.mark.parametrize(
    ("text", "identity", "status", "error"),
    [
        ("{", None, 400, {"code": -1135, "msg": "Invalid JSON Request"}),
        ("[]", None, 400, {"code": -1135, "msg": "Invalid JSON Request"}),
        ("[" * 60_000, None, 400, {"code": -1135, "msg": "Invalid JSON Request"}),
        (
            '{"id":"a","method":"time","params":[1]}',
            "a",
            400,
            {"code": -1135, "msg": "JSON sent for parameter 'params' is not valid"},
        ),
        ('{"id":3,"method":"nope"}', 3, 404, NOT_FOUND),
        ('{"id":3,"method":"userDataStream.nope"}', 3, 404, NOT_FOUND),
        ('{"id":3,"method":"session.nope"}', 3, 404, NOT_FOUND),
        ('{"id":3,"method":"userDataStream.subscribe"}', 3, 401, NOT_FOUND),
        (
            '{"id":3,"method":"userDataStream.start"}',
            3,
            410,
            {"code": -1020, "msg": "This operation is not supported."},
        ),
    ],
)
def test_bad_requests(socket: SpotSocket, text: str, identity: object, status: int, error: dict[str, object]) -> None:
    """What is no request, or names no method, is refused in the documented shape, with the id it came with."""
    answer = socket.say(text)
    assert (identity, status, error) == (answer["id"], answer["status"], answer["error"])


def test_limited_requests_tell_when_to_retry(stage: SpotStage, socket: SpotSocket) -> None:
    """A refusal for limits says until when; the ban of an address reaches its sockets too."""
    stage.limiter.tighten(orders=(1,))
    socket.signed("order.place", **wanted())
    limited = socket.signed("order.place", **wanted())
    assert (429, -1015) == (limited["status"], limited["error"]["code"])
    assert stage.now_ms + 10_000 == limited["error"]["data"]["retryAfter"]

    stage.limiter.ban("127.0.0.1", stage.now_ms)
    banned = socket.ask("time")
    assert (418, {"serverTime": stage.now_ms, "retryAfter": stage.now_ms + 120_000}) == (
        banned["status"],
        banned["error"]["data"],
    )


def test_signature_subscription(stage: SpotStage, socket: SpotSocket) -> None:
    """A signed subscription carries its account's events and no other's; there is one for each account."""
    assert {"subscriptionId": 0} == socket.signed("userDataStream.subscribe.signature")["result"]
    assert {"subscriptionId": 1} == socket.signed("userDataStream.subscribe.signature", "bob")["result"]
    again = socket.signed("userDataStream.subscribe.signature")
    assert {"code": -2035, "msg": "User Data Stream subscription already active."} == again["error"]

    socket.session.send_event("alice", {"e": "x"})
    socket.session.send_event("nobody", {"e": "x"})
    assert [{"subscriptionId": 0, "event": {"e": "x"}}] == socket.frames
    assert "user" == socket.session.kind
    assert [{"subscriptionId": 0}, {"subscriptionId": 1}] == socket.ask("session.subscriptions")["result"]


def test_unsubscribing(stage: SpotStage, socket: SpotSocket) -> None:
    """A subscription that ends is told so; one that is not there cannot end."""
    socket.signed("userDataStream.subscribe.signature")
    inactive = {"code": -2036, "msg": "User Data Stream subscription not active."}
    assert inactive == socket.ask("userDataStream.unsubscribe", subscriptionId=9)["error"]
    assert inactive == socket.ask("userDataStream.unsubscribe", subscriptionId="0")["error"]

    assert {} == socket.ask("userDataStream.unsubscribe")["result"]
    ended = {"e": "eventStreamTerminated", "E": stage.now_ms}
    assert [{"subscriptionId": 0, "event": ended}] == socket.frames
    assert "api" == socket.session.kind


def test_logon_spares_signatures(stage: SpotStage, socket: SpotSocket) -> None:
    """After an Ed25519 logon requests need a timestamp and no signature, and the user stream needs neither."""
    status = socket.signed("session.logon", "edge")["result"]
    assert (MADE["edge"].key, stage.now_ms, False) == tuple(
        status[name] for name in ("apiKey", "authorizedSince", "userDataStream")
    )

    placed = socket.ask("order.place", **wanted(), timestamp=stage.now_ms)
    assert "NEW" == placed["result"]["status"]
    assert -1102 == socket.ask("order.place", **wanted())["error"]["code"]
    assert -1021 == socket.ask("order.place", **wanted(), timestamp=stage.now_ms - 5_001)["error"]["code"]
    assert {"subscriptionId": 0} == socket.ask("userDataStream.subscribe")["result"]
    other = socket.signed("account.status", "bob")
    assert 200 == other["status"]


def test_logout_ends_what_logon_began(socket: SpotSocket) -> None:
    """Logging out forgets the key and ends the stream that it subscribed, not those subscribed by a signature."""
    socket.signed("session.logon", "edge")
    socket.ask("userDataStream.subscribe")
    socket.signed("userDataStream.subscribe.signature", "bob")

    status = socket.ask("session.logout")["result"]
    assert (None, None, True) == tuple(status[name] for name in ("apiKey", "authorizedSince", "userDataStream"))
    assert [{"subscriptionId": 1}] == socket.ask("session.subscriptions")["result"]
    assert -2014 == socket.ask("account.status", timestamp=1)["error"]["code"]


@pytest.mark.parametrize("key", ["desk", "round"])
def test_only_ed25519_keys_log_on(socket: SpotSocket, key: str) -> None:
    """Keys of the other kinds sign each request and cannot log on."""
    assert -4056 == socket.signed("session.logon", key)["error"]["code"]
    assert 200 == socket.signed("account.status", key)["status"]


def test_revoked_key_ends_the_session(stage: SpotStage, socket: SpotSocket) -> None:
    """The next request of a session whose key was deleted is rejected, and the session has none any more."""
    socket.signed("session.logon", "edge")
    stage.keys.revoke("edge")

    assert REJECTED == socket.ask("time")["error"]
    assert socket.ask("session.status")["result"]["apiKey"] is None


def test_subscriptions_need_a_right_to_read(stage: SpotStage, socket: SpotSocket) -> None:
    """A key that may not read, or may not be used from here, subscribes nothing."""
    for key in ("blind", "office"):
        assert REJECTED == socket.signed("userDataStream.subscribe.signature", key)["error"]


def test_a_connection_is_judged_by_where_it_comes_from(stage: SpotStage) -> None:
    """Its own end is on the key's list, or it is not; unless the venue sees all its clients elsewhere."""
    inside, outside = stage.connect(address="203.0.113.7"), stage.connect(address="203.0.113.8")
    said = [one.signed("account.status", "office")["status"] for one in (inside, outside)]
    stage.router.client_ip = "203.0.113.8"

    assert ([200, 401], 401) == (said, inside.signed("account.status", "office")["status"])


def test_closing_forgets_everything(stage: SpotStage, socket: SpotSocket) -> None:
    """A closed connection hears nothing."""
    socket.signed("userDataStream.subscribe.signature")
    socket.session.closed()
    socket.session.send_event("alice", {"e": "x"})
    assert [] == socket.frames


def test_requests_are_logged(stage: SpotStage, socket: SpotSocket) -> None:
    """The log has every request with its key, verdict and order, and never a signature."""
    socket.signed("order.place", **market(newClientOrderId="seen"))
    socket.signed("order.place", **wanted(symbol="NOPE"))

    (_, good), (_, bad) = stage.logged
    assert ("desk", "alice", "ok", "seen") == (
        good.trace.key_name,
        good.trace.account,
        good.trace.verdict,
        good.trace.client_order_id,
    )
    assert (-1121, True) == (bad.trace.code, bad.trace.signed)
    assert "signature" not in json.dumps([dict(good.trace.params), dict(bad.trace.params)])
