"""Order lists of spot: one cancels the other (OCO), a layer over plain orders.

An OCO has a limit leg, which stands in the book and holds the funds of both, and a stop leg, which waits here: the core
learns of it when it is triggered, under the number that it had from the beginning. The first fill of the limit leg, or
its end, ends the stop leg; the stop price, once traded, ends the limit leg and sends the stop leg to the core. Both
happen as soon as the exchange has told of it, before anybody else hears.

A buy holds what its limit leg costs: should its stop leg cost more than there is by then, it expires.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal

import msgspec

from bot.simex.core.events import Execution, OrderChanged, Traded
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import ALIVE, EndReason, Order, Ticket
from bot.simex.core.refusal import Reason, Refused

LISTS_MAX: Final = 10_000
TOLD_MAX: Final = 10_000
NO_LIST: Final = -1
ListStatus = Literal["EXEC_STARTED", "ALL_DONE"]


@dataclass(eq=False, slots=True)
class OrderList:
    """One OCO. `stop` is the order that waits here, later the core's; `ticket` what it will be there."""

    number: int
    client_id: str
    account_id: str
    instrument: Instrument
    limit: Order
    stop: Order
    ticket: Ticket
    time_ms: int
    is_told_done: bool = False

    @property
    def is_done(self) -> bool:
        """Whether neither leg can still change."""
        return self.limit.status not in ALIVE and self.stop.status not in ALIVE

    @property
    def status(self) -> ListStatus:
        """Whether it goes on."""
        return "ALL_DONE" if self.is_done else "EXEC_STARTED"

    @property
    def orders(self) -> tuple[Order, Order]:
        """Its legs, the stop first, as the venue lists them."""
        return self.stop, self.limit


@dataclass(frozen=True, slots=True)
class ListChanged:
    """A list began or ended; its legs as they then were."""

    time_ms: int
    what: OrderList
    status: ListStatus


Told = OrderChanged | ListChanged


class OrderLists:
    """The order lists of one exchange. What their accounts must hear of the legs that wait here is in `told`."""

    def __init__(self, exchange: Exchange, triggered: Callable[[Order], None]) -> None:
        """`triggered` hears of a stop leg that is about to enter the book, before anybody does."""
        self._exchange = exchange
        self._triggered = triggered
        self._next = count(1).__next__
        self._lists: OrderedDict[int, OrderList] = OrderedDict()
        self._by_leg: dict[int, OrderList] = {}
        self._waiting: dict[Key, dict[int, OrderList]] = {}
        self._told: deque[Told] = deque(maxlen=TOLD_MAX)

    # ------------------------------------------------------------------------------------------------------- queries
    def of(self, order_id: int) -> OrderList | None:
        """The list of a leg."""
        return self._by_leg.get(order_id)

    def number_of(self, order_id: int) -> int:
        """The number of a leg's list, -1 for any other order."""
        found = self._by_leg.get(order_id)
        return NO_LIST if found is None else found.number

    def find(self, account_id: str, number: int | None, client_id: str = "") -> OrderList | None:
        """An account's list by its number, else the newest of a client id."""
        if number is not None:
            found = self._lists.get(number)
            return found if found is not None and found.account_id == account_id else None
        return next((one for one in reversed(list(self.all(account_id))) if one.client_id == client_id), None)

    def all(self, account_id: str) -> Iterator[OrderList]:
        """An account's lists that are still known, oldest first."""
        return (one for one in self._lists.values() if one.account_id == account_id)

    def open(self, account_id: str, key: Key | None = None) -> list[OrderList]:
        """An account's lists that go on, oldest first."""
        return [one for one in self.all(account_id) if not one.is_done and key in (None, one.instrument.key)]

    def legs(self, account_id: str, key: Key | None = None) -> list[Order]:
        """The stop legs of an account that the core does not know, waiting or ended."""
        found = (one for one in self.all(account_id) if key in (None, one.instrument.key))
        return [one.stop for one in found if one.stop.status in ("untriggered", "deactivated")]

    def leg(self, account_id: str, key: Key, order_id: int | None, client_id: str) -> Order | None:
        """One of these, by its id or its client id; the newest of several."""
        for order in reversed(self.legs(account_id, key)):
            if order.order_id == order_id or (order_id is None and client_id and order.client_id == client_id):
                return order
        return None

    def told(self) -> list[Told]:
        """What is to be told, once."""
        if not self._told:
            return []
        found = list(self._told)
        self._told.clear()
        return found

    # ------------------------------------------------------------------------------------------------------- changes
    def place(self, account_id: str, client_id: str, limit: Ticket, stop: Ticket) -> OrderList:
        """Place both legs, whose tickets are checked by the caller. Refused: nothing has happened."""
        instrument = limit.instrument
        state = self._exchange.state
        waits = self._waits(account_id, stop, state.next_order_id())
        placed = self._exchange.place(account_id, limit)
        number = self._next()
        made = OrderList(
            number,
            client_id or f"list-{number}",
            account_id,
            instrument,
            placed,
            waits,
            msgspec.structs.replace(stop, trigger=None, order_id=waits.order_id, client_id=waits.client_id),
            state.now_ms,
        )
        self._keep(made)
        self._told.append(ListChanged(state.now_ms, made, "EXEC_STARTED"))
        self._tell(waits, "new")
        return made

    def cancel(self, found: OrderList) -> None:
        """End what is left of a list, as its owner wishes. Refused(ORDER_NOT_OPEN): nothing is."""
        if found.is_done:
            raise Refused(Reason.ORDER_NOT_OPEN)
        if found.stop.status == "untriggered":
            self._end(found, "user")
        for order in found.orders:
            if order.status in ALIVE:
                self._exchange.cancel(found.account_id, order)
        self._finish(found)

    def order_changed(self, event: OrderChanged) -> None:
        """A leg changed in the core: what ends or fills the limit leg ends the stop leg."""
        found = self._by_leg.get(event.order.order_id)
        if found is None:
            return
        is_limit = event.order.order_id == found.limit.order_id
        if is_limit and found.stop.status == "untriggered" and event.execution not in ("new", "amended"):
            self._end(found, "user" if event.order.end == "user" else "parent")
        self._finish(found)

    def traded(self, event: Traded) -> None:
        """A trade: the stop legs that waited for its price come to life."""
        waiting = self._waiting.get(event.instrument.key)
        for found in list(waiting.values()) if waiting else ():
            if _is_reached(found.stop, event.price):
                self._trigger(found)

    # ------------------------------------------------------------------------------------------------------- private
    def _waits(self, account_id: str, ticket: Ticket, order_id: int) -> Order:
        now_ms = self._exchange.now_ms
        return Order(
            order_id,
            ticket.client_id or f"leg-{order_id}",
            account_id,
            ticket.instrument,
            ticket.side,
            ticket.type,
            ticket.tif,
            ticket.quantity,
            ticket.price,
            ticket.prevention,
            "user",
            now_ms,
            now_ms,
            trigger=ticket.trigger,
            status="untriggered",
        )

    def _keep(self, made: OrderList) -> None:
        self._lists[made.number] = made
        for order in made.orders:
            self._by_leg[order.order_id] = made
        self._waiting.setdefault(made.instrument.key, {})[made.number] = made
        if len(self._lists) > LISTS_MAX:
            _, oldest = self._lists.popitem(last=False)
            self._waiting[oldest.instrument.key].pop(oldest.number, None)
            for order in oldest.orders:
                del self._by_leg[order.order_id]

    def _trigger(self, found: OrderList) -> None:
        """The stop price was traded. A limit leg that was filled meanwhile has ended the list already."""
        if found.limit.status not in ALIVE or found.limit.filled:
            return
        self._exchange.cancel(found.account_id, found.limit, "parent")
        self._waiting[found.instrument.key].pop(found.number, None)
        waited = found.stop
        self._triggered(waited)
        try:
            found.stop = self._exchange.place(found.account_id, found.ticket)
        except Refused:
            self._ended(waited, "expired", "margin")
            self._finish(found)

    def _end(self, found: OrderList, reason: EndReason) -> None:
        self._waiting[found.instrument.key].pop(found.number, None)
        self._ended(found.stop, "canceled", reason)

    def _ended(self, order: Order, execution: Execution, reason: EndReason) -> None:
        order.status, order.end = "deactivated", reason
        order.updated_ms = self._exchange.now_ms
        self._tell(order, execution)

    def _finish(self, found: OrderList) -> None:
        if found.is_done and not found.is_told_done:
            found.is_told_done = True
            self._told.append(ListChanged(self._exchange.now_ms, found, "ALL_DONE"))

    def _tell(self, order: Order, execution: Execution) -> None:
        self._told.append(OrderChanged(order.updated_ms, execution, order.__copy__()))


def list_order_status(status: ListStatus) -> str:
    """The status of a list's orders beside that of the list."""
    return "EXECUTING" if status == "EXEC_STARTED" else status


def _is_reached(stop: Order, price: int) -> bool:
    trigger = stop.trigger
    return trigger is not None and (price >= trigger.price if trigger.rises else price <= trigger.price)
