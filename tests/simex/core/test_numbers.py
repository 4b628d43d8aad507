"""Whole numbers and how they are rounded."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core.numbers import BOOKED, MONEY, SCALE, charged


@given(st.integers(0, 10**9 * MONEY), st.integers(-SCALE, SCALE))
def test_a_charge_is_the_exact_one_rounded_once(amount: int, rate: int) -> None:
    """Money times a rate, as a multiple of 1e-8, half to even: nothing is rounded on the way."""
    assert charged(amount, rate) == round(Fraction(amount * rate, SCALE * BOOKED)) * BOOKED
