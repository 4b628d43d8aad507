"""What may run beside the daemon and look on: alerts, health, metrics, chat, the watchdog.

A companion sees every step once it is journaled, and may ask what a person may ask. It decides nothing, and nothing
that happens to it reaches the order path: what it raises in `on_step` is logged, and a `run` that fails is started
again after a pause, without end. Companions are built by whoever starts the daemon and handed to `run_daemon`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bot.domain.commands import Command
from bot.domain.events import Event
from bot.domain.units import Nanos
from bot.engine.state import State
from bot.runtime.control import Arguments
from bot.runtime.health import Health
from bot.runtime.status import Status


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


OnTrouble = Callable[[str, BaseException | None], None]
"""Told of a companion that failed or ended: its name, and why."""
