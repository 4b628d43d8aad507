"""What holding a hedge will pay or cost: the funding outlook of a position.

Source: formulas of funding: cash flow = -(signed notional at mark) x rate, so that a short receives while the rate is
positive. The rate is per interval; an interval is taken only from evidence, because venues change it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from bot.domain.instrument import Instrument
from bot.domain.market import Mark
from bot.domain.units import SECOND_NS, Contracts, InstrumentId, Notional, exact
from bot.ops.alerts import words

HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
YEAR_NS = 365 * DAY_NS
INTERVALS_NS = (HOUR_NS, 2 * HOUR_NS, 4 * HOUR_NS, 8 * HOUR_NS)
"""The intervals that the venue uses, counted from midnight UTC."""
INSTRUMENTS_MAX = 1_000


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """Funding of one position at the current rate. `amount` > 0 will be received at `next_ns` (venue's Unix time)."""

    rate: Decimal
    amount: Notional
    next_ns: int
    interval_ns: int | None

    @property
    def per_day(self) -> Decimal | None:
        """The rate of a day, without compounding; None while the interval is not known."""
        return self.rate * DAY_NS / self.interval_ns if self.interval_ns else None

    @property
    def per_year(self) -> Decimal | None:
        """The rate of a year, without compounding (APR); None while the interval is not known."""
        return self.rate * YEAR_NS / self.interval_ns if self.interval_ns else None


class Intervals:
    """Learns each instrument's funding interval: from settlements that follow each other, else by exclusion."""

    def __init__(self) -> None:
        self._next: OrderedDict[InstrumentId, int] = OrderedDict()
        self._seen: dict[InstrumentId, int] = {}

    def note_next(self, name: InstrumentId, next_ns: int) -> None:
        """The venue announces a settlement; when it moves on, the step is the interval."""
        before = self._next.get(name)
        if before == next_ns:
            return
        if before is not None:
            self._learn(name, next_ns - before)
        self._next[name] = next_ns
        while len(self._next) > INSTRUMENTS_MAX:
            gone, _ = self._next.popitem(last=False)
            self._seen.pop(gone, None)

    def note_settled(self, name: InstrumentId, settled_ns: int) -> None:
        """The ledger says that funding was settled: the announced next settlement is an interval later."""
        if name in self._next:
            self._learn(name, self._next[name] - settled_ns)

    def of(self, name: InstrumentId, next_ns: int, now_ns: int) -> int | None:
        """The interval in nanoseconds; None where nothing settles which it is."""
        fitting = [one for one in INTERVALS_NS if one >= next_ns - now_ns and next_ns % one == 0]
        seen = self._seen.get(name)
        if seen is not None and next_ns - now_ns <= seen:
            return seen
        return fitting[0] if len(fitting) == 1 else None

    def _learn(self, name: InstrumentId, step_ns: int) -> None:
        # The ledger's moments are some seconds off the hour, and a settlement may have been missed in a pause.
        rounded = round(step_ns / HOUR_NS) * HOUR_NS
        if rounded in INTERVALS_NS:
            self._seen[name] = rounded


def outlook(
    instrument: Instrument, contracts: Contracts, mark: Mark, intervals: Intervals, now_ns: int
) -> Outlook | None:
    """What a position of signed `contracts` will receive or pay; None where no settlement is announced."""
    if mark.next_funding_ns <= now_ns:
        return None
    rate = exact(mark.funding_rate)
    notional = instrument.coins(contracts) * exact(mark.mark)
    interval = intervals.of(instrument.id, mark.next_funding_ns, now_ns)
    return Outlook(rate=rate, amount=-notional * rate, next_ns=mark.next_funding_ns, interval_ns=interval)


def told(found: Outlook, quote: str, now_ns: int) -> str:
    """The outlook in a line."""
    return "; ".join(_parts(found, quote, now_ns))


def _parts(found: Outlook, quote: str, now_ns: int) -> Iterator[str]:
    verb = "receives" if found.amount > 0 else "pays" if found.amount < 0 else "neither pays nor receives"
    about = f" about {words.money(abs(found.amount), quote)}" if found.amount else ""
    when = f"{words.moment(found.next_ns, now_ns)} (in {words.duration(found.next_ns - now_ns)})"
    yield f"{verb}{about} at {when}"
    rate = f"rate {words.percent(found.rate, 4)}"
    if found.interval_ns is None or found.per_day is None or found.per_year is None:
        yield f"{rate} an interval"
    else:
        yield f"{rate} each {found.interval_ns // HOUR_NS} h"
        yield f"{words.percent(found.per_day, 3)} a day, {words.percent(found.per_year)} a year"
