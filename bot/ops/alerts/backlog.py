"""What waits to be delivered, and which sink serves it now.

Alerts that every sink judges alike (same root, severity, kind) lie in one pile, so that who serves is decided once for
a pile and not once for each of ten thousand alerts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from bot.domain.commands import Severity
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.lanes import Lane, Rule
from bot.ops.alerts.repeats import Memory

Duty = tuple[int, str]
Pile = tuple[str, str, str, str, str]
"""Root, severity, kind, how loud it was told before, and of news about a sink that sink's name."""


class Stored(msgspec.Struct, kw_only=True):
    """An accepted alert and the roots that have not had it; `told` is the loudest it was told before."""

    id: int
    accepted_ns: int
    alert: Alert
    told: Severity
    owed: list[str]


class Accepted(msgspec.Struct, frozen=True, tag=True):
    """Change: an alert is to be delivered."""

    stored: Stored


class Done(msgspec.Struct, frozen=True, tag=True):
    """Change: a duty is done or given up; `by` is the sink that delivered it, empty for given up."""

    id: int
    root: str
    by: str


class Remembered(msgspec.Struct, frozen=True, tag=True):
    """Change: what is remembered of a key; nothing any more where `memory` is None."""

    key: str
    memory: Memory | None


Change = Accepted | Done | Remembered


class Backlog:
    """Every alert that somebody is owed, oldest first. `chains` are each root with its stand-ins."""

    def __init__(self, lanes: dict[str, Lane], chains: dict[str, tuple[str, ...]]) -> None:
        self._lanes, self._chains = lanes, chains
        self._entries: dict[int, Stored] = {}
        self._piles: dict[Pile, dict[int, Stored]] = {}

    def __len__(self) -> int:
        """How many alerts wait."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Stored]:
        """The alerts, oldest first."""
        return iter(list(self._entries.values()))

    def get(self, number: int) -> Stored | None:
        """The alert of an id."""
        return self._entries.get(number)

    def add(self, entry: Stored) -> None:
        """An alert waits for all that are owed it."""
        self._entries[entry.id] = entry
        for root in entry.owed:
            self._piles.setdefault(self._pile(root, entry), {})[entry.id] = entry

    def remove(self, entry: Stored, root: str) -> None:
        """A root is owed it no more."""
        entry.owed.remove(root)
        if not entry.owed:
            del self._entries[entry.id]
        pile = self._pile(root, entry)
        del self._piles[pile][entry.id]
        if not self._piles[pile]:
            del self._piles[pile]

    def served_by(self, sink: str) -> list[Stored]:
        """What a sink has to deliver now, oldest first."""
        piles = [pile for key, pile in self._piles.items() if self.server(key[0], next(iter(pile.values()))) == sink]
        if len(piles) == 1:
            return list(piles[0].values())
        merged = {number: entry for pile in piles for number, entry in pile.items()}
        return [merged[number] for number in sorted(merged)]

    def counts(self) -> Counter[str]:
        """How many alerts wait for each sink."""
        counts: Counter[str] = Counter()
        for (root, *_), pile in self._piles.items():
            counts[self.server(root, next(iter(pile.values())))] += len(pile)
        return counts

    def roots_for(self, alert: Alert, told: Severity) -> list[str]:
        """Who is owed an alert."""
        return [root for root in self._chains if self._is_for(root, alert, told)]

    def server(self, root: str, entry: Stored) -> str:
        """The sink that serves a duty now: the first of the chain that is up and wants it, or else the root."""
        lanes = (self._lanes[name] for name in self._chains[root])
        serving = (lane for lane in lanes if not lane.down and self._wants(lane.rule, root, entry))
        return next((lane.rule.name for lane in serving), root)

    def _wants(self, rule: Rule, root: str, entry: Stored) -> bool:
        if self._is_news_of(root, entry.alert):
            return rule.name != entry.alert.subject
        return rule.wants(entry.alert, entry.told)

    def _is_for(self, root: str, alert: Alert, told: Severity) -> bool:
        if self._is_news_of(root, alert):
            # News of a sink goes to the others of its chain, if one of them can be reached; it gets a note itself.
            return any(name != alert.subject and not self._lanes[name].down for name in self._chains[root])
        return self._lanes[root].rule.wants(alert, told)

    def _is_news_of(self, root: str, alert: Alert) -> bool:
        """Whether an alert is about a sink of this chain; such news passes the filters of the others."""
        return alert.kind is Kind.SINK_DOWN and alert.subject in self._chains[root]

    def _pile(self, root: str, entry: Stored) -> Pile:
        alert = entry.alert
        subject = alert.subject if alert.kind is Kind.SINK_DOWN else ""
        return (root, alert.severity.value, alert.kind.value, entry.told.value, subject)


def chains_of(rules: Iterable[Rule]) -> dict[str, tuple[str, ...]]:
    """For each sink that stands in for none: itself and its stand-ins, in the order in which they take over."""
    rules = list(rules)

    def below(name: str) -> tuple[str, ...]:
        return (name, *(n for rule in rules if rule.standby_for == name for n in below(rule.name)))

    chains = {rule.name: below(rule.name) for rule in rules if rule.standby_for is None}
    assert sum(map(len, chains.values())) == len(rules), "a stand-in has a primary, and no circle"
    return chains
