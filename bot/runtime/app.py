"""The composition root: settings in, a running daemon out. Start-up and crash recovery are one path.

Secrets, reach, market, holdings, rules, pre-flight, venue, journal, restored engine, daemon, in this order; whatever is
expected to go wrong on the way raises `StartRefused` (or the journal's or the control socket's own error) with a line
for a person, and nothing has been sent by then.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from bot.domain.events import RunMode, Started
from bot.domain.instrument import Instrument
from bot.domain.rules import Rules
from bot.domain.units import MILLISECOND_NS, SECOND_NS, Nanos
from bot.engine.engine import Engine
from bot.journal.memory import MemoryJournal
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Journal, Stamp
from bot.journal.writer import SWITCH_INTERVAL_S
from bot.runtime import gc_policy, left_live, log, wiring
from bot.runtime.chores import Intervals
from bot.runtime.clock import Clock, SystemClock
from bot.runtime.daemon import Daemon
from bot.runtime.endings import past_ends, past_expiries
from bot.runtime.health import Bounds
from bot.runtime.holdings import places
from bot.runtime.market import account_holdings, judge, paper_holdings, read_market
from bot.runtime.plans import plan
from bot.runtime.portfolio import to_rules, venues
from bot.runtime.redact import Redactor
from bot.runtime.refusal import Kind, StartRefused
from bot.runtime.restored import restored
from bot.runtime.secrets import CredentialError, Credentials, NoCredentials, load_credentials, load_other
from bot.runtime.settings import Settings
from bot.runtime.settings_load import Loaded
from bot.runtime.state_dir import prepare
from bot.runtime.surroundings import Surroundings
from bot.runtime.upkeep import Upkeep, spacing_ns, too_full
from bot.venues.paper_account import PaperState

PLAN_PATIENCE_S = 20.0
START_PATIENCE_NS = 65 * SECOND_NS
"""A start waits out the venue's rate window: a restart that gave up because of it would leave the book unattended."""
PLAN_LOOK_S = 0.1
MARKET_PATIENCE_S = 15.0

Line = tuple[str, bool, bool, str]
"""Something that a check looked at: subject, ok, whether it would keep `live` from starting, and a text."""


async def run_daemon(
    loaded: Loaded,
    mode: RunMode,
    *,
    stop: asyncio.Event | None = None,
    around: Surroundings | None = None,
) -> RunMode | None:
    """Run until stopped; the way to go on in, where another one was asked for, and None to end.

    With a config file in its surroundings that can be loaded anew; its `newest` is what the next start goes by then.

    Raises StartRefused, JournalError, ControlError, and BudgetSpent when a part of it cannot be kept alive.
    """
    around = around or Surroundings()
    with _logging(loaded, around.redactor):
        logger = log.logger("bot.daemon")
        async with AsyncExitStack() as stack:
            try:
                daemon, started = await _compose(loaded, mode, around, logger, stack, durable=True)
            except StartRefused as error:
                raise _placed(loaded, error) from error
            if around.config is not None:
                around.config.begin(loaded)
            if RunMode.LIVE in around.ways:
                _remember(loaded, mode, logger)
            stack.callback(gc_policy.restore)
            gc_policy.settle()
            await daemon.run(started, stop)
            return daemon.operator.next_mode


def _remember(loaded: Loaded, mode: RunMode, logger: FilteringBoundLogger) -> None:
    """So that a service which is started for live again does not go back to it by itself."""
    try:
        left_live.keep(loaded.settings.state_dir, mode)
    except OSError as error:
        what = f"the way to run cannot be noted ({error.strerror}): after a restart it may be another one"
        logger.error("mode", what=what)


def _logging(loaded: Loaded, redactor: Redactor) -> log.Log:
    """The daemon's own log, to its file as well; what keeps it from being written is told at its line."""
    prepare(loaded)
    try:
        return log.start(loaded.settings.log, redactor, to_file=True)
    except OSError as error:
        why = f"the log file cannot be written: {error.strerror}"
        problem = loaded.problem(("log", "file", "path"), why, "a file in a directory of your own")
        raise StartRefused("config", str(problem)) from error


def _placed(loaded: Loaded, error: StartRefused) -> StartRefused:
    """What was refused, at the line of the config that it hangs on."""
    at = error.at or _hangs_on(loaded.settings, error)
    if at is None:
        return error
    return StartRefused(error.kind, *(str(loaded.problem(at, line)) for line in error.lines))


def _hangs_on(settings: Settings, error: StartRefused) -> tuple[str, ...] | None:
    """The key's line for a key that is refused, for a venue that is not reached the line that says where it is."""
    match error.kind:
        case "key":
            return ("credentials", "api_key_file") if settings.credentials.api_key_file else ("venue",)
        case "venue":
            return ("exchange", "pin") if settings.exchange.pin else ("venue",)
        case _:
            return None


@contextmanager
def _placing(loaded: Loaded) -> Iterator[None]:
    """Name file and line in a refusal that comes out of the block."""
    try:
        yield
    except StartRefused as error:
        raise _placed(loaded, error) from error


async def plan_once(loaded: Loaded) -> dict[str, Any]:
    """What would be done now and why, without a daemon: look once, as `observe` does, and keep nothing."""
    around = Surroundings()
    with log.start(loaded.settings.log, around.redactor), _placing(loaded):
        async with AsyncExitStack() as stack:
            logger = log.logger("bot.plan")
            daemon, started = await _compose(loaded, RunMode.OBSERVE, around, logger, stack, durable=False)
            return await daemon.look(started, plan, PLAN_PATIENCE_S, PLAN_LOOK_S)


async def preflight(loaded: Loaded) -> tuple[Line, ...]:
    """Look at market and account as `live` would before its first order. Raises StartRefused, as a start would."""
    redactor, settings = Redactor(), loaded.settings
    with log.start(settings.log, redactor), _placing(loaded):
        async with AsyncExitStack() as stack:
            clock, key = SystemClock(), _key(settings, redactor, required=True)
            others = _others(settings, redactor, required=True)
            way = await wiring.reach(settings, key, clock, log.logger("bot.check").info, stack, others)
            market = await read_market(settings, way)
            holdings = await account_holdings(settings, way, market)
            judge(loaded, market, holdings)
            found = await wiring.inspect(settings, way, market.instruments)
            return (fit(holdings), *((f.subject, f.ok, f.blocking, f.text) for f in found))


async def market_check(loaded: Loaded) -> tuple[Line, ...]:
    """Hold the config against what the venue trades and asks, without a key. Raises StartRefused with every finding."""
    redactor, settings = Redactor(), loaded.settings
    with log.start(settings.log, redactor), _placing(loaded):
        async with AsyncExitStack() as stack:
            way = await wiring.reach(settings, None, SystemClock(), log.logger("bot.check").info, stack)
            try:
                async with asyncio.timeout(MARKET_PATIENCE_S):
                    market = await read_market(settings, way)
            except TimeoutError:
                text = f"the venue did not answer within {MARKET_PATIENCE_S:g} s"
                raise StartRefused("venue", text) from None
            # Without a key a paper account can only be the config's own, and a dry-run is held against its coins.
            own = settings.paper.seed == "config"
            holdings = paper_holdings(await wiring.paper_state(settings, way, market.instruments)) if own else None
            judge(loaded, market, holdings)
            return (fit(holdings),)


def fit(holdings: Mapping[str, Decimal] | None) -> Line:
    """The line of a market that the config works with; `holdings` is what its bands were measured on."""
    text = "every instrument trades, and no band is below the smallest order"
    if holdings is None:
        text += "; bands that are parts of what is held were not judged: the balances were not read"
    return ("market", True, True, text)


async def _compose(
    loaded: Loaded,
    mode: RunMode,
    around: Surroundings,
    logger: FilteringBoundLogger,
    stack: AsyncExitStack,
    *,
    durable: bool,
) -> tuple[Daemon, Started]:
    settings = loaded.settings
    prepare(loaded)
    full = too_full(settings.state_dir, settings.journal.disk_free) if durable else ""
    if full and mode is RunMode.LIVE:
        raise StartRefused("refused", f"{full}: free some space, or ask for less")
    clock = SystemClock()
    key = _key(settings, around.redactor, required=mode is RunMode.LIVE)
    others = _others(settings, around.redactor, required=mode is RunMode.LIVE)
    way = await wiring.reach(settings, key, clock, lambda text: logger.info("stream", text=text), stack, others)
    usual_ns = way.be_patient(START_PATIENCE_NS)
    market = await read_market(settings, way)
    instruments = market.instruments
    if (settings.state_dir / wiring.PAPER_FILE).exists() and mode is RunMode.DRY_RUN:
        logger.info("paper", text="the paper account goes on as it was left; the config's seed does not count")
    paper = await _paper(settings, mode, way, instruments)
    holdings = await account_holdings(settings, way, market) if paper is None else paper_holdings(paper)
    ran_before = wiring.journal_path(settings, mode).exists()
    judge(loaded, market, holdings, (lambda text: logger.warning("config", text=text)) if ran_before else None)
    rules = to_rules(settings, instruments)
    if mode is RunMode.LIVE:
        await _preflight(way, settings, instruments, logger)
        if holdings is None:
            raise StartRefused("venue", "the balances could not be read, so the bands could not be held against them")
    venue = wiring.wire(settings, mode, way, instruments, clock, paper)
    stamp = Stamp(mode.value, await _account_name(settings, way, paper), venues(settings))
    way.be_patient(usual_ns)
    journal = _open_journal(settings, venue.journal_path, stamp, logger, stack) if durable else _memory_journal(stamp)
    engine = restored(journal)
    if engine is not None:
        clock.not_before(Nanos(engine.state.now + 1))
    if durable:
        known = engine.state.layout.rules.targets if engine is not None else ()
        past = (*past_ends(loaded, known, clock.now_ns()), *past_expiries(loaded, instruments, clock.now_ns()))
        if over := [str(one) for one in past]:
            raise StartRefused("config", *over)
    started = _start(engine, mode, rules, clock)
    intervals = _intervals(settings)
    decider = engine or Engine(started)
    upkeep = Upkeep(journal, venue.journal_path, settings.journal.retention, settings.journal.disk_free, logger)
    elsewhere = places(settings.holdings)
    beside = replace(around, companions=(upkeep, *around.companions), holdings=elsewhere)
    daemon = Daemon(decider, journal, clock, venue, settings.state_dir, intervals, logger, beside)
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


def _others(settings: Settings, redactor: Redactor, *, required: bool) -> dict[str, Credentials]:
    """The keys of the venues beside the config's own, as far as there are any."""
    found = {}
    for venue in venues(settings)[1:]:
        try:
            found[venue] = load_other(settings.credentials, venue, redactor)
        except CredentialError as error:
            if required or not isinstance(error, NoCredentials):
                raise StartRefused("credentials", str(error)) from error
    return found


async def _preflight(
    way: wiring.Reach,
    settings: Settings,
    instruments: tuple[Instrument, ...],
    logger: FilteringBoundLogger,
) -> None:
    """Everything that must hold before the first live order, in one run."""
    findings = await wiring.inspect(settings, way, instruments)
    blocking = [f"{finding.subject}: {finding.text}" for finding in findings if not finding.ok and finding.blocking]
    for finding in findings:
        if not finding.ok and not finding.blocking:
            logger.warning("pre-flight", subject=finding.subject, text=finding.text)
    subjects = {finding.subject for finding in findings if not finding.ok and finding.blocking}
    if blocking:
        passing: Kind = "venue" if "connection" in subjects else "key"
        raise StartRefused("refused" if subjects - {"connection", "key"} else passing, *blocking)


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
    return f"{settings.venue}:{name}"


def _open_journal(
    settings: Settings, path: Path, stamp: Stamp, logger: FilteringBoundLogger, stack: AsyncExitStack
) -> Journal:
    """Open it from its newest checkpoint: the walk over all of it is upkeep's, and `trimtab journal verify`'s."""
    loop = asyncio.get_running_loop()

    def failed(error: Exception) -> None:
        loop.call_soon_threadsafe(lambda: logger.error("journal", what=str(error)))

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    spacing = spacing_ns(settings.journal.retention)
    return stack.enter_context(
        SqliteJournal.open(path, stamp, time.time_ns, failed, from_checkpoint=True, checkpoint_spacing_ns=spacing)
    )


def _memory_journal(stamp: Stamp) -> Journal:
    return MemoryJournal(stamp, time.time_ns, lambda _: None)


def _start(engine: Engine | None, mode: RunMode, rules: Rules, clock: Clock) -> Started:
    """This start's first event; its epoch is above every earlier one's, so that no order id comes twice."""
    now = clock.now_ns()
    before = engine.state.epoch if engine is not None else 0
    return Started(mode, max(now // MILLISECOND_NS, before + 1), rules, now)


def _intervals(settings: Settings) -> Intervals:
    chosen = settings.intervals
    return Intervals(
        tick=chosen.tick,
        reconcile=chosen.reconcile,
        clock=chosen.clock,
        funding=chosen.funding,
        checkpoint=chosen.checkpoint,
        metadata=chosen.metadata,
        bounds=Bounds(settings.health.stall, settings.health.watchdog),
    )
