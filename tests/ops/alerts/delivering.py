"""Alerts, rules and a router on a bench: time is cranked by hand and sinks answer as they are told."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.backlog import Accepted, Change, Done, Remembered, Stored
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.lanes import Outcome, Pace, Rule, Verdict
from bot.ops.alerts.routing import Router, Send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.ops.alerts.repeats import Memory

START_NS = 1_700_000_000 * SECOND_NS
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS

SENT = Outcome(Verdict.SENT)
REFUSED = Outcome(Verdict.REFUSED, "it refuses the token or password (401)")
UNREACHABLE = Outcome(Verdict.UNREACHABLE, "it cannot be reached: connection refused")


def alert(key: str = "k", severity: Severity = Severity.INFO, **changes: Any) -> Alert:
    """An alert; its title is its key."""
    fields: dict[str, Any] = {
        "kind": Kind.HEDGE,
        "severity": severity,
        "subject": "BTC",
        "title": key,
        "text": f"text of {key}",
        "key": key,
        "at_ns": START_NS,
        "portfolio": "main",
        "run_mode": "live",
    }
    return Alert(**(fields | changes))


def critical(key: str = "k", **changes: Any) -> Alert:
    """A critical alert."""
    return alert(key, Severity.CRITICAL, **changes)


class Shelf:
    """What a store would hold: changes applied to plain dictionaries."""

    def __init__(self) -> None:
        self.stored: dict[int, Stored] = {}
        self.memories: dict[str, Memory] = {}
        self.keys: dict[int, str] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Do what the store does."""
        for change in changes:
            match change:
                case Accepted(stored):
                    assert stored.id not in self.stored, "ids are never used twice"
                    self.keys[stored.id] = stored.alert.key
                    self.stored[stored.id] = msgspec.structs.replace(stored, owed=list(stored.owed))
                case Done(number, root):
                    self.stored[number].owed.remove(root)
                    if not self.stored[number].owed:
                        del self.stored[number]
                case Remembered(key, None):
                    self.memories.pop(key, None)
                case Remembered(key, memory):
                    assert memory is not None
                    self.memories[key] = memory


class Bench:
    """A router whose sinks answer from `answers`, by name; every message is kept as (sink, message)."""

    def __init__(self, *rules: Rule, repeat_ns: int = 30 * MINUTE_NS, keep_ns: int = 3 * DAY_NS) -> None:
        self.now_ns = START_NS
        self.rules, self.repeat_ns, self.keep_ns = rules, repeat_ns, keep_ns
        self.answers: dict[str, Outcome] = {}
        self.sent: list[tuple[str, Send]] = []
        self.tried: list[tuple[int, str]] = []
        self.delivered: Counter[tuple[str, str]] = Counter()
        """How often each (root, key) was delivered, alone or in a digest, by whichever sink of the chain."""

        self.shelf = Shelf()
        self.router = self.make()

    def make(self) -> Router:
        """A router out of what is stored."""
        stored = [msgspec.structs.replace(s, owed=list(s.owed)) for s in self.shelf.stored.values()]
        return Router(
            self.rules,
            repeat_ns=self.repeat_ns,
            keep_ns=self.keep_ns,
            portfolio="main",
            jitter=lambda: 0.5,
            pace=Pace(),
            stored=stored,
            memories=dict(self.shelf.memories),
        )

    def crash(self) -> None:
        """Start anew from what was stored."""
        self.router = self.make()

    def accept(self, *alerts: Alert) -> None:
        """Alerts come in, and whatever may be sent is sent."""
        for each in alerts:
            self.router.accept(each, self.now_ns)
        self.turn()

    def turn(self) -> None:
        """Send until nothing more is due."""
        self.router.tick(self.now_ns)
        self.save()
        while sends := self.router.due(self.now_ns):
            for send in sends:
                self.settle(send)
            self.save()

    def settle(self, send: Send) -> None:
        """A sink answers."""
        outcome = self.answers.get(send.sink, SENT)
        self.tried.append((self.now_ns, send.sink))
        if outcome is SENT:
            self.sent.append((send.sink, send))
            flight = self.router.lanes[send.sink].flight or ()
            self.delivered.update((root, self.shelf.keys[number]) for number, root in flight)
        self.router.settle(send.sink, outcome, self.now_ns)

    def save(self) -> None:
        """Store what has to be stored."""
        self.shelf.apply(self.router.take_changes())

    def wait(self, duration_ns: int, step_ns: int = SECOND_NS) -> None:
        """Let time pass, a turn each step."""
        for _ in range(duration_ns // step_ns):
            self.now_ns += step_ns
            self.turn()

    def titles(self, sink: str) -> list[str]:
        """The titles that reached a sink, without their tails."""
        return [send.message.title.removesuffix(" [main, live]") for name, send in self.sent if name == sink]

    def texts(self, sink: str) -> list[str]:
        """The texts that reached a sink."""
        return [send.message.text for name, send in self.sent if name == sink]


def until(condition: Callable[[], bool], bench: Bench, seconds_max: int = 3_600) -> None:
    """Let time pass until something is so."""
    for _ in range(seconds_max):
        if condition():
            return
        bench.wait(SECOND_NS)
    raise AssertionError("it never became true")
