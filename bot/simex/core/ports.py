"""What trading asks of the money side, and nothing else of it: so that either half can be tested without the other."""

from __future__ import annotations

from typing import Protocol

from bot.simex.core.account import Account
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import Order, PositionSide, Side, Trade


class Money(Protocol):
    """What an order needs, holds and does, in money. Quantities and prices of 1e-8."""

    def require(
        self,
        account: Account,
        instrument: Instrument,
        side: Side,
        position_side: PositionSide,
        quantity: int,
        price: int,
        reduce_only: bool,
    ) -> None:
        """Refused unless the account can afford the order; `price` is its limit or the worst it will take."""
        ...

    def reserve(self, order: Order, quantity: int) -> None:
        """So much of an order comes to rest in the book."""
        ...

    def release(self, order: Order, quantity: int) -> None:
        """So much of an order no longer rests in the book: cancelled, or about to be filled."""
        ...

    def fill(self, order: Order, price: int, quantity: int, *, is_maker: bool, house: bool, trade_id: int) -> Trade:
        """Book one fill; `house`: the other side is background."""
        ...

    def announce(self, order: Order) -> None:
        """Tell what the account of a spot order now has locked, when no fill tells it."""
        ...

    def reducible(self, account: Account, instrument: Instrument, side: Side, position_side: PositionSide) -> int:
        """What reduce-only orders may still take: the position less what such orders already rest for."""
        ...


class Prices(Protocol):
    """Mark and index of a future, of 1e-8; 0 when there is none yet."""

    def mark(self, key: Key) -> int:
        """The mark price."""
        ...

    def index(self, key: Key) -> int:
        """The index price."""
        ...
