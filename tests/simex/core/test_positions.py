"""What a fill does to a position: exact sums, proportional cost, prices of entry and break-even."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core import positions
from bot.simex.core.account import Position
from bot.simex.core.numbers import BOOKED, MONEY, SCALE
from bot.simex.core.positions import Change, break_even_price, entry_price
from tests.simex.core.money_stage import future

BTC = future("BTCUSDT")
COIN = future("BTCUSD_PERP", "inverse", quote="USD", face=100)


def trade(position: Position, quantity: int, price: int) -> Change:
    """A fill of whole units at a whole price."""
    signed = quantity * SCALE
    return positions.fill(position, signed, position.instrument.worth(signed, price * SCALE))


def test_adding_sums_the_worth() -> None:
    """Two buys at 100 and 130 of 1 and 2 cost 360: the entry price is 120."""
    held = Position(BTC, "both")
    trade(held, 1, 100)

    assert Change(0, 0, 0, 260 * MONEY) == trade(held, 2, 130)
    assert 120 * SCALE == entry_price(BTC, held.quantity, held.cost)


def test_a_partial_close_releases_cost_in_proportion() -> None:
    """Of 3 at 120, selling 1 at 150 books 30 and leaves 2 at 120."""
    held = Position(BTC, "both")
    trade(held, 3, 120)

    assert Change(30 * MONEY, 0, SCALE, 0) == trade(held, -1, 150)
    assert (2 * SCALE, 240 * MONEY) == (held.quantity, held.cost)


def test_a_flip_closes_and_opens_at_the_same_price() -> None:
    """Short 2 at 100, bought 5 at 90: 20 booked, long 3 at 90."""
    held = Position(BTC, "both")
    trade(held, -2, 100)

    assert Change(20 * MONEY, 0, 2 * SCALE, 270 * MONEY) == trade(held, 5, 90)
    assert 90 * SCALE == entry_price(BTC, held.quantity, held.cost)


def test_an_inverse_position_earns_coins() -> None:
    """Long 10 contracts of 100 dollars from 50,000 to 40,000 loses 1000/40000 - 1000/50000 = 0.005 coins."""
    held = Position(COIN, "both")
    trade(held, 10, 50_000)

    assert 50_000 * SCALE == entry_price(COIN, held.quantity, held.cost)
    assert -MONEY // 200 == trade(held, -10, 40_000).realized


def test_rounding_stays_in_the_cost_and_ends_as_residue() -> None:
    """Contracts bought at 3 and sold one by one at 7 book multiples of 1e-8; the parts add up to the exact profit."""
    held = Position(COIN, "both")
    bought = COIN.worth(3 * SCALE, 3 * SCALE)
    positions.fill(held, 3 * SCALE, bought)

    changes = [trade(held, -1, 7) for _ in range(3)]

    assert all(change.realized % BOOKED == 0 for change in changes)
    sold = 3 * COIN.worth(-SCALE, 7 * SCALE)
    assert -bought - sold == sum(change.realized + change.residue for change in changes)
    assert (0, 0) == (held.quantity, held.cost)
    assert changes[2].residue != 0


@given(st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 10**6)), max_size=30))
def test_cash_less_cost_moves_by_the_worth_of_each_fill(fills: list[tuple[int, int]]) -> None:
    """For any fills, profit booked and residue less cost is minus the worth traded: nothing appears or vanishes."""
    for instrument in (BTC, COIN):
        held, worth, booked = Position(instrument, "both"), 0, 0
        for quantity, price in fills:
            signed = quantity * SCALE // 1000
            paid = instrument.worth(signed, price * SCALE // 100)
            worth += paid
            change = positions.fill(held, signed, paid)
            booked += change.realized + change.residue
            assert change.realized % BOOKED == 0

        assert -worth == booked - held.cost
        assert held.quantity or held.cost == 0


def test_break_even_counts_fees_funding_and_profit() -> None:
    """Long 2 at 100 that paid 1 in fees, 0.5 in funding and booked 0.3 breaks even at (200 + 1 + 0.5 - 0.3) / 2."""
    held = Position(BTC, "both", 2 * SCALE, 200 * MONEY, fees=MONEY, funding=-MONEY // 2)
    held.realized_since_flat = 3 * MONEY // 10

    assert 10_060_000_000 == break_even_price(held)


def test_no_price_of_nothing() -> None:
    """A flat position has no entry price, and a cost of the wrong sign none below zero."""
    assert 0 == entry_price(BTC, 0, 5)
    assert 0 == entry_price(BTC, SCALE, -5 * MONEY)
    assert Fraction(3) == Fraction(entry_price(BTC, SCALE, 3 * MONEY), SCALE)
