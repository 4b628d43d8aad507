"""What a futures account has: wallets, positions, totals, ranks and income, by hand and by the documented shapes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.simex.binance import rest_futures_account
from bot.simex.core.numbers import money
from tests.simex.binance.documented_futures import FIELDS
from tests.simex.binance.futures_stage import COIN, PERP, Stage


@pytest.fixture
def stage() -> Stage:
    """A small exchange at a funding time, with quiet books around 60,000 dollars."""
    return Stage()


def parts(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some values of a row."""
    return tuple(row[name] for name in names)


@pytest.mark.parametrize(
    "path",
    [
        "/fapi/v2/positionRisk",
        "/fapi/v3/positionRisk",
        "/dapi/v1/positionRisk",
        "/fapi/v2/balance",
        "/dapi/v1/balance",
        "/fapi/v1/income",
        "/dapi/v1/income",
        "/fapi/v1/leverageBracket",
        "/dapi/v2/leverageBracket",
        "/fapi/v1/symbolConfig",
        "/fapi/v1/rateLimit/order",
    ],
)
def test_lists_have_the_documented_fields(stage: Stage, path: str) -> None:
    """Every row has every field of the documentation, in one-way and in hedge mode."""
    stage.buy("0.1")
    stage.buy("10", "/dapi")
    rows = stage.get(path)

    assert rows
    assert all(FIELDS[path] <= set(row) for row in rows)


@pytest.mark.parametrize("path", ["/fapi/v2/account", "/fapi/v3/account", "/dapi/v1/account"])
def test_accounts_have_the_documented_fields(stage: Stage, path: str) -> None:
    """The account, its assets and its positions."""
    stage.buy("0.1")
    stage.buy("10", "/dapi")
    answer = stage.get(path)

    assert FIELDS[path] == set(answer)
    assert FIELDS[f"{path} assets"] == set(answer["assets"][0])
    assert FIELDS[f"{path} positions"] <= set(answer["positions"][0])


def test_numbers_of_an_account_are_strings_and_moments_integers(stage: Stage) -> None:
    """Amounts never travel as JSON numbers."""
    stage.buy("0.1")
    (row,) = stage.get("/fapi/v3/positionRisk")
    numbers = {name for name, value in row.items() if not isinstance(value, str)}

    assert {"adl", "updateTime"} == numbers
    assert stage.now_ms == row["updateTime"]


def test_a_linear_position_by_hand(stage: Stage) -> None:
    """0.1 at 60,001, mark 60,000, leverage 20: profit -0.1, margin 300, maintenance 24; break even after both fees."""
    stage.buy("0.1")
    (row,) = stage.get("/fapi/v3/positionRisk", symbol="BTCUSDT")

    assert ("0.100", "60001.0", "60000.00000000", "-0.10000000", "6000.00000000") == parts(
        row, "positionAmt", "entryPrice", "markPrice", "unRealizedProfit", "notional"
    )
    assert ("300.00000000", "24.00000000", "300.00000000", "0", "USDT") == parts(
        row, "initialMargin", "maintMargin", "positionInitialMargin", "openOrderInitialMargin", "marginAsset"
    )
    assert ("0", "0", "0") == parts(row, "isolatedMargin", "isolatedWallet", "liquidationPrice")


def test_an_inverse_position_by_hand(stage: Stage) -> None:
    """60 contracts of 100 dollars at 60,001, mark 60,000: worth 0.1 coins, margin 0.005, in coins."""
    stage.buy("60", "/dapi")
    (row,) = list(stage.get("/dapi/v1/positionRisk", pair="BTCUSD"))
    account = stage.get("/dapi/v1/account")
    (held,) = account["positions"]

    assert ("60", "60001.0", "0.10000000", "cross", "50") == parts(
        row, "positionAmt", "entryPrice", "notionalValue", "marginType", "maxQty"
    )
    # 6000 / 60001 - 6000 / 60000
    assert "-0.00000167" == row["unRealizedProfit"]
    assert ("0.00500000", "0.00040000") == parts(held, "positionInitialMargin", "maintMargin")
    assert [] == stage.get("/dapi/v1/positionRisk", marginAsset="ETH")


def test_a_short_has_a_negative_quantity_and_notional(stage: Stage) -> None:
    """Signs say the direction."""
    stage.sell("0.1")
    (row,) = stage.get("/fapi/v3/positionRisk")

    assert ("-0.100", "-6000.00000000") == parts(row, "positionAmt", "notional")


def test_open_orders_tie_up_margin(stage: Stage) -> None:
    """A resting buy of 0.1 at 59,000 takes 295 and shows its symbol among the positions."""
    stage.order()
    answer = stage.get("/fapi/v3/account")
    (row,) = answer["positions"]

    assert ("0.000", "295.00000000") == parts(row, "positionAmt", "initialMargin")
    assert ("295.00000000", "99705.00000000") == parts(answer, "totalOpenOrderInitialMargin", "availableBalance")


def test_totals_are_those_of_dollars(stage: Stage) -> None:
    """Single-asset mode counts USDT alone."""
    stage.buy("0.1")
    answer = stage.get("/fapi/v3/account")

    assert ("99996.99995000", "-0.10000000", "99996.89995000", "300.00000000", "24.00000000") == parts(
        answer,
        "totalWalletBalance",
        "totalUnrealizedProfit",
        "totalMarginBalance",
        "totalInitialMargin",
        "totalMaintMargin",
    )
    assert "99696.89995000" == answer["availableBalance"] == answer["maxWithdrawAmount"]


def test_multi_assets_totals_are_in_dollars(stage: Stage) -> None:
    """A coin counts at its dollar price after its haircut: 100,000 + 60,000 x 0.95."""
    account = stage.exchange.state.account("alice")
    stage.exchange.funds.deposit(account, "usdm", "BTC", money(Decimal(1)))
    stage.post("/fapi/v1/multiAssetsMargin", multiAssetsMargin="true")
    answer = stage.get("/fapi/v3/account")

    assert ("160000.00000000", "157000.00000000") == parts(answer, "totalWalletBalance", "totalMarginBalance")
    assert {"BTC", "USDT"} == {row["asset"] for row in answer["assets"]}
    assert "160000.00000000" == answer["maxWithdrawAmount"]


def test_v2_lists_every_symbol_and_v3_only_those_in_use(stage: Stage) -> None:
    """Flat rows are in v2 alone."""
    stage.buy("0.1")

    assert ["BTCUSDT", "ETHUSDT"] == [row["symbol"] for row in stage.get("/fapi/v2/positionRisk")]
    assert ["BTCUSDT"] == [row["symbol"] for row in stage.get("/fapi/v3/positionRisk")]
    assert 2 == len(stage.get("/fapi/v2/account")["positions"])
    flat = stage.get("/fapi/v2/positionRisk", symbol="ETHUSDT")[0]
    assert ("0.000", "0.0", "0.0", "0", "0", 0) == parts(
        flat, "positionAmt", "entryPrice", "breakEvenPrice", "liquidationPrice", "notional", "updateTime"
    )


def test_an_isolated_position_has_its_own_wallet(stage: Stage) -> None:
    """6,000.1 / 20 moves into it less the fee's place: its margin is the wallet and the profit."""
    stage.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    stage.buy("0.1")
    row = stage.position()
    (newer,) = stage.get("/fapi/v3/positionRisk")

    assert "isolated" == row["marginType"]
    assert Decimal(row["isolatedMargin"]) == Decimal(row["isolatedWallet"]) - Decimal("0.1")
    assert parts(row, "isolatedMargin", "isolatedWallet") == parts(newer, "isolatedMargin", "isolatedWallet")
    assert 57_000 < float(row["liquidationPrice"]) < 58_000


# ------------------------------------------------------------------------------------------------------------ ranks
@pytest.mark.parametrize(("prefix", "key", "quantity"), [("/fapi", PERP, "0.1"), ("/dapi", COIN, "10")])
def test_the_rank_of_a_position(stage: Stage, prefix: str, key: tuple[str, str], quantity: str) -> None:
    """One-way: BOTH has it. The positionRisk of USD-M shows the same."""
    stage.buy(quantity, prefix)
    stage.exchange.adl.ranking.set(stage.exchange.state.account("alice"), key, "both", 3)
    (row,) = stage.get(f"{prefix}/v1/adlQuantile")

    assert (key[1], {"LONG": 0, "SHORT": 0, "BOTH": 3}) == (row["symbol"], row["adlQuantile"])
    if prefix == "/fapi":
        assert 3 == stage.get("/fapi/v3/positionRisk")[0]["adl"]


def test_the_ranks_of_hedge_mode(stage: Stage) -> None:
    """Cross-margined both sides rank alike and HEDGE is a sign; isolated each has its own."""
    stage.post("/fapi/v1/positionSide/dual", dualSidePosition="true")
    account, ranking = stage.exchange.state.account("alice"), stage.exchange.adl.ranking
    stage.buy("0.1", positionSide="LONG")
    ranking.set(account, PERP, "long", 2)
    cross = stage.get("/fapi/v1/adlQuantile")[0]["adlQuantile"]
    stage.sell("0.1", positionSide="LONG")
    stage.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    isolated = stage.get("/fapi/v1/adlQuantile", symbol="BTCUSDT")[0]["adlQuantile"]

    assert {"LONG": 2, "SHORT": 2, "HEDGE": 0} == cross
    assert {"LONG": 2, "SHORT": 0, "BOTH": 0} == isolated


def test_the_risk_of_deleveraging_is_public(stage: Stage) -> None:
    """Low as long as the insurance fund is not in debt, then high; one symbol is an object, all are a list."""
    before = stage.get("/fapi/v1/symbolAdlRisk", symbol="BTCUSDT")
    stage.exchange.accounting.ledger.insurance["USDT"] = -1
    after = {row["symbol"]: row["adlRisk"] for row in stage.get("/fapi/v1/symbolAdlRisk")}

    assert ("BTCUSDT", "low") == parts(before, "symbol", "adlRisk")
    assert 0 == before["updateTime"] % 1_800_000
    assert {"BTCUSDT": "high", "ETHUSDT": "high"} == after


# ----------------------------------------------------------------------------------------------------------- income
def test_income_by_kind(stage: Stage) -> None:
    """A deposit, a fee, a profit and a funding payment, oldest first, each with its own word."""
    stage.buy("0.1")
    stage.sell("0.05")
    stage.exchange.set_rate(PERP, 10_000)
    stage.leap(28_800_000)
    rows = stage.get("/fapi/v1/income", startTime=stage.now_ms - 86_400_000)

    assert ["TRANSFER", "COMMISSION", "REALIZED_PNL", "COMMISSION", "FUNDING_FEE"] == [
        row["incomeType"] for row in rows
    ]
    assert ("", "100000.00000000", "USDT", "TRANSFER", "") == parts(
        rows[0], "symbol", "income", "asset", "info", "tradeId"
    )
    assert ("BTCUSDT", "-3.00005000") == parts(rows[1], "symbol", "income")
    assert rows[1]["tradeId"] == str(stage.get("/fapi/v1/userTrades", symbol="BTCUSDT")[0]["id"])
    # 0.05 x 60,000 x 0.01 %, paid by the long.
    assert "-0.30000000" == rows[4]["income"]
    assert all(isinstance(row["tranId"], int) for row in rows)


def test_income_of_coinm(stage: Stage) -> None:
    """The same in coins; there a transaction number is a string."""
    stage.buy("60", "/dapi")
    transfer, fee = stage.get("/dapi/v1/income")

    assert ("TRANSFER", "2.00000000", "BTC") == parts(transfer, "incomeType", "income", "asset")
    assert ("COMMISSION", "-0.00005000", "BTCUSD_PERP") == parts(fee, "incomeType", "income", "symbol")
    assert isinstance(fee["tranId"], str)


def test_income_is_filtered_and_paged(stage: Stage) -> None:
    """By kind, symbol, time, number of rows and page."""
    for _ in range(3):
        stage.buy("0.01")
    path = "/fapi/v1/income"
    fees = [row["tranId"] for row in stage.get(path, incomeType="COMMISSION")]

    assert 3 == len(fees)
    assert [fees[2]] == [row["tranId"] for row in stage.get(path, incomeType="COMMISSION", limit=1)]
    assert [fees[1]] == [row["tranId"] for row in stage.get(path, incomeType="COMMISSION", limit=1, page=2)]
    assert [] == stage.get(path, symbol="ETHUSDT")
    assert 3 == len(stage.get(path, symbol="BTCUSDT"))
    assert [] == stage.get(path, startTime=stage.now_ms + 1)
    assert 4 == len(stage.get(path, endTime=stage.now_ms))


def test_what_may_be_transferred_out(stage: Stage) -> None:
    """The classic portfolio endpoint names the asset and dollars."""
    answer = stage.get("/fapi/v1/pmAccountInfo", asset="USDT")

    assert ("USDT", "100000.00000000", "100000.00000000") == parts(
        answer, "asset", "maxWithdrawAmount", "maxWithdrawAmountUSD"
    )
    assert "2.00000000" == stage.get("/dapi/v1/pmAccountInfo", asset="BTC")["maxWithdrawAmount"]


def kinds_of(stage: Stage, **params: Any) -> list[str]:
    """The kinds of income of the last week."""
    return [row["incomeType"] for row in stage.get("/fapi/v1/income", limit=1_000, **params)]


def test_a_debt_is_cleared(stage: Stage) -> None:
    """A loss beyond the balance is realised, and what is beneath zero is cleared by the insurance fund."""
    stage.exchange.funds.withdraw(stage.exchange.state.account("alice"), "usdm", "USDT", money(Decimal("99696.5")))
    stage.buy("0.1")
    stage.mark("60000")
    stage.move("57010")
    stage.sell("0.1")
    stage.leap(2_000)
    rows = {row["incomeType"]: row["income"] for row in stage.get("/fapi/v1/income")}

    assert {"TRANSFER", "COMMISSION", "REALIZED_PNL", "INSURANCE_CLEAR"} == set(rows)
    assert ("-299.20000000", True) == (rows["REALIZED_PNL"], float(rows["INSURANCE_CLEAR"]) > 0)
    assert {"INSURANCE_CLEAR"} == set(kinds_of(stage, incomeType="INSURANCE_CLEAR"))


def test_a_settlement_is_income(stage: Stage) -> None:
    """A contract that ends is settled at its price: DELIVERED_SETTELMENT, in the venue's own spelling."""
    stage.buy("0.1")
    stage.exchange.delivery.delist(PERP, stage.exchange.now_ms, stage.exchange.now_ms + 5)
    stage.leap(5_000)
    (row,) = stage.get("/fapi/v1/income", incomeType="DELIVERED_SETTELMENT")

    assert ("BTCUSDT", "USDT", "DELIVERED_SETTELMENT") == parts(row, "symbol", "asset", "info")


def test_transfers_say_their_direction(stage: Stage) -> None:
    """What leaves the wallet is negative."""
    stage.exchange.funds.withdraw(stage.exchange.state.account("alice"), "usdm", "USDT", money(Decimal(10)))
    rows = stage.get("/fapi/v1/income", incomeType="TRANSFER")

    assert [("100000.00000000", "TRANSFER"), ("-10.00000000", "WITHDRAW")] == [
        (row["income"], row["info"]) for row in rows
    ]


def test_income_is_kept_for_three_months(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is older (here: than a minute) is not answered, whatever time is asked for."""
    assert 90 * 86_400_000 == rest_futures_account.INCOME_KEPT_MS
    monkeypatch.setattr(rest_futures_account, "INCOME_KEPT_MS", 60_000)
    stage.buy("0.1")
    started_ms = stage.now_ms - 1
    before = kinds_of(stage, startTime=started_ms)
    stage.leap(61_000)

    assert "COMMISSION" in before
    assert [] == stage.get("/fapi/v1/income", incomeType="COMMISSION", startTime=started_ms)
