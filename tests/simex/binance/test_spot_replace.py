"""cancelReplace: what becomes of both halves, and what is said of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simex.binance.spot_stage import GONE, SpotStage, wanted

PATH = "/api/v3/order/cancelReplace"
PARTLY = (-2021, "Order cancel-replace partially failed.")
FAILED = (-2022, "Order cancel-replace failed.")
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
POOR = {"code": -2010, "msg": "Account has insufficient balance for requested action."}


@pytest.fixture
def stage() -> SpotStage:
    return SpotStage()


def replace(stage: SpotStage, **params: Any) -> tuple[int, dict[str, Any]]:
    """Status and body of a cancelReplace."""
    response = stage.send("POST", PATH, wanted(cancelReplaceMode="STOP_ON_FAILURE", price="58000") | params)
    return response.status, json.loads(response.body)


def test_both_halves_succeed(stage: SpotStage) -> None:
    """The old order is cancelled under the client id that was sent, the new one is placed, both are told."""
    old = stage.order()["orderId"]
    status, body = replace(stage, cancelOrderId=old, cancelNewClientOrderId="bye", newOrderRespType="ACK")

    assert (200, "SUCCESS", "SUCCESS") == (status, body["cancelResult"], body["newOrderResult"])
    assert ("bye", "CANCELED") == tuple(body["cancelResponse"][name] for name in ("clientOrderId", "status"))
    (left,) = stage.get("/api/v3/openOrders")
    assert ("58000.00000000", body["newOrderResponse"]["orderId"]) == (left["price"], left["orderId"])


@pytest.mark.parametrize(
    ("mode", "known", "quantity", "status", "error", "halves"),
    [
        ("STOP_ON_FAILURE", False, "0.1", 400, FAILED, ("FAILURE", "NOT_ATTEMPTED", UNKNOWN, None)),
        ("ALLOW_FAILURE", False, "0.1", 409, PARTLY, ("FAILURE", "SUCCESS", UNKNOWN, dict)),
        ("ALLOW_FAILURE", False, "5", 400, FAILED, ("FAILURE", "FAILURE", UNKNOWN, POOR)),
        ("STOP_ON_FAILURE", True, "5", 409, PARTLY, ("SUCCESS", "FAILURE", dict, POOR)),
        ("ALLOW_FAILURE", True, "5", 409, PARTLY, ("SUCCESS", "FAILURE", dict, POOR)),
    ],
)
def test_a_half_fails(
    stage: SpotStage,
    mode: str,
    known: bool,
    quantity: str,
    status: int,
    error: tuple[int, str],
    halves: tuple[Any, ...],
) -> None:
    """A failed half has the documented status and code, and `data` says what became of each."""
    old = stage.order()["orderId"]
    found, body = replace(stage, cancelReplaceMode=mode, cancelOrderId=old if known else 1, quantity=quantity)

    assert (status, *error) == (found, body["code"], body["msg"])
    names = ("cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse")
    told = tuple(body["data"][name] for name in names)
    assert halves == tuple(dict if wanted_one is dict else one for one, wanted_one in zip(told, halves, strict=True))


@pytest.mark.parametrize(("mode", "status", "left"), [("DO_NOTHING", 429, 1), ("CANCEL_ONLY", 429, 0)])
def test_beyond_the_order_limit(stage: SpotStage, mode: str, status: int, left: int) -> None:
    """Beyond the order count nothing is placed; the old order is cancelled only where that was asked for."""
    old = stage.order()["orderId"]
    stage.limiter.tighten(orders=(1,))
    found, body = replace(stage, cancelOrderId=old, orderRateLimitExceededMode=mode)

    assert status == found
    assert -1015 == (body["code"] if left else body["data"]["newOrderResponse"]["code"])
    assert left == len(stage.get("/api/v3/openOrders"))


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"cancelReplaceMode": "MAYBE"}, -1130),
        ({"cancelReplaceMode": GONE}, -1102),
        ({"orderRateLimitExceededMode": "MAYBE"}, -1130),
        ({"cancelOrderId": GONE}, -1102),
        ({"price": "58000.001"}, None),
    ],
)
def test_bad_parameters(stage: SpotStage, params: dict[str, Any], code: int | None) -> None:
    """A malformed request cancels nothing; a filter that the new order breaks fails its half."""
    old = stage.order()["orderId"]
    status, body = replace(stage, **({"cancelOrderId": old} | params))

    assert (code or -2021) == body["code"]
    assert (1 if code else 0) == len(stage.get("/api/v3/openOrders"))
    assert (400 if code else 409) == status
