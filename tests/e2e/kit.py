"""A bot and a simulated exchange over the real wire, in one process: what the stories are told with."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from bot.domain.events import RunMode
from bot.runtime.app import run_daemon
from bot.runtime.ask import ask
from bot.runtime.settings_load import Loaded, load
from bot.runtime.wiring import HOSTS
from bot.simex.config import AccountSpec, KeySpec, SimexConfig
from bot.simex.serve import Simex

PATIENCE_S = 45.0
LOOK_S = 0.05
SPOT = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(1_000)}
USDM = {"USDT": Decimal(100_000)}
NEUTRAL = "[{name: neutral, kind: neutral, assets: [BTC, ETH], band: {trigger: 1 %, destination: 0 %}}]"
WEIGHTS = (
    "[{name: sixty, kind: weights, weights: {BTC: 0.6, ETH: 0.4}, mode: full_rebalance, base: owned, "
    "band: {trigger: 2 pp, destination: 0 pp}}]"
)
# Shorter waits than an owner would choose: the rules are the same, the tests are sooner done.
FAST = (
    "{evidence_gap: 100 ms, order_notional: 200000 USDT, orders_per_minute: 30, "
    "recv_window: 500 ms, venue_delay: 200 ms, replica_lag: 1 s}"
)


def exchange(**changes: Any) -> SimexConfig:
    """An exchange with one funded account and the keys that the stories need."""
    keys = (
        KeySpec("default"),
        KeySpec("withdrawer", withdraw=True),
        KeySpec("reader", spot=False, futures=False),
    )
    accounts = (AccountSpec(spot=dict(SPOT), usdm=dict(USDM)),)
    return SimexConfig(**{"accounts": accounts, "keys": keys, "plain_http": False, **changes})


def config(
    simex: Simex,
    directory: Path,
    *,
    targets: str = NEUTRAL,
    limits: str = FAST,
    key: str = "default",
    assets: str = "{BTC: {}, ETH: {}}",
    intervals: str = "{tick: 20 ms, reconcile: 1 s}",
) -> Loaded:
    """A bot's config for an exchange, its key in files of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, value in (("key", simex.keys[key].key), ("secret", simex.keys[key].secret)):
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(value)
    pin = {host: f"{address}:{port}" for host, (address, port) in simex.pin.items() if host in HOSTS}
    text = f"""
portfolio: story
state_dir: {directory / "state"}
assets: {assets}
targets: {targets}
limits: {limits}
intervals: {intervals}
exchange: {{ca_file: {simex.ca_file}, pin: {json.dumps(pin)}}}
credentials: {{api_key_file: {directory / "key"}, api_secret_file: {directory / "secret"}}}
log: {{level: error}}
"""
    written(directory).write_text(text)
    return load(written(directory), {})


def written(directory: Path) -> Path:
    """Where the config lies, for a bot in a process of its own."""
    return directory / "story.yaml"


class Story:
    """A running bot at an exchange; everything is seen from outside, by its socket and the exchange's truth."""

    def __init__(self, simex: Simex, loaded: Loaded, session: aiohttp.ClientSession) -> None:
        self.simex = simex
        self.loaded = loaded
        self._session = session

    async def command(self, verb: str, /, **arguments: Any) -> Any:
        """Ask the daemon over its socket."""
        return await asyncio.to_thread(ask, self.loaded.settings.state_dir, verb, arguments)

    async def control(self, path: str, /, **body: Any) -> Any:
        """Move the exchange's world."""
        async with self._session.post(f"{self.simex.control_url}/control/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def truth(self) -> dict[str, Any]:
        """The account as the exchange knows it."""
        async with self._session.get(f"{self.simex.control_url}/control/truth?account=default") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def position(self, symbol: str) -> Decimal:
        """Signed coins of a perpetual."""
        rows = (await self.truth())["usdm"]["positions"]
        return sum((Decimal(row["quantity"]) for row in rows if row["symbol"] == symbol), Decimal(0))

    async def order_requests(self) -> int:
        """POSTs of orders that reached the exchange, whatever became of them."""
        async with self._session.get(f"{self.simex.control_url}/control/requests?limit=1") as answer:
            summary = (await answer.json())["summary"]
        return int(summary["signed_mutating"].get("POST /fapi/v1/order", 0))

    async def until(self, what: str, holds: Callable[[], Any]) -> None:
        """Wait, within bounds, until something holds."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not await holds():
            assert asyncio.get_running_loop().time() < deadline, f"{what}: {await self.command('status')}"
            await asyncio.sleep(LOOK_S)

    async def until_position(self, symbol: str, coins: str) -> None:
        """Wait until a perpetual's position is exactly so, and the bot knows it."""

        async def holds() -> bool:
            if await self.position(symbol) != Decimal(coins):
                return False
            rows = (await self.command("status"))["positions"]
            own = next(row for row in rows if row["instrument"].endswith(symbol))
            return bool(own["settled"]) and Decimal(own["contracts"]) == Decimal(coins)

        await self.until(f"{symbol} at {coins}", holds)

    async def until_hedged(self) -> None:
        """Wait until one bitcoin and ten ether are hedged."""
        await self.until_position("BTCUSDT", "-1")
        await self.until_position("ETHUSDT", "-10")

    async def stays(self, symbol: str, coins: str, seconds: float = 1.5) -> None:
        """Nothing is sent for a while."""
        sent = await self.order_requests()
        await asyncio.sleep(seconds)
        assert await self.position(symbol) == Decimal(coins)
        assert await self.order_requests() == sent


async def armed(simex: Simex, **fault: Any) -> None:
    """Arm a fault before the bot comes."""
    url = f"{simex.control_url}/control/fault"
    async with aiohttp.ClientSession() as session, session.post(url, json=fault) as answer:
        assert answer.status == 200, await answer.text()


@asynccontextmanager
async def running(simex: Simex, loaded: Loaded, mode: RunMode = RunMode.LIVE, **options: Any) -> AsyncIterator[Story]:
    """A daemon that runs for the length of the block and ends in good order; `options` are `run_daemon`'s."""
    (loaded.settings.state_dir / "control.sock").unlink(missing_ok=True)
    stop = asyncio.Event()
    daemon = asyncio.create_task(run_daemon(loaded, mode, stop=stop, **options))
    try:
        async with aiohttp.ClientSession() as session:
            story = Story(simex, loaded, session)
            await _answering(loaded, daemon)
            yield story
    finally:
        stop.set()
        assert await asyncio.wait_for(daemon, PATIENCE_S) is None


@asynccontextmanager
async def attached(simex: Simex, loaded: Loaded) -> AsyncIterator[Story]:
    """A story about a daemon that runs elsewhere."""
    async with aiohttp.ClientSession() as session:
        yield Story(simex, loaded, session)


async def _answering(loaded: Loaded, daemon: asyncio.Task[RunMode | None]) -> None:
    """Wait until the daemon's socket is there; a daemon that refused to start says why here."""
    path = loaded.settings.state_dir / "control.sock"
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not path.exists():
        if daemon.done():
            daemon.result()
        assert asyncio.get_running_loop().time() < deadline, "the daemon did not open its socket"
        await asyncio.sleep(LOOK_S)
