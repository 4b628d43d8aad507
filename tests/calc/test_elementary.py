"""Logarithm and halving agree with the C library's, to the last bits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.elementary import HALVINGS_MAX, atanh, halved, log


@given(st.floats(1e-300, 1e300))
def test_log_is_the_natural_logarithm(x: float) -> None:
    """It differs from the library's by rounding only."""
    assert math.isclose(math.log(x), log(x), rel_tol=4e-16, abs_tol=1e-300)


@given(st.floats(-1e-3, 1e-3))
def test_log_is_exact_where_returns_are(r: float) -> None:
    """Near 1, where price ratios lie, small returns keep their digits."""
    assert math.isclose(math.log(1.0 + r), log(1.0 + r), rel_tol=4e-16)


@pytest.mark.parametrize("x", [0.0, -1.0, math.inf, math.nan])
def test_log_of_what_has_none_is_refused(x: float) -> None:
    """No price ratio is 0, negative or infinite."""
    with pytest.raises(ValueError, match="no logarithm"):
        log(x)


@given(st.floats(0.0, 1000.0))
def test_halved_is_half_to_that_power(times: float) -> None:
    """It differs from the library's by rounding only."""
    assert math.isclose(0.5**times, halved(times), rel_tol=4e-16)


def test_halved_ends_at_nothing() -> None:
    """A weight that was halved too often for a float is gone."""
    assert 0.0 == halved(HALVINGS_MAX + 1.0)
    assert 0.125 == halved(3.0)


@given(st.floats(-0.999, 0.999))
def test_atanh_is_fishers_z(r: float) -> None:
    """It agrees with the library's."""
    assert math.isclose(math.atanh(r), atanh(r), rel_tol=1e-12, abs_tol=1e-15)
