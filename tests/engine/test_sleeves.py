"""Every contract, fee and payment is some target's, and together they are the venue's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calc.pnl import Tally
from bot.domain.account import Position
from bot.domain.events import Action, FundingPaid, OrderReported, PositionsChanged, Source
from bot.domain.hedge import Leg
from bot.domain.order import Fill, OrderReport, OrderRequest, Side, Status, TimeInForce
from bot.domain.targets import Base, Basis, CashTarget, TiltTarget
from bot.domain.units import SECOND_NS, ZERO, ClientOrderId, Nanos
from bot.engine.orders import OrderRecord, Orders
from bot.engine.sleeves import GRID_AMOUNT_MAX, TRAIL_MAX, TRANSACTIONS_MAX, UNASSIGNED, Book, Sleeves, portions, wants
from bot.engine.state import State
from tests.engine.kit import World
from tests.kit import BTC, ETH, START_NS, USDM, USDT, band, d, hedge, neutral, perpetual, rules

NAME = hedge("BTC")
ID = ClientOrderId("tt1")
INSTRUMENTS = {NAME: perpetual("BTC")}
SOME = st.decimals("-50", "50", places=3).filter(lambda one: one != 0)


def order(contracts: str, **shares: str) -> Orders:
    """One order on its way, wanted by these."""
    signed = d(contracts)
    request = OrderRequest(
        client_id=ID,
        instrument=NAME,
        side=Side.BUY if signed > 0 else Side.SELL,
        contracts=abs(signed),
        limit_price=d(100),
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        intent=1,
        leg=0,
        decided_ns=START_NS,
    )
    asked = {name: d(share) for name, share in shares.items()}
    orders = Orders()
    orders.open(Leg(request, BTC, d(101), d(101), ZERO, asked, d(100)), "group", START_NS)
    return orders


def report(
    orders: Orders, filled: str, *fills: Fill, average: str | None = None, status: Status = Status.NEW
) -> OrderReported:
    """The venue's word on it."""
    request = orders.records[ID].request
    told = OrderReport(
        client_id=ID,
        instrument=NAME,
        side=request.side,
        status=status,
        contracts=request.contracts,
        filled=d(filled),
        average_price=None if average is None else d(average),
        fills=fills,
    )
    return OrderReported(told, Source.STREAM, START_NS)


def fill(trade: str, contracts: str, price: str, fee: str = "0") -> Fill:
    """One execution."""
    return Fill(trade_id=trade, price=d(price), contracts=d(contracts), fee=d(fee), fee_asset=USDT)


def tell(sleeves: Sleeves, orders: Orders, event: OrderReported) -> None:
    """Book what a report adds."""
    before: OrderRecord = orders.records[ID]
    orders.on_report(event)
    sleeves.on_order(before, orders.records[ID], d(1), START_NS)


def paid(amount: str, transaction: str = "1", at: int = START_NS) -> FundingPaid:
    """A settlement on BTC's future."""
    return FundingPaid(USDM, NAME, USDT, d(amount), transaction, Nanos(at), Nanos(at))


# --------------------------------------------------------------------------------------------------------- sharing
@given(SOME, st.dictionaries(st.sampled_from("abcd"), SOME, min_size=1).filter(lambda one: sum(one.values()) != 0))
def test_portions_add_up_exactly(amount: Decimal, weights: dict[str, Decimal]) -> None:
    """However awkward the weights, nothing is lost and nothing made."""
    assert amount == sum(portions(amount, weights).values())


def test_portions_of_very_much_are_whole() -> None:
    """Beyond what a grid of fractions can hold, they still add up."""
    shared = portions(GRID_AMOUNT_MAX * 10, {"a": d(1), "b": d(2)})

    assert GRID_AMOUNT_MAX * 10 == sum(shared.values())
    assert shared["a"] == shared["a"].to_integral_value()


def test_each_wants_what_it_lacks() -> None:
    """What a target wants to hold, less what is booked to it; a sleeve that nobody wants any more wants nothing."""
    found = wants(Side.SELL, {"a": d(-5), "b": d(3)}, {"a": d(-1), "gone": d(2)})

    assert {"a": d(-4), "b": d(3), "gone": d(-2)} == found


def test_an_order_against_all_wishes_is_for_whoever_wants_the_instrument() -> None:
    """A joint correction may buy where its targets are short already: it is theirs, by the size of their wish."""
    assert {"a": d(4), "b": d(1)} == wants(Side.BUY, {"a": d(-4), "b": d(1), "c": ZERO}, {"a": d(-4), "b": d(1)})


def test_an_order_that_nobody_wants_is_nobodys() -> None:
    """It cannot be, and is booked all the same."""
    assert {UNASSIGNED: d(-1)} == wants(Side.SELL, {}, {})


# ------------------------------------------------------------------------------------------------------------ fills
def test_opposite_wishes_are_netted_and_booked_apart() -> None:
    """+5 and -3 make one order of +2; filled, each has what it wanted, at the fill's price."""
    sleeves, orders = Sleeves(), order("2", tilt="5", core="-3")
    tell(sleeves, orders, report(orders, "2", fill("1", "2", "100", "0.8"), status=Status.FILLED))

    assert {"tilt": d(5), "core": d(-3)} == sleeves.booked(NAME)
    assert d(2) == sleeves.total(NAME)
    books = sleeves.books[NAME]
    assert (d(100), d(100)) == (books["tilt"].entry_price, books["core"].entry_price)
    assert ({USDT: d("0.5")}, {USDT: d("0.3")}) == (books["tilt"].fees, books["core"].fees)


def test_a_partial_fill_is_shared_pro_rata() -> None:
    """Half an order is half of what each wanted."""
    sleeves, orders = Sleeves(), order("-4", a="-3", b="-1")
    tell(sleeves, orders, report(orders, "2", fill("1", "2", "100")))

    assert {"a": d("-1.5"), "b": d("-0.5")} == sleeves.booked(NAME)


def test_an_order_of_before_the_books_is_nobodys() -> None:
    """An older version's order says nothing of who wanted it."""
    sleeves, orders = Sleeves(), order("1")
    tell(sleeves, orders, report(orders, "1", fill("1", "1", "100")))

    assert {UNASSIGNED: d(1)} == sleeves.booked(NAME)


def test_fills_that_are_told_late_put_the_price_right() -> None:
    """An average comes first, the fills with their fees after it: in the end the books are those of the fills."""
    sleeves, orders = Sleeves(), order("3", a="3")
    tell(sleeves, orders, report(orders, "3", average="100.3", status=Status.FILLED))
    tell(sleeves, orders, report(orders, "3", fill("1", "1", "100", "1"), fill("2", "2", "101", "2"), average="100.3"))
    book = sleeves.books[NAME]["a"]

    assert (d(3), d(-302), {USDT: d(3)}) == (book.contracts, book.cash, book.fees)


def test_what_is_known_already_books_nothing() -> None:
    """The same report again."""
    sleeves, orders = Sleeves(), order("3", a="3")
    event = report(orders, "3", fill("1", "3", "100", "1"), status=Status.FILLED)
    tell(sleeves, orders, event)
    before = msgspec.json.encode(sleeves)
    tell(sleeves, orders, event)

    assert before == msgspec.json.encode(sleeves)


def test_a_book_knows_its_profit_and_what_of_it_was_basis() -> None:
    """Sold 2 at 102 against a spot of 100, bought back 1 at 99: 3 is earned, 2.5 of the other at a mark of 99.5."""
    book = Book(contracts=d(-1), entry_price=d(102), cash=d(204 - 99), spot_cash=d(200 - 98))

    assert d(3) == book.realized(d(1))
    assert d("2.5") == book.unrealized(d(1), d("99.5"))
    assert d("2.5") == book.basis(d(1), d("99.5"), d(99)) + d("0.0")


@settings(max_examples=60)
@given(st.lists(st.tuples(SOME, st.decimals(90, 110, places=1)), min_size=1, max_size=12))
def test_a_books_profit_is_that_of_its_fills(trades: list[tuple[Decimal, Decimal]]) -> None:
    """Opened, added to, closed and turned round: realised and unrealised together are the cash and what is left."""
    sleeves, tally, mark = Sleeves(), Tally(), d(104)
    for number, (contracts, price) in enumerate(trades):
        orders = order(str(contracts), a=str(contracts))
        tell(sleeves, orders, report(orders, str(abs(contracts)), fill(str(number), str(abs(contracts)), str(price))))
        tally = tally.filled(INSTRUMENTS[NAME], contracts, price)
    book = sleeves.books[NAME]["a"]

    assert tally.contracts == book.contracts
    assert abs(book.realized(d(1)) + book.unrealized(d(1), mark) - tally.profit(INSTRUMENTS[NAME], mark)) < d("1e-18")


# ---------------------------------------------------------------------------------------------------------- funding
def test_funding_goes_to_whom_it_was_paid_for() -> None:
    """A short receives and a long pays: each is booked its own, and the sum is the venue's."""
    sleeves, orders = Sleeves(), order("-2", core="-3", tilt="1")
    tell(sleeves, orders, report(orders, "2", fill("1", "2", "100")))
    sleeves.on_funding(paid("4"))

    assert (d(6), d(-2)) == tuple(sleeves.books[NAME][name].funding for name in ("core", "tilt"))


def test_a_payment_counts_once() -> None:
    """It is read again with every look at the ledger."""
    sleeves, orders = Sleeves(), order("-2", core="-2")
    tell(sleeves, orders, report(orders, "2", fill("1", "2", "100")))
    sleeves.on_funding(paid("4"))
    sleeves.on_funding(paid("4"))

    assert d(4) == sleeves.books[NAME]["core"].funding


def test_late_news_of_a_settlement_finds_what_was_booked_then() -> None:
    """Who sold after the settlement is not paid for it; what is older than the trail goes by its oldest entry."""
    sleeves = Sleeves()
    for number, name in enumerate(("early", "late")):
        orders = order("-1", **{name: "-1"})
        before = orders.records[ID]
        orders.on_report(report(orders, "1", fill(str(number), "1", "100")))
        sleeves.on_order(before, orders.records[ID], d(1), Nanos(START_NS + number * SECOND_NS))
    sleeves.on_funding(paid("1", "a", START_NS + SECOND_NS // 2))
    sleeves.on_funding(paid("1", "b", START_NS - SECOND_NS))
    sleeves.on_funding(paid("1", "c", START_NS + SECOND_NS))

    assert (d("2.5"), d("0.5")) == tuple(sleeves.books[NAME][name].funding for name in ("early", "late"))


def test_a_payment_for_nothing_is_nobodys() -> None:
    """The venue settles what the books do not know of."""
    sleeves = Sleeves()
    sleeves.on_funding(paid("1"))

    assert d(1) == sleeves.books[NAME][UNASSIGNED].funding


def test_what_is_remembered_is_bounded() -> None:
    """Transactions and the trail of an instrument do not grow for ever."""
    sleeves = Sleeves()
    for number in range(TRANSACTIONS_MAX + 3):
        sleeves.on_funding(paid("0.1", str(number)))
    for number in range(TRAIL_MAX + 3):
        sleeves.on_moved(Position(NAME, d(number)), sleeves.total(NAME), d(1), START_NS)

    assert (TRANSACTIONS_MAX, TRAIL_MAX) == (len(sleeves.transactions), len(sleeves.trail[NAME]))


# ---------------------------------------------------------------------------------------------------- not of our own
def test_what_no_fill_of_ours_explains_is_nobodys() -> None:
    """A position that was there at the first start, and one that is liquidated in part: no target's book changes."""
    sleeves, orders = Sleeves(), order("-3", core="-3")
    sleeves.on_moved(Position(NAME, d(-1), d(90)), ZERO, d(1), START_NS)
    tell(sleeves, orders, report(orders, "3", fill("1", "3", "100")))
    sleeves.on_moved(Position(NAME, d(-2), d(98)), d(-4), d(1), START_NS)

    assert {"core": d(-3), UNASSIGNED: d(1)} == sleeves.booked(NAME)


def test_books_that_do_not_add_up_are_a_defect_once() -> None:
    """It is said, and the difference is nobody's, so that it is not said again."""
    sleeves, orders = Sleeves(), order("-3", core="-3")
    tell(sleeves, orders, report(orders, "3", fill("1", "3", "100")))
    for _ in range(2):
        sleeves.check(Position(NAME, d(-4), d(100)), d(1), START_NS)

    assert 1 == len(sleeves.take_defects())
    assert [] == sleeves.take_defects()
    assert d(-4) == sleeves.total(NAME)


def test_instruments_that_are_gone_have_no_books() -> None:
    """A config that no longer names one ends its books."""
    sleeves, orders = Sleeves(), order("-3", core="-3")
    tell(sleeves, orders, report(orders, "3", fill("1", "3", "100")))
    sleeves.keep([hedge("ETH")])

    assert ({}, {}, {}) == (sleeves.books, sleeves.trail, sleeves.filled)


# ------------------------------------------------------------------------------------------------------ in the engine
def composed(**changes: Any) -> World:
    """Two bitcoins, half hedged, a cash hedge on top, and a tilt from BTC into ETH."""
    fixed = Basis(base=Base.FIXED, fixed=d(100_000))
    tilt = TiltTarget(name="tilt", long={ETH: d(1)}, short={BTC: d(1)}, size=d("0.05"), band=band("0.02"), basis=fixed)
    cash = CashTarget(name="cash", share=d("0.2"), anchor=BTC, band=band("0.02"), basis=fixed)
    return World.neutral(
        neutral("BTC", ratio="0.5"), cash, tilt, coins={"BTC": "2"}, orders_per_minute_max=99, **changes
    )


def holds(world: World) -> None:
    """Over every instrument the sleeves are the position."""
    state = world.engine.state
    for name, belief in state.accounts.positions.items():
        assert belief.position.contracts == state.sleeves.total(name)
    assert not state.sleeves.defects


def test_three_targets_on_one_instrument_send_one_order_and_are_booked_apart() -> None:
    """1 + 1/3 + 1/12 BTC are sold in one order; each target has its own."""
    world = composed().run(5)

    assert 1 == len([request for request in world.sent if request.instrument == NAME])
    assert d("-1.416") == world.position("BTC")
    booked = world.engine.state.sleeves.booked(NAME)
    whole = d(-1) - d(20_000) / 60_000 - d(5_000) / 60_000
    for name, share in (("neutral", d(-1)), ("cash", d(-20_000) / 60_000), ("tilt", d(-5_000) / 60_000)):
        assert abs(booked[name] - share * world.position("BTC") / whole) < d("1e-9")
    holds(world)


def test_a_target_that_goes_takes_its_own_part_back() -> None:
    """What is bought back when the cash hedge ends is booked to the cash hedge."""
    world = composed().run(5)
    owned = msgspec.structs.replace(
        world.rules, targets=tuple(one for one in world.rules.targets if one.name != "cash")
    )
    world.rules = owned
    world.restart().run(15)

    assert d("-1.084") == world.position("BTC")
    assert abs(world.engine.state.sleeves.booked(NAME)["cash"]) < d("0.001")
    holds(world)


def test_unwinding_closes_every_sleeve() -> None:
    """Whatever each has: flat is flat."""
    world = composed().run(5)
    world.ask(Action.UNWIND)
    world.run(10)

    assert {ZERO} == {*world.engine.state.sleeves.booked(NAME).values()}
    holds(world)


def test_a_hand_trade_is_nobodys_and_what_corrects_it_too() -> None:
    """The targets' books stay as they are; once armed the difference is traded back, out of nobody's book."""
    world = composed().run(5)
    before = {name: c for name, c in world.engine.state.sleeves.booked(NAME).items() if name != UNASSIGNED}
    world.venue.positions[NAME] = world.venue.positions[NAME].after_fill(Side.BUY, d("0.4"), d(60_000))
    world.run(30)
    assert d("0.4") == world.engine.state.sleeves.booked(NAME)[UNASSIGNED]
    world.ask(Action.ARM)
    world.run(10)

    after = world.engine.state.sleeves.booked(NAME)
    assert abs(after[UNASSIGNED]) < d("0.001")
    for name, contracts in before.items():
        assert abs(after[name] - contracts) < d("0.001")
    holds(world)


def test_books_that_do_not_add_up_halt() -> None:
    """A defect of ours: a person is told and nothing more is built on it."""
    world = composed().run(5)
    world.engine.state.sleeves.books[NAME]["cash"] = Book(contracts=d(7))
    world.deposit("BTC", "0.5")
    world.run(5)

    assert "add up to" in world.notices("conservation")[0].text
    assert world.engine.state.modes.overall.name == "HALT"
    holds(world)


def test_funding_is_booked_where_the_engine_knows_the_position() -> None:
    """One of another instrument is not ours to share."""
    world = composed().run(5)
    world.handle(paid("3", "one", world.now))
    world.handle(msgspec.structs.replace(paid("3", "two", world.now), instrument=hedge("SOL")))
    rows = [book.funding for _, _, book in world.engine.state.sleeves.rows()]

    assert d(3) == sum(rows)


def test_books_outlive_a_checkpoint() -> None:
    """To the last digit."""
    world = composed().run(5)
    kept = msgspec.json.decode(msgspec.json.encode(world.engine.state), type=State)

    assert world.engine.state.sleeves == kept.sleeves


def test_an_older_checkpoints_position_is_nobodys_until_it_is_traded() -> None:
    """A state that was kept before there were books begins with one sleeve for all."""
    world = composed().run(5)
    world.engine.state.sleeves = Sleeves()
    world.restart().run(15)

    assert {UNASSIGNED: d("-1.416")} == {k: v for k, v in world.engine.state.sleeves.booked(NAME).items() if v}
    world.deposit("BTC", "0.5")
    world.run(10)
    holds(world)


def test_an_order_of_an_earlier_config_is_booked_to_nobody() -> None:
    """Its instrument is hedged no more: what it filled is told, and no book begins."""
    world = World.neutral()
    world.venue.streams = world.venue.answers = False
    world.run(3)
    left = world.records("ETH")[0].request
    world.rules = rules(neutral("BTC"), coins=("BTC",), limits=world.rules.limits)
    world.restart()
    world.handle(OrderReported(world.venue.orders[left.client_id].report(world.now), Source.QUERY, world.now))

    assert hedge("ETH") not in world.engine.state.sleeves.books
    assert not world.engine.state.sleeves.defects


def test_a_position_that_the_stream_moves_is_held_against_the_books() -> None:
    """Every word on a position that is adopted is booked."""
    world = composed().run(5)
    position = world.venue.positions[NAME]
    world.handle(PositionsChanged(USDM, (position,), "ADJUSTMENT", world.now, world.now))

    holds(world)


@pytest.mark.parametrize("share", ["0.001", "0.4", "1"])
def test_partial_fills_add_up_over_many_orders(share: str) -> None:
    """Slice by slice, whatever the venue gives."""
    world = composed()
    world.venue.fills_at_most = d(share)
    world.run(30)

    holds(world)
