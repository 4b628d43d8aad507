"""Rows, the sums that they share, and boxes."""

from bot.calc.boxes import EMPTY, EVERYWHERE, Row, Sum
from bot.domain.units import InstrumentId

A, B = InstrumentId("x:a"), InstrumentId("x:b")


def test_a_row_has_its_share_of_a_sum() -> None:
    """10 - 2 x 3 + half of (4 + 3 + 5) is 10."""
    prices = {A: 3.0, B: 5.0}
    whole = Sum(4.0, {A: 1.0, B: 1.0})

    assert whole.value(prices) == 12.0
    assert Row(10.0, {A: -2.0}, 0.5, whole).slack(prices) == 10.0
    assert Row(10.0, {A: -2.0}).slack(prices) == 4.0


def test_everywhere_is_only_where_prices_are() -> None:
    """Zero and infinity are not prices, wherever a price may be."""
    assert EVERYWHERE.lo > 0
    assert EVERYWHERE.hi < float("inf")
    assert not EMPTY.lo <= 1.0 <= EMPTY.hi
