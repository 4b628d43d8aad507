"""The daemon: what runs beside the loop (ticks, reads, feeds, the ear) and what an operator may ask of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from bot.domain.commands import CloseCorrection, Command, Notice, OpenIntent, ProposeIntent, Severity
from bot.domain.events import (
    Action,
    Event,
    FaultRaised,
    OperatorAsked,
    Remarked,
    RulesChanged,
    Started,
    Stopping,
    StreamChanged,
    Ticked,
)
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.engine import Engine
from bot.engine.modes import GLOBAL, Mode
from bot.engine.state import State
from bot.journal.store import Journal
from bot.runtime import killfile, picture
from bot.runtime.amendments import Amendments
from bot.runtime.carrier import Carrier
from bot.runtime.chores import Chores, Intervals
from bot.runtime.clock import Clock
from bot.runtime.companion import LOGGED_EVERY_NS, TOLD_EVERY_NS, Paced, cause_of
from bot.runtime.control import Arguments, ControlServer, Handlers
from bot.runtime.gc_policy import Collector
from bot.runtime.health import Health, judge
from bot.runtime.loop import Loop
from bot.runtime.metadata import Metadata
from bot.runtime.monitor import Monitor
from bot.runtime.operator import Operator
from bot.runtime.reload import Reloader, without_file
from bot.runtime.status import Around, BudgetStatus, JournalStatus, Status, StreamStatus
from bot.runtime.supervise import BudgetSpent, attempt, attend, keep
from bot.runtime.surroundings import Surroundings
from bot.runtime.teachers import teachers
from bot.runtime.venue import Venue
from bot.runtime.vitals import gather

IN_FLIGHT_GRACE_NS = 8 * SECOND_NS
WIND_DOWN_LOOK_S = 0.02
TROUBLE_CHARS_MAX = 500
SAMPLE_EVERY_NS = SECOND_NS // 2
"""How often the needs are derived for people; deciding does not depend on it."""


class Daemon:
    """One portfolio, running."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        clock: Clock,
        venue: Venue,
        state_dir: Path,
        intervals: Intervals,
        log: FilteringBoundLogger,
        around: Surroundings,
    ) -> None:
        self.monitor = Monitor()
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._venue = venue
        self._state_dir = state_dir
        self._intervals = intervals
        self._log = log
        self._companions = around.companions
        self._redactor = around.redactor
        self._troubles_logged, self._troubles_told = Paced(LOGGED_EVERY_NS), Paced(TOLD_EVERY_NS)
        self._stop = asyncio.Event()
        self._kill_file = killfile.Watch(state_dir)
        self._killed: killfile.KillOrder | None = None
        self._leaving: asyncio.Future[Exception | None] | None = None
        self._sampled_ns = 0
        self._started_ns = self._ticked_ns = clock.now_ns()
        self.loop = Loop(engine, journal, clock, carrier=self._carry, observer=self._observe, on_broken=self._broken)
        sink, fault = self.loop.put, self.loop.fault
        self._carrier = Carrier(
            venue.gateway, venue.snapshots, journal, sink, fault, withholds=engine.withholds, now_ns=clock.now_ns
        )
        self._chores = Chores(engine, self.loop, self._carrier.refresh, venue, clock, intervals, self._started_ns)
        self._amendments = Amendments(engine, self.loop.step, fault, clock, log)
        self._reloader = Reloader(around.config, engine, self._amendments, log) if around.config else None
        self._metadata = Metadata(venue.instruments, engine, self._amendments, clock, intervals.metadata, log)
        self._teachers = teachers(
            lambda: engine.state, self.loop.put, clock, log, history=venue.history, places=around.holdings
        )
        looks: Handlers = {
            "status": self._on_status,
            "health": self._on_health,
            "reload": self._reloader.on_verb if self._reloader else without_file,
        }
        stop, ways = self._stop.set, around.ways
        self.operator = Operator(engine, self.loop.step, clock, state_dir, self._kill_file, ways, stop, looks)
        venue.bind(self.loop.put, self._carrier.refresh)

    async def run(self, started: Started, stop: asyncio.Event | None = None) -> None:
        """Run until told to stop; hedges stay in place. Raises BudgetSpent when a child cannot be kept alive."""
        try:
            # The socket first: where another daemon answers on it, in whatever mode, this one has not begun.
            async with ControlServer(self._state_dir, self.operator.handlers(), on_bug=self._on_bug):
                self.begin(started)
                await self._live((self._stop, *([stop] if stop else [])))
        except ExceptionGroup as group:
            spent = group.subgroup(BudgetSpent)
            if spent is None:
                raise
            raise spent.exceptions[0] from group
        finally:
            await self._carrier.close()
        self.loop.checkpoint()

    async def _live(self, ends: Sequence[asyncio.Event]) -> None:
        """Keep every child until one of the events ends it all in good order."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(keep(name, child, self._clock, self._child_ended), name=name)
                for name, child in self._children().items()
            ]
            tasks += [
                group.create_task(attend(name, helper, self._clock, self._companion_ended))
                for name, helper in self._attended()
            ]
            waits = [asyncio.create_task(end.wait()) for end in ends]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            await self._wind_down()
            for task in tasks:
                task.cancel()

    async def look(
        self, started: Started, answer: Callable[[Engine], dict[str, Any]], patience_s: float, look_s: float
    ) -> dict[str, Any]:
        """Run until every group can be judged, or patience ends; then say what `answer` makes of the engine."""
        self.begin(started)
        deadline = self._clock.now_ns() + int(patience_s * SECOND_NS)
        children = (*self._children().values(), *self._teachers.values())
        tasks = [asyncio.ensure_future(child()) for child in children]
        try:
            while self._clock.now_ns() < deadline and picture.not_ready(self._engine.state):
                await self._clock.sleep(look_s)
            return answer(self._engine)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._carrier.close()

    @property
    def state(self) -> State:
        """The engine's state, for companions to read."""
        return self._engine.state

    def now_ns(self) -> Nanos:
        """The clock, for companions."""
        return self._clock.now_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait by the clock, for companions."""
        await self._clock.sleep(seconds)

    def health(self) -> Health:
        """Whether it lives and could hedge now, with reasons."""
        now = self._clock.now_ns()
        vitals = gather(
            self._engine.state,
            streams=self._venue.streams,
            reading=self._carrier.reading,
            journal=self._journal,
            reconcile_ns=self._intervals.reconcile,
            tick_late_ns=max(now - self._ticked_ns - self._intervals.tick, 0),
            now_ns=now,
            started_ns=self._started_ns,
        )
        return judge(vitals, self._intervals.bounds)

    async def ask(self, verb: str, arguments: Arguments) -> Any:
        """What the control socket's verb of that name does, for companions. Raises Denied and KeyError."""
        return await self.operator.handlers()[verb](arguments)

    def begin(self, started: Started) -> None:
        """The first event of this process; a kill file that lies there counts at once."""
        self._log.info("started", mode=started.mode.value, portfolio=started.rules.portfolio)
        self.loop.step(started)
        self._look_for_kill_file()

    def status(self) -> Status:
        """The whole picture now."""
        now, head = self._clock.now_ns(), self._journal.head
        self.monitor.sample_orders(self._engine.state, self._started_ns)
        streams = tuple(
            StreamStatus(one.name, one.up, now - one.last_frame_ns if one.last_frame_ns else None, one.connects)
            for one in self._venue.streams
        )
        budgets = tuple(BudgetStatus(host, used) for host, used in sorted(self._venue.budgets().items()))
        journal = JournalStatus(
            path=str(self._venue.journal_path),
            sequence=head.seq,
            head=head.digest.hex(),
            lag_ns=self._journal.lag_ns,
            size_bytes=self._journal.size_bytes,
        )
        around = Around(health=self.health(), streams=streams, budgets=budgets, journal=journal)
        return picture.draw(self._engine, self.monitor, around, now_ns=now, started_ns=self._started_ns)

    async def _on_status(self, _: Arguments) -> Status:
        return self.status()

    async def _on_health(self, _: Arguments) -> Health:
        return self.health()

    def _children(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "tick": self._tick,
            **self._chores.all(),
            "memory": Collector(self._clock.sleep).run,
            **{feed.name: feed.run for feed in self._venue.feeds},
        }

    def _attended(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """What may fail without consequence: it is logged and begun again, and the book is looked after meanwhile."""
        yield "amendments", self._amendments.run
        yield "metadata", self._metadata.run
        yield from self._teachers.items()
        if self._reloader is not None:
            yield "reload", self._reloader.run
        for one in self._companions:
            yield one.name, partial(one.run, self)

    def _carry(self, commands: Sequence[Command], seq: int) -> None:
        self._carrier(commands, seq)

    def _observe(self, event: Event, commands: Sequence[Command]) -> None:
        if isinstance(event, RulesChanged):
            self._venue.renew(self._engine.state.layout.rules.instruments)
        if isinstance(event, FaultRaised) and self.loop.lost:
            self._keep_halt(event)
        self.monitor.on_step(event, commands)
        for companion in self._companions:
            error = attempt(partial(companion.on_step, event, commands, self._engine.state))
            if error is not None:
                self._in_trouble(companion.name, "on_step", f"it failed on {type(event).__name__}", error)
        if isinstance(event, StreamChanged):
            self._log.info("stream", name=event.stream, up=event.up, reason=event.reason)
            if event.up:
                for account in self._engine.state.layout.rules.accounts:
                    self._carrier.refresh(account)
        for command in commands:
            self._say(command)
        self._venue.persist(event)

    def _keep_halt(self, lost: FaultRaised) -> None:
        """What had halted it before the journal was lost may be lost with it: a file keeps it for the next start."""
        latch = self._engine.state.modes.latches.get(GLOBAL)
        if latch is not None and latch.reason != lost.what:
            leave = self._kill_file.leaving(latch.reason, latch.by)
            self._leaving = asyncio.ensure_future(asyncio.to_thread(attempt, leave))

    def _say(self, command: Command) -> None:
        match command:
            case OpenIntent() | ProposeIntent():
                verb = "hedge" if isinstance(command, OpenIntent) else "proposal"
                requests = [leg.request for leg in command.intent.legs]
                orders = [f"{r.side.value} {r.contracts} {r.instrument} at {r.limit_price}" for r in requests]
                self._log.info(verb, group=command.intent.group, orders=orders, why=command.intent.reason)
            case CloseCorrection():
                results = [f"{r.instrument} {r.filled} at {_short(r.average_price)}" for r in command.results]
                self._log.info("hedged", group=command.group, orders=results)
            case Notice():
                say = {Severity.INFO: self._log.info, Severity.WARNING: self._log.warning}
                say.get(command.severity, self._log.error)(
                    "notice", topic=command.topic, subject=command.subject, text=command.text
                )
            case _:
                pass

    async def _tick(self) -> None:
        """The engine's clock, the kill file, and the samples that people see."""
        while True:
            await self._clock.sleep(self._intervals.tick / SECOND_NS)
            self._look_for_kill_file()
            now = self._ticked_ns = self._clock.now_ns()
            self.loop.step(Ticked(now))
            if now - self._sampled_ns >= SAMPLE_EVERY_NS:
                self._sampled_ns = now
                self.monitor.sample_orders(self._engine.state, self._started_ns)
                for assessment in self._engine.assess():
                    self.monitor.sample_needs(assessment.group, assessment.needs, now)

    async def _wind_down(self) -> None:
        """Decide nothing new; wait for what is in flight, and leave what stays unknown to the next start."""
        self.loop.step(Stopping(self._clock.now_ns()))
        deadline = self._clock.now_ns() + IN_FLIGHT_GRACE_NS
        while self._engine.state.orders.live() and self._clock.now_ns() < deadline:
            await self._clock.sleep(WIND_DOWN_LOOK_S)
        live = [record.request.client_id for record in self._engine.state.orders.live()]
        self._log.info("stopped", unresolved=live)

    def _look_for_kill_file(self) -> None:
        order = self._kill_file.news()
        state = self._engine.state
        # Halted or not, a kill cancels what a pause or a fault has left working; once, where the file is unreadable.
        leaves = order != self._killed and state.orders.live()
        if order is not None and (state.modes.overall is not Mode.HALT or leaves):
            self._killed = order
            self.loop.step(OperatorAsked(Action.KILL, order.reason, order.by, self._clock.now_ns()))

    def _child_ended(self, name: str, error: BaseException | None) -> None:
        failed = "" if error is None else self._redactor.text(f"{type(error).__name__}: {error}")
        what = f"{name} ended" if error is None else f"{name} failed: {failed}"
        self._log.error("child", name=name, what=what)
        if error is not None:
            self.loop.fault(what)

    def _companion_ended(self, name: str, error: BaseException | None) -> None:
        """What looks on may fail without consequence for what it looks at."""
        self._in_trouble(name, "run", "it ended" if error is None else "it failed and is started again", error)

    def _in_trouble(self, name: str, where: str, what: str, error: BaseException | None) -> None:
        """Log it, and have it told; neither as often as it happens, for that may be with every step.

        What is told is journaled, and told by a companion: it goes through the queue, after this step, and in its words
        is no secret that an error may quote.
        """
        now, key = self._clock.now_ns(), f"{name}.{where}"
        more, told = self._troubles_logged.take(key, now), self._troubles_told.take(key, now)
        if more is None and told is None:
            return
        cause = cause_of(error) if error is not None else None
        text = self._redactor.text(f"{what}: {type(cause).__name__}: {cause}" if cause is not None else what)
        if more is not None:
            self._log.error("companion", name=name, what=text, held_back=more, exc_info=error)
        if told is not None and not self._engine.state.stopping:
            self.loop.put(Remarked("component", name, text[:TROUBLE_CHARS_MAX], now))

    def _broken(self, what: str, error: Exception) -> None:
        """The engine failed: it halts, and somebody has to look. The traceback is worth more than the line."""
        self._log.error("engine", what=what, exc_info=error)

    def _on_bug(self, error: BaseException) -> None:
        self._log.error("control", what=f"{type(error).__name__}: {error}")


def _short(price: Decimal | None) -> str:
    """An average for the log: eight digits say enough of it."""
    return "nothing" if price is None else f"{float(price):.8g}"
