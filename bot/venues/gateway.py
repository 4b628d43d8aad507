"""The way out for orders: one POST, and what its answer proves.

Three rules, whatever happens:
- an order is sent once. Nothing here retries a POST, and neither does anything below it;
- only a documented refusal is a rejection. A timeout, a reset, a 5xx that is not documented as a failure, an unknown
  code, an answer that cannot be read or that is about something else: the order may be in the book;
- a look that finds nothing is a claim only if the venue said "no such order", or showed a complete list without it.
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
from bot.domain.instrument import Instrument, Kind
from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.venues import routes
from bot.venues.budget import Lane
from bot.venues.client import OUTSIDE_WINDOW, Client, Reply, parsed
from bot.venues.translate.binance import (
    Listing,
    OrderRow,
    fills_of,
    listing,
    named,
    order,
    order_of,
    order_parameters,
    trades,
)
from bot.venues.translate.errors import BINANCE, Cause, Purpose, Trouble, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from bot.domain.commands import CancelOrder, QueryOrder
    from bot.domain.order import Approved, Fill, OrderRequest
    from bot.domain.units import InstrumentId

NO_SUCH_ORDER = -2013
LOOK_ATTEMPTS_MAX = 2
CANCEL_ATTEMPTS_MAX = 3
PAGE_ROWS = 1_000
PAGES_MAX = 5
CLOCK_SLACK_MS = 60_000
"""How long before `since` a list of orders begins: more than any clock skew that lets an order through."""
LIST_SPAN_MS_MAX = 7 * 24 * 3_600 * 1_000 - 1
NOT_NAMED = "is no longer named in the config"


class LiveGateway:
    """Orders of one Binance USD-M account. A spot account is read-only: its instruments are refused."""

    def __init__(self, client: Client, instruments: Mapping[InstrumentId, Instrument]) -> None:
        self._client = client
        self._instruments = dict(instruments)

    def renew(self, instruments: Iterable[Instrument]) -> None:
        """From now on orders are held against these: the venue changed a tick, a lot or a bound."""
        self._instruments |= {one.id: one for one in instruments}

    async def submit(self, order: Approved, durable: Awaitable[None]) -> tuple[Fact, ...]:
        """Send the order once, after `durable` is done; say what the answer proves.

        Raises `NotRepresentable` for an order that must never have got here, before anything is awaited, and whatever
        `durable` raises; then nothing was sent.
        """
        request = order.request
        instrument = self._instruments[request.instrument]
        parameters = order_parameters(request, instrument)
        lane = Lane.REDUCE if request.reduce_only else Lane.ORDER
        route = routes.ORDER_NEW
        wait_ns = self._client.budgets[route.account].take(lane, route.weight, route.orders)
        if wait_ns:
            await durable
            message = f"not sent: the rate budget is used up for {wait_ns / SECOND_NS:.1f} s"
            return (OrderRejected(request.client_id, HELD_BACK, message, self._client.clock()),)
        outcome = await self._client.send(route, parameters, request.decided_ns, durable)
        proven = self._proven(request, instrument, outcome)
        if isinstance(outcome, Trouble) and outcome.code == OUTSIDE_WINDOW:
            # A clock stepped: measured at once, or the next orders would be refused as well until the next sample.
            sampled = await self._client.measure(route.account)
            return (sampled, proven) if isinstance(sampled, ClockSampled) else (proven,)
        return (proven,)

    def _proven(self, request: OrderRequest, instrument: Instrument, outcome: Reply | Trouble) -> Fact:
        """What the answer to the POST proves."""
        now_ns = self._client.clock()
        if isinstance(outcome, Reply):
            row = parsed(routes.ORDER_NEW, outcome, lambda body: order_of(request, instrument, body))
            if isinstance(row, OrderRow):
                return OrderReported(row.report(instrument.id), Source.ANSWER, now_ns)
            outcome = row
        if verdict(BINANCE, Purpose.ORDER, outcome) is Verdict.AMBIGUOUS:
            return OrderUnanswered(request.client_id, outcome.text, now_ns)
        return OrderRejected(request.client_id, str(outcome.code or outcome.status), outcome.message, now_ns)

    async def cancel(self, command: CancelOrder) -> tuple[Fact, ...]:
        """Cancel an order: what is left of it is reported, or the cancel failed and the order must be looked up."""
        if command.instrument not in self._instruments:
            return (CancelFailed(command.client_id, f"{command.instrument} {NOT_NAMED}", self._client.clock()),)
        instrument = self._futures(command.instrument)
        row = await self._client.read(
            routes.ORDER_CANCEL,
            {"symbol": instrument.symbol, "origClientOrderId": command.client_id},
            lambda body: named(order(body), instrument, command.client_id),
            Lane.REDUCE,
            CANCEL_ATTEMPTS_MAX,
        )
        now_ns = self._client.clock()
        if isinstance(row, Trouble):
            return (CancelFailed(command.client_id, row.text, now_ns),)
        return (OrderReported(row.report(instrument.id), Source.ANSWER, now_ns),)

    async def query(self, command: QueryOrder) -> tuple[Fact, ...]:
        """Look for an order: it is reported with its fills, or the venue denies it, or nothing could be learned.

        Nothing can be learned of an instrument that left the config while its order was unknown.
        """
        if command.instrument not in self._instruments:
            return ()
        instrument = self._futures(command.instrument)
        asked_ns = self._client.clock()
        if command.endpoint is Endpoint.ORDER:
            found = await self._asked(command, instrument)
        else:
            found = await self._listed(command, instrument)
        if isinstance(found, Trouble):
            return ()
        if found is None:
            now_ns = self._client.clock()
            return (OrderNotFound(command.client_id, command.endpoint, asked_ns, now_ns),)
        fills = await self._fills(found) if found.executed_qty else ()
        return (OrderReported(found.report(instrument.id, fills), Source.QUERY, self._client.clock()),)

    async def _asked(self, command: QueryOrder, instrument: Instrument) -> OrderRow | Trouble | None:
        """The order by its client id; None when the venue says that there is none."""
        row = await self._client.read(
            routes.ORDER_QUERY,
            {"symbol": instrument.symbol, "origClientOrderId": command.client_id},
            lambda body: named(order(body), instrument, command.client_id),
            Lane.LOOK,
            LOOK_ATTEMPTS_MAX,
        )
        if isinstance(row, Trouble) and _denied(row):
            return None
        return row

    async def _listed(self, command: QueryOrder, instrument: Instrument) -> OrderRow | Trouble | None:
        """The order out of the account's order list; None when the whole list was read and does not hold it."""
        start_ms = max(0, command.since_ns // MILLISECOND_NS - CLOCK_SLACK_MS)
        page: dict[str, str | int] = {"startTime": start_ms, "endTime": start_ms + LIST_SPAN_MS_MAX}
        for _ in range(PAGES_MAX):
            found = await self._page(instrument, page)
            if isinstance(found, Trouble):
                return found
            for row in found.ours:
                if row.client_order_id == command.client_id:
                    return row
            if found.count < PAGE_ROWS:
                return None
            page = {"orderId": found.last_id + 1}
        return _unfinished(instrument)

    async def _page(self, instrument: Instrument, page: dict[str, str | int]) -> Listing | Trouble:
        params = {"symbol": instrument.symbol, "limit": PAGE_ROWS, **page}
        return await self._client.read(routes.ORDERS_ALL, params, listing, Lane.LOOK, LOOK_ATTEMPTS_MAX)

    async def _fills(self, row: OrderRow) -> tuple[Fill, ...]:
        """The executions with their fees: all of them or none."""
        params: dict[str, str | int] = {"symbol": row.symbol, "orderId": row.order_id, "limit": PAGE_ROWS}
        found = await self._client.read(routes.TRADES, params, trades, Lane.LOOK, LOOK_ATTEMPTS_MAX)
        return () if isinstance(found, Trouble) else fills_of(row, found)

    def _futures(self, name: InstrumentId) -> Instrument:
        instrument = self._instruments[name]
        assert instrument.kind is Kind.LINEAR, f"{name}: spot orders do not exist here"
        return instrument


def _denied(trouble: Trouble) -> bool:
    """Whether the venue itself said that there is no such order."""
    return trouble.cause is Cause.ANSWERED and trouble.status == 400 and trouble.code == NO_SUCH_ORDER


def _unfinished(instrument: Instrument) -> Trouble:
    text = f"more than {PAGES_MAX * PAGE_ROWS} orders of {instrument.symbol}: the list was not read to its end"
    return Trouble(cause=Cause.UNREADABLE, host=routes.USDM_HOST, message=text)
