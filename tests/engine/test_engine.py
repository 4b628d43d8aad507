"""Stories of a hedge: opened, kept, closed, stopped and started again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from bot.domain.account import Balance
from bot.domain.bands import Unit
from bot.domain.commands import Notice, Severity
from bot.domain.events import (
    AccountConfirmed,
    AccountUnreadable,
    Action,
    CancelFailed,
    FaultRaised,
    FundingPaid,
    Market,
    OrderReported,
    RunMode,
    Stopping,
)
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import Side, Status
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.engine import Engine
from bot.engine.modes import GLOBAL, Latch, Mode
from tests.engine.kit import World
from tests.kit import (
    BTC,
    ETH,
    SPOT,
    START_NS,
    USDM,
    USDT,
    band,
    d,
    depth,
    hedge,
    mark,
    neutral,
    pricing,
    quote,
    weights,
)


# ------------------------------------------------------------------------------------------------- opened and kept
def test_an_unhedged_book_is_hedged() -> None:
    """Every coin is shorted by what is held, rounded down to the lot, once."""
    world = World.neutral().run()

    assert (world.position("BTC"), world.position("ETH")) == (d("-1.234"), d(-10))
    assert len(world.sent) == 2
    assert [c.residuals for c in world.closed] == [{"BTC": d("0.0005")}, {"ETH": d(0)}]


def test_nothing_is_sent_before_the_accounts_are_confirmed() -> None:
    """One read of each account is not enough to act on."""
    world = World.neutral()
    world.tick()

    assert world.sent == []
    assert {n.text for n in world.notices("held")} == {"account (binance.spot): not confirmed since the start"}


def test_a_hedged_book_rests() -> None:
    """A minute in band sends and says nothing."""
    world = World.neutral().run()
    world.forget()
    world.run(60)

    assert world.log == []


@pytest.mark.parametrize(("amount", "after"), [("0.5", "-1.734"), ("-0.5", "-0.735"), ("-1.2345", "0")])
def test_the_hedge_follows_deposits_and_withdrawals(amount: str, after: str) -> None:
    """Both ways, down to nothing; less hedge is bought back by an order that can only reduce."""
    world = World.neutral().run()
    world.deposit("BTC", amount)
    world.run()

    assert world.position("BTC") == d(after)
    assert len(world.records("BTC")) == 2
    assert world.records("BTC")[-1].request.reduce_only is (d(amount) < 0)


def test_a_change_inside_the_band_is_left_alone() -> None:
    """1 % of 1.2345 BTC is 0.012345: a deposit up to that needs no trade."""
    world = World.neutral(coins={"BTC": "1", "ETH": "10"}).run()
    world.deposit("BTC", "0.01")
    world.run()
    assert len(world.records("BTC")) == 1

    world.deposit("BTC", "0.001")
    world.run()
    assert world.position("BTC") == d("-1.011")


def test_prices_alone_never_trade_a_coin_matched_hedge() -> None:
    """BTC halves and doubles: the short has as many coins as the holding, so nothing is due."""
    world = World.neutral().run()
    world.forget()
    for price in (30_000.0, 60_000.0, 120_000.0):
        world.price("BTC", price)
        world.run(3)

    assert world.sent == []


def test_a_hedge_stops_at_a_destination_other_than_the_target() -> None:
    """Beyond half a coin the hedge goes to a fifth of a coin, and rests there."""
    world = World.neutral(neutral("BTC", within=band("0.5", "0.2", Unit.COINS)), coins={"BTC": "1"}).run(20)

    assert world.position("BTC") == d("-0.8")
    assert len(world.sent) == 1


def test_a_large_hedge_is_sliced_and_the_last_slice_takes_the_tail() -> None:
    """An order cap of 30,000 makes three orders of 1.2345 BTC, planned anew after each fill."""
    world = World.neutral(neutral("BTC"), order_notional_max=d(30_000)).run(20)

    assert [r.contracts for r in world.sent] == [d("0.5"), d("0.5"), d("0.234")]
    assert world.position("BTC") == d("-1.234")
    assert [c.intents for c in world.closed] == [3]


def test_a_partial_fill_is_planned_anew_from_what_was_filled() -> None:
    """Each order gets at most 0.7: the next one is for what is still missing."""
    world = World.neutral(neutral("BTC"))
    world.venue.fills_at_most = d("0.7")
    world.run(10)

    assert [r.contracts for r in world.sent] == [d("1.234"), d("0.534")]
    assert world.position("BTC") == d("-1.234")


def test_a_correction_is_not_closed_before_the_venue_has_confirmed_it() -> None:
    """The fill alone does not end it: the position's confirmation does."""
    world = World.neutral(neutral("BTC")).until(lambda w: bool(w.sent))
    fills = [e for e in world.pending if isinstance(e, OrderReported)]
    others = [e for e in world.pending if not isinstance(e, OrderReported)]
    for fill in fills:
        world.deliver(fill)
    assert (world.position("BTC"), world.closed) == (d("-1.234"), [])

    for other in others:
        world.deliver(other)
    assert len(world.closed) == 1


def test_a_correction_goes_on_inside_the_trigger() -> None:
    """A fill that ends just inside the band is not the end: the hedge goes on to its destination."""
    world = World.neutral(neutral("BTC", within=band("0.2")), coins={"BTC": "1"})
    world.venue.fills_at_most = d("0.9")
    world.run(10)

    assert world.position("BTC") == d(-1)
    assert len(world.sent) == 2


def test_an_order_that_the_book_cannot_fill_is_sent_as_large_as_it_can() -> None:
    """Twenty levels of 0.01 hold 0.2; slices of that go out at the pace that is allowed."""
    world = World.neutral(neutral("BTC"))
    world.depth_size = 0.01
    world.run(10)

    assert {r.contracts for r in world.sent} == {d("0.2")}
    assert len(world.sent) == 5
    assert world.notices("held")[-1].text.startswith("pace")


def test_the_pace_is_taken_up_again_after_a_minute() -> None:
    """Held by the pace the hedge waits, and ends where it should."""
    world = World.neutral(neutral("BTC"))
    world.depth_size = 0.01
    world.run(70)

    assert world.position("BTC") == d("-1.234")


def test_dust_is_shown_and_not_sent() -> None:
    """0.0015 BTC are below the venue's minimum: said once, never ordered."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "0.0015"}).run(20)

    assert world.sent == []
    assert [n.text for n in world.notices("held") if "minimum" in n.text] == [
        "minimum (neutral:BTC): what BTC needs is below the venue's minimum order"
    ]


def test_client_ids_are_never_used_twice() -> None:
    """Over slices, restarts and re-hedges every order has a name of its own."""
    world = World.neutral(order_notional_max=d(30_000)).run(20)
    world.restart().run(10)
    world.deposit("BTC", "0.3")
    world.run(20)
    ids = [r.client_id for r in world.sent]

    assert len(ids) == len(set(ids)) > 4
    assert all(len(i) == 24 and i.startswith("tt") and i.isalnum() and i.islower() for i in ids)


# -------------------------------------------------------------------------------------------------------- doubt
def crossed(event: Market) -> Market | None:
    """BTC's spot quote has its sides swapped."""
    mine = isinstance(event, Quote) and event.instrument == pricing("BTC")
    return quote(pricing("BTC"), 60_000.0, event.received_ns, half=-1.0) if mine else event


def off(event: Market) -> Market | None:
    """BTC's spot market is 1.2 % above the index."""
    mine = isinstance(event, Quote) and event.instrument == pricing("BTC")
    return quote(pricing("BTC"), 60_720.0, event.received_ns) if mine else event


def silent(event: Market) -> Market | None:
    """BTC's spot market says nothing."""
    return None if event.instrument == pricing("BTC") else event


def unmarked(event: Market) -> Market | None:
    """No mark price comes."""
    return None if isinstance(event, Mark) else event


def impossible(event: Market) -> Market | None:
    """Every mark price is not a number."""
    return msgspec.structs.replace(event, mark=float("nan")) if isinstance(event, Mark) else event


def bookless(event: Market) -> Market | None:
    """No depth comes."""
    return None if isinstance(event, Depth) else event


def quoteless(event: Market) -> Market | None:
    """The hedge has no quote."""
    return None if isinstance(event, Quote) and event.instrument == hedge("BTC") else event


@pytest.mark.parametrize(
    ("bent", "guard"),
    [
        (crossed, "price"),
        (off, "price_deviation"),
        (silent, "stale_price"),
        (unmarked, "stale_mark"),
        (impossible, "stale_mark"),
        (bookless, "stale_depth"),
        (quoteless, "stale_quote"),
    ],
)
def test_market_data_that_cannot_be_trusted_holds_the_hedge(
    bent: Callable[[Market], Market | None], guard: str
) -> None:
    """Nothing is sent on it; it is said once why; and when it is good again the hedge goes on."""
    world = World.neutral(neutral("BTC")).run()
    world.bent = bent
    world.venue.prices["BTC"] = 60_001.0
    world.run(11)
    world.deposit("BTC", "0.2")
    world.run(20)
    assert len(world.sent) == 1
    assert [n.text.split()[0] for n in world.notices("held")].count(guard) == 1

    world.bent = lambda event: event
    world.run()
    assert world.position("BTC") == d("-1.434")


@pytest.mark.parametrize("bent", [bookless, quoteless])
def test_a_hedge_without_a_book_from_the_start_is_held(bent: Callable[[Market], Market | None]) -> None:
    """A price is known, but nothing to send against."""
    world = World.neutral(neutral("BTC"))
    world.restart()
    world.engine.state.books.forget()
    world.bent = bent
    world.run()

    assert world.sent == []
    assert world.notices("held")[-1].text.startswith("quote")


def test_after_a_pause_nothing_is_judged_by_the_time_before_it() -> None:
    """The process slept for eleven seconds: the first fact that is handled does not act on the book of then."""
    world = World.neutral(neutral("BTC")).run()
    world.deposit("BTC", "0.2")
    world.now = Nanos(world.now + 11 * SECOND_NS)
    for event in world.pending:
        world.deliver(event)

    assert len(world.sent) == 1
    assert world.notices("held")[-1].text.startswith("stale_price")


def test_too_thin_a_book_within_the_slippage_limit_holds_the_hedge() -> None:
    """What is there within 15 bps is less than the venue's minimum: nothing is sent at a worse price."""
    world = World.neutral(neutral("BTC"))
    world.depth_size = 0.00001
    world.run()

    assert world.sent == []
    assert world.notices("held")[-1].text.startswith("depth")


def test_an_account_that_is_no_longer_read_holds_the_hedge() -> None:
    """Half a minute without a read, and nothing new is decided on what it held."""
    world = World.neutral(neutral("BTC")).run()
    world.reconciling = False
    world.run(31)
    world.venue.coins["BTC"] = d(3)
    world.run(5)

    assert len(world.sent) == 1
    assert "last read longer than 30 s ago" in world.notices("held")[-1].text


def test_unreadable_answers_change_nothing() -> None:
    """A read that failed, a cancel that failed and a funding payment are facts without a decision."""
    world = World.neutral().run()
    world.forget()
    world.handle(AccountUnreadable(USDM, "an empty list", world.now))
    world.handle(CancelFailed(world.records("BTC")[0].request.client_id, "unknown order", world.now))
    world.handle(FundingPaid(USDM, hedge("BTC"), USDT, d(5), "t1", world.now, world.now))

    assert world.log == []


def test_a_garbage_read_of_a_flat_account_sends_nothing() -> None:
    """A hundred answers that all positions are gone, each contradicted by the next: no order."""
    world = World.neutral().run(11)
    world.forget()
    gone = tuple(msgspec.structs.replace(world.venue.position(hedge(c)), contracts=d(0)) for c in ("BTC", "ETH"))
    for _ in range(100):
        world.read(USDM, positions=gone)
        world.tick()
        world.read(USDM)

    assert world.sent == []
    assert (world.position("BTC"), world.position("ETH")) == (d("-1.234"), d(-10))


def test_a_balance_in_doubt_holds_its_coin() -> None:
    """A read that says twice as much is not acted on until another says so."""
    world = World.neutral().run()
    world.reconciling = False
    world.forget()
    world.read(SPOT, balances=(Balance(BTC, d(5)),))

    assert world.sent == []
    assert world.notices("held")[0].subject == "neutral:BTC"


# ------------------------------------------------------------------------------------------------------ operators
def test_a_kill_cancels_what_is_out_and_sends_nothing_more() -> None:
    """The order in flight is cancelled, its fill is counted, the hedge stays, and no order follows."""
    world = World.neutral(neutral("BTC")).until(lambda w: bool(w.sent))
    world.ask(Action.KILL)
    world.venue.coins["BTC"] = d(5)
    world.run(30)

    assert [c.client_id for c in world.cancels] == [world.sent[0].client_id]
    assert len(world.sent) == 1
    assert world.position("BTC") == d("-1.234")
    assert [n.severity for n in world.notices("operator")] == [Severity.CRITICAL]


def test_a_kill_survives_a_restart() -> None:
    """The latch is part of the state; only arming lifts it, and then the hedge goes on."""
    world = World.neutral(neutral("BTC")).run()
    world.ask(Action.KILL)
    world.restart().run(5)
    world.venue.coins["BTC"] = d(2)
    world.run(30)
    assert len(world.sent) == 1

    world.ask(Action.ARM)
    world.run(5)
    assert world.position("BTC") == d(-2)
    assert world.notices("operator")[-1].severity is Severity.INFO


def test_an_unwind_closes_every_hedge_and_says_so() -> None:
    """Reduce-only orders to zero, then one notice; the coins stay, and nothing is hedged until armed."""
    world = World.neutral().run()
    world.forget()
    world.ask(Action.UNWIND)
    world.run(10)

    assert [world.position(coin) for coin in ("BTC", "ETH")] == [0, 0]
    assert [(r.side, r.reduce_only) for r in world.sent] == [(Side.BUY, True), (Side.BUY, True)]
    assert len(world.notices("unwound")) == 1
    assert [c.group for c in world.closed] == ["unwind:BTC", "unwind:ETH"]
    world.ask(Action.ARM)
    world.run(10)
    assert world.position("BTC") == d("-1.234")


def test_an_unwind_needs_nothing_but_the_hedges_own_book() -> None:
    """Spot silent, mark silent, account old, private stream down: a hedge is closed all the same."""
    world = World.neutral(neutral("BTC")).run()
    world.feeding = world.reconciling = False
    world.run(40)
    world.ask(Action.UNWIND)
    world.handle(depth(hedge("BTC"), 60_000.0, world.now))
    world.handle(quote(hedge("BTC"), 60_000.0, world.now))
    world.tick()
    world.tick()

    assert [(r.reduce_only, r.contracts) for r in world.sent[1:]] == [(True, d("1.234"))]


def test_an_unwind_goes_on_after_a_restart_as_soon_as_the_position_is_read() -> None:
    """The wallet changed meanwhile, so the account is not confirmed by one read; its position is, and it is closed."""
    world = World.neutral(neutral("BTC")).run()
    world.ask(Action.KILL)
    world.restart()
    world.forget()
    world.venue.wallet += 5
    world.read(USDM)
    world.ask(Action.FLATTEN)

    assert not world.engine.state.accounts.accounts[USDM].confirmed
    assert [(r.reduce_only, r.contracts) for r in world.sent] == [(True, d("1.234"))]


def test_an_unwind_waits_for_a_sane_quote() -> None:
    """Without a best bid and ask there is no price to close at: said once."""
    world = World.neutral(neutral("BTC")).run()
    world.handle(quote(hedge("BTC"), 60_000.0, world.now, half=-1.0))
    world.ask(Action.UNWIND)
    world.feeding = False
    world.run(2)
    assert len(world.sent) == 1
    assert [n.subject for n in world.notices("held")][-1:] == ["unwind:BTC"]

    world.feeding = True
    world.run(5)
    assert world.position("BTC") == 0


def test_an_unwind_is_sliced_and_pays_no_more_than_the_ordinary_slippage() -> None:
    """Closing keeps the order cap and the slippage limit."""
    world = World.neutral(neutral("BTC"), order_notional_max=d(60_000)).run(10)
    world.forget()
    world.ask(Action.UNWIND)
    world.run(10)

    assert [r.contracts for r in world.sent] == [d(1), d("0.234")]
    assert all(r.limit_price <= d("60090") for r in world.sent)


def test_flatten_is_obeyed_under_a_halt_and_may_pay_more() -> None:
    """Confirmed in two steps by an operator, it closes inside its own, wider limit."""
    world = World.neutral(neutral("BTC")).run()
    world.ask(Action.KILL)
    world.ask(Action.UNWIND)
    world.run(2)
    assert [n.text for n in world.notices("operator")][-1] == "not obeyed: halted: arm first, or flatten"
    assert len(world.sent) == 1

    world.ask(Action.FLATTEN)
    world.run(5)
    assert world.position("BTC") == 0
    assert world.sent[-1].limit_price == d("60300")


def test_under_reduce_only_a_hedge_may_shrink_and_not_grow() -> None:
    """After a withdrawal the short is bought back; after a deposit nothing is sold."""
    world = World.neutral(neutral("BTC")).run()
    world.engine.state.modes.latch(GLOBAL, Latch(Mode.REDUCE_ONLY, "why", "ann", world.now))
    world.deposit("BTC", "-0.5")
    world.run()
    assert world.position("BTC") == d("-0.735")

    world.deposit("BTC", "0.5")
    world.run(20)
    assert world.position("BTC") == d("-0.735")
    assert world.notices("held")[-1].text.startswith("mode")


def test_arming_in_the_middle_of_an_unwind_leaves_nothing_of_it() -> None:
    """The book is hedged again, and no correction of the unwind is kept open for ever."""
    world = World.neutral(neutral("BTC"), order_notional_max=d(60_000), orders_per_minute_max=9).run(10)
    world.ask(Action.UNWIND)
    world.tick()
    world.ask(Action.ARM)
    world.run(10)

    assert world.position("BTC") == d("-1.234")
    assert world.engine.state.legs.corrections == {}


def test_a_broken_part_of_ours_halts_everything_and_says_so() -> None:
    """A fault latches a halt over restarts; an operator who has looked arms again."""
    world = World.neutral(neutral("BTC")).run()
    world.handle(FaultRaised("journal: disk full", world.now))
    world.deposit("BTC", "0.5")
    world.run(5)
    assert len(world.sent) == 1
    assert [(n.severity, n.text) for n in world.notices("fault")] == [
        (Severity.CRITICAL, "journal: disk full: halted until armed")
    ]

    world.ask(Action.ARM)
    world.run(5)
    assert world.position("BTC") == d("-1.734")


def test_a_process_that_stops_decides_nothing_new_and_still_resolves() -> None:
    """After Stopping no order is sent, however large the need; an unknown order is still looked up; a start goes on."""
    world = World.neutral(neutral("BTC"))
    world.venue.answers = world.venue.streams = False
    world.until(lambda w: bool(w.sent))
    world.handle(Stopping(world.now))
    world.venue.coins["BTC"] = d(5)
    world.run(10)
    assert len(world.sent) == 1
    assert world.records("BTC")[0].status is Status.FILLED

    world.venue.answers = world.venue.streams = True
    world.restart().run(15)
    assert world.position("BTC") == d(-5)


# -------------------------------------------------------------------------------------------------------- observe
def test_observe_proposes_once_and_submits_nothing() -> None:
    """Each group is spoken of once per breach, whatever the quotes do; the proposal names the order."""
    world = World.neutral()
    world.start(RunMode.OBSERVE)
    world.run(20)

    assert world.sent == []
    assert [(p.intent.group, p.intent.legs[0].request.contracts) for p in world.proposals] == [
        ("neutral:BTC", d("1.234")),
        ("neutral:ETH", d(10)),
    ]


def test_observe_says_when_a_breach_is_over() -> None:
    """Once the coins are gone nothing is due, and the next breach is proposed anew."""
    world = World.neutral(neutral("BTC"))
    world.start(RunMode.OBSERVE)
    world.run(5)
    for total in ("0", "1"):
        world.venue.coins["BTC"] = d(total)
        world.run(15)

    assert [n.text for n in world.notices("released")] == ["back inside its band"]
    assert len(world.proposals) == 2


# -------------------------------------------------------------------------------------------------------- restart
def test_a_restart_in_band_sends_nothing() -> None:
    """One start-up path: read, compare with the journal, rest."""
    world = World.neutral().run()
    world.restart()
    world.forget()
    world.run(20)

    assert world.sent == []


@pytest.mark.parametrize("landed", [True, False])
def test_a_restart_with_an_order_in_flight_finds_out_before_it_sends(landed: bool) -> None:
    """Killed after the order left: found on restart, it is the hedge; proven absent, it is made anew."""
    world = World.neutral(neutral("BTC"))
    world.venue.places = landed
    world.until(lambda w: bool(w.sent))
    world.restart()
    assert world.records("BTC")[0].status is Status.UNKNOWN
    world.venue.places = True
    world.run(20)

    assert world.position("BTC") == d("-1.234")
    assert len(world.sent) == (1 if landed else 2)
    assert world.venue.position(hedge("BTC")).contracts == d("-1.234")


def test_a_restart_with_other_rules_follows_the_new_ones() -> None:
    """A target that is gone is no longer kept; its instrument is not touched and no knowledge is lost."""
    world = World.neutral().run()
    world.rules = msgspec.structs.replace(world.rules, targets=(neutral("BTC", ratio="0.5"),))
    world.restart().run(10)

    assert (world.position("BTC"), world.position("ETH")) == (d("-0.618"), d(-10))


def test_an_engine_may_go_on_from_a_state() -> None:
    """A checkpoint's state continues in a new engine as if nothing had happened."""
    world = World.neutral().run()
    world.engine = Engine.of(world.engine.state)
    world.forget()
    world.deposit("BTC", "0.2")
    world.run()

    assert world.position("BTC") == d("-1.434")


# ------------------------------------------------------------------------------------------------------ for people
def test_people_can_ask_what_it_would_do_without_changing_anything() -> None:
    """Assessments and drafts name needs and orders; asking twice gives the same, and the state stays."""
    world = World.neutral(neutral("BTC")).until(lambda w: bool(w.closed))
    world.venue.coins["BTC"] = d(2)
    held = world.engine.state.accounts.balances[SPOT]
    held[BTC] = msgspec.structs.replace(held[BTC], total=d(2))
    before = msgspec.json.encode(world.engine.state)
    (assessment,) = world.engine.assess()
    draft = world.engine.draft(assessment)

    assert draft.intent is not None
    assert draft.intent.legs[0].request.contracts == d("0.766")
    assert msgspec.json.encode(world.engine.state) == before


def test_people_can_ask_under_an_unwind_as_well() -> None:
    """Then the needs are those of closing, of every hedge."""
    world = World.neutral().run()
    world.ask(Action.KILL)
    world.engine.state.modes.latches[GLOBAL] = Latch(Mode.UNWIND, "why", "ann", world.now)

    assert [(a.group, a.needs[0].hedge) for a in world.engine.assess()] == [
        ("unwind:BTC", d("1.234")),
        ("unwind:ETH", d(10)),
    ]


def test_the_short_form_of_a_read_keeps_an_account_fresh() -> None:
    """What the loop makes of a read that agrees counts as that read."""
    world = World.neutral(neutral("BTC")).run()
    world.reconciling = False
    for _ in range(5):
        world.run(10)
        for account in world.rules.accounts:
            world.handle(AccountConfirmed(account, None, world.now, world.now))
    world.deposit("BTC", "0.2")
    world.run()

    assert world.position("BTC") == d("-1.434")


def test_notices_do_not_storm() -> None:
    """A minute held for one reason, at four looks a second, is one notice."""
    world = World.neutral(neutral("BTC"), position_notional_max=d(50_000)).run(60)
    held = [c for c in world.log if isinstance(c, Notice) and "position_notional" in c.text]

    assert len(held) == 1
    assert world.sent == []


def test_market_data_of_instruments_without_a_target_is_kept_and_not_judged() -> None:
    """Their quotes and marks cost a look-up and lead to nothing."""
    world = World.neutral(neutral("BTC")).run()
    world.forget()
    world.handle(quote(hedge("ETH"), 2_600.0, world.now))
    world.handle(mark(hedge("ETH"), 2_600.0, world.now))

    assert world.log == []
    assert world.engine.state.books.quotes[hedge("ETH")].mid == 2_600.0


def test_what_may_be_anything_is_hedged_only_inside_its_bounds() -> None:
    """An asset of a weights target and one of a ratio target live in one portfolio without touching each other."""
    world = World.neutral(neutral("BTC"), weights({"ETH": "0.5"}, within=band("0.05", unit=Unit.POINTS))).run(10)

    assert (world.position("BTC"), world.position("ETH")) == (d("-1.234"), d(-5))
    assert ETH in world.engine.state.layout.assets
    assert world.now > START_NS
