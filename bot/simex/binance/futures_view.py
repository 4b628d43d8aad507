"""Which orders there are to a client of a futures market: not what waits, is forgotten, or a replica has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bot.simex.binance.desk import order_reference
from bot.simex.binance.errors import NO_SUCH_ORDER, venue_error
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_errors import ErrorRow
from bot.simex.binance.params import Params
from bot.simex.core.instrument import Key
from bot.simex.core.order import ALIVE, Order
from bot.simex.core.refusal import Refused

DAY_MS: Final = 86_400_000
UNFILLED_KEPT_MS: Final = 3 * DAY_MS
KEPT_MS: Final = 90 * DAY_MS


class OrderView:
    """The orders of one market, as its endpoints find them."""

    def __init__(self, desk: FuturesDesk) -> None:
        self._desk = desk
        self._orders = desk.exchange.orders

    def holds(self, order: Order) -> bool:
        """Whether an order is one to the order endpoints: in USD-M one that waits for its trigger is not."""
        return self._desk.is_inverse or order.trigger is None or order.status not in ("untriggered", "deactivated")

    def named(self, account_id: str, params: Params) -> Order:
        """The order that `orderId`, else `origClientOrderId`, names, as queries see it; -2013 when there is none."""
        order = self._found(account_id, params, NO_SUCH_ORDER)
        seen = self.seen(order) if self.holds(order) else None
        if seen is None:
            raise venue_error(NO_SUCH_ORDER)
        return seen

    def live(self, account_id: str, params: Params, unknown: ErrorRow) -> Order:
        """The open order that a cancellation or change names, as it is now; `unknown` when there is none."""
        self._desk.catch_up()
        order = self._found(account_id, params, unknown)
        if order.status not in ALIVE or not self.holds(order):
            raise venue_error(unknown)
        return order

    def seen(self, order: Order) -> Order | None:
        """An order as the queries have it: some time ago; None when they do not know it yet, or no longer."""
        age_ms = self._desk.server_ms - self._desk.wire(order.created_ms)
        unfilled = order.status in ("canceled", "expired", "deactivated") and not order.filled
        if age_ms > (UNFILLED_KEPT_MS if unfilled else KEPT_MS):
            return None
        return self._desk.replica.order(order, self._desk.server_ms)

    def history(self, account_id: str, key: Key | None = None) -> Iterator[Order]:
        """Every order of an account that the queries know, by order id."""
        for order in self._orders.history(account_id, self._desk.market, key):
            seen = self.seen(order)
            if seen is not None and self.holds(seen):
                yield seen

    def open(self, account_id: str, key: Key | None = None) -> Iterator[Order]:
        """The orders that the queries take for open, by order id."""
        if not self._desk.replica.kept_ms:
            yield from filter(self.holds, self._orders.open(account_id, self._desk.market, key))
            return
        yield from (order for order in self.history(account_id, key) if order.status in ALIVE)

    def _found(self, account_id: str, params: Params, unknown: ErrorRow) -> Order:
        instrument = self._desk.symbol(params)
        order_id, client_id = order_reference(params)
        try:
            return self._orders.find(account_id, instrument.key, order_id, client_id)
        except Refused:
            raise venue_error(unknown) from None
