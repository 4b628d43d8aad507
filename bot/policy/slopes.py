"""The slopes of a coin on a proxy's anchors: given, measured or believed; and whether they still hold."""

import math
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.calc import beta as calc
from bot.calc import linear, minvar, moments
from bot.domain.statistics import Beta, Moments
from bot.domain.targets import ProxyTarget
from bot.domain.units import ZERO, Asset
from bot.policy import measures
from bot.policy.view import Missing, View, plain

RECOVERY_EFFECTIVENESS = 0.05
"""How much more of its R squared than the least a coin must have before it counts as coupled again."""
RECOVERY_Z = calc.DECOUPLED_Z / 2
"""And how near its fast correlation must be to the slow one: at the edge a hedge would be turned to and fro."""


class Slopes(msgspec.Struct, frozen=True, kw_only=True):
    """How a coin moves with its anchors, and where that comes from. `broken` says why it no longer does."""

    betas: Mapping[Asset, Decimal]
    source: str
    broken: str = ""

    def told(self, asset: Asset) -> str:
        """The betas in words."""
        named = ", ".join(f"{plain(beta)} {anchor}" for anchor, beta in self.betas.items())
        return f"{asset} = {named} ({self.source})"


def of(target: ProxyTarget, asset: Asset, view: View) -> Slopes | Missing:
    """The slopes of one coin, by what is given, else by what was measured."""
    given = target.betas.get(asset)
    if given is not None:
        return _given(target, asset, given, view)
    if view.moments is None:
        return Missing(asset, f"no statistics of returns yet, so that the beta of {asset} is unknown")
    if len(target.anchors) == 1:
        return _single(target, asset, view, view.moments)
    return _several(target, asset, view, view.moments)


def _given(target: ProxyTarget, asset: Asset, given: Mapping[Asset, Decimal], view: View) -> Slopes | Missing:
    if absent := [anchor for anchor in target.anchors if anchor not in given]:
        return Missing(asset, f"the beta of {asset} to {absent[0]} is not given, though others are")
    broken = "" if view.moments is None else _left(target, asset, view, view.moments, effectiveness_min=0.0)
    return Slopes(betas={anchor: given[anchor] for anchor in target.anchors}, source="given", broken=broken)


def _single(target: ProxyTarget, asset: Asset, view: View, known: Moments) -> Slopes | Missing:
    (anchor,) = target.anchors
    found = measures.measured(asset, anchor, known, target.samples_min)
    if isinstance(found, Missing):
        return found
    broken = _left(target, asset, view, known, _least(target, asset, view))
    if found.error > float(target.beta_error_max):
        return Slopes(betas={anchor: target.beta_prior}, source=f"prior: {_error(found)}", broken=broken)
    peers = [calc.beta(known, one, anchor, target.samples_min) for one in target.assets if one != anchor]
    spread = calc.spread([one for one in peers if one is not None])
    shrunk = calc.shrunk(found, float(target.beta_prior), spread, view.prior_weight)
    return Slopes(betas={anchor: measures.rounded(shrunk.value)}, source=_error(found), broken=broken)


def _several(target: ProxyTarget, asset: Asset, view: View, known: Moments) -> Slopes | Missing:
    """Slopes of least variance. Where any of them is too uncertain the prior stands on the first anchor alone."""
    covariance = moments.covariance(known, (asset, *target.anchors), target.samples_min)
    places = tuple(range(1, len(target.anchors) + 1))
    betas = None if covariance is None else minvar.betas(covariance, 0, places)
    if covariance is None or betas is None or not covariance[0][0] > 0.0:
        names = ", ".join(target.anchors)
        return Missing(asset, f"the betas of {asset} to {names} are unknown: too few returns, or anchors alike")
    explained = linear.dot(betas, [covariance[0][j] for j in places])
    share = max(0.0, min(1.0, explained / covariance[0][0]))
    error = _errors(target, asset, known, covariance[0][0] * (1.0 - share))
    broken, least = _left(target, asset, view, known, effectiveness_min=0.0), _least(target, asset, view)
    if share < least:
        low = f"effectiveness {share:.3f} is below {least:.3f}"
        broken = f"{low}; {broken}" if broken else low
    source = f"effectiveness {share:.3f}, largest standard error {error:.3f}"
    if not error <= float(target.beta_error_max):
        prior = dict.fromkeys(target.anchors, ZERO) | {target.anchors[0]: target.beta_prior}
        return Slopes(betas=prior, source=f"prior: {source}", broken=broken)
    exact = {anchor: measures.rounded(one) for anchor, one in zip(target.anchors, betas, strict=True)}
    return Slopes(betas=exact, source=source, broken=broken)


def _errors(target: ProxyTarget, asset: Asset, known: Moments, residual: float) -> float:
    """The largest standard error of several slopes: residual variance x the diagonal of the inverse, per return."""
    anchors = target.anchors
    inner = moments.covariance(known, anchors)
    effective = min(moments.weight(known, asset, anchor) for anchor in anchors)
    free = effective - len(anchors)
    if inner is None or free <= 0.0:
        return math.inf
    worst = 0.0
    for k in range(len(anchors)):
        unit = [1.0 if j == k else 0.0 for j in range(len(anchors))]
        column = linear.solve(inner, unit)
        worst = math.inf if column is None else max(worst, column[k])
    return math.sqrt(residual * worst / free)


def _least(target: ProxyTarget, asset: Asset, view: View) -> float:
    """The R squared below which a coin counts as decoupled; one that did already needs more than that."""
    return float(target.effectiveness_min) + (RECOVERY_EFFECTIVENESS if asset in view.decoupled else 0.0)


def _left(target: ProxyTarget, asset: Asset, view: View, known: Moments, effectiveness_min: float) -> str:
    """Why the coin no longer moves with its anchors; empty where it does, or where nobody can say."""
    z_max = RECOVERY_Z if asset in view.decoupled else calc.DECOUPLED_Z
    found = (calc.decoupling(known, asset, anchor, effectiveness_min, z_max=z_max) for anchor in target.anchors)
    return "; ".join(one.why for one in found if one is not None and one.broken)


def _error(found: Beta) -> str:
    return f"measured {found.value:.3f} with a standard error of {found.error:.3f}, R2 {found.effectiveness:.3f}"
