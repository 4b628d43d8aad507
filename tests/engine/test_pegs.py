"""What is remembered of a peg: three levels, told once each, and a way back that has to be walked in one go."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.units import MINUTE_NS, Nanos
from bot.engine.pegs import BACK_FOR_NS, RETURN_PAUSE_NS, Level, Move, PegReading, Pegs
from tests.kit import USDT, d

INSIDE, BETWEEN, WARN, STOP = d(30), d(31), d(51), d(151)


def at(minutes: float) -> Nanos:
    """A moment."""
    return Nanos(int(minutes * MINUTE_NS))


@pytest.mark.parametrize(("off", "level"), [(d(50), Level.STEADY), (WARN, Level.WARNED), (STOP, Level.STOPPED)])
def test_levels_are_reached_beyond_their_bounds(off: Decimal, level: Level) -> None:
    """At a bound nothing happens yet; beyond both the stop is reached at once."""
    pegs = Pegs()
    pegs.look(off, at(0))

    assert pegs.level is level


def test_each_level_is_told_once() -> None:
    """What goes on is no news, nor is what eases; what gets worse is."""
    pegs = Pegs()
    moves = [pegs.look(off, at(i)) for i, off in enumerate((WARN, WARN, BETWEEN, WARN, STOP, STOP, WARN))]

    assert moves == [Move.WARNED, Move.NONE, Move.NONE, Move.NONE, Move.STOPPED, Move.NONE, Move.NONE]


@pytest.mark.parametrize("off", [WARN, STOP])
def test_it_is_over_after_half_an_hour_inside(off: Decimal) -> None:
    """The way back begins when it is inside, ends after its time there, and not a moment before."""
    pegs = Pegs()
    pegs.look(off, at(0))

    assert pegs.look(INSIDE, at(1)) is Move.RETURNING
    assert pegs.look(INSIDE, Nanos(at(1) + BACK_FOR_NS - 1)) is Move.NONE
    assert pegs.look(INSIDE, Nanos(at(1) + BACK_FOR_NS)) is Move.OVER
    assert pegs.level is Level.STEADY


@pytest.mark.parametrize("off", [BETWEEN, None])
def test_a_way_back_that_is_left_begins_anew(off: Decimal | None) -> None:
    """A moment outside, or one of which nothing is known, costs all the time inside."""
    pegs = Pegs()
    pegs.look(STOP, at(0))
    pegs.look(INSIDE, at(1))

    assert pegs.look(off, at(30)) is Move.LEFT
    assert pegs.look(off, at(30.5)) is Move.NONE
    assert pegs.look(INSIDE, at(31)) is Move.RETURNING
    assert pegs.look(INSIDE, at(60)) is Move.NONE
    assert pegs.look(INSIDE, at(61)) is Move.OVER


def test_a_peg_at_the_edge_fills_no_journal() -> None:
    """In and out with every look: a way back begins at most once in its pause."""
    pegs = Pegs()
    pegs.look(STOP, at(0))
    moves = [pegs.look(INSIDE if second % 2 else BETWEEN, at(second / 60)) for second in range(600)]

    assert moves.count(Move.RETURNING) <= 600 / 60
    assert RETURN_PAUSE_NS == MINUTE_NS


def test_a_new_fall_ends_the_way_back() -> None:
    """What was warned, came back and fell through the stop is stopped, and has all its way to go."""
    pegs = Pegs()
    pegs.look(WARN, at(0))
    pegs.look(INSIDE, at(1))

    assert pegs.look(STOP, at(2)) is Move.STOPPED
    assert pegs.back_ns is None


def test_a_restart_interrupts_the_way_back_and_keeps_the_stop() -> None:
    """Nobody saw what happened in between; only what nobody watches any more is forgotten."""
    pegs = Pegs()
    pegs.look(STOP, at(0))
    pegs.look(INSIDE, at(1))
    pegs.interrupt(watched=True)

    assert pegs == Pegs(Level.STOPPED, None, 0)
    pegs.interrupt(watched=False)
    assert pegs == Pegs()


def test_a_reading_tells_its_price_or_why_there_is_none() -> None:
    """People are told the price and how far it is off, on either side."""
    assert PegReading(USDT, d("0.97"), "", True).told == "USDT is at 0.9700 USD, 300 bps off its peg"
    assert PegReading(USDT, None, "x", False).told == "what USDT is worth in dollars is not known (x)"
