"""At which price a position is liquidated, and at which one it is bankrupt: exact roots, tier by tier.

Everything is linear in the worth u of one unit of quantity (linear u = P, inverse u = face / P, and the direction of
an inverse position turns round). With e the directed and |q| the plain quantity of each leg that follows the price,

    margin balance - maintenance = W + sum(e u - cost) - sum(|q| u rate - deduction)

is piecewise linear and concave in u, as tiers only get steeper, so it has two roots at most. Between two tier edges a
root is a quotient; the one that matters lies on the side on which the present slope says that money is lost, and when
there is none on that side, it is the other (nearly balanced legs that outgrow their tiers). W is everything else: the
coins, and the unrealized profit less the maintenance margin of the positions that do not follow this price.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from bot.simex.core.account import Position
from bot.simex.core.instrument import Instrument, tier_of
from bot.simex.core.numbers import MONEY, SCALE

PRICE_MAX = 10**26


def liquidation_price(legs: Sequence[Position], balance: int, mark: int) -> Fraction | None:
    """The price, of 1e-8, at which the margin balance equals the maintenance margin; None when no price does.

    `legs` are the positions on one instrument that share `balance` (hedge mode: both), `mark` the present price.
    """
    instrument = legs[0].instrument
    now = _unit(instrument, mark)
    edges = sorted({Fraction(tier.cap, abs(leg.quantity)) for leg in legs for tier in instrument.tiers[:-1]})
    bounds = [Fraction(0), *edges, None]
    slope_now, _ = _line(legs, balance, now)
    other: Fraction | None = None
    for low, high in pairwise(bounds):
        slope, constant = _line(legs, balance, _inside(low or Fraction(0), high))
        root = -constant / slope if slope else Fraction(0)
        if root <= 0 or root < (low or 0) or (high is not None and root > high):
            continue
        if (slope > 0) == (slope_now > 0):
            return _price(instrument, root)
        other = root
    return None if other is None else _price(instrument, other)


def bankruptcy_price(position: Position, equity: int, mark: int) -> int:
    """The price, of 1e-8, at which closing a position leaves nothing of `equity` (its margin with its profit at mark).

    On the tick that leaves a little rather than owes it; at least a tick, and PRICE_MAX when no price is high enough.
    """
    instrument = position.instrument
    directed = _directed(position)
    unit = _unit(instrument, mark) - Fraction(equity, directed)
    tick = instrument.filters.tick
    if unit <= 0:
        return tick if instrument.kind != "inverse" else PRICE_MAX
    ticks = _price(instrument, unit) / tick
    whole = -(-ticks.numerator // ticks.denominator) if position.quantity > 0 else int(ticks)
    return max(tick, min(whole * tick, PRICE_MAX))


def _line(legs: Sequence[Position], balance: int, unit: Fraction) -> tuple[Fraction, Fraction]:
    """Slope and constant of margin balance less maintenance around a unit worth."""
    slope, constant = Fraction(0), Fraction(balance)
    for leg in legs:
        size = abs(leg.quantity)
        tier = tier_of(leg.instrument.tiers, int(size * unit))
        slope += _directed(leg) - Fraction(size * tier.rate, SCALE)
        constant += tier.deduction - leg.cost
    return slope, constant


def _directed(position: Position) -> int:
    return -position.quantity if position.instrument.kind == "inverse" else position.quantity


def _unit(instrument: Instrument, price: int) -> Fraction:
    return Fraction(instrument.face * MONEY, price * SCALE) if instrument.kind == "inverse" else Fraction(price)


def _price(instrument: Instrument, unit: Fraction) -> Fraction:
    return Fraction(instrument.face * MONEY, SCALE) / unit if instrument.kind == "inverse" else unit


def _inside(low: Fraction, high: Fraction | None) -> Fraction:
    return low + 1 if high is None else (low + high) / 2
