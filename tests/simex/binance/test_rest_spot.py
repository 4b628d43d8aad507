"""Spot REST answers: the documented fields and the exchange's truth in them."""

from __future__ import annotations

import pytest

from bot.simex.wire import Request
from tests.simex.binance.client import API, Client, spot_order

ORDER = "/api/v3/order"
QUERIED = set(
    "symbol orderId orderListId clientOrderId price origQty executedQty cummulativeQuoteQty status timeInForce type "
    "side stopPrice icebergQty time updateTime isWorking workingTime origQuoteOrderQty selfTradePreventionMode".split()
)
RESULT = set(
    "symbol orderId orderListId clientOrderId transactTime price origQty executedQty origQuoteOrderQty "
    "cummulativeQuoteQty status timeInForce type side workingTime selfTradePreventionMode".split()
)


@pytest.fixture
def client() -> Client:
    return Client()


def test_exchange_info_tells_the_rules(client: Client) -> None:
    """The filters are the ones that the exchange enforces, and only real order types are listed."""
    (symbol,) = client.get("/api/v3/exchangeInfo", symbol="BTCUSDT")["symbols"]
    filters = {row["filterType"]: row for row in symbol["filters"]}

    assert ("0.01000000", "0.00001000") == (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"])
    assert "5.00000000" == filters["NOTIONAL"]["minNotional"]
    assert ["LIMIT", "LIMIT_MAKER", "MARKET"] == symbol["orderTypes"]
    assert 6000 == client.get("/api/v3/exchangeInfo")["rateLimits"][0]["limit"]


def test_symbols_as_a_list(client: Client) -> None:
    """`symbols` takes a JSON list of known names and nothing else."""
    assert 1 == len(client.get("/api/v3/exchangeInfo", symbols='["BTCUSDT"]')["symbols"])
    assert -1121 == client.send(Request(API, "GET", "/api/v3/exchangeInfo", 'symbols=["NOPE"]'))[1]["code"]
    assert -1100 == client.send(Request(API, "GET", "/api/v3/exchangeInfo", "symbols=BTC"))[1]["code"]


def test_depth_and_tickers(client: Client) -> None:
    """The snapshot holds the best levels with eight decimals, the tickers its top and middle."""
    depth = client.get("/api/v3/depth", symbol="BTCUSDT", limit=2)
    ticker = client.get("/api/v3/ticker/bookTicker", symbol="BTCUSDT")

    assert [["49999.90000000", "1.00000000"], ["49999.00000000", "2.00000000"]] == depth["bids"]
    assert {"lastUpdateId", "bids", "asks"} == set(depth)
    assert ("49999.90000000", "50000.10000000") == (ticker["bidPrice"], ticker["askPrice"])
    assert [{"symbol": "BTCUSDT", "price": "50000.00000000"}] == client.get("/api/v3/ticker/price")


def test_a_full_answer_lists_the_fills(client: Client) -> None:
    """A LIMIT IOC over two levels answers FULL by default: two fills that add up, and what is left expires."""
    answer = client.ok("POST", ORDER, **spot_order(side="BUY", quantity="4", price="50005"))

    assert RESULT | {"fills"} == set(answer)
    assert ("EXPIRED", "3.00000000") == (answer["status"], answer["executedQty"])
    assert [("50000.10000000", "1.00000000"), ("50001.00000000", "2.00000000")] == [
        (fill["price"], fill["qty"]) for fill in answer["fills"]
    ]
    assert "150002.10000000" == answer["cummulativeQuoteQty"]
    assert {"price", "qty", "commission", "commissionAsset", "tradeId"} == set(answer["fills"][0])


def test_acknowledgement_and_result(client: Client) -> None:
    """ACK tells the ids only, RESULT the state without fills."""
    ack = client.ok("POST", ORDER, **spot_order(newOrderRespType="ACK"))
    result = client.ok("POST", ORDER, **spot_order(newOrderRespType="RESULT"))

    assert {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"} == set(ack)
    assert RESULT == set(result)


def test_a_market_order_by_quote_quantity(client: Client) -> None:
    """`quoteOrderQty` spends that much quote, to within a lot."""
    answer = client.ok("POST", ORDER, symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="5000")

    assert "FILLED" == answer["status"]
    assert 4999 < float(answer["cummulativeQuoteQty"]) <= 5000


def test_an_order_through_its_life(client: Client) -> None:
    """An order is found by either id, listed while open, cancelled once, and remembered."""
    placed = client.ok(
        "POST", ORDER, **spot_order(side="BUY", price="49000", timeInForce="GTC", newClientOrderId="tt1")
    )
    queried = client.ok("GET", ORDER, symbol="BTCUSDT", origClientOrderId="tt1")
    listed = client.ok("GET", "/api/v3/openOrders", symbol="BTCUSDT")
    cancelled = client.ok("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"], newClientOrderId="gone")

    assert QUERIED == set(queried)
    assert [queried] == listed
    assert ("tt1", "gone", "CANCELED") == tuple(cancelled[k] for k in ("origClientOrderId", "clientOrderId", "status"))
    assert (400, -2011) == client.refused("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])
    assert ["CANCELED"] == [row["status"] for row in client.ok("GET", "/api/v3/allOrders", symbol="BTCUSDT")]
    assert [] == client.ok("GET", "/api/v3/openOrders")


def test_both_ids_must_agree(client: Client) -> None:
    """An order id with another order's client id finds nothing."""
    placed = client.ok("POST", ORDER, **spot_order(newClientOrderId="mine"))
    wrong = {"symbol": "BTCUSDT", "orderId": placed["orderId"], "origClientOrderId": "other"}

    assert (400, -2011) == client.refused("GET", ORDER, **wrong)


def test_a_used_client_id_is_free_again_once_its_order_is_done(client: Client) -> None:
    """The id is unique among open orders only: a second IOC order with it is accepted, a second resting one is not."""
    for _ in range(2):
        client.ok("POST", ORDER, **spot_order(newClientOrderId="again"))
    resting = spot_order(side="BUY", price="49000", timeInForce="GTC", newClientOrderId="open")
    client.ok("POST", ORDER, **resting)

    assert (400, -2010) == client.refused("POST", ORDER, **resting)


def test_the_account_and_its_trades(client: Client) -> None:
    """Balances move by fill and fee, and the trade list explains the move."""
    client.ok("POST", ORDER, **spot_order(side="SELL", quantity="1"))
    balances = {row["asset"]: row for row in client.ok("GET", "/api/v3/account")["balances"]}
    (trade,) = client.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT")

    assert "9.00000000" == balances["BTC"]["free"]
    assert ("49999.90000000", "49.99990000", "USDT") == (trade["price"], trade["commission"], trade["commissionAsset"])
    assert "1049949.90010000" == balances["USDT"]["free"]
    assert (False, False) == (trade["isBuyer"], trade["isMaker"])
    assert [] == client.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=trade["id"] + 1)
    assert [] == client.ok("GET", "/api/v3/myTrades", key="other", symbol="BTCUSDT")


def test_open_orders_lock_balances(client: Client) -> None:
    """What a resting order may need is locked, not free."""
    client.ok("POST", ORDER, **spot_order(price="51000", quantity="2", timeInForce="GTC"))
    account = client.ok("GET", "/api/v3/account", omitZeroBalances="true")

    assert {"asset": "BTC", "free": "8.00000000", "locked": "2.00000000"} in account["balances"]


def test_a_test_order_makes_nothing(client: Client) -> None:
    """The test endpoint reads an order and forgets it."""
    assert {} == client.ok("POST", "/api/v3/order/test", **spot_order())
    assert [] == client.ok("GET", "/api/v3/allOrders", symbol="BTCUSDT")


def test_fee_rates(client: Client) -> None:
    """The fee rates are those that fills are charged."""
    assert (
        "0.00100000" == client.ok("GET", "/api/v3/account/commission", symbol="BTCUSDT")["standardCommission"]["taker"]
    )


def test_what_a_key_may_do(client: Client) -> None:
    """apiRestrictions tells the truth about the calling key."""
    plain = client.ok("GET", "/sapi/v1/account/apiRestrictions")
    dangerous = client.ok("GET", "/sapi/v1/account/apiRestrictions", key="withdraw")

    assert (False, True, True) == tuple(plain[k] for k in ("enableWithdrawals", "enableFutures", "ipRestrict"))
    assert (True, True, False) == tuple(
        dangerous[k] for k in ("enableWithdrawals", "permitsUniversalTransfer", "ipRestrict")
    )
    assert 1_800_000_000_000 == dangerous["tradingAuthorityExpirationTime"]
    assert "tradingAuthorityExpirationTime" not in plain


def test_a_transfer_between_wallets(client: Client) -> None:
    """A key with the permission moves coins from spot to futures."""
    move = {"type": "MAIN_UMFUTURE", "asset": "USDT", "amount": "1000"}
    client.ok("POST", "/sapi/v1/asset/transfer", key="withdraw", **move)

    assert "101000.00000000" == client.ok("GET", "/fapi/v3/balance")[0]["balance"]
    assert (400, -1102) == client.refused("POST", "/sapi/v1/asset/transfer", key="withdraw", type="X", amount=1)


def test_coins_and_the_empty_coin_margined_side(client: Client) -> None:
    """The coin list holds the caller's balances; the COIN-M host answers with no symbols."""
    coins = {row["coin"]: row for row in client.ok("GET", "/sapi/v1/capital/config/getall")}

    assert "10.00000000" == coins["BTC"]["free"]
    assert [] == client.send(Request("dapi.binance.com", "GET", "/dapi/v1/exchangeInfo"))[1]["symbols"]
