"""Owner of what is held off the venues: what files and endpoints said, and how long that counts.

A source is read on a schedule by the shells; a reading that is malformed never gets here. What was read counts from its
own date until it is as old as the source's rule allows; from then on, and before the first reading, what the source
holds is unknown: not zero, and not what it was.

A reading that changes a coin by more than `balance_step_max` of itself waits for a second one that says the same, as a
balance does: a figure that slipped, or a 0 by mistake, unwinds no hedge. Until then what it changes is in doubt.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from bot.domain.events import HoldingsDeclared
from bot.domain.rules import HoldingSource, Limits
from bot.domain.units import SECOND_NS, ZERO, Asset, Nanos, Qty


class Reading(msgspec.Struct, frozen=True):
    """What a source holds, and as of when; and a very different reading that waits for a second one, if one does."""

    holdings: dict[Asset, Qty]
    as_of_ns: Nanos
    candidate: dict[Asset, Qty] | None = None
    candidate_ns: Nanos = Nanos(0)


@dataclass(slots=True)
class Declared:
    """The last reading of each source."""

    readings: dict[str, Reading] = field(default_factory=dict)

    def on_read(self, event: HoldingsDeclared, limits: Limits) -> None:
        """Keep a reading, unless a later one is known; one that is very different only once it was said twice."""
        before, said = self.readings.get(event.source), event.holdings
        if before is not None and event.as_of_ns < before.as_of_ns:
            return
        if before is None or not _leaps(before.holdings, said, limits):
            self.readings[event.source] = Reading(said, event.as_of_ns)
        elif before.candidate is None or _leaps(before.candidate, said, limits):
            self.readings[event.source] = Reading(before.holdings, before.as_of_ns, said, event.received_ns)
        elif event.received_ns - before.candidate_ns >= limits.evidence_gap_ns:
            self.readings[event.source] = Reading(said, event.as_of_ns)

    def keep(self, sources: Iterable[HoldingSource]) -> None:
        """Forget sources that are not named any more."""
        for name in self.readings.keys() - {source.name for source in sources}:
            del self.readings[name]

    def doubt(self, sources: Iterable[HoldingSource], asset: Asset, now: Nanos) -> str:
        """Why what the sources hold of an asset is unknown; empty when it is known, or none of them holds any."""
        for source in sources:
            if asset not in source.assets:
                continue
            reading = self.readings.get(source.name)
            if reading is None:
                return f"the source {source.name} has not been read yet"
            if now - reading.as_of_ns > source.age_ns_max:
                bound = source.age_ns_max / SECOND_NS
                return f"the source {source.name} was last right longer than {bound:.0f} s ago"
            was, maybe = reading.holdings.get(asset, ZERO), (reading.candidate or reading.holdings).get(asset, ZERO)
            if was != maybe:
                return f"the source {source.name} went from {was} to {maybe}; waiting for a second reading that says so"
        return ""

    def of(self, sources: Iterable[HoldingSource], asset: Asset) -> Qty:
        """Coins of an asset that the sources hold, as they last said."""
        if not self.readings:
            return ZERO
        found = (self.readings[one.name] for one in sources if asset in one.assets and one.name in self.readings)
        return sum((reading.holdings.get(asset, ZERO) for reading in found), ZERO)


def _leaps(before: Mapping[Asset, Qty], after: Mapping[Asset, Qty], limits: Limits) -> bool:
    """Whether any coin changes by more than a step may be."""
    coins = before.keys() | after.keys()
    steps = ((before.get(coin, ZERO), after.get(coin, ZERO)) for coin in coins)
    return any(abs(new - old) > limits.balance_step_max * old for old, new in steps)
