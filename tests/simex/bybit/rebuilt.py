"""An independent checker of Bybit's order book topics."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


class Rebuilt:
    """A book as a client rebuilds it, with every rule of the documentation checked."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self.u = 0
        self.seq = 0
        self.snapshots = 0

    def apply(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        if frame["type"] == "snapshot":
            self.sides = {side: dict(data[side]) for side in ("b", "a")}
            self.snapshots += 1
        else:
            assert data["u"] == self.u + 1
            for side in ("b", "a"):
                for price, size in data[side]:
                    if size == "0":
                        del self.sides[side][price]
                    else:
                        self.sides[side][price] = size
        assert data["seq"] >= self.seq
        assert all(len(side) <= self.depth for side in self.sides.values())
        self.u, self.seq = data["u"], data["seq"]

    def levels(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids = sorted(self.sides["b"].items(), key=lambda row: -Decimal(row[0]))
        return bids, sorted(self.sides["a"].items(), key=lambda row: Decimal(row[0]))
