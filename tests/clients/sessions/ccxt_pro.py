"""ccxt.pro: streams and order entry by websocket on the markets of one venue at the same time, through the proxy.

Settings and what funding was paid are asked by REST, as these classes do. Spot has no leverage, modes, reduce-only,
positions or funding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt.pro
from ccxt_desks import Desk, desks, opened, settings
from story import Story, is_ordered, stopped

Rows = list[dict[str, Any]]
BOOKS = 20


async def main() -> None:
    """The session."""
    story = Story()
    async with opened(client_of(story)) as client:
        story.passed("markets", len(await client.load_markets()))
        await asyncio.gather(*(at(story, client, desk) for desk in desks()))
    async with opened(client_of(story, secret="wrong" * 4)) as stranger:
        await story.raises_async("signature", ccxt.AuthenticationError, "", stranger.fetch_balance())
    story.passed("end")


def client_of(story: Story, **more: Any) -> Any:
    """Websockets go through the proxy by `wssProxy`; the CA file is the one of REST."""
    given = settings(story, cafile=story.ca_file, wssProxy=story.proxy)
    return getattr(ccxt.pro, desks()[0].venue)({**given, **more})


async def at(story: Story, client: Any, desk: Desk) -> None:
    """The steps of one market: public streams, then orders under the eyes of the private ones."""
    await public(story, client, desk)
    if desk.is_future:
        await modes(story, client, desk)
    orders: Rows = []
    trades: Rows = []
    positions: Rows = []
    balances: Rows = []
    # Bybit has one wallet for all.
    wallet = desk.scope if desk.venue == "binance" else {}
    watching = [
        asyncio.ensure_future(kept(lambda: client.watch_orders(desk.symbol), orders)),
        asyncio.ensure_future(kept(lambda: client.watch_my_trades(desk.symbol), trades)),
        asyncio.ensure_future(kept(lambda: listed(client.watch_balance(wallet)), balances)),
    ]
    if desk.is_future:
        watching.append(asyncio.ensure_future(kept(lambda: client.watch_positions([desk.symbol]), positions)))
    try:
        await first_heard(story, client, desk, orders)
        await trading(story, client, desk, orders)
        await story.until_async(f"{desk.title}: trades", lambda: len({row["order"] for row in trades}) >= 3)
        await story.until_async(f"{desk.title}: balances", lambda: balances)
        if desk.is_future:
            held = await story.until_async(f"{desk.title}: positions", lambda: ended_flat(positions))
            story.passed(f"{desk.title}: positions", held)
        order_of_events(story, desk, orders, trades)
        await refusals(story, client, desk)
    finally:
        await stopped(*watching)


async def kept(watch: Callable[[], Awaitable[Any]], into: list[Any]) -> None:
    """Keep all that a stream tells. ccxt hands out its own growing rows, so that each is copied as it is now."""
    while True:
        into.extend([dict(row) for row in await watch()])


async def listed(balance: Awaitable[dict[str, Any]]) -> Rows:
    """A balance as a list of one."""
    return [await balance]


async def public(story: Story, client: Any, desk: Desk) -> None:
    """A book that ccxt keeps from snapshot and differences, best prices, trades of others, and the mark."""
    nonces = []
    for _ in range(BOOKS):
        book = await client.watch_order_book(desk.symbol)
        assert book["bids"][0][0] < book["asks"][0][0]
        nonces.append(book["nonce"] or book["timestamp"])
    assert is_ordered(nonces)
    ticker, trades = await asyncio.gather(client.watch_ticker(desk.symbol), client.watch_trades(desk.symbol))
    assert ticker["last"] > 0
    assert trades[0]["amount"] > 0
    story.passed(f"{desk.title}: book, ticker and trades", len(nonces))


async def modes(story: Story, client: Any, desk: Desk) -> None:
    """Leverage, margin mode and, where it is of the instrument, position mode."""
    await client.set_leverage(desk.leverage, desk.symbol)
    if desk.kind != "inverse":
        await client.set_position_mode(True, desk.symbol)
        await client.set_position_mode(False, desk.symbol)
    for mode in desk.margin_modes:
        await client.set_margin_mode(mode, desk.symbol)
    story.passed(f"{desk.title}: leverage and modes")


async def priced(client: Any, desk: Desk, side: str, factor: float) -> float:
    """A price beside the best of a side, on the tick."""
    book = await client.fetch_order_book(desk.symbol, 5)
    return float(client.price_to_precision(desk.symbol, book[side][0][0] * factor))


async def first_heard(story: Story, client: Any, desk: Desk, orders: Rows) -> None:
    """Rest and cancel orders until the private stream, which is subscribed meanwhile, tells of one."""

    async def heard() -> Rows:
        far = await priced(client, desk, "bids", 0.97)
        placed = await client.create_order(desk.symbol, "limit", "buy", desk.amount, far)
        await client.cancel_order(placed["id"], desk.symbol)
        return orders

    await story.until_async(f"{desk.title}: the private stream", heard)
    story.passed(f"{desk.title}: private stream")


async def trading(story: Story, client: Any, desk: Desk, orders: Rows) -> None:
    """Post-only and its cancel, IOC, a partial fill and market, all by websocket."""
    create, cancel = client.create_order_ws, client.cancel_order_ws
    far, above = await priced(client, desk, "bids", 0.97), await priced(client, desk, "asks", 1.002)
    maker = await create(desk.symbol, "limit", "buy", desk.amount, far, {"postOnly": True})
    await cancel(maker["id"], desk.symbol)
    await until_told(story, desk, orders, maker["id"], "canceled")
    taken = await create(desk.symbol, "limit", "buy", desk.amount, above, {"timeInForce": "IOC"})
    await until_told(story, desk, orders, taken["id"], "closed")
    story.passed(f"{desk.title}: post-only, cancel and ioc by websocket")

    async def sell(amount: float) -> None:
        # On spot the fee of a purchase was taken from it.
        sold = client.amount_to_precision(desk.symbol, amount * (1 if desk.is_future else 0.998))
        params = {"reduceOnly": True} if desk.is_future else {}
        answer = await create(desk.symbol, "market", "sell", float(sold), None, params)
        await until_told(story, desk, orders, answer["id"], "closed")

    async def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        number = (await create(desk.symbol, "limit", "buy", desk.large, await priced(client, desk, "asks", 1)))["id"]
        await until_told(story, desk, orders, number, "open", "closed")
        await story.unless_async(ccxt.OrderNotFound, "", cancel(number, desk.symbol))
        filled: float = (await until_told(story, desk, orders, number, "canceled", "closed"))["filled"]
        if filled:
            await sell(filled)
        was_part = [row for row in orders if row["id"] == number and row["status"] == "open" and row["filled"]]
        return filled if was_part and filled < desk.large else 0

    story.passed(f"{desk.title}: partial fill", await story.until_async(f"{desk.title}: a part", part))
    if desk.is_future:
        story.charge_funding_soon(desk.venue, desk.name)
        paid = await story.until_async("funding", lambda: client.fetch_funding_history(desk.symbol))
        assert paid[-1]["amount"] != 0
        story.passed(f"{desk.title}: funding income", paid[-1]["amount"])
    await sell(desk.amount)
    story.passed(f"{desk.title}: {'reduce-only' if desk.is_future else 'market'}")


def ended_flat(positions: Rows) -> float:
    """The largest size that was told, once the last one told is none; 0 before."""
    sizes = [row["contracts"] or 0 for row in positions]
    return max(sizes) if sizes and not sizes[-1] else 0


async def until_told(story: Story, desk: Desk, orders: Rows, number: str, *states: str) -> dict[str, Any]:
    """The stream's word that an order is in one of these states."""

    def told() -> Rows:
        return [row for row in orders if row["id"] == number and row["status"] in states]

    row: dict[str, Any] = (await story.until_async(f"{desk.title}: {number} {states}", told))[-1]
    return row


def order_of_events(story: Story, desk: Desk, orders: Rows, trades: Rows) -> None:
    """What is filled of an order never shrinks, nothing follows its end, and trades come in their order."""
    for number in {row["id"] for row in orders}:
        rows = [row for row in orders if row["id"] == number]
        assert is_ordered([row["filled"] for row in rows]), rows
        # An order as it ended may be told again with its fee; it never opens again.
        ended = [row["status"] != "open" for row in rows]
        assert ended == sorted(ended), ended
    assert is_ordered([row["timestamp"] for row in trades])
    story.passed(f"{desk.title}: private streams in order", len(orders) + len(trades))


async def refusals(story: Story, client: Any, desk: Desk) -> None:
    """The venue's codes, told by websocket, become ccxt's exceptions.

    ccxt does not know Binance's websocket hosts by their markets: some of its codes stay an ExchangeError there.
    """
    far = await priced(client, desk, "bids", 0.97)
    create = client.create_order_ws
    poor = create(desk.symbol, "limit", "buy", desk.unaffordable, far)
    await story.raises_async(f"{desk.title}: margin", ccxt.ExchangeError, desk.poor_code, poor)
    if desk.is_future:
        reducing = create(desk.symbol, "limit", "buy", desk.amount, far, {"reduceOnly": True})
        await story.raises_async(f"{desk.title}: reduce-only", ccxt.ExchangeError, desk.reduce_code, reducing)
    unknown = client.cancel_order_ws("12345678", desk.symbol)
    await story.raises_async(f"{desk.title}: unknown order", ccxt.ExchangeError, desk.unknown_code, unknown)


asyncio.run(main())
