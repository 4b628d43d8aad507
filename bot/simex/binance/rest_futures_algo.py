"""The algo service of USD-M: conditional orders live here until they are triggered, and are orders only then.

An algo order waits in the core and becomes live there under the same number; its `algoId` is that number and an
offset, so that the two kinds of ids never meet. Its life: NEW, then CANCELED (by its owner) or EXPIRED (by the
exchange), or TRIGGERED, and FINISHED when the order that it became has ended; REJECTED when the engine refused that.

Trailing stops follow the market here (see trailing.py). `priceMatch` of conditional orders is refused (-4084).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bot.simex.binance import futures_errors as refused
from bot.simex.binance.desk import page
from bot.simex.binance.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, either_missing, venue_error
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_records import Tag
from bot.simex.binance.futures_shapes import WORKING_TYPE_OF, asked_type, average_price, time_in_force
from bot.simex.binance.futures_tickets import TRAILING, Tickets, read_side
from bot.simex.binance.futures_view import OrderView
from bot.simex.binance.gate import Call, Route, Scope, Security, Weight
from bot.simex.binance.params import Params
from bot.simex.binance.rest_futures_orders import as_accepted
from bot.simex.binance.rest_futures_queries import WEEK_MS, one_or_all, within
from bot.simex.binance.words import plain, position_side_of, prevention_of, price_of, quantity_of, side_of
from bot.simex.core.numbers import unscaled
from bot.simex.core.order import ALIVE, Order, Trigger
from bot.simex.core.refusal import Refused

ALGO_ID_FIRST: Final = 1_000_000_000_000
_ALL_CANCELLED: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}
_BY_OWNER: Final = frozenset({"user", "countdown"})
Row = dict[str, Any]


def algo_id(order: Order) -> int:
    """The algo service's id of a conditional order."""
    return ALGO_ID_FIRST + order.order_id


def algo_status(order: Order) -> str:
    """Where an algo order is in its life."""
    if order.status == "untriggered":
        return "NEW"
    if order.status == "deactivated":
        return "CANCELED" if order.end in _BY_OWNER else "EXPIRED"
    if order.status in ALIVE:
        return "TRIGGERED"
    return "REJECTED" if order.end in ("margin", "reduce_only") and not order.filled else "FINISHED"


def algo_row(desk: FuturesDesk, order: Order) -> Row:
    """An algo order as placing it answers."""
    trigger, instrument, tag = trigger_of(order), order.instrument, desk.tag(order)
    return {
        "algoId": algo_id(order),
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo_type(order, tag),
        "symbol": instrument.name,
        "side": side_of(order.side),
        "positionSide": position_side_of(order.position_side),
        "timeInForce": time_in_force(order, tag),
        "quantity": quantity_of(instrument, order.quantity),
        "algoStatus": algo_status(order),
        "triggerPrice": price_of(instrument, 0 if tag.trail is not None else trigger.price),
        "price": price_of(instrument, order.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": prevention_of(order),
        "workingType": WORKING_TYPE_OF[trigger.by],
        "priceMatch": tag.price_match,
        "closePosition": order.close_position,
        "priceProtect": tag.price_protect,
        "reduceOnly": order.reduce_only,
        "createTime": desk.wire(order.created_ms),
        "updateTime": desk.wire(order.updated_ms),
        "triggerTime": tag.triggered_ms,
        "goodTillDate": tag.good_till_ms,
        **_following(order, tag),
    }


def algo_type(order: Order, tag: Tag) -> str:
    """The type that an algo order was sent with."""
    return asked_type(order) if tag.trail is None else TRAILING


def _following(order: Order, tag: Tag) -> Row:
    """What a trailing stop has beside the others."""
    if tag.trail is None:
        return {}
    rate = plain(unscaled(tag.trail.rate) * 100)
    return {"activatePrice": price_of(order.instrument, tag.trail.activation), "callbackRate": rate}


def queried_algo_row(desk: FuturesDesk, order: Order) -> Row:
    """An algo order as queries answer it: with the order that it became."""
    became = order.status not in ("untriggered", "deactivated")
    nothing = price_of(order.instrument, 0)
    return {
        **algo_row(desk, order),
        "actualOrderId": str(order.order_id) if became else "",
        "actualPrice": average_price(order),
        "actualType": ("LIMIT" if order.type == "limit" else "MARKET") if became else "",
        "actualQty": quantity_of(order.instrument, order.filled),
        "tpTriggerPrice": nothing,
        "tpPrice": nothing,
        "slTriggerPrice": nothing,
        "slPrice": nothing,
        "tpOrderType": "",
    }


def trigger_of(order: Order) -> Trigger:
    """The trigger of a conditional order. ValueError when it is none."""
    if order.trigger is None:
        raise ValueError(f"order {order.order_id} has no trigger")
    return order.trigger


class AlgoOrders:
    """The handlers."""

    def __init__(self, desk: FuturesDesk) -> None:
        self._desk = desk
        self._orders = desk.exchange.orders
        self._view = OrderView(desk)
        self._tickets = Tickets(desk)

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        return [
            self._trade("POST", "algoOrder", self._place, 0, is_order=True),
            self._trade("DELETE", "algoOrder", self._cancel),
            self._trade("DELETE", "algoOpenOrders", self._cancel_all),
            self._read("algoOrder", self._query),
            self._read("openAlgoOrders", self._open, one_or_all(1, 40)),
            self._read("allAlgoOrders", self._all, 5),
        ]

    def _trade(
        self, method: str, name: str, handler: Callable[[Call], Any], weight: Weight = 1, *, is_order: bool = False
    ) -> Route:
        path = f"{self._desk.prefix}/v1/{name}"
        return Route(method, path, handler, weight, Security.SIGNED, Scope.FUTURES, is_order=is_order)

    def _read(self, name: str, handler: Callable[[Call], Any], weight: Weight = 1) -> Route:
        return Route("GET", f"{self._desk.prefix}/v1/{name}", handler, weight, Security.SIGNED, Scope.READ)

    def _place(self, call: Call) -> Row:
        """A new conditional order."""
        params = call.params
        params.one_of("algoType", ("CONDITIONAL",), refused.bad_data("algoType"))
        instrument, side, kind = self._desk.symbol(params), read_side(params), params.need("type")
        request = self._tickets.conditional(
            call.account, instrument, side, kind, params, "triggerPrice", "clientAlgoId"
        )
        order = self._desk.place_ticket(call.account, request.ticket, request.tag)
        call.order_id, call.client_order_id = order.order_id, order.client_id
        return {"activatePrice": "", "callbackRate": "", **algo_row(self._desk, as_accepted(order))}

    def _named(self, call: Call) -> Order | None:
        """The algo order that `algoId`, else `clientAlgoId`, names."""
        number, client_id = call.params.integer("algoId"), call.params.text("clientAlgoId")
        if number is None and not client_id:
            raise either_missing("algoId", "clientAlgoId")
        order_id = None if number is None else number - ALGO_ID_FIRST
        self._desk.catch_up()
        try:
            order = self._orders.find(call.account, self._desk.market, order_id, client_id)
        except Refused:
            return None
        return order if order.trigger is not None else None

    def _cancel(self, call: Call) -> Row:
        """Cancel an algo order that still waits."""
        order = self._named(call)
        if order is None or order.status != "untriggered":
            raise venue_error(UNKNOWN_ORDER)
        self._desk.exchange.cancel(call.account, order)
        call.order_id, call.client_order_id = order.order_id, order.client_id
        return {"algoId": algo_id(order), "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def _cancel_all(self, call: Call) -> Row:
        """Cancel every algo order of a symbol that still waits."""
        instrument = self._desk.symbol(call.params)
        self._desk.catch_up()
        for order in self._orders.open(call.account, self._desk.market, instrument.key):
            if order.status == "untriggered":
                self._desk.exchange.cancel(call.account, order)
        return dict(_ALL_CANCELLED)

    def _query(self, call: Call) -> Row:
        """One algo order, whatever became of it."""
        order = self._named(call)
        seen = None if order is None else self._view.seen(order)
        if seen is None:
            raise venue_error(NO_SUCH_ORDER)
        return queried_algo_row(self._desk, seen)

    def _open(self, call: Call) -> list[Row]:
        """Algo orders that wait, of one symbol or all."""
        params, number = call.params, call.params.integer("algoId")
        params.one_of("algoType", ("CONDITIONAL",), refused.bad_data("algoType"), "CONDITIONAL")
        key = self._desk.symbol(params).key if "symbol" in params else None
        self._desk.catch_up()
        return [
            queried_algo_row(self._desk, order)
            for order in self._seen(call.account, params, key is None)
            if order.status == "untriggered" and number in (None, algo_id(order))
        ]

    def _all(self, call: Call) -> list[Row]:
        """Every algo order of a symbol, from an id or within a time of at most a week."""
        params, first = call.params, call.params.integer("algoId") or 0
        self._desk.symbol(params)
        self._desk.catch_up()
        in_span = within(self._desk, params, WEEK_MS, 7, everything="algoId" in params)
        found = [
            order
            for order in self._seen(call.account, params, everywhere=False)
            if algo_id(order) >= first and in_span(order.created_ms)
        ]
        rows = page(found, Params({**params.values, "orderId": params.text("algoId")}))
        return [queried_algo_row(self._desk, order) for order in rows]

    def _seen(self, account_id: str, params: Params, everywhere: bool) -> list[Order]:
        key = None if everywhere else self._desk.symbol(params).key
        orders = self._orders.history(account_id, self._desk.market, key)
        seen = (self._view.seen(order) for order in orders if order.trigger is not None)
        return [order for order in seen if order is not None]
