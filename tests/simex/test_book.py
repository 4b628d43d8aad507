"""The background book: setting levels, leading tickers, shocks and what was taken."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.market.book import Book, Ladder
from tests.simex.stage import pairs

TICK = Decimal("0.10")


def shown(ladder: Ladder) -> list[tuple[str, str]]:
    """(shown price, quantity) best first."""
    return [(str(price), str(quantity)) for price, _, quantity in ladder.best_first()]


def bids(*levels: tuple[str, str]) -> Ladder:
    """A bid side."""
    ladder = Ladder(True, TICK)
    ladder.replace(pairs(levels))
    return ladder


def test_levels_come_best_first() -> None:
    """Bids from the highest, asks from the lowest; zero removes, a second writing replaces."""
    book = Book(TICK)
    for price, quantity in pairs([("99.0", "1"), ("98.0", "2"), ("99.5", "3"), ("98.0", "0"), ("99.0", "4")]):
        book.bids.set(price, quantity)
        book.asks.set(price, quantity)

    assert [("99.5", "3"), ("99.0", "4")] == shown(book.bids)
    assert [("99.0", "4"), ("99.5", "3")] == shown(book.asks)


def test_a_ticker_leads() -> None:
    """Nothing is better than the ticker's prices, and its sizes stand at the top."""
    book = Book(TICK)
    book.bids.replace(pairs([("100.0", "1"), ("99.0", "2"), ("98.0", "3")]))
    book.asks.replace(pairs([("101.0", "1"), ("102.0", "2")]))
    book.set_top((Decimal("99.0"), Decimal(7)), (Decimal("100.5"), Decimal(8)))

    assert [("99.0", "7"), ("98.0", "3")] == shown(book.bids)
    assert [("100.5", "8"), ("101.0", "1"), ("102.0", "2")] == shown(book.asks)


def test_more_than_a_level_holds_cannot_be_taken() -> None:
    """Taking is exact: a part leaves the rest, the rest empties the level, more is a mistake."""
    ladder = bids(("100.0", "2"))
    ladder.take(Decimal("100.0"), Decimal("0.5"))

    assert [("100.0", "1.5")] == shown(ladder)

    with pytest.raises(ValueError, match="taken out of"):
        ladder.take(Decimal("100.0"), Decimal(2))

    ladder.take(Decimal("100.0"), Decimal("1.5"))

    assert [] == shown(ladder)


def test_a_shock_rounds_away_from_the_mid() -> None:
    """Bids round down and asks up to the tick; the source goes on writing raw prices."""
    book = Book(TICK)
    book.bids.replace(pairs([("100.0", "1")]))
    book.asks.replace(pairs([("100.1", "1")]))
    book.rescale(Decimal("1.0333"))

    assert [("103.30", "1")] == shown(book.bids)
    assert [("103.50", "1")] == shown(book.asks)

    book.bids.set(Decimal("100.0"), Decimal(5))

    assert [("103.30", "5")] == shown(book.bids)


@given(
    st.dictionaries(st.integers(900, 1100), st.integers(1, 9), min_size=1, max_size=30),
    st.decimals("0.2", "3", places=3),
    st.booleans(),
)
def test_quantities_of_levels_that_fall_together_add_up(levels: dict[int, int], factor: Decimal, is_bid: bool) -> None:
    """Whatever the factor, the quantity at each shown price is the sum of the raw levels that show there."""
    ladder = Ladder(is_bid, TICK)
    ladder.replace([(Decimal(price) / 10, Decimal(quantity)) for price, quantity in levels.items()])
    ladder.rescale(factor)
    wanted: dict[Decimal, Decimal] = {}
    for price, _, quantity in ladder.best_first():
        wanted[price] = wanted.get(price, Decimal(0)) + quantity

    assert wanted == {price: ladder.quantity_at(price) for price in wanted}
    assert all(price % TICK == 0 for price in wanted)


def test_changes_are_the_prices_that_differ() -> None:
    """Rewriting a side marks only levels that changed, came or went."""
    ladder = bids(("100.0", "1"), ("99.0", "2"), ("98.0", "3"))
    ladder.changed.clear()
    ladder.replace(pairs([("100.0", "1"), ("99.0", "5"), ("97.0", "1")]))

    assert {Decimal("99.0"), Decimal("98.0"), Decimal("97.0")} == ladder.changed
