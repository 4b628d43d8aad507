"""Signatures, windows, keys, permissions, limits and routes, each with its documented code and status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.simex.bybit.dialect import Behaviour
from bot.simex.wire import Request
from tests.simex.bybit.stage import KEY, SECRET, START_MS, Stage, api_key, decoded

PATH = "/v5/account/info"


def signed(stage: Stage, query: str = "", **changes: str) -> Request:
    """A signed GET of the account's modes, with headers changed afterwards."""
    headers = {**stage.headers(query), **changes}
    return Request("api.bybit.com", "GET", PATH, query, b"", {name: one for name, one in headers.items() if one})


def stamped(stage: Stage, ahead_ms: int, window: str = "5000") -> Request:
    """A GET whose timestamp is so much ahead of the server."""
    now_ms = stage.now_ms
    stage.now_ms = now_ms + ahead_ms
    try:
        headers = stage.headers("") if window == "5000" else _headers(stage, window)
    finally:
        stage.now_ms = now_ms
    return Request("api.bybit.com", "GET", PATH, "", b"", headers)


def _headers(stage: Stage, window: str) -> dict[str, str]:
    import hashlib
    import hmac

    stamp = str(stage.now_ms)
    sign = hmac.new(SECRET.encode(), (stamp + KEY + window).encode(), hashlib.sha256).hexdigest()
    return {"x-bapi-api-key": KEY, "x-bapi-timestamp": stamp, "x-bapi-sign": sign, "x-bapi-recv-window": window}


def outcome(stage: Stage, request: Request) -> tuple[int, int]:
    """Status and code of an answer."""
    response = stage.raw(request)
    return response.status, decoded(response)["retCode"]


def test_the_documented_envelope(stage: Stage) -> None:
    """Every answer has the five fields."""
    answer = stage.public("/v5/market/time")

    assert {"retCode", "retMsg", "result", "retExtInfo", "time"} == set(answer)
    assert (0, "OK", {}, stage.now_ms) == tuple(answer[name] for name in ("retCode", "retMsg", "retExtInfo", "time"))
    assert str(stage.now_ms // 1000) == answer["result"]["timeSecond"]


def test_a_signed_call_is_admitted(stage: Stage) -> None:
    """The signature is over timestamp, key, window and query; the log has no secret."""
    response = stage.raw(signed(stage, "a=b%20c"))

    assert 0 == decoded(response)["retCode"]
    assert ("desk", "alice", True, "ok") == (
        response.trace.key_name,
        response.trace.account,
        response.trace.signed,
        response.trace.verdict,
    )
    assert {"a": "b c"} == response.trace.params


@pytest.mark.parametrize(
    ("changes", "expected", "verdict"),
    [
        ({"x-bapi-sign": "0" * 64}, (200, 10004), "bad_signature"),
        ({"x-bapi-sign": "é"}, (200, 10004), "bad_signature"),
        ({"x-bapi-api-key": "nobody"}, (200, 10003), "bad_key"),
        ({"x-bapi-sign": ""}, (401, 10007), "unsigned"),
        ({"x-bapi-api-key": ""}, (401, 10007), "unsigned"),
        ({"x-bapi-timestamp": ""}, (401, 10007), "unsigned"),
        ({"x-bapi-timestamp": "soon"}, (200, 10001), "unsigned"),
        ({"x-bapi-recv-window": "-5"}, (200, 10001), "unsigned"),
        ({"x-bapi-recv-window": "6000"}, (200, 10004), "bad_signature"),
    ],
)
def test_who_is_not_admitted(stage: Stage, changes: dict[str, str], expected: tuple[int, int], verdict: str) -> None:
    """A wrong key, window or signature is refused in the venue's words."""
    response = stage.raw(signed(stage, **changes))

    assert expected == (response.status, decoded(response)["retCode"])
    assert verdict == response.trace.verdict


@pytest.mark.parametrize(("ahead_ms", "code"), [(0, 0), (999, 0), (1_000, 10002), (-5_000, 0), (-5_001, 10002)])
def test_the_window(stage: Stage, ahead_ms: int, code: int) -> None:
    """Accepted: server - window <= timestamp < server + 1000."""
    assert (200, code) == outcome(stage, stamped(stage, ahead_ms))


def test_a_narrower_window(stage: Stage) -> None:
    """A client may ask for a stricter check."""
    assert (200, 0) == outcome(stage, stamped(stage, -100, "100"))
    assert (200, 10002) == outcome(stage, stamped(stage, -101, "100"))


def test_the_documented_example_of_a_signature() -> None:
    """A POST signs its body as it was sent."""
    from bot.simex.bybit.signature import rest_text, socket_text

    assert '1658385579423XXXXXXXXXX5000{"category": "option"}' == rest_text(
        "1658385579423", "XXXXXXXXXX", "5000", '{"category": "option"}'
    )
    assert "GET/realtime1662350400000" == socket_text("1662350400000")


@pytest.mark.parametrize(
    ("changes", "method", "path", "params", "code"),
    [
        ({"read": False}, "GET", PATH, {}, 10005),
        ({"futures": False}, "POST", "/v5/order/create", {"category": "linear"}, 10005),
        ({"futures": False}, "POST", "/v5/position/set-leverage", {"category": "linear"}, 10005),
        ({"spot": False}, "POST", "/v5/order/create", {"category": "spot"}, 10005),
        ({"transfer": False}, "POST", "/v5/asset/transfer/inter-transfer", {}, 10005),
        ({"expires_ms": START_MS}, "GET", PATH, {}, 33004),
        ({"read": False, "spot": False, "futures": False}, "GET", "/v5/user/query-api", {}, 0),
    ],
)
def test_permissions(changes: dict[str, Any], method: str, path: str, params: dict[str, str], code: int) -> None:
    """A key may do what it has the permission for, until it expires; any key may ask what it may do."""
    key = api_key(**{"name": "other", "key": "otherkey", **changes})
    stage = Stage(keys=(key,))
    body = json.dumps(params) if method == "POST" else ""
    request = Request("api.bybit.com", method, path, "", body.encode(), stage.headers(body, "otherkey"))

    assert code == outcome(stage, request)[1]


def test_keys_are_changed_and_revoked(stage: Stage) -> None:
    """The operator of the exchange takes permissions and keys away."""
    assert stage.dialect.keys.change("desk", futures=False)
    assert 10005 == stage.order()["retCode"]
    assert stage.dialect.keys.revoke("desk")
    assert 10003 == stage.get(PATH)["retCode"]
    assert (False, False) == (stage.dialect.keys.revoke("desk"), stage.dialect.keys.change("desk", read=True))


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/v5/nothing", b"", (404, 10017)),
        ("GET", "/", b"", (404, 10017)),
        ("POST", "/v5/market/time", b"", (404, 10017)),
        ("get", "/v5/market/time", b"", (400, 10001)),
        ("DELETE", "/v5/order/create", b"", (400, 10001)),
        ("GET", "/v5/market/time", b"{}", (403, 10001)),
    ],
)
def test_routes_that_are_none(stage: Stage, method: str, path: str, body: bytes, expected: tuple[int, int]) -> None:
    """An unknown path is 404, a wrong method 400, a GET with a body 403."""
    assert expected == outcome(stage, Request("api.bybit.com", method, path, "", body))


def test_another_host_is_no_host(stage: Stage) -> None:
    """The stream host answers no REST call."""
    assert (404, 10017) == outcome(stage, Request("stream.bybit.com", "GET", "/v5/market/time"))
    assert (200, 0) == outcome(stage, Request("api.bytick.com", "GET", "/v5/market/time"))


def test_the_limit_of_an_endpoint(stage: Stage) -> None:
    """Ten orders a second of one user; headers count down; the eleventh is 10006 and says when to come back."""
    first = stage.raw(_order(stage))
    last = [stage.raw(_order(stage)) for _ in range(9)][-1]
    refused = stage.raw(_order(stage))

    assert ("10", "9") == (first.headers["X-Bapi-Limit"], first.headers["X-Bapi-Limit-Status"])
    assert ("0", str(stage.now_ms)) == (
        last.headers["X-Bapi-Limit-Status"],
        last.headers["X-Bapi-Limit-Reset-Timestamp"],
    )
    assert (200, 10006) == (refused.status, decoded(refused)["retCode"])
    assert str(stage.now_ms + 1_000) == refused.headers["X-Bapi-Limit-Reset-Timestamp"]
    stage.leap(1_000)
    assert 0 == decoded(stage.raw(_order(stage)))["retCode"]


def _order(stage: Stage) -> Request:
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1"}
    body = json.dumps(order | {"price": "59000"})
    return Request("api.bybit.com", "POST", "/v5/order/create", "", body.encode(), stage.headers(body))


def test_the_limit_of_an_address(stage: Stage) -> None:
    """The 601st request within five seconds is 403, and so is every other one for ten minutes."""
    request = Request("api.bybit.com", "GET", "/v5/market/time")
    statuses = {stage.raw(request).status for _ in range(600)}

    assert {200} == statuses
    assert 403 == stage.raw(request).status
    stage.leap(599_999)
    assert 403 == stage.raw(request).status
    stage.leap(1)
    assert 200 == stage.raw(request).status


def test_limits_may_be_multiplied() -> None:
    """A soak run may trade faster than a user without a status."""
    stage = Stage(Behaviour(limits_factor=10))

    assert "100" == stage.raw(_order(stage)).headers["X-Bapi-Limit"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("too_large", (413, 10001)),
        ("too_long", (414, 10001)),
        ("malformed", (400, 10001)),
        ("unknown", (200, 10000)),
        ("throttled", (200, 429)),
        ("unavailable", (503, 10016)),
    ],
)
def test_what_the_front_refuses(stage: Stage, name: str, expected: tuple[int, int]) -> None:
    """The venue's words for what never reaches an endpoint."""
    response = stage.dialect.refusal(name, Request("api.bybit.com", "POST", "/v5/order/create"))

    assert expected == (response.status, decoded(response)["retCode"])
    assert (418, 7, "x") == (
        stage.dialect.error(418, 7, "x").status,
        *(decoded(stage.dialect.error(418, 7, "x"))[field] for field in ("retCode", "retMsg")),
    )
    assert 0.0 == stage.dialect.rules("stream.bybit.com").ping_every_s


def test_a_request_that_is_not_carried_out(stage: Stage) -> None:
    """What a fault keeps from being executed is described unchecked."""
    trace = stage.dialect.describe(_order(stage))

    assert ("not_executed", "alice", "59000") == (trace.verdict, trace.account, trace.params["price"])
    assert [] == stage.realtime()
    broken = Request("api.bybit.com", "POST", "/v5/order/create", "", b"{", {})
    assert ("not_executed", None) == (stage.dialect.describe(broken).verdict, stage.dialect.describe(broken).account)
