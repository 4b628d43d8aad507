"""The order endpoints of the futures: place, change, cancel, batches of these, the dead man's countdown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec

from bot.simex.binance import futures_errors as refused
from bot.simex.binance.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, VenueError, either_missing, venue_error
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_shapes import amended_row, order_row
from bot.simex.binance.futures_tickets import (
    PRICE_MATCHES,
    Tickets,
    read_price,
    read_quantity,
    read_side,
)
from bot.simex.binance.futures_view import OrderView
from bot.simex.binance.gate import Call, Route, Scope, Security, Weight
from bot.simex.binance.params import Params
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE, amount, unscaled
from bot.simex.core.order import Order, Ticket
from bot.simex.core.refusal import Reason, Refused

BATCH_MAX: Final = 5
BATCH_COUNTS: Final = {"10S": 5}
CANCEL_BATCH_MAX: Final = 10
AMENDED_LESS_THAN: Final = 10_000
_ALL_CANCELLED: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}
Row = dict[str, Any]
Action = Callable[[Call, Params], Row]


class FuturesOrders:
    """The handlers."""

    def __init__(self, desk: FuturesDesk) -> None:
        self._desk = desk
        self._exchange = desk.exchange
        self._tickets = Tickets(desk)
        self._view = OrderView(desk)

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        inverse = self._desk.is_inverse
        found = [
            self._trade("POST", "order", self._place, 0, is_order=True),
            self._trade("PUT", "order", self._amend, 1 if inverse else 0, is_order=not inverse),
            self._trade("DELETE", "order", self._cancel),
            self._batch("POST", self._place_batch),
            self._batch("PUT", self._amend_batch),
            self._trade("DELETE", "batchOrders", self._cancel_batch),
            self._trade("DELETE", "allOpenOrders", self._cancel_all),
            self._trade("POST", "countdownCancelAll", self._countdown, 10),
        ]
        return found if inverse else [*found, self._trade("POST", "order/test", self._test, 0)]

    def _trade(
        self, method: str, name: str, handler: Callable[[Call], Any], weight: Weight = 1, *, is_order: bool = False
    ) -> Route:
        path = f"{self._desk.prefix}/v1/{name}"
        return Route(method, path, handler, weight, Security.SIGNED, Scope.FUTURES, is_order=is_order)

    def _batch(self, method: str, handler: Callable[[Call], Any]) -> Route:
        """A batch weighs 5 and counts as documented, however many orders are in it: 5 in ten seconds, 1 a minute."""
        return replace(self._trade(method, "batchOrders", handler, 5, is_order=True), order_counts=BATCH_COUNTS)

    # ---------------------------------------------------------------------------------------------------- one order
    def _place(self, call: Call) -> Row:
        return self.place(call, call.params)

    def place(self, call: Call, params: Params) -> Row:
        """A new order; ACK tells of its acceptance only, RESULT of what became of it."""
        shape = params.one_of("newOrderRespType", ("ACK", "RESULT"), venue_error(refused.BAD_RESPONSE_TYPE), "ACK")
        request = self._tickets.read(call.account, params)
        order = self._detailed(
            request.ticket, lambda: self._desk.place_ticket(call.account, request.ticket, request.tag)
        )
        call.order_id, call.client_order_id = order.order_id, order.client_id
        return order_row(self._desk, order if shape == "RESULT" else as_accepted(order))

    def _test(self, call: Call) -> Row:
        """Read a new order and answer it as if it had been accepted; nothing happens."""
        request = self._tickets.read(call.account, call.params)
        draft = self._draft(call.account, request.ticket)
        return order_row(self._desk, draft)

    def _draft(self, account_id: str, ticket: Ticket) -> Order:
        """The order that a ticket would be, with an id of no order."""
        now_ms = self._exchange.now_ms
        return Order(
            0,
            ticket.client_id,
            account_id,
            ticket.instrument,
            ticket.side,
            ticket.type,
            ticket.tif,
            ticket.quantity,
            ticket.price,
            ticket.prevention,
            "user",
            now_ms,
            now_ms,
            ticket.reduce_only,
            ticket.close_position,
            ticket.position_side,
            ticket.trigger,
        )

    def _amend(self, call: Call) -> Row:
        return self.amend(call, call.params)

    def amend(self, call: Call, params: Params) -> Row:
        """Change price and quantity of a limit order; in COIN-M one of them is enough."""
        side, instrument = read_side(params), self._desk.symbol(params)
        order = self._view.live(call.account, params, NO_SUCH_ORDER)
        if instrument.status != "trading":
            raise refused.not_amendable(self._desk.market)
        if order.side != side:
            raise venue_error(NO_SUCH_ORDER)
        if order.type != "limit" or order.trigger is not None:
            raise refused.limit_order_only(self._desk.market)
        if self._desk.tag(order).amendments >= AMENDED_LESS_THAN - 1:
            raise refused.amended_too_often(self._desk.market)
        price, quantity = self._amendment(instrument, order, params)
        before = order.price, order.quantity
        changed = self._changed(order, price, quantity)
        if changed.end != "user":
            self._desk.records.amended(changed, *before)
        call.order_id, call.client_order_id = order.order_id, order.client_id
        named = params.integer("modifyId")
        return {**amended_row(self._desk, changed), **({} if named is None else {"modifyId": named})}

    def _changed(self, order: Order, price: int, quantity: int) -> Order:
        instrument = order.instrument
        wanted = Ticket(instrument=instrument, side=order.side, type="limit", quantity=quantity, price=price)
        return self._detailed(
            wanted,
            lambda: self._desk.run(lambda: self._exchange.amend(order.account_id, order, price, quantity)),
            amends=True,
        )

    def _amendment(self, instrument: Instrument, order: Order, params: Params) -> tuple[int, int]:
        """The price and quantity that an order is to have."""
        match = params.text("priceMatch", "NONE")
        given = match != "NONE"
        if self._desk.is_inverse and not (given or "price" in params or "quantity" in params):
            raise either_missing("quantity", "price")
        if given:
            price = self._tickets.matched_price(instrument, order.side, match, params)
            self._desk.records.tag_for(order).price_match = match if match in PRICE_MATCHES else "NONE"
        else:
            price = self._or_kept(instrument, params, "price", read_price, order.price)
        return price, self._or_kept(instrument, params, "quantity", _quantity, order.quantity)

    def _or_kept(
        self,
        instrument: Instrument,
        params: Params,
        name: str,
        read: Callable[[Instrument, Params, str], int],
        kept: int,
    ) -> int:
        return kept if self._desk.is_inverse and name not in params else read(instrument, params, name)

    def _cancel(self, call: Call) -> Row:
        return self.cancel(call, call.params)

    def cancel(self, call: Call, params: Params) -> Row:
        """Cancel an open order."""
        order = self._view.live(call.account, params, UNKNOWN_ORDER)
        self._exchange.cancel(call.account, order)
        call.order_id, call.client_order_id = order.order_id, order.client_id
        return order_row(self._desk, order)

    def _detailed(self, ticket: Ticket, action: Callable[[], Order], *, amends: bool = False) -> Order:
        """Do it; a refusal for a filter says which bound was missed."""
        try:
            return action()
        except VenueError as error:
            reason = _BOUNDED.get((self._desk.market, error.code))
            if reason is None:
                raise
            bound = self._bound(reason, ticket)
            if amends and reason is Reason.NOTIONAL_MIN:
                raise refused.amended_too_small(self._desk.market, bound) from None
            raise refused.refusal_of(self._desk.market, Refused(reason, bound)) from None

    def _bound(self, reason: Reason, ticket: Ticket) -> str:
        """The bound as text: of the notional, or of the price by the mark."""
        instrument = ticket.instrument
        if reason is Reason.NOTIONAL_MIN:
            return f"{amount(instrument.filters.notional_min):f}".rstrip("0").rstrip(".")
        mark, filters = self._exchange.marks.mark(instrument.key), instrument.filters
        if reason is Reason.PRICE_ABOVE_MULTIPLIER:
            bound = mark * filters.multiplier_up // SCALE // filters.tick * filters.tick
        else:
            bound = -(-mark * filters.multiplier_down // SCALE // filters.tick) * filters.tick
        return f"{unscaled(bound):.{instrument.price_places}f}"

    # ------------------------------------------------------------------------------------------------------- several
    def _place_batch(self, call: Call) -> list[Row]:
        return self._each(call, self.place)

    def _amend_batch(self, call: Call) -> list[Row]:
        return self._each(call, self.amend)

    def _each(self, call: Call, action: Action) -> list[Row]:
        """Do the same with every order of `batchOrders`; each is answered, or refused, by itself."""
        wanted = _json_list(call.params, "batchOrders")
        if not 1 <= len(wanted) <= BATCH_MAX or not all(isinstance(one, dict) for one in wanted):
            raise venue_error(refused.BATCH_SIZE)
        return [self._answered(call, action, Params({name: _text(one[name]) for name in one})) for one in wanted]

    def _answered(self, call: Call, action: Action, params: Params) -> Row:
        try:
            return action(call, params)
        except VenueError as error:
            return {"code": error.code, "msg": error.msg}

    def _cancel_batch(self, call: Call) -> list[Row]:
        symbol = self._desk.symbol(call.params).name
        name, reference = ("orderIdList", "orderId") if "orderIdList" in call.params else _CLIENT_IDS
        if name not in call.params:
            raise either_missing("orderIdList", "origClientOrderIdList")
        wanted = _json_list(call.params, name)
        if not 1 <= len(wanted) <= CANCEL_BATCH_MAX:
            raise venue_error(refused.CANCEL_BATCH_SIZE)
        each = (Params({"symbol": symbol, reference: _text(one)}) for one in wanted)
        return [self._answered(call, self.cancel, one) for one in each]

    def _cancel_all(self, call: Call) -> Row:
        """Cancel every open order of a symbol; in USD-M those of the algo service stay."""
        instrument = self._desk.symbol(call.params)
        self._desk.catch_up()
        for order in self._exchange.orders.open(call.account, self._desk.market, instrument.key):
            if self._view.holds(order):
                self._exchange.cancel(call.account, order)
        return dict(_ALL_CANCELLED)

    def _countdown(self, call: Call) -> Row:
        """The venue's dead man: cancel the symbol's open orders unless renewed in time; zero stops it."""
        instrument, wait_ms = self._desk.symbol(call.params), call.params.need_integer("countdownTime")
        self._desk.catch_up()
        length_ms = round(wait_ms * self._desk.timeline.speed)
        self._desk.run(lambda: self._exchange.countdown(call.account, instrument.key, length_ms))
        return {"symbol": instrument.name, "countdownTime": str(wait_ms)}


_CLIENT_IDS: Final = ("origClientOrderIdList", "origClientOrderId")
_BOUNDED: Final = {
    ("usdm", -4016): Reason.PRICE_ABOVE_MULTIPLIER,
    ("usdm", -4024): Reason.PRICE_BELOW_MULTIPLIER,
    ("usdm", -4164): Reason.NOTIONAL_MIN,
    ("coinm", -4016): Reason.PRICE_ABOVE_MULTIPLIER,
    ("coinm", -4024): Reason.PRICE_BELOW_MULTIPLIER,
    ("coinm", -4178): Reason.NOTIONAL_MIN,
}


def as_accepted(order: Order) -> Order:
    """The order as its acceptance is told, before anything else happened to it."""
    status = "untriggered" if order.status == "untriggered" else "new"
    return msgspec.structs.replace(
        order, status=status, filled=0, paid=0, turnover=0, fee=0, end="", updated_ms=order.created_ms
    )


def _quantity(instrument: Instrument, params: Params, _: str) -> int:
    return read_quantity(instrument, params)


def _json_list(params: Params, name: str) -> list[Any]:
    """A parameter that is a JSON list, its numbers kept as the client wrote them."""
    try:
        found = json.loads(params.need(name), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise refused.bad_data(name) from None
    if not isinstance(found, list):
        raise refused.bad_data(name)
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
