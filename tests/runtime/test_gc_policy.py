"""Garbage is collected on a schedule."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from bot.runtime import gc_policy
from bot.runtime.clock import ManualClock


class Node:
    """Something that can refer to itself."""

    other: "Node"


@pytest.fixture(autouse=True)
def _collection_as_found() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def cycles(count: int) -> None:
    """Leave so many unreachable pairs behind."""
    for _ in range(count):
        one, two = Node(), Node()
        one.other, two.other = two, one


def test_nothing_is_collected_by_chance() -> None:
    """After start-up the collector is off, and what start-up made is frozen."""
    gc_policy.settle()

    assert not gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_young_cycles_are_found() -> None:
    """What reference counting cannot free goes with the next turn."""
    gc_policy.settle()
    collector = gc_policy.Collector(ManualClock().sleep)
    cycles(100)

    assert collector.collect() >= 200
    assert collector.longest_ns > 0


def test_old_cycles_go_with_a_full_collection() -> None:
    """A cycle that survived the young turns is found in the end."""
    gc_policy.settle()
    collector = gc_policy.Collector(ManualClock().sleep)
    one, two = Node(), Node()
    one.other, two.other = two, one
    collector.collect()
    collector.collect()
    del one, two

    found = [collector.collect() for _ in range(gc_policy.YOUNG_PER_FULL - 2)]

    assert 2 <= found[-1]
    assert 2 > found[0]


async def test_collections_follow_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """One collection a second, however long the process lives."""
    clock = ManualClock()
    collector = gc_policy.Collector(clock.sleep)
    turns: list[int] = []
    monkeypatch.setattr(collector, "collect", lambda: turns.append(1))
    running = asyncio.ensure_future(collector.run())
    await clock.advance(10 * 1_000_000_000)
    running.cancel()

    assert 10 == len(turns)
