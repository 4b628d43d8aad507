"""Numbers as venues write them: the same whole numbers as by way of Decimal, and nothing else is a number."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core.numbers import scaled
from bot.simex.sources.text import nearest, whole

PLAIN = st.from_regex(r"[0-9]{1,12}\.[0-9]{0,8}", fullmatch=True)


@given(PLAIN | st.decimals(0, 10**9, places=8).map(str) | st.integers(0, 10**12).map(str))
def test_a_plain_decimal_is_the_same_as_by_way_of_decimal(text: str) -> None:
    """Every decimal with up to eight places, in either notation."""
    assert whole(text) == scaled(Decimal(text)) == nearest(text)


@pytest.mark.parametrize("text", ["", "abc", ".", "1.2.3", "1,5", "--1", "nan", "inf", "1.123456789", "\u0663.x"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Nor is one with more than eight decimals, where exactness is asked for."""
    with pytest.raises(ValueError, match=r"number|decimals"):
        whole(text)


def test_trailing_zeros_and_signs_are_read() -> None:
    """Zeros beyond the eighth place say nothing; a rate may be negative."""
    assert whole("1.500000000000") == 150_000_000
    assert whole("-0.5") == -50_000_000


def test_nearest_rounds_half_to_even() -> None:
    """More decimals than eight are rounded; what is not finite is refused."""
    assert (nearest("0.000000005"), nearest("0.000000015"), nearest("-1e-8")) == (0, 2, -1)
    for text in ("nan", "inf", "x", ""):
        with pytest.raises(ValueError, match="not a finite number"):
            nearest(text)
