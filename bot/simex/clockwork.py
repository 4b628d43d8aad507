"""What happens by itself as time passes: market updates, depth diffs, mark prices, funding, liquidations."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

from bot.simex.account import HISTORY_ROWS_MAX, Account
from bot.simex.context import Context
from bot.simex.desk import OrderDesk
from bot.simex.events import MarketTraded, MarkPriceChanged
from bot.simex.funding import MarkState, next_multiple
from bot.simex.liquidation import Liquidator
from bot.simex.market import MarketSource, MarketUpdate
from bot.simex.matching import SymbolBook
from bot.simex.model import FundingSettlement, Symbol, SymbolKey
from bot.simex.publication import Publication
from bot.simex.valuation import Valuation


class Clockwork:
    """Moves the exchange through time. `bind` completes it with the parts that need its mark prices."""

    def __init__(
        self,
        context: Context,
        books: Mapping[SymbolKey, SymbolBook],
        market: MarketSource,
        mark_interval_ms: int,
        depth_interval_ms: int,
    ) -> None:
        self._context = context
        self._books = books
        self._market = market
        self._mark_interval_ms = mark_interval_ms
        self._depth_interval_ms = depth_interval_ms
        self._next_mark_ms = next_multiple(context.now_ms, mark_interval_ms)
        self._next_depth_ms = next_multiple(context.now_ms, depth_interval_ms)
        self.funding_log: deque[FundingSettlement] = deque(maxlen=HISTORY_ROWS_MAX)
        self.marks: dict[str, MarkState] = {}
        for symbol in (s for s in context.symbols.values() if s.market == "usdm"):
            next_ms = next_multiple(context.now_ms, symbol.funding_interval_ms)
            self.marks[symbol.name] = MarkState(symbol, next_ms, market.funding_rate(symbol.name))
        self._sample_marks()

    def bind(
        self, accounts: Mapping[str, Account], desk: OrderDesk, publication: Publication, valuation: Valuation
    ) -> None:
        """Name the parts that act on time."""
        self._accounts = accounts
        self._desk = desk
        self._publication = publication
        self._liquidator = Liquidator(self._context, accounts, desk, valuation)
        self._publish_marks()

    def advance(self, now_ms: int) -> None:
        """Go to `now_ms`, stopping at every due moment on the way."""
        while self._context.now_ms < now_ms:
            due = min(now_ms, self._next_mark_ms, self._next_depth_ms, *self._funding_times())
            for update in self._market.advance(due):
                self._context.now_ms = max(self._context.now_ms, update.time_ms)
                self._apply(update)
            self._context.now_ms = due
            self._ring(due)

    def shock(self, base: str, factor: Decimal) -> None:
        """Move an asset's prices now: books, index and mark together, then let everything react."""
        self._market.shock(base, factor)
        for state in self.marks.values():
            if state.symbol.base == base:
                state.rescale(factor)
        for key, symbol in self._context.symbols.items():
            if symbol.base == base:
                self._touched(key)
        self._publish_marks()
        self._liquidate()

    def _funding_times(self) -> list[int]:
        return [state.next_funding_ms for state in self.marks.values()]

    def _apply(self, update: MarketUpdate) -> None:
        if update.key not in self._books:
            return
        if update.trade is None:
            self._touched(update.key)
            return
        symbol, now = self._context.symbols[update.key], self._context.now_ms
        self._context.emit(
            MarketTraded(
                event_ms=now,
                transaction_ms=now,
                market=symbol.market,
                symbol=symbol.name,
                trade_id=self._context.next_trade_id(),
                price=update.trade.price,
                quantity=update.trade.quantity,
                buyer_is_maker=update.trade.buyer_is_maker,
            )
        )

    def _touched(self, key: SymbolKey) -> None:
        self._desk.meet_background(key)
        self._publication.top(key)

    def _ring(self, due: int) -> None:
        if due >= self._next_depth_ms:
            self._next_depth_ms = next_multiple(due, self._depth_interval_ms)
            self._publication.depths()
        marked = due >= self._next_mark_ms
        if marked:
            self._next_mark_ms = next_multiple(due, self._mark_interval_ms)
            self._sample_marks()
        settled = [state for state in self.marks.values() if due >= state.next_funding_ms]
        for state in settled:
            self._settle_funding(state)
        if marked or settled:
            self._publish_marks()
            self._liquidate()

    # ------------------------------------------------------------------------------------------- perpetuals
    def _sample_marks(self) -> None:
        for name, state in self.marks.items():
            perpetual = self._books[("usdm", name)].mid()
            index = self._index(state.symbol)
            if perpetual is not None:
                state.sample(perpetual if index is None else index, perpetual)

    def _index(self, symbol: Symbol) -> Decimal | None:
        book = self._books.get(("spot", f"{symbol.base}{symbol.quote}"))
        return None if book is None else book.mid()

    def _publish_marks(self) -> None:
        now = self._context.now_ms
        for state in self.marks.values():
            self._context.emit(
                MarkPriceChanged(
                    event_ms=now,
                    symbol=state.symbol.name,
                    mark=state.price,
                    index=state.index,
                    funding_rate=state.rate(),
                    next_funding_ms=state.next_funding_ms,
                )
            )

    def _settle_funding(self, state: MarkState) -> None:
        symbol, rate, mark, now = state.symbol, state.rate(), state.price, self._context.now_ms
        self.funding_log.append(FundingSettlement(symbol=symbol.name, rate=rate, mark=mark, time_ms=now))
        for account in self._accounts.values():
            if account.positions[symbol.name].quantity:
                flow = self._desk.settlement.funding(account, symbol, mark, rate)
                self._context.account_updated(account, "usdm", "FUNDING_FEE", {symbol.settle: flow})
        state.settled()

    def _liquidate(self) -> None:
        for key in self._liquidator.run():
            self._touched(key)
