"""Money is neither made nor lost by the way in which fills are counted: conservation, exact in Decimal."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from bot.calc import pnl
from bot.domain.account import Position
from bot.domain.instrument import Instrument
from bot.domain.order import Side
from tests.calc.book import BTC, ETH, USDM, USDT, Kind, added, coins, contract, d, market
from tests.calc.book import position as kit_position

PRICE = st.decimals(1_000, 100_000, places=1)
LINEAR = contract(contract_size=d("0.01"))
INVERSE = contract(Kind.INVERSE, contract_size=d(100))
QUANTO = contract(Kind.QUANTO, base=ETH, contract_size=d("0.000001"))
KINDS = st.sampled_from([LINEAR, INVERSE, QUANTO])


class Filled(NamedTuple):
    """Signed contracts at a price, for a fee."""

    contracts: Decimal
    price: Decimal
    fee: Decimal


FILL = st.builds(Filled, st.decimals(-50, 50, places=3), PRICE, st.decimals("-0.5", 2, places=6))
FILLS = st.lists(FILL, max_size=12)


def tally(instrument: Instrument, fills: list[Filled]) -> pnl.Tally:
    """The books after the fills, in their order."""
    books = pnl.Tally()
    for fill in fills:
        books = books.filled(instrument, *fill)
    return books


def position(instrument: Instrument, fills: list[Filled]) -> Position:
    """The position as a venue keeps it, by average entry price."""
    held = Position(instrument.id, d(0))
    for fill in fills:
        side = Side.BUY if fill.contracts > 0 else Side.SELL
        held = held.after_fill(side, abs(fill.contracts), fill.price) if fill.contracts else held
    return held


@given(KINDS, FILLS.flatmap(lambda fills: st.tuples(st.just(fills), st.permutations(fills))), PRICE)
def test_the_order_of_fills_changes_nothing(
    instrument: Instrument, orders: tuple[list[Filled], list[Filled]], mark: Decimal
) -> None:
    """Fills between two marks may come in any order: contracts, cash, fees and P&L are the same to the last digit."""
    one, other = (tally(instrument, fills) for fills in orders)

    assert one == other
    assert one.profit(instrument, mark) == other.profit(instrument, mark)


@given(FILLS, PRICE)
def test_linear_equity_is_cash_and_the_position_at_its_mark(fills: list[Filled], mark: Decimal) -> None:
    """Sum(-signed contracts x price x m) - fees + what is left x mark x m, in rational numbers, is the P&L exactly."""
    size = Fraction(LINEAR.contract_size)
    cash = sum((-Fraction(f.contracts) * Fraction(f.price) * size - Fraction(f.fee) for f in fills), Fraction(0))
    left = sum((Fraction(f.contracts) for f in fills), Fraction(0))

    assert Fraction(tally(LINEAR, fills).profit(LINEAR, mark)) == cash + left * Fraction(mark) * size


@given(FILLS, PRICE)
def test_inverse_equity_is_exact_to_the_quantum_of_each_fill(fills: list[Filled], mark: Decimal) -> None:
    """Coins of an inverse P&L differ from rational arithmetic by half a quantum for each fill and the closing one."""
    face = [Fraction(f.contracts) * 100 for f in fills]
    cash = sum((n / Fraction(f.price) - Fraction(f.fee) for n, f in zip(face, fills, strict=True)), Fraction(0))
    exact = cash - sum(face, Fraction(0)) / Fraction(mark)
    bound = Fraction(pnl.COIN_QUANTUM) * (len(fills) + 1) / 2

    assert abs(Fraction(tally(INVERSE, fills).profit(INVERSE, mark)) - exact) <= bound


@given(st.sampled_from([LINEAR, QUANTO]), FILL, FILLS, st.decimals(0, 1, places=3))
def test_a_fill_may_come_in_two_parts(
    instrument: Instrument, fill: Filled, before: list[Filled], share: Decimal
) -> None:
    """A fill split at one price, its fee shared, leaves the same books."""
    part = Filled(fill.contracts * share, fill.price, fill.fee * share)
    rest = Filled(fill.contracts - part.contracts, fill.price, fill.fee - part.fee)

    assert tally(instrument, [*before, fill]) == tally(instrument, [*before, part, rest])


@given(FILL, st.decimals(0, 1, places=3))
def test_an_inverse_fill_in_two_parts_differs_by_no_more_than_its_quantum(fill: Filled, share: Decimal) -> None:
    """Two roundings instead of one."""
    part = fill.contracts * share
    split = pnl.fill_cash(INVERSE, part, fill.price) + pnl.fill_cash(INVERSE, fill.contracts - part, fill.price)

    assert abs(split - pnl.fill_cash(INVERSE, fill.contracts, fill.price)) <= 2 * pnl.COIN_QUANTUM


@given(KINDS, st.decimals(-50, 50, places=3), PRICE, st.decimals(0, 2, places=6))
def test_a_round_trip_at_one_price_costs_its_fees(
    instrument: Instrument, contracts: Decimal, price: Decimal, fee: Decimal
) -> None:
    """In and out at the same price leaves nothing but both fees, whatever the mark is."""
    books = tally(instrument, [Filled(contracts, price, fee), Filled(-contracts, price, fee)])

    assert books.contracts == 0
    assert books.profit(instrument, price * 3) == -2 * fee


@given(KINDS, st.lists(FILL, min_size=1, max_size=8), PRICE)
def test_books_by_cash_agree_with_books_by_entry_price(
    instrument: Instrument, fills: list[Filled], mark: Decimal
) -> None:
    """What is not realised yet is the same P&L as the venue's, whose entry price is an average."""
    one_way = [Filled(abs(f.contracts), f.price, d(0)) for f in fills]
    held = position(instrument, one_way)
    books = tally(instrument, one_way)

    assert books.contracts == held.contracts
    if instrument is not INVERSE and held.contracts:
        shown = pnl.unrealized(instrument, held.contracts, held.entry_price, mark)
        assert abs(books.profit(instrument, mark) - shown) <= d("1e-15")


@given(KINDS, FILLS, st.lists(st.tuples(PRICE, st.decimals("-0.001", "0.001", places=6)), max_size=4), PRICE)
def test_funding_adds_to_the_profit_and_to_nothing_else(
    instrument: Instrument, fills: list[Filled], settlements: list[tuple[Decimal, Decimal]], mark: Decimal
) -> None:
    """Equity changes by the cash of every settlement; contracts and the fills' cash stay."""
    before = tally(instrument, fills)
    after, received = before, d(0)
    for price, rate in settlements:
        after = after.funded(instrument, price, rate)
        received += pnl.funding_cash(instrument, before.contracts, price, rate)

    assert (after.contracts, after.cash, after.fees) == (before.contracts, before.cash, before.fees)
    assert after.funding == received
    assert abs(after.profit(instrument, mark) - before.profit(instrument, mark) - received) <= d("1e-15")


@given(KINDS, FILLS, PRICE)
def test_two_sides_of_every_fill_make_nothing_together(
    instrument: Instrument, fills: list[Filled], mark: Decimal
) -> None:
    """What one account makes its counterpart loses, but for the fees of both."""
    other = [Filled(-fill.contracts, fill.price, fill.fee) for fill in fills]
    one, two = tally(instrument, fills), tally(instrument, other)

    assert one.profit(instrument, mark) + two.profit(instrument, mark) == -one.fees - two.fees


@given(KINDS, FILLS, PRICE)
def test_an_unwound_book_is_flat(instrument: Instrument, fills: list[Filled], price: Decimal) -> None:
    """Selling what was bought and buying what was sold leaves no contracts, and a profit that no price moves."""
    books = tally(instrument, fills)
    closed = books.filled(instrument, -books.contracts, price)

    assert closed.contracts == 0
    assert closed.profit(instrument, price) == closed.profit(instrument, price * 2) == books.profit(instrument, price)


@given(st.lists(FILL, min_size=1, max_size=6), PRICE)
def test_the_ledger_moves_by_what_the_fills_made(fills: list[Filled], mark: Decimal) -> None:
    """Wallet and positions as a venue keeps them (profit realised at each fill) are the NAV of the books by cash."""
    held, wallet = Position(LINEAR.id, d(0)), d(50_000)
    for fill in fills:
        if fill.contracts:
            side = Side.BUY if fill.contracts > 0 else Side.SELL
            after = held.after_fill(side, abs(fill.contracts), fill.price)
            # What a fill realises is what it does not leave open at its own price.
            open_before = pnl.unrealized(LINEAR, held.contracts, held.entry_price, fill.price)
            wallet += open_before - pnl.unrealized(LINEAR, after.contracts, after.entry_price, fill.price)
            held = after
        wallet -= fill.fee
    things = (coins(USDT, wallet, USDM), market(LINEAR, mark), kit_position(LINEAR, held.contracts, held.entry_price))
    made = added({BTC: mark, USDT: d(1)}, *things)

    assert made.nav is not None
    assert abs(made.nav - d(50_000) - tally(LINEAR, fills).profit(LINEAR, mark)) <= d("1e-15")
