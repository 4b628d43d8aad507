"""One number for everything that happened: the same calls on the same seed give it again, on any Python.

Each event is written as a JSON array of integers, booleans and strings, an instrument as its category and name. What
was asked for is written when an order is new, and afterwards what of it this change can have changed; what its fills
add up to is told by the fills. The SHA-256 runs over these arrays, a line each, in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import msgspec

from bot.simex.core.events import (
    AccountChanged,
    DepthChanged,
    Event,
    ForceOrder,
    MarginCalled,
    Marked,
    OrderChanged,
    PositionRow,
    SettingChanged,
    StatusChanged,
    TopChanged,
    Traded,
)

_Row = tuple[object, ...]
# Events that are written at once: few enough for the processor's cache.
BATCH = 64
_lines = msgspec.json.Encoder().encode_lines


class Digest:
    """A running SHA-256 over events."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def feed(self, events: Sequence[Event]) -> None:
        """Take in events, in the order in which they happened."""
        update, writers = self._hash.update, _WRITERS
        for first in range(0, len(events), BATCH):
            update(_lines([writers[type(event)](event) for event in events[first : first + BATCH]]))

    def hexdigest(self) -> str:
        """The hash of everything so far."""
        return self._hash.hexdigest()


def _order(event: OrderChanged) -> _Row:
    """What this kind of change can have changed; whose it is and what was asked for, when it is new."""
    execution, order, trade = event.execution, event.order, event.trade
    if trade is not None:
        return (
            execution,
            event.time_ms,
            order.order_id,
            order.filled,
            order.locked,
            trade.trade_id,
            trade.price,
            trade.quantity,
            trade.fee,
            trade.fee_asset,
            trade.is_maker,
            trade.realized,
        )
    if execution == "new":
        return (
            execution,
            event.time_ms,
            order.order_id,
            order.quantity,
            order.price,
            order.client_id,
            order.account_id,
            order.instrument.key,
            order.side,
            order.type,
        )
    return (
        execution,
        event.time_ms,
        order.order_id,
        order.quantity,
        order.price,
        order.status,
        order.end,
        order.filled,
        order.ahead,
        order.locked,
    )


def _account(event: AccountChanged) -> _Row:
    rows = [_position(row) for row in event.positions]
    return ("account", event.time_ms, event.account_id, event.wallet, event.reason, event.coins, rows)


def _position(row: PositionRow) -> _Row:
    return (
        row.instrument.key,
        row.side,
        row.quantity,
        row.cost,
        row.realized,
        row.mark,
        row.isolated,
        row.isolated_margin,
        row.leverage,
    )


def _setting(event: SettingChanged) -> _Row:
    key = None if event.instrument is None else event.instrument.key
    return ("setting", event.time_ms, event.account_id, event.name, key, event.value)


def _called(event: MarginCalled) -> _Row:
    rows = [_position(row) for row in event.positions]
    return ("called", event.time_ms, event.account_id, event.wallet, rows)


def _top(event: TopChanged) -> _Row:
    return (
        "top",
        event.time_ms,
        event.instrument.key,
        event.update_id,
        event.bid,
        event.bid_quantity,
        event.ask,
        event.ask_quantity,
    )


def _depth(event: DepthChanged) -> _Row:
    return ("depth", event.time_ms, event.instrument.key, event.first_id, event.last_id, event.bids, event.asks)


def _traded(event: Traded) -> _Row:
    return (
        "traded",
        event.time_ms,
        event.instrument.key,
        event.trade_id,
        event.price,
        event.quantity,
        event.buyer_is_maker,
    )


def _marked(event: Marked) -> _Row:
    return (
        "marked",
        event.time_ms,
        event.instrument.key,
        event.mark,
        event.index,
        event.rate,
        event.next_funding_ms,
    )


def _forced(event: ForceOrder) -> _Row:
    return (
        "forced",
        event.time_ms,
        event.instrument.key,
        event.side,
        event.price,
        event.average_price,
        event.quantity,
        event.filled,
    )


def _status(event: StatusChanged) -> _Row:
    return ("status", event.time_ms, event.instrument.key, event.status)


_WRITERS: dict[type, Callable[..., _Row]] = {
    OrderChanged: _order,
    AccountChanged: _account,
    SettingChanged: _setting,
    MarginCalled: _called,
    TopChanged: _top,
    DepthChanged: _depth,
    Traded: _traded,
    Marked: _marked,
    ForceOrder: _forced,
    StatusChanged: _status,
}
