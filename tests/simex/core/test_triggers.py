"""The heaps of waiting orders."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core import triggers
from bot.simex.core.order import SELL, Order, Trigger
from bot.simex.core.triggers import Triggers
from tests.simex.core.trading_stage import PERP, perpetual

PERPETUAL = perpetual()


def waiting(order_id: int, price: int, *, rises: bool = False) -> Order:
    """An order that waits for the last price."""
    trigger = Trigger(price=price, by="last", rises=rises)
    order = Order(order_id, "", "a", PERPETUAL, SELL, "market", "gtc", 1, 0, "none", "user", 0, 0, trigger=trigger)
    order.status = "untriggered"
    return order


def test_a_price_sets_off_what_it_reaches() -> None:
    """Rises fire at or above their price, falls at or below, rises first, each side from the nearest on."""
    found = Triggers()
    for order in (waiting(1, 90), waiting(2, 95), waiting(3, 110, rises=True), waiting(4, 105, rises=True)):
        found.add(order)

    assert found.due(PERP, "last", 96, 104) == []
    assert found.due(PERP, "mark", 1, 999) == []
    assert [order.order_id for order in found.due(PERP, "last", 95, 105)] == [4, 2]
    assert [order.order_id for order in found.due(PERP, "last", 1, 999)] == [3, 1]


def test_an_amended_trigger_fires_at_its_new_price_only() -> None:
    """Moved away and back again, an order still fires once."""
    found, order = Triggers(), waiting(1, 90)
    first = order.trigger
    found.add(order)
    for price in (80, 90):
        found.drop(order)
        assert first is not None
        order.trigger = msgspec.structs.replace(first, price=price)
        found.add(order)
    due = found.due(PERP, "last", 85, 85)

    assert [one.order_id for one in dict.fromkeys(due)] == [1]


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans(), st.booleans()), max_size=300))
def test_cancelled_orders_never_fire_and_are_swept(steps: list[tuple[int, bool, bool]]) -> None:
    """Whatever is cancelled stays silent, and the heaps stay in proportion to what waits."""
    found, alive = Triggers(), dict[int, Order]()
    for number, (price, rises, cancels) in enumerate(steps):
        order = waiting(number, price, rises=rises)
        found.add(order)
        if cancels:
            found.drop(order)
            order.status = "deactivated"
        else:
            alive[number] = order
    entries = sum(len(watch._heap) for watch in found.watches.values())

    assert entries <= 2 * len(alive) + 2 * (triggers.STALE_MAX + 1)
    assert {order.order_id for order in found.due(PERP, "last", 0, 31)} == set(alive)
