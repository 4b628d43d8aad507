"""Numbers of the core as the market data writes them, from integers straight to text: it is done for every level."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import BOOKED, booked

DECIMALS: Final = 8
_POWERS: Final = tuple(10**places for places in range(DECIMALS + 1))


def fixed(value: int, places: int) -> str:
    """A number of 1e-8 with so many decimals (at most eight), cut off."""
    if value < 0:
        shown = fixed(-value, places)
        return f"-{shown}" if shown.strip("0.") else shown
    power = _POWERS[places]
    whole, rest = divmod(value // _POWERS[DECIMALS - places], power)
    return f"{whole}.{rest:0{places}d}" if places else str(whole)


def money(value: int, places: int = DECIMALS) -> str:
    """The core's money (of 1e-16), rounded to 1e-8 of the asset, with so many decimals."""
    return fixed(booked(value) // BOOKED, places)


def trimmed(value: int) -> str:
    """A number of 1e-8 without needless zeros."""
    text = fixed(value, DECIMALS)
    return text.rstrip("0").rstrip(".")


def price(instrument: Instrument, value: int) -> str:
    """A price with the instrument's places."""
    return fixed(value, instrument.price_places)


def quantity(instrument: Instrument, value: int) -> str:
    """A quantity with the instrument's places."""
    return fixed(value, instrument.quantity_places)


def ladder(instrument: Instrument, levels: Iterable[tuple[int, int]]) -> str:
    """Price levels as the inside of a JSON list."""
    places, decimals = instrument.price_places, instrument.quantity_places
    return ",".join([f'["{fixed(at, places)}","{fixed(size, decimals)}"]' for at, size in levels])


def pairs(instrument: Instrument, levels: Iterable[tuple[int, int]]) -> list[list[str]]:
    """Price levels as lists of texts."""
    places, decimals = instrument.price_places, instrument.quantity_places
    return [[fixed(at, places), fixed(size, decimals)] for at, size in levels]
