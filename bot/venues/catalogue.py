"""What Binance trades, with the account's own fees and margin brackets where there is a key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.domain.instrument import instrument_id
from bot.venues import routes
from bot.venues.ports import Listing
from bot.venues.translate.catalogue import (
    ExchangeInfo,
    Fees,
    exchange_info,
    fees,
    spot_instrument,
    tiers,
    usdm_instrument,
)
from bot.venues.translate.errors import BINANCE, Trouble, described, is_key_refused

if TYPE_CHECKING:
    from bot.domain.instrument import Tier
    from bot.domain.units import AccountId
    from bot.venues.client import Client

COMMISSION_SYMBOLS_MAX = 10
"""Up to so many symbols are asked for the account's own fee rates: each costs as much as four account reads."""


class CatalogueError(Exception):
    """The instruments cannot be had. `problems` holds one line each, fit for a person.

    `key_refused`: the venue named the key as what is wrong.
    """

    def __init__(self, problems: tuple[str, ...], *, key_refused: bool = False) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.key_refused = key_refused


class LiveCatalogue:
    """Spot and USD-M instruments. `spot_fees` and `usdm_fees` stand in where the account's own are not read.

    Without `usdm_fees` USD-M is not looked at: where only coins lie, its host and a right to it are not needed.
    """

    def __init__(self, client: Client, spot_fees: Fees, usdm_fees: Fees | None) -> None:
        self._client = client
        self._spot_fees = spot_fees
        self._usdm_fees = usdm_fees

    async def listing(self, symbols: frozenset[str]) -> Listing:
        """Both markets' instruments of these symbols, in order of their ids, and the names of all there are.

        A symbol that neither market has is left out: whoever asked knows where it was written, and says so there.
        Raises CatalogueError when the venue cannot be read.
        """
        spot, usdm = await asyncio.gather(self._info(routes.SPOT), self._contracts())
        futures = sorted(row.symbol for row in usdm.symbols if row.symbol in symbols)
        brackets, rates = await self._brackets(futures), await self._rates(futures)
        try:
            pairs = [spot_instrument(row, self._spot_fees) for row in spot.symbols if row.symbol in symbols]
            contracts = [
                usdm_instrument(row, rates[row.symbol], brackets.get(row.symbol, ()))
                for row in usdm.symbols
                if row.symbol in symbols
            ]
        except ValueError as error:
            raise CatalogueError((str(error),)) from None
        markets = ((routes.SPOT, spot), (routes.USDM, usdm))
        known = frozenset(instrument_id(account, row.symbol) for account, info in markets for row in info.symbols)
        return Listing(tuple(sorted((*pairs, *contracts), key=lambda one: one.id)), known)

    async def _contracts(self) -> ExchangeInfo:
        return ExchangeInfo([], []) if self._usdm_fees is None else await self._info(routes.USDM)

    async def _info(self, account: AccountId) -> ExchangeInfo:
        """A market's exchangeInfo; the rate budget takes its limits from it."""
        route = routes.SPOT_INFO if account == routes.SPOT else routes.USDM_INFO
        found = await self._client.read(route, {}, exchange_info)
        if isinstance(found, Trouble):
            raise CatalogueError((f"the instruments cannot be read: {described(BINANCE, found)}",))
        budget = self._client.budgets[account]
        budget.configure(found.limits(budget.limits))
        return found

    async def _brackets(self, symbols: list[str]) -> dict[str, tuple[Tier, ...]]:
        if not symbols or not self._client.signs:
            return {}
        found = await self._client.read(routes.BRACKETS, {}, tiers)
        if isinstance(found, Trouble):
            problem = f"the margin brackets cannot be read: {described(BINANCE, found)}"
            raise CatalogueError((problem,), key_refused=is_key_refused(BINANCE, found))
        missing = sorted(set(symbols) - found.keys())
        if missing:
            raise CatalogueError(tuple(f"{symbol}: the venue gives no margin brackets" for symbol in missing))
        return found

    async def _rates(self, symbols: list[str]) -> dict[str, Fees]:
        """The account's fee rates; the configured ones where they cannot be read or cost too much to read."""
        if self._usdm_fees is None:
            return {}
        rates = dict.fromkeys(symbols, self._usdm_fees)
        if self._client.signs and len(symbols) <= COMMISSION_SYMBOLS_MAX:
            asked = (self._client.read(routes.COMMISSION, {"symbol": symbol}, fees) for symbol in symbols)
            found = zip(symbols, await asyncio.gather(*asked), strict=True)
            rates |= {symbol: rate for symbol, rate in found if isinstance(rate, Fees)}
        return rates
