"""Refusals of the futures: every one with the documented code, message and status, by table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.simex.binance import futures_errors
from bot.simex.binance.errors import VenueError
from bot.simex.core.flow import Levels
from bot.simex.core.instrument import Status
from bot.simex.core.refusal import Reason, Refused
from tests.simex.binance.documented_futures import COINM_CODES, USDM_CODES
from tests.simex.binance.futures_stage import COIN, PERP, Stage, symbol_of, wanted

DOCUMENTED = {"usdm": USDM_CODES, "coinm": COINM_CODES}
# Seen at the venue with these numbers, and on neither page.
UNDOCUMENTED = {-4108, -4120, -2015}
# What never reaches a client of these markets under this reason: it is answered before, or belongs to other venues.
UNREACHED = {
    Reason.AMEND_FILLED,
    Reason.TRANSFER_AMOUNT,
    Reason.LEVERAGE_UNCHANGED,
    Reason.UNKNOWN_ACCOUNT,
    Reason.HAS_OPEN_ORDERS,
    Reason.HAS_POSITION,
}
# The venue itself says these otherwise than its page: with the bound, or with what follows from the refusal.
WORDED = {
    -4016: "Limit price can't be higher than %s",
    -4024: "Limit price can't be lower than %s",
    -5021: "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history",
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history",
}


@pytest.fixture
def stage() -> Stage:
    """A small exchange at a funding time, with quiet books around 60,000 dollars."""
    return Stage()


def is_documented(market: str, code: int, text: str) -> bool:
    """Whether a message is one of the documentation's for its code; a %s stands for any value."""
    texts = (*DOCUMENTED[market].get(code, ()), *([WORDED[code]] if code in WORDED else []))
    said = text.rstrip(".").lower()
    return any(re.fullmatch(re.escape(one.lower()).replace("%s", ".+?"), said) for one in texts)


@pytest.mark.parametrize("market", ["usdm", "coinm"])
@pytest.mark.parametrize("reason", [one for one in Reason if one not in UNREACHED])
def test_every_reason_of_the_core_has_its_documented_code(market: str, reason: Reason) -> None:
    """Whatever the core refuses is told with a code and a message of the market's own page, and status 400."""
    error = futures_errors.refusal_of(market, Refused(reason, "7"))
    if market == "coinm" and reason in (Reason.POST_ONLY_WOULD_TAKE, Reason.FOK_UNFILLABLE):
        # Such orders are accepted there and expire.
        return

    assert 400 == error.status
    assert error.code in UNDOCUMENTED or is_documented(market, error.code, error.msg), (error.code, error.msg)


@pytest.mark.parametrize("name", [name for name in vars(futures_errors) if name.isupper() and name[0] != "_"])
def test_every_row_of_the_parameter_errors_is_documented(name: str) -> None:
    """The rows for bad parameters have codes and messages of the page "Error Codes"."""
    value = getattr(futures_errors, name)
    if not (isinstance(value, tuple) and isinstance(value[0], int)):
        return

    code, text, status = value
    assert 400 == status
    assert code in UNDOCUMENTED or is_documented("usdm", code, text), (code, text)


ORDER_ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({"symbol": None}, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
    ({"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
    ({"side": None}, -1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed."),
    ({"side": "buy"}, -1117, "Invalid side."),
    ({"type": None}, -1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed."),
    ({"type": "limit"}, -1116, "Invalid orderType."),
    ({"timeInForce": None}, -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."),
    ({"timeInForce": "DAY"}, -1115, "Invalid timeInForce."),
    ({"quantity": None}, -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
    ({"quantity": "-1"}, -1100, (r"Illegal characters found in parameter 'quantity'; legal range is "
     r"'^([0-9]{1,20})(\.[0-9]{1,20})?$'.")),
    ({"quantity": "0"}, -4003, "Quantity less than zero."),
    ({"price": None}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    ({"price": "0"}, -4001, "Price less than 0."),
    ({"price": "58000.05"}, -1111, "Precision is over the maximum defined for this asset."),
    ({"price": "9000000"}, -4002, "Price greater than max price."),
    ({"price": "70000"}, -4016, "Limit price can't be higher than 63000.0."),
    ({"side": "SELL", "price": "50000"}, -4024, "Limit price can't be lower than 57000.0."),
    ({"positionSide": "NET"}, -4060, "Invalid position side."),
    ({"positionSide": "LONG"}, -4061, "Order's position side does not match user's setting."),
    ({"newClientOrderId": "with space"}, -4015, "Client order id is not valid."),
    ({"newClientOrderId": "x" * 37}, -4015, "Client order id length should not be more than 36 chars"),
    ({"newOrderRespType": "FULL"}, -1136, "Invalid newOrderRespType."),
    ({"selfTradePreventionMode": "DECREMENT"}, -5039, "Invalid self trade prevention mode"),
    (
        {"reduceOnly": "yes"},
        -1100,
        "Illegal characters found in parameter 'reduceOnly'; legal range is '^(true|false)$'.",
    ),
    ({"reduceOnly": "true"}, -2022, "ReduceOnly Order is rejected."),
    ({"stopPrice": "59500"}, -1106, "Parameter 'stopPrice' sent when not required."),
    ({"closePosition": "true"}, -1106, "Parameter 'closePosition' sent when not required."),
    ({"priceMatch": "BEST", "price": None}, -5037, "Invalid price match"),
    ({"priceMatch": "QUEUE"}, -1106, "Parameter 'price' sent when not required."),
    ({"type": "MARKET", "timeInForce": None}, -1106, "Parameter 'price' sent when not required."),
    ({"type": "MARKET", "price": None}, -1106, "Parameter 'timeInForce' sent when not required."),
    (
        {"type": "MARKET", "price": None, "timeInForce": None, "priceMatch": "QUEUE"},
        -5038,
        "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT",
    ),
]  # fmt: skip
USDM_ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({"type": "STOP_MARKET", "stopPrice": "59000"}, -4120, ("Order type not supported for this endpoint. "
     "Please use the Algo Order API endpoints instead.")),
    ({"quantity": "0.0001"}, -1111, "Precision is over the maximum defined for this asset."),
    ({"quantity": "0.001"}, -4164, "Order's notional must be no smaller than 100 (unless you choose reduce only)."),
    ({"quantity": "1001"}, -4005, "Quantity greater than max quantity."),
    ({"timeInForce": "GTX", "price": "60001"}, -5022, ("Due to the order could not be executed as maker, the Post Only "
     "order will be rejected. The order will not be recorded in the order history")),
    ({"timeInForce": "FOK"}, -5021, ("Due to the order could not be filled immediately, the FOK order has been "
     "rejected. The order will not be recorded in the order history")),
    ({"timeInForce": "GTD"}, -1102, "Mandatory parameter 'goodTillDate' was not sent, was empty/null, or malformed."),
    ({"timeInForce": "GTD", "goodTillDate": "1"}, -5040, ("The goodTillDate timestamp must be greater than the current "
     "time plus 600 seconds and smaller than 253402300799000 (UTC 9999-12-31 23:59:59)")),
    ({"goodTillDate": "1900000000000"}, -1106, "Parameter 'goodTillDate' sent when not required."),
    ({"quantity": "90", "price": "60001"}, -2019, "Margin is insufficient."),
    ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": "121"}, -4005,
     "Quantity greater than max quantity."),
]  # fmt: skip
COINM_ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({"timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
    ({"quantity": "1.5"}, -1111, "Precision is over the maximum defined for this asset."),
    ({"quantity": "1000001"}, -4005, "Quantity greater than max quantity."),
    ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1"}, -4084, "Method is not allowed currently. Upcoming soon."),
    ({"type": "STOP"}, -1102, "Mandatory parameter 'stopPrice' was not sent, was empty/null, or malformed."),
    ({"type": "STOP", "stopPrice": "59000"}, -2021, "Order would immediately trigger."),
    ({"type": "STOP", "stopPrice": "0"}, -4006, "Stop price less than zero."),
    ({"type": "STOP", "stopPrice": "61000", "workingType": "LAST"}, -4031, "Invalid parameter working type"),
    ({"type": "STOP", "stopPrice": "61000", "closePosition": "true"}, -1106,
     "Parameter 'closePosition' sent when not required."),
    ({"type": "STOP_MARKET", "stopPrice": "61000", "price": None, "closePosition": "true"}, -4137,
     "Quantity must be zero with closePosition equals true"),
    ({"type": "STOP_MARKET", "stopPrice": "61000", "price": None, "quantity": None, "closePosition": "true",
      "reduceOnly": "true"}, -1106, "Parameter 'reduceonly' sent when not required."),
    ({"type": "STOP_MARKET", "stopPrice": "61000"}, -1106, "Parameter 'price' sent when not required."),
    ({"type": "STOP", "stopPrice": "61000", "priceMatch": "QUEUE"}, -4084,
     "Method is not allowed currently. Upcoming soon."),
    ({"quantity": "40000", "price": "60001"}, -2019, "Margin is insufficient."),
]  # fmt: skip
CASES = [("/fapi", *row) for row in (*ORDER_ERRORS, *USDM_ERRORS)]
CASES += [("/dapi", *row) for row in (*ORDER_ERRORS, *COINM_ERRORS)]


@pytest.mark.parametrize(("prefix", "changes", "code", "text"), CASES)
def test_a_bad_order_is_refused(stage: Stage, prefix: str, changes: dict[str, Any], code: int, text: str) -> None:
    """Status 400 with the documented code and message, and nothing has happened."""
    found = stage.refusal("POST", f"{prefix}/v1/order", **wanted(prefix, **changes))

    assert (400, code, text) == found
    assert code in UNDOCUMENTED or is_documented("usdm", code, text)
    assert [] == stage.get(f"{prefix}/v1/allOrders", symbol=symbol_of(prefix))


Arrange = Callable[[Stage], None]


def hedged(stage: Stage) -> None:
    for prefix in ("/fapi", "/dapi"):
        stage.post(f"{prefix}/v1/positionSide/dual", dualSidePosition="true")


def long(stage: Stage) -> None:
    stage.buy("0.1")


def resting(stage: Stage) -> None:
    stage.order(newClientOrderId="twice")


def many_open(stage: Stage) -> None:
    instrument = stage.instrument(PERP)
    stage.exchange.set_filters(PERP, replace(instrument.filters, orders_max=1))
    stage.order()


def coarse(stage: Stage) -> None:
    """A contract whose tick and lot are not powers of ten."""
    filters = stage.instrument(PERP).filters
    stage.exchange.set_filters(
        PERP, replace(filters, tick=filters.tick * 5, lot=filters.lot * 5, quantity_min=filters.lot * 10)
    )


def status(name: Status) -> Arrange:
    def arrange(stage: Stage) -> None:
        stage.exchange.set_status(PERP, name)
        stage.exchange.set_status(COIN, name)

    return arrange


def liquidated(stage: Stage) -> None:
    stage.exchange.state.account("alice").in_liquidation.update(("usdm", "coinm"))


def stepped(stage: Stage) -> None:
    """The best ask stands beyond what a market order may pay."""
    stage.mark("50000")


def steep(stage: Stage) -> None:
    """At a leverage of 125 a position may be worth 250,000."""
    stage.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=125)


STATES: list[tuple[Arrange, str, dict[str, Any], int]] = [
    (steep, "/fapi", {"quantity": "10"}, -2027),
    (hedged, "/fapi", {}, -4061),
    (hedged, "/fapi", {"positionSide": "LONG", "reduceOnly": "true"}, -1106),
    (hedged, "/fapi", {"positionSide": "LONG", "side": "SELL", "price": "61000"}, -2022),
    (long, "/fapi", {"reduceOnly": "true"}, -2022),
    (resting, "/fapi", {"newClientOrderId": "twice"}, -4116),
    (many_open, "/fapi", {}, -2025),
    (coarse, "/fapi", {"price": "59000.1"}, -4014),
    (coarse, "/fapi", {"quantity": "0.011"}, -4023),
    (coarse, "/fapi", {"quantity": "0.005"}, -4004),
    (status("closed"), "/fapi", {}, -4141),
    (status("halted"), "/fapi", {}, -4141),
    (status("reduce_only"), "/fapi", {}, -4140),
    (status("cancel_only"), "/fapi", {}, -4088),
    (status("closed"), "/dapi", {}, -4108),
    (status("reduce_only"), "/dapi", {}, -4089),
    (status("cancel_only"), "/dapi", {}, -4090),
    (liquidated, "/fapi", {}, -2023),
    (liquidated, "/dapi", {}, -2023),
    (stepped, "/fapi", {"type": "MARKET", "price": None, "timeInForce": None}, -4131),
]


@pytest.mark.parametrize(("arrange", "prefix", "changes", "code"), STATES)
def test_an_order_is_refused_for_what_stands_against_it(
    stage: Stage, arrange: Arrange, prefix: str, changes: dict[str, Any], code: int
) -> None:
    """Modes, other orders, the symbol's state and the account's: each has its documented code."""
    arrange(stage)
    status_code, found, text = stage.refusal("POST", f"{prefix}/v1/order", **wanted(prefix, **changes))

    assert (400, code) == (status_code, found)
    assert code in UNDOCUMENTED or is_documented("coinm" if prefix == "/dapi" else "usdm", code, text), text


REQUESTS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT"}, -1102),
    ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": 1}, -2013),
    ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": "x"}, -1100),
    ("GET", "/fapi/v1/openOrder", {"symbol": "BTCUSDT", "origClientOrderId": "no"}, -2013),
    ("DELETE", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": 1}, -2011),
    ("DELETE", "/fapi/v1/allOpenOrders", {}, -1102),
    ("PUT", "/fapi/v1/order", {**wanted(), "orderId": 1}, -2013),
    ("POST", "/fapi/v1/batchOrders", {}, -1102),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": "[{]"}, -1130),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": "[" * 5_000}, -1130),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": "{}"}, -1130),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": "[]"}, -4082),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": "[1]"}, -4082),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": json.dumps([wanted()] * 6)}, -4082),
    ("DELETE", "/fapi/v1/batchOrders", {"symbol": "BTCUSDT"}, -1102),
    ("DELETE", "/fapi/v1/batchOrders", {"symbol": "BTCUSDT", "orderIdList": json.dumps([1] * 11)}, -4032),
    ("POST", "/fapi/v1/countdownCancelAll", {"symbol": "BTCUSDT"}, -1102),
    ("GET", "/fapi/v1/allOrders", {"symbol": "BTCUSDT", "startTime": 2, "endTime": 1}, -1023),
    ("GET", "/fapi/v1/allOrders", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 604_800_002}, -4165),
    ("GET", "/dapi/v1/allOrders", {"pair": "BTCUSD", "startTime": 1, "endTime": 604_800_002}, -4088),
    ("GET", "/dapi/v1/allOrders", {}, -1102),
    ("GET", "/dapi/v1/allOrders", {"pair": "BTCUSD", "orderId": 1}, -1128),
    ("GET", "/dapi/v1/openOrders", {"pair": "NOSUCH"}, -4087),
    ("GET", "/dapi/v1/userTrades", {"pair": "BTCUSD", "symbol": "BTCUSD_PERP"}, -1128),
    ("GET", "/fapi/v1/userTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, -1128),
    ("GET", "/fapi/v1/forceOrders", {"autoCloseType": "ANY"}, -1130),
    ("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT"}, -1102),
    ("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 126}, -4028),
    ("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 0}, -4028),
    ("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}, -4046),
    ("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "CROSS"}, -1102),
    ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}, -4059),
    ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "maybe"}, -1100),
    ("POST", "/fapi/v1/positionSide/dual", {}, -1102),
    ("POST", "/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}, -4171),
    ("POST", "/fapi/v1/positionMargin", {"symbol": "BTCUSDT", "amount": "1", "type": 3}, -1130),
    ("POST", "/fapi/v1/positionMargin", {"symbol": "BTCUSDT", "amount": "0", "type": 1}, -4055),
    ("POST", "/fapi/v1/positionMargin", {"symbol": "BTCUSDT", "amount": "1", "type": 1}, -4049),
    ("POST", "/fapi/v1/positionMargin", {"symbol": "BTCUSDT", "amount": "1", "type": 1, "positionSide": "LONG"}, -4061),
    ("GET", "/fapi/v1/positionMargin/history", {}, -1102),
    ("GET", "/fapi/v1/commissionRate", {"symbol": "X"}, -1121),
    ("GET", "/dapi/v1/leverageBracket", {"pair": "NOSUCH"}, -4087),
    ("GET", "/dapi/v2/leverageBracket", {"symbol": "NOSUCH"}, -1121),
    ("GET", "/fapi/v1/pmAccountInfo", {}, -1102),
]


@pytest.mark.parametrize(("method", "path", "params", "code"), REQUESTS)
def test_a_bad_request_is_refused(stage: Stage, method: str, path: str, params: dict[str, Any], code: int) -> None:
    """Status 400 with a documented code and message."""
    status_code, found, text = stage.refusal(method, path, **params)

    assert (400, code) == (status_code, found)
    assert is_documented("coinm" if path.startswith("/dapi") else "usdm", code, text), text


@pytest.mark.parametrize("prefix", ["/fapi", "/dapi"])
def test_modifying_is_refused_with_the_markets_own_codes(stage: Stage, prefix: str) -> None:
    """Nothing changed, a conditional order, a symbol that does not trade: each market has its numbers."""
    codes = {"/fapi": (-5027, -5024), "/dapi": (-4197, -4199)}[prefix]
    named = wanted(prefix) | {"orderId": stage.order(prefix)["orderId"]}
    same = stage.refusal("PUT", f"{prefix}/v1/order", **named)[1]
    status("halted")(stage)
    halted = stage.refusal("PUT", f"{prefix}/v1/order", **(named | {"price": "58000"}))[1]

    assert codes == (same, halted)


def test_only_limit_orders_are_modified(stage: Stage) -> None:
    """A conditional order of COIN-M is no limit order to PUT."""
    placed = stage.order("/dapi", type="STOP", stopPrice="61000", price="61000")
    found = stage.refusal("PUT", "/dapi/v1/order", **wanted("/dapi"), orderId=placed["orderId"])

    assert (400, -4196, "Only limit order is supported.") == found


def test_an_order_is_modified_less_than_ten_thousand_times(stage: Stage) -> None:
    """Then it stays as it is."""
    order_id = stage.order()["orderId"]
    order = stage.exchange.orders.find("alice", PERP, order_id)
    stage.markets["usdm"].desk.records.tag_for(order).amendments = 9_999
    found = stage.refusal("PUT", "/fapi/v1/order", **wanted(price="58000"), orderId=order_id)

    assert (400, -5026, "Exceed maximum modify order limit.") == found


def test_a_modified_order_must_be_worth_enough(stage: Stage) -> None:
    """A change below the least notional is refused and the order stays."""
    order_id = stage.order()["orderId"]
    found = stage.refusal("PUT", "/fapi/v1/order", **wanted(quantity="0.001"), orderId=order_id)

    assert (400, -5029, "Order's notional must be no smaller than 100") == found
    assert "0.100" == stage.get("/fapi/v1/openOrder", symbol="BTCUSDT", orderId=order_id)["origQty"]


def test_an_empty_book_has_no_price_to_match_and_fills_nothing(stage: Stage) -> None:
    """-5041 for a level that is not there, -2020 for a market order without a counterparty."""
    stage.tape.say(Levels(PERP, stage.now_ms + 1, (), ()))
    stage.leap(1)
    matched = stage.refusal("POST", "/fapi/v1/order", **wanted(price=None, priceMatch="QUEUE"))[1]
    market = stage.refusal("POST", "/fapi/v1/order", **wanted(type="MARKET", price=None, timeInForce=None))[1]

    assert (-5041, -2020) == (matched, market)


def test_a_venue_error_carries_its_body() -> None:
    """An error is a JSON object of code and msg."""
    assert {"code": -4055, "msg": "Amount must be positive."} == json.loads(
        VenueError(*futures_errors.AMOUNT_NOT_POSITIVE).body()
    )
