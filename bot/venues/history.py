"""The past, as Binance tells it: candles to warm statistics up, settled funding, open interest.

Nothing here is needed to hedge a coin with its own future. A read that fails is said and tried again later; what rests
on it stays unknown meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.instrument import Kind
from bot.domain.snapshot import Bars, FundingTerms
from bot.domain.units import HOUR_NS, MILLISECOND_NS, MINUTE_NS
from bot.venues import routes
from bot.venues.translate.errors import Trouble
from bot.venues.translate.history import (
    DEFAULT_INTERVAL_NS,
    FundingRule,
    funding_rates,
    funding_rules,
    klines,
    open_interest,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from bot.domain.instrument import Instrument
    from bot.domain.units import Contracts, Nanos
    from bot.venues.client import Client

KLINE_ROWS_MAX = 1_000
FUNDING_ROWS = 1_000
OPEN_INTEREST_ROWS_MAX = 500
RULES_FOR_NS = 5 * MINUTE_NS


class LiveHistory:
    """Reads of the past; each answers a value or the Trouble it met."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rules: dict[str, FundingRule] | None = None
        self._rules_until_ns = 0

    async def bars(self, instrument: Instrument, hours: int) -> Bars | Trouble:
        """The last full hours' candles of an instrument, oldest first: at most `hours`, without the one that runs."""
        route = routes.SPOT_KLINES if instrument.kind is Kind.SPOT else routes.USDM_KLINES
        limit = min(hours + 1, KLINE_ROWS_MAX)
        found = await self._client.read(route, {"symbol": instrument.symbol, "interval": "1h", "limit": limit}, klines)
        if isinstance(found, Trouble):
            return found
        ended_ns = self._client.venue_ms(route.account) * MILLISECOND_NS
        return Bars(HOUR_NS, tuple(bar for bar in found if bar.opened_ns + HOUR_NS <= ended_ns))

    async def funding(self, instrument: Instrument) -> FundingTerms | Trouble:
        """A perpetual's settled rates, oldest first, and its interval with cap and floor as the venue lists them."""
        rates = await self._client.read(
            routes.FUNDING_RATES, {"symbol": instrument.symbol, "limit": FUNDING_ROWS}, funding_rates
        )
        if isinstance(rates, Trouble):
            return rates
        rules = await self._funding_rules()
        if isinstance(rules, Trouble):
            return rules
        return _terms(rules.get(instrument.symbol), rates)

    async def _funding_rules(self) -> dict[str, FundingRule] | Trouble:
        """The venue's list of exceptions is one for all symbols: read once for a round of them."""
        now_ns = self._client.clock()
        if self._rules is None or now_ns >= self._rules_until_ns:
            found = await self._client.read(routes.FUNDING_INFO, {}, funding_rules)
            if isinstance(found, Trouble):
                return found
            self._rules, self._rules_until_ns = found, now_ns + RULES_FOR_NS
        return self._rules

    async def open_interest(self, instrument: Instrument, hours: int) -> tuple[tuple[Nanos, Contracts], ...] | Trouble:
        """Open contracts at the last full hours, oldest first."""
        limit = min(hours, OPEN_INTEREST_ROWS_MAX)
        params: dict[str, str | int] = {"symbol": instrument.symbol, "period": "1h", "limit": limit}
        return await self._client.read(routes.OPEN_INTEREST, params, open_interest)


def _terms(own: FundingRule | None, rates: tuple[tuple[Nanos, Decimal], ...]) -> FundingTerms:
    if own is None:
        return FundingTerms(interval_ns=DEFAULT_INTERVAL_NS, history=rates)
    return FundingTerms(interval_ns=own.interval_ns, cap=own.cap, floor=own.floor, history=rates)
