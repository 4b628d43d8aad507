"""What the exchange tells the world, in the order in which it happened. Times are ms on the exchange's line.

Values, not references: an event keeps what was true when it happened, whatever the order or account becomes later.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bot.simex.core.instrument import Instrument, Status
from bot.simex.core.order import Order, PositionSide, Side, Trade

Execution = Literal["new", "trade", "canceled", "expired", "amended", "triggered", "prevented"]
AccountReason = Literal[
    "order",
    "funding",
    "deposit",
    "withdraw",
    "transfer",
    "margin_type",
    "margin_transfer",
    "insurance",
    "adl",
    "liquidation",
    "settlement",
    "adjustment",
    "fee",
]


class OrderChanged(msgspec.Struct, frozen=True, gc=False):
    """An order changed: `order` is a copy of it after the change; `trade` the fill that did it."""

    time_ms: int
    execution: Execution
    order: Order
    trade: Trade | None = None


class Coins(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An asset of a wallet after a change, as money: `balance` is the whole of it, `locked` what spot orders hold.

    `delta` is how much this change moved the balance other than by trading; `isolated` the part of the balance that is
    tied to isolated positions.
    """

    asset: str
    balance: int
    locked: int
    delta: int = 0
    isolated: int = 0


class PositionRow(msgspec.Struct, frozen=True, gc=False):
    """A position after a change. `quantity` is signed; `cost` and `realized` money (see Instrument.worth)."""

    instrument: Instrument
    side: PositionSide
    quantity: int
    cost: int
    realized: int
    mark: int
    isolated: bool
    isolated_margin: int
    leverage: int


class AccountChanged(msgspec.Struct, frozen=True, gc=False):
    """Balances of one wallet and positions that changed together, and why."""

    time_ms: int
    account_id: str
    wallet: str
    reason: AccountReason
    coins: tuple[Coins, ...]
    positions: tuple[PositionRow, ...] = ()


class SettingChanged(msgspec.Struct, frozen=True, gc=False):
    """Leverage, margin type or mode, hedge or asset mode of an account was set; `name` says which, `value` to what.

    A margin type is an instrument's, a margin mode a unified account's.
    """

    time_ms: int
    account_id: str
    name: Literal["leverage", "margin_type", "margin_mode", "hedge_mode", "multi_assets"]
    instrument: Instrument | None
    value: int | str | bool


class MarginCalled(msgspec.Struct, frozen=True, gc=False):
    """An account's margin ratio is high; the positions concerned."""

    time_ms: int
    account_id: str
    wallet: str
    positions: tuple[PositionRow, ...]


class TopChanged(msgspec.Struct, frozen=True, gc=False):
    """The best bid or ask changed in price or quantity; an empty side has both zero."""

    time_ms: int
    instrument: Instrument
    update_id: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class DepthChanged(msgspec.Struct, frozen=True, gc=False):
    """Every level that changed since the last one, (price, quantity now), bids best first, asks best first; 0: gone."""

    time_ms: int
    instrument: Instrument
    first_id: int
    last_id: int
    previous_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class Traded(msgspec.Struct, frozen=True, gc=False):
    """A public trade. `buyer_is_maker`: the seller was the aggressor."""

    time_ms: int
    instrument: Instrument
    trade_id: int
    price: int
    quantity: int
    buyer_is_maker: bool


class Marked(msgspec.Struct, frozen=True, gc=False):
    """Mark and index of a future; for a perpetual the rate of 1e-8 as it would be charged at `next_funding_ms`."""

    time_ms: int
    instrument: Instrument
    mark: int
    index: int
    rate: int
    next_funding_ms: int


class ForceOrder(msgspec.Struct, frozen=True, gc=False):
    """The public notice of a liquidation order."""

    time_ms: int
    instrument: Instrument
    side: Side
    price: int
    average_price: int
    quantity: int
    filled: int


class StatusChanged(msgspec.Struct, frozen=True, gc=False):
    """An instrument's status, filters or funding terms changed."""

    time_ms: int
    instrument: Instrument
    status: Status


Event = (
    OrderChanged
    | AccountChanged
    | SettingChanged
    | MarginCalled
    | TopChanged
    | DepthChanged
    | Traded
    | Marked
    | ForceOrder
    | StatusChanged
)
