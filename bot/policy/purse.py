"""Which coins a target sees: its own sleeve, or everything that no other target has to itself; and what shares are of.

A coin belongs to a target by name (`owns` in the config, a sleeve in a snapshot), or else because one target sets its
whole exposure (ratio, weights, leverage, risk parity) and names it. What belongs to nobody is the core's, and every
target without a sleeve of its own sees it. Source: formulas.md 2.13 (bases) and the sleeves of design.md 4.

A `Scope` is of one moment, for all targets: what several of them ask for is added up once.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from decimal import Decimal
from functools import cached_property

from bot.calc.forms import NO_COINS, Whole, less_coins, whole
from bot.domain.targets import (
    Base,
    Basis,
    LeverageTarget,
    ParityTarget,
    RatioTarget,
    TargetSpec,
    WeightsTarget,
)
from bot.domain.units import ZERO, Asset, Notional, Qty
from bot.policy.view import Missing, View, plain

STABLECOINS = frozenset(
    map(Asset, "USD USDT USDC FDUSD TUSD BUSD USDP GUSD PYUSD RLUSD USDE USDS DAI FRAX LUSD USD1 EUR EURC EURT".split())
)
"""Cash and its likes: in a share of net asset value they count like coins, which is seldom what is meant."""
UNDECLARED_SHARE_MAX = Decimal("0.001")
"""Stablecoins that are worth less than this share of the base are too few to ask about (funding, dust)."""


PLAIN = Basis()
"""Net asset value with nothing taken off."""


def holds(target: TargetSpec) -> tuple[Asset, ...]:
    """The assets whose whole exposure a target sets; an overlay on top of what others set has none."""
    if isinstance(target, RatioTarget | ParityTarget):
        return target.assets
    if isinstance(target, WeightsTarget | LeverageTarget):
        return tuple(target.weights)
    return ()


def has_sleeve(target: TargetSpec, view: View) -> bool:
    """Whether coins carry a target's name."""
    return bool(target.owns) or target.name in view.owned


def sleeve(target: TargetSpec, view: View) -> Mapping[Asset, Qty]:
    """The coins that carry a target's name; none for one without a sleeve.

    Books that label coins with its name and a config that gives it some speak of the same coins: the larger is meant.
    """
    own = dict(view.owned.get(target.name, {}))
    for asset, quantity in target.owns.items():
        own[asset] = max(own.get(asset, ZERO), quantity)
    return own


class Scope:
    """The targets of a portfolio and what they look at, at one moment. Nobody keeps one: a new view needs a new one."""

    def __init__(self, targets: Sequence[TargetSpec], view: View) -> None:
        self.targets, self.view = targets, view
        self._own: dict[str, Mapping[Asset, Qty]] = {}
        self._taken: dict[Asset, Qty] = {}
        self.short: dict[Asset, str] = {}
        """Coins of which sleeves have more by name than there is: what is there is shared."""
        self._unrealized = view.unrealized
        self._wholes: dict[object, Whole | Missing] = {}
        for target in targets:
            if not has_sleeve(target, view):
                continue
            own = sleeve(target, view)
            self._own[target.name] = own
            self._unrealized -= view.unrealized_of.get(target.name, ZERO)
            for asset, quantity in own.items():
                self._taken[asset] = self._taken.get(asset, ZERO) + quantity
        assert not (self._own and view.marked), "what belongs to a sleeve is taken off the profit, not off the marked"
        for asset in self._taken:
            if asset in view.parts and self._taken[asset] > (there := max(view.parts[asset].wallet, ZERO)):
                self._cut(asset, there)

    def _cut(self, asset: Asset, there: Qty) -> None:
        """Sleeves cannot hold more of a coin than there is: each is cut by the same share, and nobody else has any."""
        taken, self._taken[asset] = self._taken[asset], there
        self.short[asset] = f"{plain(taken)} {asset} are given to sleeves, and {plain(there)} are there"
        for name, own in self._own.items():
            if asset in own:
                self._own[name] = {**own, asset: there * own[asset] / taken}

    def short_of(self, targets: Sequence[TargetSpec]) -> Mapping[Asset, str]:
        """Those of the coins that are `short` which one of these targets owns by name."""
        return {asset: why for asset, why in self.short.items() if any(asset in one.owns for one in targets)}

    @cached_property
    def _elsewhere(self) -> Set[Asset]:
        """Coins that targets without a sleeve of their own set the whole exposure of."""
        return {asset for one in self.targets if one.name not in self._own for asset in holds(one)}

    def held(self, target: TargetSpec, asset: Asset) -> Qty:
        """Coins of an asset that a target protects, in any form but futures. An unknown asset raises KeyError."""
        own = self._own.get(target.name)
        if own is not None:
            return own.get(asset, ZERO)
        holding = self.view.parts[asset].holding
        return holding - self._taken[asset] if asset in self._taken else holding

    def counted(self, target: TargetSpec) -> Mapping[Asset, Qty]:
        """The coins that net asset value counts for a target."""
        own = self._own.get(target.name)
        return self._coins(self._left_out(target)) if own is None else own

    def base(self, target: TargetSpec, basis: Basis, own: Sequence[Asset]) -> Whole | Missing:
        """What a target's shares are fractions of; `own` are its assets. It must be positive to mean anything."""
        sees = target.name if target.name in self._own else frozenset(self._left_out(target))
        reserve = tuple((asset, quantity) for asset, quantity in basis.reserve.items() if quantity)
        key = (sees, basis.base, tuple(own) if basis.base is Base.OWNED else (), reserve)
        if basis.base is Base.FIXED:
            return summed(basis.fixed, {}, self.view)
        found = self._wholes.get(key)
        if found is None:
            found = self._wholes[key] = self._base(target, basis, own)
        return found

    def nav(self) -> Whole | Missing:
        """Net asset value of everything, sleeves and reserves included."""
        found = self._wholes.get("nav")
        if found is None:
            view = self.view
            if view.blind:
                found = Missing("nav", f"net asset value is unknown: {', '.join(sorted(view.blind))}")
            else:
                wallets = {asset: parts.wallet for asset, parts in view.parts.items() if parts.wallet}
                found = summed(view.unrealized, wallets, view, view.marked)
            self._wholes["nav"] = found
        return found

    def _base(self, target: TargetSpec, basis: Basis, own: Sequence[Asset]) -> Whole | Missing:
        sleeved, view = self._own.get(target.name), self.view
        if basis.base is Base.OWNED:
            coins = self._coins(self._left_out(target)) if sleeved is None else sleeved
            if sleeved is None and (absent := [asset for asset in own if asset not in coins]):
                return Missing(absent[0], f"how much {absent[0]} is owned is unknown")
            return summed(ZERO, {asset: coins.get(asset, ZERO) for asset in own}, view)
        if sleeved is None and (unknown := sorted(view.blind.keys() - set(self._left_out(target)))):
            return Missing(unknown[0], f"net asset value is unknown: {unknown[0]}: {view.blind[unknown[0]]}")
        if reserve := {asset: quantity for asset, quantity in basis.reserve.items() if quantity}:
            return _less_reserve(self.base(target, PLAIN, own), reserve, view)
        if sleeved is not None:
            profit = view.unrealized_of.get(target.name, ZERO)
            return summed(profit, {asset: quantity for asset, quantity in sleeved.items() if quantity}, view)
        seen = {asset: quantity for asset, quantity in self._coins(self._left_out(target)).items() if quantity}
        return summed(self._unrealized, seen, view, view.marked)

    def _left_out(self, target: TargetSpec) -> Collection[Asset]:
        """Coins that other targets set the whole exposure of: this one does not count them if it sets any itself."""
        own = holds(target)
        return self._elsewhere - set(own) if own else ()

    def _coins(self, left_out: Collection[Asset]) -> dict[Asset, Qty]:
        taken = self._taken
        wallets = {a: parts.wallet for a, parts in self.view.parts.items() if a not in left_out}
        for asset in taken.keys() & wallets.keys():
            wallets[asset] -= taken[asset]
        return wallets


def summed(
    constant: Notional, coins: Mapping[Asset, Qty], view: View, marked: Mapping[Asset, Qty] = NO_COINS
) -> Whole | Missing:
    """A sum of coins, futures at their marks and a constant: all known, and worth something to take shares of."""
    return _unpriced(coins, view) or _positive(whole(constant, coins, view.prices, marked))


def _unpriced(coins: Mapping[Asset, Qty], view: View) -> Missing | None:
    if coins.keys() <= view.prices.keys():
        return None
    names = sorted(coins.keys() - view.prices.keys())
    return Missing(names[0], f"no price of {', '.join(names)}, so that the base is unknown")


def _positive(made: Whole) -> Whole | Missing:
    return made if made.value > 0 else Missing("base", f"the base is {plain(made.value)}: shares of it mean nothing")


def _less_reserve(found: Whole | Missing, reserve: Mapping[Asset, Qty], view: View) -> Whole | Missing:
    """A sum less a reserve. It keeps sharing the sum with those who ask for the whole of it."""
    if isinstance(found, Missing):
        return found
    return _unpriced(reserve, view) or _positive(less_coins(found, reserve, view.prices))


def undeclared(basis: Basis, weighed: Collection[Asset], base: Whole, view: View) -> Missing | None:
    """Why weights of this base are refused: it counts stablecoins of which nobody said what they are.

    An owner who wants them counted says so by a reserve of 0 of them.
    """
    if basis.base is not Base.NAV_LESS_RESERVE:
        return None
    found = {a: q for a, q in base.coins.items() if a in STABLECOINS and a not in weighed and a not in basis.reserve}
    if not found or sum((abs(q) * view.prices[a] for a, q in found.items()), ZERO) < UNDECLARED_SHARE_MAX * base.value:
        return None
    named = ", ".join(f"{plain(quantity)} {asset}" for asset, quantity in sorted(found.items()))
    choices = f"a reserve of {', '.join(sorted(found))} (0 counts all of it), base owned, or base fixed"
    return Missing("base", f"net asset value counts {named} that no weight names: declare {choices}")
