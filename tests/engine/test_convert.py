"""Coins are sold and their hedge is bought back, pair by pair, and only on what is known."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from bot.domain.account import Balance
from bot.domain.events import (
    StreamChanged,
)
from bot.domain.order import Refused, Side
from bot.domain.triggers import PriceEnd, Until
from bot.domain.units import SECOND_NS, ZERO, InstrumentId
from bot.engine import convert
from bot.engine.engine import Engine
from tests.engine.test_replay import replayed
from tests.engine.trade import (
    FUTURE,
    NAME,
    PAIR,
    alone,
    book,
    hedged,
    target,
)
from tests.kit import BTC, SPOT, USDT, d, depth, neutral, perpetual, spot


def test_coins_become_money_and_the_hedge_shrinks_with_them() -> None:
    """0.4 BTC in four slices of 0.1: 0.6 BTC and a short of 0.6 are left, and it is said once that it is done."""
    world = book().run(30)

    assert (d("0.6"), d("-0.6")) == (world.coins, world.short)
    assert [d("0.1")] * 4 == [one.contracts for one in world.sold]
    assert ["0.4 BTC were sold, and as much of the hedge was bought back"] == [n.text for n in world.said("converted")]


def test_the_exposure_never_leaves_by_more_than_a_slice() -> None:
    """At every moment coins and short differ by no more than one slice, and nobody else trades the hedge."""
    world = book()
    worst = ZERO
    for _ in range(120):
        world.tick()
        if world.position("BTC"):
            worst = max(worst, abs(world.coins + world.short))

    assert worst <= d("0.1")
    assert {Side.BUY} == {one.side for one in world.sent[1:] if one.instrument == FUTURE}
    assert all(one.reduce_only for one in world.sent[1:] if one.instrument == FUTURE)


def test_slices_keep_their_distance() -> None:
    """A slice every two seconds, counted from when the last was sent."""
    world = book().run(30)
    moments = [one.decided_ns for one in world.sold]

    assert all(later - earlier >= 2 * SECOND_NS for earlier, later in pairwise(moments))


def test_every_pair_is_of_equal_size_and_closes_with_its_results() -> None:
    """Both legs of each intent are as many coins, and each pair is accounted for when it is even."""
    world = book().run(30)
    pairs = [one.intent.legs for one in world.intents if one.intent.group == NAME]

    assert all(sale.request.contracts == purchase.request.contracts for sale, purchase in pairs)
    assert 4 == len([one for one in world.closed if one.group == NAME])


def test_the_purchase_is_booked_to_whoever_held_the_short() -> None:
    """The neutral target's book shrinks with its hedge, and nothing is left to nobody."""
    world = book().run(30)

    assert {"neutral": d("-0.6")} == {k: v for k, v in world.engine.state.sleeves.booked(FUTURE).items() if v}


def test_what_was_done_replays_to_the_same_commands() -> None:
    """The journal of the whole story, fed to a new engine, gives the same commands byte for byte."""
    world = book()
    steps = world.run(30).steps

    assert [bytes(step.commands) for step in steps] == replayed(Engine(world.started()), steps)
    assert world.said("converted")


def test_a_dust_of_the_amount_is_left_and_said() -> None:
    """What is below the venue's minimum cannot be sold: the conversion is done without it."""
    world = book(neutral("BTC"), target("0.1005")).run(20)

    assert (d("0.9"), d("-0.9")) == world.progress()
    assert "0.0005 BTC are left, too little for an order" in world.said("converted")[0].text


def test_a_restart_goes_on_where_it_was() -> None:
    """What was sold is known by the venue's reports, not by balances: nothing is sold twice over a restart."""
    world = hedged()
    world.until(lambda _: world.coins <= d("0.8"))
    world.deposit("BTC", "0")
    world.restart()
    world.run(40)

    assert (d("0.6"), d("-0.6")) == world.progress()


def test_a_deposit_is_hedged_and_not_sold() -> None:
    """Coins that arrive meanwhile are the hedge's business: no more than the amount is sold."""
    world = hedged()
    world.deposit("BTC", "0.05")
    world.run(60)

    assert (d("0.65"), d("-0.65")) == world.progress()


def test_without_a_hedge_nothing_is_sold() -> None:
    """There is nothing to buy back: one line says so."""
    world = alone("0").run(20)

    assert not world.sent
    why = "convert (BTC): no hedge of BTC is left to buy back; 0 BTC are too little for an order"
    assert why == world.said("held")[-1].text


def test_no_more_is_sold_than_is_hedged() -> None:
    """A short of 0.25 is bought back and no more; the rest of the amount waits for a hedge."""
    world = alone("-0.25").run(40)

    assert (d("0.75"), ZERO) == world.progress()
    assert world.said("held")


def test_no_more_is_sold_than_is_free() -> None:
    """What other orders hold of the coins cannot be sold."""
    world = alone()
    world.bent = lambda event: None if event.instrument == PAIR else event
    world.tick(11 * SECOND_NS)
    world.run(4)
    world.read(SPOT, balances=(Balance(BTC, d(1), d("0.95")), Balance(USDT, ZERO)))
    world.bent = lambda event: event
    world.tick()

    assert [d("0.05")] == [one.contracts for one in world.sold]


def test_a_price_ends_it() -> None:
    """`until` a price: what was sold by then is sold, and no more."""
    until = Until(price=PriceEnd(asset=BTC, above=d(61_000)))
    world = book(neutral("BTC"), target(until=until))
    world.until(lambda _: world.coins <= d("0.9"))
    world.price("BTC", 61_500.0)
    world.run(20)

    assert world.coins >= d("0.8")
    assert "of 0.4 BTC were sold" in world.said("converted")[0].text


def test_a_thin_book_cuts_both_legs_alike() -> None:
    """Where either book gives less, both legs are that much."""
    world = alone()
    world.depth_size = 0.0021
    world.run(6)
    pairs = [one.intent.legs for one in world.intents if one.intent.group == NAME]

    assert pairs
    assert all(sale.request.contracts == purchase.request.contracts < d("0.1") for sale, purchase in pairs)


@pytest.mark.parametrize(
    ("bent", "words"),
    [
        (lambda event: None if event.instrument == PAIR else event, "stale_price"),
        (lambda event: None if event.instrument == FUTURE and type(event).__name__ == "Mark" else event, "stale_mark"),
        (
            lambda event: None if event.instrument == FUTURE and type(event).__name__ == "Depth" else event,
            "stale_depth",
        ),
    ],
)
def test_nothing_is_sold_on_old_data(bent: Any, words: str) -> None:
    """An old spot price, an old index, an old book of the future: a line says so, and no coin goes."""
    world = alone()
    world.bent = bent
    world.tick(11 * SECOND_NS)
    world.run(15)

    assert not world.sold
    assert any(words in one.text for one in world.said("held"))


def test_without_a_book_of_the_future_nothing_is_sold() -> None:
    """What the hedge could be bought back at is not known."""
    world = alone()
    world.bent = lambda event: None if event.instrument == FUTURE and type(event).__name__ == "Quote" else event
    world.engine.state.books.quotes.pop(FUTURE)
    world.run(5)

    assert not world.sold
    assert any("no sane quote" in one.text for one in world.said("held"))


def test_a_book_that_gives_next_to_nothing_sells_nothing() -> None:
    """Less than the venue's minimum lies within the slippage limit."""
    world = alone()
    world.depth_size = 0.00001
    world.run(5)

    assert not world.sold
    assert any("depth" in one.text for one in world.said("held"))


@pytest.mark.parametrize("leg", [PAIR, FUTURE])
def test_one_thin_book_holds_both_legs(leg: InstrumentId) -> None:
    """Where one book gives too little, the other leg is not sent either."""
    world = alone()

    def thin(event: Any) -> Any:
        if event.instrument != leg or type(event).__name__ != "Depth":
            return event
        return depth(leg, 60_000.0, world.now, 0.00001)

    world.bent = thin
    world.tick(11 * SECOND_NS)
    world.run(5)

    assert not world.sent


def test_a_purchase_beyond_the_short_is_refused() -> None:
    """What was bought back elsewhere is not bought a second time: the future is only ever reduced."""
    world = alone("0").run(5)
    state = world.engine.state

    refused = convert._size(state, perpetual(), d("0.1"), 10 * SECOND_NS)

    assert isinstance(refused, Refused)
    assert "reduce" == refused.guard


def test_a_hold_that_is_over_is_said() -> None:
    """A price that was doubted comes back while the next slice is waited for: nothing holds it any more."""
    world = book(neutral("BTC"), target(every_s=20)).run(5)
    world.bent = lambda event: None if event.instrument == PAIR else event
    world.run(4)
    world.bent = lambda event: event
    world.run(1)

    assert ["the conversion goes on"] == [one.text for one in world.said("released")]


def test_a_private_stream_that_is_down_sells_nothing() -> None:
    """Nobody would tell what became of the sale."""
    world = alone()
    world.handle(StreamChanged("spot", False, "gone", world.now, SPOT))
    world.run(10)

    assert not world.sold
    assert any("private_stream" in one.text for one in world.said("held"))


def test_both_markets_lots_share_a_grid() -> None:
    """A lot of 0.00003 and one of 0.001 share steps of 0.003; a contract of 1000 coins counts as such."""
    fine = msgspec.structs.replace(spot("BTC"), lot=d("0.00003"))
    large = msgspec.structs.replace(spot("BTC"), lot=d(1))

    assert d("0.003") == convert.grid(fine, perpetual())
    assert d(1000) == convert.grid(large, perpetual(lot=d(1), base_units=d(1000)))
