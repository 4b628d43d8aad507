"""Spot trades: coins locked by orders and swapped by fills. A coin that is not there is refused, never borrowed.

In a unified wallet the coins are collateral as well: a swap must not take more of it, by haircuts, than is to spare. In
isolated margin it must leave what orders on futures hold.
"""

from __future__ import annotations

from bot.simex.core.account import Account
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE, charged, divided
from bot.simex.core.order import BUY, Order, PositionSide, Side, Trade
from bot.simex.core.postings import About, Postings
from bot.simex.core.refusal import Reason, Refused


class SpotTill:
    """Money of one account's orders on one pair. Amounts are exact products; fees are rounded to 1e-8."""

    __slots__ = ("_account", "_cash", "_instrument", "_ledger", "_pools", "_postings", "_rules", "_state", "_wallet")

    def __init__(self, postings: Postings, account: Account, instrument: Instrument) -> None:
        self._postings = postings
        self._state = postings.state
        self._rules = rules = postings.state.rules
        self._ledger = postings.ledger
        self._pools = postings.pools
        self._account = account
        self._instrument = instrument
        self._wallet = rules.wallets[instrument.category]
        self._cash = rules.regimes[self._wallet] == "cash"

    def require(self, side: Side, position_side: PositionSide, quantity: int, price: int, reduce_only: bool) -> None:
        """Refused(INSUFFICIENT_BALANCE) unless the coins given are free and, in dollars, their haircut is to spare."""
        account, instrument, wallet = self._account, self._instrument, self._wallet
        if wallet in account.in_liquidation:
            raise Refused(Reason.IN_LIQUIDATION)
        if side > 0:
            given, received, needed = instrument.quote, instrument.base, quantity * price
        else:
            given, received, needed = instrument.base, instrument.quote, quantity * SCALE
        if needed > account.wallets[wallet][given].free:
            raise Refused(Reason.INSUFFICIENT_BALANCE)
        if self._cash:
            return
        pool = self._pools.pool(account, wallet, given)
        if not pool.purse.dollars:
            if needed > self._pools.available(pool):
                raise Refused(Reason.INSUFFICIENT_BALANCE)
            return
        worse = self._pools.dollars.haircut(given) - self._pools.dollars.haircut(received)
        if worse > 0 and any(other.positions for other in pool.purse.pools.values()):
            loss = divided(needed * self._postings.marks.dollars(given) * worse, SCALE * SCALE)
            if loss > self._pools.dollars.available(pool.purse):
                raise Refused(Reason.INSUFFICIENT_BALANCE)

    def hold(self, order: Order, quantity: int) -> None:
        """Lock what so much of an order would give at its price (below zero: unlock it)."""
        account, instrument, wallet = self._account, self._instrument, self._wallet
        if order.side > 0:
            given, received, held = instrument.quote, instrument.base, quantity * order.price
        else:
            given, received, held = instrument.base, instrument.quote, quantity * SCALE
        account.wallets[wallet][given].locked += held
        order.locked += held
        if not self._cash:
            self._pools.purse(account, wallet).swaps[given, received] += held

    def shift(self, side: Side, price: int, quantity: int, worth: int) -> bool:
        """False: an order locks coins."""
        return False

    def announce(self, order: Order) -> None:
        """Tell what an order locks or no longer locks."""
        given = self._instrument.quote if order.side == BUY else self._instrument.base
        self._postings.tell(self._account, self._wallet, "order", {given: 0})

    def reducible(self, side: Side, position_side: PositionSide) -> int:
        """Nothing: coins are no position."""
        return 0

    def fill(self, order: Order, price: int, quantity: int, is_maker: bool, house: bool, trade_id: int) -> Trade:
        """Swap base and quote of one fill, less the fee."""
        account, instrument, wallet = self._account, self._instrument, self._wallet
        base, quote = order.side * quantity * SCALE, -order.side * quantity * price
        maker, taker = account.fees.get(instrument.category) or (instrument.maker_fee, instrument.taker_fee)
        fee_asset, gross = instrument.quote, abs(quote)
        if order.side > 0 and self._rules.fee_in_received_asset:
            fee_asset, gross = instrument.base, base
        fee = charged(gross, maker if is_maker else taker)
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
            if not self._cash:
                about = About(instrument, trade, price=price)
                self._postings.income(account, "trade", wallet, asset, amount, about)
        self._postings.move(account, wallet, fee_asset, -fee)
        self._ledger.fees[fee_asset] += fee
        self._postings.tell(account, wallet, "order", {instrument.base: 0, instrument.quote: 0})
        return trade
