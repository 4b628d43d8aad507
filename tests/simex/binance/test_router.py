"""Routing: unknown routes, parameters, request weights, order counts."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.wire import Request
from tests.simex.binance.client import API, FAPI, Client, spot_order, usdm_order


@pytest.fixture
def client() -> Client:
    return Client()


def test_unknown_routes(client: Client) -> None:
    """The futures host answers an unknown path with a code, spot with a page, both with 404."""
    status, body = client.send(Request(FAPI, "GET", "/fapi/v9/order"))

    assert (404, {"code": -5000, "msg": "Path /fapi/v9/order, Method GET is invalid"}) == (status, body)
    assert (404, b"<html><body><h2>404 Not found</h2></body></html>") == client.send(Request(API, "GET", "/nothing"))
    assert 404 == client.send(Request("papi.binance.com", "GET", "/papi/v1/ping"))[0]


@pytest.mark.parametrize(
    ("method", "path", "params", "code"),
    [
        ("GET", "/fapi/v1/order", {"orderId": 1}, -1102),
        ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT"}, -1102),
        ("GET", "/fapi/v1/order", {"symbol": "NOPE", "orderId": 1}, -1121),
        ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": "1x"}, -1100),
        ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": 1}, -2013),
        ("DELETE", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": 1}, -2011),
        ("GET", "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 7}, -4021),
        ("POST", "/fapi/v1/order", usdm_order(side="HOLD"), -1117),
        ("POST", "/fapi/v1/order", usdm_order(type="LEMON"), -1116),
        ("POST", "/fapi/v1/order", usdm_order(type="STOP_MARKET"), -4120),
        ("POST", "/fapi/v1/order", usdm_order(timeInForce="NEVER"), -1115),
        ("POST", "/fapi/v1/order", usdm_order(timeInForce=""), -1102),
        ("POST", "/fapi/v1/order", usdm_order(price=""), -1102),
        ("POST", "/fapi/v1/order", usdm_order(quantity=""), -1102),
        ("POST", "/fapi/v1/order", usdm_order(quantity="1e3"), -1100),
        ("POST", "/fapi/v1/order", usdm_order(quantity="-1"), -1100),
        ("POST", "/fapi/v1/order", usdm_order(quantity="NaN"), -1100),
        ("POST", "/fapi/v1/order", usdm_order(quantity="0.0001"), -1111),
        ("POST", "/fapi/v1/order", usdm_order(price="50000.05"), -4014),
        ("POST", "/fapi/v1/order", usdm_order(quantity="0"), -4003),
        ("POST", "/fapi/v1/order", usdm_order(quantity="0.001"), -4164),
        ("POST", "/fapi/v1/order", usdm_order(quantity="90"), -2019),
        ("POST", "/fapi/v1/order", usdm_order(newClientOrderId="x" * 37), -4015),
        ("POST", "/fapi/v1/order", usdm_order(positionSide="SHORT"), -4061),
        ("POST", "/fapi/v1/order", usdm_order(positionSide="UP"), -4060),
        ("POST", "/fapi/v1/order", usdm_order(reduceOnly="maybe"), -1100),
        ("POST", "/fapi/v1/order", usdm_order(reduceOnly="true"), -2022),
        ("POST", "/fapi/v1/order", usdm_order(timeInForce="GTX"), -5022),
        ("POST", "/fapi/v1/order", usdm_order(type="MARKET"), -1106),
        ("POST", "/fapi/v1/order", usdm_order(newOrderRespType="LOUD"), -1136),
        ("POST", "/api/v3/order", spot_order(side="HOLD"), -1117),
        ("POST", "/api/v3/order", spot_order(type="LEMON"), -1116),
        ("POST", "/api/v3/order", spot_order(type="STOP_LOSS"), -2010),
        ("POST", "/api/v3/order", spot_order(quantity=""), -1102),
        ("POST", "/api/v3/order", spot_order(timeInForce="GTX"), -1115),
        ("POST", "/api/v3/order", spot_order(quantity="0.123456789"), -1111),
        ("POST", "/api/v3/order", spot_order(quantity="0.000001"), -1013),
        ("POST", "/api/v3/order", spot_order(quantity="50"), -2010),
        ("POST", "/api/v3/order", spot_order(type="LIMIT_MAKER"), -1106),
        ("POST", "/api/v3/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}, -1102),
        ("POST", "/api/v3/order", spot_order(newClientOrderId="no spaces"), -1100),
        ("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"}, -2011),
        ("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT", "startTime": 2, "endTime": 1}, -1023),
        ("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 86_400_002}, -1127),
        ("GET", "/fapi/v1/userTrades", {"symbol": "BTCUSDT", "startTime": 1, "fromId": 1}, -1128),
        ("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 500}, -4028),
        ("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}, -4046),
        ("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "LOOSE"}, -1102),
        ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}, -4059),
        ("POST", "/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}, -4171),
        ("POST", "/sapi/v1/asset/transfer", {"type": "MAIN_UMFUTURE", "asset": "USDT", "amount": 1}, -1002),
    ],
)
def test_refusals(client: Client, method: str, path: str, params: dict[str, Any], code: int) -> None:
    """Every wrong request is refused with the documented code, in the documented shape, and makes no order."""
    status, found = client.refused(method, path, **params)

    assert code == found
    assert status in (400, 401)
    assert [] == [*client.exchange.orders.history("a", "usdm", "BTCUSDT"), *client.exchange.orders.open("a", "spot")]


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a" * 5000, b"=&&&==", b"%zz=%zz", b"a=1&" * 200])
def test_nonsense_is_answered(client: Client, body: bytes) -> None:
    """No body makes the dialect raise: it is refused in the venue's shape."""
    status, answer = client.send(Request(FAPI, "POST", "/fapi/v1/order", "", body, client.key_header()))

    assert 400 == status
    assert answer["code"] in (-1100, -1101, -1102)


def test_the_query_wins_over_the_body(client: Client) -> None:
    """A parameter in both places is read from the query string."""
    status, answer = client.send(Request(FAPI, "GET", "/fapi/v1/depth", "symbol=NOPE", b"symbol=BTCUSDT"))

    assert (400, -1121) == (status, answer["code"])


def test_a_parameter_sent_twice(client: Client) -> None:
    """Two values of one parameter are refused."""
    assert -1101 == client.sent("GET", "/fapi/v1/depth", "symbol=BTCUSDT&symbol=ETHUSDT", None)[1]["code"]


def test_the_weight_header_counts(client: Client) -> None:
    """The used weight grows by each request's weight and falls to zero with the minute."""
    client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=100)
    client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
    used = client.last.headers["X-MBX-USED-WEIGHT-1M"]
    client.move(60_000)
    client.get("/fapi/v1/time")

    assert ("25", "1") == (used, client.last.headers["X-MBX-USED-WEIGHT-1M"])


def test_too_much_weight(client: Client) -> None:
    """Beyond 2400 a minute requests are answered 429 with -1003 and the seconds to wait, spot not concerned."""
    for _ in range(120):
        client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
    status, body = client.sent("GET", "/fapi/v1/time", "", None)
    wait_s = int(client.last.headers["Retry-After"])
    client.get("/api/v3/time")
    client.move(wait_s * 1000)
    client.get("/fapi/v1/time")

    assert (429, -1003) == (status, body["code"])
    assert 0 < wait_s <= 60


def test_order_counts(client: Client) -> None:
    """Orders are counted per account in the documented headers; the 301st within ten seconds is refused with 429."""
    client.order()
    first = {name: value for name, value in client.last.headers.items() if "ORDER-COUNT" in name}
    for _ in range(299):
        client.signed("POST", "/fapi/v1/order", **usdm_order(quantity="0.001"))
    refusal = client.refused("POST", "/fapi/v1/order", **usdm_order())
    client.ok("POST", "/fapi/v1/order", key="other", **usdm_order())

    assert {"X-MBX-ORDER-COUNT-10S": "1", "X-MBX-ORDER-COUNT-1M": "1"} == first
    assert (429, -1015) == refusal
    client.move(10_000)
    client.order()
