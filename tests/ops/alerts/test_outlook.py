"""The funding outlook: who pays whom, how much, when; and an interval only from evidence."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.market import Mark
from bot.ops.alerts.outlook import DAY_NS, HOUR_NS, INSTRUMENTS_MAX, Intervals, Outlook, outlook, told
from tests.kit import d, hedge, perpetual

MIDNIGHT = 19_700 * DAY_NS
BTC = hedge("BTC")


def mark(rate: float, next_ns: int, price: float = 60_000.0) -> Mark:
    """A mark with a rate and the time of the next settlement."""
    return Mark(BTC, price, price, rate, next_ns, MIDNIGHT)


def seen(contracts: str, rate: float, next_ns: int, now_ns: int = MIDNIGHT + 1) -> Outlook:
    """The outlook of a position where nothing was learned before."""
    found = outlook(perpetual(), d(contracts), mark(rate, next_ns), Intervals(), now_ns)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("contracts", "rate", "amount"),
    [("-1", 0.0001, "6"), ("1", 0.0001, "-6"), ("-1", -0.0001, "-6"), ("1", -0.0001, "6"), ("-0.5", 0.0003, "9")],
)
def test_longs_pay_shorts_while_the_rate_is_positive(contracts: str, rate: float, amount: str) -> None:
    """Cash flow = -(signed notional at mark) x rate, exactly."""
    assert d(amount) == seen(contracts, rate, MIDNIGHT + 8 * HOUR_NS).amount


@given(
    st.decimals("-100", "100", places=3),
    st.sampled_from([1e-05, 0.0001, -0.00025, 0.0075]),
    st.sampled_from([0.5, 2_500.1, 60_000.2]),
)
def test_the_other_side_has_the_opposite(contracts: Decimal, rate: float, price: float) -> None:
    """What a position receives the mirrored one pays, and the amount grows with the position."""
    at = mark(rate, MIDNIGHT + HOUR_NS, price)
    one, other, two = (
        outlook(perpetual(), q, at, Intervals(), MIDNIGHT) for q in (contracts, -contracts, 2 * contracts)
    )
    assert one is not None
    assert other is not None
    assert two is not None

    assert one.amount == -other.amount
    assert two.amount == 2 * one.amount


def test_the_interval_is_concluded_where_only_one_fits() -> None:
    """Over four hours to go means eight; a settlement at 4:00 cannot be an eight-hourly one."""
    eight = seen("-1", 0.0001, MIDNIGHT + 8 * HOUR_NS)
    four = seen("-1", 0.0001, MIDNIGHT + 4 * HOUR_NS, MIDNIGHT + HOUR_NS)

    assert (eight.interval_ns, four.interval_ns) == (8 * HOUR_NS, 4 * HOUR_NS)
    assert eight.per_year == d("0.0001") * 3 * 365
    assert eight.per_day == d("0.0003")


def test_an_interval_that_could_be_several_is_not_guessed() -> None:
    """An hour before midnight each of them fits: no yearly rate is made up."""
    found = seen("-1", 0.0001, MIDNIGHT + DAY_NS, MIDNIGHT + 23 * HOUR_NS)

    assert found.interval_ns is None
    assert found.per_year is None
    assert "a year" not in told(found, "USDT", MIDNIGHT)
    assert "an interval" in told(found, "USDT", MIDNIGHT)


def test_the_interval_is_learned_from_settlements_that_follow_each_other() -> None:
    """Once the announced settlement has moved on the step is known, and a change of it is noticed."""
    intervals, now = Intervals(), MIDNIGHT + 23 * HOUR_NS
    for hours in (16, 20, 24):
        intervals.note_next(BTC, MIDNIGHT + hours * HOUR_NS)
    assert intervals.of(BTC, MIDNIGHT + DAY_NS, now) == 4 * HOUR_NS

    intervals.note_next(BTC, MIDNIGHT + 25 * HOUR_NS)
    assert intervals.of(BTC, MIDNIGHT + 25 * HOUR_NS, MIDNIGHT + DAY_NS + 1) == HOUR_NS


def test_the_ledger_tells_the_interval_too() -> None:
    """A payment some seconds after the hour and the next announced settlement are an interval apart."""
    intervals = Intervals()
    intervals.note_next(BTC, MIDNIGHT + 8 * HOUR_NS)
    intervals.note_settled(BTC, MIDNIGHT + 3_000_000_000)

    assert intervals.of(BTC, MIDNIGHT + 8 * HOUR_NS, MIDNIGHT + 7 * HOUR_NS) == 8 * HOUR_NS


def test_a_missed_settlement_teaches_nothing_wrong() -> None:
    """After a pause of half a day a step of sixteen hours is no interval."""
    intervals = Intervals()
    intervals.note_next(BTC, MIDNIGHT)
    intervals.note_next(BTC, MIDNIGHT + 16 * HOUR_NS)

    assert intervals.of(BTC, MIDNIGHT + 16 * HOUR_NS, MIDNIGHT + 15 * HOUR_NS + 1) is None


def test_what_is_remembered_of_instruments_is_bounded() -> None:
    """A venue of ten thousand symbols does not fill the memory."""
    intervals = Intervals()
    for number in range(INSTRUMENTS_MAX + 10):
        intervals.note_next(hedge(f"C{number}"), MIDNIGHT)

    assert len(intervals._next) == INSTRUMENTS_MAX


def test_a_settlement_that_is_past_is_no_outlook() -> None:
    """A mark of before a pause announces nothing any more."""
    assert outlook(perpetual(), d(-1), mark(0.0001, MIDNIGHT), Intervals(), MIDNIGHT) is None


def test_the_words_have_amount_time_and_rates() -> None:
    """One line says who gets what, when, and what it comes to in a day and a year."""
    now = MIDNIGHT + HOUR_NS
    line = told(seen("-1.234", 0.0001, MIDNIGHT + 8 * HOUR_NS, now), "USDT", now)

    assert line == (
        "receives about 7.40 USDT at 08:00 UTC (in 7 h 00 min); rate 0.0100 % each 8 h; 0.030 % a day, 10.95 % a year"
    )


def test_a_rate_of_zero_neither_pays_nor_receives() -> None:
    """Nothing is said of an amount that there is not."""
    assert told(seen("-1", 0.0, MIDNIGHT + 8 * HOUR_NS), "USDT", MIDNIGHT).startswith("neither pays nor receives at")
