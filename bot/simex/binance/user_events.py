"""User-stream events in Binance's field names: ORDER_TRADE_UPDATE and its kin on USD-M, executionReport on spot."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.simex.binance.desk import Desk
from bot.simex.binance.shapes import average_price, money, places, plain
from bot.simex.events import (
    AccountUpdated,
    Event,
    LeverageChanged,
    MultiAssetsChanged,
    OrderUpdated,
)
from bot.simex.model import ZERO, Order, Position

# Why a USD-M order expired: the numbers of the field "er".
_USDM_EXPIRY = {"STP": "1", "IOC": "2", "REDUCE_ONLY": "4", "LIQUIDATION": "5", "MARKET": "9", "FOK": "10", "GTX": "11"}
_SPOT_EXPIRY = {
    "IOC": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "FOK": "UNFILLED_FOK_ORDER_EXPIRED",
    "MARKET": "INSUFFICIENT_LIQUIDITY",
    "LIQUIDATION": "EXCHANGE_CANCELED",
}
_AccountEvent = OrderUpdated | AccountUpdated | LeverageChanged | MultiAssetsChanged
_MOVED = frozenset({"DEPOSIT", "WITHDRAW", "TRANSFER"})


def _expiry(event: OrderUpdated) -> str:
    """One word for why an order expired."""
    order, said = event.order, event.expire_reason.upper()
    for word in ("STP", "REDUCE_ONLY", "LIQUIDATION"):
        if word in said:
            return word
    if "SELF" in said or order.status == "EXPIRED_IN_MATCH":
        return "STP"
    if order.type == "MARKET":
        return "MARKET"
    return order.time_in_force if order.time_in_force in ("IOC", "FOK", "GTX") else ""


class UsdmUserEvents:
    """Events of USD-M accounts as payloads of the user stream."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def payloads(self, event: Event) -> list[dict[str, Any]]:
        """The payloads of an event of this market, none for any other."""
        if isinstance(event, OrderUpdated) and event.order.market == "usdm":
            return [self._order(event)]
        if isinstance(event, AccountUpdated) and event.market == "usdm":
            return [self._account(event)]
        if isinstance(event, LeverageChanged):
            return [self._config(event, "ac", {"s": event.symbol, "l": event.leverage})]
        if isinstance(event, MultiAssetsChanged):
            return [self._config(event, "ai", {"j": event.multi_assets})]
        return []

    def _head(self, kind: str, event: _AccountEvent) -> dict[str, Any]:
        return {"e": kind, "T": self._desk.wire(event.transaction_ms), "E": self._desk.wire(event.event_ms)}

    def _config(self, event: LeverageChanged | MultiAssetsChanged, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return {**self._head("ACCOUNT_CONFIG_UPDATE", event), name: body}

    def _order(self, event: OrderUpdated) -> dict[str, Any]:
        order = event.order
        symbol = self._desk.exchange.symbol("usdm", order.symbol)
        price, quantity = symbol.price_precision, symbol.quantity_precision
        fees = {"N": event.commission_asset, "n": money(event.commission)} if event.commission_asset else {}
        body = {
            "s": order.symbol,
            "c": order.client_order_id,
            "S": order.side,
            "o": order.type,
            "f": order.time_in_force,
            "q": places(order.quantity, quantity),
            "p": places(order.price, price),
            "ap": average_price(order, symbol),
            "sp": "0",
            "x": "EXPIRED" if event.execution == "TRADE_PREVENTION" else event.execution,
            "X": order.status,
            "i": order.order_id,
            "l": places(event.last_quantity, quantity),
            "z": places(order.filled, quantity),
            "L": places(event.last_price, price),
            **fees,
            "T": self._desk.wire(event.transaction_ms),
            "t": event.trade_id or 0,
            "b": self._resting_notional(order, "BUY"),
            "a": self._resting_notional(order, "SELL"),
            "m": event.is_maker,
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": order.type,
            "ps": order.position_side,
            "cp": False,
            "rp": money(event.realized_pnl) if event.realized_pnl else "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": 0,
            "er": _USDM_EXPIRY.get(_expiry(event), "0") if order.status.startswith("EXPIRED") else "0",
        }
        return {**self._head("ORDER_TRADE_UPDATE", event), "o": body}

    def _resting_notional(self, order: Order, side: str) -> str:
        """What the account has resting on one side of the symbol, in quote."""
        resting = self._desk.exchange.orders.open(order.account_id, "usdm", order.symbol)
        return plain(sum((one.remaining * one.price for one in resting if one.side == side), ZERO))

    def _account(self, event: AccountUpdated) -> dict[str, Any]:
        body = {
            "m": event.reason,
            "B": [
                {
                    "a": line.asset,
                    "wb": money(line.free),
                    "cw": money(line.free),
                    "bc": money(line.delta) if line.delta else "0",
                }
                for line in event.balances
            ],
            "P": [self._position(row) for row in event.positions],
        }
        return {**self._head("ACCOUNT_UPDATE", event), "a": body}

    def _position(self, row: Position) -> dict[str, Any]:
        symbol = self._desk.exchange.symbol("usdm", row.symbol)
        isolated = row.margin_type == "ISOLATED"
        wallet = abs(row.quantity) * row.entry_price / row.leverage if isolated else ZERO
        return {
            "s": row.symbol,
            "pa": places(row.quantity, symbol.quantity_precision),
            "ep": _exact(row.entry_price),
            "bep": _exact(row.break_even_price),
            "cr": money(row.realized_pnl),
            "up": money(row.unrealized_pnl),
            "mt": "isolated" if isolated else "cross",
            "iw": money(wallet) if isolated else "0",
            "ps": "BOTH",
            "ma": symbol.settle,
        }


def _exact(value: Decimal) -> str:
    return plain(round(value, 8)) if value else "0"


class SpotUserEvents:
    """Events of spot accounts as payloads of the user stream."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._execution_id = 0

    def payloads(self, event: Event) -> list[dict[str, Any]]:
        """The payloads of an event of this market, none for any other."""
        if isinstance(event, OrderUpdated) and event.order.market == "spot":
            return [self._report(event)]
        if isinstance(event, AccountUpdated) and event.market == "spot":
            return self._balances(event)
        return []

    def _report(self, event: OrderUpdated) -> dict[str, Any]:
        order, wire = event.order, self._desk.wire
        self._execution_id += 1
        cancelled = event.execution == "CANCELED"
        row: dict[str, Any] = {
            "e": "executionReport",
            "E": wire(event.event_ms),
            "s": order.symbol,
            "c": self._desk.cancel_id(order.order_id) if cancelled else order.client_order_id,
            "S": order.side,
            "o": order.type,
            "f": order.time_in_force,
            "q": money(order.quantity),
            "p": money(order.price),
            "P": money(ZERO),
            "F": money(ZERO),
            "g": -1,
            "C": order.client_order_id if cancelled else "",
            "x": event.execution,
            "X": order.status,
            "r": "NONE",
            "i": order.order_id,
            "l": money(event.last_quantity),
            "z": money(order.filled),
            "L": money(event.last_price),
            "n": money(event.commission) if event.commission else "0",
            "N": event.commission_asset or None,
            "T": wire(event.transaction_ms),
            "t": -1 if event.trade_id is None else event.trade_id,
            "I": self._execution_id,
            "w": order.is_open and event.execution != "TRADE",
            "m": event.is_maker,
            "M": False,
            "O": wire(order.created_ms),
            "Z": money(order.quote_filled),
            "Y": money(event.last_price * event.last_quantity),
            "Q": money(order.quote_quantity),
            "W": wire(order.created_ms),
            "V": "EXPIRE_MAKER",
        }
        if order.status == "EXPIRED":
            row["eR"] = _SPOT_EXPIRY.get(_expiry(event), "EXCHANGE_CANCELED")
        return row

    def _balances(self, event: AccountUpdated) -> list[dict[str, Any]]:
        """Deposits and transfers are a balanceUpdate each; every change is an outboundAccountPosition."""
        sent, moment = self._desk.wire(event.event_ms), self._desk.wire(event.transaction_ms)
        moved = [
            {"e": "balanceUpdate", "E": sent, "a": line.asset, "d": money(line.delta), "T": moment}
            for line in event.balances
            if line.delta and event.reason in _MOVED
        ]
        rows = [{"a": line.asset, "f": money(line.free), "l": money(line.locked)} for line in event.balances]
        return [*moved, {"e": "outboundAccountPosition", "E": sent, "u": moment, "B": rows}]
