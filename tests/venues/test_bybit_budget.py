"""Bybit's patience: a limit a second for each endpoint, one of the address, and what a refusal means."""

from __future__ import annotations

from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.venues import bybit_routes as routes
from bot.venues.budget import Lane
from bot.venues.bybit_budget import ADDRESS_BAN_NS, EndpointBudgets
from tests.venues.canned import Clock


def budgets(clock: Clock) -> EndpointBudgets:
    """Fresh budgets."""
    return EndpointBudgets(clock, clock.sleep)


def test_lanes_share_an_endpoint() -> None:
    """New orders stop at half of ten a second; what reduces goes on to nine."""
    clock = Clock()
    own = budgets(clock).of(routes.ORDER_NEW)

    assert [0] * 5 == [own.take(Lane.ORDER, 1, 1) for _ in range(5)]
    assert own.take(Lane.ORDER, 1, 1) > 0
    assert [0] * 4 == [own.take(Lane.REDUCE, 1, 1) for _ in range(4)]
    assert own.take(Lane.REDUCE, 1, 1) > 0


def test_a_second_rolls() -> None:
    """Not the second's end but a second after the first frees a place."""
    clock = Clock()
    own = budgets(clock).of(routes.ORDER_NEW)
    for _ in range(5):
        own.take(Lane.ORDER, 1, 1)
        clock.forward(0.1)

    assert 500 * MILLISECOND_NS == own.take(Lane.ORDER, 1, 1)
    clock.forward(0.5)
    assert 0 == own.take(Lane.ORDER, 1, 1)


def test_endpoints_do_not_share_their_own_limits() -> None:
    """Reads of orders do not use up the places of new ones."""
    both = budgets(Clock())
    for _ in range(17):
        both.of(routes.ORDERS_NOW).take(Lane.READ, 1)

    assert 0 == both.of(routes.ORDER_NEW).take(Lane.ORDER, 1, 1)


def test_headers_teach() -> None:
    """What the venue says is left counts where it is less than we believe, and so does a smaller limit."""
    own = budgets(Clock()).of(routes.ORDER_NEW)
    own.learn({"x-bapi-limit": "4", "x-bapi-limit-status": "2", "x-bapi-limit-reset-timestamp": "1"})

    assert own.take(Lane.ORDER, 1, 1) > 0
    assert 0 == own.take(Lane.REDUCE, 1, 1)


def test_too_many_visits_rest_until_the_named_moment() -> None:
    """Nothing of that endpoint leaves before; the others go on."""
    clock = Clock()
    both = budgets(clock)
    own = both.of(routes.ORDER_NEW)
    reset = (clock() + 3 * SECOND_NS) // MILLISECOND_NS
    own.learn({"x-bapi-limit": "10", "x-bapi-limit-status": "0", "x-bapi-limit-reset-timestamp": str(reset)})
    own.refused(200, 10_006, None)

    assert 3 * SECOND_NS == own.take(Lane.REDUCE, 1, 1)
    assert 0 == both.of(routes.ORDERS_NOW).take(Lane.LOOK, 1)


def test_a_ban_of_the_address_stops_everything() -> None:
    """After a 403 nothing leaves for ten minutes, whatever it asks for."""
    clock = Clock()
    both = budgets(clock)
    both.of(routes.WALLET).refused(403, 0, None)

    assert ADDRESS_BAN_NS == both.of(routes.ORDER_NEW).take(Lane.REDUCE, 1, 1)
    assert 1.0 == both.whole()[routes.HOST].used_ratio()
    clock.forward(600)
    assert 0 == both.of(routes.ORDER_NEW).take(Lane.REDUCE, 1, 1)


async def test_a_read_waits_as_long_as_it_may() -> None:
    """It sleeps alone, and gives up beyond its patience."""
    clock = Clock()
    own = budgets(clock).of(routes.FEES)
    for _ in range(3):
        own.take(Lane.READ, 1)

    assert 0 < await own.wait(Lane.READ, 1, 100 * MILLISECOND_NS)
    assert 0 == await own.wait(Lane.READ, 1, 5 * SECOND_NS)
    assert clock.slept_s
