"""The exchanges that there are: each puts its own parts together, and nothing else knows which parts those are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bot.domain.instrument import Kind
from bot.domain.venues import BINANCE, BYBIT, NAMES
from bot.venues import bybit, bybit_routes, routes
from bot.venues.binance import STREAM_HOSTS
from bot.venues.binance_rest import BinanceDialect
from bot.venues.binance_streams import SpotUser, UsdmUser, hmac_sign, spot_market, usdm_market
from bot.venues.bybit_catalogue import BybitCatalogue, BybitMetadata
from bot.venues.bybit_catalogue import read_marks as read_bybit_marks
from bot.venues.bybit_gateway import BybitGateway
from bot.venues.bybit_history import BybitHistory
from bot.venues.bybit_market import market as bybit_market
from bot.venues.bybit_preflight import BybitPreflight
from bot.venues.bybit_rest import BybitDialect
from bot.venues.bybit_snapshot import BybitSnapshots
from bot.venues.bybit_streams import PrivateStream
from bot.venues.catalogue import LiveCatalogue
from bot.venues.gateway import LiveGateway
from bot.venues.history import LiveHistory
from bot.venues.listenkey_rest import RestListenKeys
from bot.venues.metadata import LiveMetadata
from bot.venues.preflight import LivePreflight
from bot.venues.prices import read_marks
from bot.venues.snapshot import LiveSnapshots
from bot.venues.translate.accounts import spot_wallet
from bot.venues.translate.bybit_accounts import key_scope
from bot.venues.translate.bybit_catalogue import fee_rates
from bot.venues.translate.catalogue import Fees, fees
from bot.venues.translate.errors import Cause, Trouble

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from decimal import Decimal

    from bot.domain.instrument import Instrument
    from bot.domain.units import Asset, InstrumentId
    from bot.venues.binance_market import MarketFeed
    from bot.venues.client import Client
    from bot.venues.dialect import Dialect
    from bot.venues.exchange import Exchange, Refresh
    from bot.venues.ports import Sink
    from bot.venues.signing import Credentials
    from bot.venues.stream import Stream, World


class UserFeed:
    """A private stream as a feed."""

    def __init__(self, name: str, run: Callable[[], Awaitable[None]], streams: Sequence[Stream]) -> None:
        self.name = name
        self.streams = streams
        self._run = run

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._run()


class BinanceExchange:
    """Binance: spot and USD-M, each an account of its own. See `bot.venues.exchange.Exchange`."""

    name = BINANCE
    names = NAMES[BINANCE]
    hosts = frozenset(routes.HOSTS.values()) | STREAM_HOSTS

    def __init__(self, client: Client) -> None:
        self.client = client

    def gateway(self, instruments: Iterable[Instrument]) -> LiveGateway:
        """Orders on both accounts."""
        return LiveGateway(self.client, {one.id: one for one in instruments})

    def snapshots(
        self,
        instruments: Iterable[Instrument],
        settle: Asset,
        sold: Collection[InstrumentId],
        counted: Collection[Asset],
    ) -> LiveSnapshots:
        """Reads of both."""
        return LiveSnapshots(self.client, instruments, settle, sold, counted)

    def catalogue(self, spot: Fees, futures: Fees | None) -> LiveCatalogue:
        """Both markets."""
        return LiveCatalogue(self.client, spot, futures)

    def metadata(self) -> LiveMetadata:
        """Both markets, anew."""
        return LiveMetadata(self.client)

    def history(self) -> LiveHistory:
        """The past of both."""
        return LiveHistory(self.client)

    def preflight(
        self,
        instruments: Iterable[Instrument],
        settle: Asset,
        *,
        clock_offset_ns_max: int,
        sold: Collection[InstrumentId],
        has_futures: bool,
    ) -> LivePreflight:
        """The inspection of both."""
        return LivePreflight(
            self.client,
            instruments,
            settle,
            clock_offset_ns_max=clock_offset_ns_max,
            sold=sold,
            has_futures=has_futures,
        )

    def public_feeds(self, instruments: Iterable[Instrument], sink: Sink, world: World) -> tuple[MarketFeed, ...]:
        """Market data: spot only where a pair is named."""
        known = tuple(instruments)
        spot = sorted(one.symbol for one in known if one.kind is Kind.SPOT)
        usdm = sorted(one.symbol for one in known if one.kind is not Kind.SPOT)
        pairs = (spot_market(spot, sink, world),) if spot else ()
        return (*pairs, *((usdm_market(usdm, sink, world),) if usdm else ()))

    def private_feeds(
        self, credentials: Credentials, settle: Asset, sink: Sink, refresh: Refresh, world: World
    ) -> tuple[UserFeed, ...]:
        """Both user streams."""
        usdm = UsdmUser(RestListenKeys(self.client), sink, refresh, world)
        sign, clock = hmac_sign(credentials.secret), partial(self.client.venue_ms, routes.SPOT)
        spot = SpotUser(credentials.key, sign, clock, sink, refresh, world)
        return tuple(UserFeed(user.name, user.run, (user.stream,)) for user in (usdm, spot))

    async def marks(self, symbols: Iterable[str]) -> dict[str, Decimal]:
        """Mark prices of USD-M futures. Raises PricesUnreadable."""
        return await read_marks(self.client, symbols)

    async def fees(self, symbol: str) -> Fees | Trouble:
        """The account's fee rates of a USD-M future."""
        return await self.client.read(routes.COMMISSION, {"symbol": symbol}, fees)

    async def account_number(self) -> str | None:
        """The `uid` of the spot account."""
        wallet = await self.client.read(routes.SPOT_ACCOUNT, {}, spot_wallet)
        return None if isinstance(wallet, Trouble) or not wallet.uid else str(wallet.uid)


class BybitExchange:
    """Bybit: one unified account for coins and contracts. See `bot.venues.exchange.Exchange`."""

    name = BYBIT
    names = NAMES[BYBIT]
    hosts = frozenset({bybit_routes.HOST, bybit.STREAM_HOST})

    def __init__(self, client: Client) -> None:
        self.client = client

    def gateway(self, instruments: Iterable[Instrument]) -> BybitGateway:
        """Orders on both categories."""
        return BybitGateway(self.client, {one.id: one for one in instruments})

    def snapshots(
        self,
        instruments: Iterable[Instrument],
        settle: Asset,
        sold: Collection[InstrumentId],
        counted: Collection[Asset],
    ) -> BybitSnapshots:
        """Reads of the one account."""
        return BybitSnapshots(self.client, instruments, settle, sold, counted)

    def catalogue(self, spot: Fees, futures: Fees | None) -> BybitCatalogue:
        """Both categories."""
        return BybitCatalogue(self.client, spot, futures)

    def metadata(self) -> BybitMetadata:
        """Both categories, anew."""
        return BybitMetadata(self.client)

    def history(self) -> BybitHistory:
        """The past of both."""
        return BybitHistory(self.client)

    def preflight(
        self,
        instruments: Iterable[Instrument],
        settle: Asset,
        *,
        clock_offset_ns_max: int,
        sold: Collection[InstrumentId],
        has_futures: bool,
    ) -> BybitPreflight:
        """The inspection of the account."""
        return BybitPreflight(
            self.client,
            instruments,
            settle,
            clock_offset_ns_max=clock_offset_ns_max,
            sold=sold,
            has_futures=has_futures,
        )

    def public_feeds(self, instruments: Iterable[Instrument], sink: Sink, world: World) -> tuple[MarketFeed, ...]:
        """Market data, a connection for each category that is needed."""
        return (bybit_market(instruments, sink, world),)

    def private_feeds(
        self, credentials: Credentials, settle: Asset, sink: Sink, refresh: Refresh, world: World
    ) -> tuple[UserFeed, ...]:
        """The private stream."""
        clock = partial(self.client.venue_ms, bybit_routes.UNIFIED)
        user = PrivateStream(credentials, clock, settle, sink, refresh, world)
        return (UserFeed(user.name, user.run, (user.stream,)),)

    async def marks(self, symbols: Iterable[str]) -> dict[str, Decimal]:
        """Mark prices of linear contracts. Raises PricesUnreadable."""
        return await read_bybit_marks(self.client, symbols)

    async def fees(self, symbol: str) -> Fees | Trouble:
        """The account's fee rates of a linear contract."""
        params: dict[str, str | int] = {"category": bybit_routes.LINEAR, "symbol": symbol}
        found = await self.client.read(bybit_routes.FEES, params, partial(fee_rates, symbols=(symbol,)))
        if isinstance(found, Trouble):
            return found
        missing = Trouble(cause=Cause.UNREADABLE, host=bybit_routes.HOST, message=f"no fee rates of {symbol}")
        return found.get(symbol, missing)

    async def account_number(self) -> str | None:
        """The `userID` of the key."""
        scope = await self.client.read(bybit_routes.KEY_SCOPE, {}, key_scope)
        return None if isinstance(scope, Trouble) or not scope.user_id else str(scope.user_id)


EXCHANGES: Mapping[str, Callable[[Client], Exchange]] = {BINANCE: BinanceExchange, BYBIT: BybitExchange}
DIALECTS: Mapping[str, Callable[[], Dialect]] = {BINANCE: BinanceDialect, BYBIT: BybitDialect}
HOSTS_OF: Mapping[str, frozenset[str]] = {BINANCE: BinanceExchange.hosts, BYBIT: BybitExchange.hosts}
