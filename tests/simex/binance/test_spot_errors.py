"""Refusals of the spot endpoints, of keys, windows, signatures and limits: code, message and status as documented."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bot.simex.binance.signature import sign
from bot.simex.core.instrument import Status
from bot.simex.core.numbers import scaled
from bot.simex.wire import Request
from tests.simex.binance.spot_stage import GONE, HOST, MADE, SPOT, SpotStage, market, wanted

Refusal = tuple[int, int, str]
ORDER = "/api/v3/order"
REJECTED = (401, -2015, "Invalid API-key, IP, or permissions for action.")
LOT, PRICE = (400, -1013, "Filter failure: LOT_SIZE"), (400, -1013, "Filter failure: PRICE_FILTER")
PERCENT = (400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
POOR = (400, -2010, "Account has insufficient balance for requested action.")


def missing(name: str) -> Refusal:
    return 400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def unneeded(name: str) -> Refusal:
    return 400, -1106, f"Parameter '{name}' sent when not required."


def unsupported(what: str) -> Refusal:
    return 400, -1013, f"{what} orders are not supported for this symbol."


@pytest.fixture
def stage() -> SpotStage:
    return SpotStage()


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        (wanted(symbol=GONE), missing("symbol")),
        (wanted(symbol="NOPE"), (400, -1121, "Invalid symbol.")),
        (wanted(side="UP"), (400, -1117, "Invalid side.")),
        (wanted(side=GONE), missing("side")),
        (wanted(type="NOPE"), (400, -1116, "Invalid orderType.")),
        (wanted(timeInForce="GTX"), (400, -1115, "Invalid timeInForce.")),
        (wanted(timeInForce=GONE), missing("timeInForce")),
        (wanted(quantity=GONE), missing("quantity")),
        (wanted(price=GONE), missing("price")),
        (wanted(quoteOrderQty="5"), unneeded("quoteOrderQty")),
        (wanted(stopPrice="5"), unneeded("stopPrice")),
        (market(price="5"), unneeded("price")),
        (market(timeInForce="GTC"), unneeded("timeInForce")),
        (wanted(type="LIMIT_MAKER"), unneeded("timeInForce")),
        (
            market(quantity=GONE),
            (400, -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
        ),
        (market(quoteOrderQty="5"), (400, -1128, "Combination of optional parameters invalid.")),
        (market(type="STOP_LOSS"), missing("stopPrice")),
        (wanted(quantity="0.123456789"), (400, -1111, "Parameter 'quantity' has too much precision.")),
        (
            wanted(quantity="-1"),
            (
                400,
                -1100,
                "Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
            ),
        ),
        (
            wanted(newClientOrderId="a b"),
            (
                400,
                -1100,
                "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
            ),
        ),
        (wanted(newOrderRespType="ALL"), (400, -1130, "Data sent for parameter 'newOrderRespType' is not valid.")),
        (
            wanted(selfTradePreventionMode="DECREMENT"),
            (400, -1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
        ),
        (wanted(strategyType="999999"), (400, -1134, "`strategyType` was less than 1000000.")),
        (wanted(icebergQty="0.01"), unsupported("Iceberg")),
        (wanted(trailingDelta="100"), unsupported("Trailing stop")),
        (wanted(pegPriceType="PRIMARY_PEG"), unsupported("Pegged")),
        (wanted(price="59000.001"), PRICE),
        (wanted(price="0"), PRICE),
        (wanted(quantity="0.000001"), LOT),
        (wanted(quantity="0"), LOT),
        (wanted(quantity="0.00001"), (400, -1013, "Filter failure: NOTIONAL")),
        (market(quantity=GONE, quoteOrderQty="0.1"), (400, -1013, "Filter failure: NOTIONAL")),
        (market(quantity="8999"), (400, -1013, "Filter failure: MARKET_LOT_SIZE")),
        (wanted(price="1000000"), PERCENT),
        (wanted(price="1000"), PERCENT),
        (wanted(quantity="5"), POOR),
        (market(quantity="1.9"), POOR),
        (wanted(side="SELL", price="61000", quantity="3"), POOR),
        (
            wanted(type="LIMIT_MAKER", timeInForce=GONE, price="60001"),
            (400, -2010, "Order would immediately match and take."),
        ),
        (market(type="STOP_LOSS", side="SELL", stopPrice="60500"), (400, -2010, "Order would trigger immediately.")),
    ],
)
def test_refused_orders(stage: SpotStage, params: dict[str, Any], refused: Refusal) -> None:
    """An order that lacks something, breaks a filter or cannot be paid is refused as documented and changes nothing."""
    assert refused == stage.refusal("POST", ORDER, **params)
    assert [] == stage.get("/api/v3/openOrders")
    assert ("100000.00000000", "0.00000000") == stage.balance("USDT")


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        ("halted", (400, -1013, "Market is closed.")),
        ("closed", (400, -1013, "Market is closed.")),
        ("settling", (400, -1013, "Market is closed.")),
        ("cancel_only", (400, -2010, "This action is disabled on this account.")),
    ],
)
def test_closed_market(stage: SpotStage, status: Status, refused: Refusal) -> None:
    """A symbol that does not trade takes no order."""
    stage.exchange.set_status(SPOT, status)

    assert refused == stage.rejected()


def test_no_liquidity(stage: SpotStage) -> None:
    """A market order on an empty side of the book is refused."""
    stage.strangers(1, "30")

    refused = (400, -2010, "Order book liquidity is less than symbol minimum quantity.")
    assert refused == stage.refusal("POST", ORDER, **market())


def test_too_many_open_orders(stage: SpotStage) -> None:
    """The number of open orders, and of those that wait, is bounded by the symbol's filters."""
    filters = stage.exchange.instruments[SPOT].filters
    for number in range(filters.algo_orders_max):
        stage.post(ORDER, **market(side="SELL", quantity="0.01", type="STOP_LOSS", stopPrice=f"{59000 - number}"))
    refused = (400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    assert refused == stage.refusal(
        "POST", ORDER, **market(side="SELL", quantity="0.01", type="STOP_LOSS", stopPrice="58000")
    )
    stage.limiter.tighten(orders=(10_000, 10_000))
    for _ in range(filters.orders_max):
        stage.order(quantity="0.001")
    assert (400, -1013, "Filter failure: MAX_NUM_ORDERS") == stage.rejected(quantity="0.001")


def test_client_id_is_unique_among_open_orders(stage: SpotStage) -> None:
    """A client id is taken while its order is open, and free afterwards."""
    stage.order(newClientOrderId="one")

    assert (400, -2010, "Duplicate order sent.") == stage.rejected(newClientOrderId="one")
    stage.delete(ORDER, symbol="BTCUSDT", origClientOrderId="one")
    assert "one" == stage.order(newClientOrderId="one")["clientOrderId"]


@pytest.mark.parametrize(
    ("method", "path", "params", "refused"),
    [
        ("GET", ORDER, {"orderId": "1"}, (400, -2013, "Order does not exist.")),
        ("DELETE", ORDER, {"orderId": "1"}, (400, -2011, "Unknown order sent.")),
        ("DELETE", ORDER, {"origClientOrderId": "x"}, (400, -2011, "Unknown order sent.")),
        (
            "GET",
            ORDER,
            {},
            (400, -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"),
        ),
        (
            "DELETE",
            ORDER,
            {"orderId": "1", "cancelRestrictions": "ANY"},
            (400, -1145, "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`."),
        ),
        (
            "GET",
            "/api/v3/allOrders",
            {"startTime": "1", "endTime": "86400002"},
            (400, -1127, "More than 24 hours between startTime and endTime."),
        ),
        (
            "GET",
            "/api/v3/myTrades",
            {"startTime": "2", "endTime": "1"},
            (400, -1023, "Start time is greater than end time."),
        ),
        ("GET", "/api/v3/myPreventedMatches", {}, (400, -1128, "Combination of optional parameters invalid.")),
        ("POST", "/api/v3/orderList/oto", {}, (400, -1013, "OTO orders are not supported for this symbol")),
        ("POST", "/api/v3/order/oco", {}, missing("price")),
        (
            "DELETE",
            "/api/v3/orderList",
            {},
            (400, -1102, "Param 'orderListId' or 'listClientOrderId' must be sent, but both were empty/null!"),
        ),
        ("GET", "/api/v3/orderList", {"orderListId": 5}, (400, -2018, "Order list does not exist.")),
        ("POST", "/api/v3/userDataStream", {}, (410, -1020, "This operation is not supported.")),
    ],
)
def test_refused_calls(stage: SpotStage, method: str, path: str, params: dict[str, str], refused: Refusal) -> None:
    """A call about an order that is not there, or that does not exist any more, is refused as documented."""
    assert refused == stage.refusal(method, path, symbol="BTCUSDT", **params)


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({"timestamp": GONE}, missing("timestamp")),
        ({"timestamp": "soon"}, missing("timestamp")),
        ({"recvWindow": "60001"}, (400, -1131, "recvWindow must be less than 60000")),
        ({"recvWindow": "5000.1234"}, missing("recvWindow")),
        ({"recvWindow": "-1"}, missing("recvWindow")),
    ],
)
def test_window_parameters(stage: SpotStage, params: dict[str, Any], refused: Refusal) -> None:
    """A timestamp or window that is missing, malformed or too large is refused."""
    assert refused == stage.refusal("GET", "/api/v3/account", **params)


LATE = (400, -1021, "Timestamp for this request is outside of the recvWindow.")
EARLY = (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")


@pytest.mark.parametrize(
    ("behind_us", "window", "refused"),
    [
        (5_000_000, None, None),
        (5_001_000, None, LATE),
        (5_001_000, "5001", None),
        (-999_000, None, None),
        (-1_000_000, None, EARLY),
        (10_000, "9.999", LATE),
        (10_000, "10.000", None),
        (10_001, "10.000", LATE),
        (10_001, "10.001", None),
    ],
)
def test_window(stage: SpotStage, behind_us: int, window: str | None, refused: Refusal | None) -> None:
    """A request is taken iff timestamp < server + 1 s and server - timestamp <= recvWindow, microseconds included."""
    stamp = stage.now_ms * 1_000 - behind_us
    params: dict[str, Any] = {"timestamp": stamp} | ({} if window is None else {"recvWindow": window})
    if refused is None:
        assert stage.get("/api/v3/account", **params)
    else:
        assert refused == stage.refusal("GET", "/api/v3/account", **params)


@pytest.mark.parametrize(
    ("key", "refused"),
    [
        ("", (401, -2014, "API-key format invalid.")),
        ("short", (401, -2014, "API-key format invalid.")),
        ("x" * 64, REJECTED),
    ],
)
def test_unknown_keys(stage: SpotStage, key: str, refused: Refusal) -> None:
    """A key of the wrong form and a key that nobody has are told apart."""
    response = stage.raw(
        Request(HOST, "GET", "/api/v3/account", f"timestamp={stage.now_ms}&signature=00", b"", {"x-mbx-apikey": key})
    )
    assert refused == (response.status, response.trace.code, response.body.decode().split('"')[-2])


Change = Callable[[SpotStage], object]


@pytest.mark.parametrize(
    ("key", "method", "path", "change"),
    [
        ("reader", "POST", ORDER, None),
        ("blind", "GET", "/api/v3/account", None),
        ("office", "GET", "/api/v3/account", None),
        ("desk", "GET", "/api/v3/account", lambda stage: stage.keys.revoke("desk")),
        ("desk", "POST", ORDER, lambda stage: stage.change_key("desk", expires_ms=stage.now_ms)),
        ("desk", "POST", ORDER, lambda stage: stage.change_key("desk", spot=False)),
        ("desk", "GET", "/api/v3/account", lambda stage: stage.change_key("desk", ips=("198.51.100.1",))),
    ],
)
def test_rejected_keys(stage: SpotStage, key: str, method: str, path: str, change: Change | None) -> None:
    """A key that lacks a permission, has expired, was revoked, or comes from elsewhere is rejected."""
    if change is not None:
        change(stage)

    assert REJECTED == stage.refusal(method, path, key, **wanted())


def test_key_from_its_own_address(stage: SpotStage) -> None:
    """A key bound to an address works as soon as its requests come from there; an expired one still reads."""
    query = f"timestamp={stage.now_ms}"
    query = f"{query}&signature={sign(MADE['office'], query)}"
    headers = {"x-mbx-apikey": MADE["office"].key}
    asked = [Request(HOST, "GET", "/api/v3/account", query, b"", headers, f"203.0.113.{one}") for one in (7, 8)]
    assert [200, 401] == [stage.raw(one).status for one in asked]
    stage.router.client_ip = "203.0.113.7"
    assert stage.ask("GET", "/api/v3/account", "office")
    stage.change_key("desk", expires_ms=1)
    assert stage.get("/api/v3/account")


def test_wrong_signature(stage: SpotStage) -> None:
    """A signature over anything but the bytes that were sent is not valid."""
    query = f"timestamp={stage.now_ms}&signature={'0' * 64}"
    response = stage.raw(Request(HOST, "GET", "/api/v3/account", query, b"", {"x-mbx-apikey": MADE["desk"].key}))
    assert (400, b'{"code":-1022,"msg":"Signature for this request is not valid."}') == (response.status, response.body)
    assert "bad_signature" == response.trace.verdict


def test_system_protection(stage: SpotStage) -> None:
    """While the system protects itself new orders are refused with 503, and cancelling still works."""
    order = stage.order()
    stage.router.is_protected = True

    busy = (503, -1008, "Server is currently overloaded with other requests. Please try again in a few minutes.")
    assert busy == stage.rejected()
    assert "CANCELED" == stage.delete(ORDER, symbol="BTCUSDT", orderId=order["orderId"])["status"]


def test_engine_looks_at_the_window_again(stage: SpotStage) -> None:
    """A request that lands in the engine after its window is refused there, and one that lands within is executed."""
    pending = [stage.pending(recvWindow="100") for _ in range(2)]
    stage.leap(100)
    assert 200 == stage.router.land(pending[0]).status
    stage.leap(1)
    late = stage.router.land(pending[1])
    assert (400, -1021) == (late.status, late.trace.code)
    assert scaled(Decimal("0.1")) == sum(order.quantity for order in stage.exchange.orders.open("alice", "spot", SPOT))
