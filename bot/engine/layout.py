"""The rules, indexed once: what each decision needs to look up.

A group (`policy.compose.Member`) is what is judged and corrected together. Beside the coins that it trades it rests on
others: those that its targets name, and for a share of net asset value everything that is held. All of these are its
inputs: a doubt about one of them holds the group, and their market data is what a decision of it can change with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.bands import Auto
from bot.domain.instrument import Instrument, Kind
from bot.domain.rules import AssetRule, Limits, Rules
from bot.domain.targets import (
    Base,
    Budgets,
    CashTarget,
    ConvertTarget,
    IndexTarget,
    LeverageTarget,
    Neutrality,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    TiltTarget,
    WeightsTarget,
)
from bot.domain.triggers import When
from bot.domain.units import BPS_PER_UNIT, ONE, Asset, InstrumentId
from bot.policy.budgets import Ceilings, ceilings
from bot.policy.kinds import SEPARATE
from bot.policy.members import Member, members
from bot.policy.purse import holds


@dataclass(frozen=True, slots=True)
class Hedge:
    """A coin that has a future: where its price comes from, and what is traded."""

    asset: Asset
    pricing: InstrumentId
    hedge: InstrumentId


class _Index:
    """What is looked up in the rules. It is made of them whenever they are, and so is no part of a checkpoint."""

    __slots__ = (
        "assets",
        "bare",
        "candidates",
        "cash",
        "ceilings",
        "conversions",
        "detours",
        "deviation_max",
        "futures",
        "groups",
        "held_as",
        "indices",
        "inputs",
        "instruments",
        "movers",
        "owners",
        "plain",
        "planned",
        "routed",
        "targets",
        "touched",
        "traded",
    )

    instruments: dict[InstrumentId, Instrument]
    assets: dict[Asset, AssetRule]
    futures: dict[Asset, Hedge]
    """Every coin that can be hedged, by name."""
    candidates: dict[Asset, tuple[InstrumentId, ...]]
    """The futures that may carry each coin's hedge, the preferred one first."""
    routed: tuple[Asset, ...]
    """Coins of which there is more than one, by name."""
    detours: frozenset[InstrumentId]
    """The futures of those coins."""
    targets: tuple[TargetSpec, ...]
    """All targets that want something of futures: all but conversions, which trade pairs of their own."""
    conversions: tuple[ConvertTarget, ...]
    movers: dict[str, Member]
    """Each conversion as a group of its own, by its name: what it rests on."""
    planned: dict[str, str]
    """Targets that are planned and not carried out, by name, and why."""
    groups: tuple[Member, ...]
    inputs: dict[str, tuple[Asset, ...]]
    """Coins that a group's judgement rests on, its own among them, by the group's name."""
    cash: frozenset[str]
    """Groups that count the quote currency."""
    owners: frozenset[str]
    """Targets that have coins to themselves."""
    plain: frozenset[str]
    """Groups of which prices and exposures are all that their targets look at."""
    bare: frozenset[str]
    """Plain groups of ratio targets on which no sleeve, index or shared budget bears: they see their own coin alone."""
    held_as: dict[Asset, dict[Asset, Decimal]]
    """Other coins that count as one of ours, each with the units of it that one of them stands for."""
    indices: dict[Asset, dict[Asset, Decimal]]
    """What each index asset is made of."""
    ceilings: Ceilings
    deviation_max: float
    """How far a mid may be from the index, as a fraction: a hair less than the limit, as floats only prove inside."""
    touched: dict[InstrumentId, tuple[int, ...]]
    """The groups, by place, whose decision an instrument's market data can change."""
    traded: dict[Asset, tuple[Instrument, ...]]
    """What trades each coin."""


@dataclass
class Layout(_Index):
    """The rules, and what is looked up in them. Neither is ever changed: other rules have a layout of their own."""

    __slots__ = ("rules",)

    rules: Rules

    def __post_init__(self) -> None:
        """Index the rules."""
        rules = self.rules
        self.instruments = {i.id: i for i in rules.instruments}
        self.assets = assets = {rule.asset: rule for rule in rules.assets}
        self.futures = {
            name: Hedge(name, rule.pricing, rule.hedge)
            for name, rule in sorted(assets.items())
            if rule.hedge is not None
        }
        self.candidates = {name: assets[name].candidates for name in self.futures}
        self.routed = tuple(name for name, found in self.candidates.items() if len(found) > 1)
        self.detours = frozenset(name for coin in self.routed for name in self.candidates[coin])
        self.targets = tuple(target for target in rules.targets if not isinstance(target, ConvertTarget))
        asked = [target for target in rules.targets if isinstance(target, ConvertTarget)]
        self.planned = {target.name: why for target in asked if (why := _unable(target, rules))}
        self.conversions = tuple(target for target in asked if target.name not in self.planned)
        self.movers = {one.name: Member(one.name, (one,), (one.asset,)) for one in self.conversions}
        self.owners = frozenset(target.name for target in rules.targets if target.owns)
        self.groups = groups = members(self.targets, tuple(self.futures))
        self.inputs = {one.name: _inputs(one, rules, assets) for one in (*groups, *self.movers.values())}
        self.cash = frozenset(group.name for group in groups if _counts_cash(group, rules))
        self.plain = frozenset(group.name for group in groups if all(map(_is_plain, group.targets)))
        self.held_as = {rule.asset: rule.held_as for rule in rules.assets if rule.held_as}
        self.indices = {rule.asset: rule.composition for rule in rules.assets if rule.composition}
        preferred = {name: hedge.hedge for name, hedge in self.futures.items()}
        self.ceilings = ceilings(rules.budgets, preferred, {name: self.candidates[name][1:] for name in self.routed})
        alone = not (self.owners or self.indices or self.ceilings.shared)
        self.bare = frozenset(one.name for one in groups if alone and one.name in self.plain and _is_ratio(one))
        self.deviation_max = float(rules.limits.price_deviation_bps_max / BPS_PER_UNIT) * (1 - 1e-9)
        touched: dict[InstrumentId, dict[int, None]] = {}
        for place, group in enumerate(groups):
            for name in self.watched(group):
                touched.setdefault(name, {})[place] = None
        self.touched = {name: tuple(places) for name, places in touched.items()}
        traded: dict[Asset, list[Instrument]] = {}
        for instrument in rules.instruments:
            traded.setdefault(instrument.base, []).append(instrument)
        self.traded = {asset: tuple(found) for asset, found in traded.items()}

    @classmethod
    def of(cls, rules: Rules) -> "Layout":
        """Index the rules."""
        return cls(rules)

    @property
    def limits(self) -> Limits:
        """The owner's limits."""
        return self.rules.limits

    def touching(self, instrument: InstrumentId) -> tuple[Member, ...]:
        """The groups whose decision an instrument's market data can change."""
        return tuple(self.groups[place] for place in self.touched.get(instrument, ()))

    @property
    def statistical(self) -> bool:
        """Whether any group looks at more than prices and exposures."""
        return len(self.plain) < len(self.groups)

    def groups_of(self, target: str) -> tuple[str, ...]:
        """The names of the groups that a target is part of."""
        return tuple(group.name for group in self.groups if any(one.name == target for one in group.targets))

    def coin(self, instrument: InstrumentId) -> Asset | None:
        """The coin that an instrument trades, if the rules name it."""
        found = self.instruments.get(instrument)
        return found.base if found is not None else None

    def hedges(self) -> tuple[Hedge, ...]:
        """Every asset that can be hedged, by name."""
        return tuple(self.futures.values())

    def carriers(self) -> tuple[Hedge, ...]:
        """Every future that may carry a hedge, by the name of its coin, the preferred one first."""
        return tuple(
            Hedge(one.asset, one.pricing, name) for one in self.futures.values() for name in self.candidates[one.asset]
        )

    def hedge(self, asset: Asset) -> InstrumentId:
        """The preferred future of a coin. A coin without one is a programming error and raises KeyError."""
        return self.futures[asset].hedge

    def watched(self, group: Member) -> tuple[InstrumentId, ...]:
        """The instruments whose market data a group's decision rests on.

        Where net asset value counts, so does the profit of every future.
        """
        names = dict.fromkeys(name for asset in self.inputs[group.name] for name in _instruments(self.assets[asset]))
        if group.name in self.cash:
            names.update(dict.fromkeys(one.hedge for one in self.carriers()))
        return tuple(names)

    def priced(self, group: Member) -> tuple[Asset, ...]:
        """What a group has to know the price of, the quote currency last."""
        quote = (self.rules.quote,) if group.name in self.cash else ()
        return (*self.inputs[group.name], *quote)

    def pricing(self, group: Member) -> dict[Asset, InstrumentId]:
        """What prices each of a group's inputs; the quote currency is the unit of account and has no market."""
        return {asset: self.assets[asset].pricing for asset in self.inputs[group.name]}


def coins_of(target: TargetSpec) -> tuple[Asset, ...]:
    """The coins that a target names, each once."""
    named: tuple[Asset, ...]
    match target:
        case TiltTarget():
            named = (*target.long, *target.short)
        case CashTarget():
            named = (target.anchor,)
        case ProxyTarget():
            named = (*target.assets, *target.anchors)
        case IndexTarget():
            named = (*target.assets, *target.indices)
        case ConvertTarget():
            named = (target.asset,)
        case _:
            named = holds(target) or getattr(target, "assets", ())
    return tuple(dict.fromkeys(named))


def counts_nav(target: TargetSpec) -> bool:
    """Whether a target's shares are fractions of net asset value, cash included."""
    basis = getattr(target, "basis", None)
    return basis is not None and basis.base is Base.NAV_LESS_RESERVE


def _unable(target: ConvertTarget, rules: Rules) -> str:
    """Why a conversion is not carried out; empty where it is."""
    rule = next((one for one in rules.assets if one.asset == target.asset), None)
    by_id = {one.id: one for one in rules.instruments}
    if rule is None or rule.hedge is None or any(by_id[name].kind is not Kind.LINEAR for name in rule.candidates):
        return f"{target.asset} has no linear future whose short could be bought back"
    spot = by_id[rule.pricing]
    sold = (spot.kind, spot.base, spot.quote, spot.base_units)
    if sold != (Kind.SPOT, target.asset, rules.quote, ONE):
        return f"{target.asset} is not priced by its own spot pair in {rules.quote}, on which it could be sold"
    until = target.until
    if target.when != When() or (until is not None and (until.funding_cost_max is not None or until.drift_healed)):
        return "a conversion waits for nothing, and ends by a time or a price only"
    return ""


def _counts_cash(group: Member, rules: Rules) -> bool:
    """Whether net asset value, and so the quote currency, bears on a group: by its targets, or by a budget.

    A venue's cap is shared with what every other target wants there, and so rests on all that those rest on.
    """
    concerned = rules.targets if rules.budgets.venues else group.targets
    return any(map(_rests_on_nav, concerned)) or _has_shares(rules.budgets)


def _rests_on_nav(target: TargetSpec) -> bool:
    """Whether net asset value bears on a target: by its base, or because all that is held does."""
    return counts_nav(target) or _sees_all(target)


def _sees_all(target: TargetSpec) -> bool:
    """Whether all that is held bears on a target that names little of it.

    An auto band and the risk that a cost is weighed against are fractions of net asset value; the beta of a portfolio
    that nobody gave is measured from everything in it.
    """
    match target:
        case CashTarget():
            return target.beta is None and target.basis.base is Base.FIXED
        case ProxyTarget():
            return target.cost_aware
        case _:
            return _has_auto(target)


def _has_auto(target: TargetSpec) -> bool:
    return isinstance(getattr(target, "band", None), Auto)


def _has_shares(budgets: Budgets) -> bool:
    return budgets.core is not None or budgets.overlay is not None


def _is_plain(target: TargetSpec) -> bool:
    """Whether a target looks at nothing but prices and exposures, and acts at once on a breach of a fixed band."""
    if (
        target.when != When()
        or target.until is not None
        or target.owns
        or isinstance(getattr(target, "band", None), Auto)
    ):
        return False
    match target:
        case TiltTarget():
            return target.neutral is Neutrality.DOLLAR or set(target.betas) >= {*target.long, *target.short}
        case CashTarget():
            return target.beta is not None
        case RatioTarget() | WeightsTarget() | LeverageTarget():
            return True
        case _:
            return False


def _is_ratio(group: Member) -> bool:
    return all(isinstance(target, RatioTarget) for target in group.targets)


def _inputs(group: Member, rules: Rules, assets: dict[Asset, AssetRule]) -> tuple[Asset, ...]:
    """Every coin that a group's targets look at, and each index that holds a part of one of them."""
    wanted = dict.fromkeys(group.assets)
    concerned = rules.targets if rules.budgets.venues else group.targets
    for target in concerned:
        until = target.until
        alone = isinstance(target, SEPARATE) and not rules.budgets.venues
        if not alone or (until is not None and until.funding_cost_max is not None):
            wanted.update(dict.fromkeys(coins_of(target)))
        if until is not None and until.price is not None:
            wanted[until.price.asset] = None
        if counts_nav(target):
            wanted.update(dict.fromkeys(_counted(target, rules)))
    if _has_shares(rules.budgets) or any(map(_sees_all, concerned)):
        wanted.update(dict.fromkeys(assets))
    if rules.budgets.venues:
        wanted.update(dict.fromkeys(asset for asset, rule in assets.items() if rule.hedge is not None))
    return tuple(sorted(asset for asset in wanted if asset in assets))


def _counted(target: TargetSpec, rules: Rules) -> Iterable[Asset]:
    """The coins that net asset value counts for a target: all but those that another target has to itself."""
    if target.owns:
        return target.owns
    others = (other for other in rules.targets if other.name != target.name and not other.owns)
    elsewhere = {asset for other in others for asset in holds(other)} if holds(target) else set()
    own = set(holds(target))
    return (rule.asset for rule in rules.assets if rule.asset in own or rule.asset not in elsewhere)


def _instruments(rule: AssetRule) -> tuple[InstrumentId, ...]:
    return (rule.pricing, *rule.candidates)
