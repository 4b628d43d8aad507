"""What an account has and is worth at this moment, as dialects show it: Decimals, frozen.

Prices and quantities have eight decimals; money is rounded to eight, half to even. Longs are positive, shorts negative.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bot.simex.core.instrument import Instrument
from bot.simex.core.order import PositionSide


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """One position row. Money in the instrument's settle asset; a price that does not exist is zero.

    `notional` has the sign of `quantity`. `isolated_wallet` is the margin moved into an isolated position, without its
    profit. `initial_margin` is the position's own, `order_margin` what its open orders require on top. `realized` is
    over all time; `realized_since_flat`, `fees`, `funding` since the position was last opened.
    """

    instrument: Instrument
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    break_even_price: Decimal
    mark_price: Decimal
    notional: Decimal
    unrealized: Decimal
    liquidation_price: Decimal
    bankruptcy_price: Decimal
    leverage: int
    isolated: bool
    isolated_wallet: Decimal
    initial_margin: Decimal
    order_margin: Decimal
    maintenance_margin: Decimal
    maintenance_rate: Decimal
    max_notional: Decimal
    bid_notional: Decimal
    ask_notional: Decimal
    realized: Decimal
    realized_since_flat: Decimal
    fees: Decimal
    funding: Decimal
    adl_rank: int
    """0 (last to be deleveraged) to 4 (first)."""
    opened_ms: int
    updated_ms: int


class AssetView(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of a wallet, in its own units unless a name says dollars.

    `balance` is all of it; `cross_balance` leaves out the margins of isolated positions. `unrealized`, `maintenance`
    and `position_margin` are of all positions that settle in it, `cross_unrealized` of the cross ones. `available` is
    what new orders may tie up (margined in dollars: as many dollars, in units of this asset), `withdrawable` what may
    leave the wallet, `locked` what spot orders hold. `dollars` is the price of one; `haircut` the share that counts.
    """

    asset: str
    balance: Decimal
    cross_balance: Decimal
    locked: Decimal
    unrealized: Decimal
    cross_unrealized: Decimal
    margin_balance: Decimal
    maintenance: Decimal
    position_margin: Decimal
    order_margin: Decimal
    available: Decimal
    withdrawable: Decimal
    dollars: Decimal
    haircut: Decimal
    realized: Decimal

    @property
    def free(self) -> Decimal:
        """What spot orders do not hold."""
        return self.cross_balance - self.locked

    @property
    def initial_margin(self) -> Decimal:
        """Of positions and orders."""
        return self.position_margin + self.order_margin

    @property
    def equity_dollars(self) -> Decimal:
        """Balance and profit in dollars, without haircut."""
        return self.margin_balance * self.dollars


class TotalsView(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet in dollars. `margin_balance` and `available` are after haircuts; `equity`, `balance` are not.

    `equity`, `balance` and `unrealized` include isolated positions, the margins and rates do not.
    The rates are margin / (margin balance - haircut loss of open spot orders); None when there is nothing to divide by.
    """

    equity: Decimal
    balance: Decimal
    margin_balance: Decimal
    available: Decimal
    unrealized: Decimal
    initial_margin: Decimal
    position_margin: Decimal
    maintenance_margin: Decimal
    haircut_loss: Decimal
    initial_rate: Decimal | None
    maintenance_rate: Decimal | None
