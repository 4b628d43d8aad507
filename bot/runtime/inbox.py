"""What has happened and not been handled yet: facts in order, market data as the latest of each.

Facts are never dropped. Their number is bounded all the same: a queue that reaches its bound means that the engine no
longer keeps up with its account, and that is a fault, not something to be silent about.
"""

from collections import deque

from bot.domain.events import Event, Market
from bot.domain.market import Depth, Mark, Quote
from bot.domain.units import InstrumentId

FACTS_MAX = 100_000


class InboxOverflow(Exception):
    """More facts wait than the bound allows."""


class Inbox:
    """Takes events from the shells and gives them to the loop."""

    def __init__(self) -> None:
        self._facts: deque[Event] = deque()
        self._quotes: dict[InstrumentId, Quote] = {}
        self._others: dict[tuple[type[Depth | Mark], InstrumentId], Depth | Mark] = {}
        self.conflated = 0

    def put(self, event: Event) -> None:
        """Queue a fact, or keep market data as the latest of its instrument.

        Raises:
            InboxOverflow: the queue of facts is at its bound.
        """
        if type(event) is Quote:
            self.conflated += event.instrument in self._quotes
            self._quotes[event.instrument] = event
        elif type(event) is Depth or type(event) is Mark:
            self._others[type(event), event.instrument] = event
        elif len(self._facts) >= FACTS_MAX:
            msg = f"{FACTS_MAX} facts wait to be handled"
            raise InboxOverflow(msg)
        else:
            self._facts.append(event)

    def take_fact(self) -> Event | None:
        """The oldest fact, or None."""
        return self._facts.popleft() if self._facts else None

    def take_market(self) -> list[Market]:
        """The latest of everything public since the last call: books and marks before the quotes that may act."""
        out: list[Market] = [*self._others.values(), *self._quotes.values()]
        self._others.clear()
        self._quotes.clear()
        return out

    @property
    def waiting(self) -> int:
        """Facts that wait."""
        return len(self._facts)
