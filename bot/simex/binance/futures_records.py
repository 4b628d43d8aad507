"""What a futures market writes down beside the core: of orders, their changes, margins moved, switches.

Most of a conditional order needs no `Tag`: its type, stop price and working type follow from its trigger.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bot.simex.core.instrument import Key
from bot.simex.core.order import ALIVE, Order
from bot.simex.trailing import Trail

TAGS_MAX: Final = 100_000
AMENDMENTS_MAX: Final = 10_000
MARGIN_CHANGES_MAX: Final = 10_000
# Orders that ended before their date are forgotten whenever this many, or a multiple of it, are remembered.
DEADLINES_SWEPT_EVERY: Final = 1_000


@dataclass(slots=True)
class Tag:
    """What an order was asked for beyond what the core keeps; moments in wire time, 0 for none."""

    good_till_ms: int = 0
    price_match: str = "NONE"
    price_protect: bool = False
    triggered_ms: int = 0
    amendments: int = 0
    trail: Trail | None = None


PLAIN: Final = Tag()


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change of an order by its owner: prices and quantities of 1e-8 before and after."""

    amendment_id: int
    order: Order
    time_ms: int
    price: tuple[int, int]
    quantity: tuple[int, int]
    count: int


@dataclass(frozen=True, slots=True)
class MarginChange:
    """Margin that its owner moved into (1) or out of (2) an isolated position: money, at a moment of the exchange."""

    key: Key
    side: str
    kind: int
    amount: int
    time_ms: int


@dataclass(slots=True)
class Notebook:
    """What the venue writes down of an account beside the core's histories."""

    amendments: deque[Amendment] = field(default_factory=lambda: deque(maxlen=AMENDMENTS_MAX))
    margin_changes: deque[MarginChange] = field(default_factory=lambda: deque(maxlen=MARGIN_CHANGES_MAX))
    fee_burn: bool = False


class Records:
    """The tags of orders and the notebooks of accounts; `wire` maps exchange time to the clients'."""

    def __init__(self, wire: Callable[[int], int]) -> None:
        self._wire = wire
        self._tags: OrderedDict[int, Tag] = OrderedDict()
        self._deadlines: dict[int, Order] = {}
        self._notebooks: dict[str, Notebook] = {}
        self._amendments = 0

    def notebook(self, account_id: str) -> Notebook:
        """What is written down of an account."""
        return self._notebooks.setdefault(account_id, Notebook())

    def tag(self, order: Order) -> Tag:
        """The tag of an order; one of nothing when it has none."""
        return self._tags.get(order.order_id, PLAIN)

    def tag_for(self, order: Order) -> Tag:
        """The tag of an order to write in."""
        found = self._tags.get(order.order_id)
        return self.keep(order, Tag()) if found is None else found

    def keep(self, order: Order, tag: Tag) -> Tag:
        """Remember what an order that was just accepted was asked for."""
        self._tags[order.order_id] = tag
        if tag.good_till_ms:
            self._deadlines[order.order_id] = order
            if len(self._deadlines) % DEADLINES_SWEPT_EVERY == 0:
                self._deadlines = {number: one for number, one in self._deadlines.items() if one.status in ALIVE}
        if len(self._tags) > TAGS_MAX:
            self._tags.popitem(last=False)
        return tag

    def overdue(self, now_ms: int) -> list[Order]:
        """The orders good till a date that has come, each once; `now_ms` is the server's."""
        if not self._deadlines:
            return []
        due = [order for order in self._deadlines.values() if self.tag(order).good_till_ms <= now_ms]
        for order in due:
            del self._deadlines[order.order_id]
        return due

    def amended(self, order: Order, price: int, quantity: int) -> None:
        """An order's owner changed it from this price and quantity to what it has now."""
        self._amendments += 1
        tag = self.tag_for(order)
        tag.amendments += 1
        self.notebook(order.account_id).amendments.append(
            Amendment(
                self._amendments,
                order,
                self._wire(order.updated_ms),
                (price, order.price),
                (quantity, order.quantity),
                tag.amendments,
            )
        )
