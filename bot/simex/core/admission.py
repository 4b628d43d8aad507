"""What makes an order acceptable. Nothing here changes anything; whatever is wrong is a Refused with its Reason.

The venues do not document their order of checks. An order with two faults is refused here for the first of:

    1 the instrument's status           5 position side against the mode       9 reduce-only against the position
    2 the client id                     6 conditional: number, would trigger  10 number of open orders
    3 the price: range, tick            7 price multipliers                   11 liquidity, post-only, fill-or-kill
    4 the quantity: min, max, lot       8 notional                            12 balance, margin, leverage

A conditional order passes 1 to 6 when it is placed, 9 and 12 when it fires.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.simex.core.book import Book, Bounds
from bot.simex.core.instrument import Filters, Instrument, Status
from bot.simex.core.matching import average, survey
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import ALIVE, BUY, RESTS, Order, PositionSide, Side, Ticket, TimeInForce, Trigger, TriggerBy
from bot.simex.core.orders import Seat
from bot.simex.core.ports import Prices
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.state import State

_CLOSED: Mapping[Status, Reason] = {
    "halted": Reason.NOT_TRADING,
    "closed": Reason.NOT_TRADING,
    "settling": Reason.SETTLEMENT,
    "cancel_only": Reason.CANCEL_ONLY,
}


# What neither must nor must not take something at once.
PLAIN: frozenset[TimeInForce] = frozenset({"gtc", "ioc"})


class Admission:
    """Decides whether an order is accepted, and as what."""

    def __init__(self, state: State, prices: Prices, seed: int) -> None:
        """`seed` marks the client ids that the exchange makes up: they begin with `tag`."""
        self._state = state
        self.tag = f"{seed & 0xFFFFFF:06x}-" if state.rules.names_orders else ""
        self.prices = prices

    def order(self, seat: Seat, ticket: Ticket) -> Order:
        """The order as it begins; a reduce-only quantity is capped to what can be reduced. Refused otherwise."""
        instrument, filters = seat.instrument, seat.instrument.filters
        if instrument.status != "trading":
            _status(instrument, ticket)
        if ticket.client_id:
            self.check_client_id(seat, ticket.client_id)
        market, price, quantity = ticket.type == "market", ticket.price, ticket.quantity
        _check_grid(filters, ticket)
        reduces = _reduces(seat, ticket)
        if ticket.trigger is not None:
            self._waits(seat, ticket)
            return self.draft(seat, ticket, quantity, reduces)
        if ticket.quote_quantity:
            quantity = self._quantity(seat, ticket)
        if market:
            price = self.reference(seat.book)
        else:
            self.check_multipliers(seat.book, ticket.side, price)
        if reduces:
            quantity = self._capped(seat, ticket, quantity)
        else:
            check_notional(instrument, quantity, price)
        if seat.resting >= filters.orders_max:
            raise Refused(Reason.OPEN_ORDERS_MAX)
        plain = not market and ticket.tif in PLAIN
        worst = price if plain else self._takes(seat, ticket, quantity)
        seat.till.require(ticket.side, ticket.position_side, quantity, worst, reduces)
        return self.draft(seat, ticket, quantity, reduces)

    def ordinary(self, book: Book, side: Side, price: int, quantity: int, product: int) -> bool:
        """One look for what nearly every limit order keeps: status, grid, ranges, multipliers, notional.

        What does not pass is looked at again check by check, which finds the reason or that all is well. `product` is
        that of price and quantity, which the caller needs as well.
        """
        instrument, bounds = book.instrument, book.bounds
        if bounds is None or bounds.version != self.prices.version or bounds.filters is not instrument.filters:
            bounds = self.bounds(book)
        return (
            bounds.lowest[side] <= price <= bounds.highest[side]
            and bounds.quantity_min <= quantity <= bounds.quantity_max
            and product >= bounds.notional_min
            and not price % bounds.tick
            and not quantity % bounds.lot
            and instrument.status == "trading"
        )

    def bounds(self, book: Book) -> Bounds:
        """What `ordinary` compares with, for the present marks and filters; the book keeps it."""
        instrument, filters, version = book.instrument, book.instrument.filters, self.prices.version
        reference = self.prices.prices.get(instrument.key, 0) if instrument.kind == "linear" else 0
        if not reference:
            book.bounds = found = Bounds(version, filters, (0, 1, 1), (0, 0, 0))
            return found
        lowest = -(-reference * filters.multiplier_down // SCALE)
        highest = reference * filters.multiplier_up // SCALE or filters.price_max
        book.bounds = found = Bounds(
            version,
            filters,
            (0, max(filters.price_min, 1), max(filters.price_min, lowest, 1)),
            (0, min(filters.price_max, highest), filters.price_max),
        )
        return found

    def draft(self, seat: Seat, ticket: Ticket, quantity: int, reduces: bool) -> Order:
        """An order of a ticket, checked or the exchange's own."""
        state = self._state
        order_id, now_ms = ticket.order_id or state.next_order_id(), state.now_ms
        client_id = ticket.client_id or (f"{self.tag}{order_id}" if self.tag else "")
        order = Order(
            order_id,
            client_id,
            seat.account.account_id,
            seat.instrument,
            ticket.side,
            ticket.type,
            ticket.tif,
            quantity,
            ticket.price,
            ticket.prevention,
            ticket.origin,
            now_ms,
            now_ms,
            reduces,
            ticket.close_position,
            ticket.position_side,
            ticket.trigger,
        )
        if ticket.quote_quantity:
            order.quote_quantity = ticket.quote_quantity
        return order

    def bound(self, book: Book, side: Side) -> int:
        """The worst price that a market order of this side may take, 0 when nothing bounds it."""
        filters, reference = book.instrument.filters, self.reference(book)
        if side == BUY:
            return reference * filters.multiplier_up // SCALE
        return -(-reference * filters.multiplier_down // SCALE)

    def reference(self, book: Book) -> int:
        """What prices are compared with: the mark of a future, else the mid, else the last trade; 0 when unknown."""
        instrument = book.instrument
        return (instrument.kind != "spot" and self.prices.mark(instrument.key)) or book.mid() or book.last

    def watched(self, book: Book, by: TriggerBy) -> int:
        """The present value of what a trigger watches, 0 when unknown."""
        if by == "last":
            return book.last or book.mid()
        key = book.instrument.key
        return self.prices.mark(key) if by == "mark" else self.prices.index(key)

    def check_client_id(self, seat: Seat, client_id: str) -> None:
        """A client id that may be used (again)."""
        rules = self._state.rules
        if len(client_id) > rules.client_id_max:
            raise Refused(Reason.CLIENT_ID_FORMAT)
        known = seat.clients.get(client_id)
        if known is not None and (rules.unique_client_ids == "ever" or known.status in ALIVE):
            raise Refused(Reason.CLIENT_ID_DUPLICATE)

    def check_trigger(self, book: Book, trigger: Trigger) -> None:
        """Refused(WOULD_TRIGGER) when the watched price is already there."""
        price = self.watched(book, trigger.by)
        if price and (price >= trigger.price if trigger.rises else price <= trigger.price):
            raise Refused(Reason.WOULD_TRIGGER)

    def check_multipliers(self, book: Book, side: Side, price: int) -> None:
        """A limit against its bounds: futures bound buys from above and sells from below, spot both from both."""
        reference = self.reference(book)
        if reference:
            instrument, scaled = book.instrument, price * SCALE
            filters, both = instrument.filters, instrument.kind == "spot"
            if (both or side > 0) and scaled > reference * filters.multiplier_up > 0:
                raise Refused(Reason.PRICE_ABOVE_MULTIPLIER)
            if (both or side < 0) and scaled < reference * filters.multiplier_down:
                raise Refused(Reason.PRICE_BELOW_MULTIPLIER)

    def reducible(self, seat: Seat, side: Side, position_side: PositionSide, *, rests: bool) -> int:
        """What a reduce-only order may take. One that takes at once may take what others rest for; they then shrink."""
        if rests:
            return seat.till.reducible(side, position_side)
        held = seat.account.position(seat.instrument, position_side).quantity
        return abs(held) if held * side < 0 else 0

    # --------------------------------------------------------------------------------------------- private
    def _waits(self, seat: Seat, ticket: Ticket) -> None:
        trigger = ticket.trigger
        if trigger is None:
            raise ValueError("a conditional order has a trigger")
        check_price(seat.instrument.filters, trigger.price)
        if len(seat.waiting) >= seat.instrument.filters.algo_orders_max:
            raise Refused(Reason.ALGO_ORDERS_MAX)
        self.check_trigger(seat.book, trigger)
        if ticket.type == "limit" and seat.instrument.category in self._state.rules.conditional_locks:
            seat.till.require(ticket.side, ticket.position_side, ticket.quantity, ticket.price, False)

    def _quantity(self, seat: Seat, ticket: Ticket) -> int:
        """What a market order's money buys on the present book, or what must be sold for it, in whole lots."""
        filters, book = seat.instrument.filters, seat.book
        opposite = book.opposite(ticket.side)
        if not opposite.keys:
            raise Refused(Reason.NO_LIQUIDITY)
        account_id, most = seat.account.account_id, filters.market_quantity_max
        seen = survey(
            opposite, self.bound(book, ticket.side), most, account_id, ticket.prevention, ticket.quote_quantity
        )
        quantity = seen.quantity // filters.lot * filters.lot
        check_quantity(filters, quantity, True)
        return quantity

    def _capped(self, seat: Seat, ticket: Ticket, quantity: int) -> int:
        rests = ticket.type == "limit" and ticket.tif in RESTS
        room = self.reducible(seat, ticket.side, ticket.position_side, rests=rests)
        if room >= quantity:
            return quantity
        if not ticket.reduce_only:
            raise Refused(Reason.POSITION_TOO_SMALL)
        if not room:
            raise Refused(Reason.REDUCE_ONLY)
        return room

    def _takes(self, seat: Seat, ticket: Ticket, quantity: int) -> int:
        """The price at which the order must be affordable; Refused for what it would, or would not, take."""
        opposite = seat.book.opposite(ticket.side)
        if ticket.type == "market":
            return self._market(seat, ticket, quantity)
        rules, category = self._state.rules, seat.instrument.category
        if ticket.tif == "post_only":
            if opposite.reaches(ticket.price) and category not in rules.post_only_expires:
                raise Refused(Reason.POST_ONLY_WOULD_TAKE)
        elif ticket.tif == "fok" and category not in rules.fok_expires:
            seen = survey(opposite, ticket.price, quantity, seat.account.account_id, ticket.prevention)
            if seen.quantity < quantity:
                raise Refused(Reason.FOK_UNFILLABLE)
        return ticket.price

    def _market(self, seat: Seat, ticket: Ticket, quantity: int) -> int:
        book = seat.book
        opposite = book.opposite(ticket.side)
        best = opposite.best_price()
        if not best:
            raise Refused(Reason.NO_LIQUIDITY)
        bound = self.bound(book, ticket.side)
        if bound and not opposite.reaches(bound):
            raise Refused(Reason.MARKET_BEYOND_MULTIPLIER)
        seen = survey(opposite, bound, quantity, seat.account.account_id, ticket.prevention)
        return (average(seen) if seat.instrument.kind == "spot" else seen.worst) or best


def check_price(filters: Filters, price: int) -> None:
    """A price in its range and on its grid."""
    if price < filters.price_min or price > filters.price_max or price <= 0:
        raise Refused(Reason.PRICE_RANGE)
    if price % filters.tick:
        raise Refused(Reason.PRICE_TICK)


def check_quantity(filters: Filters, quantity: int, market: bool) -> None:
    """A quantity in its range and in whole lots."""
    if quantity < filters.quantity_min or quantity <= 0:
        raise Refused(Reason.QUANTITY_MIN)
    if quantity > (filters.market_quantity_max if market else filters.quantity_max):
        raise Refused(Reason.QUANTITY_MAX)
    if quantity % filters.lot:
        raise Refused(Reason.QUANTITY_LOT)


def check_notional(instrument: Instrument, quantity: int, price: int) -> None:
    """An order that opens is worth enough."""
    least = instrument.filters.notional_min
    if least and (quantity * price if instrument.kind != "inverse" else instrument.notional(quantity, price)) < least:
        raise Refused(Reason.NOTIONAL_MIN)


def _check_grid(filters: Filters, ticket: Ticket) -> None:
    """Price and quantity in their ranges and on their grids, so far as the ticket names them."""
    market = ticket.type == "market"
    if not market:
        check_price(filters, ticket.price)
    if not (ticket.quote_quantity or ticket.close_position):
        check_quantity(filters, ticket.quantity, market)


def _status(instrument: Instrument, ticket: Ticket) -> None:
    if instrument.status != "reduce_only":
        raise Refused(_CLOSED[instrument.status])
    if not (ticket.reduce_only or ticket.close_position):
        raise Refused(Reason.REDUCE_ONLY_SYMBOL)


def _reduces(seat: Seat, ticket: Ticket) -> bool:
    """Whether the order can only reduce: in hedge mode every sell of the long and every buy of the short side."""
    instrument, position_side = seat.instrument, ticket.position_side
    asked = ticket.reduce_only or ticket.close_position
    if instrument.kind == "spot":
        if position_side != "both" or asked:
            raise Refused(Reason.POSITION_SIDE)
        return False
    modes = seat.account.hedge_mode
    hedged = bool(modes) and modes.get(instrument.category, False)
    if hedged == (position_side == "both"):
        raise Refused(Reason.POSITION_SIDE)
    if not hedged:
        return asked
    closes = (ticket.side == BUY) == (position_side == "short")
    if asked and not closes:
        raise Refused(Reason.REDUCE_ONLY)
    return closes
