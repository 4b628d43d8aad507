"""A book whose rules come from a config, a loop stepped by hand, and what it takes to change those rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from bot.domain.commands import Notice
from bot.domain.order import OrderRequest
from bot.domain.units import SECOND_NS
from bot.runtime.amendments import LOOK_S, Amendments
from bot.runtime.clock import settle
from bot.runtime.portfolio import to_rules
from bot.runtime.settings_load import Loaded
from tests.kit import perpetual, spot
from tests.runtime.configs import loaded
from tests.runtime.stage import Bench

ONLY_BTC = """\
portfolio: main
assets:
  BTC: {}
  ETH: {}
targets:
  - name: core
    kind: ratio
    assets: [BTC]
    ratio: 1
    band: {trigger: 1 %, destination: 0 %}
limits: {order_notional: 250000 USDT, position_notional: 500000 USDT, orders_per_minute: 99}
"""
INSTRUMENTS = (spot("BTC"), perpetual("BTC"), spot("ETH"), perpetual("ETH"))


@asynccontextmanager
async def running(child: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """With a child that runs until it is cancelled."""
    task = asyncio.create_task(child)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def recording(log: list[Any]) -> Any:
    """A logger whose entries end in a list."""

    def keep(_: object, level: str, event: Any) -> Any:
        log.append({"level": level, **event})
        raise structlog.DropEvent

    return structlog.wrap_logger(None, processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(0))


class Desk(Bench):
    """A loop under the rules of a config, and the owner of the changes that wait."""

    def __init__(self, text: str = ONLY_BTC) -> None:
        self.loaded: Loaded = loaded(text)
        super().__init__(owned=to_rules(self.loaded.settings, INSTRUMENTS))
        self.log: list[Any] = []
        self.faults: list[str] = []
        self.amendments = Amendments(self.engine, self.loop.step, self.faults.append, self.clock, recording(self.log))
        self.ready()

    def order(self) -> OrderRequest:
        """The market comes up and a hedge is on its way."""
        self.breach()
        return self.orders[-1]

    def fill(self, request: OrderRequest) -> None:
        """The exchange executes an order and says so."""
        for event in self.exchange.truth.submit(request, self.clock.now_ns()):
            self.loop.step(event)

    def at_rest(self) -> Desk:
        """One order, filled, and its correction closed."""
        self.fill(self.order())
        self.read()
        self.breach()
        assert not self.engine.state.legs.corrections
        return self

    async def wait(self, seconds: float = LOOK_S) -> None:
        """Let the clock move on, for whoever sleeps by it."""
        await settle()
        await self.clock.advance(round(seconds * SECOND_NS))
        await settle()

    @property
    def notices(self) -> list[Notice]:
        """Every notice so far."""
        return [c for _, commands in self.observed for c in commands if isinstance(c, Notice)]

    def said(self, event: str) -> list[Any]:
        """The log's entries of one event."""
        return [entry for entry in self.log if entry["event"] == event]
