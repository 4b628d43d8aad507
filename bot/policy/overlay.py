"""Ratio targets: a share of each holding is hedged, whatever its price.

target = (1 - ratio) x holding, so that exposure - target = futures + ratio x holding: a coin-matched short needs no
trade when the price moves (formulas.md 2.1). A relative band is a fraction of the coins to be hedged.
"""

from bot.calc import bands, boxes
from bot.domain.hedge import Need
from bot.domain.rules import RatioTarget, Unit
from bot.domain.units import ONE, ZERO, Asset, InstrumentId
from bot.policy.view import View, need


def _deviation(target: RatioTarget, asset: Asset, view: View) -> bands.Deviation:
    parts = view.parts[asset]
    hedged = target.ratio * parts.holding
    return bands.Deviation(
        space=bands.Space.COINS,
        amount=parts.futures + parts.working + hedged,
        scale=hedged,
        base=ZERO,
        price=view.prices[asset],
    )


def needs(target: RatioTarget, asset: Asset, view: View, *, correcting: bool) -> tuple[Need, ...]:
    """The one need of an asset under a ratio target."""
    parts = view.parts[asset]
    aim = (ONE - target.ratio) * parts.holding
    return (need(asset, parts, aim, _deviation(target, asset, view), target.band, correcting=correcting),)


def rows(target: RatioTarget, asset: Asset, pricing: InstrumentId, view: View) -> list[boxes.Row]:
    """What must hold for no hedge to be called for; only a band in quote currency depends on the price."""
    if target.band.trigger.unit is not Unit.QUOTE:
        return []
    amount = abs(_deviation(target, asset, view).amount)
    return [boxes.Row(float(target.band.trigger.value), {pricing: -float(amount)})]
