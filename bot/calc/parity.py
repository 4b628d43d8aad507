"""Risk-parity weights: each asset carries the same risk. A rule of weights, not a hedge ratio (formulas.md 2.8).

By inverse volatility the assets are taken for uncorrelated; by equal risk contribution w_i (S w)_i is the same for
all of them, which is the minimum of 1/2 w'Sw - sum log w_i (Spinu), found coordinate by coordinate.
"""

import math
from collections.abc import Sequence

from bot.calc import linear
from bot.domain.statistics import Matrix

SWEEPS_MAX = 2000
"""Rounds over all assets; a few dozen do for assets that are correlated as coins are."""
UNEQUAL_MAX = 1e-11
"""Contributions are equal when they differ from each other by no more than this share."""


def inverse_volatility(volatilities: Sequence[float], exposure: float = 1.0) -> tuple[float, ...] | None:
    """Weights in proportion to 1 / volatility, adding up to `exposure`; None where one has no volatility."""
    if not volatilities or not all(0.0 < one < math.inf for one in volatilities):
        return None
    return _scaled([1.0 / one for one in volatilities], exposure)


def equal_risk(covariance: Matrix, exposure: float = 1.0) -> tuple[float, ...] | None:
    """Weights above 0 of equal risk contributions, adding up to `exposure`.

    None where there are none: an asset that does not move, or assets that cancel each other's risk altogether.
    """
    deviations = [math.sqrt(row[i]) if row[i] > 0.0 else 0.0 for i, row in enumerate(covariance)]
    if not deviations or not all(0.0 < one < math.inf for one in deviations):
        return None
    correlation = [
        [1.0 if i == j else one / (deviations[i] * deviations[j]) for j, one in enumerate(row)]
        for i, row in enumerate(covariance)
    ]
    risks = _spinu(correlation)
    if risks is None:
        return None
    return _scaled([one / deviation for one, deviation in zip(risks, deviations, strict=True)], exposure)


def contributions(covariance: Matrix, weights: Sequence[float]) -> tuple[float, ...]:
    """Each asset's share of the variance: w_i (S w)_i / w'Sw. They add up to 1; of no variance each share is 0."""
    parts = [w * s for w, s in zip(weights, linear.product(covariance, weights), strict=True)]
    total = math.fsum(parts)
    return tuple(one / total if total > 0.0 else 0.0 for one in parts)


def _spinu(correlation: Sequence[Sequence[float]]) -> list[float] | None:
    """The y > 0 with y_i (C y)_i = 1 for every i; None where it is not found."""
    y = [1.0] * len(correlation)
    for _ in range(SWEEPS_MAX):
        for i, row in enumerate(correlation):
            others = linear.dot(row, y) - y[i]
            # The root of y^2 + others y - 1 above 0, in the form that does not cancel.
            root = math.sqrt(others * others + 4.0)
            y[i] = 2.0 / (others + root) if others > 0.0 else 0.5 * (root - others)
        felt = linear.product(correlation, y)
        if all(abs(one * risk - 1.0) <= UNEQUAL_MAX for one, risk in zip(y, felt, strict=True)):
            return y
    return None


def _scaled(shares: Sequence[float], exposure: float) -> tuple[float, ...]:
    total = math.fsum(shares)
    return tuple(one / total * exposure for one in shares)
