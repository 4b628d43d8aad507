"""What the market-data endpoints and streams of one market share: its instruments, its tape, its windows."""

from __future__ import annotations

from bot.simex.bars import DAY_MS
from bot.simex.binance.desk import Desk
from bot.simex.binance.tape import Line, Tape, open_interest
from bot.simex.binance.tickers import Window, window_since
from bot.simex.core.events import Marked
from bot.simex.core.instrument import Instrument


class Marketplace:
    """One market as the public sees it."""

    def __init__(self, desk: Desk, tape: Tape) -> None:
        self.desk = desk
        self.tape = tape

    def line(self, instrument: Instrument) -> Line:
        """What is remembered of an instrument."""
        return self.tape.line(instrument)

    def window(self, instrument: Instrument, span_ms: int = DAY_MS) -> Window | None:
        """The statistics of the time up to now, or None before any price."""
        line, now_ms = self.line(instrument), self.desk.server_ms
        bar = line.bars["trade"].span(now_ms, span_ms)
        if bar is None:
            return None
        last = line.trades[-1].event.quantity if line.trades else 0
        return window_since(instrument, bar, now_ms, span_ms, last)

    def mark(self, instrument: Instrument) -> Marked:
        """Mark, index, rate and next funding as they were told last, or as they are before anything was told."""
        found = self.line(instrument).mark
        if found is not None:
            return found
        exchange, key = self.desk.exchange, instrument.key
        rates, marks = exchange.accounting.rates, exchange.marks
        return Marked(
            exchange.now_ms, instrument, marks.mark(key), marks.index(key), rates.rate(key), rates.next_ms(key)
        )

    def open_interest(self, instrument: Instrument) -> int:
        """Contracts open now on one side, of 1e-8."""
        positions = (
            position.quantity
            for account in self.desk.exchange.state.accounts.values()
            for (key, _), position in account.positions.items()
            if key == instrument.key and position.quantity > 0
        )
        return open_interest(instrument, self.desk.exchange.marks.mark(instrument.key), sum(positions))
