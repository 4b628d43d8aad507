"""Owner of what hedges wait for and what ends targets: durations, calendars, gates, ends.

Theory of operation
-------------------
What gates look at (candles, open interest) and the strikes of calendars come as facts and are folded here. Everything
else is marked by a decision: that an asset has been outside its band since a moment, that a strike was used, that a
target has ended, that a person was told how a target stands. Whatever a decision marks, it marks together with a
command of the same step (a notice, or the intent itself), so that a replay marks it as well.

A strike waits for each group of its target until that could be judged: it is used up by the hedge that it starts, or by
the first judgement that finds nothing to do; one that is too old by then counts for nothing. `last_run` is the last
strike of each calendar that came, by which the shells know which one is due next.

A target that has ended stays ended over restarts, until its rule is another one than that which ended.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.domain.events import BarsSeen, CalendarStruck, OpenInterestSeen
from bot.domain.snapshot import Bars
from bot.domain.targets import TargetSpec
from bot.domain.units import Asset, Contracts, InstrumentId, Nanos

DECOUPLED = "decoupled"
"""The topic under which it is told that a coin has left its proxy's anchors."""
Interest = tuple[tuple[Nanos, Contracts], ...]
"""An instrument's open interest over time, oldest first."""


class Ended(msgspec.Struct, frozen=True):
    """A target that ended by itself, as it was then, and why."""

    target: TargetSpec
    why: str
    at_ns: Nanos


@dataclass(slots=True)
class Triggers:
    """What has been seen and marked.

    `struck`, `outside`, `closed` and `told` are by group: strikes that wait to be used (by target), since when each
    asset has been outside, targets whose hedges are closed early (and why), and what was said, by topic. `sliced` is by
    target: when the last slice of an asset went.
    """

    bars: dict[Asset, Bars] = field(default_factory=dict)
    interest: dict[InstrumentId, Interest] = field(default_factory=dict)
    struck: dict[str, dict[str, Nanos]] = field(default_factory=dict)
    last_run: dict[str, Nanos] = field(default_factory=dict)
    outside: dict[str, dict[Asset, Nanos]] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    closed: dict[str, dict[str, str]] = field(default_factory=dict)
    sliced: dict[str, dict[Asset, Nanos]] = field(default_factory=dict)
    told: dict[str, dict[str, str]] = field(default_factory=dict)

    def see(self, event: BarsSeen | OpenInterestSeen) -> None:
        """Take over what gates look at."""
        if isinstance(event, BarsSeen):
            self.bars[event.asset] = event.bars
        else:
            self.interest[event.instrument] = event.series

    def strike(self, event: CalendarStruck, groups: Iterable[str]) -> None:
        """A calendar struck for these groups; a strike at or before the last one is none."""
        if event.struck_ns > self.last_run.get(event.target, -1):
            self.last_run[event.target] = event.struck_ns
            for group in groups:
                self.struck.setdefault(group, {})[event.target] = event.struck_ns

    def end(self, target: TargetSpec, why: str, now: Nanos) -> None:
        """A target has ended by itself."""
        self.ended[target.name] = Ended(target, why, now)

    def rearm(self) -> None:
        """A person has looked: what has decoupled since then is told anew, and what has recovered is hedged again."""
        for told in self.told.values():
            for topic in [topic for topic in told if topic.startswith(DECOUPLED)]:
                del told[topic]

    def begin(self, targets: Iterable[TargetSpec], before: Iterable[TargetSpec], unchanged: Container[str]) -> None:
        """New rules, or a new start: what belongs to a target or group that is no longer so is forgotten.

        A calendar that was changed missed nothing: it waits for its own next strike, as that of a new target does.
        """
        by_name: Mapping[str, TargetSpec] = {target.name: target for target in targets}
        for name, ended in list(self.ended.items()):
            if by_name.get(name) != ended.target:
                del self.ended[name]
        lines = {target.name: target.when.calendar for target in before}
        _keep(self.last_run, {name for name, one in by_name.items() if lines.get(name) == one.when.calendar})
        _keep(self.sliced, by_name)
        for by_group in (self.struck, self.outside, self.closed, self.told):
            _keep(by_group, unchanged)


def _keep(marks: dict[str, Any], names: Container[str]) -> None:
    for name in [name for name in marks if name not in names]:
        del marks[name]
