"""Risk parity: weights in which each asset carries the same risk; a rule of weights, no hedge ratio (formulas.md 2.8).

By inverse volatility the assets are taken for uncorrelated (one that is three times as volatile has a third of the
weight); by equal risk their covariances count. Weights are exact numbers of four places that add up to the exposure.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from bot.calc import moments
from bot.calc import parity as rules
from bot.domain.statistics import Matrix
from bot.domain.targets import ParityMethod, ParityTarget
from bot.domain.units import ZERO, Asset
from bot.policy import basket, measures
from bot.policy.purse import Scope
from bot.policy.view import Aim, Missing, plain


def aims(target: ParityTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...] | Missing:
    """What a risk-parity target wants of those of its assets that can be traded."""
    found = weights(target, scope)
    if isinstance(found, Missing):
        return found
    note = "weights " + ", ".join(f"{asset} {plain(weight)}" for asset, weight in found.items())
    return basket.by_weight(target, found, target.band, target.mode, scope, assets, note)


def weights(target: ParityTarget, scope: Scope) -> Mapping[Asset, Decimal] | Missing:
    """The weights by the target's method."""
    if target.method is ParityMethod.EQUAL_RISK:
        covariance = _covariance(target, scope)
        if isinstance(covariance, Missing):
            return covariance
        shares = rules.equal_risk(covariance, float(target.exposure))
    else:
        volatilities = _volatilities(target, scope)
        if isinstance(volatilities, Missing):
            return volatilities
        shares = rules.inverse_volatility(volatilities, float(target.exposure))
    if shares is None:
        return Missing(target.name, f"{target.name}: no weights carry the same risk with these volatilities")
    return _exact(target, shares)


def _volatilities(target: ParityTarget, scope: Scope) -> list[float] | Missing:
    """As given, all of them, in whatever unit of time; else as measured."""
    if target.volatilities:
        return _given(target)
    out = []
    for asset in target.assets:
        found = measures.volatility(asset, scope.view.moments)
        if isinstance(found, Missing):
            return found
        out.append(found)
    return out


def _given(target: ParityTarget) -> list[float] | Missing:
    if absent := [asset for asset in target.assets if asset not in target.volatilities]:
        return Missing(absent[0], f"the volatility of {absent[0]} is not given, though others are")
    return [float(target.volatilities[asset]) for asset in target.assets]


def _covariance(target: ParityTarget, scope: Scope) -> Matrix | Missing:
    """As measured; where volatilities are given, with the measured correlations."""
    measured = scope.view.moments
    found = None if measured is None else moments.covariance(measured, target.assets)
    if found is None or not all(row[i] > 0 for i, row in enumerate(found)):
        return Missing(target.name, f"{target.name}: the covariances of {', '.join(target.assets)} are unknown")
    if not target.volatilities:
        return found
    given = _given(target)
    if isinstance(given, Missing):
        return given
    factors = [one / found[i][i] ** 0.5 for i, one in enumerate(given)]
    return tuple(tuple(x * factors[i] * factors[j] for j, x in enumerate(row)) for i, row in enumerate(found))


def _exact(target: ParityTarget, shares: Sequence[float]) -> Mapping[Asset, Decimal]:
    """Rounded, with what rounding left given to the largest, so that they add up."""
    out = {asset: measures.rounded(share) for asset, share in zip(target.assets, shares, strict=True)}
    largest = max(out, key=lambda asset: (abs(out[asset]), asset))
    out[largest] += target.exposure - sum(out.values(), ZERO)
    return out
