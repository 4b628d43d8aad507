"""Whether a config can work with what the venue really trades: symbols, settlement, lots, minimums.

A pure function over the loaded settings and the venue's instruments; each finding names its line in the file.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from bot.calc.bands import Deviation, Space, in_coins
from bot.domain.instrument import Instrument, Kind
from bot.domain.rules import Base, Unit, WeightsMode, Width
from bot.domain.units import ONE, ZERO, InstrumentId
from bot.runtime.document import Path
from bot.runtime.fields import Symbol
from bot.runtime.portfolio import hedge_symbol, named, pricing_symbol, width
from bot.runtime.problems import Problem, closest
from bot.runtime.quantities import plain
from bot.runtime.settings import NeutralTarget, RatioTarget, TargetSettings, WeightsTarget
from bot.runtime.settings_load import Loaded

_EDGES = ("trigger", "destination")
SHOWN_STEP = Decimal("0.0001")
SHOWN_COINS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class World:
    """What the venue says: its instruments, prices, what is held, and further symbols to propose from."""

    instruments: Mapping[InstrumentId, Instrument]
    prices: Mapping[str, Decimal]
    holdings: Mapping[str, Decimal]
    known: Collection[str]


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
        prices: the price of each coin in the reporting currency; what needs a price is not judged where there is none.
        holdings: what the accounts hold of each coin and currency, which relative bands are fractions of; declared
            coins are added here. None where nobody looked: then no band is measured on them, declared or not.
        known: further symbols of the venue, as ``usdm:BTCUSDT``, to propose a near one for one that does not exist.
    """
    by_id = {instrument.id: instrument for instrument in instruments}
    quoted = {coin: price for coin, price in (prices or {}).items() if price > 0}
    world = World(by_id, quoted, {} if holdings is None else _held(loaded, holdings), known)
    found = [problem for coin in loaded.settings.assets for problem in _asset(loaded, world, coin)]
    for index, target in enumerate(loaded.settings.targets):
        for coin in _coins(target):
            found += _target(loaded, world, index, target, coin)
    return tuple(sorted(found, key=lambda problem: (problem.line is None, problem.line or 0)))


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
    by_id = {instrument.id: instrument for instrument in instruments}
    world = World(by_id, prices, {} if holdings is None else _held(loaded, holdings), ())
    found = []
    for index, target in enumerate(loaded.settings.targets):
        for coin in _coins(target):
            future, price = by_id.get(named(loaded.settings, hedge_symbol(loaded.settings, coin))), prices.get(coin)
            if future is None or price is None:
                continue
            smallest = _smallest_coins(future, price)
            edges = [_coins_of(loaded, world, target, coin, edge, smallest) for edge in _EDGES]
            if edges[0] is not None and edges[1] is not None:
                path = ("targets", index, "band", "trigger")
                found.append(Correction(path, target.name, coin, edges[0] - edges[1], smallest, price))
    return tuple(found)


def hedges_needed(loaded: Loaded, prices: Mapping[str, Decimal], holdings: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The futures position of each coin, in signed coins, that would put everything on its target now.

    Coins whose target cannot be told, because a price is not known, are left out.
    """
    world = World({}, prices, _held(loaded, holdings), ())
    found: dict[str, Decimal] = {}
    for target in loaded.settings.targets:
        base = _base(loaded, world, target)
        for coin in _coins(target):
            held = world.holdings.get(coin, ZERO)
            match target:
                case NeutralTarget():
                    found[coin] = -held
                case RatioTarget():
                    found[coin] = -held * target.ratio
                case WeightsTarget() if base > 0 and coin in prices:
                    position = target.weights[coin] * base / prices[coin] - held
                    found[coin] = min(position, ZERO) if target.mode is WeightsMode.TRIM_ONLY else position
                case _:
                    pass
    return found


def _held(loaded: Loaded, holdings: Mapping[str, Decimal]) -> dict[str, Decimal]:
    declared = {coin: asset.declared.value for coin, asset in loaded.settings.assets.items()}
    return {coin: holdings.get(coin, ZERO) + declared.get(coin, ZERO) for coin in sorted({*holdings, *declared})}


def _coins(target: TargetSettings) -> tuple[str, ...]:
    return tuple(target.weights) if isinstance(target, WeightsTarget) else target.assets


# ------------------------------------------------------------------------------------------------- assets
def _asset(loaded: Loaded, world: World, coin: str) -> Iterator[Problem]:
    settings = loaded.settings
    pricing, hedge = pricing_symbol(settings, coin), hedge_symbol(settings, coin)
    for role, symbol in (("pricing", pricing), ("hedge", hedge)):
        path = ("assets", coin, role)
        instrument = world.instruments.get(named(settings, symbol))
        if instrument is None:
            yield _unknown(loaded, world, path, symbol)
        else:
            yield from _instrument(loaded, path, symbol, instrument)
    future = world.instruments.get(named(settings, hedge))
    if future is not None:
        yield from _hedge(loaded, world, coin, future)


def _unknown(loaded: Loaded, world: World, path: Path, symbol: Symbol) -> Problem:
    market = f"{symbol.market}:"
    listed = {*world.known, *(_written(loaded, name) for name in world.instruments)}
    near = closest(symbol.symbol, [other.removeprefix(market) for other in listed if other.startswith(market)])
    what = f"{symbol} does not exist on {loaded.settings.venue}"
    return loaded.problem(path, what, f"a symbol of its {symbol.market} market", near and f"{market}{near}")


def _written(loaded: Loaded, name: InstrumentId) -> str:
    return name.removeprefix(f"{loaded.settings.venue}.")


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
    if future.kind is not Kind.LINEAR:
        yield loaded.problem(path, f"{symbol} is {future.kind.value}", "a linear future")
    elif future.settle != quote:
        yield loaded.problem(path, f"{symbol} settles in {future.settle}", f"a future that settles in {quote}")
    if future.expiry_ns is not None:
        yield loaded.problem(path, f"{symbol} expires, and nothing would roll it", "a perpetual")
    limit = loaded.settings.limits.order_notional.value
    needed = _smallest_value(future, world.prices.get(coin))
    if limit < needed:
        what = f"{plain(limit)} {quote} is below the smallest order of {symbol}, {_money(needed)} {quote}"
        yield loaded.problem(("limits", "order_notional"), what, f"at least {_money(needed)} {quote}")


def _smallest_value(future: Instrument, price: Decimal | None) -> Decimal:
    """The smallest order in the reporting currency; without a price, what the venue says of it by itself."""
    return future.notional_min if price is None else _smallest_coins(future, price) * price


def _smallest_coins(future: Instrument, price: Decimal | None) -> Decimal:
    """The smallest order in coins; without a price, as far as lots alone say."""
    lots = max(future.lot, future.contracts_min)
    if price is not None:
        lots = max(lots, future.notional_min / price / future.contract_size)
    return future.coins((lots / future.lot).to_integral_value(ROUND_UP) * future.lot)


# ------------------------------------------------------------------------------------------------ targets
def _target(loaded: Loaded, world: World, index: int, target: TargetSettings, coin: str) -> Iterator[Problem]:
    """Whether a band that is just breached can be corrected: what is traded then is trigger - destination."""
    future = world.instruments.get(named(loaded.settings, hedge_symbol(loaded.settings, coin)))
    price = world.prices.get(coin)
    if future is None:
        return
    smallest = _smallest_coins(future, price)
    trigger, destination = (_coins_of(loaded, world, target, coin, edge, smallest) for edge in _EDGES)
    if trigger is None or destination is None or trigger - destination >= smallest:
        return
    written, symbol = target.band.trigger, hedge_symbol(loaded.settings, coin)
    path = ("targets", index, "band", "trigger")
    distance = "" if not destination else f" less its destination of {_shown(destination)} {coin}"
    what = (
        f"a trigger of {_shown(trigger)} {coin}{distance} is below the smallest order of {symbol}, "
        f"{_shown(smallest)} {coin} (lot {plain(future.coins(future.lot))}"
        f"{'' if price is None else f', at {plain(price)} {loaded.settings.quote}'}): a breach could not be corrected"
    )
    if trigger == 0:
        yield loaded.problem(path, what, f"at least {_shown(smallest + destination)} coins")
        return
    least = (written.value * (smallest + destination) / trigger).quantize(SHOWN_STEP, ROUND_UP)
    yield loaded.problem(path, what, f"at least {plain(least)} {written.unit}")


def _coins_of(
    loaded: Loaded, world: World, target: TargetSettings, coin: str, edge: str, smallest: Decimal
) -> Decimal | None:
    """A band's edge in coins at the present prices and holdings.

    None where it cannot be said, or where so little is held that nothing would be hedged at all.
    """
    distance = width(getattr(target.band, edge), loaded.settings.quote)
    if distance.value == 0:
        return ZERO
    base = _base(loaded, world, target)
    scale = _scale(world, target, coin, base)
    space = Space.QUOTE if isinstance(target, WeightsTarget) else Space.COINS
    if coin not in world.prices and not _priceless(distance, space):
        return None
    price = world.prices.get(coin, ONE)
    if distance.unit is Unit.RELATIVE and scale < (smallest if space is Space.COINS else smallest * price):
        return None
    if distance.unit is Unit.POINTS and base <= 0:
        return None
    return in_coins(Deviation(space=space, amount=ZERO, scale=scale, base=base, price=price), distance)


def _priceless(distance: Width, space: Space) -> bool:
    """Whether a width is a number of coins at any price."""
    return distance.unit is Unit.COINS or (distance.unit is Unit.RELATIVE and space is Space.COINS)


def _base(loaded: Loaded, world: World, target: TargetSettings) -> Decimal:
    """What a weights target's weights are fractions of, as far as it can be said before the daemon runs; else 0."""
    if not isinstance(target, WeightsTarget):
        return ZERO
    if target.base is Base.FIXED:
        return target.fixed.value if target.fixed else ZERO
    if any(coin not in world.prices for coin in target.weights):
        return ZERO
    owned = sum((world.holdings.get(coin, ZERO) * world.prices[coin] for coin in target.weights), ZERO)
    if target.base is Base.OWNED:
        return owned
    return owned + world.holdings.get(loaded.settings.quote, ZERO) - (target.reserve.value if target.reserve else ZERO)


def _scale(world: World, target: TargetSettings, coin: str, base: Decimal) -> Decimal:
    """What a relative width is a fraction of: coins, or quote currency for a weights target."""
    match target:
        case WeightsTarget():
            return target.weights[coin] * max(base, ZERO)
        case RatioTarget():
            return target.ratio * abs(world.holdings.get(coin, ZERO))
        case NeutralTarget():
            return abs(world.holdings.get(coin, ZERO))


def _shown(coins: Decimal) -> str:
    return plain(coins.quantize(SHOWN_COINS, ROUND_UP))


def _money(amount: Decimal) -> str:
    return plain(amount.quantize(SHOWN_STEP, ROUND_UP))
