"""Order book streams: differences, gathered over each stream's interval, and the best levels again and again.

A difference carries every level that changed since the last one. Its ids follow on without a gap: U is one more than
the u of the frame before, and in futures pu is that u itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from bot.simex.binance.contracts import pair_of
from bot.simex.binance.desk import Desk
from bot.simex.binance.figures import ladder
from bot.simex.core.book import Levels
from bot.simex.core.events import DepthChanged
from bot.simex.core.instrument import Instrument


class Feed(Protocol):
    """A stream that goes by the clock."""

    def frames(self, now_ms: int) -> list[str]:
        """What is to be sent now."""
        ...


@dataclass(slots=True)
class Difference:
    """A diff stream: what has changed since it was last sent."""

    desk: Desk
    instrument: Instrument
    gathered: list[DepthChanged] = field(default_factory=list)

    def add(self, event: DepthChanged) -> None:
        """Take in a change of the book."""
        self.gathered.append(event)

    def frames(self, now_ms: int) -> list[str]:
        """One frame of everything gathered, or nothing."""
        gathered, instrument = self.gathered, self.instrument
        if not gathered:
            return []
        self.gathered = []
        first, last = gathered[0], gathered[-1]
        if len(gathered) == 1:
            bids, asks = list(first.bids), list(first.asks)
        else:
            bids = _merged([one.bids for one in gathered], is_bid=True)
            asks = _merged([one.asks for one in gathered], is_bid=False)
        ids = f'"U":{first.first_id},"u":{last.last_id}'
        levels = f'"b":[{ladder(instrument, bids)}],"a":[{ladder(instrument, asks)}]'
        name = instrument.name
        if self.desk.is_spot:
            return [f'{{"e":"depthUpdate","E":{now_ms},"s":"{name}",{ids},{levels}}}']
        times = f'"E":{now_ms},"T":{self.desk.wire(last.time_ms)}'
        named = f'"s":"{name}","ps":"{pair_of(instrument)}"'
        return [f'{{"e":"depthUpdate",{times},{named},{ids},"pu":{first.previous_id},{levels}}}']


@dataclass(slots=True)
class Partial:
    """A stream of the best levels."""

    desk: Desk
    instrument: Instrument
    levels: int
    last_id: int = 0

    def frames(self, now_ms: int) -> list[str]:
        """The best levels as they are."""
        instrument, desk = self.instrument, self.desk
        update_id, bids, asks = desk.exchange.depth(instrument.key, self.levels)
        best, offers = ladder(instrument, bids), ladder(instrument, asks)
        if desk.is_spot:
            return [f'{{"lastUpdateId":{update_id},"bids":[{best}],"asks":[{offers}]}}']
        previous = self.last_id or update_id - 1
        self.last_id = update_id
        times = f'"E":{now_ms},"T":{desk.wire(desk.exchange.now_ms)}'
        named = f'"s":"{instrument.name}","ps":"{pair_of(instrument)}"'
        ids = f'"U":{min(previous + 1, update_id)},"u":{update_id},"pu":{previous}'
        return [f'{{"e":"depthUpdate",{times},{named},{ids},"b":[{best}],"a":[{offers}]}}']


def _merged(changes: list[Levels], *, is_bid: bool) -> list[tuple[int, int]]:
    """The last quantity of every price, best first."""
    newest = dict(level for levels in changes for level in levels)
    return sorted(newest.items(), reverse=is_bid)
