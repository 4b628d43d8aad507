"""Boxes prove that nothing can turn while every price stays inside its own."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bot.calc.boxes import EMPTY, EVERYWHERE, Row, boxes
from bot.domain.units import InstrumentId

A, B, C = (InstrumentId(f"x:{name}") for name in "abc")
FLOATS = st.floats(-1e6, 1e6, allow_nan=False)
PRICES = st.fixed_dictionaries({name: st.floats(0.01, 1e5) for name in (A, B, C)})
ROWS = st.lists(
    st.builds(Row, FLOATS, st.dictionaries(st.sampled_from([A, B, C]), FLOATS, min_size=1)), min_size=1, max_size=5
)


def holds(row: Row, prices: dict[InstrumentId, float]) -> bool:
    """Whether a row holds at these prices, exactly."""
    terms = (Fraction(a) * Fraction(prices[name]) for name, a in row.coefficients.items())
    return Fraction(row.constant) + sum(terms, Fraction(0)) >= 0


@given(ROWS, PRICES, st.fixed_dictionaries({name: st.floats(0, 1) for name in (A, B, C)}))
def test_no_row_fails_while_every_price_is_inside_its_box(
    rows: list[Row], prices: dict[InstrumentId, float], where: dict[InstrumentId, float]
) -> None:
    """Anywhere inside the boxes, all at once, every condition that held still holds, in exact arithmetic."""
    drawn = boxes(prices, rows, prices)
    moved = {}
    for name, box in drawn.items():
        if box.lo > box.hi:
            return
        hi = min(box.hi, 1e9)
        moved[name] = min(max(box.lo + where[name] * (hi - box.lo), box.lo), hi)

    assert all(holds(row, moved) for row in rows)


@given(ROWS, PRICES)
def test_a_row_that_fails_now_empties_the_boxes_of_its_prices(
    rows: list[Row], prices: dict[InstrumentId, float]
) -> None:
    """What is breached already lets no quote pass."""
    drawn = boxes(prices, rows, prices)

    for row in rows:
        if not holds(row, prices):
            assert all(drawn[name] == EMPTY for name in row.coefficients)


def test_a_box_has_the_room_that_its_tightest_row_leaves() -> None:
    """100 - p >= 0 at 80 leaves a quarter, and a row with half of that room decides."""
    wide = boxes([A], [Row(100.0, {A: -1.0})], {A: 80.0})[A]
    tight = boxes([A], [Row(100.0, {A: -1.0}), Row(90.0, {A: -1.0})], {A: 80.0})[A]

    assert 99.999 < wide.hi <= 100.0
    assert 89.999 < tight.hi <= 90.0


def test_a_price_in_no_row_may_go_anywhere() -> None:
    """Nothing depends on it, and still only a price passes."""
    drawn = boxes([A, B], [Row(1.0, {A: 0.0})], {A: 5.0, B: 7.0})

    assert drawn[A].hi == drawn[B].hi == float("inf")
    assert drawn[A].lo == drawn[B].lo == 0.0
    assert boxes([A], [Row(-1.0, {A: 0.0})], {A: 5.0})[A] == EMPTY


def test_everywhere_is_only_where_prices_are() -> None:
    """Zero and infinity are not prices, wherever a price may be."""
    assert EVERYWHERE.lo > 0
    assert EVERYWHERE.hi < float("inf")
    assert not EMPTY.lo <= 1.0 <= EMPTY.hi
