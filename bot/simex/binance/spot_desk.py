"""What the spot endpoints and the spot user stream share: the desk, and what the venue keeps of an order on top.

What the core does not know of an order is its `SpotTag`; most orders have none. The dialect hands every event of the
exchange to `observe` before it tells anybody. `lag_ms` is how far the order queries are behind the engine.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from bot.simex.binance.desk import Desk
from bot.simex.binance.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, VenueError, either_missing, venue_error
from bot.simex.binance.futures_replica import FuturesReplica
from bot.simex.binance.order_lists import OrderList, OrderLists
from bot.simex.binance.params import Params
from bot.simex.binance.prevented import PreventedMatches
from bot.simex.binance.reasons import refusal
from bot.simex.core.events import AccountChanged, Event, OrderChanged, Traded
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import ALIVE, BUY, SELL, Order, Side, Ticket, Trigger
from bot.simex.core.refusal import Reason, Refused
from bot.simex.timeline import Timeline

TAGS_MAX: Final = 100_000
CANCEL_IDS_MAX: Final = 10_000
AMENDMENTS_MAX: Final = 10_000
TRANSFERS_MAX: Final = 10_000
AMENDS_PER_ORDER_MAX: Final = 10
DAY_MS: Final = 86_400_000
UNFILLED_KEPT_MS: Final = 90 * DAY_MS
OTHER_CLIENT_ID = (-2039, "Client order ID is not correct for this order ID.", 400)
ARCHIVED = (
    -2026,
    "Order was canceled or expired with no executed qty over 90 days ago and has been archived.",
    400,
)
# What the client's number of a cancelled order is called when the venue makes it up.
CANCEL_ID_BYTES: Final = 11
_MARKET_LOT_SIZE = (-1013, "Filter failure: MARKET_LOT_SIZE", 400)
_NOTIONAL = (-1013, "Filter failure: NOTIONAL", 400)
Row = TypeVar("Row")


@dataclass(slots=True)
class SpotTag:
    """What the venue keeps of an order beyond the core's fields; moments in wire time.

    `working_ms` is when a conditional order came into the book; `amends` how often it was made smaller.
    """

    strategy_id: int | None = None
    strategy_type: int | None = None
    working_ms: int | None = None
    amends: int = 0
    trigger: Trigger | None = None
    """That of a leg of an order list which has come to life."""


PLAIN: Final = SpotTag()


@dataclass(frozen=True, slots=True)
class SpotAmendment:
    """One amendment of an order; quantities of 1e-8, the moment in wire time."""

    execution_id: int
    account_id: str
    order: Order
    old_client_id: str
    new_client_id: str
    old_quantity: int
    new_quantity: int
    time_ms: int


class SpotDesk(Desk):
    """An exchange as its spot market is asked about it."""

    def __init__(self, exchange: Exchange, timeline: Timeline, lag_ms: int = 0) -> None:
        super().__init__(exchange, timeline, "spot")
        self.replica = FuturesReplica(lag_ms, "spot")
        self.first_filled: Callable[[str], None] = lambda _: None
        """Told the account of every order that is filled for the first time."""
        self.prevented = PreventedMatches()
        self.amendments: deque[SpotAmendment] = deque(maxlen=AMENDMENTS_MAX)
        self.lists = OrderLists(exchange, self._awakened)
        self._tags: OrderedDict[int, SpotTag] = OrderedDict()
        self._cancel_ids: OrderedDict[int, str] = OrderedDict()

    # -------------------------------------------------------------------------------------------------------- events
    def observe(self, event: Event) -> None:
        """Something happened on the exchange; of other markets it is ignored."""
        if isinstance(event, OrderChanged) and event.order.instrument.category == self.market:
            self.replica.order_changed(event.order, self.server_ms)
            if event.trade is not None and event.order.filled == event.trade.quantity:
                self.first_filled(event.order.account_id)
            if event.execution == "triggered":
                self.tag_for(event.order.order_id).working_ms = self.wire(event.time_ms)
            self.lists.order_changed(event)
        elif isinstance(event, AccountChanged):
            if event.wallet == self.wallet:
                self.replica.balances.changed(event, self.server_ms)
        elif isinstance(event, Traded) and event.instrument.category == self.market:
            self.lists.traded(event)

    def _awakened(self, order: Order) -> None:
        tag = self.tag_for(order.order_id)
        tag.trigger, tag.working_ms = order.trigger, self.wire(self.exchange.now_ms)

    # ---------------------------------------------------------------------------------------------------------- tags
    def tag(self, order: Order) -> SpotTag:
        """The tag of an order; one of nothing when it has none."""
        return self._tags.get(order.order_id, PLAIN)

    def tag_for(self, order_id: int) -> SpotTag:
        """The tag of an order to write in."""
        found = self._tags.get(order_id)
        if found is None:
            found = self._tags[order_id] = SpotTag()
            if len(self._tags) > TAGS_MAX:
                self._tags.popitem(last=False)
        return found

    def working_ms(self, order: Order) -> int:
        """When an order came into the book, in wire time; -1 while it waits for its trigger."""
        if self.trigger_of(order) is None:
            return self.wire(order.created_ms)
        found = self.tag(order).working_ms
        return -1 if found is None else found

    def trigger_of(self, order: Order) -> Trigger | None:
        """What makes, or made, an order come to life."""
        return order.trigger or self.tag(order).trigger

    # -------------------------------------------------------------------------------------------------------- orders
    def place_ticket(self, account_id: str, ticket: Ticket, tag: SpotTag) -> Order:
        """Place an order now and remember its tag; its refusal in the venue's words."""
        self.catch_up()
        opposite: Side = SELL if ticket.side == BUY else BUY
        rivals = self.exchange.orders.open(account_id, self.market, ticket.instrument.key, opposite)
        try:
            order = self.exchange.place(account_id, ticket)
        except Refused as refused:
            raise self._refusal(ticket, refused) from None
        if rivals:
            self.prevented.note(order, rivals)
        if tag != PLAIN:
            written = self.tag_for(order.order_id)
            written.strategy_id, written.strategy_type = tag.strategy_id, tag.strategy_type
        return order

    def _refusal(self, ticket: Ticket, refused: Refused) -> VenueError:
        """The core has one reason where the venue has several filters, and looks at lots before it looks at money."""
        over = ticket.quantity > ticket.instrument.filters.market_quantity_max
        if ticket.type == "market" and refused.reason is Reason.QUANTITY_MAX and over:
            return venue_error(_MARKET_LOT_SIZE)
        if ticket.quote_quantity and refused.reason is Reason.QUANTITY_MIN:
            return venue_error(_NOTIONAL)
        return refusal(refused, spot=True)

    def live_order(self, account_id: str, instrument: Instrument, order_id: int | None, client_id: str) -> Order:
        """The order that a cancellation or an amendment names; -2011 when there is none."""
        try:
            order = self._known(account_id, instrument.key, order_id, client_id)
        except Refused:
            raise venue_error(UNKNOWN_ORDER) from None
        if client_id and order.client_id != client_id:
            raise venue_error(UNKNOWN_ORDER)
        return order

    def end_order(self, account_id: str, order: Order, cancel_id: str, restriction: str = "") -> str:
        """Cancel an order under a client id, made up when empty, which is answered. -2011 when it is not open."""
        wanted = {"ONLY_NEW": ("new", "untriggered"), "ONLY_PARTIALLY_FILLED": ("partially_filled",)}
        if order.status in ALIVE and restriction and order.status not in wanted[restriction]:
            raise VenueError(-2011, "Order was not canceled due to cancel restrictions.")
        chosen = cancel_id or secrets.token_hex(CANCEL_ID_BYTES)
        found = self.lists.of(order.order_id)
        if found is not None and order.status in ALIVE:
            return self._end_list(found, chosen)
        if order.status in ALIVE:
            self._name_cancel(order.order_id, chosen)
        self.run(lambda: self.exchange.cancel(account_id, order))
        return chosen

    def _end_list(self, found: OrderList, chosen: str) -> str:
        """Cancel what is left of an order list: an order of it is cancelled with all the others."""
        for order in found.orders:
            if order.status in ALIVE:
                self._name_cancel(order.order_id, chosen)
        self.run(lambda: self.lists.cancel(found))
        return chosen

    def cancel_id(self, order_id: int) -> str:
        """The client id of the request that cancelled an order, or one of the exchange's own making."""
        return self._cancel_ids.pop(order_id, "") or secrets.token_hex(11)

    def seen_order(self, account_id: str, params: Params) -> Order:
        """The order of a query, as the queries see it: late. -2013 when there is none, -2026 when it is too old."""
        order = self._seen(self._find_order(account_id, params))
        if order is None:
            raise venue_error(NO_SUCH_ORDER)
        age_ms = self.server_ms - self.wire(order.updated_ms)
        if order.status not in ALIVE and not order.filled and age_ms > UNFILLED_KEPT_MS:
            raise venue_error(ARCHIVED)
        return order

    def _seen(self, order: Order) -> Order | None:
        """An order as the queries have it; None when they do not know it yet. A leg that waits is known at once."""
        if self.lists.of(order.order_id) is not None and order.status in ("untriggered", "deactivated"):
            return order
        return self.replica.order(order, self.server_ms)

    def seen_history(self, account_id: str, key: Key | None = None) -> Iterator[Order]:
        """Every order of an account that the queries know, by order id."""
        known = self.exchange.orders.history(account_id, self.market, key)
        legs = self.lists.legs(account_id, key)
        for order in sorted([*known, *legs], key=_by_id) if legs else known:
            seen = self._seen(order)
            if seen is not None:
                yield seen

    def seen_open(self, account_id: str, key: Key | None = None) -> Iterator[Order]:
        """The orders that the queries take for open, by order id."""
        if not self.replica.kept_ms:
            waiting = [one for one in self.lists.legs(account_id, key) if one.status in ALIVE]
            yield from sorted([*self.exchange.orders.open(account_id, self.market, key), *waiting], key=_by_id)
            return
        for order in self.seen_history(account_id, key):
            if order.status in ALIVE:
                yield order

    def _find_order(self, account_id: str, params: Params) -> Order:
        """The order that `orderId` or `origClientOrderId` names; both must agree when both are sent."""
        instrument = self.symbol(params)
        order_id, client_id = reference(params)
        order = self.run(lambda: self._known(account_id, instrument.key, order_id, client_id))
        if client_id and order.client_id != client_id:
            raise venue_error(OTHER_CLIENT_ID)
        return order

    def _known(self, account_id: str, key: Key, order_id: int | None, client_id: str) -> Order:
        """An order of the core, or a leg that it does not know; the order id wins. Refused(UNKNOWN_ORDER)."""
        leg = self.lists.leg(account_id, key, order_id, client_id)
        if leg is not None:
            return leg
        return self.exchange.orders.find(account_id, key, order_id, "" if order_id is not None else client_id)

    def _name_cancel(self, order_id: int, cancel_id: str) -> None:
        """Remember under which client id an order is being cancelled, for the event that tells of it."""
        self._cancel_ids[order_id] = cancel_id
        while len(self._cancel_ids) > CANCEL_IDS_MAX:
            self._cancel_ids.popitem(last=False)


def _by_id(order: Order) -> int:
    return order.order_id


def reference(
    params: Params, id_name: str = "orderId", client_name: str = "origClientOrderId"
) -> tuple[int | None, str]:
    """An order id and a client id, of which one must be there."""
    order_id, client_id = params.integer(id_name), params.text(client_name)
    if order_id is None and not client_id:
        raise either_missing(client_name, id_name)
    return order_id, client_id
