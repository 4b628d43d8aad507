"""The daemon as an owner runs it: with alerts, health, metrics, chat and watchdog beside it.

The way alerts take is opened first and closed last, so that what keeps a daemon from starting, or ends it, is told too.
Addresses are read and sinks are made before the event loop turns, since apprise's first object takes a second.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from bot import __version__
from bot.domain.commands import Severity
from bot.domain.events import RunMode
from bot.journal.store import JournalError
from bot.ops.alerts.addresses import heartbeat_address
from bot.ops.alerts.delivery import Delivery, SinkResult, prepare
from bot.ops.alerts.heartbeat import Heartbeat
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.readings import Bounds
from bot.ops.alerts.voice import Voice
from bot.ops.alerts.watcher import Watcher
from bot.ops.chat.telegram import open_chat
from bot.ops.chat.token import ChatError
from bot.ops.exporter import SinkCounts
from bot.ops.watchdog import Watchdog
from bot.ops.web import Web
from bot.runtime.companion import Companion
from bot.runtime.control import ControlError
from bot.runtime.problems import ConfigError
from bot.runtime.redact import Redactor
from bot.runtime.refusal import StartRefused
from bot.runtime.sdnotify import Notifier
from bot.runtime.settings_load import Loaded
from bot.runtime.supervise import BudgetSpent, attempt

READY_MAX = 8
"""Configs that were read and may still come into force: one that waits, and looks at others meanwhile."""
EXPECTED = (StartRefused, JournalError, ControlError)
"""What keeps a daemon from starting and is said in a line; anything else that ends it is a failure of ours."""


class Routes:
    """The way alerts take now; `change` goes over to another config's sinks without losing what waits.

    `read` is made for a thread: it reads files, and the first sink ever takes a second.
    """

    def __init__(self, loaded: Loaded, redactor: Redactor) -> None:
        self._redactor = redactor
        self._delivery = prepare(loaded, loaded.settings.state_dir, redactor)
        self._read: dict[int, tuple[Loaded, Delivery]] = {}
        """Deliveries that were made ready for configs that may come into force, newest last."""

    def open(self) -> None:
        """Begin to deliver; what an earlier run left is delivered first."""
        self._delivery.open()

    def post(self, alert: Alert) -> None:
        """Hand an alert over; never blocks, never raises."""
        self._delivery.post(alert)

    def test(self) -> list[SinkResult]:
        """Send each sink a test message; blocks for seconds."""
        return self._delivery.test()

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
            return
        before, self._delivery = self._delivery, ready[1]
        asyncio.get_running_loop().run_in_executor(None, self._delivery.take_over, before)

    def close(self) -> None:
        """Deliver what can be delivered within seconds; the rest waits for the next start. Blocks."""
        self._delivery.close()


class Service:
    """Everything beside the daemon, for the life of the process."""

    def __init__(self, loaded: Loaded, mode: RunMode, redactor: Redactor) -> None:
        """Read addresses and secrets. Raises ConfigError or ChatError where one of them cannot be used."""
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

    def require_a_sink(self, loaded: Loaded) -> None:
        """Before a portfolio first goes live its owner must be reachable. Raises StartRefused where no sink answers."""
        results = self.routes.test()
        if results and not any(result.ok for result in results):
            lines = (
                str(loaded.problem(("alerts", "sinks", result.name), f"the alert sink was tested: {result.reason}"))
                for result in results
            )
            raise StartRefused("refused", *lines)

    def stopping(self) -> None:
        """Tell the service manager that the end has begun."""
        self._notifier.stopping()

    def not_switched(self, wanted: RunMode, stays: RunMode, error: Exception) -> None:
        """Another way to run was asked for and could not be started."""
        title = f"{wanted.value} was refused: going on in {stays.value}"
        self._tell(Kind.OPERATOR, Severity.WARNING, title, str(error).splitlines(), f"mode:{wanted.value}")

    def ended(self, error: BaseException) -> None:
        """The daemon did not start, or it ended other than asked."""
        if isinstance(error, EXPECTED):
            lines = error.lines if isinstance(error, StartRefused) else (str(error),)
            self._tell(Kind.START_REFUSED, Severity.CRITICAL, "not started", lines, "start_refused")
        else:
            what = str(error) if isinstance(error, BudgetSpent) else f"{type(error).__name__}: {error}"
            title = "ended by a failure; hedges stay and nobody watches them"
            self._tell(Kind.FAILED, Severity.CRITICAL, title, [what], "failed")

    def _tell(self, kind: Kind, severity: Severity, title: str, lines: Iterable[str], key: str) -> None:
        portfolio = self._voice.portfolio
        self.routes.post(self._voice.say(kind, portfolio, title, lines, key=f"{key}:{portfolio}", severity=severity))


@contextmanager
def opened(loaded: Loaded, mode: RunMode) -> Iterator[Service]:
    """The service, its alerts on their way; how the block ends is told.

    Raises StartRefused where an address or a secret of alerts, heartbeat or chat cannot be used.
    """
    service = _made(loaded, mode)
    service.routes.open()
    try:
        yield service
    except Exception as error:
        attempt(partial(service.ended, error))
        raise
    finally:
        service.stopping()
        service.routes.close()


def _made(loaded: Loaded, mode: RunMode) -> Service:
    try:
        return Service(loaded, mode, Redactor())
    except ConfigError as error:
        raise StartRefused("config", *map(str, error.problems)) from error
    except ChatError as error:
        key = "api" if str(error).startswith("chat.telegram.api") else "token_file"
        raise StartRefused("config", str(loaded.problem(("chat", "telegram", key), str(error)))) from error
