"""Figures, quantiles and targets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lab.bench.figures import AtLeast, AtMost, Figure, Machine, Row, Table, quantile, quantiles


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.01, 1.0), (0.5, 50.0), (0.51, 51.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_a_quantile_is_the_nearest_rank(share: float, expected: float) -> None:
    """Of 1 to 100 in any order, the p-th quantile is p."""
    assert quantile([float(n) for n in range(100, 0, -1)], share) == expected


@given(st.lists(st.floats(0, 1e9), min_size=1), st.sampled_from([0.1, 0.5, 0.9, 0.99]))
def test_enough_values_lie_at_or_below_a_quantile(values: list[float], share: float) -> None:
    """At least the share of all values is at most the quantile, and fewer are below it."""
    found = quantile(values, share)

    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < max(share * len(values), 1)


def test_nothing_measured_is_no_figure() -> None:
    """An empty series is an error, not a zero that keeps every target."""
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_a_target_binds_from_its_own_side() -> None:
    """A bound is kept at the bound, and missed just beyond it."""
    assert [AtMost(4.0).met(v) for v in (3.9, 4.0, 4.1)] == [True, True, False]
    assert [AtLeast(4.0).met(v) for v in (3.9, 4.0, 4.1)] == [False, True, True]


def test_only_p50_is_held_against_the_target() -> None:
    """The issue's bounds are on p50; p99 is printed beside."""
    half, tail = quantiles("x", [1.0, 2.0, 900.0], AtMost(2.0))

    assert (half.value, half.met) == (2.0, True)
    assert (tail.value, tail.met) == (900.0, None)


def test_a_table_knows_what_was_missed() -> None:
    """Figures without a target are neither kept nor missed."""
    figures = (
        Figure(name="kept", value=1.0, unit="us", target=AtMost(2.0)),
        Figure(name="missed", value=3.0, unit="us", target=AtMost(2.0)),
        Figure(name="free", value=3.0, unit="us"),
    )
    machine = Machine("CPython", "Linux", "a processor", 2, "/var/tmp", 0.0)
    table = Table(machine, True, (Row("x", "X", figures, 0.1),), (), 0.1)

    assert ["missed"] == [figure.name for figure in table.missed]
