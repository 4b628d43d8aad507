"""Order book topics: a snapshot, then differences that rebuild the book to the last level, each numbered `u` in turn.

Level 1 sends snapshots only, and the last one again with the same `u` when nothing has changed for three seconds. `u`
grows by one with every message that changes the topic's book, whoever listens; `seq` is the book's own update id, the
same for every depth. After `restart` each topic begins again with a snapshot of `u` = 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from bot.simex.bybit.desk import Desk
from bot.simex.bybit.figures import price, quantity
from bot.simex.core.book import Levels
from bot.simex.core.instrument import Instrument

REPEAT_MS: Final = 3_000
INTERVALS_MS: Final = {1: 10, 50: 20, 200: 100, 500: 100, 1_000: 200}
U_FIRST: Final = 10_000
Row = dict[str, Any]


@dataclass(slots=True)
class BookFeed:
    """One topic: the book as its listeners have it, and what they were told last."""

    instrument: Instrument
    depth: int
    topic: str
    u: int = U_FIRST
    update_id: int = -1
    due_ms: int = 0
    sent_ms: int = 0
    cts: int = 0
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    opened: bool = False

    def open(self, desk: Desk) -> None:
        """Begin with the book as it is, for the first listener."""
        self._take(desk)
        self.u += 1
        self.opened = True

    def restart(self, desk: Desk) -> Row:
        """The service was restarted: everything begins again, with u = 1."""
        self._take(desk)
        self.u = 1
        return self.snapshot(desk)

    def snapshot(self, desk: Desk) -> Row:
        """The book as the listeners have it."""
        self.sent_ms = desk.server_ms
        bids = [[price(self.instrument, at), quantity(self.instrument, self.bids[at])] for at in self.bids]
        asks = [[price(self.instrument, at), quantity(self.instrument, self.asks[at])] for at in self.asks]
        return self._message("snapshot", bids, asks)

    def update(self, desk: Desk) -> Row | None:
        """What there is to tell now, or nothing."""
        now_ms = desk.server_ms
        if now_ms < self.due_ms:
            return None
        interval = INTERVALS_MS[self.depth]
        self.due_ms = now_ms - now_ms % interval + interval
        update_id, bids, asks = desk.exchange.depth(self.instrument.key, self.depth)
        if update_id != self.update_id:
            changed_bids, changed_asks = _changes(self.bids, bids), _changes(self.asks, asks)
            self._keep(desk, update_id, bids, asks)
            if changed_bids or changed_asks:
                self.u += 1
                if self.depth == 1:
                    return self.snapshot(desk)
                self.sent_ms = now_ms
                return self._message("delta", self._rows(changed_bids), self._rows(changed_asks))
        if self.depth == 1 and now_ms - self.sent_ms >= REPEAT_MS:
            return self.snapshot(desk)
        return None

    def _take(self, desk: Desk) -> None:
        self._keep(desk, *desk.exchange.depth(self.instrument.key, self.depth))

    def _keep(self, desk: Desk, update_id: int, bids: Levels, asks: Levels) -> None:
        self.update_id, self.bids, self.asks = update_id, dict(bids), dict(asks)
        self.cts = desk.wire(desk.exchange.now_ms)

    def _rows(self, changes: list[tuple[int, int]]) -> list[list[str]]:
        rows = []
        for at, size in changes:
            rows.append([price(self.instrument, at), quantity(self.instrument, size) if size else "0"])
        return rows

    def _message(self, kind: str, bids: list[list[str]], asks: list[list[str]]) -> Row:
        stamp: Row = {"topic": self.topic}
        # The documentation has the two fields in this order for spot and level 1, the other way round elsewhere.
        if self.instrument.kind == "spot" or self.depth == 1:
            stamp |= {"ts": self.sent_ms, "type": kind}
        else:
            stamp |= {"type": kind, "ts": self.sent_ms}
        data = {"s": self.instrument.name, "b": bids, "a": asks, "u": self.u, "seq": self.update_id}
        return {**stamp, "data": data, "cts": self.cts}


def _changes(before: dict[int, int], levels: Levels) -> list[tuple[int, int]]:
    """The levels that are new or have another size, and those that are gone, with size 0."""
    now = dict(levels)
    changed = [(at, size) for at, size in levels if before.get(at) != size]
    return changed + [(at, 0) for at in before if at not in now]
