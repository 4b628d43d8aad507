"""What a fill does to money: locks, fees, positions, realized PnL, and the ledger's other side."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bot.simex.account import Account, money
from bot.simex.context import Context
from bot.simex.model import ZERO, Order, Symbol, Trade


class Settlement:
    """Books fills. Spot buys pay their fee in the base asset, spot sells in the quote, futures in the settle asset."""

    def __init__(self, context: Context, accounts: Mapping[str, Account]) -> None:
        self._context = context
        self._accounts = accounts

    def lock(self, order: Order) -> None:
        """Hold what a spot limit order may spend."""
        self._shift_lock(order, order.remaining)

    def unlock(self, order: Order) -> None:
        """Free what a spot limit order that ends still holds."""
        self._shift_lock(order, -order.remaining)

    def fill(
        self, order: Order, price: Decimal, quantity: Decimal, trade_id: int, *, is_maker: bool, from_house: bool
    ) -> Trade:
        """Book one fill of an order as it was before the fill; `from_house`: the other side is background liquidity."""
        symbol, account = self._context.symbols[order.key], self._accounts[order.account_id]
        signed = quantity if order.side == "BUY" else -quantity
        rate = account.fee_rate(symbol, is_maker=is_maker)
        if symbol.market == "spot":
            asset = symbol.base if order.side == "BUY" else symbol.quote
            fee = money((quantity if order.side == "BUY" else quantity * price) * rate)
            realized = ZERO
            self._spot(account, order, symbol, signed, price)
            account.spot[asset].move(-fee)
        else:
            asset, fee = symbol.settle, money(quantity * price * rate)
            realized = account.positions[symbol.name].fill(signed, price, fee, self._context.now_ms)
            self._context.book_income(account, "REALIZED_PNL", asset, realized, symbol.name, trade_id)
            self._context.book_income(account, "COMMISSION", asset, -fee, symbol.name, trade_id)
        self._context.ledger.fees[asset] += fee
        if from_house:
            self._house(symbol, signed, price)
        trade = Trade(
            trade_id=trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            account_id=order.account_id,
            market=order.market,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            quote_quantity=quantity * price,
            commission=fee,
            commission_asset=asset,
            is_maker=is_maker,
            realized_pnl=realized,
            time_ms=self._context.now_ms,
        )
        account.trades.append(trade)
        return trade

    def funding(self, account: Account, symbol: Symbol, mark: Decimal, rate: Decimal) -> Decimal:
        """Pay or receive funding on a position: -(signed notional at the mark) * rate. Answers the cash flow."""
        flow = money(-account.positions[symbol.name].quantity * mark * rate)
        self._context.book_income(account, "FUNDING_FEE", symbol.settle, flow, symbol.name)
        self._context.ledger.house[symbol.settle] -= flow
        return flow

    def clear_debt(self, account: Account, asset: str) -> Decimal:
        """The insurance fund pays what a liquidated wallet lacks; answers the amount."""
        debt = max(-account.wallets[asset], ZERO)
        self._context.book_income(account, "INSURANCE_CLEAR", asset, debt)
        self._context.ledger.insurance[asset] -= debt
        return debt

    def _spot(self, account: Account, order: Order, symbol: Symbol, signed: Decimal, price: Decimal) -> None:
        base, quote, quantity = account.spot[symbol.base], account.spot[symbol.quote], abs(signed)
        if order.type != "MARKET":
            held = quote if order.side == "BUY" else base
            held.lock(-(quantity * order.price if order.side == "BUY" else quantity))
        # What is paid goes first, so that a shortage is found before anything was received.
        if order.side == "BUY":
            quote.move(-quantity * price)
            base.move(quantity)
        else:
            base.move(-quantity)
            quote.move(quantity * price)

    def _house(self, symbol: Symbol, signed: Decimal, price: Decimal) -> None:
        ledger = self._context.ledger
        ledger.house[symbol.quote] += signed * price
        if symbol.market == "spot":
            ledger.house[symbol.base] -= signed
        else:
            ledger.house_positions[symbol.name] -= signed

    def _shift_lock(self, order: Order, quantity: Decimal) -> None:
        if order.market != "spot" or order.type == "MARKET":
            return
        symbol, spot = self._context.symbols[order.key], self._accounts[order.account_id].spot
        if order.side == "BUY":
            spot[symbol.quote].lock(quantity * order.price)
        else:
            spot[symbol.base].lock(quantity)
