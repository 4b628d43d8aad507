"""Random variates that are the same on every machine: quantile tables, looked up with random bits.

random.gauss and friends go through the C library's log, sin and cos, whose last bit differs between platforms. The
tables are rounded to nine decimals, so that bit is gone; what is done with them afterwards is +, -, x, / and sqrt,
which every IEEE machine rounds alike. A quantile table of 4,096 has no tail beyond 3.7 standard deviations: fat tails
are the business of the models (jumps, regimes).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import repeat
from random import Random
from statistics import NormalDist
from typing import Final

BITS: Final = 12
_SIZE = 1 << BITS
_PLACES = 9
_MIDDLES = tuple((i + 0.5) / _SIZE for i in range(_SIZE))

NORMAL: Final = tuple(round(NormalDist().inv_cdf(p), _PLACES) for p in _MIDDLES)
"""Standard normal quantiles."""
EXPONENTIAL: Final = tuple(round(-math.log(1.0 - p), _PLACES) for p in _MIDDLES)
"""Quantiles of the exponential distribution of mean one."""

Bits = Callable[[int], int]


def stream(seed: int, *purpose: str) -> Random:
    """A stream of its own for each purpose: adding one never shifts another."""
    return Random("/".join((str(seed), *purpose)))


def drawn(table: Sequence[float], bits: Bits, width: int) -> Callable[[], float]:
    """A call that answers the entry of a table which the next so many bits name: as `table[bits(width)]`, but cheaper.

    Nothing is drawn before it is asked for, so a stream may serve several tables and other draws in between.
    """
    return map(table.__getitem__, map(bits, repeat(width))).__next__


def wait_steps(bits: Bits, mean_steps: float) -> int:
    """How many steps until the next event of a Poisson process; at least one."""
    return 1 + int(mean_steps * EXPONENTIAL[bits(BITS)])
