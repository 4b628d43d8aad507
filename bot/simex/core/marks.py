"""Index and mark prices of every future, sampled from the books once an interval, and what an asset is in dollars.

The index of a name ("BTCUSDT") is the price that the market source gives for it; else the median of the spot book of
that name and of the constituents that the source gives as "BTCUSDT/elsewhere"; else the contract's own book.
Mark = index + an average of the basis (mid - index), each sample of it clamped: a thin book cannot drag the mark away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from bot.simex.core.events import Marked
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import SCALE, divided
from bot.simex.core.rates import Rates, premium
from bot.simex.core.state import State

# A sample a second: an averaging time of about half a minute.
BASIS_SAMPLES = 30
# A sample of the basis further from the index than this share of it (of 1e-8) counts as this share.
BASIS_CLAMP = 1_000_000
DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "BUSD", "DAI", "TUSD", "USDE", "BFUSD"})
Mids = Callable[[Key], int | None]


@dataclass(slots=True)
class _Sample:
    instrument: Instrument
    index: int = 0
    basis: int = 0
    held: int = 0

    @property
    def mark(self) -> int:
        return self.held or max(self.index + self.basis, 0)


class Marks:
    """`prices` and `indices` (of 1e-8) by instrument; `version` counts their changes. `mids`: a book's mid, or None."""

    def __init__(self, state: State, mids: Mids, rates: Rates) -> None:
        self._state = state
        self._mids = mids
        self._rates = rates
        self._named: dict[str, int] = {}
        self._constituents: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._samples: dict[Key, _Sample] = {}
        self._dollars: dict[str, int] = {}
        self.prices: dict[Key, int] = {}
        self.indices: dict[Key, int] = {}
        self.version = 0

    def mark(self, key: Key) -> int:
        """The mark price of a future, the mid of anything else; 0 as long as none is known."""
        return self.prices.get(key) or self._mids(key) or 0

    def index(self, key: Key) -> int:
        """The index price of a future, as sampled last; 0 as long as none is known."""
        return self.indices.get(key, 0)

    def index_price(self, name: str, price: int) -> None:
        """The source's price of an index, or of one constituent of it ("name/constituent")."""
        index, _, constituent = name.partition("/")
        if constituent:
            self._constituents[index][constituent] = price
        else:
            self._named[index] = price

    def sample(self) -> None:
        """Take in the mids of this moment, and tell every future's mark. What has no price keeps its last."""
        for sample in self._futures():
            instrument = sample.instrument
            key = instrument.key
            mid = self._mids(key)
            index = self._named.get(instrument.index) or self._index(instrument) or mid
            if index is None:
                continue
            raw = self._clamped((mid or index) - index, index) if mid else sample.basis
            sample.basis = sample.basis + divided(raw - sample.basis, BASIS_SAMPLES) if sample.index else raw
            sample.index = index
            if mid:
                self._rates.observe(key, premium(mid, index))
        self._publish()

    def follow(self, base: str, factor: float) -> None:
        """Follow a price shock of an asset at once: the books have moved, the basis goes with them."""
        for sample in self._futures():
            if sample.instrument.base == base and sample.index:
                sample.basis = round(sample.basis * factor)
                sample.index = self._index(sample.instrument) or self._mids(sample.instrument.key) or sample.index
        self._publish()

    def hold(self, key: Key, price: int | None) -> None:
        """Fix a mark, whatever the index says (a manipulated or broken mark), or let it go again."""
        sample = self._samples.setdefault(key, _Sample(self._state.instrument(key)))
        sample.held = price or 0
        self._publish()

    def dollars(self, asset: str) -> int:
        """The price of an asset in dollars, of 1e-8; 0 when nothing prices it. Changes only with `version`."""
        found = self._dollars.get(asset)
        if found is None:
            found = self._dollars[asset] = self._dollar_price(asset)
        return found

    def _futures(self) -> list[_Sample]:
        if len(self._samples) != len(self._state.instruments):
            for key, instrument in self._state.instruments.items():
                if instrument.is_future:
                    self._samples.setdefault(key, _Sample(instrument))
        return [sample for sample in self._samples.values() if sample.instrument.status != "closed"]

    def _publish(self) -> None:
        self.version += 1
        self._dollars.clear()
        now_ms = self._state.now_ms
        for key, sample in self._samples.items():
            if sample.instrument.status == "closed" or not sample.mark:
                continue
            self.prices[key] = mark = sample.mark
            self.indices[key] = sample.index
            self._state.emit(
                Marked(now_ms, sample.instrument, mark, sample.index, self._rates.rate(key), self._rates.next_ms(key))
            )

    def _index(self, instrument: Instrument) -> int | None:
        return self._named_price(instrument.index) or (
            self._named_price(f"{instrument.base}USDT") if instrument.quote == "USD" else None
        )

    def _named_price(self, name: str) -> int | None:
        known = self._named.get(name)
        if known is not None:
            return known
        prices = list(self._constituents[name].values()) if name in self._constituents else []
        spot = self._mids(("spot", name)) if ("spot", name) in self._state.instruments else None
        return _median([*prices, spot] if spot else prices)

    def _dollar_price(self, asset: str) -> int:
        if asset in DOLLARS:
            return self._named.get(f"{asset}USD", SCALE)
        for quote in ("USD", "USDT", "USDC"):
            price = self._named_price(f"{asset}{quote}")
            if price:
                return price
        settled = (one.key for one in self._state.instruments.values() if one.is_future and one.base == asset)
        return next((price for key in settled if (price := self.indices.get(key, 0))), 0)

    @staticmethod
    def _clamped(basis: int, index: int) -> int:
        bound = index * BASIS_CLAMP // SCALE
        return basis if -bound <= basis <= bound else bound if basis > 0 else -bound


def _median(prices: list[int]) -> int | None:
    if not prices:
        return None
    prices.sort()
    middle = len(prices) // 2
    return prices[middle] if len(prices) % 2 else (prices[middle - 1] + prices[middle]) // 2
