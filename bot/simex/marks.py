"""The mark prices of every perpetual, sampled from the books and published once an interval."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bot.simex.context import Context
from bot.simex.events import MarkPriceChanged
from bot.simex.funding import MarkState, next_multiple
from bot.simex.market import MarketSource
from bot.simex.matching import SymbolBook
from bot.simex.model import Symbol, SymbolKey


class Marks:
    """Mark, index and funding rate by symbol name. A side of a book that is empty leaves the last sample standing."""

    def __init__(self, context: Context, books: Mapping[SymbolKey, SymbolBook], market: MarketSource) -> None:
        self._context = context
        self._books = books
        self.states: dict[str, MarkState] = {}
        for symbol in (s for s in context.symbols.values() if s.market == "usdm"):
            next_ms = next_multiple(context.now_ms, symbol.funding_interval_ms)
            self.states[symbol.name] = MarkState(symbol, next_ms, market.funding_rate(symbol.name))
        self.sample()

    def sample(self) -> None:
        """Take the mids of this moment into every mark price."""
        for name, state in self.states.items():
            perpetual = self._books[("usdm", name)].mid()
            index = self._index(state.symbol)
            if perpetual is not None:
                state.sample(perpetual if index is None else index, perpetual)

    def rescale(self, base: str, factor: Decimal) -> None:
        """Follow a price shock of an asset."""
        for state in self.states.values():
            if state.symbol.base == base:
                state.rescale(factor)

    def next_funding_ms(self) -> int | None:
        """The earliest settlement to come, or None without perpetuals."""
        return min((state.next_funding_ms for state in self.states.values()), default=None)

    def publish(self) -> None:
        """Emit every mark price."""
        for state in self.states.values():
            self._context.emit(
                MarkPriceChanged(
                    event_ms=self._context.now_ms,
                    symbol=state.symbol.name,
                    mark=state.price,
                    index=state.index,
                    funding_rate=state.rate(),
                    next_funding_ms=state.next_funding_ms,
                )
            )

    def _index(self, symbol: Symbol) -> Decimal | None:
        book = self._books.get(("spot", f"{symbol.base}{symbol.quote}"))
        return None if book is None else book.mid()
