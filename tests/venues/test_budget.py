"""The rate budget: who may still ask, and who waits for whom (nobody)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.venues.budget import USDM_LIMITS, Budget, Lane, Limits
from tests.venues.canned import Clock

TIGHT = Limits(weight_per_minute=100, orders_per_10s=10, orders_per_minute=40)


def budget(clock: Clock, limits: Limits = TIGHT) -> Budget:
    """A budget at the beginning of a minute."""
    clock.now_ns = type(clock.now_ns)(clock.now_ns - clock.now_ns % 60_000_000_000)
    return Budget(limits, clock, clock.sleep)


def exhaust(one: Budget, lane: Lane) -> None:
    """Take weight one by one until this lane is refused."""
    while not one.take(lane, 1):
        pass


def test_an_order_never_waits_behind_reads() -> None:
    """Reads that have used up their share leave the orders theirs."""
    one = budget(Clock())
    exhaust(one, Lane.READ)

    assert one.take(Lane.READ, 1) > 0
    assert 0 == one.take(Lane.LOOK, 1)
    assert 0 == one.take(Lane.ORDER, 0, 1)


def test_what_reduces_risk_has_a_reserve() -> None:
    """When new orders are out of budget, reduce-only orders and cancels are not."""
    one = budget(Clock())
    while not one.take(Lane.ORDER, 0, 1):
        pass

    assert 5 == one.usage().orders_10s
    assert 0 == one.take(Lane.REDUCE, 0, 1)
    assert 0 == one.take(Lane.REDUCE, 1)


def test_a_refusal_says_when_and_charges_nothing() -> None:
    """The wait is until the venue's window turns, and asking in vain costs nothing."""
    clock = Clock()
    one = budget(clock)
    clock.forward(20)
    exhaust(one, Lane.READ)
    used = one.usage().weight

    assert 40_000_000_000 == one.take(Lane.READ, 1)
    assert used == one.usage().weight


def test_a_new_minute_is_a_new_budget() -> None:
    """The count starts anew where the venue's does."""
    clock = Clock()
    one = budget(clock)
    exhaust(one, Lane.READ)
    clock.forward(60)

    assert 0 == one.take(Lane.READ, 1)


async def test_a_read_sleeps_alone_until_its_window_turns() -> None:
    """A patient read waits exactly as long as it must."""
    clock = Clock()
    one = budget(clock)
    exhaust(one, Lane.READ)

    assert 0 == await one.wait(Lane.READ, 1, 61_000_000_000)
    assert [60.0] == clock.slept_s


async def test_a_read_out_of_patience_goes_without() -> None:
    """A bounded wait that would not be enough is not begun."""
    clock = Clock()
    one = budget(clock)
    exhaust(one, Lane.READ)

    assert await one.wait(Lane.READ, 1, 5_000_000_000) > 5_000_000_000
    assert [] == clock.slept_s


def test_the_venues_count_overrules_a_lower_one_of_ours() -> None:
    """Another program behind the same address shows in the headers."""
    one = budget(Clock())
    one.learn({"x-mbx-used-weight-1m": "80", "x-mbx-order-count-10s": "9"})

    assert (80, 9) == (one.usage().weight, one.usage().orders_10s)
    assert one.take(Lane.ORDER, 1) > 0


@pytest.mark.parametrize("text", ["", "-5", "many", "1e3", "٣"])
def test_a_header_that_is_missing_or_wrong_leaves_our_count(text: str) -> None:
    """Our own ledger stands where the venue's cannot be read."""
    one = budget(Clock())
    one.take(Lane.READ, 7)
    one.learn({"x-mbx-used-weight-1m": text})

    assert 7 == one.usage().weight


def test_a_lower_count_is_not_believed() -> None:
    """An answer that overtook another does not give weight back."""
    one = budget(Clock())
    one.take(Lane.READ, 20)
    one.learn({"x-mbx-used-weight-1m": "3"})

    assert 20 == one.usage().weight


def test_nothing_leaves_during_a_ban() -> None:
    """After 418 every lane waits out the venue's own time, cancels included."""
    clock = Clock()
    one = budget(clock)
    one.refused(418, -1003, 120)

    assert all(one.take(lane, 1) == 120_000_000_000 for lane in Lane)
    clock.forward(119.9)
    assert one.take(Lane.REDUCE, 1) > 0
    clock.forward(0.2)
    assert 0 == one.take(Lane.REDUCE, 1)


def test_too_many_orders_stop_orders_only() -> None:
    """An order count that is full says nothing about reads."""
    one = budget(Clock())
    one.refused(429, -1015, 8)

    assert one.take(Lane.ORDER, 0, 1) > 0
    assert 0 == one.take(Lane.READ, 1)


def test_a_shorter_ban_does_not_end_a_longer_one() -> None:
    """A late 429 cannot lift a 418."""
    one = budget(Clock())
    one.refused(418, 0, 300)
    one.refused(429, 0, 1)

    assert 300_000_000_000 == one.take(Lane.READ, 1)


@pytest.mark.parametrize(("status", "seconds"), [(429, 30), (418, 120)])
def test_a_ban_without_a_time_has_one_of_ours(status: int, seconds: int) -> None:
    """A missing Retry-After is not an invitation."""
    one = budget(Clock())
    one.refused(status, 0, None)

    assert seconds * 1_000_000_000 == one.take(Lane.READ, 1)


def test_limits_that_the_venue_tightens_are_kept() -> None:
    """Refused below the stated limit, we stay below what it showed, and no lower than a quarter."""
    clock = Clock()
    one = budget(clock, USDM_LIMITS)
    one.learn({"x-mbx-used-weight-1m": "1200"})
    one.refused(429, -1003, 1)
    assert 1_200 == one.usage().weight_limit
    clock.forward(60)
    one.refused(429, -1003, 1)

    assert 600 == one.usage().weight_limit
    one.configure(USDM_LIMITS)
    assert 2_400 == one.usage().weight_limit


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Lane)), st.integers(0, 40), st.integers(0, 2), st.floats(0, 20)), max_size=60
    )
)
def test_no_window_ever_exceeds_its_share(steps: list[tuple[Lane, int, int, float]]) -> None:
    """Whatever is asked in whatever order, a minute never takes more than the most privileged lane may use."""
    clock = Clock()
    one = budget(clock)
    for lane, weight, orders, pause_s in steps:
        if one.take(lane, weight, orders) == 0:
            assert one.usage().weight <= lane.value * TIGHT.weight_per_minute or not weight
            assert one.usage().orders_10s <= lane.value * TIGHT.orders_per_10s or not orders
        clock.forward(pause_s)


def test_the_used_ratio_is_the_tightest_limits() -> None:
    """Weight, orders in ten seconds or orders in a minute, whichever is nearest to its limit; a ban is all of it."""
    clock = Clock()
    one = budget(clock)
    assert 0 == one.used_ratio()
    one.take(Lane.READ, one.limits.weight_per_minute // 4)
    assert 0.25 == one.used_ratio()
    one.learn({"x-mbx-order-count-10s": str(one.limits.orders_per_10s // 2)})
    assert 0.5 == one.used_ratio()

    one.refused(429, -1003, 5)
    assert 1 <= one.used_ratio()
