"""The promises of routing: who gets what, when, in how many messages."""

from __future__ import annotations

from datetime import UTC, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.kinds import Kind
from bot.ops.alerts.lanes import Outcome, Rule, Verdict
from bot.ops.alerts.quiet import Quiet
from bot.ops.alerts.routing import QUEUED_MAX
from tests.ops.alerts.delivering import (
    MINUTE_NS,
    REFUSED,
    SENT,
    START_NS,
    UNREACHABLE,
    Bench,
    alert,
    critical,
    until,
)

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
DOWN = "WARNING: the alert sink 'phone' is down"
BACK = "RESOLVED: the alert sink 'phone' is back"
NOTE = "RESOLVED: alerts reach this sink again"
PAIR = (Rule(name="phone"), Rule(name="mail", standby_for="phone"))
BERLIN = Quiet(time(22, 30), time(7), ZoneInfo("Europe/Berlin"))


# ------------------------------------------------------------------------------------------------- filters
def test_severity_and_kinds_say_who_gets_an_alert() -> None:
    """A sink gets what is loud enough for it and of a kind that it names, or of any kind where it names none."""
    bench = Bench(
        Rule(name="all"), Rule(name="loud", severity=WARNING), Rule(name="margin", kinds=frozenset({Kind.MARGIN}))
    )
    bench.accept(alert("a"), alert("b", WARNING, kind=Kind.STALE), alert("c", CRITICAL, kind=Kind.MARGIN))

    assert bench.titles("all") == ["a", "WARNING: b", "CRITICAL: c"]
    assert bench.titles("loud") == ["WARNING: b", "CRITICAL: c"]
    assert bench.titles("margin") == ["CRITICAL: c"]


def test_what_is_over_is_told_to_everybody_who_was_told() -> None:
    """The end of a critical condition reaches a sink that only takes what is critical."""
    bench = Bench(Rule(name="loud", severity=CRITICAL))
    bench.accept(critical("m"), alert("m", resolved=True))

    assert bench.titles("loud") == ["CRITICAL: m", "RESOLVED: m"]


# ------------------------------------------------------------------------------------------------ stand-ins
def test_a_stand_in_is_silent_while_its_primary_is_well() -> None:
    """No alert reaches both."""
    bench = Bench(*PAIR)
    bench.accept(alert("a"), critical("b"))

    assert bench.titles("mail") == []


def test_a_stand_in_takes_over_and_hands_back() -> None:
    """While the primary is down its stand-in gets everything once, with word of it; afterwards the primary does."""
    bench = Bench(*PAIR)
    bench.answers["phone"] = REFUSED
    bench.accept(alert("a"))
    bench.accept(alert("b"))
    assert bench.titles("mail") == ["a", DOWN, "b"]
    bench.answers["phone"] = SENT
    until(lambda: bool(bench.titles("phone")), bench)
    bench.accept(alert("c"))

    assert bench.titles("phone") == [NOTE, "c"]
    assert "Its stand-in took 2 alerts meanwhile" in bench.texts("phone")[0]
    assert bench.titles("mail") == ["a", DOWN, "b", BACK]


def test_a_few_failures_do_not_bring_the_stand_in_up() -> None:
    """An alert that a second try delivers is the primary's own."""
    bench = Bench(*PAIR)
    bench.answers["phone"] = UNREACHABLE
    bench.accept(alert("a"))
    bench.answers["phone"] = SENT
    bench.wait(5 * SECOND_NS)

    assert bench.titles("phone") == ["a"]
    assert bench.titles("mail") == []


@pytest.mark.parametrize("trouble", [UNREACHABLE, Outcome(Verdict.RATE_LIMITED, "429"), Outcome(Verdict.FAILED, "500")])
def test_lasting_trouble_of_any_sort_brings_the_stand_in_up(trouble: Outcome) -> None:
    """Unreachable, rate-limited or broken: the third failure in a row means down, within seconds."""
    bench = Bench(*PAIR)
    bench.answers["phone"] = trouble
    bench.accept(alert("a"))
    bench.wait(10 * SECOND_NS)

    assert bench.titles("mail") == ["a", DOWN]


def test_a_stand_in_gets_only_what_it_wants_and_word_of_its_primary() -> None:
    """What a stand-in filters out waits for the primary; that the primary is down passes every filter."""
    bench = Bench(Rule(name="phone"), Rule(name="mail", standby_for="phone", severity=CRITICAL))
    bench.answers["phone"] = REFUSED
    bench.accept(alert("a"), critical("b"))
    assert bench.titles("mail") == ["CRITICAL: b", DOWN]
    bench.answers["phone"] = SENT
    until(lambda: len(bench.titles("phone")) >= 2, bench)

    assert bench.titles("phone") == ["a", NOTE]


def test_stand_ins_of_stand_ins_take_over_in_turn() -> None:
    """With the first two down the third serves; a sink that is nobody's stand-in hears of both."""
    bench = Bench(*PAIR, Rule(name="pager", standby_for="mail"), Rule(name="log", kinds=frozenset({Kind.SINK_DOWN})))
    bench.answers = {"phone": REFUSED, "mail": REFUSED}
    bench.accept(critical("a"))

    assert "CRITICAL: a" in bench.titles("pager")
    assert bench.titles("log") == [DOWN, "WARNING: the alert sink 'mail' is down"]


def test_an_overdue_answer_brings_the_stand_in_up() -> None:
    """A sink that swallows a message and says nothing is down; its late answer is not counted twice."""
    bench = Bench(*PAIR)
    bench.router.accept(alert("a"), bench.now_ns)
    (hung,) = bench.router.due(bench.now_ns)
    bench.wait(31 * SECOND_NS)
    assert bench.titles("mail") == ["a", DOWN]
    bench.settle(hung)
    bench.turn()

    assert bench.titles("mail") == ["a", DOWN, BACK]
    assert sum(bench.router.queued().values()) == 0


def test_a_sink_that_hangs_holds_nobody_up() -> None:
    """An alert that is on its way to one sink is sent to another of its own, without waiting."""
    bench = Bench(Rule(name="phone"), Rule(name="log"))
    bench.router.accept(alert("a"), bench.now_ns)
    bench.save()
    hung, log = bench.router.due(bench.now_ns)
    bench.settle(log)
    bench.accept(alert("b"))

    assert (hung.sink, bench.titles("log"), bench.titles("phone")) == ("phone", ["a", "b"], [])


def test_with_everything_down_alerts_wait_and_come_in_the_end() -> None:
    """A sink without a stand-in is tried again at growing distances, and gets all that waited, in order."""
    bench = Bench(Rule(name="phone"))
    bench.answers["phone"] = UNREACHABLE
    bench.accept(alert("a"), alert("b"))
    bench.wait(60 * MINUTE_NS)
    gaps = [(b - a) // SECOND_NS for (a, _), (b, _) in pairwise(bench.tried)]
    bench.answers["phone"] = SENT
    bench.wait(5 * MINUTE_NS)

    assert gaps[:4] == [1, 2, 3, 6], "exponential, spread by the jitter of one half"
    assert 150 <= max(gaps) <= 300, "bounded by five minutes"
    assert bench.titles("phone") == ["a", "b"]


def test_a_pause_that_a_service_asks_for_is_kept() -> None:
    """Nothing is sent before Retry-After is over."""
    bench = Bench(Rule(name="phone"))
    bench.answers["phone"] = Outcome(Verdict.RATE_LIMITED, "429", 20 * SECOND_NS)
    bench.accept(alert("a"))
    bench.answers["phone"] = SENT
    bench.wait(60 * SECOND_NS)

    assert [at - START_NS for at, _ in bench.tried] == [0, 20 * SECOND_NS]


# --------------------------------------------------------------------------------------- rates and digests
def test_a_thousand_events_become_a_digest() -> None:
    """Critical ones first and one by one, the rest in one message that counts them."""
    bench = Bench(Rule(name="phone"))
    flood = [alert(f"e{n}", kind=Kind.STALE if n % 2 else Kind.HEDGE) for n in range(997)]
    bench.accept(*flood, critical("x"), critical("y"), critical("z"))
    bench.wait(3 * SECOND_NS)

    assert bench.titles("phone") == ["CRITICAL: x", "CRITICAL: y", "CRITICAL: z", "997 alerts"]
    assert "499 x hedge (info)" in bench.texts("phone")[-1]
    assert "498 x stale (info)" in bench.texts("phone")[-1]
    assert len(bench.texts("phone")[-1]) <= 3_500


def test_a_flood_in_drips_is_gathered_too() -> None:
    """However slowly a thousand events arrive within a minute, the rate holds and little is sent."""
    bench = Bench(Rule(name="phone", per_minute=12))
    for batch in range(100):
        bench.accept(*(alert(f"{batch}-{n}") for n in range(10)))
        bench.now_ns += SECOND_NS // 2
    bench.wait(2 * MINUTE_NS)

    assert len(bench.sent) <= 24
    assert sum(send.alerts for _, send in bench.sent) == 1_000


def test_critical_alerts_find_room_in_a_flood() -> None:
    """A quarter of the rate is kept for what is critical."""
    bench = Bench(Rule(name="phone", per_minute=12))
    for n in range(40):
        bench.accept(alert(f"e{n}"))
        bench.wait(SECOND_NS)
    bench.accept(critical("x"), critical("y"), critical("z"))

    assert bench.titles("phone")[-3:] == ["CRITICAL: x", "CRITICAL: y", "CRITICAL: z"]


def test_digests_are_gathered_and_not_sent_in_a_row() -> None:
    """A flood that goes on is one digest in fifteen seconds, and the first waits until it has arrived."""
    bench = Bench(Rule(name="phone", per_minute=60))
    for second in range(60):
        bench.accept(*(alert(f"{second}-{n}") for n in range(100)))
        bench.wait(SECOND_NS)
    digests = [at_ns for (at_ns, _), (_, send) in zip(bench.tried, bench.sent, strict=True) if send.alerts > 1]

    assert digests[0] - START_NS >= 2 * SECOND_NS
    assert min(after - before for before, after in pairwise(digests)) >= 15 * SECOND_NS


def test_the_last_message_of_a_minute_is_a_digest() -> None:
    """When the rate is nearly used up what follows is gathered for a while."""
    bench = Bench(Rule(name="phone", per_minute=4))
    for n in range(30):
        bench.accept(alert(f"e{n}"))
        bench.wait(SECOND_NS)

    assert bench.titles("phone") == ["e0", "e1", "14 alerts"]
    assert bench.tried[2][0] - bench.tried[1][0] == 15 * SECOND_NS


def test_what_fits_comes_in_order_and_one_by_one() -> None:
    """No digest without need, and no overtaking."""
    bench = Bench(Rule(name="phone"))
    bench.accept(alert("a"), critical("b"), alert("c", WARNING))

    assert bench.titles("phone") == ["a", "CRITICAL: b", "WARNING: c"]


# -------------------------------------------------------------------------------------------------- quiet
def at(text: str, zone: str = "Europe/Berlin") -> int:
    """A local time as Unix nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()) * SECOND_NS


def test_in_quiet_hours_only_what_is_critical_comes() -> None:
    """The rest comes as one digest when they end."""
    bench = Bench(Rule(name="phone", quiet=BERLIN))
    bench.now_ns = at("2026-05-04T23:00")
    bench.accept(alert("a"), alert("b", WARNING), critical("c"))
    bench.wait(3 * MINUTE_NS)
    assert bench.titles("phone") == ["CRITICAL: c"]
    bench.now_ns = at("2026-05-05T06:59:59")
    bench.turn()
    assert len(bench.sent) == 1
    bench.wait(SECOND_NS)

    assert bench.titles("phone") == ["CRITICAL: c", "WARNING: 2 alerts"]


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2026-03-28T22:29:59", False),
        ("2026-03-28T22:30", True),
        ("2026-03-29T01:59", True),
        ("2026-03-29T03:00", True),  # an hour was skipped
        ("2026-03-29T06:59", True),
        ("2026-03-29T07:00", False),
        ("2026-10-25T06:59", True),  # an hour came twice
        ("2026-10-25T07:00", False),
    ],
)
def test_quiet_hours_follow_the_clock_on_the_wall(moment: str, *, quiet: bool) -> None:
    """Nights with 23 and 25 hours begin and end at the written times."""
    assert BERLIN.covers(at(moment)) == quiet


def test_quiet_hours_within_a_day() -> None:
    """A start before the end is the same day."""
    noon = Quiet(time(12), time(14), ZoneInfo("UTC"))
    assert [noon.covers(at(f"2026-05-04T{hour}:00", "UTC")) for hour in (11, 12, 13, 14)] == [False, True, True, False]


# ---------------------------------------------------------------------------------------------- the bounds
def test_what_is_too_old_is_given_up_and_told() -> None:
    """An alert that could not be delivered within alerts.keep is counted, and the next message says so."""
    bench = Bench(Rule(name="phone"), keep_ns=60 * MINUTE_NS)
    bench.answers["phone"] = UNREACHABLE
    bench.accept(alert("a"), critical("b"))
    bench.wait(61 * MINUTE_NS)
    bench.answers["phone"] = SENT
    bench.wait(10 * MINUTE_NS)

    assert bench.titles("phone") == ["WARNING: not delivered: 2 alerts"]
    assert "hedge (critical), given up" in bench.texts("phone")[0]
    assert bench.router.lanes["phone"].counts.given_up == 2
    assert not bench.shelf.stored


def test_the_queue_is_bounded_and_keeps_what_is_critical() -> None:
    """Beyond its bound the oldest alert that is not critical makes room, and that is told."""
    bench = Bench(Rule(name="phone"))
    bench.answers["phone"] = REFUSED
    bench.router.accept(critical("first"), bench.now_ns)
    for n in range(QUEUED_MAX + 5):
        bench.router.accept(alert(f"e{n}"), bench.now_ns)
    bench.save()

    assert len(bench.shelf.stored) == QUEUED_MAX
    assert any(stored.alert.key == "first" for stored in bench.shelf.stored.values())
    assert bench.router.lanes["phone"].counts.given_up == 6


def test_a_sink_that_left_the_config_holds_nothing_back() -> None:
    """What only it was owed is counted and told to the others after a restart."""
    bench = Bench(Rule(name="old"))
    bench.answers["old"] = UNREACHABLE
    bench.accept(alert("a"))
    bench.rules = (Rule(name="new"),)
    bench.crash()
    bench.turn()

    assert bench.titles("new") == ["WARNING: not delivered: 1 alert"]
    assert not bench.shelf.stored


def test_a_sink_that_stands_in_by_now_leaves_what_it_is_owed_to_its_primary() -> None:
    """The config was turned round while an alert waited: it is delivered, not counted as lost, and outlives a crash."""
    bench = Bench(Rule(name="mail"))
    bench.answers["mail"] = UNREACHABLE
    bench.accept(alert("a"))
    bench.rules = (Rule(name="phone"), Rule(name="mail", standby_for="phone"))
    bench.crash()
    bench.save()
    bench.crash()
    bench.turn()

    assert (["a"], []) == (bench.titles("phone"), bench.titles("mail"))
    assert not bench.shelf.stored


# ---------------------------------------------------------------------------------------------- properties
OUTCOMES = st.sampled_from([SENT, SENT, UNREACHABLE, REFUSED, Outcome(Verdict.RATE_LIMITED, "429", 5 * SECOND_NS)])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("alert"), st.sampled_from(list(Severity)), st.integers(1, 8)),
        st.tuples(st.just("answer"), st.sampled_from(["phone", "mail", "log"]), OUTCOMES),
        st.tuples(st.just("wait"), st.integers(1, 200), st.none()),
        st.tuples(st.just("crash"), st.none(), st.none()),
    ),
    max_size=40,
)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[str, object, object]]) -> None:
    """Under any failures, and crashes between turns, each chain has each alert once, and no rate is exceeded."""
    bench = Bench(Rule(name="phone", per_minute=6), Rule(name="mail", standby_for="phone"), Rule(name="log"))
    accepted = _play(bench, steps)
    bench.answers.clear()
    bench.wait(40 * MINUTE_NS, step_ns=5 * SECOND_NS)

    assert {(root, key): 1 for root in ("phone", "log") for key in accepted} == {
        duty: times for duty, times in bench.delivered.items() if duty[1] in accepted
    }
    assert not bench.shelf.stored
    _assert_rate(bench, "phone", 6)


def _play(bench: Bench, steps: list[tuple[str, object, object]]) -> set[str]:
    accepted: set[str] = set()
    for action, first, second in steps:
        match action, first, second:
            case "alert", Severity(), int():
                fresh = [f"key{len(accepted) + n}" for n in range(second)]
                accepted.update(fresh)
                bench.accept(*(alert(key, first, at_ns=bench.now_ns) for key in fresh))
            case "answer", str(), Outcome():
                bench.answers[first] = second
            case "wait", int(), _:
                bench.wait(first * SECOND_NS, step_ns=SECOND_NS)
            case _:
                bench.crash()
                bench.tried.clear()  # the rate is not remembered across a restart
    return accepted


def _assert_rate(bench: Bench, sink: str, per_minute: int) -> None:
    starts = [at_ns for at_ns, name in bench.tried if name == sink]
    for first, last in zip(starts, starts[per_minute:], strict=False):
        assert last - first >= MINUTE_NS, f"{per_minute + 1} messages within a minute"
