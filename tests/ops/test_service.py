"""The service around the daemon: what keeps it from starting, what ends it, and a config loaded anew are all told."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.domain.events import RunMode
from bot.journal.store import JournalError
from bot.ops.alerts.store import FILE, Store
from bot.ops.daemon import run_until_stopped
from bot.ops.exits import Exit
from bot.ops.service import TESTED, Routes, opened
from bot.ops.speak import Stop
from bot.runtime import app
from bot.runtime.problems import ConfigError
from bot.runtime.redact import Redactor
from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded, load
from bot.runtime.supervise import BudgetSpent
from tests.ops.alerts.delivering import alert
from tests.ops.alerts.receiver import Mood, Receiver, await_true
from tests.runtime.configs import RIGHT

TOKEN = "tk-9f8e7d6c5b4a39281706-secret"
GONE = Mood(down=True)
WRONG = Mood(status=401)
TEST = "Trimtab alert test [main]"
REFUSED = "CRITICAL: not started [main, {}]"


class Home:
    """A config file with sinks, its state directory, and a portfolio that was confirmed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "c.yaml"
        self.state_dir = folder / "state"

    def write(self, **sinks: str) -> Loaded:
        """Write a config whose sinks have these URLs in files of their own; what it says when it is read."""
        lines = [f"  {name}: {{url_file: {self.secret(name, url)}, per_minute: 600}}" for name, url in sinks.items()]
        alerts = "\n".join(["alerts:", "  sinks:", *(f"  {line}" for line in lines)]) if sinks else ""
        self.path.write_text(f"state_dir: {self.state_dir}\nweb: {{enabled: false}}\n{RIGHT}{alerts}\n")
        return self.read()

    def append(self, text: str) -> Loaded:
        """The same with more of it."""
        self.path.write_text(self.path.read_text() + text)
        return self.read()

    def read(self) -> Loaded:
        """The config as it is now."""
        return load(self.path, {})

    def secret(self, name: str, text: str) -> Path:
        """A file of the owner's with a secret in it."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def ran_before(self, mode: RunMode = RunMode.LIVE) -> None:
        """There is a journal."""
        self.state_dir.mkdir(mode=0o700, exist_ok=True)
        (self.state_dir / f"journal-{mode.value}.sqlite3").touch()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home."""
    monkeypatch.setenv("TRIMTAB_CONFIRM_LIVE", "main")
    return Home(tmp_path)


def daemon(monkeypatch: pytest.MonkeyPatch, *outcomes: BaseException | RunMode | None) -> list[RunMode]:
    """Instead of a daemon: what becomes of each start, one after the other; the modes that were started."""
    left, begun = list(outcomes), list[RunMode]()

    async def run(_: Loaded, mode: RunMode, **__: Any) -> RunMode | None:
        begun.append(mode)
        outcome = left.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(app, "run_daemon", run)
    return begun


def run(home: Home, way: str = "dry-run") -> int:
    """`trimtab run`."""
    return run_until_stopped(home.path, way, None)


def refused(call: Callable[[], object]) -> Stop:
    """The refusal that a start ends with."""
    with pytest.raises(Stop) as caught:
        call()
    return caught.value


def waiting(home: Home) -> list[str]:
    """The titles of the alerts that outlived the process."""
    store = Store(home.state_dir / FILE)
    try:
        return [one.alert.title for one in store.load().waiting]
    finally:
        store.close()


# ------------------------------------------------------------------------------------- addresses that are no good
def test_an_address_that_is_missing_is_named_with_its_line(home: Home) -> None:
    """One line: the file, the line and the key."""
    loaded = home.write(phone="json://127.0.0.1:1/x")
    (home.folder / "phone").unlink()
    with pytest.raises(StartRefused) as caught, opened(loaded, RunMode.DRY_RUN):
        pass

    (line,) = caught.value.lines
    assert line.startswith(f"{home.path}:14: alerts.sinks.phone.url_file")


def test_a_service_that_nobody_knows_is_named_without_its_secret(home: Home) -> None:
    """What it may have meant is told, the token is not: not in the line, nor in what the exception carries."""
    loaded = home.write(phone=f"tgrm://{TOKEN}/12345")
    with pytest.raises(StartRefused) as caught, opened(loaded, RunMode.DRY_RUN):
        pass

    (line,) = caught.value.lines
    assert "no service is called tgrm://" in line
    assert "tgram" in line
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_chat_that_cannot_be_set_up_is_told_by_the_sinks(home: Home) -> None:
    """The token's file is gone: the start is refused in a line, and whoever is far away hears why."""
    with Receiver() as phone:
        home.write(phone=phone.url)
        home.append(f"chat: {{telegram: {{token_file: {home.folder / 'nowhere'}, users: [7]}}}}\n")
        stop = refused(lambda: run(home))

        assert Exit.USAGE is stop.exit
        assert [REFUSED.format("dry-run")] == phone.titles()
        assert "chat.telegram.token_file" in phone.texts()[0]


# ---------------------------------------------------------------------------------------- the first live start
def test_a_wrong_token_refuses_the_first_live_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sink answers: one line at the sink's own place in the config, and no daemon is started."""
    begun = daemon(monkeypatch)
    with Receiver() as phone:
        phone.mood = WRONG
        home.write(phone=f"{phone.url}?token={TOKEN}")
        stop = refused(lambda: run(home, "live"))

    (line,) = stop.details
    assert Exit.REFUSED is stop.exit
    assert str(line).startswith(f"{home.path}:14: alerts.sinks.phone")
    assert "401" in str(line)
    assert TOKEN not in str(line)
    assert [] == begun
    assert ["not started"] == waiting(home)


def test_one_sink_that_answers_is_enough_and_the_other_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It starts; who does not answer is said on the terminal."""
    begun = daemon(monkeypatch, None)
    with Receiver() as phone, Receiver() as mail:
        phone.mood = WRONG
        home.write(phone=phone.url, mail=mail.url)

        assert (0, [RunMode.LIVE]) == (run(home, "live"), begun)
    assert "alerts.sinks.phone" in capsys.readouterr().err


def test_a_restart_is_not_kept_from_running_by_its_sinks(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a book to look after: no test is sent, and a sink that refuses is told of by the others."""
    begun = daemon(monkeypatch, None)
    with Receiver() as phone:
        phone.mood = WRONG
        home.write(phone=phone.url)
        home.ran_before()

        assert (0, [RunMode.LIVE], []) == (run(home, "live"), begun, phone.asked)


def test_a_first_start_that_fails_again_and_again_tests_its_sinks_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue is away, the service manager tries again: one test, one alert; a day later the test is made again."""
    daemon(monkeypatch, *(StartRefused("venue", "the venue is away") for _ in range(4)))
    with Receiver() as phone:
        home.write(phone=phone.url)
        for _ in range(3):
            assert Exit.VENUE is refused(lambda: run(home, "live")).exit
        assert [TEST, REFUSED.format("live")] == phone.titles()

        os.utime(home.state_dir / TESTED, (0, 0))
        refused(lambda: run(home, "live"))
        assert 2 == phone.titles().count(TEST)


def test_a_test_of_other_sinks_does_not_count_for_a_first_live_start(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink that answered was replaced by one that does not: the owner cannot be reached."""
    daemon(monkeypatch, StartRefused("venue", "the venue is away"))
    with Receiver() as phone, Receiver() as other:
        home.write(phone=phone.url)
        assert Exit.VENUE is refused(lambda: run(home, "live")).exit
        other.mood = WRONG
        home.write(phone=other.url)

        assert Exit.REFUSED is refused(lambda: run(home, "live")).exit


# ------------------------------------------------------------------------------------------------ how it ended
def test_what_keeps_it_from_starting_is_told_before_the_process_ends(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line of it, once, though the process ends at once after."""
    daemon(monkeypatch, StartRefused("refused", "keys: may withdraw", "leverage: 50"))
    with Receiver() as phone:
        phone.mood = Mood(delay_s=1.0)
        home.write(phone=phone.url)
        refused(lambda: run(home))

        assert [REFUSED.format("dry-run")] == phone.titles()
        assert "keys: may withdraw\nleverage: 50" in phone.texts()[0]


def test_a_part_that_cannot_be_kept_alive_is_told_as_a_failure(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Critical, with the part's name."""
    daemon(monkeypatch, BudgetSpent("tick failed 6 times in 600 s"))
    with Receiver() as phone:
        home.write(phone=phone.url)
        refused(lambda: run(home))

        assert ["CRITICAL: ended by a failure; hedges stay and nobody watches them [main, dry-run]"] == phone.titles()
        assert "tick failed 6 times" in phone.texts()[0]


def test_a_defect_is_told_by_its_cause_without_the_secret_that_it_quotes(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group's own words say nothing; an error may hold an address."""
    daemon(monkeypatch, ExceptionGroup("tasks", [ValueError(f"https://example.org/?token={TOKEN}")]))
    with Receiver() as phone:
        home.write(phone=f"{phone.url}?token={TOKEN}")
        with pytest.raises(ExceptionGroup):
            run(home)

        assert "ValueError: https:" in phone.texts()[0]
        assert TOKEN not in phone.texts()[0]


def test_what_no_sink_took_is_sent_after_the_next_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ended while everything was down; even the first start of all has its alerts on the disk."""
    daemon(monkeypatch, JournalError("the journal is broken"), None)
    with Receiver() as phone:
        phone.mood = GONE
        home.write(phone=phone.url)
        assert Exit.JOURNAL is refused(lambda: run(home)).exit
        assert ["not started"] == waiting(home)

        phone.mood = Mood()
        assert 0 == run(home)
        assert [REFUSED.format("dry-run")] == phone.titles()


def test_a_crash_leaves_no_core_with_the_keys_in_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """From before the first secret is read."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    daemon(monkeypatch, None)
    home.write()
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        run(home)

        assert 0 == resource.getrlimit(resource.RLIMIT_CORE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


# ------------------------------------------------------------------------------------------- another way to run
def test_a_way_to_run_that_is_refused_is_told_each_time_and_the_former_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two refusals are two alerts; both, and what ends it later, name the mode that really runs."""
    spent = BudgetSpent("tick failed 6 times in 600 s")
    live, dry = RunMode.LIVE, RunMode.DRY_RUN
    no = StartRefused("refused", "keys: may withdraw")
    begun = daemon(monkeypatch, dry, live, no, live, JournalError("broken"), spent)
    home.ran_before()
    with Receiver() as phone:
        home.write(phone=phone.url)
        refused(lambda: run(home, "live"))

        assert [live, dry, live, dry, live, dry] == begun
        assert ["WARNING: live was refused: going on in dry-run [main, dry-run]"] * 2 == phone.titles()[:2]
        assert phone.titles()[2].endswith("nobody watches them [main, dry-run]")


# ------------------------------------------------------------------------------------------------ loaded anew
async def changed(routes: Routes, read: Callable[[], Loaded]) -> None:
    """A config that was read comes into force."""
    routes.change(await asyncio.to_thread(routes.read, read))


async def test_other_sinks_take_over_and_what_waits_is_not_lost(home: Home) -> None:
    """The old sink is down: what it did not take goes to the new one, before what comes after."""
    with Receiver() as old, Receiver() as new:
        old.mood = GONE
        routes = Routes(home.write(phone=old.url), Redactor())
        home.state_dir.mkdir(mode=0o700)
        routes.open()
        for number in range(3):
            routes.post(alert(f"before{number}"))
        await asyncio.to_thread(await_true, lambda: len(old.asked) >= 1)
        home.write(phone=new.url)
        await changed(routes, home.read)
        routes.post(alert("after"))
        titles = await asyncio.to_thread(new.await_titles, 4)
        await asyncio.to_thread(routes.close)

    assert ["before0", "before1", "before2", "after"] == [title.removesuffix(" [main, live]") for title in titles]


async def test_two_reloads_within_a_slow_answer_lose_and_double_nothing(home: Home) -> None:
    """The store has one owner at a time: the third way opens when the second, and before it the first, have closed."""
    with Receiver() as slow, Receiver() as second, Receiver() as third:
        slow.mood = Mood(delay_s=3.0)
        routes = Routes(home.write(phone=slow.url), Redactor())
        home.state_dir.mkdir(mode=0o700)
        routes.open()
        routes.post(alert("a0"))
        await asyncio.to_thread(await_true, lambda: len(slow.asked) == 1)
        for name, receiver in (("a1", second), ("a2", third)):
            home.write(phone=receiver.url)
            await changed(routes, home.read)
            routes.post(alert(name))
        titles = await asyncio.to_thread(third.await_titles, 1)
        await asyncio.to_thread(await_true, lambda: routes._delivery.health().stored)
        await asyncio.to_thread(routes.close)

    told = [title.removesuffix(" [main, live]") for title in (*slow.titles(), *second.titles(), *titles)]
    assert ["a0", "a1", "a2"] == told
    assert [] == waiting(home)


async def test_a_bad_sink_leaves_the_old_ones_in_force(home: Home) -> None:
    """What is wrong is named with its line, and alerts go where they went."""
    with Receiver() as phone:
        routes = Routes(home.write(phone=phone.url), Redactor())
        home.state_dir.mkdir(mode=0o700)
        routes.open()
        home.write(phone=f"tgrm://{TOKEN}/12345")
        with pytest.raises(ConfigError) as caught:
            await changed(routes, home.read)
        routes.post(alert("still here"))
        titles = await asyncio.to_thread(phone.await_titles, 1)
        await asyncio.to_thread(routes.close)

    assert ["still here [main, live]"] == titles
    assert f"{home.path}:14: alerts.sinks.phone.url_file" in str(caught.value.problems[0])
    assert TOKEN not in str(caught.value.problems[0])


def test_sinks_that_hear_of_no_start_are_tested_once_for_each_address(tmp_path: Path) -> None:
    """A stand-in and a sink for other alerts get a test message, the usual one none; a second start sends nothing."""
    home = Home(tmp_path)
    with Receiver() as phone, Receiver() as mail, Receiver() as pager:
        home.write(phone=phone.url, mail=mail.url, pager=pager.url)
        text = home.path.read_text()
        text = text.replace("mail: {", "mail: {standby_for: phone, ").replace(
            "pager: {", "pager: {severity: critical, "
        )
        home.path.write_text(text)
        config = home.read()
        for _ in range(2):
            with opened(config, RunMode.DRY_RUN) as service:
                service.prove_the_silent(config)

        assert ([], [TEST], [TEST]) == tuple(
            [message.title for message in one.received] for one in (phone, mail, pager)
        )


def test_a_stand_in_that_refuses_is_told_by_the_others(tmp_path: Path) -> None:
    """A wrong token of a sink that is silent as a rule is an alert at the start; it is tested again at the next."""
    home = Home(tmp_path)
    with Receiver() as phone, Receiver() as mail:
        mail.mood = WRONG
        home.write(phone=phone.url, mail=mail.url)
        home.path.write_text(home.path.read_text().replace("mail: {", "mail: {standby_for: phone, "))
        config = home.read()
        with opened(config, RunMode.DRY_RUN) as service:
            service.prove_the_silent(config)
            await_true(lambda: len(phone.received) == 1)

            assert frozenset({"mail"}) == service.routes.unproven({})
        assert "alert sink mail failed its test" in phone.received[0].title
        assert "401" in phone.received[0].text
        assert not (home.state_dir / TESTED).exists()
