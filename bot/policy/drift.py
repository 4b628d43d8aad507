"""How restless deviations are, before anybody has seen it: the drift of weights, from the returns of what is held.

Measured drift is better, since it has deposits, fills and collateral in it. Until there is any, the weights of a base
drift as prices move: the exposure of asset i by w_i r_i, and its target by w_i times the return of the base. That of
net asset value, with the overlay's profit in it, is the return of the weights; that of what is owned, of those coins.
Source: formulas.md 3, step 1, and `bot.calc.autoband.weight_variances`.
"""

from collections.abc import Mapping, Sequence

from bot.calc import moments
from bot.calc.autoband import YEAR_NS, weight_variances
from bot.calc.forms import Whole
from bot.domain.targets import Base, ParityTarget, WeightsTarget
from bot.domain.units import Asset
from bot.policy.judge import Judged
from bot.policy.purse import STABLECOINS, Scope

MOVED_MIN = 1e-6
"""Coins that are worth less than this part of a base do not move it."""


def of_returns(judged: Sequence[Judged], scope: Scope, nav: Whole) -> Mapping[Asset, float]:
    """The variance of each deviation's untraded increments, as a fraction of NAV, a year; what is unknown is left out.

    That is every asset whose exposure no single weight of a base sets, and all of a base that holds coins of which
    there are no returns.
    """
    out: dict[Asset, float] = {}
    for target in scope.targets:
        if isinstance(target, WeightsTarget | ParityTarget):
            mine = [one for one in judged if [aim.target for aim in one.aims] == [target.name]]
            out |= _of_base(mine, target.basis.base, scope, nav) if mine else {}
    return out


def _of_base(judged: Sequence[Judged], kind: Base, scope: Scope, nav: Whole) -> Mapping[Asset, float]:
    base, known = judged[0].aims[0].scale.whole, scope.view.moments
    assert base is not None, "a weight is of a base"
    if known is None or base.value <= 0:
        return {}
    weights = {one.asset: float(one.aims[0].scale.share) for one in judged}
    moved = _moved(weights, base, kind, scope)
    names = tuple(dict.fromkeys((*weights, *moved)))
    covariance = moments.covariance(known, names)
    if covariance is None:
        return {}
    own, whole = ([one.get(asset, 0.0) for asset in names] for one in (weights, moved))
    scale = float(base.value / nav.value) ** 2 * YEAR_NS / known.interval_ns
    found = dict(zip(names, weight_variances(own, covariance, whole), strict=True))
    return {asset: found[asset] * scale for asset in weights}


def _moved(weights: Mapping[Asset, float], base: Whole, kind: Base, scope: Scope) -> dict[Asset, float]:
    """The shares of a base that each coin moves: cash moves nothing, and a fixed amount is never moved."""
    if kind is Base.FIXED:
        return {}
    prices = scope.view.prices
    held = {a: float(q * prices[a] / base.value) for a, q in base.coins.items() if a not in STABLECOINS}
    moved = {asset: share for asset, share in held.items() if abs(share) > MOVED_MIN}
    return moved if kind is Base.OWNED else moved | dict(weights)
