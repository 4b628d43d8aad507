"""All aims of some targets, by asset: what ends them, what closes them early, and what is left to be wanted."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from bot.calc.forms import Form
from bot.domain.targets import TargetSpec, UnwindTarget
from bot.domain.units import Asset
from bot.policy import endings, kinds
from bot.policy.purse import Scope
from bot.policy.unwind import closing
from bot.policy.view import Aim, Missing

Told = tuple[tuple[str, str], ...]
"""Names of targets, each with a reason."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of each asset's futures. `ended` have just ended, `closed` are closed early, each with why."""

    aims: dict[Asset, list[Aim]]
    ended: Told = ()
    closed: Told = ()
    conditions: tuple[Form, ...] = ()


def gather(
    targets: Sequence[TargetSpec],
    scope: Scope,
    assets: Collection[Asset],
    ended: Collection[str] = (),
    closed: Collection[str] = (),
) -> Gathered | Missing:
    """Ask every target; the first input that is missing stops them all.

    A target that is over wants nothing of its assets, and whatever nobody else wants anything of is closed.
    """
    wanted: dict[Asset, list[Aim]] = {asset: [] for asset in assets}
    over: list[Over] = []
    conditions: list[Form] = []
    for target in targets:
        found = _asked(target, scope, assets, ended, closed)
        if isinstance(found, tuple):
            for aim in found:
                wanted[aim.asset].append(aim)
            if target.until is not None and target.until.price is not None:
                conditions += endings.price_conditions(target.until.price)
        elif isinstance(found, Over):
            over.append(found)
        else:
            return found
    if torn := _torn(targets, wanted):
        return Missing(torn, f"{torn} is unwound, and another target wants futures of it: only one of them can be")
    if not over:
        return Gathered(aims=_concerned(wanted), conditions=tuple(conditions))
    _close(over, wanted)
    return Gathered(
        aims=_concerned(wanted),
        ended=tuple([(one.target.name, one.why) for one in over if one.newly]),
        closed=tuple([(one.target.name, one.why) for one in over if one.early]),
        conditions=tuple(conditions),
    )


def _torn(targets: Sequence[TargetSpec], wanted: Mapping[Asset, Sequence[Aim]]) -> Asset | None:
    """An asset that one target unwinds and another one wants futures of; None where there is none.

    The slices of an unwinding count all the futures that there are, so that with anything else on top of them it would
    run after its own orders.
    """
    unwinding = [target.name for target in targets if type(target) is UnwindTarget]
    for asset, aims in wanted.items() if unwinding else ():
        if len(aims) > 1 and any(aim.target in unwinding for aim in aims):
            return asset
    return None


def _whole(target: TargetSpec, scope: Scope, found: tuple[Aim, ...]) -> tuple[Aim, ...]:
    """All that a target wants: it ends as a whole, also where each of its assets is judged on its own."""
    until = target.until
    if until is None or until.funding_cost_max is None or not isinstance(target, kinds.SEPARATE):
        return found
    known = scope.view.parts.keys() & scope.view.prices.keys()
    wanted = kinds.aims(target, scope, [asset for asset in kinds.reach(target) if asset in known])
    assert not isinstance(wanted, Missing), "one whose assets have nothing to do with one another needs no input"
    return wanted


class Over(msgspec.Struct, frozen=True):
    """A target that wants nothing any more: it had ended, ended just now (`newly`), or is closed `early`."""

    target: TargetSpec
    why: str
    newly: bool = False
    early: bool = False


def _asked(
    target: TargetSpec, scope: Scope, assets: Collection[Asset], ended: Collection[str], closed: Collection[str]
) -> tuple[Aim, ...] | Over | Missing:
    if target.name in ended:
        return Over(target, "ended")
    ends = target.until is not None
    if ends and (why := endings.over(target, scope.view)):
        return Over(target, why, newly=True)
    found = kinds.aims(target, scope, assets)
    if isinstance(found, Missing):
        return found
    if ends and (why := endings.spent(target, _whole(target, scope, found), scope.view)):
        return Over(target, why, newly=True)
    if why := endings.early(target, found, scope.view, closed=target.name in closed):
        return Over(target, why, early=True)
    return found


def _close(over: Iterable["Over"], wanted: Mapping[Asset, list[Aim]]) -> None:
    """Where nobody else wants anything, what a target had wanted is closed."""
    for one in over:
        for asset in kinds.reach(one.target):
            if asset in wanted and not wanted[asset]:
                wanted[asset].append(closing(one.target.name, asset, one.why))


def _concerned(wanted: Mapping[Asset, list[Aim]]) -> dict[Asset, list[Aim]]:
    """Aims that want something, where any does: the band of a target that wants nothing decides nothing."""
    out = {}
    for asset, found in wanted.items():
        if len(found) > 1:
            out[asset] = [aim for aim in found if not aim.amount.is_nothing] or found
        elif found:
            out[asset] = found
    return out
