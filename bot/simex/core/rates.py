"""The funding rates of perpetuals: what a rate is now and when it will be charged.

From the average premium P over the interval so far (later samples weigh more: 1 P1 + 2 P2 + ... over 1 + 2 + ...) the
venues' rule is, with the interest I = 0.01 % per eight hours,

    rate = (P + clamp(I - P, -0.05 %, +0.05 %)) x interval / 8 h, within the contract's floor and cap

unless a recorded rate is known for that settlement or a control call prescribes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.simex.core.instrument import HOUR_MS, FundingTerms, Instrument, Key
from bot.simex.core.numbers import SCALE, divided
from bot.simex.core.state import State

INTEREST_BAND = 50_000
EIGHT_HOURS_MS = 8 * HOUR_MS
RECORDED_MAX = 10_000


def premium_rate(premium: int, terms: FundingTerms) -> int:
    """The rate of an interval whose average premium is given, both of 1e-8."""
    interest = max(-INTEREST_BAND, min(INTEREST_BAND, terms.interest_per_8h - premium))
    rate = divided((premium + interest) * terms.interval_ms, EIGHT_HOURS_MS)
    return max(terms.floor, min(terms.cap, rate))


def next_multiple(now_ms: int, interval_ms: int) -> int:
    """The first settlement after `now_ms`: settlements lie on multiples of the interval in UTC."""
    return (now_ms // interval_ms + 1) * interval_ms


@dataclass(slots=True)
class _Schedule:
    terms: FundingTerms
    next_ms: int
    prescribed: int | None = None
    recorded: dict[int, int] = field(default_factory=dict)
    weighted: int = 0
    samples: int = 0

    def rate(self) -> int:
        known = self.recorded.get(self.next_ms, self.prescribed)
        if known is not None:
            return known
        weights = self.samples * (self.samples + 1) // 2
        return premium_rate(divided(self.weighted, weights) if weights else 0, self.terms)


class Rates:
    """Rate (of 1e-8) and next settlement of every perpetual."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._schedules: dict[Key, _Schedule] = {}
        self._earliest_ms: int | None = None
        for instrument in state.instruments.values():
            self.add(instrument)

    def add(self, instrument: Instrument) -> None:
        """Begin to keep a rate for an instrument; nothing when it is not a perpetual."""
        if instrument.funding is not None:
            next_ms = next_multiple(self._state.now_ms, instrument.funding.interval_ms)
            self._schedules[instrument.key] = _Schedule(instrument.funding, next_ms)
            self._moved()

    def drop(self, key: Key) -> None:
        """Keep no rate any more: the perpetual is closed."""
        self._schedules.pop(key, None)
        self._moved()

    def rate(self, key: Key) -> int:
        """The rate as it would be charged at the next settlement; 0 for what has no funding."""
        schedule = self._schedules.get(key)
        return schedule.rate() if schedule else 0

    def next_ms(self, key: Key) -> int:
        """When the rate is charged next; 0 for what has no funding."""
        schedule = self._schedules.get(key)
        return schedule.next_ms if schedule else 0

    def earliest_ms(self) -> int | None:
        """The earliest settlement to come, or None without perpetuals."""
        return self._earliest_ms

    def due(self, now_ms: int) -> list[Key]:
        """The perpetuals whose settlement is reached."""
        return [key for key, schedule in self._schedules.items() if schedule.next_ms <= now_ms]

    def observe(self, key: Key, premium: int) -> None:
        """Take in a sample of the premium, of 1e-8 of the index."""
        schedule = self._schedules.get(key)
        if schedule is not None:
            schedule.samples += 1
            schedule.weighted += schedule.samples * premium

    def record(self, key: Key, time_ms: int, rate: int) -> None:
        """A recorded rate for the first settlement at or after `time_ms`; nothing for what is closed.

        Records that are moved in time, so that they begin now, are not on the interval's grid any more.
        """
        schedule = self._schedules.get(key)
        if schedule is None:
            return
        if len(schedule.recorded) >= RECORDED_MAX:
            del schedule.recorded[min(schedule.recorded)]
        schedule.recorded[next_multiple(time_ms - 1, schedule.terms.interval_ms)] = rate

    def prescribe(self, key: Key, rate: int | None, next_ms: int | None = None) -> None:
        """Fix the rate, or let it float again; `next_ms` moves the coming settlement."""
        schedule = self._schedules[key]
        schedule.prescribed = rate
        if next_ms is not None:
            schedule.next_ms = next_ms
            self._moved()

    def set_terms(self, key: Key, terms: FundingTerms) -> None:
        """Change interval, cap, floor from now on: the next settlement is the first on the new interval's grid."""
        schedule = self._schedules[key]
        schedule.terms = self._state.instruments[key].funding = terms
        schedule.next_ms = next_multiple(self._state.now_ms, terms.interval_ms)
        self._moved()

    def settled(self, key: Key) -> None:
        """Begin the next interval."""
        schedule = self._schedules[key]
        schedule.recorded.pop(schedule.next_ms, None)
        schedule.next_ms = next_multiple(schedule.next_ms, schedule.terms.interval_ms)
        schedule.weighted = schedule.samples = 0
        self._moved()

    def _moved(self) -> None:
        self._earliest_ms = min((schedule.next_ms for schedule in self._schedules.values()), default=None)


def premium(price: int, index: int) -> int:
    """How far a price is from the index, of 1e-8 of the index."""
    return divided((price - index) * SCALE, index)
