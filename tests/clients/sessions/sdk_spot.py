"""The official binance-sdk-spot: REST, the websocket API with its user data stream, and websocket streams.

Spot has no leverage, modes, reduce-only, positions or funding.
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
from binance_sdk_spot.spot import Spot
from sdk import heard_by, proxy_of
from story import Story, is_ordered, tick_of

SYMBOL = "BTCUSDT"


async def main() -> None:
    """The session."""
    story = Story()
    client = client_of(story, story.secret)
    reading(story, client.rest_api)
    streams = await client.websocket_streams.create_connection()
    sockets = await client.websocket_api.create_connection()
    try:
        await market_streams(story, streams)
        subscribed = await sockets.user_data_stream_subscribe_signature()
        heard: list[Any] = []
        subscribed.stream.on("message", heard.append)
        resting(story, client.rest_api)
        last = await by_websocket(story, client.rest_api, sockets)
        await story.until_async("the last cancel", lambda: [row for row in reports(heard) if ends(row, last)])
        in_order(story, heard)
        await refusals(story, client.rest_api, sockets)
    finally:
        await asyncio.gather(streams.close_connection(), sockets.close_connection())
    stranger = client_of(story, "wrong").rest_api
    story.raises("signature", (BadRequestError, UnauthorizedError), -1022, stranger.get_account)
    story.passed("end")


def client_of(story: Story, secret: str) -> Spot:
    """One object for all three."""
    keys = {"api_key": story.key, "api_secret": secret, "proxy": proxy_of(story)}
    return Spot(
        config_rest_api=ConfigurationRestAPI(**keys, timeout=10_000),
        config_ws_api=ConfigurationWebSocketAPI(**keys),
        config_ws_streams=ConfigurationWebSocketStreams(proxy=proxy_of(story)),
    )


def reading(story: Story, rest: Any) -> None:
    """Markets and balances."""
    (market,) = rest.exchange_info(symbol=SYMBOL).data().symbols
    assert market.status == "TRADING"
    assert rest.depth(symbol=SYMBOL, limit=5).data().bids
    assert rest.klines(symbol=SYMBOL, interval="1m", limit=2).data()
    story.passed("markets", market.symbol)
    account = rest.get_account(omit_zero_balances="true").data()
    assert {row.asset for row in account.balances} >= {"BTC", "USDT"}
    assert rest.account_commission(symbol=SYMBOL).data().standard_commission.taker
    story.passed("balances")


async def market_streams(story: Story, streams: Any) -> None:
    """Differences that follow one another, quotes and trades."""
    diffs = await heard_by(streams.diff_book_depth(symbol="btcusdt"))
    quotes = await heard_by(streams.book_ticker(symbol="btcusdt"))
    trades = await heard_by(streams.trade(symbol="btcusdt"))
    await story.until_async("streams", lambda: len(diffs) > 2 and quotes and trades)
    assert all(later.U == earlier.u + 1 for earlier, later in itertools.pairwise(diffs))
    assert is_ordered([row.t for row in trades])
    story.passed("market streams", len(diffs))


def quote(rest: Any) -> tuple[str, str]:
    """Best bid and ask."""
    book = rest.depth(symbol=SYMBOL, limit=5).data()
    return book.bids[0][0], book.asks[0][0]


def place(rest: Any, side: str, quantity: float, price: str = "", tif: str = "GTC") -> Any:
    """A new order, answered in full."""
    kind = {"type": "LIMIT", "price": price, "time_in_force": tif} if price else {"type": "MARKET"}
    return rest.new_order(symbol=SYMBOL, side=side, quantity=quantity, new_order_resp_type="FULL", **kind).data()


def resting(story: Story, rest: Any) -> None:
    """Limit and post-only that rest, cancel, a partial fill, market, IOC that fills or misses, trades."""
    far = tick_of(quote(rest)[0], 0.97, 2)
    one = place(rest, "BUY", 0.01, far)
    maker = rest.new_order(symbol=SYMBOL, side="BUY", type="LIMIT_MAKER", quantity=0.01, price=far).data()
    assert {row.order_id for row in rest.get_open_orders(symbol=SYMBOL).data()} == {one.order_id, maker.order_id}
    assert rest.delete_order(symbol=SYMBOL, order_id=one.order_id).data().status == "CANCELED"
    rest.delete_open_orders(symbol=SYMBOL)
    assert rest.get_order(symbol=SYMBOL, order_id=maker.order_id).data().status == "CANCELED"
    story.passed("limit, post-only and cancel")

    def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        made = place(rest, "BUY", 25, quote(rest)[1])
        which = {"symbol": SYMBOL, "order_id": made.order_id}
        gone = story.unless(BadRequestError, -2011, lambda: rest.delete_order(**which).data())
        bought = float((gone or rest.get_order(**which).data()).executed_qty)
        if bought:
            sold = place(rest, "SELL", round(bought * 0.998, 5))
            assert sold.status == "FILLED"
            assert abs(sum(float(fill.qty) for fill in sold.fills) - float(sold.executed_qty)) < 1e-9
        return bought if gone and made.status == "PARTIALLY_FILLED" else 0

    story.passed("partial fill and market", story.until("a part", part))
    ask = quote(rest)[1]
    assert place(rest, "BUY", 0.01, tick_of(ask, 1.002, 2), "IOC").status == "FILLED"
    assert place(rest, "BUY", 0.01, tick_of(ask, 0.99, 2), "IOC").status == "EXPIRED"
    assert is_ordered([row.id for row in rest.my_trades(symbol=SYMBOL).data()])
    story.passed("ioc and trades")


async def by_websocket(story: Story, rest: Any, sockets: Any) -> int:
    """Order entry, query and cancel by the websocket API; answers the order's id."""
    far = float(tick_of(quote(rest)[0], 0.97, 2))
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}
    placed = await sockets.order_place(**limit, quantity=0.01, price=far)
    number: int = placed.data().result.order_id
    assert (await sockets.order_status(symbol=SYMBOL, order_id=number)).data().result.status == "NEW"
    assert (await sockets.account_status()).data().result.can_trade
    await sockets.order_cancel(symbol=SYMBOL, order_id=number)
    assert placed.rate_limits
    story.passed("orders by websocket")
    return number


def reports(heard: list[Any]) -> list[Any]:
    """The execution reports of what was heard."""
    events = [row.actual_instance for row in heard]
    return [one for one in events if type(one).__name__ == "ExecutionReport"]


def ends(report: Any, number: int) -> bool:
    """Whether a report says that the order was cancelled."""
    return bool(report.i == number and report.X == "CANCELED")


def in_order(story: Story, heard: list[Any]) -> None:
    """Every order is NEW first, reports come in the order of their times, and balances with them."""
    rows = reports(heard)
    assert is_ordered([row.T for row in rows])
    for number in {row.i for row in rows}:
        assert next(row.x for row in rows if row.i == number) == "NEW"
    assert [row for row in heard if type(row.actual_instance).__name__ == "OutboundAccountPosition"]
    story.passed("user stream in order", len(rows))


async def refusals(story: Story, rest: Any, sockets: Any) -> None:
    """REST raises with the venue's code; the websocket API answers with its error."""
    story.raises("balance", BadRequestError, -2010, lambda: place(rest, "SELL", 100))
    story.raises("notional", BadRequestError, -1013, lambda: place(rest, "BUY", 0.01, "100.00"))
    story.raises("unknown order", BadRequestError, -2013, lambda: rest.get_order(symbol=SYMBOL, order_id=1))
    story.raises("cancel", BadRequestError, -2011, lambda: rest.delete_order(symbol=SYMBOL, order_id=1))
    story.raises("symbol", BadRequestError, -1121, lambda: rest.depth(symbol="NOSUCH"))
    refused = await sockets.order_place(symbol=SYMBOL, side="SELL", type="MARKET", quantity=100)
    assert refused.data()["error"]["code"] == -2010
    story.passed("refused by websocket", -2010)


asyncio.run(main())
