"""Budgets: what overlays may be worth, an asset, a venue and in all. What is too much is cut, each by the same share.

Caps bound the net overlay of an asset. Shares of NAV bound the sum of all net overlays: `overlay` all of them, `core`
those that are not one to one against a holding, to what is left of NAV beside the core. The order is: caps of assets
and instruments, of venues, then the two shares; each cuts what the one before has left.
Where a share or a venue's cap binds, how much is cut moves with every price, so that nothing can be skipped then.
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

import msgspec

from bot.calc.forms import Form, added, of_coins, of_share
from bot.domain.targets import Budgets, RatioTarget, TargetSpec
from bot.domain.units import ONE, ZERO, Asset, InstrumentId, Notional
from bot.policy import kinds, rows
from bot.policy.gather import gather
from bot.policy.judge import clipped, overlay
from bot.policy.purse import Scope
from bot.policy.view import Aim, Missing, View, plain


class Ceilings(msgspec.Struct, frozen=True, kw_only=True):
    """Budgets by asset, made once for a set of rules. `assets` can be hedged; a venue has its name, assets and cap."""

    assets: tuple[Asset, ...] = ()
    caps: Mapping[Asset, Notional] = {}
    venues: tuple[tuple[str, tuple[Asset, ...], Notional], ...] = ()
    overlay: Decimal | None = None
    core: Decimal | None = None

    @property
    def shared(self) -> bool:
        """Whether any bound is on several assets together."""
        return bool(self.venues) or self.overlay is not None or self.core is not None


class Cuts(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken off overlays at this moment: each asset's cap, and the shares that are left of the rest.

    `tilted` is that of overlays which are not one to one. Every condition is >= 0 while these are the cuts.
    """

    caps: Mapping[Asset, Notional] = {}
    shares: Mapping[Asset, Decimal] = {}
    tilted: Decimal = ONE
    conditions: tuple[Form, ...] = ()
    note: str = ""

    def share(self, asset: Asset, target: TargetSpec) -> Decimal:
        """What is left of a target's overlay of an asset."""
        share = self.shares.get(asset, ONE)
        return share if self.tilted == ONE or is_one_to_one(target) else share * self.tilted


NO_CUTS = Cuts()
NO_ALTERNATIVES: Mapping[Asset, tuple[InstrumentId, ...]] = {}


def is_one_to_one(target: TargetSpec) -> bool:
    """Whether a target's overlays are never more than a holding, and against it: its coins stay in the core."""
    return isinstance(target, RatioTarget) and ZERO <= target.ratio <= ONE


def ceilings(
    budgets: Budgets,
    hedges: Mapping[Asset, InstrumentId],
    alternatives: Mapping[Asset, tuple[InstrumentId, ...]] = NO_ALTERNATIVES,
) -> Ceilings:
    """Budgets in terms of assets, given the future that hedges each: ``venue.account:SYMBOL``.

    Where an asset has `alternatives` beside it, a cap of one of them bounds what goes there (see `bot.calc.spreading`)
    and its overlays only where all of them are capped, or all of them are at the venue that is.
    """
    caps: dict[Asset, Notional] = {}
    names = {asset: (name, *alternatives.get(asset, ())) for asset, name in sorted(hedges.items())}
    for asset, futures in names.items():
        given = [budgets.instruments[name] for name in futures if name in budgets.instruments]
        bounds = [sum(given, ZERO)] if len(given) == len(futures) else []
        if asset in budgets.assets:
            bounds.append(budgets.assets[asset])
        if bounds:
            caps[asset] = min(bounds)
    venues = tuple(
        (venue, tuple(asset for asset, futures in names.items() if {*map(_venue, futures)} == {venue}), cap)
        for venue, cap in sorted(budgets.venues.items())
    )
    return Ceilings(assets=tuple(sorted(hedges)), caps=caps, venues=venues, overlay=budgets.overlay, core=budgets.core)


def _venue(name: InstrumentId) -> str:
    return name.partition(":")[0].partition(".")[0]


def cuts(
    ceilings: Ceilings, scope: Scope, *, ended: Collection[str] = (), closed: Collection[str] = ()
) -> Cuts | Missing:
    """What is to be cut at this moment. Only bounds on several assets together look at the whole portfolio."""
    if not ceilings.shared:
        return Cuts(caps=ceilings.caps) if ceilings.caps else NO_CUTS
    nav = scope.nav() if ceilings.overlay is not None or ceilings.core is not None else None
    if isinstance(nav, Missing):
        return nav
    view = scope.view
    if hidden := [one for one in ceilings.assets if one not in view.parts or one not in view.prices]:
        return Missing(hidden[0], f"what overlays of {hidden[0]} are worth is unknown, and a budget counts them")
    nets = _nets(ceilings, scope, ended, closed)
    bounds, shares, notes = _Bounds(view), {net.asset: ONE for net in nets}, list[str]()
    for venue, assets, cap in ceilings.venues:
        there = [net.all for net in nets if net.asset in assets]
        share = bounds.share(there, Form(cap))
        shares.update(dict.fromkeys((net.asset for net in nets if net.asset in assets), share))
        notes += [f"overlays at {venue} cut to {_per_cent(share)} by its cap"] if share < ONE else []
    tilted = whole = ONE
    if nav is not None and ceilings.core is not None:
        tilted = bounds.share([net.tilted.cut(shares[net.asset]) for net in nets], of_share(ONE - ceilings.core, nav))
        notes += [f"overlays cut to {_per_cent(tilted)} to keep the core"] if tilted < ONE else []
    if nav is not None and ceilings.overlay is not None:
        left = [net.left(shares[net.asset], tilted) for net in nets]
        whole = bounds.share(left, of_share(ceilings.overlay, nav))
        notes += [f"overlays cut to {_per_cent(whole)} by their budget"] if whole < ONE else []
    return Cuts(
        caps=ceilings.caps,
        shares={asset: share * whole for asset, share in shares.items() if share * whole < ONE},
        tilted=tilted,
        conditions=tuple(bounds.conditions),
        note="; ".join(notes),
    )


class _Amount(msgspec.Struct, frozen=True):
    """A net overlay's value, and the forms between which it lies (see `rows.bounds`)."""

    value: Notional
    floors: list[Form]
    ceilings: list[Form]

    def cut(self, share: Decimal) -> "_Amount":
        return self if share == ONE else _Amount(self.value * share, self.floors, self.ceilings)


class _Net(msgspec.Struct, frozen=True):
    """What all targets together want of an asset: `all` of it, and the part that is not one to one."""

    asset: Asset
    all: _Amount
    tilted: _Amount

    def left(self, share: Decimal, tilted: Decimal) -> _Amount:
        """What shares leave of the whole."""
        if tilted == ONE:
            return self.all.cut(share)
        straight = self.all.value - self.tilted.value
        return _Amount((straight + self.tilted.value * tilted) * share, self.all.floors, self.all.ceilings)


class _Bounds:
    """Bounds on sums of sizes, and the conditions under which none of them binds.

    The room that is left is dealt out: half of it to the limit, the rest evenly to the sizes. While each keeps what it
    was dealt no sum can pass its limit, on whichever side of zero the amounts are.
    """

    def __init__(self, view: View) -> None:
        self._prices = view.prices
        self.conditions: list[Form] = []

    def share(self, amounts: Collection[_Amount], limit: Form) -> Decimal:
        """The share of the amounts that keeps the limit; 1 where they keep it as they are."""
        most = max(limit.value(self._prices), ZERO)
        size = sum((abs(one.value) for one in amounts), ZERO)
        if size > most:
            self.conditions.append(rows.never(self._prices))
            return most / size
        if amounts:
            self._deal(amounts, limit, size, (most - size) / 2)
        return ONE

    def _deal(self, amounts: Collection[_Amount], limit: Form, size: Notional, room: Notional) -> None:
        self.conditions.append(added((limit, Form(-size - room))))
        for one in amounts:
            own = Form(abs(one.value) + room / len(amounts))
            self.conditions += [added((own, floor)) for floor in one.floors]
            self.conditions += [added((own, ceiling.times(rows.MINUS))) for ceiling in one.ceilings]


def _nets(ceilings: Ceilings, scope: Scope, ended: Collection[str], closed: Collection[str]) -> list[_Net]:
    """Every asset's net overlay. Where one of its targets cannot say what it wants, what stands there counts."""
    aims: dict[Asset, list[Aim]] = {}
    straight = {target.name for target in scope.targets if is_one_to_one(target)}
    unknown: set[Asset] = set()
    for target in scope.targets:
        reached = [asset for asset in kinds.reach(target) if asset in ceilings.assets]
        found = gather((target,), scope, reached, ended, closed)
        if isinstance(found, Missing):
            unknown.update(reached)
            continue
        for asset, wanted in found.aims.items():
            aims.setdefault(asset, []).extend(wanted)
    out = []
    for asset in ceilings.assets:
        if asset in unknown:
            out.append(_standing(asset, scope.view))
        elif asset in aims:
            mine = [aim for aim in aims[asset] if aim.target not in straight]
            cap = ceilings.caps.get(asset)
            out.append(_Net(asset, _amount(aims[asset], scope.view, cap), _amount(mine, scope.view, cap)))
    return out


def _amount(aims: Iterable[Aim], view: View, cap: Notional | None) -> _Amount:
    wanted = list(aims)
    floors, tops = rows.bounds(wanted, view.prices, cap)
    value = sum((overlay(aim, view.prices) for aim in wanted), ZERO)
    return _Amount(value if cap is None else clipped(value, -cap, cap), floors, tops)


def _standing(asset: Asset, view: View) -> _Net:
    """The futures that there are, where nobody can say how many there should be."""
    parts = view.parts[asset]
    form = of_coins(asset, parts.futures + parts.working)
    amount = _Amount(form.value(view.prices), [form], [form])
    return _Net(asset, amount, amount)


def _per_cent(share: Decimal) -> str:
    return f"{plain(round(share * 100, 2))} %"
