"""Statistics of returns, as values: what betas, correlations and volatilities are read from.

All of it is floats, made in a fixed order, and never sent or added up as money. Returns are logarithmic, per interval.
"""

import msgspec

from bot.domain.units import Asset, Nanos

Matrix = tuple[tuple[float, ...], ...]
"""Row by row, in the order of the assets it belongs to; symmetric."""


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """Exponentially weighted second moments (about zero) of several assets' returns, per interval.

    `covariance` is that of the rule's half-life, `fast` and `slow` those that are compared to see a decoupling.
    `samples[i]` counts the returns of assets[i] that went in; `effective` is the weight of all of them together, in
    returns of full weight (at most (1 + r) / (1 - r) for a ratio r from one return to the next).
    `known[i][j]` is that weight for the returns which assets i and j have in common, `known_fast` the same at the fast
    half-life. A pair of weight 0 was never measured: its covariance reads 0.0 and means nothing. Where `known` is
    empty, every pair is known as well as `effective` and `samples` say; where `known_fast` is, no change is tested for.
    """

    assets: tuple[Asset, ...]
    interval_ns: int
    at_ns: Nanos
    samples: tuple[int, ...]
    effective: float
    covariance: Matrix
    fast: Matrix
    slow: Matrix
    known: Matrix = ()
    known_fast: Matrix = ()


class Beta(msgspec.Struct, frozen=True, kw_only=True):
    """The slope of one asset's returns on another's, and how well it is known. `error` is its standard error."""

    value: float
    error: float
    correlation: float
    effectiveness: float
    """R squared: the share of the variance that the hedge takes away."""
    samples: int
