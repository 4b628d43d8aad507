"""Order entry: create, amend, cancel and their batches, by REST and by the trade socket.

A request is acknowledged when the gateway accepts it, and what cannot be accepted as things are is refused with a code.
Without an engine delay the engine carries it out at once. With one it comes `delay_ms` later: the client has an id by
then, and what the engine has to refuse after all (another order took the margin, the price left its bounds, trading was
halted) reaches it on the order stream as Rejected. A post-only order that would take, a fill-or-kill order that cannot
be filled and an order that finds no liquidity are acknowledged in either case and end as Cancelled, with a reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bot.simex.bybit import attached
from bot.simex.bybit.desk import DERIVATIVES, Desk, category_of
from bot.simex.bybit.errors import (
    DELISTING,
    ENDS_CANCELLED,
    NO_OTHERWISE,
    OVERLOADED,
    PRE_DELIVERY,
    REJECTED_OTHERWISE,
    REJECTIONS,
    VenueError,
    invalid,
    refusal,
)
from bot.simex.bybit.gate import Call, Route, Scope
from bot.simex.bybit.params import Params
from bot.simex.bybit.records import Record, Tag
from bot.simex.bybit.tickets import Request, Tickets
from bot.simex.core.order import Order, Ticket
from bot.simex.core.refusal import Refused

BATCH_MAX: Final = 20
BATCH_SPOT_MAX: Final = 10
CANCEL_ALL_MAX: Final = 500
PENDING_MAX: Final = 10_000
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Job:
    due_ms: int
    run: Callable[[], None]


def _nobody(_delay_ms: int) -> None:
    """Who looks at the clock often enough need not be told."""


def _unasked() -> None:
    """Events are published by whoever turns the clock."""


class OrderEntry:
    """The trading endpoints. `on_record` is told of orders that the engine refused after their acknowledgement."""

    def __init__(self, desk: Desk, on_record: Callable[[Record], None], delay_ms: int = 0) -> None:
        self._desk = desk
        self._tickets = Tickets(desk)
        self._on_record = on_record
        self.delay_ms = delay_ms
        self.on_waiting: Callable[[int], None] = _nobody
        """Told of every request that waits for the engine, and how many milliseconds it does."""
        self.on_carried_out: Callable[[], None] = _unasked
        """Told after each of them: what it caused is to be published before the next one is carried out."""
        self._jobs: deque[_Job] = deque()
        self._waiting: dict[str, tuple[str, Request]] = {}
        self._changing: set[str] = set()
        """The ids of orders that are to be amended or cancelled when the engine gets to it."""

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("POST", "/v5/order/create", self._create, Scope.TRADE),
            Route("POST", "/v5/order/amend", self._amend, Scope.TRADE),
            Route("POST", "/v5/order/cancel", self._cancel, Scope.TRADE),
            Route("POST", "/v5/order/cancel-all", self._cancel_all, Scope.TRADE),
            Route("POST", "/v5/order/create-batch", self._batch(self.create, dated=True), Scope.TRADE, is_batch=True),
            Route("POST", "/v5/order/amend-batch", self._batch(self.amend), Scope.TRADE, is_batch=True),
            Route("POST", "/v5/order/cancel-batch", self._batch(self.cancel), Scope.TRADE, is_batch=True),
        ]

    def run_due(self) -> None:
        """Let the engine carry out what has reached it by now."""
        now_ms = self._desk.server_ms
        while self._jobs and self._jobs[0].due_ms <= now_ms:
            self._jobs.popleft().run()
            self.on_carried_out()

    # ------------------------------------------------------------------------------------------------- one order each
    def _create(self, call: Call) -> Row:
        return self.create(call, category_of(call.params), call.params)

    def _amend(self, call: Call) -> Row:
        return self.amend(call, category_of(call.params), call.params)

    def _cancel(self, call: Call) -> Row:
        return self.cancel(call, category_of(call.params), call.params)

    def create(self, call: Call, category: str, params: Params) -> Row:
        """Accept an order and answer its ids."""
        request = self._tickets.read(category, call.account, params)
        tag, account = request.tag, call.account
        self._desk.catch_up()
        if self.delay_ms:
            try:
                self._desk.exchange.examine(account, request.ticket)
            except Refused as refused:
                if refused.reason not in ENDS_CANCELLED:
                    raise self._refused(request, refused) from None
            self._waiting[tag.venue_id] = (account, request)
            self._later(lambda: self._arrive(account, request))
        else:
            try:
                call.order_id = self._place(account, request).order_id
            except Refused as refused:
                if refused.reason not in ENDS_CANCELLED:
                    raise self._refused(request, refused) from None
                self._reject(account, request, refused)
        call.client_order_id = tag.link_id
        return {"orderId": tag.venue_id, "orderLinkId": tag.link_id}

    def amend(self, call: Call, category: str, params: Params) -> Row:
        """Change price, quantity, trigger price, take profit or stop loss of an open order."""
        price, quantity, trigger = (params.quantity(name) or None for name in ("price", "qty", "triggerPrice"))
        attaches = attached.amends(params)
        if not (price or quantity or trigger or attaches):
            raise invalid("qty, price or triggerPrice is required")

        def change(order: Order) -> None:
            tag, exchange = self._desk.recorder.tag_of(order), self._desk.exchange
            wanted = attached.amended(self._desk, order, tag, price or 0, params) if attaches else tag.attached
            if price or quantity or trigger:
                exchange.amend(order.account_id, order, price=price, quantity=quantity, trigger_price=trigger)
            tag.attached = wanted
            if not (price or quantity or trigger):
                self._on_record(self._desk.recorder.retold(order))

        return self._on_order(call, category, params, change)

    def cancel(self, call: Call, category: str, params: Params) -> Row:
        """Cancel an open order."""

        def end(order: Order) -> None:
            self._desk.exchange.cancel(order.account_id, order)

        return self._on_order(call, category, params, end)

    def _on_order(self, call: Call, category: str, params: Params, action: Callable[[Order], None]) -> Row:
        """Do something to the order that the parameters name, now or when the engine gets to it."""
        spot = category == "spot"
        tag_id, link_id = params.text("orderId"), params.text("orderLinkId")
        if not (tag_id or link_id):
            raise invalid("orderId or orderLinkId is required")
        self._desk.instrument(category, params)
        self._desk.catch_up()
        account = call.account
        if self.delay_ms:
            waiting = self._waiting.get(tag_id)
            if waiting is None or waiting[0] != account:
                tag_id, link_id = self._ids(self._open(account, category, tag_id, link_id))
            if tag_id in self._changing:
                raise VenueError(110079)
            self._changing.add(tag_id)
            self._later(lambda: self._attempt(account, category, tag_id, link_id, action))
            return {"orderId": tag_id, "orderLinkId": link_id}
        order = self._open(account, category, tag_id, link_id)
        call.order_id, call.client_order_id = order.order_id, order.client_id
        try:
            action(order)
        except Refused as refused:
            raise refusal(refused, spot=spot) from None
        tag_id, link_id = self._ids(order)
        return {"orderId": tag_id, "orderLinkId": link_id}

    def _ids(self, order: Order) -> tuple[str, str]:
        tag = self._desk.recorder.tag_of(order)
        return tag.venue_id, tag.link_id

    def _open(self, account: str, category: str, venue_id: str, link_id: str) -> Order:
        """The open order of an id, the venue's before the owner's; the refusal of what is not there or not open."""
        unknown = VenueError(170213 if category == "spot" else 110001)
        core_id = self._desk.recorder.core_id(venue_id) if venue_id else None
        if venue_id and core_id is None:
            raise unknown
        try:
            order: Order = self._desk.exchange.orders.find(account, category, order_id=core_id, client_id=link_id)
        except Refused:
            raise unknown from None
        if not (order.is_open or order.status == "untriggered"):
            raise unknown
        return order

    # ---------------------------------------------------------------------------------------------- the engine's part
    def _later(self, run: Callable[[], None]) -> None:
        if len(self._jobs) >= PENDING_MAX:
            raise VenueError(OVERLOADED)
        self._jobs.append(_Job(self._desk.server_ms + self.delay_ms, run))
        self.on_waiting(self.delay_ms)

    def _refused(self, request: Request, refused: Refused) -> VenueError:
        """What the gateway answers for an order that cannot be accepted."""
        instrument, otherwise = request.ticket.instrument, NO_OTHERWISE
        if instrument.expiry_ms is not None:
            otherwise = PRE_DELIVERY
        elif self._desk.exchange.delivery.is_delisting(instrument.key):
            otherwise = DELISTING
        return refusal(refused, spot=instrument.kind == "spot", otherwise=otherwise)

    def _place(self, account: str, request: Request) -> Order:
        order: Order = self._desk.exchange.place(account, request.ticket)
        self._desk.recorder.bind(order, request.tag)
        return order

    def _arrive(self, account: str, request: Request) -> None:
        self._waiting.pop(request.tag.venue_id, None)
        self._desk.catch_up()
        try:
            self._place(account, request)
        except Refused as refused:
            self._reject(account, request, refused)

    def _attempt(
        self, account: str, category: str, venue_id: str, link_id: str, action: Callable[[Order], None]
    ) -> None:
        """Amend or cancel an order some time after the acknowledgement; by then it may be gone, which is no error."""
        self._changing.discard(venue_id)
        self._desk.catch_up()
        try:
            action(self._open(account, category, venue_id, link_id))
        except (VenueError, Refused):
            self._too_late(account, category, venue_id, link_id)

    def _too_late(self, account: str, category: str, venue_id: str, link_id: str) -> None:
        recorder = self._desk.recorder
        try:
            order = self._desk.exchange.orders.find(
                account, category, order_id=recorder.core_id(venue_id), client_id=link_id
            )
        except Refused:
            return
        tag = recorder.tag_of(order)
        told = Tag(tag.venue_id, tag.number, tag.link_id, reject_reason="EC_OrigClOrdIDDoesNotExist")
        self._on_record(recorder.rejected(order, told, cancelled=True))

    def _reject(self, account: str, request: Request, refused: Refused) -> None:
        tag = request.tag
        tag.reject_reason = REJECTIONS.get(refused.reason, REJECTED_OTHERWISE)
        order = stillborn(account, request.ticket, self._desk.exchange.now_ms)
        cancelled = refused.reason in ENDS_CANCELLED
        self._on_record(self._desk.recorder.rejected(order, tag, cancelled=cancelled))

    # ---------------------------------------------------------------------------------------------------------- many
    def _cancel_all(self, call: Call) -> Row:
        params = call.params
        category = category_of(params)
        self._desk.catch_up()
        orders = self._selected(call.account, category, params)[:CANCEL_ALL_MAX]
        for order in orders:
            self._desk.exchange.cancel(call.account, order)
        rows = [dict(zip(("orderId", "orderLinkId"), self._ids(order), strict=True)) for order in orders]
        return {"list": rows, "success": "1"}

    def _selected(self, account: str, category: str, params: Params) -> list[Order]:
        """The open orders of a symbol, a base coin or a settle coin, in this order of precedence."""
        orders: list[Order] = self._desk.exchange.orders.open(account, category)
        if "symbol" in params:
            instrument = self._desk.instrument(category, params)
            orders = [one for one in orders if one.instrument is instrument]
        elif "baseCoin" in params:
            orders = [one for one in orders if one.instrument.base == params.text("baseCoin")]
        elif "settleCoin" in params:
            orders = [one for one in orders if one.instrument.settle == params.text("settleCoin")]
        elif category in DERIVATIVES:
            raise invalid("symbol, baseCoin or settleCoin is required")
        wanted = params.text("orderFilter", "Order" if category == "spot" else "")
        if wanted == "Order":
            return [one for one in orders if one.status != "untriggered"]
        if wanted in ("StopOrder", "tpslOrder"):
            return [one for one in orders if one.status == "untriggered"]
        return orders

    def _batch(self, action: Callable[[Call, str, Params], Row], *, dated: bool = False) -> Callable[[Call], Row]:
        def run(call: Call) -> Row:
            category = category_of(call.params)
            rows = call.params.values["request"]
            if len(rows) > (BATCH_SPOT_MAX if category == "spot" else BATCH_MAX):
                raise invalid("too many orders in one request")
            results = [self._one(call, category, number, row, action, dated) for number, row in enumerate(rows)]
            call.extra = {"list": [verdict for _, verdict in results]}
            return {"list": [row for row, _ in results]}

        return run

    def _one(
        self,
        call: Call,
        category: str,
        number: int,
        row: Any,
        action: Callable[[Call, str, Params], Row],
        dated: bool,
    ) -> tuple[Row, Row]:
        values = row if isinstance(row, dict) else {}
        shown: Row = {"category": category, "symbol": _text(values, "symbol")}
        shown |= {"orderId": "", "orderLinkId": _text(values, "orderLinkId")}
        if dated:
            shown["createAt"] = ""
        try:
            if number >= call.granted:
                raise VenueError(10006)
            shown |= action(call, category, Params(values))
        except VenueError as error:
            return shown, {"code": error.code, "msg": error.msg}
        if dated:
            shown["createAt"] = str(self._desk.server_ms)
        return shown, {"code": 0, "msg": "OK"}


def stillborn(account: str, ticket: Ticket, now_ms: int) -> Order:
    """What a refused order would have been."""
    return Order(
        order_id=0,
        client_id=ticket.client_id,
        account_id=account,
        instrument=ticket.instrument,
        side=ticket.side,
        type=ticket.type,
        tif=ticket.tif,
        quantity=ticket.quantity,
        price=ticket.price,
        reduce_only=ticket.reduce_only,
        close_position=ticket.close_position,
        position_side=ticket.position_side,
        prevention=ticket.prevention,
        trigger=ticket.trigger,
        origin=ticket.origin,
        created_ms=now_ms,
        updated_ms=now_ms,
        status="canceled",
        quote_quantity=ticket.quote_quantity,
    )


def _text(values: dict[str, Any], name: str) -> str:
    found = values.get(name, "")
    return found if isinstance(found, str) else ""
