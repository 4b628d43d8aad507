"""pybit's websocket clients over TLS: the public and private streams, and order entry by the trade socket.

Settings, and what else is asked over HTTP, are `bybit_http.py`'s.
"""

from __future__ import annotations

from typing import Any

from bybit_desk import PERP, cancelled, client_of, order, place, quote, size
from pybit.unified_trading import HTTP, WebSocket, WebSocketTrading
from story import Story, is_ordered, tick_of

Heard = dict[str, list[dict[str, Any]]]


def main() -> None:
    """The session."""
    story = Story()
    client = client_of(story, story.secret)
    heard: Heard = {"order": [], "execution": [], "position": [], "wallet": []}
    private = private_stream(story, heard)
    public = public_stream(story)
    by_websocket(story, client, heard)
    fills(story, client, heard)
    funding(story, heard)
    closing = place(client, "Sell", "Market", f"{size(client):.3f}", reduceOnly=True)
    # Each topic has frames of its own: the last of one does not say that the last of another has come.
    story.until("the close", lambda: stated(heard, closing)[-1:] == ["Filled"])
    story.until("the flat position", lambda: float(heard["position"][-1]["size"]) == 0)
    story.passed("reduce-only by stream")
    order_of_events(story, heard)
    private.exit()
    public.exit()
    story.passed("end")


def private_stream(story: Story, heard: Heard) -> WebSocket:
    """Orders, executions, positions and wallet, each into its list."""
    stream = WebSocket("private", testnet=False, api_key=story.key, api_secret=story.secret)
    stream.order_stream(lambda message: heard["order"].extend(message["data"]))
    stream.execution_stream(lambda message: heard["execution"].extend(message["data"]))
    stream.position_stream(lambda message: heard["position"].extend(message["data"]))
    stream.wallet_stream(lambda message: heard["wallet"].extend(message["data"]))
    story.until("the private stream", lambda: stream.auth)
    story.passed("private stream")
    return stream


def public_stream(story: Story) -> WebSocket:
    """A book that pybit itself keeps, and tickers."""
    books: list[dict[str, Any]] = []
    tickers: list[dict[str, Any]] = []
    stream = WebSocket("linear", testnet=False)
    stream.orderbook_stream(50, PERP, books.append)
    stream.ticker_stream(PERP, tickers.append)
    story.until("books and tickers", lambda: len(books) > 20 and tickers)
    assert is_ordered([message["data"]["seq"] for message in books])
    assert float(tickers[-1]["data"]["markPrice"]) > 0
    story.passed("public stream", len(books))
    return stream


def by_websocket(story: Story, client: HTTP, heard: Heard) -> None:
    """Order entry over the trade socket: an acknowledgement, then the stream confirms; a refusal as its own answer."""
    answers: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    trading = WebSocketTrading(testnet=False, api_key=story.key, api_secret=story.secret)
    story.until("the trade socket", lambda: trading.auth)
    far = tick_of(quote(client, "linear", PERP)[0], 0.97, 1)
    wanted = {"category": "linear", "symbol": PERP, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": far}
    # The HTTP client waits and asks again when the venue says that it is asked too often; this one does not.
    story.next_second()
    trading.place_order(answers.append, **wanted)
    number = story.until("the acknowledgement", lambda: answers)[0]["data"]["orderId"]
    trading.cancel_order(answers.append, category="linear", symbol=PERP, orderId=number)
    states = story.until(
        "the cancel", lambda: [states for states in [stated(heard, number)] if states[-1:] == ["Cancelled"]]
    )[0]
    assert states == ["New", "Cancelled"], states
    trading.place_order(answers.append, error_callback=errors.append, **(wanted | {"qty": "0.0001"}))
    assert story.until("the refusal", lambda: errors)[0]["retCode"] == 10001, errors
    trading.exit()
    story.passed("orders by websocket")


def stated(heard: Heard, number: str) -> list[str]:
    """The states of one order as the stream told them."""
    return [row["orderStatus"] for row in heard["order"] if row["orderId"] == number]


def fills(story: Story, client: HTTP, heard: Heard) -> None:
    """A large order fills in part, rests and is cancelled; a market order fills."""

    def part() -> str:
        # The market may leave the price behind, or take all of the order; then try again at a new one.
        number = place(client, "Buy", "Limit", "30", price=quote(client, "linear", PERP)[1])
        state = order(story, client, number, "New", "PartiallyFilled", "Filled")["orderStatus"]
        cancelled(story, client, number)
        story.until("its end", lambda: stated(heard, number)[-1:] in (["Cancelled"], ["Filled"]))
        return number if state == "PartiallyFilled" and stated(heard, number)[-1] == "Cancelled" else ""

    states = stated(heard, story.until("a partial fill", part))
    assert states == sorted(states, key=["New", "PartiallyFilled", "Cancelled"].index), states
    assert "PartiallyFilled" in states
    market = place(client, "Buy", "Market", "0.01")
    story.until("the market order", lambda: stated(heard, market)[-1:] == ["Filled"])
    story.passed("partial fill, cancel and market by stream", states)


def funding(story: Story, heard: Heard) -> None:
    """Funding is told as an execution."""
    story.charge_funding_soon("bybit", PERP)
    paid = story.until("funding", lambda: [row for row in heard["execution"] if row["execType"] == "Funding"])
    story.passed("funding by stream", paid[0]["execFee"])


def order_of_events(story: Story, heard: Heard) -> None:
    """Executions come in the order of their times and sequence; position and wallet follow them."""
    assert is_ordered([int(row["execTime"]) for row in heard["execution"]])
    assert is_ordered([int(row["updatedTime"]) for row in heard["order"]])
    assert heard["position"]
    assert heard["wallet"]
    for number in {row["orderId"] for row in heard["order"]}:
        states = stated(heard, number)
        assert len(states) == 1 or states[-1] in ("Filled", "Cancelled", "PartiallyFilledCanceled"), states
    story.passed("private stream in order", {name: len(found) for name, found in heard.items()})


main()
