"""A whole portfolio at one moment, of every kind of holding and contract there is: what a plan is derived from.

These are exact values; what is None is unknown, and unknown is never taken for 0 or 1. Signs: long > 0, short < 0.
Prices are in the reporting currency for assets, in quote currency for instruments.
"""

from decimal import Decimal
from enum import Enum

import msgspec

from bot.domain.instrument import Instrument
from bot.domain.order import Side
from bot.domain.targets import CORE
from bot.domain.units import ONE, ZERO, AccountId, Asset, Contracts, InstrumentId, Nanos, Notional, Price, Qty

ExactLevel = tuple[Price, Contracts]


class HoldingKind(Enum):
    """How coins are held. BORROWED and INTEREST are positive amounts that are subtracted."""

    FREE = "free"
    LOCKED = "locked"
    EARN = "earn"
    STAKED = "staked"
    BORROWED = "borrowed"
    INTEREST = "interest"
    TRANSIT = "transit"
    DECLARED = "declared"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Coins of a wallet, before unrealised profit. `factor`: units of `asset` for one unit held (stETH, WBTC)."""

    account: AccountId
    asset: Asset
    amount: Qty
    kind: HoldingKind = HoldingKind.FREE
    factor: Decimal = ONE
    sleeve: str = CORE
    as_of_ns: Nanos | None = None


class MarginMode(Enum):
    """What margins a position."""

    CROSS = "cross"
    ISOLATED = "isolated"
    PORTFOLIO = "portfolio"
    MULTI_ASSET = "multi_asset"


class PositionMode(Enum):
    """Whether an instrument has one position or a long and a short one."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"


class Borrowable(msgspec.Struct, frozen=True):
    """What can be borrowed of an asset, and at which yearly rate."""

    apr: Decimal
    available: Qty | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account's own figures. `margin_balance` and the margins are in its settlement asset."""

    id: AccountId
    margin_mode: MarginMode = MarginMode.CROSS
    position_mode: PositionMode = PositionMode.ONE_WAY
    haircuts: dict[Asset, Decimal] = {}
    margin_balance: Decimal | None = None
    maintenance_margin: Decimal | None = None
    initial_margin: Decimal | None = None
    max_withdraw: Decimal | None = None
    transfers_allowed: bool = True
    borrow: dict[Asset, Borrowable] = {}
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None


class HeldPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Signed contracts of an instrument in an account, as the venue says."""

    account: AccountId
    instrument: InstrumentId
    contracts: Contracts
    entry_price: Price | None = None
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None
    isolated_wallet: Decimal | None = None
    liquidation_price: Price | None = None
    adl_rank: int | None = None
    sleeve: str = ""
    """The target that it is booked to; empty: not said, so that it counts for whichever target trades it."""


class Working(msgspec.Struct, frozen=True, kw_only=True):
    """An order that may still fill: `remaining` > 0 contracts. An unknown one counts at its worst case for limits."""

    account: AccountId
    instrument: InstrumentId
    side: Side
    remaining: Contracts
    limit_price: Price | None = None
    reduce_only: bool = False
    unknown: bool = False


class Greeks(msgspec.Struct, frozen=True, kw_only=True):
    """An option's greeks per contract held long, in base coins. `mark_coin`: its mark price in coins.

    `premium_adjusted`: the venue's delta has the premium taken off already.
    """

    delta: Decimal
    gamma: Decimal = ZERO
    mark_coin: Decimal | None = None
    premium_adjusted: bool = False


class FundingTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Funding of a perpetual: `rate` is the venue's estimate for the settlement at `next_ns`; history oldest first."""

    rate: Decimal | None = None
    interval_ns: int | None = None
    next_ns: Nanos | None = None
    cap: Decimal | None = None
    floor: Decimal | None = None
    history: tuple[tuple[Nanos, Decimal], ...] = ()


class Settlement(msgspec.Struct, frozen=True):
    """How a dated contract settles: its fee, and the minutes before expiry over which the price is averaged."""

    fee: Decimal = ZERO
    window_minutes: Decimal = ZERO


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument with its market at that moment. `status` is ``trading``, or why it does not trade."""

    instrument: Instrument
    venue: str
    status: str = "trading"
    mark: Price | None = None
    index: Price | None = None
    bid: Price | None = None
    ask: Price | None = None
    bids: tuple[ExactLevel, ...] = ()
    asks: tuple[ExactLevel, ...] = ()
    adv_notional: Notional | None = None
    funding: FundingTerms | None = None
    greeks: Greeks | None = None
    settlement: Settlement | None = None
    composition: dict[Asset, Decimal] = {}
    position_max: Contracts | None = None
    quote_age_ns: int | None = None


class Returns(msgspec.Struct, frozen=True, kw_only=True):
    """Returns of several assets over equal intervals, oldest first; None where one is missing."""

    interval_ns: int
    end_ns: Nanos
    logarithmic: bool
    series: dict[Asset, tuple[float | None, ...]]


class Bar(msgspec.Struct, frozen=True):
    """One candle: its opening time, prices and the volume in base coins."""

    opened_ns: Nanos
    open: float
    high: float
    low: float
    close: float
    volume: float


class Bars(msgspec.Struct, frozen=True):
    """Candles of one asset, oldest first."""

    interval_ns: int
    bars: tuple[Bar, ...]


class CarryState(msgspec.Struct, frozen=True):
    """Whether a carry trade is on, since when, and the basis at its entry."""

    on: bool
    since_ns: Nanos | None = None
    entry_basis: Decimal | None = None


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a running daemon remembers of its decisions. Times in nanoseconds; `last_run` by target name."""

    outside_since: dict[Asset, Nanos] = {}
    carry: dict[str, CarryState] = {}
    last_run: dict[str, Nanos] = {}
    overlay_pnl: Notional = ZERO


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a plan is made of. `prices` are of ONE unit in the reporting currency."""

    now_ns: Nanos
    prices: dict[Asset, Price]
    holdings: tuple[Held, ...]
    accounts: tuple[Account, ...] = ()
    positions: tuple[HeldPosition, ...] = ()
    orders: tuple[Working, ...] = ()
    instruments: tuple[Traded, ...] = ()
    returns: Returns | None = None
    bars: dict[Asset, Bars] = {}
    open_interest: dict[InstrumentId, tuple[tuple[Nanos, Contracts], ...]] = {}
    memory: Memory = Memory()
