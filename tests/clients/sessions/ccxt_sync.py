"""ccxt, synchronous: every market of one venue, through the proxy with real host names over TLS.

The streams are in `ccxt_pro.py`. Spot has no leverage, modes, reduce-only, positions or funding.
"""

from __future__ import annotations

from typing import Any

import ccxt
from ccxt_desks import Desk, desks, settings
from story import Story, is_ordered


def main() -> None:
    """The session."""
    story = Story()
    client = client_of(story, desks()[0].venue)
    markets = client.load_markets()
    story.passed("markets", len(markets))
    assert abs(client.fetch_time() - client.milliseconds()) < 5_000
    for desk in desks():
        reading(story, client, desk)
        if desk.is_future:
            modes(story, client, desk)
        resting(story, client, desk)
        partial(story, client, desk)
        taking(story, client, desk)
        if desk.is_future:
            position(story, client, desk)
        refusals(story, client, desk)
    story.raises("symbol", ccxt.BadSymbol, "", lambda: client.fetch_ticker("NO/SUCH"))
    strangers(story, desks()[0])
    story.passed("end")


def client_of(story: Story, venue: str, **more: Any) -> Any:
    """With `trust_env` ccxt lets requests find the CA file in the environment."""
    return getattr(ccxt, venue)(settings(story, requests_trust_env=True, **more))


def quotes(client: Any, desk: Desk) -> tuple[float, float]:
    """Best bid and ask."""
    book = client.fetch_order_book(desk.symbol, 5)
    return book["bids"][0][0], book["asks"][0][0]


def priced(client: Any, desk: Desk, price: float) -> float:
    """A price on the tick."""
    return float(client.price_to_precision(desk.symbol, price))


def reading(story: Story, client: Any, desk: Desk) -> None:
    """Market data and balances."""
    assert client.fetch_ticker(desk.symbol)["last"] > 0
    assert client.fetch_ohlcv(desk.symbol, "1m", limit=2)
    story.until("trades", lambda: client.fetch_trades(desk.symbol, limit=5))
    if desk.is_future:
        assert client.fetch_funding_rate(desk.symbol)["fundingTimestamp"]
        assert client.fetch_leverage_tiers([desk.symbol], desk.scope)
    coin = client.market(desk.symbol)["settle"] or "USDT"
    assert client.fetch_balance(desk.scope)[coin]["total"] > 0
    story.passed(f"{desk.title}: quotes and balances")


def modes(story: Story, client: Any, desk: Desk) -> None:
    """Leverage, margin mode and, where it is of the instrument, position mode."""
    client.set_leverage(desk.leverage, desk.symbol)
    if desk.kind != "inverse":
        client.set_position_mode(True, desk.symbol)
        client.set_position_mode(False, desk.symbol)
    for mode in desk.margin_modes:
        client.set_margin_mode(mode, desk.symbol)
    if desk.venue == "binance":
        assert not client.fetch_position_mode(desk.symbol)["hedged"]
    story.passed(f"{desk.title}: leverage and modes")


def order(story: Story, client: Any, desk: Desk, number: str, *states: str) -> dict[str, Any]:
    """The order, once it is in one of these states."""

    def seen() -> list[dict[str, Any]]:
        found = client.fetch_order(number, desk.symbol, desk.asking)
        return [found] if found["status"] in states else []

    answer: dict[str, Any] = story.until(f"{desk.title}: {number} {states}", seen)[0]
    return answer


def resting(story: Story, client: Any, desk: Desk) -> None:
    """Limit and post-only orders rest, are listed and cancelled."""
    far = priced(client, desk, quotes(client, desk)[0] * 0.97)
    for params in ({}, {"postOnly": True}):
        placed = client.create_order(desk.symbol, "limit", "buy", desk.amount, far, params)
        assert placed["id"] in [row["id"] for row in client.fetch_open_orders(desk.symbol)]
        client.cancel_order(placed["id"], desk.symbol)
        order(story, client, desk, placed["id"], "canceled")
    client.create_order(desk.symbol, "limit", "buy", desk.amount, far)
    client.cancel_all_orders(desk.symbol)
    assert not client.fetch_open_orders(desk.symbol)
    story.passed(f"{desk.title}: limit, post-only and cancel")


def partial(story: Story, client: Any, desk: Desk) -> None:
    """An order larger than what its price offers fills in part and rests; its rest is cancelled, the fill sold."""

    def part() -> float:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        number = client.create_order(desk.symbol, "limit", "buy", desk.large, quotes(client, desk)[1])["id"]
        seen = client.fetch_order(number, desk.symbol, desk.asking)
        story.unless(ccxt.OrderNotFound, "", lambda: client.cancel_order(number, desk.symbol))
        # Bybit's word for a spot order that was cancelled after it had traded is one that ccxt calls closed.
        filled: float = order(story, client, desk, number, "canceled", "closed")["filled"]
        if filled:
            client.create_order(desk.symbol, "market", "sell", sellable(client, desk, filled))
        return filled if seen["status"] == "open" and 0 < seen["filled"] <= filled < desk.large else 0

    story.passed(f"{desk.title}: partial fill", story.until("a part", part))


def sellable(client: Any, desk: Desk, amount: float) -> float:
    """What is left of a purchase: on spot its fee was taken from it."""
    return float(client.amount_to_precision(desk.symbol, amount if desk.is_future else amount * 0.998))


def taking(story: Story, client: Any, desk: Desk) -> None:
    """IOC that fills, IOC that misses, market; then the trades in order."""
    bid, ask = quotes(client, desk)
    taken = client.create_order(
        desk.symbol, "limit", "buy", desk.amount, priced(client, desk, ask * 1.002), {"timeInForce": "IOC"}
    )
    done = order(story, client, desk, taken["id"], "closed")
    assert done["filled"] == desk.amount
    assert bid * 0.99 < done["average"] < ask * 1.01
    missed = client.create_order(
        desk.symbol, "limit", "buy", desk.amount, priced(client, desk, ask * 0.99), {"timeInForce": "IOC"}
    )
    gone = story.until("the miss", lambda: client.fetch_order(missed["id"], desk.symbol, desk.asking))
    assert gone["status"] in ("canceled", "expired"), gone["status"]
    sold = client.create_order(desk.symbol, "market", "sell", sellable(client, desk, desk.amount))
    order(story, client, desk, sold["id"], "closed")
    trades = client.fetch_my_trades(desk.symbol)
    assert is_ordered([row["timestamp"] for row in trades])
    assert {taken["id"], sold["id"]} <= {row["order"] for row in trades}
    story.passed(f"{desk.title}: ioc, market and trades", len(trades))


def position(story: Story, client: Any, desk: Desk) -> None:
    """A short with its margin, funding that it is paid, and reduce-only that closes it."""
    client.create_order(desk.symbol, "market", "sell", desk.amount)
    (held,) = story.until("the position", lambda: held_of(client, desk))
    assert (held["side"], held["contracts"]) == ("short", desk.amount), held
    assert held["entryPrice"] > 0
    story.charge_funding_soon(desk.venue, desk.name)
    paid = story.until("funding", lambda: client.fetch_funding_history(desk.symbol))
    assert paid[-1]["amount"] != 0
    story.passed(f"{desk.title}: position and funding income", paid[-1]["amount"])
    client.create_order(desk.symbol, "market", "buy", desk.amount, None, {"reduceOnly": True})
    story.until("flat", lambda: not held_of(client, desk))
    story.passed(f"{desk.title}: reduce-only")


def held_of(client: Any, desk: Desk) -> list[dict[str, Any]]:
    """Positions that are not flat."""
    return [row for row in client.fetch_positions([desk.symbol], desk.scope) if row["contracts"]]


def refusals(story: Story, client: Any, desk: Desk) -> None:
    """The venue's codes become ccxt's exceptions."""
    bid, ask = quotes(client, desk)
    far = priced(client, desk, bid * 0.97)

    def refused(step: str, kind: type[Exception], *arguments: Any) -> None:
        story.raises(f"{desk.title}: {step}", kind, "", lambda: client.create_order(desk.symbol, *arguments))

    refused("margin", ccxt.InsufficientFunds, "limit", "buy", desk.unaffordable, far)
    if desk.is_future:
        refused("reduce-only", ccxt.InvalidOrder, "limit", "buy", desk.amount, far, {"reduceOnly": True})
    crossing = ("limit", "buy", desk.amount, priced(client, desk, ask * 1.001), {"postOnly": True})
    if desk.refuses_post_only:
        refused("post-only", ccxt.InvalidOrder, *crossing)
    else:
        order(story, client, desk, client.create_order(desk.symbol, *crossing)["id"], "canceled", "expired", "rejected")
    story.raises(
        f"{desk.title}: unknown order", ccxt.OrderNotFound, "", lambda: client.cancel_order("12345678", desk.symbol)
    )


def strangers(story: Story, desk: Desk) -> None:
    """A secret that is wrong."""
    client = client_of(story, desk.venue)
    client.secret = "wrong" * 4
    story.raises("signature", ccxt.AuthenticationError, "", client.fetch_balance)


main()
