"""Turns the core's events into the rows that clients see: orders, fills, funding payments, closed profit."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace

from bot.simex.bybit.order_shapes import execution_type
from bot.simex.bybit.records import ClosedPnl, Execution, Record, Replica, Row, Tag, order_digits, order_uuid
from bot.simex.core.account import Account, Income
from bot.simex.core.events import OrderChanged
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import divided
from bot.simex.core.order import Order, PositionSide, Trade

TAGS_MAX = 100_000
SEQ_FIRST = 1_000_000
Held = tuple[str, Key, PositionSide]


class Recorder:
    """Owner of the tags of orders and of what was already told; `wire` maps exchange time to the clients'."""

    def __init__(self, replica: Replica, wire: Callable[[int], int], server_ms: Callable[[], int]) -> None:
        self.replica = replica
        self.marks: dict[Key, int] = {}
        self.fills: dict[tuple[str, Key], int] = {}
        """The cross sequence of an account's last fill on an instrument."""
        self._wire = wire
        self._server_ms = server_ms
        self._tags: dict[int, Tag] = {}
        self._ids: dict[str, int] = {}
        self._number = 0
        self._seq = SEQ_FIRST
        self._held: dict[Held, int] = {}
        self._closed: dict[str, ClosedPnl] = {}
        self._income_seen: dict[str, int] = {}

    # --------------------------------------------------------------------------------------------------------- tags
    def new_tag(self, instrument: Instrument, link_id: str = "") -> Tag:
        """A tag with a fresh id: digits for spot, a uuid for derivatives."""
        self._number += 1
        name = order_digits(self._number) if instrument.kind == "spot" else order_uuid(f"order:{self._number}")
        return Tag(name, self._number, link_id)

    def bind(self, order: Order, tag: Tag) -> None:
        """From now on the core's order goes by this tag."""
        self._tags[order.order_id] = tag
        self._ids[tag.venue_id] = order.order_id
        if len(self._tags) > TAGS_MAX:
            oldest = next(iter(self._tags))
            self._ids.pop(self._tags.pop(oldest).venue_id, None)

    def tag_of(self, order: Order) -> Tag:
        """The tag of an order; one that the exchange made gets its own now, without an owner's id."""
        found = self._tags.get(order.order_id)
        if found is None:
            found = self.new_tag(order.instrument)
            self.bind(order, found)
        return found

    def tag_by_id(self, order_id: int) -> Tag | None:
        """The tag of an order by the core's id, while it is remembered."""
        return self._tags.get(order_id)

    def core_id(self, venue_id: str) -> int | None:
        """The core's id of an order by its id here."""
        return self._ids.get(venue_id)

    def next_seq(self) -> int:
        """The next cross sequence, which grows over all instruments."""
        self._seq += 1
        return self._seq

    # --------------------------------------------------------------------------------------------------------- rows
    def order_changed(self, event: OrderChanged) -> list[Row]:
        """The rows of one change: the fill if there was one, what it closed, and the order's new state."""
        order, trade = event.order, event.trade
        record = self._record(order, self.tag_of(order))
        rows: list[Row] = []
        if trade is not None:
            closed = self._close(trade)
            rows.append(self._execution(record, trade, closed))
            self.fills[order.account_id, trade.instrument.key] = record.seq
            if closed:
                pnl = self._closed_pnl(record, trade, closed)
                rows.append(pnl)
                record = replace(record, closed_pnl=pnl.profit)
        if order.origin != "settlement":
            rows.append(record)
        return self._keep(order.account_id, rows)

    def rejected(self, order: Order, tag: Tag, *, cancelled: bool) -> Record:
        """An order that was acknowledged and then refused by the engine."""
        record = replace(self._record(order, tag), rejected=not cancelled)
        self._keep(order.account_id, [record])
        return record

    def retold(self, order: Order) -> Record:
        """An order of which only what its tag says has changed."""
        record = self._record(copy(order), self.tag_of(order))
        self._keep(order.account_id, [record])
        return record

    def funding(self, account: Account) -> list[Execution]:
        """The funding payments that were booked since this was last asked."""
        seen, fresh = self._income_seen.get(account.account_id, 0), []
        for income in reversed(account.income):
            if income.income_id <= seen:
                break
            fresh.append(income)
        if fresh:
            self._income_seen[account.account_id] = fresh[0].income_id
        rows = [self._payment(one) for one in reversed(fresh) if one.kind == "funding" and one.instrument is not None]
        self._keep(account.account_id, rows)
        return rows

    def _keep(self, account: str, rows: list[Row] | list[Execution] | list[Record]) -> list[Row]:
        now_ms = self._server_ms()
        for row in rows:
            self.replica.add(account, row, now_ms)
        return list(rows)

    def _record(self, order: Order, tag: Tag) -> Record:
        seq = self.next_seq()
        return Record(order, tag, seq, self._wire(order.created_ms), self._wire(order.updated_ms))

    def _execution(self, record: Record, trade: Trade, closed: int) -> Execution:
        return Execution(
            record=record,
            trade=trade,
            income=None,
            instrument=trade.instrument,
            execution_id=execution_id(trade),
            time_ms=self._wire(trade.time_ms),
            seq=record.seq,
            closed=closed,
            leaves=record.order.remaining,
            mark=self.marks.get(trade.instrument.key, 0),
        )

    def _payment(self, income: Income) -> Execution:
        instrument = income.instrument
        assert instrument is not None
        return Execution(
            record=None,
            trade=None,
            income=income,
            instrument=instrument,
            execution_id=order_uuid(f"income:{income.income_id}"),
            time_ms=self._wire(income.time_ms),
            seq=self.next_seq(),
            mark=income.price,
        )

    # ----------------------------------------------------------------------------------------------- what was closed
    def _close(self, trade: Trade) -> int:
        """How much of a position a fill closed."""
        if not trade.instrument.is_future:
            return 0
        name = (trade.account_id, trade.instrument.key, trade.position_side)
        held, signed = self._held.get(name, 0), trade.side * trade.quantity
        self._held[name] = held + signed
        return min(abs(held), abs(signed)) if held * signed < 0 else 0

    def _closed_pnl(self, record: Record, trade: Trade, closed: int) -> ClosedPnl:
        worth = trade.instrument.worth(trade.side * trade.quantity, trade.price)
        closing = divided(worth * closed, trade.quantity)
        before = self._closed.get(record.tag.venue_id)
        pnl = ClosedPnl(
            record=record,
            quantity=closed + (before.quantity if before else 0),
            entry_worth=abs(closing + trade.realized) + (before.entry_worth if before else 0),
            exit_worth=abs(closing) + (before.exit_worth if before else 0),
            profit=trade.realized - trade.fee + (before.profit if before else 0),
            fee=trade.fee + (before.fee if before else 0),
            fills=1 + (before.fills if before else 0),
            exec_type=execution_type(trade.origin, inverse=trade.instrument.kind == "inverse"),
        )
        if record.order.is_open:
            self._closed[record.tag.venue_id] = pnl
        else:
            self._closed.pop(record.tag.venue_id, None)
        return pnl


def execution_id(trade: Trade) -> str:
    """The id of a fill: digits for spot, a uuid for derivatives."""
    if trade.instrument.kind == "spot":
        return order_digits(trade.trade_id)
    return order_uuid(f"trade:{trade.trade_id}:{trade.order_id}")
