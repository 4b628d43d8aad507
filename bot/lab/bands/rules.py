"""The rules of rehedging that are compared: by the clock, by drift to the target or to the edge, and by auto bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from bot.calc import autoband, joint
from bot.domain.bands import TRADE_MIN
from bot.domain.units import HOUR_NS
from bot.lab.bands.history import WARM_UP_HOURS, Book, History

HALF_LIFE_NS = 240 * HOUR_NS

Trades = Sequence[float] | None


class Rule(Protocol):
    """What is traded at an hour, in fractions of NAV by asset; None: nothing."""

    def moved(self, increments: Sequence[float]) -> None:
        """Take note of what an hour did to the deviations, without any trade."""

    def trades(self, hour: int, deviations: Sequence[float]) -> Trades:
        """Decide at the end of an hour, counted from a midnight."""


class _Simple:
    """A rule that learns nothing."""

    def moved(self, increments: Sequence[float]) -> None:
        """Nothing to note."""


class Periodic(_Simple):
    """All assets to their targets every so many hours, counted from a midnight (UTC), where the measured days end.

    On the recorded prices that is the hour of the day at which daily rehedging strays least, so that it is the
    hardest to beat: 45 bps a year, against 45 to 83 at the other hours.
    """

    def __init__(self, hours: int) -> None:
        self._hours = hours

    def trades(self, hour: int, deviations: Sequence[float]) -> Trades:
        """All or nothing."""
        return None if hour % self._hours else [-x for x in deviations]


class ToTarget(_Simple):
    """All assets to their targets when one of them has drifted further than `width`: the reference."""

    def __init__(self, width: float) -> None:
        self._width = width

    def trades(self, hour: int, deviations: Sequence[float]) -> Trades:
        """All or nothing."""
        if max(deviations) <= self._width and min(deviations) >= -self._width:
            return None
        return [-x for x in deviations]


class ToEdge(_Simple):
    """Each asset that has drifted further than `width` back to the edge of its band."""

    def __init__(self, width: float) -> None:
        self._width = width

    def trades(self, hour: int, deviations: Sequence[float]) -> Trades:
        """Each by itself."""
        if max(deviations) <= self._width and min(deviations) >= -self._width:
            return None
        return [autoband.to_edge(x, self._width) for x in deviations]


class Auto:
    """The product's auto band: each asset to the edge of its own, or all of them by the joint program."""

    def __init__(self, history: History, book: Book, aversion: float, *, is_joint: bool, trade_min: float) -> None:
        self._couplings = history.couplings
        self._book = book
        self._aversion = aversion
        self._is_joint = is_joint
        self._trade_min = trade_min
        size = len(book.assets)
        self._seen = [autoband.Restlessness()] * size
        self._none = (0.0,) * size
        self._anywhere = (float("inf"),) * size

    def moved(self, increments: Sequence[float]) -> None:
        """Note how restless each deviation is."""
        self._seen = [
            seen.seen(increment, HOUR_NS, HALF_LIFE_NS) for seen, increment in zip(self._seen, increments, strict=True)
        ]

    def trades(self, hour: int, deviations: Sequence[float]) -> Trades:
        """Ask the product."""
        known = self._couplings[hour - WARM_UP_HOURS]
        group = joint.Group(
            deviations=tuple(deviations),
            variances=tuple([seen.variance or 0.0 for seen in self._seen]),
            costs=self._book.costs,
            floors=self._none,
            hards=self._anywhere,
        )
        if self._is_joint:
            return joint.decide(group, known, self._aversion, self._trade_min).trades
        own = joint.widths(group, known, self._aversion)
        return [autoband.to_edge(x, width) for x, width in zip(deviations, own, strict=True)]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that differ by one number: a width (a fraction of NAV) or a risk aversion, somewhere within `bounds`."""

    name: str
    make: Callable[[History, Book, float], Rule]
    bounds: tuple[float, float]


def _auto(history: History, book: Book, aversion: float, *, is_joint: bool, trade_min: float = 0.0) -> Rule:
    return Auto(history, book, aversion, is_joint=is_joint, trade_min=trade_min)


JOINT = "joint"
LEAST = f"joint >= {TRADE_MIN:.1%}"
"""What is shipped: the joint band with its least trade as it is where nothing is said."""
_WIDTHS = (1e-4, 0.2)
_AVERSIONS = (0.1, 1e6)

REFERENCES: dict[str, Callable[[], Rule]] = {
    "1h": partial(Periodic, 1),
    "8h": partial(Periodic, 8),
    "24h": partial(Periodic, 24),
    "7d": partial(Periodic, 168),
    "1% -> target": partial(ToTarget, 0.01),
    "2% -> target": partial(ToTarget, 0.02),
    "5% -> target": partial(ToTarget, 0.05),
    "1% -> edge": partial(ToEdge, 0.01),
}
"""Of two rules with the same tracking error, these are what the others are compared with."""

FAMILIES = {
    family.name: family
    for family in (
        Family(name="fixed edge", make=lambda _, __, width: ToEdge(width), bounds=_WIDTHS),
        Family(name="W-W", make=partial(_auto, is_joint=False), bounds=_AVERSIONS),
        Family(name=JOINT, make=partial(_auto, is_joint=True), bounds=_AVERSIONS),
        Family(name=LEAST, make=partial(_auto, is_joint=True, trade_min=float(TRADE_MIN)), bounds=_AVERSIONS),
    )
}
