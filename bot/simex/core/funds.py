"""What orders need, hold and do, in money; and what comes in, goes out and moves between wallets.

The desk calls `require` before it accepts an order, `reserve` for what comes to rest, `release` for what leaves the
book (cancelled, or about to be filled), and `fill` for each fill of each side. Here an order is read, and nothing of it
is changed but `locked`. A call that is refused has changed nothing.

In hedge mode an order that closes its position side counts as reduce-only, whatever its flag says.
"""

from __future__ import annotations

from typing import Literal

from bot.simex.core.account import Account, Position, WalletName
from bot.simex.core.contracts import Contracts, closes
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, Order, PositionSide, Side, Trade
from bot.simex.core.postings import Postings
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.settings import Settings
from bot.simex.core.spot import Spot

_Movement = Literal["deposit", "withdraw", "transfer"]


class Funds:
    """Money of every account. Quantities and prices of 1e-8, money of 1e-16 of its asset."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._state = postings.state
        self._rules = postings.state.rules
        self._ledger = postings.ledger
        self._marks = postings.marks
        self._pools = postings.pools
        self._spot = Spot(postings)
        self._contracts = Contracts(postings)
        self.settings = Settings(postings.state, postings.pools)

    # ------------------------------------------------------------------------------------------------ for the desk
    def require(
        self,
        account: Account,
        instrument: Instrument,
        side: Side,
        position_side: PositionSide,
        quantity: int,
        price: int,
        reduce_only: bool,
    ) -> None:
        """Refuse what the account cannot afford; `price` is the limit price or the worst it will take.

        INSUFFICIENT_BALANCE (spot), INSUFFICIENT_MARGIN, BEYOND_LEVERAGE, IN_LIQUIDATION.
        """
        if account.in_liquidation and self._rules.wallets[instrument.category] in account.in_liquidation:
            raise Refused(Reason.IN_LIQUIDATION)
        if instrument.kind == "spot":
            self._spot.require(account, instrument, side, quantity, price)
        elif not (reduce_only or (position_side != "both" and closes(side, position_side))):
            self._contracts.require(account, instrument, side, position_side, quantity, price)

    def reserve(self, order: Order, quantity: int) -> None:
        """So much of an order comes to rest: lock its coins, or count it into its position's orders."""
        if order.instrument.kind == "spot":
            self._spot.lock(order, quantity)
        else:
            self._contracts.count(order, quantity)

    def release(self, order: Order, quantity: int) -> None:
        """So much of an order no longer rests, at its price of now."""
        if order.instrument.kind == "spot":
            self._spot.lock(order, -quantity)
        else:
            self._contracts.count(order, -quantity)

    def reducible(self, account: Account, instrument: Instrument, side: Side, position_side: PositionSide) -> int:
        """What reduce-only orders may still take: the position less what such orders already rest for."""
        position = account.positions.get((instrument.key, position_side))
        if position is None or position.quantity * side >= 0:
            return 0
        return max(abs(position.quantity) - position.reducing, 0)

    def fill(self, order: Order, price: int, quantity: int, *, is_maker: bool, house: bool, trade_id: int) -> Trade:
        """Book one fill: coins or position, fee, history, event. `house`: the other side is background.

        What of it rested must have been released before.
        """
        book = self._spot if order.instrument.kind == "spot" else self._contracts
        return book.fill(order, price, quantity, is_maker, house, trade_id)

    def announce(self, order: Order) -> None:
        """Tell what a spot order locks or no longer locks (an account's balances changed without a fill)."""
        account, instrument = self._state.accounts[order.account_id], order.instrument
        given = instrument.quote if order.side == BUY else instrument.base
        self._postings.tell(account, self._rules.wallets[instrument.category], "order", {given: 0})

    # --------------------------------------------------------------------------------------------- for the dialects
    def deposit(self, account: Account, wallet: WalletName, asset: str, amount: int) -> None:
        """Credit an asset from outside. Refused(TRANSFER_AMOUNT) unless the amount is above zero."""
        self._positive(amount)
        self._ledger.external[asset] += amount
        self._move(account, wallet, asset, amount, "deposit")

    def withdraw(self, account: Account, wallet: WalletName, asset: str, amount: int) -> None:
        """Take an asset out. Refused(INSUFFICIENT_BALANCE) beyond what is free and not required as margin."""
        self._positive(amount)
        self._require_free(account, wallet, asset, amount)
        self._ledger.external[asset] -= amount
        self._move(account, wallet, asset, -amount, "withdraw")

    def transfer(
        self,
        account: Account,
        asset: str,
        amount: int,
        from_wallet: WalletName,
        to_wallet: WalletName,
        to_account: Account | None = None,
    ) -> None:
        """Move an asset between wallets, of one account or of two. Refused as `withdraw` is."""
        self._positive(amount)
        self._require_free(account, from_wallet, asset, amount)
        self._move(account, from_wallet, asset, -amount, "transfer")
        self._move(to_account or account, to_wallet, asset, amount, "transfer")

    def free(self, account: Account, wallet: WalletName, asset: str) -> int:
        """What may leave a wallet: not locked, not lent by profit that is not realized, not required as margin."""
        coin = account.wallets[wallet][asset]
        free = coin.free
        if self._rules.regimes.get(wallet, "cash") == "cash":
            return max(free, 0)
        pool = self._pools.pool(account, wallet, asset)
        if not pool.purse.dollars:
            return max(min(free, self._pools.available(pool)), 0)
        share = self._pools.dollars.haircut(asset) * self._marks.dollars(asset)
        spare = max(self._pools.dollars.available(pool.purse), 0)
        if share:
            # One unit of 1e-16 dollars more: what rounding took from the collateral must not keep the last coin here.
            free = min(free, (spare + 1) * SCALE * SCALE // share)
        return max(min(free, coin.free + min(pool.unrealized, 0)), 0)

    def add_isolated_margin(self, account: Account, position: Position, amount: int) -> None:
        """Move margin into (above zero) or out of an isolated position. Refused: ISOLATED_ONLY, INSUFFICIENT_MARGIN."""
        if not position.isolated or position.quantity == 0:
            raise Refused(Reason.ISOLATED_ONLY)
        self._positive(abs(amount))
        pool = self._pools.of(account, position)
        spare = min(position.isolated_margin, position.isolated_margin + position.unrealized) - position.initial
        if amount > min(pool.coin.balance, self._pools.available(pool)) or -amount > spare:
            raise Refused(Reason.INSUFFICIENT_MARGIN)
        position.isolated_margin += amount
        self._postings.move(account, pool.purse.wallet, pool.asset, -amount)
        self._postings.tell(account, pool.purse.wallet, "margin_transfer", {pool.asset: 0}, (position,))

    def _move(self, account: Account, wallet: WalletName, asset: str, amount: int, kind: _Movement) -> None:
        self._postings.move(account, wallet, asset, amount)
        self._postings.income(account, kind, wallet, asset, amount)
        self._postings.tell(account, wallet, kind, {asset: amount})

    def _require_free(self, account: Account, wallet: WalletName, asset: str, amount: int) -> None:
        if amount > self.free(account, wallet, asset):
            raise Refused(Reason.INSUFFICIENT_BALANCE)

    @staticmethod
    def _positive(amount: int) -> None:
        if amount <= 0:
            raise Refused(Reason.TRANSFER_AMOUNT)
