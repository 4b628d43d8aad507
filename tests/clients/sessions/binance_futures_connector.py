"""binance-futures-connector (`UMFutures` and its websocket client), through the proxy with real host names over TLS."""

from __future__ import annotations

import json
import time
from typing import Any

from binance.error import ClientError
from binance.um_futures import UMFutures
from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient
from story import Story, is_ordered, tick_of

SYMBOL, CLOSE = "BTCUSDT", "connector-close"


def main() -> None:
    """The session."""
    story = Story()
    proxies = {"https": story.given["proxy_url"], "http": story.given["proxy_url"]}
    client = UMFutures(key=story.key, secret=story.secret, proxies=proxies)
    markets_and_settings(story, client)
    heard: list[dict[str, Any]] = []
    listen_key = client.new_listen_key()["listenKey"]
    stream = UMFuturesWebsocketClient(on_message=lambda _, text: heard.append(json.loads(text)), proxies=proxies)
    try:
        stream.user_data(listen_key=listen_key)
        stream.book_ticker(symbol=SYMBOL)
        story.until("a quote", lambda: [row for row in heard if row.get("e") == "bookTicker"])
        story.passed("stream", "bookTicker")
        resting(story, client)
        taking(story, client)
        story.until("the last fill", lambda: [one for one in fills(heard) if one["c"] == CLOSE])
        order_of_events(story, heard)
        refusals(story, client)
        client.close_listen_key(listen_key)
    finally:
        # Its thread would keep the program alive.
        stream.stop()
    story.passed("end")


def markets_and_settings(story: Story, client: UMFutures) -> None:
    """Reading, leverage and modes."""
    assert abs(client.time()["serverTime"] - time.time() * 1000) < 5_000
    symbols = {row["symbol"]: row for row in client.exchange_info()["symbols"]}
    assert symbols[SYMBOL]["status"] == "TRADING"
    assert client.depth(SYMBOL, limit=5)["bids"]
    assert len(client.klines(SYMBOL, "1m", limit=2)) >= 1
    assert float(client.mark_price(SYMBOL)["markPrice"]) > 0
    story.passed("markets", len(symbols))
    assert {row["asset"] for row in client.balance()} >= {"USDT"}
    assert float(client.account()["totalWalletBalance"]) > 0
    story.passed("balances")
    assert client.change_leverage(SYMBOL, 2)["leverage"] == 2
    client.change_margin_type(SYMBOL, "ISOLATED")
    client.change_margin_type(SYMBOL, "CROSSED")
    client.change_position_mode("true")
    client.change_position_mode("false")
    assert client.get_position_mode()["dualSidePosition"] is False
    assert client.leverage_brackets(symbol=SYMBOL)
    assert client.adl_quantile(symbol=SYMBOL)
    story.passed("leverage and modes")


def resting(story: Story, client: UMFutures) -> None:
    """Rest and cancel, post-only, a partial fill whose rest is cancelled."""
    far = tick_of(client.book_ticker(SYMBOL)["bidPrice"], 0.97, 1)
    resting = client.new_order(SYMBOL, "BUY", "LIMIT", quantity=0.01, price=far, timeInForce="GTC")
    assert client.query_order(SYMBOL, orderId=resting["orderId"])["status"] == "NEW"
    assert client.cancel_order(SYMBOL, orderId=resting["orderId"])["status"] == "CANCELED"
    maker = client.new_order(SYMBOL, "BUY", "LIMIT", quantity=0.01, price=far, timeInForce="GTX")
    assert client.cancel_open_orders(SYMBOL)["code"] == 200
    assert client.query_order(SYMBOL, orderId=maker["orderId"])["status"] == "CANCELED"
    story.passed("limit, post-only and cancel")

    def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        ask = client.book_ticker(SYMBOL)["askPrice"]
        limit = {"timeInForce": "GTC", "newOrderRespType": "RESULT"}
        made = client.new_order(SYMBOL, "BUY", "LIMIT", quantity=25, price=ask, **limit)
        number = made["orderId"]
        gone = story.unless(ClientError, -2011, lambda: client.cancel_order(SYMBOL, orderId=number))
        bought = (gone or client.query_order(SYMBOL, orderId=number))["executedQty"]
        if float(bought):
            client.new_order(SYMBOL, "SELL", "MARKET", quantity=bought, reduceOnly="true")
        return float(bought) if gone and made["status"] == "PARTIALLY_FILLED" else 0

    story.passed("partial fill", story.until("a part", part))


def taking(story: Story, client: UMFutures) -> None:
    """IOC, market, the position, its funding, reduce-only; then what was written about them."""
    above = tick_of(client.book_ticker(SYMBOL)["askPrice"], 1.002, 1)
    ioc = {"timeInForce": "IOC", "newOrderRespType": "RESULT", "newClientOrderId": "connector-ioc"}
    assert client.new_order(SYMBOL, "BUY", "LIMIT", quantity=0.02, price=above, **ioc)["status"] == "FILLED"
    client.new_order(SYMBOL, "BUY", "MARKET", quantity=0.01)
    assert held(client) == [0.03]
    story.passed("ioc, market and position", held(client))
    story.charge_funding_soon("binance", SYMBOL)
    paid = story.until("funding", lambda: client.get_income_history(incomeType="FUNDING_FEE"))
    assert float(paid[-1]["income"]) < 0
    story.passed("funding income", paid[-1]["income"])
    named = {"newOrderRespType": "RESULT", "newClientOrderId": CLOSE}
    closed = client.new_order(SYMBOL, "SELL", "MARKET", quantity=0.03, reduceOnly="true", **named)
    assert closed["status"] == "FILLED"
    assert held(client) == []
    kinds = {one["incomeType"] for one in client.get_income_history()}
    assert kinds >= {"COMMISSION", "REALIZED_PNL", "FUNDING_FEE"}, kinds
    assert sum(float(one["qty"]) for one in client.get_account_trades(SYMBOL)) >= 0.06
    story.passed("reduce-only, income and trades", sorted(kinds))


def held(client: UMFutures) -> list[float]:
    """The sizes of the positions that are not flat."""
    rows = client.get_position_risk(symbol=SYMBOL)
    return [float(one["positionAmt"]) for one in rows if float(one["positionAmt"])]


def fills(heard: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The order updates that ended in a fill."""
    updates = [row["o"] for row in heard if row.get("e") == "ORDER_TRADE_UPDATE"]
    return [one for one in updates if one["X"] == "FILLED"]


def order_of_events(story: Story, heard: list[dict[str, Any]]) -> None:
    """Within the order stream time never goes back, and every order is NEW before it trades."""
    updates = [row for row in heard if row.get("e") == "ORDER_TRADE_UPDATE"]
    assert is_ordered([row["T"] for row in updates])
    seen: set[int] = set()
    for row in updates:
        assert row["o"]["x"] == "NEW" or row["o"]["i"] in seen, row
        seen.add(row["o"]["i"])
    reasons = {row["a"]["m"] for row in heard if row.get("e") == "ACCOUNT_UPDATE"}
    assert reasons >= {"ORDER", "FUNDING_FEE"}, reasons
    story.passed("user stream in order", len(updates))


def refusals(story: Story, client: UMFutures) -> None:
    """Refusals arrive as this client's exception with the venue's code."""
    story.raises("lot", ClientError, -1111, lambda: client.new_order(SYMBOL, "BUY", "MARKET", quantity=0.0012))
    story.raises("margin", ClientError, -2019, lambda: client.new_order(SYMBOL, "BUY", "MARKET", quantity=110))
    story.raises("unknown order", ClientError, -2013, lambda: client.query_order(SYMBOL, orderId=1))
    story.raises(
        "reduce-only without a position",
        ClientError,
        -2022,
        lambda: client.new_order(SYMBOL, "SELL", "MARKET", quantity=0.01, reduceOnly="true"),
    )
    stranger = UMFutures(key=story.key, secret="wrong", proxies=client.proxies)
    story.raises("signature", ClientError, -1022, stranger.account)
    story.raises("symbol", ClientError, -1121, lambda: client.depth("NOSUCH"))


main()
