"""Delivery of alerts, as the rest of the program sees it: prepare, open, post, close."""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path

import msgspec

from bot.domain.commands import Severity
from bot.ops.alerts.addresses import sink_addresses
from bot.ops.alerts.backlog import Stored
from bot.ops.alerts.dispatch import DeliveryHealth, Dispatcher
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.lanes import Outcome, Pace, Rule, Verdict
from bot.ops.alerts.quiet import Quiet
from bot.ops.alerts.render import Message
from bot.ops.alerts.repeats import Memory
from bot.ops.alerts.routing import Router
from bot.ops.alerts.sinks import Sink, open_sinks, prepare_apprise
from bot.ops.alerts.store import FILE
from bot.runtime.clock import SystemClock
from bot.runtime.redact import Redactor
from bot.runtime.settings_load import Loaded
from bot.runtime.settings_service import AlertSettings, SinkSettings
from bot.runtime.supervise import attempt

TEST_SECONDS_MAX = 15.0
CLOSE_SECONDS_MAX = 10.0


class SinkResult(msgspec.Struct, frozen=True):
    """What a test message to one sink came to; `reason` is one line without secrets, empty where all is well."""

    name: str
    ok: bool
    reason: str = ""


class Delivery:
    """Alerts on their way to people. Made by `prepare`; without a sink it takes alerts and does nothing."""

    def __init__(
        self,
        portfolio: str,
        settings: AlertSettings,
        sinks: Sequence[Sink],
        state_dir: Path | None,
        *,
        fingerprints: Mapping[str, str] | None = None,
        pace: Pace | None = None,
        now_ns: Callable[[], int] | None = None,
    ) -> None:
        self._portfolio, self._sinks = portfolio, tuple(sinks)
        self.fingerprints: Mapping[str, str] = fingerprints or {}
        """By sink, what tells its address from another one and gives nothing of it away."""
        rules = [rule_of(name, sink) for name, sink in settings.sinks.items()]
        self._silent = frozenset(rule.name for rule in rules if not _hears_of_starts(rule))
        spread = random.Random()  # noqa: S311 - spreads retries, guards nothing

        def make_router(stored: Sequence[Stored], memories: dict[str, Memory]) -> Router:
            return Router(
                rules,
                repeat_ns=settings.repeat,
                keep_ns=settings.keep,
                portfolio=portfolio,
                jitter=spread.random,
                pace=pace,
                stored=stored,
                memories=memories,
            )

        path = None if state_dir is None else state_dir / FILE
        self._dispatcher = Dispatcher(path, make_router, self._sinks, now_ns or SystemClock().now_ns)

    def open(self) -> None:
        """Start the threads; alerts of an earlier run that were not delivered are sent first."""
        if self._sinks:
            self._dispatcher.start()

    def post(self, alert: Alert) -> None:
        """Hand over an alert: from any thread, before `open` too; returns at once and never raises."""
        if self._sinks:
            self._dispatcher.post(alert)

    @property
    def silent(self) -> frozenset[str]:
        """Sinks that no start proves: they stand in for others, or their alerts are of other kinds or louder."""
        return self._silent

    def test(self, timeout_s: float = TEST_SECONDS_MAX, only: Container[str] | None = None) -> list[SinkResult]:
        """Send each sink (of `only`) one short message, all at once; what came of it. Blocks up to the timeout."""
        sinks = [sink for sink in self._sinks if only is None or sink.name in only]
        results: dict[str, Outcome] = {}
        threads = [
            threading.Thread(target=_try, args=(sink, self._test_message(), results), daemon=True) for sink in sinks
        ]
        deadline = time.monotonic() + timeout_s
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        silent = Outcome(Verdict.SLOW, f"no answer within {timeout_s:g} s")
        return [_result(sink.name, results.get(sink.name, silent)) for sink in sinks]

    def health(self) -> DeliveryHealth:
        """Counts for metrics; as of the dispatch thread's last turn."""
        return self._dispatcher.health

    def take_over(self, before: "Delivery", timeout_s: float = CLOSE_SECONDS_MAX) -> None:
        """Open in the place of another on the same state directory, which is closed first: for a config loaded anew.

        What waits goes by the rules of this one, whether it is in the store or, where the disk failed, in memory alone.
        What is posted here meanwhile waits. Blocks like `close`: call it in a thread.
        """
        before.close(timeout_s)
        self._dispatcher.carried = before._dispatcher.left
        self.open()

    def close(self, timeout_s: float = CLOSE_SECONDS_MAX) -> None:
        """Deliver what can be delivered within the time; what cannot is sent after the next start. Blocks."""
        if self._dispatcher.is_alive():
            self._dispatcher.close(timeout_s)

    def _test_message(self) -> Message:
        text = "This is a test: alerts of this portfolio reach you here. There is nothing to do."
        return Message(Severity.INFO, f"Trimtab alert test [{self._portfolio}]", text)


def prepare(loaded: Loaded, state_dir: Path, redactor: Redactor, environ: Mapping[str, str] | None = None) -> Delivery:
    """Read every address and make every sink. Blocks for a second or two: call it before the event loop turns.

    Raises:
        ConfigError: with one line for each sink whose address is missing, unreadable, unsafe or unknown.
    """
    addresses = sink_addresses(loaded, redactor, environ)
    if addresses:
        prepare_apprise()
    sinks = open_sinks(loaded, addresses, redactor) if addresses else ()
    marks = {one.name: hashlib.sha256(one.url.get_secret_value().encode()).hexdigest()[:16] for one in addresses}
    return Delivery(loaded.settings.portfolio, loaded.settings.alerts, sinks, state_dir, fingerprints=marks)


def rule_of(name: str, settings: SinkSettings) -> Rule:
    """A sink's rule as its config says."""
    return Rule(
        name=name,
        severity=Severity(settings.severity),
        kinds=frozenset(map(Kind, settings.kinds)),
        standby_for=settings.standby_for,
        quiet=None if settings.quiet_hours is None else Quiet.of(settings.quiet_hours),
        per_minute=settings.per_minute,
    )


def _hears_of_starts(rule: Rule) -> bool:
    usual = rule.standby_for is None and rule.severity is Severity.INFO
    return usual and (not rule.kinds or Kind.START in rule.kinds)


def _try(sink: Sink, message: Message, results: dict[str, Outcome]) -> None:
    error = attempt(lambda: results.__setitem__(sink.name, sink.send(message)))
    if error is not None:
        results[sink.name] = Outcome(Verdict.FAILED, f"it failed: {type(error).__name__}")


def _result(name: str, outcome: Outcome) -> SinkResult:
    ok = outcome.verdict is Verdict.SENT
    return SinkResult(name, ok, "" if ok else f"{outcome.verdict.value}: {outcome.reason}")
