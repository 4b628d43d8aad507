"""Money and trading together: liquidation, deleveraging, funding and delivery through the exchange's own face."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot.simex.core.events import AccountChanged, ForceOrder, OrderChanged
from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import IndexPrice, Levels
from bot.simex.core.instrument import HOUR_MS
from bot.simex.core.numbers import MONEY, SCALE, money
from bot.simex.core.order import BUY, SELL, Ticket
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.venue import BINANCE, BYBIT
from tests.simex.core.money_stage import START_MS
from tests.simex.core.trading_stage import Tape, n, perpetual, rows

if TYPE_CHECKING:
    from bot.simex.core.account import Account
    from bot.simex.core.flow import Flow
    from bot.simex.core.venue import VenueRules


def level_book(price: str, time_ms: int, instrument_key: tuple[str, str]) -> Levels:
    """A book of ten coins a tick below and above a price."""
    bid, ask = str(Decimal(price) - Decimal("0.1")), str(Decimal(price) + Decimal("0.1"))
    return Levels(instrument_key, time_ms, rows([(bid, "10")]), rows([(ask, "10")]))


class World:
    """One perpetual, an index of its own, two accounts; the market moves as the test scripts it."""

    def __init__(self, rules: VenueRules = BINANCE, *prices: str, expiry_ms: int | None = None) -> None:
        category = "usdm" if rules.name == "binance" else "linear"
        self.perp = perpetual(category=category)
        if expiry_ms is not None:
            self.perp = replace(self.perp, funding=None, expiry_ms=expiry_ms)
        flow: list[Flow] = []
        for second, price in enumerate(prices, 1):
            at_ms = START_MS + second * 1000
            flow += [IndexPrice("BTCUSDT", at_ms, n(price)), level_book(price, at_ms, self.perp.key)]
        self.exchange = Exchange(rules, (self.perp,), Tape((self.perp.key,), flow), seed=1, start_ms=START_MS)
        self.wallet = rules.wallets[category]

    def account(self, name: str, dollars: int) -> Account:
        """An account with so many USDT."""
        account = self.exchange.open_account(name)
        self.exchange.funds.deposit(account, self.wallet, "USDT", dollars * MONEY)
        return account

    def buy(self, name: str, quantity: str, price: str = "", *, sell: bool = False) -> None:
        """An order of this account."""
        ticket = Ticket(
            instrument=self.perp,
            side=SELL if sell else BUY,
            type="limit" if price else "market",
            quantity=n(quantity),
            price=n(price) if price else 0,
        )
        self.exchange.place(name, ticket)

    def run(self, seconds: int) -> None:
        """Let so much time pass, a second at a time; money is conserved after each."""
        for _ in range(seconds):
            self.exchange.advance(self.exchange.now_ms + 1000)
            self.exchange.check()


def test_a_liquidation_is_told_in_order_with_the_venues_marker() -> None:
    """Orders end first, then an "autoclose-" order fills in the book; the public hears of it."""
    world = World(BINANCE, "100", "94.6", "94.6", "94.6")
    account = world.account("poor", 6)
    world.buy("poor", "1")
    world.buy("poor", "0.06", "90")
    world.exchange.drain()
    world.run(4)

    told = world.exchange.drain()
    own = [event for event in told if isinstance(event, OrderChanged) and event.order.account_id == "poor"]
    assert ["canceled", "new"] == [event.execution for event in own[:2]]
    assert {"trade"} == {event.execution for event in own[2:]}
    assert all(event.order.client_id.startswith("autoclose-") for event in own[1:])
    assert {"liquidation"} <= {event.reason for event in told if isinstance(event, AccountChanged)}
    assert any(isinstance(event, ForceOrder) for event in told)
    assert 0 == account.position(world.perp).quantity


def test_a_crash_through_the_book_deleverages_the_other_side() -> None:
    """The long is bankrupt far above the market: the short opposite is closed at that price, by "adl_autoclose"."""
    world = World(BINANCE, "100", "60", "60")
    long, short = world.account("long", 12), world.account("short", 1000)
    world.buy("short", "2", "100", sell=True)
    world.buy("long", "2", "100")
    world.exchange.drain()
    world.run(3)

    adl = [
        event.order
        for event in world.exchange.drain()
        if isinstance(event, OrderChanged) and event.order.origin == "adl" and event.execution == "trade"
    ]
    assert [("adl_autoclose", "short", BUY, 0)] == [(o.client_id, o.account_id, o.side, o.fee) for o in adl]
    assert (0, 0) == (long.position(world.perp).quantity, short.position(world.perp).quantity)
    assert 0 <= long.wallets[world.wallet]["USDT"].balance < MONEY


def test_bybits_own_orders_carry_no_client_id() -> None:
    """An empty id is what its clients see of liquidation and deleveraging."""
    world = World(BYBIT, "100", "90", "90")
    world.account("long", 12)
    world.buy("long", "2")
    world.exchange.drain()
    world.run(3)

    forced = [event.order for event in world.exchange.drain() if isinstance(event, OrderChanged)]
    assert forced
    assert {""} == {order.client_id for order in forced if order.origin != "user"}


def test_adl_by_the_operator_takes_a_share() -> None:
    """Thirty percent of a short, at the mark, after its orders."""
    world = World(BINANCE, "100")
    account = world.account("short", 1000)
    world.buy("short", "1", sell=True)
    world.buy("short", "0.5", "90")
    world.run(1)
    taken = world.exchange.adl.reduce(account, world.perp.key, "both", 30 * SCALE // 100)

    assert (n("0.3"), -n("0.7"), {}) == (taken, account.position(world.perp).quantity, account.orders)
    world.exchange.check()


def test_funding_is_charged_on_time_and_only_once() -> None:
    """A prescribed 0.1 % on 1 long at a mark of 100.05 costs 0.10005, once, however finely time is advanced."""
    balances = []
    for step_ms in (700, 120_000):
        world = World(BINANCE)
        account = world.account("a", 1000)
        world.buy("a", "1", "100.1")
        before = account.wallets["usdm"]["USDT"].balance
        world.exchange.set_rate(world.perp.key, 100_000, START_MS + 60_000)
        while world.exchange.now_ms < START_MS + 120_000:
            world.exchange.advance(world.exchange.now_ms + step_ms)
        balances.append(before - account.wallets["usdm"]["USDT"].balance)

    assert [money(Decimal("0.10005"))] * 2 == balances


def test_a_dated_future_ends_by_itself() -> None:
    """At its expiry the position is closed by "settlement_autoclose-" and nobody can trade it any more."""
    world = World(BINANCE, expiry_ms=START_MS + HOUR_MS)
    account = world.account("a", 1000)
    world.buy("a", "1", "100.1")
    world.exchange.drain()
    world.exchange.advance(START_MS + HOUR_MS)
    world.exchange.check()

    orders = [event.order for event in world.exchange.drain() if isinstance(event, OrderChanged)]
    assert "settlement_autoclose-" == orders[-1].client_id.rstrip("0123456789")
    assert (0, "closed") == (account.position(world.perp).quantity, world.perp.status)
    with pytest.raises(Refused) as refused:
        world.buy("a", "1", "100.1")
    assert Reason.NOT_TRADING is refused.value.reason
