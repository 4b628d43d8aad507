"""A world whose every step is told: a real engine, an honest venue, and the alerts that were composed of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

from bot.domain.commands import Command, Notice, Severity
from bot.domain.events import Event, RunMode
from bot.domain.rules import Rules
from bot.domain.targets import TargetSpec
from bot.ops.alerts.compose import Composer
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.voice import Voice
from bot.runtime.redact import Redactor
from tests.engine.kit import TRANSIENT, World
from tests.kit import d, weights

VERSION = "1.2.3"
AT_NS = 1_700_000_000_000_000_000


def voice(now_ns: int = AT_NS) -> Voice:
    """The voice of a portfolio named main, in dry-run, at one moment."""
    return Voice("main", "dry-run", lambda: now_ns, Redactor().text)


class Scribe(World):
    """A world that notes the alerts of every step that the loop would show."""

    def __init__(self, owned: Rules, coins: dict[str, Decimal], mode: RunMode = RunMode.LIVE) -> None:
        self.alerts: list[Alert] = []
        self.composer = Composer(Voice("main", mode.value, lambda: self.now, Redactor().text), VERSION)
        super().__init__(owned, coins, mode)

    @classmethod
    def neutral(cls, *targets: TargetSpec, coins: dict[str, str] | None = None, **changes: Any) -> Scribe:
        """A neutral book before its first hedge."""
        return cast("Scribe", super().neutral(*targets, coins=coins, **changes))

    @classmethod
    def weighted(cls, target: TargetSpec | None = None, coins: dict[str, str] | None = None, **changes: Any) -> Scribe:
        """A 60/40 book."""
        return cls.neutral(target or weights(), coins=coins or {"BTC": "1", "ETH": "16"}, **changes)

    def start(self, mode: RunMode = RunMode.LIVE) -> Scribe:
        """Bring the process up."""
        super().start(mode)
        return self

    def restart(self, mode: RunMode = RunMode.LIVE) -> Scribe:
        """Kill the process and start another one on the same state."""
        super().restart(mode)
        return self

    def run(self, seconds: float = 5) -> Scribe:
        """Let the world go on for a while."""
        super().run(seconds)
        return self

    def until(self, done: Callable[[World], bool], seconds: float = 60) -> Scribe:
        """Let the world go on until something holds."""
        super().until(done, seconds)
        return self

    def handle(self, event: Event) -> Sequence[Command]:
        """Show the composer what the loop's observer would see."""
        commands = super().handle(event)
        if commands or not isinstance(event, TRANSIENT):
            self.alerts += self.composer.on_step(event, commands, self.engine.state)
        return commands

    def say(self, topic: str, text: str = "what it is", severity: Severity = Severity.CRITICAL) -> list[Alert]:
        """What is told of a notice on a topic."""
        notice = Notice(severity, topic, "binance.usdm:BTCUSDT", text)
        return list(self.composer.on_step(self.started(), (notice,), self.engine.state))[1:]

    def told(self, kind: Kind) -> list[Alert]:
        """The alerts of one kind, oldest first."""
        return [alert for alert in self.alerts if alert.kind is kind]

    def only(self, kind: Kind) -> Alert:
        """The one alert of a kind."""
        (alert,) = self.told(kind)
        return alert


def facts(alert: Alert) -> dict[str, str]:
    """An alert's facts by label; of several with one label, the last."""
    return dict(alert.facts)


def figure(text: str) -> Decimal:
    """The number at the head of a fact: `-1,234.5 USDT` is -1234.5."""
    return d(text.split(maxsplit=1)[0].replace(",", ""))
