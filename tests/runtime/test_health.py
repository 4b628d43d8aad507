"""Judging health: one fact at a time is wrong, and what is said names it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.domain.units import SECOND_NS
from bot.runtime.health import AccountVitals, Bounds, Health, Reason, StreamVitals, Vitals, judge
from tests.kit import SPOT, USDM

BOUNDS = Bounds(stall_ns=4 * SECOND_NS, watchdog_ns=120 * SECOND_NS)
BOOK = StreamVitals("binance.usdm.book", private=False, up=True, silent_ns=SECOND_NS // 10)
USER = StreamVitals("binance.usdm.user", private=True, up=True, silent_ns=3_600 * SECOND_NS)
ACCOUNT = AccountVitals(USDM, age_ns=2 * SECOND_NS, every_ns=10 * SECOND_NS)
WELL = Vitals(
    mode="RUN",
    streams=(BOOK, USER),
    accounts=(ACCOUNT,),
    clock_offsets=((USDM, SECOND_NS // 100),),
    clock_offset_ns_max=SECOND_NS // 2,
    journal_lag_ns=SECOND_NS // 1_000,
    journal_failed="",
    tick_late_ns=0,
    heard_ns=SECOND_NS // 10,
    doubts=(),
    stopping=False,
)


def judged(**changes: Any) -> Health:
    """The health of vitals that are well but for the changes."""
    return judge(msgspec.structs.replace(WELL, **changes), BOUNDS)


def changed(part: Any, **changes: Any) -> tuple[Any]:
    """One stream or account, with something else about it."""
    return (msgspec.structs.replace(part, **changes),)


def test_while_all_is_fresh_it_is_ready() -> None:
    """No reason, nothing stuck; a private stream may be silent for an hour."""
    assert Health(live=True, ready=True, mode="RUN") == judged()


@pytest.mark.parametrize(
    ("changes", "subject", "text"),
    [
        (
            {"streams": changed(BOOK, silent_ns=4 * SECOND_NS + 1)},
            "binance.usdm.book",
            "the stream has been silent for 4.0 s",
        ),
        ({"streams": changed(BOOK, silent_ns=None)}, BOOK.name, "the stream has been silent since it came up"),
        ({"streams": changed(BOOK, up=False)}, "binance.usdm.book", "the stream is down"),
        ({"streams": changed(USER, up=False)}, "binance.usdm.user", "the stream is down"),
        ({"accounts": changed(ACCOUNT, age_ns=None)}, "binance.usdm", "not read since the start"),
        ({"accounts": changed(ACCOUNT, age_ns=14 * SECOND_NS + 1)}, "binance.usdm", "last read 14.0 s ago"),
        (
            {"accounts": changed(ACCOUNT, age_ns=10 * SECOND_NS + 1, failed_reads=1)},
            "binance.usdm",
            "last read 10.0 s ago",
        ),
        (
            {"accounts": changed(ACCOUNT, unanswered_ns=5 * SECOND_NS)},
            "binance.usdm",
            "a read has been unanswered for 5.0 s",
        ),
        ({"journal_lag_ns": 5 * SECOND_NS}, "journal", "a record has waited 5.0 s for the disk"),
        ({"journal_failed": "disk full"}, "journal", "disk full"),
        ({"tick_late_ns": SECOND_NS + 1}, "loop", "the clock should have struck 1.0 s ago"),
        (
            {"clock_offsets": ((SPOT, -SECOND_NS),)},
            "clock:binance.spot",
            "the venue's clock is -1.000 s from ours",
        ),
        ({"doubts": (Reason("BTC", "no sane quote"),)}, "BTC", "no sane quote"),
        ({"stopping": True}, "daemon", "it is stopping"),
    ],
)
def test_one_thing_that_is_wrong_is_named(changes: dict[str, Any], subject: str, text: str) -> None:
    """Not ready for that one reason, and alive all the same."""
    health = judged(**changes)

    assert (True, False, (Reason(subject, text),)) == (health.live, health.ready, health.reasons)


@pytest.mark.parametrize(
    "changes",
    [
        {"streams": changed(BOOK, silent_ns=4 * SECOND_NS)},
        {"accounts": changed(ACCOUNT, age_ns=14 * SECOND_NS)},
        {"accounts": changed(ACCOUNT, age_ns=10 * SECOND_NS, failed_reads=1)},
        {"accounts": changed(ACCOUNT, unanswered_ns=4 * SECOND_NS)},
        {"journal_lag_ns": 4 * SECOND_NS},
        {"tick_late_ns": SECOND_NS},
        {"clock_offsets": ((SPOT, SECOND_NS // 2),)},
    ],
)
def test_at_its_bound_everything_is_still_well(changes: dict[str, Any]) -> None:
    """A bound is what may be, not what may not."""
    assert judged(**changes).ready


def test_a_halt_is_told_and_does_not_make_it_unready() -> None:
    """The mode says what may be sent; whether it could be is another question."""
    health = judged(mode="HALT")

    assert (True, "HALT") == (health.ready, health.mode)


def test_a_subject_is_named_once_with_its_first_reason() -> None:
    """An account that is overdue and doubted by the engine is one subject; the order is kept."""
    health = judged(
        streams=changed(BOOK, up=False),
        accounts=changed(ACCOUNT, age_ns=None),
        doubts=(Reason("binance.usdm", "not confirmed"), Reason("BTC", "no mark")),
    )

    assert ["binance.usdm.book", "binance.usdm", "BTC"] == [reason.subject for reason in health.reasons]
    assert "not read since the start" == health.reasons[1].text


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"tick_late_ns": 2 * SECOND_NS}, "loop"),
        ({"journal_lag_ns": 5 * SECOND_NS}, "journal"),
        ({"journal_failed": "disk full"}, "journal"),
        ({"heard_ns": 121 * SECOND_NS}, "data"),
    ],
)
def test_what_a_restart_may_cure_keeps_the_watchdog_unfed(changes: dict[str, Any], subject: str) -> None:
    """A late clock, a journal that does not write, and silence of everything."""
    assert [subject] == [reason.subject for reason in judged(**changes).stuck]


@pytest.mark.parametrize(
    "changes",
    [
        {"streams": changed(BOOK, up=False)},
        {"accounts": changed(ACCOUNT, age_ns=3_600 * SECOND_NS)},
        {"doubts": (Reason("BTC", "no mark"),)},
        {"mode": "HALT"},
        {"heard_ns": 120 * SECOND_NS},
    ],
)
def test_what_no_restart_cures_does_not_starve_the_watchdog(changes: dict[str, Any]) -> None:
    """One stream, one account or one asset in trouble is the venue's, as long as something is heard."""
    assert not judged(**changes).stuck
