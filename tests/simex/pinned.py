"""Reaching a running simex under the venue's host names, by a resolver that is pinned to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from socket import AF_INET, AddressFamily
from typing import Any

from aiohttp import ClientSession, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.simex.config import AccountSpec, KeySpec, SimexConfig
from bot.simex.serve import Simex

SPOT = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(10_000)}
USDM = {"USDT": Decimal(50_000)}
CONFIG = SimexConfig(
    tick_ms=5,
    accounts=(AccountSpec(spot=SPOT, usdm=USDM), AccountSpec("other", spot=SPOT, usdm=USDM)),
    keys=(KeySpec("default"), KeySpec("other", account="other")),
)


class Pinned(AbstractResolver):
    """Resolves the pinned hosts and nothing else."""

    def __init__(self, pin: Mapping[str, tuple[str, int]]) -> None:
        self._pin = pin

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        if host not in self._pin:
            raise OSError(f"{host} is not pinned")
        address, number = self._pin[host]
        return [{"hostname": host, "host": address, "port": number, "family": AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        return None


@asynccontextmanager
async def session_to(simex: Simex) -> AsyncIterator[ClientSession]:
    """A client session that reaches the venue's hosts at this simex, certificates verified."""
    context = ssl.create_default_context(cafile=str(simex.ca_file))
    connector = TCPConnector(ssl=context, resolver=Pinned(simex.pin), use_dns_cache=False)
    async with ClientSession(connector=connector, trust_env=False) as session:
        yield session


@asynccontextmanager
async def running(config: SimexConfig = CONFIG) -> AsyncIterator[tuple[Simex, ClientSession]]:
    """A serving simex and a session that reaches it."""
    async with Simex.start(config) as simex, session_to(simex) as session:
        yield simex, session


async def until(condition: Callable[[], Any], within_s: float = 5.0) -> None:
    """Wait for something that a socket brings about; TimeoutError when it does not."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what a peer's socket brings about sets no event here
            await asyncio.sleep(0.002)


async def control(simex: Simex, session: ClientSession, request: str, /, **body: Any) -> Any:
    """The answer of a control request that succeeds."""
    async with session.post(f"{simex.control_url}/control/{request}", json=body) as response:
        answer = await response.json()

        assert 200 == response.status, answer
        return answer


async def told(simex: Simex, session: ClientSession, request: str, /, **query: Any) -> Any:
    """The answer of a control query."""
    async with session.get(f"{simex.control_url}/control/{request}", params=query) as response:
        assert 200 == response.status
        return await response.json()
