"""A world whose quote currency is watched: pairs of it with other dollars, at prices that a test bends."""

from __future__ import annotations

from typing import Any

from bot.domain.commands import Notice
from bot.domain.instrument import Instrument, Kind, instrument_id
from bot.domain.rules import Rules
from bot.domain.units import Asset, InstrumentId
from bot.engine.peg import TOPIC, WAY_BACK
from tests.engine.kit import World
from tests.kit import SPOT, d, limits, neutral, perpetual, quote, rules

PAIRS = ("USDCUSDT", "FDUSDUSDT", "USDTUSD")
HALF = 0.00005
"""Half the spread of a pair of two dollars."""


def reference(symbol: str) -> InstrumentId:
    """A pair's name."""
    return instrument_id(SPOT, symbol)


def pair(symbol: str) -> Instrument:
    """A pair of USDT with another dollar, either way round."""
    base = "USDT" if symbol.startswith("USDT") else symbol.removesuffix("USDT")
    return perpetual(
        id=reference(symbol),
        account=SPOT,
        symbol=symbol,
        kind=Kind.SPOT,
        base=Asset(base),
        quote=Asset(symbol.removeprefix(base)),
        tick=d("0.0001"),
        lot=d(1),
        tiers=(),
    )


def watched(*symbols: str, **changes: Any) -> Rules:
    """The rules of a neutral book of BTC whose peg is watched by pairs; `changes` are of the limits."""
    owned = rules(neutral("BTC"), coins=("BTC",), limits=limits(orders_per_minute_max=99, **changes))
    return Rules(
        **{name: getattr(owned, name) for name in Rules.__struct_fields__ if name not in ("instruments", "pegs")},
        instruments=(*owned.instruments, *map(pair, symbols)),
        pegs=tuple(map(reference, symbols)),
    )


class Pegged(World):
    """A neutral book of 1 BTC; `dollars` is what a pair's mid is now, None for a pair that nothing is heard of."""

    def __init__(self, owned: Rules) -> None:
        self.dollars: dict[str, float | None] = {i.symbol: 1.0 for i in owned.instruments if i.id in owned.pegs}
        self.half = HALF
        super().__init__(owned, {"BTC": d(1)})

    @classmethod
    def watching(cls, *symbols: str, **changes: Any) -> Pegged:
        """A running one, hedged, watched by one pair unless others are named."""
        world = cls(watched(*(symbols or ("USDCUSDT",)), **changes))
        world.start()
        world.run(3)
        return world

    def feed(self) -> None:
        """Publish the pairs beside the coins."""
        super().feed()
        for symbol, mid in sorted(self.dollars.items()):
            if mid is not None:
                self.see(symbol, mid)

    def see(self, symbol: str, mid: float) -> None:
        """A quote of a pair arrives."""
        bent = self.bent(quote(reference(symbol), mid, self.now, self.half))
        if bent is not None:
            self.handle(bent)

    def worth(self, usdt: float) -> Pegged:
        """The market values USDT at this, in every pair."""
        self.dollars = {name: usdt if name.startswith("USDT") else 1 / usdt for name in self.dollars}
        return self

    @property
    def told(self) -> list[Notice]:
        """What was told of the peg, its way back left out."""
        return [one for one in self.log if isinstance(one, Notice) and one.topic == TOPIC]

    @property
    def ways_back(self) -> list[Notice]:
        """What the journal was told of its way back."""
        return [one for one in self.log if isinstance(one, Notice) and one.topic == WAY_BACK]
