"""Funding: signs, settlements, intervals that change, yearly rates and the forecast."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.funding import (
    Settled,
    apr,
    apy,
    cash_flow,
    cash_flow_inverse,
    forecast,
    held_at,
    interval,
    intervals,
    per_year,
    persistence,
    rate_of_apr,
    rate_of_apy,
    surprise,
    total,
)
from bot.domain.units import HOUR_NS, MILLISECOND_NS, Nanos
from tests.kit import START_NS, d

if TYPE_CHECKING:
    from pathlib import Path

WEEK = 21
WINDOW = 810
"""Settlements of a slow average and half: 270 days."""
RATE = st.decimals("-0.02", "0.02", places=6)
CONTRACTS = st.decimals("-100", 100, places=3)
INTERVAL = st.sampled_from([1, 4, 8])


def settled(*rates: str, hours: int = 8, start: int = START_NS) -> list[Settled]:
    """Settlements at equal intervals."""
    return [(Nanos(start + k * hours * HOUR_NS), d(rate)) for k, rate in enumerate(rates)]


def test_a_short_receives_when_the_rate_is_positive() -> None:
    """Short 10,000 at +0.01 % receives 1, at -0.01 % it pays 1."""
    assert cash_flow(d("-0.1"), d(1), d(100_000), d("0.0001")) == 1
    assert cash_flow(d("-0.1"), d(1), d(100_000), d("-0.0001")) == -1


@given(CONTRACTS, st.decimals(1, 90_000, places=1), RATE)
def test_what_one_side_receives_the_other_pays(contracts: Decimal, mark: Decimal, rate: Decimal) -> None:
    """Long and short sum to exactly zero, the flow is linear in the notional, and its sign turns with the rate's."""
    for flow in (cash_flow, cash_flow_inverse):
        one = flow(contracts, d(1), mark, rate)

        assert one + flow(-contracts, d(1), mark, rate) == 0
        assert one + flow(contracts, d(1), mark, -rate) == 0
        assert abs(flow(contracts * 3, d(1), mark, rate) - 3 * one) <= abs(one) * d("1e-24")


def test_an_inverse_short_receives_coins() -> None:
    """60,000 of face at 60,000 is one coin: 0.01 % of it."""
    assert cash_flow_inverse(d(-600), d(100), d(60_000), d("0.0001")) == d("0.0001")


def test_only_what_is_held_at_the_instant_pays() -> None:
    """Opened after one settlement and closed before the next pays nothing; opened at the instant counts."""
    changes = [(Nanos(10), d(-1)), (Nanos(19), d(1)), (Nanos(30), d(-2))]

    assert [held_at(changes, Nanos(at)) for at in (9, 10, 18, 20, 30)] == [0, -1, -1, 0, -2]
    at = [((Nanos(t), d("0.0001")), d(60_000)) for t in (9, 20, 30)]
    assert total(at, changes, d(1)) == 12


@given(CONTRACTS, RATE, st.sampled_from([1, 2, 4, 8]))
def test_a_simple_yearly_rate_may_be_split_into_any_intervals(contracts: Decimal, rate: Decimal, parts: int) -> None:
    """At one mark the same APR pays the same in eight hours, however often it is settled."""
    whole = cash_flow(contracts, d(1), d(60_000), rate)
    yearly = apr(rate, 8 * HOUR_NS)
    each = rate_of_apr(yearly, 8 * HOUR_NS // parts)

    assert abs(parts * cash_flow(contracts, d(1), d(60_000), each) - whole) <= abs(whole) * d("1e-15")


@pytest.mark.parametrize(("hours", "times"), [(1, 8_760), (4, 2_190), (8, 1_095)])
def test_settlements_a_year(hours: int, times: int) -> None:
    """8,760 hours over the interval."""
    assert per_year(hours * HOUR_NS) == times


@given(st.decimals("-0.0009", "0.005", places=7), INTERVAL)
def test_yearly_rates_are_inverted_exactly(rate: Decimal, hours: int) -> None:
    """APR and APY lead back to the rate that they came from; compounding never lowers."""
    length = hours * HOUR_NS

    assert abs(rate_of_apr(apr(rate, length), length) - rate) < d("1e-24")
    assert abs(rate_of_apy(apy(rate, length), length) - rate) < d("1e-20")
    assert apy(rate, length) >= apr(rate, length) - d("1e-20")


def test_rates_that_cannot_be_compounded_are_refused() -> None:
    """Losing everything once has no yearly rate."""
    with pytest.raises(ValueError, match="cannot be compounded"):
        apy(d(-1), HOUR_NS)
    with pytest.raises(ValueError, match="loses everything"):
        rate_of_apy(d(-1), HOUR_NS)


def test_the_interval_is_what_lies_between_settlements() -> None:
    """Next less last, then what the symbol states, then the history's last; nothing where nothing says it."""
    history = settled("0.0001", "0.0001")
    last = history[-1][0]

    assert interval(8 * HOUR_NS, history, Nanos(last + 4 * HOUR_NS + 7 * MILLISECOND_NS)) == 4 * HOUR_NS
    assert interval(8 * HOUR_NS, history, Nanos(last + 40 * HOUR_NS)) == 8 * HOUR_NS
    assert interval(4 * HOUR_NS, history) == 4 * HOUR_NS
    assert interval(None, history) == 8 * HOUR_NS
    assert interval(None, history[:1], Nanos(last)) == 8 * HOUR_NS
    assert interval(None, history[:1]) is None
    assert interval(None) is None


def test_intervals_change_within_a_history_and_gaps_are_not_intervals() -> None:
    """8 h, then 4 h, then a day that is missing, then 1 h: the gap counts as what was known."""
    hours = (0, 8, 16, 20, 24, 48, 49)
    history = [(Nanos(START_NS + h * HOUR_NS), d("0.0001")) for h in hours]

    assert [i // HOUR_NS for i in intervals(history)] == [8, 8, 8, 4, 4, 4, 1]
    assert intervals([]) == []
    assert intervals(history[:1]) == [8 * HOUR_NS]
    assert intervals(history[:1], HOUR_NS) == [HOUR_NS]


def test_the_mean_share_left_is_the_formulas() -> None:
    """A day of three settlements: (phi + phi^2 + phi^3) / 3 with phi = 0.5^(1/21); a week halves phi's power."""
    phi = 0.5 ** (1 / 21)

    assert persistence(24, 8) == pytest.approx((phi + phi**2 + phi**3) / 3, rel=1e-14)
    assert persistence(168, 8) == pytest.approx(phi * 0.5 / (21 * (1 - phi)), rel=1e-14)
    assert persistence(1, 8) == pytest.approx(phi, rel=1e-14)


@given(st.floats(1, 10_000), st.floats(1, 10_000), INTERVAL)
def test_a_longer_horizon_forgets_more(one: float, other: float, hours: int) -> None:
    """The share lies in (0, 1) and falls with the horizon."""
    near, far = sorted((one, other))

    assert 0 < persistence(far, hours) <= persistence(near, hours) + 1e-12 < 1 + 1e-12


@given(RATE, st.integers(1, 60), INTERVAL, st.floats(1, 3_000))
def test_a_constant_rate_is_forecast_as_itself(rate: Decimal, count: int, hours: int, horizon: float) -> None:
    """Whatever the horizon and the length of the history, a constant says a constant."""
    found = forecast(settled(*[str(rate)] * count, hours=hours), horizon, hours * HOUR_NS)

    assert found is not None
    assert found.apr == pytest.approx(float(apr(rate, hours * HOUR_NS)), abs=1e-12)
    assert found.settlements == count


def test_a_change_of_interval_at_the_same_yearly_rate_changes_nothing() -> None:
    """0.08 % every 8 h and then 0.01 % every hour are one and the same APR."""
    slow = settled("0.0008", "0.0008", "0.0008")
    fast = settled(*["0.0001"] * 12, hours=1, start=slow[-1][0] + HOUR_NS)
    found = forecast([*slow, *fast], 48)

    assert found is not None
    assert [found.apr, found.fast, found.slow] == pytest.approx([0.876] * 3, rel=1e-12)
    assert found.persistence == persistence(48, 1)


def reference(history: list[Settled], hours: float, half_life: float) -> float:
    """The weighted mean in one sum, from the weights' definition."""
    kept = [2.0 ** float(-hours * k / half_life) for k in range(len(history))]
    rates = [float(rate) * 8_760 / hours for _, rate in reversed(history)]
    return float(sum(w * r for w, r in zip(kept, rates, strict=True)) / sum(kept))


@given(st.lists(RATE.map(str), min_size=1, max_size=80), st.sampled_from([24.0, 168.0, 720.0]))
def test_the_forecast_is_the_two_speed_formula(rates: list[str], horizon: float) -> None:
    """f = s + (e - s) g, with e and s from their weights' definition."""
    history = settled(*rates)
    found = forecast(history, horizon, 8 * HOUR_NS)
    fast, slow = reference(history, 8, 24), reference(history, 8, 2_160)

    assert found is not None
    assert found.persistence == persistence(horizon, 8)
    assert found.apr == pytest.approx(slow + (fast - slow) * found.persistence, abs=1e-10)
    assert [found.fast, found.slow] == pytest.approx([fast, slow], abs=1e-10)
    assert found.settlements == len(rates)


def test_the_interval_to_come_is_the_one_up_to_the_next_settlement() -> None:
    """A contract that goes over to hourly funding forgets by the hour from now on."""
    history = settled("0.0001", "0.0003")
    found = forecast(history, 12, 8 * HOUR_NS, Nanos(history[-1][0] + HOUR_NS))

    assert found is not None
    assert found.persistence == persistence(12, 1)


def test_without_settlements_there_is_no_forecast() -> None:
    """Unknown is not zero; and a history out of order is a mistake."""
    assert forecast([], 24) is None
    with pytest.raises(ValueError, match="rise in time"):
        forecast(settled("0", "0")[::-1], 24)


def test_estimates_are_judged_by_what_was_settled() -> None:
    """Errors of +1 and -3 bps: mean -1, root mean square sqrt 5; none without pairs."""
    seen = surprise([(d("0.0001"), d("0.0002")), (d("0.0001"), d("-0.0002"))])

    assert seen is not None
    assert [seen.mean, seen.rms] == pytest.approx([-1e-4, 5**0.5 * 1e-4])
    assert seen.count == 2
    assert surprise([]) is None


def test_on_real_funding_the_forecast_beats_the_last_rate(data_dir: Path) -> None:
    """Over the next week of BTC's settled rates, its root mean square error is a fifth below that of the last rate."""
    place = data_dir / "prices" / "binance-usdm-BTCUSDT-funding-to-2024.csv.gz"
    if not place.is_file():
        pytest.skip(f"no recorded funding in {place.parent}; TRIMTAB_DATA names a folder that holds prices/")
    rows = [line.split(",") for line in gzip.decompress(place.read_bytes()).decode().splitlines()[1:]]
    history: list[Settled] = [(Nanos(int(ms) * MILLISECOND_NS), Decimal(rate)) for ms, rate in rows]
    ours, last = 0.0, 0.0
    for now in range(WINDOW, len(history) - WEEK, 2 * WEEK):
        found = forecast(history[now - WINDOW : now], 168)
        actual = sum(float(rate) for _, rate in history[now : now + WEEK]) / WEEK * 1_095
        assert found is not None
        ours += (found.apr - actual) ** 2
        last += (float(history[now - 1][1]) * 1_095 - actual) ** 2

    assert 0.1 < (ours / last) ** 0.5 < 0.8
