"""The life of orders: acceptance, matching, resting, ending. Every change is an event.

An order is refused (nothing happened, Reject), or accepted: NEW is reported, then its fills, then either it rests or,
as IOC, FOK or MARKET, its remainder EXPIRES. Money is settled fill by fill, each at its own level's price.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from bot.simex.account import HISTORY_ROWS_MAX, Account
from bot.simex.admission import Admission
from bot.simex.context import Context
from bot.simex.events import Execution, ExpireReason, MarketTraded, OrderUpdated
from bot.simex.matching import SymbolBook, Take
from bot.simex.model import (
    ZERO,
    FillRecord,
    Level,
    NewOrder,
    Order,
    Status,
    Symbol,
    SymbolKey,
    Trade,
)
from bot.simex.orders import Orders
from bot.simex.settlement import Settlement
from bot.simex.valuation import Valuation

LIQUIDATION_PREFIX = "autoclose-"
_EMPTY = Level(ZERO, ZERO)
Tops = tuple[Level, Level]


class OrderDesk:
    """Owns the orders' transitions; money is moved by Settlement, books by SymbolBook."""

    def __init__(
        self,
        context: Context,
        books: Mapping[SymbolKey, SymbolBook],
        accounts: Mapping[str, Account],
        orders: Orders,
        valuation: Valuation,
        rng: random.Random,
        source_time: Callable[[], int],
    ) -> None:
        self._context = context
        self._books = books
        self._accounts = accounts
        self._orders = orders
        self._valuation = valuation
        self._admission = Admission(context, books, orders, valuation, rng)
        self._source_time = source_time
        self.settlement = Settlement(context, accounts)
        self.fill_log: deque[FillRecord] = deque(maxlen=HISTORY_ROWS_MAX)

    # ------------------------------------------------------------------------------------------ coming in
    def place(self, account: Account, symbol: Symbol, new: NewOrder) -> Order:
        """Accept and match an order, or raise Reject."""
        self._admission.filters(account, symbol, new)
        order = self._admission.draft(account, symbol, new)
        limit = self._admission.limit(symbol, order)
        takes = self._books[symbol.key].plan(account.account_id, order.side, limit, order.quantity)
        self._admission.check(account, symbol, order, takes)
        return self._accept(order, takes)

    def force_close(self, account: Account, symbol: Symbol, client_id: str) -> Order:
        """Close a position at any price the book offers: a liquidation's order, subject to no check."""
        held = account.positions[symbol.name].quantity
        new = NewOrder(
            market="usdm",
            symbol=symbol.name,
            side="SELL" if held > 0 else "BUY",
            type="MARKET",
            quantity=abs(held),
            reduce_only=True,
            client_order_id=client_id,
        )
        order = self._admission.draft(account, symbol, new)
        return self._accept(order, self._books[symbol.key].plan(account.account_id, order.side, None, order.quantity))

    def _accept(self, order: Order, takes: list[Take]) -> Order:
        book, key = self._books[order.key], order.key
        order = self._orders.put(order)
        self.settlement.lock(order)
        self._report(order, "NEW")
        if order.market == "spot" and order.type != "MARKET":
            self._report_account(order)
        fillable = sum((take.quantity for take in takes), ZERO)
        if order.time_in_force != "FOK" or fillable >= order.quantity:
            self._match(order, takes, self._tops(key))
        order = self._orders.by_id(order.order_id)
        if order.is_open and (order.type == "MARKET" or order.time_in_force in ("IOC", "FOK")):
            return self._end(order, "EXPIRED", "EXPIRED", _own_expiry(order))
        if order.is_open:
            book.rest(order)
        return order

    # --------------------------------------------------------------------------------------------- filling
    def _match(self, order: Order, takes: list[Take], tops: Tops) -> None:
        book = self._books[order.key]
        for take in takes:
            if take.maker_id is None:
                self._record_and_fill(order, take, tops, is_maker=False)
                book.consume(order.side, take)
            else:
                self._meet_maker(order, take, tops)
            order = self._orders.by_id(order.order_id)
        self._trim_reduce_only(order)

    def _meet_maker(self, taker: Order, take: Take, tops: Tops) -> None:
        maker = self._orders.by_id(take.maker_id or 0)
        if not maker.is_open:
            return
        if take.prevented:
            execution: Execution = "TRADE_PREVENTION" if maker.market == "spot" else "EXPIRED"
            self._withdraw(maker, "EXPIRED_IN_MATCH", execution, "STP")
            return
        take = replace(take, quantity=min(take.quantity, maker.remaining))
        trade_id = self._record_and_fill(taker, take, tops, is_maker=False)
        self._fill(maker, take.price, take.quantity, trade_id, is_maker=True, from_house=False)
        self._books[maker.key].consume(taker.side, take)
        self._trim_reduce_only(maker)

    def meet_background(self, key: SymbolKey) -> None:
        """Fill resting orders that the background has reached, at their own price, with what it offers."""
        book = self._books[key]
        while (met := book.crossed()) is not None:
            resting, side, take = met
            order = self._orders.by_id(resting.order_id)
            self._record_and_fill(order, take, self._tops(key), is_maker=True)
            book.consume_crossed(side, take)
            self._trim_reduce_only(order)

    def _record_and_fill(self, order: Order, take: Take, at_order: Tops, *, is_maker: bool) -> int:
        """Log the truth about a fill, book it, and tell the public."""
        book, trade_id, now = self._books[order.key], self._context.next_trade_id(), self._context.now_ms
        bid, ask = self._tops(order.key)
        ladder = book.opposite(order.side).background
        self.fill_log.append(
            FillRecord(
                account_id=order.account_id,
                market=order.market,
                symbol=order.symbol,
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                trade_id=trade_id,
                side=order.side,
                is_maker=is_maker,
                price=take.price,
                quantity=take.quantity,
                best_bid=bid.price,
                best_ask=ask.price,
                mid=(bid.price + ask.price) / 2,
                level_quantity=ladder.levels[take.raw] if take.raw is not None else take.quantity,
                order_best_bid=at_order[0].price,
                order_best_ask=at_order[1].price,
                time_ms=now,
                source_time=self._source_time(),
                price_factor=ladder.factor,
            )
        )
        from_house = take.maker_id is None or is_maker
        self._fill(order, take.price, take.quantity, trade_id, is_maker=is_maker, from_house=from_house)
        self._context.emit(
            MarketTraded(
                event_ms=now,
                transaction_ms=now,
                market=order.market,
                symbol=order.symbol,
                trade_id=trade_id,
                price=take.price,
                quantity=take.quantity,
                buyer_is_maker=(order.side == "BUY") == is_maker,
            )
        )
        return trade_id

    def _fill(
        self, order: Order, price: Decimal, quantity: Decimal, trade_id: int, *, is_maker: bool, from_house: bool
    ) -> None:
        trade = self.settlement.fill(order, price, quantity, trade_id, is_maker=is_maker, from_house=from_house)
        filled = order.filled + quantity
        order = self._orders.put(
            replace(
                order,
                filled=filled,
                quote_filled=order.quote_filled + trade.quote_quantity,
                status="FILLED" if filled == order.quantity else "PARTIALLY_FILLED",
                updated_ms=self._context.now_ms,
            )
        )
        forced = order.client_order_id.startswith(LIQUIDATION_PREFIX)
        self._report(order, "CALCULATED" if forced else "TRADE", trade)
        self._report_account(order)

    # -------------------------------------------------------------------------------------------- going out
    def cancel(self, order: Order) -> Order:
        """End a resting order because its owner asked."""
        return self._withdraw(order, "CANCELED", "CANCELED")

    def expire_futures(self, account: Account) -> list[SymbolKey]:
        """End all of an account's futures orders before its liquidation; answers the symbols that had some."""
        ended = self._orders.open(account.account_id, "usdm")
        return [self._withdraw(order, "EXPIRED", "EXPIRED", "LIQUIDATION").key for order in ended]

    def _withdraw(self, order: Order, status: Status, execution: Execution, reason: ExpireReason = "") -> Order:
        self._books[order.key].withdraw(order)
        return self._end(order, status, execution, reason)

    def _end(self, order: Order, status: Status, execution: Execution, reason: ExpireReason) -> Order:
        self.settlement.unlock(order)
        order = self._orders.put(replace(order, status=status, updated_ms=self._context.now_ms))
        self._report(order, execution, reason=reason)
        if order.market == "spot" and order.type != "MARKET":
            self._report_account(order)
        return order

    def _trim_reduce_only(self, filled: Order) -> None:
        """Keep resting reduce-only orders within the position that is left, oldest first."""
        if filled.market == "spot":
            return
        held = self._accounts[filled.account_id].positions[filled.symbol].quantity
        left = {"BUY": max(-held, ZERO), "SELL": max(held, ZERO)}
        for order in self._orders.open_on(filled.account_id, filled.key):
            if not order.reduce_only or not self._books[order.key].side(order.side).queue.holds(order.order_id):
                continue
            if not left[order.side]:
                self._withdraw(order, "EXPIRED", "EXPIRED", "REDUCE_ONLY")
            elif order.remaining > left[order.side]:
                self._shrink(order, left[order.side])
            left[order.side] -= min(order.remaining, left[order.side])

    def _shrink(self, order: Order, remaining: Decimal) -> None:
        self._books[order.key].withdraw(order)
        self._books[order.key].rest(self._orders.put(replace(order, quantity=order.filled + remaining)))

    # --------------------------------------------------------------------------------------------- telling
    def _report(
        self, order: Order, execution: Execution, trade: Trade | None = None, reason: ExpireReason = ""
    ) -> None:
        now = self._context.now_ms
        if trade is None:
            update = OrderUpdated(
                event_ms=now,
                transaction_ms=now,
                account_id=order.account_id,
                order=order,
                execution=execution,
                expire_reason=reason,
            )
        else:
            update = OrderUpdated(
                event_ms=now,
                transaction_ms=now,
                account_id=order.account_id,
                order=order,
                execution=execution,
                last_quantity=trade.quantity,
                last_price=trade.price,
                commission=trade.commission,
                commission_asset=trade.commission_asset,
                trade_id=trade.trade_id,
                is_maker=trade.is_maker,
                realized_pnl=trade.realized_pnl,
            )
        self._context.emit(update)

    def _report_account(self, order: Order) -> None:
        symbol, account = self._context.symbols[order.key], self._accounts[order.account_id]
        if symbol.market == "spot":
            self._context.account_updated(account, "spot", "ORDER", {symbol.base: ZERO, symbol.quote: ZERO})
        else:
            row = self._valuation.position(account, symbol)
            self._context.account_updated(account, "usdm", "ORDER", {symbol.settle: ZERO}, (row,))

    def _tops(self, key: SymbolKey) -> Tops:
        book = self._books[key]
        return (book.bids.best() or _EMPTY, book.asks.best() or _EMPTY)


def _own_expiry(order: Order) -> ExpireReason:
    if order.type == "MARKET":
        return "MARKET"
    return "FOK" if order.time_in_force == "FOK" else "IOC"
