"""Which instrument carries a hedge, and when it is worth moving."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.costs import Book
from bot.calc.routing import Candidate, Cost, Route, Terms, capital, route
from bot.domain.instrument import Kind, Tier
from bot.domain.units import DAY_NS, AccountId, Asset, InstrumentId, Nanos
from tests.kit import START_NS, d, limits, perpetual

TERMS = Terms(now_ns=START_NS, horizon_days=d(30), slippage_bps_max=d(20))
A, B, DATED = (InstrumentId(name) for name in ("a:BTC", "b:BTC", "c:BTC-30D"))


def book(mid: str = "60000", size: str = "5", half: str = "3") -> Book:
    """Three levels a side, one wide spread apart."""
    steps = [d(half) * (1 + 2 * k) for k in range(3)]
    return Book(
        bids=tuple((d(mid) - step, d(size)) for step in steps), asks=tuple((d(mid) + step, d(size)) for step in steps)
    )


def perp(name: InstrumentId = A, apr: str | None = "0.10", **changes: Any) -> Candidate:
    """A perpetual with a fee of 5 bps and half a basis point of spread on each side."""
    made = Candidate(instrument=perpetual(id=name), book=book(), funding_apr=d(apr) if apr is not None else None)
    return msgspec.structs.replace(made, **changes)


def dated(future: str = "61200", days: str = "60", index: str | None = "60000", **changes: Any) -> Candidate:
    """A dated contract at a premium of two per cent."""
    expiry = Nanos(START_NS + int(d(days) * DAY_NS))
    made = Candidate(
        instrument=perpetual(id=DATED, expiry_ns=expiry), book=book(future), index=d(index) if index else None
    )
    return msgspec.structs.replace(made, **changes)


def row(found: Route, name: InstrumentId) -> Cost:
    """One candidate's row."""
    return next(cost for cost in found.costs if cost.instrument == name)


def test_a_short_goes_where_it_receives_the_most_funding() -> None:
    """At 30 % a year it receives 246.58 bps in 30 days, at 10 % 82.19; the trades cost the same."""
    found = route([perp(A, "0.10"), perp(B, "0.30")], d(-1), TERMS)

    assert found.choice == B
    assert found.leave is None
    assert round(row(found, B).funding, 6) == d("-0.024658")
    assert row(found, B).opening == row(found, B).closing == d("0.0005") + d("0.00005")
    assert found.why == "b:BTC costs -235.58 bps over the horizon, the least of 2"


def test_a_long_goes_where_it_pays_the_least() -> None:
    """The same rates, the other side."""
    assert route([perp(A, "0.10"), perp(B, "0.30")], d(1), TERMS).choice == A


@given(st.decimals("-0.5", "0.5", places=3), st.decimals("-0.5", "0.5", places=3))
def test_the_mirror_of_a_need_has_the_mirror_of_its_funding(one: Decimal, other: Decimal) -> None:
    """A short under a rate costs what a long costs under its negative: equal tables, equal choice."""
    short = route([perp(A, str(one)), perp(B, str(other))], d(-1), TERMS)
    long = route([perp(A, str(-one)), perp(B, str(-other))], d(1), TERMS)

    assert short.choice == long.choice
    assert [c.total for c in short.costs] == [c.total for c in long.costs]


def test_a_dated_contract_is_weighed_by_its_basis() -> None:
    """2 % in 60 days is 1 % in 30, more than 10 % a year; less than 20 % a year."""
    assert route([perp(A, "0.10"), dated()], d(-1), TERMS).choice == DATED
    assert row(route([dated()], d(-1), TERMS), DATED).basis == d("-0.01")
    assert route([perp(A, "0.20"), dated()], d(-1), TERMS).choice == A
    assert row(route([dated(reversion=d("0.5"))], d(-1), TERMS), DATED).basis == d("-0.005")


def test_a_contract_held_to_expiry_closes_for_its_settlement_fee() -> None:
    """With 30 days left the whole basis is earned, and closing costs what settling does."""
    held = row(route([dated(days="30", settlement_fee=d("0.0002"))], d(-1), TERMS), DATED)
    twice = row(route([dated(days="15", settlement_fee=d("0.0002"))], d(-1), TERMS), DATED)

    assert (held.basis, held.closing) == (d("-0.02"), d("0.0002"))
    assert held.leaving > d("0.0005")
    assert (twice.basis, twice.closing, twice.opening) == (d("-0.04"), d("0.0004"), 2 * held.opening)


def test_margin_and_an_uncertain_basis_cost_by_the_year() -> None:
    """A tenth of margin at 12 % of capital and 1 % of adverse basis: 2.2 % a year, a fifth of it in 73 days."""
    terms = msgspec.structs.replace(TERMS, capital_apr=d("0.12"), horizon_days=d(73))

    assert row(route([perp(initial_margin=d("0.1"), adverse_basis=d("0.01"))], d(-1), terms), A).margin == d("0.0044")
    assert row(route([perp()], d(-1), terms), A).margin == d("0.024")


def test_capital_is_what_the_limits_ask_for() -> None:
    """1 % of maintenance margin at a ratio of 0.5, a fee of 5 bps and 15 bps of slippage; unknown without brackets."""
    tiers = (Tier(d(0), d("0.01"), d(0)), Tier(d(10**9), d("0.5"), d(0)))
    bounds = limits(margin_ratio_max=d("0.5"), slippage_bps_max=d(15))

    assert capital(perpetual(tiers=tiers, taker_fee=d("0.0005")), bounds) == d("0.022")
    assert capital(perpetual(tiers=()), bounds) is None


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (perp(barred="its stream is stale"), "its stream is stale"),
        (perp(instrument=perpetual(id=A, trading=False)), "it does not trade"),
        (perp(book=None), "its book is unknown"),
        (perp(book=Book((), ())), "its book is unknown"),
        (perp(book=book(size="0.3")), "its book holds 0.9 of 1 contracts within 20 bps"),
        (perp(book=book(size="0.5", half="50")), "its book holds 0.5 of 1 contracts within 20 bps"),
        (perp(room=d(59_000)), "its caps leave 59000"),
        (perp(margin_free=d(5_000), initial_margin=d("0.1")), "its account has 5000 of free margin"),
        (perp(instrument=perpetual(id=A, contracts_min=d(2))), "the need is below its minimum"),
        (perp(apr=None), "its funding is unknown"),
        (perp(instrument=perpetual(id=A, kind=Kind.QUANTO)), "the delta of one quanto contract is unknown"),
        (perp(instrument=perpetual(id=A, kind=Kind.SPOT)), "the delta of one spot contract is unknown"),
        (dated(index=None), "its basis is unknown"),
        (dated(days="0.01"), "it expires, or has expired, within the hour"),
    ],
)
def test_a_hard_limit_is_never_a_cost(candidate: Candidate, why: str) -> None:
    """A candidate beyond a limit, or with something unknown, is refused with the reason, however cheap it is."""
    other = perp(B, "-0.5")
    alone, both = route([candidate], d(-1), TERMS), route([candidate, other], d(-1), TERMS)

    assert alone.choice is None
    assert alone.why == f"{candidate.instrument.id}: {why}"
    assert both.choice == B
    assert row(both, candidate.instrument.id).refused == why


def test_what_is_unknown_has_no_costs() -> None:
    """The row of a candidate without a book is empty but for its reason."""
    empty = row(route([perp(book=None)], d(-1), TERMS), A)

    assert empty.total == empty.running == empty.leaving == empty.money == empty.value == empty.contracts == 0


def test_without_candidates_there_is_no_route() -> None:
    """Nothing to choose from is said."""
    assert route([], d(-1), TERMS) == Route(choice=None, costs=(), why="there is no instrument to choose from")


def test_sizes_are_in_the_instruments_own_contracts() -> None:
    """1000PEPE, an inverse contract, a proxy of beta 1.5 and a quanto each say what a coin of the need is to them."""
    pepe = perp(instrument=perpetual(id=A, base_units=d(1_000), lot=d(1)), book=book("0.01", "9000", "0.00001"))
    face = perpetual(id=B, kind=Kind.INVERSE, contract_size=d(100), lot=d(1), contracts_min=d(1))
    inverse = perp(B, instrument=face, book=book(size="900"))
    quanto = perp(instrument=perpetual(id=A, kind=Kind.QUANTO), per_contract=d("0.5"), ratio=d("1.5"))

    assert row(route([pepe], d(-5_000_999), TERMS), A).contracts == 5_000
    assert row(route([inverse], d(-1), TERMS), B).contracts == 600
    assert row(route([inverse], d(-1), TERMS), B).value == 60_000
    assert row(route([quanto], d(-1), TERMS), A).contracts == 3
    assert row(route([quanto], d(-1), TERMS), A).value == 90_000


def test_the_last_digit_of_a_division_is_not_a_lot() -> None:
    """A need of one inverse contract is one contract, though its coins are no finite decimal; a hair less is none."""
    each = d(100) / d(60_000)
    face = perpetual(id=B, kind=Kind.INVERSE, contract_size=d(100), lot=d(1), contracts_min=d(1))
    inverse = perp(B, instrument=face, book=book(size="900"), per_contract=each)

    assert row(route([inverse], -each, TERMS), B).contracts == 1
    assert row(route([inverse], -each * d("0.999999"), TERMS), B).contracts == 0


def test_a_proxy_costs_by_the_notional_that_it_takes() -> None:
    """Half of the yearly cost on three times the notional is dearer."""
    proxy = perp(B, "-0.05", ratio=d(3))

    assert route([perp(A, "-0.10"), proxy], d(-1), TERMS).choice == A
    assert route([perp(A, "-0.30"), proxy], d(-1), TERMS).choice == B


def test_what_is_held_stays_until_a_move_pays_for_itself() -> None:
    """30 days of 1 % a year more are 8 bps, two trades cost 11: it stays. At 2 % more it moves, but for a buffer."""
    held = {A: d(-3)}
    stays = route([perp(A, "0.10"), perp(B, "0.11")], d(-1), TERMS, held)
    moves = route([perp(A, "0.10"), perp(B, "0.12")], d(-1), TERMS, held)
    buffered = route([perp(A, "0.10"), perp(B, "0.12")], d(-1), msgspec.structs.replace(TERMS, buffer=d("0.001")), held)

    assert (stays.choice, stays.leave) == (A, None)
    assert stays.why == "a:BTC stays: moving to b:BTC would save 8.22 bps and take 11.00 bps"
    assert (moves.choice, moves.leave) == (B, A)
    assert moves.why == "moving from a:BTC to b:BTC saves 16.44 bps for 11.00 bps"
    assert (buffered.choice, buffered.leave) == (A, None)


@given(
    st.decimals("-0.3", "0.3", places=3),
    st.decimals("-0.3", "0.3", places=3),
    st.decimals(0, "0.002", places=5),
    st.sampled_from([1, -1]),
)
def test_moving_there_and_back_at_once_is_never_worth_it(
    one: Decimal, other: Decimal, buffer: Decimal, sign: int
) -> None:
    """If a move from A to B pays, the move from B to A does not; the cheapest is where nothing moves from."""
    terms = msgspec.structs.replace(TERMS, buffer=buffer)
    both = [perp(A, str(one)), perp(B, str(other))]
    from_a, from_b = (route(both, d(sign), terms, {name: d(3 * sign)}) for name in (A, B))

    assert not (from_a.leave and from_b.leave)
    assert route(both, d(sign), terms).choice in {from_a.choice, from_b.choice}


def test_what_is_held_where_nothing_may_be_added_stays_and_the_rest_goes_elsewhere() -> None:
    """The position's instrument is full: the need goes to the other, and nothing is moved."""
    found = route([perp(A, "0.10", room=d(0)), perp(B, "0.05")], d(-1), TERMS, {A: d(-3)})

    assert (found.choice, found.leave) == (B, None)
    assert found.why.endswith("the least of 1; a:BTC, where the position is, takes no more")


def test_what_reduces_goes_where_the_position_is_and_past_every_limit() -> None:
    """Buying back a short goes to the short's instrument, barred, thin, full or dear as it may be."""
    full = perp(A, "0.10", barred="it is reduce-only", room=d(0), margin_free=d(0), book=None)
    found = route([full, perp(B, "0.05")], d(1), TERMS, {A: d(-3)})

    assert (found.choice, found.leave) == (A, None)
    assert found.why == "a:BTC holds what this reduces (3)"


def test_of_two_positions_the_one_that_is_dearer_to_keep_is_reduced() -> None:
    """Both can give the whole: the short that receives less goes first; else the one that can give more."""
    both = [perp(A, "0.10"), perp(B, "0.05")]

    assert route(both, d(1), TERMS, {A: d(-3), B: d(-2)}).choice == B
    assert route(both, d(2), TERMS, {A: d(-3), B: d(-1)}).choice == A


def test_equal_costs_go_by_name() -> None:
    """One state, one route, in whatever order the candidates come."""
    same = [perp(B), perp(A)]

    assert route(same, d(-1), TERMS) == route(same[::-1], d(-1), TERMS)
    assert route(same, d(-1), TERMS).choice == A


def test_a_thin_other_side_is_not_cheap_to_leave() -> None:
    """Where the book to close with holds too little, closing is taken to cost what opening does at least."""
    wide = book()
    thin = Book(bids=wide.bids, asks=((wide.asks[0][0], d("0.1")),))
    deep = Book(bids=wide.bids, asks=((d(60_003), d("0.1")), (d(60_300), d(9))))
    big = d(-9)

    thin_row, deep_row = (row(route([perp(book=b)], big, TERMS), A) for b in (thin, deep))
    assert thin_row.closing == thin_row.opening
    assert deep_row.closing > deep_row.opening


def test_accounts_and_assets_play_no_part() -> None:
    """Names are names: a candidate of another account and coin is compared by its figures alone."""
    other = perpetual("SOL", id=B, account=AccountId("bybit.linear"), settle=Asset("USDC"))

    assert route([perp(A, "0.10"), perp(B, "0.30", instrument=other)], d(-1), TERMS).choice == B
