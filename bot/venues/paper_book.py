"""What a live book would have given an order, without giving it the same liquidity twice.

A paper order does not move the venue's book, so the next frame shows what it took as if nothing had happened. Until a
newer frame arrives, what was taken of a level is remembered and not given again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.order import Side
from bot.domain.units import SECOND_NS, ZERO, InstrumentId, exact

if TYPE_CHECKING:
    from bot.domain.market import Depth
    from bot.domain.order import OrderRequest

DEPTH_AGE_NS_MAX = 5 * SECOND_NS
"""A book that is older fills nothing."""


class Taken(msgspec.Struct, frozen=True):
    """Contracts taken at one price."""

    price: Decimal
    contracts: Decimal


class PaperBooks:
    """The latest depth of each instrument, less what paper orders took of it."""

    def __init__(self) -> None:
        self._depths: dict[InstrumentId, Depth] = {}
        self._consumed: dict[InstrumentId, dict[tuple[Side, float], Decimal]] = {}

    def put(self, depth: Depth) -> None:
        """Take over a frame; an older one than is known is dropped."""
        known = self._depths.get(depth.instrument)
        if known is not None and depth.sequence < known.sequence and depth.received_ns < known.received_ns:
            return
        if known is None or depth.sequence != known.sequence:
            self._consumed[depth.instrument] = {}
        self._depths[depth.instrument] = depth

    def take(self, request: OrderRequest, contracts: Decimal, lot: Decimal, now_ns: int) -> tuple[Taken, ...]:
        """Take up to `contracts` at the limit price or better, in whole lots; nothing of a stale or missing book."""
        depth = self._depths.get(request.instrument)
        if depth is None or now_ns - depth.received_ns > DEPTH_AGE_NS_MAX:
            return ()
        consumed = self._consumed[request.instrument]
        taken: list[Taken] = []
        left = contracts
        for price, size in depth.against(request.side):
            if left <= 0 or not _within(request, price, size):
                break
            key = (request.side, price)
            offered = exact(size) - consumed.get(key, ZERO)
            lots = min(offered, left) // lot
            if lots > 0:
                consumed[key] = consumed.get(key, ZERO) + lots * lot
                taken.append(Taken(exact(price), lots * lot))
                left -= lots * lot
        return tuple(taken)


def _within(request: OrderRequest, price: float, size: float) -> bool:
    """Whether a level is real and no worse than the limit; the first that is not ends the walk."""
    if not (0 < price < float("inf") and 0 <= size < float("inf")):
        return False
    reached = exact(price)
    return reached <= request.limit_price if request.side is Side.BUY else reached >= request.limit_price
