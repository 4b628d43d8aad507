"""A condition is told once when it lasts, once as it gets worse and once when it is over, however much it flaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.conditions import CONDITIONS_MAX, LEVEL_MAX, Change, Conditions, Course, Reading, Step, Turn
from bot.ops.alerts.kinds import Kind

AFTER_S, CLEAR_S = 60, 10
STEPS = (Step(1, AFTER_S * SECOND_NS, 1), Step(1, 5 * AFTER_S * SECOND_NS, 2), Step(2, AFTER_S * SECOND_NS, 2))
COURSE = Course(
    kind=Kind.UNHEDGED, steps=STEPS, clear_ns=CLEAR_S * SECOND_NS, severities=(Severity.WARNING, Severity.CRITICAL)
)
AT_ONCE = Course(
    kind=Kind.MARGIN,
    steps=(Step(1, 0, 1), Step(2, 0, 2), Step(3, 0, 3)),
    clear_ns=CLEAR_S * SECOND_NS,
    severities=(Severity.WARNING, Severity.WARNING, Severity.CRITICAL),
)


def reading(level: int, easing: int = 0, course: Course = COURSE, key: str = "it") -> Reading:
    """A look at a condition."""
    return Reading(
        key=key, course=course, subject=key, level=level, easing=max(easing, level), title="bad", over="well"
    )


def unknown(course: Course = COURSE) -> Reading:
    """A look that showed nothing."""
    return reading(0, LEVEL_MAX, course)


def run(looks: list[Reading], conditions: Conditions | None = None, start_s: int = 0) -> list[tuple[int, Change]]:
    """One look a second: the changes with their seconds."""
    machine = conditions or Conditions()
    return [
        (start_s + second, change)
        for second, look in enumerate(looks)
        for change in machine.look((start_s + second) * SECOND_NS, [look])
    ]


def turns(looks: list[Reading]) -> list[tuple[int, Turn]]:
    """The changes by second and turn alone."""
    return [(second, change.turn) for second, change in run(looks)]


def test_it_is_told_once_it_lasted() -> None:
    """Nothing is said before its time, then once, and not again while it goes on."""
    assert turns([reading(1)] * 200) == [(AFTER_S, Turn.RAISED)]


def test_it_escalates_as_it_lasts() -> None:
    """What goes on five times as long becomes critical, once."""
    found = run([reading(1)] * 400)

    assert [(s, c.turn, c.severity) for s, c in found] == [
        (AFTER_S, Turn.RAISED, Severity.WARNING),
        (5 * AFTER_S, Turn.ESCALATED, Severity.CRITICAL),
    ]


def test_what_is_far_worse_is_critical_at_once() -> None:
    """A higher level that lasts needs no escalation: it is raised as what it is."""
    found = run([reading(2)] * 100)

    assert [(c.turn, c.stage) for _, c in found] == [(Turn.RAISED, 2)]


def test_it_is_over_once_it_was_well_for_long_enough() -> None:
    """It is resolved once, with how long it lasted: until it was well, not until that was believed."""
    ((_, raised), (second, resolved)) = run([reading(1)] * 100 + [reading(0)] * 50)

    assert (raised.turn, resolved.turn) == (Turn.RAISED, Turn.RESOLVED)
    assert second == 100 + CLEAR_S
    assert resolved.lasted_ns == 100 * SECOND_NS
    assert resolved.severity is Severity.WARNING


def test_what_comes_and_goes_with_every_look_is_one_alert() -> None:
    """A condition that flaps a thousand times is told once, and is over once."""
    flapping = [reading(second % 2) for second in range(1_000)]

    assert [turn for _, turn in turns([*flapping, *[reading(0)] * 20])][:1] == [Turn.RAISED]
    assert turns([*flapping, *[reading(0)] * 20])[-1][1] is Turn.RESOLVED
    assert len([turn for _, turn in turns(flapping) if turn is not Turn.ESCALATED]) == 1


def test_short_troubles_far_apart_are_not_told() -> None:
    """A breach of a second every ten seconds, each put right, never adds up to one that lasts."""
    assert turns(([reading(1)] + [reading(0)] * 9) * 100) == []


def test_what_is_not_known_neither_raises_nor_resolves() -> None:
    """While nothing can be seen a condition stays as it was told."""
    assert turns([unknown()] * 300) == []
    assert turns([reading(1)] * 61 + [unknown()] * 300) == [(AFTER_S, Turn.RAISED)]


def test_hysteresis_keeps_a_stage_that_is_only_a_little_better() -> None:
    """Between level and easing nothing changes; below the easing it is over."""
    found = turns([reading(1, 1, AT_ONCE)] + [reading(0, 1, AT_ONCE)] * 100 + [reading(0, 0, AT_ONCE)] * 20)

    assert found == [(0, Turn.RAISED), (101 + CLEAR_S, Turn.RESOLVED)]


def test_stages_are_told_in_order_and_once_each() -> None:
    """A ramp through every stage is told at each; the way down is told at its end."""
    up = [reading(level, course=AT_ONCE) for level in (1, 1, 2, 2, 3, 3)]
    down = [reading(level, course=AT_ONCE) for level in (2, 1, 0) for _ in range(15)]
    found = [(c.turn, c.stage) for _, c in run(up + down)]

    assert found == [(Turn.RAISED, 1), (Turn.ESCALATED, 2), (Turn.ESCALATED, 3), (Turn.RESOLVED, 0)]


def test_what_eased_and_gets_worse_again_is_told_again() -> None:
    """After a lasting relief the same danger is news once more."""
    looks = [reading(level, course=AT_ONCE) for level in (3, 1, 3) for _ in range(20)]

    assert [(c.turn, c.stage) for _, c in run(looks)] == [(Turn.RAISED, 3), (Turn.ESCALATED, 3)]


def test_what_is_no_longer_looked_at_is_over() -> None:
    """A stream that the config no longer has does not stay down for ever."""
    machine = Conditions()
    machine.look(0, [reading(1, course=AT_ONCE)])
    machine.look(SECOND_NS, [])
    (change,) = machine.look((1 + CLEAR_S) * SECOND_NS, [])

    assert change.turn is Turn.RESOLVED
    assert change.reading.over == "well"
    assert machine.raised == ()


def test_conditions_do_not_know_of_each_other() -> None:
    """Each key has its own times."""
    machine = Conditions()
    for second in range(100):
        looks = [reading(1, key="early"), reading(1 if second >= 30 else 0, key="late")]
        machine.look(second * SECOND_NS, looks)
        if second == 70:
            assert machine.raised == ("early",)

    assert machine.raised == ("early", "late")


def test_the_number_of_conditions_is_bounded() -> None:
    """A flood of new keys is not taken in without end."""
    machine = Conditions()
    machine.look(0, [reading(1, course=AT_ONCE, key=str(n)) for n in range(CONDITIONS_MAX + 50)])

    assert len(machine.raised) == CONDITIONS_MAX


LOOKS = st.lists(
    st.tuples(st.sampled_from([(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (3, 3), (0, LEVEL_MAX)]), st.integers(1, 40)),
    max_size=60,
)


@given(LOOKS, st.sampled_from([COURSE, AT_ONCE]))
def test_raised_and_resolved_take_turns(spans: list[tuple[tuple[int, int], int]], course: Course) -> None:
    """Whatever is seen: no raise without a resolve before it, escalations only in between and only upwards."""
    looks = [reading(level, easing, course) for (level, easing), seconds in spans for _ in range(seconds)]
    stage = 0
    for _, change in run(looks):
        if change.turn is Turn.RAISED:
            assert change.before == stage == 0
            assert change.stage > 0
        elif change.turn is Turn.ESCALATED:
            assert 0 < change.before < change.stage
        else:
            assert stage > 0
            assert change.stage == 0
        assert change.lasted_ns >= 0
        stage = change.stage


@given(LOOKS, st.sampled_from([COURSE, AT_ONCE]))
def test_there_are_no_more_alerts_than_changes_seen(spans: list[tuple[tuple[int, int], int]], course: Course) -> None:
    """Alerts are bounded by how often what is seen changes, and by the time between two changes of mind."""
    looks = [reading(level, easing, course) for (level, easing), seconds in spans for _ in range(seconds)]
    found = run(looks)
    rises = [change for _, change in found if change.turn is Turn.RAISED]
    seen = sum(1 for before, after in zip([reading(0), *looks], looks, strict=False) if before.level != after.level)

    assert len(found) <= seen * len(course.steps) + len(course.steps)
    assert len(rises) <= 1 + len(looks) // CLEAR_S


@given(LOOKS)
def test_what_is_told_is_what_lasts(spans: list[tuple[tuple[int, int], int]]) -> None:
    """After it was well for long enough nothing is on, and after it was bad for long enough something is."""
    machine = Conditions()
    looks = [reading(level, easing) for (level, easing), seconds in spans for _ in range(seconds)]
    run(looks, machine)
    run([reading(1)] * (AFTER_S + 1), machine, len(looks))
    assert ["it"] == [*machine.raised]

    run([reading(0)] * (CLEAR_S + 1), machine, len(looks) + AFTER_S + 1)
    assert [] == [*machine.raised]
