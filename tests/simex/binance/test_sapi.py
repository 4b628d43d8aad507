"""The account and wallet endpoints: what a key may do, what is held, and how coins move."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simex.binance.spot_stage import MADE, SpotStage, market

TRANSFER = "/sapi/v1/asset/transfer"
UNIVERSAL = "/sapi/v1/sub-account/universalTransfer"


@pytest.fixture
def stage() -> SpotStage:
    return SpotStage()


def test_account(stage: SpotStage) -> None:
    """The account tells its fees, what the key may do, and every asset unless zeros are left out."""
    found = stage.get("/api/v3/account")

    assert ["BTC", "ETH", "USDT"] == [row["asset"] for row in found["balances"]]
    assert (True, False, "SPOT") == (found["canTrade"], found["canWithdraw"], found["accountType"])
    assert found["commissionRates"]["maker"] == f"{found['makerCommission'] / 10_000:.8f}"
    some = stage.get("/api/v3/account", omitZeroBalances="true")["balances"]
    assert ["BTC", "USDT"] == [row["asset"] for row in some]


def test_trades(stage: SpotStage) -> None:
    """The account's fills are told of an order, from an id on, or within a time, with the fee that was paid."""
    order = stage.post("/api/v3/order", **market(quantity="0.7"))
    trades = stage.get("/api/v3/myTrades", symbol="BTCUSDT")

    assert [fill["tradeId"] for fill in order["fills"]] == [row["id"] for row in trades]
    first = trades[0]
    assert ("30000.50000000", "BTC", True, False) == tuple(
        first[name] for name in ("quoteQty", "commissionAsset", "isBuyer", "isMaker")
    )
    assert trades[1:] == stage.get("/api/v3/myTrades", symbol="BTCUSDT", fromId=trades[1]["id"])
    assert trades == stage.get("/api/v3/myTrades", symbol="BTCUSDT", orderId=order["orderId"])
    assert [] == stage.get("/api/v3/myTrades", symbol="BTCUSDT", endTime=first["time"] - 1)
    assert [] == stage.get("/api/v3/myTrades", symbol="BTCUSDT", endTime=first["time"] * 1_000 - 1)
    assert trades == stage.get("/api/v3/myTrades", symbol="BTCUSDT", startTime=first["time"] * 1_000)
    assert [] == stage.get("/api/v3/myTrades", symbol="ETHUSDT")
    assert [] == stage.get("/api/v3/myAllocations", symbol="BTCUSDT")


def test_filters(stage: SpotStage) -> None:
    """The filters that bind an account on a symbol are those of the symbol."""
    found = stage.get("/api/v3/myFilters", symbol="BTCUSDT")
    assert {"LOT_SIZE", "PRICE_FILTER"} <= {row["filterType"] for row in found["symbolFilters"]}


def test_fees_of_an_account(stage: SpotStage) -> None:
    """An account with fees of its own is shown them wherever fees are told."""
    stage.exchange.state.accounts["alice"].fees["spot"] = (10_000, 20_000)

    shown = ("0.00010000", "0.00020000")
    account = stage.get("/api/v3/account")["commissionRates"]
    assert shown == (account["maker"], account["taker"])
    symbol = stage.get("/api/v3/account/commission", symbol="BTCUSDT")["standardCommission"]
    assert shown == (symbol["maker"], symbol["taker"])
    (fee,) = stage.get("/sapi/v1/asset/tradeFee", symbol="ETHUSDT")
    assert shown == (fee["makerCommission"], fee["takerCommission"])


def test_restrictions(stage: SpotStage) -> None:
    """A key's permissions are told as they are, its expiry and address list included."""
    stage.change_key("desk", futures=False, expires_ms=stage.now_ms + 5)
    found = stage.get("/sapi/v1/account/apiRestrictions")

    assert (True, True, False, False, True, stage.now_ms + 5) == tuple(
        found[name]
        for name in (
            "enableReading",
            "enableSpotAndMarginTrading",
            "enableFutures",
            "enableWithdrawals",
            "permitsUniversalTransfer",
            "tradingAuthorityExpirationTime",
        )
    )
    stage.change_key("reader", ip_restricted=False)
    assert stage.ask("GET", "/sapi/v1/account/apiRestrictions", "reader")["ipRestrict"] is False


@pytest.mark.parametrize(
    ("path", "params", "answer"),
    [
        ("/sapi/v1/system/status", {}, {"status": 0, "msg": "normal"}),
        ("/sapi/v1/account/status", {}, {"data": "Normal"}),
        ("/sapi/v1/margin/allPairs", {}, []),
        ("/sapi/v1/margin/isolated/allPairs", {}, []),
        ("/sapi/v1/spot/delist-schedule", {}, []),
        ("/sapi/v1/account/info", {}, {"vipLevel": 0, "isMarginEnabled": False, "isFutureEnabled": True}),
    ],
)
def test_plain_answers(stage: SpotStage, path: str, params: dict[str, str], answer: object) -> None:
    """What is asked before trading is answered as by a venue in order."""
    assert answer == stage.get(path, **params)


def test_what_the_operator_announces(stage: SpotStage) -> None:
    """Maintenance and delistings are told once they are announced; trading is not locked."""
    stage.sapi.maintenance = True
    stage.sapi.delistings.append((stage.now_ms + 1, ("BTCUSDT",)))

    assert {"status": 1, "msg": "system maintenance"} == stage.get("/sapi/v1/system/status")
    assert [{"delistTime": stage.now_ms + 1, "symbols": ["BTCUSDT"]}] == stage.get("/sapi/v1/spot/delist-schedule")
    assert stage.get("/sapi/v1/account/apiTradingStatus")["data"]["isLocked"] is False


def test_coins(stage: SpotStage) -> None:
    """Every coin is told with what is free and locked, and the wallets with what they are worth."""
    stage.order()
    coins = {row["coin"]: row for row in stage.get("/sapi/v1/capital/config/getall")}

    assert ("94100.00000000", "5900.00000000") == (coins["USDT"]["free"], coins["USDT"]["locked"])
    worth = {row["walletName"]: row["balance"] for row in stage.get("/sapi/v1/asset/wallet/balance", quoteAsset="USDT")}
    assert "220000" == worth["Spot"]
    assert "0" == worth["COIN-M Futures"]
    assert (400, -1121, "Invalid symbol.") == stage.refusal("GET", "/sapi/v1/asset/wallet/balance", quoteAsset="XYZ")
    (held,) = stage.post("/sapi/v3/asset/getUserAsset", asset="BTC")
    assert "2.00000000" == held["free"]


@pytest.mark.parametrize("kind", ["SPOT", "FUTURES"])
def test_snapshot(stage: SpotStage, kind: str) -> None:
    """The account snapshot is the account of now."""
    stage.post(TRANSFER, type="MAIN_UMFUTURE", asset="USDT", amount="40")
    (row,) = stage.get("/sapi/v1/accountSnapshot", type=kind)["snapshotVos"]

    coins = row["data"]["balances"] if kind == "SPOT" else row["data"]["assets"]
    amounts = {one["asset"]: one.get("free", one.get("walletBalance")) for one in coins}
    assert {"SPOT": "99960.00000000", "FUTURES": "40.00000000"}[kind] == amounts["USDT"]


def test_transfers_between_wallets(stage: SpotStage) -> None:
    """Coins move between spot, USD-M, COIN-M and funding, and the history tells them newest first."""
    for kind, asset in (("MAIN_UMFUTURE", "USDT"), ("UMFUTURE_MAIN", "USDT"), ("MAIN_CMFUTURE", "BTC")):
        stage.post(TRANSFER, type=kind, asset=asset, amount="0.5")
    stage.post(TRANSFER, type="MAIN_FUNDING", asset="BTC", amount="0.25")
    second = stage.post(TRANSFER, type="MAIN_FUNDING", asset="BTC", amount="0.25")["tranId"]

    assert ("1.00000000", "0.00000000") == stage.balance("BTC")
    history = stage.get(TRANSFER, type="MAIN_FUNDING", size=1)
    assert (2, second, "0.25", "CONFIRMED") == (
        history["total"],
        *(history["rows"][0][name] for name in ("tranId", "amount", "status")),
    )
    assert 1 == len(stage.get(TRANSFER, type="MAIN_FUNDING", size=1, current=2)["rows"])
    assert 0 == stage.get(TRANSFER, type="MAIN_FUNDING", startTime=stage.now_ms + 1)["total"]
    stage.exchange.check()


def test_legacy_transfer(stage: SpotStage) -> None:
    """The older call moves coins between spot and futures by number."""
    stage.post("/sapi/v1/futures/transfer", type=3, asset="BTC", amount="0.5")

    assert "1.50000000" == stage.balance("BTC")[0]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        (TRANSFER, {"type": "MAIN_MOON"}, -1102),
        (TRANSFER, {"type": "MAIN_MAIN"}, -1102),
        (TRANSFER, {"type": "MAIN_UMFUTURE", "amount": "3"}, -5013),
        (TRANSFER, {"type": "MAIN_UMFUTURE", "amount": "0"}, -1102),
        (TRANSFER, {"type": "UMFUTURE_MAIN"}, -5013),
        ("/sapi/v1/futures/transfer", {"type": "5"}, -1102),
        (UNIVERSAL, {"fromAccountType": "SPOT", "toAccountType": "MOON"}, -1102),
        (UNIVERSAL, {"fromAccountType": "SPOT", "toAccountType": "SPOT", "toEmail": "bob@simex.invalid"}, -12014),
    ],
)
def test_refused_transfers(stage: SpotStage, path: str, params: dict[str, str], code: int) -> None:
    """A transfer of what is not there, or to where nothing is, is refused and moves nothing."""
    assert code == stage.refusal("POST", path, **({"asset": "BTC", "amount": "1"} | params))[1]
    assert "2.00000000" == stage.balance("BTC")[0]


def test_transfers_need_the_permission(stage: SpotStage) -> None:
    """A key without the permission to transfer is not authorized."""
    refused: tuple[Any, ...] = (401, -1002, "You are not authorized to execute this request.")
    for path, kind in ((TRANSFER, "MAIN_UMFUTURE"), ("/sapi/v1/futures/transfer", "1")):
        assert refused == stage.refusal("POST", path, "reader", type=kind, asset="BTC", amount="1")
    types = {"fromAccountType": "SPOT", "toAccountType": "USDT_FUTURE"}
    assert refused == stage.refusal("POST", UNIVERSAL, "reader", **types, asset="BTC", amount="1")


def test_sub_accounts(stage: SpotStage) -> None:
    """A master sees its sub-accounts and moves coins to and from them; a sub-account sees none."""
    (sub,) = stage.get("/sapi/v1/sub-account/list", limit=10)["subAccounts"]
    assert {"subAccounts": []} == stage.ask("GET", "/sapi/v1/sub-account/list", "child")

    move = {"fromAccountType": "SPOT", "toAccountType": "SPOT", "toEmail": sub["email"], "asset": "BTC"}
    made = stage.post(UNIVERSAL, **move, amount="0.5", clientTranId="mine")
    assert "mine" == made["clientTranId"]
    assert ("1.50000000", "2.50000000") == (stage.balance("BTC")[0], stage.balance("BTC", "child")[0])
    (row,) = stage.get(UNIVERSAL)["result"]
    assert (made["tranId"], "alice@simex.invalid", sub["email"]) == (row["tranId"], row["fromEmail"], row["toEmail"])
    stage.exchange.check()


def test_every_kind_of_key_signs(stage: SpotStage) -> None:
    """HMAC, Ed25519 and RSA keys work alike."""
    for name in ("desk", "edge", "round"):
        assert stage.ask("GET", "/api/v3/account", name)["uid"]
    assert {"hmac", "ed25519", "rsa"} == {key.kind for key in MADE.values()}
