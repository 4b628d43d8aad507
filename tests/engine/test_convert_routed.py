"""A coin whose hedge lies on several futures becomes money: the dearest short is bought back first."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.order import Refused, Side
from bot.domain.units import ZERO, Nanos, Qty
from bot.engine import convert, moves, sales
from bot.engine.engine import Engine
from bot.engine.layout import Layout
from bot.engine.modes import Latch, Mode
from bot.engine.routes import Move
from bot.engine.state import State
from bot.engine.trust import Beliefs
from tests.engine.routed import CHEAP, DEAR, FIRST, SECOND, Choosy, RoutedWorld, routed_rules
from tests.engine.test_replay import replayed
from tests.engine.trade import NAME, PAIR, Market, Trade, book, target
from tests.kit import BTC, PRICES, d, limits, neutral, perpetual


class Bazaar(Market, Choosy):
    """A market that buys coins, and refuses orders of the futures that a test names."""


class Book(Trade, RoutedWorld):  # type: ignore[misc]  # what is said is said of the conversion
    """A book of one bitcoin with two perpetuals, and a conversion."""

    def shorts(self) -> tuple[Decimal, Decimal]:
        """What is left on the one, and on the other."""
        return self.venue.position(FIRST).contracts, self.venue.position(SECOND).contracts

    @property
    def bazaar(self) -> Bazaar:
        """The venue, whose moods a test may change."""
        assert isinstance(self.venue, Bazaar)
        return self.venue


def split(first: str, second: str, amount: str, **changes: Any) -> Book:
    """One bitcoin, its hedge shared out so; the first future is dearer to keep."""
    owned = routed_rules(
        neutral("BTC"), target(amount), coins=("BTC",), limits=limits(**{"orders_per_minute_max": 60} | changes)
    )
    world = Book(owned, {"BTC": d(1), "USDT": d(0)})
    world.venue = Bazaar(dict.fromkeys(("BTC", "BTC2"), PRICES["BTC"]), {"BTC": d(1), "USDT": d(0)})
    world.bazaar.most = {}
    world.start()
    world.fund("BTC", DEAR)
    world.fund("BTC2", CHEAP)
    world.put(FIRST, d(first))
    world.put(SECOND, d(second))
    # What a move would save is not what is looked at here.
    world.engine.state.routes.begun[BTC] = world.now
    return world


@pytest.mark.parametrize(
    ("amount", "left"), [("0.5", ("-0.1", "-0.4")), ("0.8", ("0", "-0.2"))], ids=["within one", "over both"]
)
def test_the_dearest_short_is_bought_back_first(amount: str, left: tuple[str, str]) -> None:
    """As far as it reaches; then the next one is. Coins and shorts stay even to the end."""
    world = split("-0.6", "-0.4", amount)
    world.run(40)

    assert tuple(map(d, left)) == world.shorts()
    assert 1 - d(amount) == world.coins == -world.net
    assert "as much of the hedge was bought back" in world.said("converted")[0].text
    assert {Side.BUY} == {one.side for one in world.sent if one.instrument != PAIR}


def test_what_was_done_on_two_futures_replays_to_the_same_commands() -> None:
    """A new engine with the state before, fed the journal of the story, gives the same commands byte for byte."""
    world = split("-0.6", "-0.4", "0.8")
    kept = msgspec.json.encode(world.engine.state)
    before = len(world.steps)
    steps = world.run(40).steps[before:]

    assert [bytes(step.commands) for step in steps] == replayed(Engine.of(msgspec.json.decode(kept, type=State)), steps)


def test_a_future_that_cannot_be_traded_leaves_its_turn_to_the_next() -> None:
    """The dearer one is halted: as much is bought back on the other, and its short stays."""
    world = split("-0.6", "-0.4", "0.3")
    world.engine.state.modes.latch(FIRST, Latch(Mode.HALT, "why", "ann", world.now))
    world.run(20)

    assert (d("-0.6"), d("-0.1")) == world.shorts()
    assert d("0.7") == world.coins


def test_where_no_future_can_be_traded_nothing_is_sold() -> None:
    """Both are halted: the first refusal is told once, and no coin leaves."""
    world = split("-0.6", "-0.4", "0.3")
    for name in (FIRST, SECOND):
        world.engine.state.modes.latch(name, Latch(Mode.HALT, "why", "ann", world.now))
    world.run(10)

    assert not world.sold
    assert f"mode ({PAIR})" in world.said("held")[-1].text


def test_what_a_pair_owes_is_bought_back_elsewhere_where_its_own_future_refuses() -> None:
    """The venue refuses every purchase on the first future: what was sold is made up for on the second."""
    world = split("-0.6", "-0.4", "0.1")
    world.bazaar.refused_on = FIRST
    world.run(30)

    assert (d("-0.6"), d("-0.3")) == world.shorts()
    assert d("0.9") == world.coins
    assert not world.said("naked")


def test_what_a_pair_owes_is_bought_back_elsewhere_after_an_order_that_never_landed() -> None:
    """Nobody refused it, and it is proven that it was never placed: the next one goes to the other future."""
    world = split("-0.6", "-0.4", "0.1").until(lambda world: bool(world.sent))
    state = world.engine.state
    future = state.layout.instruments[FIRST]
    wanted = state.layout.conversions[0]

    assert not convert._came_to_nothing(state, msgspec.structs.replace(wanted, name="another"), future)
    assert convert._came_to_nothing(state, wanted, future)
    world.run(5)
    assert not convert._came_to_nothing(state, wanted, future)


def test_a_slice_below_every_grid_is_held_and_said() -> None:
    """Ten dollars of bitcoin are less than a lot of the future: nothing is sold, and one line says so."""
    world = book(neutral("BTC"), target("0.4", notional="10")).run(20)

    assert not world.sold
    assert world.said("held")[-1].text.endswith("0 BTC are too little for an order")


def test_only_the_route_of_a_hedge_is_remembered() -> None:
    """A sale of coins opens no route: the spot pair is no future."""
    world = split("-0.6", "-0.4", "0.2").run(20)

    assert PAIR not in world.engine.state.routes.chosen.values()


def test_a_conversion_waits_while_the_hedge_is_moved() -> None:
    """What a move owes is made up for by the move: no pair of another kind comes between."""
    world = split("-0.6", "-0.4", "0.2")
    state = world.engine.state
    state.routes.begin(
        BTC, Move(source=FIRST, target=SECOND, coins=Qty(d("-0.6")), why="it saves", begun_ns=Nanos(world.now))
    )
    found = convert.consider(Beliefs(state), state.layout.movers[NAME], state.layout.conversions[0])

    assert isinstance(found, Refused)
    assert ("lock", "its hedge is being moved to another future") == (found.guard, found.why)


def test_a_move_waits_while_a_conversion_owes_the_half_of_a_pair() -> None:
    """Half a pair is no position to move: it is evened out first."""
    world = split("-1", "0", "0.2")
    state = world.engine.state
    world.until(lambda _: bool(world.sold) and not state.orders.live())
    known = state.conversions.of[NAME]
    state.conversions.of[NAME] = msgspec.structs.replace(known, bought=ZERO)
    group = state.layout.groups[0]

    assert sales.busy(state, group) is not None
    assert not moves._at_rest(Beliefs(state), BTC)


def test_a_future_that_the_config_names_no_more_owes_nothing() -> None:
    """The last pair's future is gone: what is bought back next is of the preferred one."""
    world = split("0", "-1", "0.2").run(20)
    wanted = world.engine.state.layout.conversions[0]
    pair = sales.pair_of(world.engine.state, wanted)[1].id
    world.rules = routed_rules(neutral("BTC"), target("0.2"), coins=("BTC",), others=(perpetual("SOL"),))
    world.engine.state.layout = Layout.of(world.rules)

    assert (SECOND, FIRST) == (pair, sales.pair_of(world.engine.state, wanted)[1].id)
