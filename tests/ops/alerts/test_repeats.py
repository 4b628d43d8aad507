"""The promises of deduplication: each thing once, its last word true, and a loop of crashes no flood."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.lanes import Rule
from bot.ops.alerts.repeats import CHANGES_MAX
from tests.ops.alerts.delivering import MINUTE_NS, Bench, alert, critical

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def test_repeats_are_held_back_and_counted() -> None:
    """A key is told once within the repeat time, and the next one says how many were held back."""
    bench = Bench(Rule(name="phone"))
    bench.accept(*[alert("k")] * 5)
    bench.wait(30 * MINUTE_NS, step_ns=MINUTE_NS)
    bench.accept(alert("k"))

    assert bench.titles("phone") == ["k", "k"]
    assert "Repeats: 4 more like it were held back before this one" in bench.texts("phone")[1]
    assert bench.router.repeats.withheld == 4


def test_what_is_louder_passes() -> None:
    """A condition that got worse is told at once, and again when it is over."""
    bench = Bench(Rule(name="phone"))
    bench.accept(alert("m", WARNING), critical("m"), alert("m", WARNING), alert("m", resolved=True))

    assert bench.titles("phone") == ["WARNING: m", "CRITICAL: m", "RESOLVED: m"]


def test_a_flapping_condition_ends_with_its_true_state() -> None:
    """Who reads the last message of a key knows how things stand, however often they changed."""
    bench = Bench(Rule(name="phone"))
    for _ in range(50):
        bench.accept(alert("s", WARNING), alert("s", resolved=True))
        bench.wait(SECOND_NS)
    bench.accept(alert("s", WARNING))
    early = bench.titles("phone")
    bench.wait(31 * MINUTE_NS, step_ns=10 * SECOND_NS)

    assert early == ["WARNING: s", "RESOLVED: s"] * 2 + ["WARNING: s"]
    assert bench.titles("phone") == early, "what was told last is still so"
    bench.accept(alert("s", resolved=True))
    assert bench.titles("phone")[-1] == "RESOLVED: s"


def test_a_last_word_that_was_held_back_is_told_when_the_time_is_up() -> None:
    """A condition that ended while it flapped is not left standing as if it went on."""
    bench = Bench(Rule(name="phone"))
    for _ in range(20):
        bench.accept(alert("s", WARNING), alert("s", resolved=True))
    early = bench.titles("phone")
    bench.wait(31 * MINUTE_NS, step_ns=10 * SECOND_NS)

    assert early[-1] == "WARNING: s"
    assert bench.titles("phone") == [*early, "RESOLVED: s"]


def started() -> Alert:
    """A process begins."""
    return alert("life", kind=Kind.START, title="started")


def ended(kind: Kind = Kind.FAILED) -> Alert:
    """A process ends otherwise than it was asked to, or (STOP) as it was."""
    return alert("life", INFO if kind is Kind.STOP else CRITICAL, kind=kind, title=kind.value)


def test_a_crash_loop_is_told_a_few_times_and_then_once_each_repeat_time() -> None:
    """A hundred kills and starts in an hour are a handful of messages; the memory outlives each process."""
    bench = Bench(Rule(name="phone"))
    for _ in range(100):
        bench.accept(started())
        bench.crash()
        bench.now_ns += 36 * SECOND_NS

    assert 2 * (CHANGES_MAX + 1) == len(bench.titles("phone"))


@pytest.mark.parametrize("crashes", range(1, 12))
def test_the_last_message_of_a_crash_loop_is_that_it_failed(crashes: int) -> None:
    """However often it came and went before: one that failed and is not started again is told to have failed."""
    bench = Bench(Rule(name="phone"))
    for _ in range(crashes):
        bench.accept(started())
        bench.crash()
        bench.wait(5 * SECOND_NS)
        bench.accept(ended())
        bench.crash()

    assert "CRITICAL: failed" == bench.titles("phone")[-1]
    assert len(bench.titles("phone")) <= CHANGES_MAX + 2


def test_a_start_that_lasts_after_a_crash_loop_is_told_in_the_end() -> None:
    """It was held back while it might have been one more of many: it is said once the time is up."""
    bench = Bench(Rule(name="phone"))
    for _ in range(10):
        bench.accept(started(), ended())
        bench.crash()
    bench.accept(started())
    early = bench.titles("phone")
    bench.wait(31 * MINUTE_NS, step_ns=10 * SECOND_NS)

    assert "CRITICAL: failed" == early[-1]
    assert [*early, "started"] == bench.titles("phone")


def test_starts_and_stops_that_were_asked_for_are_always_told() -> None:
    """Somebody who restarts it twenty times hears of it twenty times: each start proves the sink."""
    bench = Bench(Rule(name="phone"))
    for _ in range(20):
        bench.accept(started(), ended(Kind.STOP))
        bench.wait(MINUTE_NS)

    assert Counter({"started": 20, "stop": 20}) == Counter(bench.titles("phone"))


def test_a_start_that_is_refused_again_and_again_is_told_once() -> None:
    """A venue that is away for an hour is no alert every twenty seconds."""
    bench = Bench(Rule(name="phone"))
    for _ in range(80):
        bench.accept(ended(Kind.START_REFUSED))
        bench.crash()
        bench.wait(20 * SECOND_NS)

    assert ["CRITICAL: start_refused"] == bench.titles("phone")


def test_who_hears_only_what_is_critical_hears_of_the_start_after_a_failure() -> None:
    """And of no other start."""
    bench = Bench(Rule(name="loud", severity=CRITICAL))
    bench.accept(started(), ended(Kind.STOP), started(), ended())
    bench.accept(started())

    assert ["CRITICAL: failed", "started"] == bench.titles("loud")


def test_bad_news_after_good_is_never_held_back() -> None:
    """A condition that was told to be over, late, and came back is told to be back, however often it flapped."""
    bench = Bench(Rule(name="phone"))
    for _ in range(20):
        bench.accept(alert("s", WARNING), alert("s", resolved=True))
    bench.wait(31 * MINUTE_NS, step_ns=10 * SECOND_NS)
    for _ in range(20):
        bench.accept(alert("s", WARNING), alert("s", resolved=True))
    bench.accept(alert("s", WARNING))

    assert "WARNING: s" == bench.titles("phone")[-1]


def test_nothing_is_a_repeat_where_the_time_is_zero() -> None:
    """alerts.repeat: 0 s turns deduplication off."""
    bench = Bench(Rule(name="phone"), repeat_ns=0)
    bench.accept(alert("k"), alert("k"))

    assert bench.titles("phone") == ["k", "k"]
