"""Whether a config can work with what the venue really trades: symbols, settlement, lots, minimums, what is held.

A pure function over the loaded settings and the venue's instruments; each finding names its line in the file.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from bot.calc.bands import Deviation, Space, in_coins
from bot.domain.bands import Auto, Band, Unit, Width
from bot.domain.instrument import Instrument, Kind
from bot.domain.targets import (
    Base,
    ConvertTarget,
    ParityTarget,
    RatioTarget,
    TargetSpec,
    UnwindTarget,
    WeightsTarget,
)
from bot.domain.units import ONE, ZERO, Asset, InstrumentId
from bot.domain.venues import split
from bot.policy.purse import STABLECOINS, UNDECLARED_SHARE_MAX
from bot.runtime.document import Path
from bot.runtime.feasible_sizes import World, base_of, needed, seen, sizes, world_of
from bot.runtime.fields import Symbol
from bot.runtime.foreign_money import foreign_amounts
from bot.runtime.portfolio import hedge_name, hedge_symbol, named, pricing_symbol, venues, written
from bot.runtime.problems import Problem, closest
from bot.runtime.quantities import Amount, plain
from bot.runtime.settings_book_cross import DOLLARS
from bot.runtime.settings_kinds_cross import base_choices
from bot.runtime.settings_load import Loaded
from bot.runtime.settings_targets import traded
from bot.runtime.settings_triggers import AutoBandSettings

SHOWN_STEP = Decimal("0.0001")
SHOWN_COINS = Decimal("0.00000001")


def check_against(
    loaded: Loaded,
    instruments: Iterable[Instrument],
    prices: Mapping[str, Decimal] | None = None,
    holdings: Mapping[str, Decimal] | None = None,
    known: Collection[str] = (),
) -> tuple[Problem, ...]:
    """Everything in a config that the venue cannot do, in the order of the file.

    Args:
        loaded: the settings with their lines.
        instruments: what the venue trades, at least of the symbols that the config wants.
        prices: the price of each coin in the quote currency; what needs a price is not judged where there is none.
        holdings: what the accounts hold of each coin and currency, which relative bands are fractions of; declared
            coins are added here. None where nobody looked: then no band is measured on them, declared or not.
        known: further symbols of the venue, as ``usdm:BTCUSDT``, to propose a near one for one that does not exist.
    """
    world = world_of(loaded.settings, {one.id: one for one in instruments}, prices, holdings, known)
    found = [problem for coin in loaded.settings.assets for problem in _asset(loaded, world, coin)]
    for index, target in enumerate(world.targets):
        for edges in _bands(loaded, world, index, target):
            found += _narrow(loaded, world, edges)
        found += _converted(loaded, world, index, target)
        found += _undeclared(loaded, world, index, target)
    found += [*_sleeves(loaded, world), *_budgets(loaded), *_pegs(loaded, world), *foreign_amounts(loaded)]
    return tuple(sorted(found, key=lambda problem: (problem.line is None, problem.line or 0)))


def _pegs(loaded: Loaded, world: World) -> Iterator[Problem]:
    """Whether the references of the peg exist, and are pairs of the quote currency with another dollar that trade."""
    quote = loaded.settings.quote
    for place, symbol in enumerate(loaded.settings.peg.references):
        path: Path = ("peg", "references", place)
        found = world.instruments.get(named(loaded.settings, symbol))
        if found is None:
            yield _unknown(loaded, world, path, symbol)
        elif quote not in (found.base, found.quote) or not {found.base, found.quote} <= DOLLARS:
            what = f"{symbol} trades {found.base} against {found.quote}"
            yield loaded.problem(path, what, f"a pair of {quote} with another dollar")
        elif not found.trading:
            yield loaded.problem(path, f"{symbol} is not trading", "a pair that trades")


def _budgets(loaded: Loaded) -> Iterator[Problem]:
    """A cap on what is traded nowhere would bound nothing, and nobody would know."""
    settings = loaded.settings
    futures = {str(symbol) for coin in settings.assets if (symbol := hedge_symbol(settings, coin)) is not None}
    futures |= {str(symbol) for asset in settings.assets.values() for symbol in asset.alternatives}
    for kind, given, traded_here in (
        ("instruments", settings.budgets.instruments, futures),
        ("venues", settings.budgets.venues, set(venues(settings))),
    ):
        for name in given:
            if name not in traded_here:
                what = f"{name} is traded by no target of this config, so that it would bound nothing"
                near = closest(name, traded_here) or closest(f"usdm:{name}", traded_here)
                yield loaded.problem(("budgets", kind, name), what, ", ".join(sorted(traded_here)), near)


@dataclass(frozen=True, slots=True)
class Correction:
    """The least that a breach of one coin's band trades, and the smallest order there is, both in coins."""

    path: Path
    target: str
    coin: str
    coins: Decimal
    smallest: Decimal
    price: Decimal


def corrections(
    loaded: Loaded,
    instruments: Iterable[Instrument],
    prices: Mapping[str, Decimal],
    holdings: Mapping[str, Decimal] | None,
) -> tuple[Correction, ...]:
    """What a breach of each band would trade now; bands that cannot be told in coins are left out."""
    world = world_of(loaded.settings, {one.id: one for one in instruments}, prices, holdings)
    found = []
    for index, target in enumerate(world.targets):
        for edges in _bands(loaded, world, index, target):
            trigger, destination = edges.in_coins(world, target)
            price = world.prices.get(edges.coin)
            if trigger is not None and destination is not None and price is not None:
                step = Correction(edges.path, target.name, edges.coin, trigger - destination, edges.smallest, price)
                found.append(step)
    return tuple(found)


def hedges_needed(loaded: Loaded, prices: Mapping[str, Decimal], holdings: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The futures position of each coin, in signed coins, that would put everything on its target now.

    Coins whose target cannot be told, because a price or a statistic is not known, are left out.
    """
    return needed(world_of(loaded.settings, {}, prices, holdings))


# ------------------------------------------------------------------------------------------------- assets
def _asset(loaded: Loaded, world: World, coin: str) -> Iterator[Problem]:
    settings = loaded.settings
    pricing, hedge = pricing_symbol(settings, coin), hedge_symbol(settings, coin)
    for role, symbol in (("pricing", pricing), ("hedge", hedge)):
        if symbol is None:
            continue
        path = ("assets", coin, role)
        instrument = world.instruments.get(named(settings, symbol))
        if instrument is None:
            yield _unknown(loaded, world, path, symbol)
        else:
            yield from _instrument(loaded, path, symbol, instrument)
    future = None if hedge is None else world.instruments.get(named(settings, hedge))
    if future is not None:
        yield from _hedge(loaded, world, coin, future)
    for place, symbol in enumerate(settings.assets[coin].alternatives):
        yield from _alternative(loaded, world, ("assets", coin, "alternatives", place), symbol)


def _alternative(loaded: Loaded, world: World, path: Path, symbol: Symbol) -> Iterator[Problem]:
    """Whether a further future could carry the coin's hedge; unlike the hedge it may expire, for it is left in time."""
    future = world.instruments.get(named(loaded.settings, symbol))
    if future is None:
        yield _unknown(loaded, world, path, symbol)
        return
    yield from _instrument(loaded, path, symbol, future)
    yield from _linear(loaded, path, symbol, future)


def _unknown(loaded: Loaded, world: World, path: Path, symbol: Symbol) -> Problem:
    market = f"{symbol.market}:"
    listed = {*world.known, *(_written(loaded, name) for name in world.instruments)}
    near = closest(symbol.symbol, [other.removeprefix(market) for other in listed if other.startswith(market)])
    what = f"{symbol} does not exist on {split(symbol.market, loaded.settings.venue)[0]}"
    return loaded.problem(path, what, f"a symbol of its {symbol.market} market", near and f"{market}{near}")


def _written(loaded: Loaded, name: InstrumentId) -> str:
    return written(loaded.settings, name)


def _instrument(loaded: Loaded, path: Path, symbol: Symbol, instrument: Instrument) -> Iterator[Problem]:
    coin, quote = str(path[1]), loaded.settings.quote
    if instrument.base != coin:
        yield loaded.problem(path, f"{symbol} is an instrument of {instrument.base}", f"one of {coin}")
    if instrument.quote != quote:
        yield loaded.problem(path, f"{symbol} is quoted in {instrument.quote}", f"one quoted in {quote}, as quote says")
    if not instrument.trading:
        yield loaded.problem(path, f"{symbol} is not trading", "an instrument that trades")


def _hedge(loaded: Loaded, world: World, coin: str, future: Instrument) -> Iterator[Problem]:
    path, quote = ("assets", coin, "hedge"), loaded.settings.quote
    symbol = hedge_symbol(loaded.settings, coin)
    assert symbol is not None, "only what has a future has one that could be wrong"
    yield from _linear(loaded, path, symbol, future)
    if future.expiry_ns is not None:
        yield loaded.problem(path, f"{symbol} expires, and nothing would roll it", "a perpetual")
    limit = loaded.settings.limits.order_notional.value
    needed = _smallest_value(future, world.prices.get(coin))
    if limit < needed:
        what = f"{plain(limit)} {quote} is below the smallest order of {symbol}, {_money(needed)} {quote}"
        yield loaded.problem(("limits", "order_notional"), what, f"at least {_money(needed)} {quote}")


def _linear(loaded: Loaded, path: Path, symbol: Symbol, future: Instrument) -> Iterator[Problem]:
    quote = loaded.settings.quote
    if future.kind is not Kind.LINEAR:
        yield loaded.problem(path, f"{symbol} is {future.kind.value}", "a linear future")
    elif future.settle != quote:
        yield loaded.problem(path, f"{symbol} settles in {future.settle}", f"a future that settles in {quote}")


def _smallest_value(future: Instrument, price: Decimal | None) -> Decimal:
    """The smallest order in the quote currency; without a price, what the venue says of it by itself."""
    return future.notional_min if price is None else _smallest_coins(future, price) * price


def _smallest_coins(future: Instrument, price: Decimal | None) -> Decimal:
    """The smallest order in coins; without a price, as far as lots alone say."""
    lots = max(future.lot, future.contracts_min)
    if price is not None:
        lots = max(lots, future.notional_min / price / future.contract_size)
    return future.coins((lots / future.lot).to_integral_value(ROUND_UP) * future.lot)


# -------------------------------------------------------------------------------------------------- bands
@dataclass(frozen=True, slots=True)
class _Edges:
    """One side of one coin's band: what starts a hedge, and where it ends. `least` is the width that must be one."""

    path: Path
    coin: Asset
    trigger: Width
    destination: Width
    smallest: Decimal
    written: Amount

    def in_coins(self, world: World, target: TargetSpec) -> tuple[Decimal | None, Decimal | None]:
        """Both in coins at the present prices and holdings."""
        widths = (self.trigger, self.destination)
        first, second = (_coins_of(world, target, self.coin, width, self.smallest) for width in widths)
        return first, second


def _bands(loaded: Loaded, world: World, index: int, target: TargetSpec) -> Iterator[_Edges]:
    """Each side of each coin's band. What closes or converts has none: it goes as far as lots let it."""
    if isinstance(target, UnwindTarget | ConvertTarget):
        return
    for coin in map(Asset, traded(loaded.settings.targets[index])):
        name = hedge_name(loaded.settings, coin)
        future = None if name is None else world.instruments.get(name)
        if future is not None:
            smallest = _smallest_coins(future, world.prices.get(coin))
            yield from _sides(loaded, index, target.band, coin, smallest)


def _sides(loaded: Loaded, index: int, band: Band | Auto, coin: Asset, smallest: Decimal) -> Iterator[_Edges]:
    path: Path = ("targets", index, "band")
    given = loaded.settings.targets[index].band
    if isinstance(given, AutoBandSettings):
        assert isinstance(band, Auto), "one is made of the other"
        nothing = Width(ZERO, band.hard.unit)
        yield _Edges((*path, "auto", "hard"), coin, band.hard, nothing, smallest, given.auto.hard)
        return
    assert isinstance(band, Band), "one is made of the other"
    yield _Edges((*path, "trigger"), coin, band.trigger, band.destination, smallest, given.trigger)
    if given.trigger_below is not None or given.destination_below is not None:
        key = "destination_below" if given.trigger_below is None else "trigger_below"
        below = given.trigger_below or given.trigger
        yield _Edges((*path, key), coin, band.edge(above=False), band.end(above=False), smallest, below)


def _narrow(loaded: Loaded, world: World, edges: _Edges) -> Iterator[Problem]:
    """Whether a band that is just breached can be corrected: what is traded then is trigger - destination."""
    target = world.targets[int(edges.path[1])]
    coin, smallest, price = edges.coin, edges.smallest, world.prices.get(edges.coin)
    trigger, destination = edges.in_coins(world, target)
    if trigger is None or destination is None or trigger - destination >= smallest:
        return
    symbol = hedge_symbol(loaded.settings, coin)
    future = world.instruments[named(loaded.settings, symbol)] if symbol is not None else None
    assert future is not None, "only what has a future has edges"
    distance = "" if not destination else f" less its destination of {_shown(destination)} {coin}"
    what = (
        f"a trigger of {_shown(trigger)} {coin}{distance} is below the smallest order of {symbol}, "
        f"{_shown(smallest)} {coin} (lot {plain(future.coins(future.lot))}"
        f"{'' if price is None else f', at {plain(price)} {loaded.settings.quote}'}): a breach could not be corrected"
    )
    if trigger == 0:
        yield loaded.problem(edges.path, what, f"at least {_shown(smallest + destination)} coins")
        return
    least = (edges.written.value * (smallest + destination) / trigger).quantize(SHOWN_STEP, ROUND_UP)
    yield loaded.problem(edges.path, what, f"at least {plain(least)} {edges.written.unit}")


def _coins_of(world: World, target: TargetSpec, coin: Asset, width: Width, smallest: Decimal) -> Decimal | None:
    """A width in coins at the present prices and holdings.

    None where it cannot be said, or where so little is wanted that nothing would be hedged at all.
    """
    if width.value == 0:
        return ZERO
    space = Space.COINS if isinstance(target, RatioTarget) else Space.QUOTE
    if coin not in world.prices and not _priceless(width, space):
        return None
    price = world.prices.get(coin, ONE)
    scale, base = abs(sizes(world, target).get(coin) or ZERO), base_of(world, target)
    if width.unit is Unit.RELATIVE and scale < (smallest if space is Space.COINS else smallest * price):
        return None
    if width.unit is Unit.POINTS and base is None:
        return None
    return in_coins(Deviation(space=space, amount=ZERO, scale=scale, base=base or ZERO, price=price), width)


def _priceless(width: Width, space: Space) -> bool:
    """Whether a width is a number of coins at any price."""
    return width.unit is Unit.COINS or (width.unit is Unit.RELATIVE and space is Space.COINS)


# ------------------------------------------------------------------------------------------ what is really held
def _converted(loaded: Loaded, world: World, index: int, target: TargetSpec) -> Iterator[Problem]:
    """No more is sold than there is."""
    if not isinstance(target, ConvertTarget) or not world.looked:
        return
    held = seen(world, target).get(target.asset, ZERO)
    if target.amount > held:
        what = f"more than there is of it, {plain(held)} {target.asset}"
        yield loaded.problem(("targets", index, "amount"), what, f"at most {plain(held)}")


def _undeclared(loaded: Loaded, world: World, index: int, target: TargetSpec) -> Iterator[Problem]:
    """Collateral that nobody declared would be invested: 20,000 of it among 100,000 turn 60/40 into 72/48."""
    given, coins = loaded.settings.targets[index], seen(world, target)
    if not world.looked or not isinstance(target, WeightsTarget | ParityTarget):
        return
    nav = target.basis.base is Base.NAV_LESS_RESERVE
    weighed = {*traded(given), *target.basis.reserve}
    found = {coin: quantity for coin, quantity in coins.items() if coin in STABLECOINS and coin not in weighed}
    total = sum((quantity * (world.price(coin) or ONE) for coin, quantity in found.items()), ZERO)
    if nav and total > UNDECLARED_SHARE_MAX * (base_of(world, target) or ZERO):
        held = ", ".join(f"{plain(quantity)} {coin}" for coin, quantity in sorted(found.items()))
        what = f"net asset value counts {held} that no weight names"
        path: Path = ("targets", index, "base" if "base" in given.model_fields_set else "kind")
        yield loaded.problem(path, what, base_choices(loaded.settings.quote))


def _sleeves(loaded: Loaded, world: World) -> Iterator[Problem]:
    """Sleeves cannot own more than there is; what sources elsewhere hold nobody has read yet."""
    left = dict(world.holdings)
    elsewhere = {coin for source in loaded.settings.holdings.values() for coin in source.assets}
    for index, target in enumerate(world.targets if world.looked else ()):
        for asset, quantity in target.owns.items():
            if asset in elsewhere:
                continue
            before = left.get(asset, ZERO)
            left[asset] = before - quantity
            if quantity > before:
                what = f"the sleeve owns {plain(quantity)} {asset}, and only {plain(before)} are there for it"
                yield loaded.problem(("targets", index, "owns", asset), what, f"at most {plain(max(before, ZERO))}")


def _shown(coins: Decimal) -> str:
    return plain(coins.quantize(SHOWN_COINS, ROUND_UP))


def _money(amount: Decimal) -> str:
    return plain(amount.quantize(SHOWN_STEP, ROUND_UP))
