"""What may run beside the daemon and look on: alerts, health, metrics, chat, the watchdog.

A companion sees every step once it is journaled, and may ask what a person may ask. It decides nothing, and nothing
that happens to it reaches the order path: what it raises in `on_step` is logged, and a `run` that fails is started
again after a pause, without end. Companions are built by whoever starts the daemon and handed to `run_daemon`.

One that fails again and again is said to fail no more often than `LOGGED_EVERY_NS` in the log and `TOLD_EVERY_NS` in
an alert, with how often it was.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from bot.domain.commands import Command
from bot.domain.events import Event
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.state import State
from bot.runtime.control import Arguments
from bot.runtime.health import Health
from bot.runtime.status import Status

LOGGED_EVERY_NS = 60 * SECOND_NS
TOLD_EVERY_NS = 6 * 3_600 * SECOND_NS


class House(Protocol):
    """What a companion may see of the daemon, and ask it for."""

    @property
    def state(self) -> State:
        """The engine's state, to be read and never written."""
        ...

    def now_ns(self) -> Nanos:
        """The daemon's clock, which never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait by that clock."""
        ...

    def status(self) -> Status:
        """The whole picture now."""
        ...

    def health(self) -> Health:
        """Whether it lives and could hedge, with reasons."""
        ...

    async def ask(self, verb: str, arguments: Arguments) -> Any:
        """What the control socket's verb of that name does. Raises Denied where it says no, KeyError for no verb."""
        ...


class Companion(Protocol):
    """Something that looks on."""

    name: str

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """A step was journaled; called on the loop, so it has microseconds and no I/O."""
        ...

    async def run(self, house: House) -> None:
        """Live beside the daemon until cancelled."""
        ...


class Paced:
    """Lets one thing a name pass within a time, and counts what it holds back. Names are few: nothing is forgotten."""

    def __init__(self, every_ns: int) -> None:
        self._every_ns = every_ns
        self._passed_ns: dict[str, int] = {}
        self._held: Counter[str] = Counter()

    def take(self, name: str, now_ns: int) -> int | None:
        """How many were held back since the last that passed; None where this one is held back itself."""
        last = self._passed_ns.get(name)
        if last is not None and 0 <= now_ns - last < self._every_ns:
            self._held[name] += 1
            return None
        self._passed_ns[name] = now_ns
        return self._held.pop(name, 0)


def cause_of(error: BaseException) -> BaseException:
    """What a group of errors began with: the group's own words say nothing."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
