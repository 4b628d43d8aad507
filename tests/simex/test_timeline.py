"""The exchange's time against the clients'."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.simex.timeline import Timeline


@given(st.lists(st.integers(-5_000, 5_000), max_size=30), st.sampled_from([0.5, 1.0, 10.0]))
def test_exchange_time_never_goes_back(steps: list[int], speed: float) -> None:
    """Whatever the wall clock does, exchange time does not decrease."""
    wall = [1_700_000_000_000]
    line = Timeline(lambda: wall[0], speed)
    seen = [line.exchange_ms()]
    for step in steps:
        wall[0] += step
        seen.append(line.exchange_ms())

    assert sorted(seen) == seen


@given(st.integers(0, 10**9), st.sampled_from([0.5, 1.0, 7.0, 100.0]), st.integers(-10_000, 10_000))
def test_a_moment_on_the_wire_is_when_it_is_reached(elapsed_ms: int, speed: float, offset_ms: int) -> None:
    """The wire time of the present is the server's clock, to a millisecond, at any speed and offset."""
    wall = [1_700_000_000_000]
    line = Timeline(lambda: wall[0], speed, offset_ms)
    wall[0] += elapsed_ms

    assert abs(line.wire_ms(line.exchange_ms()) - line.server_ms()) <= 1
