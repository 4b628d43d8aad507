"""Which index contract follows a basket best: by tracking error and cost, never by its name (formulas.md 2.8).

The basket has weights w that add up to its own value. A short of h times its value in an index with weights v leaves
Var(w'r - h v'r), plus the variance of the contract's own basis. An index that has returns of its own is measured by
those, which hold its basis; another one is looked through to what it is composed of.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from bot.calc import linear
from bot.calc.beta import annual
from bot.calc.moments import covariance, unmeasured
from bot.domain.statistics import Matrix, Moments
from bot.domain.units import Asset


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An index contract. `cost`: what a short of it costs a year, as a fraction of its value (negative: it earns).

    `composition`: its weights, adding up to 1. `basis_variance`: of the contract against its index, per interval;
    counted only where the index is looked through.
    """

    asset: Asset
    composition: Mapping[Asset, float] = {}
    cost: float = 0.0
    basis_variance: float = 0.0


class Tracked(msgspec.Struct, frozen=True, kw_only=True):
    """How well an index contract follows the basket. `error`, `cost` and `score`: a year's, per value of the basket.

    `ratio` is the value of the contract that is shorted for one of the basket, `effectiveness` the share of the
    basket's variance which that takes away (below 0 where it adds to it). All of them are None where it is not known.
    """

    asset: Asset
    ratio: float | None
    error: float | None
    effectiveness: float | None
    cost: float
    score: float | None
    why: str


def rank(
    moments: Moments,
    basket: Mapping[Asset, float],
    candidates: Sequence[Candidate],
    *,
    ratio: float | None = None,
    samples_min: int = 1,
) -> tuple[Tracked, ...]:
    """The candidates, the best first: by tracking error + ratio x cost, equal ones by name, unknown ones last.

    `basket`: values or weights of its assets, not adding up to 0. `ratio` None: each contract's own best, the slope
    of the basket on it.
    """
    rows = [_tracked(moments, basket, candidate, ratio, samples_min) for candidate in candidates]
    return tuple(sorted(rows, key=lambda row: (math.inf if row.score is None else row.score, row.asset)))


def choose(ranked: Sequence[Tracked], held: Asset | None = None, buffer: float = 0.0) -> Tracked | None:
    """The best contract; the `held` one for as long as none is better by more than `buffer` (of score, a year).

    None where no contract is known to follow the basket.
    """
    known = [row for row in ranked if row.score is not None]
    if not known:
        return None
    best = known[0]
    for row in known:
        if row.asset == held and row.score is not None and best.score is not None:
            return best if row.score - best.score > buffer else row
    return best


def _tracked(
    moments: Moments, basket: Mapping[Asset, float], candidate: Candidate, ratio: float | None, samples_min: int
) -> Tracked:
    total = math.fsum(basket.values())
    shares = {asset: value / total for asset, value in sorted(basket.items())} if total else {}
    look = _look(moments, shares, candidate, samples_min)
    if isinstance(look, str):
        return _unknown(candidate, look)
    known, assets, index, basis = look
    w = [shares.get(asset, 0.0) for asset in assets]
    own, both = linear.quadratic(known, w), linear.dot(w, linear.product(known, index))
    other = linear.quadratic(known, index) + basis
    if not own > 0.0 or not other > 0.0:
        return _unknown(candidate, "basket or index does not move")
    h = both / other if ratio is None else ratio
    left = [a - h * v for a, v in zip(w, index, strict=True)]
    variance = max(0.0, linear.quadratic(known, left)) + h * h * basis
    error, cost = annual(variance, moments.interval_ns), h * candidate.cost
    by = "its composition" if candidate.asset not in assets else "its own returns"
    return Tracked(
        asset=candidate.asset,
        ratio=h,
        error=error,
        effectiveness=1.0 - variance / own,
        cost=cost,
        score=error + cost,
        why=f"{candidate.asset}: tracking error {error:.4f} a year, cost {cost:.4f}, ratio {h:.3f}, by {by}",
    )


Look = tuple[Matrix, tuple[Asset, ...], list[float], float]


def _look(moments: Moments, shares: Mapping[Asset, float], candidate: Candidate, samples_min: int) -> Look | str:
    """Covariances, their assets, the index's weights in them and its basis variance; or why they are not known."""
    if not shares:
        return "the basket is empty"
    itself = (candidate.asset,) if candidate.asset not in shares else ()
    own = (*shares, *itself)
    known = covariance(moments, own, samples_min)
    if known is not None:
        return known, own, [1.0 if asset == candidate.asset else 0.0 for asset in own], 0.0
    if not candidate.composition:
        return "too few returns of " + ", ".join(unmeasured(moments, own, samples_min))
    parts = (*shares, *(asset for asset in sorted(candidate.composition) if asset not in shares))
    known = covariance(moments, parts, samples_min)
    if known is None:
        return "too few returns of " + ", ".join(unmeasured(moments, parts, samples_min))
    return known, parts, [candidate.composition.get(asset, 0.0) for asset in parts], candidate.basis_variance


def _unknown(candidate: Candidate, why: str) -> Tracked:
    return Tracked(
        asset=candidate.asset,
        ratio=None,
        error=None,
        effectiveness=None,
        cost=candidate.cost,
        score=None,
        why=f"{candidate.asset}: not known, {why}",
    )
