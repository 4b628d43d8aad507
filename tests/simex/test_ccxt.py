"""ccxt, unmodified, over TLS and the real host names: what a stranger's client does must work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from bot.simex.serve import Simex
from tests.simex.looks import PERPETUAL, binance
from tests.simex.pinned import running, until

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
WAIT_S = 20.0


class Desk:
    """A ccxt exchange on a running simex."""

    def __init__(self, simex: Simex, exchange: Any, symbol: str) -> None:
        self.simex, self.ex, self.symbol = simex, exchange, symbol

    async def below(self, share: str) -> float:
        """A price that share of the best bid, on the tick."""
        bid = Decimal(str((await self.ex.fetch_order_book(self.symbol, 5))["bids"][0][0]))
        return float((bid * Decimal(share)).quantize(Decimal("0.1")))


@pytest.fixture
async def perp() -> AsyncIterator[Desk]:
    async with desk_of("binanceusdm", PERP) as desk:
        yield desk


@pytest.fixture
async def spot() -> AsyncIterator[Desk]:
    async with desk_of("binance", SPOT) as desk:
        yield desk


@asynccontextmanager
async def desk_of(name: str, symbol: str) -> AsyncIterator[Desk]:
    """A ccxt class with its markets loaded."""
    async with running() as (simex, session):
        key = simex.keys["default"]
        made = {"apiKey": key.key, "secret": key.secret, "session": session, "enableRateLimit": False}
        exchange = getattr(ccxt.pro, name)(made)
        try:
            await exchange.load_markets()
            yield Desk(simex, exchange, symbol)
        finally:
            await exchange.close()


async def test_markets_and_currencies(spot: Desk) -> None:
    """Loading markets with keys, margins included, finds spot and perpetuals with the exchange's own filters."""
    spot.ex.options["fetchMargins"] = True
    markets = await spot.ex.load_markets(True)

    assert {SPOT, PERP, "ETH/USDT", "ETH/USDT:USDT"} <= set(markets)
    assert (0.00001, 0.01) == (markets[SPOT]["precision"]["amount"], markets[SPOT]["precision"]["price"])
    assert (0.001, 100.0, 1.0) == (
        markets[PERP]["precision"]["amount"],
        markets[PERP]["limits"]["cost"]["min"],
        markets[PERP]["contractSize"],
    )
    assert {"BTC", "ETH", "USDT"} <= set(spot.ex.currencies)


async def test_a_hedge_on_usdm(perp: Desk) -> None:
    """Sell by IOC, see the fill, the trade, the position with its liquidation price, and the balance less the fee."""
    order = await perp.ex.create_order(
        PERP, "limit", "sell", 0.1, await perp.below("0.999"), {"timeInForce": "IOC", "newClientOrderId": "tt1"}
    )
    found = await perp.ex.fetch_order(None, PERP, {"origClientOrderId": "tt1"})
    (trade,) = await perp.ex.fetch_my_trades(PERP)
    (position,) = await perp.ex.fetch_positions([PERP])
    balance = await perp.ex.fetch_balance()

    assert ("closed", 0.1, order["id"]) == (order["status"], order["filled"], found["id"])
    assert (order["average"], "USDT") == (trade["price"], trade["fee"]["currency"])
    assert ("short", 0.1, "cross", False) == tuple(position[k] for k in ("side", "contracts", "marginMode", "hedged"))
    assert position["liquidationPrice"] > position["markPrice"]
    assert 50_000 - trade["fee"]["cost"] == pytest.approx(balance["USDT"]["total"], abs=20)
    assert order["id"] == str(binance(perp.simex).orders.find("default", PERPETUAL, client_id="tt1").order_id)


async def test_resting_cancelling_and_lists(perp: Desk) -> None:
    """A resting order is open, found and cancelled; cancelling it again is OrderNotFound."""
    order = await perp.ex.create_order(PERP, "limit", "buy", 0.02, await perp.below("0.97"))
    opened = await perp.ex.fetch_open_orders(PERP)
    cancelled = await perp.ex.cancel_order(order["id"], PERP)

    assert [order["id"]] == [row["id"] for row in opened]
    assert "canceled" == cancelled["status"]
    with pytest.raises(ccxt.pro.OrderNotFound):
        await perp.ex.cancel_order(order["id"], PERP)
    assert [] == await perp.ex.fetch_open_orders(PERP)


@pytest.mark.parametrize(
    ("side", "amount", "share", "params", "error"),
    [
        ("buy", 0.001, "0.97", {}, "InvalidOrder"),
        ("buy", 200.0, "0.99", {}, "InsufficientFunds"),
        ("buy", 0.02, "1.01", {"timeInForce": "GTX"}, "OrderNotFillable"),
        ("buy", 0.02, "0.97", {"reduceOnly": True}, "InvalidOrder"),
    ],
)
async def test_refusals_are_what_ccxt_expects(
    perp: Desk, side: str, amount: float, share: str, params: dict[str, Any], error: str
) -> None:
    """Error codes map to the class that ccxt has for the real host names."""
    with pytest.raises(getattr(ccxt.pro, error)):
        await perp.ex.create_order(PERP, "limit", side, amount, await perp.below(share), params)


async def test_settings_and_funding(perp: Desk) -> None:
    """Leverage, position mode, tiers, funding and key restrictions are read and set through ccxt."""
    await perp.ex.set_leverage(5, PERP)
    rate = await perp.ex.fetch_funding_rate(PERP)
    tiers = await perp.ex.fetch_leverage_tiers([PERP])

    assert not (await perp.ex.fetch_position_mode())["hedged"]
    assert binance(perp.simex).accounting.rates.next_ms(PERPETUAL) == rate["fundingTimestamp"]
    assert (125.0, 0.004) == (tiers[PERP][0]["maxLeverage"], tiers[PERP][0]["maintenanceMarginRate"])
    assert [] == await perp.ex.fetch_funding_history(PERP)
    assert not (await perp.ex.sapiGetAccountApiRestrictions())["enableWithdrawals"]
    with pytest.raises(ccxt.pro.MarginModeAlreadySet):
        await perp.ex.set_margin_mode("cross", PERP)


async def test_spot_trading(spot: Desk) -> None:
    """A spot sale fills, moves both balances and is listed as a trade."""
    order = await spot.ex.create_order(SPOT, "limit", "sell", 0.1, await spot.below("0.999"), {"timeInForce": "IOC"})
    (trade,) = await spot.ex.fetch_my_trades(SPOT)
    balance = await spot.ex.fetch_balance()

    assert ("closed", 0.1) == (order["status"], order["filled"])
    assert order["cost"] == pytest.approx(trade["cost"])
    assert 0.9 == balance["BTC"]["free"]
    assert 10_000 + trade["cost"] - trade["fee"]["cost"] == pytest.approx(balance["USDT"]["free"])


@pytest.mark.parametrize(("name", "symbol"), [("binanceusdm", PERP), ("binance", SPOT)])
async def test_streams_through_ccxt(name: str, symbol: str) -> None:
    """Book, best prices, an order's fill and the balance arrive over websockets; the order goes over one as well."""
    async with desk_of(name, symbol) as desk, asyncio.timeout(WAIT_S):
        book = await desk.ex.watch_order_book(symbol)
        quotes = await desk.ex.watch_bids_asks([symbol])
        waiting = [asyncio.ensure_future(watch) for watch in (desk.ex.watch_orders(symbol), desk.ex.watch_balance())]
        await until(lambda: "user" in desk.simex.status()["connections"])
        placed = await desk.ex.create_order_ws(symbol, "limit", "sell", 0.01, await desk.below("0.999"))
        (update, *_), balance = await asyncio.gather(*waiting)

    assert book["bids"][0][0] < book["asks"][0][0]
    assert quotes[symbol]["bid"] > 0
    assert placed["id"] == update["id"]
    assert balance["USDT"]["total"] > 0


async def test_mark_price_through_ccxt(perp: Desk) -> None:
    """The mark stream carries the funding rate in its raw message."""
    mark = await asyncio.wait_for(perp.ex.watch_mark_price(PERP), WAIT_S)

    assert mark["markPrice"] > 0
    assert {"r", "T", "i"} <= set(mark["info"])
