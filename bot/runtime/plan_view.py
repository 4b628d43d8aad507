"""From a snapshot and a config to what targets look at: the ledger, the statistics, and a future for each asset."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from bot.calc import funding, moments
from bot.calc.ledger import Ledger, ledger
from bot.calc.ledger_parts import Lack, delta
from bot.domain.hedge import Parts
from bot.domain.instrument import Kind
from bot.domain.rules import Limits, RoutingRule
from bot.domain.snapshot import Held, HoldingKind, Snapshot, Traded
from bot.domain.targets import (
    CORE,
    Budgets,
    CashTarget,
    ConvertTarget,
    IndexTarget,
    LeverageTarget,
    ProxyTarget,
    StatisticsRule,
    TargetSpec,
    TiltTarget,
    UnwindTarget,
    WeightsTarget,
)
from bot.domain.units import HOUR_NS, ONE, ZERO, AccountId, Asset, Contracts, InstrumentId, Nanos, Notional, Qty
from bot.policy.view import MarginRoom, View
from bot.runtime import portfolio
from bot.runtime.fields import Symbol
from bot.runtime.fields_targets import NO_HEDGE
from bot.runtime.plan_quotes import cost_share, lacking, mid
from bot.runtime.plan_snapshot import Reading
from bot.runtime.settings import Settings

CONFIG = AccountId("config")
"""The account of coins that the config declares."""
FUNDING_HORIZON_HOURS = 720.0
"""Over how long funding is forecast, where a target asks what its hedge will cost."""
FUTURES = (Kind.LINEAR, Kind.INVERSE, Kind.QUANTO, Kind.INDEX)
"""What a hedge can be made of."""
RETURNS_HALF_LIVES_MAX = 3
"""Returns that ended longer ago than so many half-lives are no statistics of now."""
TERMS = ("contract_size", "quote", "settle")
"""Without these nobody can say what a position is worth."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a plan is derived from. `lines` says what is unknown; `blind` why an asset cannot be decided on.

    `order_max` and `position_max` are the most that an order and a position may be worth, where the config says so
    itself; their defaults are the daemon's: a plan shows a hedge as what it is, and says what stands against it.

    `hedges` has the futures that could hedge an asset; where the config's own is there it stands alone. `rooms` has
    what margins each of them, where that is known (see `bot.runtime.plan_room`).
    """

    reporting: Asset
    snapshot: Snapshot
    gaps: Mapping[InstrumentId, tuple[str, ...]]
    targets: tuple[TargetSpec, ...]
    budgets: Budgets
    limits: Limits
    order_max: Notional | None
    position_max: Notional | None
    ledger: Ledger
    view: View
    hedges: Mapping[Asset, tuple[Traded, ...]]
    routing: RoutingRule
    rooms: Mapping[InstrumentId, MarginRoom] = {}
    hedgeable: tuple[Asset, ...]
    blind: dict[Asset, str]
    nav: Notional | None
    lines: tuple[str, ...]

    def traded(self, name: InstrumentId) -> Traded:
        """An instrument by its name; an unknown one is a programming error and raises StopIteration."""
        return next(one for one in self.snapshot.instruments if one.instrument.id == name)


def scene(settings: Settings, reading: Reading, at_ns: Nanos | None = None) -> Scene:
    """Put a config and a snapshot together; `at_ns` stands in for the snapshot's own moment."""
    reporting, written = Asset(settings.reporting), settings.limits.model_fields_set
    rates = {str(asset): price for asset, price in reading.snapshot.prices.items()} | {str(reporting): ONE}
    snapshot = _with_config(settings, reading.snapshot, at_ns)
    holes = _holes(snapshot, reading.gaps)
    known = _without(snapshot, holes.keys())
    sources = portfolio.sources(settings)
    compositions = _compositions(settings, snapshot)
    books = ledger(
        known,
        reporting=reporting,
        age_ns_max_of={AccountId(source.name): source.age_ns_max for source in sources},
        compositions=compositions,
    )
    targets = portfolio.targets(settings, rates)
    untold = _untold(settings, snapshot)
    blind = _blind(books, snapshot, holes, untold)
    hedges = _hedges(settings, snapshot, reading.gaps)
    return Scene(
        reporting=reporting,
        snapshot=snapshot,
        gaps=reading.gaps,
        targets=targets,
        budgets=portfolio.budgets(settings, rates),
        limits=portfolio.limits(settings),
        order_max=settings.limits.order_notional.value if "order_notional" in written else None,
        position_max=settings.limits.position_notional.value if "position_notional" in written else None,
        ledger=books,
        view=_view(settings, snapshot, books, blind, targets, hedges, compositions),
        hedges=hedges,
        routing=portfolio.routing(settings),
        hedgeable=tuple(asset for asset in named(targets) if asset not in unhedged(settings)),
        blind=blind,
        nav=None if holes or untold else books.nav,
        lines=(*_lines(books, blind), *_old_returns(settings, snapshot)),
    )


def named(targets: Iterable[TargetSpec]) -> tuple[Asset, ...]:
    """Every asset that a target speaks of."""
    found: set[Asset] = set()
    for target in targets:
        match target:
            case WeightsTarget() | LeverageTarget():
                found |= target.weights.keys()
            case TiltTarget():
                found |= target.long.keys() | target.short.keys()
            case CashTarget():
                found.add(target.anchor)
            case IndexTarget():
                found |= {*target.assets, *target.indices}
            case ProxyTarget():
                found |= {*target.assets, *target.anchors}
            case ConvertTarget():
                found.add(target.asset)
            case _:
                found |= set(target.assets)
        found |= target.owns.keys()
    return tuple(sorted(found))


def _with_config(settings: Settings, snapshot: Snapshot, at_ns: Nanos | None) -> Snapshot:
    """The snapshot with the coins that the config declares, all as what they count as, at the moment asked for."""
    declared = tuple(
        Held(account=CONFIG, asset=Asset(coin), amount=asset.declared.value, kind=HoldingKind.DECLARED)
        for coin, asset in sorted(settings.assets.items())
        if asset.declared.value
    )
    return msgspec.structs.replace(
        snapshot,
        holdings=(*_counted(settings, snapshot.holdings), *declared),
        now_ns=snapshot.now_ns if at_ns is None else at_ns,
    )


def _counted(settings: Settings, holdings: Iterable[Held]) -> Iterator[Held]:
    """Every holding as the coin that it counts as; what says its own factor is of that coin already."""
    stands_for = {
        Asset(other): (Asset(coin), units)
        for coin, asset in settings.assets.items()
        for other, units in asset.held_as.items()
    }
    for one in holdings:
        coin, units = stands_for.get(one.asset, (one.asset, ONE))
        yield msgspec.structs.replace(one, asset=coin, factor=one.factor * units)


def _holes(snapshot: Snapshot, gaps: Mapping[InstrumentId, tuple[str, ...]]) -> dict[InstrumentId, str]:
    """Instruments that are held or being ordered and whose terms leave open what that is."""
    touched = {one.instrument for one in snapshot.positions} | {one.instrument for one in snapshot.orders}
    open_terms = {name: [term for term in gaps.get(name, ()) if term in TERMS] for name in sorted(touched)}
    return {name: f"no {' and no '.join(terms)}" for name, terms in open_terms.items() if terms}


def _without(snapshot: Snapshot, names: Iterable[InstrumentId]) -> Snapshot:
    left_out = set(names)
    return msgspec.structs.replace(
        snapshot,
        positions=tuple(one for one in snapshot.positions if one.instrument not in left_out),
        orders=tuple(one for one in snapshot.orders if one.instrument not in left_out),
    )


def _old_returns(settings: Settings, snapshot: Snapshot) -> tuple[str, ...]:
    """A line where returns end so long ago that the fast statistics have forgotten half of them since."""
    if snapshot.returns is None:
        return ()
    age_ns = snapshot.now_ns - snapshot.returns.end_ns
    rule = portfolio.statistics(settings)
    if age_ns <= rule.fast_half_life_ns:
        return ()
    rests = "nothing rests on them" if _forgotten(snapshot, rule) else "betas and volatilities rest on them"
    return (f"returns: the last of them is {age_ns // HOUR_NS} h old, and {rests}",)


def _forgotten(snapshot: Snapshot, rule: StatisticsRule) -> bool:
    """Whether returns ended so long ago that a hedge can no longer rest on them."""
    assert snapshot.returns is not None
    return snapshot.now_ns - snapshot.returns.end_ns > RETURNS_HALF_LIVES_MAX * rule.half_life_ns


def _untold(settings: Settings, snapshot: Snapshot) -> dict[Asset, str]:
    """Assets of a source of holdings that the snapshot says nothing of: a coin that is gone stands there as 0."""
    told = {(one.account, one.asset) for one in snapshot.holdings if one.kind is HoldingKind.DECLARED}
    return {
        asset: f"the holdings of '{source.name}' are not in the snapshot (kind declared, account {source.name})"
        for source in portfolio.sources(settings)
        for asset in source.assets
        if (AccountId(source.name), asset) not in told
    }


def _blind(
    books: Ledger, snapshot: Snapshot, holes: Mapping[InstrumentId, str], untold: Mapping[Asset, str]
) -> dict[Asset, str]:
    """Why an asset's coins are unknown, by asset."""
    found: dict[Asset, list[str]] = {}
    for entry in books.unknown:
        for asset in entry.assets:
            if asset not in books.parts:
                found.setdefault(asset, []).append(f"{entry.what}: {entry.why}")
    for one in snapshot.instruments:
        if one.instrument.id in holes:
            for asset in {one.instrument.base, one.instrument.quote, one.instrument.settle}:
                found.setdefault(asset, []).append(f"{one.instrument.id}: {holes[one.instrument.id]}")
    for asset, why in untold.items():
        found.setdefault(asset, []).append(why)
    return {asset: "; ".join(dict.fromkeys(why)) for asset, why in sorted(found.items()) if asset}


def _compositions(settings: Settings, snapshot: Snapshot) -> dict[Asset, Mapping[Asset, Decimal]]:
    """What indices are made of: as the snapshot's contracts say, else as the config does."""
    told: dict[Asset, Mapping[Asset, Decimal]] = {
        Asset(coin): {Asset(part): share for part, share in sorted(asset.composition.items())}
        for coin, asset in settings.assets.items()
        if asset.composition
    }
    return told | {one.instrument.base: one.composition for one in snapshot.instruments if one.composition}


def _hedges(
    settings: Settings, snapshot: Snapshot, gaps: Mapping[InstrumentId, tuple[str, ...]]
) -> dict[Asset, tuple[Traded, ...]]:
    """The futures that could hedge each asset, those that can be traded now; the config's own choice stands alone."""
    found: dict[Asset, list[Traded]] = {}
    without = unhedged(settings)
    for one in snapshot.instruments:
        if one.instrument.kind in FUTURES and one.instrument.base not in without:
            found.setdefault(one.instrument.base, []).append(one)
    out: dict[Asset, tuple[Traded, ...]] = {}
    for asset, futures in sorted(found.items()):
        chosen = [one for one in futures if _is_chosen(settings, asset, one)]
        usable = [one for one in futures if not lacking(one, snapshot.now_ns, gaps.get(one.instrument.id, ()))]
        out[asset] = tuple(chosen or usable or futures)
    return out


def unhedged(settings: Settings) -> frozenset[Asset]:
    """The coins of which the config says that they have no future."""
    return frozenset(Asset(coin) for coin, asset in settings.assets.items() if asset.hedge == NO_HEDGE)


def _is_chosen(settings: Settings, asset: Asset, one: Traded) -> bool:
    """Whether the config names this future for the asset: by its whole name, without the venue, or by its symbol."""
    given = settings.assets.get(asset)
    if given is None or given.hedge is None:
        return False
    return any(_is_named(settings, symbol, one) for symbol in (given.hedge, *given.alternatives))


def _is_named(settings: Settings, symbol: Symbol, one: Traded) -> bool:
    return one.instrument.id in (f"{settings.venue}.{symbol}", str(symbol), symbol.symbol) or (
        one.instrument.symbol == symbol.symbol and one.venue in ("", settings.venue)
    )


def _view(
    settings: Settings,
    snapshot: Snapshot,
    books: Ledger,
    blind: dict[Asset, str],
    targets: tuple[TargetSpec, ...],
    hedges: Mapping[Asset, tuple[Traded, ...]],
    compositions: Mapping[Asset, Mapping[Asset, Decimal]],
) -> View:
    nothing = Parts(ZERO, ZERO, ZERO, ZERO)
    absent = {asset: nothing for asset in named(targets) if asset not in books.parts and asset not in blind}
    parts = {asset: one for asset, one in books.parts.items() if asset not in blind}
    rule = portfolio.statistics(settings)
    measured = None
    if snapshot.returns is not None and not _forgotten(snapshot, rule):
        measured = moments.moments(moments.of_returns(snapshot.returns, rule))
    first = {asset: futures[0] for asset, futures in hedges.items() if futures}
    return View(
        prices=books.prices,
        parts=dict(sorted((parts | absent).items())),
        blind=blind | _worth_unknown(books),
        unrealized=ZERO if books.unrealized is None else books.unrealized,
        now=snapshot.now_ns,
        owned=books.owned,
        unrealized_of=books.unrealized_of,
        moments=measured,
        prior_weight=float(rule.prior_weight),
        funding_apr={a: apr for a, one in first.items() if (apr := funding_apr(one)) is not None},
        costs={a: float(cost_share(one)) for a, one in first.items()},
        indices=compositions,
        booked=_booked(snapshot, books),
        bars=snapshot.bars,
        open_interest=_open_interest(snapshot, first),
        basis={a: basis for a, one in first.items() if (basis := _basis(one, books)) is not None},
        free=_free(snapshot),
        sliced=_sliced(snapshot, targets),
    )


def _worth_unknown(books: Ledger) -> dict[Asset, str]:
    """Why something that net asset value counts is unknown, by asset."""
    entries = [entry for entry in books.unknown if entry.value]
    return {asset: f"{entry.what}: {entry.why}" for entry in entries for asset in entry.assets}


def _booked(snapshot: Snapshot, books: Ledger) -> dict[str, dict[Asset, Qty]]:
    """Coins of futures in each target's books: positions that carry its name."""
    traded = {one.instrument.id: one for one in snapshot.instruments}
    out: dict[str, dict[Asset, Qty]] = {}
    for held in snapshot.positions:
        if held.sleeve in ("", CORE):
            continue
        one = traded[held.instrument]
        coins = delta(one, held.contracts, books.prices)
        if not isinstance(coins, Lack):
            book = out.setdefault(held.sleeve, {})
            book[one.instrument.base] = book.get(one.instrument.base, ZERO) + coins
    return out


def _open_interest(
    snapshot: Snapshot, first: Mapping[Asset, Traded]
) -> dict[Asset, tuple[tuple[Nanos, Contracts], ...]]:
    """The open interest of each asset's own future."""
    told = snapshot.open_interest
    return {asset: told[one.instrument.id] for asset, one in first.items() if one.instrument.id in told}


def _basis(one: Traded, books: Ledger) -> float | None:
    """Future over spot less 1, where both are known."""
    future, spot = mid(one), one.index
    base, quote = books.prices.get(one.instrument.base), books.prices.get(one.instrument.quote)
    if spot is None and base is not None and quote is not None:
        spot = base * one.instrument.base_units / quote
    return None if future is None or spot is None else float(future / spot - ONE)


def _free(snapshot: Snapshot) -> dict[Asset, Qty]:
    """Coins that could be sold on a spot market now: none of an asset that is only held in other forms."""
    out = {held.asset: ZERO for held in snapshot.holdings}
    for held in snapshot.holdings:
        if held.kind is HoldingKind.FREE and held.factor == ONE:
            out[held.asset] += held.amount
    return out


def _sliced(snapshot: Snapshot, targets: tuple[TargetSpec, ...]) -> dict[str, dict[Asset, Nanos]]:
    """When a sliced target's last slice was ordered."""
    ran = snapshot.memory.last_run
    moves = [one for one in targets if isinstance(one, UnwindTarget | ConvertTarget) and one.name in ran]
    return {one.name: dict.fromkeys(named((one,)), ran[one.name]) for one in moves}


def funding_apr(one: Traded, horizon_hours: float = FUNDING_HORIZON_HOURS) -> float | None:
    """What a long is expected to pay a year: by the history, else by the venue's estimate; None where it is unknown."""
    terms = one.funding
    if terms is None:
        return None
    forecast = funding.forecast(terms.history, horizon_hours, terms.interval_ns)
    if forecast is not None:
        return forecast.apr
    interval = funding.interval(terms.interval_ns, terms.history, terms.next_ns)
    return None if terms.rate is None or interval is None else float(funding.apr(terms.rate, interval))


def _lines(books: Ledger, blind: Mapping[Asset, str]) -> tuple[str, ...]:
    """What is unknown, a line each."""
    lines = [f"{entry.what}: {entry.why}" for entry in books.unknown]
    told = " ".join(lines)
    lines += [f"{asset}: {why}" for asset, why in blind.items() if why not in told]
    lines += [f"{q} {asset} are in transit and not counted" for asset, q in sorted(books.transit.items()) if q]
    return tuple(dict.fromkeys(lines))
