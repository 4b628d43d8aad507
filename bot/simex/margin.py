"""Margin of linear perpetuals in one-way mode, cross margined: pure functions over one symbol's numbers.

Quantities are signed coins (long > 0), prices and money in the settle asset.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.simex.model import ZERO, Bracket


def bracket_of(brackets: Sequence[Bracket], notional: Decimal) -> Bracket:
    """The tier of a notional (its absolute value); the last one beyond every cap."""
    size = abs(notional)
    return next((b for b in brackets if size <= b.cap), brackets[-1])


def maintenance_margin(brackets: Sequence[Bracket], notional: Decimal) -> Decimal:
    """|notional| * mmr - cum of its tier; continuous at the edges."""
    bracket = bracket_of(brackets, notional)
    return abs(notional) * bracket.mmr - bracket.cum


def max_notional(brackets: Sequence[Bracket], leverage: int) -> Decimal:
    """The largest position notional that may be held at a leverage; zero when none may."""
    return max((b.cap for b in brackets if b.max_leverage >= leverage), default=ZERO)


def initial_margin(notional: Decimal, bids: Decimal, asks: Decimal, leverage: int) -> Decimal:
    """What a position and its open orders need: the worse of all buys and all sells being filled, over the leverage.

    `notional` is signed at the mark; `bids` and `asks` the open orders' notionals, reduce-only ones left out.
    """
    return max(abs(notional), abs(notional + bids), abs(notional - asks)) / leverage


def unrealized_pnl(quantity: Decimal, cost: Decimal, mark: Decimal) -> Decimal:
    """The value at the mark less the cost, where cost is the signed sum of quantity * price still held."""
    return quantity * mark - cost


def liquidation_price(
    brackets: Sequence[Bracket], quantity: Decimal, entry: Decimal, balance: Decimal
) -> Decimal | None:
    """The price at which equity equals the maintenance margin, or None when no positive price does.

    P = (W + cum - s Q E) / (Q (mmr - s)) with s the sign, Q = |quantity|, and W the wallet with the unrealized PnL of
    the other positions less their maintenance margins; the tier is the one that P * Q itself falls into.
    """
    if not quantity:
        return None
    sign, size = (1 if quantity > 0 else -1), abs(quantity)
    for bracket in brackets:
        price = (balance + bracket.cum - sign * size * entry) / (size * (bracket.mmr - sign))
        last = bracket is brackets[-1]
        if price > 0 and bracket.floor < price * size and (last or price * size <= bracket.cap):
            return price
    return None
