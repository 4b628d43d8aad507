"""The promises of the threads: nobody waits for a sink, and nothing is lost."""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.delivery import Delivery, prepare
from bot.ops.alerts.dispatch import INBOX_MAX
from bot.ops.alerts.kinds import Kind
from bot.ops.alerts.lanes import Outcome, Pace, Verdict
from bot.ops.alerts.store import FILE, Store, StoreError
from bot.runtime.redact import Redactor
from bot.runtime.settings_service import AlertSettings, SinkSettings
from tests.ops.alerts.delivering import SENT, UNREACHABLE, alert, critical
from tests.ops.alerts.receiver import PATIENCE_S, Mood, Receiver, await_true
from tests.runtime.configs import RIGHT, loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bot.ops.alerts.render import Message

MILLISECOND_NS = 1_000_000
LAG_SECONDS_MAX = 0.05
QUICK = Pace(
    backoff_first_ns=20 * MILLISECOND_NS, backoff_max_ns=40 * MILLISECOND_NS, digest_gap_ns=MILLISECOND_NS, gather_ns=0
)


class Memo:
    """A sink that notes what it is sent and answers as it is told; while `hold` is set it does not answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[str] = []
        self.answer: Outcome = SENT
        self.go = threading.Event()
        self.go.set()
        self.fault: Exception | None = None

    def send(self, message: Message) -> Outcome:
        """Answer."""
        self.go.wait(PATIENCE_S)
        if self.fault is not None:
            raise self.fault
        if self.answer is SENT:
            self.messages.append(message.title.removesuffix(" [main, live]"))
        return self.answer

    def await_messages(self, count: int) -> list[str]:
        """The titles, once there are so many."""
        await_true(lambda: len(self.messages) >= count, lambda: f"only {self.messages} of {count}")
        return self.messages


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Delivery]]:
    """Makes deliveries to some sinks on one state directory; each is closed in the end."""
    made: list[Delivery] = []

    def make(sinks: Sequence[Memo], state_dir: Path | None = tmp_path, **stand_ins: str) -> Delivery:
        rules = {sink.name: SinkSettings(standby_for=stand_ins.get(sink.name), per_minute=600) for sink in sinks}
        delivery = Delivery("main", AlertSettings(sinks=rules), sinks, state_dir, pace=QUICK)
        made.append(delivery)
        delivery.open()
        return delivery

    yield make
    for delivery in made:
        delivery.close(0.1)


def test_alerts_arrive_in_order_from_any_thread(opened: Callable[..., Delivery]) -> None:
    """What one thread posts arrives in the order in which it was posted."""
    phone = Memo("phone")
    delivery = opened([phone])

    def post() -> None:
        for n in range(5):
            delivery.post(alert(f"a{n}"))

    thread = threading.Thread(target=post)
    thread.start()
    thread.join()

    assert phone.await_messages(5) == [f"a{n}" for n in range(5)]


def test_a_hanging_sink_delays_no_other(opened: Callable[..., Delivery]) -> None:
    """One sink does not answer at all; the other has everything."""
    slow, quick = Memo("slow"), Memo("quick")
    slow.go.clear()
    delivery = opened([slow, quick])
    for n in range(10):
        delivery.post(alert(f"a{n}"))

    assert len(quick.await_messages(10)) == 10
    assert slow.messages == []
    slow.go.set()
    assert len(slow.await_messages(10)) == 10


def test_the_second_sink_takes_over(opened: Callable[..., Delivery]) -> None:
    """While the first is down the second has everything, once; afterwards the first does."""
    phone, mail = Memo("phone"), Memo("mail")
    phone.answer = UNREACHABLE
    delivery = opened([phone, mail], mail="phone")
    for n in range(3):
        delivery.post(alert(f"a{n}"))
    mail.await_messages(4)
    assert sorted(mail.messages) == ["WARNING: the alert sink 'phone' is down", "a0", "a1", "a2"]
    phone.answer = SENT
    phone.await_messages(1)
    mail.await_messages(5)
    delivery.post(alert("b"))

    assert phone.await_messages(2) == ["RESOLVED: alerts reach this sink again", "b"]
    assert mail.messages[4:] == ["RESOLVED: the alert sink 'phone' is back"]


def test_a_sink_that_breaks_is_a_sink_that_is_down(opened: Callable[..., Delivery]) -> None:
    """An exception out of a plugin ends no thread: the message is tried again."""
    phone = Memo("phone")
    phone.fault = RuntimeError("a plugin's own defect")
    delivery = opened([phone])
    delivery.post(alert("a"))
    await_true(lambda: delivery.health().sinks["phone"].failed >= 2)
    phone.fault = None

    assert phone.await_messages(1) == ["a"]


def test_what_was_not_delivered_is_sent_after_a_restart(opened: Callable[..., Delivery]) -> None:
    """Closing leaves it in the store; the next run delivers it, and nothing that was delivered."""
    phone = Memo("phone")
    first = opened([phone])
    first.post(alert("a"))
    phone.await_messages(1)
    phone.answer = UNREACHABLE
    first.post(alert("b"))
    await_true(lambda: first.health().sinks["phone"].failed > 0)
    first.close(0.1)
    phone.answer = SENT
    second = opened([phone])
    second.post(alert("c"))

    assert phone.await_messages(3) == ["a", "b", "c"]


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_successor_takes_over_what_waits(opened: Callable[..., Delivery], tmp_path: Path, *, on_disk: bool) -> None:
    """A config loaded anew loses no alert, with and without a disk; what was delivered is not sent again."""
    folder = tmp_path if on_disk else None
    phone, renewed = Memo("phone"), Memo("phone")
    before = opened([phone], folder)
    before.post(alert("a"))
    phone.await_messages(1)
    phone.answer = UNREACHABLE
    before.post(alert("b"))
    await_true(lambda: before.health().sinks["phone"].failed > 0)
    after = Delivery("main", AlertSettings(sinks={"phone": SinkSettings(per_minute=600)}), [renewed], folder)
    after.post(alert("c"))
    after.take_over(before, 0.1)

    await_true(lambda: {"b", "c"} <= set(renewed.messages))
    assert phone.messages == ["a"]
    assert renewed.messages.count("b") == 1
    after.close(PATIENCE_S)


def test_closing_delivers_what_it_can(opened: Callable[..., Delivery]) -> None:
    """A last alert, posted just before the end, is delivered."""
    phone = Memo("phone")
    delivery = opened([phone])
    for n in range(20):
        delivery.post(alert(f"a{n}"))
    delivery.close(PATIENCE_S)

    assert len(phone.messages) == 20


def test_closing_waits_for_no_sink_longer_than_told(opened: Callable[..., Delivery]) -> None:
    """A sink that hangs at the end costs the time that closing was given, and its alert stays stored."""
    phone = Memo("phone")
    phone.go.clear()
    delivery = opened([phone])
    delivery.post(alert("a"))
    began = time.monotonic()
    delivery.close(0.2)
    waited = time.monotonic() - began
    phone.go.set()

    assert waited < 10, "twenty seconds is what the sink would take"
    phone.await_messages(1)
    assert opened([phone]) is not delivery
    phone.await_messages(2)


def test_posting_beyond_the_queue_is_counted_and_told(tmp_path: Path) -> None:
    """What finds no room raises nothing and blocks nobody; a digest says how much of what kind it was."""
    phone = Memo("phone")
    settings = AlertSettings(sinks={"phone": SinkSettings(per_minute=600)})
    delivery = Delivery("main", settings, [phone], tmp_path, pace=QUICK)
    for n in range(INBOX_MAX + 7):
        delivery.post(critical(f"a{n}"))
    delivery.open()
    phone.await_messages(1)
    delivery.close(0.1)
    waiting = [entry.alert for entry in Store(tmp_path / FILE).load().waiting]

    assert delivery.health().overflowed == 7
    (told,) = [each for each in waiting if each.kind is Kind.DIGEST]
    assert told.title == "not delivered: 7 alerts"
    assert told.facts == (("hedge (critical), came too fast", "7"),)


def test_alerting_goes_on_without_a_disk(opened: Callable[..., Delivery], caplog: pytest.LogCaptureFixture) -> None:
    """Where no store can be opened alerts are delivered from memory, and one line says so."""
    phone = Memo("phone")
    delivery = opened([phone], Path("/nowhere/at/all"))
    delivery.post(alert("a"))

    assert phone.await_messages(1) == ["a"]
    assert caplog.text.count("alerts are kept in memory only") == 1
    assert not delivery.health().stored


def test_a_disk_that_fails_later_costs_nothing(
    opened: Callable[..., Delivery], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A full disk is said; when it has room again what waits is stored again."""
    monkeypatch.setattr("bot.ops.alerts.dispatch.STORE_RETRY_NS", SECOND_NS)
    phone = Memo("phone")
    phone.answer = UNREACHABLE
    delivery = opened([phone])
    delivery.post(alert("a"))
    await_true(lambda: delivery.health().sinks["phone"].queued >= 1)
    with monkeypatch.context() as disk:
        disk.setattr(Store, "apply", _no_room)
        delivery.post(alert("b"))
        await_true(lambda: "no room" in caplog.text)
    await_true(lambda: delivery.health().stored)
    delivery.close(0.1)

    keys = {entry.alert.key for entry in Store(tmp_path / FILE).load().waiting}
    assert {"a", "b"} <= keys
    assert "no room" in caplog.text


def test_what_is_in_memory_alone_is_stored_at_the_end(
    opened: Callable[..., Delivery], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Closing tries the disk once more, before what waits would be lost."""
    phone = Memo("phone")
    phone.answer = UNREACHABLE
    with monkeypatch.context() as disk:
        disk.setattr(Store, "apply", _no_room)
        delivery = opened([phone])
        delivery.post(alert("a"))
        await_true(lambda: delivery.health().sinks["phone"].queued >= 1 and not delivery.health().stored)
    delivery.close(0.1)

    assert "a" in {entry.alert.key for entry in Store(tmp_path / FILE).load().waiting}


def _no_room(store: Store, changes: object) -> None:
    raise StoreError("no room")


def test_health_counts(opened: Callable[..., Delivery]) -> None:
    """Sent, suppressed and down can be read by whoever serves metrics."""
    phone = Memo("phone")
    delivery = opened([phone])
    delivery.post(alert("a"))
    delivery.post(alert("a"))
    await_true(lambda: delivery.health().suppressed == 1 and delivery.health().sinks["phone"].sent == 1)
    phone.answer = Outcome(Verdict.REFUSED, "it refuses the token or password (401)")
    delivery.post(alert("b"))
    await_true(lambda: delivery.health().sinks["phone"].down)
    sink = delivery.health().sinks["phone"]

    assert (sink.sent, sink.reason) == (1, "it refuses the token or password (401)")
    assert sink.queued >= 1


# --------------------------------------------------------------------------------- over real sockets
def config(first: Receiver, second: Receiver | None = None, more: str = "") -> str:
    """A config whose sinks are receivers."""
    stand_in = "" if second is None else f'\n    mail: {{url: "{second.url}", standby_for: phone}}'
    return f'{RIGHT}alerts:\n  sinks:\n    phone: {{url: "{first.url}"{more}}}{stand_in}\n'


def ready(text: str, state_dir: Path) -> Delivery:
    """An open delivery by apprise."""
    delivery = prepare(loaded(text), state_dir, Redactor(), {})
    delivery.open()
    return delivery


@pytest.mark.parametrize("mood", [Mood(down=True), Mood(status=500), Mood(status=429, headers={"Retry-After": "60"})])
def test_a_real_second_sink_takes_over(tmp_path: Path, mood: Mood) -> None:
    """Cut connections, errors and 429: the stand-in has every alert, once."""
    with Receiver() as phone, Receiver() as mail:
        phone.mood = mood
        delivery = ready(config(phone, mail), tmp_path)
        for n in range(3):
            delivery.post(alert(f"a{n}"))
        titles = mail.await_titles(4)
        delivery.close(0.1)

    assert {"a0 [main, live]", "a1 [main, live]", "a2 [main, live]"} <= set(titles)
    assert len(titles) == 4
    assert phone.titles() == []


def test_a_flood_becomes_a_digest(tmp_path: Path) -> None:
    """A thousand events at once are a few messages, the critical one alone."""
    with Receiver() as phone:
        delivery = ready(config(phone, more=", per_minute: 12"), tmp_path)
        for n in range(999):
            delivery.post(alert(f"e{n}"))
        delivery.post(critical("x"))
        await_true(lambda: sum(map(_alerts_in, phone.titles())) == 1_000, lambda: f"only {phone.titles()}")
        delivery.close(0.1)

    assert len(phone.titles()) <= 12
    assert "CRITICAL: x [main, live]" in phone.titles()


def _alerts_in(title: str) -> int:
    found = re.fullmatch(r"(?:\w+: )?(\d+) alerts \[main, live\]", title)
    return int(found.group(1)) if found else 1


async def test_a_slow_sink_does_not_delay_the_loop(tmp_path: Path) -> None:
    """While a sink takes two seconds for each message, the loop that posts turns as if there were none."""
    with Receiver() as phone:
        phone.mood = Mood(delay_s=2.0)
        delivery = ready(config(phone), tmp_path)
        # A loaded machine delays any loop now and then: the median of some windows, and another chance, tell the two
        # apart. A loop that waited for the sink would be two seconds late in every window.
        lag, windows = 0.0, list[float]()
        for chance in range(3):
            windows = [await _lag_p99(delivery, f"{chance}-{n}") for n in range(5)]
            if (lag := statistics.median(windows)) < LAG_SECONDS_MAX:
                break
        await asyncio.to_thread(delivery.close, 0.1)

    assert lag < LAG_SECONDS_MAX, windows


async def _lag_p99(delivery: Delivery, window: str) -> float:
    lags: list[float] = []
    for n in range(100):
        before = time.perf_counter()
        delivery.post(alert(f"{window}-{n}", Severity.CRITICAL))
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - before - 0.005)
    return statistics.quantiles(lags, n=100)[-1]


CHILD = """
import sys, time
from pathlib import Path
from bot.ops.alerts.delivery import prepare
from bot.runtime.redact import Redactor
from bot.runtime.settings_load import load_text
from tests.ops.alerts.delivering import alert
from tests.ops.alerts.receiver import await_true
delivery = prepare(load_text(sys.argv[1], "c.yaml", {}), Path(sys.argv[2]), Redactor(), {})
delivery.open()
phone = lambda: delivery.health().sinks["phone"]
for n in range(3):
    delivery.post(alert(f"done{n}"))
await_true(lambda: phone().sent == 3 and phone().queued == 0)
print("delivered", flush=True)
sys.stdin.readline()
for n in range(20):
    delivery.post(alert(f"open{n}"))
await_true(lambda: phone().queued >= 20 and delivery.health().stored)
print("stored", flush=True)
time.sleep(60)
"""


def test_nothing_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    """After kill -9 what was not delivered is sent, each once, and what was delivered is not."""
    root = str(Path(__file__).resolve().parents[3])
    with Receiver() as phone:
        text = config(phone, more=", per_minute: 600")
        command = [sys.executable, "-c", CHILD, text, str(tmp_path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                assert child.stdout.readline() == "delivered\n"
                phone.mood = Mood(status=500)
                child.stdin.write("go\n")
                child.stdin.flush()
                assert child.stdout.readline() == "stored\n"
            finally:
                child.kill()
        phone.mood = Mood()
        delivery = ready(text, tmp_path)
        titles = phone.await_titles(23)
        delivery.post(alert("done0"))
        delivery.post(alert("last"))
        titles = phone.await_titles(24)
        delivery.close(0.1)

    expected = [f"done{n}" for n in range(3)] + [f"open{n}" for n in range(20)] + ["last"]
    assert [f"{title} [main, live]" for title in expected] == titles
