"""USD-M REST answers: the documented fields and the exchange's truth in them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.simex.wire import Request
from tests.simex.binance.client import FAPI, Client, usdm_order

ORDER = "/fapi/v1/order"
PLACED = set(
    "clientOrderId cumQty cumQuote executedQty orderId avgPrice origQty price reduceOnly side positionSide status "
    "stopPrice closePosition symbol timeInForce type origType updateTime workingType priceProtect priceMatch "
    "selfTradePreventionMode goodTillDate".split()
)
RISK_V3 = set(
    "symbol positionSide positionAmt entryPrice breakEvenPrice markPrice unRealizedProfit liquidationPrice "
    "isolatedMargin notional "
    "marginAsset isolatedWallet initialMargin maintMargin positionInitialMargin openOrderInitialMargin adl "
    "bidNotional askNotional updateTime".split()
)
ASSET_V3 = set(
    "asset walletBalance unrealizedProfit marginBalance maintMargin initialMargin positionInitialMargin "
    "openOrderInitialMargin crossWalletBalance crossUnPnl availableBalance maxWithdrawAmount updateTime".split()
)


@pytest.fixture
def client() -> Client:
    return Client()


def resting(**fields: Any) -> dict[str, Any]:
    """A buy order below the book."""
    return usdm_order(side="BUY", price="49000", timeInForce="GTC") | fields


def test_exchange_info_tells_the_rules(client: Client) -> None:
    """Filters and precisions are the ones that the exchange enforces."""
    info = client.get("/fapi/v1/exchangeInfo")
    (symbol,) = info["symbols"]
    filters = {row["filterType"]: row for row in symbol["filters"]}

    assert ("0.10", "0.001", "100") == (
        filters["PRICE_FILTER"]["tickSize"],
        filters["LOT_SIZE"]["stepSize"],
        filters["MIN_NOTIONAL"]["notional"],
    )
    assert ("PERPETUAL", "USDT", ["LIMIT", "MARKET"]) == tuple(
        symbol[k] for k in ("contractType", "marginAsset", "orderTypes")
    )
    assert [("REQUEST_WEIGHT", 2400), ("ORDERS", 300), ("ORDERS", 1200)] == [
        (row["rateLimitType"], row["limit"]) for row in info["rateLimits"]
    ]


def test_depth_and_tickers(client: Client) -> None:
    """The snapshot has update id, both times and levels in the symbol's precisions."""
    depth = client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5)
    (ticker,) = client.get("/fapi/v1/ticker/bookTicker")

    assert {"lastUpdateId", "E", "T", "bids", "asks"} == set(depth)
    assert ["49999.90", "1.000"] == depth["bids"][0]
    assert {"symbol", "bidPrice", "bidQty", "askPrice", "askQty", "time"} == set(ticker)
    assert "50000.00" == client.get("/fapi/v1/ticker/price", symbol="BTCUSDT")["price"]


def test_mark_price_and_funding(client: Client) -> None:
    """The premium index carries rate and next funding time; the history has what was charged."""
    mark = client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")
    client.move(mark["nextFundingTime"] - client.wall_ms + 1)
    (charged,) = client.get("/fapi/v1/fundingRate", symbol="BTCUSDT")

    assert "0.00010000" == mark["lastFundingRate"] == charged["fundingRate"]
    assert mark["nextFundingTime"] == charged["fundingTime"]
    assert [] == client.get("/fapi/v1/fundingRate", startTime=charged["fundingTime"] + 1)
    assert [] == client.get("/fapi/v1/fundingInfo")


def test_only_adjusted_funding_is_listed() -> None:
    """fundingInfo lists a symbol whose interval is not eight hours, as the venue does."""
    (row,) = Client(interval_ms=4 * 3_600_000).get("/fapi/v1/fundingInfo")

    assert ("BTCUSDT", 4) == (row["symbol"], row["fundingIntervalHours"])


def test_an_acknowledgement_says_nothing_of_fills(client: Client) -> None:
    """The default answer is the order as accepted; RESULT is what became of it."""
    ack = client.ok("POST", ORDER, **usdm_order())
    result = client.order()

    assert PLACED == set(ack) == set(result)
    assert ("NEW", "0.000", "0.00000") == (ack["status"], ack["executedQty"], ack["avgPrice"])
    assert ("FILLED", "0.100", "49999.90000", "4999.99000") == tuple(
        result[k] for k in ("status", "executedQty", "avgPrice", "cumQuote")
    )


def test_an_order_through_its_life(client: Client) -> None:
    """An order is found by either id, listed while open, cancelled once, and remembered."""
    placed = client.ok("POST", ORDER, **resting(newClientOrderId="tt1"))
    queried = client.ok("GET", ORDER, symbol="BTCUSDT", origClientOrderId="tt1")

    assert (PLACED - {"cumQty"}) | {"time"} == set(queried)
    assert (
        [queried] == client.ok("GET", "/fapi/v1/openOrders") == client.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
    )
    assert queried == client.ok("GET", "/fapi/v1/openOrder", symbol="BTCUSDT", orderId=placed["orderId"])
    assert "CANCELED" == client.ok("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])["status"]
    assert (400, -2011) == client.refused("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="tt1")
    assert (400, -2013) == client.refused("GET", "/fapi/v1/openOrder", symbol="BTCUSDT", orderId=placed["orderId"])


def test_a_client_id_is_never_used_twice_while_open(client: Client) -> None:
    """A second order with the id of an open one is -4116, the evidence that the first has landed."""
    client.ok("POST", ORDER, **resting(newClientOrderId="tt1"))

    assert (400, -4116) == client.refused("POST", ORDER, **resting(newClientOrderId="tt1"))


def test_cancel_all(client: Client) -> None:
    """All open orders of a symbol go; without one the answer is the same."""
    client.ok("POST", ORDER, **resting())
    done = {"code": 200, "msg": "The operation of cancel all open order is done."}

    assert done == client.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    assert done == client.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    assert [] == client.ok("GET", "/fapi/v1/openOrders", symbol="BTCUSDT")


def test_the_dead_man_cancels_orders_only(client: Client) -> None:
    """A countdown that is not renewed cancels the symbol's orders and leaves the position."""
    client.order()
    client.ok("POST", ORDER, **resting())
    for _ in range(3):
        client.ok("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=1000)
        client.move(900)
    before = len(client.ok("GET", "/fapi/v1/openOrders"))
    client.move(101)

    assert (1, 0) == (before, len(client.ok("GET", "/fapi/v1/openOrders")))
    assert "-0.100" == client.ok("GET", "/fapi/v3/positionRisk")[0]["positionAmt"]


def test_a_stopped_dead_man_does_nothing(client: Client) -> None:
    """A countdown of zero stops the timer."""
    client.ok("POST", ORDER, **resting())
    client.ok("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=1000)
    client.ok("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=0)
    client.move(5000)

    assert 1 == len(client.ok("GET", "/fapi/v1/openOrders"))


def test_positions_in_both_versions(client: Client) -> None:
    """v3 has rows for what is held or working only, v2 for every symbol; both say the same of the position."""
    flat, everything = client.ok("GET", "/fapi/v3/positionRisk"), client.ok("GET", "/fapi/v2/positionRisk")
    client.order()
    (held,), (old,) = client.ok("GET", "/fapi/v3/positionRisk"), client.ok("GET", "/fapi/v2/positionRisk")

    assert ([], ["0.000"]) == (flat, [row["positionAmt"] for row in everything])
    assert RISK_V3 == set(held)
    assert ("-0.100", "49999.9") == (held["positionAmt"], held["entryPrice"])
    assert Decimal(held["notional"]) == Decimal(held["positionAmt"]) * Decimal(held["markPrice"])
    assert [held[k] for k in ("positionAmt", "liquidationPrice")] == [
        old[k] for k in ("positionAmt", "liquidationPrice")
    ]
    assert "cross" == old["marginType"]


def test_the_account_in_both_versions(client: Client) -> None:
    """Totals are the USDT wallet's; margin balance is wallet plus unrealised profit; v3 rows are documented ones."""
    flat = client.ok("GET", "/fapi/v3/account")["positions"], client.ok("GET", "/fapi/v2/account")["positions"]
    client.order()
    new, old = client.ok("GET", "/fapi/v3/account"), client.ok("GET", "/fapi/v2/account")
    (asset,) = [row for row in new["assets"] if row["asset"] == "USDT"]

    assert (0, 1) == (len(flat[0]), len(flat[1]))
    assert ASSET_V3 == set(asset)
    assert Decimal(new["totalMarginBalance"]) == Decimal(new["totalWalletBalance"]) + Decimal(
        new["totalUnrealizedProfit"]
    )
    assert "99997.50000500" == new["totalWalletBalance"] == old["totalWalletBalance"]
    assert (["-0.100"], False) == ([row["positionAmt"] for row in new["positions"]], old["multiAssetsMargin"])
    assert "20" == old["positions"][0]["leverage"]


def test_trades_and_income_explain_the_wallet(client: Client) -> None:
    """What the wallet lost is in the income history, trade by trade."""
    client.order()
    client.order(side="BUY", price="50010")
    sold, bought = client.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
    income = client.ok("GET", "/fapi/v1/income")
    wallet = Decimal(client.ok("GET", "/fapi/v3/balance")[0]["balance"])

    assert ("SELL", "49999.90", "0.100", False) == tuple(sold[k] for k in ("side", "price", "qty", "maker"))
    assert "-0.02000000" == bought["realizedPnl"]
    assert wallet - 100_000 == sum(Decimal(row["income"]) for row in income if row["incomeType"] != "TRANSFER")
    assert {"COMMISSION"} == {row["incomeType"] for row in client.ok("GET", "/fapi/v1/income", incomeType="COMMISSION")}
    assert [bought] == client.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", orderId=bought["orderId"])


def test_pages(client: Client) -> None:
    """`limit` cuts to the newest rows, or from a given start to the oldest; rows are always oldest first."""
    ids = [client.order(quantity="0.01")["orderId"] for _ in range(4)]

    def orders(**params: Any) -> list[int]:
        return [row["orderId"] for row in client.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT", **params)]

    assert ids == orders()
    assert ids[-2:] == orders(limit=2)
    assert ids[1:3] == orders(limit=2, orderId=ids[1])
    assert ids[:2] == orders(limit=2, startTime=client.wall_ms)
    assert [] == orders(startTime=client.wall_ms + 1)


def test_funding_is_income(client: Client) -> None:
    """A short is paid a positive rate: the income row is positive and carries the symbol."""
    client.order()
    due = client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")["nextFundingTime"]
    client.move(due - client.wall_ms + 1)
    (row,) = client.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE", symbol="BTCUSDT", startTime=due)

    assert (due, "BTCUSDT") == (row["time"], row["symbol"])
    assert Decimal("0.49") < Decimal(row["income"]) < Decimal("0.51")


def test_settings(client: Client) -> None:
    """Leverage, margin type and the two modes are set and read back."""
    answer = client.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=5)
    client.ok("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    client.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    (config,) = client.ok("GET", "/fapi/v1/symbolConfig")

    assert {"symbol", "leverage", "maxNotionalValue"} == set(answer)
    assert (5, "ISOLATED") == (config["leverage"], config["marginType"])
    assert {"dualSidePosition": True} == client.ok("GET", "/fapi/v1/positionSide/dual")
    assert {"multiAssetsMargin": False} == client.ok("GET", "/fapi/v1/multiAssetsMargin")
    assert client.ok("GET", "/fapi/v1/accountConfig")["dualSidePosition"]


def test_brackets_and_fees(client: Client) -> None:
    """The tiers join without a gap and are numbers, fees are strings."""
    (row,) = client.ok("GET", "/fapi/v1/leverageBracket", symbol="BTCUSDT")
    tiers = row["brackets"]

    assert [tier["notionalCap"] for tier in tiers[:-1]] == [tier["notionalFloor"] for tier in tiers[1:]]
    assert (125, 0.004) == (tiers[0]["initialLeverage"], tiers[0]["maintMarginRatio"])
    assert "0.0005" == client.ok("GET", "/fapi/v1/commissionRate", symbol="BTCUSDT")["takerCommissionRate"]
    assert 2 == len(client.ok("GET", "/fapi/v1/rateLimit/order"))


def test_an_order_of_another_account_is_not_mine(client: Client) -> None:
    """Orders, trades and positions belong to the account of the key."""
    placed = client.ok("POST", ORDER, **resting())

    assert (400, -2013) == client.refused("GET", ORDER, key="other", symbol="BTCUSDT", orderId=placed["orderId"])
    assert (400, -2011) == client.refused("DELETE", ORDER, key="other", symbol="BTCUSDT", orderId=placed["orderId"])
    assert [] == client.ok("GET", "/fapi/v1/openOrders", key="other")


def test_the_life_of_a_listen_key(client: Client) -> None:
    """POST answers the same key and extends it, PUT extends, 60 minutes without either end it, then -1125."""

    def call(method: str) -> tuple[int, dict[str, object]]:
        return client.send(Request(FAPI, method, "/fapi/v1/listenKey", "", b"", client.key_header()))

    unknown = call("PUT")
    key = call("POST")[1]["listenKey"]
    client.move(59 * 60_000)
    again = call("POST")[1]["listenKey"]
    client.move(59 * 60_000)
    extended = call("PUT")
    client.move(59 * 60_000)
    alive = call("PUT")
    client.move(60 * 60_000)
    late = call("PUT")
    other = call("POST")[1]["listenKey"]
    closed = call("DELETE")

    assert key == again == extended[1]["listenKey"]
    assert [(400, -1125), (400, -1125)] == [(status, body["code"]) for status, body in (unknown, late)]
    assert (200, 200, {}) == (alive[0], *closed)
    assert other != key
    assert -1125 == call("DELETE")[1]["code"]
