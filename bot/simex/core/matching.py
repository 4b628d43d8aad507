"""How an incoming order meets the other side of a book: best price first, at one price in the order of arrival.

`survey` only looks (fill-or-kill, the worst price of a market order); `walk` takes, and what it yields is already gone
from the book when it is yielded. Whose order is filled and what that means for money is not known here.
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


def walk(side: BookSide, limit: int, quantity: int, own: str = "", prevention: Prevention = "none") -> Iterator[Take]:
    """Take up to `quantity`, no worse than `limit` (0: any)."""
    left = quantity
    keys, levels, sign = side.keys, side.levels, side.sign
    lowest = limit * sign if limit else None
    while left and keys and (lowest is None or keys[-1] >= lowest):
        price = keys[-1] * sign
        level = levels[price]
        if level.orders:
            for take in _queue(side, level, left, own, prevention):
                left -= take[1]
                yield take
        else:
            size = min(left, level.background)
            left -= size
            side.take_background(level, size)
            yield price, size, None


def _queue(side: BookSide, level: PriceLevel, quantity: int, own: str, prevention: Prevention) -> Iterator[Take]:
    """Go through the orders of a level and the background before each of them."""
    left = quantity
    price = level.price
    for order in tuple(level.orders.values()):
        if order.order_id not in level.orders:
            continue  # A fill before it ended it: a reduce-only order whose position was closed.
        if order.ahead:
            size = min(left, order.ahead)
            left -= size
            side.take_background(level, size)
            yield price, size, None
        if not left:
            return
        if order.account_id == own and prevention != "none":
            yield price, 0, order
            continue
        size = min(left, order.quantity - order.filled)
        left -= size
        side.reduce(order, size)
        yield price, size, order
        if not left:
            return


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
