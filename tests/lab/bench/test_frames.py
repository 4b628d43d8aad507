"""The frames that are measured with are the venue's, in the layout that the parser knows."""

import msgspec
import pytest

from bot.domain.market import Depth, Quote
from bot.lab.bench import frames
from bot.venues.binance import MarketParser, spot_channels


@pytest.mark.parametrize(("kind", "expected"), [("ticker", Quote), ("depth", Depth)])
def test_the_daemons_parser_reads_every_frame(kind: str, expected: type) -> None:
    """No frame takes the slow way or is dropped as old, and the symbols take turns."""
    parser = MarketParser(spot_channels(frames.SYMBOLS))
    events = [parser.parse(frames.KINDS[kind](sequence), 1) for sequence in range(1, 9)]

    books = [event for event in events if isinstance(event, Quote | Depth)]

    assert {expected} == {type(event) for event in events}
    assert [1, 2, 3, 4, 5, 6, 7, 8] == [event.sequence for event in books]
    assert 2 == len({event.instrument for event in books})


def test_quotes_are_sane_and_books_are_sorted() -> None:
    """A crossed quote or a book out of order would measure the way of bad data instead."""
    parser = MarketParser(spot_channels(frames.SYMBOLS))
    quote, book = parser.parse(frames.ticker(1), 1), parser.parse(frames.depth(1), 1)

    assert isinstance(quote, Quote)
    assert quote.sane
    assert isinstance(book, Depth)
    assert (20, 20) == (len(book.bids), len(book.asks))
    assert sorted(book.bids, reverse=True) == list(book.bids)
    assert sorted(book.asks) == list(book.asks)
    assert book.bids[0] < book.asks[0]


@pytest.mark.parametrize("size", [1, 125, 126, 2_000])
def test_a_frame_says_its_own_length(size: int) -> None:
    """A websocket text frame is final, unmasked, and long enough for its payload."""
    frame = frames.framed(b"x" * size)
    length = frame[1] if frame[1] < 126 else int.from_bytes(frame[2:4], "big")

    assert 0x81 == frame[0]
    assert size == length
    assert b"x" * size == frame[-size:]


def test_a_flood_goes_on_where_the_last_one_ended() -> None:
    """Sequence numbers go on, so that nothing is dropped as old."""
    payloads = [frame[4:] for frame in frames.flood("ticker", 10, 3)]

    assert [11, 12, 13] == [msgspec.json.decode(payload)["data"]["u"] for payload in payloads]
