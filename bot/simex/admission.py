"""What makes an order acceptable: filters, ids, reduce-only, post-only, balances and margin, in the venue's order.

Nothing here changes anything; a refusal is a Reject with the venue's code.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

from bot.simex import rules
from bot.simex.account import Account
from bot.simex.context import Context
from bot.simex.matching import SymbolBook, Take
from bot.simex.model import ZERO, NewOrder, Order, Reject, Side, Symbol, SymbolKey
from bot.simex.orders import Orders
from bot.simex.valuation import Valuation

CLIENT_ID_LENGTH = 22


class Admission:
    """Decides whether an order is accepted, and as what."""

    def __init__(
        self,
        context: Context,
        books: Mapping[SymbolKey, SymbolBook],
        orders: Orders,
        valuation: Valuation,
        rng: random.Random,
    ) -> None:
        self._context = context
        self._books = books
        self._orders = orders
        self._valuation = valuation
        self._rng = rng

    def filters(self, account: Account, symbol: Symbol, new: NewOrder) -> None:
        """Raise Reject for an order that no book and no balance could make acceptable."""
        book = self._books[symbol.key]
        best = book.opposite(new.side).best()
        reference = self._valuation.mark(symbol.name) if symbol.market == "usdm" else book.mid() or new.price or ZERO
        rules.validate(symbol, new, reference, None if best is None else best.price)
        if symbol.market == "usdm" and (account.dual_side or new.position_side != "BOTH"):
            raise Reject(-4061, "Order's position side does not match user's setting.")
        if new.client_order_id and self._orders.is_client_id_open(account.account_id, symbol.key, new.client_order_id):
            if symbol.market == "spot":
                raise Reject(-2010, "Duplicate order sent.")
            raise Reject(-4116, "ClientOrderId is duplicated.")
        if len(self._orders.open_on(account.account_id, symbol.key)) >= symbol.max_open_orders:
            if symbol.market == "spot":
                raise Reject(-1013, "Filter failure: MAX_NUM_ORDERS")
            raise Reject(-2025, "Reach max open order limit.")

    def draft(self, account: Account, symbol: Symbol, new: NewOrder) -> Order:
        """The order as it would begin; a reduce-only quantity is capped to what can be reduced, or Reject(-2022)."""
        asked = new.quantity if new.quantity is not None else self._quantity_for(account, symbol, new)
        return Order(
            order_id=self._context.next_order_id(),
            client_order_id=new.client_order_id or self._client_id(),
            account_id=account.account_id,
            market=symbol.market,
            symbol=symbol.name,
            side=new.side,
            type=new.type,
            time_in_force=new.time_in_force,
            quantity=self._reducible(account, symbol, new.side, asked) if new.reduce_only else asked,
            price=ZERO if new.price is None or new.type == "MARKET" else new.price,
            reduce_only=new.reduce_only,
            position_side=new.position_side,
            status="NEW",
            filled=ZERO,
            quote_filled=ZERO,
            created_ms=self._context.now_ms,
            updated_ms=self._context.now_ms,
            quote_quantity=new.quote_quantity or ZERO,
            requested_quantity=asked,
        )

    def _quantity_for(self, account: Account, symbol: Symbol, new: NewOrder) -> Decimal:
        """Coins that a spot MARKET order's quote quantity buys or sells on the present book."""
        left, total = new.quote_quantity or ZERO, ZERO
        for take in self._books[symbol.key].plan(account.account_id, new.side, None, symbol.market_max_qty):
            total += min(take.quantity, left / take.price)
            left -= take.quantity * take.price
            if left <= 0:
                break
        quantity = (total / symbol.lot).to_integral_value(ROUND_DOWN) * symbol.lot
        if quantity < symbol.min_qty:
            raise Reject(-1013, "Filter failure: LOT_SIZE")
        return quantity

    def _reducible(self, account: Account, symbol: Symbol, side: Side, quantity: Decimal) -> Decimal:
        """The part of a reduce-only quantity that the position, less what already works on it, can take."""
        held = account.positions[symbol.name].quantity
        working = self._orders.open_on(account.account_id, symbol.key, side)
        left = abs(held) - sum((o.remaining for o in working if o.reduce_only), ZERO)
        if not held or (held > 0) == (side == "BUY") or left <= 0:
            raise Reject(-2022, "ReduceOnly Order is rejected.")
        return min(quantity, left)

    def limit(self, symbol: Symbol, order: Order) -> Decimal | None:
        """The worst price at which it may match; None for a spot MARKET order, which takes any."""
        if order.type != "MARKET":
            return order.price
        if symbol.market == "spot":
            return None
        return rules.percent_price_bound(symbol, order.side, self._valuation.mark(symbol.name))

    def check(self, account: Account, symbol: Symbol, order: Order, takes: list[Take]) -> None:
        """Raise Reject when what it would take, or what it would cost, forbids it."""
        self._check_execution(symbol, order, takes)
        if symbol.market == "spot":
            self._check_balance(account, symbol, order, takes)
        elif not order.reduce_only:
            self._check_margin(account, symbol, order, takes)

    @staticmethod
    def _check_execution(symbol: Symbol, order: Order, takes: list[Take]) -> None:
        if takes and order.type == "LIMIT_MAKER":
            raise Reject(-2010, "Order would immediately match and take.")
        if takes and order.time_in_force == "GTX":
            text = "the Post Only order will be rejected. The order will not be recorded in the order history"
            raise Reject(-5022, f"Due to the order could not be executed as maker, {text}")
        available = sum((take.quantity for take in takes), ZERO)
        if order.time_in_force == "FOK" and symbol.market == "usdm" and available < order.quantity:
            text = "the FOK order has been rejected. The order will not be recorded in the order history"
            raise Reject(-5021, f"Due to the order could not be filled immediately, {text}")

    @staticmethod
    def _check_balance(account: Account, symbol: Symbol, order: Order, takes: list[Take]) -> None:
        if order.side == "SELL":
            enough = order.quantity <= account.spot[symbol.base].free
        else:
            paid = sum((t.quantity * t.price for t in takes), ZERO)
            cost = paid if order.type == "MARKET" else order.quantity * order.price
            enough = cost <= account.spot[symbol.quote].free
        if not enough:
            raise Reject(-2010, "Account has insufficient balance for requested action.")

    def _check_margin(self, account: Account, symbol: Symbol, order: Order, takes: list[Take]) -> None:
        price = order.price or (takes[-1].price if takes else self._valuation.mark(symbol.name))
        if self._valuation.beyond_leverage(account, symbol, order.side, order.quantity, price):
            raise Reject(-2027, "Exceeded the maximum allowable position at current leverage.")
        need = self._valuation.margin_for(account, symbol, order.side, order.quantity, price)
        if need > 0 and need > self._valuation.available(account, symbol.settle):
            raise Reject(-2019, "Margin is insufficient.")

    def _client_id(self) -> str:
        return "".join(self._rng.choices(string.ascii_letters + string.digits, k=CLIENT_ID_LENGTH))
