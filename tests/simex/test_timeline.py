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


def test_missed_time_is_not_made_up_for() -> None:
    """After a slip the exchange goes on from where it is, and its present is still the server's clock on the wire."""
    wall = [1_700_000_000_000]
    line = Timeline(lambda: wall[0], speed=10.0)
    wall[0] += 1_000
    line.slip(6_000)
    present = line.exchange_ms()
    wall[0] += 100

    assert line.start_ms + 4_000 == present
    assert present + 1_000 == line.exchange_ms()
    assert line.server_ms() == line.wire_ms(line.exchange_ms())


@given(st.integers(0, 10**9), st.sampled_from([0.5, 1.0, 7.0, 100.0]), st.integers(-10_000, 10_000))
def test_a_moment_on_the_wire_is_when_it_is_reached(elapsed_ms: int, speed: float, offset_ms: int) -> None:
    """The wire time of the present is the server's clock, to a millisecond, at any speed and offset."""
    wall = [1_700_000_000_000]
    line = Timeline(lambda: wall[0], speed, offset_ms)
    wall[0] += elapsed_ms

    assert abs(line.wire_ms(line.exchange_ms()) - line.server_ms()) <= 1
