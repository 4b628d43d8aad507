"""The picture: every state of the engine can be drawn, and what is not known is shown as not known."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from bot.domain.account import MarginState
from bot.domain.events import AccountSeen, Action, OperatorAsked
from bot.domain.units import SECOND_NS
from bot.runtime import picture
from bot.runtime.health import Health, Reason
from bot.runtime.monitor import Monitor
from bot.runtime.status import (
    Around,
    AssetStatus,
    BudgetStatus,
    JournalStatus,
    PegStatus,
    PositionStatus,
    Status,
    StreamStatus,
)
from bot.runtime.vitals import doubts
from tests.engine.pegged import Pegged
from tests.engine.trade import hedged
from tests.kit import START_NS, USDM, d, hedge, limits, perpetual, pricing, quote, rules, spot
from tests.runtime.stage import Bench

STREAMS = (StreamStatus("market", True, 5, 1),)
BUDGETS = (BudgetStatus("api", 0.25),)


def drawn(bench: Bench) -> Status:
    """The picture of a bench; it can be sent, and it comes back the same."""
    seen = Monitor()
    for event, commands in bench.observed:
        seen.on_step(event, commands)
    seen.sample_orders(bench.engine.state, START_NS)
    reasons = doubts(bench.engine.state)
    health = Health(live=True, ready=not reasons, reasons=reasons, mode="RUN")
    status = picture.draw(
        bench.engine,
        seen,
        Around(health=health, streams=STREAMS, budgets=BUDGETS, journal=JournalStatus("/j", 7, "ab", 5, 4_096)),
        now_ns=bench.clock.now_ns(),
        started_ns=START_NS,
    )
    assert status == msgspec.json.decode(msgspec.json.encode(status), type=Status)
    return status


def asset(status: Status, name: str = "BTC") -> AssetStatus:
    """One asset's row."""
    (row,) = [row for row in status.assets if row.asset == name]
    return row


def position(status: Status, coin: str = "BTC") -> PositionStatus:
    """One position's row."""
    (row,) = [row for row in status.positions if row.instrument == hedge(coin)]
    return row


def asked(bench: Bench, action: Action) -> None:
    """An operator asks for something."""
    bench.loop.step(OperatorAsked(action, "because", "ann", bench.clock.now_ns()))


def test_a_new_process_is_drawn_with_everything_unknown() -> None:
    """Before the first read nothing is zero: every figure is absent, and what is missing is named."""
    status = drawn(Bench())

    assert (False, None, "RUN") == (status.ready, status.margin_ratio, status.mode)
    assert {"BTC", "ETH"} == {row.asset for row in status.assets}
    for row in status.assets:
        assert (None, None, None, None) == (row.price, row.holding, row.exposure, row.breached)
        assert "not confirmed since the start" in (row.held_because or "")


def test_accounts_without_prices_are_not_ready() -> None:
    """Confirmed balances do not make a picture: without a quote the asset says what it waits for."""
    status = drawn(Bench().ready())

    assert not status.ready
    assert asset(status).price is None
    assert "no sane quote" in (asset(status).held_because or "")


def test_a_hedged_book_is_drawn_in_band() -> None:
    """Holdings, futures, exposure, deviation and its value, and the totals of what it took."""
    status = drawn(Bench().hedged())
    row = asset(status)

    assert (True, "main", "live") == (status.ready, status.portfolio, status.run_mode)
    assert (d("1.2345"), d("-1.234"), d("0.0005"), False, None) == (
        row.holding,
        row.futures,
        row.exposure,
        row.breached,
        row.held_because,
    )
    assert (d(60_000), d(30)) == (row.price, row.deviation_value)
    assert (2, 2) == (status.totals.orders, len(status.orders))
    assert (STREAMS, "/j", 7, "ab") == (
        status.streams,
        status.journal_path,
        status.journal_sequence,
        status.journal_head,
    )


def test_every_position_is_drawn_by_the_target_that_it_is_booked_to() -> None:
    """Contracts, entry, profit, what of it is basis, fees and funding; what rests on a mark is unknown without one."""
    bench = Bench().hedged()
    (row,) = [one for one in drawn(bench).sleeves if one.instrument == hedge("BTC")]
    held = position(drawn(bench))

    assert ("neutral", held.contracts, held.entry_price) == (row.target, row.contracts, row.entry_price)
    assert (Decimal(0), held.unrealized, Decimal(0)) == (row.realized, row.unrealized, row.funding)
    assert row.unrealized == row.basis
    bench.engine.state.books.marks.clear()
    (row,) = [one for one in drawn(bench).sleeves if one.instrument == hedge("BTC")]
    assert (None, None) == (row.unrealized, row.basis)


def test_a_target_that_has_ended_is_drawn_with_its_reason() -> None:
    """Nobody has to wonder why nothing is hedged."""
    bench = Bench().hedged()
    (target,) = bench.engine.state.layout.rules.targets
    bench.engine.state.triggers.end(target, "its time has come", bench.clock.now_ns())

    assert {"neutral": "its time has come"} == drawn(bench).ended


def test_an_order_on_its_way_is_drawn_as_working() -> None:
    """What may still fill counts into the exposure, and the asset says which order it waits for."""
    bench = Bench().ready()
    bench.breach()
    row = asset(drawn(bench))

    assert (d("-1.234"), d("0.0005")) == (row.working, row.exposure)
    assert "lock: order" in (row.held_because or "")


def test_a_halt_is_drawn_with_its_reason() -> None:
    """Scope, mode, reason and who: the first thing that somebody wants to know."""
    bench = Bench().hedged()
    asked(bench, Action.KILL)
    status = drawn(bench)
    (latch,) = status.latches

    assert ("HALT", "global", "HALT", "because", "ann") == (
        status.mode,
        latch.scope,
        latch.mode,
        latch.reason,
        latch.by,
    )
    assert any("kill by ann: because" in notice for notice in status.notices)


@pytest.mark.parametrize(("action", "mode"), [(Action.UNWIND, "UNWIND"), (Action.FLATTEN, "FLATTEN")])
def test_an_unwind_is_drawn_by_what_is_still_open(action: Action, mode: str) -> None:
    """While hedges are closed every asset still has its row, with the position that is left."""
    bench = Bench().hedged()
    asked(bench, action)
    during = drawn(bench)
    bench.answer()
    for _ in range(3):
        bench.tick()
        bench.answer()
    bench.clock.move(SECOND_NS)
    bench.read()
    bench.market()
    bench.tick()
    after = drawn(bench)

    assert (mode, mode) == (during.mode, after.mode)
    assert {"BTC", "ETH"} == {row.asset for row in during.assets} == {row.asset for row in after.assets}
    assert [d(0), d(0)] == [row.contracts for row in after.positions]


def test_an_unwind_without_a_quote_is_drawn() -> None:
    """Even then every asset has a row that says what is missing."""
    bench = Bench().hedged()
    asked(bench, Action.UNWIND)
    bench.engine.state.books.quotes.clear()
    status = drawn(bench)

    assert {"BTC", "ETH"} == {row.asset for row in status.assets}
    assert [None, None] == [row.price for row in status.assets]


def test_a_position_without_a_mark_has_no_profit() -> None:
    """Its contracts are known, its worth is not, and the margin ratio that would need it is not guessed."""
    bench = Bench().hedged()
    del bench.engine.state.books.marks[hedge("BTC")]
    status = drawn(bench)
    row = position(status)

    assert (d("-1.234"), None, None, None, None) == (
        row.contracts,
        row.mark,
        row.unrealized,
        row.funding_rate,
        row.next_funding_ns,
    )
    assert status.margin_ratio is None
    assert position(status, "ETH").mark == d("2500")


def test_a_position_is_drawn_with_its_funding_and_profit() -> None:
    """Sold a tenth below the mark: the loss so far, the rate, and when it is settled."""
    row = position(drawn(Bench().hedged()))

    assert (d("59999.9"), d(60_000), d("-0.1234")) == (row.entry_price, row.mark, row.unrealized)
    assert (d("0.0001"), True) == (row.funding_rate, row.settled)


def test_a_position_that_the_venue_has_not_confirmed_says_so() -> None:
    """Our fills moved it, the venue has not: settled is false until it does."""
    bench = Bench().ready()
    bench.exchange.truth.streams = False
    bench.breach()
    bench.answer()
    row = position(drawn(bench))

    assert (d("-1.234"), False) == (row.contracts, row.settled)


def test_a_position_outside_the_rules_is_left_out() -> None:
    """An instrument that nobody names any more has no contract size to draw by."""
    bench = Bench().hedged()
    only = rules(coins=("BTC",))
    bench.loop.step(msgspec.structs.replace(bench.observed[0][0], rules=only, received_ns=bench.clock.now_ns()))
    status = drawn(bench)

    assert [hedge("BTC")] == [row.instrument for row in status.positions]
    assert ["BTC"] == [row.asset for row in status.assets]


def test_the_venues_margin_figures_count_first() -> None:
    """Its maintenance margin over its margin balance, where it gave both."""
    bench = Bench().hedged()
    seen = bench.exchange.seen(USDM)
    assert isinstance(seen, AccountSeen)
    margin = MarginState(d(1_000), d(250), d(300), d(700))
    whole = msgspec.structs.replace(seen.snapshot, margin=margin)
    bench.loop.step(AccountSeen(whole, bench.clock.now_ns()))

    assert d("0.25") == drawn(bench).margin_ratio


def test_without_the_venues_figures_the_ratio_is_ours() -> None:
    """Maintenance of both positions by their tiers over wallet and unrealised profit."""
    bench = Bench().hedged()
    wallet = bench.exchange.truth.wallet
    needed = d("1.234") * 60_000 * d("0.004") + d(10) * 2_500 * d("0.004")
    profit = -d("0.1") * d("11.234")

    ratio = drawn(bench).margin_ratio
    assert ratio is not None
    assert abs(needed / (wallet + profit) - ratio) < Decimal("1e-12")


def test_a_fill_makes_the_venues_margin_figures_old() -> None:
    """What the venue said before our own fill would show an open position with no margin: then our figure counts."""
    bench = Bench().ready()
    flat = bench.exchange.seen(USDM)
    assert isinstance(flat, AccountSeen)
    nothing = MarginState(d(100_000), d(0), d(0), d(100_000))
    bench.loop.step(AccountSeen(msgspec.structs.replace(flat.snapshot, margin=nothing), bench.clock.now_ns()))
    bench.breach()
    assert d(0) == drawn(bench).margin_ratio

    bench.clock.move(SECOND_NS)
    bench.answer()

    ratio, stress = drawn(bench).margin_ratio, drawn(bench).margin_stress
    assert ratio is not None
    assert ratio > 0
    assert stress is not None
    assert stress < 10


def test_what_an_earlier_start_knew_of_the_margin_is_not_shown() -> None:
    """After a restart the margin is unknown until the account was read again."""
    bench = Bench().hedged()
    bench.loop.step(msgspec.structs.replace(bench.observed[0][0], received_ns=bench.clock.now_ns()))
    bench.market()

    assert (None, None) == picture.margin_figures(bench.engine.state)


def test_the_stress_distance_counts_what_the_account_holds_elsewhere() -> None:
    """The venue's maintenance margin above ours is another position's, and stays as it is."""
    bench = Bench().hedged()
    seen = bench.exchange.seen(USDM)
    assert isinstance(seen, AccountSeen)
    distances = []
    for needed in (d(500), d(50_000)):
        margin = MarginState(d(100_000), needed, needed, d(0))
        bench.clock.move(SECOND_NS)
        moved = msgspec.structs.replace(seen.snapshot, margin=margin, requested_ns=bench.clock.now_ns())
        bench.loop.step(AccountSeen(moved, bench.clock.now_ns()))
        distances.append(drawn(bench).margin_stress)

    far, near = distances
    assert far is not None
    assert near is not None
    assert near < far < 2


def test_the_basis_is_the_hedges_mid_above_the_pricing_mid() -> None:
    """A future a tenth of a percent above the coin shows ten basis points; without a quote it is unknown."""
    bench = Bench()
    assert asset(drawn(bench)).basis_bps is None

    bench.hedged()
    now = bench.clock.now_ns()
    bench.loop.step(quote(pricing("BTC"), 60_000.0, now))
    bench.loop.step(quote(hedge("BTC"), 60_060.0, now))

    basis = asset(drawn(bench)).basis_bps
    assert basis is not None
    assert abs(basis - 10) < d("0.0001")


def test_accounts_are_drawn_with_their_age_and_clock() -> None:
    """How long ago each was read, and how far the venue's clock is ahead; unknown before."""
    assert [(None, None)] * 2 == [(row.age_ns, row.clock_offset_ns) for row in drawn(Bench()).accounts]
    bench = Bench().ready()
    bench.clock.move(3 * SECOND_NS)

    assert [(3 * SECOND_NS, 1_000_000)] * 2 == [(row.age_ns, row.clock_offset_ns) for row in drawn(bench).accounts]


def test_what_surrounds_the_engine_is_drawn_as_it_is_told() -> None:
    """Journal, rate budgets and the reasons for not being ready are part of the picture."""
    status = drawn(Bench())

    assert ("/j", 7, "ab", 5, 4_096) == (
        status.journal_path,
        status.journal_sequence,
        status.journal_head,
        status.journal_lag_ns,
        status.journal_bytes,
    )
    assert BUDGETS == status.budgets
    assert "not confirmed since the start" in [reason.text for reason in status.reasons]


def test_without_margin_tiers_the_ratio_is_unknown() -> None:
    """No brackets, no figure: a margin ratio is not made up."""
    bare = (spot("BTC"), perpetual("BTC", tiers=()))
    bench = Bench(owned=rules(coins=("BTC",), instruments=bare, limits=limits())).ready()
    bench.market()

    assert (None, None) == picture.margin_figures(bench.engine.state)


def test_ready_says_why_not() -> None:
    """What keeps the daemon from hedging is one line; empty when nothing does."""
    bench = Bench()

    assert "not confirmed" in picture.not_ready(bench.engine.state)
    assert "" == picture.not_ready(bench.hedged().engine.state)


def test_a_peg_is_drawn_where_it_is_watched() -> None:
    """Its price, how far it is off, what follows, and that it is not known; nothing where nobody watches."""
    assert drawn(Bench().hedged()).peg is None
    world = Pegged.watching()
    (known,) = (picture.peg_status(world.engine.state),)
    assert known == PegStatus(
        asset="USDT", price=d(1), off_bps=d(0), level="steady", told="USDT is at 1.0000 USD, 0 bps off its peg"
    )
    assert not known.holds
    assert doubts(world.engine.state) == ()

    world.worth(0.97).run(2)
    lost = picture.peg_status(world.engine.state)
    assert lost is not None
    assert (lost.level, lost.holds, round(lost.off_bps or 0)) == ("stopped", True, 300)

    world.engine.state.books.quotes.clear()
    gone = picture.peg_status(world.engine.state)
    assert gone is not None
    assert (gone.price, gone.off_bps, gone.holds) == (None, None, True)
    assert Reason("peg", gone.told) in doubts(world.engine.state)


def test_a_conversion_is_drawn_with_how_far_it_has_come() -> None:
    """Selling, held, stopped and done; one that is not carried out says why."""
    world = hedged()
    selling = tuple(picture._conversions(world.engine.state))
    assert [("realise", "selling", "")] == [(one.target, one.state, one.why) for one in selling]

    state = world.run(40).engine.state
    (done,) = tuple(picture._conversions(state))
    assert (done.state, done.amount, done.sold, done.bought) == ("done", d("0.4"), d("0.4"), d("0.4"))

    state.conversions.of["realise"] = msgspec.structs.replace(state.conversions.of["realise"], finished=d(0))
    state.legs.held["realise"] = "pace:binance.spot:BTCUSDT"
    (held,) = tuple(picture._conversions(state))
    assert ("held", "pace:binance.spot:BTCUSDT") == (held.state, held.why)

    state.conversions.stop(state.layout.conversions[0], "uneven")
    (stopped,) = tuple(picture._conversions(state))
    assert ("stopped", "uneven") == (stopped.state, stopped.why)

    state.layout.planned["realise"] = "no future"
    (planned,) = tuple(picture._conversions(state))
    assert ("planned", "no future") == (planned.state, planned.why)
