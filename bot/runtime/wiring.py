"""Wires the config's venues for one of the three ways to run, out of settings: plain constructors, everything required.

observe: live data, the account read where there is a key, no gateway. dry-run: live data, a paper account, and neither
a live gateway nor a private stream is constructed. live: everything.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

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
from bot.domain.units import AccountId, Asset, InstrumentId
from bot.domain.venues import NAMES, venue_of
from bot.runtime.carrier import NoGateway
from bot.runtime.clock import Clock
from bot.runtime.portfolio import accounts, counted, has_futures, sold
from bot.runtime.reach import HOSTS, UNPINNED, Reach, account_number, hosts_of, pin_of, plain_key, reach, unpinned
from bot.runtime.refusal import StartRefused
from bot.runtime.settings import Settings
from bot.runtime.venue import Relay, Venue, VenueFeed, keep_nothing, renew_nothing
from bot.venues import bybit_routes, routes
from bot.venues.exchange import Exchange, LiveGateway, Metadata, Preflight, StreamFeed
from bot.venues.paper import PaperVenue
from bot.venues.paper_account import PaperState, restored, seeded
from bot.venues.ports import Finding, History, Sink, Snapshots
from bot.venues.together import Gateways, Histories, Metadatas, Reads

__all__ = [
    "HOSTS",
    "PAPER_FILE",
    "UNPINNED",
    "PaperKeeper",
    "PaperReads",
    "Reach",
    "account_number",
    "hosts_of",
    "inspect",
    "inspectors",
    "journal_path",
    "live_reads",
    "paper_state",
    "pin_of",
    "reach",
    "unpinned",
    "wire",
]

PAPER_FILE = "paper.json"
PAPER_LEVERAGE = 20
Part = TypeVar("Part")
ReadInstruments = Callable[[Iterable[Instrument]], Awaitable[Mapping[InstrumentId, Instrument | None]]]


def journal_path(settings: Settings, mode: RunMode) -> Path:
    """Where the journal of a way to run lies."""
    return settings.state_dir / f"journal-{mode.value}.sqlite3"


def inspectors(
    settings: Settings, way: Reach, instruments: tuple[Instrument, ...]
) -> tuple[tuple[Exchange, Preflight], ...]:
    """Who looks at each exchange's account before the first live order."""
    return tuple(
        (
            exchange,
            exchange.preflight(
                _at(exchange, instruments),
                Asset(settings.quote),
                clock_offset_ns_max=settings.limits.clock_offset,
                sold=sold(settings),
                has_futures=has_futures(settings, exchange.name),
            ),
        )
        for exchange in way.exchanges
    )


async def inspect(settings: Settings, way: Reach, instruments: tuple[Instrument, ...]) -> tuple[Finding, ...]:
    """Everything that must hold before the first live order, of every exchange."""
    found: list[Finding] = []
    for _, inspector in inspectors(settings, way, instruments):
        found += await inspector.inspect()
    return tuple(found)


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
    live = _gateway(way, settings, instruments) if mode is RunMode.LIVE else None
    return Venue(
        gateway=live or NoGateway(),
        snapshots=live_reads(settings, way, instruments),
        feeds=(*_public_feeds(instruments, relay, way), *_private_feeds(settings, way, relay)),
        relay=relay,
        journal_path=journal_path(settings, mode),
        margin_accounts=margin_accounts(settings),
        instruments=_metadata(way, settings),
        renew=live.renew if live is not None else renew_nothing,
        budgets=partial(_budgets_of, way),
        history=_history(way, settings),
    )


def margin_accounts(settings: Settings) -> tuple[AccountId, ...]:
    """The accounts that margin futures, of those that are looked at."""
    return tuple(one for one in accounts(settings) if one == NAMES[venue_of(one)].futures)


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
    streams = VenueFeed("paper", lambda: _stay_up(settings, relay, clock), ())
    return Venue(
        gateway=account if trading else NoGateway(),
        snapshots=PaperReads(account, live_reads(settings, way, instruments).clock),
        feeds=(*_public_feeds(instruments, relay, way), streams),
        relay=relay,
        journal_path=journal_path(settings, mode),
        margin_accounts=margin_accounts(settings),
        persist=keeper.persist if trading else keep_nothing,
        instruments=_metadata(way, settings),
        renew=account.renew,
        budgets=partial(_budgets_of, way),
        history=_history(way, settings),
    )


def _budgets_of(way: Reach) -> dict[str, float]:
    each = (exchange.client.counters.whole() for exchange in way.exchanges)
    return {host: counter.used_ratio() for counters in each for host, counter in counters.items()}


def _by_account(way: Reach, settings: Settings, make: Callable[[Exchange], Part]) -> dict[AccountId, Part]:
    """A part of each exchange, under each of its accounts that are looked at."""
    parts = {exchange.name: make(exchange) for exchange in way.exchanges}
    return {account: parts[venue_of(account)] for account in accounts(settings)}


def _gateway(way: Reach, settings: Settings, instruments: tuple[Instrument, ...]) -> LiveGateway:
    def make(exchange: Exchange) -> LiveGateway:
        return exchange.gateway(_at(exchange, instruments))

    return make(way.exchanges[0]) if len(way.exchanges) == 1 else Gateways(_by_account(way, settings, make))


def live_reads(settings: Settings, way: Reach, instruments: tuple[Instrument, ...]) -> Snapshots:
    """The account reads of every exchange."""

    def make(exchange: Exchange) -> Snapshots:
        return exchange.snapshots(_at(exchange, instruments), Asset(settings.quote), sold(settings), counted(settings))

    return make(way.exchanges[0]) if len(way.exchanges) == 1 else Reads(_by_account(way, settings, make))


def _history(way: Reach, settings: Settings) -> History:
    def make(exchange: Exchange) -> History:
        return exchange.history()

    return make(way.exchanges[0]) if len(way.exchanges) == 1 else Histories(_by_account(way, settings, make))


def _metadata(way: Reach, settings: Settings) -> ReadInstruments:
    def make(exchange: Exchange) -> Metadata:
        return exchange.metadata()

    one = make(way.exchanges[0]) if len(way.exchanges) == 1 else Metadatas(_by_account(way, settings, make))
    return one.read


def _at(exchange: Exchange, instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
    return tuple(one for one in instruments if venue_of(one.account) == exchange.name)


def _public_feeds(instruments: tuple[Instrument, ...], relay: Relay, way: Reach) -> tuple[VenueFeed, ...]:
    return tuple(
        VenueFeed(feed.name, feed.run, feed.streams)
        for exchange in way.exchanges
        for feed in exchange.public_feeds(_at(exchange, instruments), relay.put, way.worlds[exchange.name])
    )


def _private_feeds(settings: Settings, way: Reach, relay: Relay) -> tuple[VenueFeed, ...]:
    """The private streams of the accounts that are looked at."""
    watched = accounts(settings)
    feeds: list[StreamFeed] = []
    for exchange in way.exchanges:
        assert exchange.name in way.keys, "private streams need a key"
        key, world = plain_key(way.keys[exchange.name]), way.worlds[exchange.name]
        feeds += exchange.private_feeds(key, Asset(settings.quote), relay.put, relay.wants_refresh, world)
    return tuple(
        VenueFeed(feed.name, feed.run, feed.streams)
        for feed in feeds
        if any(stream.account in watched for stream in feed.streams)
    )


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
    told = settings.paper.balances
    wallets = {routes.SPOT: told.spot, routes.USDM: told.usdm, bybit_routes.UNIFIED: told.unified}
    return [
        AccountSnapshot(
            account=account,
            balances=tuple(Balance(Asset(coin), amount) for coin, amount in sorted(wallets[account].items())),
            positions=tuple(
                Position(one.id, one.lot * 0)
                for one in instruments
                if one.kind is not Kind.SPOT and one.account == account
            ),
        )
        for account in accounts(settings)
    ]


async def _read_accounts(settings: Settings, way: Reach, instruments: tuple[Instrument, ...]) -> list[AccountSnapshot]:
    """The real account, read once: a paper account begins with what is true."""
    if way.key is None:
        text = "the paper account begins with the real one, and there is no API key: give one, or set seed: config"
        raise StartRefused("credentials", text, at=("paper", "seed"))
    snapshots = live_reads(settings, way, instruments)
    out = []
    for account in accounts(settings):
        seen = await snapshots.account(account)
        found = [event.snapshot for event in seen if isinstance(event, AccountSeen)]
        if not found:
            why = [event.reason for event in seen if isinstance(event, AccountUnreadable)]
            raise StartRefused("venue", f"{account} cannot be read to seed the paper account: {'; '.join(why)}")
        out.append(found[0])
    return out


async def _stay_up(settings: Settings, relay: Relay, clock: Clock) -> None:
    """The paper account's private streams: they are up, and what they say comes from the account itself."""
    for account in accounts(settings):
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
