"""A seeded market: correlated prices, a spread, a ladder of levels, and perpetuals with a mean-reverting basis.

Every `update_ms` each asset's fair price takes a lognormal step driven by one common factor and a part of its own, the
perpetual's basis takes an Ornstein-Uhlenbeck step, and all books are written anew around the fair prices. Level sizes
grow away from the top and flicker by a fixed table, so that a step costs little. One seed gives one market, whatever
the calls in between.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import count

import msgspec

from bot.simex.market import MarketUpdate, PublicTrade
from bot.simex.market.book import Book, Pair
from bot.simex.model import Symbol, SymbolKey

SECONDS_PER_YEAR = 365 * 86_400
FLICKER_LENGTH = 251


class AssetModel(msgspec.Struct, frozen=True, kw_only=True):
    """One asset: start price in quote, yearly volatility, correlation with the common factor, and market depth.

    `top_notional` is a typical quantity at the best price, in quote; levels further out are up to about five times it.
    `basis_bps` is where the perpetual's basis reverts to.
    """

    price: Decimal
    volatility: float
    correlation: float
    top_notional: float
    basis_bps: float = 2.0
    basis_volatility_bps: float = 1.5
    basis_half_life_s: float = 600.0


DEFAULT_ASSETS: Mapping[str, AssetModel] = {
    "BTC": AssetModel(price=Decimal(60_000), volatility=0.5, correlation=0.95, top_notional=90_000.0),
    "ETH": AssetModel(price=Decimal(3_000), volatility=0.65, correlation=0.9, top_notional=60_000.0),
    "SOL": AssetModel(price=Decimal(150), volatility=0.85, correlation=0.8, top_notional=30_000.0),
    "DEFI": AssetModel(price=Decimal(1_000), volatility=0.75, correlation=0.9, top_notional=30_000.0),
}
OTHER_ASSET = AssetModel(price=Decimal(10), volatility=1.0, correlation=0.7, top_notional=10_000.0)


class BookShape(msgspec.Struct, frozen=True, kw_only=True):
    """How books look: basis points of the fair price (a spread is at least one tick), levels a side, and public trades.

    `trade_probability` is that of a public trade per symbol and step.
    """

    levels: int = 25
    half_spread_bps: float = 0.1
    level_gap_bps: float = 0.3
    trade_probability: float = 0.2


DEFAULT_SHAPE = BookShape()


class SyntheticMarket:
    """A MarketSource of made-up prices."""

    def __init__(
        self,
        symbols: Sequence[Symbol],
        seed: int,
        start_ms: int,
        *,
        assets: Mapping[str, AssetModel] = DEFAULT_ASSETS,
        update_ms: int = 100,
        shape: BookShape = DEFAULT_SHAPE,
        funding_rate: Decimal | None = None,
    ) -> None:
        """Books exist at once. ValueError for an update interval or a number of levels that is not positive."""
        if update_ms <= 0 or shape.levels <= 0:
            raise ValueError(f"update_ms {update_ms} and levels {shape.levels}: allowed is more than zero")
        self._symbols = tuple(symbols)
        self._rng = random.Random(seed)
        self._update_ms = update_ms
        self._shape = shape
        self._funding_rate = funding_rate
        self._assets = {s.base: assets.get(s.base, OTHER_ASSET) for s in symbols}
        self._fair = {base: float(model.price) for base, model in self._assets.items()}
        self._basis = {base: model.basis_bps / 1e4 for base, model in self._assets.items()}
        self._flicker = [round(self._rng.lognormvariate(0.0, 0.5), 4) for _ in range(FLICKER_LENGTH)]
        self._offsets = [shape.level_gap_bps / 1e4 * (i + 0.03 * i * i) for i in range(shape.levels)]
        self._weights = [min(5.0, 1.0 + 0.35 * i) for i in range(shape.levels)]
        self._books = {s.key: Book(s.tick) for s in symbols}
        self._next_ms = start_ms + update_ms
        self._step = 0
        for symbol in self._symbols:
            self._write(symbol)

    @property
    def keys(self) -> frozenset[SymbolKey]:
        """The (market, symbol) pairs it has books for."""
        return frozenset(self._books)

    @property
    def ended(self) -> bool:
        """Never: it goes on as long as it is asked."""
        return False

    @property
    def source_time(self) -> int:
        """The number of steps so far."""
        return self._step

    def book(self, key: SymbolKey) -> Book:
        """The live book. KeyError when there is none."""
        return self._books[key]

    def funding_rate(self, symbol: str) -> Decimal | None:
        """The constant rate it was given, for every perpetual; None leaves it to the premium."""
        del symbol
        return self._funding_rate

    def shock(self, base: str, factor: Decimal) -> None:
        """Multiply an asset's fair price; its next steps start from there."""
        self._fair[base] *= float(factor)
        for symbol in self._symbols:
            if symbol.base == base:
                self._write(symbol)

    def advance(self, now_ms: int) -> Iterator[MarketUpdate]:
        """Take every step that is due."""
        while self._next_ms <= now_ms:
            time_ms, self._next_ms = self._next_ms, self._next_ms + self._update_ms
            self._move()
            for symbol in self._symbols:
                trade = self._trade(symbol)
                self._write(symbol)
                yield MarketUpdate(key=symbol.key, time_ms=time_ms)
                if trade is not None:
                    yield MarketUpdate(key=symbol.key, time_ms=time_ms, trade=trade)

    def _move(self) -> None:
        self._step += 1
        gauss, years = self._rng.gauss, self._update_ms / 1e3 / SECONDS_PER_YEAR
        common = gauss(0.0, 1.0)
        for base, model in self._assets.items():
            own = math.sqrt(1.0 - model.correlation**2) * gauss(0.0, 1.0)
            sigma = model.volatility * math.sqrt(years)
            self._fair[base] *= math.exp(sigma * (model.correlation * common + own) - sigma * sigma / 2)
            self._basis[base] = self._next_basis(model, self._basis[base], gauss(0.0, 1.0))

    def _next_basis(self, model: AssetModel, basis: float, draw: float) -> float:
        mean, keep = model.basis_bps / 1e4, math.pow(0.5, self._update_ms / 1e3 / model.basis_half_life_s)
        return mean + (basis - mean) * keep + model.basis_volatility_bps / 1e4 * math.sqrt(1 - keep**2) * draw

    def _fair_of(self, symbol: Symbol) -> float:
        fair = self._fair[symbol.base]
        return fair * (1.0 + self._basis[symbol.base]) if symbol.market == "usdm" else fair

    def _write(self, symbol: Symbol) -> None:
        fair, book, tick = self._fair_of(symbol), self._books[symbol.key], float(symbol.tick)
        half = max(self._shape.half_spread_bps / 1e4 * fair, tick / 2)
        best_bid = math.floor((fair - half) / tick)
        best_ask = max(math.ceil((fair + half) / tick), best_bid + 1)
        start = self._step * 7 + (0 if symbol.market == "spot" else 101)
        book.bids.replace(self._ladder(symbol, fair, best_bid, -1, start))
        book.asks.replace(self._ladder(symbol, fair, best_ask, 1, start + 53))

    def _ladder(self, symbol: Symbol, fair: float, best: int, way: int, start: int) -> list[Pair]:
        tick, lot, lots = float(symbol.tick), symbol.lot, float(symbol.lot)
        unit = self._assets[symbol.base].top_notional / fair / lots
        flicker, levels, last = self._flicker, [], -1
        for place, offset, weight in zip(count(start), self._offsets, self._weights, strict=False):
            last = max(last + 1, round(offset * fair / tick))
            quantity = max(1, round(unit * weight * flicker[place % FLICKER_LENGTH]))
            price = best + way * last
            if price > 0:
                levels.append((price * symbol.tick, quantity * lot))
        return levels

    def _trade(self, symbol: Symbol) -> PublicTrade | None:
        if self._rng.random() >= self._shape.trade_probability:
            return None
        sells = self._rng.random() < 0.5
        book = self._books[symbol.key]
        side = book.bids if sells else book.asks
        best = side.best_raw()
        if best is None:
            return None
        share = Decimal(self._rng.randrange(1, 40)) / 100
        quantity = (side.levels[best] * share / symbol.lot).to_integral_value(ROUND_HALF_EVEN) * symbol.lot
        return PublicTrade(price=best, quantity=max(quantity, symbol.lot), buyer_is_maker=sells)
