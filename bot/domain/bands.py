"""How far an exposure may be from its target, in which measure, and where a hedge of it ends."""

from decimal import Decimal
from enum import Enum

import msgspec

from bot.domain.units import HOUR_NS, ZERO

TRADE_MIN = Decimal("0.001")
"""The least trade of an auto band where nothing is said, a fraction of NAV. Larger ones cost what the band saves: at
0.002 five coins cost 0.41 of daily rehedging, at 0.001 as little as with none (`python -m bot.lab.bands`)."""


class Unit(Enum):
    """What a band's width is measured in."""

    COINS = "coins"
    QUOTE = "quote"
    RELATIVE = "relative"
    """A fraction of the hedged holding, or of a weight's own size."""
    POINTS = "points"
    """A fraction of the base of a target (0.05 is five percentage points)."""


class Width(msgspec.Struct, frozen=True):
    """A non-negative distance from the target."""

    value: Decimal
    unit: Unit


class Band(msgspec.Struct, frozen=True, tag="band"):
    """A hedge starts when the deviation is strictly beyond `trigger`, and brings it back to `destination`.

    `trigger_below` and `destination_below` are those of a negative deviation (less exposure than wanted); None where
    both sides are alike. A deviation strictly beyond `instant` waits for nothing: no duration, calendar or gate.
    """

    trigger: Width
    destination: Width
    trigger_below: Width | None = None
    destination_below: Width | None = None
    instant: Width | None = None

    def edge(self, *, above: bool) -> Width:
        """The trigger on one side of the target."""
        return self.trigger if above or self.trigger_below is None else self.trigger_below

    def end(self, *, above: bool) -> Width:
        """The destination on one side of the target."""
        return self.destination if above or self.destination_below is None else self.destination_below


class Auto(msgspec.Struct, frozen=True, kw_only=True, tag="auto"):
    """A band whose width follows from cost and volatility; a hedge ends at its inner edge (formulas.md 3).

    Either `risk_aversion` (per NAV) or `tracking_error` (a fraction of NAV a year) is given, the other is None.
    `floor` and `hard` bound the width; beyond `hard` it always trades. `trade_min` is a fraction of NAV: a smaller
    trade of the joint program is left out.
    """

    hard: Width
    risk_aversion: Decimal | None = None
    tracking_error: Decimal | None = None
    floor: Width = Width(ZERO, Unit.RELATIVE)
    half_life_ns: int = 240 * HOUR_NS
    trade_min: Decimal = TRADE_MIN
