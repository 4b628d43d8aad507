"""An account's money: what its fills, funding, fees and transfers come to, in any order, exact in Decimal."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from bot.calc import pnl
from bot.domain.instrument import Instrument
from bot.domain.units import Asset
from tests.calc.book import BTC, ETH, USDT, Kind, contract, d

LINEAR = contract(contract_size=d("0.01"))
MEME = contract(id="usdm:1000PEPE", base=Asset("PEPE"), base_units=d(1000))
QUANTO = contract(Kind.QUANTO, base=ETH, contract_size=d("0.000001"))
BOOKS = (LINEAR, MEME, QUANTO)
PRICE = st.decimals(1_000, 100_000, places=1)


class Filled(NamedTuple):
    """Signed contracts of one of the books at a price, for a fee in its settlement asset."""

    book: int
    contracts: Decimal
    price: Decimal
    fee: Decimal


class Settled(NamedTuple):
    """A funding settlement of one of the books."""

    book: int
    mark: Decimal
    rate: Decimal


class Moved(NamedTuple):
    """A transfer into the account (> 0) or out of it."""

    asset: Asset
    amount: Decimal


FILL = st.builds(Filled, st.integers(0, 2), st.decimals(-50, 50, places=3), PRICE, st.decimals("-0.5", 2, places=6))
SETTLEMENT = st.builds(Settled, st.integers(0, 2), PRICE, st.decimals("-0.01", "0.01", places=6))
TRANSFER = st.builds(Moved, st.sampled_from([USDT, BTC]), st.decimals(-1000, 1000, places=6))
STORY = st.lists(st.tuples(st.lists(FILL | TRANSFER, max_size=5), SETTLEMENT), min_size=1, max_size=4)
"""Whatever is traded and moved between two settlements, and the settlement."""
Chapter = tuple[list[Filled | Moved], Settled]


def account(story: list[Chapter], marks: list[Decimal]) -> dict[Asset, Decimal]:
    """What the account is worth in each currency after the story, from the product's books and its transfers."""
    tallies, moved = [pnl.Tally() for _ in BOOKS], {USDT: d(0), BTC: d(0)}
    for events, settlement in story:
        for event in events:
            if isinstance(event, Moved):
                moved[event.asset] += event.amount
            else:
                book = BOOKS[event.book]
                tallies[event.book] = tallies[event.book].filled(book, event.contracts, event.price, event.fee)
        tallies[settlement.book] = tallies[settlement.book].funded(BOOKS[settlement.book], *settlement[1:])
    for book, tally, mark in zip(BOOKS, tallies, marks, strict=True):
        moved[book.settle] += tally.profit(book, mark)
    return moved


def size(book: Instrument) -> Fraction:
    """Settlement asset per point of one contract."""
    return Fraction(book.contract_size)


def by_hand(story: list[Chapter], marks: list[Decimal]) -> dict[Asset, Fraction]:
    """The same by the definition, in rational numbers: -signed quantity x price x m, less fees, and so on."""
    out, held = {USDT: Fraction(0), BTC: Fraction(0)}, [Fraction(0) for _ in BOOKS]
    for events, settlement in story:
        for event in events:
            if isinstance(event, Moved):
                out[event.asset] += Fraction(event.amount)
                continue
            book, contracts = BOOKS[event.book], Fraction(event.contracts)
            out[book.settle] -= contracts * Fraction(event.price) * size(book) + Fraction(event.fee)
            held[event.book] += contracts
        book, at = BOOKS[settlement.book], settlement.book
        out[book.settle] -= held[at] * size(book) * Fraction(settlement.mark) * Fraction(settlement.rate)
    for book, contracts, mark in zip(BOOKS, held, marks, strict=True):
        out[book.settle] += contracts * Fraction(mark) * size(book)
    return out


@given(STORY, st.lists(PRICE, min_size=3, max_size=3))
def test_equity_is_conserved_by_account_and_currency(story: list[Chapter], marks: list[Decimal]) -> None:
    """Fills, funding, fees, transfers and the position at its mark are the change of equity, to the last digit."""
    found, expected = account(story, marks), by_hand(story, marks)

    assert {asset: Fraction(amount) for asset, amount in found.items()} == expected


@given(STORY, st.lists(PRICE, min_size=3, max_size=3), st.randoms(use_true_random=False))
def test_what_happens_between_two_settlements_may_come_in_any_order(
    story: list[Chapter], marks: list[Decimal], chance: object
) -> None:
    """Fills and transfers that are shuffled between settlements leave the same money in each currency, exactly."""
    shuffled = [(list(events), settlement) for events, settlement in story]
    for events, _ in shuffled:
        chance.shuffle(events)  # type: ignore[attr-defined]

    assert account(story, marks) == account(shuffled, marks)


@given(STORY, st.lists(PRICE, min_size=3, max_size=3), st.decimals(0, 1, places=2))
def test_fills_may_come_in_parts(story: list[Chapter], marks: list[Decimal], share: Decimal) -> None:
    """Every fill split in two at its price, its fee with it, leaves the same money in each currency, exactly."""
    parts: list[Chapter] = []
    for events, settlement in story:
        split: list[Filled | Moved] = []
        for event in events:
            if isinstance(event, Moved):
                split.append(event)
                continue
            one = event._replace(contracts=event.contracts * share, fee=event.fee * share)
            split += [one, event._replace(contracts=event.contracts - one.contracts, fee=event.fee - one.fee)]
        parts.append((split, settlement))

    assert account(story, marks) == account(parts, marks)
