"""What an account is worth at the mark prices of this moment: margins, available balance, liquidation prices.

Cross margin and one margin asset per perpetual. The isolated flag is kept and shown, its margin counts as cross.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from bot.simex import margin
from bot.simex.account import Account, PositionState, money
from bot.simex.context import Context
from bot.simex.funding import MarkState
from bot.simex.model import ZERO, FuturesAccount, FuturesAsset, Order, Position, Side, Symbol
from bot.simex.orders import Orders


class Totals(NamedTuple):
    """Sums over the positions of one margin asset."""

    unrealized: Decimal
    maintenance: Decimal
    initial: Decimal
    initial_with_orders: Decimal


class Valuation:
    """Values accounts; changes nothing."""

    def __init__(self, context: Context, marks: Mapping[str, MarkState], orders: Orders) -> None:
        self._context = context
        self._marks = marks
        self._orders = orders

    def mark(self, symbol: str) -> Decimal:
        """The mark price of a perpetual."""
        return self._marks[symbol].price

    def notional(self, account: Account, symbol: Symbol) -> Decimal:
        """The signed value of a position at the mark."""
        return self._held(account, symbol).quantity * self.mark(symbol.name)

    def totals(self, account: Account, asset: str) -> Totals:
        """Unrealized PnL and margins of one margin asset."""
        unrealized = maintenance = initial = with_orders = ZERO
        for symbol in self._settled_in(asset):
            held = self._held(account, symbol)
            bids, asks = self._open_notionals(account, symbol)
            if not held.quantity and not bids and not asks:
                continue
            notional = self.notional(account, symbol)
            unrealized += margin.unrealized_pnl(held.quantity, held.cost, self.mark(symbol.name))
            maintenance += margin.maintenance_margin(symbol.brackets, notional)
            initial += margin.initial_margin(notional, ZERO, ZERO, held.leverage)
            with_orders += margin.initial_margin(notional, bids, asks, held.leverage)
        return Totals(unrealized, maintenance, initial, with_orders)

    def available(self, account: Account, asset: str) -> Decimal:
        """Margin balance less initial margins; below zero when the account is under water."""
        totals = self.totals(account, asset)
        return account.wallets[asset] + totals.unrealized - totals.initial_with_orders

    def margin_for(self, account: Account, symbol: Symbol, side: Side, quantity: Decimal, price: Decimal) -> Decimal:
        """What a new order would tie up: the growth of the initial margin, and the loss it opens with at the mark."""
        held = self._held(account, symbol)
        bids, asks = self._open_notionals(account, symbol)
        notional, extra = self.notional(account, symbol), quantity * price
        before = margin.initial_margin(notional, bids, asks, held.leverage)
        after = margin.initial_margin(
            notional,
            bids + (extra if side == "BUY" else ZERO),
            asks + (extra if side == "SELL" else ZERO),
            held.leverage,
        )
        against = price - self.mark(symbol.name) if side == "BUY" else self.mark(symbol.name) - price
        return after - before + max(against, ZERO) * self._opening(held.quantity, side, quantity)

    def beyond_leverage(self, account: Account, symbol: Symbol, side: Side, quantity: Decimal, price: Decimal) -> bool:
        """Whether an order, filled with all open orders of its side, would hold more than the leverage allows."""
        bids, asks = self._open_notionals(account, symbol)
        signed = quantity * price + bids if side == "BUY" else -(quantity * price + asks)
        before = self.notional(account, symbol)
        cap = margin.max_notional(symbol.brackets, self._held(account, symbol).leverage)
        return abs(before + signed) > max(cap, abs(before))

    def futures(self, account: Account) -> FuturesAccount:
        """The whole futures account."""
        perpetuals = [s for s in self._context.symbols.values() if s.market == "usdm"]
        assets = sorted({s.settle for s in perpetuals} | set(account.wallets))
        return FuturesAccount(
            account_id=account.account_id,
            dual_side=account.dual_side,
            multi_assets=account.multi_assets,
            assets=tuple(self._asset(account, asset) for asset in assets),
            positions=tuple(self.position(account, symbol) for symbol in perpetuals),
        )

    def position(self, account: Account, symbol: Symbol) -> Position:
        """One symbol's row, flat or not."""
        held, mark = self._held(account, symbol), self.mark(symbol.name)
        notional = held.quantity * mark
        bids, asks = self._open_notionals(account, symbol)
        initial = margin.initial_margin(notional, ZERO, ZERO, held.leverage)
        return Position(
            symbol=symbol.name,
            quantity=held.quantity,
            entry_price=money(held.entry_price),
            break_even_price=money(held.break_even_price),
            mark_price=mark,
            unrealized_pnl=money(margin.unrealized_pnl(held.quantity, held.cost, mark)),
            liquidation_price=self._liquidation_price(account, symbol),
            leverage=held.leverage,
            margin_type=held.margin_type,
            notional=money(notional),
            initial_margin=money(initial),
            open_order_margin=money(margin.initial_margin(notional, bids, asks, held.leverage) - initial),
            maintenance_margin=money(margin.maintenance_margin(symbol.brackets, notional)),
            realized_pnl=held.realized,
            max_notional=margin.max_notional(symbol.brackets, held.leverage),
            bid_notional=bids,
            ask_notional=asks,
            updated_ms=held.updated_ms,
        )

    def _asset(self, account: Account, asset: str) -> FuturesAsset:
        totals, wallet = self.totals(account, asset), account.wallets[asset]
        available = max(ZERO, wallet + totals.unrealized - totals.initial_with_orders)
        return FuturesAsset(
            asset=asset,
            wallet_balance=wallet,
            unrealized_pnl=money(totals.unrealized),
            margin_balance=money(wallet + totals.unrealized),
            maintenance_margin=money(totals.maintenance),
            position_initial_margin=money(totals.initial),
            open_order_initial_margin=money(totals.initial_with_orders - totals.initial),
            available_balance=money(available),
            max_withdraw=money(min(available, max(wallet, ZERO))),
            updated_ms=account.updated_ms,
        )

    def _liquidation_price(self, account: Account, symbol: Symbol) -> Decimal:
        held = self._held(account, symbol)
        if not held.quantity:
            return ZERO
        totals, mark = self.totals(account, symbol.settle), self.mark(symbol.name)
        own = margin.unrealized_pnl(held.quantity, held.cost, mark)
        own_maintenance = margin.maintenance_margin(symbol.brackets, held.quantity * mark)
        balance = account.wallets[symbol.settle] + totals.unrealized - own - (totals.maintenance - own_maintenance)
        price = margin.liquidation_price(symbol.brackets, held.quantity, held.entry_price, balance)
        return ZERO if price is None else money(price)

    def _settled_in(self, asset: str) -> list[Symbol]:
        return [s for s in self._context.symbols.values() if s.market == "usdm" and s.settle == asset]

    def _open_notionals(self, account: Account, symbol: Symbol) -> tuple[Decimal, Decimal]:
        counted = [o for o in self._orders.open_on(account.account_id, symbol.key) if not o.reduce_only]
        return _notional(counted, "BUY"), _notional(counted, "SELL")

    @staticmethod
    def _held(account: Account, symbol: Symbol) -> PositionState:
        return account.positions[symbol.name]

    @staticmethod
    def _opening(held: Decimal, side: Side, quantity: Decimal) -> Decimal:
        closing = abs(held) if (held < 0) == (side == "BUY") else ZERO
        return max(quantity - closing, ZERO)


def _notional(orders: list[Order], side: Side) -> Decimal:
    return sum((o.remaining * o.price for o in orders if o.side == side), ZERO)
