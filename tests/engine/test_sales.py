"""A sale that goes wrong is never sent twice, and half a pair is evened out or told."""

from __future__ import annotations

import msgspec
import pytest

from bot.domain.commands import Severity
from bot.domain.events import (
    Action,
    RunMode,
)
from bot.domain.units import SECOND_NS, ZERO
from bot.engine import sales
from bot.engine.accounts import BalanceBelief
from bot.engine.layout import Layout
from bot.engine.modes import GLOBAL, Latch, Mode
from tests.engine.trade import (
    FUTURE,
    NAME,
    Trade,
    book,
    convert_only,
    hedged,
    mended,
    selling,
    short,
    target,
)
from tests.kit import BTC, SPOT, d, neutral, rules


def test_a_sale_without_an_answer_is_not_sent_again() -> None:
    """It was placed and nobody said so: it is looked up, counted once, and the conversion goes on."""
    world = mended(selling(answers_sales=False))
    world.run(60)

    assert (d("0.6"), d("-0.6")) == world.progress()
    assert 4 == len(world.sold)


def test_a_sale_that_never_arrived_is_proven_so_and_made_up_for() -> None:
    """Two endpoints deny it and the balance is what it was, past the spot market's deadline: then it is sold anew."""
    world = mended(selling(places_sales=False))
    world.until(lambda _: len(world.sold) > 1)
    first, again = world.sold

    assert again.decided_ns - first.decided_ns > 14 * SECOND_NS
    assert d("0.1") == again.contracts
    world.run(60)
    assert (d("0.6"), d("-0.6")) == world.progress()


def test_while_a_sale_is_unknown_nobody_trades_the_coin() -> None:
    """The neutral target sees half of a pair and waits; the conversion sends no second slice."""
    world = selling(places_sales=False)
    sent = len(world.sent)
    world.deposit("BTC", "0.3")
    world.run(8)

    assert sent == len(world.sent)


def test_a_balance_that_moved_keeps_an_unknown_sale_unknown() -> None:
    """Both endpoints deny the sale, and yet coins are gone: that is no proof that it was never placed."""
    world = selling(places_sales=False)
    world.deposit("BTC", "-0.1")
    world.run(40)

    assert 1 == len(world.sold)


def test_an_unknown_sale_outlives_a_restart() -> None:
    """It was filled, the process died before it heard of it: what was sold counts, and once."""
    world = selling(answers_sales=False)
    mended(world).restart()
    world.run(60)

    assert (d("0.6"), d("-0.6")) == world.progress()


@pytest.mark.parametrize("code", ["-2010", "-1013"])
def test_a_refused_sale_is_tried_a_few_times_and_then_stops(code: str) -> None:
    """What was bought back too much stands open until the budget is spent; then the hedge is the hedger's again."""
    world = selling(refuses_sales=code)
    world.run(60)

    assert 3 == len(world.sold)
    assert (d(1), d(-1)) == world.progress()
    (notice,) = world.said("naked")
    assert notice.severity is Severity.CRITICAL
    assert "still has to sell 0.1 BTC" in notice.text
    assert world.said("held")


def test_what_was_stopped_goes_on_when_it_is_armed() -> None:
    """Nothing is owed any more, because the hedge was corrected: the slices begin anew."""
    world = selling(refuses_sales="-2010")
    world.run(60)
    mended(world).ask(Action.ARM)
    world.run(40)

    assert (d("0.6"), d("-0.6")) == world.progress()


def test_a_refused_purchase_is_tried_again_and_the_pair_is_completed() -> None:
    """The venue refuses the future once: the coins are sold once, and as much is bought back a moment later."""
    world = mended(selling(refuses_purchases="-2022"))
    world.run(60)

    assert (d("0.6"), d("-0.6")) == world.progress()
    assert 4 == len(world.sold)


def test_a_purchase_that_is_always_refused_halts_and_is_told() -> None:
    """One slice was sold, no second; the instrument is halted, the conversion stopped."""
    world = selling(refuses_purchases="-2022")
    world.run(60)

    assert (d("0.9"), d(-1)) == world.progress()
    assert 1 == len(world.sold)
    assert "still has to buy back 0.1 BTC" in world.said("naked")[0].text


def test_a_half_filled_sale_is_completed_before_the_next_slice() -> None:
    """The book gave 0.04 of 0.1: what is owed is sold alone, and only then comes the next pair."""
    world = mended(selling(sells_at_most=d("0.04")))
    world.run(60)

    assert [d("0.1"), d("0.06")] == [one.contracts for one in world.sold][:2]
    assert (d("0.6"), d("-0.6")) == world.progress()


def test_a_half_filled_purchase_is_completed_in_reduce_only() -> None:
    """Evening out a pair is reduce-only of the future: it goes on where no new slice may."""
    world = mended(selling(buys_at_most=d("0.04")))
    world.engine.state.modes.latch(GLOBAL, Latch(Mode.REDUCE_ONLY, "careful", "test", world.now))
    world.run(30)

    assert (d("0.9"), d("-0.9")) == world.progress()
    assert 1 == len(world.sold)


def test_an_uneven_pair_after_a_long_silence_is_the_hedgers() -> None:
    """Nobody remembers when its orders ended: it is told, and nothing of it is sent any more."""
    world = selling(refuses_sales="-2010")
    world.ask(Action.KILL)
    world.run(4)
    world.engine.state.orders.records.clear()
    world.run(4)

    assert "cannot: mode" in world.said("naked")[0].text


def test_a_kill_stops_it_and_arming_goes_on() -> None:
    """Nothing is sent while halted, one line says so, and afterwards it is done to its end."""
    world = selling()
    world.ask(Action.KILL)
    world.run(2)
    sent = len(world.sent)
    world.run(20)

    assert sent == len(world.sent)
    assert 1 == len([one for one in world.said("held") if "mode" in one.text])
    world.ask(Action.ARM)
    world.run(60)
    assert (d("0.6"), d("-0.6")) == world.progress()


def test_nothing_is_sold_while_hedges_are_unwound() -> None:
    """An unwind closes the hedge; there is nothing left to convert, and no coin goes."""
    world = hedged()
    world.ask(Action.UNWIND)
    coins = world.coins
    world.run(20)

    assert coins == world.coins


def test_observe_only_proposes() -> None:
    """What would be done is said once."""
    world = book(convert_only(), mode=RunMode.OBSERVE)
    world.venue.positions[FUTURE] = short("-1")
    world.run(20)

    assert [NAME] == [one.intent.group for one in world.proposals]
    assert not world.sent


def test_other_coins_go_on_meanwhile() -> None:
    """A group that does not rest on the coin is judged as ever while a sale of it is unknown."""
    owned = rules(neutral("BTC"), msgspec.structs.replace(neutral("ETH"), name="other"), target())
    world = Trade(owned, {"BTC": d(1), "ETH": d(0), "USDT": ZERO})
    world.start()
    world.venue.places_sales = False
    world.until(lambda _: bool(world.sold))
    world.deposit("ETH", "3")
    world.run(8)

    assert d(-3) == world.position("ETH")
    assert 1 == len(world.sold)


def test_a_pair_that_no_book_evens_out_is_held() -> None:
    """What is owed finds no book within the slippage limit: a line says so, and it is made up for when there is one."""
    world = mended(selling(refuses_purchases="-2022"))
    world.depth_size = 0.00001
    world.run(6)
    assert any("depth" in one.text for one in world.said("held"))
    world.depth_size = 50.0
    world.run(40)

    assert (d("0.6"), d("-0.6")) == world.progress()


@pytest.mark.parametrize(
    ("belief", "expected"),
    [
        (BalanceBelief(d(1)), True),
        (BalanceBelief(d("0.9")), False),
        (BalanceBelief(d(1), candidate=d("0.9")), False),
    ],
)
def test_a_sale_was_not_placed_only_where_the_balance_stands(belief: BalanceBelief, expected: bool) -> None:
    """Another balance, or another word on it, proves nothing."""
    world = selling(places_sales=False)
    record = world.engine.state.orders.records[world.sold[0].client_id]
    world.engine.state.accounts.balances[SPOT][BTC] = belief

    assert expected == sales.unchanged(world.engine.state, record, 0)


def test_a_sale_on_a_pair_that_left_the_config_proves_nothing() -> None:
    """Nobody tells its balance any more."""
    world = selling(places_sales=False)
    record = world.engine.state.orders.records[world.sold[0].client_id]
    world.engine.state.layout = Layout.of(rules(neutral("ETH"), coins=("ETH",)))

    assert not sales.unchanged(world.engine.state, record, 0)
