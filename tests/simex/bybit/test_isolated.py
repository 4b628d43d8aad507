"""A unified account in isolated margin: the mode, leverage by side, margin of positions, liquidation, what is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.simex.bybit.stage import Stage

USUAL = {"category": "linear", "symbol": "BTCUSDT"}
MODE, LEVERAGE, MARGIN = "/v5/account/set-margin-mode", "/v5/position/set-leverage", "/v5/position/add-margin"
OF_THE_ACCOUNT = (
    "accountIMRate accountMMRate accountLTV totalMarginBalance totalAvailableBalance totalInitialMargin "
    "totalMaintenanceMargin totalWalletBalance accountIMRateByMp totalInitialMarginByMp totalMaintenanceMarginByMp"
).split()


@pytest.fixture
def isolated(stage: Stage) -> Stage:
    """An exchange whose client has chosen isolated margin."""
    stage.result(stage.post(MODE, setMarginMode="ISOLATED_MARGIN"))
    return stage


def wallet(stage: Stage) -> dict[str, Any]:
    """The wallet balance."""
    found: dict[str, Any] = stage.result(stage.get("/v5/account/wallet-balance", accountType="UNIFIED"))["list"][0]
    return found


def coin(stage: Stage, name: str = "USDT") -> dict[str, Any]:
    """One coin of it."""
    return next(one for one in wallet(stage)["coin"] if one["coin"] == name)


def reasons(answer: dict[str, Any]) -> tuple[int, list[str]]:
    """The code of a margin mode that was not set, and why."""
    return answer["retCode"], [one["reasonCode"] for one in answer["result"]["reasons"]]


# ---------------------------------------------------------------------------------------------------------- the mode
def test_the_account_tells_its_mode(stage: Stage) -> None:
    """Set, set again, set back; the moment of it shows."""
    said = [stage.post(MODE, setMarginMode=mode) for mode in ("ISOLATED_MARGIN", "ISOLATED_MARGIN")]
    info = stage.result(stage.get("/v5/account/info"))

    assert [(0, "Request accepted", {"reasons": []})] * 2 == [
        (one["retCode"], one["retMsg"], one["result"]) for one in said
    ]
    assert ("ISOLATED_MARGIN", str(stage.now_ms)) == (info["marginMode"], info["updatedTime"])
    stage.result(stage.post(MODE, setMarginMode="REGULAR_MARGIN"))
    assert "REGULAR_MARGIN" == stage.result(stage.get("/v5/account/info"))["marginMode"]


@pytest.mark.parametrize("before", ["REGULAR_MARGIN", "ISOLATED_MARGIN"])
def test_the_mode_stays_while_contracts_are_traded(stage: Stage, before: str) -> None:
    """Either way an order or a position is in the way, each with its documented reason; an order for coins is not."""
    other = "REGULAR_MARGIN" if before == "ISOLATED_MARGIN" else "ISOLATED_MARGIN"
    stage.result(stage.post(MODE, setMarginMode=before))
    stage.placed(category="spot", qty="0.1", price="50000")
    order = stage.placed()
    ordered = stage.post(MODE, setMarginMode=other)
    stage.result(stage.post("/v5/order/cancel", **USUAL, orderId=order))
    stage.placed(orderType="Market")
    held = stage.post(MODE, setMarginMode=other)
    stage.placed(side="Sell", orderType="Market", reduceOnly=True)

    assert [(3400045, ["3400002"]), (3400045, ["3400001"])] == [reasons(ordered), reasons(held)]
    assert 0 == stage.post(MODE, setMarginMode=other)["retCode"]


def test_only_the_settle_coin_is_margin(isolated: Stage) -> None:
    """At leverage 1 the dollars of the wallet buy less than two bitcoins, whatever coins lie beside them."""
    isolated.result(isolated.post(LEVERAGE, **USUAL, buyLeverage="1", sellLeverage="1"))

    assert 110007 == isolated.order(qty="2", price="59000")["retCode"]
    assert 0 == isolated.order(qty="1.5", price="59000")["retCode"]
    assert 170131 == isolated.order(category="spot", qty="0.5", price="59000")["retCode"]


# ----------------------------------------------------------------------------------------------------------- figures
def test_a_position_and_the_wallet_around_it(isolated: Stage) -> None:
    """Bought at 60001 with leverage 10: its margin, its liquidation price by hand, empty figures of the account."""
    isolated.result(isolated.post(LEVERAGE, **USUAL, buyLeverage="10", sellLeverage="10"))
    socket = isolated.private("position", "wallet")
    isolated.placed(orderType="Market", qty="1")
    row, own, account = isolated.position(), coin(isolated), wallet(isolated)

    assert ("6000.1", "6000.1", 0, "10") == tuple(
        row[x] for x in ("positionIM", "positionBalance", "tradeMode", "leverage")
    )
    # 6000.1 + P - 60001 = 0.005 P
    assert Decimal(row["liqPrice"]) == (Decimal("54000.9") / Decimal("0.995")).quantize(Decimal("0.1"))
    fee = Decimal("0.00055") * 60_001
    assert (100_000 - fee, Decimal("6000.1"), Decimal(300), 99_999 - fee) == tuple(
        Decimal(own[x]) for x in ("walletBalance", "totalPositionIM", "totalPositionMM", "equity")
    )
    assert {""} == {account[name] for name in OF_THE_ACCOUNT}
    assert Decimal(account["totalEquity"]) == 219_999 - fee
    assert ("6000.1", "") == (socket.rows("position")[-1]["positionIM"], socket.rows("wallet")[-1]["accountMMRate"])


def test_an_inverse_position(isolated: Stage) -> None:
    """60000 dollars sold at 59999 with leverage 10: 0.1 coins of 60000 / 59999, liquidated where 1 - 0.1 are left."""
    usual = {"category": "inverse", "symbol": "BTCUSD"}
    isolated.result(isolated.post(LEVERAGE, **usual, buyLeverage="10", sellLeverage="10"))
    isolated.placed(**usual, side="Sell", orderType="Market", qty="50000")
    row = isolated.position(**usual)
    entry = Decimal(50_000) / 59_999

    assert Decimal(row["positionIM"]) == (entry / 10).quantize(Decimal("1e-8"))
    # entry / 10 + 50000 / P - entry = 0.005 x 50000 / P
    assert Decimal(row["liqPrice"]) == (Decimal(50_000) * Decimal("0.995") / (entry * Decimal("0.9"))).quantize(
        Decimal("0.1")
    )


# ------------------------------------------------------------------------------------------------ leverage and margin
def test_leverage_by_side(isolated: Stage) -> None:
    """In hedge mode both sides have their own; one-way they are one."""
    assert 10001 == isolated.post(LEVERAGE, **USUAL, buyLeverage="10", sellLeverage="5")["retCode"]
    isolated.result(isolated.post("/v5/position/switch-mode", category="linear", coin="USDT", mode=3))
    isolated.result(isolated.post(LEVERAGE, **USUAL, buyLeverage="10", sellLeverage="5"))
    isolated.placed(orderType="Market", positionIdx=1)
    isolated.placed(side="Sell", orderType="Market", positionIdx=2)
    rows = isolated.result(isolated.get("/v5/position/list", **USUAL))["list"]

    assert [("10", "600.01"), ("5", "1199.98")] == [(row["leverage"], row["positionIM"]) for row in rows]
    assert 110043 == isolated.post(LEVERAGE, **USUAL, buyLeverage="10", sellLeverage="5")["retCode"]


def test_a_new_leverage_moves_margin(isolated: Stage) -> None:
    """A lower one takes it from the wallet, as far as it has it; a higher one gives it back."""
    isolated.placed(orderType="Market", qty="3")
    before = isolated.position()["positionIM"]
    isolated.result(isolated.post(LEVERAGE, **USUAL, buyLeverage="10", sellLeverage="10"))

    assert Decimal(isolated.position()["positionIM"]) == 2 * Decimal(before)
    assert 110012 == isolated.post(LEVERAGE, **USUAL, buyLeverage="1", sellLeverage="1")["retCode"]
    isolated.result(isolated.post(LEVERAGE, **USUAL, buyLeverage="20", sellLeverage="20"))
    assert before == isolated.position()["positionIM"]


def test_margin_is_added_and_taken_out(isolated: Stage) -> None:
    """The answer is the position as it is then; more than there is, or than may go, has its code."""
    isolated.placed(orderType="Market", qty="1")
    before = Decimal(isolated.position()["liqPrice"])
    answer = isolated.result(isolated.post(MARGIN, **USUAL, margin="100.5"))

    assert Decimal("3100.55") == Decimal(answer["positionIM"])
    assert Decimal(answer["liqPrice"]) < before
    assert 110014 == isolated.post(MARGIN, **USUAL, margin="100000")["retCode"]
    assert 110078 == isolated.post(MARGIN, **USUAL, margin="-101")["retCode"]
    assert 0 == isolated.post(MARGIN, **USUAL, margin="-99")["retCode"]
    assert 110033 == isolated.post(MARGIN, category="inverse", symbol="BTCUSD", margin="1")["retCode"]


def test_margin_is_not_added_by_itself(isolated: Stage) -> None:
    """Off is what there is."""
    path = "/v5/position/set-auto-add-margin"

    assert (0, 10001) == tuple(isolated.post(path, **USUAL, autoAddMargin=one)["retCode"] for one in (0, 1))


# ------------------------------------------------------------------------------------------------------- liquidation
def test_a_liquidation_leaves_the_other_positions(isolated: Stage) -> None:
    """The bitcoin short goes with its margin; the ether one, its order and the coins stay; nothing is lost."""
    isolated.result(isolated.post(LEVERAGE, **USUAL, buyLeverage="50", sellLeverage="50"))
    isolated.placed(side="Sell", orderType="Market", qty="1")
    isolated.placed(symbol="ETHUSDT", side="Sell", orderType="Market", qty="1")
    isolated.placed(symbol="ETHUSDT", qty="1", price="2900")
    before, balance = isolated.position(symbol="ETHUSDT"), coin(isolated)
    margin = Decimal(isolated.position()["positionIM"])
    socket = isolated.private("execution")
    isolated.move("61500")
    isolated.advance(3_000)
    fills, after = socket.rows("execution"), isolated.position(symbol="ETHUSDT")

    assert {"BTCUSDT"} == {one["symbol"] for one in fills}
    assert ("", "0.000") == tuple(isolated.position()[name] for name in ("side", "size"))
    assert (before["size"], before["positionIM"]) == (after["size"], after["positionIM"])
    assert ["2900.00"] == [row["price"] for row in isolated.realtime(symbol="ETHUSDT")]
    lost = Decimal(balance["walletBalance"]) - Decimal(coin(isolated)["walletBalance"])
    assert 0 < lost <= margin
    isolated.exchange.check()
