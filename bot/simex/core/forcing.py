"""Orders of the exchange's own: what liquidation, deleveraging and settlement ask of the desk."""

from __future__ import annotations

from typing import Protocol

from bot.simex.core.account import Account, Position
from bot.simex.core.order import BUY, SELL, EndReason, Order, Origin, Ticket
from bot.simex.core.state import State


class Desk(Protocol):
    """The part of the order desk that takes orders of the exchange's own."""

    def force(self, account: Account, ticket: Ticket) -> Order:
        """Match a limit order with the book, unchecked; the rest of it expires."""
        ...

    def cancel(self, order: Order, reason: EndReason = "user") -> Order:
        """End an open or waiting order."""
        ...

    def assign(self, account: Account, ticket: Ticket, *, trade_id: int, house: bool) -> Order:
        """Fill an order whole at its price, outside the book; `house`: its other side is the house."""
        ...


def closing(state: State, position: Position, quantity: int, price: int, origin: Origin, marker: str = "") -> Ticket:
    """An order that closes so much of a position. Its client id is made of the venue's marker for it (else for origin).

    A marker that ends in a hyphen is followed by the time and a number; one that does not is the whole id.
    """
    client_id = state.rules.system_ids.get(marker or origin, "")
    if client_id.endswith("-"):
        client_id += f"{state.now_ms}{state.next_forced_id():04}"
    return Ticket(
        instrument=position.instrument,
        side=SELL if position.quantity > 0 else BUY,
        type="limit",
        quantity=quantity,
        price=price,
        tif="ioc",
        reduce_only=True,
        position_side=position.side,
        client_id=client_id,
        prevention="none",
        origin=origin,
    )


def cancel_orders(desk: Desk, account: Account, positions: list[Position], reason: EndReason) -> int:
    """End an account's orders on the instruments of these positions; answers how many there were."""
    keys = {position.instrument.key for position in positions}
    ended = [order for order in account.orders.values() if order.instrument.key in keys]
    for order in ended:
        if order.order_id in account.orders:
            desk.cancel(order, reason)
    return len(ended)
