"""The index: a weighted average that one broken constituent cannot move, unless there are too few others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core.numbers import SCALE
from bot.simex.sources.index import agreed_price, average, index_price, median, shares

ONES = [1, 1, 1, 1]


def test_constituents_count_by_their_weights() -> None:
    """Near prices are averaged by weight, rounded half to even."""
    assert index_price([100, 104], [3, 1]) == 101
    assert index_price([100, 101], [1, 1]) == 100
    assert index_price([101, 102], [1, 1]) == 102


@pytest.mark.parametrize("wrong", [94, 106, 1, 10_000, None])
def test_one_broken_constituent_is_left_out(wrong: int | None) -> None:
    """More than five per cent from the median, or silent: the others make the index."""
    assert index_price([100, wrong, 100, 100], ONES) == 100


def test_a_constituent_inside_five_per_cent_counts() -> None:
    """The bound itself is still inside."""
    assert index_price([100, 105, 100, 100], ONES) == 101


def test_two_broken_constituents_make_it_the_median() -> None:
    """Two of four far away: the middle of all is the price, half way to the wrong ones."""
    assert index_price([100, 100, 120, 120], ONES) == 110


def test_a_lone_constituent_is_believed_whatever_it_says() -> None:
    """With one constituent, or one left, a wrong price is the index: how an index is manipulated."""
    assert index_price([108], [1]) == 108
    assert index_price([None, 108], [1, 1]) == 108


def test_without_a_price_there_is_no_index() -> None:
    """All silent is None, not zero."""
    assert index_price([None, None], [1, 1]) is None


@pytest.mark.parametrize("weights", [[1], [1, 0], [1, -1]])
def test_weights_must_fit(weights: list[int]) -> None:
    """Each constituent has a weight above zero."""
    with pytest.raises(ValueError, match="weight above zero"):
        index_price([100, 100], weights)


@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=9))
def test_the_index_lies_among_its_constituents(prices: list[int]) -> None:
    """Never below the lowest or above the highest; the median neither."""
    found = index_price(prices, [1] * len(prices))

    assert found is not None
    assert min(prices) <= found <= max(prices)
    assert min(prices) <= median(prices) <= max(prices)


@given(st.lists(st.tuples(st.integers(1, 10**13), st.integers(1, 9)), min_size=1, max_size=6))
def test_what_agrees_is_averaged(rows: list[tuple[int, int]]) -> None:
    """Prices near to each other have their average for an index; where there is no agreement none is claimed."""
    prices, weights = [price for price, _ in rows], [weight for _, weight in rows]
    agreed = agreed_price(prices, weights)

    assert agreed in (None, average(rows))
    assert (agreed is None) == ((max(prices) - min(prices)) * 20 > min(prices))


@pytest.mark.parametrize(
    ("prices", "found"),
    [
        ([100, 100, 101, 99], [25, 25, 25, 25]),
        ([100, 150, 101, None], [50, 0, 50, 0]),
        ([100, 150, 50, 100], [25, 25, 25, 25]),
        ([None, None, None, None], [0, 0, 0, 0]),
    ],
)
def test_what_is_left_out_has_no_share(prices: list[int | None], found: list[int]) -> None:
    """Nor has what has no price; when the median is the index, all are shown with their shares."""
    assert [share * SCALE // 100 for share in found] == shares(prices, [1, 1, 1, 1])
