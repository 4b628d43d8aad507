"""The past, as Bybit tells it: candles to warm statistics up, settled funding, open interest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bot.domain.instrument import Kind
from bot.domain.snapshot import Bars, FundingTerms
from bot.domain.units import HOUR_NS, MILLISECOND_NS
from bot.venues import bybit_routes as routes
from bot.venues.bybit_routes import LINEAR, SPOT, UNIFIED
from bot.venues.translate.bybit_history import FundingRule, funding_rates, funding_rule, klines, open_interest
from bot.venues.translate.errors import Trouble

if TYPE_CHECKING:
    from decimal import Decimal

    from bot.domain.instrument import Instrument
    from bot.domain.units import Contracts, Nanos
    from bot.venues.client import Client

KLINE_ROWS_MAX = 1_000
FUNDING_ROWS = 200
OPEN_INTEREST_ROWS_MAX = 200


class BybitHistory:
    """Reads of the past; each answers a value or the Trouble it met."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def bars(self, instrument: Instrument, hours: int) -> Bars | Trouble:
        """The last full hours' candles of an instrument, oldest first: at most `hours`, without the one that runs."""
        category = SPOT if instrument.kind is Kind.SPOT else LINEAR
        params: dict[str, str | int] = {
            "category": category,
            "symbol": instrument.symbol,
            "interval": "60",
            "limit": min(hours + 1, KLINE_ROWS_MAX),
        }
        found = await self._client.read(routes.KLINES, params, klines)
        if isinstance(found, Trouble):
            return found
        ended_ns = self._client.venue_ms(UNIFIED) * MILLISECOND_NS
        return Bars(HOUR_NS, tuple(bar for bar in found if bar.opened_ns + HOUR_NS <= ended_ns))

    async def funding(self, instrument: Instrument) -> FundingTerms | Trouble:
        """A perpetual's settled rates, oldest first, and its interval with cap and floor."""
        named: dict[str, str | int] = {"category": LINEAR, "symbol": instrument.symbol}
        rates = await self._client.read(routes.FUNDING_RATES, {**named, "limit": FUNDING_ROWS}, funding_rates)
        if isinstance(rates, Trouble):
            return rates
        rule = await self._client.read(routes.INSTRUMENTS, named, partial(funding_rule, symbol=instrument.symbol))
        return rule if isinstance(rule, Trouble) else _terms(rule, rates)

    async def open_interest(self, instrument: Instrument, hours: int) -> tuple[tuple[Nanos, Contracts], ...] | Trouble:
        """Open contracts at the last full hours, oldest first."""
        params: dict[str, str | int] = {
            "category": LINEAR,
            "symbol": instrument.symbol,
            "intervalTime": "1h",
            "limit": min(hours, OPEN_INTEREST_ROWS_MAX),
        }
        return await self._client.read(routes.OPEN_INTEREST, params, open_interest)


def _terms(rule: FundingRule, rates: tuple[tuple[Nanos, Decimal], ...]) -> FundingTerms:
    return FundingTerms(interval_ns=rule.interval_ns, cap=rule.cap, floor=rule.floor, history=rates)
