"""Triggers: what a breach waits for, how long at most, and what it never waits for."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.signals import Verdict
from bot.domain.order import Side
from bot.domain.snapshot import Bar, Bars
from bot.domain.triggers import CALENDAR_MISSED_NS_MAX, Gate, Signal, Start, When
from bot.domain.units import HOUR_NS, SECOND_NS, Nanos
from bot.policy.triggers import FIRE, Breach, Skip, Wait, breach_of, struck_at, verdict
from bot.policy.view import View
from tests.kit import BTC, ETH, d
from tests.policy.views import NOW, statistics

SHUT = Verdict(False, "trend +0.0100: better prices to sell are likely", 0.01)
BLIND = Verdict(None, "trend is not known")
OPEN = Verdict(True, "trend -0.0100", -0.01)
VIEW = View(prices={}, parts={}, now=NOW)


def test_a_breach_without_triggers_fires() -> None:
    """The defaults wait for nothing."""
    assert verdict(When(), Breach()) == FIRE


@pytest.mark.parametrize(("waited", "fires"), [(59, False), (60, True)])
def test_a_breach_must_persist(waited: int, fires: bool) -> None:
    """For as long as the target says."""
    found = verdict(When(persist_ns=60 * SECOND_NS), Breach(waited_ns=waited * SECOND_NS))

    assert found == (FIRE if fires else Wait(("outside for 59 of 60 s",)))


@pytest.mark.parametrize(
    ("start", "struck", "fires"),
    [
        (Start.EITHER, False, True),
        (Start.BOTH, False, False),
        (Start.CALENDAR, False, False),
        (Start.EITHER, True, True),
        (Start.BOTH, True, True),
        (Start.CALENDAR, True, True),
    ],
)
def test_a_calendar_starts_a_hedge_alone_or_with_the_band(start: Start, struck: bool, fires: bool) -> None:
    """Drift or calendar, drift at the calendar, or the calendar alone."""
    found = verdict(When(calendar="0 0 1 */3 *", start=start), Breach(struck=struck))

    assert found == (FIRE if fires else Wait(("its calendar has not struck",)))


def test_a_start_without_a_calendar_waits_for_none() -> None:
    """What was never to strike holds nothing up."""
    assert verdict(When(start=Start.BOTH), Breach()) == FIRE


def test_a_strike_needs_no_persistence() -> None:
    """The calendar is a trigger of its own."""
    assert verdict(When(calendar="@daily", persist_ns=HOUR_NS), Breach(struck=True)) == FIRE


@pytest.mark.parametrize("gate", [SHUT, BLIND])
def test_a_gate_holds_a_breach_for_its_time_and_no_longer(gate: Verdict) -> None:
    """Whether it says wait or knows nothing: at most four hours after the breach."""
    when = When(gates=(Gate(signal=Signal.TREND),))
    held = verdict(when, Breach(waited_ns=HOUR_NS, gates=(gate, OPEN)))

    assert held == Wait((f"{gate.why} (for 10800 s more at most)",))
    assert verdict(when, Breach(waited_ns=4 * HOUR_NS, gates=(gate, OPEN))) == FIRE
    assert verdict(when, Breach(gates=(OPEN,))) == FIRE


@pytest.mark.parametrize(
    ("cost", "risk", "skipped"),
    [(0.002, 0.01, False), (0.0021, 0.01, True), (None, 0.01, False), (0.5, None, False)],
)
def test_a_hedge_that_costs_more_than_its_risk_is_skipped(
    cost: float | None, risk: float | None, skipped: bool
) -> None:
    """A fifth of a day's standard deviation; what is not known never stands in the way."""
    found = verdict(When(cost_to_risk_max=d("0.2")), Breach(cost=cost, risk=risk))

    assert isinstance(found, Skip) is skipped


@given(
    st.builds(
        When,
        persist_ns=st.integers(0, HOUR_NS),
        calendar=st.sampled_from(("", "@daily")),
        start=st.sampled_from(Start),
        gates=st.sampled_from(((), (Gate(signal=Signal.TREND),))),
        cost_to_risk_max=st.sampled_from((None, d("0.1"))),
    ),
    st.builds(
        Breach, gates=st.sampled_from(((), (SHUT,), (BLIND,))), cost=st.sampled_from((None, 0.5)), risk=st.just(0.1)
    ),
)
def test_nothing_holds_what_is_beyond_instant(when: When, breach: Breach) -> None:
    """No duration, calendar, gate or cost."""
    assert verdict(when, msgspec.structs.replace(breach, urgent=True)) == FIRE


@pytest.mark.parametrize(
    ("calendar", "struck", "counts"),
    [("@daily", 0, True), ("@daily", CALENDAR_MISSED_NS_MAX, True), ("@daily", CALENDAR_MISSED_NS_MAX + 1, False)],
)
def test_a_strike_counts_for_a_day(calendar: str, struck: int, counts: bool) -> None:
    """An older one is let go."""
    at = Nanos(NOW - struck)

    assert struck_at(When(calendar=calendar), at, NOW) == (at if counts else None)
    assert struck_at(When(), at, NOW) is None
    assert struck_at(When(calendar=calendar), None, NOW) is None


def test_what_a_trigger_looks_at_is_read_from_the_view() -> None:
    """How long, what it costs, and a day's risk where that is asked for."""
    view = msgspec.structs.replace(VIEW, costs={BTC: 0.001}, moments=statistics({"BTC": 0.73}))
    when = When(cost_to_risk_max=d(1))
    found = breach_of(when, BTC, Side.SELL, view, since=Nanos(NOW - 5), struck=None, urgent=False)

    assert (found.waited_ns, found.cost, found.struck) == (5, 0.001, False)
    assert found.risk is not None
    assert abs(found.risk - 0.73 / 365**0.5) < 1e-12
    blank = breach_of(When(), BTC, Side.SELL, view, since=None, struck=None, urgent=True)
    assert (blank.waited_ns, blank.risk, blank.urgent) == (0, None, True)
    assert breach_of(when, BTC, Side.SELL, VIEW, since=None, struck=None, urgent=False).risk is None


def test_a_strike_is_what_is_waited_since() -> None:
    """So that a gate holds it for its time after the strike."""
    found = breach_of(When(), BTC, Side.BUY, VIEW, since=Nanos(NOW - 50), struck=Nanos(NOW - 7), urgent=False)

    assert (found.waited_ns, found.struck) == (7, True)


def test_gates_read_the_bars_of_their_asset() -> None:
    """The hedged asset's own, or another's: a rising market holds a sale and lets a purchase go."""
    hours = range(60)
    rising = Bars(HOUR_NS, tuple(Bar(Nanos(NOW - (60 - n) * HOUR_NS), 1, 200, 1, 100.0 + n, 1.0) for n in hours))
    view = msgspec.structs.replace(VIEW, bars={ETH: rising})

    def gates(asset: object, side: Side, whose: object = None) -> list[bool | None]:
        when = When(gates=(Gate(signal=Signal.TREND, asset=whose),))  # type: ignore[arg-type]
        found = breach_of(when, asset, side, view, since=None, struck=None, urgent=False)  # type: ignore[arg-type]
        return [gate.open for gate in found.gates]

    assert gates(ETH, Side.SELL) == [False]
    assert gates(ETH, Side.BUY) == [True]
    assert gates(BTC, Side.SELL) == [None]
    assert gates(BTC, Side.SELL, ETH) == [False]
