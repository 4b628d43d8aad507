"""The root of a concave, piecewise linear slack."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.calc.slack import Line, crossing
from tests.kit import d

SLOPES = st.lists(st.integers(1, 50), min_size=1, max_size=6, unique=True)


def lowest(lines: list[Line], x: Decimal) -> Line:
    """The piece of the minimum of the lines at x."""
    return min(lines, key=lambda line: line.at(x))


@given(SLOPES, st.integers(1, 1_000))
def test_the_root_of_a_falling_slack_is_where_it_is_zero(slopes: list[int], rest: int) -> None:
    """From the steepest piece, beyond, the walk ends where the minimum of all pieces is zero."""
    lines = [Line(Decimal(-s), Decimal(rest + s * s)) for s in slopes]
    found = crossing(lambda x: lowest(lines, x), min(lines), falling=True)

    assert found is not None
    assert abs(lowest(lines, found).at(found)) < d("1e-20")


@given(SLOPES, st.integers(1, 1_000))
def test_a_rising_slack_is_its_mirror(slopes: list[int], rest: int) -> None:
    """With x turned round the root is turned round."""
    falling = [Line(Decimal(-s), Decimal(rest + s * s)) for s in slopes]
    rising = [Line(-line.slope, line.rest) for line in falling]
    right = crossing(lambda x: lowest(falling, x), min(falling), falling=True)
    left = crossing(lambda x: lowest(rising, x), max(rising), falling=False)

    assert right is not None
    assert left == -right


def test_a_slack_that_is_never_there_has_no_root() -> None:
    """Where the highest point lies below zero the walk passes over it and says so."""
    lines = [Line(d(1), d(-10)), Line(d(-1), d(-1))]

    assert crossing(lambda x: lowest(lines, x), lines[1], falling=True) is None
    assert crossing(lambda x: lowest(lines, x), lines[0], falling=False) is None
