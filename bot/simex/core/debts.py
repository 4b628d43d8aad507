"""What a wallet owes when its positions are gone: other coins pay first, then the insurance fund, last the house."""

from __future__ import annotations

from bot.simex.core.account import Account, Purse
from bot.simex.core.accounting import Accounting
from bot.simex.core.numbers import SCALE, booked, divided
from bot.simex.core.postings import About

_EXCHANGE = About(note="auto exchange")


class Debts:
    """Clears negative balances."""

    def __init__(self, accounting: Accounting) -> None:
        self._pools = accounting.pools
        self._marks = accounting.marks
        self._ledger = accounting.ledger
        self._postings = accounting.postings

    def clear(self, account: Account, purse: Purse, asset: str) -> None:
        """Pay a negative balance; in dollars by selling other coins at their price after haircut."""
        coin = account.wallets[purse.wallet][asset]
        if coin.balance >= 0:
            return
        if purse.dollars:
            for other in sorted(account.wallets[purse.wallet]):
                if other != asset and coin.balance < 0:
                    self._exchange(account, purse, other, asset, -coin.balance)
        if coin.balance < 0:
            self._insure(account, purse, asset, -coin.balance)

    def _exchange(self, account: Account, purse: Purse, given: str, received: str, needed: int) -> None:
        """Sell so much of a coin to the house that `needed` is covered, or all that is free of it."""
        price = self._marks.dollars(given) * self._pools.dollars.haircut(given)
        against = self._marks.dollars(received) * SCALE
        free = account.wallets[purse.wallet][given].free
        if not price or not against or free <= 0:
            return
        amount = min(free, booked(-(-needed * against // price)) + booked(SCALE))
        got = min(needed, booked(divided(amount * price, against)))
        for asset, change in ((given, -amount), (received, got)):
            self._postings.move(account, purse.wallet, asset, change)
            self._ledger.house[asset] -= change
            self._postings.income(account, "trade", purse.wallet, asset, change, _EXCHANGE)
        self._postings.tell(account, purse.wallet, "adjustment", {given: -amount, received: got})

    def _insure(self, account: Account, purse: Purse, asset: str, owed: int) -> None:
        paid = min(owed, max(self._ledger.insurance[asset], 0))
        self._ledger.insurance[asset] -= paid
        self._ledger.house[asset] -= owed - paid
        self._postings.move(account, purse.wallet, asset, owed)
        self._postings.income(account, "insurance", purse.wallet, asset, owed)
        self._postings.tell(account, purse.wallet, "insurance", {asset: owed})
