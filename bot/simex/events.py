"""What the exchange tells the world, as typed events in the order in which it happened.

`event_ms` is when the event is sent, `transaction_ms` when the matching engine made it; both on the exchange's time
line. Books carry update ids that grow by at least one with every change, so a diff stream is contiguous:
`previous_update_id` of a DepthChanged is the `last_update_id` of the one before it for that symbol.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from bot.simex.model import ZERO, Level, Market, Order, Position

Execution = Literal["NEW", "TRADE", "CANCELED", "EXPIRED", "REJECTED", "TRADE_PREVENTION", "CALCULATED"]
# Why an order EXPIRED: its own time in force or type, self-trade prevention, a shrunken position, a liquidation.
ExpireReason = Literal["", "IOC", "FOK", "MARKET", "STP", "REDUCE_ONLY", "LIQUIDATION"]
AccountReason = Literal[
    "ORDER", "FUNDING_FEE", "DEPOSIT", "WITHDRAW", "TRANSFER", "MARGIN_TYPE_CHANGE", "INSURANCE_CLEAR", "ADJUSTMENT"
]


class OrderUpdated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order changed; `order` is its state after the change. The `last_*` fields belong to a TRADE.

    `commission` is what was paid in `commission_asset`; `realized_pnl` is futures only. `execution` CALCULATED is a
    liquidation's fill.
    """

    event_ms: int
    transaction_ms: int
    account_id: str
    order: Order
    execution: Execution
    last_quantity: Decimal = ZERO
    last_price: Decimal = ZERO
    commission: Decimal = ZERO
    commission_asset: str = ""
    trade_id: int | None = None
    is_maker: bool = False
    realized_pnl: Decimal = ZERO
    expire_reason: ExpireReason = ""


class BalanceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A balance after a change. Spot: `free` and `locked`; usdm: `free` is the wallet balance and `locked` zero.

    `delta` is the change of the total by a deposit, withdrawal, transfer or funding payment, and zero for trading.
    """

    asset: str
    free: Decimal
    locked: Decimal
    delta: Decimal = ZERO


class AccountUpdated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Balances and positions of one market after a change: only the rows that changed."""

    event_ms: int
    transaction_ms: int
    account_id: str
    market: Market
    reason: AccountReason
    balances: tuple[BalanceLine, ...]
    positions: tuple[Position, ...] = ()


class LeverageChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The leverage of a symbol was set."""

    event_ms: int
    transaction_ms: int
    account_id: str
    symbol: str
    leverage: int


class MultiAssetsChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The multi-assets flag was set."""

    event_ms: int
    transaction_ms: int
    account_id: str
    multi_assets: bool


class BookTopChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The best bid or ask changed in price or quantity. An empty side has price and quantity zero."""

    event_ms: int
    transaction_ms: int
    market: Market
    symbol: str
    update_id: int
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal


class DepthChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """All levels that changed since the last one of this symbol, with their new quantities (zero: gone)."""

    event_ms: int
    transaction_ms: int
    market: Market
    symbol: str
    first_update_id: int
    last_update_id: int
    previous_update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class MarkPriceChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Mark and index price of a perpetual, its funding rate (positive: longs pay) and the next funding time."""

    event_ms: int
    symbol: str
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    next_funding_ms: int


class MarketTraded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A public trade. `buyer_is_maker`: the seller was the aggressor."""

    event_ms: int
    transaction_ms: int
    market: Market
    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool


Event = (
    OrderUpdated
    | AccountUpdated
    | LeverageChanged
    | MultiAssetsChanged
    | BookTopChanged
    | DepthChanged
    | MarkPriceChanged
    | MarketTraded
)
