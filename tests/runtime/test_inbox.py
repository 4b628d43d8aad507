"""The inbox: facts in order and never dropped, market data as the latest of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.events import Event, FaultRaised, StreamChanged, Ticked
from bot.domain.market import Depth, Mark, Quote
from bot.domain.units import Nanos
from bot.runtime import inbox
from bot.runtime.inbox import Inbox, InboxOverflow
from tests.kit import START_NS, depth, hedge, mark, pricing, quote


def fact(number: int) -> StreamChanged:
    """A fact that can be told from others."""
    return StreamChanged(f"stream {number}", True, "", Nanos(START_NS + number))


def drained(box: Inbox) -> list[Event]:
    """Every fact that waits."""
    return [fact for _ in range(box.waiting) if (fact := box.take_fact()) is not None]


@given(st.lists(st.one_of(st.integers(0, 9).map(fact), st.floats(100, 200).map(lambda mid: quote(hedge("BTC"), mid)))))
def test_facts_keep_their_order_whatever_comes_between(events: list[Event]) -> None:
    """Every fact comes out, once, in the order in which it came in; of the quotes only the last."""
    box = Inbox()
    for event in events:
        box.put(event)

    quotes = [event for event in events if isinstance(event, Quote)]
    assert [event for event in events if not isinstance(event, Quote)] == drained(box)
    assert quotes[-1:] == box.take_market()
    assert max(len(quotes) - 1, 0) == box.conflated


def test_quotes_conflate_by_instrument() -> None:
    """The latest quote of each instrument is kept; another instrument's does not push it out."""
    box = Inbox()
    last, other = quote(hedge("BTC"), 60_002), quote(pricing("BTC"), 60_000)
    for event in (quote(hedge("BTC"), 60_001), other, last):
        box.put(event)

    assert {last, other} == set(box.take_market())


def test_books_and_marks_come_before_the_quotes_that_may_act_on_them() -> None:
    """A decision on a quote is made on the newest book and mark, not on the ones before."""
    box = Inbox()
    for event in (quote(hedge("BTC"), 1), depth(hedge("BTC"), 1), mark(hedge("BTC"), 1), depth(hedge("BTC"), 2)):
        box.put(event)

    assert [Depth, Mark, Quote] == [type(event) for event in box.take_market()]


def test_what_was_taken_is_gone() -> None:
    """Nothing is handled twice, and an empty inbox says so."""
    box = Inbox()
    box.put(quote(hedge("BTC"), 1))
    box.put(fact(1))
    box.take_market()
    box.take_fact()

    assert ([], None, 0) == (box.take_market(), box.take_fact(), box.waiting)


def test_a_tick_is_not_conflated() -> None:
    """Only quotes, depth and marks conflate: whatever else is put waits in line."""
    box = Inbox()
    for number in range(3):
        box.put(Ticked(Nanos(START_NS + number)))

    assert 3 == box.waiting


def test_the_queue_of_facts_is_bounded_and_drops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound the next fact is refused loudly, the ones before stay, and the market still comes in."""
    monkeypatch.setattr(inbox, "FACTS_MAX", 3)
    box = Inbox()
    for number in range(3):
        box.put(fact(number))
    with pytest.raises(InboxOverflow, match="3 facts wait"):
        box.put(FaultRaised("one too many", START_NS))
    box.put(quote(hedge("BTC"), 1))

    assert [fact(number) for number in range(3)] == drained(box)
    assert 1 == len(box.take_market())
