"""What a fill does to a position. Partial closes release cost in proportion; what is booked is rounded to 1e-8.

With w the worth of the fill, cash less cost changes by exactly -w, so that two sides of a trade cancel:

    add        cost += w
    reduce     realized = booked(-w - released cost), cost += w + realized: the rounding stays in the cost
    close      realized = booked(-w - cost), and the rest, which has no cost left to stay in, is `residue`
    flip       a close and an opening at the same price
"""

from __future__ import annotations

import msgspec

from bot.simex.core.account import Position
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import MONEY, SCALE, booked, divided


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a fill did: money booked as profit, the unbookable rest, the quantity closed, the worth opened."""

    realized: int
    residue: int
    closed: int
    opened: int


def fill(position: Position, quantity: int, worth: int) -> Change:
    """Add a signed quantity, of the given worth (money, signed as Instrument.worth), to a position."""
    held = position.quantity
    position.quantity = held + quantity
    if held == 0 or (held > 0) == (quantity > 0):
        position.cost += worth
        return Change(0, 0, 0, worth)
    size, taken = abs(held), abs(quantity)
    if taken < size:
        realized = booked(-worth - divided(position.cost * taken, size))
        position.cost += worth + realized
        return Change(realized, 0, taken, 0)
    closing = worth if taken == size else divided(worth * size, taken)
    whole = -closing - position.cost
    realized = booked(whole)
    position.cost = worth - closing
    return Change(realized, whole - realized, size, position.cost)


def entry_price(instrument: Instrument, quantity: int, cost: int) -> int:
    """The price, of 1e-8, at which a signed quantity is worth `cost`; 0 when flat or when no price is."""
    if quantity == 0 or cost == 0:
        return 0
    if instrument.kind != "inverse":
        return max(_ratio(cost, quantity), 0)
    return max(_ratio(-quantity * instrument.face * MONEY, cost * SCALE), 0)


def break_even_price(position: Position) -> int:
    """The price, of 1e-8, at which closing leaves nothing of fees, funding and profit since the opening."""
    spent = position.fees - position.funding - position.realized_since_flat
    return entry_price(position.instrument, position.quantity, position.cost + spent)


def _ratio(numerator: int, denominator: int) -> int:
    return divided(numerator, denominator) if denominator > 0 else divided(-numerator, -denominator)
