"""A stage for the exchange's tests: a market set by hand, an exchange on it, and orders in one line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from bot.simex.events import Event
from bot.simex.exchange import Exchange
from bot.simex.market import MarketUpdate
from bot.simex.market.book import Book
from bot.simex.model import NewOrder, Order, Reject, Symbol, SymbolKey
from bot.simex.symbols import default_symbols

START_MS = 1_700_000_000_000
BTC_SPOT: SymbolKey = ("spot", "BTCUSDT")
BTC_PERP: SymbolKey = ("usdm", "BTCUSDT")
Levels = Sequence[tuple[str, str]]
Kind = TypeVar("Kind")

BIDS: Levels = (("49999.90", "1.000"), ("49999.00", "2.000"), ("49990.00", "5.000"))
ASKS: Levels = (("50000.10", "1.000"), ("50001.00", "2.000"), ("50010.00", "5.000"))


def pairs(levels: Levels) -> list[tuple[Decimal, Decimal]]:
    """Levels as decimals."""
    return [(Decimal(price), Decimal(quantity)) for price, quantity in levels]


class HandMarket:
    """A MarketSource whose books change only when the test says so, now or at a scripted time."""

    ended = False
    source_time = 0

    def __init__(self, symbols: Sequence[Symbol], rate: Decimal | None = Decimal("0.0001")) -> None:
        self._symbols = symbols
        self._books = {s.key: Book(s.tick) for s in symbols}
        self._rate = rate
        self.script: list[tuple[int, SymbolKey, Levels, Levels]] = []
        for symbol in symbols:
            self.set(symbol.key, BIDS, ASKS)

    @property
    def keys(self) -> frozenset[SymbolKey]:
        return frozenset(self._books)

    def set(self, key: SymbolKey, bids: Levels, asks: Levels) -> None:
        self._books[key].bids.replace(pairs(bids))
        self._books[key].asks.replace(pairs(asks))

    def book(self, key: SymbolKey) -> Book:
        return self._books[key]

    def advance(self, now_ms: int) -> Iterator[MarketUpdate]:
        while self.script and self.script[0][0] <= now_ms:
            time_ms, key, bids, asks = self.script.pop(0)
            self.set(key, bids, asks)
            yield MarketUpdate(key=key, time_ms=time_ms)

    def funding_rate(self, symbol: str) -> Decimal | None:
        return self._rate

    def shock(self, base: str, factor: Decimal) -> None:
        for symbol in self._symbols:
            if symbol.base == base:
                self._books[symbol.key].rescale(factor)


class Stage:
    """An exchange on a hand-made market with two rich accounts, "a" and "b"; time is START_MS until moved."""

    def __init__(self, rate: Decimal | None = Decimal("0.0001"), interval_ms: int | None = None) -> None:
        symbols = [s for s in default_symbols(interval_ms) if s.base == "BTC"]
        self.market = HandMarket(symbols, rate)
        self.exchange = Exchange(symbols, self.market, seed=1, start_ms=START_MS)
        for name in ("a", "b"):
            spot = {"BTC": Decimal(10), "USDT": Decimal(1_000_000)}
            self.exchange.accounts.create(name, spot, {"USDT": Decimal(100_000)})
        self.exchange.drain_events()

    @property
    def now_ms(self) -> int:
        return self.exchange.now_ms

    def place(self, side: str, quantity: str, price: str | None = None, account: str = "a", **more: Any) -> Order:
        """A perpetual order by default: LIMIT with a price, MARKET without."""
        fields: dict[str, Any] = {"market": "usdm", "symbol": "BTCUSDT", "side": side}
        fields["type"] = "MARKET" if price is None else "LIMIT"
        fields["quantity"] = Decimal(quantity)
        fields["price"] = None if price is None else Decimal(price)
        return self.exchange.place(account, NewOrder(**(fields | more)), self.now_ms)

    def spot(self, side: str, quantity: str, price: str | None = None, account: str = "a", **more: Any) -> Order:
        """A spot order."""
        return self.place(side, quantity, price, account, market="spot", **more)

    def refused(self, side: str, quantity: str, price: str | None = None, account: str = "a", **more: Any) -> int:
        """The code with which an order is refused; fails when it is accepted."""
        before = self.exchange.orders.history(account, more.get("market", "usdm"), "BTCUSDT")
        with pytest.raises(Reject) as caught:
            self.place(side, quantity, price, account, **more)

        assert before == self.exchange.orders.history(account, more.get("market", "usdm"), "BTCUSDT")
        return caught.value.code

    def set(self, key: SymbolKey, bids: Levels, asks: Levels, after_ms: int = 1) -> None:
        """The market changes and the exchange sees it."""
        self.market.script.append((self.now_ms + after_ms, key, bids, asks))
        self.exchange.advance(self.now_ms + after_ms)

    def held(self, account: str = "a") -> Decimal:
        """The signed perpetual position."""
        return self.exchange.accounts.futures(account).position("BTCUSDT").quantity

    def wallet(self, account: str = "a") -> Decimal:
        """The futures wallet balance."""
        return self.exchange.accounts.futures(account).asset("USDT").wallet_balance

    def coins(self, asset: str, account: str = "a") -> tuple[Decimal, Decimal]:
        """Free and locked spot coins."""
        found = {row.asset: row for row in self.exchange.accounts.spot(account)}[asset]
        return found.free, found.locked

    def events(self, kind: type[Kind]) -> list[Kind]:
        """All unread events of a kind; the others are dropped."""
        return [event for event in self.exchange.drain_events() if isinstance(event, kind)]


def digest_of(events: Sequence[Event]) -> str:
    """A hash of an event stream."""
    return hashlib.sha256(repr(events).encode()).hexdigest()
