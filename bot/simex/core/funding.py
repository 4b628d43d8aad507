"""The charge of funding: on what is held at the moment of settlement, at the mark of that moment.

A positive rate is paid by longs to shorts. The house is everybody else, so it pays what the accounts receive. An
isolated position pays out of its own margin first; at a venue that does it the other way round, out of free coins.
"""

from __future__ import annotations

from bot.simex.core.account import Account, Pool, Position
from bot.simex.core.accounting import Accounting
from bot.simex.core.instrument import Key
from bot.simex.core.numbers import SCALE, booked, divided
from bot.simex.core.postings import About


class Funding:
    """Charges every perpetual when its time has come."""

    def __init__(self, accounting: Accounting) -> None:
        self._accounting = accounting
        self._state = accounting.state

    @property
    def due_ms(self) -> int | None:
        """The earliest settlement to come, or None without perpetuals."""
        return self._accounting.rates.earliest_ms()

    def run(self) -> None:
        """Charge what is due; a position without a mark is not charged."""
        rates, marks = self._accounting.rates, self._accounting.marks
        for key in rates.due(self._state.now_ms):
            rate, mark = rates.rate(key), marks.prices.get(key, 0)
            if mark:
                self._charge(key, rate, mark)
            rates.settled(key)

    def _charge(self, key: Key, rate: int, mark: int) -> None:
        for account in self._state.accounts.values():
            for position in list(account.positions.values()):
                if position.instrument.key == key and position.quantity:
                    self._pay(account, position, rate, mark)

    def _pay(self, account: Account, position: Position, rate: int, mark: int) -> None:
        accounting, instrument = self._accounting, position.instrument
        pool = accounting.pools.of(account, position)
        wallet, asset = pool.purse.wallet, pool.asset
        notional = instrument.notional(position.quantity, mark)
        amount = booked(divided((-notional if position.quantity > 0 else notional) * rate, SCALE))
        kept = self._of_margin(pool, position, amount) if position.isolated else 0
        position.isolated_margin += kept
        position.funding += amount
        accounting.postings.move(account, wallet, asset, amount - kept)
        accounting.ledger.house[asset] -= amount
        about = About(instrument, None, rate, position.quantity, mark)
        accounting.postings.income(account, "funding", wallet, asset, amount, about)
        positions = (position,) if position.isolated else ()
        accounting.postings.tell(account, wallet, "funding", {asset: amount}, positions)

    def _of_margin(self, pool: Pool, position: Position, amount: int) -> int:
        """What of a payment (above zero: received) an isolated position's own margin takes."""
        if not self._state.rules.isolated_funding_from_wallet:
            return max(amount, -position.isolated_margin)
        return max(min(amount + max(pool.coin.free, 0), 0), -position.isolated_margin)
