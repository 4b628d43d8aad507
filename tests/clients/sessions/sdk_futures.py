"""The official binance-sdk-derivatives-trading-usds-futures: REST, websocket API and websocket streams.

All three take the proxy as a dictionary; the certificate is found in the environment.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from sdk import heard_by, proxy_of
from story import Story, is_ordered, tick_of

SYMBOL = "BTCUSDT"
Rows = list[Any]


async def main() -> None:
    """The session."""
    story = Story()
    client = client_of(story, story.secret)
    reading(story, client.rest_api)
    streams = await client.websocket_streams.create_connection()
    sockets = await client.websocket_api.create_connection()
    try:
        await market_streams(story, streams)
        heard = await heard_by(streams.user_data(client.rest_api.start_user_data_stream().data().listen_key))
        resting(story, client.rest_api)
        await by_websocket(story, client.rest_api, sockets)
        last = await holding(story, client.rest_api)
        await story.until_async("the last fill", lambda: is_filled(heard, last))
        in_order(story, heard)
        await refusals(story, client.rest_api, sockets)
    finally:
        await asyncio.gather(streams.close_connection(), sockets.close_connection())
    stranger = client_of(story, "wrong").rest_api
    story.raises("signature", (BadRequestError, UnauthorizedError), -1022, stranger.account_information_v3)
    story.passed("end")


def client_of(story: Story, secret: str) -> DerivativesTradingUsdsFutures:
    """One object for all three."""
    keys = {"api_key": story.key, "api_secret": secret, "proxy": proxy_of(story)}
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(**keys, timeout=10_000),
        config_ws_api=ConfigurationWebSocketAPI(**keys),
        config_ws_streams=ConfigurationWebSocketStreams(proxy=proxy_of(story)),
    )


def reading(story: Story, rest: Any) -> None:
    """Markets, balances, leverage and modes; what the SDK's models cannot read it refuses."""
    info = rest.exchange_information().data()
    assert SYMBOL in {row.symbol for row in info.symbols}
    assert rest.order_book(symbol=SYMBOL, limit=5).data().bids
    assert float(rest.mark_price(symbol=SYMBOL).data().actual_instance.mark_price) > 0
    story.passed("markets", len(info.symbols))
    assert float(rest.account_information_v3().data().total_wallet_balance) > 0
    assert any(float(row.balance) for row in rest.futures_account_balance_v3().data())
    story.passed("balances")
    assert rest.change_initial_leverage(symbol=SYMBOL, leverage=2).data().leverage == 2
    for mode in ("ISOLATED", "CROSSED"):
        rest.change_margin_type(symbol=SYMBOL, margin_type=mode)
    for dual in ("true", "false"):
        rest.change_position_mode(dual_side_position=dual)
    assert rest.get_current_position_mode().data().dual_side_position is False
    assert rest.notional_and_leverage_brackets(symbol=SYMBOL).data()
    story.passed("leverage and modes")


async def market_streams(story: Story, streams: Any) -> None:
    """Differences that follow one another, quotes, the mark."""
    diffs = await heard_by(streams.diff_book_depth_streams(symbol="btcusdt"))
    quotes = await heard_by(streams.individual_symbol_book_ticker_streams(symbol="btcusdt"))
    marks = await heard_by(streams.mark_price_stream(symbol="btcusdt"))
    await story.until_async("streams", lambda: len(diffs) > 5 and quotes and marks)
    assert all(later.pu == earlier.u for earlier, later in itertools.pairwise(diffs))
    story.passed("market streams", len(diffs))


def quote(rest: Any) -> tuple[str, str]:
    """Best bid and ask."""
    book = rest.order_book(symbol=SYMBOL, limit=5).data()
    return book.bids[0][0], book.asks[0][0]


def place(rest: Any, side: str, quantity: float, price: str = "", tif: str = "GTC", **more: Any) -> Any:
    """A new order, answered with what became of it at once."""
    kind = {"type": "LIMIT", "price": price, "time_in_force": tif} if price else {"type": "MARKET"}
    return rest.new_order(
        symbol=SYMBOL, side=side, quantity=quantity, new_order_resp_type="RESULT", **kind, **more
    ).data()


def resting(story: Story, rest: Any) -> None:
    """Limit and post-only that rest, cancel, a partial fill, IOC that fills or misses."""
    far = tick_of(quote(rest)[0], 0.97, 1)
    one, maker = place(rest, "BUY", 0.01, far), place(rest, "BUY", 0.01, far, "GTX")
    assert rest.cancel_order(symbol=SYMBOL, order_id=one.order_id).data().status == "CANCELED"
    rest.cancel_all_open_orders(symbol=SYMBOL)
    assert rest.query_order(symbol=SYMBOL, order_id=maker.order_id).data().status == "CANCELED"
    story.passed("limit, post-only and cancel")

    def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        made = place(rest, "BUY", 25, quote(rest)[1])
        which = {"symbol": SYMBOL, "order_id": made.order_id}
        gone = story.unless(BadRequestError, -2011, lambda: rest.cancel_order(**which).data())
        bought = float((gone or rest.query_order(**which).data()).executed_qty)
        if bought:
            assert place(rest, "SELL", bought, reduce_only="true").status == "FILLED"
        return bought if gone and made.status == "PARTIALLY_FILLED" else 0

    story.passed("partial fill and reduce-only", story.until("a part", part))
    ask = quote(rest)[1]
    assert place(rest, "BUY", 0.02, tick_of(ask, 1.002, 1), "IOC").status == "FILLED"
    assert place(rest, "BUY", 0.02, tick_of(ask, 0.99, 1), "IOC").status == "EXPIRED"
    story.passed("ioc")


async def by_websocket(story: Story, rest: Any, sockets: Any) -> None:
    """Order entry, query and cancel by the websocket API."""
    far = float(tick_of(quote(rest)[0], 0.97, 1))
    answer = await sockets.new_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", quantity=0.01, price=far, time_in_force="GTC"
    )
    number = answer.data().result.order_id
    assert (await sockets.query_order(symbol=SYMBOL, order_id=number)).data().result.status == "NEW"
    assert (await sockets.cancel_order(symbol=SYMBOL, order_id=number)).data().result.status == "CANCELED"
    assert (await sockets.account_information_v2()).data().result.assets
    assert answer.rate_limits
    story.passed("orders by websocket")


async def holding(story: Story, rest: Any) -> int:
    """A market order, the position, its funding, reduce-only, and the records; answers the last order's id."""
    assert place(rest, "BUY", 0.01).status == "FILLED"
    (held,) = rest.position_information_v3(symbol=SYMBOL).data()
    assert float(held.position_amt) == 0.03
    story.charge_funding_soon("binance", SYMBOL)
    paid = await story.until_async("funding", lambda: rest.get_income_history(income_type="FUNDING_FEE").data())
    assert float(paid[-1].income) < 0
    story.passed("market, position and funding income", paid[-1].income)
    closed = place(rest, "SELL", 0.03, reduce_only="true")
    assert closed.status == "FILLED"
    assert not rest.position_information_v3(symbol=SYMBOL).data()
    assert is_ordered([row.id for row in rest.account_trade_list(symbol=SYMBOL).data()])
    story.passed("reduce-only and trades")
    number: int = closed.order_id
    return number


def orders_of(heard: Rows) -> Rows:
    """The orders of the order updates."""
    return [row.actual_instance.o for row in heard if type(row.actual_instance).__name__ == "OrderTradeUpdate"]


def is_filled(heard: Rows, number: int) -> bool:
    """Whether an order was told to be filled."""
    return any(one.i == number and one.X == "FILLED" for one in orders_of(heard))


def in_order(story: Story, heard: Rows) -> None:
    """Every order is NEW first, its trades' times never go back, and the account's updates come with them."""
    updates = orders_of(heard)
    assert is_ordered([one.T for one in updates])
    for number in {one.i for one in updates}:
        assert next(one.x for one in updates if one.i == number) == "NEW"
    reasons = {row.actual_instance.a.m for row in heard if type(row.actual_instance).__name__ == "AccountUpdate"}
    assert reasons >= {"ORDER", "FUNDING_FEE"}, reasons
    story.passed("user stream in order", len(updates))


async def refusals(story: Story, rest: Any, sockets: Any) -> None:
    """REST raises with the venue's code; the websocket API answers with its error."""
    story.raises("margin", BadRequestError, -2019, lambda: place(rest, "BUY", 119))
    story.raises("unknown order", BadRequestError, -2013, lambda: rest.query_order(symbol=SYMBOL, order_id=1))
    story.raises("reduce-only", BadRequestError, -2022, lambda: place(rest, "SELL", 0.01, reduce_only="true"))
    story.raises("symbol", BadRequestError, -1121, lambda: rest.order_book(symbol="NOSUCH"))
    refused = await sockets.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=119)
    assert refused.data()["error"]["code"] == -2019
    story.passed("refused by websocket", -2019)


asyncio.run(main())
