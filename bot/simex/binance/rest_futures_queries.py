"""The queries of futures orders: one, open ones, all, fills, forced ones, amendments. They see what replicas see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from bot.simex.binance import futures_errors as refused
from bot.simex.binance.desk import order_reference, page
from bot.simex.binance.errors import NO_SUCH_ORDER, either_missing, venue_error
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_records import Amendment
from bot.simex.binance.futures_shapes import forced_row, queried_row, trade_row
from bot.simex.binance.futures_view import DAY_MS, OrderView
from bot.simex.binance.gate import Call, Route, Scope, Security, Weight
from bot.simex.binance.params import Params
from bot.simex.binance.words import price_of, quantity_of
from bot.simex.core.instrument import Key
from bot.simex.core.order import Trade

WEEK_MS: Final = 7 * DAY_MS
FORCED_ROWS: Final = (50, 100)
_FORCED: Final = {"LIQUIDATION": ("liquidation", "takeover"), "ADL": ("adl",)}
Row = dict[str, Any]


def one_or_all(one: int, every: int) -> Callable[[Params], int]:
    """A weight that depends on whether a symbol is named."""
    return lambda params: one if "symbol" in params else every


def within(
    desk: FuturesDesk, params: Params, most_ms: int, days: int, *, everything: bool = False
) -> Callable[[int], bool]:
    """Whether an exchange moment lies in the time asked for: by default the last days, or no bound at all."""
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is not None and end is not None:
        if start > end:
            raise venue_error(refused.START_AFTER_END)
        if end - start > most_ms:
            raise refused.interval_too_long(desk.market, days)
    if everything and start is None and end is None:
        return lambda _: True
    last = end if end is not None else (start + most_ms if start is not None else desk.server_ms)
    first = start if start is not None else last - most_ms
    return lambda time_ms: first <= desk.wire(time_ms) <= last


class FuturesQueries:
    """The handlers."""

    def __init__(self, desk: FuturesDesk) -> None:
        self._desk = desk
        self._view = OrderView(desk)

    def routes(self) -> list[Route]:
        """Every endpoint with its weight and security."""
        history: Weight = one_or_all(20, 40) if self._desk.is_inverse else 5
        return [
            self._read("order", self._query),
            self._read("openOrder", self._open_order),
            self._read("openOrders", self._open_orders, one_or_all(1, 40)),
            self._read("allOrders", self._all_orders, history),
            self._read("userTrades", self._user_trades, history),
            self._read("forceOrders", self._force_orders, one_or_all(20, 50)),
            self._read("orderAmendment", self._amendments),
        ]

    def _read(self, name: str, handler: Callable[[Call], Any], weight: Weight = 1) -> Route:
        return Route("GET", f"{self._desk.prefix}/v1/{name}", handler, weight, Security.SIGNED, Scope.READ)

    def _query(self, call: Call) -> Row:
        """One order, open or not."""
        self._desk.catch_up()
        return queried_row(self._desk, self._view.named(call.account, call.params))

    def _open_order(self, call: Call) -> Row:
        """One open order; -2013 when it is no longer open."""
        self._desk.catch_up()
        order = self._view.named(call.account, call.params)
        if not (order.is_open or order.status == "untriggered"):
            raise venue_error(NO_SUCH_ORDER)
        return queried_row(self._desk, order)

    def _open_orders(self, call: Call) -> list[Row]:
        """Open orders of a symbol, a pair (COIN-M), or all."""
        self._desk.catch_up()
        keys = self._keys(call.params)
        orders = self._view.open(call.account, keys[0] if keys and len(keys) == 1 else None)
        return [queried_row(self._desk, one) for one in orders if keys is None or one.instrument.key in keys]

    def _keys(self, params: Params) -> list[Key] | None:
        """The instruments of `symbol` or, in COIN-M, of `pair`; None for all."""
        if "symbol" in params:
            return [self._desk.symbol(params).key]
        if not self._desk.is_inverse or "pair" not in params:
            return None
        found = [one.key for one in self._desk.symbols() if self._desk.pair(one) == params.text("pair")]
        if not found:
            raise venue_error(refused.BAD_PAIR[self._desk.market])
        return found

    def _needed_keys(self, params: Params) -> list[Key]:
        """The same, of which one must be named."""
        if not self._desk.is_inverse:
            return [self._desk.symbol(params).key]
        if "symbol" in params and "pair" in params:
            raise venue_error(refused.BAD_COMBINATION)
        if "pair" in params and ("orderId" in params or "fromId" in params):
            raise venue_error(refused.BAD_COMBINATION)
        keys = self._keys(params)
        if keys is None:
            raise either_missing("symbol", "pair")
        return keys

    def _all_orders(self, call: Call) -> list[Row]:
        """Every order of a symbol, from an id or within a time of at most a week."""
        params, first = call.params, call.params.integer("orderId") or 0
        keys = self._needed_keys(params)
        self._desk.catch_up()
        in_span = within(self._desk, params, WEEK_MS, 7, everything="orderId" in params)
        found = [
            order
            for key in keys
            for order in self._view.history(call.account, key)
            if order.order_id >= first and in_span(order.created_ms)
        ]
        found.sort(key=lambda order: order.order_id)
        limits = (50, 100) if self._desk.is_inverse else (500, 1_000)
        return [queried_row(self._desk, order) for order in page(found, params, *limits)]

    def _user_trades(self, call: Call) -> list[Row]:
        """The account's fills of a symbol, oldest first."""
        params = call.params
        if "fromId" in params and ("startTime" in params or "endTime" in params):
            raise venue_error(refused.BAD_COMBINATION)
        keys = self._needed_keys(params)
        self._desk.catch_up()
        in_span = within(self._desk, params, WEEK_MS, 7, everything="fromId" in params or "orderId" in params)
        order_id, first = params.integer("orderId"), params.integer("fromId") or 0
        found = [
            trade
            for trade in self._seen_trades(call.account)
            if trade.instrument.key in keys
            and order_id in (None, trade.order_id)
            and trade.trade_id >= first
            and in_span(trade.time_ms)
        ]
        limits = (50, 1_000) if self._desk.is_inverse else (500, 1_000)
        rows = page(found, Params({**params.values, "orderId": ""}), *limits)
        return [trade_row(self._desk, trade) for trade in rows]

    def _seen_trades(self, account_id: str) -> Iterator[Trade]:
        horizon_ms = self._desk.replica.horizon_ms(self._desk.server_ms)
        for trade in self._desk.account(account_id).trades:
            if self._desk.wire(trade.time_ms) <= horizon_ms:
                yield trade

    def _force_orders(self, call: Call) -> list[Row]:
        """The account's liquidation and deleveraging orders, oldest first."""
        params = call.params
        kind = params.one_of("autoCloseType", (*_FORCED, ""), refused.bad_data("autoCloseType"), "")
        origins = _FORCED[kind] if kind else tuple(one for kinds in _FORCED.values() for one in kinds)
        keys = self._keys(params)
        self._desk.catch_up()
        days = 200 if self._desk.is_inverse else 7
        in_span = within(self._desk, params, days * DAY_MS, days)
        found = [
            order
            for order in self._view.history(call.account)
            if order.origin in origins and (keys is None or order.instrument.key in keys) and in_span(order.created_ms)
        ]
        return [forced_row(self._desk, order) for order in page(found, params, *FORCED_ROWS)]

    def _amendments(self, call: Call) -> list[Row]:
        """How an order was changed, newest first."""
        params, instrument = call.params, self._desk.symbol(call.params)
        order_id, client_id = order_reference(params)
        found = [
            one
            for one in reversed(self._desk.records.notebook(call.account).amendments)
            if one.order.instrument is instrument
            and (one.order.order_id == order_id if order_id is not None else one.order.client_id == client_id)
            and (params.integer("startTime") or 0) <= one.time_ms <= (params.integer("endTime") or one.time_ms)
        ]
        return [self._amendment_row(one) for one in found[: params.limit("limit", 50, 100)]]

    def _amendment_row(self, one: Amendment) -> Row:
        instrument = one.order.instrument
        return {
            "amendmentId": one.amendment_id,
            "symbol": instrument.name,
            "pair": self._desk.pair(instrument),
            "orderId": one.order.order_id,
            "clientOrderId": one.order.client_id,
            "time": one.time_ms,
            "amendment": {
                "price": {
                    "before": price_of(instrument, one.price[0]),
                    "after": price_of(instrument, one.price[1]),
                },
                "origQty": {
                    "before": quantity_of(instrument, one.quantity[0]),
                    "after": quantity_of(instrument, one.quantity[1]),
                },
                "count": one.count,
            },
        }
