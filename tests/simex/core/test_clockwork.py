"""Time: the same moments in the same order, however finely it is asked for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.core.events import DepthChanged, Marked, Traded
from bot.simex.core.flow import Aggression, Flow, Level, Print
from bot.simex.core.order import BUY, SELL
from tests.simex.core.trading_stage import PERP, START_MS, Stage, n

END_MS = START_MS + 6_000


def flows(draws: list[tuple[int, int, int, bool]]) -> list[Flow]:
    """A tape of levels, aggressions and prints."""
    made: list[Flow] = []
    for time, kind, price, up in sorted(draws):
        at, side = START_MS + time, BUY if up else SELL
        level = n(99) + price * n("0.1")
        if kind == 0:
            made.append(Aggression(PERP, at, side, 0, n(2)))
        elif kind == 1:
            made.append(Print(PERP, at, level, n(1), side))
        else:
            made.append(Level(PERP, at, side, level - side * n("1.1"), n(kind)))
    return made


@settings(max_examples=60, deadline=None)
@given(
    draws=st.lists(st.tuples(st.integers(1, 5_999), st.integers(0, 5), st.integers(0, 20), st.booleans()), max_size=60),
    stops=st.lists(st.integers(0, 6_000), max_size=30),
)
def test_the_result_does_not_depend_on_the_steps(draws: list[tuple[int, int, int, bool]], stops: list[int]) -> None:
    """One great step or many small ones: every event is the same."""
    digests = []
    for times in ([], sorted(stops)):
        stage = Stage(flow=flows(draws))
        for price in ("99.5", "99.9", "100.1", "100.5"):
            (stage.buy if price < "99.99" and len(price) == 4 else stage.sell)("a", "2", price)
        stage.exchange.countdown("a", PERP, 4_321)
        for time in (*times, 6_000):
            stage.exchange.advance(START_MS + time)
            stage.exchange.check()
        digests.append(stage.exchange.digest())

    assert digests[0] == digests[1]


def test_time_never_goes_back() -> None:
    """An earlier time counts as the present."""
    stage = Stage()
    stage.exchange.advance(END_MS)
    stage.exchange.advance(START_MS)

    assert stage.exchange.now_ms == END_MS


def test_the_order_of_one_moment() -> None:
    """Flow comes before depth differences, they before marks, each with the moment's own time."""
    flow = [Aggression(PERP, START_MS + 1_000, BUY, 0, n(1))]
    stage = Stage(flow=flow)
    stage.exchange.advance(START_MS + 1_000)
    kinds = [type(event) for event in stage.exchange.drain() if event.time_ms == START_MS + 1_000]

    assert [kind for kind in kinds if kind in (Traded, DepthChanged, Marked)] == [Traded, DepthChanged, Marked]


def test_marks_come_at_multiples_of_their_interval() -> None:
    """A mark a second, whatever happens between."""
    stage = Stage(mark_interval_ms=2_000)
    stage.exchange.advance(END_MS + 1)

    assert [event.time_ms - START_MS for event in stage.drained(Marked)] == [2_000, 4_000, 6_000]


def test_a_call_comes_after_everything_that_is_due() -> None:
    """An order placed at a moment meets the book as the flow of that moment left it."""
    stage = Stage(flow=[Level(PERP, START_MS + 500, SELL, n("100.1"), 0)])
    stage.exchange.advance(START_MS + 500)

    assert stage.buy("a", "1").average_price == n("100.2")


def test_funding_is_charged_in_its_moment() -> None:
    """At the settlement a long pays a short the prescribed rate on its notional at the mark."""
    stage = Stage()
    stage.buy("a", "1", "100")
    stage.sell("b", "1", "100")
    stage.exchange.set_rate(PERP, 100_000, next_ms=START_MS + 1_000)
    stage.exchange.advance(START_MS + 1_000)
    stage.exchange.check()

    assert stage.position("a").funding == -stage.position("b").funding == -n("0.1") * 10**8
