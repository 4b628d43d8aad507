"""Where prices and background liquidity come from: one protocol, a synthetic and a recorded source."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

import msgspec

from bot.simex.market.book import Book
from bot.simex.model import SymbolKey


class PublicTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade between strangers, as the source reports it."""

    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool


class MarketUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the source: the book of `key` has just been changed (or a trade happened) at `time_ms`."""

    key: SymbolKey
    time_ms: int
    trade: PublicTrade | None = None


class MarketSource(Protocol):
    """A source of books. It mutates its books one update at a time, so that the exchange sees every state."""

    @property
    def keys(self) -> frozenset[SymbolKey]:
        """The (market, symbol) pairs it has books for."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        ...

    @property
    def source_time(self) -> int:
        """The source's own position, for the truth ledger of fills."""
        ...

    def book(self, key: SymbolKey) -> Book:
        """The live book; the exchange takes quantity out of it when orders fill. KeyError when there is none."""
        ...

    def advance(self, now_ms: int) -> Iterator[MarketUpdate]:
        """Apply updates up to and including `now_ms`, one per iteration, in time order."""
        ...

    def funding_rate(self, symbol: str) -> Decimal | None:
        """The rate the source prescribes for a perpetual, or None to let the premium decide."""
        ...

    def shock(self, base: str, factor: Decimal) -> None:
        """Multiply every price of the asset, spot and perpetual, now and from now on."""
        ...
