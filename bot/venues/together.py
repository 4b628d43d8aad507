"""Several exchanges as one: an instrument or an account belongs to one of them, and is asked there.

Nothing is decided here. What is asked of everything (clocks, instruments) is asked of all at once, and one exchange
that does not answer keeps nobody else from being heard.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.domain.instrument import account_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from bot.domain.commands import CancelOrder, QueryOrder
    from bot.domain.events import ClockSampled, Fact, FundingPaid
    from bot.domain.instrument import Instrument
    from bot.domain.order import Approved
    from bot.domain.snapshot import Bars, FundingTerms
    from bot.domain.units import AccountId, Contracts, InstrumentId, Nanos
    from bot.venues.exchange import LiveGateway, Metadata
    from bot.venues.ports import History, Snapshots
    from bot.venues.translate.errors import Trouble


class Gateways:
    """The ways out of several exchanges, by account."""

    def __init__(self, by_account: Mapping[AccountId, LiveGateway]) -> None:
        self._by_account = dict(by_account)

    def renew(self, instruments: Iterable[Instrument]) -> None:
        """Tell each exchange of its own."""
        for account, changed in _grouped(instruments).items():
            self._by_account[account].renew(changed)

    async def submit(self, order: Approved, durable: Awaitable[None]) -> tuple[Fact, ...]:
        """See `bot.venues.ports.Gateway`."""
        return await self._of(order.request.instrument).submit(order, durable)

    async def cancel(self, command: CancelOrder) -> tuple[Fact, ...]:
        """See `bot.venues.ports.Gateway`. Of an account that no exchange has any more, nothing can be cancelled."""
        if account_of(command.instrument) not in self._by_account:
            return ()
        return await self._of(command.instrument).cancel(command)

    async def query(self, command: QueryOrder) -> tuple[Fact, ...]:
        """See `bot.venues.ports.Gateway`. Of an account that no exchange has any more, nothing can be learned."""
        if account_of(command.instrument) not in self._by_account:
            return ()
        return await self._of(command.instrument).query(command)

    def _of(self, instrument: InstrumentId) -> LiveGateway:
        return self._by_account[account_of(instrument)]


class Reads:
    """The account reads of several exchanges, by account."""

    def __init__(self, by_account: Mapping[AccountId, Snapshots]) -> None:
        self._by_account = dict(by_account)

    async def account(self, account: AccountId) -> tuple[Fact, ...]:
        """See `bot.venues.ports.Snapshots`."""
        return await self._by_account[account].account(account)

    async def funding(self, account: AccountId, since_ns: Nanos) -> tuple[FundingPaid, ...]:
        """See `bot.venues.ports.Snapshots`."""
        return await self._by_account[account].funding(account, since_ns)

    async def clock(self) -> tuple[ClockSampled, ...]:
        """A sample of each clock, of each exchange once."""
        each = {id(reads): reads for reads in self._by_account.values()}
        found = await asyncio.gather(*(reads.clock() for reads in each.values()))
        return tuple(sample for samples in found for sample in samples)


class Histories:
    """The past of several exchanges, by account."""

    def __init__(self, by_account: Mapping[AccountId, History]) -> None:
        self._by_account = dict(by_account)

    async def bars(self, instrument: Instrument, hours: int) -> Bars | Trouble:
        """See `bot.venues.ports.History`."""
        return await self._by_account[instrument.account].bars(instrument, hours)

    async def funding(self, instrument: Instrument) -> FundingTerms | Trouble:
        """See `bot.venues.ports.History`."""
        return await self._by_account[instrument.account].funding(instrument)

    async def open_interest(self, instrument: Instrument, hours: int) -> tuple[tuple[Nanos, Contracts], ...] | Trouble:
        """See `bot.venues.ports.History`."""
        return await self._by_account[instrument.account].open_interest(instrument, hours)


class Metadatas:
    """The instruments of several exchanges, read anew. One that cannot be read fails the whole, as one alone would."""

    def __init__(self, by_account: Mapping[AccountId, Metadata]) -> None:
        self._by_account = dict(by_account)

    async def read(self, known: Iterable[Instrument]) -> dict[InstrumentId, Instrument | None]:
        """Each instrument as its venue has it now. Raises CatalogueError."""
        groups: dict[int, tuple[Metadata, list[Instrument]]] = {}
        for one in known:
            reader = self._by_account[one.account]
            groups.setdefault(id(reader), (reader, []))[1].append(one)
        found = await asyncio.gather(*(reader.read(group) for reader, group in groups.values()))
        return {name: seen for part in found for name, seen in part.items()}


def _grouped(instruments: Iterable[Instrument]) -> dict[AccountId, list[Instrument]]:
    out: dict[AccountId, list[Instrument]] = {}
    for one in instruments:
        out.setdefault(one.account, []).append(one)
    return out
