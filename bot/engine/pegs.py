"""Owner of what is remembered of the quote currency's peg to the dollar.

Theory of operation
-------------------
The peg is what one unit of the quote currency is worth in dollars, as its pairs with other dollars say (`peg.reading`).
With every tick (and every fact) its distance from 1 is looked at, and what follows from it moves along three levels:

    STEADY --beyond WARN_BPS--> WARNED --beyond STOP_BPS--> STOPPED        (from STEADY to STOPPED at once, too)
       ^                           |                           |
       +------ inside BACK_BPS for BACK_FOR_NS, unbroken ------+

STOPPED is a latch: no order adds risk until the peg was back for so long, whoever arms in between; so is WARNED, that a
peg at the edge is told of once. Quotes alone do not move them, and each move goes with a notice, so that a replay makes
the same ones. Time for which the peg is unknown, or nobody looked at it (a restart), is no time inside. A peg that goes
in and out of BACK_BPS begins its way back at most every RETURN_PAUSE_NS, for each beginning and end is a record of the
journal.
"""

from dataclasses import dataclass
from enum import IntEnum

import msgspec

from bot.calc.peg import BACK_BPS, STOP_BPS, WARN_BPS, off_peg
from bot.domain.units import MINUTE_NS, Asset, Bps, Nanos, Price

BACK_FOR_NS = 30 * MINUTE_NS
RETURN_PAUSE_NS = MINUTE_NS


class Level(IntEnum):
    """How far the quote currency has been off its peg lately."""

    STEADY = 0
    WARNED = 1
    STOPPED = 2


class Move(IntEnum):
    """What a look at the peg came to."""

    NONE = 0
    WARNED = 1
    STOPPED = 2
    RETURNING = 3
    """It is back inside, and has to stay there."""
    LEFT = 4
    """It did not stay there."""
    OVER = 5


class PegReading(msgspec.Struct, frozen=True):
    """What a currency is worth in dollars now; None while that is not known, and `why`. `stopped`: the latch is on."""

    asset: Asset
    price: Price | None
    why: str
    stopped: bool

    @property
    def told(self) -> str:
        """The price in words."""
        if self.price is None:
            return f"what {self.asset} is worth in dollars is not known ({self.why})"
        return f"{self.asset} is at {self.price:.4f} USD, {off_peg(self.price):.0f} bps off its peg"


@dataclass(slots=True)
class Pegs:
    """The level, and since when the peg has been back inside; `left_ns` is when it last was not."""

    level: Level = Level.STEADY
    back_ns: Nanos | None = None
    left_ns: int = 0

    def look(self, off: Bps | None, now: Nanos) -> Move:
        """Take the distance from the peg at a tick (>= 0, None while unknown) and say what changed."""
        if off is not None and off > STOP_BPS and self.level < Level.STOPPED:
            return self._rise(Level.STOPPED, Move.STOPPED, now)
        if off is not None and off > WARN_BPS and self.level < Level.WARNED:
            return self._rise(Level.WARNED, Move.WARNED, now)
        if self.level is Level.STEADY:
            return Move.NONE
        return self._inside(now) if off is not None and off <= BACK_BPS else self._outside(now)

    def interrupt(self, *, watched: bool) -> None:
        """Nobody looked for a while: a way back begins anew. What is no longer watched is no longer remembered."""
        self.back_ns = None
        if not watched:
            self.level = Level.STEADY

    def _rise(self, level: Level, move: Move, now: Nanos) -> Move:
        self.level, self.back_ns, self.left_ns = level, None, now
        return move

    def _inside(self, now: Nanos) -> Move:
        if self.back_ns is None:
            if now - self.left_ns < RETURN_PAUSE_NS:
                return Move.NONE
            self.back_ns = now
            return Move.RETURNING
        if now - self.back_ns < BACK_FOR_NS:
            return Move.NONE
        self.level, self.back_ns = Level.STEADY, None
        return Move.OVER

    def _outside(self, now: Nanos) -> Move:
        if self.back_ns is None:
            return Move.NONE
        self.back_ns, self.left_ns = None, now
        return Move.LEFT
