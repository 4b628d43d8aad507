"""A price in doubt holds new risk, never what gives a hedge back."""

from decimal import Decimal

import pytest

from bot.domain.bands import Unit
from bot.domain.events import Market
from bot.domain.market import Mark
from tests.engine.kit import World
from tests.kit import band, d, hedge, neutral, pricing

STALE_S = 3
WHY = {"spot": "stale_price", "mark": "stale_mark"}


def without(what: str) -> World:
    """One hedged bitcoin, whose spot quotes, or whose mark, have stopped long enough to be stale."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(11)
    assert world.position("BTC") == -1

    def bent(event: Market) -> Market | None:
        gone = isinstance(event, Mark) if what == "mark" else event.instrument == pricing("BTC")
        return None if gone else event

    world.bent = bent
    world.run(STALE_S if what == "spot" else 2 * STALE_S)
    world.forget()
    return world


@pytest.mark.parametrize("what", ["spot", "mark"])
def test_coins_that_left_are_bought_back_though_the_price_is_in_doubt(what: str) -> None:
    """The hedge shrinks by a reduce-only order; its own book prices it."""
    world = without(what)
    world.deposit("BTC", "-0.4")
    world.run(15)

    assert world.position("BTC") == d("-0.6")
    assert [True] == [request.reduce_only for request in world.sent]


@pytest.mark.parametrize("what", ["spot", "mark"])
def test_coins_that_came_wait_for_a_price_that_can_be_trusted(what: str) -> None:
    """More hedge is new risk: it is held, and says by what."""
    world = without(what)
    world.deposit("BTC", "0.5")
    world.run(15)

    assert world.sent == []
    assert WHY[what] in world.notices("held")[-1].text


def test_a_hedge_that_would_turn_round_is_not_giving_back() -> None:
    """Sold short by the owner's own debt, the position would become long: that waits."""
    world = without("spot")
    world.deposit("BTC", "-1.5")
    world.run(15)

    assert world.sent == []


def test_a_band_in_quote_currency_needs_the_price() -> None:
    """Whether such a band is breached is a question of the price: it is held."""
    target = neutral("BTC", within=band("100", unit=Unit.QUOTE))
    world = World.neutral(target, coins={"BTC": "1"}).run(11)
    world.bent = lambda event: None if event.instrument == pricing("BTC") else event
    world.run(STALE_S)
    world.forget()
    world.deposit("BTC", "-0.4")
    world.run(15)

    assert world.sent == []


def test_without_a_book_of_the_hedge_nothing_is_done() -> None:
    """No book, no order: the doubt stands as it is."""
    world = without("spot")
    del world.engine.state.books.quotes[hedge("BTC")]
    world.bent = lambda event: None
    world.deposit("BTC", "-0.4")
    world.run(15)

    assert world.sent == []
    assert world.position("BTC") == Decimal(-1)
