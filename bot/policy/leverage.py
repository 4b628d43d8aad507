"""Leverage up: a long overlay that brings the exposure to a multiple of the base.

exposure = leverage x weight x base, of which coins that are held are a part already. `leverage_max` bounds it twice:
no aim is above it, and where the band would let the exposure drift beyond it, that is the edge of the band and nothing
is waited for beyond it.
"""

from collections.abc import Collection
from decimal import Decimal

import msgspec

from bot.calc.forms import added
from bot.domain.bands import Band, Unit, Width
from bot.domain.targets import LeverageTarget, WeightsMode
from bot.domain.units import Asset
from bot.policy import basket
from bot.policy.purse import Scope
from bot.policy.rows import MINUS, Prices, width
from bot.policy.view import Aim, Missing, plain


def aims(target: LeverageTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...] | Missing:
    """What a leverage target wants of those of its assets that can be traded."""
    base = scope.base(target, target.basis, tuple(target.weights))
    if isinstance(base, Missing):
        return base
    leverage = min(target.leverage, target.leverage_max)
    weights = {asset: share * leverage for asset, share in target.weights.items()}
    mode = WeightsMode.FULL_REBALANCE
    plain_aims = basket.exposures(target, weights, base, target.band, mode, scope, assets, _told(target, leverage))
    room = target.leverage_max - leverage
    if room <= 0:
        return plain_aims
    return tuple(_bounded(aim, target.band, room * target.weights[aim.asset], scope.view.prices) for aim in plain_aims)


def _bounded(aim: Aim, band: Band, room: Decimal, prices: Prices) -> Aim:
    """The aim with its upper edge no further than `room`, a fraction of the base."""
    top = aim.base.times(room)
    further = added((width(aim, band.trigger, prices), top.times(MINUS)))
    if further.value(prices) <= 0:
        return msgspec.structs.replace(aim, conditions=(further.times(MINUS),))
    edge = Width(room, Unit.POINTS)
    end = band.destination if width(aim, band.destination, prices).value(prices) <= top.value(prices) else edge
    narrowed = Band(edge, end, band.edge(above=False), band.end(above=False), edge)
    return msgspec.structs.replace(aim, band=narrowed, conditions=(further,))


def _told(target: LeverageTarget, leverage: Decimal) -> str:
    if leverage < target.leverage:
        return f"leverage bounded at {plain(leverage)}"
    return (
        "" if leverage < target.leverage_max else "leverage_max leaves no room above leverage: the band alone bounds it"
    )
