"""Net exposure of an asset in coins, and the value of what is held.

Source: formulas.md 2.1 (linear delta = contracts x contract size), 2.6 (spot = free + locked), 2.13 (bases).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from bot.calc.pnl import base_units
from bot.domain.hedge import Parts
from bot.domain.instrument import Instrument
from bot.domain.units import ZERO, Asset, Contracts, InstrumentId, Notional, Price, Qty


def parts(
    asset: Asset,
    balances: Iterable[Mapping[Asset, Decimal]],
    declared: Qty,
    positions: Mapping[InstrumentId, Contracts],
    working: Mapping[InstrumentId, Contracts],
    instruments: Iterable[Instrument],
) -> Parts:
    """Add up an asset over every wallet and every future on it. `positions` and `working` are signed contracts."""
    spot, futures, pending = ZERO, ZERO, ZERO
    for wallet in balances:
        spot += wallet.get(asset, ZERO)
    for instrument in instruments:
        if instrument.base == asset and instrument.id in positions:
            futures += base_units(instrument, positions[instrument.id])
            if instrument.id in working:
                pending += base_units(instrument, working[instrument.id])
    return Parts(spot, declared, futures, pending)


def value(coins: Mapping[Asset, Qty], prices: Mapping[Asset, Price]) -> Notional:
    """Coins at their prices, in quote currency. A missing price is a programming error and raises KeyError."""
    return sum((quantity * prices[asset] for asset, quantity in sorted(coins.items())), ZERO)
