"""What the market did: last trades, bars of trades, marks, indices and premiums, settled funding rates, deliveries.

All times that are kept are wire times. An instrument that has never traded has the middle of its book as its price.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from bot.simex.bars import DAY_MS, Bar, Bars
from bot.simex.core.events import Marked, Traded
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import MONEY, SCALE, divided
from bot.simex.sources.listings import underlying
from bot.simex.sources.world import ASSETS, OTHER

TRADES_MAX: Final = 1_000
AGGREGATES_MAX: Final = 1_000
FUNDINGS_MAX: Final = 2_000
# Futures gather the trades of one price and one taking side over so long; spot those of one moment.
AGGREGATION_MS: Final = 100
DEPTHS_AN_HOUR: Final = 200
INTEREST_HOURS: Final = 12
Kind = Literal["trade", "mark", "index", "premium"]


@dataclass(frozen=True, slots=True)
class Printed:
    """A public trade and when it was told."""

    event: Traded
    time_ms: int


@dataclass(slots=True)
class Aggregate:
    """Trades of one price and one taking side that came together; `first` and `last` are trade ids."""

    number: int
    price: int
    quantity: int
    first: int
    last: int
    time_ms: int
    buyer_is_maker: bool
    window: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A funding payment: when, the rate of 1e-8, and the mark at which it was charged."""

    time_ms: int
    rate: int
    mark: int


@dataclass(slots=True)
class Line:
    """What is remembered of one instrument."""

    instrument: Instrument
    bars: dict[Kind, Bars]
    trades: deque[Printed] = field(default_factory=lambda: deque(maxlen=TRADES_MAX))
    aggregates: deque[Aggregate] = field(default_factory=lambda: deque(maxlen=AGGREGATES_MAX))
    fundings: deque[Settlement] = field(default_factory=lambda: deque(maxlen=FUNDINGS_MAX))
    mark: Marked | None = None
    quoted_ms: int = 0
    numbered: int = 0
    pending: Aggregate | None = None

    @property
    def last(self) -> int:
        """The price of the last trade, or of the book before there was one; 0 before either."""
        return self.bars["trade"].last

    def day(self, now_ms: int) -> Bar | None:
        """The last 24 hours as one bar, or None before any price."""
        return self.bars["trade"].span(now_ms, DAY_MS)


class Tape:
    """Owner of what is remembered of the public market, by instrument."""

    def __init__(self, start_ms: int, wire: Callable[[int], int]) -> None:
        """The exchange opened at `start_ms` in wire time; `wire` maps its own times to it."""
        self.start_ms = start_ms
        self._wire = wire
        self.ends: dict[Key, tuple[int, int]] = {}
        """When a contract was settled for good (wire time), and at which price."""
        self._lines: dict[Key, Line] = {}
        self._pending: dict[Key, Line] = {}

    def line(self, instrument: Instrument) -> Line:
        """The memory of an instrument."""
        found = self._lines.get(instrument.key)
        if found is None:
            # The spot of an index, its contracts, marks and indices share the name and so the made-up past.
            past = instrument.index
            bars: dict[Kind, Bars] = {
                "trade": Bars(past, usual=usual(instrument), tick=instrument.filters.tick),
                "mark": Bars(past),
                "index": Bars(past),
                "premium": Bars(past, signed=True),
            }
            found = self._lines[instrument.key] = Line(instrument, bars)
        return found

    def traded(self, event: Traded, time_ms: int) -> Aggregate | None:
        """Take in a public trade; answers the aggregate that it ends, if it ends one."""
        instrument, price = event.instrument, event.price
        line = self.line(instrument)
        worth = instrument.notional(event.quantity, price)
        bought = not event.buyer_is_maker
        line.bars["trade"].trade(time_ms, price, event.quantity, worth, event.trade_id, bought=bought)
        line.trades.append(Printed(event, time_ms))
        window = time_ms if instrument.kind == "spot" else time_ms // AGGREGATION_MS
        one, ended = line.pending, None
        if (
            one is not None
            and one.window == window
            and one.price == price
            and one.buyer_is_maker == event.buyer_is_maker
        ):
            one.quantity += event.quantity
            one.last = event.trade_id
            return None
        if one is not None:
            ended = one
        line.numbered += 1
        line.pending = Aggregate(
            line.numbered,
            price,
            event.quantity,
            event.trade_id,
            event.trade_id,
            time_ms,
            event.buyer_is_maker,
            window,
        )
        line.aggregates.append(line.pending)
        self._pending[instrument.key] = line
        return ended

    def due_aggregates(self, now_ms: int) -> list[tuple[Instrument, Aggregate]]:
        """The aggregates whose time is over, which no further trade can join."""
        if not self._pending:
            return []
        out = []
        for key, line in list(self._pending.items()):
            one = line.pending
            is_spot = line.instrument.kind == "spot"
            if one is not None and (is_spot or one.window < now_ms // AGGREGATION_MS):
                out.append((line.instrument, one))
                line.pending = None
            if line.pending is None:
                del self._pending[key]
        return out

    def quoted(self, instrument: Instrument, time_ms: int, mid: int) -> None:
        """The middle of a book, which on the grid below is the price of a market that has not traded."""
        line = self.line(instrument)
        line.quoted_ms = time_ms
        if not line.trades:
            tick = instrument.filters.tick
            line.bars["trade"].see(time_ms, max(mid // tick, 1) * tick)

    def marked(self, event: Marked, time_ms: int) -> None:
        """Take in a mark; a settlement time that moved on tells the rate that was settled."""
        line = self.line(event.instrument)
        before = line.mark
        if (
            before is not None
            and 0 < before.next_funding_ms <= event.time_ms
            and before.next_funding_ms != event.next_funding_ms
        ):
            line.fundings.append(Settlement(self._wire(before.next_funding_ms), before.rate, before.mark))
        line.mark = event
        line.bars["mark"].see(time_ms, event.mark)
        if event.index:
            line.bars["index"].see(time_ms, event.index)
            line.bars["premium"].see(time_ms, divided((event.mark - event.index) * SCALE, event.index))

    def settled(self, instrument: Instrument, time_ms: int, price: int) -> None:
        """A contract came to its end."""
        self.ends.setdefault(instrument.key, (time_ms, price))


def usual(instrument: Instrument) -> Callable[[int], tuple[int, int]]:
    """What is traded of an instrument in an average hour, as quantity of 1e-8 and money, at a price."""
    dollars = round(ASSETS.get(underlying(instrument.base)[0], OTHER).depth) * DEPTHS_AN_HOUR
    return partial(_usual, instrument, dollars)


def _usual(instrument: Instrument, dollars: int, price: int) -> tuple[int, int]:
    unit = instrument.face if instrument.kind == "inverse" else price
    step = instrument.filters.lot
    volume = max(dollars * SCALE * SCALE // max(unit, 1) // step, 1) * step
    return volume, instrument.notional(volume, max(price, 1))


def open_interest(instrument: Instrument, price: int, held: int) -> int:
    """Contracts open on one side, of 1e-8: what accounts hold, and a background of half a day's usual volume."""
    return held + (_usual_hour(instrument, price) * INTEREST_HOURS if price else 0)


def _usual_hour(instrument: Instrument, price: int) -> int:
    return usual(instrument)(price)[0]


def dollars_of(instrument: Instrument, quantity: int, price: int) -> int:
    """The worth of a quantity in the quote asset, as money."""
    if instrument.kind == "inverse":
        return quantity * instrument.face * (MONEY // SCALE // SCALE)
    return quantity * price
