"""A house for companions: a daemon that is well until a test says otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from bot.domain.units import Nanos
from bot.engine.state import State
from bot.runtime.control import Arguments
from bot.runtime.health import Health, Reason
from bot.runtime.status import Status
from tests.ops.samples import NOW_NS, STATUS
from tests.runtime.stage import Bench

WELL = Health(live=True, ready=True, mode="RUN")
UNREADY = Health(live=True, ready=False, mode="HALT", reasons=(Reason("binance.usdm.book", "silent for 5.0 s"),))


class House:
    """Implements `bot.runtime.companion.House` with answers that a test sets; `slept` notes every wait."""

    def __init__(self) -> None:
        self.now = NOW_NS
        self.answer: Health = WELL
        self.picture: Status = STATUS
        self.slept: list[float] = []
        self.engine = Bench().engine

    @property
    def state(self) -> State:
        """An engine's state."""
        return self.engine.state

    def now_ns(self) -> Nanos:
        """The moment."""
        return Nanos(self.now)

    async def sleep(self, seconds: float) -> None:
        """Let the others run."""
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def status(self) -> Status:
        """The picture."""
        return self.picture

    def health(self) -> Health:
        """The health."""
        return self.answer

    async def ask(self, verb: str, arguments: Arguments) -> Any:
        """No verb is known here."""
        raise KeyError(verb)

    def stuck(self, subject: str) -> None:
        """Something turns no more."""
        why = (Reason(subject, "stuck"),)
        self.answer = msgspec.structs.replace(WELL, ready=False, reasons=why, stuck=why)
