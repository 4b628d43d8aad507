"""A mark is skipped where exact evaluation would say nothing of it, and where not it is evaluated at once."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from bot.calc.boxes import EMPTY
from bot.domain.account import Balance
from bot.domain.bands import Unit
from bot.domain.commands import Command, SubmitOrder
from bot.domain.events import BalancesChanged, Ticked
from bot.domain.market import Mark
from bot.domain.rules import AssetRule
from bot.domain.targets import Base, Basis, CashTarget, TargetSpec
from bot.domain.triggers import PriceEnd, Until
from bot.domain.units import SECOND_NS, Asset, InstrumentId
from bot.engine.state import State
from tests.engine.kit import World, encoded
from tests.engine.test_skipping import CASH, HELD, TILT, hedged
from tests.kit import SPOT, USDT, band, d, hedge, neutral, pricing, quote, rules, weights

NARROW = CashTarget(
    name="cash", share=d("0.9"), anchor=Asset("BTC"), band=band("0.002"), basis=Basis(reserve={USDT: d(10**7)})
)
"""A short of 1.485 BTC against 99,000."""


def marked(world: World, coin: str, price: float, index: float) -> Mark:
    """A mark and an index of a coin's future."""
    return Mark(hedge(coin), price, index, 0.0001, world.now + SECOND_NS, world.now)


def evaluated(world: World, event: Mark) -> bytes:
    """What an engine without boxes says of a mark."""
    state = msgspec.json.decode(msgspec.json.encode(world.engine.state), type=State)
    return encoded(type(world.engine).of(state).handle(event))


def looks(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the engine evaluates from now on."""
    seen: list[Any] = []
    exactly = world.engine._evaluate

    def evaluate(*of: Any, **how: Any) -> Any:
        seen.append(of)
        return exactly(*of, **how)

    monkeypatch.setattr(world.engine, "_evaluate", evaluate)
    return seen


@pytest.mark.parametrize("book", [(neutral("BTC"),), (CASH,), (TILT, CASH, neutral("SOL"))], ids=len)
def test_a_quiet_mark_is_kept_and_not_looked_at(book: tuple[TargetSpec, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The marks of a market that hardly moves cost no evaluation, and whoever looks next sees the last of them."""
    world = hedged(HELD, *book)
    seen, price = looks(world, monkeypatch), 0.0
    for step in range(20):
        price = round(60_000.0 * (1 + 5e-5 * math.sin(step)), 2)
        assert () == tuple(world.engine.handle(marked(world, "BTC", price, price)))

    assert seen == []
    assert price == world.engine.state.books.marks[hedge("BTC")].mark


def test_a_profit_that_turns_a_band_is_acted_on_by_its_mark() -> None:
    """A mark that falls by 0.9 per cent is worth 802 to the short, and 90 % of that have to be hedged: now."""
    world = hedged(HELD, NARROW)
    lower = marked(world, "BTC", 59_460.0, 60_000.0)
    expected = evaluated(world, lower)
    world.forget()

    assert encoded(world.handle(lower)) == expected
    assert [request.contracts for request in world.sent] == [d("0.011")]


def test_marks_move_the_sums_that_quotes_are_held_against() -> None:
    """A profit that came by marks alone counts when a quote comes: what was skipped was not forgotten."""
    world = hedged(HELD, NARROW)
    world.forget()
    skipped, commands = 0, list[Command]()
    for step in range(1, 60):
        event = marked(world, "BTC", 60_000.0 - 10 * step, 60_000.0)
        expected = evaluated(world, event)
        before = world.engine._skipping._ratchets.get("cash")
        commands = list(world.engine.handle(event))
        skipped += before is world.engine._skipping._ratchets.get("cash")
        assert encoded(commands) == expected
        if commands:
            break

    assert len(world.sent) == 0 < skipped
    assert any(isinstance(command, SubmitOrder) for command in commands)


def test_an_index_that_leaves_the_mid_behind_holds_at_once() -> None:
    """One and a half per cent between index and mid is a doubt, and the mark that shows it is the one that says so."""
    world = World.neutral(neutral("BTC")).run(5)
    world.handle(marked(world, "BTC", 60_000.0, 60_900.0))

    assert world.notices("held")[-1].text.startswith("price_deviation")
    world.handle(marked(world, "BTC", 60_000.0, 60_000.0))
    assert world.notices("released")


def test_no_mid_in_its_box_disagrees_with_an_index_in_its_own() -> None:
    """Also at the corners: the lowest mid against the highest index, and the other way round."""
    world = World.neutral(neutral("BTC")).run(5)
    world.handle(quote(pricing("BTC"), 60_200.0, world.now))
    mids = world.engine._boxes[pricing("BTC")]
    indices = world.engine._skipping._drawn["neutral:BTC"][InstrumentId(f"{hedge('BTC')} index")]

    assert indices.lo < 60_000.0 < indices.hi
    assert 0.9899 < mids.lo / indices.hi < 1.0 < mids.hi / indices.lo < 1.01


@pytest.mark.parametrize(("price", "index"), [(math.nan, 60_000.0), (60_000.0, math.inf), (0.0, 60_000.0)])
def test_what_is_no_mark_is_as_if_it_had_not_come(price: float, index: float) -> None:
    """The last one stays, and ages."""
    world = hedged(HELD, CASH)
    before = world.engine.state.books.marks[hedge("BTC")]
    world.engine.handle(marked(world, "BTC", price, index))

    assert before is world.engine.state.books.marks[hedge("BTC")]


def test_marks_of_books_with_sleeves_are_all_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose profit it is says the booking of each sleeve: no row has it, so no mark passes."""
    mine = CashTarget(
        name="mine",
        share=d("0.3"),
        anchor=Asset("BTC"),
        band=band("0.02"),
        basis=Basis(base=Base.NAV_LESS_RESERVE, reserve={}),
        owns={Asset("BTC"): d("0.5")},
    )
    world = hedged(HELD, mine)
    assert EMPTY == world.engine._skipping._drawn["mine"][InstrumentId(f"{hedge('BTC')} mark")]
    seen = looks(world, monkeypatch)
    world.engine.handle(marked(world, "BTC", 60_001.0, 60_000.0))

    assert len(seen) == 1


def test_coins_of_one_market_are_held_to_the_tighter_of_their_bounds() -> None:
    """Two assets that one pair prices, each with an index of its own: a mid has to agree with both of them."""
    btc, wrapped = Asset("BTC"), Asset("ETH")
    owned = rules(
        weights({"BTC": "0.6", "ETH": "0.4"}, within=band("0.2")),
        assets=(AssetRule(btc, pricing("BTC"), hedge("BTC")), AssetRule(wrapped, pricing("BTC"), hedge("ETH"))),
    )
    world = World(owned, {"BTC": d("0.06"), "ETH": d("0.04")})
    world.venue.prices = {"BTC": 60_000.0, "ETH": 60_300.0}
    world.start().run(4)
    box = world.engine._boxes[pricing("BTC")]

    assert (box.lo, box.hi) == pytest.approx((59_771.9, 60_448.5), abs=1)


def test_what_only_time_has_gone_by_for_keeps_its_boxes() -> None:
    """A tick without news draws nothing anew; one of a target that looks at more than prices and exposures does."""
    plain, ending = neutral("ETH"), msgspec.structs.replace(neutral("BTC"), name="ending")
    ending = msgspec.structs.replace(ending, until=Until(price=PriceEnd(asset=Asset("BTC"), above=d(90_000))))
    world = hedged(HELD, plain, ending)
    world.handle(Ticked(world.now))
    kept = dict(world.engine._skipping._ratchets)
    world.handle(Ticked(world.now))
    after = world.engine._skipping._ratchets

    assert {"neutral:ETH", "ending:BTC"} == kept.keys() == after.keys()
    assert kept["neutral:ETH"] is after["neutral:ETH"]
    assert kept["ending:BTC"] is not after["ending:BTC"]


def test_news_that_leave_a_book_at_rest_move_its_boxes() -> None:
    """0.008 BTC arrive inside a band of 500 dollars: from then on it is left at 62,500, and no tick need say so."""
    world = World.neutral(
        neutral("BTC", within=band("500", unit=Unit.QUOTE)), coins={"BTC": "1"}, price_deviation_bps_max=d(9_999)
    ).run(5)
    before = world.engine._boxes[pricing("BTC")]
    arrived = BalancesChanged(SPOT, (Balance(Asset("BTC"), d("1.008")),), "DEPOSIT", world.now, world.now)
    world.engine.handle(arrived)
    box = world.engine._boxes[pricing("BTC")]

    assert box.hi < before.hi
    assert 62_499.9 < box.hi <= 62_500


def test_boxes_follow_a_price_that_was_evaluated() -> None:
    """A quote beyond its box is looked at once: the next one like it is inside of the box that was drawn around it."""
    world = World.neutral(neutral("BTC")).run(5)
    event = quote(pricing("BTC"), 60_460.0, world.now)
    before = world.engine._boxes[pricing("BTC")]
    world.engine.handle(event)
    after = world.engine._boxes[pricing("BTC")]

    assert not before.lo <= event.bid < event.ask <= before.hi
    assert after.lo <= event.bid < event.ask <= after.hi
