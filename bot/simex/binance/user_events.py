"""User-stream events of a futures market in Binance's field names, USD-M and COIN-M.

Of an order there is ORDER_TRADE_UPDATE, of its fills in USD-M also TRADE_LITE, of wallets and positions ACCOUNT_UPDATE.
Conditional orders of USD-M belong to the algo service: what happens to them there is ALGO_UPDATE, and they are orders
from the moment they are triggered, when the core tells that they are new. In COIN-M such an order expires and is new
again with its other type.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from bot.simex.binance.figures import money, quantity, trimmed
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_positions import ALIAS
from bot.simex.binance.futures_shapes import WORKING_TYPE_OF, asked_type, average_price, time_in_force, type_now
from bot.simex.binance.rest_futures_algo import algo_id, algo_status, algo_type, trigger_of
from bot.simex.binance.words import (
    is_ended_by_exchange,
    plain,
    position_side_of,
    prevention_of,
    price_of,
    quantity_of,
    side_of,
    status_of,
)
from bot.simex.core.account import Account
from bot.simex.core.events import (
    AccountChanged,
    AccountReason,
    Coins,
    MarginCalled,
    OrderChanged,
    PositionRow,
    SettingChanged,
)
from bot.simex.core.numbers import SCALE, divided
from bot.simex.core.order import ALIVE, EndReason, Order

Row = dict[str, Any]
AccountEvent = OrderChanged | AccountChanged | SettingChanged | MarginCalled
_EXECUTIONS: Final = {
    "new": "NEW",
    "trade": "TRADE",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "amended": "AMENDMENT",
    "triggered": "EXPIRED",
    "prevented": "EXPIRED",
}
# Fills that the exchange forced upon the account.
_CALCULATED: Final = frozenset({"liquidation", "takeover", "adl"})
_EXPIRY: Final[Mapping[EndReason, str]] = {
    "ioc": "2",
    "reduce_only": "4",
    "liquidation": "5",
    "adl": "5",
    "margin": "5",
    "settlement": "7",
    "market": "9",
    "fok": "10",
    "post_only": "11",
}
_SELF_TRADE, _SELF_TRADE_IOC, _TRIGGERED = "1", "3", "8"
_REASONS: Final[Mapping[AccountReason, str]] = {
    "order": "ORDER",
    "fee": "ORDER",
    "adl": "ORDER",
    "liquidation": "ORDER",
    "settlement": "ORDER",
    "funding": "FUNDING_FEE",
    "deposit": "DEPOSIT",
    "withdraw": "WITHDRAW",
    "margin_type": "MARGIN_TYPE_CHANGE",
    "margin_transfer": "MARGIN_TRANSFER",
    "insurance": "INSURANCE_CLEAR",
    "adjustment": "ADJUSTMENT",
}


class FuturesUserEvents:
    """Events of a futures market's accounts as payloads of its user stream."""

    def __init__(self, desk: FuturesDesk) -> None:
        self._desk = desk

    def payloads(self, event: AccountEvent) -> list[Row]:
        """The payloads of an event of this market, none for any other."""
        if isinstance(event, OrderChanged):
            return self._order_changed(event) if event.order.instrument.category == self._desk.market else []
        if isinstance(event, AccountChanged):
            return [self._account(event)] if event.wallet == self._desk.wallet else []
        if isinstance(event, MarginCalled):
            return [self._margin_call(event)] if event.wallet == self._desk.wallet else []
        return self._setting(event)

    def _head(self, kind: str, time_ms: int) -> Row:
        moment = self._desk.wire(time_ms)
        return {"e": kind, "T": moment, "E": moment, **({"i": ALIAS} if self._desk.is_inverse else {})}

    # -------------------------------------------------------------------------------------------------------- orders
    def _order_changed(self, event: OrderChanged) -> list[Row]:
        order = event.order
        if self._desk.is_inverse:
            return [self._expired_by_trigger(event) if event.execution == "triggered" else self._order(event)]
        if order.trigger is None:
            return [*self._lite(event), self._order(event)]
        return self._conditional(event)

    def _conditional(self, event: OrderChanged) -> list[Row]:
        """What became of an order of the algo service."""
        order = event.order
        if event.execution == "amended" and self._desk.tag(order).trail is not None:
            # It only followed the market.
            return []
        if order.status in ("untriggered", "deactivated"):
            return [self._algo(event, algo_status(order))]
        if event.execution == "triggered":
            return [self._algo(event, "TRIGGERING"), self._algo(event, "TRIGGERED")]
        ended = [] if order.status in ALIVE else [self._algo(event, algo_status(order))]
        return [*self._lite(event), self._order(event), *ended]

    def _expired_by_trigger(self, event: OrderChanged) -> Row:
        row = self._order(event)
        kind = asked_type(event.order)
        row["o"] |= {"o": kind, "ot": kind, "x": "EXPIRED", "X": "EXPIRED", "er": _TRIGGERED}
        return row

    def _lite(self, event: OrderChanged) -> list[Row]:
        """A fill in few words; it comes before the whole story and tells the same."""
        order, trade = event.order, event.trade
        if trade is None:
            return []
        one = order.instrument
        return [
            {
                **self._head("TRADE_LITE", event.time_ms),
                "s": one.name,
                "q": quantity_of(one, order.quantity),
                "p": price_of(one, order.price),
                "m": trade.is_maker,
                "c": order.client_id,
                "S": side_of(order.side),
                "L": price_of(one, trade.price),
                "l": quantity_of(one, trade.quantity),
                "t": trade.trade_id,
                "i": order.order_id,
            }
        ]

    def _order(self, event: OrderChanged) -> Row:
        order, desk = event.order, self._desk
        one, tag = order.instrument, desk.tag(order)
        trigger = order.trigger
        body: Row = {
            "s": one.name,
            "c": order.client_id,
            "S": side_of(order.side),
            "o": type_now(order),
            "f": time_in_force(order, tag),
            "q": quantity_of(one, order.quantity),
            "p": price_of(one, order.price) if order.price else "0",
            "ap": average_price(order) if order.filled else "0",
            "sp": price_of(one, trigger.price) if trigger is not None else "0",
            "x": self._execution(event),
            "X": status_of(order),
            "i": order.order_id,
            **self._fill(event),
            "b": trimmed_money(self._resting(order, is_bid=True)),
            "a": trimmed_money(self._resting(order, is_bid=False)),
            "R": order.reduce_only,
            "wt": WORKING_TYPE_OF[trigger.by if trigger is not None else "last"],
            "ot": asked_type(order) if desk.is_inverse else type_now(order),
            "ps": position_side_of(order.position_side),
            "cp": order.close_position,
            "pP": tag.price_protect,
            "si": 0,
            "ss": 0,
            "V": prevention_of(order),
            "pm": tag.price_match,
            "gtd": tag.good_till_ms,
            "er": expiry_of(order),
        }
        if desk.is_inverse:
            body["ma"] = one.settle
        return {**self._head("ORDER_TRADE_UPDATE", event.time_ms), "o": body}

    def _execution(self, event: OrderChanged) -> str:
        if event.trade is not None and event.order.origin in _CALCULATED:
            return "CALCULATED"
        return "EXPIRED" if is_ended_by_exchange(event.order) else _EXECUTIONS[event.execution]

    def _fill(self, event: OrderChanged) -> Row:
        order, trade = event.order, event.trade
        one = order.instrument
        fee: Row = {}
        if trade is not None and trade.fee:
            fee = {"N": trade.fee_asset, "n": money(trade.fee)}
        return {
            "l": quantity_of(one, trade.quantity) if trade is not None else "0",
            "z": quantity_of(one, order.filled) if order.filled else "0",
            "L": price_of(one, trade.price) if trade is not None else "0",
            **fee,
            "T": self._desk.wire(event.time_ms),
            "t": trade.trade_id if trade is not None else 0,
            "m": trade.is_maker if trade is not None else False,
            "rp": money(trade.realized) if trade is not None and trade.realized else "0",
        }

    def _resting(self, order: Order, *, is_bid: bool) -> int:
        """What the account has resting on one side of the instrument, as money."""
        position = self._desk.account(order.account_id).position(order.instrument, order.position_side)
        return position.bid_worth if is_bid else position.ask_worth

    def _algo(self, event: OrderChanged, status: str) -> Row:
        order, desk = event.order, self._desk
        one, trigger, tag = order.instrument, trigger_of(order), desk.tag(order)
        became: Row = {"ai": ""}
        if order.status not in ("untriggered", "deactivated") and status != "TRIGGERING":
            became = {
                "ai": str(order.order_id),
                "ap": average_price(order),
                "aq": quantity_of(one, order.filled),
                "act": type_now(order),
            }
        body: Row = {
            "caid": order.client_id,
            "aid": algo_id(order),
            "at": "CONDITIONAL",
            "o": algo_type(order, tag),
            "s": one.name,
            "S": side_of(order.side),
            "ps": position_side_of(order.position_side),
            "f": time_in_force(order, tag),
            "q": quantity_of(one, order.quantity),
            "X": status,
            **became,
            "tp": price_of(one, 0 if tag.trail is not None else trigger.price),
            "p": price_of(one, order.price) if order.price else "0",
            "V": prevention_of(order),
            "wt": WORKING_TYPE_OF[trigger.by],
            "pm": tag.price_match,
            "cp": order.close_position,
            "pP": tag.price_protect,
            "R": order.reduce_only,
            "tt": tag.triggered_ms,
            "gtd": tag.good_till_ms,
        }
        if status == "REJECTED":
            body["rm"] = "Reduce Only reject" if order.end == "reduce_only" else "Margin is insufficient."
        return {**self._head("ALGO_UPDATE", event.time_ms), "o": body}

    # ------------------------------------------------------------------------------------------------------- account
    def _account(self, event: AccountChanged) -> Row:
        """Of funding there is the balance alone, and the positions that are isolated."""
        positions = event.positions
        if event.reason == "funding":
            positions = tuple(row for row in positions if row.isolated)
        account = self._desk.account(event.account_id)
        body = {
            "m": self._reason(event),
            "B": [_coins(one) for one in event.coins],
            "P": [self._position(account, row) for row in positions],
        }
        return {**self._head("ACCOUNT_UPDATE", event.time_ms), "a": body}

    def _reason(self, event: AccountChanged) -> str:
        if event.reason == "transfer":
            return "DEPOSIT" if all(one.delta >= 0 for one in event.coins) else "WITHDRAW"
        return _REASONS[event.reason]

    def _position(self, account: Account, row: PositionRow) -> Row:
        one = row.instrument
        unrealized = one.worth(row.quantity, row.mark) - row.cost if row.mark else 0
        even = self._desk.valuation.position(account, one, row.side).break_even_price
        shown = {
            "s": one.name,
            "pa": quantity(one, row.quantity),
            "ep": trimmed(entry_price(row)) if row.quantity else "0",
            "bep": plain(round(even, 8)) if row.quantity and even else "0",
            "cr": money(row.realized),
            "up": money(unrealized),
            "mt": "isolated" if row.isolated else "cross",
            "iw": money(row.isolated_margin) if row.isolated and row.quantity else "0",
            "ps": position_side_of(row.side),
        }
        return shown if self._desk.is_inverse else {**shown, "ma": one.settle}

    def _margin_call(self, event: MarginCalled) -> Row:
        account = self._desk.account(event.account_id)
        rows = [self._called(account, row) for row in event.positions]
        row: Row = {"e": "MARGIN_CALL", "E": self._desk.wire(event.time_ms)}
        crossed = next((one.instrument.settle for one in event.positions if not one.isolated), None)
        if self._desk.is_inverse:
            row["i"] = ALIAS
        if crossed is not None:
            row["cw"] = money(account.wallets[event.wallet][crossed].balance)
        return {**row, "p": rows}

    def _called(self, account: Account, row: PositionRow) -> Row:
        one = row.instrument
        needed = self._desk.valuation.position(account, one, row.side).maintenance_margin
        return {
            "s": one.name,
            "ps": position_side_of(row.side),
            "pa": quantity(one, row.quantity),
            "mt": "ISOLATED" if row.isolated else "CROSSED",
            "iw": money(row.isolated_margin) if row.isolated else "0",
            "mp": trimmed(row.mark),
            "up": money(one.worth(row.quantity, row.mark) - row.cost),
            "mm": plain(needed) if needed else "0",
        }

    def _setting(self, event: SettingChanged) -> list[Row]:
        head = self._head("ACCOUNT_CONFIG_UPDATE", event.time_ms)
        if event.name == "multi_assets":
            return [] if self._desk.is_inverse else [{**head, "ai": {"j": event.value}}]
        if event.name != "leverage" or event.instrument is None or event.instrument.category != self._desk.market:
            return []
        return [{**head, "ac": {"s": event.instrument.name, "l": event.value}}]


def expiry_of(order: Order) -> str:
    """Why an order has expired, "0" when it has not: by its owner, or not at all."""
    if order.status not in ("expired", "canceled", "deactivated"):
        return "0"
    if order.end == "self_trade":
        return _SELF_TRADE_IOC if order.tif == "ioc" else _SELF_TRADE
    return _EXPIRY.get(order.end, "0")


def entry_price(row: PositionRow) -> int:
    """The price at which a position was built, of 1e-8, half to even."""
    one = row.instrument
    if one.kind == "inverse":
        return (
            divided(-row.quantity * one.face * SCALE, row.cost)
            if row.cost > 0
            else divided(row.quantity * one.face * SCALE, -row.cost)
        )
    return divided(abs(row.cost), abs(row.quantity))


def _coins(one: Coins) -> Row:
    return {
        "a": one.asset,
        "wb": money(one.balance),
        "cw": money(one.balance - one.isolated),
        "bc": money(one.delta) if one.delta else "0",
    }


def trimmed_money(value: int) -> str:
    """Money without needless zeros."""
    return plain(Decimal(money(value)))
