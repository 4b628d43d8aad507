"""Random fills, orders, funding, transfers, settings, prices and liquidations: nothing appears, nothing vanishes.

After every step positions per contract add up to zero and money per asset to what was deposited; the sums that orders
rely on, kept incrementally, equal those taken anew; the ladder ends, and leaves no isolated margin below zero.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.core.funding import Funding
from bot.simex.core.numbers import BOOKED, MONEY, booked
from bot.simex.core.refusal import Refused
from bot.simex.core.units import equity_of, maintenance_of, units
from bot.simex.core.venue import BINANCE
from tests.simex.core.money_stage import Stage, future, spot, unified

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.simex.core.account import Account
    from bot.simex.core.instrument import Instrument
    from bot.simex.core.order import Order, PositionSide
    from bot.simex.core.venue import VenueRules

RUNGS_MAX = 60
Op = tuple[str, int, int, int, int]
OPS = st.lists(
    st.tuples(
        st.sampled_from(
            "fill fill fill rest release price price fund move set sides margin mode coins".split(),
        ),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(-40, 40).filter(bool),
        st.integers(-30, 30),
    ),
    max_size=40,
)


class World:
    """Three accounts, two linear contracts, an inverse one and a spot pair; every step is one operation."""

    def __init__(self, rules: VenueRules, wallets: tuple[str, str], *, isolated: bool = False) -> None:
        linear, inverse = ("usdm", "coinm") if rules.name == "binance" else ("linear", "inverse")
        fees = (-1_000, 45_003)
        self.futures: list[Instrument] = [
            future("BTCUSDT", category=linear, fees=fees),
            future("ETHUSDT", category=linear, base="ETH", fees=fees),
            future("BTCUSD_PERP", "inverse", category=inverse, quote="USD", face=100, fees=fees),
        ]
        self.pair = spot("BTCUSDT", "BTC", fees=(7, 100_003))
        self.stage = Stage(*self.futures, self.pair, rules=rules)
        self.prices = [6_000_000, 300_000, 6_000_000]
        self.wallets = wallets
        self.is_unified = rules.name == "bybit"
        self.resting: list[Order] = []
        self.accounts = [self._account(name, isolated=isolated) for name in "abc"]
        self.price(0, 0)

    def step(self, op: Op) -> None:
        """Do one thing, if it is allowed, and check everything."""
        name, who, what, size, move = op
        account, instrument = self.accounts[who], self.futures[what]
        settings = self.stage.funds.settings
        sides: dict[PositionSide, int] = {"both": abs(size), "long": abs(move) + 1}
        acts: dict[str, Callable[[], object]] = {
            "fill": lambda: self.fill(account, instrument, what, size, move),
            "rest": lambda: self.rest(account, instrument, what, size),
            "coins": lambda: self.coins(account, size, move),
            "release": self.release,
            "price": lambda: self.price(what, move),
            "fund": lambda: self.fund(instrument, move),
            "move": lambda: self.move(account, self.accounts[what], size),
            "set": lambda: settings.leverage(account, instrument, abs(size)),
            "sides": lambda: settings.leverages(account, instrument, sides),
            "mode": lambda: self.mode(account),
            "margin": lambda: self.lend(account, instrument, size),
        }
        with suppress(Refused):
            acts[name]()
        self.check()

    def fill(self, account: Account, instrument: Instrument, what: int, size: int, move: int) -> None:
        """An order that can be afforded is filled, against the house or the next account."""
        quantity = str(size * (100 if what == 2 else 1) / 8)
        price = str(self.prices[what] * (1000 + move) / 100_000)
        self.stage.require(account, instrument, quantity, price)
        other = self.accounts[(self.accounts.index(account) + 1) % 3] if move % 2 else None
        if other is not None:
            self.stage.require(other, instrument, str(-float(quantity)), price)
        self.stage.trade(account, instrument, quantity, price, other=other, is_maker=bool(size % 3))

    def rest(self, account: Account, instrument: Instrument, what: int, size: int) -> None:
        """An order that can be afforded rests."""
        quantity = str(size * (100 if what == 2 else 1) / 8)
        price = str(self.prices[what] / 100)
        self.stage.require(account, instrument, quantity, price)
        self.resting.append(self.stage.rest(account, instrument, quantity, price))

    def coins(self, account: Account, size: int, move: int) -> None:
        """Bitcoins are ordered: at once, or to rest."""
        quantity, price = str(size / 64), f"{self.prices[0] * (1000 + move) / 100_000:.2f}"
        self.stage.require(account, self.pair, quantity, price)
        if move % 2:
            self.stage.trade(account, self.pair, quantity, price)
        else:
            self.resting.append(self.stage.rest(account, self.pair, quantity, price))

    def release(self) -> None:
        """The oldest resting order is cancelled."""
        open_ = [one for one in self.resting if one.order_id in self.stage.state.accounts[one.account_id].orders]
        if open_:
            self.stage.floor.cancel(open_[0])

    def price(self, what: int, move: int) -> None:
        """A price moves by up to 30 %, and the ladder is climbed down to its end."""
        self.prices[what] = max(self.prices[what] * (100 + move) // 100, 1000)
        btc, eth, coin = (str(price / 100) for price in self.prices)
        self.stage.floor.levels = [(str(self.prices[what] / 100), "3")] if move % 2 else []
        for _ in range(RUNGS_MAX):
            self.stage.liquidate(BTCUSDT=btc, ETHUSDT=eth, BTCUSD_PERP=coin)
            if not any(account.in_liquidation for account in self.accounts) and not self.due():
                break

        assert not self.due()

    def fund(self, instrument: Instrument, move: int) -> None:
        """Funding is charged at some rate."""
        rates = self.stage.money.rates
        rates.prescribe(instrument.key, move * 7_001, self.stage.state.now_ms + 1)
        self.stage.state.now_ms += 1
        Funding(self.stage.money).run()

    def mode(self, account: Account) -> None:
        """Cross becomes isolated, or the other way round, where an account has a margin mode."""
        if self.is_unified:
            self.stage.funds.settings.margin_mode(account, isolated=not account.isolated)

    def lend(self, account: Account, instrument: Instrument, size: int) -> None:
        """Margin is added to a position, or taken out."""
        self.stage.funds.add_isolated_margin(account, account.position(instrument), booked(size * MONEY // 7))

    def move(self, account: Account, other: Account, size: int) -> None:
        """Money goes to another account, if it is free."""
        self.stage.funds.transfer(account, "USDT", size * 10 * MONEY, self.wallets[0], self.wallets[0], other)

    def due(self) -> list[str]:
        """Accounts with something that should have been liquidated."""
        pools = self.stage.money.pools
        return [
            account.account_id
            for account in self.accounts
            for unit in units(pools, account)
            if maintenance_of(pools, unit) >= equity_of(pools, unit)
        ]

    def check(self) -> None:
        """Everything that must hold at all times."""
        self.stage.money.check()
        for account in self.accounts:
            assert all(position.isolated_margin >= 0 for position in account.positions.values())
            assert all(coin.balance % BOOKED == 0 for coins in account.wallets.values() for coin in coins.values())
            for purse in account.purses.values():
                for pool in purse.pools.values():
                    if pool.stamp != self.stage.money.marks.version:
                        continue
                    kept = (pool.unrealized, pool.maintenance, pool.initial, pool.required)
                    self.stage.money.pools.refresh(pool)
                    assert kept == (pool.unrealized, pool.maintenance, pool.initial, pool.required)

    def _account(self, name: str, *, isolated: bool) -> Account:
        account = self.stage.account(name, self.wallets[0], USDT="40000", BTC="0.5")
        self.stage.funds.deposit(account, self.wallets[1], "BTC", MONEY)
        if isolated and self.is_unified:
            self.stage.funds.settings.margin_mode(account, isolated=True)
        elif isolated:
            for instrument in self.futures:
                self.stage.funds.settings.margin_type(account, instrument, isolated=True)
        return account


def test_the_walks_reach_every_rung() -> None:
    """Liquidation into the book, takeover and deleveraging all happen in walks like these: they are no idle ones."""
    draw, seen = random.Random(7), set[str]()
    for _ in range(12):
        world = World(BINANCE, ("usdm", "coinm"), isolated=draw.random() < 0.5)
        for _ in range(60):
            name = draw.choice(["fill", "fill", "rest", "price", "fund", "move"])
            world.step((name, draw.randrange(3), draw.randrange(3), draw.randrange(1, 41), draw.randrange(-30, 31)))
        seen.update(world.stage.floor.origins())

    assert {"liquidation", "takeover", "adl"} == seen


@settings(deadline=None)
@given(OPS)
def test_cross_margin_in_single_assets(ops: list[Op]) -> None:
    """Each settle asset is a pool of its own."""
    world = World(BINANCE, ("usdm", "coinm"))
    for op in ops:
        world.step(op)


@settings(deadline=None)
@given(OPS)
def test_isolated_margin(ops: list[Op]) -> None:
    """Every position stands alone."""
    world = World(BINANCE, ("usdm", "coinm"), isolated=True)
    for op in ops:
        world.step(op)


@settings(deadline=None)
@given(OPS)
def test_multi_assets_mode(ops: list[Op]) -> None:
    """Linear contracts share dollars and coins after haircuts; inverse ones stand alone."""
    world = World(BINANCE, ("usdm", "coinm"))
    for account in world.accounts:
        world.stage.funds.settings.multi_assets(account, multi=True)
    for op in ops:
        world.step(op)


@settings(deadline=None)
@given(OPS, st.booleans(), st.booleans())
def test_unified_accounts(ops: list[Op], insured: bool, isolated: bool) -> None:
    """Everything is one pool in dollars, or each contract stands alone; with or without an insurance fund behind it."""
    world = World(unified(USDT="1", BTC="0.9"), ("unified", "unified"), isolated=isolated)
    if insured:
        world.stage.insure("USDT", "5000")
        world.stage.insure("BTC", "0.1")
    for op in ops:
        world.step(op)
