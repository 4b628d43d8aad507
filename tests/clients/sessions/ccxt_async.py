"""ccxt, asynchronous: the markets of one venue at the same time, through the proxy with real host names over TLS.

The streams are in `ccxt_pro.py`. Spot has no leverage, modes, reduce-only, positions or funding.
"""

from __future__ import annotations

import asyncio
from typing import Any

import ccxt.async_support as ccxt
from ccxt_desks import Desk, desks, opened, settings
from story import Story, is_ordered


async def main() -> None:
    """The session."""
    story = Story()
    async with opened(client_of(story)) as client:
        markets = await client.load_markets()
        story.passed("markets", len(markets))
        await asyncio.gather(*(at(story, client, desk) for desk in desks()))
        await story.raises_async("symbol", ccxt.BadSymbol, "", client.fetch_ticker("NO/SUCH"))
    async with opened(client_of(story, secret="wrong" * 4)) as stranger:
        await story.raises_async("signature", ccxt.AuthenticationError, "", stranger.fetch_balance())
    story.passed("end")


def client_of(story: Story, **more: Any) -> Any:
    """The asynchronous classes take the CA file as `cafile`."""
    return getattr(ccxt, desks()[0].venue)({**settings(story, cafile=story.ca_file), **more})


async def at(story: Story, client: Any, desk: Desk) -> None:
    """The steps of one market."""
    await reading(story, client, desk)
    if desk.is_future:
        await modes(story, client, desk)
    await resting(story, client, desk)
    await partial(story, client, desk)
    await taking(story, client, desk)
    if desk.is_future:
        await position(story, client, desk)
    await refusals(story, client, desk)


async def quotes(client: Any, desk: Desk) -> tuple[float, float]:
    """Best bid and ask."""
    book = await client.fetch_order_book(desk.symbol, 5)
    return book["bids"][0][0], book["asks"][0][0]


def priced(client: Any, desk: Desk, price: float) -> float:
    """A price on the tick."""
    return float(client.price_to_precision(desk.symbol, price))


async def reading(story: Story, client: Any, desk: Desk) -> None:
    """Market data and balances, asked at once."""
    (bid, ask), ticker, candles, balance = await asyncio.gather(
        quotes(client, desk),
        client.fetch_ticker(desk.symbol),
        client.fetch_ohlcv(desk.symbol, "1m", limit=2),
        client.fetch_balance(desk.scope),
    )
    assert 0 < bid < ask
    assert ticker["last"] > 0
    assert candles
    assert balance[client.market(desk.symbol)["settle"] or "USDT"]["total"] > 0
    story.passed(f"{desk.title}: quotes and balances")


async def modes(story: Story, client: Any, desk: Desk) -> None:
    """Leverage, margin mode and, where it is of the instrument, position mode."""
    await client.set_leverage(desk.leverage, desk.symbol)
    if desk.kind != "inverse":
        await client.set_position_mode(True, desk.symbol)
        await client.set_position_mode(False, desk.symbol)
    for mode in desk.margin_modes:
        await client.set_margin_mode(mode, desk.symbol)
    story.passed(f"{desk.title}: leverage and modes")


async def order(story: Story, client: Any, desk: Desk, number: str, *states: str) -> dict[str, Any]:
    """The order, once it is in one of these states."""

    async def seen() -> list[dict[str, Any]]:
        found = await client.fetch_order(number, desk.symbol, desk.asking)
        return [found] if found["status"] in states else []

    answer: dict[str, Any] = (await story.until_async(f"{desk.title}: {number} {states}", seen))[0]
    return answer


async def resting(story: Story, client: Any, desk: Desk) -> None:
    """Limit and post-only orders rest, are listed and cancelled together."""
    far = priced(client, desk, (await quotes(client, desk))[0] * 0.97)
    placed = [
        await client.create_order(desk.symbol, "limit", "buy", desk.amount, far, params)
        for params in ({}, {"postOnly": True})
    ]
    opened = {row["id"] for row in await client.fetch_open_orders(desk.symbol)}
    assert opened == {row["id"] for row in placed}
    await client.cancel_order(placed[0]["id"], desk.symbol)
    await client.cancel_all_orders(desk.symbol)
    for row in placed:
        await order(story, client, desk, row["id"], "canceled")
    story.passed(f"{desk.title}: limit, post-only and cancel")


async def partial(story: Story, client: Any, desk: Desk) -> None:
    """An order larger than what its price offers fills in part and rests; its rest is cancelled, the fill sold."""

    async def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        _, ask = await quotes(client, desk)
        number = (await client.create_order(desk.symbol, "limit", "buy", desk.large, ask))["id"]
        seen = await client.fetch_order(number, desk.symbol, desk.asking)
        await story.unless_async(ccxt.OrderNotFound, "", client.cancel_order(number, desk.symbol))
        filled: float = (await order(story, client, desk, number, "canceled", "closed"))["filled"]
        if filled:
            await client.create_order(desk.symbol, "market", "sell", sellable(client, desk, filled))
        return filled if seen["status"] == "open" and 0 < seen["filled"] <= filled < desk.large else 0

    story.passed(f"{desk.title}: partial fill", await story.until_async("a part", part))


def sellable(client: Any, desk: Desk, amount: float) -> float:
    """What is left of a purchase: on spot its fee was taken from it."""
    return float(client.amount_to_precision(desk.symbol, amount if desk.is_future else amount * 0.998))


async def taking(story: Story, client: Any, desk: Desk) -> None:
    """IOC that fills, IOC that misses, market; then the trades in order."""
    _, ask = await quotes(client, desk)
    prices = (priced(client, desk, ask * 1.002), priced(client, desk, ask * 0.99))
    taken, missed = [
        await client.create_order(desk.symbol, "limit", "buy", desk.amount, price, {"timeInForce": "IOC"})
        for price in prices
    ]
    assert (await order(story, client, desk, taken["id"], "closed"))["filled"] == desk.amount
    assert (await order(story, client, desk, missed["id"], "canceled", "expired"))["filled"] == 0
    sold = await client.create_order(desk.symbol, "market", "sell", sellable(client, desk, desk.amount))
    await order(story, client, desk, sold["id"], "closed")
    trades = await client.fetch_my_trades(desk.symbol)
    assert is_ordered([row["timestamp"] for row in trades])
    assert {taken["id"], sold["id"]} <= {row["order"] for row in trades}
    story.passed(f"{desk.title}: ioc, market and trades", len(trades))


async def position(story: Story, client: Any, desk: Desk) -> None:
    """A short with its margin, funding that it is paid, and reduce-only that closes it."""

    async def held() -> list[dict[str, Any]]:
        return [row for row in await client.fetch_positions([desk.symbol], desk.scope) if row["contracts"]]

    async def is_flat() -> bool:
        return not await held()

    await client.create_order(desk.symbol, "market", "sell", desk.amount)
    (row,) = await story.until_async("the position", held)
    assert (row["side"], row["contracts"]) == ("short", desk.amount), row
    story.charge_funding_soon(desk.venue, desk.name)
    paid = await story.until_async("funding", lambda: client.fetch_funding_history(desk.symbol))
    assert paid[-1]["amount"] != 0
    await client.create_order(desk.symbol, "market", "buy", desk.amount, None, {"reduceOnly": True})
    await story.until_async("flat", is_flat)
    story.passed(f"{desk.title}: position, funding income and reduce-only", paid[-1]["amount"])


async def refusals(story: Story, client: Any, desk: Desk) -> None:
    """The venue's codes become ccxt's exceptions."""
    far = priced(client, desk, (await quotes(client, desk))[0] * 0.97)
    await story.raises_async(
        f"{desk.title}: margin",
        ccxt.InsufficientFunds,
        "",
        client.create_order(desk.symbol, "limit", "buy", desk.unaffordable, far),
    )
    if desk.is_future:
        reducing = client.create_order(desk.symbol, "limit", "buy", desk.amount, far, {"reduceOnly": True})
        await story.raises_async(f"{desk.title}: reduce-only", ccxt.InvalidOrder, "", reducing)
    unknown = client.cancel_order("12345678", desk.symbol)
    await story.raises_async(f"{desk.title}: unknown order", ccxt.OrderNotFound, "", unknown)


asyncio.run(main())
