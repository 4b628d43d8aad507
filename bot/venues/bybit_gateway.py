"""The way out for orders at Bybit: one POST, and what is known of the order afterwards.

The rules are those of `bot.venues.gateway`: an order is sent once, only a documented refusal is a rejection, and a look
that finds nothing is a claim only where the venue showed a complete answer without the order.

What differs is the answer itself. Bybit takes an order asynchronously: the answer to the POST is a receipt, and the
order may still be refused by the engine behind it. So a receipt proves nothing and reports nothing; the private stream
says what became of the order, or else a look at it once it has been silent for too long.

The receipt counts against one thing alone: whoever said to have an order cannot deny it right away. At a time of high
load an order lies in a queue behind its receipt, and every list lags; a look that finds nothing within `RECEIVED_NS` of
the receipt has learned nothing.

The first of the two looks asks for the order among those that are open or ended lately, which the venue forgets when it
restarts. The second asks for it in the history and among the executions, both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.events import (
    HELD_BACK,
    CancelFailed,
    ClockSampled,
    Endpoint,
    Fact,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
    Source,
)
from bot.domain.instrument import Kind
from bot.domain.units import MILLISECOND_NS, SECOND_NS, Asset, Nanos
from bot.venues import bybit_routes as routes
from bot.venues.budget import Lane
from bot.venues.client import Client, Reply, parsed
from bot.venues.translate import bybit
from bot.venues.translate.bybit import ExecutionRow, Executions, OrderRow, Orders, fills_of, order_in
from bot.venues.translate.errors import BYBIT, Cause, Purpose, Trouble, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from bot.domain.commands import CancelOrder, QueryOrder
    from bot.domain.instrument import Instrument
    from bot.domain.order import Approved, Fill, OrderRequest
    from bot.domain.units import ClientOrderId, InstrumentId
    from bot.venues.routes import Route

LOOK_ATTEMPTS_MAX = 2
CANCEL_ATTEMPTS_MAX = 3
EXECUTION_ROWS = 100
EXECUTION_PAGES_MAX = 5
CLOCK_SLACK_MS = 60_000
"""How long before `since` a search begins: more than any clock skew that lets an order through."""
RECEIVED_NS = 30 * SECOND_NS
"""How long no list that lacks an order proves its absence after the venue received it; only then is it given up."""
NOT_NAMED = "is no longer named in the config"

Params = dict[str, str | int]


class BybitGateway:
    """Orders of one unified account, on linear contracts and on spot."""

    def __init__(self, client: Client, instruments: Mapping[InstrumentId, Instrument]) -> None:
        self._client = client
        self._instruments = dict(instruments)
        self._received: dict[ClientOrderId, Nanos] = {}
        """Orders that the venue has said to have, and when it did, as long as that counts."""

    def renew(self, instruments: Iterable[Instrument]) -> None:
        """From now on orders are held against these: the venue changed a tick, a lot or a bound."""
        self._instruments |= {one.id: one for one in instruments}

    async def submit(self, order: Approved, durable: Awaitable[None]) -> tuple[Fact, ...]:
        """Send the order once, after `durable` is done; nothing is reported of one that was only received.

        Raises `NotRepresentable` for an order that must never have got here, before anything is awaited, and whatever
        `durable` raises; then nothing was sent.
        """
        request = order.request
        parameters = bybit.order_parameters(request, self._instruments[request.instrument])
        lane, route = (Lane.REDUCE if request.reduce_only else Lane.ORDER), routes.ORDER_NEW
        wait_ns = self._client.counters.of(route).take(lane, route.weight, route.orders)
        if wait_ns:
            await durable
            message = f"not sent: the rate budget is used up for {wait_ns / SECOND_NS:.1f} s"
            return (OrderRejected(request.client_id, HELD_BACK, message, self._client.clock()),)
        outcome = await self._client.send(route, parameters, request.decided_ns, durable)
        proven = self._proven(request, outcome)
        if isinstance(outcome, Trouble) and outcome.code == self._client.dialect.outside_window:
            # A clock stepped: measured at once, or the next orders would be refused as well until the next sample.
            sampled = await self._client.measure(route.account)
            return (sampled, *proven) if isinstance(sampled, ClockSampled) else proven
        return proven

    def _proven(self, request: OrderRequest, outcome: Reply | Trouble) -> tuple[Fact, ...]:
        """What the answer to the POST proves."""
        if isinstance(outcome, Reply):
            found = parsed(routes.ORDER_NEW, outcome, lambda body: bybit.receipt(request.client_id, body))
            if not isinstance(found, Trouble):
                self._note_received(request.client_id)
                return ()
            outcome = found
        now_ns = self._client.clock()
        if verdict(BYBIT, Purpose.ORDER, outcome) is Verdict.AMBIGUOUS:
            return (OrderUnanswered(request.client_id, outcome.text, now_ns),)
        return (OrderRejected(request.client_id, str(outcome.code or outcome.status), outcome.message, now_ns),)

    def _note_received(self, client_id: ClientOrderId) -> None:
        now_ns = self._client.clock()
        self._received = {name: at for name, at in self._received.items() if now_ns - at < RECEIVED_NS}
        self._received[client_id] = now_ns

    async def cancel(self, command: CancelOrder) -> tuple[Fact, ...]:
        """Ask to cancel an order, then look at it: the receipt alone says nothing."""
        if command.instrument not in self._instruments:
            return (CancelFailed(command.client_id, f"{command.instrument} {NOT_NAMED}", self._client.clock()),)
        instrument = self._instruments[command.instrument]
        received = await self._client.read(
            routes.ORDER_CANCEL,
            {**_named(instrument), "orderLinkId": command.client_id},
            lambda body: bybit.receipt(command.client_id, body),
            Lane.REDUCE,
            CANCEL_ATTEMPTS_MAX,
        )
        if isinstance(received, Trouble):
            return (CancelFailed(command.client_id, received.text, self._client.clock()),)
        row = await self._row(routes.ORDERS_NOW, instrument, command.client_id)
        if not isinstance(row, OrderRow):
            return ()
        return (OrderReported(row.report(instrument.id), Source.ANSWER, self._client.clock()),)

    async def query(self, command: QueryOrder) -> tuple[Fact, ...]:
        """Look for an order: it is reported with its fills, or the venue denies it, or nothing could be learned.

        Nothing can be learned of an instrument that left the config while its order was unknown.
        """
        if command.instrument not in self._instruments:
            return ()
        instrument = self._instruments[command.instrument]
        asked_ns = self._client.clock()
        if command.endpoint is Endpoint.ORDER:
            found = await self._row(routes.ORDERS_NOW, instrument, command.client_id)
        else:
            found = await self._past(command, instrument)
        if isinstance(found, Trouble):
            return ()
        if found is None:
            now_ns = self._client.clock()
            if asked_ns - self._received.get(command.client_id, Nanos(0)) < RECEIVED_NS:
                return ()
            return (OrderNotFound(command.client_id, command.endpoint, asked_ns, now_ns),)
        fills = await self._fills(found, instrument) if found.cum_exec_qty else ()
        return (OrderReported(found.report(instrument.id, fills), Source.QUERY, self._client.clock()),)

    async def _row(
        self, route: Route, instrument: Instrument, client_id: str, more: Params | None = None
    ) -> OrderRow | Trouble | None:
        """The order by its client id; None where the answer holds no order. `more` narrows what is asked for."""

        def read(body: bytes) -> tuple[OrderRow | None, Orders]:
            page = bybit.orders(body)
            return order_in(instrument, client_id, page), page

        params: Params = {**_named(instrument), "orderLinkId": client_id, **(more or {})}
        found = await self._client.read(route, params, read, Lane.LOOK, LOOK_ATTEMPTS_MAX)
        if isinstance(found, Trouble):
            return found
        row, page = found
        return _unfinished(instrument) if row is None and page.next else row

    async def _past(self, command: QueryOrder, instrument: Instrument) -> OrderRow | Trouble | None:
        """The order in the history; None only where the executions do not know it either.

        Executions without an order in the history mean that the history is behind: nothing was learned yet.
        """
        start_ms = max(0, command.since_ns // MILLISECOND_NS - CLOCK_SLACK_MS)
        row = await self._row(routes.ORDERS_PAST, instrument, command.client_id, {"startTime": start_ms})
        if row is not None:
            return row
        asked: Params = {**_named(instrument), "orderLinkId": command.client_id, "startTime": start_ms}
        found = await self._executions(instrument, asked)
        if isinstance(found, Trouble):
            return found
        if any(one.order_link_id == command.client_id for one in found):
            return Trouble(
                cause=Cause.UNREADABLE, host=routes.HOST, message="executions of an order that is not listed"
            )
        return None

    async def _fills(self, row: OrderRow, instrument: Instrument) -> tuple[Fill, ...]:
        """The executions with their fees: all of them or none."""
        found = await self._executions(instrument, {**_named(instrument), "orderId": row.order_id})
        return () if isinstance(found, Trouble) else fills_of(row, found, fee_asset(instrument))

    async def _executions(self, instrument: Instrument, asked: Params) -> list[ExecutionRow] | Trouble:
        rows: list[ExecutionRow] = []
        params: Params = {**asked, "limit": EXECUTION_ROWS}
        for _ in range(EXECUTION_PAGES_MAX):
            page: Executions | Trouble = await self._client.read(
                routes.EXECUTIONS, params, bybit.executions, Lane.LOOK, LOOK_ATTEMPTS_MAX
            )
            if isinstance(page, Trouble):
                return page
            rows += page.rows
            if not page.next:
                return rows
            params = {**params, "cursor": page.next}
        return _unfinished(instrument)


def fee_asset(instrument: Instrument) -> Asset:
    """What a fee is paid in where the venue does not say: of what a sale brings, and a contract settles in."""
    return instrument.quote if instrument.kind is Kind.SPOT else instrument.settle


def _named(instrument: Instrument) -> Params:
    return {"category": bybit.category(instrument), "symbol": instrument.symbol}


def _unfinished(instrument: Instrument) -> Trouble:
    text = f"a list of {instrument.symbol} was not read to its end"
    return Trouble(cause=Cause.UNREADABLE, host=routes.HOST, message=text)
