"""The daemon: what runs beside the loop (ticks, reads, feeds, the ear) and what an operator may ask of it."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from bot.domain.commands import CloseCorrection, Command, Notice, OpenIntent, ProposeIntent, Severity
from bot.domain.events import Action, Event, OperatorAsked, Started, Stopping, StreamChanged, Ticked
from bot.domain.units import SECOND_NS, AccountId, Nanos
from bot.engine.engine import Engine
from bot.engine.modes import Mode
from bot.journal.store import Journal
from bot.runtime import killfile, picture
from bot.runtime.carrier import Carrier
from bot.runtime.clock import Clock
from bot.runtime.control import Arguments, ControlServer, Denied
from bot.runtime.gc_policy import Collector
from bot.runtime.loop import Loop
from bot.runtime.monitor import Monitor
from bot.runtime.plans import plan
from bot.runtime.status import Status, StreamStatus
from bot.runtime.supervise import BudgetSpent, keep
from bot.runtime.venue import Venue

NONCE_SECONDS = 30
IN_FLIGHT_GRACE_NS = 8 * SECOND_NS
WIND_DOWN_LOOK_S = 0.02
CLOCK_AGAIN_NS = 5 * SECOND_NS
FUNDING_LOOK_BACK_NS = 24 * 3600 * SECOND_NS
SAMPLE_EVERY_NS = SECOND_NS // 2
"""How often the needs are derived for people; deciding does not depend on it."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often things are done, in nanoseconds."""

    tick: int
    reconcile: int
    clock: int
    funding: int
    checkpoint: int


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
    ) -> None:
        self.monitor = Monitor()
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._venue = venue
        self._state_dir = state_dir
        self._intervals = intervals
        self._log = log
        self._stop = asyncio.Event()
        self._kill_file = killfile.Watch(state_dir)
        self._nonce: tuple[str, int] = ("", 0)
        self._sampled_ns = 0
        self._started_ns = clock.now_ns()
        self.loop = Loop(engine, journal, clock, carrier=self._carry, observer=self._observe, on_broken=self._broken)
        self._carrier = Carrier(
            venue.gateway,
            venue.snapshots,
            journal,
            sink=self.loop.put,
            fault=self.loop.fault,
            withholds=engine.withholds,
            now_ns=clock.now_ns,
        )
        venue.bind(self.loop.put, self._carrier.refresh)

    async def run(self, started: Started, stop: asyncio.Event | None = None) -> None:
        """Run until told to stop; hedges stay in place. Raises BudgetSpent when a child cannot be kept alive."""
        self.begin(started)
        try:
            async with ControlServer(self._state_dir, self.handlers(), on_bug=self._on_bug):
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
        tasks = [asyncio.ensure_future(child()) for child in self._children().values()]
        try:
            while self._clock.now_ns() < deadline and picture.not_ready(self._engine.state):
                await self._clock.sleep(look_s)
            return answer(self._engine)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._carrier.close()

    def begin(self, started: Started) -> None:
        """The first event of this process; a kill file that lies there counts at once."""
        self._log.info("started", mode=started.mode.value, portfolio=started.rules.portfolio)
        self.loop.step(started)
        self._look_for_kill_file()

    def status(self) -> Status:
        """The whole picture now."""
        now = self._clock.now_ns()
        self.monitor.sample_orders(self._engine.state, self._started_ns)
        streams = tuple(
            StreamStatus(one.name, one.up, now - one.last_frame_ns if one.last_frame_ns else None, one.connects)
            for one in self._venue.streams
        )
        head = self._journal.head
        return picture.draw(
            self._engine,
            self.monitor,
            streams=streams,
            now_ns=now,
            started_ns=self._started_ns,
            journal=(str(self._venue.journal_path), head.seq, head.digest.hex()),
        )

    def handlers(self) -> Mapping[str, Any]:
        """The verbs that the control socket answers."""
        return {
            "status": self._on_status,
            "plan": self._on_plan,
            "kill": self._on_kill,
            "arm": self._on_arm,
            "unwind": self._on_unwind,
            "flatten": self._on_flatten,
            "stop": self._on_stop,
        }

    async def _on_status(self, _: Arguments) -> Status:
        return self.status()

    async def _on_plan(self, _: Arguments) -> dict[str, Any]:
        return plan(self._engine)

    async def _on_kill(self, arguments: Arguments) -> dict[str, str]:
        return self._operate(Action.KILL, arguments)

    async def _on_arm(self, arguments: Arguments) -> dict[str, str]:
        killfile.remove(self._state_dir)
        return self._operate(Action.ARM, arguments)

    async def _on_unwind(self, arguments: Arguments) -> dict[str, str]:
        if self._engine.state.modes.overall is Mode.HALT:
            raise Denied("refused", "halted: arm first, or flatten")
        return self._operate(Action.UNWIND, arguments)

    async def _on_flatten(self, arguments: Arguments) -> dict[str, str]:
        """Two steps: the first call gives a nonce, the second one with it within 30 s does it."""
        given, now = arguments.get("confirm"), self._clock.now_ns()
        nonce, until = self._nonce
        if given is None:
            self._nonce = (secrets.token_hex(4), now + NONCE_SECONDS * SECOND_NS)
            return {"confirm": self._nonce[0], "valid_s": str(NONCE_SECONDS)}
        self._nonce = ("", 0)
        if not nonce or not secrets.compare_digest(str(given).encode(), nonce.encode()) or now > until:
            raise Denied("refused", "wrong or expired confirmation; ask for a new one with `trimtab flatten`")
        return self._operate(Action.FLATTEN, arguments)

    async def _on_stop(self, _: Arguments) -> dict[str, str]:
        self._stop.set()
        return {"state": "stopping"}

    def _children(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "tick": self._tick,
            "reconcile": self._reconcile,
            "clock": self._sample_clock,
            "funding": self._read_funding,
            "checkpoint": self._checkpoint,
            "memory": Collector(self._clock.sleep).run,
            **{feed.name: feed.run for feed in self._venue.feeds},
        }

    def _operate(self, action: Action, arguments: Arguments) -> dict[str, str]:
        reason, by = str(arguments.get("reason") or "no reason given"), str(arguments.get("by") or "operator")
        self.loop.step(OperatorAsked(action, reason[:500], by[:100], self._clock.now_ns()))
        return {"mode": self._engine.state.modes.overall.name}

    def _carry(self, commands: Sequence[Command], seq: int) -> None:
        self._carrier(commands, seq)

    def _observe(self, event: Event, commands: Sequence[Command]) -> None:
        self.monitor.on_step(event, commands)
        if isinstance(event, StreamChanged):
            self._log.info("stream", name=event.stream, up=event.up, reason=event.reason)
            if event.up:
                for account in self._engine.state.layout.rules.accounts:
                    self._carrier.refresh(account)
        for command in commands:
            self._say(command)
        self._venue.persist(event)

    def _say(self, command: Command) -> None:
        match command:
            case OpenIntent() | ProposeIntent():
                verb = "hedge" if isinstance(command, OpenIntent) else "proposal"
                requests = [leg.request for leg in command.intent.legs]
                orders = [f"{r.side.value} {r.contracts} {r.instrument} at {r.limit_price}" for r in requests]
                self._log.info(verb, group=command.intent.group, orders=orders, why=command.intent.reason)
            case CloseCorrection():
                results = [f"{r.instrument} {r.filled} at {r.average_price}" for r in command.results]
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
            now = self._clock.now_ns()
            self.loop.step(Ticked(now))
            if now - self._sampled_ns >= SAMPLE_EVERY_NS:
                self._sampled_ns = now
                self.monitor.sample_orders(self._engine.state, self._started_ns)
                for assessment in self._engine.assess():
                    self.monitor.sample_needs(assessment.group, assessment.needs, now)

    async def _reconcile(self) -> None:
        while True:
            for account in self._engine.state.layout.rules.accounts:
                self._carrier.refresh(account)
            await self._clock.sleep(self._intervals.reconcile / SECOND_NS)

    async def _checkpoint(self) -> None:
        """So that a start reads only the journal's tail."""
        while True:
            await self._clock.sleep(self._intervals.checkpoint / SECOND_NS)
            self.loop.checkpoint()

    async def _sample_clock(self) -> None:
        """Compare clocks; sooner again while one of them, whoever found it out, holds new orders back."""
        while True:
            for event in await self._venue.snapshots.clock():
                self.loop.put(event)
            until = self._clock.now_ns() + self._intervals.clock
            while (left := until - self._clock.now_ns()) > 0:
                await self._clock.sleep(min(left, CLOCK_AGAIN_NS) / SECOND_NS)
                if self._clock_is_off():
                    break

    def _clock_is_off(self) -> bool:
        state = self._engine.state
        return any(abs(off) > state.layout.limits.clock_offset_ns_max for off in state.clock_offsets.values())

    async def _read_funding(self) -> None:
        """Funding from the venue's ledger; each settlement is told once."""
        seen: dict[AccountId, frozenset[str]] = {}
        since: dict[AccountId, Nanos] = {}
        while True:
            for account in self._venue.margin_accounts:
                start = since.setdefault(account, Nanos(self._started_ns))
                found = await self._venue.snapshots.funding(account, start)
                for payment in found:
                    if payment.transaction not in seen.get(account, frozenset()):
                        self.loop.put(payment)
                # The next look begins no earlier than this one, so what it can find again is among these.
                seen[account] = frozenset(payment.transaction for payment in found)
                since[account] = Nanos(max(self._started_ns, self._clock.now_ns() - FUNDING_LOOK_BACK_NS))
            await self._clock.sleep(self._intervals.funding / SECOND_NS)

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
        if order is not None and self._engine.state.modes.overall is not Mode.HALT:
            self.loop.step(OperatorAsked(Action.KILL, order.reason, order.by, self._clock.now_ns()))

    def _child_ended(self, name: str, error: BaseException | None) -> None:
        what = f"{name} ended" if error is None else f"{name} failed: {type(error).__name__}: {error}"
        self._log.error("child", name=name, what=what)
        if error is not None:
            self.loop.fault(what)

    def _broken(self, what: str, error: Exception) -> None:
        """The engine failed: it halts, and somebody has to look. The traceback is worth more than the line."""
        self._log.error("engine", what=what, exc_info=error)

    def _on_bug(self, error: BaseException) -> None:
        self._log.error("control", what=f"{type(error).__name__}: {error}")
