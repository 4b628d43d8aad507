"""A need shared out over several futures: reduced first, opened on the cheapest, spilt where a limit binds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.costs import Book
from bot.calc.routing import Candidate, Terms, moving, route
from bot.calc.spreading import Spread, keeping, offer, opening, reductions, spread
from bot.domain.instrument import Kind
from bot.domain.units import DAY_NS, ZERO, AccountId, InstrumentId, Nanos, Qty
from tests.kit import START_NS, d, perpetual

TERMS = Terms(now_ns=START_NS, horizon_days=d(30), slippage_bps_max=d(20), buffer=d("0.0005"))
A, B, C = (InstrumentId(name) for name in ("a:BTC", "b:BTC", "c:BTC"))


def book(mid: str = "60000", size: str = "5") -> Book:
    """Three levels a side."""
    steps = [d(3) * (1 + 2 * k) for k in range(3)]
    return Book(
        bids=tuple((d(mid) - step, d(size)) for step in steps), asks=tuple((d(mid) + step, d(size)) for step in steps)
    )


def perp(name: InstrumentId = A, apr: str | None = "0.10", size: str = "5", **changes: Any) -> Candidate:
    """A perpetual whose book holds three times `size` a side."""
    made = Candidate(
        instrument=perpetual(id=name), book=book(size=size), funding_apr=d(apr) if apr is not None else None
    )
    return msgspec.structs.replace(made, **changes)


def shared(found: Spread) -> dict[str, Decimal]:
    """The pieces by the first letter of their instruments."""
    return {name[0]: coins for name, coins in found.pieces.items()}


def test_the_whole_goes_to_the_cheapest() -> None:
    """Nothing binds: one piece, and why."""
    found = spread([perp(A, "0.10"), perp(B, "0.30")], d(-1), TERMS, {})

    assert ({"b": d(-1)}, d(0)) == (shared(found), found.left)
    assert found.why == "b:BTC costs -235.58 bps over the horizon, the least of 2"


def test_equal_costs_go_by_name() -> None:
    """In whatever order they are listed."""
    same = [perp(B), perp(A)]

    assert shared(spread(same, d(-1), TERMS, {})) == shared(spread(same[::-1], d(-1), TERMS, {})) == {"a": d(-1)}


@pytest.mark.parametrize(
    ("limit", "most", "said"),
    [
        ({"size": "0.2"}, "0.6", "the book of b:BTC holds 0.6 contracts within 20 bps"),
        ({"room": d(30_000)}, "0.5", "the caps of b:BTC leave 30000"),
        ({"margin_free": d(600), "initial_margin": d("0.02")}, "0.5", "the account of b:BTC has 600 of free margin"),
        ({"room": d(30_059)}, "0.5", "the caps of b:BTC leave 30059"),
    ],
)
def test_what_a_limit_cuts_goes_to_the_next_cheapest(limit: dict[str, Any], most: str, said: str) -> None:
    """Depth, caps and margin bind in whole lots; the rest is opened elsewhere, and it is said why."""
    found = spread([perp(A, "0.10"), perp(B, "0.30", **limit)], d(-1), TERMS, {})

    assert {"b": -d(most), "a": d(most) - 1} == shared(found)
    assert found.left == 0
    assert said in found.why


def test_what_candidates_share_is_used_up_once() -> None:
    """A venue's cap and an account's margin bound all that is there together; elsewhere they bound nothing."""
    together = [perp(A, "0.10", shared={"v": d(30_000)}), perp(B, "0.30", shared={"v": d(30_000)}), perp(C, "0.05")]
    elsewhere = msgspec.structs.replace(perpetual(id=B), account=AccountId("other"))
    tight: dict[str, Any] = {"margin_free": d(600), "initial_margin": d("0.02")}
    apart = [perp(A, "0.10", **tight), perp(B, "0.30", instrument=elsewhere, **tight)]

    found = spread(together, d(-1), TERMS, {})
    assert {"b": d("-0.5"), "c": d("-0.5")} == shared(found)
    assert "the cap of v leaves 30000" in found.why
    assert {"b": d("-0.5")} == shared(spread([perp(A, **tight), perp(B, "0.30", **tight)], d(-1), TERMS, {}))
    assert {"b": d("-0.5"), "a": d("-0.5")} == shared(spread(apart, d(-1), TERMS, {}))


def test_what_nobody_may_take_is_left() -> None:
    """Two books that hold less than is needed: the rest waits for more depth."""
    found = spread([perp(A, "0.10", "0.1"), perp(B, "0.30", "0.2")], d(-1), TERMS, {})

    assert ({"b": d("-0.6"), "a": d("-0.3")}, d("-0.1")) == (shared(found), found.left)


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (perp(B, "0.3", barred="its stream is stale"), "its stream is stale"),
        (perp(B, "0.3", instrument=perpetual(id=B, trading=False)), "it does not trade"),
        (perp(B, "0.3", book=None), "its book is unknown"),
        (perp(B, "0.3", room=d(59)), "the caps of b:BTC leave 59"),
        (perp(B, "0.3", room=d(-1)), "the caps of b:BTC leave -1"),
        (perp(B, "0.3", instrument=perpetual(id=B, contracts_min=d(2))), "the need is below its minimum"),
        (perp(B, "0.3", instrument=perpetual(id=B, lot=d(2))), "the need is below its minimum"),
        (perp(B, instrument=perpetual(id=B, kind=Kind.SPOT)), "the delta of one spot contract is unknown"),
        (perp(B, apr=None), "its funding is unknown"),
    ],
)
def test_what_is_barred_full_or_unknown_is_never_cheap(candidate: Candidate, why: str) -> None:
    """It takes nothing however cheap it may be; and where it is alone, its reason is given."""
    both, alone = spread([perp(A, "0.10"), candidate], d(-1), TERMS, {}), offer(candidate, d(-1), TERMS)

    assert {"a": d(-1)} == shared(both)
    assert alone.cost.refused == why


def test_unknown_costs_of_all_do_not_keep_a_book_unhedged() -> None:
    """Where nobody's funding is known the hedge stays where it is, else where the last was opened, else the first."""
    unknown = [perp(B, None), perp(A, None)]

    assert {"b": d(-1)} == shared(spread(unknown, d(-1), TERMS, {}))
    assert {"a": d(-1)} == shared(spread(unknown, d(-1), TERMS, {}, standing=A))
    assert {"b": d(-1)} == shared(spread(unknown, d(-1), TERMS, {B: d(-2)}, standing=A))
    assert "costs cannot be compared" in spread(unknown, d(-1), TERMS, {}).why


def test_where_nobody_takes_anything_the_reasons_are_given() -> None:
    """Every candidate with its reason; without any, that there is none."""
    none = spread([perp(A, barred="halted"), perp(B, None, room=ZERO)], d(-1), TERMS, {})

    assert ({}, d(-1)) == (none.pieces, none.left)
    assert none.why == "a:BTC: halted; b:BTC: the caps of b:BTC leave 0"
    assert spread([], d(-1), TERMS, {}).why == "there is no instrument to choose from"


def test_the_dearest_to_keep_is_reduced_first() -> None:
    """A short that receives less goes before one that receives more; what is unknown before both."""
    three = [perp(A, "0.30"), perp(B, "0.10"), perp(C, None)]
    held = {A: d(-2), B: d(-1), C: d("-0.5")}

    assert {"c": d("0.5"), "b": d(1), "a": d("0.5")} == shared(spread(three, d(2), TERMS, held))
    assert {"c": d("0.4")} == shared(spread(three, d("0.4"), TERMS, held))


def test_a_dated_future_is_kept_at_its_basis() -> None:
    """The basis of 2 % in 60 days is what a short of it earns: dearer to keep than 20 % a year, cheaper than 5 %."""
    expiry = Nanos(START_NS + 60 * DAY_NS)
    dated = Candidate(instrument=perpetual(id=B, expiry_ns=expiry), book=book("61200"), index=d(60_000))
    held = {A: d(-1), B: d(-1)}

    assert {"b": d(1)} == shared(spread([perp(A, "0.20"), dated], d(1), TERMS, held))
    assert {"a": d(1)} == shared(spread([perp(A, "0.05"), dated], d(1), TERMS, held))


def test_what_is_beyond_the_positions_is_opened() -> None:
    """A need that turns the hedge round closes every position and opens the rest; one order an instrument."""
    found = spread([perp(A, "0.10"), perp(B, "0.30")], d(3), TERMS, {A: d(-1), B: d("-0.5")})

    assert {"b": d("0.5"), "a": d("2.5")} == shared(found)


def test_nothing_is_opened_against_a_position_that_cannot_be_reduced() -> None:
    """A shut future's share of a reduction waits; what goes beyond it is opened as ever."""
    both = [perp(A, "0.10"), perp(B, "0.30")]

    waits = spread(both, d(1), TERMS, {A: d(-1)}, shut={A})
    other = spread(both, d(1), TERMS, {A: d(-1), B: d(-1)}, shut={A})
    beyond = spread(both, d(3), TERMS, {A: d(-1)}, shut={A})
    assert ({}, d(1)) == (waits.pieces, waits.left)
    assert ({"b": d(1)}, d(0)) == (shared(other), other.left)
    assert ({"b": d(2)}, d(1)) == (shared(beyond), beyond.left)


def test_more_of_a_hedge_stays_where_it_is_until_a_move_pays() -> None:
    """30 days of 1 % a year more are 8 bps: not the 16 that two trades and the buffer take; 30 % a year more are."""
    little, much = [perp(A, "0.10"), perp(B, "0.11")], [perp(A, "0.10"), perp(B, "0.40")]

    stays = spread(little, d(-1), TERMS, {A: d(-3)})
    assert {"a": d(-1)} == shared(stays)
    assert stays.why == "a:BTC stays: b:BTC would save 8.22 bps, no more than 16.00 bps"
    assert {"b": d(-1)} == shared(spread(much, d(-1), TERMS, {A: d(-3)}))


def test_the_last_route_stands_until_another_is_cheaper_by_the_buffer() -> None:
    """Nothing is held: 4 bps are no reason to change, 8 are."""
    found = [spread([perp(A, "0.10"), perp(B, apr)], d(-1), TERMS, {}, standing=A) for apr in ("0.105", "0.11")]

    assert [{"a": d(-1)}, {"b": d(-1)}] == [shared(one) for one in found]


def test_pieces_are_in_coins_whatever_a_contract_is() -> None:
    """1000PEPE, an inverse contract and a quanto of half a coin each take whole lots of their own."""
    pepe = perp(instrument=perpetual(id=A, base_units=d(1_000), lot=d(1)), book=book("0.01", "9000"), room=d("50.5"))
    small = Book(bids=((d("0.00999"), d(9_000)),), asks=((d("0.01001"), d(9_000)),))
    pepe = msgspec.structs.replace(pepe, book=small)
    face = perpetual(id=A, kind=Kind.INVERSE, contract_size=d(100), lot=d(1), contracts_min=d(1))
    inverse = perp(instrument=face, book=book(size="100"))
    half = perp(instrument=perpetual(id=A, kind=Kind.QUANTO), per_contract=d("0.5"), size="0.2")

    assert offer(pepe, d(-6_000_000), TERMS).coins == -5_050_000
    assert round(offer(inverse, d(-1), TERMS).coins, 20) == d("-0.5")
    assert offer(half, d(-1), TERMS).coins == d("-0.3")


# ------------------------------------------------------------------------------------------------------- properties
RATES = st.decimals("-0.5", "0.5", places=3).map(str)
COINS = st.integers(1, 4_000).map(lambda lots: Decimal(lots) / 1_000)
SIDES = st.sampled_from([1, -1])
LIMITED = st.fixed_dictionaries(
    {},
    optional={
        "room": st.integers(0, 200_000).map(Decimal),
        "margin_free": st.integers(0, 50_000).map(Decimal),
        "barred": st.sampled_from(["", "halted"]),
    },
)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Two or three perpetuals with any rates, depths and limits."""
    made = []
    for name in (A, B, C)[: draw(st.integers(2, 3))]:
        apr, size = draw(st.one_of(RATES, st.none())), str(draw(COINS))
        made.append(perp(name, apr, size, initial_margin=d("0.05"), **draw(LIMITED)))
    return made


HELD = st.fixed_dictionaries({}, optional=dict.fromkeys((A, B, C), st.builds(lambda s, q: s * q, SIDES, COINS)))


@given(candidates(), SIDES, COINS, HELD)
def test_shares_add_up_to_the_need_and_none_goes_against_it(
    listed: list[Candidate], side: int, size: Qty, held: dict[InstrumentId, Qty]
) -> None:
    """What is taken and what is left are the need, and nobody trades the other way."""
    need, mine = size * side, {c.instrument.id: held[c.instrument.id] for c in listed if c.instrument.id in held}
    found = spread(listed, need, TERMS, mine)

    assert sum(found.pieces.values(), ZERO) + found.left == need
    assert all(coins * side > 0 for coins in found.pieces.values())
    assert found.left * side >= 0


@given(candidates(), SIDES, COINS, HELD)
def test_a_reduction_never_enlarges_any_position(
    listed: list[Candidate], side: int, size: Qty, held: dict[InstrumentId, Qty]
) -> None:
    """While there is enough to reduce, no position grows and none turns round."""
    mine = {c.instrument.id: held[c.instrument.id] for c in listed if c.instrument.id in held}
    reducible = sum((abs(coins) for coins in mine.values() if coins * side < 0), ZERO)
    need = min(size, reducible) * side
    if not need:
        return
    found = spread(listed, need, TERMS, mine)

    assert found.left == 0
    for name, coins in found.pieces.items():
        assert coins * mine[name] < 0
        assert abs(coins) <= abs(mine[name])


@given(candidates(), SIDES, COINS)
def test_no_hard_limit_is_ever_exceeded(listed: list[Candidate], side: int, size: Qty) -> None:
    """What is opened on a future fits its book, its caps and its margin, and nothing is opened where it is barred."""
    found = opening(listed, size * side, TERMS)
    by_id = {one.instrument.id: one for one in listed}

    for name, coins in found.pieces.items():
        one = by_id[name]
        assert one.book is not None
        value = abs(coins) * one.book.mid
        assert not one.barred
        assert abs(coins) <= 3 * one.book.bids[0][1]
        assert one.room is None or value <= one.room
        assert one.margin_free is None or value * one.initial_margin <= one.margin_free


@given(RATES, RATES, st.decimals(0, "0.002", places=5), SIDES, COINS)
def test_no_position_moves_unless_it_gains_more_than_it_costs(
    one: str, other: str, buffer: Decimal, side: int, size: Qty
) -> None:
    """Where `route` leaves a position, what is saved over the horizon beats both trades and the buffer."""
    terms = msgspec.structs.replace(TERMS, buffer=buffer)
    found = route([perp(A, one), perp(B, other)], size * side, terms, {A: size * side})
    rows = {row.instrument: row for row in found.costs}
    saved, price = moving(rows[A], rows[B], terms)
    funding = (d(one) - d(other)) * side * 30 / 365 * rows[A].value

    assert (found.leave == A) == (saved > price)
    assert abs(saved - funding - (rows[A].closing - rows[B].closing) * rows[A].value) < d("1e-15")
    assert price >= (rows[A].leaving + rows[B].opening + buffer) * rows[A].value


def test_reductions_without_costs_go_by_size() -> None:
    """The largest first, then by name."""
    held = {C: d(-1), A: d(-1), B: d(-3)}

    assert ({B: d(3), A: d(1), C: d("0.5")}, d(0)) == reductions(held, d("4.5"), {})
    assert ({}, d(-1)) == reductions(held, d(-1), {})


def test_keeping_costs_nothing_known_for_what_is_unknown() -> None:
    """Only what is known has a figure."""
    assert {A} == keeping([perp(A), perp(B, None)], d(-1), TERMS).keys()
