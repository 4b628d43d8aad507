"""While a ratchet lets a quote pass every row holds; what it cannot prove it does not let pass."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc import ratchet
from bot.calc.boxes import EMPTY, Box, Row, Sum
from bot.calc.ratchet import GROWTH_MAX, Ratchet
from bot.domain.market import Quote
from bot.domain.units import InstrumentId
from tests.calc.walks import NAMES, WIDE, Walk, at, idle, left, too_near

A, B, C = NAMES[:3]
NAV = Sum(0.0, {A: 1.0, B: 1.0})


def drawn(*rows: Row, half: float = 0.01, **prices: float) -> tuple[Ratchet, dict[InstrumentId, Quote]]:
    """A ratchet around quotes of a, b and c at 100 each, or at the prices given."""
    mids = {A: prices.get("a", 100.0), B: prices.get("b", 100.0), C: prices.get("c", 100.0)}
    quotes = {name: at(name, mid - half, mid + half) for name, mid in mids.items()}
    return Ratchet(rows, dict.fromkeys(quotes, WIDE), quotes), quotes


def weights(trigger: float) -> list[Row]:
    """a and b kept at half of their sum, give or take a part of it."""
    return [Row(0.0, {name: -sign}, sign * 0.5 + trigger, NAV) for name in (A, B) for sign in (1.0, -1.0)]


def passes(made: Ratchet, quotes: Mapping[InstrumentId, Quote], quote: Quote) -> bool:
    """Whether a quote is inside its box, or the boxes follow it."""
    box = made.boxes[quote.instrument]
    return box.lo <= quote.bid < quote.ask <= box.hi or bool(made.moved(quote, quotes))


@given(st.integers(0, 10**9))
def test_no_row_fails_unseen(seed: int) -> None:
    """Any rows, sums, bounds and market, and whoever pushes prices to the worst corners of their boxes."""
    assert Walk(seed).wrong() == ""


def test_nothing_is_skipped_within_the_doubt_of_floats_and_a_quiet_market_is() -> None:
    """Sound at the edge, and of use away from it."""
    assert not too_near(Ratchet)
    assert not idle(Ratchet)


def test_a_row_of_one_price_is_its_limit() -> None:
    """200 - p >= 0 lets p go to 200 and not beyond; a row that is nearer decides."""
    made, quotes = drawn(Row(200.0, {A: -1.0}))
    near, _ = drawn(Row(200.0, {A: -1.0}), Row(150.0, {A: -1.0}))

    assert 199.99 < made.boxes[A].hi <= 200.0
    assert 149.99 < near.boxes[A].hi <= 150.0
    assert made.boxes[B] == Box(*WIDE)
    assert not made.moved(at(A, 199.0, 201.0), quotes)


def test_a_row_of_two_prices_deals_out_its_slack() -> None:
    """a - b + 20 >= 0 at 100 each: both may go a tenth towards each other."""
    made, quotes = drawn(Row(20.0, {A: 1.0, B: -1.0}))

    assert made.boxes[A].lo == pytest.approx(90.0)
    assert made.boxes[B].hi == pytest.approx(110.0)
    assert left(Row(20.0, {A: 1.0, B: -1.0}), {**quotes, A: at(A, 90.0, 90.002), B: at(B, 109.998, 110.0)}) >= 0


def test_a_market_that_moves_as_one_is_followed() -> None:
    """Weights do not change when every price rises by half: all of it is proven, and nothing is evaluated."""
    made, quotes = drawn(*weights(0.05))
    for step in range(1, 51):
        for name in (A, B):
            quote = at(name, 100.0 + step - 0.01, 100.0 + step + 0.01)
            assert passes(made, quotes, quote)
            quotes[name] = quote


def test_a_weight_that_leaves_its_band_is_seen() -> None:
    """a / (a + b) reaches 0.55 at a = 122.2: until then it is followed, and no further."""
    made, quotes = drawn(*weights(0.05))
    price = 100.0
    while passes(made, quotes, at(A, price, price + 0.02)):
        quotes[A] = at(A, price, price + 0.02)
        price += 0.02

    assert 122.15 < price < 122.23


def test_a_ratchet_keeps_the_worst_and_is_drawn_anew_for_it() -> None:
    """a goes up and comes back, b goes up: what a asked for at its height is not asked for any more."""
    made, quotes = drawn(*weights(0.01))
    for quote in (at(A, 101.5, 101.51), at(A, 100.0, 100.01), at(B, 101.5, 101.51), at(A, 102.5, 102.51)):
        assert passes(made, quotes, quote)
        quotes[quote.instrument] = quote


def test_the_nearest_of_several_bounds_on_a_sum_decides() -> None:
    """Whichever comes first: NAV of 200 within 10 below and 10 above."""
    bounds = [
        Row(constant, {}, share, NAV)
        for constant, share in ((-190.0, 1.0), (-150.0, 1.0), (210.0, -1.0), (250.0, -1.0))
    ]
    for rows in (bounds, bounds[::-1]):
        for price, passed in ((109.9, True), (110.1, False), (90.1, True), (89.9, False)):
            made, quotes = drawn(*rows)
            assert passes(made, quotes, at(A, price - 0.01, price + 0.01)) is passed


def test_debts_count_against_a_sum() -> None:
    """NAV with b owed: it falls when b rises, and a floor under it is kept."""
    owed = Sum(100.0, {A: 1.0, B: -1.0})
    made, quotes = drawn(Row(-80.0, {}, 1.0, owed))
    for price, passed in ((105.0, True), (115.0, True), (119.9, True), (120.1, False)):
        assert passes(made, quotes, at(B, price, price + 0.01)) is passed
        quotes[B] = at(B, price, price + 0.01)


def test_a_sum_without_prices_is_a_number() -> None:
    """A fixed base of 150: its row is a limit like any other, and other prices know nothing of it."""
    made, _ = drawn(Row(0.0, {A: -1.0}, 1.0, Sum(150.0, {})))

    assert 149.99 < made.boxes[A].hi <= 150.0
    assert made.boxes[B] == Box(*WIDE)


def test_a_row_that_fails_lets_no_quote_of_its_prices_pass() -> None:
    """Of its own and of its sum; others go on."""
    made, quotes = drawn(Row(-1.0, {A: -1.0}))
    shared, _ = drawn(Row(-1000.0, {}, 1.0, NAV))
    nothing, _ = drawn(Row(-1.0, {}))

    assert made.boxes[A] == EMPTY
    assert not made.moved(at(A, 99.0, 101.0), quotes)
    assert made.boxes[B] == Box(*WIDE)
    assert shared.boxes[A] == shared.boxes[B] == EMPTY
    assert nothing.boxes[A] == Box(*WIDE)


@pytest.mark.parametrize(
    ("bid", "ask"),
    [(math.nan, 100.0), (100.0, math.nan), (101.0, 100.0), (100.0, 100.0), (0.0, 100.0), (-1.0, 1.0), (1.0, math.inf)],
)
def test_what_is_not_a_market_passes_nowhere(bid: float, ask: float) -> None:
    """Neither inside a box nor by taking it along, however wide the bounds are."""
    quotes = {name: at(name, 99.0, 101.0) for name in (A, B)}
    for rows in ([], weights(0.3), [Row(1e9, {A: -1.0})]):
        made = Ratchet(rows, dict.fromkeys(quotes, (-math.inf, math.inf)), quotes)

        assert not passes(made, quotes, at(A, bid, ask))


def test_numbers_beyond_floats_prove_nothing() -> None:
    """An edge that overflows, or is no number, closes what it bounds."""
    for odd in (Row(math.inf, {A: -1.0}, -1.0, NAV), Row(math.nan, {A: -1.0}), Row(0.0, {A: 1.0}, 5e-324, NAV)):
        made, quotes = drawn(odd, *weights(0.3))
        assert not passes(made, quotes, at(A, 90.0, 90.01))


def test_what_nobody_bounds_is_not_followed() -> None:
    """An instrument that is in no decision has no box to take along."""
    made, quotes = drawn(*weights(0.3))

    assert not made.moved(at(NAMES[5], 99.0, 101.0), quotes)


def test_a_price_in_a_sum_may_double_until_the_sum_is_drawn_anew() -> None:
    """So that the doubt, which was taken of what it was, is enough."""
    made, quotes = drawn(Row(1e6, {}, 1.0, NAV))

    assert made.boxes[A].hi <= GROWTH_MAX * 100.0
    assert not made.moved(at(A, 250.0, 251.0), quotes)


def test_wide_spreads_leave_mids_alone() -> None:
    """Where boxes around the spreads take more than there is, sums are kept at the very mids."""
    made, quotes = drawn(*weights(0.001), half=0.5)

    assert made.boxes[A] == made.boxes[B] == EMPTY
    assert made.moved(at(A, 99.55, 100.55), quotes) == (A,)
    assert made.boxes[A] == EMPTY
    assert not made.moved(at(A, 101.0, 102.0), quotes)


def test_sums_are_taken_anew_after_so_many_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding adds up no further."""
    monkeypatch.setattr(ratchet, "MOVES_MAX", 3)
    made, quotes = drawn(*weights(0.1))
    changed = []
    for price in (106.0, 94.0, 106.0, 94.0):
        assert not made.boxes[A].lo <= price <= made.boxes[A].hi
        changed.append(len(made.moved(at(A, price, price + 0.01), quotes)))
        quotes[A] = at(A, price, price + 0.01)

    assert changed == [1, 1, 3, 1]


def test_rows_of_several_prices_bound_the_sum_they_share() -> None:
    """a - b + NAV / 10 >= 0, and its mirror image: both ends are dealt out."""
    rows = [Row(10.0, {A: 1.0, B: -1.0}, 0.1, NAV), Row(50.0, {A: -1.0, B: 1.0}, -0.1, NAV)]
    made, quotes = drawn(*rows)

    assert passes(made, quotes, at(A, 99.0, 99.01))
    assert not passes(made, quotes, at(A, 70.0, 70.01))
