"""How bad each thing looks, by its thresholds, and the words that it would be told in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.commands import Severity
from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.ops.alerts.conditions import LEVEL_MAX, Conditions, Reading, Turn
from bot.ops.alerts.facts import AssetFact, Delta, DoubtFact, Facts, StreamFact
from bot.ops.alerts.kinds import KINDS, Kind
from bot.ops.alerts.readings import Bounds, margin_stages, readings
from tests.kit import d

GIB = 1024**3
BOUNDS = Bounds(stale_ns=30 * SECOND_NS, unhedged_ns=60 * SECOND_NS, disk_free_bytes=GIB)
WELL = Facts(
    now_ns=100 * SECOND_NS,
    quote="USDT",
    observing=False,
    margin_ratio_max=d("0.5"),
    margin_ratio=d("0.1"),
    clock_offset_ns_max=500 * MILLISECOND_NS,
    disk_free_bytes=10 * GIB,
)


def facts(**changes: Any) -> Facts:
    """Facts of a daemon that is well, but for some."""
    kept = {name: getattr(WELL, name) for name in WELL.__struct_fields__}
    return Facts(**{**kept, **changes})


def asset(**changes: Any) -> AssetFact:
    """BTC, half a coin outside a band of a tenth."""
    made = {
        "asset": "BTC",
        "breached": True,
        "deviation": d("0.2"),
        "value": d(12_000),
        "trigger": d("0.1"),
        "why_held": "",
    }
    return AssetFact(**{**made, **changes})


def of(kind: Kind, **changes: Any) -> Reading:
    """The one reading of a kind."""
    (found,) = [one for one in readings(facts(**changes), BOUNDS) if one.course.kind is kind]
    return found


def test_a_daemon_that_is_well_has_no_level() -> None:
    """Nothing is read where nothing is wrong, and every reading has a key of its own."""
    found = readings(
        facts(
            streams=(StreamFact("binance.usdm.book", True, ("BTC",)),),
            doubts=(DoubtFact("binance.usdm", ""),),
            assets=(asset(breached=False),),
            clock_offsets=(("binance.usdm", 3), ("binance.spot", None)),
            budgets=(("fapi", 0.1),),
        ),
        BOUNDS,
    )

    assert {one.level for one in found} == {0}
    assert len({one.key for one in found}) == len(found) == 9


def test_every_condition_is_at_least_as_loud_as_its_kind() -> None:
    """The severity of a first stage is the one that the table of kinds promises."""
    loud = facts(
        streams=(StreamFact("s", False, ()),),
        doubts=(DoubtFact("d", "why"),),
        assets=(asset(),),
        clock_offsets=(("c", SECOND_NS),),
        budgets=(("h", 1.0),),
    )

    for reading in readings(loud, BOUNDS):
        assert reading.course.severity(1) is KINDS[reading.course.kind].severity


def test_a_stream_that_is_down_says_the_unhedged_delta() -> None:
    """The title has the asset with the most money off target, the facts have each."""
    deltas = {
        "BTC": Delta("BTC", d("0.0005"), d(30), 88 * SECOND_NS),
        "ETH": Delta("ETH", d("-0.1"), d(-250), 88 * SECOND_NS),
    }
    found = of(
        Kind.STREAM_DOWN, streams=(StreamFact("binance.usdm.book", False, ("BTC", "ETH", "SOL")),), deltas=deltas
    )

    assert found.level == 1
    assert found.title == "stream binance.usdm.book is down; unhedged -0.1 ETH (-250.00 USDT) and 1 more"
    assert dict(found.facts) == {
        "unhedged BTC": "+0.0005 BTC (+30.00 USDT), known 12.0 s ago",
        "unhedged ETH": "-0.1 ETH (-250.00 USDT), known 12.0 s ago",
        "unhedged SOL": "not known since the start",
    }


def test_a_doubt_that_was_not_looked_at_is_not_known() -> None:
    """It neither raises nor resolves."""
    assert (of(Kind.STALE, doubts=(DoubtFact("BTC", None),)).level, LEVEL_MAX) == (0, LEVEL_MAX)
    assert of(Kind.STALE, doubts=(DoubtFact("BTC", None),)).easing == LEVEL_MAX
    assert of(Kind.STALE, doubts=(DoubtFact("BTC", ""),)).easing == 0
    assert of(Kind.STALE, doubts=(DoubtFact("BTC", "old"),)).level == 1


@pytest.mark.parametrize(
    ("changes", "level", "easing"),
    [
        ({}, 1, 1),
        ({"breached": False}, 0, 0),
        ({"breached": None, "deviation": None}, 0, LEVEL_MAX),
        ({"deviation": d("0.3")}, 1, 1),
        ({"deviation": d("-0.31")}, 2, 2),
    ],
)
def test_an_asset_outside_its_band_is_worse_beyond_three_triggers(
    changes: dict[str, Any], level: int, easing: int
) -> None:
    """Outside, far outside, inside and not known are four things."""
    found = of(Kind.UNHEDGED, assets=(asset(**changes),))

    assert (found.level, max(found.level, found.easing)) == (level, easing)


def test_an_unhedged_asset_says_what_holds_it() -> None:
    """The reason that the engine gives is the reason that a person reads."""
    held = of(Kind.UNHEDGED, assets=(asset(why_held="depth (binance.usdm:BTCUSDT): too thin"),))

    assert held.lines == ("Held: depth (binance.usdm:BTCUSDT): too thin",)
    assert held.title == "BTC outside its band: +0.2 BTC (+12,000.00 USDT)"


def test_in_observe_no_asset_is_unhedged() -> None:
    """Proposals say what would be done; nobody promised to do it."""
    assert not [r for r in readings(facts(observing=True, assets=(asset(),)), BOUNDS) if r.course.kind is Kind.UNHEDGED]


def test_an_unwind_that_does_not_end_is_told_as_that() -> None:
    """The hedge is still open; no band is spoken of."""
    found = of(Kind.UNHEDGED, assets=(asset(unwinding=True, deviation=d("-1.2"), trigger=d(0)),))

    assert found.key == "unhedged:unwind:BTC"
    assert found.title == "the BTC hedge is still open: -1.2 BTC"
    assert found.level == 1


@pytest.mark.parametrize(
    ("ratio", "level", "easing"),
    [("0.349", 0, 1), ("0.35", 1, 1), ("0.5", 2, 2), ("0.69", 2, 3), ("0.7", 3, 3), ("Infinity", 3, 3), ("0.32", 0, 0)],
)
def test_margin_has_three_stages_with_hysteresis(ratio: str, level: int, easing: int) -> None:
    """0.35, the limit and 0.70; each is left two points below itself."""
    found = of(Kind.MARGIN, margin_ratio=d(ratio))

    assert (found.level, max(found.level, found.easing)) == (level, easing)


def test_a_margin_ratio_that_is_not_known_changes_nothing() -> None:
    """Neither safe nor in danger."""
    assert (of(Kind.MARGIN, margin_ratio=None).level, of(Kind.MARGIN, margin_ratio=None).easing) == (0, LEVEL_MAX)


@given(st.decimals("0.05", "0.9", places=2))
def test_the_margin_stages_are_in_order_for_every_limit(limit: Decimal) -> None:
    """Whatever the owner allows: first the warning, then the limit, then the danger."""
    warn, reduce_only, critical = margin_stages(limit)

    assert 0 < warn < reduce_only < critical < 1
    assert reduce_only == limit


def test_a_margin_ramp_is_told_stage_by_stage() -> None:
    """A ratio that climbs to 0.75 and falls again: each stage once, and once that it is over."""
    climb = [Decimal(n) / 100 for n in [*range(30, 76), *range(75, 19, -1), *([20] * 40)]]
    machine, found = Conditions(), []
    for second, ratio in enumerate(climb):
        found += machine.look(second * SECOND_NS, [of(Kind.MARGIN, margin_ratio=ratio)])

    assert [(c.turn, c.stage, c.severity) for c in found] == [
        (Turn.RAISED, 1, Severity.WARNING),
        (Turn.ESCALATED, 2, Severity.WARNING),
        (Turn.ESCALATED, 3, Severity.CRITICAL),
        (Turn.RESOLVED, 0, Severity.CRITICAL),
    ]


@pytest.mark.parametrize(
    ("offset_ms", "level", "easing"), [(499, 0, 1), (501, 1, 1), (-600, 1, 1), (300, 0, 0), (None, 0, 1)]
)
def test_a_clock_is_judged_by_the_limit(offset_ms: int | None, level: int, easing: int) -> None:
    """Ahead or behind alike; a clock that was not read stays what it was."""
    offset = None if offset_ms is None else offset_ms * MILLISECOND_NS
    found = of(Kind.CLOCK, clock_offsets=(("binance.usdm", offset),))

    assert (found.level, max(found.level, found.easing)) == (level, easing)


@pytest.mark.parametrize(("used", "level"), [(0.2, 0), (0.49, 0), (0.5, 1), (0.99, 1), (1.0, 2)])
def test_a_rate_budget_is_told_where_new_orders_stop(used: float, level: int) -> None:
    """Half of the venue's limit is where our own orders are held back; all of it is where everything is."""
    assert of(Kind.RATE_BUDGET, budgets=(("fapi", used),)).level == level


@pytest.mark.parametrize(("lag_ms", "level"), [(3, 0), (500, 0), (501, 1), (5_001, 2)])
def test_a_slow_journal_is_told_by_its_lag(lag_ms: int, level: int) -> None:
    """Half a second behind is slow, five are stuck."""
    assert of(Kind.JOURNAL_SLOW, journal_lag_ns=lag_ms * MILLISECOND_NS).level == level


@pytest.mark.parametrize(
    ("free", "level", "easing"),
    [(2 * GIB, 0, 0), (GIB, 0, 1), (GIB - 1, 1, 1), (GIB // 4 - 1, 2, 2), (None, 0, LEVEL_MAX)],
)
def test_a_disk_is_judged_by_the_bound(free: int | None, level: int, easing: int) -> None:
    """Below the bound it is said, below a quarter of it it is critical, and a disk that hangs says nothing."""
    found = of(Kind.DISK, disk_free_bytes=free)

    assert (found.level, max(found.level, found.easing)) == (level, easing)


@pytest.mark.parametrize(
    ("stress", "level", "easing"),
    [("0.149", 2, 2), ("0.15", 0, 2), ("0.159", 0, 2), ("0.16", 0, 0), ("Infinity", 0, 0)],
)
def test_a_distance_below_its_limit_is_the_stage_at_which_only_reductions_go(
    stress: str, level: int, easing: int
) -> None:
    """It is told beside the ratio, and left one point above itself."""
    found = of(Kind.MARGIN, margin_stress=d(stress), stress_distance_min=d("0.15"))

    assert (found.level, max(found.level, found.easing)) == (level, easing)
    assert ("from liquidation" in found.title) is (level == 2)


def test_a_distance_that_nobody_limits_or_knows_is_no_stage() -> None:
    """Zero is off; None is not near."""
    assert of(Kind.MARGIN, margin_stress=d("0.01")).level == 0
    assert of(Kind.MARGIN, margin_stress=None, stress_distance_min=d("0.15")).level == 0
