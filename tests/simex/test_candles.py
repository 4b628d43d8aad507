"""Made-up candles join on to what was observed, and are the same whenever they are asked for."""

from __future__ import annotations

import itertools
import math

import pytest

from bot.simex.candles import HOUR_MS, Candles
from tests.simex.stage import START_MS, Stage

NOW_MS = START_MS - START_MS % HOUR_MS + 600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def seen() -> tuple[Candles, object]:
    symbol = next(iter(Stage().exchange.symbols.values()))
    candles = Candles()
    candles.see(symbol, 50_000.0, NOW_MS)
    return candles, symbol


def test_bars_follow_on_one_another_up_to_the_price_seen(seen) -> None:  # type: ignore[no-untyped-def]
    """Each bar opens where the one before it closed, an hour later, and the last holds the price that was seen."""
    candles, symbol = seen

    rows = candles.rows(symbol, 1, NOW_MS - 10 * DAY_MS - 600_000, NOW_MS)

    assert all(a.close == b.open and b.opened_ms - a.opened_ms == HOUR_MS for a, b in itertools.pairwise(rows))
    assert (50_000.0, 240) == (rows[-1].close, len(rows) - 1)


def test_longer_bars_are_made_of_the_shorter_ones(seen) -> None:  # type: ignore[no-untyped-def]
    """A day's bar has the first open, the extremes, the last close and the whole volume of its hours."""
    candles, symbol = seen
    first = NOW_MS - NOW_MS % DAY_MS - 3 * DAY_MS

    (day, *_), hours = candles.rows(symbol, 24, first, NOW_MS), candles.rows(symbol, 1, first, first + DAY_MS)

    assert (hours[0].open, max(h.high for h in hours), hours[-1].close) == (day.open, day.high, day.close)
    assert math.isclose(sum(h.volume for h in hours), day.volume)


def test_the_past_does_not_depend_on_how_it_is_asked_for(seen) -> None:  # type: ignore[no-untyped-def]
    """The same hours have the same prices, whether they are asked for alone or among others."""
    candles, symbol = seen

    many = candles.rows(symbol, 1, NOW_MS - 5 * DAY_MS, NOW_MS)
    few = candles.rows(symbol, 1, NOW_MS - DAY_MS, NOW_MS)

    assert many[-len(few) :] == few


def test_a_symbol_without_a_price_has_no_past() -> None:
    """Nothing is made up around a price that nobody has seen."""
    symbol = next(iter(Stage().exchange.symbols.values()))

    assert [] == Candles().rows(symbol, 1, NOW_MS - DAY_MS, NOW_MS)
