"""The numbers of the core: whole ones, so that every sum is exact and fast.

A price is an integer of 1e-8 quote, a quantity an integer of 1e-8 coins (or contracts), money an integer of 1e-16 of
its asset: a price times a quantity is money without a factor. What a venue books (fees, realized profit, funding) is
rounded to 1e-8 of the asset, half to even; the rest stays in the cost of what is still held, so nothing is lost.
Decimals exist only at the edge, where a dialect reads a request or writes an answer.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Final

SCALE: Final = 10**8
MONEY: Final = 10**16
BOOKED: Final = MONEY // SCALE
_HALF = BOOKED // 2
_SHARE = BOOKED * SCALE
_HALF_SHARE = _SHARE // 2
_DIGITS = 60


def scaled(value: Decimal) -> int:
    """A price or quantity as an integer. ValueError when it has more than eight decimals or is not finite."""
    return _whole(value, 8)


def money(value: Decimal) -> int:
    """An amount of an asset as an integer. ValueError when it has more than sixteen decimals or is not finite."""
    return _whole(value, 16)


def unscaled(value: int) -> Decimal:
    """A price or quantity as a Decimal with eight decimals."""
    return Decimal(value).scaleb(-8)


def amount(value: int) -> Decimal:
    """Money as it is shown: a Decimal of eight decimals, half to even."""
    return Decimal(booked(value) // BOOKED).scaleb(-8)


def booked(value: int) -> int:
    """Money rounded to what a venue books: a multiple of 1e-8, half to even."""
    quotient, rest = divmod(value, BOOKED)
    if rest > _HALF or (rest == _HALF and quotient & 1):
        quotient += 1
    return quotient * BOOKED


def charged(amount: int, rate: int) -> int:
    """A rate of 1e-8 on an amount of money, as a venue books it: a multiple of 1e-8, half to even."""
    quotient, rest = divmod(amount * rate, _SHARE)
    if rest > _HALF_SHARE or (rest == _HALF_SHARE and quotient & 1):
        quotient += 1
    return quotient * BOOKED


def divided(numerator: int, denominator: int) -> int:
    """The quotient rounded half to even; the denominator is above zero."""
    quotient = numerator // denominator
    twice = 2 * (numerator - quotient * denominator)
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def _whole(value: Decimal, places: int) -> int:
    with localcontext() as context:
        context.prec = _DIGITS
        if not value.is_finite():
            raise ValueError(f"{value} is not a finite number")
        moved = value.scaleb(places)
        whole = int(moved)
        if whole != moved:
            raise ValueError(f"{value} has more than {places} decimals")
    return whole
