"""The promises of sinks: what a delivery came to is told in words, and never with a secret."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts import observed
from bot.ops.alerts.addresses import sink_addresses
from bot.ops.alerts.delivery import Delivery, SinkResult, prepare
from bot.ops.alerts.lanes import Outcome, Verdict
from bot.ops.alerts.observed import Seen
from bot.ops.alerts.render import Message
from bot.ops.alerts.sinks import AppriseSink, judged, open_sinks, prepare_apprise
from bot.runtime.problems import ConfigError
from bot.runtime.redact import REDACTED, Redactor
from bot.runtime.settings_load import Loaded
from tests.ops.alerts.delivering import alert
from tests.ops.alerts.receiver import PATIENCE_S, Mood, Receiver, await_true
from tests.runtime.configs import RIGHT, loaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = "c4n4rySecretTokenThatNobodyMaySee"
HELLO = Message(Severity.WARNING, "title", "text")


def with_file(tmp_path: Path, url: str, name: str = "phone") -> Loaded:
    """A config whose sink's URL is in a file of the owner's."""
    file = tmp_path / f"{name}-url"
    file.touch(0o600)
    file.write_text(url + "\n")
    return loaded(f"{RIGHT}alerts:\n  sinks:\n    {name}: {{url_file: {file}}}\n")


def sink_of(settings: Loaded, redactor: Redactor | None = None) -> AppriseSink:
    """The only sink of a config."""
    redactor = redactor or Redactor()
    prepare_apprise()
    (sink,) = open_sinks(settings, sink_addresses(settings, redactor, {}), redactor)
    return sink


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook."""
    with Receiver() as running:
        yield running


def outcome(receiver: Receiver, tmp_path: Path, mood: Mood) -> Outcome:
    """What sending to a receiver in a mood comes to."""
    receiver.mood = mood
    return sink_of(with_file(tmp_path, receiver.url)).send(HELLO)


def test_a_message_arrives_as_it_was_written(receiver: Receiver, tmp_path: Path) -> None:
    """Title, text and level reach the service, and nothing in them is taken for markup."""
    message = Message(Severity.CRITICAL, "delta *down*", "<b>a_b</b>\nline two & more")
    assert sink_of(with_file(tmp_path, receiver.url)).send(message) == Outcome(Verdict.SENT)

    (got,) = receiver.received
    assert (got.title, got.text, got.level) == (message.title, message.text, "failure")


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (400, Verdict.REFUSED, "it does not understand the message or the address (400)"),
        (401, Verdict.REFUSED, "it refuses the token or password (401)"),
        (403, Verdict.REFUSED, "it refuses the token, or that it may write there (403)"),
        (404, Verdict.REFUSED, "it knows no such address, or a wrong token (404)"),
        (408, Verdict.FAILED, "it answers 408"),
        (500, Verdict.FAILED, "it answers 500"),
        (503, Verdict.FAILED, "it answers 503"),
    ],
)
def test_an_answer_is_told_in_words(
    receiver: Receiver, tmp_path: Path, status: int, verdict: Verdict, words: str
) -> None:
    """A wrong token is another thing than a service in trouble."""
    assert outcome(receiver, tmp_path, Mood(status=status)) == Outcome(verdict, words)


def test_a_redirect_is_not_followed(receiver: Receiver, tmp_path: Path) -> None:
    """A token is not carried to wherever an answer points."""
    with Receiver() as elsewhere:
        mood = Mood(status=307, headers={"Location": f"http://{elsewhere.address}/alerts"})
        assert outcome(receiver, tmp_path, mood).verdict is Verdict.REFUSED

        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "17"}, b"{}", 17),
        ({}, b'{"ok": false, "parameters": {"retry_after": 21}}', 21),
        ({}, b'{"message": "slow down", "retry_after": 2.5}', 2.5),
        ({}, b"no json at all", 0),
        ({"Retry-After": "-3"}, b"{}", 0),
        ({"Retry-After": "nan"}, b"{}", 0),
        ({"Retry-After": "soon"}, b"{}", 0),
    ],
)
def test_a_pause_is_learned_from_the_answer(
    receiver: Receiver, tmp_path: Path, headers: dict[str, str], body: bytes, seconds: float
) -> None:
    """Whether the header or the body says for how long a service wants to be left alone."""
    found = outcome(receiver, tmp_path, Mood(status=429, headers=headers, body=body))

    assert (found.verdict, found.retry_after_ns) == (Verdict.RATE_LIMITED, int(seconds * SECOND_NS))


def test_a_pause_may_be_a_date() -> None:
    """Retry-After in its long form."""
    found = judged(Seen(status=429, retry_after=formatdate(time.time() + 100, usegmt=True)), [])
    assert 80 * SECOND_NS < found.retry_after_ns <= 100 * SECOND_NS


def test_a_cut_connection_is_unreachable(receiver: Receiver, tmp_path: Path) -> None:
    """So is a closed port."""
    assert outcome(receiver, tmp_path, Mood(down=True)).verdict is Verdict.UNREACHABLE
    closed = Receiver()
    closed._server.server_close()
    found = sink_of(with_file(tmp_path, closed.url)).send(HELLO)

    assert found == Outcome(Verdict.UNREACHABLE, "it cannot be reached: connection refused")


def test_a_slow_service_is_waited_for_but_not_for_ever(receiver: Receiver, tmp_path: Path) -> None:
    """What a URL says about patience holds; then the delivery has failed."""
    receiver.mood = Mood(delay_s=5.0)
    found = sink_of(with_file(tmp_path, f"{receiver.url}?rto=0.2")).send(HELLO)

    assert found == Outcome(Verdict.SLOW, "it did not answer in time")


class Endless:
    """A service whose answer never ends: as fast as it is read, or a byte at a time."""

    def __init__(self, chunk: bytes, pause_s: float) -> None:
        self._chunk, self._pause_s = chunk, pause_s
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"json://127.0.0.1:{self._socket.getsockname()[1]}/x"

    def __enter__(self) -> Endless:
        """Answer one request in a thread."""
        threading.Thread(target=self._answer, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self._over.set()
        self._socket.close()

    def _answer(self) -> None:
        connection, _ = self._socket.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not self._over.wait(self._pause_s):
                connection.sendall(self._chunk)


@pytest.mark.parametrize(("chunk", "pause_s"), [(b"x" * 65_536, 0.0), (b"x", 0.02)], ids=["a flood", "a trickle"])
def test_an_answer_that_never_ends_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: bytes, pause_s: float
) -> None:
    """It takes neither memory nor the sink's thread: what it began with counts, and the next message can go."""
    monkeypatch.setattr(observed, "BODY_SECONDS_MAX", 0.5)
    outcomes: list[Outcome] = []
    with Endless(chunk, pause_s) as service:
        sink = sink_of(with_file(tmp_path, service.url))
        sending = threading.Thread(target=lambda: outcomes.append(sink.send(HELLO)), daemon=True)
        sending.start()
        sending.join(PATIENCE_S)

    assert [Verdict.SENT] == [one.verdict for one in outcomes]


def test_only_the_watching_thread_is_watched() -> None:
    """What apprise says is used where no HTTP answer was seen."""
    assert judged(Seen(), ["Failed to send X: Unauthorized, error=401."]).verdict is Verdict.REFUSED
    assert judged(Seen(), ["the mail server said no"]) == Outcome(Verdict.FAILED, "the mail server said no")


# ------------------------------------------------------------------------------------------- start-up test
def test_each_sink_is_tested(receiver: Receiver, tmp_path: Path) -> None:
    """One short message to each, and a line of words for each that did not take it."""
    with Receiver() as other:
        other.mood = Mood(status=401)
        text = f'{RIGHT}alerts:\n  sinks:\n    a: {{url: "{receiver.url}"}}\n    b: {{url: "{other.url}"}}\n'
        results = prepare(loaded(text), tmp_path, Redactor(), {}).test()

    assert results == [
        SinkResult("a", ok=True),
        SinkResult("b", ok=False, reason="refused: it refuses the token or password (401)"),
    ]
    assert receiver.titles() == ["Trimtab alert test [main]"]


def test_a_silent_sink_does_not_hold_the_test_up(receiver: Receiver, tmp_path: Path) -> None:
    """Whoever does not answer within the time is slow."""
    receiver.mood = Mood(delay_s=10.0)
    delivery = prepare(with_file(tmp_path, receiver.url), tmp_path, Redactor(), {})

    assert delivery.test(0.3) == [SinkResult("phone", ok=False, reason="slow: no answer within 0.3 s")]


def test_without_sinks_there_is_nothing_to_do(tmp_path: Path) -> None:
    """No thread, no file, no error."""
    delivery = prepare(loaded(), tmp_path, Redactor(), {})
    delivery.open()
    delivery.post(alert())
    delivery.close()

    assert delivery.test() == []
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------ secrets
class Lines(logging.Handler):
    """What reaches the root logger, which is all that our log takes of libraries."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Note who spoke."""
        self.names.add(record.name.partition(".")[0])


@pytest.fixture
def heard() -> Iterator[Lines]:
    """Listens at the root logger."""
    lines, root = Lines(), logging.getLogger()
    root.addHandler(lines)
    yield lines
    root.removeHandler(lines)


def test_no_line_of_a_library_reaches_the_log(receiver: Receiver, tmp_path: Path, heard: Lines) -> None:
    """apprise and what it stands on are silent, however a delivery ends."""
    sink = sink_of(with_file(tmp_path, receiver.url))
    for mood in (Mood(), Mood(status=500), Mood(down=True)):
        receiver.mood = mood
        sink.send(HELLO)

    assert not heard.names & {"apprise", "urllib3", "requests", "charset_normalizer"}


@pytest.mark.parametrize("mood", [Mood(), Mood(status=401), Mood(down=True), Mood(delay_s=1.0), Mood(status=429)])
def test_no_secret_of_a_url_is_ever_logged(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], mood: Mood
) -> None:
    """Password, path token and query of a URL appear in no log at any level, no reason and no output."""
    url = f"json://owner:{CANARY}a@{receiver.address}/hook/{CANARY}b?rto=0.3&-token={CANARY}c&+X-Auth={CANARY}d"
    redactor = Redactor()
    caplog.set_level(logging.DEBUG)
    receiver.mood = mood
    delivery = prepare(with_file(tmp_path, url), tmp_path, redactor, {})
    delivery.open()
    delivery.post(alert("k", text=f"a text with {CANARY}a in it"))
    (tested,) = delivery.test()
    await_true(lambda: delivery.health().sinks["phone"].sent + delivery.health().sinks["phone"].failed > 0)
    delivery.close(0.1)

    assert any(CANARY in path for path in receiver.asked), "the token was sent where it belongs"
    seen = [caplog.text, tested.reason, str(delivery.health()), *capfd.readouterr(), *receiver.texts()]
    assert not [text for text in seen if CANARY in text]
    assert all(REDACTED in text for text in receiver.texts() if "a text with" in text)


@pytest.mark.parametrize(
    "url",
    [
        f"tgram://123456789:{CANARY}/42",
        f"slack://T1JJ3T3L2/A1BRTD4JD/{CANARY}/general",
        f"discord://417429632418316298/{CANARY}",
        f"mailto://owner:{CANARY}@example.com",
        f"ntfy://:{CANARY}@example.com/topic",
    ],
)
def test_the_redactor_knows_every_secret_of_a_url(tmp_path: Path, url: str) -> None:
    """Once an address was read no text of ours holds any piece of it."""
    redactor = Redactor()
    sink_of(with_file(tmp_path, url), redactor)

    assert CANARY not in redactor.text(f"error at {url} and {CANARY} alone: ...{CANARY[4:]}")


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (f"tgrm://123:{CANARY}/42", "tgrm://(hidden): no service is called tgrm://; allowed: any URL of apprise"),
        (f"slack://{CANARY}", "slack://(hidden): no service can be made of this URL; allowed: any URL of apprise"),
    ],
)
def test_an_unusable_url_is_one_line(tmp_path: Path, url: str, line: str) -> None:
    """It names file, line and what is allowed, shows no secret, and proposes the service that was meant."""
    with pytest.raises(ConfigError) as caught:
        prepare(with_file(tmp_path, url), tmp_path, Redactor(), {})
    said = str(caught.value)

    assert said.startswith("c.yaml:12: alerts.sinks.phone.url_file: value ")
    assert line in said
    assert "\n" not in said
    assert CANARY not in said
    assert ("did you mean 'tgram'?" in said) == url.startswith("tgrm")


def test_closing_twice_and_before_opening_is_fine(tmp_path: Path) -> None:
    """Whoever starts half and stops does not have to know how far it came."""
    delivery: Delivery = prepare(with_file(tmp_path, "json://127.0.0.1:9/x"), tmp_path, Redactor(), {})
    delivery.close()
    delivery.open()
    delivery.close(0.1)
    delivery.close(0.1)
