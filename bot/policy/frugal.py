"""A proxy hedge where its plain amounts may not be had, or are not worth their cost: the program of formulas.md 2.8.

Plain amounts are what the betas say. Where a cap or the margin stops one of them, what it cuts is worth moving to
anchors that move alike, and where costs count a dear anchor gives way to a cheap one: the least variance within caps
and margin, costs weighed against it, is looked for among all anchors together, and its amounts are taken as solved.
The exposure is seen through the anchors: it is the opposite of the plain amounts, so that these are the answer where
nothing binds, whatever betas (measured, shrunk, believed) they rest on. Risk is weighed against fees and expected
funding over HORIZON_DAYS, per NAV. Costs are those of the way from what is booked to the target: what stands already
costs nothing to keep, so that a spread that opens for a moment closes no hedge (it would be paid twice, there and
back). Funding that a hedge earns counts against its fee and no further: it never makes a hedge larger than its risk.
Amounts that were solved are values at this moment, found anew whenever a price moves.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.calc import minvar, moments
from bot.calc.forms import Form, added
from bot.calc.minvar import Instrument
from bot.domain.statistics import Matrix
from bot.domain.targets import ProxyTarget
from bot.domain.units import DAY_NS, ZERO, Asset, Notional
from bot.policy import measures
from bot.policy.purse import Scope
from bot.policy.rows import MINUS, never
from bot.policy.view import Missing, View, plain

HORIZON_DAYS = 30
"""How long a hedge is expected to stand: its cost is paid once, its risk and funding for so long."""
PLACES = 8
"""Places of an amount that was solved."""


class Solved(msgspec.Struct, frozen=True):
    """What is wanted of each instrument, the conditions under which it is that, and what a person should know of it."""

    amounts: Mapping[Asset, Form]
    conditions: tuple[Form, ...] = ()
    note: str = ""


class Margin(msgspec.Struct, frozen=True):
    """The margin row: each instrument's rate and the most that all of them may need; `note` says why there is none."""

    rates: tuple[float, ...]
    most: float = math.inf
    note: str = ""


def caps(target: ProxyTarget, asset: Asset, view: View) -> Notional | None:
    """What one anchor's overlay may be worth at most: by the anchor's cap, the target's own and the asset's budget."""
    bounds = (target.anchor_caps.get(asset), target.cap, view.caps.get(asset))
    return min((cap for cap in bounds if cap is not None), default=None)


def solved(target: ProxyTarget, amounts: Mapping[Asset, Form], scope: Scope, *, given: bool) -> Solved | Missing:
    """The amounts within caps and margin, and worth their cost where that counts.

    `given`: betas are the owner's own. Then his amounts are cut and not moved, for no covariance says whither.
    """
    if target.cost_aware:
        return _worthwhile(target, amounts, scope)
    if sum(1 for asset in amounts if asset in target.anchors) < 2:
        return Solved(amounts)
    view, row = scope.view, _margin(target, tuple(amounts), scope)
    bound = [asset for asset, form in amounts.items() if _is_bound(target, asset, form, view)]
    if not bound and _needed(row, amounts, view) <= row.most:
        return Solved(amounts, conditions=tuple(_unbound(target, amounts, view)))
    if given:
        return Solved(amounts, note="betas are given: what the cap cuts is not moved to others" if bound else "")
    known = None if view.moments is None else moments.covariance(view.moments, tuple(amounts), target.samples_min)
    found = None if known is None else _least(target, amounts, view, known, row)
    if found is None or not found.converged:
        return Solved(amounts, note="no hedge of least variance is known within its caps: what they cut is not moved")
    why = f"bound by {'the cap of ' + ', '.join(bound) if bound else 'margin'}"
    return _taken(amounts, found, view, f"{why}, the least variance is", row)


def _is_bound(target: ProxyTarget, asset: Asset, form: Form, view: View) -> bool:
    cap = caps(target, asset, view)
    return cap is not None and abs(form.value(view.prices)) > cap


def _unbound(target: ProxyTarget, amounts: Mapping[Asset, Form], view: View) -> list[Form]:
    """What must stay >= 0 for no cap to bind: one anchor's cap decides what the others are to do."""
    out = []
    for asset, form in amounts.items():
        if (cap := caps(target, asset, view)) is not None:
            out += [added((Form(cap), form.times(MINUS))), added((Form(cap), form))]
    return out


def _margin(target: ProxyTarget, assets: Sequence[Asset], scope: Scope) -> Margin:
    """The margin row, where all of it is known and one account margins everything.

    What these futures hold already, other targets' aside, is margined: keeping it needs nothing that is free.
    """
    view, none = scope.view, (0.0,) * len(assets)
    rooms = {asset: view.margins[asset] for asset in assets if asset in view.margins}
    if unknown := [asset for asset in assets if asset not in rooms]:
        return Margin(none, note=f"no margin row: the free margin for {unknown[0]} is unknown")
    if len({room.account for room in rooms.values()}) > 1:
        return Margin(none, note="no margin row: several accounts margin these futures")
    others = [one.name for one in scope.targets if one.name != target.name]
    most = float(min(room.free for room in rooms.values()))
    for asset, room in rooms.items():
        theirs = sum((view.booked.get(name, {}).get(asset, ZERO) for name in others), ZERO)
        most += room.rate * float(abs(view.parts[asset].futures - theirs) * view.prices[asset])
    return Margin(tuple(room.rate for room in rooms.values()), most)


def _needed(row: Margin, amounts: Mapping[Asset, Form], view: View) -> float:
    """The margin that the plain amounts need."""
    values = (float(abs(form.value(view.prices))) for form in amounts.values())
    return math.fsum(rate * value for rate, value in zip(row.rates, values, strict=True))


def _instruments(
    target: ProxyTarget, amounts: Mapping[Asset, Form], view: View, row: Margin
) -> tuple[list[Instrument], dict[Asset, float]]:
    """The instruments with their caps and margins, and the exposure as it is seen through them.

    A coin's own future stands in for it where it has decoupled, and takes nothing of what others leave.
    """
    wanted = {asset: float(form.value(view.prices)) for asset, form in amounts.items()}
    found = []
    for (asset, value), rate in zip(wanted.items(), row.rates, strict=True):
        cap = caps(target, asset, view)
        most = math.inf if cap is None else float(cap)
        most = most if asset in target.anchors else min(most, abs(value))
        found.append(Instrument(name=asset, moves={asset: 1.0}, cap=most, margin=rate))
    return found, {asset: -value for asset, value in wanted.items()}


def _least(
    target: ProxyTarget, amounts: Mapping[Asset, Form], view: View, known: Matrix, row: Margin
) -> minvar.Hedge | None:
    """The least variance within caps and margin, whatever it costs."""
    instruments, exposure = _instruments(target, amounts, view, row)
    return minvar.constrained(known, tuple(amounts), exposure, instruments, aversion=1.0, margin_max=row.most)


def _worthwhile(target: ProxyTarget, amounts: Mapping[Asset, Form], scope: Scope) -> Solved | Missing:
    """The least of risk and costs together, within caps and margin."""
    view, nav, assets = scope.view, scope.nav(), tuple(amounts)
    if isinstance(nav, Missing):
        return nav
    known = None if view.moments is None else moments.covariance(view.moments, assets, target.samples_min)
    if view.moments is None or known is None:
        why = f"the covariances of {', '.join(assets)} are unknown, so that no cost can be weighed"
        return Missing(target.name, why)
    if unknown := [asset for asset in assets if asset not in view.costs]:
        return Missing(unknown[0], f"what a trade of {unknown[0]} costs is unknown")
    row = _margin(target, assets, scope)
    least = _least(target, amounts, view, known, row)
    instruments, exposure = _instruments(target, amounts, view, row)
    booked = view.booked.get(target.name, {})
    found = least and minvar.constrained(
        known,
        assets,
        exposure,
        [
            msgspec.structs.replace(
                one,
                now=float(booked.get(one.name, ZERO) * view.prices[one.name]),
                cost=view.costs[one.name],
                carry=_carry(view, one.name, amount),
            )
            for one, amount in zip(instruments, least.amounts, strict=True)
        ],
        aversion=float(target.risk_aversion / nav.value),
        intervals=HORIZON_DAYS * DAY_NS / view.moments.interval_ns,
        margin_max=row.most,
    )
    if found is None or not found.converged:
        return Missing(target.name, f"{target.name}: no hedge of least risk and cost could be found")
    return _taken(amounts, found, view, "worth its cost:", row)


def _carry(view: View, asset: Asset, amount: float) -> float:
    """What a long pays over the horizon. What the hedge would earn of it is no reason to hold more than it costs."""
    paid = view.funding_apr.get(asset, 0.0) * HORIZON_DAYS / 365
    return paid if paid * amount > 0.0 else math.copysign(min(abs(paid), view.costs[asset]), paid)


def _taken(amounts: Mapping[Asset, Form], found: minvar.Hedge, view: View, why: str, row: Margin) -> Solved:
    """Amounts as they were solved, for as long as no price moves."""
    values = {asset: measures.rounded(z, PLACES) for asset, z in zip(amounts, found.amounts, strict=True)}
    told = ", ".join(_told(asset, value, amounts[asset].value(view.prices)) for asset, value in values.items())
    forms = {asset: Form(value) for asset, value in values.items()}
    return Solved(forms, (never(view.prices),), "; ".join(filter(None, (f"{why} {told}", row.note))))


def _told(asset: Asset, value: Decimal, wanted: Notional) -> str:
    """An amount beside the plain one: as a share of it, or as money where that was nothing."""
    if not wanted:
        return f"{plain(round(value, 2))} in {asset}"
    return f"{plain(round(value / wanted * 100, 2))} % of {asset}"
