"""Trailing stops of a position: when they are activated, how they follow, when they fire, what is told."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.core.order import BUY, SELL
from tests.simex.bybit.stage import PERP, Stage

USUAL = {"category": "linear", "symbol": "BTCUSDT"}


def trail(stage: Stage, distance: str = "600", **changes: Any) -> int:
    """The code of setting a trailing stop."""
    asked = {**USUAL, "tpslMode": "Full", "positionIdx": 0, "trailingStop": distance, **changes}
    code: int = stage.post("/v5/position/trading-stop", **asked)["retCode"]
    return code


def goes(stage: Stage, *prices: int) -> None:
    """The books go to prices one after the other, and a trade says so each time: just above it."""
    for price in prices:
        stage.move(str(price))
        stage.strangers(PERP, BUY, "0.01")


def held(stage: Stage) -> str:
    """What is held, and how far behind its trailing stop is."""
    row = stage.position()
    return f"{row['side']} {row['size']} {row['trailingStop']}"


def test_a_long_is_closed_when_the_price_comes_back(stage: Stage) -> None:
    """From the price of now: 600 below the highest fires, a smaller setback does not."""
    stage.placed(orderType="Market")
    assert 0 == trail(stage)
    goes(stage, 60_600, 61_200, 60_700)
    (waits,), before = stage.realtime(), held(stage)
    goes(stage, 60_500)

    assert ("TrailingStop", "CreateByTrailingStop", "60601.0", "Untriggered", True) == tuple(
        waits[name] for name in ("stopOrderType", "createType", "triggerPrice", "orderStatus", "closeOnTrigger")
    )
    assert ("Buy 0.100 600.0", " 0.000 0") == (before, held(stage))


def test_a_short_is_closed_when_the_price_rises_again(stage: Stage) -> None:
    """The same with signs turned."""
    stage.placed(side="Sell", orderType="Market")
    assert 0 == trail(stage)
    goes(stage, 59_400, 59_000, 59_400)
    before = held(stage)
    goes(stage, 59_700)

    assert ("Sell 0.100 600.0", " 0.000 0") == (before, held(stage))


def test_it_waits_for_its_activation(stage: Stage) -> None:
    """Before the price was at the activation price nothing fires, however far the price falls."""
    stage.placed(orderType="Market")
    assert 0 == trail(stage, activePrice="60500")
    goes(stage, 58_000, 60_400)
    before = held(stage)
    goes(stage, 60_510, 60_000)
    active = held(stage)
    goes(stage, 59_800)

    assert ("Buy 0.100 600.0", "Buy 0.100 600.0", " 0.000 0") == (before, active, held(stage))


def test_it_is_changed_and_taken_away(stage: Stage) -> None:
    """Another distance replaces it, the same again is not modified, zero takes it away; there is one at most."""
    stage.placed(orderType="Market")
    assert (0, 34040) == (trail(stage), trail(stage))
    assert 0 == trail(stage, "900")
    assert ["59101.0"] == [row["triggerPrice"] for row in stage.realtime()]
    assert 0 == trail(stage, "900", activePrice="61000")
    assert (34040, 34040) == (trail(stage, "900", activePrice="61000"), trail(stage, "900"))
    assert 0 == trail(stage, "0")
    assert ([], "Buy 0.100 0", 34040) == (stage.realtime(), held(stage), trail(stage, "0"))


def test_it_stands_beside_take_profit_and_stop_loss(stage: Stage) -> None:
    """All three are set at once, and all of them go with the position."""
    stage.placed(orderType="Market")
    assert 0 == trail(stage, takeProfit="66000", stopLoss="58000")
    kinds = {row["stopOrderType"] for row in stage.realtime()}
    stage.placed(side="Sell", orderType="Market", reduceOnly=True)

    assert {"TakeProfit", "StopLoss", "TrailingStop"} == kinds
    assert [] == stage.realtime()


def test_it_closes_what_the_position_has_become(stage: Stage) -> None:
    """It is for the whole position, however it grows."""
    stage.placed(orderType="Market")
    trail(stage)
    stage.placed(orderType="Market", qty="0.3")
    socket = stage.private("execution")
    stage.strangers(PERP, SELL, "40")
    goes(stage, 59_300)

    assert ("0.4", " 0.000 0") == (
        f"{sum(float(row['execQty']) for row in socket.rows('execution')):.1f}",
        held(stage),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"distance": "0.05"},
        {"distance": "60001"},
        {"distance": "-1"},
        {"activePrice": "59000"},
        {"activePrice": "60500.05"},
    ],
)
def test_what_is_no_trailing_stop(stage: Stage, changes: dict[str, str]) -> None:
    """Off the grid, further than the price, activated already: refused, and nothing is set."""
    stage.placed(orderType="Market")

    assert (10001, []) == (trail(stage, **changes), stage.realtime())


def test_a_trailing_stop_needs_a_position(stage: Stage) -> None:
    """There is nothing to stop."""
    assert 10001 == trail(stage)
