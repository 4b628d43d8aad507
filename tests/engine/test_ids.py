"""Client order ids."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.ids import client_order_id

EPOCHS = st.integers(0, 36**8 - 1)
PARTS = st.tuples(EPOCHS, st.integers(0, 36**6 - 1), st.integers(0, 36**2 - 1), st.integers(0, 36**2 - 1))


@given(st.text(max_size=20), PARTS)
def test_every_venue_takes_an_id(portfolio: str, parts: tuple[int, int, int, int]) -> None:
    """`tt` and 22 of lower-case letters and digits."""
    assert re.fullmatch(r"tt[a-z0-9]{22}", client_order_id(portfolio, *parts))


@given(PARTS, PARTS)
def test_different_orders_have_different_ids(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> None:
    """Epoch, intent, leg and attempt can be told apart; the same ones give the same id."""
    assert (client_order_id("main", *one) == client_order_id("main", *other)) is (one == other)


def test_two_portfolios_on_one_account_tell_their_orders_apart() -> None:
    """The portfolio's name is part of the id."""
    assert client_order_id("main", 1, 1, 0) != client_order_id("side", 1, 1, 0)


@pytest.mark.parametrize("epoch", [36**8, -1])
def test_a_number_that_does_not_fit_is_refused(epoch: int) -> None:
    """An id is never cut short, for then two orders could share it."""
    with pytest.raises(ValueError, match="does not fit"):
        client_order_id("main", epoch, 1, 0)
