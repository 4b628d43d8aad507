"""Proxy hedges: coins without a future of their own are hedged through anchors that move with them (formulas.md 2.8).

The overlay of anchor h is -ratio x the sum of beta(a, h) x value of a: linear in prices. With one anchor a beta is the
slope of the coin's returns, pulled towards its prior by how badly it is known (Vasicek), and the prior itself where its
standard error is too large; with several it is that of least variance, all of them together. One that rests on too few
returns is unknown. A coin that has left its anchors is told, and hedged as its owner said for that case. Where a cap
or the margin stops one of several anchors, or costs count, the amounts are solved for anew (`frugal`).
"""

from collections.abc import Collection, Mapping
from decimal import Decimal

import msgspec

from bot.calc.forms import Form, added
from bot.domain.targets import Decoupled, ProxyTarget
from bot.domain.units import ONE, ZERO, Asset, Notional, Qty
from bot.policy import frugal, slopes
from bot.policy.frugal import Solved
from bot.policy.purse import Scope
from bot.policy.slopes import Slopes
from bot.policy.view import Aim, Missing, plain


class Hedged(msgspec.Struct, frozen=True):
    """How one coin is hedged: `coins` of it through anchors at `slopes`, or through its own future."""

    asset: Asset
    coins: Qty
    slopes: Mapping[Asset, Decimal]
    note: str


def aims(target: ProxyTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...] | Missing:
    """The shorts of the anchors, and of coins that are hedged by themselves while they are decoupled."""
    if absent := [anchor for anchor in target.anchors if anchor not in assets]:
        return Missing(absent[0], f"the anchor {absent[0]} has no future that could be traded")
    hedged = []
    for asset in target.assets:
        found = _hedged(target, asset, scope, assets)
        if isinstance(found, Missing):
            return found
        hedged.append(found)
    value = Form(ZERO, {one.asset: abs(one.coins) for one in hedged})
    forms = {asset: _amount(hedged, asset) for asset in dict.fromkeys((*target.anchors, *_own(target, assets)))}
    given = any(one.asset in target.betas and one.asset not in target.anchors for one in hedged)
    solved = frugal.solved(target, forms, scope, given=given)
    if isinstance(solved, Missing):
        return solved
    return tuple(_aim(target, asset, value, hedged, solved) for asset in forms)


def _own(target: ProxyTarget, assets: Collection[Asset]) -> tuple[Asset, ...]:
    """Coins that may be hedged by themselves: their futures are the target's even while they are not used."""
    return tuple(a for a in target.assets if a in assets) if target.decoupled is Decoupled.OWN else ()


def _hedged(target: ProxyTarget, asset: Asset, scope: Scope, assets: Collection[Asset]) -> Hedged | Missing:
    if asset not in scope.view.parts or asset not in scope.view.prices:
        return Missing(asset, f"the value of {asset} is unknown")
    coins = target.ratio * scope.held(target, asset)
    if asset in target.anchors:
        return Hedged(asset, coins, {asset: ONE}, "")
    found = slopes.of(target, asset, scope.view)
    if isinstance(found, Missing):
        return found
    if not found.broken and target.decoupled is Decoupled.HOLD and asset in scope.view.decoupled:
        return Missing(asset, f"{asset} had decoupled: held until a person has looked, and arms", decoupled=True)
    if not found.broken:
        return Hedged(asset, coins, found.betas, found.told(asset))
    return _decoupled(target, asset, coins, found, assets)


def _decoupled(
    target: ProxyTarget, asset: Asset, coins: Qty, found: Slopes, assets: Collection[Asset]
) -> Hedged | Missing:
    """What is done with a coin that no longer moves with its anchors."""
    if target.decoupled is Decoupled.HOLD:
        why = f"{asset} has decoupled ({found.broken}): held until a person has looked"
        return Missing(asset, why, decoupled=True)
    if target.decoupled is Decoupled.OWN and asset in assets:
        return Hedged(asset, coins, {asset: ONE}, f"{asset} has decoupled ({found.broken}): hedged by its own future")
    share = target.decoupled_share
    betas = {anchor: beta * share for anchor, beta in found.betas.items()}
    return Hedged(asset, coins, betas, f"{asset} has decoupled ({found.broken}): {plain(share * 100)} % of its proxy")


def _amount(hedged: Collection[Hedged], anchor: Asset) -> Form:
    """The overlay of one instrument: what each coin wants of it."""
    return added(Form(ZERO, {one.asset: -one.coins * one.slopes.get(anchor, ZERO)}) for one in hedged)


def _aim(target: ProxyTarget, asset: Asset, value: Form, hedged: Collection[Hedged], solved: Solved) -> Aim:
    cap: Notional | None = target.anchor_caps.get(asset)
    by_it = [one for one in hedged if asset in one.slopes]
    others = [one.asset for one in by_it if one.asset != asset]
    amount = solved.amounts[asset]
    return Aim(
        target=target.name,
        asset=asset,
        amount=amount,
        scale=amount,
        base=value,
        band=target.band,
        least=None if cap is None else -cap,
        most=cap,
        conditions=solved.conditions,
        cause=others[0] if len(others) == 1 else None,
        note="; ".join(filter(None, (*(one.note for one in by_it), solved.note))),
    )
