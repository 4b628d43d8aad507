"""Positions, their settings and stops; hand-computed margin figures; the markers of liquidation and deleveraging."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.simex.core.numbers import SCALE, money, scaled
from tests.simex.bybit.stage import PERP, Stage

USUAL = {"category": "linear", "symbol": "BTCUSDT"}


def stop(stage: Stage, **changes: Any) -> dict[str, Any]:
    """The answer to a trading stop."""
    return stage.post("/v5/position/trading-stop", **{**USUAL, "tpslMode": "Full", "positionIdx": 0, **changes})


def test_a_short(stage: Stage) -> None:
    """Size, value at entry, margins at the mark, profit: by hand."""
    stage.placed(side="Sell", orderType="Market", qty="1")
    row = stage.position()

    # Sold at 59999, marked at 60000: value 59999, initial margin 60000 / 20, maintenance 0.5 %, loss 1.
    assert ("Sell", "1.000", "59999", "59999", "60000.0", "-1") == tuple(
        row[name] for name in ("side", "size", "avgPrice", "positionValue", "markPrice", "unrealisedPnl")
    )
    assert ("3000", "300", "20", 0, "Normal", False) == tuple(
        row[name] for name in ("positionIM", "positionMM", "leverage", "tradeMode", "positionStatus", "isReduceOnly")
    )
    assert "-32.99945" == row["curRealisedPnl"]
    assert 1 <= row["adlRankIndicator"] <= 5


def test_the_liquidation_price_of_a_short(stage: Stage) -> None:
    """The price at which the margin balance equals the maintenance margin, collateral of another coin included."""
    stage.placed(side="Sell", orderType="Market", qty="10")
    price = Decimal(stage.position()["liqPrice"])

    # The bitcoins keep their dollar price in this estimate: Q + 10 (entry - P) = 0.5 % x 10 P, Q after the fee.
    entry = Decimal("59994.5")
    collateral = 100_000 - Decimal("0.00055") * 10 * entry + 2 * 60_000 * Decimal("0.95")
    assert price == pytest.approx((collateral + 10 * entry) / Decimal("10.05"), abs=Decimal("0.1"))


def test_which_positions_are_listed(stage: Stage) -> None:
    """A symbol's row even when flat; of a settle coin only what is open."""
    assert ["0.000"] == [row["size"] for row in stage.result(stage.get("/v5/position/list", **USUAL))["list"]]
    assert [] == stage.result(stage.get("/v5/position/list", category="linear", settleCoin="USDT"))["list"]
    stage.placed(orderType="Market")
    stage.placed(symbol="ETHUSDT", orderType="Market", qty="1")
    answer = stage.result(stage.get("/v5/position/list", category="linear", settleCoin="USDT", limit=1))
    rest = stage.result(
        stage.get("/v5/position/list", category="linear", settleCoin="USDT", cursor=answer["nextPageCursor"])
    )

    assert {"BTCUSDT", "ETHUSDT"} == {row["symbol"] for row in answer["list"] + rest["list"]}
    assert 10001 == stage.get("/v5/position/list", category="linear")["retCode"]
    assert [] == stage.result(stage.get("/v5/position/list", category="inverse"))["list"]
    assert 10001 == stage.get("/v5/position/list", category="spot", symbol="BTCUSDT")["retCode"]


@pytest.mark.parametrize(
    ("buy", "sell", "code"),
    [
        ("5", "5", 0),
        ("20", "20", 110043),
        ("5", "6", 10001),
        ("200", "200", 110013),
        ("2.5", "2.5", 10001),
        ("0", "0", 10001),
    ],
)
def test_leverage(stage: Stage, buy: str, sell: str, code: int) -> None:
    """Both sides alike, in whole steps, within the tiers; unchanged is a refusal."""
    stage.result(stage.order())
    answer = stage.post("/v5/position/set-leverage", **USUAL, buyLeverage=buy, sellLeverage=sell)

    assert code == answer["retCode"]
    assert ("5" if not code else "20") == stage.position()["leverage"]


def test_hedge_mode(stage: Stage) -> None:
    """Both sides are held at once; an order must name its side; the mode may not change under a position."""
    mode = {"category": "linear", "coin": "USDT"}
    assert 110025 == stage.post("/v5/position/switch-mode", **mode, mode=0)["retCode"]
    assert 0 == stage.post("/v5/position/switch-mode", **mode, mode=3)["retCode"]
    assert 10001 == stage.order(orderType="Market")["retCode"]
    stage.placed(orderType="Market", positionIdx=1)
    stage.placed(orderType="Market", side="Sell", positionIdx=2, qty="0.2")
    rows = stage.result(stage.get("/v5/position/list", **USUAL))["list"]

    assert [(1, "Buy", "0.100"), (2, "Sell", "0.200")] == [
        (row["positionIdx"], row["side"], row["size"]) for row in rows
    ]
    assert 110024 == stage.post("/v5/position/switch-mode", **mode, mode=0)["retCode"]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("switch-mode", {"category": "linear", "mode": 3}, 10001),
        ("switch-mode", {"category": "linear", "coin": "USDT", "mode": 1}, 10001),
        ("switch-mode", {"category": "inverse", "symbol": "BTCUSD", "mode": 3}, 110029),
        ("switch-isolated", {**USUAL, "tradeMode": 1, "buyLeverage": "5", "sellLeverage": "5"}, 100028),
        ("set-auto-add-margin", {**USUAL, "autoAddMargin": 1}, 110076),
        ("set-auto-add-margin", {**USUAL, "autoAddMargin": 2}, 10001),
        ("add-margin", {**USUAL, "margin": "10"}, 110033),
        ("add-margin", {**USUAL, "margin": "0"}, 10001),
        ("add-margin", {**USUAL, "margin": "0.00001"}, 10001),
    ],
)
def test_settings_that_are_refused(stage: Stage, path: str, params: dict[str, Any], code: int) -> None:
    """Each with its documented code."""
    assert code == stage.post(f"/v5/position/{path}", **params)["retCode"]


def test_margin_of_a_cross_position(stage: Stage) -> None:
    """Margin is added to isolated positions only."""
    stage.placed(orderType="Market")

    assert 110015 == stage.post("/v5/position/add-margin", **USUAL, margin="10")["retCode"]


# --------------------------------------------------------------------------------------------------------------- stops
def test_a_stop_loss_closes_the_position(stage: Stage) -> None:
    """It shows on the position, fires when the price is reached, and its pair is cancelled with the position."""
    socket = stage.private("order")
    stage.placed(orderType="Market", qty="0.5")
    assert 0 == stop(stage, takeProfit="66000", stopLoss="58000", slTriggerBy="MarkPrice")["retCode"]
    shown = stage.position()
    socket.taken()
    stage.move("57500")
    stage.leap(120_000)

    assert ("66000.0", "58000.0") == (shown["takeProfit"], shown["stopLoss"])
    assert ("", "0.000", "", "") == tuple(stage.position()[name] for name in ("side", "size", "takeProfit", "stopLoss"))
    ends = {(row["stopOrderType"], row["orderStatus"], row["cancelType"]) for row in socket.rows("order")}
    assert ("StopLoss", "Filled", "UNKNOWN") in ends
    assert ("TakeProfit", "Deactivated", "CancelByTpSlTsClear") in ends
    assert [] == stage.realtime()


def test_a_stop_is_moved_and_taken_away(stage: Stage) -> None:
    """Setting it again replaces it, zero cancels it, the same again is not modified."""
    stage.placed(orderType="Market")
    stop(stage, stopLoss="58000")
    assert 0 == stop(stage, stopLoss="58500")["retCode"]
    assert ["58500.0"] == [row["triggerPrice"] for row in stage.realtime()]
    assert 34040 == stop(stage, stopLoss="58500")["retCode"]
    assert 0 == stop(stage, stopLoss="0")["retCode"]
    assert [] == stage.realtime()
    assert 34040 == stop(stage, stopLoss="0")["retCode"]


@pytest.mark.parametrize(
    "changes",
    [
        {"takeProfit": "59000"},
        {"stopLoss": "61000"},
        {"tpslMode": "Half", "stopLoss": "58000"},
        {"stopLoss": "58000", "slTriggerBy": "Nothing"},
    ],
)
def test_stops_on_the_wrong_side(stage: Stage, changes: dict[str, str]) -> None:
    """A stop that would fire at once, or that is none, is refused."""
    stage.placed(orderType="Market")

    assert 10001 == stop(stage, **changes)["retCode"]


def test_a_stop_needs_a_position(stage: Stage) -> None:
    """There is nothing to stop."""
    assert 10001 == stop(stage, stopLoss="58000")["retCode"]


def test_partial_stops_add_up(stage: Stage) -> None:
    """Each has its size; all of them are limit orders when asked for, and end with the position."""
    stage.placed(orderType="Market", qty="0.3")
    partial = {"tpslMode": "Partial", "tpSize": "0.1", "tpOrderType": "Limit"}
    for price in ("61000", "62000"):
        assert 0 == stop(stage, **partial, takeProfit=price, tpLimitPrice=price)["retCode"]
    rows = stage.realtime()

    assert {("PartialTakeProfit", "Limit", "0.100")} == {
        (row["stopOrderType"], row["orderType"], row["qty"]) for row in rows
    }
    assert 2 == len(rows)
    stage.placed(side="Sell", orderType="Market", qty="0.3", reduceOnly=True)
    assert [] == stage.realtime()


# --------------------------------------------------------------------------------------- what the exchange does itself
def test_deleveraging(stage: Stage) -> None:
    """The orders go first; the fill has no owner's id, no fee, and the documented marks."""
    stage.placed(side="Sell", orderType="Market", qty="1", orderLinkId="mine")
    stage.placed(orderLinkId="resting")
    socket = stage.private("order", "execution", "position")
    account = stage.exchange.state.account("alice")
    stage.exchange.adl.reduce(account, PERP, "both", SCALE // 2, scaled(Decimal(60_000)))
    stage.flush()
    orders, (fill,) = socket.rows("order"), socket.rows("execution")

    assert ("resting", "Cancelled", "CancelAllBeforeAdl") == tuple(
        orders[0][name] for name in ("orderLinkId", "orderStatus", "cancelType")
    )
    assert ("AdlTrade", "CreateByAdl_PassThrough", "", "Buy", "0.500", "0") == tuple(
        fill[name] for name in ("execType", "createType", "orderLinkId", "side", "execQty", "execFee")
    )
    assert ("CreateByAdl_PassThrough", "") == (orders[-1]["createType"], orders[-1]["orderLinkId"])
    assert "0.500" == socket.rows("position")[-1]["size"]


def test_settlement(stage: Stage) -> None:
    """A delisted contract: orders are cancelled, the position is a Delivery without an order, the price is told."""
    stage.placed(side="Sell", orderType="Market", qty="1")
    stage.placed(orderLinkId="resting", price="59990")
    socket = stage.private("order", "execution", "position")
    stage.exchange.delivery.delist(PERP, stage.now_ms + 1_000, stage.now_ms + 60_000)
    stage.leap(2_000)
    assert 30228 == stage.order(side="Sell", price="61000")["retCode"]
    stage.leap(70_000)
    (fill,), orders = socket.rows("execution"), socket.rows("order")

    assert [("resting", "CancelBySettle")] == [(row["orderLinkId"], row["cancelType"]) for row in orders]
    assert ("Delivery", "CreateBySettle", "Buy", "1.000", "") == tuple(
        fill[name] for name in ("execType", "createType", "side", "execQty", "orderLinkId")
    )
    assert "" == socket.rows("position")[-1]["side"]
    (delivered,) = stage.result(stage.get("/v5/asset/delivery-record", category="linear"))["list"]
    (told,) = stage.result(stage.public("/v5/market/delivery-price", category="linear"))["list"]
    assert ("Sell", "1.000", "59999.00000000") == tuple(delivered[name] for name in ("side", "position", "entryPrice"))
    assert float(delivered["deliveryPrice"]) == pytest.approx(float(told["deliveryPrice"]), abs=0.1)
    assert [] == stage.result(stage.public("/v5/market/instruments-info", category="linear", baseCoin="BTC"))["list"]
    assert 110074 == stage.order()["retCode"]


def test_liquidation(stage: Stage) -> None:
    """Orders are cancelled, the position is reduced by orders of the exchange, and the public is told."""
    public = stage.connect("/v5/public/linear")
    public.ask(op="subscribe", args=["allLiquidation.BTCUSDT"])
    account = stage.exchange.state.account("alice")
    stage.exchange.funds.withdraw(account, "unified", "BTC", money(Decimal(2)))
    stage.placed(side="Sell", orderType="Market", qty="10")
    stage.placed(
        price="50000",
        qty="0.001",
        category="linear",
        orderLinkId="resting",
        side="Sell",
        triggerPrice="55000",
        triggerDirection=2,
    )
    socket = stage.private("order", "execution")
    stage.move("70000")
    stage.advance(3_000)
    fills = socket.rows("execution")
    kinds = {(fill["execType"], fill["createType"], fill["orderLinkId"]) for fill in fills}

    assert kinds <= {
        ("Trade", "CreateByLiq", ""),
        ("BustTrade", "CreateByTakeOver_PassThrough", ""),
        ("AdlTrade", "CreateByAdl_PassThrough", ""),
    }
    assert kinds
    assert {"Sell"} == {row["S"] for row in public.rows("allLiquidation.BTCUSDT")}
    stage.exchange.check()
