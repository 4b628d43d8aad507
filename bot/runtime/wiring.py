"""Wires Binance for one of the three ways to run, out of settings: plain constructors, everything required.

observe: live data, the account read where there is a key, no gateway. dry-run: live data, a paper account, and neither
a live gateway nor a private stream is constructed. live: everything.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bot.domain.account import AccountSnapshot, Balance, Position
from bot.domain.events import (
    AccountSeen,
    AccountUnreadable,
    BalancesChanged,
    ClockSampled,
    Event,
    OrderReported,
    PositionsChanged,
    RunMode,
    Started,
    StreamChanged,
)
from bot.domain.instrument import Instrument, Kind
from bot.domain.market import Depth, Mark
from bot.domain.units import MILLISECOND_NS, Asset
from bot.runtime.carrier import NoGateway
from bot.runtime.clock import Clock
from bot.runtime.portfolio import sold
from bot.runtime.refusal import StartRefused
from bot.runtime.secrets import Credentials
from bot.runtime.settings import Settings
from bot.runtime.venue import Relay, Venue, VenueFeed, keep_nothing, renew_nothing
from bot.venues import net, routes
from bot.venues.binance import STREAM_HOSTS
from bot.venues.binance_streams import SpotUser, UsdmUser, hmac_sign, spot_market, usdm_market
from bot.venues.client import Client
from bot.venues.dialling import Dialling
from bot.venues.gateway import LiveGateway
from bot.venues.history import LiveHistory
from bot.venues.listenkey_rest import RestListenKeys
from bot.venues.metadata import LiveMetadata
from bot.venues.paper import PaperVenue
from bot.venues.paper_account import PaperState, restored, seeded
from bot.venues.ports import Sink
from bot.venues.signing import Credentials as Key
from bot.venues.snapshot import LiveSnapshots
from bot.venues.stream import World
from bot.venues.translate.accounts import spot_wallet
from bot.venues.translate.errors import Trouble
from bot.venues.transport import SessionTransport

UNPINNED = "hosts of the venue that are not pinned, so that nothing could reach them"
PAPER_FILE = "paper.json"
PAPER_LEVERAGE = 20
SPOT_ACCOUNT, USDM_ACCOUNT = routes.SPOT, routes.USDM
ACCOUNTS = (SPOT_ACCOUNT, USDM_ACCOUNT)
HOSTS = frozenset(routes.HOSTS.values()) | STREAM_HOSTS


@dataclass(frozen=True, slots=True)
class Reach:
    """An open way to the venue: sessions, the REST client, and what a websocket needs."""

    client: Client
    world: World
    key: Credentials | None


def journal_path(settings: Settings, mode: RunMode) -> Path:
    """Where the journal of a way to run lies."""
    return settings.state_dir / f"journal-{mode.value}.sqlite3"


def pin_of(settings: Settings) -> net.Pin:
    """The hosts this process may reach: the venue's own, or where a simulated exchange serves them."""
    if not settings.exchange.pin:
        return dict.fromkeys(sorted(HOSTS))
    return {host: (address.host, address.port) for host, address in sorted(settings.exchange.pin.items())}


def unpinned(settings: Settings) -> tuple[str, ...]:
    """The venue's hosts that a pin leaves out; the daemon needs every one of them."""
    return tuple(sorted(HOSTS - settings.exchange.pin.keys())) if settings.exchange.pin else ()


async def reach(
    settings: Settings, key: Credentials | None, clock: Clock, log: Callable[[str], None], stack: AsyncExitStack
) -> Reach:
    """Open sessions to the pinned hosts; the stack closes them. Nothing is asked yet."""
    pin = pin_of(settings)
    if missing := unpinned(settings):
        raise StartRefused("config", f"{UNPINNED}: {', '.join(missing)}", at=("exchange", "pin"))
    try:
        context = net.ssl_context(settings.exchange.ca_file)
    except OSError as error:
        raise StartRefused("config", f"no usable certificate: {error}", at=("exchange", "ca_file")) from error
    orders = await stack.enter_async_context(net.open_session(pin, context))
    reads = await stack.enter_async_context(net.open_session(pin, context))
    credentials = Key(key.api_key.get_secret_value(), key.api_secret.get_secret_value()) if key is not None else None
    client = Client(
        credentials=credentials,
        orders=SessionTransport(orders),
        reads=SessionTransport(reads),
        clock=clock.now_ns,
        sleep=clock.sleep,
        order_window_ms=settings.limits.recv_window // MILLISECOND_NS,
    )
    rng = random.Random()  # noqa: S311 - jitter of reconnects; nothing secret rests on it
    world = World(
        pin=pin, context=context, clock=clock.now_ns, sleep=clock.sleep, rng=rng, dialling=Dialling(rng), log=log
    )
    return Reach(client, world, key)


async def account_number(way: Reach) -> str | None:
    """The venue's own number of the account; None when it cannot be read."""
    wallet = await way.client.read(routes.SPOT_ACCOUNT, {}, spot_wallet)
    return None if isinstance(wallet, Trouble) or not wallet.uid else str(wallet.uid)


def wire(
    settings: Settings,
    mode: RunMode,
    way: Reach,
    instruments: tuple[Instrument, ...],
    clock: Clock,
    paper: PaperState | None,
) -> Venue:
    """The venue of one way to run. `paper` is the paper account; None where the real account is read."""
    if paper is not None:
        return _paper_venue(settings, mode, way, instruments, clock, paper)
    relay = Relay()
    live = LiveGateway(way.client, {one.id: one for one in instruments}) if mode is RunMode.LIVE else None
    return Venue(
        gateway=live or NoGateway(),
        snapshots=_live_reads(settings, way, instruments),
        feeds=(*_public_feeds(instruments, relay, way.world), *_private_feeds(way, relay)),
        relay=relay,
        journal_path=journal_path(settings, mode),
        margin_accounts=(USDM_ACCOUNT,),
        instruments=LiveMetadata(way.client).read,
        renew=live.renew if live is not None else renew_nothing,
        budgets=partial(_budgets_of, way),
        history=LiveHistory(way.client),
    )


def _paper_venue(
    settings: Settings,
    mode: RunMode,
    way: Reach,
    instruments: tuple[Instrument, ...],
    clock: Clock,
    paper: PaperState,
) -> Venue:
    """Live data and a paper account, which trades in a dry-run and is only looked at in `observe`."""
    relay = Relay()
    account = PaperVenue(
        state=paper,
        instruments=instruments,
        settle=Asset(settings.quote),
        leverage=PAPER_LEVERAGE,
        latency_ns=settings.paper.latency,
        clock=clock.now_ns,
        sleep=clock.sleep,
        sink=relay.put,
    )
    keeper = PaperKeeper(account, settings.state_dir / PAPER_FILE)
    trading = mode is RunMode.DRY_RUN
    relay.taps.append(_market_for(account))
    if trading:
        relay.taps.append(keeper.watch)
    streams = VenueFeed("paper", lambda: _stay_up(relay, clock), ())
    return Venue(
        gateway=account if trading else NoGateway(),
        snapshots=PaperReads(account, _live_reads(settings, way, instruments).clock),
        feeds=(*_public_feeds(instruments, relay, way.world), streams),
        relay=relay,
        journal_path=journal_path(settings, mode),
        margin_accounts=(USDM_ACCOUNT,),
        persist=keeper.persist if trading else keep_nothing,
        instruments=LiveMetadata(way.client).read,
        renew=account.renew,
        budgets=partial(_budgets_of, way),
        history=LiveHistory(way.client),
    )


def _budgets_of(way: Reach) -> dict[str, float]:
    return {routes.HOSTS[account]: budget.used_ratio() for account, budget in way.client.budgets.items()}


def _live_reads(settings: Settings, way: Reach, instruments: tuple[Instrument, ...]) -> LiveSnapshots:
    return LiveSnapshots(way.client, instruments, Asset(settings.quote), sold(settings))


def _public_feeds(instruments: tuple[Instrument, ...], relay: Relay, world: World) -> tuple[VenueFeed, ...]:
    spot = sorted(one.symbol for one in instruments if one.kind is Kind.SPOT)
    usdm = sorted(one.symbol for one in instruments if one.kind is not Kind.SPOT)
    feeds = []
    if spot:
        feed = spot_market(spot, relay.put, world)
        feeds.append(VenueFeed(feed.name, feed.run, feed.streams))
    feed = usdm_market(usdm, relay.put, world)
    return (*feeds, VenueFeed(feed.name, feed.run, feed.streams))


def _private_feeds(way: Reach, relay: Relay) -> tuple[VenueFeed, ...]:
    assert way.key is not None, "private streams need a key"
    usdm = UsdmUser(RestListenKeys(way.client), relay.put, relay.wants_refresh, way.world)
    spot = SpotUser(
        way.key.api_key.get_secret_value(),
        hmac_sign(way.key.api_secret.get_secret_value()),
        lambda: way.client.venue_ms(SPOT_ACCOUNT),
        relay.put,
        relay.wants_refresh,
        way.world,
    )
    return (VenueFeed(usdm.name, usdm.run, (usdm.stream,)), VenueFeed(spot.name, spot.run, (spot.stream,)))


async def paper_state(settings: Settings, way: Reach, instruments: tuple[Instrument, ...]) -> PaperState:
    """The paper account: as it was left, else as the real one is now, else as the config says. Raises StartRefused."""
    path = settings.state_dir / PAPER_FILE
    if path.exists():
        try:
            return restored(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StartRefused("config", f"{path}: {error}; move it away to begin with a new paper account") from error
    if settings.paper.seed == "live":
        return seeded(await _read_accounts(settings, way, instruments))
    return seeded(_declared(settings, instruments))


def _declared(settings: Settings, instruments: tuple[Instrument, ...]) -> list[AccountSnapshot]:
    wallets = {SPOT_ACCOUNT: settings.paper.balances.spot, USDM_ACCOUNT: settings.paper.balances.usdm}
    flat = tuple(Position(one.id, one.lot * 0) for one in instruments if one.kind is not Kind.SPOT)
    return [
        AccountSnapshot(
            account=account,
            balances=tuple(Balance(Asset(coin), amount) for coin, amount in sorted(wallet.items())),
            positions=flat if account == USDM_ACCOUNT else (),
        )
        for account, wallet in wallets.items()
    ]


async def _read_accounts(settings: Settings, way: Reach, instruments: tuple[Instrument, ...]) -> list[AccountSnapshot]:
    """The real account, read once: a paper account begins with what is true."""
    if way.key is None:
        text = "the paper account begins with the real one, and there is no API key: give one, or set seed: config"
        raise StartRefused("credentials", text, at=("paper", "seed"))
    snapshots = _live_reads(settings, way, instruments)
    out = []
    for account in ACCOUNTS:
        seen = await snapshots.account(account)
        found = [event.snapshot for event in seen if isinstance(event, AccountSeen)]
        if not found:
            why = [event.reason for event in seen if isinstance(event, AccountUnreadable)]
            raise StartRefused("venue", f"{account} cannot be read to seed the paper account: {'; '.join(why)}")
        out.append(found[0])
    return out


async def _stay_up(relay: Relay, clock: Clock) -> None:
    """The paper account's private streams: they are up, and what they say comes from the account itself."""
    for account in ACCOUNTS:
        relay.put(StreamChanged(f"{account}.paper", True, "paper account", clock.now_ns(), account))
    await asyncio.Event().wait()


def _market_for(paper: PaperVenue) -> Sink:
    """Shows the paper account the market: what orders fill against, and what funding is settled at."""

    def show(event: Event) -> None:
        if isinstance(event, Depth | Mark):
            paper.market(event)

    return show


class PaperKeeper:
    """Keeps the paper account over restarts: written before the journal hears of a change, as a venue's would be."""

    def __init__(self, paper: PaperVenue, path: Path) -> None:
        self._paper = paper
        self._path = path

    def watch(self, event: Event) -> None:
        """A tap: keep what an order or a settlement changed before anybody is told of it."""
        if isinstance(event, PositionsChanged | BalancesChanged):
            self._keep()

    def persist(self, event: Event) -> None:
        """Keep the account as it is when it first trades (from then on the seed does not count), and every order."""
        if isinstance(event, Started | OrderReported):
            self._keep()

    def _keep(self) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_bytes(self._paper.export())
        draft.chmod(0o600)
        draft.replace(self._path)


class PaperReads:
    """The paper account's reads, with the venue's real clock: that one is worth knowing before going live."""

    def __init__(self, paper: PaperVenue, clock: Callable[[], Coroutine[Any, Any, tuple[ClockSampled, ...]]]) -> None:
        self.account = paper.account
        self.funding = paper.funding
        self.clock = clock
