"""The venue's instruments, read anew by the clock: lots, minimums, margin tiers, and whether they trade at all.

What differs from the rules in force counts when a second read CONFIRM_NS later says the same, for two replicas of a
venue may not change at one moment. An instrument that the venue lists no more, or whose contract is another one now, is
as one that does not trade: no new risk is taken on it, and its hedge stays. A read that fails changes nothing, and one
that says what is in force already takes back what was still waiting. While something does not trade its hedge cannot be
given back either, so the end of that is looked for sooner (STOPPED_EVERY_NS).
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec
from structlog.typing import FilteringBoundLogger

from bot.domain.instrument import Instrument, Tier
from bot.domain.rules import Rules
from bot.domain.units import SECOND_NS, InstrumentId
from bot.engine.amend import identity
from bot.engine.engine import Engine
from bot.runtime.amendments import Amendment, Amendments
from bot.runtime.clock import Clock
from bot.runtime.quantities import plain
from bot.venues.catalogue import CatalogueError

KIND = "metadata"
WHY = "the venue's own rules, read anew"
CONFIRM_NS = 60 * SECOND_NS
STOPPED_EVERY_NS = 240 * SECOND_NS
FIELDS = ("tick", "lot", "contracts_min", "contracts_max", "notional_min", "expiry_ns", "trading")
"""What is told by its values; margin tiers are told in words."""

Seen = Mapping[InstrumentId, Instrument | None]
Read = Callable[[Sequence[Instrument]], Awaitable[Seen]]


class Metadata:
    """Reads, compares, and proposes what changed."""

    def __init__(
        self,
        read: Read,
        engine: Engine,
        amendments: Amendments,
        clock: Clock,
        every_ns: int,
        log: FilteringBoundLogger,
    ) -> None:
        self._read = read
        self._engine = engine
        self._amendments = amendments
        self._clock = clock
        self._every_ns = every_ns
        self._log = log
        self._told: dict[InstrumentId, Instrument] = {}

    async def run(self) -> None:
        """Look by the clock, until cancelled; the start itself has read them already."""
        while True:
            await self._clock.sleep(self._pause_ns() / SECOND_NS)
            await self.look()

    def _pause_ns(self) -> int:
        trades = all(one.trading for one in self._engine.state.layout.rules.instruments)
        return self._every_ns if trades else min(self._every_ns, STOPPED_EVERY_NS)

    async def look(self) -> None:
        """Read, and if something differs read again; what both reads say goes to the engine."""
        if (first := await self._differences()) is None:
            return
        if not first:
            self._amendments.withdraw(KIND)
            return
        await self._clock.sleep(CONFIRM_NS / SECOND_NS)
        if (second := await self._differences()) is None:
            return
        # None is an answer, too (it is listed no more); a name that is missing in the second differs no more.
        self._propose({name: seen for name, seen in first.items() if name in second and second[name] == seen})

    def _propose(self, agreed: Mapping[InstrumentId, Instrument | None]) -> None:
        """Let what two reads say take the place of whatever still waits."""
        known = {one.id: one for one in self._engine.state.layout.rules.instruments}
        self._amendments.withdraw(KIND)
        for name in sorted(agreed):
            self._tell_of_another(known[name], agreed[name])
        changed = {name: merged(known[name], seen) for name, seen in agreed.items()}
        changes = tuple(text for name in sorted(changed) for text in words(known[name], changed[name]))
        if changes:
            amend = Amendment(partial(_replaced, changed), WHY, changes, lambda _: None)
            self._amendments.propose(KIND, amend)

    async def _differences(self) -> dict[InstrumentId, Instrument | None] | None:
        """The instruments of which the venue now says something else; None where it cannot be read."""
        known = self._engine.state.layout.rules.instruments
        try:
            seen = await self._read(known)
        except CatalogueError as error:
            self._log.warning("metadata", text="not read; the next time is an interval away", why=str(error))
            return None
        return {one.id: seen.get(one.id) for one in known if seen.get(one.id) != one}

    def _tell_of_another(self, known: Instrument, seen: Instrument | None) -> None:
        """A contract that is another one under the same name needs a person, once."""
        if seen is None or identity(seen) == identity(known) or self._told.get(known.id) == seen:
            return
        self._told[known.id] = seen
        text = "what a contract of it is has changed: nothing new is sent on it; look at the venue, then restart"
        self._amendments.remark(KIND, known.id, text)


def merged(known: Instrument, seen: Instrument | None) -> Instrument:
    """An instrument as it counts from now on."""
    if seen is None or identity(seen) != identity(known):
        return msgspec.structs.replace(known, trading=False)
    return seen


def words(before: Instrument, after: Instrument) -> Iterator[str]:
    """What changed of an instrument, each as ``name.field: before -> after``."""
    for name in FIELDS:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield f"{before.id}.{name}: {_shown(old)} -> {_shown(new)}"
    if before.tiers != after.tiers:
        yield f"{before.id}.tiers: {_tiers(before.tiers)} -> {_tiers(after.tiers)}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool | int) else plain(value)  # type: ignore[arg-type]


def _tiers(tiers: tuple[Tier, ...]) -> str:
    return f"{len(tiers)} from {plain(tiers[0].rate * 100)} %" if tiers else "none"


def _replaced(changed: Mapping[InstrumentId, Instrument], rules: Rules) -> Rules:
    instruments = tuple(changed.get(one.id, one) for one in rules.instruments)
    return msgspec.structs.replace(rules, instruments=instruments)
