"""Bybit's public frames: state, differences that must follow each other, fields that are merged."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.events import Market
from bot.domain.market import Depth, Mark, Quote
from bot.venues.binance import UNREADABLE, BadFrame
from bot.venues.bybit import (
    BookChannel,
    Channel,
    Control,
    MarkChannel,
    MarketParser,
    Ponged,
    QuoteChannel,
    Subscribed,
    SubscriptionRefused,
    subscription,
)
from tests.venues.bybitkit import BTC

NOW_NS = 1_700_000_000_000_000_000


def parser(kind: type[Channel]) -> MarketParser:
    """A parser of one topic of BTCUSDT."""
    return MarketParser((kind(BTC, "BTCUSDT"),))


def book(topic: str, kind: str, u: int, bids: list[Any], asks: list[Any]) -> bytes:
    """A book frame as the venue writes it."""
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": u, "seq": 7_961_638_724}
    return json.dumps({"topic": f"{topic}.BTCUSDT", "type": kind, "ts": 1_672_304_484_978, "data": data}).encode()


def best(u: int, bid: str = "16493.50", ask: str = "16611.00", kind: str = "snapshot") -> bytes:
    """A frame of best prices."""
    return book("orderbook.1", kind, u, [[bid, "0.006"]], [[ask, "0.029"]])


def fifty(kind: str, u: int, bids: list[Any], asks: list[Any]) -> bytes:
    """A frame of the deeper book."""
    return book("orderbook.50", kind, u, bids, asks)


def ticker(kind: str, ts: int, **fields: str) -> bytes:
    """A ticker frame."""
    data = {"symbol": "BTCUSDT", **fields}
    return json.dumps({"topic": "tickers.BTCUSDT", "type": kind, "data": data, "cs": 1, "ts": ts}).encode()


def read(found: MarketParser, payload: bytes, now_ns: int = NOW_NS) -> Market | Control | None:
    """What a frame says."""
    return found.parse(payload, now_ns)


# Best prices


def test_the_best_prices_come_whole() -> None:
    """A snapshot of one level is a quote."""
    assert Quote(BTC, 16493.5, 16611.0, 0.006, 0.029, 18_521_288, NOW_NS) == read(
        parser(QuoteChannel), best(18_521_288)
    )


def test_the_same_best_prices_again_are_news() -> None:
    """After three seconds without a change the venue repeats itself: nothing has changed, and that is fresh."""
    found = parser(QuoteChannel)
    read(found, best(5))

    assert Quote(BTC, 16493.5, 16611.0, 0.006, 0.029, 5, NOW_NS + 1) == read(found, best(5), NOW_NS + 1)


def test_an_older_quote_is_dropped_and_counted() -> None:
    """Numbers only grow."""
    found = parser(QuoteChannel)
    read(found, best(5))

    assert read(found, best(4)) is None
    assert 1 == found.channels[0].outdated


def test_a_restart_of_the_venue_numbers_anew() -> None:
    """A snapshot numbered 1 is the venue's own restart, not an old frame."""
    found = parser(QuoteChannel)
    read(found, best(900))

    assert isinstance(read(found, best(1)), Quote)
    assert isinstance(read(found, best(2)), Quote)


def test_a_difference_of_the_best_prices_keeps_the_other_side() -> None:
    """A side without a level stands as it was; one that was taken away leaves nothing to trade on."""
    found = parser(QuoteChannel)
    read(found, best(5))

    moved = read(found, book("orderbook.1", "delta", 6, [["16493.40", "1"]], []))
    assert Quote(BTC, 16493.4, 16611.0, 1.0, 0.029, 6, NOW_NS) == moved
    gone = read(found, book("orderbook.1", "delta", 7, [["16493.40", "0"]], []))
    assert isinstance(gone, Quote)
    assert not gone.sane


@pytest.mark.parametrize("size", ["-1", "nan"])
def test_an_impossible_size_is_refused(size: str) -> None:
    """A negative size or none at all is no quote."""
    with pytest.raises(UNREADABLE):
        read(parser(QuoteChannel), book("orderbook.1", "snapshot", 5, [["1", size]], [["2", "1"]]))


# The deeper book


def test_differences_follow_a_snapshot() -> None:
    """Levels are set, added and taken away, and stand in the order of their price, the best first."""
    found = parser(BookChannel)
    read(found, fifty("snapshot", 10, [["99", "1"], ["98", "2"]], [["101", "1"], ["102", "2"]]))
    moved = read(found, fifty("delta", 11, [["99", "0"], ["98.5", "3"]], [["100.5", "4"], ["102", "5"]]))

    assert isinstance(moved, Depth)
    assert ((98.5, 3.0), (98.0, 2.0)) == moved.bids
    assert ((100.5, 4.0), (101.0, 1.0), (102.0, 5.0)) == moved.asks
    assert (11, NOW_NS) == (moved.sequence, moved.received_ns)


def test_a_gap_loses_the_book_until_the_next_snapshot() -> None:
    """A difference that does not follow makes the book unknown: nothing is told of it, whatever comes, until reset."""
    found = parser(BookChannel)
    read(found, fifty("snapshot", 10, [["99", "1"]], [["101", "1"]]))

    assert read(found, fifty("delta", 12, [["98", "1"]], [])) is None
    assert found.channels[0].lost
    assert read(found, fifty("delta", 13, [["97", "1"]], [])) is None
    assert isinstance(read(found, fifty("snapshot", 20, [["99", "1"]], [["101", "1"]])), Depth)
    assert not found.channels[0].lost


def test_a_difference_before_any_snapshot_is_a_gap() -> None:
    """There is nothing that it could change."""
    found = parser(BookChannel)

    assert read(found, fifty("delta", 5, [["99", "1"]], [])) is None
    assert found.channels[0].lost


def test_a_repeated_difference_is_passed_over() -> None:
    """What came twice changes nothing and loses nothing."""
    found = parser(BookChannel)
    read(found, fifty("snapshot", 10, [["99", "1"]], [["101", "1"]]))
    read(found, fifty("delta", 11, [["99", "0"]], []))

    assert read(found, fifty("delta", 11, [["99", "7"]], [])) is None
    assert not found.channels[0].lost
    assert 1 == found.channels[0].outdated


def test_number_one_resets_the_book() -> None:
    """With it the venue begins anew after its own restart, whatever the frame calls itself."""
    found = parser(BookChannel)
    read(found, fifty("snapshot", 10, [["99", "1"]], [["101", "1"]]))
    anew = read(found, fifty("delta", 1, [["90", "1"]], [["91", "1"]]))

    assert isinstance(anew, Depth)
    assert (((90.0, 1.0),), ((91.0, 1.0),)) == (anew.bids, anew.asks)


LEVELS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), max_size=6)


@given(st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=12))
def test_the_book_is_what_a_plain_dictionary_says(changes: list[tuple[list[Any], list[Any]]]) -> None:
    """However levels come and go, the book equals the one kept by hand."""
    found = parser(BookChannel)
    sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
    read(found, fifty("snapshot", 1, [], []))
    told: Any = None
    for number, change in enumerate(changes, start=2):
        for side, levels in zip(sides, change, strict=True):
            for price, size in levels:
                side[float(price)] = float(size)
        told = read(found, fifty("delta", number, *([[str(p), str(s)] for p, s in levels] for levels in change)))
    bids, asks = ({p: s for p, s in side.items() if s} for side in sides)

    assert tuple(sorted(bids.items(), reverse=True)) == told.bids
    assert tuple(sorted(asks.items())) == told.asks


# Mark, index and funding

FIELDS = {
    "markPrice": "17217.33",
    "indexPrice": "17227.36",
    "fundingRate": "-0.000212",
    "nextFundingTime": "1673280000000",
    "fundingIntervalHour": "8",
}


def test_a_ticker_is_merged() -> None:
    """A difference names what changed; the rest stands."""
    found = parser(MarkChannel)
    whole = read(found, ticker("snapshot", 1_673_272_861_686, **FIELDS))
    moved = read(found, ticker("delta", 1_673_272_861_786, markPrice="17220.00"), NOW_NS + 1)

    settles_ns = 1_673_280_000_000 * 1_000_000
    assert Mark(BTC, 17217.33, 17227.36, -0.000212, settles_ns, NOW_NS) == whole
    assert Mark(BTC, 17220.0, 17227.36, -0.000212, settles_ns, NOW_NS + 1) == moved


def test_a_ticker_that_moves_something_else_says_that_the_mark_stands() -> None:
    """The venue is alive, and would have said so had the mark moved."""
    found = parser(MarkChannel)
    read(found, ticker("snapshot", 10, **FIELDS))

    assert isinstance(read(found, ticker("delta", 11, lastPrice="1")), Mark)


def test_a_difference_of_a_ticker_before_its_snapshot_waits() -> None:
    """Half a ticker is no mark."""
    found = parser(MarkChannel)

    assert read(found, ticker("delta", 10, markPrice="1")) is None
    assert found.channels[0].lost


@pytest.mark.parametrize("mark", ["x", "nan", "inf", "1e30"])
def test_a_mark_that_is_no_number_is_refused(mark: str) -> None:
    """It is not taken for zero."""
    with pytest.raises(BadFrame):
        read(parser(MarkChannel), ticker("snapshot", 10, **{**FIELDS, "markPrice": mark}))


# Answers


def test_an_answer_names_the_topic_that_it_is_about() -> None:
    """Every topic is asked for by a request of its own, so each is taken or refused by name."""
    found = parser(QuoteChannel)
    taken = b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"orderbook.1.BTCUSDT","op":"subscribe"}'
    refused = b'{"success":false,"ret_msg":"Invalid topic","conn_id":"c","req_id":"x","op":"subscribe"}'

    assert Subscribed("orderbook.1.BTCUSDT") == read(found, taken)
    assert SubscriptionRefused("x", "Invalid topic") == read(found, refused)
    assert {"req_id": "tickers.A", "op": "subscribe", "args": ["tickers.A"]} == json.loads(
        subscription("subscribe", "tickers.A")
    )


def test_both_ways_of_answering_a_ping_are_known() -> None:
    """Public connections say ping, private ones pong."""
    found = parser(QuoteChannel)

    assert Ponged() == read(found, b'{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"","op":"ping"}')
    assert Ponged() == read(found, b'{"op":"pong","args":["1675418560633"],"conn_id":"c"}')


@given(st.binary(max_size=200))
def test_junk_is_refused(payload: bytes) -> None:
    """Whatever comes, reading it raises what is named and nothing else."""
    with contextlib.suppress(*UNREADABLE):
        parser(BookChannel).parse(payload, NOW_NS)


@pytest.mark.parametrize("name", ["ws_orderbook_snapshot", "ws_ticker_linear"])
def test_recorded_shapes_are_read(data_dir: Any, name: str) -> None:
    """Frames as other people's adapters have them in their tests."""
    place = data_dir / "shapes" / "bybit" / f"{name}.json"
    if not place.is_file():
        pytest.skip(f"no {place}")
    channels = (QuoteChannel(BTC, "BTCUSDT"), MarkChannel(BTC, "BTCUSDT"))

    assert isinstance(MarketParser(channels).parse(place.read_bytes(), NOW_NS), Quote | Mark)
