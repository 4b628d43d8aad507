"""Whoever tells the engine what no stream tells: the past, samples, calendars, holdings elsewhere.

They may fail without consequence for what can do without them: what they tell grows old, and is then unknown.
"""

from collections.abc import Awaitable, Callable, Sequence

from structlog.typing import FilteringBoundLogger

from bot.domain.events import Event
from bot.engine.state import State
from bot.runtime.clock import Clock
from bot.runtime.holdings import Holdings, Place
from bot.runtime.learning import Learner, Sampler
from bot.runtime.striking import Striker
from bot.venues.ports import History


def teachers(
    state: Callable[[], State],
    sink: Callable[[Event], None],
    clock: Clock,
    log: FilteringBoundLogger,
    *,
    history: History | None,
    places: Sequence[Place],
) -> dict[str, Callable[[], Awaitable[None]]]:
    """The children by name; each runs until cancelled."""
    found: dict[str, Callable[[], Awaitable[None]]] = {
        "samples": Sampler(state, sink, clock).run,
        "calendars": Striker(state, sink, clock).run,
    }
    if history is not None:
        found["history"] = Learner(history, state, sink, clock, log).run
    if places:
        found["holdings"] = Holdings(places, sink, clock, log).run
    return found
