"""Reads of Bybit's unified account over REST: schema-checked, cross-checked, or not believed at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from bot.domain.account import AccountSnapshot, Balance, Uncounted
from bot.domain.events import AccountSeen, AccountUnreadable, ClockSampled, Fact, FundingPaid, OrderReported, Source
from bot.domain.instrument import Kind
from bot.domain.units import MILLISECOND_NS, ZERO, AccountId, Asset, Nanos
from bot.venues import bybit_routes as routes
from bot.venues.bybit_routes import INVERSE, LINEAR, SPOT, UNIFIED
from bot.venues.translate import bybit
from bot.venues.translate.accounts import Disagreement
from bot.venues.translate.binance import Unreadable
from bot.venues.translate.bybit import Ledger, LedgerRow, OrderRow, Orders
from bot.venues.translate.bybit_accounts import (
    PositionPage,
    PositionRow,
    UnifiedWallet,
    position_page,
    positions,
    uncounted,
    wallet,
)
from bot.venues.translate.errors import Trouble

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from decimal import Decimal

    from bot.domain.instrument import Instrument
    from bot.domain.units import InstrumentId
    from bot.venues.client import Client

AGAIN_AFTER_S = 0.2
ORDER_ROWS = 50
POSITION_ROWS = 200
LEDGER_ROWS = 50
PAGES_MAX = 10
COINS_LOOKED_MAX = 5
"""Of so many coins it is asked which positions settle in them; further ones are told by their names alone."""
LEDGER_SPAN_MS = 7 * 24 * 3_600 * 1_000 - 1
SETTLEMENT = "SETTLEMENT"

Params = dict[str, str | int]
Answer = TypeVar("Answer")


class BybitSnapshots:
    """The unified account as it is now. `settle` is the currency in which the hedges settle.

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
        self._assets = {one.base for one in known} | {settle}
        """The coins that are asked for by name: those of the instruments, and whatever else was ever seen there."""
        self._counted = frozenset(counted)
        self._held: set[Asset] = set()

    async def account(self, account: AccountId) -> tuple[Fact, ...]:
        """One read: AccountSeen, with an OrderReported for each open order of ours, or AccountUnreadable."""
        assert account == UNIFIED, f"{account}: not an account of Bybit"
        try:
            return await self._read()
        except Disagreement:
            # A fill between two of its requests is the likely reason, and no longer there the next time.
            await self._client.pause(AGAIN_AFTER_S)
        except Unreadable as error:
            return (AccountUnreadable(account, str(error), self._client.clock()),)
        try:
            return await self._read()
        except Unreadable as error:
            return (AccountUnreadable(account, str(error), self._client.clock()),)

    async def _read(self) -> tuple[Fact, ...]:
        requested_ns = self._client.clock()
        whole = {"accountType": "UNIFIED"}
        named = {**whole, "coin": ",".join(sorted(self._assets))}
        found, all_coins, rows, orders = await asyncio.gather(
            self._client.read(routes.WALLET, named, wallet),
            self._client.read(routes.WALLET, whole, wallet),
            self._positions(),
            self._orders(),
        )
        account, whole_account = _good(found), _good(all_coins)
        balances = self._balances(account, whole_account)
        others = await self._elsewhere(whole_account)
        snapshot = AccountSnapshot(
            account=UNIFIED,
            balances=balances,
            positions=positions(account, rows, self._tracked, self._settle),
            margin=account.margin(self._settle),
            requested_ns=requested_ns,
            uncounted=(*uncounted(rows, self._tracked), *others),
        )
        now_ns = self._client.clock()
        return (AccountSeen(snapshot, now_ns), *self._reports(orders, now_ns))

    def _balances(self, named: UnifiedWallet, whole: UnifiedWallet) -> tuple[Balance, ...]:
        """Every coin of the account: by name those that have one here (at zero too), and whatever else lies there.

        A coin that is hedged at another venue may lie here as well, without any instrument of this one. All coins that
        are not at zero are listed unasked, so that a counted one that is not has none here.
        """
        told = {balance.asset: balance for balance in (*whole.balances(), *named.balances())}
        self._check_named({asset: balance.total for asset, balance in told.items()})
        self._assets |= told.keys()
        unlisted = {asset: Balance(asset, ZERO) for asset in self._counted - self._assets}
        return tuple(balance for _, balance in sorted((told | unlisted).items()))

    def _check_named(self, totals: dict[Asset, Decimal]) -> None:
        """A coin that was held and was asked for by name stands there, at zero too; one that does not was left out."""
        gone = sorted(self._held - totals.keys())
        if gone:
            raise Unreadable(f"the account no longer names {', '.join(gone[:5])}")
        self._held = {asset for asset, total in totals.items() if total}

    async def _elsewhere(self, account: UnifiedWallet) -> tuple[Uncounted, ...]:
        """Positions that settle in other coins: they are asked for only where a coin says that it margins some.

        Nothing rests on them but what is told a person, so that a list that cannot be had makes no account unreadable.
        """
        coins = [coin for coin in account.margined() if coin != self._settle]
        looked = await asyncio.gather(*(self._settled_in(coin) for coin in coins[:COINS_LOOKED_MAX]))
        listed = [one for found in looked for one in found]
        return (*listed, *(_by_margin(coin) for coin in coins[COINS_LOOKED_MAX:]))

    async def _settled_in(self, coin: Asset) -> tuple[Uncounted, ...]:
        asked: list[Params] = [
            {"category": category, "settleCoin": coin, "limit": POSITION_ROWS} for category in (LINEAR, INVERSE)
        ]
        reads = (self._client.read(routes.POSITIONS, params, position_page, attempts=1) for params in asked)
        pages = [page for page in await asyncio.gather(*reads) if isinstance(page, PositionPage)]
        return uncounted((row for page in pages for row in page.rows), ()) or (_by_margin(coin),)

    async def _positions(self) -> list[PositionRow]:
        rows: list[PositionRow] = []
        params: Params = {"category": LINEAR, "settleCoin": self._settle, "limit": POSITION_ROWS}
        for _ in range(PAGES_MAX):
            page: PositionPage = _good(await self._client.read(routes.POSITIONS, params, position_page))
            rows += page.rows
            if not page.next:
                return rows
            params = {**params, "cursor": page.next}
        raise Unreadable("more positions than can be read")

    async def _orders(self) -> list[tuple[InstrumentId, OrderRow]]:
        """The open orders of ours, on every market on which there may be one."""
        futures: Params = {"category": LINEAR, "settleCoin": self._settle, "limit": ORDER_ROWS}
        pairs: list[Params] = [
            {"category": SPOT, "symbol": symbol, "limit": ORDER_ROWS} for symbol in sorted(self._sold)
        ]
        asked = [(self._tracked, futures), *((self._sold, params) for params in pairs)]
        lists = await asyncio.gather(*(self._open(params) for _, params in asked))
        return [
            (names[row.symbol], row)
            for (names, _), rows in zip(asked, lists, strict=True)
            for row in rows
            if row.symbol in names
        ]

    async def _open(self, params: Params) -> list[OrderRow]:
        rows: list[OrderRow] = []
        for _ in range(PAGES_MAX):
            page: Orders = _good(await self._client.read(routes.ORDERS_NOW, params, bybit.orders))
            rows += page.ours
            if not page.next:
                return rows
            params = {**params, "cursor": page.next}
        raise Unreadable("more open orders than can be read")

    def _reports(self, orders: Iterable[tuple[InstrumentId, OrderRow]], now_ns: Nanos) -> tuple[OrderReported, ...]:
        for _, row in orders:
            if row.position_idx != bybit.ONE_WAY:
                raise Unreadable(f"{row.symbol}: an order of hedge mode")
        return tuple(OrderReported(row.report(name), Source.QUERY, now_ns) for name, row in orders)

    async def funding(self, account: AccountId, since_ns: Nanos) -> tuple[FundingPaid, ...]:
        """Funding settlements since `since_ns`, oldest first; as far as the ledger could be read."""
        if account != UNIFIED:
            return ()
        now_ms = self._client.venue_ms(UNIFIED)
        start_ms = max(since_ns // MILLISECOND_NS, now_ms - LEDGER_SPAN_MS)
        params: Params = {
            "accountType": "UNIFIED",
            "category": LINEAR,
            "currency": self._settle,
            "type": SETTLEMENT,
            "startTime": start_ms,
            "endTime": start_ms + LEDGER_SPAN_MS,
            "limit": LEDGER_ROWS,
        }
        rows: dict[str, LedgerRow] = {}
        for _ in range(PAGES_MAX):
            page: Ledger | Trouble = await self._client.read(routes.LEDGER, params, bybit.ledger)
            if isinstance(page, Trouble):
                break
            rows |= {row.id: row for row in page.rows if row.symbol in self._tracked and row.amount}
            if not page.next:
                break
            params = {**params, "cursor": page.next}
        ordered = sorted(rows.values(), key=lambda row: (row.time_ms, row.symbol, row.id))
        return tuple(self._paid(row) for row in ordered)

    def _paid(self, row: LedgerRow) -> FundingPaid:
        return FundingPaid(
            account=UNIFIED,
            instrument=self._tracked[row.symbol],
            asset=Asset(row.currency),
            amount=row.amount,
            transaction=row.id,
            settled_ns=Nanos(row.time_ms * MILLISECOND_NS),
            received_ns=self._client.clock(),
        )

    async def clock(self) -> tuple[ClockSampled, ...]:
        """One sample of the venue's clock, if it answers; what is sent from now on is signed by it."""
        sample = await self._client.measure(UNIFIED)
        return (sample,) if isinstance(sample, ClockSampled) else ()


def _by_margin(coin: Asset) -> Uncounted:
    """What is known of positions that a coin says it margins, and that no list shows."""
    return Uncounted(f"{coin}-margined contracts", None)


def _good(found: Answer | Trouble) -> Answer:
    """An answer, where there is one. Raises Unreadable."""
    if isinstance(found, Trouble):
        raise Unreadable(found.text)
    return found
