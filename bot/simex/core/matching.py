"""How an incoming order meets the other side of a book: best price first, at one price in the order of arrival.

`survey` only looks (fill-or-kill, the worst price of a market order); `walk` and `take_first` take, and what they say
is already gone from the book. Whose order is filled and what that means for money is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bot.simex.core.book import BookSide, PriceLevel
from bot.simex.core.order import Order, Prevention

# Price, quantity, and the resting order that is filled (None: background). Quantity 0: the taker's own order, which
# prevention keeps from trading; the receiver ends it, or stops.
Take = tuple[int, int, Order | None]


class Survey(NamedTuple):
    """What a walk would take: its quantity, the sum of price x quantity, the worst price (0: nothing)."""

    quantity: int
    paid: int
    worst: int


def survey(side: BookSide, limit: int, quantity: int, own: str, prevention: Prevention, budget: int = 0) -> Survey:
    """What an order of `own` would take at most, no worse than `limit` (0: any), for at most `budget` (0: any)."""
    got = paid = worst = 0
    lowest = limit * side.sign if limit else None
    for key in reversed(side.keys):
        if (lowest is not None and key < lowest) or got == quantity:
            break
        price = key * side.sign
        offered, stopped = _offered(side.levels[price], own, prevention)
        size = min(offered, quantity - got)
        if budget:
            size = min(size, (budget - paid) // price)
        if size:
            got, paid, worst = got + size, paid + size * price, price
        if stopped or size < offered:
            break
    return Survey(got, paid, worst)


def average(seen: Survey) -> int:
    """The average price of a survey, rounded up when it is not whole."""
    return -(-seen.paid // seen.quantity) if seen.quantity else 0


def walk(side: BookSide, limit: int, quantity: int) -> Iterator[Take]:
    """Take up to `quantity`, no worse than `limit` (0: any)."""
    left, keys = quantity, side.keys
    lowest = limit * side.sign if limit else None
    while left and keys and (lowest is None or keys[-1] >= lowest):
        take = take_first(side, left)
        left -= take[1]
        yield take


def take_first(side: BookSide, quantity: int, own: str = "", prevention: Prevention = "none") -> Take:
    """Take up to `quantity` of what stands first on a side that is not empty; call again for what comes next.

    An order of `own` that prevention keeps from trading stands first until it is ended.
    """
    level = side.first
    for order in level.orders.values():
        if order.ahead:
            size = min(quantity, order.ahead)
            side.take_background(level, size)
            return level.price, size, None
        if order.account_id == own and prevention != "none":
            return level.price, 0, order
        size = min(quantity, order.quantity - order.filled)
        side.reduce(order, size)
        return level.price, size, order
    size = min(quantity, level.background)
    side.take_background(level, size)
    return level.price, size, None


def _offered(level: PriceLevel, own: str, prevention: Prevention) -> tuple[int, bool]:
    """What a level would give to `own`, and whether prevention stops it there."""
    if prevention == "none" or not level.orders:
        return level.background + level.resting, False
    given = 0
    for order in level.orders.values():
        if order.account_id != own:
            given += order.quantity - order.filled
        elif prevention != "maker":
            return given + order.ahead, True
    return given + level.background, False
