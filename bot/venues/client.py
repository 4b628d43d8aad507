"""A venue over ccxt: ccxt names the endpoints and signs; the bytes go out and come back here.

ccxt's own transport is replaced for four reasons, each of which has cost somebody money:
- it returns success for a 200 whose body is empty, cut or HTML, and "no positions" for `{}`;
- its exceptions say neither status nor code reliably, and their texts hold the signed query;
- it follows redirects, with the key in the header;
- it sends as soon as it has signed, where we sign while the journal commits and send when the intent is durable.

A call ends in a `Reply` (status 200 and a body that may be read) or in a `Trouble`; a network never raises here.
What the caller hands in as `durable` is awaited last, outside every handler, so its exceptions are the caller's own.
"""

from __future__ import annotations

import asyncio
from decimal import localcontext
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import tenacity

from bot.domain.events import ClockSampled
from bot.domain.units import MILLISECOND_NS, SECOND_NS, AccountId, Nanos
from bot.venues.binance_rest import OUTSIDE_WINDOW, BinanceDialect, HostBudgets
from bot.venues.budget import Lane
from bot.venues.dialect import Dialect, Outcome, Reply, readable
from bot.venues.signing import SLOT, Credentials, Slot
from bot.venues.translate.errors import Cause, Purpose, Trouble, Verdict, clean, verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bot.venues.budget import Budget
    from bot.venues.dialect import Counters
    from bot.venues.routes import Route
    from bot.venues.transport import Transport, Wire

__all__ = ["OUTSIDE_WINDOW", "Client", "Outcome", "Reply", "parsed", "readable"]

Parsed = TypeVar("Parsed")

ORDER_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
ORDER_WINDOW_MS = 2_000
"""recvWindow of everything that changes something: how long after signing the venue may still act on it."""
READ_WINDOW_MS = 5_000
READ_ATTEMPTS_MAX = 3
READ_BACKOFF_S = 0.2
READ_BACKOFF_S_MAX = 2.0
READ_PATIENCE_NS = 5 * SECOND_NS
CLOCK_SHIFT_NS_MAX = 3_600 * SECOND_NS
CLOCK_ROUND_TRIP_NS_MAX = 1 * SECOND_NS
"""A clock sample that took longer says nothing precise enough to sign by."""


class Client:
    """A venue's REST side of one key. What sets one venue apart from another is its dialect's.

    `orders` and `reads` carry the requests; given apart, an order never waits for a connection that a read holds.
    `clock` is our nanoseconds since the epoch, `sleep` takes seconds. Without credentials only public routes answer.
    """

    def __init__(
        self,
        *,
        credentials: Credentials | None,
        orders: Transport,
        reads: Transport,
        clock: Callable[[], Nanos],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        order_window_ms: int = ORDER_WINDOW_MS,
        dialect: Dialect | None = None,
    ) -> None:
        self.dialect: Dialect = dialect or BinanceDialect()
        self._order_window_ms = order_window_ms
        self.read_patience_ns = READ_PATIENCE_NS
        """How long a read may wait for the rate budget; a start waits for a whole window to pass."""
        self._credentials = credentials
        self._orders = orders
        self._reads = reads
        self.pause = sleep
        self._exchanges: dict[AccountId, Any] = {}
        self._shift_ns: dict[AccountId, int] = dict.fromkeys(self.dialect.clocks, 0)
        self.clock = clock
        self.counters: Counters = self.dialect.counters(clock, sleep)

    def __repr__(self) -> str:
        return f"Client({'with' if self.signs else 'without'} a key)"

    @property
    def venue(self) -> str:
        """Whose table of errors counts."""
        return self.dialect.venue

    @property
    def budgets(self) -> dict[AccountId, Budget]:
        """Binance's budgets by account."""
        assert isinstance(self.counters, HostBudgets), f"{self.venue} counts requests in another way"
        return self.counters.by_account

    @property
    def signs(self) -> bool:
        """Whether there is a key."""
        return self._credentials is not None

    def warm(self) -> None:
        """Import ccxt and check that the key can sign, so that the first order does not pay the second it takes."""
        for account in self.dialect.clocks:
            self._exchange(account)

    async def measure(self, account: AccountId) -> ClockSampled | Trouble:
        """Measure the venue's clock against ours (> 0: the venue is ahead) and sign by it from now on.

        It goes over the orders' connection, which it keeps warm.
        """
        route = self.dialect.clocks[account]
        sent_ns = self.clock()
        outcome = await self.ask(route, {}, Lane.LOOK, quick=True)
        now_ns = self.clock()
        found = parsed(route, outcome, self.dialect.server_time_ms) if isinstance(outcome, Reply) else outcome
        if isinstance(found, Trouble):
            return found
        offset_ns = found * MILLISECOND_NS - (sent_ns + now_ns) // 2
        if now_ns - sent_ns <= CLOCK_ROUND_TRIP_NS_MAX and abs(offset_ns) <= CLOCK_SHIFT_NS_MAX:
            self._shift_ns[account] = offset_ns
        return ClockSampled(account, offset_ns, now_ns - sent_ns, now_ns)

    def venue_ms(self, account: AccountId) -> int:
        """The venue's time in milliseconds, as far as it was measured."""
        return (self.clock() + self._shift_ns[account]) // MILLISECOND_NS

    async def send(
        self, route: Route, params: Mapping[str, str | int], decided_ns: Nanos, durable: Awaitable[None]
    ) -> Outcome:
        """Send an order once, after `durable`. The rate budget is the caller's to take before.

        It is signed with the moment of its decision: the venue's window runs from there, and the deadline after which
        "not found" proves something is counted from there too. An order that lay too long on our side is refused.
        """
        return await self._call(
            route, dict(params), self._orders, ORDER_TIMEOUT_S, durable, decided_ns, window_ms=self._order_window_ms
        )

    async def ask(self, route: Route, params: Mapping[str, str | int], lane: Lane, *, quick: bool = False) -> Outcome:
        """Ask once, within the rate budget; `quick` uses the connection and the timeout of orders."""
        wait_ns = await self.counters.of(route).wait(lane, route.weight, self.read_patience_ns)
        if wait_ns:
            text = f"held back by the rate budget for {wait_ns / SECOND_NS:.0f} s"
            return Trouble(cause=Cause.BUDGET, host=route.host, message=text)
        window_ms = READ_WINDOW_MS if route.method == "GET" else self._order_window_ms
        transport, timeout_s = (self._orders, ORDER_TIMEOUT_S) if quick else (self._reads, READ_TIMEOUT_S)
        return await self._call(route, dict(params), transport, timeout_s, None, window_ms=window_ms)

    async def read(
        self,
        route: Route,
        params: Mapping[str, str | int],
        parse: Callable[[bytes], Parsed],
        lane: Lane = Lane.READ,
        attempts: int = READ_ATTEMPTS_MAX,
    ) -> Parsed | Trouble:
        """Ask until the answer passes `parse`, `attempts` times at most; what would be refused again is not asked."""
        retrying = tenacity.AsyncRetrying(
            sleep=self.pause,
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_exponential(multiplier=READ_BACKOFF_S, max=READ_BACKOFF_S_MAX),
            retry=tenacity.retry_if_result(self._worth_repeating),
            retry_error_callback=_last_result,
        )
        quick = lane is not Lane.READ
        found: Parsed | Trouble = await retrying(self._read_once, route, params, parse, lane, quick)
        return found

    async def _read_once(
        self,
        route: Route,
        params: Mapping[str, str | int],
        parse: Callable[[bytes], Parsed],
        lane: Lane,
        quick: bool,
    ) -> Parsed | Trouble:
        outcome = await self.ask(route, params, lane, quick=quick)
        if isinstance(outcome, Reply):
            return parsed(route, outcome, parse)
        if outcome.code == self.dialect.outside_window:
            await self.measure(route.account)
        return outcome

    async def _call(
        self,
        route: Route,
        params: dict[str, str | int],
        transport: Transport,
        timeout_s: float,
        durable: Awaitable[None] | None,
        at_ns: Nanos | None = None,
        *,
        window_ms: int,
    ) -> Outcome:
        now_ns = self.clock()
        signed_ns = now_ns if at_ns is None else min(now_ns, at_ns)
        timestamp_ms = (signed_ns + self._shift_ns[route.account]) // MILLISECOND_NS
        if route.signed:
            params |= self.dialect.window(window_ms)
        token = SLOT.set(Slot(route, transport, timestamp_ms, timeout_s, durable, window_ms))
        try:
            # ccxt sets how decimals are rounded wherever it formats a number: what it sets ends with the call.
            with localcontext():
                wire = await self._exchange(route.account).request(route.path, [route.section], route.method, params)
        finally:
            SLOT.reset(token)
        return wire if isinstance(wire, Trouble) else self._judged(route, wire)

    def _judged(self, route: Route, wire: Wire) -> Outcome:
        """Take over the budget's headers, and tell a body that may be read from one that may not."""
        counter = self.counters.of(route)
        counter.learn(wire.headers)
        secrets = self._credentials.secrets if self._credentials is not None else ()
        outcome = self.dialect.judged(route, wire, secrets)
        if isinstance(outcome, Trouble) and self.dialect.exhausted(outcome):
            counter.refused(outcome.status, outcome.code, outcome.retry_after_s)
        return outcome

    def _worth_repeating(self, found: object) -> bool:
        if not isinstance(found, Trouble) or found.cause is Cause.BUDGET or self.dialect.exhausted(found):
            return False
        return verdict(self.venue, Purpose.READ, found) is Verdict.RETRYABLE

    def _exchange(self, account: AccountId) -> Any:
        exchange = self._exchanges.get(account)
        if exchange is None:
            exchange = self._exchanges[account] = self.dialect.exchange(account, self._credentials)
        return exchange


def parsed(route: Route, reply: Reply, parse: Callable[[bytes], Parsed]) -> Parsed | Trouble:
    """The reply through its schema; one that does not pass says where, never what."""
    try:
        return parse(reply.body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        message = clean(f"{route.path}: {error}")
        return Trouble(cause=Cause.UNREADABLE, host=route.host, status=200, message=message)


def _last_result(state: tenacity.RetryCallState) -> Any:
    assert state.outcome is not None, "tenacity gave up before the first attempt"
    return state.outcome.result()
