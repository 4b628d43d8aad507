"""Where a margin runs out: the root of a concave, piecewise linear slack (equity less maintenance margin).

Maintenance margin is convex in the notional, since the rates of its brackets rise, so the slack of any account is
concave in a price, or in a common move of all prices. The line of one of its pieces is nowhere below it: going from
line to line, from beyond, never passes the root and ends in as many steps as there are pieces.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple


class Line(NamedTuple):
    """One piece of a slack: rest + slope x."""

    slope: Decimal
    rest: Decimal

    def at(self, x: Decimal) -> Decimal:
        """The value at a finite x."""
        return self.rest + self.slope * x


def crossing(line: Callable[[Decimal], Line], beyond: Line, *, falling: bool) -> Decimal | None:
    """Where the slack is used up, from its piece `beyond`; None where it is used up everywhere.

    `line(x)` is the piece around x. `falling`: the slack falls through zero as x rises, and `beyond` lies above the
    root; otherwise it rises through zero, and `beyond` lies below.
    """
    piece, seen, root = beyond, set[Line](), None
    while piece not in seen:
        if piece.slope >= 0 if falling else piece.slope <= 0:
            return None
        seen.add(piece)
        root = -piece.rest / piece.slope
        piece = line(root)
    return root
