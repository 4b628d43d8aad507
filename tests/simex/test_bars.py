"""Bars of one price: the made-up past, what is observed, and how they are cut into intervals."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.bars import DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS, Bars, closing_ms, opening_ms

# 2025-10-09 08:00 UTC, a Thursday.
NOW_MS = 1_759_996_800_000
PRICE = 60_000 * 10**8
TICK = 10**7


def usual(price: int) -> tuple[int, int]:
    return 60 * 10**8, 60 * price


def made(price: int = PRICE) -> Bars:
    """A past that ends at a price half past the hour."""
    bars = Bars("BTCUSDT", usual=usual, tick=TICK)
    bars.see(NOW_MS + 30 * MINUTE_MS, price)
    return bars


@pytest.mark.parametrize("interval", [name for name in INTERVALS if name != "1s"])
def test_bars_have_no_holes(interval: str) -> None:
    """Each bar opens where the one before closes, in time and in price."""
    rows = made().rows(interval, 0, NOW_MS + 40 * MINUTE_MS, 30)

    assert 30 == len(rows)
    for row, later in itertools.pairwise(rows):
        assert closing_ms(row.opened_ms, interval) == later.opened_ms
        assert row.close == later.open
        assert row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high


def test_the_past_lies_on_the_grid_and_was_traded() -> None:
    """Made-up prices are whole ticks, and something was bought and sold at them."""
    for interval in ("1m", "1h", "1d"):
        for row in made().rows(interval, 0, NOW_MS, 50):
            assert {0} == {price % TICK for price in (row.open, row.high, row.low, row.close)}
            assert 0 < row.bought < row.volume
            assert row.trades


def test_bars_that_are_old_are_found_alone() -> None:
    """A bar of long ago is the same whether it is asked for by itself or among all."""
    bars = made()
    rows = {row.opened_ms: row for row in bars.rows("5m", 0, NOW_MS, 2_000)}
    at = NOW_MS - 5 * DAY_MS

    assert [rows[at]] == bars.rows("5m", at, at, 1)


@given(st.lists(st.tuples(st.integers(0, 600_000), st.integers(1, 10**6)), min_size=1, max_size=40))
def test_intervals_agree(trades: list[tuple[int, int]]) -> None:
    """Whatever was traded, the sum over minutes is the sum over hours."""
    bars = Bars("X")
    for number, (after_ms, price) in enumerate(sorted(trades)):
        bars.trade(NOW_MS + after_ms, price, 5, 5 * price, number + 1, bought=number % 2 == 0)
    end = NOW_MS + 600_000
    minutes, (hour,) = bars.rows("1m", NOW_MS, end, 100), bars.rows("1h", NOW_MS, end, 1)

    assert sum(row.volume for row in minutes) == hour.volume == 5 * len(trades)
    assert sum(row.turnover for row in minutes) == hour.turnover
    assert max(row.high for row in minutes if row.trades) == max(price for _, price in trades)
    assert (1, len(trades)) == (hour.first_id, hour.last_id)


def test_seconds_are_observed_only() -> None:
    """There are bars of a second from the first price on, and none before."""
    bars = made()
    bars.trade(NOW_MS + 30 * MINUTE_MS + 3_000, PRICE + TICK, 1, PRICE, 9, bought=True)
    rows = bars.rows("1s", 0, NOW_MS + 30 * MINUTE_MS + 4_500, 100)

    assert [0, 0, 0, 1, 0] == [row.trades for row in rows]
    assert NOW_MS + 30 * MINUTE_MS == rows[0].opened_ms


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    """Weeks and months follow the calendar in UTC."""
    assert NOW_MS // DAY_MS * DAY_MS - 3 * DAY_MS == opening_ms(NOW_MS, "1w")
    assert 1_759_276_800_000 == opening_ms(NOW_MS, "1M")
    assert 1_761_955_200_000 == closing_ms(1_759_276_800_000, "1M")


def test_a_span_is_one_bar() -> None:
    """The last day is one bar; before any price there is none."""
    bars = made()
    whole = bars.span(NOW_MS + 31 * MINUTE_MS, DAY_MS)

    assert whole is not None
    assert PRICE == whole.close == bars.last
    assert whole.opened_ms >= NOW_MS + 31 * MINUTE_MS - DAY_MS
    assert None is Bars("X").span(NOW_MS, HOUR_MS)
    assert [] == Bars("X").rows("1h", 0, NOW_MS, 5)
