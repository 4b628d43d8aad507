"""The dialect behind real sockets: TLS under Bybit's host names, a clock that runs, a client session that is pinned."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import ClientSession, TCPConnector

from bot.simex.bybit.dialect import Behaviour
from bot.simex.bybit.hosts import BYBIT
from bot.simex.config import LOOPBACK, ApiKey
from bot.simex.injection import Injections
from bot.simex.requestlog import RequestLog
from bot.simex.server import Server
from bot.simex.tls import authority, server_context
from tests.simex.bybit.stage import Stage
from tests.simex.pinned import Pinned

TICK_S = 0.005


class Served:
    """A stage whose clock is the wall's served until the block ends."""

    def __init__(self, behaviour: Behaviour | None = None, keys: Iterable[ApiKey] = ()) -> None:
        self.stage = Stage(behaviour, keys, start_ms=_wall_ms())
        self.requests = RequestLog()
        self.server = Server(
            (self.stage.dialect,), self.requests, Injections(), lambda: self.stage.now_ms, self.stage.flush
        )
        self.plain: dict[str, int] = {}

    async def run(self) -> None:
        """Turn the clock."""
        while True:
            await asyncio.sleep(TICK_S)
            self.stage.leap(max(_wall_ms() - self.stage.now_ms, 0))


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def serving(
    directory: Path, behaviour: Behaviour | None = None, keys: Iterable[ApiKey] = ()
) -> AsyncIterator[tuple[Served, ClientSession]]:
    """A served dialect with more keys, and a session that reaches it, certificates verified."""
    served = Served(behaviour, keys)
    ca, ca_file = authority(directory)
    port, plain = await served.server.start(server_context(ca, BYBIT), 0, True)
    served.plain = dict(plain)
    clock = asyncio.create_task(served.run())
    context = ssl.create_default_context(cafile=str(ca_file))
    pin = dict.fromkeys(BYBIT, (LOOPBACK, port))
    connector = TCPConnector(ssl=context, resolver=Pinned(pin), use_dns_cache=False)
    try:
        async with ClientSession(connector=connector, trust_env=False) as session:
            yield served, session
    finally:
        clock.cancel()
        with suppress(asyncio.CancelledError):
            await clock
        await served.server.close()
