"""python-binance's `Client` on spot, over REST; it finds proxy and certificate in the environment.

Spot has no leverage, modes, reduce-only, positions or funding; the streams are `python_binance_async.py`'s.
"""

from __future__ import annotations

import time

from binance.client import Client
from binance.exceptions import BinanceAPIException
from story import Story, is_ordered, tick_of


def main() -> None:
    """The session."""
    story = Story()
    client = Client(story.key, story.secret)
    reading(story, client)
    resting(story, client)
    taking(story, client)
    refusals(story, client)
    stranger = Client(story.key, "wrong")
    story.raises("signature", BinanceAPIException, -1022, stranger.get_account)
    story.passed("end")


def reading(story: Story, client: Client) -> None:
    """Markets and balances."""
    assert abs(client.get_server_time()["serverTime"] - time.time() * 1000) < 5_000
    assert client.get_symbol_info("BTCUSDT")["status"] == "TRADING"
    assert client.get_order_book(symbol="BTCUSDT", limit=5)["bids"]
    assert client.get_klines(symbol="BTCUSDT", interval="1m", limit=2)
    story.passed("markets")
    assert float(client.get_asset_balance("USDT")["free"]) > 0
    assert client.get_account()["canTrade"]
    story.passed("balances")


def far_below(client: Client) -> str:
    """A price at which a purchase rests."""
    return tick_of(client.get_orderbook_ticker(symbol="BTCUSDT")["bidPrice"], 0.97, 2)


def resting(story: Story, client: Client) -> None:
    """Limit and post-only orders rest and are cancelled."""
    far = far_below(client)
    resting = client.order_limit_buy(symbol="BTCUSDT", quantity=0.01, price=far)
    client.create_order(symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", quantity=0.01, price=far)
    assert len(client.get_open_orders(symbol="BTCUSDT")) == 2
    assert client.cancel_order(symbol="BTCUSDT", orderId=resting["orderId"])["status"] == "CANCELED"
    assert len(client.cancel_all_open_orders(symbol="BTCUSDT")) == 1
    story.passed("limit, post-only and cancel")


def taking(story: Story, client: Client) -> None:
    """A partial fill whose rest is cancelled, market, IOC that fills or misses, the trades."""

    def ask() -> str:
        price: str = client.get_orderbook_ticker(symbol="BTCUSDT")["askPrice"]
        return price

    def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        made = client.order_limit_buy(symbol="BTCUSDT", quantity=25, price=ask())
        assert abs(sum(float(fill["qty"]) for fill in made["fills"]) - float(made["executedQty"])) < 1e-9
        which = {"symbol": "BTCUSDT", "orderId": made["orderId"]}
        gone = story.unless(BinanceAPIException, -2011, lambda: client.cancel_order(**which))
        bought = float((gone or client.get_order(**which))["executedQty"])
        if bought:
            sold = client.order_market_sell(symbol="BTCUSDT", quantity=f"{bought * 0.998:.5f}")
            assert sold["status"] == "FILLED"
        return bought if gone and made["status"] == "PARTIALLY_FILLED" else 0

    story.passed("partial fill and market", story.until("a part", part))
    ioc = {"symbol": "BTCUSDT", "quantity": 0.01, "timeInForce": "IOC"}
    assert client.order_limit_buy(**ioc, price=tick_of(ask(), 1.002, 2))["status"] == "FILLED"
    assert client.order_limit_buy(**ioc, price=far_below(client))["status"] == "EXPIRED"
    assert is_ordered([row["id"] for row in client.get_my_trades(symbol="BTCUSDT")])
    story.passed("ioc and trades")


def refusals(story: Story, client: Client) -> None:
    """The venue's codes in this client's exception."""
    low = {"symbol": "BTCUSDT", "price": far_below(client)}
    story.raises("notional", BinanceAPIException, -1013, lambda: client.order_limit_buy(**low, quantity="0.00001"))
    story.raises("balance", BinanceAPIException, -2010, lambda: client.order_limit_buy(**low, quantity=100))
    story.raises("unknown order", BinanceAPIException, -2011, lambda: client.cancel_order(symbol="BTCUSDT", orderId=1))
    story.raises("symbol", BinanceAPIException, -1121, lambda: client.get_order_book(symbol="NOSUCH"))


main()
