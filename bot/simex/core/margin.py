"""Margin of one position: pure arithmetic over its numbers, in money of the settle asset.

Maintenance is |notional| x rate - deduction of its tier, continuous at the edges. Initial margin is the notional at
the mark over the leverage; with open orders, the worse of all buys filled and all sells filled.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.simex.core.account import Position
from bot.simex.core.instrument import Tier


def cap(tiers: Sequence[Tier], leverage: int) -> int:
    """The largest notional that may be held at a leverage; 0 when none may."""
    return max((tier.cap for tier in tiers if tier.leverage_max >= leverage), default=0)


def tied(position: Position, size: int) -> int:
    """The margin the pool must leave alone for a position that may reach this size with its orders.

    See Position.required; of both ways, all buys filled and all sells filled, the larger counts.
    """
    if position.isolated:
        size -= abs(position.exposure)
    return -(-size // position.leverage)


def revalue(position: Position, mark: int) -> None:
    """Value a position at a mark (of 1e-8; 0: none is known, and the position is worth its cost)."""
    instrument, quantity = position.instrument, position.quantity
    position.mark = mark
    if quantity == 0:
        position.exposure = position.unrealized = 0
    else:
        if not mark:
            worth = position.cost
        else:
            worth = quantity * mark if instrument.kind == "linear" else instrument.worth(quantity, mark)
        notional = worth if worth > 0 else -worth
        position.exposure = notional if quantity > 0 else -notional
        position.unrealized = worth - position.cost
    exposure = position.exposure
    up, down = exposure + position.bid_worth, position.ask_worth - exposure
    size = up if up > down else down  # noqa: FURB136 - every fill comes here, and max() takes twice as long
    if position.isolated:
        size -= abs(exposure)
    position.required = -(-size // position.leverage)
