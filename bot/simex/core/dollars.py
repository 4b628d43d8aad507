"""Wallets margined in dollars: collateral after haircuts, what margin and open spot orders take of it.

Every asset's equity (coins and unrealized profit) counts at its dollar price, a positive one after its haircut; a debt
counts in full. A spot order that would swap a good collateral for a worse one already costs the difference.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.simex.core.account import Pool, Purse
from bot.simex.core.marks import Marks
from bot.simex.core.numbers import SCALE, divided
from bot.simex.core.venue import VenueRules


class Dollars:
    """Sums over the pools of a purse, in dollars. `refresh` values a pool at the present marks."""

    def __init__(self, rules: VenueRules, marks: Marks, refresh: Callable[[Pool], None]) -> None:
        self._rules = rules
        self._marks = marks
        self._refresh = refresh

    def available(self, purse: Purse) -> int:
        """What may be tied up; below zero when more is required than there is."""
        return self.equity(purse) - self.required(purse)

    def required(self, purse: Purse) -> int:
        """The initial margin that positions and orders of all pools require."""
        required, version = 0, self._marks.version
        for pool in purse.pools.values():
            if pool.stamp != version:
                self._refresh(pool)
            if pool.required:
                price = self._marks.dollars(pool.asset)
                required += pool.required if price == SCALE else divided(pool.required * price, SCALE)
        return required

    def maintenance(self, purse: Purse) -> int:
        """The maintenance margin of the cross positions of all pools."""
        dollars = self._marks.dollars
        maintenance = 0
        for asset, pool in purse.pools.items():
            if pool.maintenance:
                maintenance += divided(pool.maintenance * dollars(asset), SCALE)
        return maintenance

    def collateral(self, purse: Purse) -> int:
        """The margin balance in dollars: every asset's equity, a positive one after its haircut."""
        if purse.stamp != self._marks.version:
            for pool in purse.pools.values():
                if pool.stamp != self._marks.version:
                    self._refresh(pool)
            purse.collateral = sum(self.equity_of(pool) for pool in purse.pools.values())
            purse.stamp = self._marks.version
        return purse.collateral

    def equity(self, purse: Purse) -> int:
        """The margin balance in dollars, less what open spot orders may yet take of it."""
        return self.collateral(purse) - self.haircut_loss(purse)

    def equity_of(self, pool: Pool) -> int:
        """What one asset adds to the margin balance in dollars."""
        equity = pool.coin.balance + pool.unrealized
        share = self.haircut(pool.asset) if equity > 0 else SCALE
        return divided(equity * self._marks.dollars(pool.asset) * share, SCALE * SCALE)

    def haircut(self, asset: str) -> int:
        """The share of an asset's dollar value that counts as collateral, of 1e-8; 0 for what does not."""
        return self._rules.haircuts.get(asset, 0)

    def haircut_loss(self, purse: Purse) -> int:
        """The dollars of collateral that would be lost if every open spot order were filled."""
        if not purse.swaps:
            return 0
        loss = 0
        for (given, received), held in purse.swaps.items():
            worse = self.haircut(given) - self.haircut(received)
            if held and worse > 0:
                loss += divided(held * self._marks.dollars(given) * worse, SCALE * SCALE)
        return loss
