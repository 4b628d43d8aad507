"""Weights targets: each asset's net exposure is kept at its weight of a base.

full_rebalance trades every asset to w B; trim_only only ever sells, so that its target is min(holding, w B / price).
When one asset breaches, the whole basket is corrected together: what one leg sells another buys.
Source: formulas.md 1 (deviation $, +-5 % band) and 2.13 (bases).
"""

from collections.abc import Collection, Mapping
from decimal import Decimal

from bot.calc.forms import Whole, less, of_share
from bot.domain.bands import Auto, Band
from bot.domain.targets import LeverageTarget, ParityTarget, WeightsMode, WeightsTarget
from bot.domain.units import ONE, ZERO, Asset
from bot.policy.purse import Scope, undeclared
from bot.policy.view import Aim, Missing


def aims(target: WeightsTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...] | Missing:
    """What a weights target wants of those of its assets that can be traded."""
    return by_weight(target, target.weights, target.band, target.mode, scope, assets)


def by_weight(
    target: WeightsTarget | ParityTarget,
    weights: Mapping[Asset, Decimal],
    band: Band | Auto,
    mode: WeightsMode,
    scope: Scope,
    assets: Collection[Asset],
    note: str = "",
) -> tuple[Aim, ...] | Missing:
    """Exposures at these weights of the target's base."""
    base = scope.base(target, target.basis, tuple(weights))
    if isinstance(base, Missing):
        return base
    if refused := undeclared(target.basis, weights, base, scope.view):
        return refused
    return exposures(target, weights, base, band, mode, scope, assets, note)


def exposures(
    target: WeightsTarget | ParityTarget | LeverageTarget,
    weights: Mapping[Asset, Decimal],
    base: Whole,
    band: Band | Auto,
    mode: WeightsMode,
    scope: Scope,
    assets: Collection[Asset],
    note: str = "",
) -> tuple[Aim, ...]:
    """The overlays that bring each exposure from what is held to its weight of the base."""
    whole, asked = of_share(ONE, base), frozenset(assets)
    most = ZERO if mode is WeightsMode.TRIM_ONLY else None
    return tuple(
        [
            Aim(
                target=target.name,
                asset=asset,
                amount=less(share := of_share(weight, base), asset, scope.held(target, asset)),
                scale=share,
                base=whole,
                band=band,
                most=most,
                note=note,
            )
            for asset, weight in weights.items()
            if asset in asked
        ]
    )
