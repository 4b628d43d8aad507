"""Market-stream frames: the documented fields, the exchange's truth, and their rhythm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simex.binance.client import FSTREAM, STREAM, Client
from tests.simex.stage import ASKS, BIDS, BTC_PERP, BTC_SPOT

SPOT_TICKER = set("usbBaA")
USDM_TICKER = {"e", "u", "E", "T", "s", "b", "B", "a", "A", "st", "ps"}
USDM_DEPTH = {"e", "E", "T", "s", "ps", "st", "U", "u", "pu", "b", "a"}
MARK = {"e", "E", "s", "p", "i", "P", "r", "T", "st"}
HIGHER = (("49999.95", "0.700"), *BIDS)


@pytest.fixture
def client() -> Client:
    return Client()


def test_spot_book_ticker(client: Client) -> None:
    """A change of the best bid is pushed at once, with six fields and no times."""
    client.connect(STREAM, "/ws/btcusdt@bookTicker")
    client.stage.set(BTC_SPOT, HIGHER, ASKS)
    client.flush()
    (frame,) = client.frames()

    assert SPOT_TICKER == set(frame)
    assert ("49999.95000000", "0.70000000", "50000.10000000") == (frame["b"], frame["B"], frame["a"])


def test_usdm_book_ticker(client: Client) -> None:
    """A change of the best ask by a fill is pushed with the times of its cause."""
    client.connect(FSTREAM, "/stream", "streams=btcusdt@bookTicker")
    client.order(side="BUY", price="50010", quantity="0.4")
    (frame,) = client.frames()
    data = frame["data"]

    assert "btcusdt@bookTicker" == frame["stream"]
    assert USDM_TICKER == set(data)
    assert ("50000.10", "0.600") == (data["a"], data["A"])
    assert client.wall_ms == data["T"] == data["E"]


def test_update_ids_grow(client: Client) -> None:
    """Every ticker of a symbol carries a larger update id than the one before."""
    client.connect(FSTREAM, "/ws/btcusdt@bookTicker")
    for _ in range(5):
        client.order(quantity="0.01")
    ids = [frame["u"] for frame in client.frames()]

    assert 5 == len(ids)
    assert sorted(set(ids)) == ids


@pytest.mark.parametrize(
    ("host", "stream", "interval_ms"),
    [
        (STREAM, "btcusdt@depth20@100ms", 100),
        (STREAM, "btcusdt@depth5", 1000),
        (FSTREAM, "btcusdt@depth10@500ms", 500),
        (FSTREAM, "btcusdt@depth20", 250),
        (FSTREAM, "btcusdt@markPrice", 3000),
        (FSTREAM, "btcusdt@markPrice@1s", 1000),
        (FSTREAM, "!markPrice@arr@1s", 1000),
    ],
)
def test_rhythm(client: Client, host: str, stream: str, interval_ms: int) -> None:
    """A stream by the clock comes at its own interval, however often the clock is driven."""
    client.connect(host, f"/ws/{stream}")
    for _ in range(600):
        client.move(20)

    assert abs(12_000 // interval_ms - len(client.frames())) <= 1


def test_a_late_tick_sends_one_frame(client: Client) -> None:
    """A clock that stood still is not made up for by a burst."""
    client.connect(STREAM, "/ws/btcusdt@depth20@100ms")
    client.move(10_000)

    assert 1 == len(client.frames())


def test_spot_partial_depth(client: Client) -> None:
    """A partial book is a whole state: the best levels, best first, and the update id that a snapshot has."""
    client.connect(STREAM, "/ws/btcusdt@depth5@100ms")
    client.move(100)
    (frame,) = client.frames()
    snapshot = client.get("/api/v3/depth", symbol="BTCUSDT", limit=5)

    assert snapshot == frame


def test_usdm_partial_depth(client: Client) -> None:
    """A USD-M partial book is a depthUpdate whose ids are chained from frame to frame."""
    client.connect(FSTREAM, "/public/ws/btcusdt@depth5@100ms")
    for _ in range(3):
        client.order(quantity="0.004")
        client.order(quantity="0.006")
        client.move(100)
    frames = client.frames()

    assert all(USDM_DEPTH == set(frame) for frame in frames)
    assert [frame["u"] for frame in frames[:-1]] == [frame["pu"] for frame in frames[1:]]
    assert all(frame["pu"] < frame["U"] <= frame["u"] for frame in frames)
    assert ["49999.90", "0.970"] == frames[-1]["b"][0]


@pytest.mark.parametrize(("host", "key"), [(STREAM, BTC_SPOT), (FSTREAM, BTC_PERP)])
def test_diffs_rebuild_the_book(client: Client, host: str, key: tuple[str, str]) -> None:
    """Applying the diff stream to an earlier snapshot by the documented rules gives the later snapshot."""
    path, limit = ("/api/v3/depth", 100) if host == STREAM else ("/fapi/v1/depth", 100)
    client.connect(host, "/ws/btcusdt@depth@100ms")
    client.move(200)
    local = client.get(path, symbol="BTCUSDT", limit=limit)
    book = {side: dict(local[side]) for side in ("bids", "asks")}
    for top in ("49999.95", "49999.97", "49999.91"):
        client.stage.set(key, ((top, "0.5"), *BIDS[1:]), ASKS[:2])
        client.wall_ms = client.exchange.now_ms
        client.move(100)
    last = local["lastUpdateId"]
    for frame in client.frames():
        if frame["u"] <= last:
            continue
        assert frame["U"] <= last + 1
        last = frame["u"]
        for side, short in (("bids", "b"), ("asks", "a")):
            book[side].update(dict(frame[short]))
    final = client.get(path, symbol="BTCUSDT", limit=limit)

    for side in ("bids", "asks"):
        assert dict(final[side]) == {price: quantity for price, quantity in book[side].items() if float(quantity)}


def test_mark_price(client: Client) -> None:
    """The mark frame carries mark, index, rate and the next funding time, as premiumIndex does."""
    client.connect(FSTREAM, "/market/ws/btcusdt@markPrice@1s")
    client.move(1000)
    (frame,) = client.frames()
    premium = client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")

    assert MARK == set(frame)
    assert [premium[k] for k in ("markPrice", "indexPrice", "lastFundingRate", "nextFundingTime")] == [
        frame[k] for k in ("p", "i", "r", "T")
    ]


def test_unknown_streams_are_silent(client: Client) -> None:
    """A stream that nobody publishes can be subscribed to and says nothing."""
    client.connect(STREAM, "/ws/nopeusdt@depth20@100ms")
    client.connect(STREAM, "/ws/btcusdt@markPrice")
    client.move(5000)

    assert [] == client.frames()


def test_a_stall_is_silence_on_a_live_socket(client: Client) -> None:
    """While market streams are stalled nothing comes, and what was missed does not come later."""
    session = client.connect(FSTREAM, "/ws/btcusdt@bookTicker")
    client.connect(FSTREAM, "/ws/btcusdt@markPrice@1s")
    client.dialect.silence.market_until_ms = client.wall_ms + 3000
    client.order(quantity="0.01")
    client.move(2999)
    silent = client.frames()
    client.move(1)
    client.frames()
    client.order(quantity="0.02")

    assert [] == silent
    assert ["0.970"] == [frame["B"] for frame in client.frames()]
    assert [{"result": ["btcusdt@bookTicker"], "id": 1}] == [
        json.loads(text) for text in session.receive('{"method":"LIST_SUBSCRIPTIONS","id":1}')
    ]


def test_times_stay_honest_at_any_speed(client: Client) -> None:
    """At ten times the speed a funding time on the wire is the wall time at which it is reached."""
    client.timeline.speed = 10.0
    client.connect(FSTREAM, "/ws/btcusdt@markPrice@1s")
    client.move(1000)
    (frame,) = client.frames()
    due_ms = client.exchange.mark("BTCUSDT").next_funding_ms

    assert client.wall_ms == frame["E"]
    assert (due_ms - client.timeline.start_ms) // 10 == frame["T"] - client.timeline.start_ms


@pytest.mark.data
@pytest.mark.parametrize(
    ("shape", "stream", "fields"),
    [
        ("book_ticker_stream", "bookTicker", USDM_TICKER),
        ("depth_update_stream", "depth20", USDM_DEPTH),
        ("mark_price_stream", "markPrice", MARK),
    ],
)
def test_documented_examples_have_these_fields(data_dir: Path, shape: str, stream: str, fields: set[str]) -> None:
    """The fields that the tests above ask for are those of the documentation's examples."""
    place = data_dir / "shapes" / "binance" / "futures" / "market_data_json" / f"{shape}.json"
    example: dict[str, Any] = json.loads(place.read_text())

    assert fields == set(example), stream
