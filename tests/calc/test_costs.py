"""The book walk, what a trade costs, impact, slicing and the risk of taking one's time."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from math import exp, sinh, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.costs import (
    SLICES_MAX,
    Book,
    ExactLevel,
    child_max,
    cost_to_risk,
    hedge_cost,
    in_bps,
    kappa,
    one_way,
    residual_risk,
    risk_removed,
    square_root_impact,
    trajectory,
    walk,
    within_limit,
)
from bot.domain.instrument import Kind
from bot.domain.order import Side
from tests.kit import d

SIZES = st.lists(st.decimals("0.1", 20, places=1), min_size=1, max_size=8)
WANTED = st.decimals("0.1", 200, places=1)
SIDES = st.sampled_from(list(Side))


def levels(side: Side, sizes: list[Decimal], best: str = "100") -> tuple[ExactLevel, ...]:
    """Levels one apart, away from the best price."""
    return tuple((d(best) + side.sign * k, size) for k, size in enumerate(sizes))


BOOK = Book(bids=((d(99), d(2)), (d(97), d(3))), asks=((d(101), d(2)), (d(103), d(3))))


@given(SIDES, SIZES, WANTED)
def test_a_walk_takes_what_is_there_and_no_more(side: Side, sizes: list[Decimal], wanted: Decimal) -> None:
    """All of it where the book holds it, else everything that it holds, at the average of what was taken."""
    book = levels(side, sizes)
    taken = walk(book, side, wanted)
    whole = sum(sizes, d(0))

    assert taken.contracts == min(wanted, whole)
    assert taken.complete is (wanted <= whole)
    assert taken.vwap is not None
    assert taken.worst is not None
    assert 0 <= (taken.vwap - 100) * side.sign <= (taken.worst - 100) * side.sign


@given(SIDES, SIZES, WANTED, WANTED)
def test_the_average_gets_worse_with_size(side: Side, sizes: list[Decimal], one: Decimal, other: Decimal) -> None:
    """More contracts never have a better average, and never one that is better than the best level."""
    small, large = sorted((one, other))
    near, far = (walk(levels(side, sizes), side, size).vwap for size in (small, large))

    assert near is not None
    assert far is not None
    assert 0 <= (near - 100) * side.sign <= (far - 100) * side.sign + d("1e-20")


@given(SIDES, SIZES, st.integers(0, 9))
def test_the_most_within_a_limit_is_what_a_walk_to_it_takes(side: Side, sizes: list[Decimal], steps: int) -> None:
    """The cumulative depth to the limit price, the limit itself included."""
    book, limit = levels(side, sizes), d(100) + side.sign * steps
    taken = walk(book, side, d(1_000), limit=limit)

    assert within_limit(book, side, limit) == taken.contracts == sum(sizes[: steps + 1], d(0))
    assert taken.worst is not None
    assert (taken.worst - limit) * side.sign <= 0


def test_an_inverse_average_is_harmonic() -> None:
    """100 of face at 100 and 100 at 50 buy 1 + 2 coins: 66.67 a coin; a linear contract averages 75."""
    book = ((d(100), d(100)), (d(50), d(100)))

    assert walk(book, Side.SELL, d(200), kind=Kind.INVERSE).vwap == d(200) / 3
    assert walk(book, Side.SELL, d(200)).vwap == 75


def test_an_empty_book_gives_nothing() -> None:
    """No price is made up; nothing of nothing is complete."""
    assert walk((), Side.BUY, d(1)) == walk(((d(101), d(5)),), Side.BUY, d(1), limit=d(100))
    assert not walk((), Side.BUY, d(1)).complete
    assert walk((), Side.BUY, d(0)).complete


@pytest.mark.parametrize(
    ("bids", "asks"), [((), BOOK.asks), (BOOK.bids, ()), (BOOK.asks, BOOK.bids), (((d(0), d(1)),), BOOK.asks)]
)
def test_a_book_without_two_sides_is_not_sane(bids: tuple[ExactLevel, ...], asks: tuple[ExactLevel, ...]) -> None:
    """One side missing, crossed or at zero."""
    assert BOOK.sane
    assert not Book(bids, asks).sane


def test_a_trade_costs_its_fee_half_the_spread_and_the_walk() -> None:
    """Buying 4 around 100: 2 at 101 and 2 at 103 average 102, of which 1 % is half the spread and 1 % the walk."""
    cost = one_way(BOOK, Side.BUY, d(4), fee=d("0.0005"))

    assert (cost.fee, cost.half_spread, cost.impact, cost.total) == (d("0.0005"), d("0.01"), d("0.01"), d("0.0205"))
    assert (cost.contracts, cost.vwap, cost.complete) == (d(4), d(102), True)
    assert in_bps(cost.total) == 205
    assert hedge_cost(d(-4), d(100), cost) == d("8.2")


def test_a_rebate_is_a_negative_fee_and_a_thin_book_is_said() -> None:
    """Six of which the book holds five: the cost of five, not complete; none has a cost without a walk."""
    thin = one_way(BOOK, Side.SELL, d(6), fee=d("-0.0001"))

    assert (thin.contracts, thin.complete) == (d(5), False)
    assert thin.total == d("-0.0001") + d("0.01") + d("0.012")
    assert one_way(BOOK, Side.SELL, d(0), fee=d(0)).total == d("0.01")


def test_a_slice_is_bounded_by_depth_and_by_volume() -> None:
    """A fifth of 50; a tenth of the volume of the time that it has; depth alone where volume is unknown."""
    assert child_max(d(50), d("0.2"), None, d("0.1"), d(60)) == 10
    assert child_max(d(50), d("0.2"), d(86_400), d("0.1"), d(60)) == 6
    assert child_max(d(50), d("0.2"), d(864_000), d("0.1"), d(60)) == 10


def test_impact_grows_with_the_square_root() -> None:
    """A whole day's volume moves a price by a daily standard deviation; four times the size, twice the impact."""
    assert square_root_impact(0.04, 10.0, 10.0) == 0.04
    assert square_root_impact(0.04, 40.0, 10.0) == pytest.approx(0.08)
    assert square_root_impact(0.04, 0.0, 0.0) == 0.0
    assert square_root_impact(0.04, 1.0, 0.0) == float("inf")


@given(st.floats(1, 1e6), st.floats(0.1, 100), st.integers(1, 50), st.floats(0, 5))
def test_a_trajectory_trades_everything_and_only_one_way(
    quantity: float, duration: float, slices: int, urgency: float
) -> None:
    """It starts with all, ends with nothing, falls all the way, and is never above the straight line."""
    left = trajectory(quantity, duration, slices, urgency)

    assert left[0] == pytest.approx(quantity)
    assert left[-1] == 0.0
    assert all(before >= after for before, after in pairwise(left))
    assert all(x <= quantity * (1 - k / slices) * (1 + 1e-9) for k, x in enumerate(left))


def test_a_trajectory_is_almgren_and_chriss() -> None:
    """X sinh(kappa (T - t)) / sinh(kappa T); without urgency even slices, with a great one all at once."""
    assert trajectory(10.0, 2.0, 4, 1.5) == pytest.approx([10 * sinh(1.5 * (2 - t / 2)) / sinh(3.0) for t in range(5)])
    assert trajectory(8.0, 1.0, 4, 0.0) == (8.0, 6.0, 4.0, 2.0, 0.0)
    assert trajectory(8.0, 1.0, 2, 1_500.0) == pytest.approx((8.0, 0.0, 0.0))
    assert trajectory(1.0, 1.0, 10, 40.0)[1] == pytest.approx(exp(-4))
    assert kappa(2.0, 3.0, 8.0) == 1.5


@pytest.mark.parametrize(("duration", "slices", "urgency"), [(0.0, 1, 0.0), (1.0, 0, 0.0), (1.0, 1, -1.0)])
def test_an_impossible_trajectory_is_refused(duration: float, slices: int, urgency: float) -> None:
    """No time, no slices, a negative urgency, or too many slices."""
    with pytest.raises(ValueError, match="no trajectory"):
        trajectory(1.0, duration, slices, urgency)
    with pytest.raises(ValueError, match="no trajectory"):
        trajectory(1.0, 1.0, SLICES_MAX + 1, 0.0)


def test_the_risk_while_slicing_is_that_of_a_third_of_the_time() -> None:
    """sigma |x| sqrt(T / 3): the root of the integral of an exposure that falls evenly."""
    steps = 10_000
    summed = sqrt(sum((0.05 * 1_000 * (1 - (k + 0.5) / steps)) ** 2 * 4.0 / steps for k in range(steps)))

    assert residual_risk(0.05, -1_000.0, 4.0) == pytest.approx(summed, rel=1e-6)


def test_a_hedges_cost_is_weighed_against_a_day_of_the_risk_that_it_removes() -> None:
    """10,000 at 4 % a day carries 400: a cost of 5.5 is 1.375 % of it. A hedge that removes nothing is not worth it."""
    risk = risk_removed(0.04, d(-10_000))

    assert risk == 400
    assert cost_to_risk(d("5.5"), risk) == pytest.approx(0.01375)
    assert risk_removed(0.04, d(10_000), d(-2_500)) == 300
    assert risk_removed(0.04, d(100), d(-200)) == 0
    assert cost_to_risk(d(1), 0.0) == float("inf")
    assert cost_to_risk(d(-1), 0.0) == 0.0
