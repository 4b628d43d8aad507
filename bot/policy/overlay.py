"""Ratio targets: a share of each holding is hedged, whatever its price.

overlay = -ratio x holding, so that exposure - target = futures + ratio x holding: a coin-matched short needs no trade
when the price moves (formulas.md 2.1). A relative band is a fraction of the coins to be hedged.
"""

from collections.abc import Collection

from bot.calc.forms import NOTHING, of_coins
from bot.domain.targets import RatioTarget
from bot.domain.units import Asset
from bot.policy.purse import Scope
from bot.policy.view import Aim


def aims(target: RatioTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...]:
    """What a ratio target wants of those of its assets that are asked for."""
    out = []
    for asset in assets:
        if asset in target.assets:
            hedged = target.ratio * scope.held(target, asset)
            out.append(
                Aim(
                    target=target.name,
                    asset=asset,
                    amount=of_coins(asset, -hedged),
                    scale=of_coins(asset, hedged),
                    base=NOTHING,
                    band=target.band,
                )
            )
    return tuple(out)
