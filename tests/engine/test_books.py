"""The latest of everything public, and what the journal has not seen of it."""

import msgspec
import pytest

from bot.domain.events import Market
from bot.domain.market import Depth, Mark, Quote
from bot.engine.books import Books
from tests.kit import START_NS, depth, hedge, mark, quote

NAME, OTHER = hedge("BTC"), hedge("ETH")
NAN = float("nan")


def filled(*events: Market) -> Books:
    """Books that have seen these events."""
    books = Books()
    for event in events:
        books.put(event)
    return books


def test_only_the_latest_counts() -> None:
    """A newer quote replaces an older one, of the same instrument only."""
    new = quote(NAME, 61_000.0)
    books = filled(quote(NAME, 60_000.0), quote(OTHER, 2_500.0), new)

    assert books.quotes[NAME] is new
    assert books.quotes[OTHER].mid == 2_500.0


def test_what_a_decision_read_is_reported_once() -> None:
    """Each value is given out once, by instrument, in a fixed order."""
    new = quote(OTHER, 2_501.0)
    books = filled(mark(OTHER, 2_500.0), depth(NAME, 60_000.0), quote(OTHER, 2_500.0), quote(NAME, 60_000.0))

    assert [type(e) for e in books.take_unreported()] == [Quote, Depth, Quote, Mark]
    assert books.take_unreported() == ()
    books.put(new)
    assert books.take_unreported() == (new,)


def test_a_new_process_knows_no_market() -> None:
    """After a restart nothing of the old market is left, or held back from the journal."""
    books = filled(quote(NAME, 60_000.0), depth(NAME, 60_000.0), mark(NAME, 60_000.0))
    books.take_unreported()
    books.forget()
    books.put(quote(NAME, 60_000.0))

    assert (books.depths, books.marks) == ({}, {})
    assert len(books.take_unreported()) == 1


def test_a_mark_or_book_that_cannot_be_is_as_if_it_had_not_come() -> None:
    """One impossible frame neither replaces what is known nor makes it look fresh."""
    good, book = mark(NAME, 60_000.0), depth(NAME, 60_000.0)
    bad = msgspec.structs.replace(good, mark=NAN, received_ns=START_NS + 5)
    torn = msgspec.structs.replace(book, bids=((NAN, 1.0),), received_ns=START_NS + 5)

    assert filled(good, bad).marks[NAME] is good
    assert filled(book, torn).depths[NAME] is book


@pytest.mark.parametrize("bid", [NAN, float("inf"), 0.0, 70_000.0])
def test_a_quote_that_cannot_be_takes_the_old_one_away(bid: float) -> None:
    """After a crossed or empty quote there is no best bid and ask, and what is kept can be journaled."""
    bad = msgspec.structs.replace(quote(NAME, 60_000.0), bid=bid)
    kept = filled(quote(NAME, 60_000.0), bad).quotes[NAME]

    assert not kept.sane
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Quote) == kept


def test_a_quiet_quote_is_alive_while_the_book_shows_the_same_top() -> None:
    """The depth stream vouches for a quote that it agrees with, and only for one that it agrees with."""
    later = START_NS + 5_000
    agreeing = filled(quote(NAME, 60_000.0), depth(NAME, 60_000.0, later))
    contradicting = filled(quote(NAME, 60_000.0), depth(NAME, 60_010.0, later))
    sided = filled(quote(NAME, 60_000.0), msgspec.structs.replace(depth(NAME, 60_000.0, later), asks=()))

    assert agreeing.book_received_ns(NAME) == later
    assert contradicting.book_received_ns(NAME) == sided.book_received_ns(NAME) == START_NS


def test_a_book_without_a_quote_was_never_heard_of() -> None:
    """Levels alone are not a best bid and ask."""
    assert filled(depth(NAME, 60_000.0)).book_received_ns(NAME) == 0
    assert filled(quote(NAME, 60_000.0)).book_received_ns(NAME) == START_NS
