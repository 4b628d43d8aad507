"""A running simulated exchange: its venues' cores and dialects, sockets, proxy, control API, the clock over them all.

Start one with `async with Simex.start(SimexConfig()) as simex:` and find it by `simex.pin`, `simex.ca_file` and
`simex.keys["default"]`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.simex.binance import dialect as binance_dialect
from bot.simex.binance.dialect import Binance
from bot.simex.bybit import dialect as bybit_dialect
from bot.simex.bybit.dialect import Bybit
from bot.simex.config import LOOPBACK, ApiKey, SimexConfig
from bot.simex.conservation import Conservation
from bot.simex.control import Control
from bot.simex.core.exchange import Exchange
from bot.simex.faults.clock import VenueClock
from bot.simex.faults.conductor import Conductor
from bot.simex.faults.network import Certificates, Names
from bot.simex.house import exchanges
from bot.simex.injection import Injections
from bot.simex.levers import Levers
from bot.simex.proxy import Proxy
from bot.simex.requestlog import RequestLog
from bot.simex.server import Server, listener
from bot.simex.sources.dumps import DumpError
from bot.simex.timeline import Timeline
from bot.simex.tls import authority, server_context
from bot.simex.truth import Witness
from bot.simex.wire import Request, Response

# A tick that comes late lets the exchange catch up in steps, so that sockets are served in between; what is missed
# beyond a bound is not made up for.
STEP_MS_MAX = 25
LAG_MS_MAX = 500


def wall_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Simex(Levers):
    """A simulated exchange that is serving.

    Attributes:
        clocks: each venue's clock, which a fault may put wrong. conductor: what carries out the faults that are acts.
        pin: host name -> (loopback address, TLS port).
        plain: host name -> plain HTTP port.
        ca_file: the certificate that clients trust.
        keys: the API keys by name.
        control_url: where the control API is.
        proxy_url: a forward proxy through which the venues' host names lead here.
        conservation: whether the exchanges balance, looked at while they run and when the block ends.
        exchanges, dialects: each venue's, by its name. requests, injections: the request log, the armed faults.
        clock: the task that drives it all; it ends by a bad row of the records (DumpError), or else by a defect, and
            that error then ends the block.
    """

    def __init__(self, config: SimexConfig, directory: Path) -> None:
        self.config = config
        self.timeline = Timeline(wall_ms, config.timeline_speed)
        self._failures: list[DumpError] = []
        self.exchanges: Mapping[str, Exchange] = exchanges(config, self.timeline.start_ms, self._failures)
        self.witnesses: Mapping[str, Witness] = {venue: Witness(exchange) for venue, exchange in self.exchanges.items()}
        self.keys: dict[str, ApiKey] = {spec.name: ApiKey.made(spec) for spec in config.keys}
        self.conservation = Conservation(self.exchanges)
        self.requests = RequestLog()
        self.clocks = {venue: VenueClock(self.timeline) for venue in self.exchanges}
        self.injections = Injections(self._lived_ms, seed=config.faults.seed, log=config.faults.opened())
        self.conductor = Conductor(self, self.injections)
        self.dialects = {venue: self._dialect(venue, exchange) for venue, exchange in self.exchanges.items()}
        self._directory = directory
        self._server = Server(
            tuple(self.dialects.values()),
            self.requests,
            self.injections,
            self.timeline.server_ms,
            self.flush,
        )
        self.pin: dict[str, tuple[str, int]] = {}
        self.plain: dict[str, int] = {}
        self.ca_file = directory
        self.control_url = ""
        self.proxy_url = ""
        self.clock: asyncio.Task[None]

    def _dialect(self, venue: str, exchange: Exchange) -> Binance | Bybit:
        given = exchange, self.clocks[venue], self.keys.values(), self._log_socket_request
        lag_ms, factor = self.config.query_lag_ms, self.config.limits_factor
        spread_ms = self.config.replica_lag_ms
        if venue == "bybit":
            bybit = Bybit(*given, bybit_dialect.Behaviour(lag_ms, self.config.engine_delay_ms, factor, spread_ms))
            bybit.entry.on_waiting, bybit.entry.on_carried_out = self._look_again, self.flush
            return bybit
        return Binance(*given, binance_dialect.Behaviour(lag_ms, factor, replica_lag_ms=spread_ms))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host name that is served."""
        return tuple(host for dialect in self.dialects.values() for host in dialect.hosts)

    @classmethod
    @asynccontextmanager
    async def start(cls, config: SimexConfig | None = None) -> AsyncIterator[Simex]:
        """Serve until the block ends. NotConserved then, when the exchange does not balance or did not before."""
        chosen = config or SimexConfig()
        temporary = None if chosen.state_dir else Path(tempfile.mkdtemp(prefix="simex-"))
        directory = chosen.state_dir or temporary
        assert directory is not None
        async with AsyncExitStack() as stack:
            if temporary is not None:
                stack.callback(shutil.rmtree, temporary, ignore_errors=True)
            simex = cls(chosen, directory)
            await simex._open(stack)
            yield simex
            simex.conservation.finish()

    async def _open(self, stack: AsyncExitStack) -> None:
        stack.callback(self.injections.log.close)
        ca, self.ca_file = authority(self._directory)
        certificates = Certificates(self.injections, ca)
        stack.push_async_callback(self._server.close)
        port, self.plain = await self._serve_hosts(certificates.guard(server_context(ca, self.hosts)))
        self.pin = dict.fromkeys(self.hosts, (LOOPBACK, port))
        await self._serve_control(stack)
        names = Names(self.injections, lambda: self.pin)
        proxy = Proxy(names.addresses, names.resolves)
        stack.push_async_callback(proxy.close)
        self.proxy_url = await proxy.start()
        self.config.faults.arm(self.injections)
        self.clock = asyncio.create_task(self._run_clock(), name="simex-clock")
        stack.push_async_callback(_cancelled, self.clock)
        if self.config.ready_file is not None:
            self.config.ready_file.write_text(json.dumps(self.addresses()) + "\n")

    async def _serve_hosts(self, context: Any) -> tuple[int, dict[str, int]]:
        port, plain = await self._server.start(context, self.config.tls_port, self.config.plain_http)
        return port, dict(plain)

    async def _serve_control(self, stack: AsyncExitStack) -> None:
        runner = web.AppRunner(Control(self).application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        sock = listener(self.config.control_port)
        await web.SockSite(runner, sock).start()
        self.control_url = f"http://{LOOPBACK}:{sock.getsockname()[1]}"

    # ------------------------------------------------------------------------------------------------------ the clock
    async def _run_clock(self) -> None:
        while not self._failures:
            await asyncio.sleep(self.config.tick_ms / 1000)
            missed_ms = self.timeline.exchange_ms() - self._lived_ms() - LAG_MS_MAX * self._haste
            if missed_ms > 0:
                self.timeline.slip(round(missed_ms))
            await self._advance(self.timeline.exchange_ms())
            self.conductor.tick()
            self.flush()
            self.conservation.tick()
            await self._server.tick()
            for dialect in self.dialects.values():
                dialect.tick()
        raise self._failures[0]

    @property
    def _haste(self) -> float:
        """Exchange milliseconds in one of the wall clock, where they are more: the bounds are of the wall clock."""
        return max(self.timeline.speed, 1.0)

    def _look_again(self, delay_ms: int) -> None:
        """Let Bybit's engine carry out what waits for it when its time has come, not at the next tick."""
        asyncio.get_running_loop().call_later(delay_ms / 1000, self._carry_out)

    def _carry_out(self) -> None:
        for dialect in self.dialects.values():
            if isinstance(dialect, Bybit):
                dialect.entry.run_due()
        self.flush()

    def _lived_ms(self) -> int:
        """How far the slowest exchange has come."""
        return min(exchange.now_ms for exchange in self.exchanges.values())

    async def _advance(self, target_ms: int) -> None:
        step_ms = round(STEP_MS_MAX * self._haste)
        while target_ms - (lived_ms := self._lived_ms()) > step_ms:
            self._live(lived_ms + step_ms)
            await asyncio.sleep(0)
        self._live(target_ms)

    def _live(self, until_ms: int) -> None:
        for exchange in self.exchanges.values():
            exchange.advance(until_ms)
        self.flush()

    def catch_up(self) -> None:
        """Let every exchange live up to now."""
        self._live(self.timeline.exchange_ms())

    def flush(self) -> None:
        """Send the events of what has just happened."""
        for venue, exchange in self.exchanges.items():
            events = exchange.drain()
            if events:
                self.conservation.happened(venue)
            self.witnesses[venue].see(events)
            self.conductor.see(venue, events)
            self.dialects[venue].publish(events)

    def _log_socket_request(self, request: Request, response: Response) -> None:
        self.requests.add(request, response, time_ms=self.timeline.server_ms(), transport="ws")
        self.flush()

    # ------------------------------------------------------------------------------------------------- for the control
    def now_ms(self) -> int:
        """Exchange time."""
        return self.timeline.exchange_ms()

    def addresses(self) -> dict[str, Any]:
        """Where to connect and with what, as JSON-ready values: the content of the ready line."""
        return {
            "pin": {host: list(address) for host, address in self.pin.items()},
            "plain": self.plain,
            "proxy_url": self.proxy_url,
            "ca_file": str(self.ca_file),
            "control_url": self.control_url,
            "keys": {
                name: {"api_key": key.key, "secret": key.secret, "account": key.account}
                for name, key in self.keys.items()
            },
        }

    def status(self) -> dict[str, Any]:
        """Time, connections and the market's end."""
        kinds: dict[str, int] = {}
        for connection in self._server.connections:
            kinds[connection.kind] = kinds.get(connection.kind, 0) + 1
        return {
            "exchange_ms": self._lived_ms(),
            "server_ms": self.timeline.server_ms(),
            "speed": self.timeline.speed,
            "offset_ms": self.timeline.offset_ms,
            "slipped_ms": self.timeline.slipped_ms,
            "market_ended": all(exchange.market.ended for exchange in self.exchanges.values()),
            "connections": kinds,
            "slow_clients_dropped": self._server.slow_clients_dropped,
            "requests_total": self.requests.total,
            "conservation": {venue: self.conservation.of(venue) for venue in self.exchanges},
        }


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Stop a task and pass on the error that ended it, if one did."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
