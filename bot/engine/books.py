"""Owner of public market data: the latest quote, depth and mark of each instrument."""

from dataclasses import dataclass, field

from bot.domain.events import Market
from bot.domain.market import Depth, Mark, Quote
from bot.domain.units import InstrumentId


@dataclass(slots=True)
class Books:
    """The latest of everything public. `reported` is what the journal has seen of it."""

    quotes: dict[InstrumentId, Quote] = field(default_factory=dict)
    depths: dict[InstrumentId, Depth] = field(default_factory=dict)
    marks: dict[InstrumentId, Mark] = field(default_factory=dict)
    reported: dict[InstrumentId, tuple[Quote | None, Depth | None, Mark | None]] = field(default_factory=dict)

    def put(self, event: Market) -> None:
        """Keep the latest. A mark or depth with a number that cannot be is as if it had not come: the last one ages.

        Of a quote that cannot be, nothing is kept but that there is none: the market may well be without a side.
        """
        if type(event) is Quote:
            name = event.instrument
            gone = Quote(name, 0.0, 0.0, 0.0, 0.0, event.sequence, event.received_ns)
            self.quotes[name] = event if event.sane else gone
        elif type(event) is Depth:
            if event.sane:
                self.depths[event.instrument] = event
        else:
            assert type(event) is Mark
            if event.sane:
                self.marks[event.instrument] = event

    def book_received_ns(self, instrument: InstrumentId) -> int:
        """When the top of the book was last heard of, 0 for never.

        A quiet quote is alive while the depth stream goes on showing the same top; one that the depth contradicts is
        only as young as itself.
        """
        quote, depth = self.quotes.get(instrument), self.depths.get(instrument)
        if quote is None:
            return 0
        if depth and depth.bids and depth.asks and (depth.bids[0][0], depth.asks[0][0]) == (quote.bid, quote.ask):
            return max(quote.received_ns, depth.received_ns)
        return quote.received_ns

    def take_unreported(self) -> tuple[Market, ...]:
        """Everything that changed since the last call, by instrument: what a decision may have read."""
        out: list[Market] = []
        for instrument in sorted({*self.quotes, *self.depths, *self.marks}):
            now = (self.quotes.get(instrument), self.depths.get(instrument), self.marks.get(instrument))
            before = self.reported.get(instrument, (None, None, None))
            out += [new for new, old in zip(now, before, strict=True) if new is not None and new is not old]
            self.reported[instrument] = now
        return tuple(out)

    def forget(self) -> None:
        """A new process has no market data yet."""
        self.quotes.clear()
        self.depths.clear()
        self.marks.clear()
        self.reported.clear()
