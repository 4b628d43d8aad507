"""What a rule strays and costs, held against the definition worked out in another way."""

from __future__ import annotations

import math

import pytest

from bot.lab.bands.history import DAY_HOURS, WARM_UP_HOURS, YEAR_HOURS, Book, History, made
from bot.lab.bands.living import lived
from bot.lab.bands.rules import Auto, Periodic, Rule, ToEdge, ToTarget

PAIR = Book(assets=("AA", "BB"), weights=(0.6, 0.4), costs=(5e-4, 6e-4), volatilities=(0.5, 0.8))
DAYS = 20


@pytest.fixture(scope="module")
def history() -> History:
    """Twenty days of two coins."""
    return made(5, DAYS, 0.7, PAIR)


def worked_out(history: History, width: float) -> tuple[float, float]:
    """Tracking error and cost of drift-to-target: weights that drift, and are set back, without coins or futures."""
    weights = list(PAIR.weights)
    days = [0.0] * DAYS
    cost = 0.0
    for hour in range(WARM_UP_HOURS, len(history.spot) - 1):
        returns = [b / a - 1 for a, b in zip(history.spot[hour], history.spot[hour + 1], strict=True)]
        gain = sum(w * r for w, r in zip(weights, returns, strict=True))
        days[(hour - WARM_UP_HOURS) // DAY_HOURS] += gain - sum(
            w * r for w, r in zip(PAIR.weights, returns, strict=True)
        )
        weights = [w * (1 + r) / (1 + gain) for w, r in zip(weights, returns, strict=True)]
        if any(abs(w - v) > width for w, v in zip(weights, PAIR.weights, strict=True)):
            cost += sum(k * abs(w - v) for k, w, v in zip(PAIR.costs, weights, PAIR.weights, strict=True))
            weights = list(PAIR.weights)
    return math.sqrt(365 * sum(x * x for x in days) / DAYS), cost * YEAR_HOURS / (DAYS * DAY_HOURS)


@pytest.mark.parametrize("width", [0.002, 0.005, 0.01])
def test_the_reference_is_what_its_definition_says(history: History, width: float) -> None:
    """sqrt(365) x uncentred RMS of daily sums, and sum k |trade| / NAV a year, from weights alone."""
    outcome = lived(history, PAIR, ToTarget(width))
    error, cost = worked_out(history, width)

    assert cost > 0
    assert outcome.tracking_error == pytest.approx(error, rel=1e-9)
    assert outcome.cost == pytest.approx(cost, rel=1e-9)


def test_who_is_on_target_every_hour_never_strays(history: History) -> None:
    """An hour's P&L is that of the deviation at its beginning: none."""
    outcome = lived(history, PAIR, Periodic(1))

    assert outcome.tracking_error == pytest.approx(0.0, abs=1e-12)
    assert outcome.trades == pytest.approx(2 * YEAR_HOURS)


def test_who_never_trades_pays_nothing_and_strays(history: History) -> None:
    """A band that is never left costs nothing."""
    outcome = lived(history, PAIR, ToEdge(1.0))

    assert (outcome.cost, outcome.trades) == (0.0, 0.0)
    assert outcome.tracking_error > lived(history, PAIR, ToTarget(0.01)).tracking_error


def test_futures_that_move_apart_from_their_coin_are_an_error(history: History) -> None:
    """A hedge is made of futures: their basis counts, even for who is on target every hour."""
    wavering = tuple(tuple(p * (1.001 if hour % 2 else 1.0) for p in row) for hour, row in enumerate(history.spot))
    apart = History(spot=history.spot, futures=wavering)

    assert lived(apart, PAIR, Periodic(1)).tracking_error > 1e-6


@pytest.mark.parametrize(
    ("rule", "hour", "deviations", "trades"),
    [
        (Periodic(8), 16, [0.01, -0.02], [-0.01, 0.02]),
        (Periodic(8), 17, [0.01, -0.02], None),
        (ToTarget(0.01), 1, [0.001, -0.02], [-0.001, 0.02]),
        (ToTarget(0.01), 1, [0.01, -0.01], None),
        (ToEdge(0.01), 1, [0.03, -0.002], [-0.02, 0.0]),
        (ToEdge(0.01), 1, [0.01, -0.01], None),
    ],
)
def test_simple_rules_do_what_they_say(
    rule: Rule, hour: int, deviations: list[float], trades: list[float] | None
) -> None:
    """By the clock all to target; by drift all to target, strictly beyond; to the edge each by itself."""
    found = rule.trades(hour, deviations)

    assert found is trades is None or list(found or []) == pytest.approx(trades)


def test_auto_rules_narrow_with_aversion_and_differ_by_what_is_joint(history: History) -> None:
    """More aversion strays less and costs more; the joint program trades less often than bands of one asset each."""

    def of(aversion: float, *, is_joint: bool) -> Rule:
        return Auto(history, PAIR, aversion, is_joint=is_joint, trade_min=0.0)

    tame, wild = (lived(history, PAIR, of(aversion, is_joint=True)) for aversion in (1000.0, 10.0))
    alone = lived(history, PAIR, of(1000.0, is_joint=False))

    assert tame.tracking_error < wild.tracking_error
    assert tame.cost > wild.cost > 0
    assert alone.trades > tame.trades
