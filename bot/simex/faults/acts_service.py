"""Actions on the service around the exchange: maintenance, sockets, streams, replicas, limits, clocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.simex.binance.dialect import Binance
from bot.simex.bybit.dialect import Bybit
from bot.simex.bybit.notices import Status
from bot.simex.faults.acts_market import Act, Later
from bot.simex.faults.armed import Hit
from bot.simex.faults.clock import VenueClock
from bot.simex.faults.model import Scope
from bot.simex.faults.world import NothingInScope, Undo, World, venues
from bot.simex.gateways import replicas

MAINTENANCE_MS: Final = 3_600_000


def maintenance(world: World, hit: Hit, later: Later) -> None:
    """Announce a maintenance, let it begin after its lead time, end it after the duration."""
    lead_ms = hit.params["lead_ms"] if hit.variant == "announced" else 0
    lasts_ms = hit.fault.duration_ms or MAINTENANCE_MS
    for venue in venues(world, hit):
        one = _Maintenance(world, venue, hit, lead_ms, lasts_ms)
        one.tell("scheduled")
        later(lead_ms, one.begin)
        later(lead_ms + lasts_ms, one.end)


class _Maintenance:
    """One maintenance of one venue."""

    def __init__(self, world: World, venue: str, hit: Hit, lead_ms: int, lasts_ms: int) -> None:
        self._world = world
        self._venue = venue
        self._dialect = world.dialects[venue]
        self._is_told = hit.variant == "announced"
        self._title = hit.params["title"]
        self._id = f"simex-{hit.fault_id}-{hit.time_ms}"
        self._begins_ms = self._dialect.timeline.server_ms() + lead_ms
        self._ends_ms = self._begins_ms + lasts_ms
        self._before = [
            (one, one.status) for one in world.exchanges[venue].instruments.values() if one.status != "closed"
        ]

    def tell(self, state: str) -> None:
        """Put its state on the status endpoint."""
        if not self._is_told:
            return
        if isinstance(self._dialect, Bybit):
            self._dialect.announce(Status(self._id, self._title, state, self._begins_ms, self._ends_ms))
        elif isinstance(self._dialect, Binance):
            _say_maintenance(self._dialect, is_on=state == "ongoing")

    def begin(self) -> None:
        """Nothing trades and nothing answers."""
        exchange = self._world.exchanges[self._venue]
        for one, _ in self._before:
            exchange.set_status(one.key, "halted")
        self._world.shut(self._venue, is_shut=True)
        self._world.hang_up(Scope(venue=self._venue), 1001)
        self.tell("ongoing")

    def end(self) -> None:
        """Everything is as it was."""
        exchange = self._world.exchanges[self._venue]
        for one, old in self._before:
            if one.status == "halted":
                exchange.set_status(one.key, old)
        self._world.shut(self._venue, is_shut=False)
        self.tell("completed")


def disconnect(world: World, hit: Hit, _: Later) -> None:
    """Reset websockets."""
    world.disconnect(hit.variant, hit.params["refuse_ms"])


def stall(world: World, hit: Hit, _: Later) -> None:
    """Silence streams."""
    world.stall(hit.variant, hit.fault.duration_ms)


def expire_listen_keys(world: World, _: Hit, _later: Later) -> None:
    """Expire every listen key."""
    world.expire_listen_keys()


def replica_lag(world: World, hit: Hit, _: Later) -> Undo:
    """Let queries be behind."""
    found = [replica for venue in venues(world, hit) for replica in replicas(world.dialects[venue])]
    before = [replica.lag_ms for replica in found]
    for replica in found:
        replica.lag_ms = hit.params["lag_ms"]

    def undo() -> None:
        for replica, lag_ms in zip(found, before, strict=True):
            replica.lag_ms = lag_ms

    return undo


def crowd(world: World, hit: Hit, _: Later) -> Undo:
    """Others use request weight."""
    world.crowd(hit.variant, hit.params["weight"])
    return lambda: world.crowd(hit.variant, 0)


def limits(world: World, hit: Hit, _: Later) -> Undo:
    """A venue changes its limits."""
    chosen = [world.dialects[venue] for venue in venues(world, hit)]
    limiters = [one.limiters[hit.variant] for one in chosen if isinstance(one, Binance)]
    if not limiters:
        raise NothingInScope("limits: of the venues binance alone has them by market")
    before = [one.limits for one in limiters]
    for one, old in zip(limiters, before, strict=True):
        weight, *orders = (
            max(1, round(most * hit.params["factor"]))
            for most in (old.weight_per_minute, *(rule.limit for rule in old.orders))
        )
        one.tighten(weight, orders)

    def undo() -> None:
        for one, old in zip(limiters, before, strict=True):
            one.limits = old

    return undo


def service_restart(world: World, hit: Hit, _: Later) -> None:
    """Restart a venue's service."""
    chosen = [world.dialects[venue] for venue in venues(world, hit)]
    found = [one for one in chosen if isinstance(one, Bybit)]
    if not found:
        raise NothingInScope("service_restart: of the venues bybit alone tells of it")
    for one in found:
        one.restart()


def clock_step(world: World, hit: Hit, _: Later) -> Undo:
    """A venue's clock jumps."""
    clocks = _clocks(world, hit)
    for clock in clocks:
        clock.step(hit.params["step_ms"])

    def undo() -> None:
        for clock in clocks:
            clock.step(-hit.params["step_ms"])

    return undo


def clock_drift(world: World, hit: Hit, _: Later) -> Undo:
    """A venue's clock runs fast."""
    clocks = _clocks(world, hit)
    for clock in clocks:
        clock.drift(hit.params["ms_per_min"])

    def undo() -> None:
        for clock in clocks:
            clock.drift(0)

    return undo


def close(world: World, hit: Hit, _: Later) -> None:
    """Close websockets with a code."""
    world.hang_up(hit.fault.scope, hit.params["code"])


def reset_mid_frame(world: World, hit: Hit, _: Later) -> None:
    """Reset websockets within a frame."""
    world.hang_up(hit.fault.scope, None)


def _clocks(world: World, hit: Hit) -> list[VenueClock]:
    found = [clock for venue in venues(world, hit) if isinstance(clock := world.clocks.get(venue), VenueClock)]
    if not found:
        raise NothingInScope("no venue here has a clock of its own")
    return found


def _say_maintenance(dialect: Binance, *, is_on: bool) -> None:
    dialect.spot.sapi.maintenance = is_on


SERVICE: Final[Mapping[str, Act]] = {
    "maintenance": maintenance,
    "disconnect": disconnect,
    "stall": stall,
    "expire_listen_keys": expire_listen_keys,
    "replica_lag": replica_lag,
    "crowd": crowd,
    "limits": limits,
    "service_restart": service_restart,
    "clock_step": clock_step,
    "clock_drift": clock_drift,
    "close": close,
    "reset_mid_frame": reset_mid_frame,
}
