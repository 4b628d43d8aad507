"""A checker of order book streams, written from the venues' rules and from nothing of simex.

Spot: a frame follows on when its U is the u of the frame before plus one. Futures: when its pu is that u. A book begins
with a snapshot: frames that end before it are dropped (spot u <= lastUpdateId, futures u < lastUpdateId), and the first
that is kept must hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Level = tuple[str, str]


class Checker:
    """One book as a careful client keeps it. `gaps` are the ids at which it had to begin anew."""

    def __init__(self, *, is_spot: bool) -> None:
        self._is_spot = is_spot
        self.last_id: int | None = None
        self.frames = 0
        self.gaps: list[int] = []
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self._is_fresh = False

    def snapshot(self, answer: Mapping[str, Any]) -> None:
        """Begin with a snapshot."""
        self.last_id = answer["lastUpdateId"]
        self.bids, self.asks = dict(answer["bids"]), dict(answer["asks"])
        self._is_fresh = True

    def frame(self, data: Mapping[str, Any]) -> bool:
        """Take in a frame; False when it does not follow on, and a new snapshot is needed."""
        self.frames += 1
        if self.last_id is None or data["u"] <= self.last_id:
            return True
        if not self._follows(data):
            self.gaps.append(data["U"])
            self.last_id = None
            return False
        self._is_fresh = False
        self.last_id = data["u"]
        self._apply(self.bids, data["b"])
        self._apply(self.asks, data["a"])
        return True

    def _follows(self, data: Mapping[str, Any]) -> bool:
        assert self.last_id is not None
        if self._is_spot or self._is_fresh:
            # Right after a snapshot both markets ask that the frame holds it, or begins right behind it.
            return bool(data["U"] <= self.last_id + 1 <= data["u"] + 1)
        return bool(data["pu"] == self.last_id)

    @staticmethod
    def _apply(side: dict[str, str], levels: list[Level]) -> None:
        for price, quantity in levels:
            if float(quantity):
                side[price] = quantity
            else:
                side.pop(price, None)

    def best(self, count: int) -> tuple[list[Level], list[Level]]:
        """The best levels of both sides."""
        bids = sorted(self.bids.items(), key=lambda level: -float(level[0]))
        asks = sorted(self.asks.items(), key=lambda level: float(level[0]))
        return bids[:count], asks[:count]
