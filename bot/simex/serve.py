"""A running simulated exchange: market, exchange, dialect, sockets and control API and the clock over them all.

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

from bot.simex.binance.dialect import Binance
from bot.simex.config import LOOPBACK, ApiKey, SimexConfig
from bot.simex.control import Control
from bot.simex.exchange import Exchange
from bot.simex.injection import Injections
from bot.simex.requestlog import RequestLog
from bot.simex.server import Server, listener
from bot.simex.timeline import Timeline
from bot.simex.tls import authority, server_context
from bot.simex.wire import Request, Response
from bot.simex.world import market_of

# A tick that comes late lets the exchange catch up in steps, so that sockets are served in between; what is missed
# beyond a bound is not made up for.
STEP_MS_MAX = 25
LAG_MS_MAX = 500


def wall_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Simex:
    """A simulated exchange that is serving.

    Attributes:
        pin: host name -> (loopback address, TLS port).
        plain: host name -> plain HTTP port.
        ca_file: the certificate that clients trust.
        keys: the API keys by name.
        control_url: where the control API is.
        exchange, requests, injections: the world, the request log, the armed faults.
        clock: the task that drives it all; it ends only by a defect, and that error then ends the block.
    """

    def __init__(self, config: SimexConfig, directory: Path) -> None:
        self.config = config
        self.timeline = Timeline(wall_ms, config.timeline_speed)
        symbols, market = market_of(config, self.timeline.start_ms)
        self.exchange = Exchange(symbols, market, config.seed, self.timeline.start_ms)
        for account in config.accounts:
            self.exchange.accounts.create(account.name, account.spot, account.usdm)
        self.keys: Mapping[str, ApiKey] = {spec.name: ApiKey.made(spec) for spec in config.keys}
        self.requests = RequestLog()
        self.injections = Injections()
        self.dialect = Binance(self.exchange, self.timeline, self.keys.values(), self._log_socket_request)
        self._directory = directory
        self._server = Server(
            self.dialect,
            self.dialect.hosts,
            self.requests,
            self.injections,
            self.timeline.server_ms,
            self.flush,
        )
        self.pin: dict[str, tuple[str, int]] = {}
        self.plain: dict[str, int] = {}
        self.ca_file = directory
        self.control_url = ""
        self.clock: asyncio.Task[None]

    @classmethod
    @asynccontextmanager
    async def start(cls, config: SimexConfig | None = None) -> AsyncIterator[Simex]:
        """Serve until the block ends."""
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

    async def _open(self, stack: AsyncExitStack) -> None:
        ca, self.ca_file = authority(self._directory)
        stack.push_async_callback(self._server.close)
        port, self.plain = await self._serve_hosts(server_context(ca, self.dialect.hosts))
        self.pin = dict.fromkeys(self.dialect.hosts, (LOOPBACK, port))
        await self._serve_control(stack)
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
        while True:
            await asyncio.sleep(self.config.tick_ms / 1000)
            missed_ms = self.timeline.exchange_ms() - self.exchange.now_ms - LAG_MS_MAX
            if missed_ms > 0:
                self.timeline.slip(missed_ms)
            await self._advance(self.timeline.exchange_ms())
            self.dialect.tick()

    async def _advance(self, target_ms: int) -> None:
        while target_ms - self.exchange.now_ms > STEP_MS_MAX:
            self.exchange.advance(self.exchange.now_ms + STEP_MS_MAX)
            self.flush()
            await asyncio.sleep(0)
        self.exchange.advance(target_ms)
        self.flush()

    def flush(self) -> None:
        """Send the events of what has just happened."""
        self.dialect.publish(self.exchange.drain_events())

    def _log_socket_request(self, request: Request, response: Response) -> None:
        self.requests.add(request, response, time_ms=self.timeline.server_ms(), transport="ws")
        self.flush()

    # ------------------------------------------------------------------------------------------------- for the control
    def now_ms(self) -> int:
        """Exchange time."""
        return self.timeline.exchange_ms()

    def disconnect(self, kind: str = "all", refuse_ms: int = 0) -> int:
        """Abort websockets of a kind and refuse new ones for a while; answers how many were aborted."""
        if refuse_ms:
            self._server.gates.refuse(kind, refuse_ms / 1000)
        return self._server.disconnect(kind)

    def stall(self, kind: str, duration_ms: int) -> None:
        """Silence streams for a while (0 ends it); what they would have sent is lost."""
        until_ms = self.timeline.server_ms() + duration_ms if duration_ms else 0
        if kind in ("market", "all"):
            self.dialect.silence.market_until_ms = until_ms
        if kind in ("user", "all"):
            self.dialect.silence.user_until_ms = until_ms

    def set_clock(self, offset_ms: int) -> None:
        """Set the server's clock against the wall clock."""
        self.timeline.offset_ms = offset_ms

    def expire_listen_keys(self) -> int:
        """Expire every listen key; answers how many."""
        return len(self.dialect.expire_listen_keys(everything=True))

    def revoke_key(self, name: str) -> bool:
        """Delete an API key."""
        return self.dialect.keys.revoke(name)

    def change_key(self, name: str, changes: Mapping[str, Any]) -> bool:
        """Change what an API key may do; whether there is one of that name."""
        return self.dialect.keys.change(name, **changes)

    def crowd(self, market: str, weight: int) -> None:
        """Let other programs behind the clients' address use so much request weight of every minute."""
        self.dialect.crowd(market, weight)

    def addresses(self) -> dict[str, Any]:
        """Where to connect and with what, as JSON-ready values: the content of the ready line."""
        return {
            "pin": {host: list(address) for host, address in self.pin.items()},
            "plain": self.plain,
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
            "exchange_ms": self.exchange.now_ms,
            "server_ms": self.timeline.server_ms(),
            "speed": self.timeline.speed,
            "offset_ms": self.timeline.offset_ms,
            "slipped_ms": self.timeline.slipped_ms,
            "market_ended": self.exchange.market.ended,
            "connections": kinds,
            "slow_clients_dropped": self._server.slow_clients_dropped,
            "requests_total": self.requests.total,
        }


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Stop a task and pass on the error that ended it, if one did."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
