"""What trading asks of the money side, and nothing else of it: so that either half can be tested without the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bot.simex.core.account import Account
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import Order, PositionSide, Side, Trade


class Till(Protocol):
    """What orders of one account on one instrument need, hold and do, in money. Quantities and prices of 1e-8.

    The desk calls `require` before it accepts an order, `hold` for what comes to rest and for what leaves the book
    (cancelled, or about to be filled), and `fill` for each fill of each side. An order is read, and nothing of it is
    changed but `locked`. A call that is refused has changed nothing.
    """

    def require(self, side: Side, position_side: PositionSide, quantity: int, price: int, reduce_only: bool) -> None:
        """Refuse what the account cannot afford; `price` is the limit price or the worst it will take.

        INSUFFICIENT_BALANCE (spot), INSUFFICIENT_MARGIN, BEYOND_LEVERAGE, IN_LIQUIDATION.
        """
        ...

    def hold(self, order: Order, quantity: int) -> None:
        """So much more of an order rests in the book at its price of now (below zero: so much of it does no longer).

        Locks its coins, or counts it into its position's orders.
        """
        ...

    def shift(self, side: Side, price: int, quantity: int, worth: int) -> bool:
        """So much more rests, at this price, of orders of the plainest kind (below zero: so much less does).

        False, and nothing has happened, where that is not the whole of it, or may have to be refused: then it takes
        `require` and `hold`.
        """
        ...

    def fill(self, order: Order, price: int, quantity: int, is_maker: bool, house: bool, trade_id: int) -> Trade:
        """Book one fill: coins or position, fee, history, event. `house`: the other side is background.

        What of it rested must no longer be held.
        """
        ...

    def announce(self, order: Order) -> None:
        """Tell what a spot order locks or no longer locks (an account's balances changed without a fill)."""
        ...

    def reducible(self, side: Side, position_side: PositionSide) -> int:
        """What reduce-only orders may still take: the position less what such orders already rest for."""
        ...


class Money(Protocol):
    """Everybody's money."""

    def till(self, account: Account, instrument: Instrument) -> Till:
        """The till of an account for an instrument."""
        ...


class Prices(Protocol):
    """Mark and index of a future, of 1e-8; 0 when there is none yet."""

    @property
    def version(self) -> int:
        """How often marks have changed."""
        ...

    @property
    def prices(self) -> Mapping[Key, int]:
        """The marks that are known; they change with `version` only."""
        ...

    def mark(self, key: Key) -> int:
        """The mark price, the mid as long as none is known."""
        ...

    def index(self, key: Key) -> int:
        """The index price."""
        ...
