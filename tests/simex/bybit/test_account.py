"""The unified account: balances by hand, history of the wallet, transfers, sub-accounts, keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.simex.bybit.gate import uid
from bot.simex.core.instrument import HOUR_MS
from bot.simex.core.numbers import money
from tests.simex.bybit.stage import PERP, START_MS, Stage, api_key

UUID = "42c0cfb0-6bca-4242-bc76-4e6df6cbab{:02d}"


def wallet(stage: Stage, **params: Any) -> dict[str, Any]:
    """The unified account."""
    row: dict[str, Any] = stage.result(stage.get("/v5/account/wallet-balance", accountType="UNIFIED", **params))[
        "list"
    ][0]
    return row


def coins(stage: Stage, **params: Any) -> dict[str, dict[str, Any]]:
    """Its coins by name."""
    return {row["coin"]: row for row in wallet(stage, **params)["coin"]}


def log(stage: Stage, **params: Any) -> list[dict[str, Any]]:
    """Lines of the transaction log."""
    rows: list[dict[str, Any]] = stage.result(stage.get("/v5/account/transaction-log", **params))["list"]
    return rows


def transfer(stage: Stage, number: int = 1, /, **changes: str) -> dict[str, Any]:
    """The answer to a transfer of 1,000 dollars to the funding account."""
    usual = {"transferId": UUID.format(number), "coin": "USDT", "amount": "1000"}
    usual |= {"fromAccountType": "UNIFIED", "toAccountType": "FUND"}
    return stage.post("/v5/asset/transfer/inter-transfer", **{**usual, **changes})


def test_the_wallet_by_hand(stage: Stage) -> None:
    """Totals in dollars: collateral after haircuts, margin of position and orders, rates."""
    stage.placed(side="Sell", orderType="Market", qty="1")
    stage.placed(qty="0.5", price="59000", side="Buy")
    row, held = wallet(stage), coins(stage)

    # Sold at 59999, marked at 60000; fee 0.055 %; the order to buy is smaller than the short and needs nothing.
    usdt = Decimal(100_000) - Decimal("32.99945")
    assert ("99967.00055", "99966.00055", "-1", "3000", "300", "0") == tuple(
        held["USDT"][name]
        for name in ("walletBalance", "equity", "unrealisedPnl", "totalPositionIM", "totalPositionMM", "totalOrderIM")
    )
    assert ("2", "120000", "0") == tuple(held["BTC"][name] for name in ("equity", "usdValue", "totalPositionIM"))
    assert Decimal(row["totalEquity"]) == usdt - 1 + 120_000
    collateral = usdt - 1 + 120_000 * Decimal("0.95")
    assert Decimal(row["totalAvailableBalance"]) == collateral - 3_000
    assert Decimal(row["accountMMRate"]) == pytest.approx(300 / collateral, abs=Decimal("1e-8"))
    assert Decimal(row["accountIMRate"]) == pytest.approx(3_000 / collateral, abs=Decimal("1e-8"))


def test_a_spot_order_locks(stage: Stage) -> None:
    """What a spot order holds is locked and still part of the balance."""
    stage.placed(category="spot", qty="0.1", price="50000")

    assert ("5000", "100000") == (coins(stage)["USDT"]["locked"], coins(stage)["USDT"]["walletBalance"])


def test_which_coins(stage: Stage) -> None:
    """Those held, or those asked for, also when there is nothing of them."""
    assert {"USDT", "BTC"} == set(coins(stage))
    assert {"ETH": "0"} == {name: row["walletBalance"] for name, row in coins(stage, coin="ETH,NOSUCH").items()}
    assert 10001 == stage.get("/v5/account/wallet-balance", accountType="SPOT")["retCode"]
    assert 10001 == stage.get("/v5/account/wallet-balance")["retCode"]
    assert 10001 == stage.get("/v5/account/wallet-balance", accountType="UNIFIED", coin="a b")["retCode"]


def test_settings(stage: Stage) -> None:
    """Cross margin is where an account begins; portfolio margin fails with the documented code and reasons."""
    info = stage.result(stage.get("/v5/account/info"))
    refused = stage.post("/v5/account/set-margin-mode", setMarginMode="PORTFOLIO_MARGIN")

    assert ("REGULAR_MARGIN", 6, 10) == (info["marginMode"], info["unifiedMarginStatus"], info["timeWindow"])
    assert {"reasons": []} == stage.result(stage.post("/v5/account/set-margin-mode", setMarginMode="REGULAR_MARGIN"))
    assert (3400045, ["3400000"]) == (
        refused["retCode"],
        [one["reasonCode"] for one in refused["result"]["reasons"]],
    )
    assert 10001 == stage.post("/v5/account/set-margin-mode", setMarginMode="X")["retCode"]


def test_fees(stage: Stage) -> None:
    """An account's own fees come before the instrument's."""
    path, asked = "/v5/account/fee-rate", {"category": "linear", "symbol": "BTCUSDT"}
    before = stage.result(stage.get(path, **asked))["list"]
    stage.exchange.state.account("alice").fees["linear"] = (-5_000, 30_000)
    after = stage.result(stage.get(path, **asked))["list"]

    assert [("0.0002", "0.00055"), ("-0.00005", "0.0003")] == [
        (rows[0]["makerFeeRate"], rows[0]["takerFeeRate"]) for rows in (before, after)
    ]


def test_collateral(stage: Stage) -> None:
    """The share of a coin's value that counts."""
    rows = stage.result(stage.get("/v5/account/collateral-info", currency="BTC"))["list"]

    assert [("BTC", "0.95", True)] == [
        (row["currency"], row["collateralRatio"], row["marginCollateral"]) for row in rows
    ]


# ------------------------------------------------------------------------------------------------------------- history
def test_a_fill_is_one_line(stage: Stage) -> None:
    """Profit and fee of one fill in one line: change = cash flow + funding - fee, and the balance it left."""
    stage.placed(side="Sell", orderType="Market", qty="1")
    order_id = stage.placed(orderType="Market", qty="0.4", orderLinkId="close")
    line = log(stage)[0]

    assert ("TRADE", "Buy", "0.400", "-0.600", "USDT", "60001.0", order_id, "close") == tuple(
        line[name] for name in ("type", "side", "qty", "size", "currency", "tradePrice", "orderId", "orderLinkId")
    )
    assert ("-0.8", "13.20022", "-14.00022", "0.00055") == tuple(
        line[name] for name in ("cashFlow", "fee", "change", "feeRate")
    )
    assert Decimal(line["cashBalance"]) == Decimal(coins(stage)["USDT"]["walletBalance"])


def test_a_spot_fill_is_two_lines(stage: Stage) -> None:
    """What is received, less its fee, and what is given."""
    stage.placed(category="spot", orderType="Market", qty="0.1", marketUnit="baseCoin")
    rows = {row["currency"]: row for row in log(stage, category="spot")}

    assert ("0.1", "0.0001", "0.0999") == tuple(rows["BTC"][name] for name in ("qty", "fee", "change"))
    assert ("-6000.1", "0", "-6000.1") == tuple(rows["USDT"][name] for name in ("qty", "fee", "change"))


def test_funding_is_a_settlement() -> None:
    """A short receives: funding above zero, the rate with the sign of its side."""
    stage = Stage(mark_interval_ms=HOUR_MS)
    stage.exchange.set_rate(PERP, 10_000)
    stage.placed(side="Sell", orderType="Market", qty="1")
    stage.leap(8 * HOUR_MS)
    (row,) = log(stage, type="SETTLEMENT")

    assert ("Sell", "1.000", "-1.000", "-0.0001", "0") == tuple(
        row[name] for name in ("side", "qty", "size", "feeRate", "fee")
    )
    assert row["funding"] == row["change"]
    assert Decimal(row["funding"]) == pytest.approx(6, abs=Decimal("0.001"))


def test_filters_of_the_log(stage: Stage) -> None:
    """By category, currency, base coin, type and time, in pages."""
    stage.placed(orderType="Market")
    stage.placed(symbol="ETHUSDT", orderType="Market", qty="1")
    stage.placed(category="spot", orderType="Market", qty="100")

    assert ["ETHUSDT"] == [row["symbol"] for row in log(stage, category="linear", baseCoin="ETH")]
    assert {"TRANSFER_IN"} == {row["type"] for row in log(stage, type="TRANSFER_IN")}
    assert {"BTC"} == {row["currency"] for row in log(stage, currency="BTC")}
    assert [] == log(stage, startTime=START_MS - 5_000, endTime=START_MS)
    first = stage.result(stage.get("/v5/account/transaction-log", limit=1))
    second = stage.result(stage.get("/v5/account/transaction-log", limit=1, cursor=first["nextPageCursor"]))
    assert first["list"][0]["id"] != second["list"][0]["id"]


# ----------------------------------------------------------------------------------------------------------- transfers
def test_a_transfer_and_its_record(stage: Stage) -> None:
    """The coins are in the other wallet; the record has the caller's id."""
    assert {"transferId": UUID.format(1), "status": "SUCCESS"} == stage.result(transfer(stage))
    (row,) = stage.result(stage.get("/v5/asset/transfer/query-inter-transfer-list"))["list"]
    funding = stage.result(stage.get("/v5/asset/transfer/query-account-coins-balance", accountType="FUND"))

    assert ("USDT", "1000", "UNIFIED", "FUND", "SUCCESS") == tuple(
        row[name] for name in ("coin", "amount", "fromAccountType", "toAccountType", "status")
    )
    assert [("USDT", "1000", "1000")] == [
        (one["coin"], one["walletBalance"], one["transferBalance"]) for one in funding["balance"]
    ]
    assert "99000" == coins(stage)["USDT"]["walletBalance"]
    assert ["TRANSFER_OUT"] == [one["type"] for one in log(stage)][:1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "0"}, 131215),
        ({"amount": "1000000"}, 131212),
        ({"toAccountType": "UNIFIED"}, 131211),
        ({"toAccountType": "SPOT"}, 131002),
        ({"transferId": "1"}, 131002),
        ({"coin": ""}, 10001),
        ({"amount": "-5"}, 10001),
    ],
)
def test_transfers_that_are_refused(stage: Stage, changes: dict[str, str], code: int) -> None:
    """Each with its documented code."""
    assert code == transfer(stage, **changes)["retCode"]


def test_a_transfer_happens_once(stage: Stage) -> None:
    """The same id is refused."""
    assert [0, 131214] == [transfer(stage)["retCode"] for _ in range(2)]


def test_a_sub_account() -> None:
    """A master moves coins to its sub-account and looks into it; a stranger's is not there."""
    stage = Stage(keys=(api_key(name="sub", key="subkey", account="sub"),))
    stage.exchange.open_account("sub", "alice")
    move = {"transferId": UUID.format(2), "coin": "USDT", "amount": "50"}
    move |= {"fromAccountType": "UNIFIED", "toAccountType": "UNIFIED"}
    path = "/v5/asset/transfer/universal-transfer"
    assert 0 == stage.post(path, **move, fromMemberId=uid("alice"), toMemberId=uid("sub"))["retCode"]
    path_of_one = "/v5/asset/transfer/query-account-coin-balance"
    found = stage.result(stage.get(path_of_one, accountType="UNIFIED", coin="USDT", memberId=uid("sub")))

    assert (str(uid("sub")), "50") == (found["memberId"], found["balance"]["walletBalance"])
    assert 131207 == stage.post(path, **move, fromMemberId=uid("alice"), toMemberId=uid("bob"))["retCode"]


def test_balances_of_coins(stage: Stage) -> None:
    """Of the unified account the coins must be named; a coin that is none is refused."""
    path = "/v5/asset/transfer/query-account-coins-balance"
    assert 131002 == stage.get(path, accountType="UNIFIED")["retCode"]
    assert 131002 == stage.get(path, accountType="UNIFIED", coin="NOSUCH")["retCode"]
    found = stage.result(stage.get(path, accountType="UNIFIED", coin="USDT,BTC"))["balance"]
    assert {"USDT": "100000", "BTC": "2"} == {one["coin"]: one["walletBalance"] for one in found}
    old = stage.result(stage.get("/v5/asset/transfer/query-asset-info", accountType="SPOT", coin="BTC"))
    assert [("BTC", "2", "0")] == [(one["coin"], one["free"], one["frozen"]) for one in old["spot"]["assets"]]


def test_profit_that_is_not_realized_stays(stage: Stage) -> None:
    """What margin requires cannot leave."""
    account = stage.exchange.state.account("alice")
    stage.exchange.funds.withdraw(account, "unified", "BTC", money(Decimal(2)))
    stage.placed(side="Sell", orderType="Market", qty="10")

    assert 131212 == transfer(stage, amount="95000")["retCode"]
    assert 0 == transfer(stage, 2, amount="60000")["retCode"]


# ----------------------------------------------------------------------------------------------------------------- key
@pytest.mark.parametrize(
    ("changes", "read_only", "derivatives", "wallet_rights", "ips"),
    [
        ({}, 0, ["DerivativesTrade"], ["AccountTransfer", "SubMemberTransfer"], ["127.0.0.1"]),
        ({"transfer": False, "ip_restricted": False}, 0, ["DerivativesTrade"], [], ["*"]),
        ({"spot": False, "futures": False, "transfer": False}, 1, ["DerivativesTrade"], [], ["127.0.0.1"]),
        ({"futures": False, "withdraw": True, "transfer": False}, 0, [], ["Withdraw"], ["127.0.0.1"]),
    ],
)
def test_what_a_key_may(
    stage: Stage,
    changes: dict[str, Any],
    read_only: int,
    derivatives: list[str],
    wallet_rights: list[str],
    ips: list[str],
) -> None:
    """Permissions, addresses and whether it is read-only."""
    stage.dialect.keys.change("desk", **changes)
    found = stage.result(stage.get("/v5/user/query-api"))

    assert (read_only, derivatives, wallet_rights, ips) == (
        found["readOnly"],
        found["permissions"]["Derivatives"],
        found["permissions"]["Wallet"],
        found["ips"],
    )
    assert (uid("alice"), True, -2) == (found["userID"], found["isMaster"], found["deadlineDay"])


def test_a_key_that_expires(stage: Stage) -> None:
    """It tells its days."""
    stage.dialect.keys.change("desk", expires_ms=stage.now_ms + 5 * 24 * HOUR_MS)

    assert 5 == stage.result(stage.get("/v5/user/query-api"))["deadlineDay"]
