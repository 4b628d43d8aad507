"""Quotes, books and marks: what is sane and what a book would give."""

import msgspec
import pytest

from bot.domain.market import Mark, Quote, Walk
from bot.domain.order import Side
from tests.kit import depth, hedge, mark, quote

NAN, INF = float("nan"), float("inf")
NAME = hedge("BTC")


@pytest.mark.parametrize(
    ("bid", "ask"), [(NAN, 1.0), (1.0, NAN), (2.0, 1.0), (1.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (1.0, INF)]
)
def test_a_quote_that_cannot_be_is_not_sane(bid: float, ask: float) -> None:
    """Missing, crossed, locked, negative and endless sides are not a market."""
    assert not Quote(NAME, bid, ask, 1.0, 1.0, 1, 1).sane


def test_a_quote_has_its_mid_between_bid_and_ask() -> None:
    """An ordinary quote is sane and its mid is its middle."""
    one = quote(NAME, 60_000.0)

    assert one.sane
    assert one.mid == 60_000.0


@pytest.mark.parametrize("field", ["mark", "index"])
@pytest.mark.parametrize("value", [NAN, INF, 0.0, -1.0])
def test_a_mark_that_cannot_be_is_not_sane(field: str, value: float) -> None:
    """A mark or index of nothing, below nothing or beyond everything is not a price."""
    assert not msgspec.structs.replace(mark(NAME, 60_000.0), **{field: value}).sane


def test_a_mark_may_have_a_negative_funding_rate_but_not_an_endless_one() -> None:
    """Shorts may pay; nobody pays infinitely much."""
    assert Mark(NAME, 1.0, 1.0, -0.01, 0, 0).sane
    assert not Mark(NAME, 1.0, 1.0, NAN, 0, 0).sane


@pytest.mark.parametrize("level", [(NAN, 1.0), (1.0, NAN), (0.0, 1.0), (1.0, -1.0), (INF, 1.0)])
def test_a_book_with_a_level_that_cannot_be_is_not_sane(level: tuple[float, float]) -> None:
    """One impossible level on either side condemns the frame; an empty side does not."""
    book = depth(NAME, 60_000.0)

    assert not msgspec.structs.replace(book, bids=(*book.bids, level)).sane
    assert not msgspec.structs.replace(book, asks=(*book.asks, level)).sane
    assert msgspec.structs.replace(book, asks=()).sane


def test_an_order_takes_the_other_side_of_the_book() -> None:
    """A buy takes asks, a sell takes bids."""
    book = depth(NAME, 60_000.0)

    assert book.against(Side.BUY) == book.asks
    assert book.against(Side.SELL) == book.bids


def test_a_walk_takes_level_by_level() -> None:
    """What a book gives is weighted by volume, and the worst price touched is told."""
    book = depth(NAME, 100.0, size=2.0, step=1.0)

    assert book.walk(Side.SELL, 3.0, 90.0) == Walk(3.0, (99.9 * 2 + 98.9) / 3, 98.9)


@pytest.mark.parametrize(("side", "limit"), [(Side.BUY, 101.5), (Side.SELL, 98.5)])
def test_a_walk_ends_at_its_limit(side: Side, limit: float) -> None:
    """What is not there within the limit is not invented."""
    assert depth(NAME, 100.0, size=2.0, step=1.0).walk(side, 50.0, limit).contracts == 4.0


def test_a_walk_through_nothing_takes_nothing() -> None:
    """An empty side fills nothing at no price, and a deep one no more than asked for."""
    book = depth(NAME, 100.0, size=2.0)

    assert msgspec.structs.replace(book, bids=()).walk(Side.SELL, 1.0, 1.0) == Walk(0.0, 0.0, 0.0)
    assert book.walk(Side.BUY, 1.0, 1_000.0).contracts == 1.0
