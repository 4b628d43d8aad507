"""Spot trades: coins locked by orders and swapped by fills. A coin that is not there is refused, never borrowed.

In a unified wallet the coins are collateral as well: a swap must not take more of it, by haircuts, than is to spare.
"""

from __future__ import annotations

from bot.simex.core.account import Account
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE, booked, divided
from bot.simex.core.order import Order, Side, Trade
from bot.simex.core.postings import About, Postings
from bot.simex.core.refusal import Reason, Refused


class Spot:
    """Money of spot orders. Amounts of base and quote are exact products; fees are rounded to 1e-8."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._state = postings.state
        self._rules = postings.state.rules
        self._ledger = postings.ledger
        self._pools = postings.pools

    def require(self, account: Account, instrument: Instrument, side: Side, quantity: int, price: int) -> None:
        """Refused(INSUFFICIENT_BALANCE) unless the coins given are free and, in dollars, their haircut is to spare."""
        wallet = self._rules.wallets[instrument.category]
        if side > 0:
            given, received, needed = instrument.quote, instrument.base, quantity * price
        else:
            given, received, needed = instrument.base, instrument.quote, quantity * SCALE
        if needed > account.wallets[wallet][given].free:
            raise Refused(Reason.INSUFFICIENT_BALANCE)
        if self._rules.regimes[wallet] == "cash":
            return
        pool = self._pools.pool(account, wallet, given)
        worse = self._pools.dollars.haircut(given) - self._pools.dollars.haircut(received)
        if worse > 0 and any(other.positions for other in pool.purse.pools.values()):
            loss = divided(needed * self._postings.marks.dollars(given) * worse, SCALE * SCALE)
            if loss > self._pools.dollars.available(pool.purse):
                raise Refused(Reason.INSUFFICIENT_BALANCE)

    def lock(self, order: Order, quantity: int) -> None:
        """Lock (above zero) or unlock what so much of an order would give at its price."""
        instrument = order.instrument
        account = self._state.accounts[order.account_id]
        wallet = self._rules.wallets[instrument.category]
        if order.side > 0:
            given, received, held = instrument.quote, instrument.base, quantity * order.price
        else:
            given, received, held = instrument.base, instrument.quote, quantity * SCALE
        account.wallets[wallet][given].locked += held
        order.locked += held
        if self._rules.regimes[wallet] != "cash":
            self._pools.purse(account, wallet).swaps[given, received] += held

    def fill(self, order: Order, price: int, quantity: int, is_maker: bool, house: bool, trade_id: int) -> Trade:
        """Swap base and quote of one fill, less the fee."""
        instrument, account = order.instrument, self._state.accounts[order.account_id]
        wallet = self._rules.wallets[instrument.category]
        base, quote = order.side * quantity * SCALE, -order.side * quantity * price
        maker, taker = account.fees.get(instrument.category) or (instrument.maker_fee, instrument.taker_fee)
        fee_asset, charged = instrument.quote, abs(quote)
        if order.side > 0 and self._rules.fee_in_received_asset:
            fee_asset, charged = instrument.base, base
        fee = booked(divided(charged * (maker if is_maker else taker), SCALE))
        trade = Trade(
            trade_id=trade_id,
            order_id=order.order_id,
            client_id=order.client_id,
            account_id=order.account_id,
            instrument=instrument,
            side=order.side,
            position_side="both",
            price=price,
            quantity=quantity,
            worth=abs(quote),
            fee=fee,
            fee_asset=fee_asset,
            is_maker=is_maker,
            realized=0,
            origin=order.origin,
            time_ms=self._state.now_ms,
        )
        account.trades.append(trade)
        for asset, amount in ((instrument.base, base), (instrument.quote, quote)):
            self._postings.move(account, wallet, asset, amount)
            if house:
                self._ledger.house[asset] -= amount
            self._record(account, trade, wallet, asset, amount)
        self._postings.move(account, wallet, fee_asset, -fee)
        self._ledger.fees[fee_asset] += fee
        self._postings.tell(account, wallet, "order", {instrument.base: 0, instrument.quote: 0})
        return trade

    def _record(self, account: Account, trade: Trade, wallet: str, asset: str, amount: int) -> None:
        if self._rules.regimes[wallet] != "cash":
            about = About(trade.instrument, trade, price=trade.price)
            self._postings.income(account, "trade", wallet, asset, amount, about)
