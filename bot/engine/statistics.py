"""Owner of statistics: what volatilities, betas and funding forecasts are made of.

Theory of operation
-------------------
Statistics move with facts alone. The shells take a sample of all mids on a fixed grid (`Sampled`), read past candles
once at a start (`HistorySeen`) and a perpetual's settled rates (`FundingSeen`); each of these is journaled, so a replay
has the same statistics to the last bit. Statistics that were taken by another rule (another interval or half-life)
begin anew, and with them whatever rests on them is unknown until they have seen enough.

The restlessness of a deviation is the variance of its untraded increments: what moved an exposure away from its target
other than our own hedges. With every sample the deviation of each asset is taken at the sampled mids and held against
the one before it, less what we traded in between; it is what the width of an `auto` band follows from.
"""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from bot.calc import funding, moments
from bot.calc.autoband import YEAR_NS, Restlessness
from bot.calc.moments import Accumulator
from bot.domain.events import FundingSeen, HistorySeen, Sampled
from bot.domain.statistics import Moments
from bot.domain.targets import StatisticsRule
from bot.domain.units import HOUR_NS, Asset, InstrumentId, Nanos

SETTLEMENTS_MAX = 2_000
"""Settled rates that are kept of a perpetual: more than three of the slow average's half-lives at eight hours each."""
FORECAST_HOURS = 168.0
"""The time over which funding is expected: as long as a rate takes to come half-way back to its mean."""


DRIFT_WATCHED_NS_MIN = 24 * HOUR_NS
"""Returns tell more of a drift than so short a look at it: one quiet hour is no calm."""


class Seen(msgspec.Struct, frozen=True):
    """A deviation at a sample, a fraction of NAV; what our fills have added to the futures by then, in units of the
    asset; and what one unit is worth, a fraction of NAV.
    """

    deviation: float
    traded: float
    worth: float


class Strayed(msgspec.Struct, frozen=True):
    """A deviation as it was at the last sample (see `Seen`), and how restless it has been."""

    deviation: float
    traded: float
    at_ns: Nanos
    restless: Restlessness = Restlessness()


@dataclass(slots=True)
class Statistics:
    """Everything that was measured. `moments` are made of the accumulator with each sample, where a target asks."""

    accumulator: Accumulator | None = None
    settled: dict[InstrumentId, tuple[tuple[Nanos, Decimal], ...]] = field(default_factory=dict)
    funding_apr: dict[InstrumentId, float] = field(default_factory=dict)
    strayed: dict[str, dict[Asset, Strayed]] = field(default_factory=dict)
    moments: Moments | None = None

    def begin(self, rule: StatisticsRule, assets: Collection[Asset], futures: Collection[InstrumentId]) -> None:
        """A start: go on with what the journal knew, if it was taken by this rule, of what is still named."""
        before = self.accumulator
        if before is None or not moments.is_for(before, rule):
            self.accumulator = moments.begin(rule)
            self.strayed.clear()
        else:
            self.accumulator = moments.kept(before, assets)
        for name in self.settled.keys() - set(futures):
            del self.settled[name]
            self.funding_apr.pop(name, None)

    def keep(self, groups: Container[str]) -> None:
        """Forget how restless the deviations of other groups have been."""
        self.strayed = {name: seen for name, seen in self.strayed.items() if name in groups}

    def digest(self, *, wanted: bool) -> None:
        """Work out the second moments of returns, if any target looks at them."""
        self.moments = moments.moments(self.accumulator) if wanted and self.accumulator is not None else None

    def on_sample(self, event: Sampled) -> None:
        """Add a sample of all mids."""
        if self.accumulator is not None:
            self.accumulator = moments.advance(self.accumulator, event.mids, event.sampled_ns)

    def on_history(self, event: HistorySeen, rule: StatisticsRule) -> None:
        """Begin with past returns, of each pair of assets where they know more. A past that is yet to come is none:
        no sample would count before it.
        """
        if self.accumulator is not None and event.returns.end_ns <= event.received_ns + rule.sample_ns:
            self.accumulator = moments.seeded(self.accumulator, moments.of_returns(event.returns, rule))

    def on_funding(self, event: FundingSeen) -> None:
        """Add a perpetual's settled rates to those that are known, and forecast from all of them."""
        name, terms = event.instrument, event.terms
        known = dict((*self.settled.get(name, ()), *terms.history))
        history = tuple(sorted(known.items())[-SETTLEMENTS_MAX:])
        self.settled[name] = history
        expected = funding.forecast(history, FORECAST_HOURS, terms.interval_ns)
        if expected is not None:
            self.funding_apr[name] = expected.apr

    def variances(self, group: str) -> dict[Asset, float]:
        """How restless the deviations of a group have been, per year, by asset; what was never seen is left out."""
        seen = self.strayed.get(group, {})
        found = ((asset, one.restless.variance) for asset, one in sorted(seen.items()))
        return {asset: variance for asset, variance in found if variance is not None}

    def brief(self, group: str) -> frozenset[Asset]:
        """Assets whose deviations have been watched for less than DRIFT_WATCHED_NS_MIN: one quiet hour is no drift."""
        seen = self.strayed.get(group, {})
        return frozenset(asset for asset, one in seen.items() if one.restless.years * YEAR_NS < DRIFT_WATCHED_NS_MIN)

    def stray(self, group: str, found: Mapping[Asset, Seen], now: Nanos, half_life_ns: int) -> None:
        """Take a sample of a group's deviations. What our own fills changed since the last one is no restlessness."""
        seen = self.strayed.setdefault(group, {})
        for asset, one in found.items():
            before = seen.get(asset)
            restless = before.restless if before is not None else Restlessness()
            if before is not None and now > before.at_ns:
                increment = one.deviation - before.deviation - (one.traded - before.traded) * one.worth
                restless = restless.seen(increment, now - before.at_ns, half_life_ns)
            seen[asset] = Strayed(one.deviation, one.traded, now, restless)
