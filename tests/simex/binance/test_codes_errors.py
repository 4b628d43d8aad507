"""Every error code that a hedger may meet at Binance: each by its real cause, or where it has none here by a fault.

The causes are requests against a small exchange; the remaining codes are answers of the venue's risk control, or of
states between two moments that this exchange does not have.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.simex.binance.router import Pending
from bot.simex.core.flow import Levels
from bot.simex.core.instrument import Status
from bot.simex.core.order import BUY
from bot.simex.faults.errors import ERRORS, FRONT_ERRORS
from bot.simex.wire import Request
from tests.simex.binance.futures_stage import KEY, PERP, Stage, conditional, signed, wanted
from tests.simex.binance.spot_stage import SpotStage, market
from tests.simex.binance.spot_stage import wanted as spot_wanted

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
Answer = tuple[int, int]
Cause = Callable[[Stage], Answer]


def place(stage: Stage, **changes: Any) -> Answer:
    """Status and code of a refused order."""
    return stage.refusal("POST", ORDER, **wanted(**changes))[:2]


def post(path: str, **params: Any) -> Cause:
    return lambda stage: stage.refusal("POST", path, **params)[:2]


def order(**changes: Any) -> Cause:
    return lambda stage: place(stage, **changes)


def at_market(**changes: Any) -> Cause:
    return order(type="MARKET", price=None, timeInForce=None, **changes)


def algo(**changes: Any) -> Cause:
    return post(ALGO, **conditional(**changes))


def after(prepare: Callable[[Stage], Any], cause: Cause) -> Cause:
    def run(stage: Stage) -> Answer:
        prepare(stage)
        return cause(stage)

    return run


def status(name: Status) -> Callable[[Stage], None]:
    return lambda stage: stage.exchange.set_status(PERP, name)


def grid(**changes: int) -> Callable[[Stage], None]:
    """Change filters by factors of what they are, numbers of orders to a number."""

    def run(stage: Stage) -> None:
        old = stage.instrument(PERP).filters
        new = {name: by if name.endswith("_max") else getattr(old, name) * by for name, by in changes.items()}
        stage.exchange.set_filters(PERP, replace(old, **new))

    return run


def hedged(stage: Stage) -> None:
    stage.post("/fapi/v1/positionSide/dual", dualSidePosition="true")


def empty(stage: Stage) -> None:
    stage.tape.say(Levels(PERP, stage.now_ms + 1, (), ()))
    stage.leap(1)


def liquidating(stage: Stage) -> None:
    stage.exchange.state.account("alice").in_liquidation.add("usdm")


def never_funded(stage: Stage) -> None:
    stage.exchange.state.account("alice").wallets["usdm"].clear()


def steep(stage: Stage) -> None:
    stage.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=125)


def heavy(stage: Stage) -> None:
    """A position that a lower leverage could not carry."""
    stage.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=50)
    stage.market("BUY", "28")


def amended(**changes: Any) -> Cause:
    """A change of an order that rests at 59,000."""

    def run(stage: Stage) -> Answer:
        named = wanted() | {"orderId": stage.order()["orderId"]}
        return stage.refusal("PUT", ORDER, **(named | changes))[:2]

    return run


def halted_amendment(stage: Stage) -> Answer:
    named = wanted(price="58000") | {"orderId": stage.order()["orderId"]}
    status("halted")(stage)
    return stage.refusal("PUT", ORDER, **named)[:2]


def unsigned(stage: Stage) -> Answer:
    """A key that does not exist."""
    response = stage.send("POST", ORDER, wanted(), key="n" * 64)
    return response.status, json.loads(response.body)["code"]


def malformed_key(stage: Stage) -> Answer:
    response = stage.send("POST", ORDER, wanted(), key="?")
    return response.status, json.loads(response.body)["code"]


def too_much(stage: Stage) -> Answer:
    stage.limiters["usdm"].charge_weight(2_400, stage.now_ms)
    return stage.refusal("GET", "/fapi/v1/openOrders")[:2]


def banned(stage: Stage) -> Answer:
    stage.limiters["usdm"].ban("127.0.0.1", stage.now_ms)
    return stage.refusal("GET", "/fapi/v1/openOrders")[:2]


def too_many(stage: Stage) -> Answer:
    stage.limiters["usdm"].charge_order("alice", stage.now_ms, {"10S": 300})
    return place(stage)


def protected(stage: Stage) -> Answer:
    stage.routers["usdm"].is_protected = True
    return place(stage)


def late(stage: Stage) -> Answer:
    """The server's clock is a minute ahead of the client's."""
    stage.timeline.offset_ms = 60_000
    return place(stage)


def late_at_the_engine(stage: Stage) -> Answer:
    """The gateway let it through, and the engine sees it when its window is over."""
    query = urlencode({**wanted(), "timestamp": stage.now_ms})
    request = Request(
        "fapi.binance.com", "POST", ORDER, f"{query}&signature={signed(query)}", b"", {"x-mbx-apikey": KEY}
    )
    pending = stage.routers["usdm"].admit(request)
    assert isinstance(pending, Pending)
    stage.now_ms += 5_001
    response = stage.routers["usdm"].land(pending)
    return response.status, json.loads(response.body)["code"]


def wrong_signature(stage: Stage) -> Answer:
    query = urlencode({**wanted(), "timestamp": stage.now_ms})
    request = Request("fapi.binance.com", "POST", ORDER, f"{query}&signature={'0' * 64}", b"", {"x-mbx-apikey": KEY})
    response = stage.routers["usdm"].respond(request)
    return response.status, json.loads(response.body)["code"]


def filled_stop(stage: Stage) -> Answer:
    """Cancelling an order that is there no more."""
    return stage.refusal("DELETE", ORDER, symbol="BTCUSDT", orderId=stage.market("BUY", "0.1")["orderId"])[:2]


def resting_long(stage: Stage) -> None:
    """A long, and a reduce-only order for all of it."""
    stage.buy("0.1")
    stage.order(side="SELL", price="61000", reduceOnly="true")


def stop_amendment(stage: Stage) -> Answer:
    """A conditional order that came to life is, to PUT, no plain limit order."""
    row = stage.algo(type="STOP", side="BUY", triggerPrice="60500", price="59000", timeInForce="GTC")
    stage.move("60600")
    stage.strangers(PERP, BUY, "0.01")
    stage.move("60000")
    named = wanted(price="58000") | {"orderId": row["algoId"] - 1_000_000_000_000}
    return stage.refusal("PUT", ORDER, **named)[:2]


CAUSES: dict[int, tuple[int, Cause]] = {
    -1003: (429, too_much),
    -1008: (503, protected),
    -1015: (429, too_many),
    -1021: (400, late),
    -1022: (400, wrong_signature),
    -1102: (400, order(symbol=None)),
    -1111: (400, order(price="59000.05")),
    -1121: (400, order(symbol="NOSUCH")),
    -2011: (400, filled_stop),
    -2013: (400, lambda stage: stage.refusal("GET", ORDER, symbol="BTCUSDT", orderId=1)[:2]),
    -2014: (401, malformed_key),
    -2015: (401, unsigned),
    -2019: (400, order(quantity="90", price="60001")),
    -2020: (400, after(empty, at_market())),
    -2021: (400, algo(triggerPrice="61000")),
    -2022: (400, after(resting_long, order(side="SELL", price="61000", reduceOnly="true"))),
    -2023: (400, after(liquidating, order())),
    -2025: (400, after(grid(orders_max=1), after(lambda stage: stage.order(), order()))),
    -2027: (400, after(steep, order(quantity="10"))),
    -2028: (400, after(heavy, post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=1))),
    -4003: (400, order(quantity="0")),
    -4004: (400, after(grid(lot=5, quantity_min=10), order(quantity="0.005"))),
    -4005: (400, order(quantity="1001")),
    -4014: (400, after(grid(tick=5), order(price="59000.1"))),
    -4015: (400, order(newClientOrderId="x" * 37)),
    -4016: (400, order(price="70000")),
    -4023: (400, after(grid(lot=5), order(quantity="0.011"))),
    -4024: (400, order(side="SELL", price="50000")),
    -4045: (400, after(grid(algo_orders_max=1), after(lambda stage: stage.algo(), algo()))),
    -4046: (400, post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="CROSSED")),
    -4059: (400, post("/fapi/v1/positionSide/dual", dualSidePosition="false")),
    -4061: (400, after(hedged, order())),
    -4067: (400, after(lambda stage: stage.order(), post("/fapi/v1/positionSide/dual", dualSidePosition="true"))),
    -4068: (400, after(lambda stage: stage.buy(), post("/fapi/v1/positionSide/dual", dualSidePosition="true"))),
    -4088: (400, after(status("cancel_only"), order())),
    -4109: (400, after(never_funded, order())),
    -4116: (400, after(lambda stage: stage.order(newClientOrderId="one"), order(newClientOrderId="one"))),
    -4120: (400, order(type="STOP_MARKET", stopPrice="61000")),
    -4131: (400, after(lambda stage: stage.mark("50000"), at_market())),
    -4140: (400, after(status("reduce_only"), order())),
    -4141: (400, after(status("closed"), order())),
    -4164: (400, order(quantity="0.001")),
    -4183: (400, algo(side="BUY", type="STOP", triggerPrice="61000", price="64100", timeInForce="GTC")),
    -4184: (400, algo(type="STOP", price="56000", timeInForce="GTC")),
    -5021: (400, order(timeInForce="FOK")),
    -5022: (400, order(timeInForce="GTX", price="60001")),
    -5024: (400, halted_amendment),
    -5025: (400, stop_amendment),
    -5027: (400, amended()),
    -5028: (400, late_at_the_engine),
    -5029: (400, amended(quantity="0.001")),
    -5041: (400, after(empty, order(price=None, priceMatch="QUEUE"))),
}


@pytest.mark.parametrize("code", sorted(CAUSES, reverse=True))
def test_a_code_has_its_cause(code: int) -> None:
    """What the documentation says of a code is what brings it about, with its status."""
    status_code, cause = CAUSES[code]

    assert (status_code, code) == cause(Stage())


def test_an_address_that_goes_on_is_banned() -> None:
    """-1003 again, with 418."""
    assert (418, -1003) == banned(Stage())


SPOT: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    "balance": (market(quantity="1.9"), (400, -2010)),
    "post-only": (spot_wanted(type="LIMIT_MAKER", price="60001", timeInForce=""), (400, -2010)),
    "stop": (spot_wanted(type="STOP_LOSS_LIMIT", stopPrice="59000"), (400, -2010)),
    "filter": (spot_wanted(price="59000.001"), (400, -1013)),
    "notional": (spot_wanted(quantity="0.00001"), (400, -1013)),
    "precision": (spot_wanted(quantity="0.123456789"), (400, -1111)),
}


@pytest.mark.parametrize("name", SPOT)
def test_spot_has_codes_of_its_own(name: str) -> None:
    """-2010 for what the engine rejects, -1013 for filters."""
    params, told = SPOT[name]

    assert told == SpotStage().rejected(**params)[:2]


# The venue's risk control, and states between two moments: by a fault of kind `venue_error`.
BY_FAULT: dict[int, tuple[str, int]] = {
    -1001: ("internal", 500),
    -1006: ("bad_response", 400),
    -1007: ("timeout", 408),
    -2024: ("position_not_sufficient", 400),
    -4087: ("reduce_only_account", 400),
    -4117: ("triggering", 400),
    -4118: ("reduce_only_margin", 400),
    -4192: ("cooling_off", 400),
    -4400: ("locked", 400),
    -4401: ("large_position", 400),
}


@pytest.mark.parametrize("code", sorted(BY_FAULT, reverse=True))
def test_a_code_without_a_cause_here_is_a_fault(code: int) -> None:
    """Its row has the documented status and code, and a counterpart at the other venue."""
    name, status_code = BY_FAULT[code]

    assert (status_code, code) == ERRORS[name]["binance"][:2]
    assert "bybit" in ERRORS[name]


def test_the_list_is_whole() -> None:
    """Every code of the list of those that matter is in one of the tables, or has a test of its own elsewhere."""
    listed = {
        *(-1003, -1006, -1007, -1008, -1015, -1021, -2011, -2013, -2014, -2015, -2019, -2020, -2021, -2022, -2023),
        *(-2024, -2025, -2027, -2028, -4003, -4004, -4005, -4014, -4015, -4016, -4023, -4024, -4045, -4046, -4059),
        *(-4061, -4067, -4068, -4087, -4088, -4109, -4116, -4117, -4118, -4120, -4131, -4140, -4141, -4164, -4183),
        *(-4184, -4192, -4400, -4401, -5021, -5022, -5024, -5025, -5027, -5028, -5029, -5041),
    }

    assert set() == listed - set(CAUSES) - set(BY_FAULT)
    assert -1003 == FRONT_ERRORS["418"]["binance"][1]
