"""The public websocket: replies, books that rebuild, tickers by difference, trades, klines, alerts."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.bybit.notices import Status
from bot.simex.core.flow import Level
from bot.simex.core.numbers import scaled
from bot.simex.core.order import BUY, SELL
from tests.simex.bybit.documented import FIELDS
from tests.simex.bybit.rebuilt import Rebuilt
from tests.simex.bybit.stage import PERP, SPOT, START_MS, Socket, Stage


def followed(stage: Stage, *topics: str, category: str = "linear") -> Socket:
    """A public websocket that listens to topics; what it was sent at once counts as arrived."""
    socket = stage.connect(f"/v5/public/{category}")
    reply, *first = socket.ask(op="subscribe", args=list(topics), req_id="r1")
    assert reply["success"], reply
    socket.frames += first
    return socket


def book_of(stage: Stage, depth: int, category: str = "linear") -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The book as the exchange has it."""
    found = stage.result(stage.public("/v5/market/orderbook", category=category, symbol="BTCUSDT", limit=depth))
    return [tuple(row) for row in found["b"]], [tuple(row) for row in found["a"]]


# ------------------------------------------------------------------------------------------------------------- replies
@pytest.mark.parametrize(("category", "text"), [("linear", ""), ("inverse", ""), ("spot", "subscribe")])
def test_the_reply_to_a_subscription(stage: Stage, category: str, text: str) -> None:
    """As documented: spot names the operation, the others leave the message empty."""
    symbol = "BTCUSD" if category == "inverse" else "BTCUSDT"
    reply = stage.connect(f"/v5/public/{category}").ask(op="subscribe", args=[f"publicTrade.{symbol}"], req_id="7")[0]

    assert (True, text, "7", "subscribe") == tuple(reply[name] for name in ("success", "ret_msg", "req_id", "op"))
    assert reply["conn_id"]


def test_the_reply_to_a_ping(stage: Stage) -> None:
    """The heartbeat of a public connection."""
    reply = stage.connect("/v5/public/linear").ask(op="ping", req_id="100001")[0]

    assert (True, "pong", "ping", "100001") == tuple(reply[name] for name in ("success", "ret_msg", "op", "req_id"))


@pytest.mark.parametrize(
    "message",
    [
        {"op": "subscribe", "args": ["orderbook.50.NOSUCH"]},
        {"op": "subscribe", "args": ["orderbook.7.BTCUSDT"]},
        {"op": "subscribe", "args": ["kline.7.BTCUSDT"]},
        {"op": "subscribe", "args": ["nothing.BTCUSDT"]},
        {"op": "subscribe", "args": ["adlAlert.BTC"]},
        {"op": "subscribe", "args": ["publicTrade.BTCUSDT", ""]},
        {"op": "subscribe", "args": "publicTrade.BTCUSDT"},
        {"op": "subscribe", "args": [1]},
        {"op": "subscribe"},
        {"op": "subscribe", "args": ["x" * 21_001]},
        {"op": "order.create", "args": []},
        {"op": ["subscribe"]},
        {},
    ],
)
def test_what_cannot_be_subscribed(stage: Stage, message: dict[str, Any]) -> None:
    """The reply says so, and nothing is subscribed."""
    socket = stage.connect("/v5/public/linear")
    (reply,) = socket.ask(**message)

    assert (False, True) == (reply["success"], reply["ret_msg"].startswith("error:"))
    stage.strangers(PERP, BUY, "1")
    assert [] == socket.frames


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '"x"', "null", "[" * 50_000])
def test_what_is_no_message(stage: Stage, text: str) -> None:
    """A connection survives anything that is sent."""
    for path in ("/v5/public/linear", "/v5/private", "/v5/trade", "/v5/public/misc/status"):
        (reply,) = stage.connect(path).say(text)
        assert reply.get("success", False) is False
        assert 0 != reply.get("retCode", -1)


def test_spot_takes_ten_topics_a_request(stage: Stage) -> None:
    """The eleventh is too many; derivatives have no such limit."""
    topics = [
        f"kline.{interval}.BTCUSDT" for interval in ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D")
    ]

    assert not stage.connect("/v5/public/spot").ask(op="subscribe", args=topics)[0]["success"]
    assert stage.connect("/v5/public/linear").ask(op="subscribe", args=topics)[0]["success"]


def test_paths_that_are_none(stage: Stage) -> None:
    """There is no endpoint elsewhere."""
    for host, path in (("stream.bybit.com", "/v5/public"), ("api.bybit.com", "/v5/private"), ("stream.bybit.com", "/")):
        assert stage.dialect.connect(host, path, "", lambda _: None) is None
    assert stage.dialect.connect("stream.bybit.com", "/v5/public/option", "", lambda _: None) is not None


# --------------------------------------------------------------------------------------------------------------- books
@pytest.mark.parametrize("depth", [50, 200, 1_000])
def test_a_book_by_difference(stage: Stage, depth: int) -> None:
    """A snapshot, then differences in turn; the rebuilt book is the exchange's."""
    socket, rebuilt = followed(stage, f"orderbook.{depth}.BTCUSDT"), Rebuilt(depth)
    for step in range(40):
        at = stage.now_ms + 1
        stage.tape.say(Level(PERP, at, BUY, scaled(Decimal(59_990 + step % 7)), scaled(Decimal(step % 3) / 2)))
        stage.strangers(PERP, SELL if step % 2 else BUY, "0.7")
        stage.advance(200)
        for frame in socket.taken():
            rebuilt.apply(frame)
        assert book_of(stage, depth) == rebuilt.levels()
    assert 1 == rebuilt.snapshots


def test_levels_that_leave_the_window_are_deleted(stage: Stage) -> None:
    """A better price pushes the fiftieth level out; when it goes the level is told again."""
    socket, rebuilt = followed(stage, "orderbook.50.BTCUSDT"), Rebuilt(50)
    (first,) = socket.taken()
    rebuilt.apply(first)
    order_id = stage.placed(price="60000.5", qty="0.2")
    stage.advance(20)
    (pushed,) = socket.taken()
    rebuilt.apply(pushed)
    stage.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=order_id)
    stage.advance(20)
    (back,) = socket.taken()

    assert [["60000.5", "0.200"], ["59950.0", "0"]] == pushed["data"]["b"]
    assert {("59950.0", "1.000"), ("60000.5", "0")} == {tuple(row) for row in back["data"]["b"]}
    assert first["data"]["u"] + 2 == back["data"]["u"]


def test_level_one_is_snapshots_only(stage: Stage) -> None:
    """Each change is a snapshot; without one the last comes again after three seconds with the same u."""
    socket = followed(stage, "orderbook.1.BTCUSDT")
    (first,) = socket.taken()
    stage.advance(2_990)
    assert [] == socket.taken()
    stage.advance(20)
    (again,) = socket.taken()
    stage.placed(price="60000.5")
    stage.advance(10)
    (changed,) = socket.taken()

    assert ("snapshot", "snapshot", "snapshot") == (first["type"], again["type"], changed["type"])
    assert (first["data"]["u"], first["data"]["u"] + 1) == (again["data"]["u"], changed["data"]["u"])
    assert [["60000.5", "0.100"]] == changed["data"]["b"]
    assert list(first)[:3] == ["topic", "ts", "type"]


def test_two_listeners_have_one_book(stage: Stage) -> None:
    """Who comes later begins where the others are, and the same differences lead on."""
    early, late_book = followed(stage, "orderbook.50.BTCUSDT"), Rebuilt(50)
    stage.placed(price="60000.5")
    stage.advance(20)
    stage.placed(price="60000.6")
    late = followed(stage, "orderbook.50.BTCUSDT")
    stage.advance(20)

    for frame in late.taken():
        late_book.apply(frame)
    assert book_of(stage, 50) == late_book.levels()
    assert early.taken()[-1]["data"]["u"] == late_book.u


def test_a_restart_begins_again_with_one(stage: Stage) -> None:
    """After a restart of the service u is 1, in a snapshot that replaces what was known."""
    socket, rebuilt = followed(stage, "orderbook.50.BTCUSDT", "orderbook.1.BTCUSDT"), Rebuilt(50)
    stage.placed(price="60000.5")
    stage.dialect.restart()
    frames = [frame for frame in socket.taken() if frame["data"]["u"] == 1]
    stage.placed(price="60000.6")
    stage.advance(20)

    assert {"snapshot"} == {frame["type"] for frame in frames}
    assert 2 == len(frames)
    for frame in [frames[0], *socket.taken("orderbook.50.BTCUSDT")]:
        rebuilt.apply(frame)
    assert (2, book_of(stage, 50)) == (rebuilt.u, rebuilt.levels())


def test_nothing_after_unsubscribing(stage: Stage) -> None:
    """A topic without listeners is silent; listening again gives a fresh snapshot of a later u."""
    socket = followed(stage, "orderbook.50.BTCUSDT", "publicTrade.BTCUSDT")
    u = socket.taken("orderbook.50.BTCUSDT")[0]["data"]["u"]
    assert socket.ask(op="unsubscribe", args=["orderbook.50.BTCUSDT", "publicTrade.BTCUSDT"])[0]["success"]
    stage.strangers(PERP, BUY, "1")
    stage.advance(100)
    assert [] == socket.frames
    again = socket.ask(op="subscribe", args=["orderbook.50.BTCUSDT"])[1]
    assert ("snapshot", u + 1) == (again["type"], again["data"]["u"])
    socket.session.closed()
    stage.strangers(PERP, BUY, "1")
    stage.advance(100)
    assert [] == socket.frames


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 80), st.integers(0, 3), st.integers(1, 300)), max_size=25))
def test_books_never_break(steps: list[tuple[int, int, int, int]]) -> None:
    """Whatever happens to the book and whenever it is looked at, the rebuilt one is the same, to the last level."""
    stage = Stage()
    socket, rebuilt, top = followed(stage, "orderbook.50.BTCUSDT", "orderbook.1.BTCUSDT"), Rebuilt(50), Rebuilt(1)
    for side, away, size, wait_ms in steps:
        price = 60_000 - away if side else 60_000 + away
        at = stage.now_ms + 1
        stage.tape.say(Level(PERP, at, BUY if side else SELL, scaled(Decimal(price)), scaled(Decimal(size))))
        stage.leap(wait_ms)
        for frame in socket.taken():
            (top if ".1." in frame["topic"] else rebuilt).apply(frame)
    stage.leap(200)
    for frame in socket.taken():
        (top if ".1." in frame["topic"] else rebuilt).apply(frame)
    assert book_of(stage, 50) == rebuilt.levels()
    assert book_of(stage, 1) == top.levels()


# ------------------------------------------------------------------------------------------------------------- tickers
def test_tickers_by_difference(stage: Stage) -> None:
    """A snapshot with every field; then only what changed, at most every 100 ms."""
    socket = followed(stage, "tickers.BTCUSDT")
    (first,) = socket.taken()
    stage.placed(orderType="Market", qty="1.5")
    stage.advance(100)
    (changed,) = socket.taken()

    assert ("snapshot", "delta") == (first["type"], changed["type"])
    assert set() == FIELDS["WS_TICKER_PERPETUAL"] - set(first["data"])
    assert {"BTCUSDT", "60002.0"} <= set(changed["data"].values())
    assert "fundingCap" not in changed["data"]
    merged = {**first["data"], **changed["data"]}
    stage.advance(500)
    for frame in socket.taken():
        merged.update(frame["data"])
    assert merged == stage.connect("/v5/public/linear").ask(op="subscribe", args=["tickers.BTCUSDT"])[1]["data"]


def test_tickers_of_spot(stage: Stage) -> None:
    """Snapshots only."""
    socket = followed(stage, "tickers.BTCUSDT", category="spot")
    (first,) = socket.taken()
    stage.strangers(SPOT, BUY, "0.7")
    stage.advance(50)

    assert FIELDS["WS_TICKER_SPOT"] == set(first["data"])
    assert ["snapshot"] == [frame["type"] for frame in socket.taken()]
    assert ["topic", "ts", "type", "cs", "data"] == list(first)


# ------------------------------------------------------------------------------------------------- trades, klines, more
def test_trades(stage: Stage) -> None:
    """Those of one moment in one message, oldest first, with the aggressor's side and the direction of the price."""
    socket = followed(stage, "publicTrade.BTCUSDT")
    stage.strangers(PERP, BUY, "2.5")
    stage.strangers(PERP, SELL, "0.1")
    first, second = socket.taken()

    assert [("Buy", "60001.0", "1.000"), ("Buy", "60002.0", "1.000"), ("Buy", "60003.0", "0.500")] == [
        (row["S"], row["p"], row["v"]) for row in first["data"]
    ]
    assert ["PlusTick", "PlusTick"] == [row["L"] for row in first["data"][1:]]
    assert ("Sell", "MinusTick") == (second["data"][0]["S"], second["data"][0]["L"])
    assert FIELDS["WS_TRADE"] == set(second["data"][0])


def test_klines_confirm_when_they_close(stage: Stage) -> None:
    """The open bar each second that it changed; once it is over it comes confirmed with the next one."""
    socket = followed(stage, "kline.1.BTCUSDT")
    stage.strangers(PERP, BUY, "0.5")
    stage.advance(1_500)
    stage.leap(60_000)
    stage.strangers(PERP, BUY, "1")
    stage.advance(1_500)
    frames = socket.taken()
    rows = [row for frame in frames for row in frame["data"]]

    assert ["0.500", False] == [rows[0]["volume"], rows[0]["confirm"]]
    assert [(START_MS, True)] == [(row["start"], row["confirm"]) for row in rows if row["confirm"]]
    assert rows[-1]["start"] == START_MS + 60_000
    assert FIELDS["WS_KLINE"] == set(rows[0])
    assert rows[0]["start"] + 59_999 == rows[0]["end"]


def test_alerts_and_limits(stage: Stage) -> None:
    """Insurance by contract each second; price limits when they change."""
    socket = followed(stage, "adlAlert.USDT", "priceLimit.BTCUSDT")
    stage.advance(1_000)
    alerts, limits = socket.taken("adlAlert.USDT"), socket.taken("priceLimit.BTCUSDT")

    assert {"BTCUSDT", "ETHUSDT"} == {row["s"] for row in alerts[0]["data"]}
    assert {("USDT", "-0.3", "10000", "-0.25")} == {
        tuple(row[name] for name in ("c", "i_pr", "adl_tt", "adl_sr")) for row in alerts[0]["data"]
    }
    assert FIELDS["WS_ADL"] == set(alerts[0]["data"][0])
    assert FIELDS["WS_LIMIT"] == set(limits[0]["data"])
    assert 1 == len(limits)
    inverse = followed(stage, "adlAlert.inverse", category="inverse")
    stage.advance(1_000)
    assert {"BTCUSD"} == {row["s"] for frame in inverse.taken() for row in frame["data"]}


def test_the_system_status(stage: Stage) -> None:
    """A maintenance is told to who listens."""
    socket = stage.connect("/v5/public/misc/status")
    assert socket.ask(op="subscribe", args=["system.status"])[0]["success"]
    assert socket.ask(op="ping")[0]["success"]
    assert not socket.ask(op="subscribe", args=["other"])[0]["success"]
    stage.dialect.announce(Status("a", "upgrade", "scheduled", 1, 2))
    stage.leap(1)

    assert ["upgrade"] == [row["title"] for row in socket.rows("system.status")]
    assert socket.ask(op="unsubscribe", args=["system.status"])[0]["success"]
    stage.dialect.announce(Status("a", "upgrade", "completed", 1, 2))
    stage.leap(1)
    assert [] == socket.frames


def test_silence(stage: Stage) -> None:
    """Streams may be cut off while their sockets live; what they would have sent is lost."""
    socket = followed(stage, "publicTrade.BTCUSDT", "orderbook.50.BTCUSDT")
    socket.taken()
    stage.dialect.silence.market_until_ms = stage.now_ms + 1_000
    stage.strangers(PERP, BUY, "1")
    stage.advance(500)
    assert [] == socket.frames
    assert socket.ask(op="ping")[0]["success"]
    stage.advance(500)
    assert ["delta"] == [frame["type"] for frame in socket.taken("orderbook.50.BTCUSDT")]


def test_a_silent_connection_is_cut(stage: Stage) -> None:
    """Ten minutes without a word, or what max_active_time says, as found by the scan every thirty seconds."""
    usual, short = stage.connect("/v5/private"), stage.connect("/v5/trade", "max_active_time=45s")
    odd = stage.connect("/v5/private", "max_active_time=1s")
    stage.leap(60_000)
    assert (False, True, False) == (usual.hung_up, short.hung_up, odd.hung_up)
    usual.ask(op="ping")
    stage.leap(590_000)
    assert (False, True) == (usual.hung_up, odd.hung_up)
    stage.leap(60_000)
    assert usual.hung_up


def test_frames_are_json(stage: Stage) -> None:
    """A frame is one JSON text."""
    raw: list[str] = []
    session = stage.dialect.connect("stream.bybit.com", "/v5/public/linear", "", raw.append)
    assert session is not None
    session.receive('{"op":"subscribe","args":["publicTrade.BTCUSDT"]}')
    stage.strangers(PERP, BUY, "0.1")

    assert ["publicTrade.BTCUSDT"] == [json.loads(text)["topic"] for text in raw]
