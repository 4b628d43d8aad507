"""Money of the accounts: the tills at which orders pay, and what comes in, goes out and moves between wallets."""

from __future__ import annotations

from typing import Literal

from bot.simex.core.account import Account, Position, WalletName
from bot.simex.core.contracts import FutureTill
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE
from bot.simex.core.ports import Till
from bot.simex.core.postings import Postings
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.settings import Settings
from bot.simex.core.spot import SpotTill

_Movement = Literal["deposit", "withdraw", "transfer"]


class Funds:
    """Money of every account. Quantities and prices of 1e-8, money of 1e-16 of its asset."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._rules = postings.state.rules
        self._ledger = postings.ledger
        self._marks = postings.marks
        self._pools = postings.pools
        self.settings = Settings(postings)

    def till(self, account: Account, instrument: Instrument) -> Till:
        """The till of an account for an instrument: what its orders need, hold and do."""
        if instrument.kind == "spot":
            return SpotTill(self._postings, account, instrument)
        return FutureTill(self._postings, account, instrument)

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
        self._postings.give_margin(account, position, amount)

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
