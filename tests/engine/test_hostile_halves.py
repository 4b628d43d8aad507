"""Halves that leave alone and coins that hide: the way to an order, read by somebody who means harm."""

from __future__ import annotations

import pytest

from bot.domain.commands import SubmitOrder
from bot.domain.events import HELD_BACK, OrderRejected
from bot.domain.order import Refused
from bot.domain.units import Nanos
from bot.domain.venues import BYBIT_UNIFIED
from bot.engine import moves, trust
from bot.engine.accounts import AccountBelief
from bot.engine.modes import GLOBAL, Latch, Mode
from bot.engine.pegs import Level
from bot.engine.trust import Beliefs
from tests.engine import trade
from tests.engine.routed import FIRST, SECOND
from tests.engine.test_hostile_venues import TwoVenues, unread, wallet
from tests.engine.test_marks import same_again
from tests.engine.test_moves import flipped, hedged, sides, under_way
from tests.kit import BTC, USDM, d


# ------------------------------------------------------------------------- an account that cannot be read
def test_coins_that_leave_while_another_account_cannot_be_read_may_have_gone_there() -> None:
    """Ether goes from the one venue to the other, of which nobody can be asked: its hedge stands until it can be."""
    world = TwoVenues().start().run(8)
    unread(world)
    world.deposit("ETH", "-6")
    world.run(12)

    assert d(-10) == world.hedges[1]
    (held,) = (one.held for one in world.engine.assess() if one.group == "ether:ETH")
    assert held is not None
    assert ("account", BYBIT_UNIFIED) == (held.guard, held.subject)
    assert "ETH left another account since" in held.why
    world.apart.silent, world.apart.far = False, wallet("ETH", "6")
    world.run(20)
    assert d(-10) == world.hedges[1]
    same_again(world)


def test_coins_that_were_sold_meanwhile_are_unhedged_when_the_account_is_read_again() -> None:
    """They are not there either: now the hedge is too much."""
    world = TwoVenues().start().run(8)
    unread(world)
    world.deposit("ETH", "-6")
    world.run(12)
    world.apart.silent = False
    world.run(20)

    assert d(-4) == world.hedges[1]


def test_coins_that_left_before_the_last_read_went_nowhere_that_was_read_since() -> None:
    """What the account did not have when it was read is not there: an outage later on holds nothing."""
    world = TwoVenues().start().run(8)
    world.deposit("ETH", "-6")
    world.run(25)
    unread(world)
    world.deposit("ETH", "1")
    world.run(8)

    assert d(-5) == world.hedges[1]


def test_a_move_waits_while_an_account_that_it_rests_on_cannot_be_read() -> None:
    """Its closing half is free of the account's guard: it would go, by a position that nobody has seen for long."""
    state = under_way(flipped(hedged()))
    assert [f"{SECOND} 1", f"{FIRST} 1"] == sides(state)
    beliefs = Beliefs(state)
    beliefs.__dict__["unread"] = {USDM: "last read longer than 20 s ago"}
    outcome = moves.consider(beliefs, BTC)

    assert isinstance(outcome, Refused)
    assert ("account", USDM) == (outcome.guard, outcome.subject)


def test_what_a_conversion_sells_is_not_looked_for_elsewhere() -> None:
    """Its coins leave an account as well, for money: the other half of its pair waits for no venue that is away."""
    world, _, _ = decided()
    state = world.run(1).engine.state
    state.accounts.accounts[BYBIT_UNIFIED] = AccountBelief(known=True, confirmed=True, seen_ns=Nanos(1))
    beliefs = Beliefs(state)
    beliefs.__dict__["unread"] = {BYBIT_UNIFIED: "last read longer than 20 s ago"}
    assert state.accounts.fell[BTC] > 1

    assert trust.doubt(beliefs, state.layout.movers[trade.NAME]) is None


# --------------------------------------------------------------------------------------------- halves of a pair
def decided() -> tuple[trade.Trade, SubmitOrder, SubmitOrder]:
    """A conversion's first pair, decided and still on its way to the disk: the sale, and the purchase."""
    world = trade.hedged()
    world.until(lambda one: len(one.sent) == 3)
    sale, purchase = [one for one in world.log if isinstance(one, SubmitOrder)][-2:]
    assert trade.PAIR == sale.order.request.instrument
    assert ("", "") == tuple(world.engine.withholds(one.order.request) for one in (sale, purchase))
    return world, sale, purchase


@pytest.mark.parametrize("what", ["peg", "pause", "halt"])
def test_half_a_conversion_does_not_leave_when_the_other_half_may_not(what: str) -> None:
    """Coins that may not be sold any more keep their hedge: bought back alone, it would leave them bare."""
    world, sale, purchase = decided()
    state = world.engine.state
    if what == "peg":
        state.pegs.level = Level.STOPPED
    elif what == "pause":
        state.modes.latch(GLOBAL, Latch(Mode.REDUCE_ONLY, "why", "ann", world.now))
    else:
        state.modes.latch(trade.FUTURE, Latch(Mode.HALT, "why", "ann", world.now))

    for order in (sale, purchase):
        assert world.engine.withholds(order.order.request)


def test_half_a_conversion_does_not_leave_when_the_other_half_was_held_back() -> None:
    """Our own rate budget held the sale back: the hedge stays, and the pair is decided anew."""
    world, sale, purchase = decided()
    world.engine.state.apply(OrderRejected(sale.order.request.client_id, HELD_BACK, "no room", world.now))

    assert "the other half" in world.engine.withholds(purchase.order.request)


def test_what_a_conversion_owes_leaves_alone() -> None:
    """The sale has filled and the purchase was refused: made up for alone, it is no half of anything."""
    world = trade.selling(refuses_purchases="-2019")
    world.run(0.5)
    world.venue.refuses_purchases = ""
    before = len(world.sent)
    world.until(lambda one: len(one.sent) > before)
    (owed,) = [one for one in world.log if isinstance(one, SubmitOrder)][-1:]

    assert trade.FUTURE == owed.order.request.instrument
    assert "" == world.engine.withholds(owed.order.request)
