"""The websocket APIs of the futures: every method answers as its endpoint does, refusals included."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from bot.simex.binance.wsapi import ApiSession
from bot.simex.binance.wsapi_futures import COINM_METHODS, USDM_METHODS
from tests.simex.binance.documented_futures import FIELDS
from tests.simex.binance.futures_stage import KEY, SECRET, Stage, wanted

# The methods of the documentation and of the official client.
DOCUMENTED = {
    "usdm": set(
        "ping time depth ticker.price ticker.book order.place order.modify order.cancel order.status algoOrder.place "
        "algoOrder.cancel account.position v2/account.position account.balance v2/account.balance account.status "
        "v2/account.status userDataStream.start userDataStream.ping userDataStream.stop".split()
    ),
    "coinm": set(
        "ping time order.place order.modify order.cancel order.status account.position account.balance account.status "
        "userDataStream.start userDataStream.ping userDataStream.stop".split()
    ),
}
# What other parts of the dialect answer.
MARKET_DATA = ("ping", "time", "depth", "ticker/price", "ticker/bookTicker", "listenKey")
METHODS = {"usdm": USDM_METHODS, "coinm": COINM_METHODS}


class Client:
    """A client's end of one connection."""

    def __init__(self, stage: Stage, market: str) -> None:
        self._stage = stage
        self._session = ApiSession(
            host="ws-fapi.binance.com",
            router=stage.routers[market],
            methods=METHODS[market],
            push=lambda text: None,
            server_ms=stage.timeline.server_ms,
            log=lambda request, response: None,
            on_closed=lambda session: None,
            connected_ms=stage.now_ms,
        )

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole answer to a signed request."""
        values = {**params, "apiKey": KEY, "timestamp": self._stage.now_ms}
        payload = "&".join(f"{name}={values[name]}" for name in sorted(values))
        values["signature"] = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return self.say(method, values)

    def say(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The whole answer to a request."""
        (text,) = self._session.receive(json.dumps({"id": "7", "method": method, "params": params}))
        self._stage.flush()
        answer: dict[str, Any] = json.loads(text)
        assert "7" == answer["id"]
        return answer

    def result(self, method: str, **params: Any) -> Any:
        """The result of an answer that is no refusal."""
        answer = self.ask(method, **params)
        assert 200 == answer["status"], answer
        return answer["result"]


@pytest.fixture
def stage() -> Stage:
    """A small exchange at a funding time, with quiet books around 60,000 dollars."""
    return Stage()


@pytest.mark.parametrize("market", ["usdm", "coinm"])
def test_the_methods_are_the_documented_ones(stage: Stage, market: str) -> None:
    """Each leads to an endpoint of its market; those of trading and accounts are here."""
    assert DOCUMENTED[market] == set(METHODS[market])
    for verb, path in METHODS[market].values():
        assert path.startswith("/fapi/" if market == "usdm" else "/dapi/")
        if path.split("/", 3)[3] not in MARKET_DATA:
            assert stage.routers[market].route(verb, path) is not None, path


@pytest.mark.parametrize("market", ["usdm", "coinm"])
def test_an_order_lives_over_the_websocket(stage: Stage, market: str) -> None:
    """Placed, asked about, modified, cancelled: each answer is that of the endpoint."""
    prefix = "/fapi" if market == "usdm" else "/dapi"
    client, params = Client(stage, market), wanted(prefix)
    placed = client.result("order.place", **params, newClientOrderId="ws-1")
    named = {"symbol": params["symbol"], "orderId": placed["orderId"]}
    asked = client.result("order.status", **named)
    moved = client.result("order.modify", **named, side="BUY", price="58000", quantity=params["quantity"])
    ended = client.result("order.cancel", symbol=params["symbol"], origClientOrderId="ws-1")

    assert FIELDS[f"{prefix} new order"] == set(placed)
    assert stage.get(f"{prefix}/v1/order", **named)["status"] == "CANCELED"
    assert ("NEW", "58000.0", "CANCELED") == (asked["status"], moved["price"], ended["status"])


def test_algo_orders_over_the_websocket(stage: Stage) -> None:
    """Placed and cancelled as by REST; numbers may be JSON numbers."""
    client = Client(stage, "usdm")
    placed = client.result(
        "algoOrder.place",
        algoType="CONDITIONAL",
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_MARKET",
        quantity=0.1,
        triggerPrice=59000,
    )
    ended = client.result("algoOrder.cancel", algoId=placed["algoId"])

    assert FIELDS["new algo order"] == set(placed)
    assert (placed["algoId"], "200") == (ended["algoId"], ended["code"])


@pytest.mark.parametrize(
    ("market", "method", "path"),
    [
        ("usdm", "account.status", "/fapi/v2/account"),
        ("usdm", "v2/account.status", "/fapi/v3/account"),
        ("usdm", "account.balance", "/fapi/v2/balance"),
        ("usdm", "v2/account.balance", "/fapi/v3/balance"),
        ("usdm", "account.position", "/fapi/v2/positionRisk"),
        ("usdm", "v2/account.position", "/fapi/v3/positionRisk"),
        ("coinm", "account.status", "/dapi/v1/account"),
        ("coinm", "account.balance", "/dapi/v1/balance"),
        ("coinm", "account.position", "/dapi/v1/positionRisk"),
    ],
)
def test_accounts_answer_as_their_endpoints(stage: Stage, market: str, method: str, path: str) -> None:
    """The same rows by either way."""
    stage.buy("0.1")
    stage.buy("10", "/dapi")

    assert stage.get(path) == Client(stage, market).result(method)


def test_refusals_carry_status_code_and_message(stage: Stage) -> None:
    """As by REST, inside `error`; a bad signature and an unknown method too."""
    client = Client(stage, "usdm")
    bad = client.ask("order.place", **wanted(side="UP"))
    forged = client.say("order.place", {**wanted(), "apiKey": KEY, "timestamp": stage.now_ms, "signature": "00"})
    unknown = client.ask("order.nothing")

    assert (400, {"code": -1117, "msg": "Invalid side."}) == (bad["status"], bad["error"])
    assert (400, -1022) == (forged["status"], forged["error"]["code"])
    assert 404 == unknown["status"]
    assert [] == stage.get("/fapi/v1/allOrders", symbol="BTCUSDT")


def test_a_session_is_logged_on_with_ed25519_keys_only(stage: Stage) -> None:
    """An HMAC key is refused with -4056; the status says so."""
    client = Client(stage, "usdm")
    refused = client.ask("session.logon")

    assert -4056 == refused["error"]["code"]
    assert client.result("session.status")["apiKey"] is None
    assert client.result("session.logout")["apiKey"] is None
