"""Calendars strike once, in UTC; what was missed lately is made up for, and a new target waits for its first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bot.domain.events import CalendarStruck, Event
from bot.domain.triggers import CALENDAR_MISSED_NS_MAX, When
from bot.domain.units import DAY_NS, HOUR_NS, SECOND_NS, Nanos
from bot.runtime.clock import ManualClock
from bot.runtime.striking import Striker
from tests.kit import neutral

MIDNIGHT_NS = Nanos(20_000 * DAY_NS)
DAILY = "0 0 * * *"


class Desk:
    """A striker over rules that a test may change, its clock cranked by hand."""

    def __init__(self, *, at: int, line: str = DAILY, last_run: int | None = None) -> None:
        self.clock = ManualClock(at)
        self.events: list[Event] = []
        run = {} if last_run is None else {"neutral": Nanos(last_run)}
        self.state: Any = SimpleNamespace(
            layout=SimpleNamespace(rules=SimpleNamespace(targets=())),
            triggers=SimpleNamespace(last_run=run),
        )
        self.rule(line)
        self.striker = Striker(lambda: self.state, self.events.append, self.clock)

    def rule(self, line: str) -> None:
        """Let the one target have this calendar."""
        self.state.layout.rules.targets = (msgspec.structs.replace(neutral(), when=When(calendar=line)),)

    def strikes(self) -> list[int]:
        """Look now; every strike so far."""
        self.striker.look()
        return [event.struck_ns for event in self.events if isinstance(event, CalendarStruck)]


def test_a_calendar_strikes_once_at_its_time() -> None:
    """Not before, once at, and not again until the next day."""
    desk = Desk(at=MIDNIGHT_NS - SECOND_NS)

    assert [] == desk.strikes()
    desk.clock.move(SECOND_NS)
    assert [MIDNIGHT_NS] == desk.strikes()
    desk.clock.move(DAY_NS - SECOND_NS)
    assert [MIDNIGHT_NS] == desk.strikes()
    desk.clock.move(SECOND_NS)
    assert [MIDNIGHT_NS, MIDNIGHT_NS + DAY_NS] == desk.strikes()


@pytest.mark.parametrize(
    ("last_run", "strikes"),
    [
        (None, []),
        (MIDNIGHT_NS, []),
        (MIDNIGHT_NS - DAY_NS, [MIDNIGHT_NS]),
        (MIDNIGHT_NS - 9 * DAY_NS, [MIDNIGHT_NS]),
    ],
)
def test_a_strike_that_nothing_ran_for_is_made_up_for(last_run: int | None, strikes: list[int]) -> None:
    """A restart an hour after midnight strikes for it, if it was missed, and once however many were missed."""
    assert strikes == Desk(at=MIDNIGHT_NS + HOUR_NS, last_run=last_run).strikes()


def test_a_strike_that_is_too_old_is_let_go() -> None:
    """A monthly strike that was missed by days waits for the next one."""
    late = MIDNIGHT_NS + CALENDAR_MISSED_NS_MAX + 30 * HOUR_NS
    first_of_month = "0 0 1 * *"

    assert [] == Desk(at=late, line=first_of_month, last_run=MIDNIGHT_NS - 90 * DAY_NS).strikes()


def test_a_clock_that_jumped_strikes_once() -> None:
    """After a pause of three days the last midnight counts, and it alone."""
    desk = Desk(at=MIDNIGHT_NS - SECOND_NS)
    desk.strikes()
    desk.clock.move(3 * DAY_NS)

    assert [MIDNIGHT_NS + 2 * DAY_NS] == desk.strikes()


def test_a_changed_calendar_is_another_one() -> None:
    """A reload that changes the line waits for the first strike of the new one; one taken away never strikes."""
    desk = Desk(at=MIDNIGHT_NS - HOUR_NS)
    desk.strikes()
    desk.rule("30 * * * *")
    assert [] == desk.strikes()
    desk.clock.move(HOUR_NS)
    assert [MIDNIGHT_NS - HOUR_NS // 2] == desk.strikes()
    desk.rule("")
    desk.clock.move(DAY_NS)
    assert 1 == len(desk.strikes())
