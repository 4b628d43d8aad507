"""The exchange under anything that accounts and markets may do: nothing is lost, and nothing depends on chance."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.core.flow import Aggression, Level, Levels, Print, Top
from bot.simex.core.numbers import money
from bot.simex.core.order import ALIVE, BUY, OPEN, SELL, Order, Ticket, Trigger
from bot.simex.core.refusal import Refused
from bot.simex.core.venue import BINANCE, BYBIT
from tests.simex.core.trading_stage import PERP, Stage, n, rows

if TYPE_CHECKING:
    from bot.simex.core.flow import Flow
    from bot.simex.core.order import Side
    from bot.simex.core.venue import VenueRules

SIDES: tuple[Side, Side] = (BUY, SELL)
NAMES = ("a", "b", "poor", "poorer")


class Anything:
    """Drives an exchange with random calls, each drawn from one stream, and checks it after every one of them."""

    def __init__(self, seed: int, rules: VenueRules = BINANCE) -> None:
        self.draw = random.Random(seed)
        self.stage = Stage(rules, seed=seed)
        self.exchange = self.stage.exchange
        for name, size in (("poor", 30), ("poorer", 12)):
            account = self.exchange.open_account(name)
            for wallet in sorted({rules.wallets["spot"], rules.wallets[self.stage.perp.category]}):
                self.exchange.funds.deposit(account, wallet, "USDT", money(Decimal(size)))
        if self.draw.random() < 0.3:
            for name in NAMES:
                account = self.exchange.state.accounts[name]
                self.exchange.funds.settings.hedge_mode(account, self.stage.perp.category, hedge=True)

    def run(self, steps: int) -> str:
        """Do so many things; the hash of what came of it."""
        actions = (self.place, self.place, self.place, self.cancel, self.amend, self.market, self.market, self.operate)
        for _ in range(steps):
            with suppress(Refused):
                self.draw.choice(actions)()
            self.check()
        return self.exchange.digest()

    def price(self) -> int:
        """Some price about the middle, on the grid."""
        middle = self.exchange.marks.mark(self.stage.perp.key) or n(100)
        return (middle // n("0.1") + self.draw.randrange(-15, 16)) * n("0.1")

    def quantity(self) -> int:
        """Some quantity."""
        return n("0.001") * self.draw.randrange(1, 3_000)

    def place(self) -> None:
        """An order of any kind."""
        draw, spot = self.draw, self.draw.random() < 0.3
        name, limit = draw.choice(NAMES), draw.random() < 0.75
        hedged = self.exchange.state.accounts[name].hedge_mode.get(self.stage.perp.category, False) and not spot
        price = self.price()
        trigger = Trigger(price=self.price(), by=draw.choice(("last", "mark", "index")), rises=draw.random() < 0.5)
        ticket = Ticket(
            instrument=self.stage.spot if spot else self.stage.perp,
            side=draw.choice(SIDES),
            type="limit" if limit else "market",
            quantity=self.quantity(),
            price=price if limit else 0,
            tif=draw.choice(("gtc", "gtc", "gtc", "ioc", "fok", "post_only")) if limit else "gtc",
            reduce_only=not spot and draw.random() < 0.3,
            position_side=draw.choice(("long", "short")) if hedged else "both",
            quote_quantity=money(Decimal(draw.randrange(1, 300))) if spot and not limit and draw.random() < 0.3 else 0,
            prevention=draw.choice(("taker", "maker", "both", "none")),
            trigger=trigger if draw.random() < 0.15 else None,
        )
        self.exchange.place(name, ticket)

    def cancel(self) -> None:
        """Cancel one order, or all of an account."""
        name = self.draw.choice(NAMES)
        category = self.draw.choice(("spot", self.stage.perp.category))
        opened = self.exchange.orders.open(name, category)
        if self.draw.random() < 0.1:
            self.exchange.cancel_all(name, category, side=self.draw.choice((None, *SIDES)))
        elif opened:
            self.exchange.cancel(name, self.draw.choice(opened))

    def amend(self) -> None:
        """Change price, quantity or both of an order."""
        name = self.draw.choice(NAMES)
        opened = self.exchange.orders.open(name, self.draw.choice(("spot", self.stage.perp.category)))
        if opened:
            price = self.price() if self.draw.random() < 0.6 else None
            order = self.draw.choice(opened)
            if order.type == "limit":
                self.exchange.amend(name, order, price, self.quantity() if self.draw.random() < 0.6 else None)

    def market(self) -> None:
        """Some flow, and some time."""
        draw, now = self.draw, self.stage.now_ms + self.draw.randrange(1, 1_500)
        key, side, price = draw.choice((self.stage.perp, self.stage.spot)).key, draw.choice(SIDES), self.price()
        level = price - side * n("0.6")
        flow: Flow = draw.choice(
            (
                Level(key, now, side, level, n(draw.randrange(5))),
                Level(key, now, side, price, n(draw.randrange(3))),
                Aggression(key, now, side, draw.choice((0, price)), n(draw.randrange(1, 4))),
                Print(key, now, price, n(draw.randrange(1, 4)), side),
                Top(key, now, price - n("0.1"), n(1), price + n("0.1"), n(2)),
                Levels(key, now, rows((("99", "3"), ("98", "30"))), rows((("101", "3"), ("102", "30")))),
            )
        )
        self.stage.tape.flow.append(flow)
        self.exchange.advance(now + draw.randrange(300))

    def operate(self) -> None:
        """Funding, transfers, deposits, shocks, countdowns."""
        draw, exchange = self.draw, self.exchange
        account = exchange.state.accounts[draw.choice(NAMES)]
        wallets = sorted({*exchange.state.rules.wallets.values(), "funding"})
        amount = money(Decimal(draw.randrange(1, 2_000)) / 10)
        choice = draw.randrange(5)
        if choice == 0:
            exchange.set_rate(self.stage.perp.key, draw.randrange(-100_000, 100_000), exchange.now_ms + 100)
        elif choice == 1:
            exchange.funds.transfer(account, "USDT", amount, draw.choice(wallets), draw.choice(wallets))
        elif choice == 2:
            exchange.funds.deposit(account, draw.choice(wallets), draw.choice(("USDT", "BTC")), amount)
        elif choice == 3:
            exchange.shock("BTC", draw.choice((0.92, 0.97, 1.03, 1.08)))
        else:
            exchange.countdown(account.account_id, self.stage.perp.key, draw.choice((0, 700)))

    def check(self) -> None:
        """Money and positions are conserved, and registry, books and holdings say the same."""
        self.exchange.check()
        for key, book in self.exchange._books.items():
            bid, _, ask, _ = book.top()
            orders = [
                order for side in (book.bids, book.asks) for lv in side.levels.values() for order in lv.orders.values()
            ]
            assert all(order.status in OPEN and order.remaining > 0 for order in orders)
            accounts = self.exchange.state.accounts.values()
            open_ = [order for account in accounts for order in account.orders.values() if order.is_open]
            resting = [order for order in open_ if order.instrument is book.instrument]
            assert {order.order_id for order in orders} == {order.order_id for order in resting}
            for side in (book.bids, book.asks):
                for level in side.levels.values():
                    assert level.resting == sum(order.remaining for order in level.orders.values())
            assert not _crossed(orders), (key, bid, ask)
        for account in self.exchange.state.accounts.values():
            assert all(order.status in ALIVE for order in account.orders.values())
            self.check_holdings(account.account_id)

    def check_holdings(self, name: str) -> None:
        """What orders hold is what the account has locked, and reduce-only orders never exceed their position."""
        account = self.exchange.state.accounts[name]
        wallet = self.exchange.state.rules.wallets["spot"]
        locked = sum(order.locked for order in account.orders.values())
        assert locked == sum(coin.locked for coin in account.wallets[wallet].values())
        assert all(coin.balance >= 0 or wallet == "unified" for coin in account.wallets[wallet].values())
        for position in account.positions.values():
            mine = [
                order
                for order in account.orders.values()
                if order.instrument is position.instrument
                and order.position_side == position.side
                and order.status in OPEN
            ]
            reducing = sum(order.remaining for order in mine if order.reduce_only)
            bids = sum(order.remaining for order in mine if not order.reduce_only and order.side == BUY)
            asks = sum(order.remaining for order in mine if not order.reduce_only and order.side == SELL)
            assert (position.reducing, position.bids, position.asks) == (reducing, bids, asks)
            assert reducing <= abs(position.quantity)


def _crossed(orders: list[Order]) -> bool:
    bids = [order.price for order in orders if order.side == BUY]
    asks = [order.price for order in orders if order.side == SELL]
    return bool(bids) and bool(asks) and max(bids) >= min(asks)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_anything_conserves_everything(seed: int) -> None:
    """Orders, cancels, amendments, flow, funding, transfers, shocks: money, positions and books agree after each."""
    Anything(seed).run(80)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_anything_in_one_wallet_conserves_everything(seed: int) -> None:
    """The same where spot, futures and collateral share a wallet."""
    Anything(seed, replace(BYBIT, fok_expires=frozenset())).run(80)


@pytest.mark.parametrize("seed", range(3))
def test_anything_happens_the_same_way_twice(seed: int) -> None:
    """The same seed and the same calls give the same events."""
    assert Anything(seed).run(150) == Anything(seed).run(150)


def test_an_account_is_opened_once() -> None:
    """A second account of one name is a mistake of the caller."""
    stage = Stage()

    with pytest.raises(ValueError, match="already"):
        stage.exchange.open_account("a")


def test_depth_top_and_last_are_what_the_book_is() -> None:
    """Asked directly, a book answers what it holds; the last price is that of the last trade."""
    stage = Stage()
    assert stage.exchange.last(PERP) == 0
    stage.buy("a", "1.5")
    _, bids, asks = stage.exchange.depth(PERP, 2)

    assert bids == rows((("99.9", "1"), ("99.8", "2")))
    assert asks == rows((("100.2", "1.5"), ("100.3", "3")))
    assert stage.exchange.top(PERP) == (n("99.9"), n(1), n("100.2"), n("1.5"))
    assert stage.exchange.last(PERP) == n("100.2")
    with pytest.raises(Refused, match="UNKNOWN_SYMBOL"):
        stage.exchange.depth(("usdm", "XXX"), 5)


def test_only_a_perpetual_has_funding_terms() -> None:
    """Funding of a spot pair cannot be set."""
    stage = Stage()
    with pytest.raises(ValueError, match="no funding"):
        stage.exchange.set_rate(stage.spot.key, 1)


def test_events_must_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exchange whose events nobody reads stops instead of filling the memory."""
    monkeypatch.setattr("bot.simex.core.state.EVENTS_UNREAD_MAX", 5)
    stage = Stage()
    for _ in range(3):
        stage.cancel(stage.buy("a", "1", "99"))

    with pytest.raises(RuntimeError, match="unread"):
        stage.exchange.advance(stage.now_ms)
