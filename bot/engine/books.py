"""Owner of public market data: the latest quote, depth and mark of each instrument."""

from dataclasses import dataclass, field

from bot.domain.events import Market
from bot.domain.market import Depth, Mark, Quote
from bot.domain.units import InstrumentId


@dataclass(slots=True)
class Books:
    """The latest of everything public. `changed` names what the journal has not seen yet."""

    quotes: dict[InstrumentId, Quote] = field(default_factory=dict)
    depths: dict[InstrumentId, Depth] = field(default_factory=dict)
    marks: dict[InstrumentId, Mark] = field(default_factory=dict)
    reported: dict[InstrumentId, tuple[Quote | None, Depth | None, Mark | None]] = field(default_factory=dict)

    def put(self, event: Market) -> None:
        """Keep the latest."""
        if type(event) is Quote:
            self.quotes[event.instrument] = event
        elif type(event) is Depth:
            self.depths[event.instrument] = event
        else:
            assert type(event) is Mark
            self.marks[event.instrument] = event

    def book_received_ns(self, instrument: InstrumentId) -> int:
        """When the book was last heard of: a quiet top of book is alive while its depth stream is."""
        quote, depth = self.quotes.get(instrument), self.depths.get(instrument)
        return max(quote.received_ns if quote else 0, depth.received_ns if depth else 0)

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
