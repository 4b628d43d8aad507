"""What the runtime's tests play on: an honest exchange, a journal in memory, and a clock cranked by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import structlog

from bot.domain.commands import CancelOrder, Command, QueryOrder, RefreshAccount, SubmitOrder
from bot.domain.events import (
    AccountSeen,
    ClockSampled,
    Event,
    Fact,
    FundingPaid,
    RunMode,
    Started,
    StreamChanged,
    Ticked,
)
from bot.domain.order import Approved, OrderRequest
from bot.domain.rules import Rules
from bot.domain.units import MILLISECOND_NS, SECOND_NS, AccountId, ClientOrderId, Nanos
from bot.engine.engine import Engine
from bot.engine.orders import OrderRecord
from bot.journal.memory import MemoryJournal
from bot.journal.store import Stamp
from bot.runtime.chores import Intervals
from bot.runtime.clock import ManualClock, settle
from bot.runtime.daemon import Daemon
from bot.runtime.loop import Loop
from bot.runtime.steps import Step
from bot.runtime.surroundings import Surroundings
from bot.runtime.venue import Relay, Venue, VenueFeed
from tests.engine.kit import Venue as Truth
from tests.kit import PRICES, START_NS, USDM, d, depth, hedge, mark, pricing, quote, rules

TICK_NS = 100 * MILLISECOND_NS
INTERVALS = Intervals(
    tick=TICK_NS,
    reconcile=10 * SECOND_NS,
    clock=30 * SECOND_NS,
    funding=60 * SECOND_NS,
    checkpoint=300 * SECOND_NS,
)
CALM = replace(INTERVALS, tick=SECOND_NS)
"""For stories in which nothing happens for minutes."""
HEDGED = {"BTC": d("-1.234"), "ETH": d(-10)}


async def forever() -> None:
    """A feed that says nothing."""
    await asyncio.Event().wait()


def journal_of(clock: ManualClock, *, held: bool = False) -> MemoryJournal:
    """An empty journal in memory."""
    return MemoryJournal(Stamp("live", "stage"), clock.wall_ns, lambda _: None, held=held)


def steps_of(journal: MemoryJournal) -> list[Step]:
    """Every step that the journal holds."""
    return [msgspec.json.decode(record.payload, type=Step) for record in journal.records()]


def facts_of(journal: MemoryJournal, kind: type[Event]) -> list[Any]:
    """The events of one kind that the journal holds."""
    return [step.event for step in steps_of(journal) if isinstance(step.event, kind)]


def orders_in(commands: Sequence[Command]) -> list[OrderRequest]:
    """The orders that commands ask for."""
    return [command.order.request for command in commands if isinstance(command, SubmitOrder)]


def started(clock: ManualClock, owned: Rules | None = None, mode: RunMode = RunMode.LIVE) -> Started:
    """A start at this moment."""
    now = clock.now_ns()
    return Started(mode, now // MILLISECOND_NS, owned or rules(), now)


def market(truth: Truth, now: int) -> list[Event]:
    """Marks, books and quotes at the exchange's prices."""
    out: list[Event] = []
    for coin, price in sorted(truth.prices.items()):
        names = (hedge(coin), pricing(coin))
        out += [mark(hedge(coin), price, now), *(depth(name, price, now) for name in names)]
        out += [quote(name, price, now) for name in names]
    return out


class Exchange:
    """Gateway, account reads and market feed of an honest exchange. What it shall not do is switched off by a test."""

    def __init__(self, clock: ManualClock, owned: Rules) -> None:
        self.truth = Truth(dict(PRICES), {"BTC": d("1.2345"), "ETH": d(10)})
        self.sent: list[OrderRequest] = []
        self.cancelled: list[ClientOrderId] = []
        self.asked: list[ClientOrderId] = []
        self.reads: list[AccountId] = []
        self.ledger: list[FundingPaid] = []
        self.looked_since: list[int] = []
        self.persisted: list[Event] = []
        self.answering = True
        """Whether orders and queries are ever answered."""
        self.feeding = True
        self.relay = Relay()
        self._clock = clock
        self._rules = owned
        self._never = asyncio.Event()

    async def submit(self, order: Approved, durable: Awaitable[None]) -> tuple[Fact, ...]:
        """Take an order once it is durable."""
        await durable
        self.sent.append(order.request)
        if not self.answering:
            await self._never.wait()
        events = self.truth.submit(order.request, self._clock.now_ns())
        return tuple(events)  # type: ignore[arg-type]  # the kit's venue speaks of events; these are facts

    async def cancel(self, command: CancelOrder) -> tuple[Fact, ...]:
        """Note a cancel."""
        self.cancelled.append(command.client_id)
        return ()

    async def query(self, command: QueryOrder) -> tuple[Fact, ...]:
        """Say where an order is."""
        self.asked.append(command.client_id)
        if not self.answering:
            return ()
        return (self.truth.look(command, self._clock.now_ns()),)  # type: ignore[return-value]

    async def account(self, account: AccountId) -> tuple[Fact, ...]:
        """One read of an account."""
        self.reads.append(account)
        return (self.seen(account),)

    def seen(self, account: AccountId) -> Fact:
        """What a read of an account shows now."""
        names = [one.id for one in self._rules.instruments if one.account == USDM]
        now = self._clock.now_ns()
        return AccountSeen(self.truth.snapshot(account, names, now), now)

    async def funding(self, account: AccountId, since_ns: Nanos) -> tuple[FundingPaid, ...]:
        """The ledger, as far back as it is asked for."""
        self.looked_since.append(since_ns)
        return tuple(paid for paid in self.ledger if paid.account == account and paid.settled_ns >= since_ns)

    async def clock(self) -> tuple[ClockSampled, ...]:
        """A clock that agrees with ours."""
        now = self._clock.now_ns()
        return tuple(ClockSampled(account, MILLISECOND_NS, MILLISECOND_NS, now) for account in self._rules.accounts)

    async def feed(self) -> None:
        """Private streams that are up, and the market ten times a second."""
        for account in self._rules.accounts:
            self.relay.put(StreamChanged(f"{account}.user", True, "connected", self._clock.now_ns(), account))
        while True:
            if self.feeding:
                for event in market(self.truth, self._clock.now_ns()):
                    self.relay.put(event)
            await self._clock.sleep(TICK_NS / SECOND_NS)

    def venue(self, *feeds: VenueFeed) -> Venue:
        """The exchange as the daemon takes it."""
        streaming = VenueFeed("market", self.feed, ())
        return Venue(
            gateway=self,
            snapshots=self,
            feeds=(streaming, *feeds),
            relay=self.relay,
            journal_path=Path("journal-live.sqlite3"),
            margin_accounts=(USDM,),
            persist=self.persisted.append,
        )


class Bench:
    """A loop without a daemon: it is stepped by hand, and its carrier only notes what it is handed."""

    def __init__(self, journal: MemoryJournal | None = None, owned: Rules | None = None) -> None:
        self.clock = ManualClock(START_NS)
        self.rules = owned or rules()
        self.exchange = Exchange(self.clock, self.rules)
        self.journal = journal or journal_of(self.clock)
        self.carried: list[tuple[Command, int]] = []
        self.observed: list[tuple[Event, Sequence[Command]]] = []
        self.broken: list[str] = []
        start = started(self.clock, self.rules)
        self.engine = Engine(start)
        self.loop = Loop(
            self.engine,
            self.journal,
            self.clock,
            carrier=lambda commands, seq: self.carried.extend((command, seq) for command in commands),
            observer=lambda event, commands: self.observed.append((event, commands)),
            on_broken=lambda what, _: self.broken.append(what),
        )
        self.loop.step(start)

    @property
    def orders(self) -> list[OrderRequest]:
        """The orders that were handed to the carrier."""
        return orders_in([command for command, _ in self.carried])

    def market(self) -> list[Command]:
        """Show the market as it is; what follows from it."""
        return [c for event in market(self.exchange.truth, self.clock.now_ns()) for c in self.loop.step(event)]

    def tick(self, nanoseconds: int = TICK_NS) -> Sequence[Command]:
        """Let time pass, then strike the clock."""
        self.clock.move(nanoseconds)
        return self.loop.step(Ticked(self.clock.now_ns()))

    def read(self) -> None:
        """Every account is read."""
        for account in self.rules.accounts:
            self.loop.step(self.exchange.seen(account))

    def ready(self) -> Bench:
        """Streams, clocks and the first reads: the next tick with a market leads to a hedge."""
        now = self.clock.now_ns()
        for account in self.rules.accounts:
            self.loop.step(StreamChanged(f"{account}.user", True, "connected", now, account))
            self.loop.step(ClockSampled(account, MILLISECOND_NS, MILLISECOND_NS, now))
        self.read()
        self.clock.move(2 * SECOND_NS)
        self.read()
        return self

    def breach(self) -> Sequence[Command]:
        """The market comes up and the clock strikes: the book is hedged."""
        self.market()
        return self.tick()

    def answer(self) -> None:
        """The exchange answers every order that was handed to the carrier and not answered yet."""
        for request in self.orders:
            if request.client_id not in self.exchange.truth.orders:
                for event in self.exchange.truth.submit(request, self.clock.now_ns()):
                    self.loop.step(event)

    def hedged(self) -> Bench:
        """A book that was hedged and read again."""
        self.ready().breach()
        self.answer()
        self.tick()
        self.clock.move(SECOND_NS)
        self.read()
        self.market()
        return self


class Stage:
    """A whole daemon at the exchange, under the clock of the test."""

    def __init__(
        self,
        tmp_path: Path,
        journal: MemoryJournal | None = None,
        *feeds: VenueFeed,
        intervals: Intervals = INTERVALS,
        around: Surroundings | None = None,
    ) -> None:
        self.clock = ManualClock(START_NS)
        self.rules = rules()
        self.exchange = Exchange(self.clock, self.rules)
        self.journal = journal or journal_of(self.clock)
        self.state_dir = tmp_path
        self.log: list[Any] = []
        self.started = started(self.clock, self.rules)
        self.engine = Engine(self.started)
        self.venue = self.exchange.venue(*feeds)
        beside = around or Surroundings(ways=frozenset(RunMode))
        logger = self._logger()
        self.daemon = Daemon(self.engine, self.journal, self.clock, self.venue, tmp_path, intervals, logger, beside)
        self.stop = asyncio.Event()
        self.running: asyncio.Task[None] | None = None

    def _logger(self) -> Any:
        def keep(_: object, level: str, event: Any) -> Any:
            self.log.append({"level": level, **event})
            raise structlog.DropEvent

        return structlog.wrap_logger(None, processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(0))

    async def __aenter__(self) -> Stage:
        self.running = asyncio.create_task(self.daemon.run(self.started, self.stop))
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.running is not None
        if not self.running.done():
            self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running

    async def advance(self, seconds: float) -> None:
        """Let the world go on."""
        await self.clock.advance(round(seconds * SECOND_NS))

    async def until(self, holds: Callable[[], bool], seconds: float = 30) -> None:
        """Let the world go on until something holds."""
        for _ in range(round(seconds * SECOND_NS / TICK_NS)):
            if holds():
                return
            await self.clock.advance(TICK_NS)
        raise AssertionError("it never came")

    async def hedged(self) -> None:
        """Let it hedge its book."""
        await self.until(lambda: all(self.position(coin) == coins for coin, coins in HEDGED.items()))
        await self.until(lambda: not self.engine.state.orders.live() and not self.engine.state.legs.corrections)

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """What a verb of the control socket answers."""
        return await self.daemon.operator.handlers()[verb](arguments)

    def position(self, coin: str) -> Decimal:
        """Contracts as the engine believes them, confirmed."""
        belief = self.engine.state.accounts.positions[hedge(coin)]
        return belief.position.contracts if belief.settled else Decimal("NaN")

    @property
    def live(self) -> list[OrderRecord]:
        """Orders that have not ended."""
        return self.engine.state.orders.live()

    def said(self, event: str) -> list[Any]:
        """The log's entries of one event."""
        return [entry for entry in self.log if entry["event"] == event]


def reads_of(commands: Sequence[Command]) -> list[AccountId]:
    """The accounts that commands want read."""
    return [command.account for command in commands if isinstance(command, RefreshAccount)]
