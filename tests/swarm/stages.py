"""How a life is led towards a situation: faults armed and levers pulled around one move of the owner's coins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bot.simex.truth import unscaled
from tests.e2e.kit import Story
from tests.swarm import situations as met
from tests.swarm.keeper import Keeper
from tests.swarm.lives import Life
from tests.swarm.observer import Observer

LOOK_S: Final = 0.005
WAIT_S: Final = 6.0
NEAR: Final = Decimal("1.0001")
EVER: Final = 10_000
BULK: Final = "2"
"""Coins whose hedge a thin book does not take at once."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A running life. `bring` lets coins come, `move` lets the owner's next coins come or go."""

    life: Life
    story: Story
    keeper: Keeper
    observer: Observer
    move: Callable[[], Awaitable[str]]
    bring: Callable[[str, str], Awaitable[None]]

    @property
    def venue(self) -> str:
        """Where the hedge lies."""
        return self.life.place.contracts[0]

    @property
    def order(self) -> dict[str, str]:
        """Requests of orders there, as a scope."""
        method, path = self.life.place.order_route.split()
        return {"method": method, "endpoint": path, "venue": self.venue}

    async def fault(self, kind: str, **fault: Any) -> None:
        """Arm a fault."""
        await self.story.control("fault", **{"kind": kind, "count": 1, "scope": {}, **fault})

    async def lose(self, *, executes: bool, variant: str = "unknown") -> None:
        """The next order is answered by nothing that says what became of it."""
        await self.fault("http_503", variant=variant, scope=self.order, params={"executes": executes})

    async def step(self, do: str, **step: Any) -> None:
        """Let something happen now."""
        await self.story.control("scenario", steps=[{"do": do, **step}])

    def to_the_limit(self, symbol: str) -> str:
        """The factor that moves a coin's best bid to just above the limit of a sale that is under way."""
        exchange = self.story.simex.exchanges[self.venue]
        instrument = next(one for one in exchange.instruments.values() if one.is_future and one.name == symbol)
        state = self.observer.state
        assert state is not None
        limits = [one.request.limit_price for one in state.orders.live() if one.request.instrument.endswith(symbol)]
        bid = unscaled(exchange.top(instrument.key)[0])
        return f"{limits[0] / bid * NEAR:.6f}" if limits else "1"

    async def until(self, holds: Callable[[], bool]) -> bool:
        """Wait a while for something; whether it came."""
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while not holds():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(LOOK_S)
        return True


async def _unknown_executed(stage: Stage) -> None:
    await stage.lose(executes=True)
    await stage.fault("frame_drop", scope={"channel": "user"}, count=EVER, **{"for": "2500ms"})
    await stage.move()


async def _unknown_absent(stage: Stage) -> None:
    await stage.lose(executes=False)
    await stage.move()


async def _adl_unknown(stage: Stage) -> None:
    await stage.lose(executes=False)
    asset = await stage.move()
    await stage.until(stage.observer.holds_unknown)
    other = "ETH" if asset == "BTC" else "BTC"
    for one in (asset, other):
        await stage.step("adl", scope={"venue": stage.venue, "symbol": f"{one}USDT"}, **{"with": {"share": 0.3}})


async def _partial(stage: Stage, *, is_cut: bool) -> None:
    """The book thins out while an order is on its way, so that it fills in part; no frame tells of it."""
    await stage.fault("delay", variant="before", count=2, scope=stage.order, params={"delay_ms": 350})
    if is_cut:
        await stage.fault("delay", variant="after", count=2, scope=stage.order, params={"delay_ms": 900})
    else:
        await stage.fault("drop_answer", count=1, scope=stage.order)
    await stage.bring("BTC", BULK)
    scope = {"venue": stage.venue, "symbol": "BTCUSDT"}
    await stage.until(stage.observer.holds_live)
    user = {"venue": stage.venue, "channel": "user"}
    await stage.fault("frame_drop", scope=user, count=EVER, when={"probability": 1}, **{"for": "2s"})
    await stage.step("book", variant="thin", scope=scope, **{"for": "600ms"})
    await stage.story.control("shock", asset="BTC", factor=stage.to_the_limit("BTCUSDT"))
    if is_cut:
        await stage.until(lambda: stage.observer.has_partial)
        await stage.story.control("disconnect", kind="user", refuse_ms=200)


async def _partial_cut(stage: Stage) -> None:
    await _partial(stage, is_cut=True)


async def _partial_lost(stage: Stage) -> None:
    await _partial(stage, is_cut=False)


async def _ban(stage: Stage) -> None:
    await stage.lose(executes=False)
    await stage.move()
    await stage.until(stage.observer.holds_unknown)
    scope = {"venue": stage.venue}
    await stage.fault("http_status", variant="418", count=3, scope=scope, params={"retry_after_s": 3})


async def _second_venue(stage: Stage) -> None:
    """Nobody buys where the hedge lies."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        scope = {"venue": stage.venue, "symbol": symbol}
        await stage.step("book", variant="no_bids", scope=scope, **{"with": {"market": "usdm"}, "for": "8s"})
    await asyncio.sleep(0.5)
    for asset, amount in (("BTC", "0.4"), ("ETH", "4")):
        await stage.bring(asset, amount)
    await stage.until(lambda: bool(stage.observer.met[met.SECOND_VENUE]))


async def _kill(stage: Stage) -> None:
    await stage.fault("delay", variant="after", scope=stage.order, params={"delay_ms": 900})
    await stage.fault("frame_delay", scope={"channel": "user"}, params={"delay_ms": 900})
    await stage.move()
    await stage.until(stage.observer.holds_live)
    await stage.story.command("kill", reason="a life's own", by="swarm")
    await asyncio.sleep(1.5)
    await stage.story.command("arm", reason="a life's own", by="swarm")


async def _resync(stage: Stage) -> None:
    """A gap in the book while an order is held on its way."""
    await stage.fault("delay", variant="before", count=2, scope=stage.order, params={"delay_ms": 300})
    await stage.fault("frame_delay", scope={"venue": "bybit", "channel": "user"}, params={"delay_ms": 1_500})
    await stage.move()
    await stage.until(stage.observer.holds_live)
    await stage.fault("frame_drop", scope={"venue": "bybit", "channel": "orderbook.50.*"}, count=4)


async def _funding(stage: Stage) -> None:
    await stage.lose(executes=False)
    await stage.move()
    await stage.until(stage.observer.holds_unknown)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        scope = {"venue": stage.venue, "symbol": symbol}
        await stage.step("funding_rate", scope=scope, **{"with": {"rate": "0.0001", "in_ms": 100}})


async def _maintenance(stage: Stage) -> None:
    await stage.keeper.stop()
    venue = stage.life.place.venues[-1]
    await stage.step("maintenance", variant="unannounced", scope={"venue": venue}, **{"for": "4s"})
    await asyncio.sleep(0.3)
    stage.observer.met[met.MAINTENANCE_START] += venue in stage.story.simex._server.shut_venues
    await stage.move()
    await stage.keeper.start()


async def _rest_first(stage: Stage) -> None:
    await stage.fault("frame_delay", scope={"channel": "user"}, count=4, params={"delay_ms": 700})
    await stage.move()


async def _liquidation(stage: Stage) -> None:
    await stage.move()
    await asyncio.sleep(1.0)
    scope = {"venue": stage.venue, "symbol": "BTCUSDT"}
    await stage.step("liquidate", scope=scope, **{"for": "1500ms"})
    await asyncio.sleep(2.0)


async def _adl(stage: Stage) -> None:
    await asyncio.sleep(0.5)
    scope = {"venue": stage.venue, "symbol": "BTCUSDT"}
    await stage.step("adl", scope=scope, **{"with": {"share": 0.3}})
    await stage.move()


async def _listen_key(stage: Stage) -> None:
    await stage.story.control("expire_listen_keys")
    stage.observer.key_gone()
    await stage.move()


async def _disordered(stage: Stage) -> None:
    for kind in ("frame_reorder", "frame_duplicate"):
        await stage.fault(kind, **_user(kind))
    await stage.move()


def _user(kind: str) -> dict[str, Any]:
    found = {"scope": {"channel": "user"}, "count": EVER, "when": {"probability": 0.5}}
    return found | ({"variant": "same"} if kind == "frame_duplicate" else {})


async def _nothing(stage: Stage) -> None:
    await stage.move()


STAGES: Final[Mapping[str, Callable[[Stage], Awaitable[None]]]] = {
    met.UNKNOWN_EXECUTED: _unknown_executed,
    met.UNKNOWN_ABSENT: _unknown_absent,
    met.ADL_UNKNOWN: _adl_unknown,
    met.PARTIAL_DISCONNECT: _partial_cut,
    met.PARTIAL_LOST: _partial_lost,
    met.BAN_UNKNOWN: _ban,
    met.SECOND_VENUE: _second_venue,
    met.KILL_IN_FLIGHT: _kill,
    met.RESYNC: _resync,
    met.FUNDING_INSIDE: _funding,
    met.MAINTENANCE_START: _maintenance,
    met.REST_FIRST: _rest_first,
    met.LIQUIDATION_SEEN: _liquidation,
    met.ADL_SEEN: _adl,
    met.LISTEN_KEY: _listen_key,
    met.EVENT_DISORDERED: _disordered,
    met.CRASH_UNSENT: _nothing,
    met.CRASH_UNANSWERED: _nothing,
    "": _nothing,
}
