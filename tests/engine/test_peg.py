"""The peg as the engine sees it: from quotes to a price, from a price to what may be sent and what is told."""

from __future__ import annotations

import msgspec
import pytest

from bot.domain.commands import Severity, SubmitOrder
from bot.domain.events import Action, RulesChanged, Ticked
from bot.domain.market import Mark
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.peg import AGE_NS_MAX, reading
from bot.engine.pegs import BACK_FOR_NS, Level
from tests.engine.kit import World
from tests.engine.pegged import HALF, PAIRS, Pegged, pair, reference
from tests.engine.trade import FUTURE, Trade, short, target
from tests.kit import d, depth, hedge, mark, neutral, perpetual, quote, rules, spot


def price_of(world: Pegged) -> str:
    """The peg to four places, or why there is none."""
    found = reading(world.engine.state)
    assert found is not None
    return f"{found.price:.4f}" if found.price is not None else found.why


def test_without_references_nobody_watches() -> None:
    """No reference, no reading, and orders go out as ever."""
    world = World.neutral(neutral("BTC")).run(3)

    assert reading(world.engine.state) is None
    assert world.sent


@pytest.mark.parametrize(("symbol", "mid", "worth"), [("USDCUSDT", 1.25, "0.8000"), ("USDTUSD", 0.8, "0.8000")])
def test_a_pair_is_read_the_way_round_that_it_is_quoted(symbol: str, mid: float, worth: str) -> None:
    """A dollar at 1.25 USDT and a USDT at 0.80 dollars are the same peg."""
    world = Pegged.watching(symbol)
    world.see(symbol, mid)

    assert price_of(world) == worth


@pytest.mark.parametrize(
    ("mids", "worth"),
    [((1.0, 1.0, 0.65), "1.0000"), ((1.0, None, 0.99), "0.9900"), ((0.98, 1.001, None), "1.0204")],
)
def test_the_middle_of_several_counts(mids: tuple[float | None, ...], worth: str) -> None:
    """One venue's collapse does not move it; of two that are left the one that is further off counts."""
    world = Pegged.watching(*PAIRS)
    world.dollars = dict(zip(PAIRS, mids, strict=True))
    world.run(AGE_NS_MAX / SECOND_NS + 1)

    assert price_of(world) == worth


@pytest.mark.parametrize(("lost", "known"), [(PAIRS[:1], True), (PAIRS[:2], False)])
def test_more_than_half_must_be_believed(lost: tuple[str, ...], known: bool) -> None:
    """With two of three gone it is unknown, whatever the third says."""
    world = Pegged.watching(*PAIRS)
    world.dollars |= dict.fromkeys(lost)
    world.run(AGE_NS_MAX / SECOND_NS + 1)

    assert (price_of(world) == "1.0000") is known


def test_what_cannot_be_believed_is_no_price() -> None:
    """Never seen, one-sided, too wide or too old: unknown each time, and never 1."""
    world = Pegged.watching()
    name = reference("USDCUSDT")
    world.engine.state.books.quotes.pop(name)
    assert price_of(world) == f"{name} has no sane best bid and ask"

    world.handle(quote(name, 1.0, world.now, half=0.006))
    assert price_of(world) == f"{name} has bid and ask more than 50 bps away from the middle between them"
    world.handle(quote(name, 1.0, world.now, half=-0.001))
    assert price_of(world) == f"{name} has no sane best bid and ask"

    world.handle(quote(name, 1.0, world.now, half=0.004))
    assert price_of(world) == "1.0000"
    world.dollars["USDCUSDT"] = None
    world.run(AGE_NS_MAX / SECOND_NS + 1)
    assert price_of(world) == f"{name} was last heard of more than 10 s ago"


def test_a_pair_that_does_not_trade_says_nothing() -> None:
    """The venue halted the pair and goes on showing its last book: what nobody can trade at is no price."""
    world = Pegged.watching("USDCUSDT", "FDUSDUSDT", "USDTUSD")
    changed = tuple(
        msgspec.structs.replace(one, trading=False) if one.symbol in ("USDCUSDT", "FDUSDUSDT") else one
        for one in world.rules.instruments
    )
    halted = msgspec.structs.replace(world.rules, instruments=changed)
    world.handle(RulesChanged(halted, "metadata", (), world.now))
    world.tick()

    found = reading(world.engine.state)
    assert found is not None
    assert found.price is None
    assert f"{reference('USDCUSDT')} does not trade" in found.why


def test_a_quiet_quote_lives_by_its_depth() -> None:
    """A pair that stands still is fresh while its depth shows the same top."""
    world, name = Pegged.watching(), reference("USDCUSDT")
    world.half = 0.1
    world.handle(quote(name, 100.0, world.now))
    world.dollars["USDCUSDT"] = None
    world.run(AGE_NS_MAX / SECOND_NS + 1)
    world.handle(depth(name, 100.0, world.now))

    assert price_of(world) == "0.0100"


def test_a_warning_lets_orders_go() -> None:
    """Beyond 50 bps a person is told, once, and hedging goes on."""
    world = Pegged.watching()
    world.worth(0.994)
    world.run(5)
    world.deposit("BTC", "0.5")
    world.run(5)

    assert [(one.severity, one.subject) for one in world.told] == [(Severity.WARNING, "USDT")]
    assert world.told[0].text.startswith("USDT is at 0.9940 USD, 60 bps off its peg: warned beyond 50 bps")
    assert world.position("BTC") == d("-1.5")


@pytest.mark.parametrize("usdt", [0.98, 1.02])
def test_a_lost_peg_stops_new_risk_and_lets_hedges_shrink(usdt: float) -> None:
    """Beyond 150 bps on either side nothing adds to a position; what gives a hedge back goes out."""
    world = Pegged.watching()
    world.worth(usdt)
    world.run(1)
    world.deposit("BTC", "0.5")
    before = len(world.run(5).sent)
    assert world.position("BTC") == d(-1)
    assert [one.severity for one in world.told] == [Severity.CRITICAL]

    world.deposit("BTC", "-0.8")
    world.run(5)
    assert [request.reduce_only for request in world.sent[before:]] == [True]
    assert world.position("BTC") == d("-0.7")


def test_the_quote_at_the_order_counts_before_any_tick() -> None:
    """A mark lets an order be decided that no tick was before: the peg of that moment holds it, latched or not."""
    world = Pegged.watching()
    world.bent = lambda event: None if isinstance(event, Mark) else event
    world.run(6)
    world.deposit("BTC", "0.15")
    world.run(3)
    before = len(world.sent)
    world.see("USDCUSDT", 1.03)
    world.handle(mark(hedge("BTC"), 60_000.0, world.now))
    assert world.engine.state.pegs.level is Level.STEADY
    assert len(world.sent) == before

    world.see("USDCUSDT", 1.0)
    world.handle(Ticked(world.now))
    assert len(world.sent) == before + 1


def test_the_stop_outlasts_the_fall() -> None:
    """Back at par nothing adds risk for half an hour, whoever arms; then it is over, is told, and hedging goes on."""
    world = Pegged.watching()
    world.worth(0.98)
    world.run(1)
    world.worth(1.0)
    world.deposit("BTC", "0.5")
    world.run(90)
    world.ask(Action.ARM)
    world.run(5)
    assert world.position("BTC") == d(-1)
    assert [one.severity for one in world.ways_back] == [Severity.INFO]

    since = world.engine.state.pegs.back_ns
    assert since is not None
    world.now = Nanos(since + BACK_FOR_NS - SECOND_NS)
    world.run(4)
    assert world.position("BTC") == d("-1.5")
    assert (
        world.told[-1].text == "USDT is at 1.0000 USD, 0 bps off its peg, and was inside 30 bps for 30 min: it is over"
    )


def test_a_way_back_that_is_left_is_for_the_journal() -> None:
    """It begins anew, and says so where nobody is woken."""
    world = Pegged.watching()
    for usdt in (0.98, 1.0, 0.995):
        world.worth(usdt)
        world.run(62)

    assert [one.text.partition(": ")[2] for one in world.ways_back] == [
        "it is over once it was inside 30 bps for 30 min",
        "not inside 30 bps for 30 min yet",
    ]
    assert len(world.told) == 1


def test_an_unknown_peg_holds_new_risk_and_latches_nothing() -> None:
    """Silence stops what adds risk, from the start on; the moment it is heard again hedging goes on."""
    world = Pegged.watching()
    world.dollars["USDCUSDT"] = None
    world.run(AGE_NS_MAX / SECOND_NS + 1)
    world.deposit("BTC", "0.5")
    world.run(5)
    assert world.position("BTC") == d(-1)

    world.worth(1.0)
    assert world.run(5).position("BTC") == d("-1.5")
    assert world.told == []


def test_a_restart_keeps_the_stop() -> None:
    """The latch is in the checkpoint; the half hour begins anew with the process."""
    world = Pegged.watching()
    world.worth(0.98)
    world.run(1)
    world.worth(1.0)
    world.run(90)
    world.restart()

    assert world.engine.state.pegs.level is Level.STOPPED
    assert world.engine.state.pegs.back_ns is None
    world.deposit("BTC", "0.5")
    assert world.run(10).position("BTC") == d(-1)


def test_an_approved_order_is_withheld_when_the_peg_goes_first() -> None:
    """An order that waits for the disk when the peg is lost does not leave; one that reduces does."""
    for change, why in (("0.15", "the quote currency lost its peg before it left"), ("-0.15", "")):
        world = Pegged.watching()
        world.deposit("BTC", change)
        world.pending, arrived = [], world.pending
        (order,) = [one for event in arrived for one in world.engine.handle(event) if isinstance(one, SubmitOrder)]
        assert world.engine.withholds(order.order.request) == ""

        world.engine.handle(quote(reference("USDCUSDT"), 1.03, world.now, HALF))
        world.engine.handle(Ticked(world.now))
        assert world.engine.withholds(order.order.request) == why


@pytest.mark.parametrize(("usdt", "sold"), [(1.0, True), (0.98, False)])
def test_coins_are_not_sold_for_what_has_lost_its_peg(usdt: float, sold: bool) -> None:
    """A conversion waits with the first of its pairs, and its hedge stays whole; at par it goes on."""
    owned = msgspec.structs.replace(
        rules(neutral("BTC"), target(), coins=("BTC",)),
        instruments=(spot("BTC"), perpetual("BTC"), pair("USDCUSDT")),
        pegs=(reference("USDCUSDT"),),
    )
    world = Trade(owned, {"BTC": d(1), "USDT": d(0)})
    world.venue.positions[FUTURE] = short("-1")
    world.start()
    for _ in range(40):
        world.handle(quote(reference("USDCUSDT"), 1 / usdt, world.now, HALF))
        world.tick()

    assert bool(world.sold) is sold
    assert (world.short == -1) is not sold
