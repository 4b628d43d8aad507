"""One sink: a service behind apprise, which blocks, so that every call here belongs into a thread.

Nothing that apprise, requests or urllib3 would log leaves them: their lines hold URLs, and URLs hold tokens. What a
delivery came to is said in words of ours.
"""

import functools
import logging
import math
import re
import warnings
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import msgspec
import requests
from urllib3.exceptions import InsecureRequestWarning

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.addresses import SINKS_ALLOWED, Address, wrong
from bot.ops.alerts.lanes import Outcome, Verdict
from bot.ops.alerts.observed import Seen, observe, watched
from bot.ops.alerts.render import Message
from bot.runtime.problems import ConfigError, Problem, closest, one_line
from bot.runtime.redact import Redactor
from bot.runtime.settings_load import Loaded
from bot.runtime.supervise import attempt
from bot.runtime.urls import scheme_of

# A slow service is waited for: a message that it took after we had gone would be sent twice.
READ_SECONDS_MAX = 25.0
REASON_CHARS_MAX = 200
RETRY_AFTER_SECONDS_MAX = 86_400.0
_LIBRARIES = ("apprise", "urllib3", "requests", "charset_normalizer")
_TYPES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}

_STATUS_IN_LOG = re.compile(r"error=(\d{3})\b")
_PASSING = frozenset({408, 423, 425})
_REFUSALS = {
    400: "it does not understand the message or the address",
    401: "it refuses the token or password",
    403: "it refuses the token, or that it may write there",
    404: "it knows no such address, or a wrong token",
    410: "the address was taken away",
}


class Sink(Protocol):
    """Somewhere messages are delivered."""

    name: str

    def send(self, message: Message) -> Outcome:
        """Deliver; blocks for as long as the service takes, and does not raise."""
        ...


@functools.cache
def prepare_apprise() -> None:
    """Load apprise and its services, once; that takes a second and must be over before an event loop turns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what its plugins import
        import apprise

        apprise.Apprise.instantiate("json://localhost")
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.propagate = False
        library.setLevel(logging.WARNING)
        if not library.handlers:
            library.addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", category=InsecureRequestWarning)
    observe()


def open_sinks(loaded: Loaded, addresses: tuple[Address, ...], redactor: Redactor) -> tuple["AppriseSink", ...]:
    """A sink for each address.

    Raises:
        ConfigError: with one line for each URL that apprise does not know or cannot use.
    """
    problems: list[Problem] = []
    sinks: list[AppriseSink] = []
    for address in addresses:
        if (service := _service(address)) is None:
            problems.append(_unusable(loaded, address))
        else:
            sinks.append(AppriseSink(address.name, service, redactor))
    if problems:
        raise ConfigError(problems)
    return tuple(sinks)


class AppriseSink:
    """A service of apprise."""

    def __init__(self, name: str, service: Any, redactor: Redactor) -> None:
        import apprise

        self.name = name
        self._redactor = redactor
        self._caller = apprise.Apprise(asset=service.asset)
        self._caller.add(service)

    def send(self, message: Message) -> Outcome:
        """Deliver one message."""
        results: list[Any] = []
        with watched() as seen:
            error = attempt(lambda: results.append(self._notify(message)))
        if error is not None:
            return Outcome(Verdict.FAILED, f"its plugin failed: {type(error).__name__}")
        result = results[0]
        if result:
            return Outcome(Verdict.SENT)
        logged = [self._redactor.text(str(entry.message)) for entry in result.logs()]
        return judged(seen, logged)

    def _notify(self, message: Message) -> Any:
        title, text = self._redactor.text(message.title), self._redactor.text(message.text)
        return self._caller.notify(
            body=text, title=title, notify_type=_TYPES[message.severity], body_format="text", log_level=logging.WARNING
        )


def judged(seen: Seen, logged: list[str]) -> Outcome:
    """What a delivery that did not go well came to; `logged` is what apprise said of it, redacted."""
    last = logged[-1] if logged else ""
    status = seen.status
    if status is None and seen.error is None and (found := _STATUS_IN_LOG.search(last)):
        status = int(found.group(1))
    if seen.error is not None:
        return _unanswered(seen.error)
    if status is not None:
        return _answered(status, _seconds(seen.retry_after))
    said = one_line(last)[:REASON_CHARS_MAX]
    return Outcome(Verdict.FAILED, said or "it could not be delivered, and apprise does not say why")


def _unanswered(error: requests.RequestException) -> Outcome:
    """A request without an answer. The error's own text is not used: it holds the URL."""
    match error:
        case requests.ConnectTimeout():
            return Outcome(Verdict.UNREACHABLE, "it cannot be reached: no answer to the connection")
        case requests.Timeout():
            return Outcome(Verdict.SLOW, "it did not answer in time")
        case requests.exceptions.SSLError():
            return Outcome(Verdict.UNREACHABLE, "it cannot be reached: its certificate is not trusted")
        case requests.ConnectionError():
            return Outcome(Verdict.UNREACHABLE, f"it cannot be reached: {_cause(error)}")
        case _:
            return Outcome(Verdict.FAILED, f"the request failed: {type(error).__name__}")


def _cause(error: BaseException) -> str:
    names = {type(link).__name__ for link in _links(error)}
    if "NameResolutionError" in names or "gaierror" in names:
        return "its name is not known"
    if "ConnectionRefusedError" in names:
        return "connection refused"
    return "the connection failed or was cut"


def _links(error: BaseException | None, depth_max: int = 8) -> list[BaseException]:
    """An error and what it came from; urllib3 keeps that in `reason` and in the arguments too."""
    if error is None or depth_max == 0:
        return []
    inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    below = (link for link in inner if isinstance(link, BaseException))
    return [error, *(found for link in below for found in _links(link, depth_max - 1))]


def _answered(status: int, retry_after_s: float) -> Outcome:
    pause_ns = int(retry_after_s * SECOND_NS)
    if status == 429:
        asked = f", and asks for a pause of {math.ceil(retry_after_s)} s" if retry_after_s else ""
        return Outcome(Verdict.RATE_LIMITED, f"it is sent too much (429){asked}", pause_ns)
    if 300 <= status < 400:
        return Outcome(Verdict.REFUSED, f"it sends elsewhere ({status}): write the final address")
    if 400 <= status < 500 and status not in _PASSING:
        return Outcome(Verdict.REFUSED, f"{_REFUSALS.get(status, 'it refuses the message')} ({status})", pause_ns)
    return Outcome(Verdict.FAILED, f"it answers {status}", pause_ns)


def _seconds(written: str | None) -> float:
    """A Retry-After, seconds or a date, as seconds from now; 0 where it says nothing that can be used."""
    if written is None:
        return 0.0
    try:
        seconds = float(written)
    except ValueError:
        try:
            until = parsedate_to_datetime(written)
        except ValueError:
            return 0.0
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX) if math.isfinite(seconds) else 0.0


def _service(address: Address) -> Any:
    """Apprise's object for a URL; None where it makes none of it."""
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Trimtab", app_desc="Trimtab", http_redirects=False, async_mode=False, service_timeout=0
    )
    service = apprise.Apprise.instantiate(address.url.get_secret_value(), asset=asset)
    if service is not None and "rto=" not in address.url.get_secret_value():
        service.socket_read_timeout = READ_SECONDS_MAX
    return service


def _unusable(loaded: Loaded, address: Address) -> Problem:
    from apprise.manager_plugins import NotificationManager

    scheme = scheme_of(address.url.get_secret_value())
    manager: Any = NotificationManager  # it carries no types
    known: list[str] = sorted(manager().schemas())
    what = "no service can be made of this URL" if scheme in known else f"no service is called {scheme}://"
    problem = wrong(loaded, address, what, SINKS_ALLOWED)
    return problem if scheme in known else msgspec.structs.replace(problem, meant=closest(scheme, known))
