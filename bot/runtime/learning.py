"""What the engine learns from by the clock: samples of all mids, past returns, candles, funding, open interest.

All of it enters as facts, so that a replay learns the same. None of it is needed to hedge a coin with its own future:
a read that fails is logged, tried again an interval later, and what rests on it stays unknown meanwhile.

Samples are taken on a grid of the clock (every `statistics.sample_ns` since the epoch), so that samples of two runs,
and candles, mean the same moments. A mid that is stale or not sane is left out of its sample: it is not known.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping

import msgspec
from structlog.typing import FilteringBoundLogger

from bot.domain.bands import Auto
from bot.domain.events import BarsSeen, Event, FundingSeen, HistorySeen, OpenInterestSeen, Sampled
from bot.domain.instrument import Instrument
from bot.domain.rules import AssetRule, Rules
from bot.domain.snapshot import Bars, FundingTerms, Returns
from bot.domain.targets import CashTarget, IndexTarget, Neutrality, ParityTarget, ProxyTarget, TargetSpec, TiltTarget
from bot.domain.triggers import Gate, Signal
from bot.domain.units import HOUR_NS, SECOND_NS, Asset, InstrumentId, Nanos
from bot.engine.state import State
from bot.engine.trust import price_doubt
from bot.runtime.clock import Clock
from bot.venues.ports import History
from bot.venues.translate.errors import Trouble

HISTORY_HOURS = 960
"""Forty days: enough for the slowest statistic to mean something, and one question a coin to the venue."""
OPEN_INTEREST_HOURS = 200
AGAIN_NS = 5 * 60 * SECOND_NS
"""How soon a read that failed is tried again."""
SETTLE_NS = 20 * SECOND_NS
"""How long after the hour its candle is asked for: the venue needs a moment to close it."""


class Sampler:
    """Takes a sample at every point of the grid; one child of the daemon."""

    def __init__(self, state: Callable[[], State], sink: Callable[[Event], None], clock: Clock) -> None:
        self._state = state
        self._sink = sink
        self._clock = clock

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            every_ns = self._state().layout.rules.statistics.sample_ns
            await until(self._clock, next_point(self._clock.now_ns(), every_ns))
            now_ns = self._clock.now_ns()
            self._sink(Sampled(mids(self._state(), now_ns), Nanos(now_ns - now_ns % every_ns), now_ns))


class Learner:
    """Reads the past by the clock; one child of the daemon."""

    def __init__(
        self,
        history: History,
        state: Callable[[], State],
        sink: Callable[[Event], None],
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._history = history
        self._state = state
        self._sink = sink
        self._clock = clock
        self._log = log
        self._begun: set[Asset] = set()
        self._terms: dict[InstrumentId, FundingTerms] = {}
        """What was told of each perpetual's funding: what is known is not journaled again every hour."""

    async def run(self) -> None:
        """Read the past at once and after every hour; sooner where a read failed. Until cancelled."""
        while True:
            whole = await self.look()
            now_ns = self._clock.now_ns()
            hour_ns = next_point(now_ns, HOUR_NS) + SETTLE_NS
            await until(self._clock, hour_ns if whole else min(hour_ns, now_ns + AGAIN_NS))

    async def look(self) -> bool:
        """Read once whatever the rules ask for; whether all of it could be read."""
        rules = self._state().layout.rules
        wanted = Wanted.of(rules)
        funding = [await self._funding(one) for one in wanted.funding]
        interest = [await self._open_interest(one) for one in wanted.open_interest]
        return all((*funding, *interest, await self._candles(wanted)))

    async def _candles(self, wanted: "Wanted") -> bool:
        """Candles once for each coin: for the gates that look at them, and their returns for the statistics.

        Statistics begin with them once, and live by samples from then on; gates want the latest every hour.
        """
        found: dict[Asset, Bars] = {}
        for asset, instrument in sorted(wanted.candles.items()):
            bars = await self._history.bars(instrument, HISTORY_HOURS)
            if isinstance(bars, Trouble):
                self._failed("candles", instrument.id, bars)
            else:
                found[asset] = bars
        now_ns = self._clock.now_ns()
        for asset in sorted(found.keys() & wanted.gated.keys()):
            latest = found[asset].bars[-wanted.gated[asset] :]
            self._sink(BarsSeen(asset, Bars(found[asset].interval_ns, latest), now_ns))
        measured = {asset: bars for asset, bars in found.items() if asset in wanted.measured}
        if not measured.keys() <= self._begun and (returns := of_bars(measured)) is not None:
            self._begun |= measured.keys()
            self._sink(HistorySeen(returns, now_ns))
        return found.keys() == wanted.candles.keys()

    async def _funding(self, instrument: Instrument) -> bool:
        terms = await self._history.funding(instrument)
        if isinstance(terms, Trouble):
            self._failed("funding rates", instrument.id, terms)
            return False
        before = self._terms.get(instrument.id)
        latest_ns = before.history[-1][0] if before is not None and before.history else -1
        news = tuple(row for row in terms.history if row[0] > latest_ns)
        if before is None or news or terms.interval_ns != before.interval_ns:
            self._terms[instrument.id] = terms
            self._sink(FundingSeen(instrument.id, msgspec.structs.replace(terms, history=news), self._clock.now_ns()))
        return True

    async def _open_interest(self, instrument: Instrument) -> bool:
        series = await self._history.open_interest(instrument, OPEN_INTEREST_HOURS)
        if isinstance(series, Trouble):
            self._failed("open interest", instrument.id, series)
            return False
        self._sink(OpenInterestSeen(instrument.id, series, self._clock.now_ns()))
        return True

    def _failed(self, what: str, name: InstrumentId, trouble: Trouble) -> None:
        self._log.warning("history", what=f"{what} of {name} not read", why=trouble.text)


async def until(clock: Clock, moment_ns: int) -> None:
    """Wait for a moment of the clock, however often the sleep ends early."""
    while (left_ns := moment_ns - clock.now_ns()) > 0:
        await clock.sleep(left_ns / SECOND_NS)


class Wanted:
    """What the rules need to be read of the past."""

    def __init__(self, rules: Rules) -> None:
        instruments = {one.id: one for one in rules.instruments}
        priced = {rule.asset: instruments[rule.pricing] for rule in rules.assets}
        hedged = {rule.asset: instruments[rule.hedge] for rule in rules.assets if rule.hedge is not None}
        gates = tuple(_gates(rules))
        self.gated: dict[Asset, int] = {}
        """How many candles the gates of a coin look back at."""
        for asset, gate in gates:
            if gate.signal in (Signal.TREND, Signal.CHAIKIN):
                self.gated[asset] = max(self.gated.get(asset, 0), 2 * max(gate.fast, gate.slow) + 1)
        self.measured = frozenset(priced) if any(map(measures, rules.targets)) else frozenset[Asset]()
        self.candles: Mapping[Asset, Instrument] = {
            a: priced[a] for a in self.measured.union(self.gated) if a in priced
        }
        interest = {asset for asset, gate in gates if gate.signal is Signal.OPEN_INTEREST}
        self.open_interest = tuple(hedged[asset] for asset in sorted(interest & hedged.keys()))
        carriers = (instruments[name] for rule in sorted(rules.assets, key=_by_name) for name in rule.candidates)
        self.funding = tuple(one for one in carriers if one.expiry_ns is None)

    @classmethod
    def of(cls, rules: Rules) -> "Wanted":
        """What these rules need."""
        return cls(rules)


def _by_name(rule: AssetRule) -> Asset:
    return rule.asset


def measures(target: TargetSpec) -> bool:
    """Whether a target rests on measured statistics."""
    match target:
        case ProxyTarget():
            return any(anchor not in target.betas.get(a, {}) for a in target.assets for anchor in target.anchors)
        case CashTarget() | IndexTarget():
            return target.beta is None or isinstance(target, IndexTarget)
        case TiltTarget():
            return target.neutral is Neutrality.BETA and not {*target.long, *target.short} <= target.betas.keys()
        case ParityTarget():
            return not target.volatilities or isinstance(target.band, Auto)
        case _:
            return isinstance(target.band, Auto)


def _gates(rules: Rules) -> Iterable[tuple[Asset, Gate]]:
    assets = tuple(rule.asset for rule in rules.assets)
    for target in rules.targets:
        for gate in target.when.gates:
            for asset in assets if gate.asset is None else (gate.asset,):
                yield asset, gate


def next_point(now_ns: int, every_ns: int) -> int:
    """The first point of a grid since the epoch that lies after now."""
    return now_ns - now_ns % every_ns + every_ns


def mids(state: State, now_ns: int) -> dict[Asset, float]:
    """Every coin's mid that is of now and as trusted as one that is traded on; the others are left out.

    One wrong print in a sample would be in every variance and beta for weeks.
    """
    limits = state.layout.limits
    out: dict[Asset, float] = {}
    for rule in state.layout.rules.assets:
        oldest_ns = now_ns - limits.quote_age_ns_max_of(rule.pricing)
        quote = state.books.quotes.get(rule.pricing)
        fresh = state.books.book_received_ns(rule.pricing) >= oldest_ns
        if quote is not None and fresh and price_doubt(state, rule.asset) is None:
            out[rule.asset] = quote.mid
    return out


def of_bars(found: Mapping[Asset, Bars]) -> Returns | None:
    """The log returns of candles on one grid, oldest first; None where two candles of one coin are too few."""
    closes = {asset: {bar.opened_ns: bar.close for bar in bars.bars} for asset, bars in sorted(found.items())}
    moments = [moment for series in closes.values() for moment in series]
    if not moments or max(moments) == min(moments):
        return None
    interval_ns = next(iter(found.values())).interval_ns
    grid = range(min(moments), max(moments) + 1, interval_ns)
    series = {asset: tuple(_returns(prices, grid)) for asset, prices in closes.items()}
    return Returns(interval_ns=interval_ns, end_ns=Nanos(grid[-1] + interval_ns), logarithmic=True, series=series)


def _returns(prices: Mapping[Nanos, float], grid: range) -> Iterable[float | None]:
    for before, after in itertools.pairwise(grid):
        first, last = prices.get(Nanos(before)), prices.get(Nanos(after))
        yield math.log(last / first) if first is not None and last is not None else None
