"""What the spot and the USD-M endpoints share: the exchange, the two clocks, and the reading of common parameters."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

from bot.simex.binance.errors import BAD_SYMBOL, UNKNOWN_ORDER, either_missing, venue_error
from bot.simex.binance.params import Params
from bot.simex.exchange import Exchange
from bot.simex.model import Market, Order, Symbol, Trade
from bot.simex.timeline import Timeline

CANCEL_IDS_MAX = 10_000
ROWS_DEFAULT = 500
ROWS_MAX = 1_000
Row = TypeVar("Row")


class Desk:
    """An exchange as one of its two markets is asked about it."""

    def __init__(self, exchange: Exchange, timeline: Timeline, market: Market) -> None:
        self.exchange = exchange
        self.timeline = timeline
        self.market: Market = market
        self._cancel_ids: OrderedDict[int, str] = OrderedDict()

    @property
    def now_ms(self) -> int:
        """Exchange time."""
        return self.timeline.exchange_ms()

    def wire(self, exchange_ms: int) -> int:
        """An exchange moment as clients are told it."""
        return self.timeline.wire_ms(exchange_ms)

    def symbols(self) -> list[Symbol]:
        """The market's instruments by name."""
        return sorted((s for s in self.exchange.symbols.values() if s.market == self.market), key=lambda s: s.name)

    def symbol(self, params: Params) -> Symbol:
        """The instrument of the mandatory `symbol`; -1121 when there is none."""
        found = self.exchange.symbols.get((self.market, params.need("symbol")))
        if found is None:
            raise venue_error(BAD_SYMBOL)
        return found

    def some_symbols(self, params: Params) -> tuple[list[Symbol], bool]:
        """The instrument of `symbol`, or all; and whether one was asked for."""
        return ([self.symbol(params)], True) if "symbol" in params else (self.symbols(), False)

    def find_order(self, account: str, params: Params) -> Order:
        """The order that `orderId` or `origClientOrderId` names; both must agree when both are sent."""
        symbol = self.symbol(params)
        order_id, client_id = _order_reference(params)
        order = self.exchange.orders.get(
            account, self.market, symbol.name, order_id=order_id, client_id="" if order_id is not None else client_id
        )
        if client_id and order.client_order_id != client_id:
            raise venue_error(UNKNOWN_ORDER)
        return order

    def cancel(self, account: str, params: Params) -> tuple[Order, str]:
        """Cancel one order; answers it and the client id of the cancellation."""
        symbol = self.symbol(params)
        order_id, client_id = _order_reference(params)
        cancel_id = params.text("newClientOrderId") or secrets.token_hex(11)
        if order_id is not None:
            self._cancel_ids[order_id] = cancel_id
        order = self.exchange.cancel(
            account, self.market, symbol.name, self.now_ms, order_id=order_id, client_id=client_id
        )
        self._cancel_ids[order.order_id] = cancel_id
        while len(self._cancel_ids) > CANCEL_IDS_MAX:
            self._cancel_ids.popitem(last=False)
        return order, cancel_id

    def cancel_id(self, order_id: int) -> str:
        """The client id of the request that cancelled an order, or one of the exchange's own making."""
        return self._cancel_ids.pop(order_id, "") or secrets.token_hex(11)

    def fills_of(self, order: Order) -> list[Trade]:
        """The fills that placing `order` has just made, oldest first."""
        found: list[Trade] = []
        for trade in reversed(self.exchange.accounts.trades(order.account_id, order.market, order.symbol)):
            if trade.order_id != order.order_id:
                break
            found.append(trade)
        return found[::-1]

    def in_time(self, params: Params, time_ms: int) -> bool:
        """Whether an exchange moment lies within `startTime` and `endTime`, both inclusive and in wire time."""
        start, end = params.integer("startTime"), params.integer("endTime")
        moment = self.wire(time_ms)
        return (start is None or moment >= start) and (end is None or moment <= end)


def _order_reference(params: Params) -> tuple[int | None, str]:
    order_id, client_id = params.integer("orderId"), params.text("origClientOrderId")
    if order_id is None and not client_id:
        raise either_missing("origClientOrderId", "orderId")
    return order_id, client_id


def page(rows: Sequence[Row], params: Params, default: int = ROWS_DEFAULT, most: int = ROWS_MAX) -> list[Row]:
    """`limit` rows, as the venue cuts them: the oldest from a start, otherwise the newest; always oldest first."""
    limit = params.limit("limit", default, most)
    from_start = any(name in params for name in ("startTime", "fromId", "orderId"))
    return list(rows[:limit] if from_start else rows[-limit:])
