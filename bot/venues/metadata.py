"""What the venue says of its instruments while the daemon runs: filters, margin brackets, whether they trade.

The loop that hedges must not feel it. Spot is asked for the wanted symbols only. USD-M has no such filter: its whole
list (a megabyte) is cut into rows first, which takes a millisecond or two, and only the wanted rows are read, all of
it in a thread. Fees stay as they were read at the start.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from bot.domain.instrument import Instrument, Kind
from bot.venues import routes
from bot.venues.catalogue import CatalogueError
from bot.venues.client import Reply, parsed
from bot.venues.translate.catalogue import (
    Fees,
    SymbolRow,
    exchange_info,
    rows_of,
    spot_instrument,
    tiers,
    usdm_instrument,
)
from bot.venues.translate.errors import BINANCE, Trouble, described

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.domain.instrument import Tier
    from bot.domain.units import InstrumentId
    from bot.venues.client import Client

NO_SUCH_SYMBOL = -1121
TRADING = "TRADING"


class LiveMetadata:
    """Reads instruments anew, with the key's own margin brackets where there is a key."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, known: Iterable[Instrument]) -> dict[InstrumentId, Instrument | None]:
        """Each instrument as the venue has it now; None for one that it lists no more. Raises CatalogueError."""
        instruments = tuple(known)
        spot = {one.symbol for one in instruments if one.kind is Kind.SPOT}
        futures = {one.symbol for one in instruments if one.kind is not Kind.SPOT}
        pairs, contracts = await self._spot(spot), await self._usdm(futures)
        # A contract on its way off the list may have no brackets any more, and takes no new risk anyway.
        traded = sorted(name for name, row in contracts.items() if row.status == TRADING)
        brackets = await self._brackets(traded)
        try:
            return {one.id: _seen(one, pairs, contracts, brackets) for one in instruments}
        except ValueError as error:
            raise CatalogueError((str(error),)) from None

    async def _spot(self, symbols: set[str]) -> dict[str, SymbolRow]:
        """All in one question; one by one where the venue knows one of them no more and so answers none."""
        found = await self._asked(sorted(symbols))
        if found is not None:
            return found
        rows: dict[str, SymbolRow] = {}
        for symbol in sorted(symbols):
            rows |= await self._asked([symbol]) or {}
        return rows

    async def _asked(self, symbols: list[str]) -> dict[str, SymbolRow] | None:
        """The rows of these spot symbols; None where the venue knows one of them no more."""
        if not symbols:
            return {}
        wanted = {"symbols": msgspec.json.encode(symbols).decode()}
        found = await self._client.read(routes.SPOT_INFO, wanted, exchange_info)
        if isinstance(found, Trouble):
            if found.code == NO_SUCH_SYMBOL:
                return None
            raise _unreadable(found)
        return {row.symbol: row for row in found.symbols}

    async def _usdm(self, symbols: set[str]) -> dict[str, SymbolRow]:
        if not symbols:
            return {}
        body = await self._client.read(routes.USDM_INFO, {}, bytes)
        if isinstance(body, Trouble):
            raise _unreadable(body)
        rows = partial(rows_of, symbols=frozenset(symbols))
        info = await asyncio.to_thread(parsed, routes.USDM_INFO, Reply(body), rows)
        if isinstance(info, Trouble):
            raise _unreadable(info)
        budget = self._client.budgets[routes.USDM]
        # While the venue states what it did, what its refusals have taught stands.
        if (stated := info.limits(budget.limits)) != budget.limits:
            budget.configure(stated)
        return {row.symbol: row for row in info.symbols}

    async def _brackets(self, symbols: list[str]) -> dict[str, tuple[Tier, ...]]:
        """One symbol at a time: all symbols' brackets are a megabyte, and one costs the least there is."""
        found: dict[str, tuple[Tier, ...]] = {}
        for symbol in symbols if self._client.signs else ():
            answer = await self._client.read(routes.BRACKETS, {"symbol": symbol}, tiers)
            if isinstance(answer, Trouble):
                raise _unreadable(answer)
            if not answer.get(symbol):
                raise CatalogueError((f"{symbol}: the venue gives no margin brackets",))
            found |= answer
        return found


def _seen(
    known: Instrument,
    pairs: Mapping[str, SymbolRow],
    contracts: Mapping[str, SymbolRow],
    brackets: Mapping[str, tuple[Tier, ...]],
) -> Instrument | None:
    rates = Fees(known.taker_fee, known.maker_fee)
    if known.kind is Kind.SPOT:
        return spot_instrument(pairs[known.symbol], rates) if known.symbol in pairs else None
    if known.symbol not in contracts:
        return None
    return usdm_instrument(contracts[known.symbol], rates, brackets.get(known.symbol, known.tiers))


def _unreadable(trouble: Trouble) -> CatalogueError:
    return CatalogueError((f"the instruments cannot be read: {described(BINANCE, trouble)}",))
