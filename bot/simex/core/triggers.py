"""Orders that wait for a price: found by comparing one number, however many wait.

For every instrument and every price that can be watched (last, mark, index) there are two heaps, of the orders that
wait for a rise and of those that wait for a fall. An order that was cancelled or moved stays in its heap until it
comes to the top, and is dropped there. Orders of one trigger price fire in the order of their ids.
"""

from __future__ import annotations

from heapq import heappop, heappush

from bot.simex.core.instrument import Key
from bot.simex.core.order import Order, Trigger, TriggerBy

# A heap is cleared of orders that no longer wait when they are more than this many and more than half of it.
STALE_MAX = 64

_Heap = list[tuple[int, int, int, Order]]


class Watch:
    """The orders that wait for one price of one instrument to rise (`sign` 1) or to fall (-1)."""

    __slots__ = ("_heap", "_serial", "_sign", "_stale")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._heap: _Heap = []
        self._serial = 0
        self._stale = 0

    def add(self, order: Order, price: int) -> None:
        """An order begins to wait."""
        self._serial += 1
        heappush(self._heap, (price * self._sign, order.order_id, self._serial, order))

    def drop(self) -> None:
        """An order in the heap no longer waits."""
        self._stale += 1
        if self._stale > STALE_MAX and 2 * self._stale > len(self._heap):
            newest = {entry[1]: entry for entry in self._heap if _waits(entry, self._sign)}
            self._heap = sorted(newest.values())
            self._stale = 0

    def due(self, price: int, found: list[Order]) -> None:
        """Move the orders that a price sets off to `found`."""
        reached, heap = price * self._sign, self._heap
        while heap and heap[0][0] <= reached:
            entry = heappop(heap)
            if _waits(entry, self._sign):
                found.append(entry[3])
            elif self._stale:
                self._stale -= 1


class Triggers:
    """All watches of one exchange; `watches` is empty as long as no order has ever waited."""

    def __init__(self) -> None:
        self.watches: dict[tuple[Key, TriggerBy, int], Watch] = {}

    def add(self, order: Order) -> None:
        """An untriggered order begins to wait, for the first time or with an amended trigger."""
        trigger = _trigger(order)
        where = (order.instrument.key, trigger.by, 1 if trigger.rises else -1)
        found = self.watches.get(where)
        if found is None:
            found = self.watches[where] = Watch(where[2])
        found.add(order, trigger.price)

    def drop(self, order: Order) -> None:
        """An order is about to be cancelled, or to wait for something else."""
        trigger = _trigger(order)
        self.watches[(order.instrument.key, trigger.by, 1 if trigger.rises else -1)].drop()

    def watched(self) -> list[tuple[Key, TriggerBy]]:
        """What is, or was, waited for: instruments and prices."""
        return list(dict.fromkeys((key, by) for key, by, _ in self.watches))

    def due(self, key: Key, by: TriggerBy, low: int, high: int) -> list[Order]:
        """What prices of an instrument from `low` to `high` set off, first those that waited for a rise."""
        found: list[Order] = []
        for sign, price in ((1, high), (-1, low)):
            watch = self.watches.get((key, by, sign))
            if watch is not None:
                watch.due(price, found)
        return found


def _waits(entry: tuple[int, int, int, Order], sign: int) -> bool:
    order = entry[3]
    return order.status == "untriggered" and entry[0] * sign == _trigger(order).price


def _trigger(order: Order) -> Trigger:
    if order.trigger is None:
        raise ValueError(f"order {order.order_id} has no trigger")
    return order.trigger
