"""The composition root: settings in, a running daemon out. Start-up and crash recovery are one path.

Secrets, reach, market, holdings, rules, pre-flight, venue, journal, restored engine, daemon, in this order; whatever is
expected to go wrong on the way raises `StartRefused` (or the journal's or the control socket's own error) with a line
for a person, and nothing has been sent by then.
"""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from bot.domain.events import RunMode, Started
from bot.domain.instrument import Instrument
from bot.domain.rules import Rules
from bot.domain.units import MILLISECOND_NS, SECOND_NS, Asset, Nanos
from bot.engine.engine import Engine
from bot.journal.memory import MemoryJournal
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Journal, JournalCorrupt, Stamp
from bot.journal.writer import SWITCH_INTERVAL_S
from bot.runtime import gc_policy, log, wiring
from bot.runtime.chores import Intervals
from bot.runtime.clock import Clock, SystemClock
from bot.runtime.companion import Companion
from bot.runtime.daemon import Daemon
from bot.runtime.market import account_holdings, judge, paper_holdings, read_market
from bot.runtime.plans import plan
from bot.runtime.portfolio import to_rules
from bot.runtime.redact import Redactor
from bot.runtime.refusal import StartRefused
from bot.runtime.secrets import CredentialError, Credentials, NoCredentials, load_credentials
from bot.runtime.settings import Settings
from bot.runtime.settings_load import Loaded
from bot.runtime.steps import Unreplayable, decode_state, replay
from bot.venues.paper_account import PaperState
from bot.venues.preflight import LivePreflight

PLAN_PATIENCE_S = 20.0
START_PATIENCE_NS = 65 * SECOND_NS
"""A start waits out the venue's rate window: a restart that gave up because of it would leave the book unattended."""
PLAN_LOOK_S = 0.1
MARKET_PATIENCE_S = 15.0

Line = tuple[str, bool, bool, str]
"""Something that a check looked at: subject, ok, whether it would keep `live` from starting, and a text."""


async def run_daemon(
    loaded: Loaded, mode: RunMode, *, stop: asyncio.Event | None = None, companions: Sequence[Companion] = ()
) -> RunMode | None:
    """Run until stopped; the way to go on in, where another one was asked for, and None to end.

    Raises StartRefused, JournalError, ControlError, and BudgetSpent when a part of it cannot be kept alive.
    """
    redactor = Redactor()
    with log.start(loaded.settings.log, redactor):
        logger = log.logger("bot.daemon")
        async with AsyncExitStack() as stack:
            try:
                daemon, started = await _compose(
                    loaded, mode, redactor, logger, stack, durable=True, companions=companions
                )
            except StartRefused as error:
                raise _placed(loaded, error) from error
            stack.callback(gc_policy.restore)
            gc_policy.settle()
            await daemon.run(started, stop)
            return daemon.operator.next_mode


def _placed(loaded: Loaded, error: StartRefused) -> StartRefused:
    """What the venue refused, at the line of the config that it hangs on: the key's, or where the venue is reached."""
    if error.kind != "venue":
        return error
    settings = loaded.settings
    reached = ("exchange", "pin") if settings.exchange.pin else ("venue",)
    keyed = ("credentials", "api_key_file") if settings.credentials.api_key_file else ("venue",)
    lines = (str(loaded.problem(keyed if "refuses the key" in line else reached, line)) for line in error.lines)
    return StartRefused(error.kind, *lines)


async def plan_once(loaded: Loaded) -> dict[str, Any]:
    """What would be done now and why, without a daemon: look once, as `observe` does, and keep nothing."""
    redactor = Redactor()
    with log.start(loaded.settings.log, redactor):
        async with AsyncExitStack() as stack:
            logger = log.logger("bot.plan")
            daemon, started = await _compose(loaded, RunMode.OBSERVE, redactor, logger, stack, durable=False)
            return await daemon.look(started, plan, PLAN_PATIENCE_S, PLAN_LOOK_S)


async def preflight(loaded: Loaded) -> tuple[Line, ...]:
    """Look at market and account as `live` would before its first order. Raises StartRefused, as a start would."""
    redactor = Redactor()
    with log.start(loaded.settings.log, redactor):
        async with AsyncExitStack() as stack:
            clock, key = SystemClock(), _key(loaded.settings, redactor, required=True)
            way = await wiring.reach(loaded.settings, key, clock, log.logger("bot.check").info, stack)
            market = await read_market(loaded.settings, way)
            holdings = await account_holdings(loaded.settings, way, market)
            judge(loaded, market, holdings)
            found = await LivePreflight(way.client, market.instruments, Asset(loaded.settings.quote)).inspect()
            return (_fit(holdings), *((f.subject, f.ok, f.blocking, f.text) for f in found))


async def market_check(loaded: Loaded) -> tuple[Line, ...]:
    """Hold the config against what the venue trades and asks, without a key. Raises StartRefused with every finding."""
    redactor = Redactor()
    with log.start(loaded.settings.log, redactor):
        async with AsyncExitStack() as stack:
            way = await wiring.reach(loaded.settings, None, SystemClock(), log.logger("bot.check").info, stack)
            try:
                async with asyncio.timeout(MARKET_PATIENCE_S):
                    market = await read_market(loaded.settings, way)
            except TimeoutError:
                text = f"the venue did not answer within {MARKET_PATIENCE_S:g} s"
                raise StartRefused("venue", text) from None
            judge(loaded, market, None)
            return (_fit(None),)


def _fit(holdings: Mapping[str, Decimal] | None) -> Line:
    text = "every instrument trades, and no band is below the smallest order"
    if holdings is None:
        text += "; bands that are parts of what is held were not judged: the balances were not read"
    return ("market", True, True, text)


async def _compose(
    loaded: Loaded,
    mode: RunMode,
    redactor: Redactor,
    logger: FilteringBoundLogger,
    stack: AsyncExitStack,
    *,
    durable: bool,
    companions: Sequence[Companion] = (),
) -> tuple[Daemon, Started]:
    settings = loaded.settings
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = SystemClock()
    key = _key(settings, redactor, required=mode is RunMode.LIVE)
    way = await wiring.reach(settings, key, clock, lambda text: logger.info("stream", text=text), stack)
    usual_ns, way.client.read_patience_ns = way.client.read_patience_ns, START_PATIENCE_NS
    market = await read_market(settings, way)
    instruments = market.instruments
    paper = await _paper(settings, mode, way, instruments)
    holdings = await account_holdings(settings, way, market) if paper is None else paper_holdings(paper)
    ran_before = wiring.journal_path(settings, mode).exists()
    judge(loaded, market, holdings, (lambda text: logger.warning("config", text=text)) if ran_before else None)
    rules = to_rules(settings, instruments)
    if mode is RunMode.LIVE:
        await _preflight(way, instruments, rules, logger)
        if holdings is None:
            raise StartRefused("venue", "the balances could not be read, so the bands could not be held against them")
    venue = wiring.wire(settings, mode, way, instruments, clock, paper)
    stamp = Stamp(mode.value, await _account_name(settings, way, paper), ("binance",))
    way.client.read_patience_ns = usual_ns
    journal = _open_journal(venue.journal_path, stamp, logger, stack) if durable else _memory_journal(stamp)
    engine = _restored(journal)
    if engine is not None:
        clock.not_before(Nanos(engine.state.now + 1))
    started = _start(engine, mode, rules, clock)
    intervals = _intervals(settings)
    decider = engine or Engine(started)
    daemon = Daemon(decider, journal, clock, venue, settings.state_dir, intervals, logger, companions)
    return daemon, started


def _key(settings: Settings, redactor: Redactor, *, required: bool) -> Credentials | None:
    try:
        return load_credentials(settings.credentials, redactor)
    except NoCredentials as error:
        if required:
            raise StartRefused("credentials", str(error)) from error
        return None
    except CredentialError as error:
        raise StartRefused("credentials", str(error)) from error


async def _preflight(
    way: wiring.Reach, instruments: tuple[Instrument, ...], rules: Rules, logger: FilteringBoundLogger
) -> None:
    """Everything that must hold before the first live order, in one run."""
    findings = await LivePreflight(way.client, instruments, rules.quote).inspect()
    blocking = [f"{finding.subject}: {finding.text}" for finding in findings if not finding.ok and finding.blocking]
    for finding in findings:
        if not finding.ok and not finding.blocking:
            logger.warning("pre-flight", subject=finding.subject, text=finding.text)
    unreached = any(not finding.ok and finding.subject == "connection" for finding in findings)
    if blocking:
        raise StartRefused("venue" if unreached else "refused", *blocking)


async def _paper(
    settings: Settings, mode: RunMode, way: wiring.Reach, instruments: tuple[Instrument, ...]
) -> PaperState | None:
    """The paper account of a dry-run, and of an `observe` that has no key."""
    if mode is RunMode.LIVE or (mode is RunMode.OBSERVE and way.key is not None):
        return None
    return await wiring.paper_state(settings, way, instruments)


async def _account_name(settings: Settings, way: wiring.Reach, paper: PaperState | None) -> str:
    """Whose journal this is: the venue's number of the account, so that a new key is no new account."""
    if paper is not None:
        return f"paper:{settings.portfolio}"
    name = await wiring.account_number(way)
    if name is None:
        raise StartRefused("venue", "the account's number cannot be read, so its journal cannot be told from another's")
    return f"binance:{name}"


def _open_journal(path: Path, stamp: Stamp, logger: FilteringBoundLogger, stack: AsyncExitStack) -> Journal:
    loop = asyncio.get_running_loop()

    def failed(error: Exception) -> None:
        loop.call_soon_threadsafe(lambda: logger.error("journal", what=str(error)))

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return stack.enter_context(SqliteJournal.open(path, stamp, time.time_ns, failed))


def _memory_journal(stamp: Stamp) -> Journal:
    return MemoryJournal(stamp, time.time_ns, lambda _: None)


def _restored(journal: Journal) -> Engine | None:
    """The engine as the journal left it; None for a new journal."""
    checkpoint = journal.latest_checkpoint()
    engine: Engine | None = None
    after = 0
    try:
        if checkpoint is not None:
            engine, after = Engine.of(decode_state(checkpoint.state)), checkpoint.seq
        records = ((record.seq, record.payload) for record in journal.records(after))
        engine, result = replay(records, engine)
    except (ValueError, Unreplayable) as error:
        raise JournalCorrupt(f"the journal's steps cannot be read: {error}") from error
    if result.difference is not None:
        raise JournalCorrupt(
            f"record {result.difference.seq} replays to other commands than it recorded: this is another version's "
            "journal, or a defect; start with a new state directory once the positions are checked by hand"
        )
    return engine


def _start(engine: Engine | None, mode: RunMode, rules: Rules, clock: Clock) -> Started:
    """This start's first event; its epoch is above every earlier one's, so that no order id comes twice."""
    now = clock.now_ns()
    before = engine.state.epoch if engine is not None else 0
    return Started(mode, max(now // MILLISECOND_NS, before + 1), rules, now)


def _intervals(settings: Settings) -> Intervals:
    chosen = settings.intervals
    return Intervals(chosen.tick, chosen.reconcile, chosen.clock, chosen.funding, chosen.checkpoint)
