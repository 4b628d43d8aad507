"""How large targets are at present prices and holdings, as far as that can be said before the daemon runs.

Statistics are not known yet: what rests on a measured beta or volatility is None, and nothing is judged on it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.instrument import Instrument
from bot.domain.targets import (
    Base,
    Basis,
    CashTarget,
    IndexTarget,
    LeverageTarget,
    Neutrality,
    ParityMethod,
    ParityTarget,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    TiltTarget,
    WeightsMode,
    WeightsTarget,
)
from bot.domain.units import ONE, ZERO, Asset, InstrumentId
from bot.runtime.portfolio import targets
from bot.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class World:
    """What the venue says: its instruments, prices, what is held, and further symbols to propose from.

    `looked` says whether anybody looked at what is held; where nobody did `holdings` is empty.
    """

    settings: Settings
    targets: tuple[TargetSpec, ...]
    instruments: Mapping[InstrumentId, Instrument]
    prices: Mapping[str, Decimal]
    holdings: Mapping[str, Decimal]
    known: Collection[str] = ()
    looked: bool = True

    def price(self, asset: str) -> Decimal | None:
        """The price of an asset in the quote currency; None where it is not known."""
        return ONE if asset == self.settings.quote else self.prices.get(asset)


def world_of(
    settings: Settings,
    instruments: Mapping[InstrumentId, Instrument],
    prices: Mapping[str, Decimal] | None,
    holdings: Mapping[str, Decimal] | None,
    known: Collection[str] = (),
) -> World:
    """The world with declared coins added to what is held; without holdings nothing is held as far as one can say."""
    quoted = {coin: price for coin, price in (prices or {}).items() if price > 0}
    held: dict[str, Decimal] = {}
    if holdings is not None:
        declared = {coin: asset.declared.value for coin, asset in settings.assets.items()}
        coins = sorted({*holdings, *declared})
        held = {coin: holdings.get(coin, ZERO) + declared.get(coin, ZERO) for coin in coins}
    return World(settings, targets(settings), instruments, quoted, held, known, holdings is not None)


def sizes(world: World, target: TargetSpec) -> dict[Asset, Decimal | None]:
    """The value of what a target wants of each coin's exposure, or of its futures where it is an overlay (signed).

    For a ratio target it is in coins. None where it cannot be said.
    """
    base = base_of(world, target)
    found: dict[Asset, Decimal | None] = {}
    match target:
        case RatioTarget():
            found = {coin: target.ratio * seen(world, target).get(coin, ZERO) for coin in target.assets}
        case WeightsTarget():
            found = _shares(base, target.weights)
        case LeverageTarget():
            found = _shares(base, target.weights, target.leverage)
        case ParityTarget():
            found = _shares(base, _parity(target)) or dict.fromkeys(target.assets)
        case TiltTarget():
            found = _tilt(base, target)
        case CashTarget():
            short = None if base is None or target.beta is None else -target.share * target.beta * base
            found = {target.anchor: short}
        case IndexTarget():
            found = _index(world, target)
        case ProxyTarget():
            found = _proxy(world, target)
        case _:
            pass
    return found


def base_of(world: World, target: TargetSpec) -> Decimal | None:
    """What a target's shares are fractions of; None where it has no base, or it cannot be said or means nothing."""
    basis: Basis | None = getattr(target, "basis", None)
    if basis is None:
        return None
    if basis.base is Base.FIXED:
        return basis.fixed
    coins = seen(world, target)
    if basis.base is Base.OWNED:
        own = target.weights if isinstance(target, WeightsTarget | LeverageTarget) else getattr(target, "assets", ())
        coins = {coin: quantity for coin, quantity in coins.items() if coin in own}
    for asset, quantity in basis.reserve.items():
        coins[asset] = coins.get(asset, ZERO) - quantity
    total = ZERO
    for asset, quantity in coins.items():
        price = world.price(asset)
        if quantity and price is None:
            return None
        total += quantity * (price or ZERO)
    return total if total > 0 else None


def seen(world: World, target: TargetSpec) -> dict[Asset, Decimal]:
    """The coins that a target counts: its own sleeve, or what is in no other's and set by no other target."""
    if target.owns:
        return dict(target.owns)
    left = {Asset(coin): quantity for coin, quantity in world.holdings.items() if _counts(world, coin)}
    for other in world.targets:
        if other.name == target.name:
            continue
        for asset, quantity in other.owns.items():
            left[asset] = left.get(asset, ZERO) - quantity
        if exposed(target) and not other.owns:
            for coin in exposed(other):
                left.pop(coin, None)
    return left


def exposed(target: TargetSpec) -> tuple[Asset, ...]:
    """The assets whose whole exposure a target sets."""
    match target:
        case RatioTarget() | ParityTarget():
            return target.assets
        case WeightsTarget() | LeverageTarget():
            return tuple(target.weights)
        case _:
            return ()


def _counts(world: World, coin: str) -> bool:
    """Coins that the config says nothing of cannot be priced here, and are left out of what is only an estimate."""
    return coin in world.settings.assets or coin == world.settings.quote


def _shares(
    base: Decimal | None, shares: Mapping[Asset, Decimal], factor: Decimal = ONE
) -> dict[Asset, Decimal | None]:
    return {coin: None if base is None else share * factor * base for coin, share in shares.items()}


def _parity(target: ParityTarget) -> dict[Asset, Decimal]:
    """The weights, where volatilities are given and correlations do not count; empty where they are measured."""
    given = target.volatilities
    if not given or target.method is not ParityMethod.INVERSE_VOLATILITY:
        return {}
    total = sum((1 / given[coin] for coin in target.assets), ZERO)
    return {coin: target.exposure / given[coin] / total for coin in target.assets}


def _tilt(base: Decimal | None, target: TiltTarget) -> dict[Asset, Decimal | None]:
    short = _scaled_short(target)
    sold = dict.fromkeys(target.short) if short is None else _shares(base, target.short, -short * target.size)
    return _shares(base, target.long, target.size) | sold


def _scaled_short(target: TiltTarget) -> Decimal | None:
    """The short side as a multiple of the long one."""
    if target.neutral is Neutrality.DOLLAR:
        return ONE
    betas = target.betas | {target.benchmark: ONE}
    if any(coin not in betas for coin in (*target.long, *target.short)):
        return None
    long, short = (sum((side[coin] * betas[coin] for coin in side), ZERO) for side in (target.long, target.short))
    return long / short if short else None


def _index(world: World, target: IndexTarget) -> dict[Asset, Decimal | None]:
    base, coins = base_of(world, target), seen(world, target)
    values = [(coins.get(coin, ZERO), world.price(coin)) for coin in target.assets]
    if base is None or target.beta is None or len(target.indices) > 1 or any(price is None for _, price in values):
        return dict.fromkeys(target.indices)
    over = sum((quantity * (price or ZERO) for quantity, price in values), ZERO) - target.weight * base
    return {target.indices[0]: -target.beta * max(over, ZERO)}


def _proxy(world: World, target: ProxyTarget) -> dict[Asset, Decimal | None]:
    """Given betas only: what is measured cannot be said before there is data."""
    out: dict[Asset, Decimal | None] = dict.fromkeys(target.anchors, ZERO)
    coins = seen(world, target)
    for coin in target.assets:
        price, betas = world.price(coin), target.betas.get(coin, {})
        for anchor in target.anchors:
            before = out[anchor]
            if price is None or anchor not in betas or before is None:
                out[anchor] = None
            else:
                out[anchor] = before - target.ratio * betas[anchor] * coins.get(coin, ZERO) * price
    return out


def needed(world: World) -> dict[str, Decimal]:
    """The futures position of each coin, in signed coins, that would put everything on its target now.

    Coins whose target cannot be told, because a price or a statistic is not known, are left out.
    """
    found: dict[str, Decimal | None] = {}
    for target in world.targets:
        for coin, size in sizes(world, target).items():
            wanted, before = _futures(world, target, coin, size), found.get(coin, ZERO)
            found[coin] = None if wanted is None or before is None else before + wanted
    return {coin: coins for coin, coins in found.items() if coins is not None}


def _futures(world: World, target: TargetSpec, coin: Asset, size: Decimal | None) -> Decimal | None:
    if size is None or isinstance(target, RatioTarget):
        return None if size is None else -size
    price = world.price(coin)
    if price is None:
        return None
    held = seen(world, target).get(coin, ZERO) if exposed(target) else ZERO
    position = size / price - held
    trims = isinstance(target, WeightsTarget | ParityTarget) and target.mode is WeightsMode.TRIM_ONLY
    return min(position, ZERO) if trims else position
