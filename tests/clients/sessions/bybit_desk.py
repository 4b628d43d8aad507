"""What the two pybit sessions share: how the client is set up, and the few calls that both make."""

from __future__ import annotations

from typing import Any

from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP
from story import Story

PERP, COIN = "BTCUSDT", "BTCUSD"


def client_of(story: Story, secret: str) -> HTTP:
    """pybit hands prepared requests to its session, which takes the proxy of the environment but not its CA file."""
    client = HTTP(testnet=False, api_key=story.key, api_secret=secret)
    client.client.verify = story.ca_file
    return client


def rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The list of an answer."""
    found: list[dict[str, Any]] = answer["result"]["list"]
    return found


def quote(client: HTTP, category: str, symbol: str) -> tuple[str, str]:
    """Best bid and ask."""
    row = rows(client.get_tickers(category=category, symbol=symbol))[0]
    return row["bid1Price"], row["ask1Price"]


def place(client: HTTP, side: str, kind: str, qty: str, **more: Any) -> str:
    """The id of a new order, on the linear perpetual unless said otherwise."""
    answer = client.place_order(**{"category": "linear", "symbol": PERP, **more}, side=side, orderType=kind, qty=qty)
    number: str = answer["result"]["orderId"]
    return number


def order(story: Story, client: HTTP, number: str, *states: str, category: str = "linear") -> dict[str, Any]:
    """The order, once it is in one of these states."""

    def seen() -> list[dict[str, Any]]:
        return [
            row
            for row in rows(client.get_open_orders(category=category, orderId=number))
            if row["orderStatus"] in states
        ]

    found: dict[str, Any] = story.until(f"{number} {states}", seen)[0]
    return found


def cancelled(story: Story, client: HTTP, number: str) -> None:
    """Cancel a linear order, unless it is filled by now."""
    story.unless(
        InvalidRequestError,
        110001,
        lambda: client.cancel_order(category="linear", symbol=PERP, orderId=number),
    )


def size(client: HTTP) -> float:
    """The signed size of the linear position."""
    row = rows(client.get_positions(category="linear", symbol=PERP))[0]
    return float(row["size"]) * (-1 if row["side"] == "Sell" else 1)
