"""What time and evidence demand: unknown orders, second reads, latches and notices."""

from __future__ import annotations

import msgspec

from bot.domain.commands import RefreshAccount, Severity
from bot.domain.events import (
    HELD_BACK,
    Action,
    Endpoint,
    ForeignOrderSeen,
    OrderNotFound,
    OrderReported,
    PositionsChanged,
    Source,
)
from bot.domain.order import Fill, OrderReport, OrderRequest, Status
from bot.domain.units import SECOND_NS, ClientOrderId, Nanos
from bot.engine.modes import GLOBAL, Mode
from tests.engine.kit import TICK_NS, World
from tests.kit import SPOT, USDM, d, hedge, neutral, pricing


def lost(gap_s: int = 1, **venue: object) -> World:
    """A world whose first order has just been sent, and of which nobody hears: the answer and the stream are lost."""
    world = World.neutral(neutral("BTC"), evidence_gap_ns=gap_s * SECOND_NS)
    world.venue.answers = world.venue.streams = False
    for name, value in venue.items():
        setattr(world.venue, name, value)
    return world.until(lambda w: bool(w.sent))


def report(request: OrderRequest, filled: str, status: Status, fills: tuple[Fill, ...] = ()) -> OrderReport:
    """What the venue might say of an order."""
    return OrderReport(
        client_id=request.client_id,
        instrument=request.instrument,
        side=request.side,
        status=status,
        contracts=request.contracts,
        filled=d(filled),
        average_price=d(60_000),
        fills=fills,
    )


def told(world: World, filled: str, status: Status) -> None:
    """The stream reports on the first order."""
    world.handle(OrderReported(report(world.sent[0], filled, status), Source.STREAM, world.now))


# ---------------------------------------------------------------------------------------------- the unknown order
def test_an_order_whose_answer_was_lost_is_found_and_not_sent_again() -> None:
    """Unknown, looked up, found filled: one order, and the hedge is right."""
    world = lost()
    world.tick()
    assert world.records("BTC")[0].status is Status.UNKNOWN
    world.run(10)

    assert [q.endpoint for q in world.queries] == [Endpoint.ORDER]
    assert len(world.sent) == 1
    assert (world.position("BTC"), world.settled("BTC")) == (d("-1.234"), True)


def test_an_order_that_never_arrived_is_made_anew_only_after_the_proof() -> None:
    """Two endpoints deny it after its deadline, the position stands unchanged: then, and only then, a second order."""
    world = lost(places=False)
    first = world.now
    world.venue.places = world.venue.answers = world.venue.streams = True
    world.until(lambda w: len(w.sent) == 2)

    assert world.records("BTC")[0].status is Status.NOT_PLACED
    assert world.now - first >= 5 * SECOND_NS
    assert {q.endpoint for q in world.queries} == set(Endpoint)
    assert [n.severity for n in world.notices("order")] == [Severity.INFO]
    assert world.run(5).position("BTC") == d("-1.234")
    assert world.venue.position(hedge("BTC")).contracts == d("-1.234")


def test_denials_too_close_together_are_asked_for_again() -> None:
    """With three seconds between two words that count, the second endpoint is asked until its word does."""
    world = lost(3, places=False)
    world.venue.places = world.venue.answers = world.venue.streams = True
    world.until(lambda w: len(w.sent) == 2)
    absent = world.records("BTC")[0].absent

    assert absent["trades"] - absent["order"] >= 3 * SECOND_NS


def test_a_denial_of_an_order_that_is_not_ours_says_nothing() -> None:
    """Nobody waits for it."""
    world = World.neutral().run()
    world.forget()
    nobody = ClientOrderId("tt0000000000000000000000")
    world.handle(OrderNotFound(nobody, Endpoint.ORDER, world.now, world.now))

    assert world.log == []


def test_denials_without_a_fresh_position_prove_nothing() -> None:
    """The account is asked for as well, and nothing is sent until it has said that nothing moved."""
    world = lost(places=False)
    world.reconciling = False
    asked = []
    for _ in range(80):
        world.pending = [e for e in world.pending if isinstance(e, OrderNotFound)]
        world.tick()
        asked += [c for c in world.log if isinstance(c, RefreshAccount) and c.why == "an unknown order"]

    assert len(world.sent) == 1
    assert set(world.records("BTC")[0].absent) == {"order", "trades"}
    assert asked


def test_a_position_that_moved_speaks_against_every_denial() -> None:
    """Both endpoints deny the order and the venue's position shows its fill: locked, not sent again."""
    world = lost()
    world.venue.orders.clear()
    world.run(30)

    assert len(world.sent) == 1
    assert world.records("BTC")[0].status is Status.UNKNOWN
    assert not world.settled("BTC")


def test_while_an_order_is_unknown_its_instrument_takes_no_other() -> None:
    """Deposits, price moves and ticks change nothing about that; other instruments go on."""
    world = World.neutral()
    world.venue.answers = world.venue.streams = False
    world.until(lambda w: len(w.sent) == 2)
    ether = world.records("ETH")[0].request.client_id
    world.pending = [e for e in world.pending if getattr(e, "client_id", "") != ether]
    told_eth = world.venue.orders[ether].report(world.now)
    world.handle(OrderReported(told_eth, Source.STREAM, world.now))
    world.venue.orders.pop(world.records("BTC")[0].request.client_id)
    world.venue.coins["BTC"] = d(9)
    world.price("BTC", 60_100.0)
    world.run(40)

    assert len(world.records("BTC")) == 1
    assert world.position("ETH") == d(-10)


def test_an_order_that_nobody_answers_becomes_unknown_and_is_looked_up() -> None:
    """No answer, no error, no stream: after five seconds it is asked for."""
    world = lost()
    world.pending.clear()
    world.run(5)
    assert world.records("BTC")[0].status is Status.PENDING_NEW
    assert world.queries == []

    world.run(1)
    assert world.position("BTC") == d("-1.234")
    assert [q.since_ns for q in world.queries] == [world.records("BTC")[0].sent_ns]


def test_an_acknowledged_order_without_an_end_is_looked_up_as_well() -> None:
    """An immediate-or-cancel order that stays new has lost its end on the way."""
    world = lost()
    world.pending.clear()
    told(world, "0", Status.NEW)
    world.run(7)

    assert world.position("BTC") == d("-1.234")
    assert len(world.sent) == 1


def test_a_look_up_is_not_repeated_within_a_second() -> None:
    """While answers are missing an order is asked for once a second."""
    world = lost()
    world.pending.clear()
    for _ in range(60):
        world.tick()
        world.pending = [e for e in world.pending if not isinstance(e, OrderReported)]
    seconds = 60 * TICK_NS / SECOND_NS - 5

    assert seconds - 1 <= len(world.queries) <= seconds


def test_an_order_unknown_for_long_is_told_and_then_halts_its_instrument() -> None:
    """A minute: a warning. Five: the instrument is halted. Each is said once, and arming does not say it again."""
    world = lost()
    world.venue.orders.clear()
    world.run(400)
    assert [n.severity for n in world.notices("unknown_order")] == [Severity.WARNING, Severity.CRITICAL]
    assert world.engine.state.modes.of(hedge("BTC")) is Mode.HALT

    world.ask(Action.ARM)
    world.run(30)
    assert len(world.notices("unknown_order")) == 2
    assert len(world.sent) == 1


def test_an_acknowledged_order_that_never_ends_is_told_as_well() -> None:
    """Not only unknown orders can be stuck: a lock that is never lifted is never silent."""
    world = lost()
    world.venue.orders.clear()
    world.pending.clear()
    told(world, "0", Status.NEW)
    world.run(320)

    assert [n.severity for n in world.notices("unknown_order")] == [Severity.WARNING, Severity.CRITICAL]


# -------------------------------------------------------------------------------------------------- missing fills
def test_fills_that_are_missing_from_an_end_are_asked_for() -> None:
    """An answer that says filled without saying how: the trades are looked up a second later, for the fees."""
    world = lost()
    world.pending.clear()
    told(world, "1.234", Status.FILLED)
    world.run(3)

    assert [q.endpoint for q in world.queries] == [Endpoint.TRADES]
    assert world.records("BTC")[0].fee == 1


def test_missing_fills_are_not_asked_for_for_ever() -> None:
    """After half a minute the average price has to do."""
    world = lost()
    world.pending.clear()
    told(world, "1.234", Status.FILLED)
    for _ in range(400):
        world.tick()
        world.pending = [e for e in world.pending if not isinstance(e, OrderReported)]

    assert 25 <= len(world.queries) <= 30


# ------------------------------------------------------------------------------------------------ what halts
def test_an_order_that_fills_more_than_it_asked_for_halts_everything_once() -> None:
    """The sum of children is never above the parent; after a look an operator can arm again, and does not loop."""
    world = lost()
    world.pending.clear()
    told(world, "2", Status.FILLED)
    assert [n.severity for n in world.notices("conservation")] == [Severity.CRITICAL]
    assert world.engine.state.modes.latches[GLOBAL].mode is Mode.HALT
    world.run(5)
    world.ask(Action.ARM)
    world.run(5)

    assert world.engine.state.modes.overall is Mode.RUN
    assert len(world.notices("conservation")) == 1


def test_an_overfill_is_told_even_while_halted() -> None:
    """A kill before it hides nothing."""
    world = lost()
    world.ask(Action.KILL)
    told(world, "2", Status.FILLED)

    assert len(world.notices("conservation")) == 1
    assert world.engine.state.modes.latches[GLOBAL].by == "ann"


def test_refusals_in_a_row_halt_the_instrument_until_armed() -> None:
    """Three, a second apart so that a moment's overload can pass; then a person has to look, and arming counts anew."""
    world = World.neutral(neutral("BTC"))
    world.venue.refuses = "-2019"
    world.run(30)
    assert len(world.sent) == 3
    assert [r.sent_ns - world.records("BTC")[0].sent_ns >= k * SECOND_NS for k, r in enumerate(world.records("BTC"))]
    assert [n.text for n in world.notices("rejects")] == [
        "the venue refused 3 orders in a row, last with -2019: no; this instrument is halted until armed"
    ]

    world.venue.refuses = ""
    world.ask(Action.ARM)
    world.run(65)
    assert world.position("BTC") == d("-1.234")


def test_a_refusal_that_passes_does_not_halt() -> None:
    """Two refusals and a fill: the count begins anew."""
    world = World.neutral(neutral("BTC"))
    world.venue.refuses = "-1008"
    world.until(lambda w: len(w.sent) == 2)
    world.venue.refuses = ""
    world.run(10)

    assert world.position("BTC") == d("-1.234")
    assert world.notices("rejects") == []


def test_orders_held_back_by_our_own_budget_are_no_refusals() -> None:
    """They never reached the venue: tried again at the pace that is allowed, and nothing is halted."""
    world = World.neutral(neutral("BTC"))
    world.venue.refuses = HELD_BACK
    world.run(20)
    assert len(world.sent) == 5
    assert world.notices("rejects") == []

    world.venue.refuses = ""
    world.run(65)
    assert world.position("BTC") == d("-1.234")


def test_a_position_that_the_venue_moved_halts_its_instrument() -> None:
    """Closed by hand: adopted after two reads, told once, not opened again until an operator arms."""
    world = World.neutral().run()
    world.venue.positions.pop(hedge("BTC"))
    world.run(40)
    assert (world.position("BTC"), world.position("ETH")) == (d(0), d(-10))
    assert len(world.records("BTC")) == 1
    assert [n.severity for n in world.notices("external_change")] == [Severity.CRITICAL]

    world.ask(Action.ARM)
    world.run(5)
    assert world.position("BTC") == d("-1.234")


def test_a_difference_is_read_again_at_once() -> None:
    """The stream shows another position: the account is read within seconds, not at the next reconcile."""
    world = World.neutral().run()
    world.reconciling = False
    world.forget()
    shown = msgspec.structs.replace(world.venue.position(hedge("BTC")), contracts=d(-1))
    world.handle(PositionsChanged(USDM, (shown,), "ORDER", world.now, world.now))
    world.run(3)

    assert [c.why for c in world.log if isinstance(c, RefreshAccount)] == ["a position is not confirmed"]
    assert world.settled("BTC")


def test_a_foreign_order_halts_its_instrument() -> None:
    """Somebody else trades the hedge: halted and told; on an instrument that is not ours to hedge, only told."""
    world = World.neutral().run()
    for name in (hedge("BTC"), hedge("BTC"), pricing("BTC")):
        world.handle(ForeignOrderSeen(name, "web_1", "filled", d(1), world.now))

    assert [n.severity for n in world.notices("foreign")] == [Severity.CRITICAL, Severity.WARNING, Severity.WARNING]
    assert world.engine.state.modes.of(hedge("BTC")) is Mode.HALT
    assert world.engine.state.modes.of(hedge("ETH")) is Mode.RUN


def test_an_order_named_like_ours_that_is_not_known_here_is_foreign() -> None:
    """A second daemon on the same account would look like this: halted, not counted as our fill."""
    world = World.neutral().run()
    twin = msgspec.structs.replace(world.sent[0], client_id=ClientOrderId("tt0000000000000000000000"))
    before = world.position("BTC")
    world.handle(OrderReported(report(twin, "1.234", Status.FILLED), Source.STREAM, world.now))

    assert world.position("BTC") == before
    assert "named like ours" in world.notices("foreign")[0].text
    assert world.engine.state.modes.of(hedge("BTC")) is Mode.HALT


# --------------------------------------------------------------------------------------------------- second reads
def test_reads_are_asked_for_until_the_accounts_are_confirmed() -> None:
    """From the start, again after a second, and then no more."""
    world = World.neutral()
    world.reconciling = False
    world.run(5)
    asked = [c.account for c in world.log if isinstance(c, RefreshAccount)]

    assert asked.count(SPOT) == 2
    assert asked.count(USDM) in (2, 3)


def test_a_large_deposit_is_read_again_before_it_is_hedged() -> None:
    """The stream's word on more than a fifth of the balance is confirmed by a read, and then hedged once."""
    world = World.neutral(neutral("BTC")).run()
    world.reconciling = False
    world.forget()
    world.deposit("BTC", "1")
    world.tick()
    assert [c.why for c in world.log if isinstance(c, RefreshAccount)] == ["a balance changed"]
    assert world.sent == []

    world.run(3)
    assert world.position("BTC") == d("-2.234")
    assert len(world.sent) == 1


def test_an_account_is_not_read_more_often_than_a_second_read_could_count() -> None:
    """A doubt that stays asks every 1.1 seconds."""
    world = World.neutral(neutral("BTC")).run()
    world.reconciling = False
    world.forget()
    world.deposit("BTC", "1")
    for _ in range(40):
        world.tick()
        world.pending.clear()
    asked = [c for c in world.log if isinstance(c, RefreshAccount)]

    assert 7 <= len(asked) <= 10
    assert world.now > Nanos(0)
