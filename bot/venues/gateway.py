"""The way out for orders: one POST, and what its answer proves.

Three rules, whatever happens:
- an order is sent once. Nothing here retries a POST, and neither does anything below it;
- only a documented refusal is a rejection. A timeout, a reset, a 5xx that is not documented as a failure, an unknown
  code, an answer that cannot be read or that is about something else: the order may be in the book;
- a look that finds nothing is a claim only if the venue said "no such order", or showed a complete list without it.

Two markets are traded, USD-M futures and (to sell coins, never to buy them) spot; `Market` has what differs. The second
look at an order is the market's list of orders in both, because spot's list of trades does not name client ids; it is
by the trades of the order that was found that its fees are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

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
from bot.venues.translate import binance, spot
from bot.venues.translate.binance import Listing, OrderRow, TradeRow, fills_of, named
from bot.venues.translate.errors import BINANCE, Cause, Purpose, Trouble, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

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
DAY_MS = 24 * 3_600 * 1_000
NOT_NAMED = "is no longer named in the config"


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """How one of the venue's markets takes orders and tells of them. `span_ms` is the longest time its list covers."""

    new: routes.Route
    cancel: routes.Route
    query: routes.Route
    all: routes.Route
    trades: routes.Route
    span_ms: int
    parameters: Callable[[OrderRequest, Instrument], dict[str, str]]
    read_new: Callable[[OrderRequest, Instrument, bytes], tuple[OrderRow, tuple[Fill, ...]]]
    read_one: Callable[[bytes], OrderRow]
    read_all: Callable[[bytes], Listing]
    read_trades: Callable[[bytes], Iterable[TradeRow]]


FUTURES = Market(
    new=routes.ORDER_NEW,
    cancel=routes.ORDER_CANCEL,
    query=routes.ORDER_QUERY,
    all=routes.ORDERS_ALL,
    trades=routes.TRADES,
    span_ms=7 * DAY_MS - 1,
    parameters=binance.order_parameters,
    read_new=binance.order_of,
    read_one=binance.order,
    read_all=binance.listing,
    read_trades=binance.trades,
)
COINS = Market(
    new=routes.SPOT_ORDER_NEW,
    cancel=routes.SPOT_ORDER_CANCEL,
    query=routes.SPOT_ORDER_QUERY,
    all=routes.SPOT_ORDERS_ALL,
    trades=routes.SPOT_TRADES,
    span_ms=DAY_MS - 1,
    parameters=spot.order_parameters,
    read_new=spot.order_of,
    read_one=spot.order,
    read_all=spot.listing,
    read_trades=spot.trades,
)
MARKETS: Mapping[Kind, Market] = {Kind.LINEAR: FUTURES, Kind.SPOT: COINS}


class LiveGateway:
    """Orders of one Binance account, on USD-M and on spot."""

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
        market = MARKETS[instrument.kind]
        parameters = market.parameters(request, instrument)
        lane = Lane.REDUCE if request.reduce_only else Lane.ORDER
        route = market.new
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
            market = MARKETS[instrument.kind]
            found = parsed(market.new, outcome, lambda body: market.read_new(request, instrument, body))
            if not isinstance(found, Trouble):
                row, fills = found
                return OrderReported(row.report(instrument.id, fills), Source.ANSWER, now_ns)
            outcome = found
        if verdict(BINANCE, Purpose.ORDER, outcome) is Verdict.AMBIGUOUS:
            return OrderUnanswered(request.client_id, outcome.text, now_ns)
        return OrderRejected(request.client_id, str(outcome.code or outcome.status), outcome.message, now_ns)

    async def cancel(self, command: CancelOrder) -> tuple[Fact, ...]:
        """Cancel an order: what is left of it is reported, or the cancel failed and the order must be looked up."""
        if command.instrument not in self._instruments:
            return (CancelFailed(command.client_id, f"{command.instrument} {NOT_NAMED}", self._client.clock()),)
        instrument = self._instruments[command.instrument]
        market = MARKETS[instrument.kind]
        row = await self._client.read(
            market.cancel,
            {"symbol": instrument.symbol, "origClientOrderId": command.client_id},
            lambda body: named(market.read_one(body), instrument, command.client_id),
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
        instrument = self._instruments[command.instrument]
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
        fills = await self._fills(found, MARKETS[instrument.kind]) if found.executed_qty else ()
        return (OrderReported(found.report(instrument.id, fills), Source.QUERY, self._client.clock()),)

    async def _asked(self, command: QueryOrder, instrument: Instrument) -> OrderRow | Trouble | None:
        """The order by its client id; None when the venue says that there is none."""
        market = MARKETS[instrument.kind]
        row = await self._client.read(
            market.query,
            {"symbol": instrument.symbol, "origClientOrderId": command.client_id},
            lambda body: named(market.read_one(body), instrument, command.client_id),
            Lane.LOOK,
            LOOK_ATTEMPTS_MAX,
        )
        if isinstance(row, Trouble) and _denied(row):
            return None
        return row

    async def _listed(self, command: QueryOrder, instrument: Instrument) -> OrderRow | Trouble | None:
        """The order out of the account's order list; None when the whole list was read and does not hold it."""
        start_ms = max(0, command.since_ns // MILLISECOND_NS - CLOCK_SLACK_MS)
        span_ms = MARKETS[instrument.kind].span_ms
        page: dict[str, str | int] = {"startTime": start_ms, "endTime": start_ms + span_ms}
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
        market = MARKETS[instrument.kind]
        params = {"symbol": instrument.symbol, "limit": PAGE_ROWS, **page}
        return await self._client.read(market.all, params, market.read_all, Lane.LOOK, LOOK_ATTEMPTS_MAX)

    async def _fills(self, row: OrderRow, market: Market) -> tuple[Fill, ...]:
        """The executions with their fees: all of them or none."""
        params: dict[str, str | int] = {"symbol": row.symbol, "orderId": row.order_id, "limit": PAGE_ROWS}
        found = await self._client.read(market.trades, params, market.read_trades, Lane.LOOK, LOOK_ATTEMPTS_MAX)
        return () if isinstance(found, Trouble) else fills_of(row, found)


def _denied(trouble: Trouble) -> bool:
    """Whether the venue itself said that there is no such order."""
    return trouble.cause is Cause.ANSWERED and trouble.status == 400 and trouble.code == NO_SUCH_ORDER


def _unfinished(instrument: Instrument) -> Trouble:
    text = f"more than {PAGES_MAX * PAGE_ROWS} orders of {instrument.symbol}: the list was not read to its end"
    return Trouble(cause=Cause.UNREADABLE, host=routes.HOSTS[instrument.account], message=text)
