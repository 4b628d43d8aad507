"""Trailing stops of USD-M's algo service: when they are activated, how they follow, when they fire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.binance.user_events import FuturesUserEvents
from bot.simex.core.events import OrderChanged
from bot.simex.core.order import BUY, SELL
from tests.simex.binance.documented_futures import FIELDS, USDM_CODES
from tests.simex.binance.futures_stage import PERP, Stage


@pytest.fixture
def stage() -> Stage:
    """A small exchange with quiet books around 60,000 dollars."""
    return Stage()


def trailing(**changes: Any) -> dict[str, Any]:
    """A trailing sell of a tenth, one per cent behind; what is None is left out."""
    usual = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "TRAILING_STOP_MARKET"}
    found = {**usual, "quantity": "0.1", "callbackRate": "1", **changes}
    return {name: value for name, value in found.items() if value is not None}


def goes(stage: Stage, *prices: int) -> None:
    """The books go to prices one after the other, and a trade says so each time: just above it."""
    for price in prices:
        stage.move(str(price))
        stage.strangers(PERP, BUY, "0.01")


def state(stage: Stage, row: dict[str, Any]) -> str:
    return str(stage.get("/fapi/v1/algoOrder", algoId=row["algoId"])["algoStatus"])


def test_it_is_told_as_documented(stage: Stage) -> None:
    """The answer has the documented fields, its type, its rate, and the price from which it follows."""
    row = stage.post("/fapi/v1/algoOrder", **trailing(activatePrice="61000"))
    asked = stage.get("/fapi/v1/algoOrder", algoId=row["algoId"])

    assert FIELDS["new algo order"] == set(row)
    for one in (row, asked):
        assert ("TRAILING_STOP_MARKET", "61000.0", "1", "0.0", "NEW") == tuple(
            one[name] for name in ("orderType", "activatePrice", "callbackRate", "triggerPrice", "algoStatus")
        )
    assert "TRAILING_STOP_MARKET" not in {one["type"] for one in stage.get("/fapi/v1/allOrders", symbol="BTCUSDT")}


def test_a_sell_follows_what_rises(stage: Stage) -> None:
    """From the price of now: one per cent below the highest fires, a smaller setback does not."""
    row = stage.post("/fapi/v1/algoOrder", **trailing())
    goes(stage, 60_600, 61_200, 60_700)
    waits = state(stage, row)
    goes(stage, 60_500)
    done = stage.get("/fapi/v1/algoOrder", algoId=row["algoId"])

    assert ("NEW", "FINISHED", "MARKET", "0.100") == (
        waits,
        *(done[x] for x in ("algoStatus", "actualType", "actualQty")),
    )
    assert "-0.100" == stage.position()["positionAmt"]


def test_a_buy_follows_what_falls(stage: Stage) -> None:
    """The same with signs turned."""
    row = stage.post("/fapi/v1/algoOrder", **trailing(side="BUY"))
    goes(stage, 59_400, 59_000, 59_400)
    waits = state(stage, row)
    goes(stage, 59_700)

    assert ("NEW", "FINISHED") == (waits, state(stage, row))


def test_it_waits_for_its_activation(stage: Stage) -> None:
    """Before the price was at the activation price nothing fires, however far the price falls."""
    row = stage.post("/fapi/v1/algoOrder", **trailing(activatePrice="60500"))
    goes(stage, 58_000, 60_400)
    before = state(stage, row)
    goes(stage, 60_510, 60_000)
    active = state(stage, row)
    goes(stage, 59_800)

    assert ("NEW", "NEW", "FINISHED") == (before, active, state(stage, row))


def test_it_may_watch_the_mark(stage: Stage) -> None:
    """With MARK_PRICE trades mean nothing."""
    row = stage.post("/fapi/v1/algoOrder", **trailing(workingType="MARK_PRICE"))
    stage.strangers(PERP, SELL, "25")
    before = state(stage, row)
    for price in ("61000", "60500", "60300"):
        stage.mark(price)
        stage.leap(1_000)

    assert ("NEW", "FINISHED") == (before, state(stage, row))


def test_following_is_not_told(stage: Stage) -> None:
    """The stream of algo orders hears of it when it is placed and when it fires, not of each new extreme."""
    stage.post("/fapi/v1/algoOrder", **trailing())
    stage.events.clear()
    goes(stage, 60_600, 61_200)
    moved = [one for one in stage.events if isinstance(one, OrderChanged) and one.execution == "amended"]
    told = FuturesUserEvents(stage.markets["usdm"].desk)
    assert [[]] * len(moved) == [told.payloads(one) for one in moved] != []


def test_one_that_was_cancelled_follows_no_more(stage: Stage) -> None:
    """Its trigger stays, and it is gone."""
    row = stage.post("/fapi/v1/algoOrder", **trailing())
    stage.delete("/fapi/v1/algoOrder", algoId=row["algoId"])
    goes(stage, 61_000, 60_000)

    assert "CANCELED" == state(stage, row)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"callbackRate": None}, -1102),
        ({"callbackRate": "0"}, -1130),
        ({"callbackRate": "0.05"}, -1130),
        ({"callbackRate": "0.15"}, -1130),
        ({"callbackRate": "10.1"}, -1130),
        ({"activatePrice": "60000"}, -2021),
        ({"activatePrice": "61000", "side": "BUY"}, -2021),
        ({"activatePrice": "0"}, -4135),
        ({"activatePrice": "61000.05"}, -1111),
        ({"triggerPrice": "61000"}, -1106),
        ({"closePosition": "true"}, -1106),
        ({"workingType": "LAST"}, -4031),
        ({"quantity": "0"}, -4003),
    ],
)
def test_a_bad_one_is_refused(stage: Stage, changes: dict[str, Any], code: int) -> None:
    """Status 400 with a documented code."""
    found = stage.refusal("POST", "/fapi/v1/algoOrder", **trailing(**changes))

    assert (400, code) == found[:2]
    assert code in USDM_CODES


@given(st.lists(st.integers(-400, 400), min_size=1, max_size=25), st.sampled_from([BUY, SELL]))
def test_it_fires_where_the_definition_says(steps: list[int], side: int) -> None:
    """After every trade it has fired if and only if some price was a per cent away from the best before it."""
    stage = Stage()
    row = stage.post("/fapi/v1/algoOrder", **trailing(side="BUY" if side == BUY else "SELL"))
    mid, best, fired = 60_000, 60_000, False
    for step in steps:
        mid += step
        goes(stage, mid)
        seen = mid + 1
        best = min(best, seen) if side == BUY else max(best, seen)
        away = (seen - best) * 100 >= best if side == BUY else (best - seen) * 100 >= best
        fired = fired or away
        assert fired == (state(stage, row) != "NEW")
