"""Auto bands: widths from cost and volatility, judged together by the joint program (formulas.md 3).

Deviations, costs and variances are fractions of NAV and floats; what comes back are exact coins, rounded toward no
trade. Beyond its hard limit, which is judged exactly, an asset is always traded. Drift that nobody has seen yet is
taken from returns, where it follows from them (`drift`). Where an input of the program is unknown the hard limit alone
is the band, back to the target, and that is told.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

import msgspec

from bot.calc import autoband, bands, joint, moments
from bot.calc.autoband import YEAR_NS
from bot.calc.bands import Deviation, Space
from bot.calc.forms import Form, Whole, added, of_coins, of_share
from bot.domain.bands import Auto, Band, Unit, Width
from bot.domain.units import ONE, ZERO, Asset, Notional, Qty, exact
from bot.policy import drift, rows
from bot.policy.judge import Judged
from bot.policy.purse import Scope
from bot.policy.rows import MINUS, Prices
from bot.policy.view import Aim, Missing, View

SHARE_PLACES = Decimal("1e-12")
"""Widths and trades are cut to this many places of NAV."""
TO_TARGET = Width(ZERO, Unit.COINS)

Bound = Callable[[Auto], Width]
HARD: Bound = operator.attrgetter("hard")
FLOOR: Bound = operator.attrgetter("floor")


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """Judgements whose auto bands have become fixed ones.

    `trades` is what the program trades of them, in coins; of an asset that is not there its fixed band decides.
    `conditions` are >= 0 for as long as the program trades nothing.
    """

    judged: tuple[Judged, ...]
    trades: Mapping[Asset, Qty] = {}
    conditions: tuple[Form, ...] = ()
    note: str = ""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """The joint program of some assets at one moment. All distances are fractions of `nav`."""

    judged: tuple[Judged, ...]
    group: joint.Group
    coupling: joint.Coupling
    aversion: float
    trade_min: float
    nav: Whole
    note: str = ""


def is_auto(judged: Judged) -> bool:
    """Whether an asset's band is to be found."""
    return isinstance(judged.aims[0].band, Auto)


def _mixed(judged: Sequence[Judged]) -> Missing | None:
    """Why bands cannot be told: a fixed and an auto band on one asset contradict each other."""
    for one in judged:
        if len(one.aims) > 1 and len({isinstance(aim.band, Auto) for aim in one.aims}) > 1:
            names = ", ".join(aim.target for aim in one.aims)
            return Missing("band", f"{one.asset} has an auto band and a fixed one ({names}): only one kind can decide")
    return None


def resolved(judged: tuple[Judged, ...], scope: Scope) -> Resolved | Missing:
    """The judgements with every auto band found."""
    if (contradiction := _mixed(judged)) is not None:
        return contradiction
    autos = [one for one in judged if is_auto(one)]
    found = resolve(autos, scope)
    by_asset = {one.asset: one for one in found.judged}
    return msgspec.structs.replace(found, judged=tuple(by_asset.get(one.asset, one) for one in judged))


def resolve(judged: Sequence[Judged], scope: Scope) -> Resolved:
    """Find the bands of assets whose targets all want auto ones, and what to trade of them together."""
    found = program(judged, scope)
    if isinstance(found, Missing):
        fixed = tuple(_banded(one, [Band(_auto(aim).hard, TO_TARGET) for aim in one.aims]) for one in judged)
        return Resolved(judged=fixed, note=f"auto band at its hard limit alone: {found.why}")
    verdict = joint.decide(found.group, found.coupling, found.aversion, found.trade_min)
    banded: list[Judged] = []
    trades: dict[Asset, Qty] = {}
    for one, share, trade in zip(judged, verdict.widths, verdict.trades, strict=True):
        width, hard = Width(_money(share, found.nav), Unit.QUOTE), _limit(one, HARD)
        band = Band(width, width, instant=hard)
        banded.append(_banded(one, [band] * len(one.aims)))
        trades[one.asset] = _money(trade, found.nav) / one.price or _past_hard(one, hard)
    alone = "" if verdict.is_joint else "the joint band program did not converge: each asset by its own band"
    note = "; ".join(filter(None, (alone, found.note)))
    conditions = tuple(still(found, scope.view.prices))
    return Resolved(judged=tuple(banded), trades=trades, conditions=conditions, note=note)


def program(judged: Sequence[Judged], scope: Scope) -> Program | Missing:
    """The program's inputs, or the first of them that is unknown."""
    view, nav, assets = scope.view, scope.nav(), [one.asset for one in judged]
    if isinstance(nav, Missing):
        return nav
    coupling = _coupling(assets, view)
    if isinstance(coupling, Missing):
        return coupling
    variances, note = _drift(judged, assets, scope, nav)
    for name, known in (("drift", variances), ("cost", view.costs)):
        if unknown := [asset for asset in assets if not math.isfinite(known.get(asset, math.nan))]:
            return Missing(unknown[0], f"the {name} of {', '.join(unknown)} is unknown")
    group = joint.Group(
        deviations=tuple(float(_value(one) / nav.value) for one in judged),
        variances=tuple(variances[asset] for asset in assets),
        costs=tuple(view.costs[asset] for asset in assets),
        floors=tuple(_share(one, FLOOR, nav) for one in judged),
        hards=tuple(_share(one, HARD, nav) for one in judged),
    )
    autos = [_auto(aim) for one in judged for aim in one.aims]
    return Program(
        judged=tuple(judged),
        group=group,
        coupling=coupling,
        aversion=max(_aversion(band, group, coupling) for band in autos),
        trade_min=float(min(band.trade_min for band in autos)),
        nav=nav,
        note=note,
    )


def _drift(
    judged: Sequence[Judged], assets: Sequence[Asset], scope: Scope, nav: Whole
) -> tuple[Mapping[Asset, float], str]:
    """How restless each deviation was seen to be, else what returns say of weights, with a word on which of them."""
    seen, brief = scope.view.drift_variance, scope.view.drift_brief
    lacking = [asset for asset in assets if asset not in seen or asset in brief]
    if not lacking:
        return seen, ""
    derived = drift.of_returns(judged, scope, nav)
    said = {asset: derived[asset] for asset in lacking if asset in derived}
    return {**seen, **said}, f"drift from returns: {', '.join(said)}" if said else ""


def still(found: Program, prices: Prices) -> list[Form]:
    """What must stay >= 0 for the program to trade nothing: every row of S z within its width, no hard limit passed.

    A price that takes an overlay to a bound of its own changes these forms: nothing can be skipped there.
    """
    aims = [aim for one in found.judged for aim in one.aims]
    out = [form for aim in aims for form in aim.conditions]
    if any(one.cut for one in found.judged) or any(aim.least is not None or aim.most is not None for aim in aims):
        return [*out, rows.never(prices)]
    deviations = [_form(one) for one in found.judged]
    for i, one in enumerate(found.judged):
        width, order = _width(found, i, prices)
        felt = added(form.times(exact(a)) for a, form in zip(found.coupling.rows[i], deviations, strict=True) if a)
        hard = _bound(one, HARD, prices)
        out += [*order, *_between(width, felt), *_between(hard, deviations[i])]
    return out


def _coupling(assets: Sequence[Asset], view: View) -> joint.Coupling | Missing:
    measured = None if view.moments is None else moments.covariance(view.moments, assets)
    if view.moments is None or measured is None:
        return Missing("covariance", f"the covariances of {', '.join(assets)} are unknown")
    yearly = YEAR_NS / view.moments.interval_ns
    return joint.coupling(tuple(tuple(x * yearly for x in row) for row in measured))


def _aversion(band: Auto, group: joint.Group, coupling: joint.Coupling) -> float:
    """The risk aversion that a band asks for: its own, or the one at which its tracking error is kept."""
    if band.risk_aversion is not None:
        return float(band.risk_aversion)
    return joint.aversion_of(group, coupling, float(band.tracking_error or ZERO))


def _width(found: Program, i: int, prices: Prices) -> tuple[Form, list[Form]]:
    """The width of one asset as a form, and what must stay >= 0 for it to be that one of own width, floor and hard."""
    one, own = found.judged[i], autoband.width(joint.problems(found.group, found.coupling, found.aversion)[i])
    floor, hard = _bound(one, FLOOR, prices), _bound(one, HARD, prices)
    if math.isinf(own):
        return hard, []
    free = of_share(exact(own), found.nav)
    if own >= found.group.hards[i]:
        return hard, [added((free, hard.times(MINUS)))]
    if own <= found.group.floors[i]:
        return floor, [added((floor, free.times(MINUS))), added((hard, floor.times(MINUS)))]
    return free, [added((hard, free.times(MINUS))), added((free, floor.times(MINUS)))]


def _between(width: Form, deviation: Form) -> tuple[Form, Form]:
    """Both sides of |deviation| <= width."""
    return added((width, deviation.times(MINUS))), added((width, deviation))


def _form(one: Judged) -> Form:
    """The deviation of an asset whose overlays nothing bounds."""
    futures = of_coins(one.asset, one.parts.futures + one.parts.working)
    return added((futures, *(aim.amount.times(MINUS) for aim in one.aims)))


def _auto(aim: Aim) -> Auto:
    assert isinstance(aim.band, Auto), "only assets whose bands are all auto get here"
    return aim.band


def _tightest(one: Judged, bound: Bound) -> tuple[Deviation, Aim]:
    """Of an asset's targets the one whose hard limit, or floor, is the nearest."""
    pairs = zip(one.deviations, one.aims, strict=True)
    return min(pairs, key=lambda pair: bands.limit(pair[0], bound(_auto(pair[1]))))


def _bound(one: Judged, bound: Bound, prices: Prices) -> Form:
    _, aim = _tightest(one, bound)
    return rows.width(aim, bound(_auto(aim)), prices)


def _limit(one: Judged, bound: Bound) -> Width:
    """The nearest hard limit, or floor, as a fixed width in the space of the deviation."""
    deviation, aim = _tightest(one, bound)
    unit = Unit.COINS if deviation.space is Space.COINS else Unit.QUOTE
    return Width(bands.limit(deviation, bound(_auto(aim))), unit)


def _share(one: Judged, bound: Bound, nav: Whole) -> float:
    """The same as a fraction of NAV."""
    limit = _limit(one, bound)
    return float(limit.value * (one.price if limit.unit is Unit.COINS else ONE) / nav.value)


def _value(one: Judged) -> Notional:
    deviation = one.deviations[0]
    return deviation.amount * one.price if deviation.space is Space.COINS else deviation.amount


def _money(share: float, nav: Whole) -> Notional:
    """A fraction of NAV as an exact amount, rounded toward nothing."""
    return exact(share).quantize(SHARE_PLACES, ROUND_DOWN) * nav.value


def _past_hard(one: Judged, hard: Width) -> Qty:
    """What brings a deviation back that is exactly beyond its hard limit, where floats saw it at the limit."""
    deviation = one.deviations[0]
    if not bands.is_beyond(deviation, hard):
        return ZERO
    excess = abs(deviation.coins) - bands.in_coins(deviation, hard)
    return -excess.copy_sign(deviation.amount)


def _banded(one: Judged, fixed: Sequence[Band]) -> Judged:
    """The same judgement with fixed bands."""
    pairs = zip(one.aims, fixed, strict=True)
    return msgspec.structs.replace(one, aims=[msgspec.structs.replace(aim, band=band) for aim, band in pairs])
