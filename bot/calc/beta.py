"""The slope of one asset's returns on another's, how well it is known, and whether it still holds (formulas.md 2.8).

beta = Cov(a, h) / Var(h) = rho sigma_a / sigma_h; a hedge of V in `a` is -beta V in `h`, takes away the share R^2 of
the variance and leaves a volatility of sigma_a sqrt(1 - R^2). Volatilities are a year's, as fractions.
"""

import math
from collections.abc import Collection, Sequence
from itertools import accumulate, repeat
from operator import mul

import msgspec

from bot.calc import linear
from bot.calc.elementary import atanh, halved
from bot.calc.moments import log_return, unmeasured, weight
from bot.domain.snapshot import Returns
from bot.domain.statistics import Beta, Matrix, Moments
from bot.domain.targets import StatisticsRule
from bot.domain.units import DAY_NS, Asset

YEAR_NS = 365 * DAY_NS
EFFECTIVE_MIN = 3.0
"""Fewer returns than this, by weight, say nothing of how wrong a slope is."""
SPREAD_DEFAULT = 0.4
"""Standard deviation of betas across coins, where too few are measured to tell it from them."""
BETAS_MIN = 4
"""So many betas make a cross-section."""
DECOUPLED_Z = 4.0
"""Standard errors by which the fast correlation may be away from the slow one (Fisher's z)."""
CORRELATION_MAX = 1.0 - 1e-12
"""Correlations are taken no nearer to 1 than this where their z is asked for."""
LAGS_MAX = 24
"""The longest delay, in intervals, that is looked for."""


class Decoupling(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a hedge's asset still moves with what is hedged. `z`: standard errors between fast and slow."""

    broken: bool
    why: str
    z: float | None
    fast: float
    slow: float
    effectiveness: float


def beta(moments: Moments, asset: Asset, anchor: Asset, samples_min: int = 1) -> Beta | None:
    """The slope of `asset` on `anchor` with its standard error; None where it is unknown.

    Unknown means: one of them is not measured, has fewer than `samples_min` returns or EFFECTIVE_MIN by weight in
    common, or did not move at all (a price that stands still is no sign of independence).
    """
    if unmeasured(moments, (asset, anchor), samples_min):
        return None
    i, j = moments.assets.index(asset), moments.assets.index(anchor)
    covariance = linear.submatrix(moments.covariance, (i, j), (i, j))
    return _slope(covariance, weight(moments, asset, anchor), min(moments.samples[i], moments.samples[j]))


def volatility(moments: Moments, asset: Asset, samples_min: int = 1) -> float | None:
    """A year's volatility of an asset's log returns; None where it is not measured."""
    if unmeasured(moments, (asset,), samples_min):
        return None
    i = moments.assets.index(asset)
    return annual(moments.covariance[i][i], moments.interval_ns)


def annual(variance: float, interval_ns: int) -> float:
    """A year's volatility from a variance per interval."""
    return math.sqrt(max(variance, 0.0) * (YEAR_NS / interval_ns))


def residual_volatility(moments: Moments, asset: Asset, anchor: Asset, samples_min: int = 1) -> float | None:
    """A year's volatility of the asset hedged with `beta` of the anchor; None where the beta is unknown."""
    measured = beta(moments, asset, anchor, samples_min)
    own = volatility(moments, asset, samples_min)
    return None if measured is None or own is None else own * math.sqrt(1.0 - measured.effectiveness)


def spread(betas: Collection[Beta]) -> float:
    """The standard deviation of betas across coins: how far a beta that is not known may be from the prior."""
    if len(betas) < BETAS_MIN:
        return SPREAD_DEFAULT
    mean = math.fsum(one.value for one in betas) / len(betas)
    return math.sqrt(math.fsum((one.value - mean) * (one.value - mean) for one in betas) / (len(betas) - 1))


def shrunk(measured: Beta, prior: float, across: float = SPREAD_DEFAULT, weight_min: float = 0.0) -> Beta:
    """A beta pulled towards its prior by how badly it is known (Vasicek): (1 - w) beta + w prior.

    w = SE^2 / (SE^2 + across^2), and at least `weight_min` (the rule's prior_weight). The error is that of the result,
    `across` being the standard deviation of true betas about the prior.
    """
    noise, signal = measured.error * measured.error, across * across
    w = max(noise / (noise + signal) if noise > 0.0 else 0.0, weight_min)
    error = math.sqrt((1.0 - w) * (1.0 - w) * noise + w * w * signal)
    return msgspec.structs.replace(measured, value=(1.0 - w) * measured.value + w * prior, error=error)


def decoupling(
    moments: Moments,
    asset: Asset,
    anchor: Asset,
    effectiveness_min: float,
    samples_min: int = 1,
    z_max: float = DECOUPLED_Z,
) -> Decoupling | None:
    """Whether the asset has left the anchor; None where that is unknown.

    It has when R squared is below `effectiveness_min`, or when the fast correlation is further from the slow one than
    chance: |atanh fast - atanh slow| sqrt(n / 2) > `z_max`, n being the effective number of fast returns.
    """
    measured = beta(moments, asset, anchor, samples_min)
    if measured is None:
        return None
    i, j = moments.assets.index(asset), moments.assets.index(anchor)
    fast, slow = _correlation(moments.fast, i, j), _correlation(moments.slow, i, j)
    z = _fisher(fast, slow, moments.known_fast[i][j]) if moments.known_fast else None
    why = []
    if measured.effectiveness < effectiveness_min:
        why.append(f"effectiveness {measured.effectiveness:.3f} is below {effectiveness_min:.3f}")
    if z is not None and z > z_max:
        why.append(f"correlation went from {slow:.2f} to {fast:.2f}, {z:.1f} standard errors")
    text = f"{asset} on {anchor}: " + ("; ".join(why) or f"effectiveness {measured.effectiveness:.3f}")
    return Decoupling(broken=bool(why), why=text, z=z, fast=fast, slow=slow, effectiveness=measured.effectiveness)


def overlapping(returns: Returns, rule: StatisticsRule, asset: Asset, anchor: Asset, intervals: int) -> Beta | None:
    """The slope of returns over `intervals` intervals each, one beginning at every interval.

    For coins whose prices follow the anchor's with a delay: over several hours the delay washes out. Windows share
    returns, so that n of them are worth n 3 k / (2 k^2 + 1). A window with a missing return is left out.

    Raises:
        ValueError: `intervals` is not between 1 and LAGS_MAX.
    """
    if not 1 <= intervals <= LAGS_MAX:
        msg = f"intervals must be between 1 and {LAGS_MAX}"
        raise ValueError(msg)
    pairs = _pairs(returns, asset, anchor)
    windows = [_window(pairs[i : i + intervals]) for i in range(len(pairs) - intervals + 1)]
    rows = [None if one is None else (one[0], (one[1],)) for one in windows]
    worth = 3.0 * intervals / (2.0 * intervals * intervals + 1.0)
    return _summed_slope(rows, halved(returns.interval_ns / rule.half_life_ns), worth)


def dimson(returns: Returns, rule: StatisticsRule, asset: Asset, anchor: Asset, lags: int) -> Beta | None:
    """The sum of the slopes on the anchor's return and on each of its `lags` returns before (Dimson).

    Raises:
        ValueError: more lags than LAGS_MAX, or fewer than 0.
    """
    if not 0 <= lags <= LAGS_MAX:
        msg = f"lags must be between 0 and {LAGS_MAX}"
        raise ValueError(msg)
    pairs = _pairs(returns, asset, anchor)
    rows: list[tuple[float, tuple[float, ...]] | None] = []
    for end in range(lags, len(pairs)):
        own = pairs[end][0]
        others = [pair[1] for pair in pairs[end - lags : end + 1]]
        full = tuple(one for one in others if one is not None)
        rows.append(None if own is None or len(full) <= lags else (own, full))
    return _summed_slope(rows, halved(returns.interval_ns / rule.half_life_ns), 1.0)


Pair = tuple[float | None, float | None]
Row = tuple[float, tuple[float, ...]]


def _slope(covariance: Matrix, effective: float, samples: int) -> Beta | None:
    (own, both), (_, other) = covariance
    if effective < EFFECTIVE_MIN or not own > 0.0 or not other > 0.0:
        return None
    correlation = max(-1.0, min(1.0, both / math.sqrt(own * other)))
    share = correlation * correlation
    error = math.sqrt(own * (1.0 - share) / (other * (effective - 1.0)))
    return Beta(value=both / other, error=error, correlation=correlation, effectiveness=share, samples=samples)


def _correlation(matrix: Matrix, i: int, j: int) -> float:
    product = matrix[i][i] * matrix[j][j]
    return max(-1.0, min(1.0, matrix[i][j] / math.sqrt(product))) if product > 0.0 else 0.0


def _fisher(one: float, other: float, effective: float) -> float:
    """How many standard errors two correlations are apart."""
    a, b = (atanh(max(-CORRELATION_MAX, min(CORRELATION_MAX, r))) for r in (one, other))
    return abs(a - b) * math.sqrt(effective / 2.0)


def _pairs(returns: Returns, asset: Asset, anchor: Asset) -> list[Pair]:
    """Both assets' returns side by side, oldest first, as far back as both go."""
    own, other = returns.series.get(asset, ()), returns.series.get(anchor, ())
    length = min(len(own), len(other))
    both = zip(own[len(own) - length :], other[len(other) - length :], strict=True)
    kind = returns.logarithmic
    return [(log_return(a, logarithmic=kind), log_return(h, logarithmic=kind)) for a, h in both]


def _window(pairs: Sequence[Pair]) -> tuple[float, float] | None:
    own = [pair[0] for pair in pairs if pair[0] is not None]
    other = [pair[1] for pair in pairs if pair[1] is not None]
    return (math.fsum(own), math.fsum(other)) if len(own) == len(other) == len(pairs) else None


def _summed_slope(rows: Sequence[Row | None], ratio: float, worth: float) -> Beta | None:
    """Weighted least squares about zero of the first on the others; `worth`: effective returns a row of full weight.

    The newest row weighs 1, each older one `ratio` times the next. None where there are too few rows, or where the
    others (the anchor with its lags) cannot be told apart.
    """
    ages = accumulate(repeat(ratio, max(0, len(rows) - 1)), mul, initial=1.0)
    weighted = [(w, row) for w, row in zip(ages, reversed(rows), strict=False) if row is not None]
    total = math.fsum(w for w, _ in weighted)
    if not weighted or total <= 0.0:
        return None
    count = len(weighted[0][1][1])
    effective = worth * total * total / math.fsum(w * w for w, _ in weighted)
    own = math.fsum(w * y * y for w, (y, _) in weighted) / total
    both = [math.fsum(w * y * x[k] for w, (y, x) in weighted) / total for k in range(count)]
    others = [
        [math.fsum(w * x[k] * x[m] for w, (_, x) in weighted) / total for m in range(count)] for k in range(count)
    ]
    factor = linear.cholesky(others)
    if factor is None or not own > 0.0 or effective < EFFECTIVE_MIN + count - 1:
        return None
    slopes = linear.back(factor, both)
    share = max(0.0, min(1.0, linear.dot(slopes, both) / own))
    value = math.fsum(slopes)
    # The variance of a sum of slopes is 1' S^-1 1 times the residual variance, per return.
    factor_sum = math.fsum(linear.back(factor, [1.0] * count))
    error = math.sqrt(own * (1.0 - share) * factor_sum / (effective - count))
    correlation = math.copysign(math.sqrt(share), value)
    return Beta(value=value, error=error, correlation=correlation, effectiveness=share, samples=len(weighted))
