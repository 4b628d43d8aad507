"""Recorded best prices, trades and funding rates as flow.

A bookTicker file says nothing of what stands behind the touch, so levels are put there: at the multiples of a number
of ticks, growing from the larger of the two recorded quantities. They are made anew whenever the touch moves; while it
stands, its quantities alone follow the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.simex.core.flow import Flow, FundingRate, Levels, Print, Top
from bot.simex.core.instrument import Instrument, Key
from bot.simex.sources.dumps import BestPrices, PublicTrade, Rate
from bot.simex.sources.quoter import Shape

Pair = tuple[int, int]


def best_flows(instrument: Instrument, records: Iterable[BestPrices], shape: Shape | None = None) -> Iterator[Flow]:
    """Books with a recorded touch and a made-up ladder behind it."""
    shape = Shape() if shape is None else shape
    touch: Pair | None = None
    for best in records:
        if touch == (best.bid, best.ask):
            yield Top(instrument.key, best.time_ms, best.bid, best.bid_quantity, best.ask, best.ask_quantity)
            continue
        touch = best.bid, best.ask
        bids, asks = _behind(instrument, best, shape, -1), _behind(instrument, best, shape, 1)
        yield Levels(
            instrument.key,
            best.time_ms,
            ((best.bid, best.bid_quantity), *bids),
            ((best.ask, best.ask_quantity), *asks),
        )


def trade_flows(key: Key, trades: Iterable[PublicTrade]) -> Iterator[Flow]:
    """Prints of recorded trades."""
    return (Print(key, one.time_ms, one.price, one.quantity, one.aggressor) for one in trades)


def funding_flows(key: Key, rates: Iterable[Rate]) -> Iterator[Flow]:
    """A perpetual's recorded rates."""
    return (FundingRate(key, one.time_ms, one.rate) for one in rates)


def _behind(instrument: Instrument, best: BestPrices, shape: Shape, way: int) -> tuple[Pair, ...]:
    tick, lot = instrument.filters.tick, instrument.filters.lot
    gap = max(1, int(shape.gap_bps * best.ask / (10_000 * tick))) * tick
    first = (best.bid - 1) // gap if way < 0 else best.ask // gap + 1
    size = max(best.bid_quantity, best.ask_quantity, lot)
    rungs = range(first, first + way * shape.rungs, way)
    return tuple((k * gap, int(size * (1 + shape.growth * i)) // lot * lot) for i, k in enumerate(rungs) if k > 0)
