"""What several prices of a dollar come to, and how far it is off."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.peg import consensus, off_peg
from tests.kit import d

PRICE = st.decimals("0.5", "1.5", places=4)


@pytest.mark.parametrize(("price", "bps"), [("1", 0), ("0.985", 150), ("1.015", 150), ("0.65", 3_500)])
def test_either_side_of_a_dollar_is_off(price: str, bps: int) -> None:
    """In basis points of the dollar, never below zero."""
    assert off_peg(d(price)) == bps


@given(st.lists(PRICE, min_size=3, max_size=7).filter(lambda prices: len(prices) % 2 == 1), st.data())
def test_one_collapse_among_several_moves_nothing_beyond_its_neighbours(
    prices: list[Decimal], data: st.DataObject
) -> None:
    """Whatever one of an odd number says: the middle stays among what the others say."""
    place = data.draw(st.integers(0, len(prices) - 1))
    others = [price for index, price in enumerate(prices) if index != place]

    assert min(others) <= consensus([*others, data.draw(PRICE)]) <= max(others)


@given(st.lists(PRICE, min_size=1, max_size=8))
def test_it_is_one_of_the_two_in_the_middle_and_the_worse(prices: list[Decimal]) -> None:
    """As many prices lie below it as above it, but for the other one in the middle, which is nearer to a dollar."""
    found, ordered = consensus(prices), sorted(prices)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]

    assert found in (low, high)
    assert off_peg(found) == max(off_peg(low), off_peg(high))


def test_without_a_price_there_is_none() -> None:
    """Nothing is not one dollar."""
    with pytest.raises(ValueError, match="no consensus"):
        consensus([])
