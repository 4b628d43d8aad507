"""Net exposure of an asset in coins.

Source: formulas.md 2.1 (linear delta = contracts x contract size), 2.6 (spot = free + locked).
"""

from collections.abc import Iterable, Mapping

from bot.calc.pnl import base_units
from bot.domain.hedge import Parts
from bot.domain.instrument import Instrument
from bot.domain.units import ZERO, Contracts, InstrumentId, Qty


def parts(
    spot: Qty,
    declared: Qty,
    positions: Mapping[InstrumentId, Contracts],
    working: Mapping[InstrumentId, Contracts],
    instruments: Iterable[Instrument],
) -> Parts:
    """Add up an asset over what is held and every future on it. `positions` and `working` are signed contracts.

    `instruments` are those that trade the asset; one without a position is not counted.
    """
    futures, pending = ZERO, ZERO
    for instrument in instruments:
        if instrument.id in positions:
            futures += base_units(instrument, positions[instrument.id])
            if instrument.id in working:
                pending += base_units(instrument, working[instrument.id])
    return Parts(spot, declared, futures, pending)
