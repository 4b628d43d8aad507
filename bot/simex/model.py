"""The values of the simulated exchange: symbols, orders, trades, views of an account, refusals.

All money and quantities are exact decimals. Times are integer milliseconds since 1970 (UTC) on the exchange's own time
line. Positions and quantities are in coins; a long position is positive, a short one negative.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Market = Literal["spot", "usdm"]
SymbolKey = tuple[str, str]
Side = Literal["BUY", "SELL"]
OrderType = Literal["LIMIT", "MARKET", "LIMIT_MAKER"]
TimeInForce = Literal["GTC", "IOC", "FOK", "GTX"]
Status = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"]
MarginType = Literal["CROSSED", "ISOLATED"]
PositionSide = Literal["BOTH", "LONG", "SHORT"]
IncomeType = Literal["REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "TRANSFER", "INSURANCE_CLEAR"]

ZERO = Decimal(0)
# Money is booked to eight decimals, as the venue does.
MONEY_STEP = Decimal("0.00000001")
OPEN_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED"})


class Reject(Exception):
    """The exchange refuses a call in the venue's own terms: a code and a message, nothing having happened."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


class Bracket(msgspec.Struct, frozen=True, kw_only=True):
    """A maintenance-margin tier: floor < notional <= cap in quote; maintenance margin = notional * mmr - cum."""

    floor: Decimal
    cap: Decimal
    mmr: Decimal
    cum: Decimal
    max_leverage: int


class Symbol(msgspec.Struct, frozen=True, kw_only=True):
    """A tradable instrument with its filters. Fees are ratios of the notional; `multiplier_*` bound prices.

    On usdm the multipliers apply to the mark price, on spot to the mid of the book. `settle` is the margin asset of a
    perpetual and the quote of a spot pair.
    """

    market: Market
    name: str
    base: str
    quote: str
    settle: str
    tick: Decimal
    lot: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    price_precision: int
    quantity_precision: int
    min_price: Decimal
    max_price: Decimal
    multiplier_up: Decimal
    multiplier_down: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    brackets: tuple[Bracket, ...] = ()
    funding_interval_ms: int = 8 * 3_600_000
    funding_cap: Decimal = Decimal("0.02")
    max_open_orders: int = 200
    status: Literal["TRADING", "BREAK", "SETTLING"] = "TRADING"

    @property
    def key(self) -> SymbolKey:
        """What books and orders are filed under."""
        return (self.market, self.name)

    @property
    def max_leverage(self) -> int:
        """The highest leverage of the first bracket; 1 on spot."""
        return self.brackets[0].max_leverage if self.brackets else 1


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as a client asks for it. Quantities in coins; `quote_quantity` (spot MARKET only) in quote.

    `client_order_id` empty means that the exchange chooses one. LIMIT_MAKER is spot's post-only, GTX the futures' one.
    """

    market: Market
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce = "GTC"
    reduce_only: bool = False
    client_order_id: str = ""
    position_side: PositionSide = "BOTH"
    quote_quantity: Decimal | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the exchange has it now; every change makes a new value. Order ids are unique per exchange."""

    order_id: int
    client_order_id: str
    account_id: str
    market: Market
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal
    reduce_only: bool
    position_side: PositionSide
    status: Status
    filled: Decimal
    quote_filled: Decimal
    created_ms: int
    updated_ms: int
    quote_quantity: Decimal = ZERO
    requested_quantity: Decimal = ZERO

    @property
    def remaining(self) -> Decimal:
        """What is still to be filled, in coins."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal:
        """The volume-weighted price of what was filled; zero when nothing was."""
        return self.quote_filled / self.filled if self.filled else ZERO

    @property
    def is_open(self) -> bool:
        """Whether the order can still fill."""
        return self.status in OPEN_STATUSES

    @property
    def key(self) -> SymbolKey:
        """The symbol it belongs to."""
        return (self.market, self.symbol)


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of one order. `commission` is what was paid (negative: a rebate); `realized_pnl` is futures only."""

    trade_id: int
    order_id: int
    client_order_id: str
    account_id: str
    market: Market
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    realized_pnl: Decimal
    time_ms: int


class Income(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the futures wallet's history; `amount` is signed, positive is received."""

    time_ms: int
    type: IncomeType
    asset: str
    amount: Decimal
    symbol: str
    transaction_id: int
    trade_id: int | None = None


class SpotBalance(msgspec.Struct, frozen=True, kw_only=True):
    """A spot balance in coins; `locked` is held by open orders."""

    asset: str
    free: Decimal
    locked: Decimal


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A one-way position and its settings. `quantity` signed in coins; money in the settle asset, at the mark price.

    `liquidation_price` is zero when no price liquidates. `initial_margin` is the position's; `open_order_margin` what
    open orders would add.
    """

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    break_even_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    liquidation_price: Decimal
    leverage: int
    margin_type: MarginType
    notional: Decimal
    initial_margin: Decimal
    open_order_margin: Decimal
    maintenance_margin: Decimal
    realized_pnl: Decimal
    max_notional: Decimal
    bid_notional: Decimal
    ask_notional: Decimal
    updated_ms: int


class FuturesAsset(msgspec.Struct, frozen=True, kw_only=True):
    """A futures wallet: margin balance = wallet + unrealized PnL; available = what new positions may still tie up."""

    asset: str
    wallet_balance: Decimal
    unrealized_pnl: Decimal
    margin_balance: Decimal
    maintenance_margin: Decimal
    position_initial_margin: Decimal
    open_order_initial_margin: Decimal
    available_balance: Decimal
    max_withdraw: Decimal
    updated_ms: int

    @property
    def initial_margin(self) -> Decimal:
        """Positions and open orders together."""
        return self.position_initial_margin + self.open_order_initial_margin


class FuturesAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The whole futures account of one moment: every wallet and a row for every symbol, flat ones included."""

    account_id: str
    dual_side: bool
    multi_assets: bool
    assets: tuple[FuturesAsset, ...]
    positions: tuple[Position, ...]

    def asset(self, name: str) -> FuturesAsset:
        """The wallet of an asset. KeyError when the exchange has no such margin asset."""
        return {row.asset: row for row in self.assets}[name]

    def position(self, symbol: str) -> Position:
        """The row of a symbol. KeyError when the exchange has no such perpetual."""
        return {row.symbol: row for row in self.positions}[symbol]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Mark and index price in quote, the funding rate that will be charged at `next_funding_ms`.

    A positive rate is paid by longs to shorts: cash flow = -(signed quantity * mark) * rate.
    """

    symbol: str
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    next_funding_ms: int
    time_ms: int


class FundingSettlement(msgspec.Struct, frozen=True, kw_only=True):
    """A funding rate as it was charged."""

    symbol: str
    rate: Decimal
    mark: Decimal
    time_ms: int


class Level(msgspec.Struct, frozen=True):
    """A price level: price in quote, quantity in coins."""

    price: Decimal
    quantity: Decimal


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """The best levels of a book, best first on both sides, and the update id of that state."""

    market: Market
    symbol: str
    update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    time_ms: int


class FillRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one account fill: what the book was at the instant before it, for verification from outside.

    `level_quantity` is what stood at the fill's price on the side that was taken; `source_time` is the market source's
    own position (receive nanoseconds of the last recorded frame, or the synthetic step), so that a second reader of the
    same source can rebuild the book.
    """

    account_id: str
    market: Market
    symbol: str
    order_id: int
    client_order_id: str
    trade_id: int
    side: Side
    is_maker: bool
    price: Decimal
    quantity: Decimal
    best_bid: Decimal
    best_ask: Decimal
    mid: Decimal
    level_quantity: Decimal
    order_best_bid: Decimal
    order_best_ask: Decimal
    time_ms: int
    source_time: int
    price_factor: Decimal
