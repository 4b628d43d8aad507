"""python-binance's `Client` on USD-M and COIN-M, over REST; it finds proxy and certificate in the environment.

The streams are `python_binance_async.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from binance.client import Client
from binance.exceptions import BinanceAPIException
from story import Story, is_ordered, tick_of

Ask = Callable[..., Any]


@dataclass(frozen=True)
class Futures:
    """The calls of one futures market, whose names differ, its symbol, an amount and one that no price level holds."""

    title: str
    symbol: str
    amount: float
    large: float
    unaffordable: float
    create: Ask
    get: Ask
    cancel: Ask
    cancel_all: Ask
    position: Ask
    income: Ask
    trades: Ask
    ticker: Ask


def main() -> None:
    """The session."""
    story = Story()
    client = Client(story.key, story.secret)
    for futures in (usdm(client), coinm(client)):
        settings(story, client, futures)
        resting(story, futures)
        partial(story, futures)
        taking(story, futures)
        refusals(story, futures)
    stranger = Client(story.key, "wrong")
    story.raises("signature", BinanceAPIException, -1022, stranger.futures_account)
    story.passed("end")


def usdm(client: Client) -> Futures:
    """USD-M."""
    return Futures(
        title="usdm",
        symbol="BTCUSDT",
        amount=0.01,
        large=25,
        unaffordable=800,
        create=client.futures_create_order,
        get=client.futures_get_order,
        cancel=client.futures_cancel_order,
        cancel_all=client.futures_cancel_all_open_orders,
        position=client.futures_position_information,
        income=client.futures_income_history,
        trades=client.futures_account_trades,
        ticker=client.futures_orderbook_ticker,
    )


def coinm(client: Client) -> Futures:
    """COIN-M, whose lists have a row for each symbol."""
    return Futures(
        title="coinm",
        symbol="BTCUSD_PERP",
        amount=2,
        large=20_000,
        unaffordable=900_000,
        create=client.futures_coin_create_order,
        get=client.futures_coin_get_order,
        cancel=client.futures_coin_cancel_order,
        cancel_all=client.futures_coin_cancel_all_open_orders,
        position=lambda symbol: client.futures_coin_position_information(pair=symbol.split("_")[0]),
        income=client.futures_coin_income_history,
        trades=client.futures_coin_account_trades,
        ticker=lambda symbol: client.futures_coin_orderbook_ticker(symbol=symbol)[0],
    )


def settings(story: Story, client: Client, at: Futures) -> None:
    """Markets, balances, leverage and modes."""
    prefix = "futures_coin" if at.title == "coinm" else "futures"

    def call(name: str) -> Ask:
        found: Ask = getattr(client, f"{prefix}_{name}")
        return found

    assert at.symbol in {row["symbol"] for row in call("exchange_info")()["symbols"]}
    assert call("order_book")(symbol=at.symbol, limit=5)["bids"]
    assert call("klines")(symbol=at.symbol, interval="1m", limit=2)
    story.passed(f"{at.title}: markets")
    assert any(float(row["balance"]) for row in call("account_balance")())
    assert call("account")()["assets"]
    assert call("change_leverage")(symbol=at.symbol, leverage=2)["leverage"] == 2
    call("change_margin_type")(symbol=at.symbol, marginType="ISOLATED")
    call("change_margin_type")(symbol=at.symbol, marginType="CROSSED")
    call("change_position_mode")(dualSidePosition="true")
    call("change_position_mode")(dualSidePosition="false")
    assert call("get_position_mode")()["dualSidePosition"] is False
    assert call("leverage_bracket")()
    story.passed(f"{at.title}: balances, leverage and modes")


def priced(at: Futures, side: str, factor: float) -> str:
    """A price beside the best of a side."""
    return tick_of(at.ticker(symbol=at.symbol)[side], factor, 1)


def order(
    at: Futures, side: str, quantity: float | str, price: str = "", tif: str = "GTC", **more: Any
) -> dict[str, Any]:
    """A new order, answered with what became of it at once."""
    limit = {"type": "LIMIT", "price": price, "timeInForce": tif} if price else {"type": "MARKET"}
    done: dict[str, Any] = at.create(
        symbol=at.symbol, side=side, quantity=quantity, newOrderRespType="RESULT", **limit, **more
    )
    return done


def resting(story: Story, at: Futures) -> None:
    """Limit and post-only orders rest and are cancelled."""
    far = priced(at, "bidPrice", 0.97)
    one, maker = order(at, "BUY", at.amount, far), order(at, "BUY", at.amount, far, "GTX")
    assert (one["status"], maker["status"]) == ("NEW", "NEW")
    assert at.cancel(symbol=at.symbol, orderId=one["orderId"])["status"] == "CANCELED"
    at.cancel_all(symbol=at.symbol)
    assert at.get(symbol=at.symbol, orderId=maker["orderId"])["status"] == "CANCELED"
    story.passed(f"{at.title}: limit, post-only and cancel")


def partial(story: Story, at: Futures) -> None:
    """An order larger than what its price offers fills in part and rests; its rest is cancelled, the fill sold."""

    def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        made = order(at, "BUY", at.large, priced(at, "askPrice", 1))
        which = {"symbol": at.symbol, "orderId": made["orderId"]}
        gone = story.unless(BinanceAPIException, -2011, lambda: at.cancel(**which))
        bought = (gone or at.get(**which))["executedQty"]
        if float(bought):
            assert order(at, "SELL", bought, reduceOnly="true")["status"] == "FILLED"
        return float(bought) if gone and made["status"] == "PARTIALLY_FILLED" else 0

    story.passed(f"{at.title}: partial fill", story.until("a part", part))


def taking(story: Story, at: Futures) -> None:
    """IOC and market, the position, funding that it pays, reduce-only, and the records."""
    assert order(at, "BUY", at.amount, priced(at, "askPrice", 1.002), "IOC")["status"] == "FILLED"
    assert order(at, "BUY", at.amount, priced(at, "askPrice", 0.99), "IOC")["status"] == "EXPIRED"
    assert order(at, "BUY", at.amount)["status"] == "FILLED"
    assert held(at) == [2 * at.amount]
    story.passed(f"{at.title}: ioc, market and position", held(at))
    story.charge_funding_soon("binance", at.symbol)
    paid = story.until("funding", lambda: at.income(symbol=at.symbol, incomeType="FUNDING_FEE"))
    assert float(paid[-1]["income"]) < 0
    story.passed(f"{at.title}: funding income", paid[-1]["income"])
    assert order(at, "SELL", 2 * at.amount, reduceOnly="true")["status"] == "FILLED"
    assert held(at) == []
    kinds = {row["incomeType"] for row in at.income(symbol=at.symbol)}
    assert kinds >= {"COMMISSION", "REALIZED_PNL", "FUNDING_FEE"}, kinds
    assert is_ordered([row["id"] for row in at.trades(symbol=at.symbol)])
    story.passed(f"{at.title}: reduce-only, income and trades")


def held(at: Futures) -> list[float]:
    """The sizes of the positions in the symbol that are not flat."""
    rows = at.position(symbol=at.symbol)
    return [float(row["positionAmt"]) for row in rows if row["symbol"] == at.symbol and float(row["positionAmt"])]


def refusals(story: Story, at: Futures) -> None:
    """The venue's codes in this client's exception."""
    far = priced(at, "bidPrice", 0.97)
    story.raises(f"{at.title}: margin", BinanceAPIException, -2019, lambda: order(at, "BUY", at.unaffordable, far))
    story.raises(
        f"{at.title}: reduce-only", BinanceAPIException, -2022, lambda: order(at, "SELL", at.amount, reduceOnly="true")
    )
    story.raises(f"{at.title}: unknown order", BinanceAPIException, -2013, lambda: at.get(symbol=at.symbol, orderId=1))
    story.raises(f"{at.title}: precision", BinanceAPIException, -1111, lambda: order(at, "BUY", "0.00001234"))


main()
