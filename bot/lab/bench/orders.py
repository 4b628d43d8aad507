"""From a decision to the wire: how long until the first byte of an order leaves.

The gateway is the daemon's own, over ccxt, on a connection that is kept alive, TLS, under the venue's host name. The
first byte's moment is the kernel's: on Linux it stamps a segment when it is queued at the receiver, which on loopback
happens inside the sender's own call. (Elsewhere it is when the far end has read it, which is later.) Calls are spaced,
so that each finds an idle loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.domain.commands import CancelOrder, Command, QueryOrder
from bot.domain.events import ClockSampled, Event, Fact, FundingPaid, OrderReported
from bot.domain.order import Approved, OrderRequest
from bot.domain.units import AccountId, Nanos
from bot.journal.sqlite import SqliteJournal
from bot.lab.bench.desk import INSTRUMENTS, USDM, Restorable, loop_in_band, open_journal
from bot.lab.bench.far_end import FIRST_BYTE
from bot.lab.bench.figures import AtMost, Counts, Figure, median, quantiles
from bot.lab.bench.journal import PAYLOAD_BYTES
from bot.lab.bench.near_end import Far, far_end
from bot.runtime import gc_policy
from bot.runtime.carrier import Carrier
from bot.runtime.clock import SystemClock
from bot.runtime.loop import Loop
from bot.venues.budget import Limits
from bot.venues.client import Client
from bot.venues.gateway import LiveGateway
from bot.venues.net import open_session
from bot.venues.routes import USDM_HOST
from bot.venues.signing import Credentials
from bot.venues.transport import SessionTransport, Transport, Wire

CALL_US = 600.0
OVER_COMMIT_US = 500.0
WARM_UP_CALLS = 20
SPACING_S = 0.003
ANSWER_S = 5.0
_UNLIMITED = Limits(weight_per_minute=10**9, orders_per_10s=10**9, orders_per_minute=10**9)
_KEY, _SECRET = "k" * 64, "s" * 64


class NotMeasured(Exception):
    """An order was not answered as filled: its time would mean nothing."""


class Timed:
    """A transport that keeps the moment at which the last request's first byte arrived (Unix nanoseconds)."""

    def __init__(self, inner: Transport) -> None:
        self.first_byte_ns = 0
        self._inner = inner

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Wire:
        """Send, and note what the far end says of it."""
        wire = await self._inner(method, url, headers, body, timeout_s)
        self.first_byte_ns = int(wire.headers[FIRST_BYTE])
        return wire


class NoReads:
    """Accounts are not read while orders are timed."""

    async def account(self, account: AccountId) -> tuple[Fact, ...]:
        """Nothing."""
        return ()

    async def funding(self, account: AccountId, since_ns: Nanos) -> tuple[FundingPaid, ...]:
        """Nothing."""
        return ()

    async def clock(self) -> tuple[ClockSampled, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything between a quote and the far end."""

    session: aiohttp.ClientSession
    timed: Timed
    gateway: LiveGateway
    journal: SqliteJournal
    book: Restorable


@contextlib.asynccontextmanager
async def desk(far: Far, journal: SqliteJournal, clock: SystemClock) -> AsyncIterator[Desk]:
    """The daemon's way out, warmed up and with its garbage frozen."""
    async with open_session(far.pin, far.context()) as session:
        timed = Timed(SessionTransport(session))
        client = Client(
            credentials=Credentials(_KEY, _SECRET), orders=timed, reads=timed, clock=clock.wall_ns, sleep=clock.sleep
        )
        client.warm()
        client.budgets[USDM].configure(_UNLIMITED)
        made = Desk(session, timed, LiveGateway(client, INSTRUMENTS), journal, Restorable(clock.now_ns()))
        gc_policy.settle()
        yield made


async def _nothing() -> None:
    """What has to be durable already is."""


async def call_us(made: Desk, order: Approved) -> float:
    """Microseconds from `Gateway.submit` to the first byte, with nothing to wait for."""
    began_ns = time.time_ns()
    facts = await made.gateway.submit(order, _nothing())
    if not isinstance(facts[0], OrderReported):
        raise NotMeasured(str(facts[0]))
    return (made.timed.first_byte_ns - began_ns) / 1_000


async def raw_us(made: Desk, order: Approved) -> float:
    """The same order by aiohttp and hmac alone, on the same session."""
    began_ns = time.time_ns()
    request = order.request
    body = (
        f"symbol=BTCUSDT&side={request.side.name}&type=LIMIT&timeInForce=IOC&quantity={request.contracts}"
        f"&price={request.limit_price}&newClientOrderId={request.client_id}&newOrderRespType=RESULT"
        f"&recvWindow=2000&timestamp={began_ns // 1_000_000}"
    )
    signature = hmac.new(_SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-MBX-APIKEY": _KEY, "Content-Type": "application/x-www-form-urlencoded"}
    url = f"https://{USDM_HOST}/fapi/v1/order"
    async with made.session.post(url, data=f"{body}&signature={signature}", headers=headers) as response:
        await response.read()
        return (int(response.headers[FIRST_BYTE]) - began_ns) / 1_000


async def commit_us(journal: SqliteJournal) -> float:
    """Microseconds from appending a record to the event loop's knowing that it is durable."""
    began_ns = time.time_ns()
    await journal.flushed(journal.append("Bench", b"x" * PAYLOAD_BYTES, began_ns))
    return (time.time_ns() - began_ns) / 1_000


class Breach:
    """The daemon's loop with a book at its band's edge; each measurement starts from the same state."""

    def __init__(self, made: Desk, clock: SystemClock) -> None:
        self._made = made
        self._reports: asyncio.Queue[OrderReported] = asyncio.Queue()
        self._faults: list[str] = []
        self._carrier = Carrier(
            made.gateway,
            NoReads(),
            made.journal,
            sink=self._answer,
            fault=self._faults.append,
            withholds=self._withholds,
            now_ns=clock.now_ns,
        )
        self._loop: Loop = loop_in_band(made.journal, clock, self._carry, self._observe)

    def _withholds(self, request: OrderRequest) -> str:
        """Ask the engine of the moment: each breach has one of its own."""
        return self._loop.engine.withholds(request)

    async def first_byte_us(self) -> float:
        """Microseconds from putting the quote that breaches into the loop to the first byte of its order."""
        self._loop.engine = self._made.book.engine()
        await asyncio.sleep(SPACING_S)
        began_ns = time.time_ns()
        self._loop.put(self._made.book.breaching)
        async with asyncio.timeout(ANSWER_S):
            await self._reports.get()
        if self._faults or self._loop.broken is not None:
            raise NotMeasured(str(self._faults or self._loop.broken))
        return (self._made.timed.first_byte_ns - began_ns) / 1_000

    async def close(self) -> None:
        """End what is left."""
        await self._carrier.close()

    def _carry(self, commands: Sequence[Command], seq: int) -> None:
        # Looking for the order or the account afterwards is none of what is timed.
        self._carrier([c for c in commands if not isinstance(c, CancelOrder | QueryOrder)], seq)

    def _answer(self, event: Event) -> None:
        self._loop.put(event)

    def _observe(self, event: Event, commands: Sequence[Command]) -> None:
        if isinstance(event, OrderReported):
            self._reports.put_nowait(event)


class Times:
    """Microseconds of every kind of call, taken in turns, so that all see the same machine and the same disk."""

    def __init__(self) -> None:
        self.call: list[float] = []
        self.raw: list[float] = []
        self.commit: list[float] = []
        self.breach: list[float] = []

    async def take(self, made: Desk, breach: Breach, order: Approved) -> None:
        """One of each."""
        await asyncio.sleep(SPACING_S)
        self.call.append(await call_us(made, order))
        await asyncio.sleep(SPACING_S)
        self.raw.append(await raw_us(made, order))
        await asyncio.sleep(SPACING_S)
        self.commit.append(await commit_us(made.journal))
        self.breach.append(await breach.first_byte_us())


async def times(counts: Counts, directory: Path) -> Times:
    """Measure; raises NotMeasured when an order did not end as filled."""
    clock = SystemClock()
    with far_end(directory) as far, open_journal(directory, clock) as journal:
        async with desk(far, journal, clock) as made:
            breach = Breach(made, clock)
            order = made.book.order()
            warm_up, measured = Times(), Times()
            for _ in range(WARM_UP_CALLS):
                await warm_up.take(made, breach, order)
            for _ in range(counts.orders):
                await measured.take(made, breach, order)
            await breach.close()
    return measured


async def measure(counts: Counts, directory: Path) -> list[Figure]:
    """The row."""
    found = await times(counts, directory)
    allowed = AtMost(median(found.commit) + OVER_COMMIT_US)
    return [
        *quantiles(
            "order call -> first byte, TLS",
            found.call,
            AtMost(CALL_US),
            "gateway over ccxt: build, sign, send on a kept-alive connection",
        ),
        *quantiles("raw aiohttp POST + HMAC -> first byte", found.raw, note="same session and far end"),
        *quantiles(
            "breach -> first byte, TLS",
            found.breach,
            allowed,
            "quote into the loop, decision, step durable on disk, order sent; target: commit p50 + 500 us",
        ),
        *quantiles("commit beside it", found.commit, note="append to the event loop's knowing, same run"),
    ]
