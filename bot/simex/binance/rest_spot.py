"""Spot's trading endpoints (api/v3): place, test, cancel, replace, amend, and the queries of orders."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bot.simex.binance import spot_shapes as shapes
from bot.simex.binance.desk import page
from bot.simex.binance.errors import UNKNOWN_ORDER, VenueError, venue_error
from bot.simex.binance.gate import Call, Route, Scope, Security, Weight
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.params import Params
from bot.simex.binance.rest_order_lists import OrderListRest, cancelled_list
from bot.simex.binance.rest_spot_account import SpotAccount, check_span
from bot.simex.binance.rest_spot_replace import CancelReplace
from bot.simex.binance.spot_desk import AMENDS_PER_ORDER_MAX, CANCEL_ID_BYTES, SpotAmendment, SpotDesk, reference
from bot.simex.binance.spot_tickets import (
    SpotTickets,
    read_amount,
    read_client_id,
    read_response,
    read_restriction,
)
from bot.simex.core.order import ALIVE, Order
from bot.simex.core.refusal import Reason, Refused

TEST_WEIGHT_RATES: Final = 20
Row = dict[str, Any]


def open_orders_weight(params: Params) -> int:
    """All symbols at once cost more."""
    return 6 if "symbol" in params else 80


class SpotRest:
    """The handlers of trading; `routes` has those of the account too."""

    def __init__(self, desk: SpotDesk, limiter: RateLimiter) -> None:
        """`limiter` is the one of the router that serves these routes."""
        self._desk = desk
        self._exchange = desk.exchange
        self._tickets = SpotTickets(desk)
        self._replace = CancelReplace(desk, limiter)
        self._account = SpotAccount(desk, limiter)
        self._amended = 0

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission; market data is served elsewhere."""
        return [
            self._trade("POST", "order", self._place, is_order=True),
            self._trade("POST", "order/test", self._test, _test_weight),
            self._trade("DELETE", "order", self._cancel),
            self._trade("POST", "order/cancelReplace", self._replace.handle),
            self._trade("PUT", "order/amend/keepPriority", self._amend, 4),
            self._trade("DELETE", "openOrders", self._cancel_all),
            self._read("order", self._query, 4),
            self._read("order/amendments", self._amendments, 4),
            self._read("openOrders", self._open_orders, open_orders_weight),
            self._read("allOrders", self._all_orders, 20),
            *OrderListRest(self._desk).routes(),
            self._trade("POST", "sor/order", _no_routing),
            *self._account.routes(),
        ]

    def _trade(
        self, method: str, name: str, handler: Callable[[Call], Any], weight: Weight = 1, *, is_order: bool = False
    ) -> Route:
        return Route(method, f"/api/v3/{name}", handler, weight, Security.SIGNED, Scope.SPOT, is_order=is_order)

    def _read(self, name: str, handler: Callable[[Call], Any], weight: Weight = 1) -> Route:
        return Route("GET", f"/api/v3/{name}", handler, weight, Security.SIGNED, Scope.READ)

    # ----------------------------------------------------------------------------------------------------- new orders
    def _place(self, call: Call) -> Row:
        """A new order, answered as ACK, RESULT or FULL."""
        shape = read_response(call.params)
        ticket, tag = self._tickets.read(call.params)
        order = self._desk.place_ticket(call.account, ticket, tag)
        call.order_id, call.client_order_id = order.order_id, order.client_id
        return answer(self._desk, order, shape)

    def _test(self, call: Call) -> Row:
        """Read a new order and forget it; on demand the rates that it would pay."""
        read_response(call.params)
        ticket, _ = self._tickets.read(call.params)
        if not call.params.boolean("computeCommissionRates"):
            return {}
        maker, taker = self._account.fees(call.account, ticket.instrument)
        shown = {"maker": shapes.number(maker), "taker": shapes.number(taker)}
        nothing = {"maker": shapes.NOTHING, "taker": shapes.NOTHING}
        return {
            "standardCommissionForOrder": shown,
            "specialCommissionForOrder": nothing,
            "taxCommissionForOrder": nothing,
            "discount": shapes.discount(),
        }

    # -------------------------------------------------------------------------------------------------------- changes
    def _cancel(self, call: Call) -> Row:
        """Cancel an open order, or one that waits for its trigger."""
        params, desk = call.params, self._desk
        restriction, cancel_id = read_restriction(params), read_client_id(params, "newClientOrderId")
        desk.catch_up()
        order = desk.live_order(call.account, desk.symbol(params), *reference(params))
        chosen = desk.end_order(call.account, order, cancel_id, restriction)
        call.order_id, call.client_order_id = order.order_id, order.client_id
        return shapes.cancelled(desk, order, chosen)

    def _cancel_all(self, call: Call) -> list[Row]:
        """Cancel every open order and order list of a symbol; -2011 when there is none."""
        desk = self._desk
        key = desk.symbol(call.params).key
        desk.catch_up()
        lists = desk.lists.open(call.account, key)
        orders = self._exchange.orders.open(call.account, desk.market, key)
        if not (lists or orders):
            raise venue_error(UNKNOWN_ORDER)
        single = [one for one in orders if desk.lists.of(one.order_id) is None]
        ended = [shapes.cancelled(desk, order, desk.end_order(call.account, order, "")) for order in single]
        return [*ended, *(cancelled_list(desk, one) for one in lists)]

    def _amend(self, call: Call) -> Row:
        """Make an open order smaller; it keeps its place in the queue and may get a new client id."""
        params, desk = call.params, self._desk
        instrument, wanted = desk.symbol(params), _new_quantity(params)
        client_id = read_client_id(params, "newClientOrderId")
        desk.catch_up()
        order = desk.live_order(call.account, instrument, *reference(params))
        if desk.lists.of(order.order_id) is not None:
            raise _amend_refused("Order amend is not supported for orders of an order list.")
        before, old_id = order.quantity, order.client_id
        tag = desk.tag_for(order.order_id)
        _check_amendment(order, wanted, tag.amends)
        self._check_free(call.account, order, client_id)
        amended = self._run_amend(call.account, order, wanted, client_id)
        tag.amends += 1
        self._amended += 1
        row = shapes.amended(desk, amended, self._amended, old_id)
        desk.amendments.append(
            SpotAmendment(
                self._amended, call.account, order, old_id, order.client_id, before, wanted, row["transactTime"]
            )
        )
        call.order_id, call.client_order_id = order.order_id, order.client_id
        return row

    def _check_free(self, account_id: str, order: Order, client_id: str) -> None:
        """A new client id must not be that of another open order."""
        if not client_id or client_id == order.client_id:
            return
        with suppress(Refused):
            known = self._exchange.orders.find(account_id, self._desk.market, client_id=client_id)
            if known.status in ALIVE:
                raise _amend_refused("Duplicate order sent.")

    def _run_amend(self, account_id: str, order: Order, quantity: int, client_id: str) -> Order:
        """The order has its new name when the amendment is told, and its old one when it is refused."""
        orders, old_id = self._exchange.orders, order.client_id
        orders.rename(order, client_id or secrets.token_hex(CANCEL_ID_BYTES))
        try:
            return self._exchange.amend(account_id, order, quantity=quantity)
        except Refused as refused:
            orders.rename(order, old_id)
            if refused.reason is Reason.ORDER_NOT_OPEN:
                raise _amend_refused("Unknown order sent.") from None
            if refused.reason in (Reason.QUANTITY_LOT, Reason.QUANTITY_MIN):
                raise VenueError(-1013, "Filter failure: LOT_SIZE") from None
            raise VenueError(-1013, "Filter failure: NOTIONAL") from None

    # -------------------------------------------------------------------------------------------------------- queries
    def _query(self, call: Call) -> Row:
        """One order, open or not."""
        return shapes.order_row(self._desk, self._desk.seen_order(call.account, call.params))

    def _open_orders(self, call: Call) -> list[Row]:
        """Open orders, of one symbol or all."""
        key = self._desk.symbol(call.params).key if "symbol" in call.params else None
        return [shapes.order_row(self._desk, order) for order in self._desk.seen_open(call.account, key)]

    def _all_orders(self, call: Call) -> list[Row]:
        """Every order of a symbol, from an id or within a time."""
        params = call.params
        key, first = self._desk.symbol(params).key, params.integer("orderId") or 0
        check_span(params)
        found = [
            order
            for order in self._desk.seen_history(call.account, key)
            if order.order_id >= first and self._desk.in_time(params, order.created_ms)
        ]
        return [shapes.order_row(self._desk, order) for order in page(found, params)]

    def _amendments(self, call: Call) -> list[Row]:
        """Every amendment of one order."""
        params = call.params
        name, order_id = self._desk.symbol(params).name, params.need_integer("orderId")
        first = params.integer("fromExecutionId") or 0
        rows = [
            {
                "symbol": name,
                "orderId": order_id,
                "executionId": one.execution_id,
                "origClientOrderId": one.old_client_id,
                "newClientOrderId": one.new_client_id,
                "origQty": shapes.number(one.old_quantity),
                "newQty": shapes.number(one.new_quantity),
                "time": one.time_ms,
            }
            for one in self._desk.amendments
            if one.account_id == call.account
            and one.order.order_id == order_id
            and one.order.instrument.name == name
            and one.execution_id >= first
        ]
        return rows[: params.limit("limit", 500, 1_000)]


def answer(desk: SpotDesk, order: Order, shape: str) -> Row:
    """The answer to a new order in the shape that was asked for."""
    if shape == "ACK":
        return shapes.ack(desk, order)
    return shapes.full(desk, order) if shape == "FULL" else shapes.result(desk, order)


def _test_weight(params: Params) -> int:
    return TEST_WEIGHT_RATES if params.text("computeCommissionRates") == "true" else 1


def _no_routing(_: Call) -> Any:
    raise VenueError(-1013, "SOR is not enabled for this symbol.")


def _new_quantity(params: Params) -> int:
    params.need("newQty")
    wanted = read_amount(params, "newQty")
    if wanted <= 0:
        raise VenueError(-1013, "Filter failure: LOT_SIZE")
    return wanted


def _check_amendment(order: Order, wanted: int, amends: int) -> None:
    if amends >= AMENDS_PER_ORDER_MAX:
        raise VenueError(-1013, "Filter failure: MAX_NUM_ORDER_AMENDS")
    if wanted == order.quantity:
        raise _amend_refused("The requested action would change no state; rejecting.")
    if wanted > order.quantity:
        raise _amend_refused("Order amend (quantity increase) is not supported.")


def _amend_refused(text: str) -> VenueError:
    return VenueError(-2038, text)
