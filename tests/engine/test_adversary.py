"""Attacks on the order path: sequences of events that once made, or could make, a hedger sell its hedge twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import pytest

from bot.domain.account import AccountSnapshot, Balance, Position
from bot.domain.commands import QueryOrder, RefreshAccount, Severity
from bot.domain.events import (
    AccountSeen,
    AccountUnreadable,
    Action,
    BalancesChanged,
    Event,
    OrderNotFound,
    PositionsChanged,
    StreamChanged,
)
from bot.domain.order import OrderRequest, Status
from bot.domain.units import SECOND_NS, ZERO, AccountId, ClientOrderId, InstrumentId, Nanos
from bot.engine.modes import Mode
from tests.engine.kit import Venue, World
from tests.kit import SPOT, USDM, USDT, d, depth, hedge, mark, neutral, perpetual, pricing, quote, spot


@dataclass
class Lagging(Venue):
    """An exchange whose reads show the world as it was `lag_ns` ago; orders are executed at once."""

    lag_ns: int = 0
    executed_ns: dict[ClientOrderId, int] = field(default_factory=dict)
    past: list[tuple[int, dict[InstrumentId, Position]]] = field(default_factory=list)

    def submit(self, request: OrderRequest, now: int) -> list[Event]:
        """Execute, and remember when."""
        self.past.append((now, dict(self.positions)))
        self.executed_ns[request.client_id] = now
        return super().submit(request, now)

    def look(self, command: QueryOrder, now: int) -> Event | None:
        """An order that the replica has not heard of does not exist."""
        executed = self.executed_ns.get(command.client_id)
        if executed is not None and now - executed < self.lag_ns:
            return OrderNotFound(command.client_id, command.endpoint, Nanos(now), Nanos(now))
        return super().look(command, now)

    def snapshot(self, account: AccountId, names: Iterable[InstrumentId], now: int) -> AccountSnapshot:
        """Positions as they were."""
        seen = super().snapshot(account, names, now)
        hidden = [before for at, before in self.past if now - at < self.lag_ns]
        if not hidden or account == SPOT:
            return seen
        old = tuple(hidden[0].get(p.instrument, Position(p.instrument, ZERO)) for p in seen.positions)
        return msgspec.structs.replace(seen, positions=old)


def _lagging(seconds: float) -> World:
    """A book of 1 BTC at an exchange whose reads lag, just before its first order, whose answer will be lost."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.venue = Lagging(world.venue.prices, world.venue.coins, lag_ns=round(seconds * SECOND_NS))
    world.venue.answers = world.venue.streams = False
    return world


@pytest.mark.parametrize("lag", [1.0, 5.0, 9.0])
def test_reads_that_lag_do_not_prove_an_order_absent_after_the_stream_broke(lag: float) -> None:
    """Executed, the answer lost with the stream, every read behind by what reads may be behind: no second order."""
    world = _lagging(lag).until(lambda w: bool(w.sent))
    world.handle(StreamChanged("usdm.user", False, "reset", world.now, USDM))
    world.run(1)
    world.handle(StreamChanged("usdm.user", True, "connected", world.now, USDM))
    world.venue.answers = world.venue.streams = True
    world.run(40)

    assert len(world.sent) == 1
    assert world.venue.position(hedge("BTC")).contracts == d(-1)
    assert world.position("BTC") == d(-1)


@pytest.mark.parametrize("lag", [1.0, 5.0, 9.0])
def test_reads_that_lag_do_not_prove_an_order_absent_after_a_restart(lag: float) -> None:
    """Killed with the order on its way, started again at once, reads behind: the hedge is sold once."""
    world = _lagging(lag).until(lambda w: bool(w.sent))
    world.venue.answers = world.venue.streams = True
    world.restart().run(40)

    assert len(world.sent) == 1
    assert world.position("BTC") == d(-1)


def test_an_order_that_never_landed_is_soon_proven_absent_while_the_stream_listened() -> None:
    """The stream stood all the time and told nothing: then no replica need be waited for."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.venue.places = False
    world.until(lambda w: bool(w.sent))
    world.venue.places = True
    world.until(lambda w: len(w.sent) == 2, seconds=9)


# ------------------------------------------------------------------------------------------- another config
def _publish(world: World, name: InstrumentId) -> None:
    """Let bitcoin's spot market and a future of any name be fed."""

    def feed() -> None:
        price = world.venue.prices["BTC"]
        world.handle(mark(name, price, world.now))
        for one in (name, pricing("BTC")):
            world.handle(depth(one, price, world.now, world.depth_size))
            world.handle(quote(one, price, world.now))

    world.feed = feed  # type: ignore[method-assign]


def test_a_hedge_that_leaves_the_config_is_told_and_nothing_is_sent_until_somebody_has_looked() -> None:
    """The coin is hedged with another contract from now on, the old short still stands: it is not shorted twice."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    assert world.position("BTC") == d(-1)
    other = perpetual("BTC", id=InstrumentId(f"{USDM}:BTCUSDT_270326"), symbol="BTCUSDT_270326")
    rule = msgspec.structs.replace(world.rules.assets[0], hedge=other.id)
    world.rules = msgspec.structs.replace(world.rules, instruments=(spot("BTC"), other), assets=(rule,))
    _publish(world, other.id)
    world.forget()
    world.restart().run(20)

    assert world.sent == []
    assert world.engine.state.modes.of(other.id) is Mode.HALT
    (notice,) = world.notices("left")
    assert (notice.severity, notice.subject) == (Severity.CRITICAL, hedge("BTC"))


@pytest.mark.parametrize("lost", [False, True], ids=["an open hedge", "an unknown order that filled"])
def test_a_coin_that_leaves_the_config_is_told_once_and_the_others_are_kept(lost: bool) -> None:
    """Its hedge stays open, or its order unknown; over restarts, and with another wallet, the rest is hedged."""
    world = World.neutral()
    world.venue.answers = world.venue.streams = not lost
    world.until(lambda w: len(w.sent) == 2).run(0 if lost else 5)
    world.venue.answers = world.venue.streams = True
    world.venue.wallet -= 7
    kept = world.rules
    world.rules = msgspec.structs.replace(
        kept,
        instruments=tuple(i for i in kept.instruments if i.base != "BTC"),
        assets=tuple(a for a in kept.assets if a.asset != "BTC"),
        targets=(neutral("ETH"),),
    )

    def look(command: QueryOrder, now: int) -> Event | None:
        return None if command.instrument == hedge("BTC") else Venue.look(world.venue, command, now)

    world.venue.look = look  # type: ignore[method-assign]
    world.restart().run(15)
    world.restart().run(15)
    world.deposit("ETH", "2")
    world.run(15)

    assert len(world.notices("left")) == 1
    assert world.position("ETH") == d(-12)


# --------------------------------------------------------------------------------------------- sequences
def test_a_stream_that_repeats_an_old_position_does_not_sell_the_hedge_again() -> None:
    """The account update of before the hedge comes again and again after it: locked at worst, never a second order."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    flat = (Position(hedge("BTC"), ZERO),)
    for _ in range(30):
        world.handle(PositionsChanged(USDM, flat, "ORDER", Nanos(world.now - SECOND_NS), world.now))
        world.run(1)

    assert len(world.sent) == 1


def test_a_wallet_that_swings_does_not_trade() -> None:
    """Every second the stream says another futures wallet (funding, fees, a transfer): it is not exposure."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    for wallet in ("90000", "10", "50000", "0", "70000") * 4:
        world.venue.wallet = d(wallet)
        world.handle(BalancesChanged(USDM, (Balance(USDT, d(wallet)),), "FUNDING_FEE", world.now, world.now))
        world.run(1)

    assert len(world.sent) == 1


def test_a_transfer_of_coins_between_wallets_ends_where_it_began() -> None:
    """A tenth of the coins moves from spot to the futures wallet, told by two streams: hedged as before in the end."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    world.deposit("BTC", "-0.1")
    coins = (Balance(USDT, world.venue.wallet), Balance(world.rules.assets[0].asset, d("0.1")))

    def both(account: AccountId, names: Iterable[InstrumentId], now: int) -> AccountSnapshot:
        seen = Venue.snapshot(world.venue, account, names, now)
        return msgspec.structs.replace(seen, balances=coins) if account == USDM else seen

    world.venue.snapshot = both  # type: ignore[method-assign]
    world.handle(BalancesChanged(USDM, coins[1:], "DEPOSIT", world.now, world.now))
    world.run(40)

    assert world.position("BTC") == d(-1)
    assert len(world.sent) <= 3


@pytest.mark.parametrize("seconds", [0.25, 0.5, 1.0, 2.0])
def test_a_kill_right_after_the_decision_and_a_restart_leave_one_order_at_most(seconds: float) -> None:
    """Killed by the operator with the order out, started again, armed: what landed is counted, nothing twice."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.venue.answers = world.venue.streams = False
    world.until(lambda w: bool(w.sent))
    world.ask(Action.KILL)
    world.run(seconds)
    world.restart().run(2)
    world.ask(Action.ARM)
    world.venue.answers = world.venue.streams = True
    world.run(30)

    assert len(world.sent) == 1
    assert world.position("BTC") == d(-1)


def test_a_flatten_waits_for_an_unknown_order_and_then_closes_what_it_filled() -> None:
    """Flattened while an order is unknown: it is found first, then closed, and the end is flat."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.venue.answers = world.venue.streams = False
    world.until(lambda w: bool(w.sent))
    world.ask(Action.FLATTEN)
    world.venue.streams = world.venue.answers = True
    world.run(30)

    assert world.venue.position(hedge("BTC")).contracts == ZERO
    assert [request.reduce_only for request in world.sent] == [False, True]
    assert all(record.status is not Status.UNKNOWN for record in world.records("BTC"))


def test_all_coins_gone_and_spot_silent_the_hedge_can_still_be_closed() -> None:
    """The coins are withdrawn and the spot market is gone: at the latest an unwind closes the short."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    world.bent = lambda event: None if event.instrument == pricing("BTC") else event
    world.run(5)
    world.deposit("BTC", "-1")
    world.run(15)
    world.ask(Action.UNWIND)
    world.run(5)

    assert world.venue.position(hedge("BTC")).contracts == ZERO


# ------------------------------------------------------------------------------ between decision and departure
def _decided() -> tuple[World, OrderRequest]:
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.venue.answers = world.venue.streams = False
    world.until(lambda w: bool(w.sent))
    return world, world.sent[0]


def test_an_order_may_leave_while_nothing_spoke_against_it() -> None:
    """Decided, recorded, not answered: it may leave."""
    world, request = _decided()
    assert world.engine.withholds(request) == ""


@pytest.mark.parametrize("action", [Action.KILL, Action.UNWIND, Action.FLATTEN])
def test_an_order_that_adds_risk_does_not_leave_after_its_mode_has_come(action: Action) -> None:
    """The operator was faster than the disk."""
    world, request = _decided()
    world.ask(action)
    assert "before it left" in world.engine.withholds(request)


def test_an_order_that_was_given_up_does_not_leave_late() -> None:
    """The disk took longer than anybody waits for an answer: what is looked up as unknown is not sent any more."""
    world, request = _decided()
    world.pending.clear()
    world.run(6)
    assert "given up" in world.engine.withholds(request)


def test_an_order_that_reduces_may_leave_while_unwinding_and_not_after_a_kill() -> None:
    """Closing goes on under UNWIND; HALT sends nothing at all."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    world.venue.answers = world.venue.streams = False
    world.ask(Action.UNWIND)
    closing = world.until(lambda w: len(w.sent) == 2).sent[1]
    assert world.engine.withholds(closing) == ""
    world.ask(Action.KILL)
    assert world.engine.withholds(closing) != ""


# ------------------------------------------------------------------------------------------------------ storms
def test_a_book_that_stands_still_while_the_market_left_it_is_not_shot_at_in_a_burst() -> None:
    """Every order expires unfilled and no newer book comes: at most one a second, and the pace is not used up."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    world.feeding = False
    world.venue.fills_at_most = ZERO
    world.deposit("BTC", "0.1")
    world.run(3)
    assert 1 <= len(world.sent) - 1 <= 3

    world.feeding, world.venue.fills_at_most = True, None
    world.run(5)
    assert world.position("BTC") == d("-1.1")


def test_an_account_that_cannot_be_read_is_asked_ever_less_and_told_once() -> None:
    """The key was revoked while a balance was in doubt: ten minutes of it are some dozen reads and one warning."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(5)
    world.deposit("BTC", "1")
    world.reconciling = False
    world.forget()
    for _ in range(2400):
        world.pending = [
            AccountUnreadable(e.snapshot.account, "-2015", world.now) if isinstance(e, AccountSeen) else e
            for e in world.pending
        ]
        world.tick()

    assert len([c for c in world.log if isinstance(c, RefreshAccount)]) < 30
    assert [n.severity for n in world.notices("unreadable")] == [Severity.WARNING]


def test_orders_that_vanish_one_after_the_other_are_told() -> None:
    """A refusal in words that nobody knows looks like silence: proven absent each time, and the third is a warning."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.venue.places = False
    world.run(45)

    told = [n.severity for n in world.notices("order")]
    assert told[:2] == [Severity.INFO, Severity.INFO]
    assert told[2:]
    assert set(told[2:]) == {Severity.WARNING}
