"""A book over two venues whose owner, venues and wires mean harm: what befalls one must not hurt at the other."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.account import AccountSnapshot, Balance
from bot.domain.commands import CancelOrder, Command, QueryOrder, RefreshAccount
from bot.domain.events import (
    AccountSeen,
    Action,
    BalancesChanged,
    ClockSampled,
    Event,
    OrderReported,
    PositionsChanged,
    Source,
    StreamChanged,
)
from bot.domain.instrument import account_of
from bot.domain.order import OrderRequest
from bot.domain.rules import Rules
from bot.domain.targets import TargetSpec
from bot.domain.units import SECOND_NS, ZERO, AccountId, Asset, InstrumentId, Nanos
from bot.domain.venues import BYBIT_UNIFIED
from tests.engine.kit import Order, Venue, World
from tests.kit import (
    BTC,
    PRICES,
    SPOT,
    USDM,
    d,
    depth,
    hedge,
    limits,
    mark,
    neutral,
    perpetual,
    quote,
    rules,
)

FAR = InstrumentId(f"{BYBIT_UNIFIED}:linear:BTCUSDT")
"""Bitcoin's hedge at the other venue."""


def across(*targets: TargetSpec, **changes: Any) -> Rules:
    """Coins at one venue; ether is hedged there, bitcoin at the other. `changes` are of the limits."""
    each = (neutral("BTC"), msgspec.structs.replace(neutral("ETH"), name="ether"))
    made = rules(*(targets or each), limits=limits(**changes))
    far = perpetual("BTC", id=FAR, account=BYBIT_UNIFIED)
    instruments = tuple(far if one.id == hedge("BTC") else one for one in made.instruments)
    assets = tuple(msgspec.structs.replace(one, hedge=FAR) if one.asset == BTC else one for one in made.assets)
    return msgspec.structs.replace(made, accounts=(SPOT, USDM, BYBIT_UNIFIED), instruments=instruments, assets=assets)


class TwoVenues(World):
    """A running book of one bitcoin and ten ether, hedged at two venues."""

    def __init__(self) -> None:
        super().__init__(across(), {"BTC": d(1), "ETH": d(10)})
        self.apart = Apart(dict(PRICES), {"BTC": d(1), "ETH": d(10)})
        self.venue = self.apart

    def feed(self) -> None:
        """Every market of every venue."""
        for one in self.rules.instruments:
            price = self.venue.prices[one.base]
            events = [depth(one.id, price, self.now, self.depth_size), quote(one.id, price, self.now)]
            for event in (*events, *((mark(one.id, price, self.now),) if one.tiers else ())):
                if (bent := self.bent(event)) is not None:
                    self.handle(bent)

    def _carried(self, command: Command) -> list[Event]:
        if isinstance(command, RefreshAccount):
            if self.apart.silent and command.account == BYBIT_UNIFIED:
                return []
            names = [one.id for one in self.rules.instruments if one.tiers and one.account == command.account]
            return [AccountSeen(self.venue.snapshot(command.account, names, self.now), self.now)]
        return super()._carried(command)

    @property
    def hedges(self) -> tuple[Decimal, Decimal]:
        """Contracts of bitcoin at the one venue and of ether at the other, as they have them."""
        return self.venue.position(FAR).contracts, self.venue.position(hedge("ETH")).contracts

    def stream(self, *, up: bool) -> None:
        """The other venue's private stream comes or goes."""
        self.handle(StreamChanged(f"{BYBIT_UNIFIED}.user", up, "", self.now, BYBIT_UNIFIED))

    def without(self, account: AccountId) -> TwoVenues:
        """The same process's next run, by a config that looks at that account no more."""
        kept = tuple(one for one in self.rules.accounts if one != account)
        self.rules = msgspec.structs.replace(rules(limits=limits()), accounts=kept)
        return self.restart()


class Apart(Venue):
    """Two exchanges: what an order does is told of its own account.

    `far` are coins at the other one; looks at orders on `mute` instruments learn nothing.
    """

    far: tuple[Balance, ...] = ()
    mute: frozenset[InstrumentId] = frozenset()
    silent = False
    """Whether the other exchange answers no read."""

    def look(self, command: QueryOrder, now: int) -> Event | None:
        """Answer a query, or not."""
        return None if command.instrument in self.mute else super().look(command, now)

    def snapshot(self, account: AccountId, names: Iterable[InstrumentId], now: int) -> AccountSnapshot:
        """A read of an account."""
        seen = super().snapshot(account, names, now)
        if account == BYBIT_UNIFIED:
            seen = msgspec.structs.replace(seen, balances=(*seen.balances, *self.far))
        return seen

    def _execute(self, request: OrderRequest, now: int) -> list[Event]:
        coin = request.instrument.rpartition(":")[2].removesuffix("USDT")
        price = d(f"{self.prices[coin] + 0.1 * request.side.sign:.1f}")
        order = self.orders[request.client_id] = Order(request, request.contracts, price)
        before = self.position(request.instrument)
        self.positions[request.instrument] = before.after_fill(request.side, request.contracts, price)
        account = account_of(request.instrument)
        moved = (self.position(request.instrument),)
        return [
            OrderReported(order.report(now), Source.STREAM, Nanos(now)),
            PositionsChanged(account, moved, "ORDER", Nanos(now), Nanos(now)),
        ]


def wallet(asset: str, total: str) -> tuple[Balance, ...]:
    """So much of a coin, and of no other."""
    return (Balance(Asset(asset), d(total)),)


def test_both_venues_are_hedged_and_a_kill_holds_both() -> None:
    """Each coin where it belongs; after a kill neither venue hears of an order, armed again both do."""
    world = TwoVenues().start().run(8)
    assert (d(-1), d(-10)) == world.hedges
    world.ask(Action.KILL)
    sent = len(world.venue.orders)
    world.deposit("BTC", "1")
    world.deposit("ETH", "10")
    world.run(20)
    assert sent == len(world.venue.orders)
    world.ask(Action.ARM)
    world.run(8)
    assert (d(-2), d(-20)) == world.hedges


def test_a_kill_asks_both_venues_to_cancel_what_nobody_knows_of() -> None:
    """An order of unknown fate at each venue is cancelled at its own."""
    world = TwoVenues()
    world.apart.mute = frozenset({FAR, hedge("ETH")})
    world.venue.answers = world.venue.streams = False
    world.start().run(8)
    commands = world.ask(Action.KILL)
    assert {FAR, hedge("ETH")} == {one.instrument for one in commands if isinstance(one, CancelOrder)}


def test_an_account_that_left_the_config_leaves_no_doubt_behind() -> None:
    """Coins were leaving a venue when it was taken out of the config: nobody will ever say the second word there."""
    world = TwoVenues().start().run(8)
    world.handle(BalancesChanged(BYBIT_UNIFIED, wallet("ETH", "5"), "", world.now, world.now))
    assert world.engine.state.accounts.uncertain()
    world.without(BYBIT_UNIFIED).run(10)

    assert not world.engine.state.accounts.uncertain()
    world.deposit("ETH", "1")
    world.run(8)
    assert d(-11) == world.hedges[1]


def test_an_account_that_left_the_config_is_not_read() -> None:
    """Nobody can: whoever was asked to would call it a defect, and halt."""
    world = TwoVenues().start().run(8)
    world.handle(BalancesChanged(BYBIT_UNIFIED, wallet("ETH", "5"), "", world.now, world.now))
    world.log.clear()
    world.without(BYBIT_UNIFIED).run(10)
    assert BYBIT_UNIFIED not in {one.account for one in world.log if isinstance(one, RefreshAccount)}


def test_what_one_venue_proves_frees_nothing_at_the_other() -> None:
    """Neither venue has its order and only one says so: there it is tried again, and at the other never."""
    world = TwoVenues()
    world.apart.mute = frozenset({FAR})
    world.venue.answers = world.venue.streams = world.venue.places = False
    world.start().run(30)
    world.venue.answers = world.venue.streams = world.venue.places = True
    world.run(60)

    assert (ZERO, d(-10)) == world.hedges
    assert 1 == sum(one.instrument == FAR for one in world.sent)


def test_unknown_orders_of_both_venues_survive_a_restart() -> None:
    """Both executed and nobody heard of it: the next run finds both and repeats neither."""
    world = TwoVenues()
    world.venue.answers = world.venue.streams = False
    world.start().until(lambda w: len(w.venue.orders) == 2)
    world.restart()
    world.venue.answers = world.venue.streams = True
    world.run(40)
    assert (d(-1), d(-10)) == world.hedges
    assert 2 == len(world.venue.orders)


def test_a_clock_that_is_off_at_one_venue_holds_only_that_venue() -> None:
    """Its orders would come too late; the other's would not."""
    world = TwoVenues().start().run(8)
    world.handle(ClockSampled(BYBIT_UNIFIED, 3 * SECOND_NS, 1, world.now))
    world.deposit("BTC", "1")
    world.deposit("ETH", "10")
    world.run(8)
    assert (d(-1), d(-20)) == world.hedges


def test_a_private_stream_that_is_down_at_one_venue_holds_only_that_venue() -> None:
    """Without it nobody would hear of fills there."""
    world = TwoVenues().start().run(8)
    world.stream(up=False)
    world.deposit("BTC", "1")
    world.deposit("ETH", "10")
    world.run(8)
    assert (d(-1), d(-20)) == world.hedges


def test_after_a_gap_of_the_private_stream_new_risk_waits_for_a_read() -> None:
    """What happened while nobody listened no stream will tell: an order before the next read would rest on the past."""
    world = TwoVenues().start().run(8)
    world.reconciling = False
    world.stream(up=False)
    world.run(2)
    world.apart.silent = True
    world.stream(up=True)
    world.deposit("BTC", "1")
    world.run(8)
    assert d(-1) == world.hedges[0]
    world.apart.silent = False
    world.run(8)
    assert d(-2) == world.hedges[0]


def unread(world: TwoVenues) -> None:
    """The other exchange answers no read any more, until what was read is too old to be believed."""
    world.apart.silent = True
    world.run(world.rules.limits.account_age_ns_max / SECOND_NS + 10)


def test_a_venue_that_cannot_be_read_holds_what_rests_on_it_alone() -> None:
    """Bitcoin's future is there and waits; ether and its future are elsewhere, and go on as if nothing were."""
    world = TwoVenues().start().run(8)
    unread(world)
    world.deposit("BTC", "1")
    world.deposit("ETH", "10")
    world.run(8)
    assert (d(-1), d(-20)) == world.hedges
    held = {one.group: one.held for one in world.engine.assess()}
    assert held["ether:ETH"] is None
    assert held["neutral:BTC"] is not None
    assert ("account", BYBIT_UNIFIED) == (held["neutral:BTC"].guard, held["neutral:BTC"].subject)


def test_a_coin_that_lies_where_nobody_can_look_waits() -> None:
    """Some of the ether was there when it was last read: how much there is now is unknown."""
    world = TwoVenues()
    world.apart.far = wallet("ETH", "1")
    world.start().run(8)
    assert d(-11) == world.hedges[1]
    unread(world)
    world.deposit("ETH", "10")
    world.run(8)
    assert d(-11) == world.hedges[1]


def test_a_venue_that_was_never_read_may_hold_anything() -> None:
    """From the start on nothing is known of it: nothing is hedged, at neither venue."""
    world = TwoVenues()
    world.apart.silent = True
    world.start().run(20)
    assert (ZERO, ZERO) == world.hedges


def test_coins_that_cannot_be_collateral_where_the_future_is_do_not_count_there() -> None:
    """A fortune in coins at one venue, next to no money at the other: nothing is opened there."""
    world = TwoVenues()
    world.venue.wallet = d(300)
    world.start().run(8)
    assert ZERO == world.hedges[0]
    assert any("margin" in why for why in world.engine.state.legs.held.values())


@pytest.mark.parametrize("order", [("leaves", "arrives"), ("arrives", "leaves")])
def test_coins_that_travel_between_venues_are_counted_once_they_are_there(order: tuple[str, str]) -> None:
    """From one venue's wallet to the other's: on the way they are nobody's, and never anybody's twice for good."""
    world = TwoVenues().start().run(8)
    for what in order:
        if what == "leaves":
            world.deposit("BTC", "-1")
        else:
            world.apart.far = wallet("BTC", "1")
            world.pending.append(BalancesChanged(BYBIT_UNIFIED, wallet("BTC", "1"), "", world.now, world.now))
        world.run(15)
    assert d(-1) == world.hedges[0]
