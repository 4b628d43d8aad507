"""What happens by itself as time passes: market updates, depth diffs, mark prices, funding, liquidations."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

from bot.simex.account import HISTORY_ROWS_MAX, Account
from bot.simex.context import Context
from bot.simex.desk import OrderDesk
from bot.simex.events import MarketTraded
from bot.simex.funding import MarkState, next_multiple
from bot.simex.liquidation import Liquidator
from bot.simex.market import MarketSource, MarketUpdate
from bot.simex.marks import Marks
from bot.simex.model import FundingSettlement, SymbolKey
from bot.simex.publication import Publication


class Clockwork:
    """Moves the exchange through time."""

    def __init__(
        self,
        context: Context,
        market: MarketSource,
        marks: Marks,
        accounts: Mapping[str, Account],
        desk: OrderDesk,
        publication: Publication,
        liquidator: Liquidator,
        intervals_ms: tuple[int, int],
    ) -> None:
        self._context = context
        self._market = market
        self._marks = marks
        self._accounts = accounts
        self._desk = desk
        self._publication = publication
        self._liquidator = liquidator
        self._mark_interval_ms, self._depth_interval_ms = intervals_ms
        self._next_mark_ms = next_multiple(context.now_ms, self._mark_interval_ms)
        self._next_depth_ms = next_multiple(context.now_ms, self._depth_interval_ms)
        self.funding_log: deque[FundingSettlement] = deque(maxlen=HISTORY_ROWS_MAX)

    def advance(self, now_ms: int) -> None:
        """Go to `now_ms`, stopping at every due moment on the way."""
        while self._context.now_ms < now_ms:
            due = min(now_ms, self._next_mark_ms, self._next_depth_ms)
            funding_ms = self._marks.next_funding_ms()
            due = due if funding_ms is None else min(due, funding_ms)
            for update in self._market.advance(due):
                self._context.now_ms = max(self._context.now_ms, update.time_ms)
                self._apply(update)
            self._context.now_ms = due
            self._ring(due)

    def shock(self, base: str, factor: Decimal) -> None:
        """Move an asset's prices now: books, index and mark together, then let everything react."""
        self._market.shock(base, factor)
        self._marks.rescale(base, factor)
        for key, symbol in self._context.symbols.items():
            if symbol.base == base:
                self._touched(key)
        self._marks.publish()
        self._liquidate()

    def _apply(self, update: MarketUpdate) -> None:
        symbol = self._context.symbols.get(update.key)
        if symbol is None:
            return
        if update.trade is None:
            self._touched(update.key)
            return
        self._context.emit(
            MarketTraded(
                event_ms=self._context.now_ms,
                transaction_ms=self._context.now_ms,
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
            self._marks.sample()
        settled = [state for state in self._marks.states.values() if due >= state.next_funding_ms]
        for state in settled:
            self._settle_funding(state)
        if marked or settled:
            self._marks.publish()
            self._liquidate()

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
