"""Tilts: long one side, short the other, on top of whatever is held.

The long side is `size` of the base. With dollar neutrality the short side is worth as much; with beta neutrality it is
worth beta(long) / beta(short) times as much, so that a move of the market moves neither (formulas.md 1: +5 % of ETH
with a beta of 1.2 takes 6,000 of BTC against 5,000).
"""

from collections.abc import Collection
from decimal import Decimal

from bot.calc.forms import Whole, of_share
from bot.domain.targets import Neutrality, TiltTarget
from bot.domain.units import ONE, ZERO, Asset
from bot.policy import measures
from bot.policy.purse import Scope
from bot.policy.view import Aim, Missing, plain


def aims(target: TiltTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...] | Missing:
    """Both sides of a tilt."""
    base = scope.base(target, target.basis, (*target.long, *target.short))
    if isinstance(base, Missing):
        return base
    ratio, note = ONE, ""
    if target.neutral is Neutrality.BETA:
        found = _ratio(target, scope)
        if isinstance(found, Missing):
            return found
        ratio, note = found, f"short side x {plain(found)} for equal betas"
    sizes = {asset: target.size * share for asset, share in target.long.items()}
    for asset, share in target.short.items():
        sizes[asset] = sizes.get(asset, ZERO) - target.size * share * ratio
    return tuple(_aim(target, asset, size, base, note) for asset, size in sizes.items() if asset in assets)


def _aim(target: TiltTarget, asset: Asset, size: Decimal, base: Whole, note: str) -> Aim:
    return Aim(
        target=target.name,
        asset=asset,
        amount=of_share(size, base),
        scale=of_share(size, base),
        base=of_share(ONE, base),
        band=target.band,
        note=note,
    )


def _ratio(target: TiltTarget, scope: Scope) -> Decimal | Missing:
    """beta(long) / beta(short). A short side without a market of its own has none."""
    betas: dict[Asset, Decimal] = {}
    for asset in (*target.long, *target.short):
        beta = target.betas.get(asset)
        if beta is None:
            measured = measures.beta(asset, target.benchmark, scope.view.moments)
            if isinstance(measured, Missing):
                return measured
            beta = measured
        betas[asset] = beta
    up = sum((share * betas[asset] for asset, share in target.long.items()), ZERO)
    down = sum((share * betas[asset] for asset, share in target.short.items()), ZERO)
    if up <= 0 or down <= 0:
        return Missing("beta", f"betas of {plain(up)} and {plain(down)} cannot balance one another")
    return round(up / down, measures.PLACES)
