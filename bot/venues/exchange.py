"""One exchange over one key, as the daemon is wired with it: every part that a venue has, made in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from bot.venues.ports import Catalogue, Feed, Finding, Gateway, History, Sink, Snapshots

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from decimal import Decimal

    from bot.domain.account import MarginState
    from bot.domain.instrument import Instrument
    from bot.domain.units import AccountId, Asset, InstrumentId
    from bot.domain.venues import Names
    from bot.venues.client import Client
    from bot.venues.signing import Credentials
    from bot.venues.stream import Stream, World
    from bot.venues.translate.catalogue import Fees
    from bot.venues.translate.errors import Trouble
    from bot.venues.translate.settings import SymbolSetting

Refresh = Callable[["AccountId", str], None]
"""Asks for a REST snapshot of an account, and says why."""


class LiveGateway(Gateway, Protocol):
    """A way out for orders that can be told of changed instruments."""

    def renew(self, instruments: Iterable[Instrument]) -> None:
        """From now on orders are held against these."""
        ...


class StreamFeed(Feed, Protocol):
    """A feed with its websockets."""

    @property
    def streams(self) -> Sequence[Stream]:
        """Every websocket of it."""
        ...


class Metadata(Protocol):
    """What the venue says of its instruments while the daemon runs."""

    async def read(self, known: Iterable[Instrument]) -> Mapping[InstrumentId, Instrument | None]:
        """Each instrument as it is now; None for one that is listed no more. Raises CatalogueError."""
        ...


class Preflight(Protocol):
    """What must hold on the account before the first live order."""

    @property
    def settings(self) -> Mapping[str, SymbolSetting]:
        """Leverage and margin type by symbol, as far as they were read."""
        ...

    @property
    def margin(self) -> MarginState | None:
        """The margin of the futures account, if it was read."""
        ...

    async def inspect(self) -> tuple[Finding, ...]:
        """Every finding."""
        ...

    async def clocks(self) -> tuple[Finding, ...]:
        """The venue's clocks against ours."""
        ...

    def budget(self) -> tuple[Finding, ...]:
        """What is used of the rate budget."""
        ...


class Exchange(Protocol):
    """An exchange. `client` carries its requests; without credentials only what is public can be asked."""

    name: str
    names: Names
    hosts: frozenset[str]
    client: Client

    def gateway(self, instruments: Iterable[Instrument]) -> LiveGateway:
        """The way out for orders."""
        ...

    def snapshots(
        self,
        instruments: Iterable[Instrument],
        settle: Asset,
        sold: Collection[InstrumentId],
        counted: Collection[Asset],
    ) -> Snapshots:
        """Reads of the accounts. `counted` are the coins of the config, whichever venue trades them."""
        ...

    def catalogue(self, spot: Fees, futures: Fees | None) -> Catalogue:
        """What is traded; the fees stand in where the account's own are not read. None: no contracts are wanted."""
        ...

    def metadata(self) -> Metadata:
        """Instruments, read anew."""
        ...

    def history(self) -> History:
        """The past."""
        ...

    def preflight(
        self,
        instruments: Iterable[Instrument],
        settle: Asset,
        *,
        clock_offset_ns_max: int,
        sold: Collection[InstrumentId],
        has_futures: bool,
    ) -> Preflight:
        """The inspection of an account; `has_futures`: whether contracts are traded there, or only coins lie."""
        ...

    def public_feeds(self, instruments: Iterable[Instrument], sink: Sink, world: World) -> tuple[StreamFeed, ...]:
        """Market data of these instruments."""
        ...

    def private_feeds(
        self, credentials: Credentials, settle: Asset, sink: Sink, refresh: Refresh, world: World
    ) -> tuple[StreamFeed, ...]:
        """Orders, positions and balances of the accounts."""
        ...

    async def marks(self, symbols: Iterable[str]) -> dict[str, Decimal]:
        """Mark prices of contracts. Raises PricesUnreadable."""
        ...

    async def fees(self, symbol: str) -> Fees | Trouble:
        """The account's own fee rates of a contract."""
        ...

    async def account_number(self) -> str | None:
        """The venue's own number of the account; None when it cannot be read."""
        ...
