"""The order desk: place, amend, cancel, conditional orders; for accounts, and for the exchange itself.

An order that is accepted is told as "new" before it matches, as the venues do. What rests must be a limit order good
till cancelled, or post-only; the rest of any other ends with the reason. A call that is refused has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bot.simex.core.account import Account
from bot.simex.core.admission import Admission, check_notional, check_price, check_quantity
from bot.simex.core.book import Book, BookSide
from bot.simex.core.execution import Floor
from bot.simex.core.instrument import MATCHES, Category, Key
from bot.simex.core.lane import Lane
from bot.simex.core.matching import survey
from bot.simex.core.order import ALIVE, RESTS, EndReason, Order, Side, Ticket, Trigger, TriggerBy
from bot.simex.core.orders import Orders, Seat
from bot.simex.core.publication import Publication
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.state import State
from bot.simex.core.triggers import Triggers

EXAMINED_ID = 1
"""The number of an order that is only thought of; any but 0, which would draw a new one."""


class Desk:
    """Takes orders. Every call ends with the book published and the triggers of its trades fired."""

    def __init__(
        self,
        state: State,
        books: Mapping[Key, Book],
        orders: Orders,
        admission: Admission,
        floor: Floor,
        publication: Publication,
    ) -> None:
        self._state = state
        self._books = books
        self._orders = orders
        self._seats = orders.seats
        self._admission = admission
        self._floor = floor
        self._publication = publication
        self._triggers = Triggers()
        self.lane = Lane(state, orders, admission, self._execute)

    # ------------------------------------------------------------------------------------------ for accounts
    def place(self, account_id: str, ticket: Ticket) -> Order:
        """Accept an order, match it, and answer it as it then is. Refused."""
        key = ticket.instrument.key
        seat = self._seats.get((account_id, key)) or self._orders.seat(account_id, key)
        order = self.lane.place(seat, ticket)
        if order is None:
            order = self._admission.order(seat, ticket)
            if order.trigger is not None:
                self._wait(seat, order)
                return order
            self._floor.accept(seat, order)
            self._execute(seat, order)
        book = seat.book
        self._publication.touched(book)
        if book.highest:
            self._traded(book)
        return order

    def examine(self, account_id: str, ticket: Ticket) -> None:
        """Refuse what `place` would refuse now; nothing changes, not even the number of the next order. Refused."""
        seat = self._orders.seat(account_id, ticket.instrument.key)
        self._admission.order(seat, msgspec.structs.replace(ticket, order_id=EXAMINED_ID))

    def cancel(self, order: Order, reason: EndReason = "user") -> Order:
        """End an order that is open or waits for its trigger. Refused(ORDER_NOT_OPEN)."""
        seat = self._seats[order.account_id, order.instrument.key]
        if reason != "user" or not self.lane.cancel(seat, order):
            if order.status not in ALIVE:
                raise Refused(Reason.ORDER_NOT_OPEN)
            if order.status == "untriggered":
                self._triggers.drop(order)
            self._floor.end(seat, order, reason)
        self._publication.touched(seat.book)
        return order

    def cancel_all(
        self,
        account: Account,
        category: Category,
        key: Key | None = None,
        side: Side | None = None,
        reason: EndReason = "user",
    ) -> list[Order]:
        """End every order of an account in a category, or only those of one instrument or side, oldest first."""
        return [self.cancel(order, reason) for order in self._orders.open(account.account_id, category, key, side)]

    def amend(
        self, order: Order, price: int | None = None, quantity: int | None = None, trigger_price: int | None = None
    ) -> Order:
        """Change an open limit order, or one that waits. Refused.

        It keeps its place in the queue only when it merely becomes smaller. A quantity that is filled already ends the
        order (or is refused, by the venue's rule), and so does a post-only price that would take.
        """
        if order.status not in ALIVE:
            raise Refused(Reason.ORDER_NOT_OPEN)
        price = order.price if price is None else price
        quantity = order.quantity if quantity is None else quantity
        if order.status == "untriggered":
            return self._amend_waiting(order, price, quantity, trigger_price)
        if price == order.price and quantity == order.quantity:
            raise Refused(Reason.AMEND_UNCHANGED)
        seat = self._seats[order.account_id, order.instrument.key]
        if (price != order.price or quantity > order.quantity) and self.lane.move(seat, order, price, quantity):
            self._publication.touched(seat.book)
            return order
        if quantity <= order.filled or not self._admission.ordinary(
            seat.book, order.side, price, quantity, price * quantity
        ):
            self._check_amended(seat, order, price, quantity)
            if quantity <= order.filled:
                return self.cancel(order)
        if price == order.price and quantity < order.quantity:
            self._floor.shrink(seat, order, quantity)
        else:
            self._move(seat, order, price, quantity)
        self.settle(seat.book)
        return order

    # --------------------------------------------------------------------------------------- for the exchange
    def force(self, account: Account, ticket: Ticket) -> Order:
        """An order of the exchange's own (liquidation): unchecked, at market or within its price; the rest expires."""
        seat = self._orders.seat(account.account_id, ticket.instrument.key)
        order = self._admission.draft(seat, ticket, ticket.quantity, ticket.reduce_only)
        self._floor.accept(seat, order)
        self._floor.match(seat, order, order.price)
        if order.status in ALIVE:
            self._floor.end(seat, order, "market" if order.type == "market" else "ioc")
        self.settle(seat.book)
        return order

    def assign(self, account: Account, ticket: Ticket, *, trade_id: int, house: bool) -> Order:
        """Fill an order whole at its price, outside the book; `house`: its other side is the house."""
        seat = self._orders.seat(account.account_id, ticket.instrument.key)
        order = self._admission.draft(seat, ticket, ticket.quantity, ticket.reduce_only)
        self._floor.accept(seat, order)
        self._floor.fill(seat, order, order.price, order.quantity, trade_id, False, house)
        self._publication.touched(seat.book)
        return order

    def settle(self, book: Book) -> None:
        """After anything that touched a book: publish its top, and fire what its trades set off."""
        self._publication.touched(book)
        if book.highest:
            self._traded(book)

    def watch(self, book: Book, by: TriggerBy, low: int, high: int) -> None:
        """A watched price went from `low` to `high`: fire what waited for it."""
        if book.instrument.status not in MATCHES:
            return
        for order in self._triggers.due(book.instrument.key, by, low, high):
            if order.status == "untriggered":
                self._fire(order)

    def marked(self) -> None:
        """The marks moved: fire what watches a mark or an index."""
        for key, by in self._triggers.watched():
            price = self._admission.watched(self._books[key], by)
            if price and by != "last":
                self.watch(self._books[key], by, price, price)

    # --------------------------------------------------------------------------------------------- private
    def _traded(self, book: Book) -> None:
        """Fire what the trades since the last look set off, and what that sets off in turn."""
        while book.highest:
            low, high = book.lowest, book.highest
            book.lowest = book.highest = 0
            if self._triggers.watches:
                self.watch(book, "last", low, high)

    def _wait(self, seat: Seat, order: Order) -> None:
        order.status = "untriggered"
        self._orders.waits(seat, order)
        self._triggers.add(order)
        if order.type == "limit" and order.instrument.category in self._state.rules.conditional_locks:
            seat.till.hold(order, order.quantity)
        self._floor.accept(seat, order)

    def _fire(self, order: Order) -> None:
        """A conditional order comes to life; what can no longer be afforded, or has nothing to close, expires."""
        seat = self._orders.seat_of(order)
        self._orders.triggered(seat, order)
        order.status = "triggered"
        self._floor.tell(order, "triggered")
        if order.locked:
            seat.till.hold(order, -order.quantity)
        if order.reduce_only:
            rests = order.type == "limit" and order.tif in RESTS
            room = self._admission.reducible(seat, order.side, order.position_side, rests=rests)
            order.quantity = room if order.close_position else min(order.quantity, room)
        if not order.quantity:
            self._floor.end(seat, order, "reduce_only")
        elif not self._affordable(seat, order):
            self._floor.end(seat, order, "margin")
        else:
            order.status = "new"
            self._floor.tell(order, "new")
            self._execute(seat, order)
        self._publication.touched(seat.book)

    def _affordable(self, seat: Seat, order: Order) -> bool:
        book = seat.book
        price = order.price or book.opposite(order.side).best_price() or self._admission.reference(book)
        try:
            seat.till.require(order.side, order.position_side, order.quantity, price, order.reduce_only)
        except Refused:
            return False
        return True

    def _execute(self, seat: Seat, order: Order) -> None:
        """Match an accepted order and let the rest of it rest or end."""
        book = seat.book
        opposite = book.asks if order.side > 0 else book.bids
        limit = order.price or self._admission.bound(book, order.side)
        end: EndReason = ""
        keys = opposite.keys
        if not limit or (keys and keys[-1] >= limit * opposite.sign):
            end = self._taken(seat, order, opposite, limit)
            if order.status == "filled":
                return
        if not end:
            if order.type == "limit" and order.tif in RESTS:
                self._floor.rest(seat, order)
                return
            end = "market" if order.type == "market" else "fok" if order.tif == "fok" else "ioc"
        self._floor.end(seat, order, end)

    def _taken(self, seat: Seat, order: Order, opposite: BookSide, limit: int) -> EndReason:
        """Let an order take what it may; answers why the rest of it must not rest, if so."""
        if order.tif == "post_only":
            return "post_only"
        if order.tif == "fok":
            seen = survey(opposite, limit, order.quantity, order.account_id, order.prevention)
            if seen.quantity < order.quantity:
                return "fok"
        return self._floor.match(seat, order, limit)

    def _check_amended(self, seat: Seat, order: Order, price: int, quantity: int) -> None:
        filters = seat.instrument.filters
        if price != order.price:
            check_price(filters, price)
            self._admission.check_multipliers(seat.book, order.side, price)
        if quantity != order.quantity:
            check_quantity(filters, quantity, False)
            if quantity <= order.filled and not self._state.rules.amend_below_filled_cancels:
                raise Refused(Reason.AMEND_FILLED)
        if not order.reduce_only:
            check_notional(seat.instrument, quantity, price)

    def _move(self, seat: Seat, order: Order, price: int, quantity: int) -> None:
        """Take an order out and put it back as it is now wanted, behind everybody else."""
        till, left = seat.till, order.quantity - order.filled
        till.hold(order, -left)
        try:
            if order.reduce_only:
                room = self._admission.reducible(seat, order.side, order.position_side, rests=True)
                quantity = min(quantity, order.filled + room)
            till.require(order.side, order.position_side, quantity - order.filled, price, order.reduce_only)
        except Refused:
            till.hold(order, left)
            raise
        seat.book.side(order.side).remove(order)
        self._orders.moved(seat, order)
        order.price, order.quantity = price, quantity
        self._floor.tell(order, "amended")
        self._execute(seat, order)

    def _amend_waiting(self, order: Order, price: int, quantity: int, trigger_price: int | None) -> Order:
        """Change what an order will be, and when, while it waits."""
        seat, trigger = self._orders.seat_of(order), order.trigger
        if trigger is None:
            raise ValueError(f"order {order.order_id} waits without a trigger")
        moved = trigger if trigger_price is None else msgspec.structs.replace(trigger, price=trigger_price)
        if (price, quantity, moved) == (order.price, order.quantity, trigger):
            raise Refused(Reason.AMEND_UNCHANGED)
        if price != order.price:
            check_price(seat.instrument.filters, price)
        if quantity != order.quantity:
            check_quantity(seat.instrument.filters, quantity, order.type == "market")
        if moved is not trigger:
            check_price(seat.instrument.filters, moved.price)
            self._admission.check_trigger(seat.book, moved)
        self._rewait(seat, order, price, quantity, moved)
        return order

    def _rewait(self, seat: Seat, order: Order, price: int, quantity: int, trigger: Trigger) -> None:
        held = order.locked
        if held:
            seat.till.hold(order, -order.quantity)
        self._triggers.drop(order)
        order.price, order.quantity, order.trigger = price, quantity, trigger
        self._triggers.add(order)
        if held:
            seat.till.hold(order, quantity)
        self._floor.tell(order, "amended")
