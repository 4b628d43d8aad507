"""Cash hedges: a share of the base is taken out of the market through a short of one liquid anchor.

short = share x beta x base (formulas.md 1). A measured beta is that of what is held: share x the sum of each coin's
value times its own beta, which is linear in prices, so that a coin that grows is hedged more by itself.
"""

from collections.abc import Collection
from decimal import Decimal

from bot.calc.forms import Form, Whole, of_share
from bot.domain.targets import CashTarget
from bot.domain.units import ONE, ZERO, Asset
from bot.policy import measures
from bot.policy.purse import STABLECOINS, Scope, summed
from bot.policy.rows import never
from bot.policy.view import Aim, Missing, plain


def aims(target: CashTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...] | Missing:
    """The short of the anchor."""
    base = scope.base(target, target.basis, (target.anchor,))
    if isinstance(base, Missing) or target.anchor not in assets:
        return base if isinstance(base, Missing) else ()
    amount, note = of_share(-target.share * (ONE if target.beta is None else target.beta), base), ""
    if target.beta is None:
        found = _measured(target, base, scope)
        if isinstance(found, Missing):
            return found
        amount, note = found
    return (
        Aim(
            target=target.name,
            asset=target.anchor,
            amount=amount,
            scale=amount,
            base=of_share(ONE, base),
            band=target.band,
            conditions=() if target.beta is not None or base.coins else (never(scope.view.prices),),
            note=note,
        ),
    )


def _measured(target: CashTarget, base: Whole, scope: Scope) -> tuple[Form, str] | Missing:
    """The share of the sum of value x beta. A fixed base has no coins: it takes the beta of all that is seen."""
    coins = base.coins or scope.counted(target)
    held = base if base.coins else summed(ZERO, {a: q for a, q in coins.items() if q}, scope.view)
    if isinstance(held, Missing):
        return held
    weighed: dict[Asset, Decimal] = {}
    for asset, quantity in sorted(coins.items()):
        if asset in STABLECOINS or not quantity:
            continue
        beta = measures.beta(asset, target.anchor, scope.view.moments)
        if isinstance(beta, Missing):
            return beta
        weighed[asset] = quantity * beta
    value = sum((quantity * scope.view.prices[asset] for asset, quantity in weighed.items()), ZERO)
    beta = round(value / held.value, measures.PLACES)
    note = f"beta of what is held to {target.anchor}: {plain(beta)}"
    if base.coins:
        return Form(ZERO, {asset: -target.share * quantity for asset, quantity in weighed.items()}), note
    return of_share(-target.share * beta, base), note
