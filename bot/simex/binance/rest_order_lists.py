"""Order lists of spot (api/v3/orderList): place, cancel and query one-cancels-the-other.

One leg must be a LIMIT_MAKER; of two conditional legs, and of OTO, OTOCO, OPO and OPOCO, it is said that they are not
supported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from bot.simex.binance import spot_shapes as shapes
from bot.simex.binance.desk import page
from bot.simex.binance.errors import UNKNOWN_ORDER, VenueError, either_missing, venue_error
from bot.simex.binance.exchange_info import ORDER_LISTS_MAX
from bot.simex.binance.gate import Call, Route, Scope, Security, Weight
from bot.simex.binance.order_lists import OrderList, list_order_status
from bot.simex.binance.params import Params
from bot.simex.binance.rest_spot_account import check_span
from bot.simex.binance.spot_desk import SpotDesk, SpotTag
from bot.simex.binance.spot_tickets import RESPONSES, SpotTickets, invalid, read_client_id
from bot.simex.binance.words import SIDES
from bot.simex.core.admission import check_notional, check_price, check_quantity
from bot.simex.core.instrument import Instrument
from bot.simex.core.order import ALIVE, BUY, Order, Ticket
from bot.simex.core.refusal import Reason, Refused

ORDERS_COUNTED: Final = {"10S": 2, "1D": 2}
NO_LIST: Final = (-2018, "Order list does not exist.", 400)
BAD_RELATION: Final = (-2010, "The relationship of the prices for the orders is not correct.", 400)
POOR: Final = (-2010, "Account has insufficient balance for requested action.", 400)
_STOPS: Final = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT"})
_PROFITS: Final = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
_LEG_TYPES: Final = _STOPS | _PROFITS | {"LIMIT_MAKER"}
_BAD_TYPE: Final = (-1158, "Order type not supported in OCO.", 400)
_TWO_LIMITS: Final = (-1168, "At least one OCO order must be contingent.", 400)
_UNSUPPORTED: Final = (-1014, "Unsupported order combination.", 400)
_LISTS: Final = {"oto": "OTO", "otoco": "OTOCO", "opo": "OPO", "opoco": "OPOCO"}
# What a leg may not be by its side and place.
_MISPLACED: Final[Mapping[tuple[str, str], tuple[frozenset[str], tuple[int, str, int]]]] = {
    ("BUY", "above"): (
        _PROFITS | {"LIMIT_MAKER"},
        (-1165, "A limit order in a buy OCO must be below.", 400),
    ),
    ("BUY", "below"): (_STOPS, (-1196, "A stop loss order in a buy OCO must be above.", 400)),
    ("SELL", "above"): (_STOPS, (-1197, "A stop loss order in a sell OCO must be below.", 400)),
    ("SELL", "below"): (
        _PROFITS | {"LIMIT_MAKER"},
        (-1166, "A limit order in a sell OCO must be above.", 400),
    ),
}
_PROFIT_MISPLACED: Final = {
    "BUY": (-1198, "A take profit order in a buy OCO must be below.", 400),
    "SELL": (-1199, "A take profit order in a sell OCO must be above.", 400),
}
# The parameters of a leg: as an order of its own has them, and how they go on after "above" or "below".
_LEG: Final = {
    "price": "Price",
    "stopPrice": "StopPrice",
    "timeInForce": "TimeInForce",
    "newClientOrderId": "ClientOrderId",
    "icebergQty": "IcebergQty",
    "trailingDelta": "TrailingDelta",
    "strategyId": "StrategyId",
    "strategyType": "StrategyType",
    "pegPriceType": "PegPriceType",
}
_OLD_LIMIT: Final = {
    "price": "price",
    "newClientOrderId": "limitClientOrderId",
    "icebergQty": "limitIcebergQty",
    "strategyId": "limitStrategyId",
    "strategyType": "limitStrategyType",
}
_OLD_STOP: Final = {
    "price": "stopLimitPrice",
    "stopPrice": "stopPrice",
    "timeInForce": "stopLimitTimeInForce",
    "newClientOrderId": "stopClientOrderId",
    "icebergQty": "stopIcebergQty",
    "trailingDelta": "trailingDelta",
    "strategyId": "stopStrategyId",
    "strategyType": "stopStrategyType",
}
Row = dict[str, Any]
Leg = tuple[Ticket, SpotTag]


class OrderListRest:
    """The handlers."""

    def __init__(self, desk: SpotDesk) -> None:
        self._desk = desk
        self._lists = desk.lists
        self._tickets = SpotTickets(desk)

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        others = [self._trade("POST", f"orderList/{name}", _refuser(what)) for name, what in _LISTS.items()]
        return [
            self._new("orderList/oco", self._place),
            self._new("order/oco", self._place_old),
            *others,
            self._trade("DELETE", "orderList", self._cancel),
            self._read("orderList", self._query, 4),
            self._read("allOrderList", self._all, 20),
            self._read("openOrderList", self._open, 6),
        ]

    def _trade(self, method: str, name: str, handler: Callable[[Call], Any]) -> Route:
        return Route(method, f"/api/v3/{name}", handler, 1, Security.SIGNED, Scope.SPOT)

    def _new(self, name: str, handler: Callable[[Call], Any]) -> Route:
        return replace(self._trade("POST", name, handler), is_order=True, order_counts=ORDERS_COUNTED)

    def _read(self, name: str, handler: Callable[[Call], Any], weight: Weight) -> Route:
        return Route("GET", f"/api/v3/{name}", handler, weight, Security.SIGNED, Scope.READ)

    # ----------------------------------------------------------------------------------------------------- new lists
    def _place(self, call: Call) -> Row:
        """Two legs, above and below the market."""
        params = call.params
        side = params.one_of("side", SIDES, VenueError(-1117, "Invalid side."))
        kinds = {place: params.one_of(f"{place}Type", _LEG_TYPES, venue_error(_BAD_TYPE)) for place in _PLACES}
        _check_kinds(side, kinds)
        limit = next(place for place, kind in kinds.items() if kind == "LIMIT_MAKER")
        stop = "below" if limit == "above" else "above"
        names = {place: {name: f"{place}{tail}" for name, tail in _LEG.items()} for place in _PLACES}
        legs = self._leg(params, "LIMIT_MAKER", names[limit]), self._leg(params, kinds[stop], names[stop])
        return self._made(call, *legs)

    def _place_old(self, call: Call) -> Row:
        """The old form: a limit and a stop, whose limit price may be left out."""
        params = call.params
        kind = "STOP_LOSS_LIMIT" if "stopLimitPrice" in params else "STOP_LOSS"
        params.need("price")
        return self._made(call, self._leg(params, "LIMIT_MAKER", _OLD_LIMIT), self._leg(params, kind, _OLD_STOP))

    def _leg(self, params: Params, kind: str, names: Mapping[str, str]) -> Leg:
        """One leg, read as an order of its own; a refusal names the parameter as it was sent."""
        shared = {name: params.text(name) for name in ("symbol", "side", "quantity", "selfTradePreventionMode")}
        own = {name: params.text(sent) for name, sent in names.items()}
        try:
            return self._tickets.read(Params({**shared, **own, "type": kind}))
        except VenueError as error:
            text = error.msg
            for name, sent in names.items():
                text = text.replace(f"'{name}'", f"'{sent}'")
            raise VenueError(error.code, text, error.status) from None

    def _made(self, call: Call, limit: Leg, stop: Leg) -> Row:
        desk, params = self._desk, call.params
        shape = params.one_of("newOrderRespType", RESPONSES, invalid("newOrderRespType"), "RESULT")
        client_id = read_client_id(params, "listClientOrderId")
        desk.catch_up()
        self._check(call.account, limit[0], stop[0], client_id)
        made = desk.run(lambda: self._lists.place(call.account, client_id, limit[0], stop[0]))
        for order, (_, tag) in zip((made.limit, made.stop), (limit, stop), strict=True):
            if tag.strategy_id is not None or tag.strategy_type is not None:
                kept = desk.tag_for(order.order_id)
                kept.strategy_id, kept.strategy_type = tag.strategy_id, tag.strategy_type
        call.order_id, call.client_order_id = made.limit.order_id, made.limit.client_id
        shaped = {"ACK": shapes.ack, "RESULT": shapes.result, "FULL": shapes.full}[shape]
        return {**list_row(desk, made), "orderReports": [shaped(desk, one) for one in made.orders]}

    def _check(self, account_id: str, limit: Ticket, stop: Ticket, client_id: str) -> None:
        """What the core cannot see, because it does not know the stop leg: its grid, its price, its ids, its cost."""
        instrument, desk = limit.instrument, self._desk
        desk.run(lambda: _check_grid(instrument, stop))
        assert stop.trigger is not None
        last = self._last(instrument)
        below, above = sorted((limit.price, stop.trigger.price))
        if (limit.price == below) != (limit.side == BUY) or not below < last < above:
            raise venue_error(BAD_RELATION)
        if len(self._lists.open(account_id, instrument.key)) >= ORDER_LISTS_MAX:
            raise VenueError(-1013, "Filter failure: MAX_NUM_ORDER_LISTS")
        if client_id and any(one.client_id == client_id for one in self._lists.open(account_id)):
            raise VenueError(-2010, "Duplicate order sent.")
        if stop.client_id and (stop.client_id == limit.client_id or self._is_open(account_id, stop)):
            raise VenueError(-2010, "Duplicate order sent.")
        coin = desk.account(account_id).wallets[desk.wallet].get(instrument.quote)
        costs = max(limit.price, stop.price or stop.trigger.price) * limit.quantity
        if limit.side == BUY and (coin is None or coin.free < costs):
            raise venue_error(POOR)

    def _last(self, instrument: Instrument) -> int:
        bid, _, ask, _ = self._desk.exchange.top(instrument.key)
        return self._desk.exchange.last(instrument.key) or (bid + ask) // 2

    def _is_open(self, account_id: str, ticket: Ticket) -> bool:
        try:
            return self._known(account_id, ticket).status in ALIVE
        except Refused:
            return False

    def _known(self, account_id: str, ticket: Ticket) -> Order:
        leg = self._lists.leg(account_id, ticket.instrument.key, None, ticket.client_id)
        return leg or self._desk.exchange.orders.find(account_id, self._desk.market, client_id=ticket.client_id)

    # ------------------------------------------------------------------------------------------- cancelling, queries
    def _cancel(self, call: Call) -> Row:
        """End both legs."""
        params, desk = call.params, self._desk
        instrument = desk.symbol(params)
        number, client_id = params.integer("orderListId"), params.text("listClientOrderId")
        if number is None and not client_id:
            raise either_missing("orderListId", "listClientOrderId")
        cancel_id = read_client_id(params, "newClientOrderId")
        desk.catch_up()
        found = self._lists.find(call.account, number, client_id)
        if found is None or found.instrument is not instrument:
            raise venue_error(UNKNOWN_ORDER)
        return cancelled_list(desk, found, cancel_id)

    def _query(self, call: Call) -> Row:
        """One list."""
        number, client_id = call.params.integer("orderListId"), call.params.text("origClientOrderId")
        if number is None and not client_id:
            raise either_missing("origClientOrderId", "orderListId")
        found = self._lists.find(call.account, number, client_id)
        if found is None:
            raise venue_error(NO_LIST)
        return list_row(self._desk, found)

    def _all(self, call: Call) -> list[Row]:
        """Every list, from a number or within a time."""
        params, first = call.params, call.params.integer("fromId")
        if first is not None and ("startTime" in params or "endTime" in params):
            raise VenueError(-1128, "Combination of optional parameters invalid.")
        check_span(params)
        found = [
            one
            for one in self._lists.all(call.account)
            if one.number >= (first or 0) and self._desk.in_time(params, one.time_ms)
        ]
        return [list_row(self._desk, one) for one in page(found, params)]

    def _open(self, call: Call) -> list[Row]:
        """The lists that go on."""
        return [list_row(self._desk, one) for one in self._lists.open(call.account)]


_PLACES: Final = ("above", "below")


def list_row(desk: SpotDesk, found: OrderList) -> Row:
    """A list as queries answer it."""
    name = found.instrument.name
    return {
        "orderListId": found.number,
        "contingencyType": "OCO",
        "listStatusType": found.status,
        "listOrderStatus": list_order_status(found.status),
        "listClientOrderId": found.client_id,
        "transactionTime": desk.wire(found.time_ms),
        "symbol": name,
        "orders": [{"symbol": name, "orderId": one.order_id, "clientOrderId": one.client_id} for one in found.orders],
    }


def cancelled_list(desk: SpotDesk, found: OrderList, cancel_id: str = "") -> Row:
    """End a list and answer it with its legs."""
    going = [one for one in found.orders if one.status in ALIVE]
    if not going:
        raise venue_error(UNKNOWN_ORDER)
    chosen = desk.end_order(found.account_id, going[0], cancel_id)
    reports = [shapes.cancelled(desk, one, chosen) for one in found.orders]
    return {**list_row(desk, found), "orderReports": reports}


def _check_kinds(side: str, kinds: Mapping[str, str]) -> None:
    """One leg takes profit, above for a sell and below for a buy, the other stops a loss."""
    if set(kinds.values()) == {"LIMIT_MAKER"}:
        raise venue_error(_TWO_LIMITS)
    for place, kind in kinds.items():
        wrong, error = _MISPLACED[side, place]
        if kind in wrong:
            raise venue_error(_PROFIT_MISPLACED[side] if kind in _PROFITS else error)
    if "LIMIT_MAKER" not in kinds.values():
        raise venue_error(_UNSUPPORTED)


def _check_grid(instrument: Instrument, stop: Ticket) -> None:
    filters, is_market = instrument.filters, stop.type == "market"
    assert stop.trigger is not None
    check_price(filters, stop.trigger.price)
    if not is_market:
        check_price(filters, stop.price)
    check_quantity(filters, stop.quantity, is_market)
    check_notional(instrument, stop.quantity, stop.price or stop.trigger.price)
    if instrument.status != "trading":
        raise Refused(Reason.NOT_TRADING)


def _refuser(what: str) -> Callable[[Call], Any]:
    def refuse(_: Call) -> Any:
        raise VenueError(-1013, f"{what} orders are not supported for this symbol")

    return refuse
