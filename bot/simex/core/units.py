"""What stands or falls together: an isolated position, the cross positions of a pool, a whole wallet in dollars."""

from __future__ import annotations

from dataclasses import dataclass

from bot.simex.core.account import Account, Pool, Position, Purse
from bot.simex.core.marks import Marks
from bot.simex.core.numbers import SCALE, divided
from bot.simex.core.order import Order
from bot.simex.core.pools import Pools
from bot.simex.core.solvency import bankruptcy_price


@dataclass(slots=True)
class Unit:
    """Positions that stand or fall together; `pool` is None for a wallet in dollars, whose money is dollars."""

    account: Account
    purse: Purse
    positions: list[Position]
    pool: Pool | None
    isolated: bool = False

    @property
    def name(self) -> tuple[str, str, str]:
        """What tells it from every other unit."""
        first = self.positions[0]
        what = f"{first.instrument.name} {first.side}" if self.isolated else self.pool.asset if self.pool else ""
        return self.account.account_id, self.purse.wallet, what

    def holds(self, order: Order) -> bool:
        """Whether an order of the account lives on this unit's margin."""
        if self.isolated:
            return order.instrument is self.positions[0].instrument
        return self.pool is None or (order.instrument.is_future and order.instrument.settle == self.pool.asset)


def units(pools: Pools, account: Account) -> list[Unit]:
    """Everything of an account that stands or falls together and holds a position, valued at the present marks."""
    found: list[Unit] = []
    for purse in account.purses.values():
        crossed: list[Position] = []
        for asset, pool in list(purse.pools.items()):
            pools.pool(account, purse.wallet, asset)
            held = [position for position in pool.positions if position.quantity]
            found += [Unit(account, purse, [one], pool, isolated=True) for one in held if one.isolated]
            cross = [position for position in held if not position.isolated]
            if cross and not purse.dollars:
                found.append(Unit(account, purse, cross, pool))
            crossed += cross
        if crossed and purse.dollars:
            found.append(Unit(account, purse, crossed, None))
    return found


def calm(pools: Pools, account: Account, ratio: int) -> bool:
    """Whether no unit has reached a margin ratio, and no coin is owed: what judging every unit would find.

    The marks move every second and hardly ever is anything due, so this looks at sums and builds nothing.
    """
    for purse in account.purses.values():
        for pool in purse.pools.values():
            pools.refresh(pool)
            balance = pool.coin.balance
            if balance < 0 or (not purse.dollars and reached(pool.maintenance, balance + pool.unrealized, ratio)):
                return False
            for one in pool.positions:
                if one.isolated and reached(one.maintenance, one.isolated_margin + one.unrealized, ratio):
                    return False
        if purse.dollars:
            maintenance = pools.dollars.maintenance(purse)
            if maintenance and reached(maintenance, pools.dollars.equity(purse), ratio):
                return False
    return True


def reached(maintenance: int, equity: int, ratio: int) -> bool:
    """Whether maintenance / margin balance is at or above a ratio of 1e-8; without positions it is nowhere."""
    return maintenance > 0 and maintenance * SCALE >= equity * ratio


def equity_of(pools: Pools, unit: Unit) -> int:
    """The margin balance of a unit."""
    if unit.isolated:
        return unit.positions[0].isolated_margin + unit.positions[0].unrealized
    if unit.pool is not None:
        return unit.pool.coin.balance + unit.pool.unrealized
    return pools.dollars.equity(unit.purse)


def maintenance_of(pools: Pools, unit: Unit) -> int:
    """The maintenance margin of a unit."""
    if unit.isolated:
        return unit.positions[0].maintenance
    if unit.pool is not None:
        return unit.pool.maintenance
    return pools.dollars.maintenance(unit.purse)


def weight_of(marks: Marks, unit: Unit, position: Position) -> int:
    """The maintenance margin of one position in the unit's money."""
    if unit.pool is not None:
        return position.maintenance
    return divided(position.maintenance * marks.dollars(position.instrument.settle), SCALE)


def bankruptcy_of(pools: Pools, marks: Marks, unit: Unit, position: Position) -> int:
    """The price, of 1e-8, at which a position has lost its share, by maintenance margin, of the margin balance."""
    whole = maintenance_of(pools, unit)
    share = divided(equity_of(pools, unit) * weight_of(marks, unit, position), whole) if whole else 0
    if unit.pool is None:
        share = divided(share * SCALE, marks.dollars(position.instrument.settle))
    return bankruptcy_price(position, share, marks.prices[position.instrument.key])
