"""A seeded market: every instrument of a venue quoted around what its assets are worth in one world.

Theory of operation. The venue's events are one Poisson process whose rate is the sum of its instruments' rates; each
event picks an instrument and is a quote, a refresh of one level, or strangers taking (quoter.py). An instrument's fair
price is the ratio of what base and quote are worth (world.py) times one plus its premium, an Ornstein-Uhlenbeck process
of its own: a spot market's small dislocation from the world, a perpetual's basis, a dated future's carry, which runs
out at expiry. So two venues of one world move together and differ a little. Spread, depth and the rate of events
follow the world's regime. Once a second the index prices come, from constituents that can be broken (index.py).

Nothing depends on how the flow is asked for: when the next event is due was drawn with the one before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import length_hint
from types import MappingProxyType

import msgspec

from bot.simex.core.flow import Flow, IndexPrice, Levels
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import SCALE
from bot.simex.sources.draws import BITS, EXPONENTIAL, NORMAL, drawn, stream
from bot.simex.sources.index import Constituent, agreed_price, index_price, shares
from bot.simex.sources.listings import underlying
from bot.simex.sources.quoter import Quoter, Shape
from bot.simex.sources.world import YEAR_MS, Path, Regime, World, lifetime_ms

INDEX_MS = 1000
# One draw says which instrument an event is of and, by its last bits, what it is: a quote, a refresh or an aggression.
EVENT_BITS = 24
KIND_BITS = 8
KIND_MASK = (1 << KIND_BITS) - 1
QUOTE_BELOW = 160
REFRESH_BELOW = 224


class Premium(msgspec.Struct, frozen=True, kw_only=True):
    """How far an instrument's price is from the world's: where it reverts to, its spread around it, how fast.

    `mean_bps` is where it is when calm, `stress_bps` what stress adds to it; `carry` is a dated future's premium for a
    year of remaining life, as a share of the price.
    """

    mean_bps: float = 0.0
    stdev_bps: float = 0.3
    half_life_s: float = 20.0
    stress_bps: float = 0.0
    carry: float = 0.0


SPOT = Premium()
PERPETUAL = Premium(mean_bps=1.0, stdev_bps=2.0, half_life_s=900.0, stress_bps=-6.0)
DATED = Premium(stdev_bps=2.0, half_life_s=900.0, stress_bps=-6.0, carry=0.08)

CONSTITUENTS: Mapping[str, int] = MappingProxyType({"alpha": 1, "beta": 1, "gamma": 1, "delta": 1})


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How a venue behaves: its name (its random streams depend on it), events a second for each instrument, its books.

    `depth` is a factor on every asset's depth; `premiums` replaces SPOT, PERPETUAL or DATED for single instruments.
    `constituents` are those of every index, by name, with their weights; each strays by `constituent_bps`.
    """

    venue: str = "binance"
    events_per_s: float = 5.0
    depth: float = 1.0
    shape: Shape = Shape()
    premiums: Mapping[Key, Premium] = MappingProxyType({})
    constituents: Mapping[str, int] = CONSTITUENTS
    constituent_bps: float = 0.5


class SyntheticMarket:
    """A MarketSource of made-up prices. It starts at the world's start and never ends."""

    def __init__(self, world: World, instruments: Sequence[Instrument], behaviour: Behaviour | None = None) -> None:
        """ValueError without instruments, for a rate that is not positive, or for an impossible world."""
        behaviour = Behaviour() if behaviour is None else behaviour
        if not instruments or behaviour.events_per_s <= 0:
            raise ValueError("a market needs instruments and a rate of events above zero")
        bases = {underlying(one.base)[0] for one in instruments}
        self._path = Path(world, bases | {one.quote for one in instruments})
        self._feeds = [_Feed(one, world, behaviour, self._path) for one in instruments]
        self._indices = {one.index: _Index(one, world, behaviour, self._path) for one in instruments if one.is_future}
        self._bits = stream(world.seed, behaviour.venue, "events").getrandbits
        self._exponential = drawn(EXPONENTIAL, self._bits, BITS)
        self._mean_ms = 1000.0 / (behaviour.events_per_s * len(self._feeds))
        self._position = 0
        self._ready: Iterator[Flow] = iter([])
        self._opening = tuple(self._anew(self._feeds, self._indices.values(), world.start_ms))
        self._clock = float(world.start_ms)
        self._index_ms = world.start_ms + INDEX_MS
        self._due_ms = self._wait(self._path.regime)

    @property
    def keys(self) -> frozenset[Key]:
        """The instruments it has books for."""
        return frozenset(feed.quoter.key for feed in self._feeds)

    @property
    def ended(self) -> bool:
        """Never: it goes on as long as it is asked."""
        return False

    @property
    def position(self) -> int:
        """The number of events so far."""
        return self._position

    def opening(self) -> Iterator[Flow]:
        """The books and index prices at the world's start."""
        return iter(self._opening)

    def next_ms(self) -> int:
        """When the next event or the next index prices are due."""
        return self._due_ms

    def until(self, now_ms: int) -> Iterator[Flow]:
        """Every change up to and including `now_ms`; what a reader leaves of it comes first the next time."""
        if self._due_ms <= now_ms and not length_hint(self._ready):
            self._ready = iter(self._happen())
            if self._due_ms > now_ms:
                return self._ready  # One event: what nearly every call finds that asks for no more than what is due.
        return self._rest(now_ms)

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        """Multiply what an asset is worth on this venue, now and for good: for a quote asset its pairs move inversely.

        Another venue of the same world is another place: shock it too, or let the two differ. ValueError unless the
        factor is above zero.
        """
        if not 0 < factor < math.inf:
            raise ValueError(f"factor {factor}: allowed is more than zero")
        asset, _ = underlying(base)
        self._path.advance(now_ms)
        if not self._path.shock(asset, factor):
            return iter(())
        feeds = [feed for feed in self._feeds if asset in (feed.asset, feed.quote)]
        indices = [index for index in self._indices.values() if asset in (index.asset, index.quote)]
        return iter(self._anew(feeds, indices, now_ms))

    def break_constituent(self, index: str, constituent: str, factor: float | None, *, frozen: bool = False) -> None:
        """From the next index price on a constituent's price is wrong by a factor, or missing (None); 1.0 mends it.

        A frozen one stays what it was in the last index price. KeyError for an index or constituent that is not there.
        """
        self._indices[index].break_constituent(constituent, factor, frozen=frozen)

    def constituents(self, index: str) -> tuple[Constituent, ...]:
        """What an index is made of, as it counted in the last price; nothing for an index that is not there."""
        found = self._indices.get(index)
        return () if found is None else found.constituents()

    def _rest(self, now_ms: int) -> Iterator[Flow]:
        yield from self._ready
        while self._due_ms <= now_ms:
            self._ready = iter(self._happen())
            yield from self._ready

    def _happen(self) -> list[Flow]:
        """What happens at the time that is due."""
        due_ms, path = self._due_ms, self._path
        if path.next_ms <= due_ms:
            path.advance(due_ms)
        if due_ms == self._event_ms:
            return self._event(due_ms)
        flows = self._index_prices(self._indices.values(), due_ms)
        self._index_ms = due_ms + INDEX_MS
        self._due_ms = min(self._event_ms, self._index_ms)
        return flows

    def _event(self, now_ms: int) -> list[Flow]:
        self._position += 1
        draw, regime = self._bits(EVENT_BITS), self._path.regime
        feed = self._feeds[(draw >> KIND_BITS) * len(self._feeds) >> EVENT_BITS - KIND_BITS]
        self._due_ms = self._wait(regime)
        if feed.expiry_ms is not None and now_ms >= feed.expiry_ms:
            return []
        return feed.event(draw & KIND_MASK, regime, now_ms)

    def _wait(self, regime: Regime) -> int:
        """Draw when the next event is due; answers when anything is."""
        self._clock += self._mean_ms / regime.activity * self._exponential()
        self._event_ms = due_ms = int(self._clock)
        return min(self._index_ms, due_ms)

    def _anew(self, feeds: Iterable[_Feed], indices: Iterable[_Index], now_ms: int) -> list[Flow]:
        books: list[Flow] = [feed.book(self._path.regime, now_ms) for feed in feeds]
        return books + self._index_prices(indices, now_ms)

    def _index_prices(self, indices: Iterable[_Index], now_ms: int) -> list[Flow]:
        return [IndexPrice(index.name, now_ms, price) for index in indices if (price := index.price())]


class _Feed:
    """One instrument: its fair price and what happens in its book."""

    def __init__(self, instrument: Instrument, world: World, behaviour: Behaviour, path: Path) -> None:
        self.asset, self._units = underlying(instrument.base)
        self.quote, self.expiry_ms = instrument.quote, instrument.expiry_ms
        self.quoter = Quoter(instrument, world.seed, behaviour.venue, behaviour.shape)
        model = world.asset(self.asset)
        self._depth, self._half_spread = model.depth * behaviour.depth, model.half_spread_bps / 1e4
        self._values, self._calm, self._regime = path.values, world.calm, world.calm
        self._terms = behaviour.premiums.get(instrument.key, _usual(instrument))
        self._normal = drawn(NORMAL, stream(world.seed, behaviour.venue, "premium", *instrument.key).getrandbits, BITS)
        self._lifetime_ms = lifetime_ms(self._terms.half_life_s)
        self._stdev = self._terms.stdev_bps / 1e4
        self._taken = False
        self._drawn_ms = world.start_ms
        self._calm_mean = self._terms.mean_bps / 1e4
        self._stress_mean = self._calm_mean + self._terms.stress_bps / 1e4
        self._premium = self._calm_mean + self._stdev * self._normal()

    def event(self, kind: int, regime: Regime, now_ms: int) -> list[Flow]:
        """A quote, a refresh or an aggression; after an aggression a quote, after a change of regime a new book."""
        if regime is not self._regime:
            return [self.book(regime, now_ms)]
        if QUOTE_BELOW <= kind < REFRESH_BELOW:
            return self.quoter.refresh(now_ms)
        fair = self._fair(now_ms)
        if kind >= REFRESH_BELOW and not self._taken:
            self._taken = True
            return self.quoter.aggress(now_ms, fair)
        self._taken = False
        return self.quoter.quote(now_ms, fair, self._half_spread * fair * regime.spread, self._depth * regime.depth)

    def book(self, regime: Regime, now_ms: int) -> Levels:
        """The whole book as it is under a regime."""
        self._regime = regime
        fair = self._fair(now_ms)
        return self.quoter.book(now_ms, fair, self._half_spread * fair * regime.spread, self._depth * regime.depth)

    def _fair(self, now_ms: int) -> float:
        keep = self._lifetime_ms / (self._lifetime_ms + (now_ms - self._drawn_ms))
        noise = self._stdev * math.sqrt(1.0 - keep * keep) * self._normal()
        mean = self._calm_mean if self._regime is self._calm else self._stress_mean
        self._premium = mean + keep * (self._premium - mean) + noise
        self._drawn_ms = now_ms
        premium = self._premium
        if self.expiry_ms is not None:
            premium += self._terms.carry * (self.expiry_ms - now_ms) / YEAR_MS
        return self._values[self.asset] / self._values[self.quote] * self._units * (1.0 + premium)


class _Index:
    """The price of one index, from constituents that stray a little from the world, or that are broken."""

    def __init__(self, instrument: Instrument, world: World, behaviour: Behaviour, path: Path) -> None:
        self.name, self._values = instrument.index, path.values
        self.asset, self._units = underlying(instrument.base)
        self.quote = instrument.quote
        self._weights = list(behaviour.constituents.values())
        self._broken: dict[str, float | None] = dict.fromkeys(behaviour.constituents, 1.0)
        self._frozen: dict[str, int | None] = {}
        self._latest: Sequence[int | None] = [None] * len(self._weights)
        self._sound = self._is_sound()
        self._stray = behaviour.constituent_bps / 1e4
        self._normal = drawn(NORMAL, stream(world.seed, behaviour.venue, "index", instrument.index).getrandbits, BITS)

    def break_constituent(self, constituent: str, factor: float | None, *, frozen: bool) -> None:
        latest = dict(zip(self._broken, self._latest, strict=True))[constituent]
        self._broken[constituent] = factor
        self._frozen.pop(constituent, None)
        if frozen:
            self._frozen[constituent] = latest
        self._sound = self._is_sound()

    def constituents(self) -> tuple[Constituent, ...]:
        each = zip(self._broken, self._latest, shares(self._latest, self._weights), strict=True)
        return tuple(Constituent(*one) for one in each)

    def price(self) -> int | None:
        worth = self._values[self.asset] / self._values[self.quote] * self._units * SCALE
        size, normal = self._stray, self._normal
        if self._sound:
            self._latest = found = [round(worth * (1.0 + size * normal())) for _ in self._weights]
            agreed = agreed_price(found, self._weights)
            return index_price(found, self._weights) if agreed is None else agreed
        prices: list[int | None] = []
        for name, factor in self._broken.items():
            stray = 1.0 + size * normal()
            price = None if factor is None else round(worth * stray * factor)
            prices.append(self._frozen.get(name, price))
        self._latest = prices
        return index_price(prices, self._weights)

    def _is_sound(self) -> bool:
        """Whether there are constituents and none of them is broken."""
        is_whole = not self._frozen and all(factor == 1.0 for factor in self._broken.values())
        return is_whole and min(self._weights, default=0) > 0


def _usual(instrument: Instrument) -> Premium:
    if not instrument.is_future:
        return SPOT
    return PERPETUAL if instrument.expiry_ms is None else DATED
