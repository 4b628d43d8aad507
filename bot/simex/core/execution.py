"""What happens to orders in the book: they match, rest, shrink and end. Every change is an event.

The order of what is told about one fill: the money of the maker (by Till.fill), its order, then the same of the taker,
then the public trade. A fill that shrinks a position shortens at once the reduce-only orders that rest for it, newest
first, so that together they never close more than there is.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.simex.core.book import Book
from bot.simex.core.events import Execution, OrderChanged, Traded
from bot.simex.core.matching import take_first
from bot.simex.core.order import BUY, EndReason, Order, PositionSide, Side, Trade
from bot.simex.core.orders import Orders, Seat
from bot.simex.core.state import State

# How an order's end is told; a reason that is not named here cancels.
_EXPIRES: Mapping[EndReason, Execution] = {
    "ioc": "expired",
    "fok": "expired",
    "market": "expired",
    "post_only": "expired",
    "reduce_only": "expired",
    "margin": "expired",
    "self_trade": "prevented",
}


# No price is as bad as this.
ENDLESS = 1 << 62


class Floor:
    """The trading floor: the only place where orders and the accounts' part of the books change."""

    def __init__(self, state: State, orders: Orders) -> None:
        self._state = state
        self._orders = orders

    def accept(self, seat: Seat, order: Order) -> None:
        """An order comes to life."""
        self._orders.add(seat, order)
        state = self._state
        state.emit(OrderChanged(state.now_ms, "new", order.__copy__()))

    def match(self, seat: Seat, order: Order, limit: int) -> EndReason:
        """Fill an order from the other side of the book, no worse than `limit` (0: any).

        Answers "self_trade" when prevention ends the rest of it, otherwise nothing.
        """
        book, own, prevention, next_trade_id = seat.book, order.account_id, order.prevention, self._state.next_trade_id
        side = book.asks if order.side > 0 else book.bids
        lowest, keys = limit * side.sign if limit else -ENDLESS, side.keys
        while keys and keys[-1] >= lowest and order.filled < order.quantity:
            level, size = side.first, order.quantity - order.filled
            if level.orders:
                price, size, maker = take_first(side, size, own, prevention)
            else:
                price, maker = level.price, None
                if size > level.background:  # noqa: PLR1730 - min() takes twice as long
                    size = level.background
                side.take_background(level, size)
            if maker is None:
                trade_id = next_trade_id()
                self.fill(seat, order, price, size, trade_id, False, True)
            elif not size:
                if prevention != "taker":
                    self.end(seat, maker, "self_trade")
                if prevention != "maker":
                    return "self_trade"
                continue
            else:
                trade_id = next_trade_id()
                self.fill(self._orders.seat_of(maker), maker, price, size, trade_id, True, False)
                self.fill(seat, order, price, size, trade_id, False, False)
            self.public_trade(book, trade_id, price, size, order.side)
        return ""

    def rest(self, seat: Seat, order: Order) -> None:
        """Put what is left of an order into the book."""
        seat.till.hold(order, order.quantity - order.filled)
        book = seat.book
        (book.bids if order.side > 0 else book.asks).add(order)
        self._orders.rested(seat, order)
        if seat.instrument.kind == "spot":
            seat.till.announce(order)

    def end(self, seat: Seat, order: Order, reason: EndReason) -> None:
        """End an order that is not filled, wherever it is; what it holds is given back."""
        waits = order.status == "untriggered"
        rested = not waits and order.order_id in seat.account.orders
        if rested:
            (seat.book.bids if order.side > 0 else seat.book.asks).remove(order)
        held = rested or order.locked
        if held:
            seat.till.hold(order, order.filled - order.quantity)
        execution = _EXPIRES.get(reason, "canceled")
        order.status = "deactivated" if waits else "canceled" if execution == "canceled" else "expired"
        order.end = reason
        self._orders.ended(seat, order)
        state = self._state
        now_ms = order.updated_ms = state.now_ms
        state.emit(OrderChanged(now_ms, execution, order.__copy__()))
        if held and seat.instrument.kind == "spot":
            seat.till.announce(order)

    def shrink(self, seat: Seat, order: Order, quantity: int) -> None:
        """Make a resting order smaller; it keeps its place. `quantity` is the new total, above what is filled."""
        less = order.quantity - quantity
        seat.book.side(order.side).reduce(order, less)
        seat.till.hold(order, -less)
        order.quantity = quantity
        self.tell(order, "amended")
        if seat.instrument.kind == "spot":
            seat.till.announce(order)

    def struck(self, maker: Order, price: int, size: int, side: Side) -> None:
        """A stranger of this side filled so much of a resting order, which the book has already given up."""
        trade_id = self._state.next_trade_id()
        seat = self._orders.seat_of(maker)
        self.fill(seat, maker, price, size, trade_id, True, True)
        self.public_trade(seat.book, trade_id, price, size, side)

    def public_trade(self, book: Book, trade_id: int, price: int, size: int, side: Side) -> None:
        """Tell everybody of a trade whose aggressor was of this side."""
        book.last = price
        if price > book.highest:  # noqa: PLR1730 - max() takes twice as long
            book.highest = price
        if price < book.lowest or not book.lowest:
            book.lowest = price
        state = self._state
        state.emit(Traded(state.now_ms, book.instrument, trade_id, price, size, side != BUY))

    def tell(self, order: Order, execution: Execution, trade: Trade | None = None) -> None:
        """An order changed now: everybody gets a copy of it.

        Fills and ends, which are most of all changes, do the same in place.
        """
        state = self._state
        now_ms = order.updated_ms = state.now_ms
        state.emit(OrderChanged(now_ms, execution, order.__copy__(), trade))

    def fill(self, seat: Seat, order: Order, price: int, size: int, trade_id: int, is_maker: bool, house: bool) -> None:
        """Book one fill of an order; a maker's is already out of the book."""
        if is_maker:
            seat.till.hold(order, -size)
        trade = seat.till.fill(order, price, size, is_maker, house, trade_id)
        order.filled += size
        order.paid += price * size
        order.turnover += trade.worth
        order.fee += trade.fee
        if order.filled < order.quantity:
            order.status = "partially_filled"
        else:
            order.status = "filled"
            self._orders.ended(seat, order)
        state = self._state
        now_ms = order.updated_ms = state.now_ms
        state.emit(OrderChanged(now_ms, "trade", order.__copy__(), trade))
        if seat.reducing:
            self.trim(seat, order.position_side)

    def trim(self, seat: Seat, position_side: PositionSide) -> None:
        """Shorten the reduce-only orders that rest for a position to what it still holds; the oldest keep theirs."""
        orders = seat.reducing.get(position_side)
        if not orders:
            return
        held = seat.account.position(seat.instrument, position_side).quantity
        room = abs(held)
        for order in tuple(orders.values()):
            left = order.quantity - order.filled
            kept = min(left, room) if order.side * held < 0 else 0
            room -= kept
            if not kept:
                self.end(seat, order, "reduce_only")
            elif kept < left:
                self.shrink(seat, order, order.filled + kept)
