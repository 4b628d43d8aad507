"""What the query endpoints read: every account's orders, fills and closed positions, some time behind the engine.

At Bybit an order request is acknowledged before it is carried out, and queries are answered by replicas. `lag_ms` is
how far they are behind; the private stream is not. What Bybit keeps of an order and the core does not is its `Tag`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bot.simex.core.account import Income
from bot.simex.core.instrument import Category, Instrument
from bot.simex.core.order import Order, PositionSide, Trade, TriggerBy
from bot.simex.lag import BalanceReplica, Lag

ORDERS_MAX = 20_000
EXECUTIONS_MAX = 50_000
RECENT_CLOSED_MAX = 500
POSITION_INDEX: dict[PositionSide, int] = {"both": 0, "long": 1, "short": 2}


Goal = Literal["takeProfit", "stopLoss"]
GOALS: tuple[Goal, ...] = ("takeProfit", "stopLoss")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a position is to be closed: the trigger, what it watches, and the price of a limit order (0: market)."""

    price: int
    by: TriggerBy
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Attached:
    """Take profit and stop loss that an order brings along for the position it opens."""

    partial: bool
    targets: dict[Goal, Target]


@dataclass(slots=True)
class Tag:
    """What the dialect knows of an order: its id here, and what its owner asked for beyond what the core takes."""

    venue_id: str
    number: int
    """Grows with every order of the exchange: the newest has the largest."""
    link_id: str = ""
    stop_type: str = ""
    trigger_direction: int = 0
    close_on_trigger: bool = False
    smp_type: str = "None"
    market_unit: str = ""
    tolerance: tuple[str, str] | None = None
    """A market order with a slippage tolerance (type, value); the core knows it as a limit order."""
    last_price: int = 0
    reject_reason: str = ""
    """Set when the engine refused the order after it was acknowledged."""
    attached: Attached | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """An order as it was after one change of it, with the times on the wire; `seq` grows with every record."""

    order: Order
    tag: Tag
    seq: int
    created_ms: int
    updated_ms: int
    rejected: bool = False
    closed_pnl: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """One row of the execution list: a fill of an order, or a funding payment."""

    record: Record | None
    trade: Trade | None
    income: Income | None
    instrument: Instrument
    execution_id: str
    time_ms: int
    seq: int
    closed: int = 0
    leaves: int = 0
    mark: int = 0


@dataclass(frozen=True, slots=True)
class ClosedPnl:
    """What a closing order made so far: sums of quantity, worth at entry and exit, profit and fees, as money."""

    record: Record
    quantity: int
    entry_worth: int
    exit_worth: int
    profit: int
    fee: int
    fills: int
    exec_type: str


def order_uuid(name: str) -> str:
    """An id in the form of a uuid that depends on the name alone."""
    return str(uuid.UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4))


def order_digits(number: int) -> str:
    """A spot order id: digits, as the venue has them there."""
    return str(1_321_003_749_386_000_000 + number)


@dataclass(slots=True)
class Book:
    """One account's rows. `orders` holds the newest record of every order by id here, oldest change first."""

    orders: OrderedDict[str, Record] = field(default_factory=OrderedDict)
    by_link: dict[tuple[Category, str], str] = field(default_factory=dict)
    executions: deque[Execution] = field(default_factory=lambda: deque(maxlen=EXECUTIONS_MAX))
    closed: OrderedDict[str, ClosedPnl] = field(default_factory=OrderedDict)

    def put(self, record: Record) -> None:
        """Take in an order's newest state; the oldest closed order goes when there are too many."""
        tag, category = record.tag, record.order.instrument.category
        self.orders[tag.venue_id] = record
        if tag.link_id:
            self.by_link[category, tag.link_id] = tag.venue_id
        while len(self.orders) > ORDERS_MAX:
            gone = self.orders.popitem(last=False)[1]
            self.by_link.pop((gone.order.instrument.category, gone.tag.link_id), None)


Row = Record | Execution | ClosedPnl


class Replica(Lag):
    """The rows of all accounts as the query endpoints see them at a moment."""

    def __init__(self, lag_ms: int = 0) -> None:
        super().__init__(lag_ms, "bybit")
        self.balances = BalanceReplica(self)
        self.cleared_ms = 0
        self._books: dict[str, Book] = {}
        self._coming: deque[tuple[int, str, Row]] = deque()

    def add(self, account: str, row: Row, now_ms: int) -> None:
        """Something happened; it becomes visible as much later as a query is behind."""
        self._coming.append((now_ms, account, row))

    def book(self, account: str, now_ms: int) -> Book:
        """An account's rows as they are visible to the query that is answered now."""
        while self._coming and self._coming[0][0] <= now_ms - self.kept_ms:
            _, owner, row = self._coming.popleft()
            self._show(self._books.setdefault(owner, Book()), row)
        book = self._books.setdefault(account, Book())
        horizon_ms = self.horizon_ms(now_ms)
        newer = [row for at_ms, owner, row in self._coming if owner == account and at_ms <= horizon_ms]
        if newer:
            # The next query may be further behind: what every query knows stays as it is.
            book = Book(book.orders.copy(), book.by_link.copy(), book.executions.copy(), book.closed.copy())
            for row in newer:
                self._show(book, row)
        return book

    def open_and_recent(self, account: str, category: Category, now_ms: int, *, closed: bool) -> Iterator[Record]:
        """Newest first: the open orders, or the most recent closed ones since the service was restarted."""
        count = 0
        for record in reversed(self.book(account, now_ms).orders.values()):
            if record.order.instrument.category != category or is_closed(record) != closed:
                continue
            if closed and (count >= RECENT_CLOSED_MAX or record.updated_ms < self.cleared_ms):
                continue
            count += 1
            yield record

    def find(self, account: str, category: Category, venue_id: str, link_id: str, now_ms: int) -> Record | None:
        """The order that an id names, the venue's before the owner's."""
        book = self.book(account, now_ms)
        found = book.orders.get(venue_id or book.by_link.get((category, link_id), ""))
        return found if found is not None and found.order.instrument.category == category else None

    def _show(self, book: Book, row: Row) -> None:
        if isinstance(row, Record):
            book.put(row)
        elif isinstance(row, Execution):
            book.executions.append(row)
        else:
            book.closed[row.record.tag.venue_id] = row
            while len(book.closed) > ORDERS_MAX:
                book.closed.popitem(last=False)


def is_closed(record: Record) -> bool:
    """Whether nothing more will happen to the order."""
    return record.rejected or not (record.order.is_open or record.order.status in ("untriggered", "triggered"))


def position_index(side: PositionSide) -> int:
    """The `positionIdx` of a position."""
    return POSITION_INDEX[side]
