"""Events of spot accounts as payloads of the user stream: executionReport, outboundAccountPosition, balanceUpdate."""

from __future__ import annotations

from typing import Any, Final

from bot.simex.binance.figures import fixed, money
from bot.simex.binance.order_lists import ListChanged, list_order_status
from bot.simex.binance.spot_desk import SpotDesk
from bot.simex.binance.spot_shapes import expiry_of, number, spot_status, type_of
from bot.simex.binance.words import is_ended_by_exchange, prevention_of, side_of, spot_time_of
from bot.simex.core.events import AccountChanged, Event, OrderChanged

Row = dict[str, Any]
_EXECUTIONS: Final = {
    "new": "NEW",
    "trade": "TRADE",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "amended": "REPLACED",
    "prevented": "TRADE_PREVENTION",
}
_MOVED: Final = frozenset({"deposit", "withdraw", "transfer"})


class SpotUserEvents:
    """Builds the payloads of one exchange's spot accounts."""

    def __init__(self, desk: SpotDesk) -> None:
        self._desk = desk
        self._executions = 0

    def payloads(self, event: Event | ListChanged) -> list[Row]:
        """The payloads of an event of spot, none for any other."""
        if isinstance(event, ListChanged):
            return [self._list(event)]
        if isinstance(event, OrderChanged):
            # A triggered order is told when it comes into the book, which is another event.
            is_told = event.order.instrument.category == self._desk.market and event.execution in _EXECUTIONS
            return [self._report(event)] if is_told else []
        if isinstance(event, AccountChanged) and event.wallet == self._desk.wallet:
            return self._balances(event)
        return []

    def _list(self, event: ListChanged) -> Row:
        moment, what = self._desk.wire(event.time_ms), event.what
        return {
            "e": "listStatus",
            "E": moment,
            "s": what.instrument.name,
            "g": what.number,
            "c": "OCO",
            "l": event.status,
            "L": list_order_status(event.status),
            "r": "NONE",
            "C": what.client_id,
            "T": moment,
            "O": [{"s": what.instrument.name, "i": one.order_id, "c": one.client_id} for one in what.orders],
        }

    def _report(self, event: OrderChanged) -> Row:
        order, trade, wire = event.order, event.trade, self._desk.wire
        self._executions += 1
        execution = "EXPIRED" if is_ended_by_exchange(order) else _EXECUTIONS[event.execution]
        is_cancelled = execution == "CANCELED"
        working_ms, trigger = self._desk.working_ms(order), self._desk.trigger_of(order)
        row: Row = {
            "e": "executionReport",
            "E": wire(event.time_ms),
            "s": order.instrument.name,
            "c": self._desk.cancel_id(order.order_id) if is_cancelled else order.client_id,
            "S": side_of(order.side),
            "o": type_of(self._desk, order),
            "f": spot_time_of(order),
            "q": number(order.quantity),
            "p": number(order.price),
            "P": number(trigger.price if trigger is not None else 0),
            "F": number(0),
            "g": self._desk.lists.number_of(order.order_id),
            "C": order.client_id if is_cancelled else "",
            "x": execution,
            "X": spot_status(order),
            "r": "NONE",
            "i": order.order_id,
            "l": number(trade.quantity if trade is not None else 0),
            "z": number(order.filled),
            "L": number(trade.price if trade is not None else 0),
            "n": money(trade.fee) if trade is not None and trade.fee else "0",
            "N": trade.fee_asset if trade is not None and trade.fee else None,
            "T": wire(event.time_ms),
            "t": trade.trade_id if trade is not None else -1,
            "I": self._executions,
            "w": order.is_open,
            "m": trade.is_maker if trade is not None else False,
            "M": False,
            "O": wire(order.created_ms),
            "Z": money(order.turnover),
            "Y": money(trade.worth if trade is not None else 0),
            "Q": money(order.quote_quantity),
        }
        if working_ms >= 0:
            row["W"] = working_ms
        row["V"] = prevention_of(order)
        return {**row, **self._conditional(event)}

    def _conditional(self, event: OrderChanged) -> Row:
        """The fields that appear only where they say something."""
        order, tag = event.order, self._desk.tag(event.order)
        row: Row = {}
        if tag.strategy_id is not None:
            row["j"] = tag.strategy_id
        if tag.strategy_type is not None:
            row["J"] = tag.strategy_type
        if order.status == "expired" and order.end == "self_trade":
            left = fixed(order.remaining, 8)
            row |= {"A": left, "B": left, "pl": left}
        elif spot_status(order) == "EXPIRED":
            row["eR"] = expiry_of(order)
        return row

    def _balances(self, event: AccountChanged) -> list[Row]:
        """Deposits and transfers are a balanceUpdate each; every change is an outboundAccountPosition."""
        moment = self._desk.wire(event.time_ms)
        moved: list[Row] = [
            {"e": "balanceUpdate", "E": moment, "a": one.asset, "d": money(one.delta), "T": moment}
            for one in event.coins
            if one.delta and event.reason in _MOVED
        ]
        rows = [{"a": one.asset, "f": money(one.balance - one.locked), "l": money(one.locked)} for one in event.coins]
        return [*moved, {"e": "outboundAccountPosition", "E": moment, "u": moment, "B": rows}]
