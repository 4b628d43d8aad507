"""Auto-deleveraging: who would be first, and the reduction itself.

Longs and shorts of an instrument queue apart, by score = profit ratio x effective leverage (a loss is divided by the
leverage instead): the more one gains and the thinner one's margin, the earlier. A rank of 0 to 4 tells an account how
its score compares with a fixed population of strangers, so that a lone account is not always first in an empty queue.
"""

from __future__ import annotations

from bisect import bisect_right

from bot.simex.core.account import Account, Position
from bot.simex.core.accounting import Accounting
from bot.simex.core.forcing import Desk, cancel_orders, closing
from bot.simex.core.instrument import Key
from bot.simex.core.numbers import SCALE, divided
from bot.simex.core.order import PositionSide

# The scores, of 1e-8, that a fifth, two, three and four fifths of the strangers do not reach.
QUINTILES = (1_000_000, 5_000_000, 20_000_000, 80_000_000)


class Ranking:
    """Scores and ranks of positions; a control call may fix a rank."""

    def __init__(self, accounting: Accounting) -> None:
        self._pools = accounting.pools
        self._marks = accounting.marks
        self._fixed: dict[tuple[str, Key, PositionSide], int] = {}

    def set(self, account: Account, key: Key, side: PositionSide, rank: int | None) -> None:
        """Fix a position's rank (0 to 4), or let it follow its score again. ValueError outside of that."""
        if rank is not None and not 0 <= rank <= len(QUINTILES):
            raise ValueError(f"rank {rank} is not between 0 and {len(QUINTILES)}")
        if rank is None:
            self._fixed.pop((account.account_id, key, side), None)
        else:
            self._fixed[account.account_id, key, side] = rank

    def rank(self, account: Account, position: Position) -> int:
        """0 (last in the queue) to 4 (first)."""
        fixed = self._fixed.get((account.account_id, position.instrument.key, position.side))
        if fixed is not None:
            return fixed
        return bisect_right(QUINTILES, self.score(account, position)) if position.quantity else 0

    def score(self, account: Account, position: Position) -> int:
        """Profit ratio x effective leverage, of 1e-8; a loss ratio / leverage."""
        equity = max(self.equity(account, position), 1)
        notional, cost = abs(position.exposure), abs(position.cost)
        if not notional or not cost:
            return 0
        if position.unrealized > 0:
            return divided(position.unrealized * notional * SCALE, cost * equity)
        return divided(position.unrealized * equity * SCALE, cost * notional)

    def equity(self, account: Account, position: Position) -> int:
        """What stands behind a position, with its profit, as money in its settle asset."""
        pool = self._pools.of(account, position)
        if position.isolated:
            return position.isolated_margin + position.unrealized
        if not pool.purse.dollars:
            return pool.coin.balance + pool.unrealized
        price = self._marks.dollars(pool.asset)
        return divided(self._pools.dollars.collateral(pool.purse) * SCALE, price) if price else 0


class Adl:
    """Takes positions away from those who rank first."""

    def __init__(self, accounting: Accounting, desk: Desk) -> None:
        self._accounting = accounting
        self._state = accounting.state
        self._desk = desk
        self.ranking = Ranking(accounting)

    def reduce(self, account: Account, key: Key, side: PositionSide, share: int, price: int | None = None) -> int:
        """Deleverage a share (of 1e-8) of a position at a price, the mark when none is given; answers the quantity.

        The account's orders on the instrument are cancelled first. ValueError when there is no position or no price.
        """
        instrument = self._state.instrument(key)
        position = account.position(instrument, side)
        lot = instrument.filters.lot
        quantity = -(-abs(position.quantity) * share // SCALE // lot) * lot
        quantity = min(quantity, abs(position.quantity))
        price = price or self._accounting.marks.mark(key)
        if quantity <= 0 or not price:
            raise ValueError(f"{key[1]}: nothing to deleverage")
        self._take(account, position, quantity, price, self._state.next_trade_id(), house=True)
        return quantity

    def queue(self, position: Position) -> list[tuple[Account, Position]]:
        """Who stands against a position, first in line first; who is under water himself does not stand in it."""
        against = [
            (account, other)
            for account in self._state.accounts.values()
            for other in account.positions.values()
            if other.instrument is position.instrument
            and other.quantity * position.quantity < 0
            and self.ranking.equity(account, other) > 0
        ]
        return sorted(against, key=lambda one: (-self.ranking.score(*one), one[0].account_id))

    def absorb(self, account: Account, position: Position, quantity: int, price: int) -> int:
        """Close so much of a position against the queue at a price; answers what nobody was left to take."""
        for other, opposite in self.queue(position):
            if other is account:
                continue
            taken = min(quantity, abs(opposite.quantity))
            trade_id = self._state.next_trade_id()
            ticket = closing(self._state, position, taken, price, "takeover")
            self._take(other, opposite, taken, price, trade_id, house=False)
            self._desk.assign(account, ticket, trade_id=trade_id, house=False)
            quantity -= taken
            if not quantity:
                break
        return quantity

    def _take(
        self, account: Account, position: Position, quantity: int, price: int, trade_id: int, *, house: bool
    ) -> None:
        cancel_orders(self._desk, account, [position], "adl")
        ticket = closing(self._state, position, quantity, price, "adl")
        self._desk.assign(account, ticket, trade_id=trade_id, house=house)
