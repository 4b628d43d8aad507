"""A bot and a simulated exchange over the real wire, in one process: what the stories are told with."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from bot.domain.events import RunMode
from bot.runtime.app import run_daemon
from bot.runtime.ask import ask
from bot.runtime.settings_load import Loaded, load
from bot.simex.config import AccountSpec, KeySpec, SimexConfig
from bot.simex.serve import Simex
from bot.venues.exchanges import HOSTS_OF

PATIENCE_S = 45.0
LOOK_S = 0.05
SPOT = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(1_000)}
USDM = {"USDT": Decimal(100_000)}
UNIFIED = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(100_000)}
ASSETS = "{BTC: {}, ETH: {}}"
HEDGED_AT_BINANCE = "{BTC: {hedge: 'binance.usdm:BTCUSDT'}, ETH: {hedge: 'binance.usdm:ETHUSDT'}}"
HEDGED_AT_BYBIT = "{BTC: {hedge: 'bybit.linear:BTCUSDT'}, ETH: {hedge: 'bybit.linear:ETHUSDT'}}"
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a story plays: the config's venues, its own first, and at which venue and wallet coins and contracts lie.

    Another venue than the config's own has a key of its own, by the venue's name.
    """

    venues: tuple[str, ...]
    funds: AccountSpec
    assets: str
    coins: tuple[str, str]
    contracts: tuple[str, str]
    order_route: str

    @property
    def others(self) -> tuple[str, ...]:
        """The venues beside the config's own."""
        return self.venues[1:]


BINANCE = Place(
    venues=("binance",),
    funds=AccountSpec(spot=SPOT, usdm=USDM),
    assets=ASSETS,
    coins=("binance", "spot"),
    contracts=("binance", "usdm"),
    order_route="POST /fapi/v1/order",
)
BYBIT = Place(
    venues=("bybit",),
    funds=AccountSpec(unified=UNIFIED),
    assets=ASSETS,
    coins=("bybit", "unified"),
    contracts=("bybit", "unified"),
    order_route="POST /v5/order/create",
)
ACROSS = Place(
    venues=("binance", "bybit"),
    funds=AccountSpec(spot=SPOT, unified=USDM),
    assets=HEDGED_AT_BYBIT,
    coins=("binance", "spot"),
    contracts=("bybit", "unified"),
    order_route="POST /v5/order/create",
)
REVERSED = Place(
    venues=("bybit", "binance"),
    funds=AccountSpec(usdm=USDM, unified=SPOT),
    assets=HEDGED_AT_BINANCE,
    coins=("bybit", "unified"),
    contracts=("binance", "usdm"),
    order_route="POST /fapi/v1/order",
)


def exchange(place: Place = BINANCE, **changes: Any) -> SimexConfig:
    """An exchange with one funded account and the keys that the stories need."""
    keys = (
        KeySpec("default"),
        KeySpec("withdrawer", withdraw=True),
        KeySpec("reader", spot=False, futures=False),
        *(KeySpec(venue) for venue in place.others),
    )
    accounts = (place.funds,)
    return SimexConfig(**{"accounts": accounts, "keys": keys, "plain_http": False, **changes})


def config(
    simex: Simex,
    directory: Path,
    *,
    place: Place = BINANCE,
    targets: str = NEUTRAL,
    limits: str = FAST,
    key: str = "default",
    assets: str | None = None,
    intervals: str = "{tick: 20 ms, reconcile: 1 s}",
) -> Loaded:
    """A bot's config for an exchange, its key in files of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    hosts = frozenset().union(*(HOSTS_OF[venue] for venue in place.venues))
    pin = {host: f"{address}:{port}" for host, (address, port) in simex.pin.items() if host in hosts}
    credentials = _key_files(simex, directory, key)
    credentials |= {venue: _key_files(simex, directory, venue, f"{venue}-") for venue in place.others}
    text = f"""
portfolio: story
venue: {place.venues[0]}
state_dir: {directory / "state"}
assets: {assets or place.assets}
targets: {targets}
limits: {limits}
intervals: {intervals}
exchange: {{ca_file: {simex.ca_file}, pin: {json.dumps(pin)}}}
credentials: {json.dumps(credentials)}
log: {{level: error}}
"""
    written(directory).write_text(text)
    return load(written(directory), {})


def _key_files(simex: Simex, directory: Path, key: str, prefix: str = "") -> dict[str, Any]:
    """A key of the exchange in two files, as a config names them."""
    files = {}
    for name, value in (("key", simex.keys[key].key), ("secret", simex.keys[key].secret)):
        path = directory / f"{prefix}{name}"
        path.touch(mode=0o600)
        path.write_text(value)
        files[f"api_{name}_file"] = str(path)
    return files


def written(directory: Path) -> Path:
    """Where the config lies, for a bot in a process of its own."""
    return directory / "story.yaml"


class Story:
    """A running bot at an exchange; everything is seen from outside, by its socket and the exchange's truth."""

    def __init__(self, simex: Simex, loaded: Loaded, session: aiohttp.ClientSession, place: Place = BINANCE) -> None:
        self.simex = simex
        self.place = place
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

    async def coins(self, verb: str, asset: str, amount: str) -> None:
        """Let coins arrive where the portfolio's lie ("deposit"), or leave ("withdraw")."""
        venue, wallet = self.place.coins
        await self.control(verb, venue=venue, account="default", wallet=wallet, asset=asset, amount=amount)

    async def truth(self, venue: str | None = None) -> dict[str, Any]:
        """The account as a venue knows it: the contracts' venue unless another is named."""
        query = f"account=default&venue={venue or self.place.contracts[0]}"
        async with self._session.get(f"{self.simex.control_url}/control/truth?{query}") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def position(self, symbol: str) -> Decimal:
        """Signed coins of a perpetual."""
        rows = (await self.truth())[self.place.contracts[1]]["positions"]
        return sum((Decimal(row["quantity"]) for row in rows if row["symbol"] == symbol), Decimal(0))

    async def order_requests(self) -> int:
        """POSTs of orders that reached the exchange, whatever became of them."""
        async with self._session.get(f"{self.simex.control_url}/control/requests?limit=1") as answer:
            summary = (await answer.json())["summary"]
        return int(summary["signed_mutating"].get(self.place.order_route, 0))

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
async def running(
    simex: Simex, loaded: Loaded, mode: RunMode = RunMode.LIVE, place: Place = BINANCE, **options: Any
) -> AsyncIterator[Story]:
    """A daemon that runs for the length of the block and ends in good order; `options` are `run_daemon`'s."""
    (loaded.settings.state_dir / "control.sock").unlink(missing_ok=True)
    stop = asyncio.Event()
    daemon = asyncio.create_task(run_daemon(loaded, mode, stop=stop, **options))
    try:
        async with aiohttp.ClientSession() as session:
            story = Story(simex, loaded, session, place)
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
