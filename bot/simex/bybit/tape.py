"""What the market did: last trades, bars of trades, marks, indices and premiums, settled funding rates, deliveries."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from bot.simex.bars import DAY_MS, HOUR_MS, Bars
from bot.simex.core.events import Marked, Traded
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import SCALE, divided

TRADES_MAX: Final = 1_000
FUNDINGS_MAX: Final = 2_000
INTEREST_DOLLARS: Final = 200_000_000
Kind = Literal["trade", "mark", "index", "premium"]
Direction = Literal["PlusTick", "ZeroPlusTick", "MinusTick", "ZeroMinusTick"]


@dataclass(frozen=True, slots=True)
class Printed:
    """A public trade as it is told: `seq` is the cross sequence."""

    event: Traded
    seq: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours: prices of 1e-8 a day and an hour ago, the range, volume of 1e-8 and turnover as money."""

    previous: int
    hour_ago: int
    high: int
    low: int
    volume: int
    turnover: int


@dataclass(slots=True)
class _Line:
    """One instrument."""

    bars: dict[Kind, Bars]
    trades: deque[Printed] = field(default_factory=lambda: deque(maxlen=TRADES_MAX))
    fundings: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=FUNDINGS_MAX))
    last: int = 0
    direction: Direction = "ZeroPlusTick"
    mark: Marked | None = None


class Tape:
    """Owner of what is remembered of the public market, by instrument."""

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.ends: dict[Key, tuple[int, int]] = {}
        """When a contract was settled for good, and at which price."""
        self._lines: dict[Key, _Line] = {}

    def line(self, instrument: Instrument) -> _Line:
        """The memory of an instrument."""
        found = self._lines.get(instrument.key)
        if found is None:
            # The spot of an index, its contracts, marks and indices share the name and so the made-up past.
            past = instrument.index
            bars: dict[Kind, Bars] = {
                "trade": Bars(past, tick=instrument.filters.tick),
                "mark": Bars(past),
                "index": Bars(past),
                "premium": Bars(past, signed=True),
            }
            found = self._lines[instrument.key] = _Line(bars)
        return found

    def last(self, key: Key) -> int:
        """The last trade's price; 0 before there was one."""
        line = self._lines.get(key)
        return line.last if line else 0

    def traded(self, event: Traded, time_ms: int, seq: int) -> Printed:
        """Take in a public trade."""
        line = self.line(event.instrument)
        line.direction = _direction(line.last, event.price, line.direction)
        line.last = event.price
        worth = event.instrument.notional(event.quantity, event.price)
        bought = not event.buyer_is_maker
        line.bars["trade"].trade(time_ms, event.price, event.quantity, worth, event.trade_id, bought=bought)
        printed = Printed(event, seq, line.direction)
        line.trades.append(printed)
        return printed

    def quoted(self, instrument: Instrument, time_ms: int, mid: int) -> None:
        """Let a market without trades have bars: its first price is the mid."""
        line = self.line(instrument)
        if not line.last and mid:
            line.bars["trade"].see(time_ms, mid)

    def marked(self, event: Marked, time_ms: int) -> None:
        """Take in a mark; a settlement time that moved on tells the rate that was settled."""
        line = self.line(event.instrument)
        before = line.mark
        settled = before is not None and 0 < before.next_funding_ms <= event.time_ms
        if before is not None and settled and before.next_funding_ms != event.next_funding_ms:
            line.fundings.append((before.next_funding_ms, before.rate))
        line.mark = event
        line.bars["mark"].see(time_ms, event.mark)
        if event.index:
            line.bars["index"].see(time_ms, event.index)
            line.bars["premium"].see(time_ms, divided((event.mark - event.index) * SCALE, event.index))

    def settled(self, instrument: Instrument, time_ms: int, price: int) -> None:
        """A contract came to its end."""
        self.ends.setdefault(instrument.key, (time_ms, price))

    def day(self, instrument: Instrument, now_ms: int) -> Day:
        """The last 24 hours."""
        bars = self.line(instrument).bars["trade"]
        whole, hour = bars.span(now_ms, DAY_MS), bars.span(now_ms, HOUR_MS)
        if whole is None or hour is None:
            return Day(0, 0, 0, 0, 0, 0)
        return Day(whole.open, hour.open, whole.high, whole.low, whole.volume, whole.turnover)

    def bars(self, instrument: Instrument, kind: Kind) -> Bars:
        """The bars of a price of an instrument."""
        return self.line(instrument).bars[kind]


def open_interest(instrument: Instrument, price: int, held: int) -> int:
    """Contracts open on one side: what accounts hold, and a background of fixed dollar value."""
    if not price:
        return held
    if instrument.kind == "inverse":
        return held + INTEREST_DOLLARS * SCALE
    step: int = 10 ** max(8 - instrument.quantity_places, 0)
    return held + divided(INTEREST_DOLLARS * SCALE * SCALE, price) // step * step


def _direction(last: int, price: int, before: Direction) -> Direction:
    if price > last:
        return "PlusTick"
    if price < last:
        return "MinusTick"
    return "ZeroPlusTick" if before in ("PlusTick", "ZeroPlusTick") else "ZeroMinusTick"
