"""Where a statistic becomes an exact number: rounded to a named number of places, and told what it is.

Statistics are floats made in a fixed order; everything that is traded, added up or compared is Decimal. This is the
only door between them in the policy.
"""

import math
from decimal import Decimal

from bot.calc import beta as slopes
from bot.domain.statistics import Beta, Moments
from bot.domain.units import ONE, Asset, exact
from bot.policy.view import Missing

PLACES = 4
"""Places of a beta, a share or a weight that was measured: no statistic is known better than to a ten-thousandth."""


def rounded(value: float, places: int = PLACES) -> Decimal:
    """A finite statistic as an exact number."""
    return exact(round(value, places)).normalize()


def measured(asset: Asset, anchor: Asset, moments: Moments | None, samples_min: int = 1) -> Beta | Missing:
    """The slope of an asset's returns on an anchor's, or why it is unknown."""
    if moments is None:
        return Missing(asset, f"no statistics of returns yet, so that the beta of {asset} to {anchor} is unknown")
    found = slopes.beta(moments, asset, anchor, samples_min)
    if found is None:
        counted = dict(zip(moments.assets, moments.samples, strict=True))
        have = min(counted.get(asset, 0), counted.get(anchor, 0))
        return Missing(
            asset, f"the beta of {asset} to {anchor} is unknown: {have} returns of both, {samples_min} asked"
        )
    return found


def beta(asset: Asset, anchor: Asset, moments: Moments | None, samples_min: int = 1) -> Decimal | Missing:
    """The slope alone, exact; an asset's to itself is 1."""
    if asset == anchor:
        return ONE
    found = measured(asset, anchor, moments, samples_min)
    return found if isinstance(found, Missing) else rounded(found.value)


def volatility(asset: Asset, moments: Moments | None, samples_min: int = 1) -> float | Missing:
    """A year's volatility of an asset's returns, or why it is unknown."""
    found = None if moments is None else slopes.volatility(moments, asset, samples_min)
    if found is None or not math.isfinite(found):
        return Missing(asset, f"the volatility of {asset} is unknown: too few returns of it")
    return found
