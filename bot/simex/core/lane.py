"""The express lane: what most calls are, done in one go; the desk does all others, and could do these as well.

A plain limit order is accepted here. Where it then rests, or later moves or is cancelled, on a linear future in one-way
mode and cross margin, that is done here as well. Nothing is decided in another way than by Admission, FutureTill, Floor
and Orders: the same numbers change, the same events are told, in the same order (a test makes the same calls with the
lane closed). Whatever is the least unusual, and every refusal, is left to them.

Each method looks at everything first, and changes something only when it can do all of it. They are long and flat,
because that is what they are for: a call of a function costs as much as half a dozen of their lines.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.simex.core.admission import PLAIN, Admission
from bot.simex.core.book import Book
from bot.simex.core.events import OrderChanged
from bot.simex.core.order import OPEN, Order, Side, Ticket
from bot.simex.core.orders import Orders, Seat
from bot.simex.core.state import State


class Lane:
    """Places, moves and cancels the plainest of orders; the book is still to be published. Closed, it does nothing."""

    def __init__(
        self, state: State, orders: Orders, admission: Admission, execute: Callable[[Seat, Order], None]
    ) -> None:
        """`execute` matches an accepted order and lets the rest of it rest or end."""
        self._state = state
        self._orders = orders
        self._by_id = orders.by_id
        self._admission = admission
        self._prices = admission.prices
        self._tag = admission.tag
        self._execute = execute
        self.is_open = True

    def place(self, seat: Seat, ticket: Ticket) -> Order | None:
        """Accept a plain limit order and execute it; None: nothing has happened. Refused where no money is for it."""
        side, price, quantity, book, account = ticket.side, ticket.price, ticket.quantity, seat.book, seat.account
        tif, client_id, worth = ticket.tif, ticket.client_id, quantity * price
        if (
            ticket.type != "limit"
            or tif not in PLAIN
            or ticket.position_side != "both"
            or ticket.trigger is not None
            or (ticket.reduce_only or ticket.close_position or ticket.quote_quantity)
            or (account.hedge_mode or not self.is_open)
        ):
            return None
        instrument, bounds = seat.instrument, book.bounds
        filters = instrument.filters
        if bounds is None or bounds.version != self._prices.version or bounds.filters is not filters:
            bounds = self._admission.bounds(book)
        # As Admission.ordinary.
        if (
            not bounds.lowest[side] <= price <= bounds.highest[side]
            or not bounds.quantity_min <= quantity <= bounds.quantity_max
            or worth < bounds.notional_min
            or price % bounds.tick
            or quantity % bounds.lot
            or instrument.status != "trading"
            or seat.resting >= filters.orders_max
        ):
            return None
        if client_id:
            self._admission.check_client_id(seat, client_id)
        best = book.asks.first.price if side > 0 else book.bids.first.price
        rests = (
            tif == "gtc"
            and not (best and (price >= best if side > 0 else price <= best))
            and seat.till.shift(side, price, quantity, worth)
        )
        if not rests:
            seat.till.require(side, "both", quantity, price, False)
        state = self._state
        order_id, now_ms = ticket.order_id or state.next_order_id(), state.now_ms
        if not client_id and self._tag:
            client_id = f"{self._tag}{order_id}"
        name, prevention, origin = account.account_id, ticket.prevention, ticket.origin
        order = Order(
            order_id,
            client_id,
            name,
            instrument,
            side,
            "limit",
            tif,
            quantity,
            price,
            prevention,
            origin,
            now_ms,
            now_ms,
        )
        self._by_id[order_id] = order
        if client_id:
            seat.clients[client_id] = order
        state.emit(OrderChanged(now_ms, "new", order.__copy__()))
        if rests:
            (book.bids if side > 0 else book.asks).add(order)
            seat.resting += 1
            account.orders[order_id] = order
        else:
            self._execute(seat, order)
        return order

    def move(self, seat: Seat, order: Order, price: int, quantity: int) -> bool:
        """Put an order that rests behind everybody at another price, or make it larger; False: nothing has happened."""
        side, filled, book = order.side, order.filled, seat.book
        old, left, worth = order.quantity - filled, quantity - filled, quantity * price
        if (
            left <= 0
            or order.tif != "gtc"
            or order.reduce_only
            or order.position_side != "both"
            or not self.is_open
            or _takes(book, side, price)
            or not self._admission.ordinary(book, side, price, quantity, worth)
            or not seat.till.shift(side, price, left - old, worth - filled * price - old * order.price)
        ):
            return False
        queue = book.bids if side > 0 else book.asks
        queue.remove(order)
        order.price, order.quantity = price, quantity
        state = self._state
        now_ms = order.updated_ms = state.now_ms
        state.emit(OrderChanged(now_ms, "amended", order.__copy__()))
        queue.add(order)
        # It is the newest of the account's orders now.
        orders, order_id = seat.account.orders, order.order_id
        del orders[order_id]
        orders[order_id] = order
        return True

    def cancel(self, seat: Seat, order: Order) -> bool:
        """End an order that rests, as its owner wants; False: nothing has happened."""
        left = order.quantity - order.filled
        if (
            order.status not in OPEN
            or order.reduce_only
            or order.position_side != "both"
            or not self.is_open
            or not seat.till.shift(order.side, 0, -left, -left * order.price)
        ):
            return False
        book, state = seat.book, self._state
        (book.bids if order.side > 0 else book.asks).remove(order)
        order.status = "canceled"
        order.end = "user"
        self._orders.ended(seat, order)
        now_ms = order.updated_ms = state.now_ms
        state.emit(OrderChanged(now_ms, "canceled", order.__copy__()))
        return True


def _takes(book: Book, side: Side, price: int) -> bool:
    """Whether an order would trade at once."""
    if side > 0:
        return 0 < book.asks.first.price <= price
    return book.bids.first.price >= price
