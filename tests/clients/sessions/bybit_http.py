"""pybit's unified HTTP client over TLS: spot, linear and inverse. Its streams are `bybit_sockets.py`'s."""

from __future__ import annotations

import time

from bybit_desk import COIN, PERP, cancelled, client_of, order, place, quote, rows, size
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP
from story import Story, tick_of


def main() -> None:
    """The session."""
    story = Story()
    client = client_of(story, story.secret)
    markets(story, client)
    settings(story, client)
    resting(story, client)
    partial(story, client)
    taking(story, client)
    spot_and_inverse(story, client)
    funding(story, client)
    closing(story, client)
    refusals(story, client)
    story.passed("end")


def markets(story: Story, client: HTTP) -> None:
    """Instruments, books, candles, funding of the three categories."""
    assert abs(int(client.get_server_time()["result"]["timeSecond"]) - time.time()) < 5
    for category, symbol in (("spot", PERP), ("linear", PERP), ("inverse", COIN)):
        listed = {row["symbol"]: row for row in rows(client.get_instruments_info(category=category))}
        assert listed[symbol]["status"] == "Trading"
        assert client.get_orderbook(category=category, symbol=symbol, limit=5)["result"]["b"]
        assert rows(client.get_kline(category=category, symbol=symbol, interval=1, limit=2))
    assert rows(client.get_funding_rate_history(category="linear", symbol=PERP, limit=1))
    assert rows(client.get_risk_limit(category="linear", symbol=PERP))
    story.passed("markets")


def settings(story: Story, client: HTTP) -> None:
    """Balances, leverage, position mode, margin mode."""
    wallet = rows(client.get_wallet_balance(accountType="UNIFIED"))[0]
    assert {row["coin"] for row in wallet["coin"]} >= {"BTC", "USDT"}
    story.passed("balances", wallet["totalEquity"])
    assert client.set_leverage(category="linear", symbol=PERP, buyLeverage="12", sellLeverage="12")["retCode"] == 0
    story.raises(
        "leverage that is set already",
        InvalidRequestError,
        110043,
        lambda: client.set_leverage(category="linear", symbol=PERP, buyLeverage="12", sellLeverage="12"),
    )
    client.switch_position_mode(category="linear", symbol=PERP, mode=3)
    client.switch_position_mode(category="linear", symbol=PERP, mode=0)
    assert client.get_account_info()["result"]["marginMode"] == "REGULAR_MARGIN"
    client.set_margin_mode(setMarginMode="REGULAR_MARGIN")
    story.passed("leverage and modes")


def resting(story: Story, client: HTTP) -> None:
    """Limit orders that rest, are amended and cancelled; post-only that would take."""
    bid, ask = quote(client, "linear", PERP)
    number = place(client, "Buy", "Limit", "0.01", price=tick_of(bid, 0.97, 1))
    order(story, client, number, "New")
    client.amend_order(category="linear", symbol=PERP, orderId=number, qty="0.02")
    # An answer says that the change was taken, not that it was made.
    story.until("the new size", lambda: float(order(story, client, number, "New")["qty"]) == 0.02)
    client.cancel_order(category="linear", symbol=PERP, orderId=number)
    order(story, client, number, "Cancelled")
    maker = place(client, "Buy", "Limit", "0.01", price=tick_of(bid, 0.97, 1), timeInForce="PostOnly")
    order(story, client, maker, "New")
    assert rows(client.cancel_all_orders(category="linear", symbol=PERP))[0]["orderId"] == maker
    crossing = place(client, "Buy", "Limit", "0.01", price=tick_of(ask, 1.001, 1), timeInForce="PostOnly")
    assert order(story, client, crossing, "Cancelled")["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"
    story.passed("limit, post-only, amend and cancel")


def partial(story: Story, client: HTTP) -> None:
    """An order larger than what is offered at its price fills in part, rests, and its rest is cancelled."""

    def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        number = place(client, "Buy", "Limit", "30", price=quote(client, "linear", PERP)[1])
        seen = order(story, client, number, "New", "PartiallyFilled", "Filled")["orderStatus"]
        cancelled(story, client, number)
        filled = order(story, client, number, "Cancelled", "Filled")["cumExecQty"]
        if float(filled):
            place(client, "Sell", "Market", filled, reduceOnly=True)
        return float(filled) if seen == "PartiallyFilled" and float(filled) < 30 else 0

    story.passed("partial fill", story.until("a partial fill", part))


def taking(story: Story, client: HTTP) -> None:
    """IOC and market orders open a position."""
    story.until("flat", lambda: size(client) == 0)
    _, ask = quote(client, "linear", PERP)
    taken = place(client, "Buy", "Limit", "0.02", price=tick_of(ask, 1.002, 1), timeInForce="IOC")
    order(story, client, taken, "Filled")
    missed = place(client, "Buy", "Limit", "0.02", price=tick_of(ask, 0.99, 1), timeInForce="IOC")
    order(story, client, missed, "Cancelled")
    order(story, client, place(client, "Buy", "Market", "0.01"), "Filled")
    story.until("the position", lambda: size(client) == 0.03)
    story.passed("ioc, market and position", 0.03)


def spot_and_inverse(story: Story, client: HTTP) -> None:
    """A spot purchase and an inverse short, each with its executions."""
    spot = place(client, "Buy", "Market", "0.01", category="spot", marketUnit="baseCoin")
    order(story, client, spot, "Filled", category="spot")
    coin = place(client, "Sell", "Market", "100", category="inverse", symbol=COIN)
    order(story, client, coin, "Filled", category="inverse")
    for category, symbol, number in (("spot", PERP, spot), ("inverse", COIN, coin)):
        assert rows(client.get_executions(category=category, symbol=symbol, orderId=number))
    assert rows(client.get_positions(category="inverse", symbol=COIN))[0]["side"] == "Sell"
    place(client, "Buy", "Market", "100", category="inverse", symbol=COIN, reduceOnly=True)
    story.passed("spot and inverse")


def funding(story: Story, client: HTTP) -> None:
    """A long pays a positive rate: it is in the transaction log and among the executions."""
    story.charge_funding_soon("bybit", PERP)
    paid = story.until("funding", lambda: rows(client.get_transaction_log(accountType="UNIFIED", type="SETTLEMENT")))
    assert float(paid[0]["funding"]) != 0
    assert rows(client.get_executions(category="linear", symbol=PERP, execType="Funding"))
    story.passed("funding income", paid[0]["funding"])


def closing(story: Story, client: HTTP) -> None:
    """Reduce-only closes, and the realised result is written."""
    order(story, client, place(client, "Sell", "Market", "0.03", reduceOnly=True), "Filled")
    story.until("flat", lambda: size(client) == 0)
    assert rows(client.get_closed_pnl(category="linear", symbol=PERP))
    story.passed("reduce-only and closed result")


def refusals(story: Story, client: HTTP) -> None:
    """Refusals arrive as this client's exception with the venue's code."""
    far = tick_of(quote(client, "linear", PERP)[0], 0.97, 1)
    limit = {"category": "linear", "symbol": PERP, "side": "Buy", "orderType": "Limit", "price": far}
    story.raises("quantity", InvalidRequestError, 10001, lambda: client.place_order(**limit, qty="0.0001"))
    story.raises("margin", InvalidRequestError, 110007, lambda: client.place_order(**limit, qty="650"))
    story.raises(
        "reduce-only without a position",
        InvalidRequestError,
        110017,
        lambda: client.place_order(**limit, qty="0.01", reduceOnly=True),
    )
    story.raises(
        "unknown order",
        InvalidRequestError,
        110001,
        lambda: client.cancel_order(category="linear", symbol=PERP, orderId="9b7ff0ac-0d2c-4d39-9d67-1d3f9c1a0001"),
    )
    story.raises("symbol", InvalidRequestError, 10001, lambda: client.get_orderbook(category="linear", symbol="NOSUCH"))
    story.raises("signature", InvalidRequestError, 10004, lambda: client_of(story, "x" * 36).get_account_info())


main()
