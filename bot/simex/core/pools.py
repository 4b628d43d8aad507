"""What is margined together, and what is left of it: the sums that every order asks for, kept up to date.

A pool holds the positions of a wallet that settle in one asset. Margined by itself,

    available = coins + unrealized profit of the cross positions - margin required by positions and orders

and in dollars (multi-assets mode, unified accounts in cross margin) all pools of a wallet together: every asset's
equity at its dollar price, a positive one after its haircut, less what the pools require and what open spot orders
would lose by haircuts. An isolated position counts with its orders only; its own margin has left the coins. Where
a unified account is in isolated margin, the coins that spot orders hold are not available.

An order changes one position's row and so two sums. A new mark, or a change of settings, makes the sums stale.
"""

from __future__ import annotations

from bot.simex.core import margin
from bot.simex.core.account import Account, Pool, Position, Purse, WalletName
from bot.simex.core.dollars import Dollars
from bot.simex.core.instrument import Instrument
from bot.simex.core.marks import Marks
from bot.simex.core.numbers import SCALE, divided
from bot.simex.core.venue import VenueRules

STALE = -1
LINEAR = frozenset({"usdm", "linear"})


class Pools:
    """The pools of all accounts. Money in the settle asset unless a name says dollars."""

    def __init__(self, rules: VenueRules, marks: Marks) -> None:
        self._rules = rules
        self._marks = marks
        self.dollars = Dollars(rules, marks, self.refresh)
        self._linear = {wallet for category, wallet in rules.wallets.items() if category in LINEAR}

    def purse(self, account: Account, wallet: WalletName) -> Purse:
        """A wallet's purse, made when there is none yet."""
        found = account.purses.get(wallet)
        if found is None:
            found = account.purses[wallet] = Purse(wallet, self.in_dollars(account, wallet))
        return found

    def regrouped(self, account: Account) -> None:
        """The account's asset or margin mode was set: margin its purses accordingly."""
        for purse in account.purses.values():
            purse.dollars = self.in_dollars(account, purse.wallet)
            purse.stamp = STALE
            for asset in list(account.wallets[purse.wallet]) if purse.dollars else ():
                self._found(account, purse.wallet, asset)

    def in_dollars(self, account: Account, wallet: WalletName) -> bool:
        """Whether everything in a wallet is margined together. COIN-M wallets never are: each coin stands alone."""
        regime = self._rules.regimes.get(wallet, "cash")
        if regime == "unified":
            return not account.isolated
        return regime == "single" and account.multi_assets and wallet in self._linear

    def of(self, account: Account, position: Position) -> Pool:
        """The up-to-date pool of a position."""
        pool = position.pool or self._join(account, position)
        if pool.stamp != self._marks.version:
            self.refresh(pool)
        return pool

    def pool(self, account: Account, wallet: WalletName, asset: str) -> Pool:
        """The up-to-date pool of a wallet and settle asset."""
        pool = self._found(account, wallet, asset)
        if pool.stamp != self._marks.version:
            self.refresh(pool)
        return pool

    def refresh(self, pool: Pool) -> None:
        """Value every position of a pool at the present marks; nothing when that was done."""
        if pool.stamp == self._marks.version:
            return
        pool.unrealized = pool.required = 0
        prices = self._marks.prices
        for position in pool.positions:
            margin.revalue(position, prices.get(position.instrument.key, 0))
            pool.required += position.required
            if not position.isolated:
                pool.unrealized += position.unrealized
        pool.stamp = self._marks.version
        pool.purse.stamp = STALE

    def available(self, pool: Pool) -> int:
        """What may be tied up or taken out; below zero when more is required than there is."""
        if not pool.purse.dollars:
            return pool.coin.balance - pool.coin.locked + pool.unrealized - pool.required
        price, spare = self._marks.dollars(pool.asset), self.dollars.available(pool.purse)
        if price == SCALE:
            return spare
        return divided(spare * SCALE, price) if price else 0

    def set_leverage(self, position: Position, leverage: int) -> None:
        """Give a position another leverage, and with it another largest notional."""
        position.leverage = leverage
        position.cap = margin.cap(position.instrument.tiers, leverage)
        if position.pool is not None:
            position.pool.stamp = STALE

    def touch(self, account: Account, wallet: WalletName, asset: str) -> None:
        """The coins of a wallet changed: what is derived from them is stale. In dollars every asset has its pool."""
        purse = account.purses.get(wallet)
        if purse is not None or self.in_dollars(account, wallet):
            purse = purse or self.purse(account, wallet)
            purse.stamp = STALE
            if asset not in purse.pools:
                self._found(account, wallet, asset)

    def _found(self, account: Account, wallet: WalletName, asset: str) -> Pool:
        purse = self.purse(account, wallet)
        pool = purse.pools.get(asset)
        if pool is None:
            pool = purse.pools[asset] = Pool(asset, account.wallets[wallet][asset], purse)
            if purse.dollars:
                for other in list(account.wallets[wallet]):
                    self._found(account, wallet, other)
        return pool

    def _join(self, account: Account, position: Position) -> Pool:
        instrument: Instrument = position.instrument
        pool = self._found(account, self._rules.wallets[instrument.category], instrument.settle)
        pool.positions.append(position)
        position.cap = margin.cap(instrument.tiers, position.leverage)
        pool.stamp = STALE
        position.pool = pool
        return pool
