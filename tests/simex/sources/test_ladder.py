"""The recorded side of a book: set, dropped and replaced like a plain dict, and shown at its price times a factor."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.sources.ladder import Ladder

TICK = 10
Steps = list[tuple[str, int, int]]
STEPS = st.lists(st.tuples(st.sampled_from(["set", "drop"]), st.integers(1, 40), st.integers(0, 3)), max_size=40)


@given(STEPS, st.booleans())
def test_a_ladder_is_a_dict_that_knows_what_is_better(steps: Steps, is_bid: bool) -> None:
    """Setting and dropping leave exactly the levels that a plain dict would hold, in order of price."""
    ladder, plain = Ladder(is_bid=is_bid, tick=1), dict[int, int]()
    for kind, price, quantity in steps:
        if kind == "set":
            changed = ladder.set(price, quantity)
            assert changed == (plain.get(price, 0) != quantity)
            plain[price] = quantity
        else:
            ladder.drop_better(price)
            plain = {p: q for p, q in plain.items() if (p <= price if is_bid else p >= price)}
        plain = {p: q for p, q in plain.items() if q}

    assert list(ladder.show()) == sorted(plain.items())


@given(
    st.dictionaries(st.integers(100, 3000).map(lambda n: n * TICK), st.integers(1, 9)), st.floats(0.2, 5), st.booleans()
)
def test_levels_that_show_at_one_price_add_up(levels: dict[int, int], factor: float, is_bid: bool) -> None:
    """After a shock every raw level shows on the tick, away from the middle, and nothing is lost or counted twice."""
    ladder = Ladder(is_bid=is_bid, tick=TICK)
    ladder.replace(levels.items())
    ladder.rescale(factor)

    shown = dict(ladder.show())

    assert sum(shown.values()) == sum(levels.values())
    assert all(price % TICK == 0 and ladder.quantity_at(price) == quantity for price, quantity in shown.items())
    for raw in levels:
        exact = raw * Fraction(factor)
        gap = exact - ladder.shown(raw) if is_bid else ladder.shown(raw) - exact
        assert -Fraction(1, 1000) < gap < TICK + Fraction(1, 1000)


@given(st.integers(1, 5000), st.floats(0.001, 100))
def test_a_shock_never_crosses_a_book(price: int, factor: float) -> None:
    """A bid one tick below an ask shows below it under any factor, however small both become."""
    bids, asks = Ladder(is_bid=True, tick=TICK), Ladder(is_bid=False, tick=TICK)
    bids.rescale(factor)
    asks.rescale(factor)

    assert TICK <= bids.shown(price * TICK) < asks.shown((price + 1) * TICK)


def test_factors_multiply_and_can_be_undone() -> None:
    """Halved and doubled is where it was."""
    ladder = Ladder(is_bid=True, tick=TICK)
    ladder.set(1000, 5)
    ladder.rescale(0.5)
    assert list(ladder.show()) == [(500, 5)]

    ladder.rescale(2.0)

    assert list(ladder.show()) == [(1000, 5)]


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_a_factor_must_be_above_zero(factor: float) -> None:
    """What is not a positive number is refused."""
    with pytest.raises(ValueError, match="more than zero"):
        Ladder(is_bid=True, tick=TICK).rescale(factor)
