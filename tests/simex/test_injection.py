"""Armed faults: whom they touch, how often, and what is logged of it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.injection import Fault, Injections, emptied, garbled
from bot.simex.wire import Request, Response

ORDER = Request("fapi.binance.com", "POST", "/fapi/v1/order")


@pytest.mark.parametrize(
    "scope",
    [
        {"method": "GET"},
        {"path": "/fapi/v1/openOrders"},
        {"host": "api*.binance.com"},
        {"symbol": "ETHUSDT"},
        {"path": "/api/*"},
    ],
)
def test_a_fault_touches_its_scope_only(scope: dict[str, Any]) -> None:
    """A request outside of method, host, path or symbol passes untouched and uses nothing up."""
    faults = Injections()
    faults.arm(Fault("drop_answer", **scope))

    assert [] == faults.take(ORDER, "BTCUSDT", 1)
    assert 1 == len(faults.as_dict()["armed"])


def test_a_fault_fires_as_often_as_it_says() -> None:
    """Count firings, each logged with its id, then none."""
    faults = Injections()
    number = faults.arm(Fault("http_503", "unknown", path="/fapi/*", count=2))
    fired = [len(faults.take(ORDER, "BTCUSDT", time_ms)) for time_ms in (1, 2, 3)]

    assert [1, 1, 0] == fired
    assert [(number, 1), (number, 2)] == [(firing.fault_id, firing.time_ms) for firing in faults.fired]


def test_delays_add_to_one_other_fault() -> None:
    """All delays in scope fire, but only the first of the other faults; the next waits for the next request."""
    faults = Injections()
    for fault in (
        Fault("delay", "before"),
        Fault("drop_answer"),
        Fault("garbage_200", "html"),
        Fault("delay", "after"),
    ):
        faults.arm(fault)

    assert ["delay", "drop_answer", "delay"] == [fault.kind for fault in faults.take(ORDER, "", 1)]
    assert ["garbage_200"] == [fault.kind for fault in faults.take(ORDER, "", 2)]


def test_throttling_spares_what_reduces() -> None:
    """The documented -1008 hits orders that may add risk; reduce-only orders and cancellations pass."""
    faults = Injections()
    faults.arm(Fault("http_503", "throttled", path="/fapi/v1/order"))
    reducing = Request(ORDER.host, "POST", ORDER.path, "", b"symbol=BTCUSDT&reduceOnly=true")

    assert [] == faults.take(reducing, "BTCUSDT", 1)
    assert [] == faults.take(Request(ORDER.host, "DELETE", ORDER.path, "symbol=BTCUSDT"), "BTCUSDT", 1)
    assert 1 == len(faults.take(ORDER, "BTCUSDT", 1))


def test_disarming() -> None:
    """One fault or all can be disarmed."""
    faults = Injections()
    first, _ = faults.arm(Fault("drop_answer")), faults.arm(Fault("empty_list"))

    assert (1, 0) == (faults.disarm(first), faults.disarm(first))
    assert 1 == faults.disarm()
    assert [] == faults.take(ORDER, "", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "earthquake"},
        {"kind": "http_503", "variant": "maybe"},
        {"kind": "delay", "variant": "before", "delay_ms": -1},
        {"kind": "stall", "variant": "all", "duration_ms": 10**9},
        {"kind": "drop_answer", "count": 0},
    ],
)
def test_wrong_faults_are_refused(wrong: dict[str, Any]) -> None:
    """A fault that makes no sense is a ValueError that says what is allowed."""
    with pytest.raises(ValueError, match="allowed"):
        Fault(**wrong)


def test_bodies() -> None:
    """Garbage bodies are what they are called; emptied answers keep their shape."""
    body = b'{"a":1,"b":2}'

    assert [b"", b"{}", body[:8]] == [garbled(variant, body)[0] for variant in ("empty", "{}", "truncated")]
    assert "text/html" == garbled("html", body)[1]
    assert b"[]" == emptied(Response(200, b'[{"a":1}]'))
    assert b'{"x":1,"positions":[],"assets":[]}' == emptied(Response(200, b'{"x":1,"positions":[1],"assets":[2]}'))
