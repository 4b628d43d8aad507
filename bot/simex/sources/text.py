"""Numbers as venues write them, as whole numbers of 1e-8: three times as fast as by way of Decimal."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from bot.simex.core.numbers import scaled

PLACES = 8
_ZEROS = "0" * PLACES


def whole(text: str) -> int:
    """A plain decimal as an integer of 1e-8. ValueError when it is no number, or has more than eight decimals."""
    units, _, decimals = text.partition(".")
    if units.isascii() and units.isdigit() and len(decimals) <= PLACES and (not decimals or decimals.isdigit()):
        return int(units + decimals + _ZEROS[len(decimals) :])
    try:
        return scaled(Decimal(text))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None


def nearest(text: str) -> int:
    """A decimal of any precision rounded to 1e-8, half to even. ValueError when it is no finite number."""
    try:
        value = Decimal(text)
        return int(value.scaleb(PLACES).to_integral_value(ROUND_HALF_EVEN))
    except (InvalidOperation, OverflowError, ValueError):
        raise ValueError(f"{text!r} is not a finite number") from None
