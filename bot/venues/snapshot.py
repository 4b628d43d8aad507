"""Reads of the accounts over REST: schema-checked, cross-checked, or not believed at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.domain.account import AccountSnapshot
from bot.domain.events import AccountSeen, AccountUnreadable, ClockSampled, Fact, FundingPaid, OrderReported, Source
from bot.domain.instrument import Instrument, Kind, instrument_id
from bot.domain.units import MILLISECOND_NS, AccountId, Asset, InstrumentId, Nanos
from bot.venues import routes
from bot.venues.client import Client
from bot.venues.translate import spot
from bot.venues.translate.accounts import (
    Disagreement,
    margin_state,
    position_rows,
    positions,
    spot_wallet,
    uncounted,
    usdm_account,
    usdm_balances,
)
from bot.venues.translate.binance import IncomeRow, Listing, Unreadable, income, listing
from bot.venues.translate.errors import Trouble

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

OPEN_ORDER_SYMBOLS_MAX = 10
"""Up to so many symbols are asked one by one; beyond, one request for all of them is the cheaper."""
AGAIN_AFTER_S = 0.2
INCOME_ROWS = 1_000
INCOME_PAGES_MAX = 10
INCOME_HISTORY_MS = 89 * 24 * 3_600 * 1_000
FUNDING_FEE = "FUNDING_FEE"


class LiveSnapshots:
    """Binance's accounts as they are now. `settle` is the currency in which the hedges settle.

    `sold` names the spot pairs on which this program may have orders: only they are asked for open ones. `counted` are
    the coins that exposures have: what was believed of one that is not listed any more would stand for ever.
    """

    def __init__(
        self,
        client: Client,
        instruments: Iterable[Instrument],
        settle: Asset,
        sold: Collection[InstrumentId] = (),
        counted: Collection[Asset] = (),
    ) -> None:
        known = tuple(instruments)
        self._sold = {one.symbol: one.id for one in known if one.kind is Kind.SPOT and one.id in sold}
        self._client = client
        self._settle = settle
        self._tracked = {one.symbol: one.id for one in known if one.kind is not Kind.SPOT}
        self._assets = frozenset(one.base for one in known) | {settle}
        self._counted = frozenset(counted)
        self._named = set(counted)
        """The coins that are told at zero too: those that are counted, and whatever else was ever seen there."""
        self._held: set[Asset] = set()

    async def account(self, account: AccountId) -> tuple[Fact, ...]:
        """One read: AccountSeen, with an OrderReported for each open order of ours, or AccountUnreadable."""
        assert account in routes.HOSTS, f"{account}: not an account of Binance"
        read = self._spot if account == routes.SPOT else self._usdm
        try:
            return await read()
        except Disagreement:
            # A fill between two of its requests is the likely reason, and no longer there the next time.
            await self._client.pause(AGAIN_AFTER_S)
        except Unreadable as error:
            return (AccountUnreadable(account, str(error), self._client.clock()),)
        try:
            return await read()
        except Unreadable as error:
            return (AccountUnreadable(account, str(error), self._client.clock()),)

    async def _spot(self) -> tuple[Fact, ...]:
        requested_ns = self._client.clock()
        wallet, open_orders = await asyncio.gather(
            self._client.read(routes.SPOT_ACCOUNT, {}, spot_wallet), self._open_sales()
        )
        for found in (wallet, *open_orders):
            if isinstance(found, Trouble):
                raise Unreadable(found.text)
        assert not isinstance(wallet, Trouble)
        gone = sorted(self._held - wallet.totals.keys())
        if gone:
            # The venue lists what it knows at zero too: an asset that was held and is not even named was left out.
            raise Unreadable(f"the account no longer names {', '.join(gone[:5])}")
        self._held = {asset for asset, total in wallet.totals.items() if total and asset in self._assets}
        self._named |= {asset for asset, total in wallet.totals.items() if total}
        snapshot = AccountSnapshot(
            account=routes.SPOT, balances=wallet.balances(self._assets, self._named), requested_ns=requested_ns
        )
        now_ns = self._client.clock()
        return (AccountSeen(snapshot, now_ns), *_reports(self._sold, open_orders, now_ns))

    async def _usdm(self) -> tuple[Fact, ...]:
        requested_ns = self._client.clock()
        account, rows, open_orders = await asyncio.gather(
            self._client.read(routes.USDM_ACCOUNT, {}, usdm_account),
            self._client.read(routes.POSITIONS, {}, position_rows),
            self._open_orders(),
        )
        for found in (account, rows, *open_orders):
            if isinstance(found, Trouble):
                raise Unreadable(found.text)
        assert not isinstance(account, Trouble)
        assert not isinstance(rows, Trouble)
        snapshot = AccountSnapshot(
            account=routes.USDM,
            balances=usdm_balances(account, self._counted),
            positions=positions(account, rows, self._tracked),
            margin=margin_state(account, self._settle),
            requested_ns=requested_ns,
            uncounted=uncounted(rows, self._tracked),
        )
        now_ns = self._client.clock()
        seen = AccountSeen(snapshot, now_ns)
        return (seen, *_reports(self._tracked, open_orders, now_ns))

    async def _open_sales(self) -> list[Listing | Trouble]:
        """Lists of open spot orders, of the pairs on which there may be one of ours."""
        asked = (
            self._client.read(routes.SPOT_ORDERS_OPEN, {"symbol": symbol}, spot.listing)
            for symbol in sorted(self._sold)
        )
        return list(await asyncio.gather(*asked))

    async def _open_orders(self) -> list[Listing | Trouble]:
        if len(self._tracked) > OPEN_ORDER_SYMBOLS_MAX:
            return [await self._client.read(routes.ORDERS_OPEN_EVERYWHERE, {}, listing)]
        asked = (self._client.read(routes.ORDERS_OPEN, {"symbol": symbol}, listing) for symbol in sorted(self._tracked))
        return list(await asyncio.gather(*asked))

    async def funding(self, account: AccountId, since_ns: Nanos) -> tuple[FundingPaid, ...]:
        """Funding settlements since `since_ns`, oldest first; as far as the ledger could be read."""
        if account != routes.USDM:
            return ()
        now_ns = self._client.clock()
        start_ms = max(since_ns // MILLISECOND_NS, now_ns // MILLISECOND_NS - INCOME_HISTORY_MS)
        rows: dict[tuple[int, str], IncomeRow] = {}
        for _ in range(INCOME_PAGES_MAX):
            params: dict[str, str | int] = {"incomeType": FUNDING_FEE, "startTime": start_ms, "limit": INCOME_ROWS}
            page = await self._client.read(routes.INCOME, params, income)
            if isinstance(page, Trouble):
                break
            rows |= {(row.tran_id, row.symbol): row for row in page if row.income_type == FUNDING_FEE}
            if len(page) < INCOME_ROWS:
                break
            start_ms = max(row.time for row in page)
        ordered = sorted(rows.values(), key=lambda row: (row.time, row.symbol, row.tran_id))
        return tuple(self._paid(row) for row in ordered if row.symbol in self._tracked)

    def _paid(self, row: IncomeRow) -> FundingPaid:
        return FundingPaid(
            account=routes.USDM,
            instrument=InstrumentId(instrument_id(routes.USDM, row.symbol)),
            asset=Asset(row.asset),
            amount=row.income,
            transaction=f"{row.tran_id}:{row.symbol}",
            settled_ns=Nanos(row.time * MILLISECOND_NS),
            received_ns=self._client.clock(),
        )

    async def clock(self) -> tuple[ClockSampled, ...]:
        """One sample of each venue clock that answers; what is sent from now on is signed by it."""
        samples = await asyncio.gather(*(self._client.measure(account) for account in routes.CLOCKS))
        return tuple(one for one in samples if isinstance(one, ClockSampled))


def _reports(
    names: Mapping[str, InstrumentId], found: Iterable[Listing | Trouble], now_ns: Nanos
) -> tuple[OrderReported, ...]:
    """The open orders of ours on these symbols."""
    rows = (row for part in found if isinstance(part, Listing) for row in part.ours)
    return tuple(
        OrderReported(row.report(names[row.symbol]), Source.QUERY, now_ns) for row in rows if row.symbol in names
    )
