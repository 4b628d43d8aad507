"""Bad input: the dialect answers everything in the venue's shape and never raises."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.simex.wire import Request
from tests.simex.bybit.stage import Stage

NAMES = (
    "category symbol side orderType qty price "
    "timeInForce positionIdx orderLinkId orderId triggerPrice triggerDirection "
    "reduceOnly closeOnTrigger smpType marketUnit slippageTolerance "
    "slippageToleranceType bboSideType bboLevel limit cursor "
    "startTime endTime start end interval intervalTime "
    "accountType coin settleCoin baseCoin openOnly orderFilter leverage "
    "buyLeverage sellLeverage mode margin takeProfit stopLoss "
    "tpslMode tpSize slSize transferId amount fromAccountType "
    "toAccountType fromMemberId toMemberId memberId product "
    "timeWindow setMarginMode request execType orderStatus locale "
    "page state id status type currency autoAddMargin orderType"
).split()
VALUES = (
    "linear spot inverse option BTCUSDT BTCUSD Buy Sell Limit Market GTC IOC FOK PostOnly 0 1 2 3 0.1 -1 60000 59000 "
    "1e5 NaN UNIFIED FUND USDT BTC Full Partial D W M 1h 5min true false page_token%3D5%26 None CancelBoth Queue "
    "TickSize Percent quoteCoin StopOrder 42c0cfb0-6bca-4242-bc76-4e6df6cbab16 99999999999999999999 \u0661"
).split()
SCALARS = st.sampled_from(VALUES) | st.text(max_size=6) | st.none() | st.booleans() | st.integers() | st.floats()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
PARAMS = st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=9)
ENVELOPE = {"retCode", "retMsg", "result", "retExtInfo", "time"}


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, str]]:
    """Every route of the dialect."""
    stage = Stage()
    return sorted(stage.dialect.routes())


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data(), params=PARAMS)
def test_any_parameters_of_any_route(
    routes: list[tuple[str, str]], data: st.DataObject, params: dict[str, Any]
) -> None:
    """Every answer is an envelope with a known status, and money is conserved."""
    method, path = data.draw(st.sampled_from(routes))
    stage = _SHARED[0]
    stage.now_ms += 1_000
    if method == "GET":
        query = urlencode({name: str(value) for name, value in params.items()})
        request = Request("api.bybit.com", "GET", path, query, b"", stage.headers(query))
    else:
        body = json.dumps(params)
        request = Request("api.bybit.com", "POST", path, "", body.encode(), stage.headers(body))
    response = stage.raw(request)

    assert response.status == 200
    assert ENVELOPE == set(json.loads(response.body))
    stage.exchange.check()


_SHARED = [Stage()]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "", "get"]),
    path=st.sampled_from(["/v5/order/create", "/v5/order/realtime", "/", "", "/v5/../etc"]) | st.text(max_size=20),
    query=st.text(max_size=40),
    body=st.binary(max_size=60),
    headers=st.dictionaries(
        st.sampled_from(["x-bapi-api-key", "x-bapi-sign", "x-bapi-timestamp", "x-bapi-recv-window"]),
        st.text(max_size=20),
    ),
)
def test_any_request(method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> None:
    """Whatever arrives is answered in the venue's shape, and described without being carried out."""
    stage = _SHARED[0]
    stage.now_ms += 1_000
    request = Request("api.bybit.com", method, path, query, body, headers)
    stage.dialect.describe(request)

    assert ENVELOPE == set(json.loads(stage.raw(request).body))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.sampled_from(
        ["/v5/public/linear", "/v5/public/spot", "/v5/private", "/v5/trade", "/v5/public/misc/status"]
    ),
    message=st.fixed_dictionaries(
        {},
        optional={
            "op": st.sampled_from(["auth", "ping", "subscribe", "unsubscribe", "order.create", "order.cancel-batch"])
            | ANYTHING,
            "args": ANYTHING | st.lists(PARAMS, max_size=2) | st.lists(st.sampled_from(["order", "tickers.BTCUSDT"])),
            "req_id": ANYTHING,
            "reqId": ANYTHING,
            "header": PARAMS | st.just({"X-BAPI-TIMESTAMP": "1"}),
        },
    ),
    authenticated=st.booleans(),
)
def test_any_message(path: str, message: dict[str, Any], authenticated: bool) -> None:
    """Whatever is sent to a socket is answered with an object."""
    stage = _SHARED[0]
    stage.now_ms += 1_000
    socket = stage.connect(path)
    if authenticated and path in ("/v5/private", "/v5/trade"):
        socket.auth()
    replies = socket.say(json.dumps(message))
    socket.session.closed()

    assert replies
    assert all(isinstance(reply, dict) for reply in replies)


def test_a_surrogate_in_a_message(stage: Stage) -> None:
    """Half a character in a request does not break the answer."""
    socket = stage.connect("/v5/trade")
    socket.auth()
    replies = socket.say(
        '{"op":"order.create","reqId":"\\ud800","args":[{"category":"linear","symbol":"\\ud800"}],"header":{}}'
    )

    assert 10001 == replies[0]["retCode"]


def test_a_surrogate_in_a_request(stage: Stage) -> None:
    """Nor in a batch, whose answer repeats what was sent."""
    body = (
        '{"category":"linear","request":[{"symbol":"\\ud800","orderLinkId":"\\udfff"}],"more":[1e999,NaN,{"a":'
        + "9" * 400
        + "}]}"
    )
    request = Request("api.bybit.com", "POST", "/v5/order/create-batch", "", body.encode(), stage.headers(body))
    answer = json.loads(stage.raw(request).body)

    assert (0, 10001) == (answer["retCode"], answer["retExtInfo"]["list"][0]["code"])


def test_a_surrogate_in_a_signature(stage: Stage) -> None:
    """It is a wrong one."""
    headers = {**stage.headers(""), "x-bapi-sign": "\ud800"}
    request = Request("api.bybit.com", "GET", "/v5/account/info", "", b"", headers)

    assert 10004 == json.loads(stage.raw(request).body)["retCode"]
