"""Trigger band and destination: when a deviation calls for a hedge, and how far the hedge goes.

A deviation is measured in the space where its target is exact: coins for a ratio target, quote currency for a
weights target (0.65 of 100 against 0.60 + 0.05 is then 65 > 65, which is false, as it must be).
A band may be wider on one side of the target than on the other; the sign of the deviation says which side counts.
Source: formulas.md 1 (band cases) and 2.13; a breach is strict and decided in Decimal.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import Enum

import msgspec

from bot.domain.bands import Band, Unit, Width
from bot.domain.units import ZERO, Price, Qty

CLOSE_ENOUGH = Decimal("0.1")
"""A correction under way ends within this share of the way from its destination to its trigger."""


class Space(Enum):
    """What the amount of a deviation counts."""

    COINS = "coins"
    QUOTE = "quote"


# Asked for a hundred times by every evaluation: to read a member of an enum costs more than what is done with it.
_COINS, _QUOTE = Space.COINS, Space.QUOTE
_RELATIVE, _POINTS, _IN_COINS = Unit.RELATIVE, Unit.POINTS, Unit.COINS


class Deviation(msgspec.Struct, frozen=True):
    """exposure - target of one asset.

    `amount` and `scale` (what a RELATIVE width is a fraction of) are in `space`; `base` (what POINTS are a fraction
    of) is in quote currency; `price` is quote per coin, > 0.
    """

    space: Space
    amount: Decimal
    scale: Decimal
    base: Decimal
    price: Price

    @property
    def coins(self) -> Qty:
        """The amount in coins."""
        return self.amount if self.space is _COINS else self.amount / self.price


def limit(deviation: Deviation, width: Width) -> Decimal:
    """A width as a distance in the deviation's own space. Exact for RELATIVE and POINTS, and within one space."""
    if width.unit is _RELATIVE:
        return width.value * abs(deviation.scale)
    quote = width.value * abs(deviation.base) if width.unit is _POINTS else width.value
    if width.unit is _IN_COINS:
        return width.value if deviation.space is _COINS else width.value * deviation.price
    return quote if deviation.space is _QUOTE else quote / deviation.price


def is_beyond(deviation: Deviation, width: Width) -> bool:
    """Whether the deviation lies strictly outside the width, without a division."""
    unit = width.unit
    if unit is _RELATIVE:
        return abs(deviation.amount) > width.value * abs(deviation.scale)
    if deviation.space is _COINS and unit is not _IN_COINS:
        value = width.value * abs(deviation.base) if unit is _POINTS else width.value
        return abs(deviation.amount) * deviation.price > value
    return abs(deviation.amount) > limit(deviation, width)


def is_breached(deviation: Deviation, band: Band) -> bool:
    """Whether the deviation is strictly beyond the trigger of its side."""
    return is_beyond(deviation, band.edge(above=deviation.amount > ZERO))


def is_urgent(deviation: Deviation, band: Band) -> bool:
    """Whether the deviation is strictly beyond the size that waits for nothing."""
    return band.instant is not None and is_beyond(deviation, band.instant)


def in_coins(deviation: Deviation, width: Width) -> Qty:
    """A width in coins, for people and for the size of a hedge."""
    distance = limit(deviation, width)
    return distance if deviation.space is _COINS else distance / deviation.price


def narrowest(judged: Iterable[tuple[Deviation, Band]], *, above: bool) -> tuple[Deviation, Band]:
    """Of several bands around one target the one whose trigger is nearest on a side; the first of equals.

    Each comes with the same amount, and the scale and base that its own widths are fractions of.
    """
    return min(judged, key=lambda one: limit(one[0], one[1].edge(above=above)))


def correction(deviation: Deviation, band: Band, *, correcting: bool) -> Qty:
    """Coins to trade so that the deviation ends at the band's destination; 0 while no hedge is called for.

    A hedge starts beyond the trigger. Once started (`correcting`) it goes on, slice by slice, until the destination
    is all but reached, so that a partial fill just inside the trigger does not end it half-way, and what the market
    moves meanwhile is not run after.
    """
    above = deviation.amount > 0
    coins, destination = deviation.coins, in_coins(deviation, band.end(above=above))
    distance = abs(coins) - destination
    room = in_coins(deviation, band.edge(above=above)) - destination
    going_on = correcting and distance > room * CLOSE_ENOUGH
    if distance <= 0 or not (going_on or is_breached(deviation, band)):
        return ZERO
    return -distance if coins > 0 else distance
