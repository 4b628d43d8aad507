"""Recorded bars as flow: a book synthesised around a path through each bar's open, high, low and close.

The path goes from the open to the extreme that lies behind it, to the other extreme, to the close (an up bar visits
its low first, a down bar its high), at constant speed, so that both extremes are reached at their exact prices. Every
step the book's touch moves to the path (quoter.py), one level is refreshed, and a share of the bar's volume is printed
at the path's price: an account's order that stands between is filled as it would have been. At the extremes there is
such a print in any case. Between two bars that do not touch nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec

from bot.simex.core.flow import Flow, IndexPrice, Print
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, SELL
from bot.simex.sources.dumps import Bar
from bot.simex.sources.quoter import Quoter, Shape

Point = tuple[int, float]


class BarBook(msgspec.Struct, frozen=True, kw_only=True):
    """The book around a path: its step, half the spread, the quote at the touch, its shape, a seed for quantities."""

    step_ms: int = 1000
    half_spread_bps: float = 0.5
    depth: float = 50_000.0
    shape: Shape = Shape()
    seed: int = 0


def bar_flows(instrument: Instrument, bars: Iterable[Bar], book: BarBook | None = None) -> Iterator[Flow]:
    """The flow of one instrument. ValueError for a step that is not positive or bars that are not in order."""
    book = BarBook() if book is None else book
    quoter = Quoter(instrument, book.seed, "bars", book.shape)
    is_first = True
    for bar in in_order(bars):
        share = bar.volume // max(1, (bar.end_ms - bar.open_ms) // book.step_ms)
        before = bar.open / SCALE
        for time_ms, fair in path(bar, book.step_ms):
            half = book.half_spread_bps / 1e4 * fair
            if is_first:
                yield quoter.book(time_ms, fair, half, book.depth)
                is_first = False
            else:
                yield from quoter.quote(time_ms, fair, half, book.depth)
                yield from quoter.refresh(time_ms)
            yield from _print(instrument, time_ms, fair, share, rises=fair >= before)
            before = fair


def index_flows(name: str, bars: Iterable[Bar], step_ms: int = 1000) -> Iterator[Flow]:
    """The prices of an index along its bars (indexPriceKlines, or the klines of its spot market)."""
    for bar in in_order(bars):
        yield from (IndexPrice(name, time_ms, round(price * SCALE)) for time_ms, price in path(bar, step_ms))


def path(bar: Bar, step_ms: int) -> Iterator[Point]:
    """(time, price in quote) through a bar: every step from its open on, its extremes, and its close at the last ms.

    Of corners that fall into one ms the last counts.
    """
    if step_ms <= 0:
        raise ValueError(f"step_ms {step_ms}: allowed is more than zero")
    corners = list(dict(_corners(bar)).items())
    due_ms = bar.open_ms
    for (start_ms, start), (end_ms, end) in pairwise(corners):
        yield start_ms, start
        due_ms += step_ms * (due_ms <= start_ms)
        while due_ms < end_ms:
            yield due_ms, start + (end - start) * (due_ms - start_ms) / (end_ms - start_ms)
            due_ms += step_ms
    yield corners[-1]


def in_order(bars: Iterable[Bar]) -> Iterator[Bar]:
    """The bars, each checked to begin at or after the end of the one before. ValueError."""
    end_ms = 0
    for bar in bars:
        if bar.open_ms < end_ms:
            raise ValueError(f"the bar of {bar.open_ms} begins before the one before it ends, at {end_ms}")
        end_ms = bar.end_ms
        yield bar


def _corners(bar: Bar) -> list[Point]:
    extremes = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    prices = (bar.open, *extremes, bar.close)
    ways = [abs(after - before) for before, after in pairwise(prices)]
    length, last_ms = sum(ways), bar.end_ms - 1 - bar.open_ms
    if not length:
        return [(bar.open_ms, bar.open / SCALE), (bar.open_ms + last_ms, bar.close / SCALE)]
    gone, corners = 0, [(bar.open_ms, bar.open / SCALE)]
    for way, price in zip(ways, prices[1:], strict=True):
        gone += way
        corners.append((bar.open_ms + last_ms * gone // length, price / SCALE))
    return corners


def _print(instrument: Instrument, time_ms: int, fair: float, share: int, *, rises: bool) -> Iterator[Print]:
    filters = instrument.filters
    price = round(fair * SCALE / filters.tick) * filters.tick
    quantity = max(share // filters.lot, 1 if share else 0) * filters.lot
    if price and quantity:
        yield Print(instrument.key, time_ms, price, quantity, BUY if rises else SELL)
