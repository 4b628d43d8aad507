"""python-binance's `AsyncClient`, `BinanceSocketManager` and websocket API: streams of three markets, orders by socket.

`trust_env` lets aiohttp find the proxy in the environment; the websocket library looks there by itself.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from binance.enums import FuturesType
from binance.exceptions import BinanceAPIException
from python_binance_desk import Rows, listening, sides
from story import Story, is_ordered

SYMBOL, COIN = "BTCUSDT", "BTCUSD_PERP"


async def main() -> None:
    """The session."""
    story = Story()
    client = await AsyncClient.create(story.key, story.secret, session_params={"trust_env": True})
    try:
        manager = BinanceSocketManager(client, max_queue_size=10_000)
        await reading(story, client)
        await market_streams(story, manager)
        # A quiet socket takes ten seconds to close here, so they all do it at once.
        await asyncio.gather(*(at(story, client, manager) for at in (spot, usdm, coinm)))
        await refusals(story, client)
    finally:
        await asyncio.gather(client.close_connection(), client.ws_future.close())
    story.passed("end")


async def reading(story: Story, client: AsyncClient) -> None:
    """Markets, balances, leverage and modes."""
    spot_info, usdm_info, coinm_info = await asyncio.gather(
        client.get_exchange_info(), client.futures_exchange_info(), client.futures_coin_exchange_info()
    )
    assert {SYMBOL} <= {row["symbol"] for row in spot_info["symbols"]} & {row["symbol"] for row in usdm_info["symbols"]}
    assert COIN in {row["symbol"] for row in coinm_info["symbols"]}
    story.passed("markets")
    account, balance = await asyncio.gather(client.get_account(), client.futures_account_balance())
    assert {row["asset"] for row in account["balances"]} >= {"BTC", "USDT"}
    assert any(float(row["availableBalance"]) for row in balance)
    story.passed("balances")
    assert (await client.futures_change_leverage(symbol=SYMBOL, leverage=2))["leverage"] == 2
    assert (await client.futures_coin_change_leverage(symbol=COIN, leverage=2))["leverage"] == 2
    for mode in ("ISOLATED", "CROSSED"):
        await client.futures_change_margin_type(symbol=SYMBOL, marginType=mode)
    for dual in ("true", "false"):
        await client.futures_change_position_mode(dualSidePosition=dual)
    assert not (await client.futures_get_position_mode())["dualSidePosition"]
    story.passed("leverage and modes")


async def market_streams(story: Story, manager: BinanceSocketManager) -> None:
    """Spot differences follow one another, prices come from each market, combined streams carry their names."""
    async with listening(manager.depth_socket(SYMBOL, interval=100)) as diffs:
        await story.until_async("differences", lambda: len(diffs) > 10)
        assert all(later["U"] == earlier["u"] + 1 for earlier, later in itertools.pairwise(diffs))
    coin = manager.symbol_ticker_futures_socket(COIN, futures_type=FuturesType.COIN_M)
    async with listening(manager.symbol_ticker_futures_socket(SYMBOL)) as linear, listening(coin) as inverse:
        await story.until_async("futures quotes", lambda: linear and inverse)
    combined = manager.futures_multiplex_socket(["btcusdt@markPrice@1s", "btcusdt@aggTrade"])
    async with listening(combined) as rows:
        await story.until_async("both streams", lambda: len({row["stream"] for row in rows}) == 2)
    story.passed("market streams", len(diffs))


async def spot(story: Story, client: AsyncClient, manager: BinanceSocketManager) -> None:
    """Orders by the spot websocket API, and the user stream that is subscribed there."""
    async with listening(manager.user_socket()) as heard:
        far, _, above = sides(await client.get_orderbook_ticker(symbol=SYMBOL), 2)
        maker = await client.ws_create_order(symbol=SYMBOL, side="BUY", type="LIMIT_MAKER", quantity="0.01", price=far)
        gone = await client.ws_cancel_order(symbol=SYMBOL, orderId=maker["orderId"])
        assert gone["status"] == "CANCELED"
        limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT"}
        taken = await client.ws_create_order(**limit, quantity="0.01", price=above, timeInForce="IOC")
        assert taken["status"] == "FILLED"

        async def part() -> dict[str, Any] | None:
            # The market may leave the price behind, or take all of the order; then try again at a new one.
            _, ask, _ = sides(await client.get_orderbook_ticker(symbol=SYMBOL), 2)
            made: dict[str, Any] = await client.ws_create_order(**limit, quantity="25", price=ask, timeInForce="GTC")
            which = {"symbol": SYMBOL, "orderId": made["orderId"]}
            gone = await story.unless_async(BinanceAPIException, -2011, client.ws_cancel_order(**which))
            return made if gone and made["status"] == "PARTIALLY_FILLED" else None

        large = await story.until_async("a part", part)
        await story.until_async("its cancel", lambda: ended(heard, large["orderId"]))
        sold = await client.ws_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.01")
        await story.until_async("the sale", lambda: ended(heard, sold["orderId"], "FILLED"))
        reports = [row for row in heard if row["e"] == "executionReport"]
        assert is_ordered([row["T"] for row in reports])
        for order in (maker, taken, large, sold):
            assert next(row["x"] for row in reports if row["i"] == order["orderId"]) == "NEW"
        assert [row for row in heard if row["e"] == "outboundAccountPosition"]
        story.passed("spot: orders by websocket, user stream in order", len(reports))


def ended(heard: Rows, number: int, state: str = "CANCELED") -> bool:
    """Whether a spot order was told to have ended so."""
    return any(row["e"] == "executionReport" and row["i"] == number and row["X"] == state for row in heard)


async def usdm(story: Story, client: AsyncClient, manager: BinanceSocketManager) -> None:
    """Orders by the futures websocket API under the eyes of the user stream, and funding."""
    async with listening(manager.futures_user_socket()) as heard:
        far, _, above = sides(await client.futures_orderbook_ticker(symbol=SYMBOL), 1)
        limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "newOrderRespType": "RESULT"}
        maker = await client.ws_futures_create_order(**limit, quantity="0.01", price=far, timeInForce="GTX")
        assert (await client.ws_futures_get_order(symbol=SYMBOL, orderId=maker["orderId"]))["status"] == "NEW"
        assert (await client.ws_futures_cancel_order(symbol=SYMBOL, orderId=maker["orderId"]))["status"] == "CANCELED"
        taken = await client.ws_futures_create_order(**limit, quantity="0.02", price=above, timeInForce="IOC")
        assert taken["status"] == "FILLED"

        async def part() -> float:
            # The market may leave the price behind, or take all of the order; then try again at a new one.
            _, ask, _ = sides(await client.futures_orderbook_ticker(symbol=SYMBOL), 1)
            made = await client.ws_futures_create_order(**limit, quantity="25", price=ask, timeInForce="GTC")
            await client.futures_cancel_all_open_orders(symbol=SYMBOL)
            seen = await client.ws_futures_get_order(symbol=SYMBOL, orderId=made["orderId"])
            was_part = (made["status"], seen["status"]) == ("PARTIALLY_FILLED", "CANCELED")
            return float(seen["executedQty"]) if was_part else 0

        bought = await story.until_async("a part", part)
        story.passed("usdm: post-only, cancel, ioc and partial fill by websocket", bought)
        story.charge_funding_soon("binance", SYMBOL)
        await story.until_async("funding", lambda: client.futures_income_history(incomeType="FUNDING_FEE"))
        await closed(story, client.futures_create_order, client.futures_position_information, SYMBOL)
        await story.until_async("the close", lambda: reduced(heard))
        futures_in_order(story, "usdm", heard)
        assert [row for row in heard if row["e"] == "ACCOUNT_UPDATE" and row["a"]["m"] == "FUNDING_FEE"]
        assert [row for row in heard if row["e"] == "TRADE_LITE"]
        story.passed("usdm: funding by income and stream, reduce-only")


async def coinm(story: Story, client: AsyncClient, manager: BinanceSocketManager) -> None:
    """COIN-M orders under the eyes of its user stream."""
    async with listening(manager.coin_futures_user_socket()) as heard:
        _, _, above = sides((await client.futures_coin_orderbook_ticker(symbol=COIN))[0], 1)
        taken = await client.futures_coin_create_order(
            symbol=COIN, side="BUY", type="LIMIT", quantity=3, price=above, timeInForce="IOC", newOrderRespType="RESULT"
        )
        assert taken["status"] == "FILLED"
        await closed(story, client.futures_coin_create_order, client.futures_coin_position_information, COIN)
        await story.until_async("the close", lambda: reduced(heard))
        futures_in_order(story, "coinm", heard)


async def closed(story: Story, create: Any, positions: Any, symbol: str) -> None:
    """Sell what is held, reduce-only."""
    (held,) = [row for row in await positions() if row["symbol"] == symbol and float(row["positionAmt"])]
    await create(symbol=symbol, side="SELL", type="MARKET", quantity=held["positionAmt"], reduceOnly="true")
    assert not [row for row in await positions() if float(row["positionAmt"])]


def reduced(heard: Rows) -> bool:
    """Whether a reduce-only order was told to be filled."""
    updates = [row["o"] for row in heard if row["e"] == "ORDER_TRADE_UPDATE"]
    return any(one["R"] and one["X"] == "FILLED" for one in updates)


def futures_in_order(story: Story, title: str, heard: Rows) -> None:
    """Time never goes back, every order is NEW first, and the account's update comes with each trade."""
    updates = [row for row in heard if row["e"] == "ORDER_TRADE_UPDATE"]
    assert is_ordered([row["T"] for row in updates])
    for number in {row["o"]["i"] for row in updates}:
        assert next(row["o"]["x"] for row in updates if row["o"]["i"] == number) == "NEW"
    assert [row for row in heard if row["e"] == "ACCOUNT_UPDATE" and row["a"]["m"] == "ORDER"]
    story.passed(f"{title}: user stream in order", len(updates))


async def refusals(story: Story, client: AsyncClient) -> None:
    """The venue's code is in this client's exception, by REST and by websocket."""
    huge = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "110"}
    await story.raises_async("margin", BinanceAPIException, -2019, client.futures_create_order(**huge))
    unknown = client.futures_get_order(symbol=SYMBOL, orderId=1)
    await story.raises_async("unknown order", BinanceAPIException, -2013, unknown)
    await story.raises_async("margin by socket", BinanceAPIException, -2019, client.ws_futures_create_order(**huge))


asyncio.run(main())
