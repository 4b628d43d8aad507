"""Calendars: the strikes of cron lines, in UTC, before and after a moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.units import DAY_NS, HOUR_NS, SECOND_NS, Nanos
from bot.runtime.calendars import BadCalendar, checked, following, latest, struck
from bot.runtime.plan_values import moment

MIDNIGHT = moment("2024-08-09T00:00:00Z")


@pytest.mark.parametrize(
    ("line", "strike"),
    [
        ("0 0 * * *", "2024-08-10T00:00:00Z"),
        ("30 8 1 */3 *", "2024-10-01T08:30:00Z"),
        ("0 0 L * *", "2024-08-31T00:00:00Z"),
        ("0 16 * * 5L", "2024-08-30T16:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ("*/10 * * * * *", "2024-08-09T00:00:10Z"),
    ],
)
def test_the_next_strike(line: str, strike: str) -> None:
    """Days, quarters, ends of months, last Fridays, leap days and seconds; a strike now is not the next."""
    assert moment(strike) == following(line, MIDNIGHT)


def test_the_latest_strike_may_be_now() -> None:
    """The very moment counts, a nanosecond before it does not."""
    assert MIDNIGHT == latest("0 0 * * *", MIDNIGHT) == latest("0 0 * * *", Nanos(MIDNIGHT + HOUR_NS))
    assert MIDNIGHT - DAY_NS == latest("0 0 * * *", Nanos(MIDNIGHT - 1))


def test_summer_time_is_nobodys_business() -> None:
    """Calendars are in UTC: the nights on which clocks change strike as all others do."""
    march = moment("2024-03-31T00:00:00Z")

    assert march + 90 * 60 * SECOND_NS == following("30 1 * * *", march)


@given(st.integers(0, 4_000_000_000), st.sampled_from(["0 * * * *", "*/7 3 * * 1-5", "0 0 1 1 *", "5 4 L * *"]))
def test_latest_and_next_enclose_every_moment(seconds: int, line: str) -> None:
    """latest <= now < following, and nothing strikes between them."""
    now = Nanos(seconds * SECOND_NS)
    before, after = latest(line, now), following(line, now)

    assert before <= now < after
    assert after == following(line, before)


@pytest.mark.parametrize(
    "line", ["", " ", "x", "* * * *", "61 * * * *", "0 0 31 2 *", "0 0 * * * * *", "0" * 300, "0 0 */29 2 1#5"]
)
def test_what_never_strikes_is_refused(line: str) -> None:
    """A line that is no calendar, or that no year holds a strike of, is told as such."""
    with pytest.raises(BadCalendar):
        checked(line)


def test_the_end_of_time_is_no_strike() -> None:
    """Beyond the years that a date can name nothing strikes, and nothing breaks."""
    with pytest.raises(BadCalendar):
        following("0 0 1 1 *", Nanos(253_402_300_000 * SECOND_NS))


def test_a_line_that_strikes_is_taken_as_it_is() -> None:
    """What is checked is what is kept."""
    assert "0 0 1 */3 *" == checked("0 0 1 */3 *")


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [(0, None, True), (HOUR_NS, None, True), (HOUR_NS, -1, True), (HOUR_NS, 0, False), (2 * HOUR_NS + 1, None, False)],
)
def test_a_strike_is_due_once_and_for_a_while(now: int, last: int | None, due: bool) -> None:
    """It is due until it was acted on, or until it is too old to make up for."""
    ran = None if last is None else Nanos(MIDNIGHT + last)
    found = struck("0 0 9 8 *", ran, Nanos(MIDNIGHT + now), 2 * HOUR_NS)

    assert (MIDNIGHT if due else None) == found
