"""Rules at equal tracking error: one number of a rule is searched until it strays exactly as far as another rule."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec

from bot.lab.bands.history import Book, History
from bot.lab.bands.living import Outcome, lived
from bot.lab.bands.rules import Family

EQUAL = 0.001
"""Tracking errors that differ by less than this share are equal."""
RUNS_MAX = 24
"""Lives that one search may take. Where the tracking error jumps at a trade more or less, no number is equal."""
HALVE_EVERY = 3
"""Every so many runs the bracket is halved, lest interpolation creeps along one of its ends."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A family's member beside a reference. `ratio` is cost to cost; `is_equal` whether the tracking errors are."""

    number: float
    outcome: Outcome
    ratio: float
    is_equal: bool


class Frontier:
    """What a family of rules costs at each tracking error. Every life is kept: references share them."""

    def __init__(self, history: History, book: Book, family: Family) -> None:
        self._history, self._book, self._family = history, book, family
        self._lives: dict[float, Outcome] = {}

    def beside(self, reference: Outcome) -> Match | None:
        """The member that strays as far as the reference does; None where none of the family does."""
        wanted = reference.tracking_error
        for number in self._family.bounds:
            self._live(math.log(number))
        for run in range(RUNS_MAX):
            place = self._nearest(wanted)
            if self._error(place, wanted) <= EQUAL:
                break
            bracket = self._bracket(wanted)
            if bracket is None:
                return None
            self._live(self._between(*bracket, wanted, halve=run % HALVE_EVERY == HALVE_EVERY - 1))
        place = self._nearest(wanted)
        found = self._lives[place]
        is_equal = self._error(place, wanted) <= EQUAL
        return Match(number=math.exp(place), outcome=found, ratio=found.cost / reference.cost, is_equal=is_equal)

    def _live(self, place: float) -> None:
        if place not in self._lives:
            rule = self._family.make(self._history, self._book, math.exp(place))
            self._lives[place] = lived(self._history, self._book, rule)

    def _error(self, place: float, wanted: float) -> float:
        return abs(self._lives[place].tracking_error / wanted - 1)

    def _nearest(self, wanted: float) -> float:
        return min(self._lives, key=lambda place: (self._error(place, wanted), place))

    def _bracket(self, wanted: float) -> tuple[float, float] | None:
        """Two neighbours of which one strays less and one more."""
        for low, high in pairwise(sorted(self._lives)):
            if (self._lives[low].tracking_error < wanted) != (self._lives[high].tracking_error < wanted):
                return low, high
        return None

    def _between(self, low: float, high: float, wanted: float, *, halve: bool) -> float:
        """Tracking errors are nearly powers of a rule's number: a straight line in logarithms."""
        if halve:
            return (low + high) / 2
        a, b = (math.log(self._lives[place].tracking_error) for place in (low, high))
        return low + (high - low) * min(max((math.log(wanted) - a) / (b - a), 0.05), 0.95)
