"""Books of any width in their bands, and the market that moves them: what evaluations and wide books are measured with.

Prices are a random walk of many coins: volatile by 80 % a year, correlated by 0.7, and each market shows a new quote
ten times a second, with a spread of one to six hundredths of a per cent.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

from bot.domain.account import AccountSnapshot, Balance, Position
from bot.domain.bands import Band, Unit, Width
from bot.domain.events import AccountSeen, Event, RunMode, Started, StreamChanged, Ticked
from bot.domain.instrument import instrument_id
from bot.domain.market import Depth, Mark, Quote
from bot.domain.rules import AssetRule, Rules
from bot.domain.targets import Basis, CashTarget, RatioTarget, TargetSpec, TiltTarget, WeightsMode, WeightsTarget
from bot.domain.units import MILLISECOND_NS, SECOND_NS, ZERO, AccountId, Asset, Nanos, exact
from bot.engine.engine import Engine
from bot.lab.bench import desk, wide
from bot.lab.bench.desk import HOUR_NS, SETTLED_NS, SPOT, USDM, USDT

NOW = 1_700_000_000 * SECOND_NS
VALUE = Decimal(10_000)
"""What each coin is worth, on average."""
LARGE = (Decimal("0.2"), Decimal("0.1"), Decimal("0.1"))
"""Weights of the first coins, where there are others: the rest is shared alike."""
WALLET = Decimal(100_000)
NEAR = Decimal("0.8")
"""How far towards the edge of its band the asset goes that is nearest to it."""
WIDE = Decimal("0.1")
"""A weight may drift by a tenth of itself."""
SHARE = Decimal("0.2")
SIZE = Decimal("0.1")
VOLATILITY = 0.8
CORRELATION = 0.7
ROUNDS_PER_S = 10
ROUNDS_MAX = 100 * ROUNDS_PER_S
SECONDS_A_YEAR = 365 * 86_400
SEED = 11


class Book:
    """A portfolio of `count` coins: its targets, and an engine at rest with it."""

    def __init__(self, count: int, targets: Sequence[TargetSpec]) -> None:
        self.names = wide.coins(count)
        chance = random.Random(SEED)
        self.prices = {name: round(10 ** chance.uniform(-1, 4.5), 4) for name in self.names}
        self.rules = Rules(
            portfolio="wide",
            quote=USDT,
            accounts=(SPOT, USDM),
            instruments=tuple(one for name in self.names for one in wide.instruments(name)),
            assets=tuple(
                AssetRule(Asset(n), instrument_id(SPOT, n + USDT), instrument_id(USDM, n + USDT)) for n in self.names
            ),
            targets=tuple(targets),
            limits=desk.LIMITS,
        )
        shares, nav = _shares(self.names), VALUE * count
        self.held = {name: _coins(shares[Asset(name)] * nav, self.prices[name]) for name in self.names}

    def engine(self) -> Engine:
        """An engine that has this book in its bands."""
        owned, began = self.rules, NOW - SETTLED_NS
        start = Started(RunMode.LIVE, began // MILLISECOND_NS, owned, Nanos(began))
        made = Engine(start)
        futures = self._futures()
        for event in (
            start,
            *self._accounts(futures, began),
            StreamChanged(f"{USDM}.user", True, "connected", Nanos(began), USDM),
            *self._market(),
            *self._accounts(futures, NOW),
            Ticked(Nanos(NOW)),
        ):
            made.handle(event)
        for one in made.assess():
            assert one.at_rest, f"{one.group} is not at rest: {one.held or [need.why for need in one.needs]}"
        return made

    def _futures(self) -> dict[str, Decimal]:
        """Contracts that bring every asset to where it should be, but for a drift of its own inside of its band."""
        values = {name: self.held[name] * exact(self.prices[name]) for name in self.names}
        apart = {name for one in self.rules.targets if isinstance(one, RatioTarget) for name in one.assets}
        nav = sum(values.values(), ZERO)
        base = sum((value for name, value in values.items() if name not in apart), ZERO)
        out: dict[str, Decimal] = {}
        for place, name in enumerate(map(Asset, self.names)):
            wanted = width = ZERO
            for target in self.rules.targets:
                if isinstance(target, WeightsTarget) and name in target.weights:
                    wanted += target.weights[name] * base - values[name]
                    width = WIDE * target.weights[name] * base
                elif isinstance(target, RatioTarget) and name in apart:
                    wanted -= target.ratio * values[name]
                elif isinstance(target, CashTarget) and name == target.anchor:
                    wanted -= target.share * nav
                elif isinstance(target, TiltTarget):
                    wanted += target.size * nav * (target.long.get(name, ZERO) - target.short.get(name, ZERO))
            drift = NEAR * (2 * Decimal(place) / max(len(self.names) - 1, 1) - 1)
            out[name] = _coins(wanted + drift * width, self.prices[name])
        return out

    def _accounts(self, futures: Mapping[str, Decimal], now: int) -> tuple[AccountSeen, AccountSeen]:
        held = tuple(Balance(Asset(name), self.held[name]) for name in self.names)
        wallet = (Balance(USDT, WALLET),)
        open_ = tuple(
            Position(instrument_id(USDM, name + USDT), contracts, exact(self.prices[name]))
            for name, contracts in futures.items()
        )
        return (
            AccountSeen(AccountSnapshot(account=SPOT, balances=held), Nanos(now)),
            AccountSeen(AccountSnapshot(account=USDM, balances=wallet, positions=open_), Nanos(now)),
        )

    def _market(self) -> list[Event]:
        out: list[Event] = []
        for name, price in self.prices.items():
            half = price * 1e-4
            for one in (instrument_id(SPOT, name + USDT), instrument_id(USDM, name + USDT)):
                out.append(Depth(one, ((price - half, 1e9),), ((price + half, 1e9),), 0, NOW))
                out.append(Quote(one, price - half, price + half, 5.0, 5.0, 0, NOW))
            out.append(Mark(instrument_id(USDM, name + USDT), price, price, 0.0001, NOW + HOUR_NS, NOW))
        return out


def _coins(value: Decimal, price: float) -> Decimal:
    return (value / exact(price)).quantize(Decimal("0.001"), ROUND_DOWN)


def ratio(count: int) -> Book:
    """Every coin wholly hedged, each a group of its own."""
    names = tuple(map(Asset, wide.coins(count)))
    return Book(count, [RatioTarget("neutral", names, Decimal(1), _band("0.01"))])


def weights(count: int) -> Book:
    """Weights of net asset value over all coins: every quote moves every weight."""
    return Book(count, [_weights(wide.coins(count))])


def composed(count: int) -> Book:
    """Weights, a cash hedge through the first coin, and a tilt of the next two: one group."""
    names = wide.coins(count)
    return Book(count, [_weights(names), *_overlays(names)])


def mixed(count: int) -> Book:
    """Three targets: two fifths of the coins neutral, weights over the others, and a cash hedge on top of all."""
    names = wide.coins(count)
    apart = count * 2 // 5
    neutral = RatioTarget("neutral", tuple(map(Asset, names[:apart])), Decimal(1), _band("0.01"))
    return Book(count, [neutral, _weights(names[apart:]), _overlays(names[apart:])[0]])


def _shares(names: Sequence[str]) -> dict[Asset, Decimal]:
    large = LARGE if len(names) > 2 * len(LARGE) else ()
    rest = (1 - sum(large, ZERO)) / (len(names) - len(large))
    return {Asset(name): large[place] if place < len(large) else rest for place, name in enumerate(names)}


def _weights(names: Sequence[str]) -> WeightsTarget:
    return WeightsTarget(
        name="weights",
        weights=_shares(names),
        mode=WeightsMode.FULL_REBALANCE,
        basis=Basis(reserve={USDT: WALLET}),
        band=_band(str(WIDE)),
    )


def _overlays(names: Sequence[str]) -> tuple[CashTarget, TiltTarget]:
    first, second, third = (Asset(names[place % len(names)]) for place in range(3))
    basis, band = Basis(reserve={USDT: WALLET}), _band("0.2")
    cash = CashTarget(name="cash", share=SHARE, anchor=first, basis=basis, band=band)
    return cash, TiltTarget(
        name="tilt", long={second: Decimal(1)}, short={third: Decimal(1)}, size=SIZE, basis=basis, band=band
    )


def _band(width: str) -> Band:
    return Band(Width(Decimal(width), Unit.RELATIVE), Width(ZERO, Unit.RELATIVE))


def walk(book: Book, length: int) -> list[Quote]:
    """About so many quotes of every market of a book, there and back: as long as no mark need be seen meanwhile."""
    chance = random.Random(SEED)
    step = VOLATILITY * (1 / ROUNDS_PER_S / SECONDS_A_YEAR) ** 0.5
    together, alone = step * CORRELATION**0.5, step * (1 - CORRELATION) ** 0.5
    halves = {name: chance.uniform(0.5e-4, 3e-4) for name in book.names}
    mids, out = dict(book.prices), list[Quote]()
    for _ in range(min(ROUNDS_MAX, length // 2 // (2 * len(book.names)) + 1)):
        common = chance.gauss(0.0, together)
        for name in book.names:
            mids[name] *= 1 + common + chance.gauss(0.0, alone)
        shown = [_shown(account, name, mids[name], halves[name]) for name in book.names for account in (SPOT, USDM)]
        chance.shuffle(shown)
        out += shown
    there_and_back = out + out[::-1]
    return there_and_back * max(length // len(there_and_back), 1)


def _shown(account: AccountId, name: str, mid: float, half: float) -> Quote:
    return Quote(instrument_id(account, name + USDT), mid * (1 - half), mid * (1 + half), 5.0, 5.0, 1, NOW)
