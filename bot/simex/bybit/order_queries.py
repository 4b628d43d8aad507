"""What was ordered and what was filled: open and closed orders, executions, closed profit. All of it lags."""

from __future__ import annotations

from typing import Any, Final

from bot.simex.bybit.desk import DERIVATIVES, Desk, category_of, page
from bot.simex.bybit.errors import invalid
from bot.simex.bybit.gate import Call, Route, Scope
from bot.simex.bybit.order_shapes import closed_pnl_row, delivery_row, execution_row, order_row, status_of
from bot.simex.bybit.params import DAY_MS, Params, period
from bot.simex.bybit.records import ClosedPnl, Execution, Record, is_closed
from bot.simex.core.instrument import Instrument

WEEK_MS: Final = 7 * DAY_MS
MONTH_MS: Final = 30 * DAY_MS
_UNFILLED: Final = frozenset({"Cancelled", "Rejected", "Deactivated"})
_FILTERS = ("Order", "StopOrder", "tpslOrder", "OcoOrder", "BidirectionalTpslOrder", "OpenOrder")


class OrderQueries:
    """The reading endpoints of orders."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("GET", "/v5/order/realtime", self.realtime, Scope.READ),
            Route("GET", "/v5/order/history", self.history, Scope.READ),
            Route("GET", "/v5/execution/list", self.executions, Scope.READ),
            Route("GET", "/v5/position/closed-pnl", self.closed_pnl, Scope.READ),
            Route("GET", "/v5/asset/delivery-record", self.deliveries, Scope.READ),
        ]

    def realtime(self, call: Call) -> dict[str, Any]:
        """Open orders, or with `openOnly` = 1 the most recent closed ones; by id both."""
        params = call.params
        category, limit = category_of(params), params.limit(20, 50)
        if "orderId" in params or "orderLinkId" in params:
            rows = self._named(call.account, category, params)
        else:
            if category == "linear" and not _names_any(params):
                raise invalid("symbol, baseCoin or settleCoin is required")
            closed = (params.integer("openOnly") or 0) == 1
            found = self._desk.replica.open_and_recent(call.account, category, self._desk.server_ms, closed=closed)
            rows = sorted((one for one in found if self._fits(one, category, params)), key=_number, reverse=True)
        taken, cursor = page(rows, _number, params, limit)
        return {"list": [order_row(one) for one in taken], "nextPageCursor": cursor, "category": category}

    def history(self, call: Call) -> dict[str, Any]:
        """Closed orders of two years; those without a fill are forgotten after a day."""
        params = call.params
        category, limit = category_of(params), params.limit(20, 50)
        now_ms = self._desk.server_ms
        first, last = period(params, now_ms, WEEK_MS)
        if "orderId" in params or "orderLinkId" in params:
            rows = [one for one in self._named(call.account, category, params) if is_closed(one)]
        else:
            rows = [
                one
                for one in reversed(self._desk.replica.book(call.account, now_ms).orders.values())
                if is_closed(one) and first <= one.created_ms <= last and self._fits(one, category, params)
            ]
        wanted = params.text("orderStatus")
        kept = [one for one in rows if _remembered(one, now_ms) and wanted in ("", status_of(one))]
        taken, cursor = page(sorted(kept, key=_number, reverse=True), _number, params, limit)
        return {"list": [order_row(one) for one in taken], "nextPageCursor": cursor, "category": category}

    def executions(self, call: Call) -> dict[str, Any]:
        """Fills and funding payments, newest first."""
        params = call.params
        category, limit = category_of(params), params.limit(50, 100)
        first, last = period(params, self._desk.server_ms, WEEK_MS)
        kind = params.text("execType")
        found = (
            one
            for one in reversed(self._desk.replica.book(call.account, self._desk.server_ms).executions)
            if one.instrument.category == category and self._is_asked(one, params, first, last)
        )
        rows = ((one, execution_row(one)) for one in found)
        chosen = ((one, row) for one, row in rows if kind in ("", row["execType"]))
        taken, cursor = page(chosen, lambda pair: pair[0].seq, params, limit)
        return {"nextPageCursor": cursor, "category": category, "list": [row for _, row in taken]}

    def closed_pnl(self, call: Call) -> dict[str, Any]:
        """What closing orders made, newest first."""
        params = call.params
        category, limit = category_of(params, DERIVATIVES), params.limit(50, 100)
        first, last = period(params, self._desk.server_ms, WEEK_MS)
        rows = [
            one
            for one in reversed(self._desk.replica.book(call.account, self._desk.server_ms).closed.values())
            if self._fits(one.record, category, params) and first <= one.record.updated_ms <= last
        ]
        taken, cursor = page(sorted(rows, key=lambda one: -one.record.seq), lambda one: one.record.seq, params, limit)
        return {
            "nextPageCursor": cursor,
            "category": category,
            "list": [closed_pnl_row(one, self._leverage(one)) for one in taken],
        }

    def _leverage(self, one: ClosedPnl) -> int:
        order = one.record.order
        return self._desk.account(order.account_id).position(order.instrument, order.position_side).leverage

    def deliveries(self, call: Call) -> dict[str, Any]:
        """Positions that were settled with their contracts, newest first."""
        params = call.params
        category, limit = category_of(params, DERIVATIVES), params.limit(20, 50)
        first, last = period(params, self._desk.server_ms, MONTH_MS)
        found = (
            one
            for one in reversed(self._desk.replica.book(call.account, self._desk.server_ms).executions)
            if one.trade is not None and one.trade.origin == "settlement" and one.instrument.category == category
        )
        asked = (one for one in found if self._is_asked(one, params, first, last))
        taken, cursor = page(asked, lambda one: one.seq, params, limit)
        return {"nextPageCursor": cursor, "category": category, "list": [delivery_row(one) for one in taken]}

    # -------------------------------------------------------------------------------------------------- which of them
    def _named(self, account: str, category: str, params: Params) -> list[Record]:
        found = self._desk.replica.find(
            account, category, params.text("orderId"), params.text("orderLinkId"), self._desk.server_ms
        )
        return [] if found is None else [found]

    def _fits(self, record: Record, category: str, params: Params) -> bool:
        instrument = record.order.instrument
        wanted = params.one_of("orderFilter", _FILTERS, "") if "orderFilter" in params else ""
        is_stop = record.order.trigger is not None
        if (wanted == "Order" and is_stop) or (wanted in ("StopOrder", "tpslOrder") and not is_stop):
            return False
        return instrument.category == category and _is_of(instrument, params)

    def _is_asked(self, one: Execution, params: Params, first: int, last: int) -> bool:
        if "orderId" in params:
            return one.record is not None and one.record.tag.venue_id == params.text("orderId")
        if "orderLinkId" in params:
            return one.record is not None and one.record.tag.link_id == params.text("orderLinkId")
        return first <= one.time_ms <= last and _is_of(one.instrument, params)


def _names_any(params: Params) -> bool:
    return any(name in params for name in ("symbol", "baseCoin", "settleCoin"))


def _is_of(instrument: Instrument, params: Params) -> bool:
    """Whether the instrument is of the symbol, or else the base coin, or else the settle coin that is asked for."""
    for name, value in (("symbol", instrument.name), ("baseCoin", instrument.base), ("settleCoin", instrument.settle)):
        if name in params:
            return params.text(name) == value
    return True


def _number(record: Record) -> int:
    return record.tag.number


def _remembered(record: Record, now_ms: int) -> bool:
    return record.order.filled > 0 or status_of(record) not in _UNFILLED or now_ms - record.created_ms <= DAY_MS
