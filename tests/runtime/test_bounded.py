"""Nothing that the daemon keeps in memory grows with time."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from bot.domain.units import SECOND_NS, Nanos
from bot.runtime.monitor import ORDERS_KEPT, Monitor
from bot.runtime.steps import encode_state
from tests.engine.kit import World
from tests.kit import PRICES, START_NS, pricing, quote

QUOTES_A_ROUND = 4_000
WARM_UP, ROUNDS = 60, 250
GROWTH_BYTES_MAX = 128 * 1024
"""A tenth of a byte an event; one forgotten record a round would be twice as much."""


def round_of(world: World, monitor: Monitor, number: int) -> None:
    """A minute: coins come or go and are hedged, then the market moves inside the band."""
    world.deposit("BTC", "0.05" if number % 2 else "-0.05")
    world.until(lambda w: not w.pending and not w.engine.state.orders.live())
    for _ in range(4):
        world.tick()
    price, name = PRICES["BTC"], pricing("BTC")
    inside = [quote(name, price + step, world.now) for step in (0.1, -0.1)]
    handle = world.engine.handle
    for turn in range(QUOTES_A_ROUND):
        handle(inside[turn % 2])
    for step in world.steps:
        monitor.on_step(step.event, ())
    monitor.sample_orders(world.engine.state, Nanos(START_NS))
    world.now = Nanos(world.now + 50 * SECOND_NS)
    world.log.clear()
    world.steps.clear()
    world.venue.orders.clear()


@pytest.mark.slow
def test_a_million_events_leave_nothing_behind() -> None:
    """After four hours of hedges and a million quotes the engine and the monitor hold what they held after one."""
    world, monitor = World.neutral(coins={"BTC": "1.2345", "ETH": "10"}), Monitor()
    world.run(3)
    tracemalloc.start()
    try:
        for number in range(WARM_UP):
            round_of(world, monitor, number)
        gc.collect()
        before, state_before = tracemalloc.get_traced_memory()[0], len(encode_state(world.engine.state))
        for number in range(WARM_UP, WARM_UP + ROUNDS):
            round_of(world, monitor, number)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert WARM_UP + ROUNDS <= world.engine.state.orders.intents, "it did not hedge"
    assert len(monitor.orders()) == ORDERS_KEPT
    assert grown < GROWTH_BYTES_MAX
    assert abs(len(encode_state(world.engine.state)) - state_before) < 4_096
