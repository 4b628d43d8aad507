"""Margin of one position: pure arithmetic over its numbers, in money of the settle asset.

Maintenance is |notional| x rate - deduction of its tier, continuous at the edges. Initial margin is the notional at
the mark over the leverage; with open orders, the worse of all buys filled and all sells filled.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.simex.core.account import Position
from bot.simex.core.instrument import Tier
from bot.simex.core.numbers import SCALE, divided


def tier_of(tiers: Sequence[Tier], notional: int) -> Tier:
    """The tier of a notional that is not negative; the last one beyond every cap."""
    for tier in tiers:
        if notional <= tier.cap:
            return tier
    return tiers[-1]


def maintenance(tiers: Sequence[Tier], notional: int) -> int:
    """The maintenance margin of a notional that is not negative."""
    tier = tiers[0] if notional <= tiers[0].cap else tier_of(tiers, notional)
    return divided(notional * tier.rate, SCALE) - tier.deduction


def cap(tiers: Sequence[Tier], leverage: int) -> int:
    """The largest notional that may be held at a leverage; 0 when none may."""
    return max((tier.cap for tier in tiers if tier.leverage_max >= leverage), default=0)


def required(position: Position, bids: int, asks: int) -> int:
    """The margin the pool must leave alone for a position with orders of these notionals (see Position.required).

    Bids and asks are not below zero, so the larger of both ways is the larger size the position may reach.
    """
    up, down = position.exposure + bids, asks - position.exposure
    size = up if up > down else down  # noqa: FURB136 - every order comes here, and max() takes twice as long
    if position.isolated:
        size -= abs(position.exposure)
    return -(-size // position.leverage)


def revalue(position: Position, mark: int) -> None:
    """Value a position at a mark (of 1e-8; 0: none is known, and the position is worth its cost)."""
    instrument, quantity = position.instrument, position.quantity
    if quantity == 0:
        position.exposure = position.unrealized = position.maintenance = position.initial = 0
    else:
        if not mark:
            worth = position.cost
        else:
            worth = quantity * mark if instrument.kind == "linear" else instrument.worth(quantity, mark)
        notional = abs(worth)
        position.exposure = notional if quantity > 0 else -notional
        position.unrealized = worth - position.cost
        position.maintenance = maintenance(instrument.tiers, notional)
        position.initial = -(-notional // position.leverage)
    position.required = required(position, position.bid_worth, position.ask_worth)
