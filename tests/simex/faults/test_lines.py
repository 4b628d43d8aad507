"""Websocket faults on a line: frames out, messages in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.simex.faults.armed import Injections
from bot.simex.faults.frames import channels_of, repriced, symbol_of
from bot.simex.faults.lines import Line
from bot.simex.faults.model import Touch
from bot.simex.faults.scenario import of

BINANCE_TOP = {"stream": "btcusdt@bookTicker", "data": {"e": "bookTicker", "s": "BTCUSDT", "b": "9.0", "a": "9.1"}}
BYBIT_BOOK = {
    "topic": "orderbook.50.BTCUSDT",
    "data": {"s": "BTCUSDT", "b": [["9.0", "1"]], "a": [["9.1", "2"]], "u": 4},
}


class Session:
    """A session that answers every message with it."""

    kind = "market"

    def receive(self, text: str) -> list[str]:
        """The same again."""
        return [text]

    def closed(self) -> None:
        """Nothing."""


class Wire:
    """A line with what came out of it, and a clock turned by hand."""

    def __init__(self, *faults: dict[str, Any], venue: str = "binance") -> None:
        self.injections = Injections(lambda: 0)
        of({"faults": list(faults)}, Path()).arm(self.injections)
        self.out: list[Any] = []
        self.waiting: list[tuple[int, Callable[[], None]]] = []
        touch = Touch(venue, f"stream.{venue}.com", endpoint="/ws")
        self.line = Line(self.injections, touch, self.out.append, lambda ms, then: self.waiting.append((ms, then)))
        self.session = Session()
        self.line.opened(self.session)

    def send(self, *texts: str) -> list[Any]:
        """What the client gets of these frames now."""
        before = len(self.out)
        for text in texts:
            self.line.push(text)
        return self.out[before:]

    def later(self) -> list[Any]:
        """What it gets when the waiting is over."""
        before = len(self.out)
        for _, then in self.waiting:
            then()
        return self.out[before:]


def frame(number: int, event: str = "trade") -> str:
    """A numbered frame."""
    return json.dumps({"e": event, "s": "BTCUSDT", "n": number})


ONE, TWO, THREE = frame(1), frame(2), frame(3)


def test_without_faults_frames_pass_as_they_are() -> None:
    """The very text goes through."""
    assert [ONE, "no JSON"] == Wire().send(ONE, "no JSON")


@pytest.mark.parametrize(
    ("fault", "arrive"),
    [
        ({"kind": "frame_drop", "when": {"after": 1}}, [ONE, THREE]),
        ({"kind": "frame_duplicate", "variant": "same", "params": {"copies": 2}}, [ONE, ONE, ONE, TWO, THREE]),
        (
            {"kind": "frame_duplicate", "variant": "recent", "params": {"copies": 2}, "when": {"after": 2}},
            [ONE, TWO, THREE, TWO, THREE],
        ),
        ({"kind": "frame_reorder"}, [TWO, ONE, THREE]),
        ({"kind": "frame_garble", "variant": "not_json"}, ["not JSON at all", TWO, THREE]),
        ({"kind": "frame_garble", "variant": "truncated"}, [ONE[: len(ONE) // 2], TWO, THREE]),
        ({"kind": "frame_garble", "variant": "binary"}, [bytes(range(256)), TWO, THREE]),
    ],
)
def test_frames_on_their_way_out(fault: dict[str, Any], arrive: list[Any]) -> None:
    """Three frames are sent; these arrive."""
    assert arrive == Wire(fault).send(ONE, TWO, THREE)


def test_a_delayed_frame_holds_up_all_behind_it() -> None:
    """Nothing overtakes it, and everything comes in order when it does."""
    wire = Wire({"kind": "frame_delay", "params": {"delay_ms": 300}, "when": {"after": 1}})

    assert ([ONE], [TWO, THREE]) == (wire.send(ONE, TWO, THREE), wire.later())
    assert [300] == [ms for ms, _ in wire.waiting]
    assert [ONE] == wire.send(ONE)


def test_a_reordered_frame_comes_at_the_end_of_its_window_at_the_latest() -> None:
    """If no other follows it."""
    wire = Wire({"kind": "frame_reorder", "params": {"window_ms": 200}})

    assert ([], [ONE], []) == (wire.send(ONE), wire.later(), wire.later())


def test_the_scope_of_frames() -> None:
    """By the event, by the stream, by the kind of the connection, by the symbol."""
    for scope in ({"channel": "trade"}, {"channel": "market"}, {"symbol": "BTC*"}, {"endpoint": "/ws"}):
        assert [TWO] == Wire({"kind": "frame_drop", "scope": scope}).send(ONE, TWO), scope
    for scope in ({"channel": "user"}, {"symbol": "ETH*"}, {"venue": "bybit"}):
        assert [ONE, TWO] == Wire({"kind": "frame_drop", "scope": scope}).send(ONE, TWO), scope


def test_an_oversized_frame() -> None:
    """It is as large as it says."""
    (huge,) = Wire({"kind": "frame_garble", "variant": "oversized", "params": {"size": 100_000}}).send(ONE)

    assert len(huge) > 100_000


@pytest.mark.parametrize(
    ("variant", "top", "book"),
    [
        ("factor", ("90.0", "91.0"), (["90.0"], ["91.0"])),
        ("zero", ("0", "0"), (["0"], ["0"])),
        ("negative", ("-1", "-1"), (["-1"], ["-1"])),
        ("nan", ("NaN", "NaN"), (["NaN"], ["NaN"])),
        ("huge", ("1000000000000000000",) * 2, (["1000000000000000000"],) * 2),
        ("crossed", ("9.1", "9.0"), (["9.1"], ["9.0"])),
        ("no_bids", ("0", "9.1"), ([], ["9.1"])),
        ("no_asks", ("9.0", "0"), (["9.0"], [])),
        ("empty", ("0", "0"), ([], [])),
    ],
)
def test_prices_in_frames(variant: str, top: tuple[str, str], book: tuple[list[str], list[str]]) -> None:
    """Of a best-bid-and-offer frame and of a book, on both venues; everything else in them stays."""
    best = json.loads(repriced(BINANCE_TOP, variant, 10) or "")
    ladder = json.loads(repriced(BYBIT_BOOK, variant, 10) or "")

    assert top == (best["data"]["b"], best["data"]["a"])
    assert book == tuple([level[0] for level in ladder["data"][side]] for side in ("b", "a"))
    assert (4, "orderbook.50.BTCUSDT", "bookTicker") == (ladder["data"]["u"], ladder["topic"], best["data"]["e"])


def test_what_a_frame_is_about() -> None:
    """Streams, topics, events and symbols of both venues' frames."""
    order = {"e": "ORDER_TRADE_UPDATE", "o": {"s": "ETHUSDT"}}
    wrapped = {"subscriptionId": 0, "event": {"e": "executionReport", "s": "BTCUSDT"}}
    execution = {"topic": "execution", "data": [{"symbol": "SOLUSDT"}]}

    assert ["btcusdt@bookTicker", "bookTicker"] == channels_of(BINANCE_TOP)
    assert ["bookTicker"] == channels_of({"u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"})
    assert [["ORDER_TRADE_UPDATE"], ["executionReport"], ["execution"]] == [
        channels_of(one) for one in (order, wrapped, execution)
    ]
    assert ["ETHUSDT", "BTCUSDT", "SOLUSDT", "BTCUSDT"] == [
        symbol_of(one) for one in (order, wrapped, execution, BYBIT_BOOK)
    ]
    assert repriced({"e": "listenKeyExpired"}, "factor", 2) is None


def test_messages_on_their_way_in() -> None:
    """Acted on without a reply, refused, or lost; only those that the scope names."""
    message = '{"op": "subscribe", "args": ["tickers.BTCUSDT"], "req_id": "7"}'
    for kind in ("ack_lost", "message_lost"):
        wire = Wire({"kind": kind, "scope": {"channel": "tickers.*"}}, venue="bybit")
        assert [] == wire.line.receive(wire.session, message)
        assert [message] == wire.line.receive(wire.session, message)
    wire = Wire({"kind": "ack_refused", "scope": {"channel": "subscribe"}}, venue="bybit")
    (refused,) = wire.line.receive(wire.session, message)
    assert (False, "7") == (json.loads(refused)["success"], json.loads(refused)["req_id"])
    wire = Wire({"kind": "ack_refused"})
    (refused,) = wire.line.receive(wire.session, '{"method": "SUBSCRIBE", "params": ["x"], "id": 4}')
    assert 4 == json.loads(refused)["id"]


def test_states_of_a_line() -> None:
    """Pongs are withheld for as long as it says, on the connections in its scope."""
    wire = Wire({"kind": "no_pongs", "for": "1s", "scope": {"channel": "market"}})

    assert (True, False) == (wire.line.is_in("no_pongs"), wire.line.is_in("blackhole"))
