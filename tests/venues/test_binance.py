"""Frames of Binance market data become events, whatever their layout; what cannot be read is said to be bad."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.events import Market
from bot.domain.market import Depth, Mark, Quote
from bot.domain.units import InstrumentId
from bot.venues.binance import (
    UNREADABLE,
    Acknowledged,
    BadFrame,
    Control,
    MarketParser,
    RequestRefused,
    ShutdownAnnounced,
    combined_url,
    spot_channels,
    subscription,
    usdm_book_channels,
    usdm_mark_channels,
)

BTC = InstrumentId("binance.usdm:BTCUSDT")
SPOT_BTC = InstrumentId("binance.spot:BTCUSDT")
NOW = 1_700_000_000_000_000_000

TICKER = {"e": "bookTicker", "u": 7, "s": "BTCUSDT", "b": "61737.60", "B": "0.120", "a": "61737.70", "A": "1.5", "T": 1}
SPOT_TICKER = {"u": 7, "s": "BTCUSDT", "b": "61800.01", "B": "0.5", "a": "61800.02", "A": "2"}
BOOK = {"e": "depthUpdate", "s": "BTCUSDT", "U": 3, "u": 9, "pu": 2, "b": [["10", "1"], ["9", "2"]], "a": [["11", "3"]]}
SPOT_BOOK = {"lastUpdateId": 160, "bids": [["0.0024", "10"]], "asks": [["0.0026", "100"]]}
MARK = {"e": "markPriceUpdate", "E": 5, "s": "BTCUSDT", "p": "101.5", "i": "100.5", "r": "-0.0001", "T": 1700006400000}


def framed(stream: str, data: Any) -> bytes:
    """A frame as the venue writes it."""
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


def usdm() -> MarketParser:
    """A parser of a USD-M connection."""
    return MarketParser((*usdm_book_channels(["BTCUSDT"]), *usdm_mark_channels(["BTCUSDT"])))


def spot() -> MarketParser:
    """A parser of a spot connection."""
    return MarketParser(spot_channels(["BTCUSDT"]))


CASES: list[tuple[MarketParser, str, Any, Market]] = [
    (usdm(), "btcusdt@bookTicker", TICKER, Quote(BTC, 61737.6, 61737.7, 0.12, 1.5, 7, NOW)),
    (spot(), "btcusdt@bookTicker", SPOT_TICKER, Quote(SPOT_BTC, 61800.01, 61800.02, 0.5, 2.0, 7, NOW)),
    (usdm(), "btcusdt@depth20@100ms", BOOK, Depth(BTC, ((10.0, 1.0), (9.0, 2.0)), ((11.0, 3.0),), 9, NOW)),
    (spot(), "btcusdt@depth20@100ms", SPOT_BOOK, Depth(SPOT_BTC, ((0.0024, 10.0),), ((0.0026, 100.0),), 160, NOW)),
    (usdm(), "btcusdt@markPrice@1s", MARK, Mark(BTC, 101.5, 100.5, -0.0001, 1700006400000000000, NOW)),
]


@pytest.mark.parametrize(("parser", "stream", "data", "event"), CASES)
def test_a_frame_becomes_its_event(parser: MarketParser, stream: str, data: Any, event: Market) -> None:
    """Each kind of frame becomes the event that it tells of."""
    parser.forget()

    assert event == parser.parse(framed(stream, data), NOW)


@pytest.mark.parametrize(("parser", "stream", "data", "event"), CASES)
def test_the_layout_does_not_matter(parser: MarketParser, stream: str, data: Any, event: Market) -> None:
    """Blanks, another order of the fields and fields that nobody knows change nothing."""
    more = {"new": [{"x": None}], **dict(reversed(data.items()))}
    for frame in ({"stream": stream, "data": more}, {"data": more, "stream": stream}):
        for blanks in (None, 2):
            parser.forget()

            assert event == parser.parse(json.dumps(frame, indent=blanks).encode(), NOW)


def test_a_dated_future_has_no_funding() -> None:
    """The empty texts that the venue sends for a dated future's funding and index are zeros."""
    dated = {**MARK, "r": "", "i": "", "T": 0}

    assert Mark(BTC, 101.5, 0.0, 0.0, 0, NOW) == usdm().parse(framed("btcusdt@markPrice@1s", dated), NOW)


def test_older_quotes_are_dropped() -> None:
    """A quote with a lower or the same sequence as the last one is not handed on."""
    parser = usdm()
    seen = [parser.parse(framed("btcusdt@bookTicker", {**TICKER, "u": u}), NOW) for u in (7, 7, 6, 9, 8, 10)]

    assert [7, None, None, 9, None, 10] == [event.sequence if isinstance(event, Quote) else event for event in seen]
    assert 2 == parser.channels[0].outdated


def test_an_unchanged_book_is_news() -> None:
    """A book that comes by the clock with the same sequence says that it is still so; an older one is dropped."""
    parser = usdm()
    times = [parser.parse(framed("btcusdt@depth20@100ms", {**BOOK, "u": u}), NOW + u) for u in (9, 9, 8)]

    assert [True, True, False] == [isinstance(event, Depth) for event in times]


def test_a_new_numbering_is_believed_after_forgetting() -> None:
    """After a new connection the first frame is believed, whatever its number."""
    parser = usdm()
    parser.parse(framed("btcusdt@bookTicker", TICKER), NOW)
    assert parser.parse(framed("btcusdt@bookTicker", {**TICKER, "u": 1}), NOW) is None

    parser.forget()

    assert isinstance(parser.parse(framed("btcusdt@bookTicker", {**TICKER, "u": 1}), NOW), Quote)


@pytest.mark.parametrize(
    ("frame", "meaning"),
    [
        ({"result": None, "id": 3}, Acknowledged(3)),
        ({"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1}}, ShutdownAnnounced()),
        ({"e": "serverShutdown", "E": 1}, ShutdownAnnounced()),
        ({"error": {"code": 2, "msg": "Invalid request"}, "id": 1}, RequestRefused(1, 2, "Invalid request")),
        ({"code": 2, "msg": "Invalid request", "id": "a"}, RequestRefused("a", 2, "Invalid request")),
    ],
)
def test_what_is_not_data_is_understood(frame: dict[str, Any], meaning: Control) -> None:
    """Answers to our requests and announcements are told apart from data."""
    assert meaning == usdm().parse(json.dumps(frame).encode(), NOW)


@pytest.mark.parametrize(
    "data",
    [
        {**TICKER, "b": "cheap"},
        {**TICKER, "b": True},
        {**TICKER, "b": None},
        {**TICKER, "u": "x"},
        {name: value for name, value in TICKER.items() if name != "A"},
        [],
        None,
        "text",
    ],
)
def test_a_drifted_schema_is_bad(data: Any) -> None:
    """A frame whose fields are missing or of the wrong kind is refused whole, never half believed."""
    with pytest.raises(msgspec.DecodeError):
        usdm().parse(framed("btcusdt@bookTicker", data), NOW)


@pytest.mark.parametrize("book", [{**BOOK, "b": [["1"]]}, {**BOOK, "b": [["1", "2", "3"]]}, {**BOOK, "a": None}])
def test_a_book_with_odd_levels_is_bad(book: dict[str, Any]) -> None:
    """A level that is not a price and a quantity spoils its frame."""
    with pytest.raises(msgspec.DecodeError):
        usdm().parse(framed("btcusdt@depth20@100ms", book), NOW)


@pytest.mark.parametrize(
    "frame", [{}, {"stream": "ethusdt@bookTicker", "data": TICKER}, {"e": "unheardOf"}, {"id": None}]
)
def test_an_unknown_kind_is_bad(frame: dict[str, Any]) -> None:
    """A frame of no known kind, or of a stream that was not asked for, is refused by name."""
    with pytest.raises(BadFrame):
        usdm().parse(json.dumps(frame).encode(), NOW)


def test_a_price_that_is_no_number_is_bad() -> None:
    """A mark price frame with words for numbers is refused."""
    with pytest.raises(BadFrame):
        usdm().parse(framed("btcusdt@markPrice@1s", {**MARK, "r": "high"}), NOW)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
@example(b"")
@example(b'{"stream":"')
@example(b'{"stream":"btcusdt@bookTicker","data":' + b"[" * 100_000)
@example(b'{"stream":"\xff@bookTicker","data":{}}')
@example(b'{"stream":"\\ud800","data":{}}')
@example(b'{"x":' + b'{"x":' * 100_000)
def test_garbage_is_bad_and_nothing_else(payload: bytes) -> None:
    """Whatever bytes come, reading them fails in the ways that a handler expects, and no other."""
    with pytest.raises(UNREADABLE):
        usdm().parse(payload, NOW)


@given(st.data())
def test_a_cut_frame_is_bad(data: st.DataObject) -> None:
    """A frame that lost its end is refused, wherever it was cut."""
    frame = framed("btcusdt@bookTicker", TICKER)
    cut = data.draw(st.integers(0, len(frame) - 1))

    with pytest.raises(UNREADABLE):
        usdm().parse(frame[:cut], NOW)


@given(st.decimals(min_value="0.00000001", max_value="10000000", places=8))
def test_prices_keep_their_text(price: Any) -> None:
    """The float of a price is the nearest one to its text: it reads back as the same price."""
    quote = usdm().parse(framed("btcusdt@bookTicker", {**TICKER, "a": f"{price:f}"}), NOW)

    assert isinstance(quote, Quote)
    assert float(f"{price:f}") == quote.ask


def test_addresses_and_subscriptions_name_the_channels() -> None:
    """The address of a connection and the request to subscribe use the venue's lower-case names."""
    channels = spot_channels(["BTCUSDT"])

    assert "wss://x/stream?streams=btcusdt@bookTicker/btcusdt@depth20@100ms" == combined_url("wss://x", channels)
    asked = {"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker", "btcusdt@depth20@100ms"], "id": 4}
    assert asked == json.loads(subscription("SUBSCRIBE", channels, 4))


@pytest.mark.data
@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_recorded_quotes_are_read_as_any_reader_would(frames_dir: Path, market: str) -> None:
    """Every recorded quote is read as the generic decoder reads it, and only older ones are dropped."""
    parser, last, quotes = spot() if market == "spot" else usdm(), -1, 0
    with gzip.open(frames_dir / f"{market}_btcusdt_20240808.gz", "rb") as lines:
        for line in lines:
            _, _, frame = line.rstrip().partition(b" ")
            if b"@bookTicker" not in frame[:48]:
                continue
            data = json.loads(frame)["data"]
            event = parser.parse(frame, NOW)
            assert (data["u"] > last) == isinstance(event, Quote)
            if isinstance(event, Quote):
                last, quotes = event.sequence, quotes + 1
                assert (float(data["b"]), float(data["a"])) == (event.bid, event.ask)
                assert (float(data["B"]), float(data["A"])) == (event.bid_qty, event.ask_qty)

    assert quotes > 10_000


def test_a_quantity_that_is_not_a_number_is_a_bad_frame() -> None:
    """NaN would pass every comparison by failing it, and the journal could not keep it."""
    (ticker, _) = spot_channels(["BTCUSDT"])
    frame = b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"NaN","a":"2","A":"1"}}'

    with pytest.raises(BadFrame, match="not a number"):
        ticker.read(frame, 1)
