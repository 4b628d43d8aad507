"""Deduplication: what was told of a key lately is not told again, and what was held back is counted.

Theory of operation. For each `Alert.key` we remember what was last told of it and when. An alert passes when the key
is new, its time is up, it is louder than what was told, or it says that the condition is over (or is there again).
Everything else is held back and counted, and the next alert of that key that passes says how many there were.

A condition that comes and goes every few seconds would pass each time, so a key may change its mind CHANGES_MAX times
within the repeat time. After that its good news is kept and told when the time is up, if it is not what was told
before; bad news after good is never held back. Whoever reads the last message of a key knows how things stand, or
thinks worse of them.

The starts and ends of a process share a key, and a start is good news. So a process that crashes and is started again
and again is told a few times, and then once each repeat time; its last message is that it failed, until a start lasts.
A stop is somebody's wish: it passes, and so does whatever follows it.
"""

from collections.abc import Iterator
from enum import Enum

import msgspec

from bot.domain.units import SECOND_NS
from bot.ops.alerts.kinds import LIFE, Alert, Kind
from bot.ops.alerts.render import LOUDNESS

CHANGES_MAX = 4
KEYS_MAX = 10_000
# A count that nobody was told of is forgotten when the key has been quiet for this long.
COUNTS_KEPT_NS = 7 * 86_400 * SECOND_NS


class Word(Enum):
    """What an alert says of its key."""

    WELL = "well"
    ILL = "ill"
    REFUSED = "refused"
    STOPPED = "stopped"


def word_of(alert: Alert) -> Word:
    """What an alert says of its key: that it is well, or what is wrong with it."""
    match alert.kind:
        case Kind.START:
            return Word.WELL
        case Kind.STOP:
            return Word.STOPPED
        case Kind.START_REFUSED:
            return Word.REFUSED
        case _:
            return Word.WELL if alert.resolved else Word.ILL


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What was told of a key. `since_ns` is when its time began; `latest` is the last word that was held back."""

    since_ns: int
    told: Alert
    changes: int = 0
    withheld: int = 0
    latest: Alert | None = None


class Repeats:
    """The memory of every key. `changed` collects the keys whose memory has to be stored anew."""

    def __init__(self, repeat_ns: int, known: dict[str, Memory] | None = None) -> None:
        self._repeat_ns = repeat_ns
        self._known = dict(known or {})
        self.changed: set[str] = set()
        self.withheld = 0

    def get(self, key: str) -> Memory | None:
        """What is remembered of a key."""
        return self._known.get(key)

    def known(self) -> dict[str, Memory]:
        """The whole memory."""
        return dict(self._known)

    def admit(self, alert: Alert, now_ns: int) -> Alert | None:
        """The alert as it is to be told, with what was held back before it; None where it is held back itself."""
        if self._repeat_ns == 0:
            return alert
        memory = self._known.get(alert.key)
        if memory is None or self._is_over(memory, now_ns):
            return self._tell(alert, now_ns, memory, changes=0)
        change = _is_news(alert, memory.told)
        louder = not change and LOUDNESS[alert.severity] > LOUDNESS[memory.told.severity]
        if louder or (change and (memory.changes < CHANGES_MAX or _passes_always(alert, memory.told))):
            return self._tell(alert, memory.since_ns if change else now_ns, memory, changes=memory.changes + change)
        self.withheld += 1
        self._set(alert.key, msgspec.structs.replace(memory, withheld=memory.withheld + 1, latest=alert))
        return None

    def release(self, now_ns: int) -> Iterator[Alert]:
        """Last words that were held back and differ from what was told, now that their time is up; and forgetting."""
        for key, memory in list(self._known.items()):
            if not self._is_over(memory, now_ns):
                continue
            if memory.latest is not None and word_of(memory.latest) is not word_of(memory.told):
                yield self._tell(memory.latest, now_ns, msgspec.structs.replace(memory, withheld=memory.withheld - 1))
            elif not memory.withheld or now_ns - memory.since_ns >= COUNTS_KEPT_NS:
                self._forget(key)

    def _is_over(self, memory: Memory, now_ns: int) -> bool:
        # A clock that was set back between two runs must not keep a key silent for longer than the repeat time.
        return not 0 <= now_ns - memory.since_ns < self._repeat_ns

    def _tell(self, alert: Alert, since_ns: int, before: Memory | None, changes: int = 0) -> Alert:
        self._set(alert.key, Memory(since_ns=since_ns, told=alert, changes=changes))
        while len(self._known) > KEYS_MAX:
            self._forget(next(iter(self._known)))
        if before is None or not before.withheld:
            return alert
        facts = (*alert.facts, ("Repeats", f"{before.withheld} more like it were held back before this one"))
        return msgspec.structs.replace(alert, facts=facts)

    def _set(self, key: str, memory: Memory) -> None:
        self._known.pop(key, None)  # the least recently touched stands first
        self._known[key] = memory
        self.changed.add(key)

    def _forget(self, key: str) -> None:
        del self._known[key]
        self.changed.add(key)


def _is_news(alert: Alert, told: Alert) -> bool:
    """Whether it says something else than was told. A second start in a row does: there was an end without a word."""
    return word_of(alert) is not word_of(told) or alert.kind is Kind.START


def _passes_always(alert: Alert, told: Alert) -> bool:
    """Whether it may not be held back, however often the key has changed its mind. `alert` is news."""
    now, before = word_of(alert), word_of(told)
    wished = alert.kind in LIFE and Word.STOPPED in (now, before)
    return wished or (before is Word.WELL and now is not Word.WELL)
