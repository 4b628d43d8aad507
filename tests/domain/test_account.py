"""How a fill moves a position and its average entry."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.account import Balance, Position
from bot.domain.order import Side
from tests.kit import BTC, d, hedge

NAME = hedge("BTC")


def test_what_an_order_holds_is_not_free() -> None:
    """Coins that lie in an order can be neither sold nor moved; a balance that says nothing of orders is free."""
    assert (d("0.75"), d(1)) == (Balance(BTC, d(1), d("0.25")).free, Balance(BTC, d(1)).free)


@pytest.mark.parametrize(
    ("held", "entry", "side", "contracts", "price", "after", "entry_after"),
    [
        ("0", "0", Side.SELL, "2", "100", "-2", "100"),
        ("-2", "100", Side.SELL, "2", "110", "-4", "105"),
        ("-4", "105", Side.BUY, "1", "90", "-3", "105"),
        ("-3", "105", Side.BUY, "3", "90", "0", "0"),
        ("-3", "105", Side.BUY, "5", "90", "2", "90"),
        ("2", "90", Side.BUY, "2", "100", "4", "95"),
    ],
    ids=["opened", "added", "reduced", "closed", "turned round", "added to a long"],
)
def test_the_entry_is_the_average_of_what_opened_the_position(
    held: str, entry: str, side: Side, contracts: str, price: str, after: str, entry_after: str
) -> None:
    """Opening and adding average the entry, reducing leaves it, turning round starts it anew."""
    moved = Position(NAME, d(held), d(entry)).after_fill(side, d(contracts), d(price))

    assert (moved.contracts, moved.entry_price) == (d(after), d(entry_after))


FILLS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 50).map(Decimal), st.integers(80, 120).map(Decimal)), max_size=12
)


@given(FILLS)
def test_realised_and_unrealised_profit_add_up_to_the_cash_and_the_position(
    fills: list[tuple[Side, Decimal, Decimal]],
) -> None:
    """Whatever the fills, cash paid plus the position at mark is the profit that entries and exits imply."""
    position, cash, realised, at = Position(NAME, d(0)), d(0), d(0), d(100)
    for side, contracts, price in fills:
        before, position = position, position.after_fill(side, contracts, price)
        cash -= contracts * side.sign * price
        closed = (
            before.contracts - position.contracts if position.contracts * before.contracts > 0 else before.contracts
        )
        if before.contracts * side.sign < 0:
            realised += closed * (price - before.entry_price)

    unrealised = position.contracts * (at - position.entry_price)
    assert abs(cash + position.contracts * at - (realised + unrealised)) < d("1e-18")
