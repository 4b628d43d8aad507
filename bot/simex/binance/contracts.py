"""What a futures market calls its contracts: pair, contract type, contract status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.simex.core.instrument import HOUR_MS, Instrument

PERPETUAL: Final = "PERPETUAL"
CURRENT_QUARTER: Final = "CURRENT_QUARTER"
NEXT_QUARTER: Final = "NEXT_QUARTER"
QUARTER_MS: Final = 92 * 24 * HOUR_MS
_OPENING_ENDS: Final = {"reduce_only": ("PRE_SETTLE", "PRE_DELIVERING"), "settling": ("SETTLING", "DELIVERING")}
_ENDED: Final = ("CLOSE", "DELIVERED")


def pair_of(instrument: Instrument) -> str:
    """What a contract is on, without its delivery."""
    return f"{instrument.base}{instrument.quote}"


def contract_type(instrument: Instrument, now_ms: int) -> str:
    """PERPETUAL, or the quarter of its delivery."""
    if instrument.expiry_ms is None:
        return PERPETUAL
    return CURRENT_QUARTER if instrument.expiry_ms - now_ms <= QUARTER_MS else NEXT_QUARTER


def contract_status(instrument: Instrument) -> str:
    """The status of a contract; a halted one is as one whose trading has not begun."""
    if instrument.status == "trading":
        return "TRADING"
    is_dated = instrument.expiry_ms is not None
    words = _ENDED if instrument.status == "closed" else _OPENING_ENDS.get(instrument.status)
    return "PENDING_TRADING" if words is None else words[is_dated]


def of_pair(instruments: Iterable[Instrument], pair: str) -> list[Instrument]:
    """The contracts on a pair."""
    return [one for one in instruments if pair_of(one) == pair]
