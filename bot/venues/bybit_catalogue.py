"""What Bybit trades: instruments with margin tiers (public there) and the account's fees where there is a key."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bot.domain.instrument import Instrument, Kind
from bot.venues import bybit_routes as routes
from bot.venues.bybit_routes import LINEAR, SPOT, instrument_name
from bot.venues.catalogue import CatalogueError
from bot.venues.ports import Listing
from bot.venues.prices import PricesUnreadable
from bot.venues.translate.bybit_catalogue import (
    InstrumentRow,
    fee_rates,
    instrument_page,
    linear_instrument,
    mark_prices,
    risk_tiers,
    spot_instrument,
)
from bot.venues.translate.catalogue import Fees
from bot.venues.translate.errors import BYBIT, Trouble, described, is_key_refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from bot.domain.instrument import Tier
    from bot.domain.units import InstrumentId
    from bot.venues.client import Client

Found = TypeVar("Found")

PAGE_ROWS = 1_000
PAGES_MAX = 10
CATEGORIES = (SPOT, LINEAR)


class BybitCatalogue:
    """Spot pairs and linear contracts. `spot_fees` and `linear_fees` stand in where the account's own are not read.

    Without `linear_fees` linear contracts are not looked at.
    """

    def __init__(self, client: Client, spot_fees: Fees, linear_fees: Fees | None) -> None:
        self._client = client
        self._fees = {SPOT: spot_fees} if linear_fees is None else {SPOT: spot_fees, LINEAR: linear_fees}

    async def listing(self, symbols: frozenset[str]) -> Listing:
        """Both categories' instruments of these symbols, in order of their ids, and the names of all there are.

        Raises CatalogueError when the venue cannot be read.
        """
        known: set[InstrumentId] = set()
        found: list[Instrument] = []
        for category in self._fees:
            rows, names = await self._everything(category, symbols)
            known |= {instrument_name(category, name) for name in names}
            found += await self._instruments(category, rows)
        return Listing(tuple(sorted(found, key=lambda one: one.id)), frozenset(known))

    async def _everything(self, category: str, symbols: frozenset[str]) -> tuple[list[InstrumentRow], list[str]]:
        rows: list[InstrumentRow] = []
        names: list[str] = []
        params: dict[str, str | int] = {"category": category, "limit": PAGE_ROWS}
        for _ in range(PAGES_MAX):
            page = await self._client.read(routes.INSTRUMENTS, params, partial(instrument_page, symbols=symbols))
            page = _good(page)
            rows += page.rows
            names += page.names
            if not page.next:
                return rows, names
            params = {**params, "cursor": page.next}
        raise CatalogueError((f"{routes.HOST} lists more {category} instruments than can be read",))

    async def _instruments(self, category: str, rows: list[InstrumentRow]) -> list[Instrument]:
        rates = await self._rates(category, [row.symbol for row in rows])
        tiers = await self._tiers([row.symbol for row in rows]) if category == LINEAR else {}
        try:
            if category == SPOT:
                return [spot_instrument(row, rates[row.symbol]) for row in rows]
            return [linear_instrument(row, rates[row.symbol], tiers[row.symbol]) for row in rows]
        except ValueError as error:
            raise CatalogueError((str(error),)) from None

    async def _tiers(self, symbols: Iterable[str]) -> dict[str, tuple[Tier, ...]]:
        return await read_tiers(self._client, symbols)

    async def _rates(self, category: str, symbols: list[str]) -> dict[str, Fees]:
        """The account's fee rates in one question; the configured ones where they cannot be read."""
        rates = dict.fromkeys(symbols, self._fees[category])
        if not self._client.signs or not symbols:
            return rates
        found = await self._client.read(routes.FEES, {"category": category}, partial(fee_rates, symbols=symbols))
        if isinstance(found, Trouble):
            if is_key_refused(BYBIT, found):
                raise CatalogueError((f"the fees cannot be read: {described(BYBIT, found)}",), key_refused=True)
            return rates
        return rates | found


class BybitMetadata:
    """Reads instruments anew: filters, margin tiers, whether they trade. Fees stay as they were read at the start."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, known: Iterable[Instrument]) -> dict[InstrumentId, Instrument | None]:
        """Each instrument as the venue has it now; None for one that it lists no more. Raises CatalogueError."""
        instruments = tuple(known)
        found = await asyncio.gather(*(self._read(one) for one in instruments))
        return {one.id: seen for one, seen in zip(instruments, found, strict=True)}

    async def _read(self, known: Instrument) -> Instrument | None:
        category = SPOT if known.kind is Kind.SPOT else LINEAR
        params: dict[str, str | int] = {"category": category, "symbol": known.symbol}
        parse = partial(instrument_page, symbols=frozenset({known.symbol}))
        found = await self._client.read(routes.INSTRUMENTS, params, parse)
        page = _good(found)
        if not page.rows:
            return None
        rates = Fees(known.taker_fee, known.maker_fee)
        try:
            if category == SPOT:
                return spot_instrument(page.rows[0], rates)
            return linear_instrument(page.rows[0], rates, await self._tiers(page.rows[0], known))
        except ValueError as error:
            raise CatalogueError((str(error),)) from None

    async def _tiers(self, row: InstrumentRow, known: Instrument) -> tuple[Tier, ...]:
        """A contract on its way off the list may have no tiers any more, and takes no new risk anyway."""
        if row.status != "Trading":
            return known.tiers
        return (await read_tiers(self._client, [row.symbol]))[row.symbol]


async def read_tiers(client: Client, symbols: Iterable[str]) -> dict[str, tuple[Tier, ...]]:
    """The margin tiers of each of these contracts. Raises CatalogueError."""
    names = list(symbols)
    asked = (
        client.read(routes.RISK_LIMITS, {"category": LINEAR, "symbol": name}, partial(risk_tiers, symbol=name))
        for name in names
    )
    found = await asyncio.gather(*asked)
    return {name: _good(tiers, "margin tiers") for name, tiers in zip(names, found, strict=True)}


async def read_marks(client: Client, symbols: Iterable[str]) -> dict[str, Decimal]:
    """The mark price of each of these contracts; needs no key. Raises PricesUnreadable where one is missing."""
    wanted = sorted(set(symbols))
    asked = (client.read(routes.TICKERS, {"category": LINEAR, "symbol": name}, mark_prices) for name in wanted)
    found: dict[str, Decimal] = {}
    for part in await asyncio.gather(*asked):
        if isinstance(part, Trouble):
            raise PricesUnreadable(f"the mark prices cannot be read: {described(BYBIT, part)}")
        found |= part
    if missing := [symbol for symbol in wanted if symbol not in found]:
        raise PricesUnreadable(f"{routes.HOST} gives no mark price of {', '.join(missing)}")
    return {symbol: found[symbol] for symbol in wanted}


def _good(found: Found | Trouble, what: str = "instruments") -> Found:
    if isinstance(found, Trouble):
        raise CatalogueError((f"the {what} cannot be read: {described(BYBIT, found)}",))
    return found
