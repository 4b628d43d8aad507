"""What a market source tells the exchange: changes of the background liquidity, strangers' trades, prices of indices.

The exchange owns the books and applies these; a source never sees an account. Prices and quantities are of 1e-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from bot.simex.core.instrument import Key
from bot.simex.core.order import Side


class Level(msgspec.Struct, frozen=True, gc=False):
    """A background level now holds so much (0: gone). `side` BUY is the bid side."""

    key: Key
    time_ms: int
    side: Side
    price: int
    quantity: int


class Top(msgspec.Struct, frozen=True, gc=False):
    """These are the best background levels and nothing is better: what a best-bid-and-offer record says."""

    key: Key
    time_ms: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class Levels(msgspec.Struct, frozen=True, gc=False):
    """A whole background book: what is not in it is gone. Pairs of (price, quantity) in any order."""

    key: Key
    time_ms: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class Aggression(msgspec.Struct, frozen=True, gc=False):
    """A stranger takes up to `quantity` from the book, no worse than `price` (0: any): levels and accounts' orders."""

    key: Key
    time_ms: int
    side: Side
    price: int
    quantity: int


class Print(msgspec.Struct, frozen=True, gc=False):
    """A recorded trade: it fills accounts' orders that stood in its way, and leaves the background to the records."""

    key: Key
    time_ms: int
    price: int
    quantity: int
    aggressor: Side


class IndexPrice(msgspec.Struct, frozen=True, gc=False):
    """The price of an index by name ("BTCUSDT", "BTCUSD"), from outside this exchange."""

    index: str
    time_ms: int
    price: int


class FundingRate(msgspec.Struct, frozen=True, gc=False):
    """A perpetual's recorded rate, of 1e-8, for the settlement at `time_ms`."""

    key: Key
    time_ms: int
    rate: int


Flow = Level | Top | Levels | Aggression | Print | IndexPrice | FundingRate


class MarketSource(Protocol):
    """A source of background flow. Deterministic: the same seed and the same shocks give the same flow."""

    @property
    def keys(self) -> frozenset[Key]:
        """The instruments it has books for."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        ...

    @property
    def position(self) -> int:
        """The source's own place (receive ns of the last recorded frame, or a step), for the truth about fills."""
        ...

    def opening(self) -> Iterator[Flow]:
        """The first books and index prices, at the start."""
        ...

    def until(self, now_ms: int) -> Iterator[Flow]:
        """Every change up to and including `now_ms`, in time order, not before its turn is asked for."""
        ...

    def next_ms(self) -> int | None:
        """When the next change is due, or None when nothing more will come."""
        ...

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        """Move every price of an asset now and for good; the changes that follow at once."""
        ...
