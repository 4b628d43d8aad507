"""The default instruments: complete, on their grids, with continuous margin tiers and the venues' names."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core.instrument import HOUR_MS, Instrument, Tier
from bot.simex.core.numbers import MONEY, SCALE
from bot.simex.sources.listings import binance, bybit, quarter_end, underlying
from bot.simex.sources.tiers import tiers
from tests.simex.sources.background import START_MS

ALL = (*binance(START_MS), *bybit(START_MS))
FUTURES = [one for one in ALL if one.is_future]


def maintenance(tier: Tier, notional: int) -> Fraction:
    """A tier's maintenance margin at a notional, exact."""
    return Fraction(notional * tier.rate, SCALE) - tier.deduction


def ids(one: Instrument) -> str:
    """How a failing instrument is named."""
    return f"{one.category}-{one.name}"


@pytest.mark.parametrize("one", ALL, ids=ids)
def test_filters_hold_together(one: Instrument) -> None:
    """Limits are multiples of the grid, and a smallest order exists below every maximum."""
    filters = one.filters

    assert 0 < filters.lot <= filters.quantity_min <= filters.market_quantity_max <= filters.quantity_max
    assert filters.quantity_max % filters.lot == 0 == filters.market_quantity_max % filters.lot
    assert filters.price_min % filters.tick == 0
    assert 0 < filters.price_min < filters.price_max
    assert filters.multiplier_down < SCALE < filters.multiplier_up
    assert filters.tick % 10 ** (8 - one.price_places) == 0 == filters.lot % 10 ** (8 - one.quantity_places)
    assert 0 < one.maker_fee <= one.taker_fee < SCALE // 100


@pytest.mark.parametrize("one", FUTURES, ids=ids)
def test_maintenance_margin_is_continuous_and_below_the_initial(one: Instrument) -> None:
    """At every edge both tiers ask the same, and the highest leverage of a tier leaves room above maintenance."""
    assert one.tiers[0].floor == one.tiers[0].deduction == 0
    for before, after in pairwise(one.tiers):
        assert before.cap == after.floor
        assert maintenance(before, before.cap) == maintenance(after, after.floor)
        assert before.leverage_max > after.leverage_max
    assert all(SCALE > tier.rate * tier.leverage_max for tier in one.tiers)


@pytest.mark.parametrize("one", FUTURES, ids=ids)
def test_a_future_either_pays_funding_or_is_delivered(one: Instrument) -> None:
    """Perpetuals have funding terms with a cap and a floor, dated futures an expiry and none."""
    assert (one.funding is None) == (one.expiry_ms is not None)
    if one.funding is not None:
        assert one.funding.floor == -one.funding.cap < 0
        assert one.listed_ms < START_MS
    assert one.settle == (one.base if one.kind == "inverse" else "USDT")


def test_both_venues_list_every_kind_and_several_funding_intervals() -> None:
    """Spot, linear, inverse, dated and multiplied instruments exist, with fundings every 8, 4 and 1 hours."""
    for listed in (binance(START_MS), bybit(START_MS)):
        assert {one.kind for one in listed} == {"spot", "linear", "inverse"}
        assert {one.funding.interval_ms // HOUR_MS for one in listed if one.funding} == {8, 4, 1}
        assert any(one.expiry_ms for one in listed)
        assert len({one.key for one in listed}) == len(listed)
        assert {"USDCUSDT", "1000PEPEUSDT"} <= {one.name for one in listed}


def test_names_of_dated_futures_are_the_venues_own() -> None:
    """Binance writes the delivery as a number, Bybit as a day."""
    names = {one.name for one in ALL if one.expiry_ms}

    assert names == {"BTCUSDT_240927", "BTCUSD_240927", "BTCUSDT-27SEP24"}


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2024-08-09", "2024-09-27"),
        ("2024-09-25", "2024-09-27"),
        ("2024-09-26T12", "2024-12-27"),
        ("2024-12-30", "2025-03-28"),
        ("2025-01-01", "2025-03-28"),
    ],
)
def test_a_quarter_ends_on_its_last_friday_at_eight(now: str, end: str) -> None:
    """The next delivery is the last Friday of the quarter, or of the next when that is less than a day away."""
    now_ms = int(datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()) * 1000

    assert quarter_end(now_ms) == datetime.fromisoformat(end).replace(hour=8, tzinfo=UTC)


def test_instruments_are_new_at_each_call() -> None:
    """A control call that changes one exchange's instrument does not change another's."""
    first, second = binance(START_MS)[0], binance(START_MS)[0]
    first.status = "halted"

    assert second.status == "trading"


@pytest.mark.parametrize(
    ("base", "expected"),
    [("BTC", ("BTC", 1)), ("1000PEPE", ("PEPE", 1000)), ("SHIB1000", ("SHIB", 1000)), ("1INCH", ("1INCH", 1))],
)
def test_a_multiplied_base_names_its_asset(base: str, expected: tuple[str, int]) -> None:
    """1000PEPE is a thousand PEPE; a digit in a name is not a multiplier."""
    assert underlying(base) == expected


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**4)), min_size=1, max_size=8))
def test_tiers_of_any_ladder_are_continuous(steps: list[tuple[int, int]]) -> None:
    """Whatever rises, the deduction makes the maintenance margin continuous."""
    cap = rate = 0
    rows = []
    for more, higher in steps:
        cap, rate = cap + more, rate + higher
        rows.append((str(cap), f"{rate / 10**5:.5f}", 5))

    found = tiers(rows)

    assert found[-1].cap == cap * MONEY
    for before, after in pairwise(found):
        assert maintenance(before, before.cap) == maintenance(after, after.floor)


def test_a_ladder_that_does_not_rise_is_refused() -> None:
    """A cap or rate that is not above the one before is an error that names the tier."""
    with pytest.raises(ValueError, match="tier up to 50"):
        tiers((("100", "0.01", 10), ("50", "0.02", 5)))
