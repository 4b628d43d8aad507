"""Which future takes a hedge: what is believed of each, and the orders that follow from it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.account import MarginState
from bot.domain.instrument import Kind, Tier
from bot.domain.rules import RoutingRule
from bot.domain.targets import Budgets, ConvertTarget
from bot.domain.triggers import Slices
from bot.domain.units import HOUR_NS, MINUTE_NS, SECOND_NS, ZERO, InstrumentId, Nanos
from bot.engine import routing
from bot.engine.layout import Layout
from bot.engine.modes import Latch, Mode
from bot.engine.routing import FUNDING_AGE_NS_MAX
from bot.engine.trust import Beliefs
from tests.engine.kit import World
from tests.engine.routed import CHEAP, DEAR, FIRST, KILO, SECOND, RoutedWorld, milli, routed_rules, second
from tests.kit import BTC, ETH, USDM, band, d, hedge, limits, neutral, rules, weights


def shared(world: RoutedWorld, need: str = "-1") -> dict[InstrumentId, Decimal]:
    """Who would take how much of a need now."""
    return dict(routing.shared_out(Beliefs(world.engine.state), BTC, d(need)).pieces)


def ready(**parts: Any) -> RoutedWorld:
    """A book that has no holding yet, with all accounts confirmed: the second perpetual is the cheaper one."""
    return RoutedWorld.routed(coins={"BTC": "0", "ETH": "0"}, **parts).run(3)


def test_the_cheapest_takes_it() -> None:
    """A short goes where it receives the most, a long where it pays the least."""
    world = ready()

    assert ({SECOND: d(-1)}, {FIRST: d(1)}) == (shared(world), shared(world, "1"))


@pytest.mark.parametrize("what", ["funding", "book", "mark", "depth", "mode", "expiry", "never"])
def test_what_is_stale_or_unknown_is_never_cheap(what: str) -> None:
    """An old forecast, book or mark, a halt or an expiry within a day: the dearer one takes it."""
    world = ready()
    state = world.engine.state
    stale = Nanos(world.now - 20 * SECOND_NS)
    match what:
        case "funding":
            state.statistics.settled[SECOND] = ((Nanos(world.now - FUNDING_AGE_NS_MAX - 1), d("0.001")),)
        case "never":
            del state.statistics.funding_apr[SECOND]
        case "book":
            state.books.quotes[SECOND] = msgspec.structs.replace(state.books.quotes[SECOND], bid=1.0, received_ns=stale)
        case "depth":
            del state.books.depths[SECOND]
        case "mark":
            state.books.marks[SECOND] = msgspec.structs.replace(state.books.marks[SECOND], received_ns=stale)
        case "mode":
            state.modes.latch(SECOND, Latch(Mode.REDUCE_ONLY, "why", "ann", world.now))
        case _:
            dated = msgspec.structs.replace(state.layout.instruments[SECOND], expiry_ns=Nanos(world.now + HOUR_NS))
            state.layout.instruments[SECOND] = dated

    assert {FIRST: d(-1)} == shared(world)


def test_nothing_known_of_costs_still_hedges() -> None:
    """No funding was ever read: the preferred future takes the hedge."""
    world = RoutedWorld.routed(rates={"BTC": DEAR})
    world.engine.state.statistics.funding_apr.clear()
    world.run(5)

    assert world.units("BTC") == -1
    assert "since costs cannot be compared" in world.intents[0].intent.reason


@pytest.mark.parametrize(
    ("parts", "first", "other"),
    [
        ({"limits": limits(position_notional_max=d(36_000))}, "-0.6", "-0.4"),
        ({"budgets": Budgets(instruments={SECOND: d(30_000)})}, "-0.5", "-0.5"),
        ({"budgets": Budgets(venues={"binance": d(90_000)})}, "-1", "0"),
    ],
)
def test_a_cap_spills_to_the_next(parts: dict[str, Any], first: str, other: str) -> None:
    """The largest position and an instrument's budget bound what one takes; the hedge is whole all the same."""
    world = RoutedWorld.routed(**parts).run(5)

    assert (d(first), d(other)) == (world.units("BTC2"), world.units("BTC"))
    assert world.net == -1
    assert len({order.intent for order in world.sent}) == 1


def test_a_venues_budget_counts_what_is_there() -> None:
    """90,000 for all of a venue, 60,000 of them are used: half a coin is left for both futures together."""
    world = RoutedWorld.routed(budgets=Budgets(venues={"binance": d(90_000)})).run(5)

    found = routing.shared_out(Beliefs(world.engine.state), BTC, d(-2))
    assert ({SECOND: d("-0.5")}, d("-1.5")) == (dict(found.pieces), found.left)
    assert "the cap of binance leaves 30000" in found.why


def test_depth_spills_to_the_next() -> None:
    """A book that holds 0.6 within the limit takes that; the rest is opened beside it in the same intent."""
    world = RoutedWorld.routed()
    world.bent = lambda event: (
        msgspec.structs.replace(event, bids=tuple((price, 0.03) for price, _ in event.bids))
        if hasattr(event, "bids") and event.instrument == SECOND
        else event
    )
    world.run(3)

    first, other = world.intents[0].intent.legs
    assert (SECOND, d("0.6")) == (first.request.instrument, first.request.contracts)
    assert (FIRST, d("0.4")) == (other.request.instrument, other.request.contracts)
    assert world.net == -1


def test_margin_spills_nothing_where_it_is_one_account() -> None:
    """Both futures share a wallet that carries half a coin: no more than that is opened, wherever it goes."""
    world = ready()
    state = world.engine.state
    account = state.accounts.accounts[USDM]
    tight = MarginState(d(1_000), d(400), ZERO, ZERO)
    state.accounts.accounts[USDM] = msgspec.structs.replace(account, margin=tight)

    # 1,000 less 400 / 0.5 is 200; the highest bracket's 0.5 % / 0.5, a fee and slippage take 1.2 %: 16,666
    assert {SECOND: d("-0.277")} == shared(world)
    state.accounts.accounts[USDM] = msgspec.structs.replace(account, confirmed=False)
    assert {} == shared(world)


def test_capital_and_an_adverse_basis_cost_by_the_year() -> None:
    """With a price of capital the future whose brackets ask for less is the cheaper one; the config says the price."""
    heavy = (Tier(ZERO, d("0.05"), ZERO),)
    rule = RoutingRule(capital_apr=d("0.05"), adverse_basis=d("0.01"))
    rates = {"BTC": DEAR, "BTC2": DEAR}
    free = ready(others=(second(tiers=heavy, taker_fee=d("0.0004")),), rates=rates)
    priced = ready(others=(second(tiers=heavy, taker_fee=d("0.0004")),), rates=rates, routing=rule)

    assert ({SECOND: d(-1)}, {FIRST: d(-1)}) == (shared(free), shared(priced))
    assert d("0.05") == routing.terms(priced.engine.state).capital_apr


def test_a_contract_of_another_size_is_another_candidate() -> None:
    """A contract of a thousandth of a coin carries the hedge in its own contracts, and exposure is in coins."""
    world = RoutedWorld.routed(others=(milli(),), rates={"BTC": DEAR, "MBTC": CHEAP}).run(5)

    assert world.venue.position(KILO).contracts == -1_000
    assert world.engine.assess()[0].needs[0].parts.linear == -1


def test_a_reduction_goes_to_what_is_dearest_to_keep() -> None:
    """Half of the hedge on each: coins leave, and the short that receives less is bought back first, reduce-only."""
    world = RoutedWorld.routed(limits=limits(position_notional_max=d(36_000))).run(5)
    world.deposit("BTC", "-0.5")
    world.run(5)

    assert [(FIRST, d("0.4"), True), (SECOND, d("0.1"), True)] == [
        (order.instrument, order.contracts, order.reduce_only) for order in world.sent[2:]
    ]
    assert world.net == d("-0.5")


def test_what_is_halted_is_not_reduced_and_nothing_is_opened_against_it() -> None:
    """The hedge is on a future that is halted: the coins that left stay over-hedged, and it says why."""
    world = RoutedWorld.routed().run(5)
    world.engine.state.modes.latch(SECOND, Latch(Mode.HALT, "looked into", "ann", world.now))
    world.deposit("BTC", "-0.5")
    world.run(5)

    assert (ZERO, d(-1)) == (world.units("BTC"), world.units("BTC2"))
    assert any("halted: nothing is sent" in text for text in world.said)


def test_a_guard_that_refuses_one_future_leaves_the_others() -> None:
    """The cheapest is so far off its mark that a limit is too far: the guard stops it, the next cheapest takes it."""
    world = RoutedWorld.routed()
    world.bent = lambda event: (
        msgspec.structs.replace(event, mark=60_550.0)
        if hasattr(event, "mark") and event.instrument == SECOND
        else event
    )
    world.run(5)

    assert (d(-1), ZERO) == (world.units("BTC"), world.units("BTC2"))


def test_where_every_future_is_refused_the_first_refusal_is_told() -> None:
    """All are off their marks: nothing is sent, and what is told is what the guard said of the preferred route."""
    world = RoutedWorld.routed()
    world.bent = lambda event: (
        msgspec.structs.replace(event, mark=60_550.0)
        if hasattr(event, "mark") and event.instrument in (FIRST, SECOND)
        else event
    )
    world.run(5)

    assert not world.sent
    assert any(text.startswith(f"held: collar ({SECOND})") for text in world.said)


def test_a_book_that_is_gone_on_one_future_leaves_the_other() -> None:
    """No sane quote of what is dearest to keep: the reduction goes to the other, and to neither without any."""
    world = RoutedWorld.routed(limits=limits(position_notional_max=d(36_000))).run(5)
    world.bent = lambda event: None if getattr(event, "instrument", "") == FIRST else event
    quotes = world.engine.state.books.quotes
    quotes[FIRST] = msgspec.structs.replace(quotes[FIRST], bid=0.0)
    world.engine.state.books.marks[FIRST] = msgspec.structs.replace(
        world.engine.state.books.marks[FIRST], received_ns=world.now
    )
    world.deposit("BTC", "-0.3")
    world.run(3)

    assert (d("-0.4"), d("-0.3")) == (world.units("BTC"), world.units("BTC2"))


def test_a_basket_keeps_step_over_several_futures() -> None:
    """One leg of a pair can only be a share of what it should be, on two futures: the other leg is cut as well."""
    shares = weights({"BTC": "0.6", "ETH": "0.4"}, within=band("0.05"))
    rates = {"BTC": DEAR, "BTC2": CHEAP, "ETH": DEAR}
    world = RoutedWorld.routed(shares, coins={"BTC": "2", "ETH": "0"}, rates=rates)
    world.bent = thin
    world.run(3)

    legs = {leg.request.instrument: leg.request.contracts for leg in world.intents[0].intent.legs}
    assert {SECOND: d("0.2"), FIRST: d("0.2"), hedge("ETH"): d("9.6")} == legs


def thin(event: Any) -> Any:
    """Books of the coin's two futures that hold a fifth of a coin each."""
    if not hasattr(event, "bids") or event.instrument not in (FIRST, SECOND):
        return event
    return msgspec.structs.replace(event, bids=tuple((price, 0.01) for price, _ in event.bids))


def test_what_is_too_small_for_every_future_is_dust() -> None:
    """A need of less than any minimum is no order and no refusal."""
    world = RoutedWorld.routed(neutral("BTC", within=band("0.00001"))).run(5)
    sent = len(world.sent)
    world.deposit("BTC", "0.0005")
    world.run(3)

    assert len(world.sent) == sent
    assert any("below the venue's minimum" in text for text in world.said)


def test_a_piece_that_is_too_small_stays_with_the_rest() -> None:
    """Two coins of caps and a rest that no order can be made of: the intent says what it leaves."""
    world = RoutedWorld.routed(limits=limits(position_notional_max=d(59_990))).run(3)
    (leg,) = world.intents[0].intent.legs

    assert (leg.request.instrument, leg.request.contracts) == (SECOND, d("0.999"))
    assert leg.residual == d("-0.001")


def test_in_doubt_a_hedge_is_given_back_where_it_is() -> None:
    """The coin's price is doubted: what coins that left no longer need is bought back on both futures, and no more."""
    world = RoutedWorld.routed(limits=limits(position_notional_max=d(36_000))).run(5)
    world.bent = lambda event: (
        msgspec.structs.replace(event, index=70_000.0)
        if hasattr(event, "index") and event.instrument == FIRST
        else event
    )
    world.deposit("BTC", "-0.5")
    world.run(5)
    assert world.net == d("-0.5")

    world.deposit("BTC", "1")
    world.run(5)
    assert world.net == d("-0.5")


def test_in_doubt_nothing_is_known_without_any_quote() -> None:
    """Neither future has a sane quote: nothing is done."""
    world = RoutedWorld.routed().run(5)
    quotes = world.engine.state.books.quotes
    world.feeding = False
    for name in (FIRST, SECOND):
        quotes[name] = msgspec.structs.replace(quotes[name], bid=0.0)
    world.deposit("BTC", "-0.5")
    world.run(3)

    assert world.net == -1


def test_the_books_follow_what_each_target_wants_over_all_futures() -> None:
    """Two targets share a coin's futures: what each wants less what it has on all of them is what it is booked."""
    two = (neutral("BTC"), msgspec.structs.replace(neutral("BTC", ratio="-0.2"), name="more"))
    world = RoutedWorld.routed(*two, limits=limits(position_notional_max=d(24_000))).run(8)

    booked: dict[str, Decimal] = {}
    for name in (FIRST, SECOND):
        for target, contracts in world.engine.state.sleeves.booked(name).items():
            booked[target] = booked.get(target, ZERO) + contracts
    assert {"neutral": d(-1), "more": d("0.2")} == {name: round(one, 6) for name, one in booked.items()}


def test_the_rules_name_the_candidates() -> None:
    """A coin's futures are its hedge and its alternatives; a coin without a hedge has none."""
    layout = Layout.of(routed_rules(neutral("BTC", "ETH")))

    assert {BTC: (FIRST, SECOND), ETH: (hedge("ETH"),)} == layout.candidates
    assert ((BTC,), frozenset({FIRST, SECOND})) == (layout.routed, layout.detours)
    assert [FIRST, SECOND, hedge("ETH")] == [one.hedge for one in layout.carriers()]
    assert {SECOND, FIRST} <= set(layout.touched)
    bare = msgspec.structs.replace(layout.assets[BTC], hedge=None)
    assert bare.candidates == ()


def test_a_conversion_of_a_coin_with_several_futures_is_carried_out_where_all_are_linear() -> None:
    """An inverse one among them could not be bought back by the coin: then it is planned only."""
    convert = ConvertTarget(
        name="sell", asset=BTC, amount=d(1), slices=Slices(notional_max=d(1_000), every_ns=MINUTE_NS), band=band("0.01")
    )

    inverse = routed_rules(convert, others=(second(kind=Kind.INVERSE),))
    assert not Layout.of(routed_rules(convert)).planned
    assert "no linear future" in Layout.of(inverse).planned["sell"]
    assert not Layout.of(rules(convert)).planned


def test_what_carries_a_hedge_is_what_its_figures_are_of() -> None:
    """The largest position, else the last route, else the preferred future."""
    world = RoutedWorld.routed(limits=limits(position_notional_max=d(36_000)))
    state = world.engine.state

    assert state.carrying(BTC) == FIRST
    state.routes.chosen[BTC] = SECOND
    assert state.carrying(BTC) == SECOND
    state.routes.chosen[BTC] = FIRST
    world.run(5)
    assert (state.carrying(BTC), state.carrying(ETH)) == (SECOND, hedge("ETH"))


def test_a_book_without_alternatives_has_no_routes() -> None:
    """Nothing of this is remembered of a coin with one future."""
    world = World.neutral().run(20)

    assert not world.engine.state.routes.chosen
    assert world.position("BTC") == d("-1.234")


def test_an_earlier_config_leaves_no_route() -> None:
    """What is no longer one of several futures is forgotten at a start."""
    world = RoutedWorld.routed().run(5)
    assert world.engine.state.routes.chosen == {BTC: SECOND}
    world.rules = routed_rules(others=(milli(),))
    world.venue.prices["MBTC"] = 60_000.0
    world.restart()

    assert not world.engine.state.routes.chosen


def test_what_is_stale_of_a_position_does_not_move_it() -> None:
    """Its own limits do not keep a position from moving; a book that nobody sees does."""
    world = RoutedWorld.routed().run(5)
    world.flip("BTC2", "-0.2")
    state = world.engine.state
    state.modes.latch(SECOND, Latch(Mode.REDUCE_ONLY, "why", "ann", world.now))

    assert routing.leaving(Beliefs(state), BTC, SECOND, d(-1)).leave == SECOND
    del state.books.depths[SECOND]
    assert routing.leaving(Beliefs(state), BTC, SECOND, d(-1)).leave is None
