"""An account's state: wallets, positions, settings, history. Plain storage; the rules live elsewhere."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from bot.simex.core.instrument import Category, Instrument, Key, maintenance
from bot.simex.core.order import Order, PositionSide, Trade

HISTORY_ROWS_MAX = 100_000
LEVERAGE_DEFAULT = 20

WalletName = str
IncomeKind = Literal[
    "realized",
    "commission",
    "funding",
    "transfer",
    "insurance",
    "delivery",
    "deposit",
    "withdraw",
    "interest",
    "trade",
]


@dataclass(slots=True)
class Coin:
    """One asset in a wallet, as money: `balance` is all of it, of which spot orders hold `locked`."""

    balance: int = 0
    locked: int = 0

    @property
    def free(self) -> int:
        """What may be spent."""
        return self.balance - self.locked


@dataclass(slots=True, eq=False)
class Position:
    """A position on one instrument and side. `quantity` is signed, `cost` the worth at which it was built, as money.

    Entry price: linear cost / quantity, inverse from quantity x face / cost. `bids`, `asks` are the remaining
    quantities, and `bid_worth`, `ask_worth` the notionals, of open orders that are not reduce-only;
    `reducing` the remaining quantity of the reduce-only ones.
    """

    instrument: Instrument
    side: PositionSide
    quantity: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0
    funding: int = 0
    leverage: int = LEVERAGE_DEFAULT
    isolated: bool = False
    isolated_margin: int = 0
    bids: int = 0
    asks: int = 0
    bid_worth: int = 0
    ask_worth: int = 0
    reducing: int = 0
    opened_ms: int = 0
    updated_ms: int = 0
    realized_since_flat: int = 0
    """The part of `realized` since the position was last opened; `fees` and `funding` count from there as well."""
    # What follows is cached at the marks' version of the pool (see margin.revalue and Valuation).
    pool: Pool | None = None
    mark: int = 0
    exposure: int = 0
    """The notional at the mark with the sign of `quantity`."""
    unrealized: int = 0
    required: int = 0
    """The initial margin that the pool must leave alone: of position and orders; isolated, of the orders only."""
    cap: int = 0
    """The largest notional at the leverage."""

    # Asked for much less often than positions change: derived when they are.
    @property
    def maintenance(self) -> int:
        """The maintenance margin."""
        return maintenance(self.instrument.tiers, abs(self.exposure)) if self.exposure else 0

    @property
    def initial(self) -> int:
        """The initial margin of the position alone: its notional over its leverage, rounded up."""
        return -(-abs(self.exposure) // self.leverage)


@dataclass(slots=True, eq=False)
class Pool:
    """Positions of a wallet that settle in one asset, and cached sums over the cross-margined of them.

    `stamp` is the marks' version they hold for, -1 when stale.
    """

    asset: str
    coin: Coin
    purse: Purse
    positions: list[Position] = field(default_factory=list)
    stamp: int = -1
    unrealized: int = 0
    required: int = 0

    @property
    def maintenance(self) -> int:
        """The maintenance margin of the cross-margined positions."""
        return sum([one.maintenance for one in self.positions if not one.isolated])

    @property
    def initial(self) -> int:
        """The initial margin of the cross-margined positions alone."""
        return sum([one.initial for one in self.positions if not one.isolated])


@dataclass(slots=True, eq=False)
class Purse:
    """A wallet of futures. With `dollars` its pools are margined together, in dollars, with haircuts.

    `collateral` is the cached dollar value of everything in it, good while `stamp` is the marks' version.
    `swaps` is the money that spot orders hold, by (asset given, asset received).
    """

    wallet: WalletName
    dollars: bool
    pools: dict[str, Pool] = field(default_factory=dict)
    stamp: int = -1
    collateral: int = 0
    swaps: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


class Income(msgspec.Struct, frozen=True, gc=False):
    """A line of a wallet's history; `amount` is signed money, positive is received. `balance` is what it left."""

    income_id: int
    time_ms: int
    kind: IncomeKind
    wallet: WalletName
    asset: str
    amount: int
    balance: int
    instrument: Instrument | None = None
    trade: Trade | None = None
    rate: int = 0
    position: int = 0
    """The signed quantity on which a funding payment was charged."""
    price: int = 0
    note: str = ""


@dataclass(slots=True, eq=False)
class Account:
    """Everything the exchange keeps of one account. `parent` is the master of a sub-account, empty for a master.

    `hedge_mode` is by category. `fees` overrides (maker, taker), of 1e-8, by category. `isolated` is the margin mode of
    a unified account: every future is margined by itself, and in its own coin alone; positions begin so.
    """

    account_id: str
    parent: str = ""
    wallets: defaultdict[WalletName, defaultdict[str, Coin]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Coin))
    )
    positions: dict[tuple[Key, PositionSide], Position] = field(default_factory=dict)
    hedge_mode: dict[Category, bool] = field(default_factory=dict)
    multi_assets: bool = False
    isolated: bool = False
    in_liquidation: set[WalletName] = field(default_factory=set)
    fees: dict[Category, tuple[int, int]] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    """Every open order, resting or waiting for its trigger, by id."""
    purses: dict[WalletName, Purse] = field(default_factory=dict)
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=HISTORY_ROWS_MAX))
    income: deque[Income] = field(default_factory=lambda: deque(maxlen=HISTORY_ROWS_MAX))
    updated_ms: int = 0

    def position(self, instrument: Instrument, side: PositionSide = "both") -> Position:
        """The position row of an instrument and side, made flat when there is none yet."""
        key = (instrument.key, side)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(instrument, side, isolated=self.isolated)
        return found
