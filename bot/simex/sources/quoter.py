"""The background book of one instrument, made up around a fair price: what is quoted, refilled, cancelled, taken.

Theory of operation. A side of the book is a touch (the best price, at any tick) and rungs behind it. A quote moves the
touch to where the fair price and the spread put it: one Top says what is best now and that nothing is better. On the
side that falls back, rungs that it passes are gone with that; on the side that follows, the old touch stays as a rung,
unless it is too near to the next, a leap is filled with rungs, and a rung too many goes at the far end. When the fair
price is far from where the book was last made, when a side has become short, or when the market's regime changed, the
whole book is made anew (Levels). A refresh sets one rung to a new quantity, mostly one near the touch, now and then to
none: strangers adding and cancelling. So a change of the touch costs little more than one flow.

The quoter is never told what accounts' orders took. It need not be: all that it emits is absolute ("this price now
holds so much"), so whatever is missing returns when that price is next written. The touch returns with the next quote
(every second event or so, and always right after strangers took from it), the rungs within a few dozen events, nearest
first, and everything at the next making of the book. Nothing ever adds to what is there, so a book cannot grow.

Prices here are whole ticks, quantities whole lots; what is emitted is of 1e-8.
"""

from __future__ import annotations

import msgspec

from bot.simex.core.flow import Aggression, Flow, Level, Levels, Top
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, SELL
from bot.simex.sources.draws import BITS, EXPONENTIAL, NORMAL, drawn, stream

FLICKER_BITS = 8
# A refreshed rung is cancelled instead with this probability, of 256.
CANCEL_BELOW = 24
RUNGS_MIN = 4
# Strangers take this share of a typical touch on average.
TAKEN = 0.4


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How a book looks: rungs a side, their distance in basis points, how quantities grow with the distance.

    `growth` is added to the weight at each rung; `flicker` is how much quantities vary around their typical size, as a
    share of it; `reach` how many rungs behind its limit an aggression may go.
    """

    rungs: int = 20
    gap_bps: float = 0.6
    growth: float = 0.3
    flicker: float = 0.6
    reach: int = 3


class Quoter:
    """The background book of one instrument. Fair price and half spread are in quote, depth is quote at the touch."""

    __slots__ = (
        "_anchor",
        "_asks",
        "_bids",
        "_bits",
        "_flicker",
        "_gap",
        "_key",
        "_lot",
        "_per_lot",
        "_per_price",
        "_shape",
        "_span",
        "_tick",
        "_unit",
        "_weights",
    )

    def __init__(self, instrument: Instrument, seed: int, venue: str, shape: Shape) -> None:
        """ValueError for fewer than four rungs or a negative flicker or growth."""
        if shape.rungs < RUNGS_MIN or shape.flicker < 0 or shape.growth < 0:
            raise ValueError(f"a book needs {RUNGS_MIN} rungs and no negative flicker or growth: {shape}")
        filters = instrument.filters
        self._key, self._shape = instrument.key, shape
        self._tick, self._lot = filters.tick, filters.lot
        self._per_price = SCALE / filters.tick
        # Quote in one lot: of an inverse contract always the face, of others by the price.
        self._per_lot = filters.lot / SCALE * (instrument.face / SCALE)
        self._bits = stream(seed, venue, *instrument.key).getrandbits
        self._flicker = drawn(_flickers(shape.flicker), self._bits, FLICKER_BITS)
        self._weights = [1.0 + shape.growth * i for i in range(2 * shape.rungs + 1)]
        # Prices in ticks, the touch last: those of asks are negative, so that better is greater on both sides.
        self._bids: list[int] = []
        self._asks: list[int] = []
        self._anchor = self._span = 0
        self._gap = 1
        self._unit = 1.0

    @property
    def key(self) -> tuple[str, str]:
        """The instrument's key."""
        return self._key

    def book(self, time_ms: int, fair: float, half_spread: float, depth: float) -> Levels:
        """The whole book made anew, with gaps that fit the price."""
        bid, ask = _touch(fair * self._per_price, half_spread * self._per_price)
        rungs, gap = self._shape.rungs, max(1, int(self._shape.gap_bps / 1e4 * fair * self._per_price))
        self._gap, self._anchor, self._span = gap, bid + ask, rungs * gap
        self._unit = depth / (self._per_lot or self._lot / SCALE * fair)
        self._bids = list(range(max(bid - rungs * gap, 1 + (bid - 1) % gap), bid + 1, gap))
        self._asks = list(range(-ask - rungs * gap, -ask + 1, gap))
        return Levels(self._key, time_ms, self._pairs(self._bids), self._pairs(self._asks))

    def quote(self, time_ms: int, fair: float, half_spread: float, depth: float) -> list[Flow]:
        """The touch moves to a fair price that left it; too far from where the book was made, it is made anew."""
        bids, asks = self._bids, self._asks
        bid, ask = bids[-1], -asks[-1]
        middle = fair * self._per_price
        if not bid <= middle <= ask:
            bid, ask = _touch(middle, half_spread * self._per_price)
            if abs(bid + ask - self._anchor) > self._span:
                return [self.book(time_ms, fair, half_spread, depth)]
        tick, lot, unit, flicker = self._tick, self._lot, self._unit, self._flicker
        bid_quantity = (1 + int(unit * flicker())) * lot
        ask_quantity = (1 + int(unit * flicker())) * lot
        flows: list[Flow] = [Top(self._key, time_ms, bid * tick, bid_quantity, ask * tick, ask_quantity)]
        if bid != bids[-1]:
            self._move(flows, time_ms, bids, bid)
        if ask != -asks[-1]:
            self._move(flows, time_ms, asks, -ask)
        if len(bids) < RUNGS_MIN or len(asks) < RUNGS_MIN:
            return [self.book(time_ms, fair, half_spread, depth)]
        return flows

    def refresh(self, time_ms: int) -> list[Flow]:
        """One rung gets a new quantity, or none; nothing when the side has no rung."""
        bits = self._bits
        draw, prices = bits(FLICKER_BITS), self._bids if bits(1) else self._asks
        place = 1 + (draw * draw * (len(prices) - 1) >> 2 * FLICKER_BITS)
        if place >= len(prices):
            return []
        lots = 0 if bits(FLICKER_BITS) < CANCEL_BELOW else self._lots(place)
        return [self._level(time_ms, prices[-1 - place], lots)]

    def aggress(self, time_ms: int, fair: float) -> list[Flow]:
        """A stranger takes; rather a buyer when the fair price is above the middle of what is quoted."""
        bits, reach = self._bits, self._shape.reach * self._gap
        bid, ask = self._bids[-1], -self._asks[-1]
        lean = (2.0 * fair * self._per_price - bid - ask) / (ask - bid)
        threshold = 128 + int(64.0 * max(-1.0, min(1.0, lean)))
        lots = 1 + int(TAKEN * self._unit * EXPONENTIAL[bits(BITS)])
        if bits(FLICKER_BITS) < threshold:
            side, price = BUY, ask + reach
        else:
            side, price = SELL, max(1, bid - reach)
        return [Aggression(self._key, time_ms, side, price * self._tick, lots * self._lot)]

    def _move(self, flows: list[Flow], time_ms: int, prices: list[int], touch: int) -> None:
        """A side's touch moves; what goes and comes behind it."""
        old, gap = prices[-1], self._gap
        if touch < old:
            while prices and prices[-1] > touch:
                prices.pop()
            if prices and prices[-1] == touch:
                return
        else:
            if len(prices) > 1 and 2 * (old - prices[-2]) < gap:
                flows.append(self._level(time_ms, prices.pop(), 0))
            for rung in range(old + gap, touch - gap // 2, gap):
                flows.append(self._level(time_ms, rung, self._lots((touch - rung) // gap)))
                prices.append(rung)
            while len(prices) > self._shape.rungs * 3 // 2:
                flows.append(self._level(time_ms, prices.pop(0), 0))
        prices.append(touch)

    def _level(self, time_ms: int, price: int, lots: int) -> Level:
        if price > 0:
            return Level(self._key, time_ms, BUY, price * self._tick, lots * self._lot)
        return Level(self._key, time_ms, SELL, -price * self._tick, lots * self._lot)

    def _pairs(self, prices: list[int]) -> tuple[tuple[int, int], ...]:
        tick, lot = self._tick, self._lot
        return tuple((abs(price) * tick, self._lots(i) * lot) for i, price in enumerate(reversed(prices)))

    def _lots(self, place: int) -> int:
        return 1 + int(self._unit * self._weights[place] * self._flicker())


def _touch(middle: float, half: float) -> tuple[int, int]:
    bid = max(1, int(middle - half))
    return bid, max(bid + 1, int(middle + half) + 1)


def _flickers(spread: float) -> list[float]:
    step = 1 << (BITS - FLICKER_BITS)
    return [max(0.1, 1.0 + spread * NORMAL[i * step + step // 2]) for i in range(1 << FLICKER_BITS)]
