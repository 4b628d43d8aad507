"""The daemon as an owner runs it: with alerts, health, metrics, chat and watchdog beside it.

The way alerts take is opened first and closed last, so that what keeps a daemon from starting, or ends it, is told too.
Addresses are read and sinks are made before the event loop turns, since apprise's first object takes a second.
"""

import math
import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from bot import __version__
from bot.domain.commands import Severity
from bot.domain.events import RunMode
from bot.journal.store import JournalError
from bot.ops.alerts.addresses import heartbeat_address
from bot.ops.alerts.delivery import CLOSE_SECONDS_MAX, Delivery, SinkResult, prepare
from bot.ops.alerts.heartbeat import Heartbeat
from bot.ops.alerts.kinds import Alert, Kind, life_key
from bot.ops.alerts.readings import Bounds
from bot.ops.alerts.voice import Voice
from bot.ops.alerts.watcher import Watcher
from bot.ops.chat.telegram import open_chat
from bot.ops.chat.token import ChatError
from bot.ops.exporter import SinkCounts
from bot.ops.watchdog import Watchdog
from bot.ops.web import Web
from bot.runtime import log
from bot.runtime.companion import Companion, cause_of
from bot.runtime.control import ControlError
from bot.runtime.problems import ConfigError
from bot.runtime.redact import Redactor
from bot.runtime.refusal import StartRefused
from bot.runtime.sdnotify import Notifier
from bot.runtime.settings_load import Loaded
from bot.runtime.state_dir import prepare as prepare_state_dir
from bot.runtime.supervise import BudgetSpent, attempt

READY_MAX = 64
"""Configs that were read and may still come into force: one that waits, and looks at others meanwhile."""
TESTED = "alerts.tested"
"""The sinks that answered a test; its time says when one last did before the first live start."""
TEST_GOOD_S = 24 * 3600.0
HURRIED_S = 0.1
EXPECTED = (StartRefused, JournalError, ControlError)
"""What keeps a daemon from starting and is said in a line; anything else that ends it is a failure of ours."""


class Routes:
    """The way alerts take now; `change` goes over to another config's sinks without losing what waits.

    `read` is made for a thread: it reads files, and the first sink ever takes a second. One way is given up before the
    next one opens, and a third waits for both: they share a store, which has one owner.
    """

    def __init__(self, loaded: Loaded, redactor: Redactor) -> None:
        self._redactor = redactor
        self._delivery = prepare(loaded, loaded.settings.state_dir, redactor)
        self._read: dict[int, tuple[Loaded, Delivery]] = {}
        """Deliveries that were made ready for configs that may come into force, newest last."""
        self._handover = ThreadPoolExecutor(1, "alerts-handover")
        self._is_closing = False

    def open(self) -> None:
        """Begin to deliver; what an earlier run left is delivered first."""
        self._delivery.open()

    def post(self, alert: Alert) -> None:
        """Hand an alert over; never blocks, never raises."""
        self._delivery.post(alert)

    def test(self, only: Container[str] | None = None) -> list[SinkResult]:
        """Send each sink (of `only`) a test message; blocks for seconds."""
        return self._delivery.test(only=only)

    def unproven(self, known: Mapping[str, str]) -> frozenset[str]:
        """Sinks that no start's alert proves and whose address is not among those that were `known` to answer."""
        marks = self._delivery.fingerprints
        return frozenset(name for name in self._delivery.silent if known.get(name) != marks.get(name))

    def proven(self, known: Mapping[str, str]) -> bool:
        """Whether a sink as it is now is among those that were `known` to answer."""
        return any(known.get(name) == mark for name, mark in self._delivery.fingerprints.items())

    def marks_of(self, results: Iterable[SinkResult]) -> dict[str, str]:
        """What to remember of the sinks that answered."""
        return {one.name: self._delivery.fingerprints.get(one.name, "") for one in results if one.ok}

    def counts(self) -> Iterator[SinkCounts]:
        """For metrics."""
        for name, sink in sorted(self._delivery.health().sinks.items()):
            outcomes = {"sent": sink.sent, "failed": sink.failed, "digested": sink.digested, "given_up": sink.given_up}
            yield SinkCounts(name, sink.queued, outcomes)

    def read(self, again: Callable[[], Loaded]) -> Loaded:
        """Read a config anew and make its sinks ready. Raises ConfigError with everything that is wrong with either."""
        loaded = again()
        self._read[id(loaded)] = (loaded, prepare(loaded, loaded.settings.state_dir, self._redactor))
        while len(self._read) > READY_MAX:
            del self._read[next(iter(self._read))]
        return loaded

    def change(self, loaded: Loaded) -> None:
        """The config has come into force: deliver by its sinks from now on. Returns at once."""
        ready = self._read.pop(id(loaded), None)
        if ready is None:
            log.logger("bot.alerts").error("alerts", what="this config's sinks were not made ready: the old ones stay")
            return
        before, self._delivery = self._delivery, ready[1]
        self._handover.submit(self._hand_over, before, self._delivery)

    def _hand_over(self, before: Delivery, after: Delivery) -> None:
        error = attempt(partial(after.take_over, before, HURRIED_S if self._is_closing else CLOSE_SECONDS_MAX))
        if error is not None:
            log.logger("bot.alerts").error("alerts", what="the new sinks could not take over", exc_info=error)

    def close(self) -> None:
        """Deliver what can be delivered within seconds; the rest waits for the next start. Blocks."""
        self._is_closing = True
        self._handover.shutdown()
        self._delivery.close()


class Service:
    """Everything beside the daemon, for the life of the process."""

    companions: tuple[Companion, ...] = ()

    def __init__(self, loaded: Loaded, mode: RunMode, redactor: Redactor) -> None:
        """Make the alerts' way. Raises ConfigError where an address of theirs cannot be used."""
        settings = loaded.settings
        self.redactor = redactor
        self.routes = Routes(loaded, redactor)
        self._notifier = Notifier.of(os.environ)
        self._voice = Voice(settings.portfolio, mode.value, time.time_ns, redactor.text)
        self._bounds = Bounds.of(settings)
        self._watcher = Watcher(
            settings.portfolio,
            mode,
            lambda: self._bounds,
            __version__,
            time.time_ns,
            self.routes.post,
            redactor.text,
        )

    def furnish(self, loaded: Loaded) -> None:
        """Make the companions. Raises ConfigError or ChatError where an address or a secret of theirs is no good."""
        self.companions = tuple(self._companions(loaded))

    def _companions(self, loaded: Loaded) -> Iterable[Companion]:
        settings = loaded.settings
        yield self._watcher
        yield Watchdog(self._notifier)
        if settings.web.enabled:
            yield Web(settings.web.listen, self.routes.counts)
        if settings.alerts.heartbeat is not None:
            url = heartbeat_address(loaded, self.redactor)
            assert url is not None, "a heartbeat has an address, or its config is refused"
            yield Heartbeat(url, settings.alerts.heartbeat.every)
        chat = open_chat(settings.chat, self.redactor, self.routes.post)
        if chat is not None:
            yield chat

    def on_settings(self, loaded: Loaded) -> None:
        """A config has come into force while the daemon runs."""
        self._bounds = Bounds.of(loaded.settings)
        self.routes.change(loaded)

    def require_a_sink(self, loaded: Loaded) -> tuple[str, ...]:
        """Before a portfolio first goes live its owner must be reachable; a line for each sink that did not answer.

        Raises StartRefused where none did. A start that fails for another reason, and is tried again and again by a
        service manager, sends no second message within TEST_GOOD_S; unless its sinks are others by then.
        """
        mark = loaded.settings.state_dir / TESTED
        if _age_s(mark) < TEST_GOOD_S and self.routes.proven(_known(mark)):
            return ()
        results = self.routes.test()
        lines = tuple(
            str(loaded.problem(("alerts", "sinks", result.name), f"the alert sink was tested: {result.reason}"))
            for result in results
            if not result.ok
        )
        if results and len(lines) == len(results):
            raise StartRefused("refused", *lines)
        if results:
            _remember(mark, self.routes.marks_of(results))
        return lines

    def prove_the_silent(self, loaded: Loaded) -> None:
        """Test the sinks that hear of no start, once for each address: a wrong token is found now, not in the night.

        For a thread: it blocks for seconds.
        """
        mark = loaded.settings.state_dir / TESTED
        unproven = self.routes.unproven(_known(mark))
        results = self.routes.test(unproven) if unproven else []
        if passed := self.routes.marks_of(results):
            _remember(mark, _known(mark) | passed)
        for one in results:
            if not one.ok:
                log.logger("bot.alerts").warning("alert sink failed its test", sink=one.name, reason=one.reason)
                title, key = f"alert sink {one.name} failed its test", f"sink_test:{one.name}"
                self._tell(Kind.SINK_DOWN, Severity.WARNING, title, [one.reason], key)

    def stopping(self) -> None:
        """Tell the service manager that the end has begun."""
        self._notifier.stopping()

    def runs_in(self, mode: RunMode) -> None:
        """The daemon is started in this way to run from now on: what is told names it."""
        self._voice = replace(self._voice, run_mode=mode.value)

    def not_switched(self, wanted: RunMode, stays: RunMode, error: Exception) -> None:
        """Another way to run was asked for and could not be started: `stays` is tried again. Told each time."""
        title = f"{wanted.value} was refused: going on in {stays.value}"
        key = f"mode:{wanted.value}:{self._voice.portfolio}:{time.time_ns()}"
        self._tell(Kind.OPERATOR, Severity.WARNING, title, _lines_of(error), key)

    def ended(self, error: BaseException) -> None:
        """The daemon did not start, or it ended other than asked."""
        key = life_key(self._voice.portfolio)
        if isinstance(error, EXPECTED):
            self._tell(Kind.START_REFUSED, Severity.CRITICAL, "not started", _lines_of(error), key)
        else:
            cause = cause_of(error)
            what = str(cause) if isinstance(cause, BudgetSpent) else f"{type(cause).__name__}: {cause}"
            title = "ended by a failure; hedges stay and nobody watches them"
            self._tell(Kind.FAILED, Severity.CRITICAL, title, [what], key)

    def _tell(self, kind: Kind, severity: Severity, title: str, lines: Iterable[str], key: str) -> None:
        self.routes.post(self._voice.say(kind, self._voice.portfolio, title, lines, key=key, severity=severity))


@contextmanager
def opened(loaded: Loaded, mode: RunMode) -> Iterator[Service]:
    """The service, its alerts on their way; how the block ends is told.

    Raises StartRefused where an address or a secret of alerts, heartbeat or chat cannot be used. That of heartbeat and
    chat is told by alerts, too.
    """
    with suppress(StartRefused):  # the start itself says it, and alerts go on without a disk
        prepare_state_dir(loaded)
    with _refusing(loaded):
        service = Service(loaded, mode, Redactor())
    service.routes.open()
    try:
        with _refusing(loaded):
            service.furnish(loaded)
        yield service
    except Exception as error:
        attempt(partial(service.ended, error))
        raise
    finally:
        service.stopping()
        service.routes.close()


@contextmanager
def _refusing(loaded: Loaded) -> Iterator[None]:
    """What is wrong with an address or a secret keeps the daemon from starting, at its line of the config."""
    try:
        yield
    except ConfigError as error:
        raise StartRefused("config", *map(str, error.problems)) from error
    except ChatError as error:
        key = "api" if str(error).startswith("chat.telegram.api") else "token_file"
        raise StartRefused("config", str(loaded.problem(("chat", "telegram", key), str(error)))) from error


def _lines_of(error: Exception) -> tuple[str, ...]:
    """What is to be said of an expected failure, a line each."""
    return error.lines if isinstance(error, StartRefused) else (str(error),)


def _age_s(mark: Path) -> float:
    """How long ago a mark was set; infinity where it never was, or by a clock that is ahead of ours."""
    try:
        age_s = time.time() - mark.stat().st_mtime
    except OSError:
        return math.inf
    return age_s if age_s >= 0 else math.inf


def _known(mark: Path) -> dict[str, str]:
    """The sinks that answered a test, each with what tells its address from another; none where it cannot be read."""
    try:
        return msgspec.json.decode(mark.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _remember(mark: Path, known: Mapping[str, str]) -> None:
    """Set a mark. Where it cannot be set the next start tests again."""
    try:
        mark.touch(mode=0o600)
        mark.write_bytes(msgspec.json.encode(known))
    except OSError:
        return
