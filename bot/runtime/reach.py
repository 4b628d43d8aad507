"""An open way to the config's venues: pinned hosts, sessions, REST clients, and what a websocket needs."""

import random
import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bot.domain.units import MILLISECOND_NS
from bot.domain.venues import BINANCE
from bot.runtime.clock import Clock
from bot.runtime.portfolio import venues
from bot.runtime.refusal import StartRefused
from bot.runtime.secrets import Credentials
from bot.runtime.settings import Settings
from bot.venues import net
from bot.venues.client import Client
from bot.venues.dialling import Dialling
from bot.venues.exchange import Exchange
from bot.venues.exchanges import DIALECTS, EXCHANGES, HOSTS_OF
from bot.venues.signing import Credentials as Key
from bot.venues.stream import World
from bot.venues.transport import SessionTransport

UNPINNED = "hosts of the venue that are not pinned, so that nothing could reach them"
HOSTS = HOSTS_OF[BINANCE]


@dataclass(frozen=True, slots=True)
class Reach:
    """An open way to the venues: sessions, REST clients, and what a websocket needs.

    `exchanges` begins with the config's own; `keys` are by venue, of those that have one.
    """

    exchanges: tuple[Exchange, ...]
    worlds: Mapping[str, World]
    keys: Mapping[str, Credentials]

    @property
    def client(self) -> Client:
        """The REST client of the config's own venue."""
        return self.exchanges[0].client

    @property
    def world(self) -> World:
        """What the websockets of the config's own venue need."""
        return self.worlds[self.exchanges[0].name]

    @property
    def key(self) -> Credentials | None:
        """The key of the config's own venue; None where any venue of the config has none."""
        complete = all(exchange.name in self.keys for exchange in self.exchanges)
        return self.keys[self.exchanges[0].name] if complete else None

    def be_patient(self, patience_ns: int) -> int:
        """How long a read may wait for the rate budget from now on; returns how long it was."""
        usual_ns = self.client.read_patience_ns
        for exchange in self.exchanges:
            exchange.client.read_patience_ns = patience_ns
        return usual_ns


def hosts_of(settings: Settings) -> frozenset[str]:
    """Every host of the config's venues."""
    return frozenset(host for venue in venues(settings) for host in HOSTS_OF[venue])


def pin_of(settings: Settings) -> net.Pin:
    """The hosts this process may reach: the venues' own, or where a simulated exchange serves them."""
    if not settings.exchange.pin:
        return dict.fromkeys(sorted(hosts_of(settings)))
    return {host: (address.host, address.port) for host, address in sorted(settings.exchange.pin.items())}


def unpinned(settings: Settings) -> tuple[str, ...]:
    """The venues' hosts that a pin leaves out; the daemon needs every one of them."""
    return tuple(sorted(hosts_of(settings) - settings.exchange.pin.keys())) if settings.exchange.pin else ()


async def reach(
    settings: Settings,
    key: Credentials | None,
    clock: Clock,
    log: Callable[[str], None],
    stack: AsyncExitStack,
    others: Mapping[str, Credentials] | None = None,
) -> Reach:
    """Open sessions to the pinned hosts; the stack closes them. Nothing is asked yet.

    `key` is that of the config's own venue, `others` those of the venues beside it.
    """
    pin = pin_of(settings)
    if missing := unpinned(settings):
        raise StartRefused("config", f"{UNPINNED}: {', '.join(missing)}", at=("exchange", "pin"))
    try:
        context = net.ssl_context(settings.exchange.ca_file)
    except OSError as error:
        raise StartRefused("config", f"no usable certificate: {error}", at=("exchange", "ca_file")) from error
    keys = dict(others or {})
    if key is not None:
        keys[settings.venue] = key
    exchanges = [
        await _exchange(settings, venue, keys.get(venue), pin, context, clock, stack) for venue in venues(settings)
    ]
    rng = random.Random()  # noqa: S311 - jitter of reconnects; nothing secret rests on it
    worlds = {
        one.name: World(
            pin=pin, context=context, clock=clock.now_ns, sleep=clock.sleep, rng=rng, dialling=Dialling(rng), log=log
        )
        for one in exchanges
    }
    return Reach(tuple(exchanges), worlds, keys)


async def _exchange(
    settings: Settings,
    venue: str,
    key: Credentials | None,
    pin: net.Pin,
    context: ssl.SSLContext,
    clock: Clock,
    stack: AsyncExitStack,
) -> Exchange:
    """One venue with sessions of its own: what one of them holds up keeps no other from being asked."""
    orders = await stack.enter_async_context(net.open_session(pin, context))
    reads = await stack.enter_async_context(net.open_session(pin, context))
    client = Client(
        credentials=plain_key(key) if key is not None else None,
        orders=SessionTransport(orders),
        reads=SessionTransport(reads),
        clock=clock.now_ns,
        sleep=clock.sleep,
        order_window_ms=settings.limits.recv_window // MILLISECOND_NS,
        dialect=DIALECTS[venue](),
    )
    return EXCHANGES[venue](client)


def plain_key(key: Credentials) -> Key:
    """A key as a client signs with it."""
    return Key(key.api_key.get_secret_value(), key.api_secret.get_secret_value())


async def account_number(way: Reach) -> str | None:
    """The venue's own number of the account, and those of the venues beside it; None when one cannot be read."""
    numbers = [(exchange.name, await exchange.account_number()) for exchange in way.exchanges]
    (_, own), *others = numbers
    if own is None or any(number is None for _, number in others):
        return None
    return "+".join((own, *(f"{venue}:{number}" for venue, number in others)))
