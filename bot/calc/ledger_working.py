"""Orders that may still fill: at what remains of them in an exposure, at their worst where nobody knows their fate.

Source: formulas.md 2.6. A future's order counts in the projected exposure, so that no deviation is hedged twice; a
market's own order (spot) changes coins when it fills and not before.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from bot.calc.ledger_books import Books
from bot.calc.ledger_parts import Lack, delta
from bot.domain.instrument import Kind
from bot.domain.order import Side
from bot.domain.snapshot import HeldPosition, Snapshot, Traded, Working
from bot.domain.units import ZERO, Asset, Contracts, InstrumentId, Price, Qty


class Doubt(msgspec.Struct, frozen=True):
    """How far the exposure that `parts` say may be from what it will be, since the fate of orders is not known.

    The truth lies from `low` <= 0 to `high` >= 0 units beside it. `parts` counts a future's order as if it will fill,
    so that an unknown buy may leave the exposure lower; a spot market's counts as if it will not.
    """

    low: Qty = ZERO
    high: Qty = ZERO

    def plus(self, change: Qty) -> "Doubt":
        """With one more change that may come, or not."""
        return Doubt(self.low + min(change, ZERO), self.high + max(change, ZERO))


@dataclass(slots=True)
class Orders:
    """Signed contracts that count in the exposure, by instrument, and the doubt by asset."""

    contracts: dict[InstrumentId, Contracts] = field(default_factory=dict)
    doubt: dict[Asset, Doubt] = field(default_factory=dict)


class _Closable:
    """How many contracts reduce-only orders may still close of each position: the venue cuts what is beyond it."""

    def __init__(self, positions: Collection[HeldPosition]) -> None:
        self.left: dict[tuple[str, InstrumentId, Side], Contracts] = {}
        for held in positions:
            key = (held.account, held.instrument, Side.SELL if held.contracts > 0 else Side.BUY)
            self.left[key] = self.left.get(key, ZERO) + abs(held.contracts)

    def signed(self, order: Working) -> Contracts:
        """What an order may fill at most, signed."""
        if not order.reduce_only:
            return order.remaining * order.side.sign
        key = (order.account, order.instrument, order.side)
        taken = min(order.remaining, self.left.get(key, ZERO))
        self.left[key] = self.left.get(key, ZERO) - taken
        return taken * order.side.sign


def working(
    snapshot: Snapshot, traded: Mapping[InstrumentId, Traded], prices: Mapping[Asset, Price], books: Books
) -> Orders:
    """Add what the futures' orders would change to the books; `prices` are in the reporting currency."""
    orders, closable = Orders(), _Closable(snapshot.positions)
    for order in snapshot.orders:
        market = traded.get(order.instrument)
        if market is None:
            books.lack_everything(order.instrument)
            continue
        _count(order, market, closable.signed(order), prices, orders, books)
    return orders


def _count(
    order: Working,
    market: Traded,
    contracts: Contracts,
    prices: Mapping[Asset, Price],
    orders: Orders,
    books: Books,
) -> None:
    base, spot = market.instrument.base, market.instrument.kind is Kind.SPOT
    coins = delta(market, contracts, prices)
    if isinstance(coins, Lack):
        books.lack(order.instrument, f"{coins.why}, and an order on it works", (base,), value=False)
        return
    if not spot:
        books.add(base, "working", coins)
        orders.contracts[order.instrument] = orders.contracts.get(order.instrument, ZERO) + contracts
    if order.unknown:
        orders.doubt[base] = orders.doubt.get(base, Doubt()).plus(coins if spot else -coins)
