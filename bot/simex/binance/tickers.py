"""Statistics of a window of time and the best prices, as REST and the streams tell them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.simex.bars import MINUTE_MS, Bar
from bot.simex.binance.figures import fixed, money, price, quantity
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import BOOKED, MONEY, SCALE, divided

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """A window of an instrument's trades: the bar over it, its bounds, and the last trade's quantity (of 1e-8)."""

    instrument: Instrument
    bar: Bar
    opens_ms: int
    closes_ms: int
    last_quantity: int

    @property
    def change(self) -> str:
        """The price change."""
        return price(self.instrument, self.bar.close - self.bar.open)

    @property
    def change_percent(self) -> str:
        """The price change in percent, with three decimals."""
        moved = divided((self.bar.close - self.bar.open) * 100 * SCALE, max(self.bar.open, 1))
        return fixed(moved, 3)

    @property
    def average(self) -> str:
        """The volume-weighted average price; that of the close when nothing was traded."""
        return price(self.instrument, average_price(self.instrument, self.bar))

    @property
    def volume(self) -> str:
        """What was traded, in base coins or contracts."""
        return quantity(self.instrument, self.bar.volume)

    @property
    def turnover(self) -> str:
        """What was traded, in quote, or in base coins of an inverse contract."""
        return turnover(self.instrument, self.bar.turnover)

    @property
    def first_id(self) -> int:
        """The id of the first trade, -1 without one."""
        return self.bar.first_id or -1

    @property
    def last_id(self) -> int:
        """The id of the last trade, -1 without one."""
        return self.bar.last_id or -1


def average_price(instrument: Instrument, bar: Bar) -> int:
    """The volume-weighted average price of a bar, of 1e-8."""
    if not bar.volume or not bar.turnover:
        return bar.close
    if instrument.kind == "inverse":
        return divided(bar.volume * instrument.face * MONEY, bar.turnover * SCALE)
    return divided(bar.turnover, bar.volume)


def turnover(instrument: Instrument, worth: int) -> str:
    """Money as the market writes a turnover."""
    if instrument.kind == "linear":
        return fixed(worth // BOOKED, min(8, instrument.price_places + instrument.quantity_places))
    return money(worth)


def window_since(instrument: Instrument, bar: Bar, now_ms: int, span_ms: int, last_quantity: int) -> Window:
    """The window of a span that ends now; it opens on a whole minute."""
    opens_ms = (now_ms - span_ms) // MINUTE_MS * MINUTE_MS
    return Window(instrument, bar, max(opens_ms, 0), now_ms, last_quantity)
