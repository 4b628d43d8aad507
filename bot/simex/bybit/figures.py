"""Numbers as Bybit writes them: prices and quantities with the instrument's decimals, money without padding."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import BOOKED, booked

DECIMALS: Final = 8


def fixed(value: int, places: int) -> str:
    """A number of 1e-8 with so many decimals, cut off."""
    if places >= DECIMALS:
        shown, places = abs(value), DECIMALS
    else:
        shown = abs(value) // 10 ** (DECIMALS - places)
    digits = str(shown).rjust(places + 1, "0")
    sign = "-" if value < 0 and shown else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits


def plain(value: int) -> str:
    """A number of 1e-8 without needless zeros."""
    text = fixed(value, DECIMALS).rstrip("0").rstrip(".")
    return text or "0"


def money(value: int) -> str:
    """The core's money rounded to 1e-8 of the asset, without needless zeros."""
    return plain(booked(value) // BOOKED)


def price(instrument: Instrument, value: int) -> str:
    """A price on the instrument's grid."""
    return fixed(value, instrument.price_places)


def quantity(instrument: Instrument, value: int) -> str:
    """A quantity with the instrument's decimals."""
    return fixed(value, instrument.quantity_places)


def decimal(value: Decimal, places: int = DECIMALS) -> str:
    """A decimal rounded to so many places, without needless zeros and never in exponent notation."""
    text = f"{round(value, places):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0", "-") else text
