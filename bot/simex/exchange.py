"""The exchange: one object that owns time, books, orders and accounts. Sans-IO; every call says what time it is.

Theory of operation. `advance` moves from one due moment to the next: the market source's updates in between are
applied one by one (each may fill resting orders and changes the public book), then what is due at the moment happens in
a fixed order: depth diffs, mark prices, funding, liquidations. So a run does not depend on how finely `advance` is
called, and the same seed and the same calls give the same events.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from itertools import count, islice

from bot.simex.accounts import Accounts
from bot.simex.clockwork import Clockwork
from bot.simex.context import Context
from bot.simex.desk import OrderDesk
from bot.simex.events import Event
from bot.simex.liquidation import Liquidator
from bot.simex.market import MarketSource
from bot.simex.marks import Marks
from bot.simex.matching import SymbolBook
from bot.simex.model import (
    ZERO,
    Depth,
    FillRecord,
    FundingSettlement,
    Mark,
    Market,
    NewOrder,
    Order,
    Reject,
    Symbol,
    SymbolKey,
)
from bot.simex.orders import Orders
from bot.simex.publication import Publication
from bot.simex.valuation import Valuation

FIRST_ORDER_ID = 8_000_000_001


class Exchange:
    """A simulated exchange.

    Attributes:
        symbols: the instruments by (market, name).
        accounts: balances, positions, settings, deposits (see Accounts).
        orders: order queries (see Orders).
        market: the source of books; `market.ended` says that nothing more will come.
        fill_log: the truth about every account fill, in order; the last HISTORY_ROWS_MAX of them.
        funding_log: every funding settlement, likewise.
    """

    def __init__(
        self,
        symbols: Sequence[Symbol],
        market: MarketSource,
        seed: int,
        start_ms: int,
        *,
        depth_interval_ms: int = 100,
        mark_interval_ms: int = 1_000,
    ) -> None:
        """Open with these symbols, each of which the market must have a book for (KeyError otherwise)."""
        self.symbols: dict[SymbolKey, Symbol] = {s.key: s for s in symbols}
        self.market = market
        self.orders = Orders()
        self._context = Context(self.symbols, start_ms, count(FIRST_ORDER_ID).__next__)
        self._books = {key: SymbolBook(market.book(key)) for key in self.symbols}
        self._publication = Publication(self._context, self._books)
        self._marks = Marks(self._context, self._books, market)
        valuation = Valuation(self._context, self._marks.states, self.orders)
        self.accounts = Accounts(self._context, self.orders, valuation)
        self._desk = OrderDesk(
            self._context,
            self._books,
            self.accounts.states,
            self.orders,
            valuation,
            random.Random(seed),
            lambda: market.source_time,
        )
        self._clockwork = Clockwork(
            self._context,
            market,
            self._marks,
            self.accounts.states,
            self._desk,
            self._publication,
            Liquidator(self._context, self.accounts.states, self._desk, valuation),
            (mark_interval_ms, depth_interval_ms),
        )
        self.fill_log: deque[FillRecord] = self._desk.fill_log
        self.funding_log: deque[FundingSettlement] = self._clockwork.funding_log
        self._publication.tops()
        self._marks.publish()

    @property
    def now_ms(self) -> int:
        """Exchange time; it never goes back (an earlier `now_ms` argument counts as the present)."""
        return self._context.now_ms

    # ------------------------------------------------------------------------------------------------ time
    def advance(self, now_ms: int) -> None:
        """Move market, resting orders, mark prices, funding and liquidations to `now_ms`."""
        self._clockwork.advance(now_ms)

    def shock(self, name: str, factor: Decimal, now_ms: int) -> None:
        """Multiply the prices of an asset ("BTC") or of a symbol's base ("BTCUSDT") at once and for good.

        ValueError when the factor is not positive or no symbol is of that name.
        """
        bases = {s.base for s in self.symbols.values() if name in (s.base, s.name)}
        if not bases or factor <= 0:
            raise ValueError(f"no asset {name!r}, or factor {factor} not above zero")
        self.advance(now_ms)
        self._clockwork.shock(bases.pop(), factor)

    def set_funding(self, symbol: str, rate: Decimal | None, next_ms: int | None = None) -> None:
        """Prescribe a perpetual's rate from now on (None: from the premium), and if given its next funding time."""
        state = self._marks.states[symbol]
        state.prescribed = rate
        if next_ms is not None:
            state.next_funding_ms = max(next_ms, self.now_ms + 1)

    # ---------------------------------------------------------------------------------------------- orders
    def place(self, account_id: str, new: NewOrder, now_ms: int) -> Order:
        """Accept, match and answer the order's state after matching. Raises Reject when refused."""
        self.advance(now_ms)
        symbol = self.symbol(new.market, new.symbol)
        order = self._desk.place(self.accounts.states[account_id], symbol, new)
        self._publication.top(symbol.key)
        return order

    def cancel(
        self,
        account_id: str,
        market: Market,
        symbol: str,
        now_ms: int,
        *,
        order_id: int | None = None,
        client_id: str = "",
    ) -> Order:
        """Cancel an open order. Reject(-2011) when it is not open."""
        self.advance(now_ms)
        self.symbol(market, symbol)
        try:
            order = self.orders.get(account_id, market, symbol, order_id, client_id)
        except Reject:
            raise Reject(-2011, "Unknown order sent.") from None
        if not order.is_open:
            raise Reject(-2011, "Unknown order sent.")
        order = self._desk.cancel(order)
        self._publication.top(order.key)
        return order

    def cancel_all(self, account_id: str, market: Market, symbol: str, now_ms: int) -> list[Order]:
        """Cancel every open order of the account on one symbol; spot answers Reject(-2011) when there is none."""
        self.advance(now_ms)
        key = self.symbol(market, symbol).key
        found = self.orders.open_on(account_id, key)
        if not found and market == "spot":
            raise Reject(-2011, "Unknown order sent.")
        ended = [self._desk.cancel(order) for order in found]
        self._publication.top(key)
        return ended

    # ---------------------------------------------------------------------------------------------- looking
    def symbol(self, market: Market, name: str) -> Symbol:
        """The instrument. Reject(-1121) when there is none."""
        found = self.symbols.get((market, name))
        if found is None:
            raise Reject(-1121, "Invalid symbol.")
        return found

    def depth(self, market: Market, symbol: str, limit: int) -> Depth:
        """The best `limit` levels a side, account orders included."""
        book = self._books[self.symbol(market, symbol).key]
        return Depth(
            market=market,
            symbol=symbol,
            update_id=book.update_id,
            bids=tuple(islice(book.bids.levels(), limit)),
            asks=tuple(islice(book.asks.levels(), limit)),
            time_ms=self.now_ms,
        )

    def mark(self, symbol: str) -> Mark:
        """Mark, index, funding rate and next funding time of a perpetual. Reject(-1121) when there is none."""
        self.symbol("usdm", symbol)
        return self._marks.states[symbol].view(self.now_ms)

    def drain_events(self) -> list[Event]:
        """All events since the last call, in order."""
        return self._context.drain()

    def check(self) -> None:
        """Raise AssertionError unless positions sum to zero per contract and money per asset is conserved, exactly."""
        held: dict[str, Decimal] = {}
        positions: dict[str, Decimal] = {}
        for account in self.accounts.states.values():
            for asset, holding in account.spot.items():
                held[asset] = held.get(asset, ZERO) + holding.free + holding.locked
            for asset, wallet in account.wallets.items():
                held[asset] = held.get(asset, ZERO) + wallet
            for name, position in account.positions.items():
                settle = self.symbols[("usdm", name)].settle
                held[settle] = held.get(settle, ZERO) - position.cost
                positions[name] = positions.get(name, ZERO) + position.quantity
        self._context.ledger.check(held, positions)
