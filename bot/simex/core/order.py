"""An order as a client asks for it, as the exchange keeps it, and one fill of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from bot.simex.core.instrument import Instrument

Side = Literal[1, -1]
BUY: Side = 1
SELL: Side = -1
OrderType = Literal["limit", "market"]
TimeInForce = Literal["gtc", "ioc", "fok", "post_only"]
Status = Literal["new", "partially_filled", "filled", "canceled", "expired", "untriggered", "triggered", "deactivated"]
OPEN: frozenset[Status] = frozenset({"new", "partially_filled"})
ALIVE: frozenset[Status] = OPEN | {"untriggered", "triggered"}
# What may come to rest in the book.
RESTS: frozenset[TimeInForce] = frozenset({"gtc", "post_only"})
# Which of the two positions of a hedge-mode account an order is for; "both" in one-way mode.
PositionSide = Literal["both", "long", "short"]
# Self-trade prevention: what expires when an order would meet one of its own account.
Prevention = Literal["taker", "maker", "both", "none"]
# Who made an order: its owner, or the exchange.
Origin = Literal["user", "liquidation", "adl", "settlement", "takeover"]
# Why an order ended otherwise than by filling.
EndReason = Literal[
    "",
    "user",
    "ioc",
    "fok",
    "market",
    "post_only",
    "self_trade",
    "reduce_only",
    "margin",
    "liquidation",
    "adl",
    "settlement",
    "countdown",
    "deadline",
    "parent",
]
TriggerBy = Literal["last", "mark", "index"]


class Trigger(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A conditional order's condition: it becomes live when the watched price reaches `price` from the other side."""

    price: int
    by: TriggerBy
    rises: bool


class Ticket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as asked for. Prices and quantities of 1e-8; `price` 0 for market.

    `quote_quantity` is money to spend or receive (spot market orders) and replaces `quantity`; `close_position` takes
    the whole position when triggered. `client_id` empty: the exchange chooses one. `order_id` 0: so it does; another is
    one that a dialect took beforehand, for an order that waited with it.
    """

    instrument: Instrument
    side: Side
    type: OrderType
    quantity: int = 0
    price: int = 0
    tif: TimeInForce = "gtc"
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = "both"
    client_id: str = ""
    quote_quantity: int = 0
    prevention: Prevention = "maker"
    trigger: Trigger | None = None
    origin: Origin = "user"
    order_id: int = 0


class Order(msgspec.Struct, eq=False, gc=False):
    """An order as it is now; the desk alone changes it. `turnover` is the worth of what filled, as money, unsigned.

    `ahead` is the background quantity that stands before it at its price. `locked` is what a spot order still holds.
    A copy of it is cheap, for events.
    """

    order_id: int
    client_id: str
    account_id: str
    instrument: Instrument
    side: Side
    type: OrderType
    tif: TimeInForce
    quantity: int
    price: int
    prevention: Prevention
    origin: Origin
    created_ms: int
    updated_ms: int
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = "both"
    trigger: Trigger | None = None
    status: Status = "new"
    filled: int = 0
    turnover: int = 0
    paid: int = 0
    """The sum of price x quantity of the fills: average price = paid / filled."""
    fee: int = 0
    ahead: int = 0
    locked: int = 0
    end: EndReason = ""
    quote_quantity: int = 0

    if TYPE_CHECKING:

        def __copy__(self) -> Order:
            """Every msgspec structure has it, made in C; only the type checker does not know."""

    @property
    def remaining(self) -> int:
        """What is still to be filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it stands in the book."""
        return self.status in OPEN

    @property
    def average_price(self) -> int:
        """The quantity-weighted price of the fills, of 1e-8, rounded down; 0 without a fill."""
        return self.paid // self.filled if self.filled else 0


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One fill of one order. `fee` is what was paid (negative: a rebate) in `fee_asset`; `realized` futures only."""

    trade_id: int
    order_id: int
    client_id: str
    account_id: str
    instrument: Instrument
    side: Side
    position_side: PositionSide
    price: int
    quantity: int
    worth: int
    """The notional as money in the settle asset (spot: quote), never negative."""
    fee: int
    fee_asset: str
    is_maker: bool
    realized: int
    origin: Origin
    time_ms: int
