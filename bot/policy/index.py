"""Index hedges: a group of assets is brought down to a weight of the base by a short of one index contract.

short = beta x (value of the group - weight x base), never a long (formulas.md 1: alts of 70 % against 50 % take a short
of 20 % of NAV times beta). Of several contracts the one that follows the group best is taken, by tracking error and not
by name; the one that is held stays until another is better by SWITCH_BUFFER. A broad index also sells what it holds
beside the group: that is part of the exposures, and told.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal

from bot.calc import tracking
from bot.calc.forms import Form, Whole, added, of_share
from bot.domain.targets import IndexTarget
from bot.domain.units import ONE, ZERO, Asset, Qty
from bot.policy import measures
from bot.policy.purse import Scope
from bot.policy.rows import never
from bot.policy.view import Aim, Missing, View, plain

SWITCH_BUFFER = 0.005
"""By how much a year another contract must be better (tracking error + cost) before a held one is left for it."""


def aims(target: IndexTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...] | Missing:
    """The short of the chosen contract; nothing is wanted of the other ones."""
    base = scope.base(target, target.basis, target.assets)
    if isinstance(base, Missing):
        return base
    group = {asset: scope.held(target, asset) for asset in target.assets if asset in scope.view.parts}
    usable = [one for one in target.indices if one in assets]
    if unknown := [asset for asset in target.assets if asset not in group or asset not in scope.view.prices]:
        return Missing(unknown[0], f"the value of {', '.join(unknown)} is unknown")
    chosen = _chosen(target, usable, group, scope.view)
    if isinstance(chosen, Missing):
        return chosen
    contract, beta, note = chosen
    return tuple(
        _aim(target, one, beta if one == contract else ZERO, base, group, note if one == contract else "", scope.view)
        for one in usable
    )


def _aim(
    target: IndexTarget, asset: Asset, beta: Decimal, base: Whole, group: Mapping[Asset, Qty], note: str, view: View
) -> Aim:
    excess = added((Form(ZERO, {one: -quantity for one, quantity in group.items()}), of_share(target.weight, base)))
    amount = excess.times(beta)
    # Which contract is best, and a measured beta, turn with the group's own composition: with every price.
    settled = target.beta is not None and len(target.indices) == 1
    return Aim(
        target=target.name,
        asset=asset,
        amount=amount,
        # Not the excess: beside its weight the group has none, and a part of nothing would be no band at all.
        scale=Form(ZERO, dict(group)),
        base=of_share(ONE, base),
        band=target.band,
        most=ZERO,
        conditions=() if settled else (never(view.prices),),
        note=note,
    )


def _chosen(
    target: IndexTarget, usable: Collection[Asset], group: Mapping[Asset, Qty], view: View
) -> tuple[Asset, Decimal, str] | Missing:
    """The contract, its beta, and what a person should know of it."""
    if not usable:
        return Missing(target.name, f"none of {', '.join(target.indices)} has a future that could be traded")
    if target.beta is not None and len(usable) == 1:
        (only,) = usable
        return only, target.beta, _told(only, view, "")
    if view.moments is None:
        return Missing(target.name, f"no statistics of returns yet to choose among {', '.join(usable)}")
    ranked = tracking.rank(
        view.moments,
        {asset: float(quantity * view.prices[asset]) for asset, quantity in group.items()},
        [_candidate(one, view) for one in usable],
        ratio=None if target.beta is None else float(target.beta),
    )
    held = next((one for one in usable if one in view.parts and view.parts[one].futures), None)
    best = tracking.choose(ranked, held, SWITCH_BUFFER)
    if best is None or best.ratio is None:
        return Missing(target.name, "; ".join(one.why for one in ranked))
    beta = measures.rounded(best.ratio) if target.beta is None else target.beta
    return best.asset, beta, _told(best.asset, view, best.why)


def _candidate(asset: Asset, view: View) -> tracking.Candidate:
    """A short receives what a long pays: positive funding makes it cheaper."""
    composition = {one: float(share) for one, share in view.indices.get(asset, {}).items()}
    return tracking.Candidate(asset=asset, composition=composition, cost=-view.funding_apr.get(asset, 0.0))


def _told(asset: Asset, view: View, why: str) -> str:
    """The choice, and what else the contract moves."""
    parts = ", ".join(f"{plain(share * 100)} % {one}" for one, share in sorted(view.indices.get(asset, {}).items()))
    through = f"{asset} also moves {parts}" if parts else f"what {asset} is made of is not known"
    return f"{why}; {through}" if why else through
