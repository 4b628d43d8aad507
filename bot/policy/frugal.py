"""What a proxy hedge keeps of itself where its costs count: the L1 program of formulas.md 2.8, on the hedge's values.

Risk is weighed against fees and expected funding over HORIZON_DAYS, per NAV. What comes back is a share of each plain
amount, so that the aim stays a form; since the program looks at values, it is solved anew whenever a price moves.
Costs are those of the way from what is booked to the target: what stands already costs nothing to keep, so that a
spread that opens for a moment closes no hedge (it would be paid twice, there and back).
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.calc import minvar, moments
from bot.calc.forms import Form
from bot.domain.targets import ProxyTarget
from bot.domain.units import DAY_NS, ZERO, Asset
from bot.policy import measures
from bot.policy.purse import Scope
from bot.policy.rows import never
from bot.policy.view import Missing, plain

AVERSION = 100.0
"""Risk aversion per NAV: that at which the bands of a common book are some tenths of a per cent (formulas.md 3)."""
HORIZON_DAYS = 30
"""How long a hedge is expected to stand: its cost is paid once, its risk and funding for so long."""


class Kept(msgspec.Struct, frozen=True):
    """Which share of each plain amount is worth its cost; all of it where nothing is said."""

    shares: Mapping[Asset, Decimal] = {}
    conditions: tuple[Form, ...] = ()
    note: str = ""


def shares(target: ProxyTarget, plain_amounts: Mapping[Asset, Form], scope: Scope) -> Kept | Missing:
    """Solve for the amounts and say them as shares of the plain ones."""
    view, nav = scope.view, scope.nav()
    if isinstance(nav, Missing):
        return nav
    assets = tuple(dict.fromkeys((*target.assets, *plain_amounts)))
    known = None if view.moments is None else moments.covariance(view.moments, assets, target.samples_min)
    if view.moments is None or known is None:
        return Missing(
            target.name, f"the covariances of {', '.join(assets)} are unknown, so that no cost can be weighed"
        )
    if unknown := [asset for asset in plain_amounts if asset not in view.costs]:
        return Missing(unknown[0], f"what a trade of {unknown[0]} costs is unknown")
    booked = view.booked.get(target.name, {})
    wanted = {asset: float(form.value(view.prices)) for asset, form in plain_amounts.items()}
    instruments = [
        minvar.Instrument(
            name=asset,
            moves={asset: 1.0},
            now=float(booked.get(asset, ZERO) * view.prices[asset]),
            cost=view.costs[asset],
            carry=view.funding_apr.get(asset, 0.0) * HORIZON_DAYS / 365,
        )
        for asset in plain_amounts
    ]
    exposure = {a: float(target.ratio * scope.held(target, a) * view.prices[a]) for a in target.assets}
    found = minvar.constrained(
        known,
        assets,
        exposure,
        instruments,
        aversion=AVERSION / float(nav.value),
        intervals=HORIZON_DAYS * DAY_NS / view.moments.interval_ns,
    )
    if found is None or not found.converged:
        return Missing(target.name, f"{target.name}: no hedge of least risk and cost could be found")
    kept = {a: _share(z, wanted[a]) for a, z in zip(plain_amounts, found.amounts, strict=True)}
    told = ", ".join(f"{plain(share * 100)} % of {asset}" for asset, share in kept.items())
    return Kept(kept, (never(view.prices),), f"worth its cost: {told}")


def _share(amount: float, wanted: float) -> Decimal:
    """0 to 1: costs only ever make a hedge smaller than the plain one."""
    if wanted == 0.0:
        return ZERO
    return measures.rounded(min(max(amount / wanted, 0.0), 1.0))
