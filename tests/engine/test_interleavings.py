"""No order of events makes two hedges of one need."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.account import AccountSnapshot
from bot.domain.events import AccountSeen, Action, Event, OrderReported, PositionsChanged
from bot.domain.order import Status
from bot.domain.units import MILLISECOND_NS, SECOND_NS, Nanos
from tests.engine.kit import World
from tests.kit import USDM, d, hedge, limits, neutral, pricing, quote

LOT = d("0.001")


@dataclass(frozen=True)
class Chaos:
    """One thing that the wire does next."""

    what: str
    where: int = 0


MOVES = st.builds(
    Chaos,
    st.sampled_from("deliver deliver deliver repeat lose tick tick jump read stale_read lagging_read quote".split()),
    st.integers(0, 9),
)


class Unruly:
    """A world whose wire delivers in any order, twice, late or not at all; and what must hold at every step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.delivered: list[Event] = []
        self.reads: list[AccountSeen] = []
        self.past: list[tuple[int, AccountSnapshot]] = []
        world.reconciling = False

    def play(self, moves: list[Chaos]) -> None:
        """Let it happen, and look after each step."""
        for move in moves:
            names = [hedge("BTC"), hedge("ETH")]
            self.past.append((self.world.now, self.world.venue.snapshot(USDM, names, self.world.now)))
            getattr(self, move.what)(move.where)
            self.check()

    def check(self) -> None:
        """At most one live order per instrument, and nothing executed or believed beyond the need."""
        for coin in ("BTC", "ETH"):
            live = [r for r in self.world.records(coin) if r.live]
            assert len(live) <= 1
            held = self.world.venue.coins[coin]
            truth = self.world.venue.position(hedge(coin)).contracts
            assert -held <= truth <= 0
            assert -held <= self.world.position(coin) <= 0
            assert self.world.position(coin) == self.world.engine.state.sleeves.total(hedge(coin))
        assert not self.world.engine.state.sleeves.defects

    def at_rest(self, world: World) -> bool:
        """Both hedges are right, confirmed, and nothing is out; looks at every step on the way."""
        self.check()
        right = (world.position("BTC"), world.position("ETH")) == (d(-1), d(-2))
        out = any(r.live for coin in ("BTC", "ETH") for r in world.records(coin))
        return right and world.settled("BTC") and world.settled("ETH") and not out and not world.pending

    def deliver(self, where: int) -> None:
        """Any of what is on the wire arrives."""
        if self.world.pending:
            event = self.world.pending.pop(where % len(self.world.pending))
            self.delivered.append(event)
            self.world.deliver(event)

    def repeat(self, where: int) -> None:
        """Something of an order arrives a second time."""
        again = [e for e in self.delivered if isinstance(e, OrderReported)]
        if again:
            self.world.deliver(again[where % len(again)])

    def lose(self, where: int) -> None:
        """A private frame never arrives; what is asked for explicitly is answered in the end."""
        if self.world.pending:
            place = where % len(self.world.pending)
            if isinstance(self.world.pending[place], PositionsChanged):
                self.world.pending.pop(place)

    def tick(self, where: int) -> None:
        """A little time passes; nothing of the wire arrives by itself."""
        self.world.now = Nanos(self.world.now + (1 + where) * 100 * MILLISECOND_NS)
        waiting, self.world.pending = self.world.pending, []
        self.world.tick(0)
        self.world.pending = waiting + self.world.pending

    def jump(self, where: int) -> None:
        """Seconds pass at once."""
        self.world.now = Nanos(self.world.now + (1 + where) * SECOND_NS)
        self.tick(0)

    def read(self, where: int) -> None:
        """The futures account is read; the answer waits on the wire with what it saw."""
        names = [hedge("BTC"), hedge("ETH")]
        account = self.world.rules.accounts[where % 2]
        seen = AccountSeen(self.world.venue.snapshot(account, names, self.world.now), self.world.now)
        self.world.pending.append(seen)
        self.reads.append(seen)

    def stale_read(self, where: int) -> None:
        """A read from the past arrives, again perhaps."""
        if self.reads:
            self.world.deliver(self.reads[where % len(self.reads)])

    def lagging_read(self, where: int) -> None:
        """A replica answers now with what was true up to ten seconds ago."""
        recent = [seen for at, seen in self.past if self.world.now - at <= limits().replica_lag_ns_max]
        if recent:
            lagging = msgspec.structs.replace(recent[where % len(recent)], requested_ns=self.world.now)
            self.world.pending.append(AccountSeen(lagging, self.world.now))

    def quote(self, where: int) -> None:
        """The market moves a little."""
        coin = "BTC" if where % 2 else "ETH"
        price = self.world.venue.prices[coin] * (1 + (where - 5) * 1e-4)
        self.world.handle(quote(pricing(coin), round(price, 1), self.world.now))


@settings(max_examples=40)
@given(
    st.lists(MOVES, max_size=60),
    st.sampled_from(["0.4", "0.7", "10"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_no_order_of_events_hedges_twice(
    moves: list[Chaos], at_most: str, answers: bool, streams: bool, places: bool, composed: bool
) -> None:
    """Answers, streams, reads and quotes in any order, repeated, lost, late and stale: never beyond the need.

    Neither by one target nor by two on the same coins; and whoever owns what, the books are the venue's.
    """
    halves = tuple(msgspec.structs.replace(neutral(ratio="0.5"), name=name) for name in ("one", "two"))
    world = World.neutral(*(halves if composed else ()), coins={"BTC": "1", "ETH": "2"})
    world.until(lambda w: bool(w.sent))
    unruly = Unruly(world)
    world.venue.fills_at_most = Decimal(at_most)
    world.venue.answers, world.venue.streams, world.venue.places = answers, streams, places
    unruly.play(moves)

    world.venue.answers = world.venue.streams = world.venue.places = True
    world.reconciling = True
    world.until(unruly.at_rest, 120)
    assert world.venue.position(hedge("BTC")).contracts == d(-1)
    assert_booked(world)


def assert_booked(world: World) -> None:
    """What the sleeves have is what the venue executed: contracts, money and fees, each to 1e-8."""
    sleeves = world.engine.state.sleeves
    for coin in ("BTC", "ETH"):
        books = sleeves.books.get(hedge(coin), {}).values()
        done = [one for one in world.venue.orders.values() if one.request.instrument == hedge(coin) and one.filled]
        cash = -sum((one.filled * one.price * one.request.side.sign for one in done), Decimal(0))
        assert abs(sum((book.cash for book in books), Decimal(0)) - cash) < d("1e-8")
        assert sum((fee for book in books for fee in book.fees.values()), Decimal(0)) == len(done)
        assert sum((book.contracts for book in books), Decimal(0)) == world.venue.position(hedge(coin)).contracts


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(["deposit", "withdraw", "dear", "cheap", "kill", "arm", "restart", "wait"]), max_size=14),
    st.sampled_from([Action.KILL, Action.UNWIND]),
)
def test_after_a_kill_nothing_is_built_until_armed(story: list[str], last: Action) -> None:
    """Whatever happens and however often the process starts: between a kill and an arm no order is made."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}, orders_per_minute_max=99).run(3)
    killed = False
    for chapter in story:
        if chapter in ("kill", "arm"):
            world.ask(Action.KILL if chapter == "kill" else Action.ARM)
            killed = chapter == "kill"
        elif chapter == "restart":
            world.restart()
        elif chapter in ("deposit", "withdraw"):
            world.deposit("BTC", "0.1" if chapter == "deposit" or world.venue.coins["BTC"] <= d("0.1") else "-0.1")
        elif chapter != "wait":
            world.price("BTC", 61_000.0 if chapter == "dear" else 59_000.0)
        before = len(world.sent)
        world.run(3)
        if killed:
            assert len(world.sent) == before

    if not killed:
        world.ask(last)
        if last is Action.UNWIND:
            assert world.run(30).position("BTC") == 0
    assert all(r.status is not Status.UNKNOWN for r in world.records("BTC"))


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 3)), min_size=1, max_size=8))
def test_after_any_flows_the_book_comes_to_rest_inside_its_band(flows: list[tuple[int, int]]) -> None:
    """Deposits and withdrawals at any moment: in the end the hedge is within a lot, and it stays quiet."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "2"}, orders_per_minute_max=99).run(2)
    for amount, wait in flows:
        if world.venue.coins["BTC"] + amount * d("0.1") > 0:
            world.deposit("BTC", str(amount * d("0.1")))
        world.run(wait)
    world.run(40)
    sent = len(world.sent)
    off = world.venue.coins["BTC"] + world.position("BTC")
    world.run(20)

    assert len(world.sent) == sent
    assert abs(off) <= max(world.venue.coins["BTC"] * d("0.01"), LOT)
    assert world.venue.position(hedge("BTC")).contracts == world.position("BTC")


def test_the_bounds_of_this_file_are_those_of_the_kit() -> None:
    """The stories above lean on reads that count after a second and replicas that lag ten."""
    assert msgspec.structs.asdict(limits())["evidence_gap_ns"] == SECOND_NS
    assert limits().replica_lag_ns_max == 10 * SECOND_NS
