"""An order's life: every transition, every order of the news, and what absence takes to prove."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.events import (
    HELD_BACK,
    Endpoint,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
    Source,
)
from bot.domain.hedge import Leg
from bot.domain.order import Fill, OrderReport, OrderRequest, Side, Status, TimeInForce
from bot.domain.units import SECOND_NS, ZERO, ClientOrderId, Nanos
from bot.engine.orders import KEEP_DONE_NS, TERMINAL, TRANSITIONS, OrderRecord, Orders, Progress
from tests.kit import BTC, START_NS, d, hedge

ID = ClientOrderId("tt1")
NAME = hedge("BTC")
SECOND = SECOND_NS
DEADLINE = 4 * SECOND


def request(client_id: ClientOrderId = ID, contracts: str = "10", side: Side = Side.SELL) -> OrderRequest:
    """A sell of ten at 100 or better."""
    return OrderRequest(
        client_id=client_id,
        instrument=NAME,
        side=side,
        contracts=d(contracts),
        limit_price=d(100),
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        intent=1,
        leg=0,
        decided_ns=START_NS,
    )


def leg(asked: OrderRequest) -> Leg:
    """An order as it is recorded, decided at a mid of 101."""
    return Leg(asked, BTC, d(101), d(101), ZERO)


def fill(trade: str, contracts: str, price: str = "101") -> Fill:
    """One execution."""
    return Fill(trade_id=trade, price=d(price), contracts=d(contracts), fee=d("0.5"))


def report(
    status: Status, filled: str = "0", *fills: Fill, price: str | None = None, after: int = 1, venue_id: str = ""
) -> OrderReported:
    """What the venue says of the order, received `after` seconds."""
    told = OrderReport(
        client_id=ID,
        instrument=NAME,
        side=Side.SELL,
        status=status,
        contracts=d(10),
        filled=d(filled),
        average_price=None if price is None else d(price),
        fills=fills,
        venue_id=venue_id,
    )
    return OrderReported(told, Source.STREAM, Nanos(START_NS + after * SECOND))


def sent() -> Orders:
    """One order on its way."""
    orders = Orders()
    orders.open(leg(request()), "group", START_NS)
    return orders


def unanswered(after: int = 1) -> OrderUnanswered:
    """Silence, noted `after` seconds."""
    return OrderUnanswered(ID, "timeout", Nanos(START_NS + after * SECOND))


def rejected(code: str = "-2019") -> OrderRejected:
    """A documented refusal."""
    return OrderRejected(ID, code, "margin is insufficient", Nanos(START_NS + SECOND))


def denied(endpoint: Endpoint, after: float) -> OrderNotFound:
    """An endpoint knows no such order, asked `after` seconds."""
    asked = Nanos(START_NS + round(after * SECOND))
    return OrderNotFound(ID, endpoint, asked, asked)


def in_status(status: Status) -> Orders:
    """The order in a given state."""
    orders = sent()
    record = orders.records[ID]
    orders.records[ID] = msgspec.structs.replace(record, status=status, unknown_ns=Nanos(START_NS + SECOND))
    return orders


# --------------------------------------------------------------------------------------------------- transitions
@pytest.mark.parametrize(("before", "told"), list(product(Status, Status)))
def test_a_report_moves_an_order_only_along_the_table(before: Status, told: Status) -> None:
    """Every pair of states: the table's moves are made, all others leave the order where it is."""
    orders = in_status(before)
    orders.on_report(report(told))
    moves = told in TRANSITIONS[before]

    assert orders.records[ID].status is (told if moves else before)
    assert bool(orders.records[ID].done_ns) is (moves and told in TERMINAL)


def test_terminal_states_are_those_that_lead_nowhere() -> None:
    """Five ways to end, and from every other state an end can be reached."""
    assert {Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REJECTED, Status.NOT_PLACED} == TERMINAL
    assert all(TRANSITIONS[status] & TERMINAL for status in Status if status not in TERMINAL)


def test_an_order_is_recorded_as_on_its_way_with_what_it_may_fill() -> None:
    """In flight it counts with its whole size, signed."""
    record = sent().records[ID]

    assert (record.status, record.remaining, record.live) == (Status.PENDING_NEW, d(-10), True)


def test_an_id_is_used_once() -> None:
    """Opening the same id again is a bug that must not send."""
    orders = sent()

    with pytest.raises(ValueError, match="used before"):
        orders.open(leg(request()), "group", START_NS)


# ------------------------------------------------------------------------------------------------------- reports
def test_a_fill_says_what_it_added() -> None:
    """Each report adds what is new since the last, at the price that makes the average come out."""
    orders = sent()
    first = orders.on_report(report(Status.PARTIALLY_FILLED, "4", price="100"))
    second = orders.on_report(report(Status.FILLED, "10", price="103"))

    assert first == Progress(NAME, d(-4), d(100))
    assert second == Progress(NAME, d(-6), d(105))
    assert orders.records[ID].average_price == d(103)


def test_the_same_report_twice_adds_nothing_the_second_time() -> None:
    """A duplicate is neither a fill nor news."""
    orders = sent()
    once = orders.on_report(report(Status.PARTIALLY_FILLED, "4", fill("a", "4")))
    before = orders.records[ID]

    assert once is not None
    assert orders.on_report(report(Status.PARTIALLY_FILLED, "4", fill("a", "4"))) is None
    assert orders.records[ID] == before


def test_fills_alone_are_counted_and_averaged() -> None:
    """Where the venue gives no average, the fills do; each trade once."""
    orders = sent()
    orders.on_report(report(Status.PARTIALLY_FILLED, "4", fill("a", "4", "100")))
    orders.on_report(report(Status.FILLED, "10", fill("a", "4", "100"), fill("b", "6", "110")))
    record = orders.records[ID]

    assert (record.average_price, record.fee, len(record.fills)) == (d(106), d(1), 2)


def test_a_fill_without_any_price_is_booked_at_the_limit() -> None:
    """The worst it can have been, until the fills are known."""
    orders = sent()

    assert orders.on_report(report(Status.FILLED, "10")) == Progress(NAME, d(-10), d(100))
    assert orders.records[ID].average_price is None


def test_an_average_stands_until_a_better_one_is_known() -> None:
    """A later cumulative count without a price keeps the average of what was priced."""
    orders = sent()
    orders.on_report(report(Status.PARTIALLY_FILLED, "4", price="100"))
    orders.on_report(report(Status.PARTIALLY_FILLED, "6"))

    assert orders.records[ID].average_price == d(100)


def test_a_full_order_is_filled_whatever_its_status_says() -> None:
    """The count decides: all of it filled is FILLED, and more than all of it too."""
    orders = sent()
    orders.on_report(report(Status.PARTIALLY_FILLED, "11"))

    assert orders.records[ID].status is Status.FILLED
    assert orders.records[ID].remaining == 0


def test_a_fill_after_the_end_is_counted_once_and_called_late() -> None:
    """The venue's fills are the truth even then; the end does not reopen."""
    orders = sent()
    orders.on_report(report(Status.EXPIRED))
    late = orders.on_report(report(Status.PARTIALLY_FILLED, "3", price="101", after=2))
    again = orders.on_report(report(Status.PARTIALLY_FILLED, "3", price="101", after=3))
    record = orders.records[ID]

    assert (late, again) == (Progress(NAME, d(-3), d(101)), None)
    assert (record.status, record.late, record.filled) == (Status.EXPIRED, True, d(3))
    assert record.done_ns == START_NS + SECOND


def test_the_venues_own_id_is_kept() -> None:
    """A report without it does not take it away."""
    orders = sent()
    orders.on_report(report(Status.NEW, venue_id="42"))
    orders.on_report(report(Status.EXPIRED))

    assert orders.records[ID].venue_id == "42"


TRADES = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@st.composite
def truths(draw: st.DrawFn) -> tuple[list[OrderReported], Decimal, Status]:
    """A true history of an order as cumulative reports, shuffled and repeated, and where it ends."""
    sizes = draw(TRADES)
    total, fills, history = 0, [], [report(Status.NEW)]
    for number, size in enumerate(sizes):
        taken = min(size, 10 - total)
        if taken == 0:
            break
        total += taken
        fills.append(fill(f"t{number}", str(taken), str(100 + number)))
        status = Status.FILLED if total == 10 else Status.PARTIALLY_FILLED
        history.append(report(status, str(total), *(fills if draw(st.booleans()) else fills[-1:])))
    if total < 10:
        history.append(report(Status.EXPIRED, str(total), *fills))
    delivered = history + draw(st.lists(st.sampled_from(history), max_size=6))
    return draw(st.permutations(delivered)), Decimal(total), Status.FILLED if total == 10 else Status.EXPIRED


@given(truths())
def test_true_reports_in_any_order_and_number_end_in_the_same_place(
    case: tuple[list[OrderReported], Decimal, Status],
) -> None:
    """Fills never fall, an end never reopens, and the sum of what reports added is what was filled."""
    reports, total, end = case
    orders, added, was = sent(), d(0), sent().records[ID]
    for one in reports:
        gained = orders.on_report(one)
        added += gained.contracts if gained else d(0)
        now = orders.records[ID]
        assert now.filled >= was.filled
        assert was.live or now.status is was.status
        was = now

    assert (was.filled, was.status, added) == (total, end, -total)
    assert sum(f.contracts for f in was.fills) == total


# ---------------------------------------------------------------------------------------------- refusals, silence
@pytest.mark.parametrize(("status", "ends"), [(s, Status.REJECTED in TRANSITIONS[s]) for s in Status])
def test_a_refusal_ends_only_an_order_of_which_nothing_else_is_known(status: Status, ends: bool) -> None:
    """On its way, unknown or new it is rejected; further on the refusal is of something else."""
    orders = in_status(status)
    orders.on_rejected(rejected())

    assert orders.records[ID].status is (Status.REJECTED if ends else status)
    assert bool(orders.records[ID].refusal) is ends


def test_a_fill_outweighs_a_refusal() -> None:
    """An order that filled was not refused, whatever an answer says; and a refused one that fills is counted."""
    filled_first, refused_first = sent(), sent()
    filled_first.on_report(report(Status.NEW, "1"))
    filled_first.on_rejected(rejected())
    refused_first.on_rejected(rejected())
    refused_first.on_report(report(Status.FILLED, "10"))

    assert filled_first.records[ID].status is Status.NEW
    assert (refused_first.records[ID].filled, refused_first.records[ID].late) == (d(10), True)
    assert refused_first.records[ID].status is Status.REJECTED


def test_an_order_that_our_own_budget_held_back_was_never_placed() -> None:
    """That is no refusal of the venue's, and it can no longer fill."""
    orders = sent()
    orders.on_rejected(rejected(HELD_BACK))

    assert (orders.records[ID].status, orders.records[ID].remaining) == (Status.NOT_PLACED, d(0))


@pytest.mark.parametrize(("status", "ends"), [(s, Status.NOT_PLACED in TRANSITIONS[s]) for s in Status])
def test_what_the_venue_has_taken_was_not_held_back(status: Status, ends: bool) -> None:
    """Only an order on its way or unknown can turn out never to have left us; any other keeps what is known of it."""
    orders = in_status(status)
    orders.on_rejected(rejected(HELD_BACK))

    assert orders.records[ID].status is (Status.NOT_PLACED if ends else status)
    assert bool(orders.records[ID].refusal) is ends


@pytest.mark.parametrize("status", list(Status))
def test_silence_makes_only_an_order_on_its_way_unknown(status: Status) -> None:
    """Where anything is known already, an answer that did not come says nothing."""
    orders = in_status(status)
    orders.on_unanswered(unanswered())

    assert orders.records[ID].status is (Status.UNKNOWN if status is Status.PENDING_NEW else status)


@pytest.mark.parametrize(("waited", "status"), [(5, Status.PENDING_NEW), (6, Status.UNKNOWN)])
def test_an_order_that_nobody_answers_becomes_unknown(waited: int, status: Status) -> None:
    """After the time for an acknowledgement, and from that moment on."""
    orders = sent()
    now = Nanos(START_NS + waited * SECOND)
    orders.on_silence(5 * SECOND, "no answer in time", now)

    assert orders.records[ID].status is status
    assert orders.records[ID].gone_ns == (now if status is Status.UNKNOWN else START_NS)


def test_what_was_acknowledged_does_not_become_unknown() -> None:
    """Silence is only about orders that nobody has spoken of."""
    orders = in_status(Status.NEW)
    orders.on_silence(-1, "the process restarted", START_NS)

    assert orders.records[ID].status is Status.NEW


def test_news_of_orders_that_are_not_ours_changes_nothing() -> None:
    """A refusal, silence or absence of an order we do not know is nobody's."""
    orders = Orders()
    orders.on_rejected(rejected())
    orders.on_unanswered(unanswered())
    orders.on_not_found(denied(Endpoint.ORDER, 9), DEADLINE)

    assert orders.records == {}


# ------------------------------------------------------------------------------------------------ proof of absence
def unknown(*absences: OrderNotFound) -> Orders:
    """An order unknown since the first second, and what was denied of it."""
    orders = sent()
    orders.on_unanswered(unanswered(after=1))
    for absence in absences:
        orders.on_not_found(absence, DEADLINE)
    return orders


def resolved(orders: Orders) -> bool:
    """Whether absence is proven."""
    return orders.resolve_absent(ID, SECOND, Nanos(START_NS + 20 * SECOND))


ORDER, TRADES_OF = Endpoint.ORDER, Endpoint.TRADES


@pytest.mark.parametrize(
    ("absences", "proven"),
    [
        ([], False),
        ([(ORDER, 6)], False),
        ([(ORDER, 6), (ORDER, 8)], False),
        ([(ORDER, 5), (TRADES_OF, 7)], False),
        ([(ORDER, 6), (TRADES_OF, 6.9)], False),
        ([(ORDER, 6), (TRADES_OF, 7)], True),
        ([(TRADES_OF, 6), (ORDER, 7)], True),
        ([(ORDER, 6), (TRADES_OF, 6.9), (TRADES_OF, 7.9)], True),
        ([(ORDER, 4), (TRADES_OF, 4.5), (ORDER, 6), (TRADES_OF, 8)], True),
    ],
    ids=[
        "nobody asked",
        "one endpoint",
        "one endpoint twice",
        "one within the deadline",
        "too close together",
        "two, a second apart",
        "the other way round",
        "asked again after too close a pair",
        "early answers do not count",
    ],
)
def test_absence_takes_two_endpoints_after_the_deadline_a_gap_apart(
    absences: list[tuple[Endpoint, float]], proven: bool
) -> None:
    """Silence was noted at 1 s and an order may land for 4 s more: only what is asked after 5 s counts."""
    assert resolved(unknown(*(denied(endpoint, after) for endpoint, after in absences))) is proven


def test_an_order_that_filled_is_not_absent() -> None:
    """Positive evidence outweighs any number of denials."""
    orders = unknown(denied(ORDER, 6), denied(TRADES_OF, 8))
    orders.on_report(report(Status.PENDING_NEW, "1"))

    assert not resolved(orders)


def test_absence_once_proven_ends_the_order() -> None:
    """It is known never to have been placed, and what it might have filled is free again."""
    orders = unknown(denied(ORDER, 6), denied(TRADES_OF, 7))
    resolved(orders)
    record = orders.records[ID]

    assert (record.status, record.remaining) == (Status.NOT_PLACED, d(0))
    assert record.done_ns == START_NS + 20 * SECOND


def test_denials_of_an_order_that_is_known_are_not_kept() -> None:
    """A lagging replica that denies an acknowledged order proves nothing."""
    orders = in_status(Status.NEW)
    orders.on_not_found(denied(ORDER, 60), DEADLINE)

    assert orders.records[ID].absent == {}


# -------------------------------------------------------------------------------------------------------- keeping
def test_working_orders_add_up_by_instrument_with_their_sign() -> None:
    """What may still fill, and of orders that have ended nothing."""
    orders = sent()
    orders.open(leg(request(ClientOrderId("tt2"), "4", Side.BUY)), "group", START_NS)
    orders.open(leg(request(ClientOrderId("tt3"), "7")), "group", START_NS)
    orders.on_report(report(Status.EXPIRED, "2"))

    assert orders.working() == {NAME: d(-3)}
    assert [r.request.client_id for r in orders.live(NAME)] == ["tt2", "tt3"]
    assert orders.live(hedge("ETH")) == []


def test_only_orders_that_ended_long_ago_are_forgotten() -> None:
    """Late news finds its order for ten minutes; a live one is never forgotten."""
    orders = sent()
    orders.open(leg(request(ClientOrderId("tt2"))), "group", START_NS)
    orders.on_report(report(Status.EXPIRED))
    done = START_NS + SECOND

    orders.prune(Nanos(done + KEEP_DONE_NS))
    assert ID in orders.records
    orders.prune(Nanos(done + KEEP_DONE_NS + 1))
    assert list(orders.records) == ["tt2"]


def test_what_was_asked_and_told_is_remembered() -> None:
    """So that nobody is asked too often or told twice."""
    orders = sent()
    orders.note_asked(ID, Nanos(5))
    orders.note_told(ID, "alert")
    orders.note_told(ID, "halted")
    record: OrderRecord = orders.records[ID]

    assert (record.asked_ns, record.told) == (5, ("alert", "halted"))
