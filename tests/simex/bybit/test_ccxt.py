"""ccxt's bybit, unmodified, over TLS and the real host names: what a stranger's client does must work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro
import pytest

from bot.simex.bybit.dialect import Behaviour
from bot.simex.config import ApiKey, KeySpec
from bot.simex.core.order import SELL
from tests.simex.bybit.served import Served, serving
from tests.simex.bybit.stage import KEY, PERP, SECRET

LINEAR, SPOT, INVERSE = "BTC/USDT:USDT", "BTC/USDT", "BTC/USD:BTC"
WAIT_S = 20.0


class Desk:
    """A ccxt exchange on a served dialect."""

    def __init__(self, served: Served, exchange: Any) -> None:
        self.served, self.ex = served, exchange


THEIRS = ApiKey.made(KeySpec("theirs", account="alice", kind="rsa"))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A ccxt.pro bybit with its markets loaded."""
    async with serving(tmp_path, Behaviour(limits_factor=10), (THEIRS,)) as (served, session):
        exchange = ccxt.pro.bybit({"apiKey": KEY, "secret": SECRET, "session": session, "enableRateLimit": False})
        try:
            await exchange.load_markets()
            yield Desk(served, exchange)
        finally:
            await exchange.close()


async def within(awaitable: Any) -> Any:
    """A result that does not take long."""
    async with asyncio.timeout(WAIT_S):
        return await awaitable


async def test_markets_and_currencies(desk: Desk) -> None:
    """Spot, linear and inverse with the exchange's own filters, with keys and so with currencies."""
    markets = desk.ex.markets

    assert {SPOT, LINEAR, INVERSE, "ETH/USDT:USDT"} <= set(markets)
    assert (0.001, 0.1, 1.0, True) == (
        markets[LINEAR]["precision"]["amount"],
        markets[LINEAR]["precision"]["price"],
        markets[LINEAR]["contractSize"],
        markets[LINEAR]["active"],
    )
    assert (True, False) == (markets[INVERSE]["inverse"], markets[SPOT]["contract"])
    assert {"BTC", "ETH", "USDT"} <= set(desk.ex.currencies)


async def test_public_data(desk: Desk) -> None:
    """Books, tickers, candles, trades, funding, open interest, tiers and the clock."""
    book = await desk.ex.fetch_order_book(LINEAR, 50)
    ticker = await desk.ex.fetch_ticker(LINEAR)
    candles = await desk.ex.fetch_ohlcv(LINEAR, "1h", limit=10)
    funding = await desk.ex.fetch_funding_rate(LINEAR)
    past = await desk.ex.fetch_funding_rate_history(LINEAR, limit=5)
    interest = await desk.ex.fetch_open_interest(LINEAR)
    tiers = await desk.ex.fetch_market_leverage_tiers(LINEAR)

    assert (59_999.0, 60_001.0, 50) == (book["bids"][0][0], book["asks"][0][0], len(book["bids"]))
    assert (59_999.0, 60_001.0) == (ticker["bid"], ticker["ask"])
    assert 10 == len(candles)
    assert ("8h", 60_000.0) == (funding["interval"], funding["markPrice"])
    assert 5 == len(past)
    assert interest["openInterestAmount"] > 0
    assert tiers[0]["maintenanceMarginRate"] == 0.005
    assert abs(await desk.ex.fetch_time() - desk.served.stage.now_ms) < 1_000
    assert {SPOT, "ETH/USDT"} <= set(await desk.ex.fetch_tickers([SPOT, "ETH/USDT"]))


async def test_a_hedge(desk: Desk) -> None:
    """Sell by IOC; order, trade, position, balance and ledger agree."""
    made = await desk.ex.create_order(
        LINEAR, "limit", "sell", 0.5, 59_990, {"timeInForce": "IOC", "clientOrderId": "tt1"}
    )
    order = await desk.ex.fetch_order(made["id"], LINEAR, {"acknowledged": True})
    (trade,) = await desk.ex.fetch_my_trades(LINEAR)
    (position,) = await desk.ex.fetch_positions([LINEAR])
    balance = await desk.ex.fetch_balance()
    ledger = await desk.ex.fetch_ledger("USDT")

    assert ("closed", 0.5, 59_999.0, "tt1") == tuple(
        order[name] for name in ("status", "filled", "average", "clientOrderId")
    )
    assert (59_999.0, "USDT", made["id"]) == (trade["price"], trade["fee"]["currency"], trade["order"])
    assert ("short", 0.5, 59_999.0, 20.0) == tuple(
        position[name] for name in ("side", "contracts", "entryPrice", "leverage")
    )
    assert balance["USDT"]["total"] == pytest.approx(100_000 - trade["fee"]["cost"], abs=1e-6)
    assert ledger[-1]["amount"] == pytest.approx(trade["fee"]["cost"], abs=1e-6)


async def test_take_profit_and_stop_loss(desk: Desk) -> None:
    """Attached to an order as ccxt writes them: they are the order's until it fills, and the position's then."""
    attached = {"takeProfit": {"triggerPrice": 62_000}, "stopLoss": {"triggerPrice": 58_000}}
    made = await desk.ex.create_order(LINEAR, "limit", "buy", 0.1, 59_000, attached)
    order = await desk.ex.fetch_open_order(made["id"], LINEAR)
    await desk.ex.cancel_order(made["id"], LINEAR)
    await desk.ex.create_order(LINEAR, "market", "buy", 0.1, None, attached)
    (position,) = await desk.ex.fetch_positions([LINEAR])
    stops = await desk.ex.fetch_open_orders(LINEAR, params={"trigger": True})

    assert (62_000.0, 58_000.0) == (order["takeProfitPrice"], order["stopLossPrice"])
    assert (62_000.0, 58_000.0) == (position["takeProfitPrice"], position["stopLossPrice"])
    assert {("sell", True, 62_000.0), ("sell", True, 58_000.0)} == {
        (row["side"], row["reduceOnly"], row["triggerPrice"]) for row in stops
    }
    await desk.ex.create_order(LINEAR, "market", "sell", 0.1, None, {"reduceOnly": True})
    assert [] == await desk.ex.fetch_open_orders(LINEAR, params={"trigger": True})


async def test_isolated_margin(desk: Desk) -> None:
    """Chosen for the account; leverage, added margin, the position's own figures; refused while one is open."""
    await desk.ex.set_margin_mode("isolated")
    await desk.ex.set_leverage(10, LINEAR)
    await desk.ex.create_order(LINEAR, "market", "buy", 0.5)
    (before,) = await desk.ex.fetch_positions([LINEAR])
    await desk.ex.private_post_v5_position_add_margin({"category": "linear", "symbol": "BTCUSDT", "margin": "500"})
    (position,) = await desk.ex.fetch_positions([LINEAR])
    balance = await desk.ex.fetch_balance()

    assert (3_000.05, 3_500.05) == (before["initialMargin"], position["initialMargin"])
    # 3500.05 + 0.5 (P - 60001) = 0.005 x 0.5 P
    assert position["liquidationPrice"] == pytest.approx((30_000.5 - 3_500.05) / 0.4975, abs=0.1)
    assert balance["USDT"]["used"] == pytest.approx(3_500.05)
    with pytest.raises(ccxt.pro.ExchangeError, match="3400045"):
        await desk.ex.set_margin_mode("cross")
    await desk.ex.create_order(LINEAR, "market", "sell", 0.5, None, {"reduceOnly": True})
    await desk.ex.set_margin_mode("cross")


async def test_a_trailing_stop(desk: Desk) -> None:
    """As ccxt places one: the position has it, and the open orders."""
    await desk.ex.create_order(LINEAR, "market", "buy", 0.1)
    await desk.ex.create_order(LINEAR, "market", "sell", 0.1, None, {"trailingAmount": 600})
    (stop,) = await desk.ex.fetch_open_orders(LINEAR, params={"trigger": True})
    (position,) = await desk.ex.fetch_positions([LINEAR])

    assert ("sell", True, "TrailingStop", "600.0") == (
        stop["side"],
        stop["reduceOnly"],
        stop["info"]["stopOrderType"],
        position["info"]["trailingStop"],
    )


async def test_a_key_of_the_clients_own(desk: Desk) -> None:
    """ccxt signs with the private half of an RSA key, which the venue has the public half of."""
    desk.ex.apiKey, desk.ex.secret = THEIRS.key, THEIRS.secret

    assert 100_000.0 == (await desk.ex.fetch_balance())["USDT"]["total"]
    desk.ex.secret = ApiKey.made(KeySpec("another", kind="rsa")).secret
    with pytest.raises(ccxt.pro.AuthenticationError):
        await desk.ex.fetch_balance()


async def test_resting_amending_cancelling(desk: Desk) -> None:
    """A resting order is listed, moved, and cancelled once."""
    made = await desk.ex.create_order(LINEAR, "limit", "buy", 0.1, 59_000, {"postOnly": True})
    await desk.ex.edit_order(made["id"], LINEAR, "limit", "buy", 0.2, 58_900)
    (row,) = await desk.ex.fetch_open_orders(LINEAR)
    await desk.ex.cancel_order(made["id"], LINEAR)

    assert (58_900.0, 0.2, "open", "PO") == (row["price"], row["amount"], row["status"], row["timeInForce"])
    with pytest.raises(ccxt.pro.OrderNotFound):
        await desk.ex.cancel_order(made["id"], LINEAR)
    await desk.ex.create_order(LINEAR, "limit", "buy", 0.1, 59_000)
    await desk.ex.create_order(SPOT, "limit", "buy", 0.01, 59_000)
    assert 1 == len(await desk.ex.cancel_all_orders(LINEAR))
    assert [] == await desk.ex.fetch_open_orders(LINEAR)
    assert 1 == len(await desk.ex.fetch_open_orders(SPOT))
    assert {"canceled"} == {one["status"] for one in await desk.ex.fetch_canceled_orders(LINEAR)}


async def test_settings(desk: Desk) -> None:
    """Leverage, position mode, a stop, fees, a transfer."""
    await desk.ex.set_leverage(5, LINEAR)
    await desk.ex.set_position_mode(True, LINEAR)
    await desk.ex.set_position_mode(False, LINEAR)
    await desk.ex.create_order(SPOT, "market", "buy", 0.1, None)
    fee = await desk.ex.fetch_trading_fee(LINEAR)
    moved = await desk.ex.transfer("USDT", 100, "unified", "fund")

    assert 5.0 == (await desk.ex.fetch_leverage(LINEAR))["longLeverage"]
    assert (0.0002, 0.00055) == (fee["maker"], fee["taker"])
    assert "ok" == moved["status"]
    assert 100.0 == (await desk.ex.fetch_balance({"type": "fund"}))["USDT"]["total"]


@pytest.mark.parametrize(
    ("symbol", "amount", "price", "params", "error"),
    [
        (LINEAR, 500.0, 59_000, {}, "InsufficientFunds"),
        (LINEAR, 0.1, 70_000, {}, "ExchangeError"),
        (LINEAR, 0.1, 59_000, {"reduceOnly": True}, "InvalidOrder"),
        (SPOT, 10.0, 59_000, {}, "InsufficientFunds"),
    ],
)
async def test_refusals(
    desk: Desk, symbol: str, amount: float, price: float, params: dict[str, Any], error: str
) -> None:
    """Codes come as the exceptions that ccxt has for them."""
    with pytest.raises(getattr(ccxt.pro, error)) as caught:
        await desk.ex.create_order(symbol, "limit", "buy", amount, price, params)

    assert error == type(caught.value).__name__


async def test_a_wrong_secret(desk: Desk) -> None:
    """It is an authentication error."""
    desk.ex.secret = "wrong"
    with pytest.raises(ccxt.pro.AuthenticationError):
        await desk.ex.fetch_balance()


async def test_the_synchronous_client(desk: Desk) -> None:
    """The blocking ccxt trades over the plain port."""
    port = desk.served.plain["api.bybit.com"]

    def session() -> tuple[float, str, str]:
        exchange = ccxt.bybit({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False})
        exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], f"http://127.0.0.1:{port}")
        exchange.load_markets()
        made = exchange.create_order(LINEAR, "market", "sell", 0.1)
        order = exchange.fetch_order(made["id"], LINEAR, {"acknowledged": True})
        return order["filled"], order["status"], exchange.fetch_positions([LINEAR])[0]["side"]

    assert (0.1, "closed", "short") == await asyncio.to_thread(session)


async def test_market_streams(desk: Desk) -> None:
    """Book, ticker, trades and candles arrive over the public sockets."""
    book = await within(desk.ex.watch_order_book(LINEAR, 50))
    ticker = await within(desk.ex.watch_ticker(LINEAR))
    waiting = asyncio.ensure_future(within(desk.ex.watch_trades(LINEAR)))
    await asyncio.sleep(0.2)
    desk.served.stage.strangers(PERP, SELL, "0.3")
    trades = await waiting
    spot = await within(desk.ex.watch_order_book(SPOT, 50))

    assert (59_999.0, 50) == (book["bids"][0][0], len(book["asks"]))
    assert 60_000.0 == ticker["markPrice"]
    assert ("sell", 0.3) == (trades[-1]["side"], trades[-1]["amount"])
    assert 60_001.0 == spot["asks"][0][0]


async def test_user_streams(desk: Desk) -> None:
    """Orders, fills, positions and balances arrive over the private socket."""
    watched = [
        asyncio.ensure_future(within(one))
        for one in (desk.ex.watch_orders(), desk.ex.watch_my_trades(), desk.ex.watch_balance())
    ]
    await asyncio.sleep(0.5)
    made = await desk.ex.create_order(LINEAR, "market", "sell", 0.2)
    orders, trades, balance = await asyncio.gather(*watched)

    assert made["id"] == orders[-1]["id"] == trades[-1]["order"]
    assert ("sell", 0.2) == (trades[-1]["side"], trades[-1]["amount"])
    assert balance["USDT"]["total"] < 100_000
    positions = asyncio.ensure_future(within(desk.ex.watch_positions([LINEAR])))
    await asyncio.sleep(0.3)
    await desk.ex.create_order(LINEAR, "market", "sell", 0.1)
    assert 0.3 == pytest.approx((await positions)[-1]["contracts"], abs=0.11)


async def test_orders_over_the_trade_socket(desk: Desk) -> None:
    """Created, amended and cancelled by websocket."""
    made = await within(desk.ex.create_order_ws(LINEAR, "limit", "buy", 0.1, 59_000))
    await within(desk.ex.edit_order_ws(made["id"], LINEAR, "limit", "buy", 0.1, 58_900))
    assert [58_900.0] == [row["price"] for row in await desk.ex.fetch_open_orders(LINEAR)]
    await within(desk.ex.cancel_order_ws(made["id"], LINEAR))

    assert [] == await desk.ex.fetch_open_orders(LINEAR)
