"""Keeps steps in the journal, and keeps it small: of words that replace each other only those that count are written.

Theory of operation. Most of what happens to a quiet portfolio is that a read confirms an account, or a clock sample
says again what the last one said. Folding such a word sets what the one before it set, so of several in a row the last
alone leaves the same state. It therefore waits here, and goes into the journal right before the next step of any other
kind, in one append with it: whatever is decided, the journal holds the words that it may have rested on. A step that
commands followed from never waits. Once in a while (KEPT_EVERY_NS) what waits is written in any case: the journal shall
show that the accounts were looked at. What a crash can take is a word that nothing rested on yet.
"""

from collections.abc import Sequence

from bot.domain.commands import Command
from bot.domain.events import AccountConfirmed, ClockSampled, Event
from bot.domain.units import SECOND_NS, AccountId
from bot.journal.store import Entry, Journal
from bot.runtime.clock import Clock

KEPT_EVERY_NS = 60 * SECOND_NS

Key = tuple[type[Event], AccountId]


class Keeper:
    """Puts steps into the journal, in order."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._waiting: dict[Key, Entry] = {}
        self._settle_ns = 0

    def keep(self, event: Event, payload: bytes, commands: Sequence[Command]) -> int:
        """Append a step, behind what waits, and return the last sequence number given out.

        Raises JournalError, and then nothing was appended.
        """
        entry = Entry(type(event).__name__, payload, self._clock.wall_ns())
        if not isinstance(event, AccountConfirmed | ClockSampled) or commands:
            return self._written(entry)
        key: Key = (type(event), event.account)
        self._waiting.pop(key, None)
        self._waiting[key] = entry
        if event.received_ns < self._settle_ns:
            return self._journal.last_seq
        self._settle_ns = event.received_ns + KEPT_EVERY_NS
        return self.settle()

    def settle(self) -> int:
        """Append what waits, and return the last sequence number given out. Raises JournalError."""
        return self._written() if self._waiting else self._journal.last_seq

    def _written(self, *entries: Entry) -> int:
        """Append what waits and then the entries, all or nothing."""
        if not self._waiting and len(entries) == 1:
            return self._journal.append(*entries[0])
        seq = self._journal.append_many((*self._waiting.values(), *entries))
        self._waiting.clear()
        return seq
