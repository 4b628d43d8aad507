"""The websocket API: requests, refusals, and the spot user stream by signature."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from bot.simex.wire import Session
from tests.simex.binance.client import WS_API, Client, spot_order, usdm_order

SUBSCRIBE = "userDataStream.subscribe.signature"


@pytest.fixture
def client() -> Client:
    return Client()


def api(client: Client, host: str = WS_API, path: str = "/ws-api/v3", query: str = "") -> Session:
    """A connection of the websocket API."""
    return client.connect(host, path, query)


def signed(client: Client, key: str = "default", **params: Any) -> dict[str, Any]:
    """Signed parameters: sorted by name, joined as they are."""
    params = {"apiKey": client.keys[key].key, "timestamp": client.wall_ms} | params
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return params | {
        "signature": hmac.new(client.keys[key].secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    }


def ask(session: Session, method: str, params: dict[str, Any] | None = None, identity: object = 1) -> dict[str, Any]:
    """The decoded answer to a request."""
    message: dict[str, Any] = {"id": identity, "method": method}
    if params is not None:
        message["params"] = params
    (reply,) = session.receive(json.dumps(message))
    decoded: dict[str, Any] = json.loads(reply)
    return decoded


def subscribed(client: Client) -> Session:
    """A connection that listens to the spot events of account "a"."""
    session = api(client)

    assert 200 == ask(session, SUBSCRIBE, signed(client))["status"]
    return session


def test_subscribing_and_ending(client: Client) -> None:
    """A subscription has a number, is listed, makes the connection a user stream, and ends with a farewell."""
    session = api(client)
    before = session.kind
    answer = ask(session, SUBSCRIBE, signed(client, recvWindow=5000), identity="abc")
    listed = ask(session, "session.subscriptions")["result"]
    status = ask(session, "session.status")["result"]
    during = session.kind
    ended = ask(session, "userDataStream.unsubscribe", {"subscriptionId": 0})

    assert ("abc", 200, {"subscriptionId": 0}) == (answer["id"], answer["status"], answer["result"])
    assert [{"subscriptionId": 0}] == listed
    assert status["userDataStream"]
    assert ("api", "user", "api") == (before, during, session.kind)
    assert {} == ended["result"]
    assert ["eventStreamTerminated"] == [frame["event"]["e"] for frame in client.frames()]


def test_events_are_wrapped_by_subscription(client: Client) -> None:
    """Events carry the number of their subscription; two accounts on one connection stay apart."""
    session = subscribed(client)
    ask(session, SUBSCRIBE, signed(client, "other"))
    client.ok("POST", "/api/v3/order", key="other", **spot_order())

    assert {1} == {frame["subscriptionId"] for frame in client.frames()}


def test_one_subscription_an_account(client: Client) -> None:
    """A second subscription of the same account on one connection is -2035; ending none is -2036."""
    session = subscribed(client)

    assert -2035 == ask(session, SUBSCRIBE, signed(client))["error"]["code"]
    assert -2036 == ask(session, "userDataStream.unsubscribe", {"subscriptionId": 9})["error"]["code"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"signature": "0" * 64}, 400, -1022),
        ({"apiKey": "x" * 64}, 401, -2015),
        ({"apiKey": ""}, 401, -2014),
        ({"timestamp": 0}, 400, -1021),
        ({"timestamp": ""}, 400, -1102),
    ],
)
def test_refused_subscriptions(client: Client, change: dict[str, Any], status: int, code: int) -> None:
    """A subscription needs a known key, a right signature and a fresh timestamp."""
    params = signed(client, **{k: v for k, v in change.items() if k == "timestamp"})
    answer = ask(api(client), SUBSCRIBE, params | change)

    assert (status, code) == (answer["status"], answer["error"]["code"])
    assert [] == client.frames()


def test_general_requests(client: Client) -> None:
    """ping, time and market data need no key; rate limits come unless turned off."""
    session, quiet = api(client), api(client, query="returnRateLimits=false")

    assert {} == ask(session, "ping")["result"]
    assert client.wall_ms == ask(session, "time")["result"]["serverTime"]
    assert "REQUEST_WEIGHT" == ask(session, "ping")["rateLimits"][0]["rateLimitType"]
    assert "rateLimits" not in ask(quiet, "ping")
    assert "rateLimits" not in ask(session, "time", {"returnRateLimits": False})
    assert 5 == len(ask(session, "depth", {"symbol": "BTCUSDT", "limit": 5})["result"]["bids"]) + 2


def test_orders_over_the_websocket(client: Client) -> None:
    """An order placed here is the order that REST finds, and it is logged under its method."""
    session = api(client)
    answer = ask(session, "order.place", signed(client, **spot_order(newClientOrderId="tt1")))
    client.flush()
    request, response = client.logged[-1]

    assert "FILLED" == answer["result"]["status"]
    assert "FILLED" == client.ok("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="tt1")["status"]
    assert ("POST", "order.place", answer["result"]["orderId"]) == (
        request.method,
        request.path,
        response.trace.order_id,
    )
    assert not {"signature", "apiKey"} & set(response.trace.params)


def test_futures_orders_over_the_websocket(client: Client) -> None:
    """The futures websocket API places and cancels with the same rules."""
    session = api(client, "ws-fapi.binance.com", "/ws-fapi/v1")
    resting = usdm_order(side="BUY", price="49000", timeInForce="GTC")
    placed = ask(session, "order.place", signed(client, **resting))["result"]
    gone = ask(session, "order.cancel", signed(client, symbol="BTCUSDT", orderId=placed["orderId"]))
    refused = ask(session, "order.place", signed(client, **usdm_order(quantity="0.001")))

    assert ("NEW", "CANCELED") == (placed["status"], gone["result"]["status"])
    assert (400, -4164) == (refused["status"], refused["error"]["code"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", -1135),
        ("[1]", -1135),
        ('{"id":1}', -1102),
        ('{"id":1,"method":"ping","params":[1]}', -1102),
        ('{"id":1,"method":"order.cancelReplace"}', -1099),
        ('{"id":1,"method":"session.logon","params":{}}', -4056),
    ],
)
def test_wrong_requests(client: Client, text: str, code: int) -> None:
    """What is not understood is answered in the venue's shape, and the connection lives on."""
    session = api(client)
    (reply,) = session.receive(text)
    answer = json.loads(reply)

    assert code == answer["error"]["code"]
    assert {"id", "status", "error", "rateLimits"} == set(answer)
    assert {} == ask(session, "v3/ping")["result"]


def test_a_closed_connection_hears_nothing(client: Client) -> None:
    """Events after the end of a connection go nowhere."""
    subscribed(client).closed()
    client.ok("POST", "/api/v3/order", **spot_order())

    assert [] == client.frames()


def test_wrong_paths_have_no_endpoint(client: Client) -> None:
    """Only the documented path of the websocket API opens a session."""
    assert None is client.dialect.connect(WS_API, "/ws-api/v9", "", client.pushed.append)
    assert None is client.dialect.connect("api.binance.com", "/ws", "", client.pushed.append)
