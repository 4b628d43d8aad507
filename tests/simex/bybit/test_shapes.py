"""Every documented field is in every answer, as text where the documentation has a string."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.bybit.notices import Announcement, Status
from bot.simex.core.instrument import HOUR_MS
from bot.simex.core.numbers import money
from tests.simex.bybit.documented import FIELDS
from tests.simex.bybit.stage import PERP, Stage

# The fields that the documentation has as numbers, booleans or objects; every other one is a string.
NOT_TEXT = frozenset(
    (
        "positionIdx triggerDirection smpGroup reduceOnly closeOnTrigger "
        "cumFeeDetail rpiTakerAccess isMaker seq riskId "
        "tradeMode autoAddMargin adlRankIndicator isReduceOnly openTime coin unifiedMarginStatus isMasterTrader "
        "timeWindow borrowable marginCollateral collateralSwitch chains "
        "readOnly permissions ips type deadlineDay uta "
        "userID inviterID affiliateID isMaster unified serviceTypes "
        "product uidSuffix maintainType env id isLowestRisk "
        "a b ts u cts isBlockTrade "
        "isRPITrade tags dateTimestamp startDataTimestamp endDataTimestamp publishTime symbolId "
        "leverageFilter priceFilter lotSizeFilter "
        "unifiedMarginTrade fundingInterval forbidUplWithdrawal riskParameters "
        "isPreListing preListingInfo T BT RPI start end confirm timestamp"
    ).split()
)


@pytest.fixture(scope="module")
def busy() -> Stage:
    """An exchange on which something of everything has happened."""
    stage = Stage(mark_interval_ms=HOUR_MS)
    stage.placed(side="Sell", orderType="Market", qty="1")
    stage.placed(orderType="Market", qty="0.4")
    stage.placed()
    stage.placed(category="spot", qty="0.01")
    transfer = {"transferId": "42c0cfb0-6bca-4242-bc76-4e6df6cbab16", "coin": "USDT", "amount": "10"}
    stage.result(
        stage.post("/v5/asset/transfer/inter-transfer", **transfer, fromAccountType="UNIFIED", toAccountType="FUND")
    )
    stage.dialect.announce(Status("1", "t", "scheduled", 1, 2))
    stage.dialect.notices.announcements.append(Announcement("t", "d", "delistings", "Delistings", ("Spot",), 1))
    stage.exchange.accounting.ledger.insurance["USDT"] = money(stage_money())
    stage.exchange.accounting.ledger.external["USDT"] += money(stage_money())
    stage.leap(8 * HOUR_MS)
    return stage


def stage_money() -> Any:
    """What the insurance fund has."""
    from decimal import Decimal

    return Decimal(1_000_000)


ROWS = [
    ("ORDER", "/v5/order/realtime", {"category": "linear", "symbol": "BTCUSDT"}),
    ("ORDER_HISTORY", "/v5/order/history", {"category": "linear"}),
    ("EXECUTION", "/v5/execution/list", {"category": "linear"}),
    ("EXECUTION", "/v5/execution/list", {"category": "linear", "execType": "Funding"}),
    ("POSITION", "/v5/position/list", {"category": "linear", "symbol": "BTCUSDT"}),
    ("POSITION", "/v5/position/list", {"category": "linear", "symbol": "ETHUSDT"}),
    ("CLOSED_PNL", "/v5/position/closed-pnl", {"category": "linear"}),
    ("TRANSACTION", "/v5/account/transaction-log", {}),
    ("WALLET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"}),
    ("FEE_RATE", "/v5/account/fee-rate", {"category": "spot"}),
    ("COLLATERAL", "/v5/account/collateral-info", {}),
    ("TRANSFER", "/v5/asset/transfer/query-inter-transfer-list", {}),
    ("INSTRUMENT_FUTURE", "/v5/market/instruments-info", {"category": "linear"}),
    ("INSTRUMENT_FUTURE", "/v5/market/instruments-info", {"category": "inverse"}),
    ("INSTRUMENT_SPOT", "/v5/market/instruments-info", {"category": "spot"}),
    ("TICKER_PERPETUAL", "/v5/market/tickers", {"category": "linear", "symbol": "BTCUSDT"}),
    ("TICKER_SPOT", "/v5/market/tickers", {"category": "spot"}),
    ("TRADE", "/v5/market/recent-trade", {"category": "linear", "symbol": "BTCUSDT"}),
    ("FUNDING", "/v5/market/funding/history", {"category": "linear", "symbol": "BTCUSDT"}),
    ("OPEN_INTEREST", "/v5/market/open-interest", {"category": "linear", "symbol": "BTCUSDT", "intervalTime": "1h"}),
    ("RISK_LIMIT", "/v5/market/risk-limit", {"category": "linear"}),
    ("INSURANCE", "/v5/market/insurance", {}),
    ("ADL_ALERT", "/v5/market/adlAlert", {}),
    ("STATUS", "/v5/system/status", {}),
    ("ANNOUNCEMENT", "/v5/announcements/index", {"locale": "en-US"}),
]


@pytest.mark.parametrize(("name", "path", "params"), ROWS, ids=[f"{name}-{path}" for name, path, _ in ROWS])
def test_rows(busy: Stage, name: str, path: str, params: dict[str, Any]) -> None:
    """A row of a list has every field."""
    rows = busy.result(busy.get(path, **params))["list"]

    assert rows
    for row in rows:
        check(name, row)


def check(name: str, row: dict[str, Any]) -> None:
    """Nothing is missing, and texts are texts."""
    assert set() == FIELDS[name] - set(row)
    wrong = {one: row[one] for one in FIELDS[name] - NOT_TEXT if not isinstance(row[one], str)}
    assert {} == {one: value for one, value in wrong.items() if not (name == "RISK_LIMIT" or one in ("type", "id"))}


WHOLE = [
    ("ACCOUNT_INFO", "/v5/account/info", {}),
    ("KEY", "/v5/user/query-api", {}),
    ("ORDERBOOK", "/v5/market/orderbook", {"category": "linear", "symbol": "BTCUSDT"}),
    ("PRICE_LIMIT", "/v5/market/price-limit", {"category": "linear", "symbol": "BTCUSDT"}),
]


@pytest.mark.parametrize(("name", "path", "params"), WHOLE, ids=[name for name, _, _ in WHOLE])
def test_whole_results(busy: Stage, name: str, path: str, params: dict[str, Any]) -> None:
    """A result without a list has every field."""
    result = busy.result(busy.get(path, **params))

    assert set() == FIELDS[name] - set(result) - ({"ts"} if name == "X" else set())


def test_nested_rows(busy: Stage) -> None:
    """Coins of a wallet, chains of a coin, lot sizes, windows of protection."""
    wallet = busy.result(busy.get("/v5/account/wallet-balance", accountType="UNIFIED"))["list"][0]
    coin = busy.result(busy.get("/v5/asset/coin/query-info", coin="BTC"))["rows"][0]
    future = busy.result(busy.public("/v5/market/instruments-info", category="linear"))["list"][0]
    spot = busy.result(busy.public("/v5/market/instruments-info", category="spot"))["list"][0]
    dcp = busy.result(busy.get("/v5/account/query-dcp-info"))["dcpInfos"][0]
    pairs = [
        ("WALLET_COIN", wallet["coin"][0]),
        ("COIN", coin),
        ("CHAIN", coin["chains"][0]),
        ("LOT_FUTURE", future["lotSizeFilter"]),
        ("LOT_SPOT", spot["lotSizeFilter"]),
        ("DCP", dcp),
    ]

    assert {} == {name: missing for name, row in pairs if (missing := FIELDS[name] - set(row))}


def test_messages_of_the_private_socket(busy: Stage) -> None:
    """Orders, fills and positions of the streams have every field; those of spot lack what spot has not."""
    socket = busy.private("order", "execution", "execution.fast", "position", "wallet")
    busy.placed(orderType="Market", qty="0.1")
    found = {topic: socket.rows(topic)[-1] for topic in ("order", "execution", "execution.fast", "position", "wallet")}

    for topic, name in (
        ("order", "WS_ORDER"),
        ("execution", "WS_EXECUTION"),
        ("execution.fast", "WS_FAST"),
        ("position", "WS_POSITION"),
        ("wallet", "WALLET"),
    ):
        check(name, found[topic])
    busy.placed(category="spot", symbol="BTCUSDT", orderType="Market", qty="100")
    order, execution = socket.rows("order")[-1], socket.rows("execution")[-1]
    assert {"createType", "tpslMode"} == FIELDS["WS_ORDER"] - set(order)
    assert {"createType"} == FIELDS["WS_EXECUTION"] - set(execution)
    assert PERP in busy.exchange.instruments
